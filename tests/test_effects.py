"""Effects of function bodies: small snippets on both sides."""

# ruff: noqa: E501

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from ray_lint.program.effects import (
    Effect,
    effects_of,
    expression_effects,
    is_immutable,
    may_be_iterator,
    mutates,
)
from ray_lint.program.module import Module, parse
from ray_lint.program.project import Project

# Kinds that say nothing about the world outside of the call.
WEAK = {"MAY_RAISE", "RETURNS_SHARED"}


def effects(source: str, *, immutable: frozenset[str] = frozenset()) -> tuple[Effect, ...]:
    """Return the effects of the function ``f`` of a module."""
    text = textwrap.dedent(source)
    tree = parse(text, "snippet.py")
    project = Project()
    module = project.add(text, tree, "<snippet>")
    function = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "f")
    return effects_of(project, module, function, immutable=immutable)


def kinds(source: str) -> set[str]:
    """Return the names of the strong kinds of effect."""
    return {e.kind.name for e in effects(source)} - WEAK


PURE = {
    "arithmetic": "def f(x): return x * x + 1",
    "text": "def f(s): return s.strip().lower().replace('a', 'b').split(',')",
    "format": "def f(i, name): return f'{i}:{name:>5}'",
    "local list": "def f(n):\n  out = []\n  for i in range(n):\n    out.append(i)\n  return out",
    "local dict": "def f(s):\n  d = {}\n  for c in s:\n    d[c] = d.get(c, 0) + 1\n  return d",
    "local alias": "def f(n):\n  a = b = []\n  b.append(n)\n  return a",
    "setdefault": "def f(s):\n  d = {}\n  for c in s:\n    d.setdefault(c, []).append(1)\n  return d",
    "defaultdict": """
        from collections import defaultdict, Counter
        def f(words):
            groups = defaultdict(list)
            for w in words:
                groups[len(w)].append(w)
            return dict(groups), Counter(words).most_common(3)
    """,
    "nested lists": """
        def f(n):
            grid = [[0] * n for _ in range(n)]
            for i in range(n):
                grid[i][i] = 1
            return grid
    """,
    "math": "import math\ndef f(x): return math.sqrt(x) + math.pi * math.sin(x)",
    "math from": "from math import sqrt, floor as down\ndef f(x): return down(sqrt(x))",
    "numpy": """
        import numpy as np
        def f(i):
            a = np.arange(i, dtype=np.float64).reshape(-1, 1)
            a[0] = 5
            a += 1
            a.sort()
            b = a @ a.T
            return float(np.linalg.norm(b)) + b.sum() + np.dot(a, a.T).mean()
    """,
    "numpy argument": "def f(a): return (a * 2).sum() + a.mean(axis=0).max() + a.T.shape[0]",
    "numpy generator": """
        import numpy as np
        def f(seed):
            rng = np.random.default_rng(seed)
            xs = rng.random((5, 2))
            rng.shuffle(xs)
            return int(np.sum(xs ** 2 <= 1)) + rng.integers(5)
    """,
    "random generator": """
        import random
        def f(seed):
            rng = random.Random(seed)
            return [rng.random() for _ in range(3)], rng.choice([1, 2]), rng.randint(1, 6)
    """,
    "seeded": "import random\ndef f(i):\n  random.seed(i)\n  return random.random()",
    "numpy seeded": "import numpy as np\ndef f(i):\n  np.random.seed(i)\n  return np.random.rand(3)",
    "sleep": "import time\ndef f(i):\n  time.sleep(0.001)\n  return i",
    "import inside": "def f(i):\n  import time, math\n  time.sleep(0)\n  return math.sqrt(i)",
    "helper": "def g(a, b):\n  while b:\n    a, b = b, a % b\n  return a\ndef f(x): return g(x, 12)",
    "recursive helper": "def g(n): return 1 if n < 2 else n * g(n - 1)\ndef f(x): return g(x)",
    "mutual recursion": """
        def even(n): return True if n == 0 else odd(n - 1)
        def odd(n): return False if n == 0 else even(n - 1)
        def f(x): return even(x)
    """,
    "helper fills its list": """
        def fill(out, n):
            for i in range(n): out.append(i)
        def f(n):
            out = []
            fill(out, n)
            return out
    """,
    "nested function": """
        def f(n):
            total = 0
            def add(k):
                nonlocal total
                total += k
            for i in range(n): add(i)
            return total
    """,
    "recursive nested": """
        def f(n):
            memo = {}
            def fib(k):
                if k < 2: return k
                if k not in memo: memo[k] = fib(k - 1) + fib(k - 2)
                return memo[k]
            return fib(n)
    """,
    "lambda": "def f(xs):\n  key = lambda p: -p[1]\n  return sorted(xs, key=key)[:3]",
    "map filter": "def f(xs): return list(map(str, filter(lambda v: v % 2, xs)))",
    "reduce": "from functools import reduce\ndef f(xs): return reduce(lambda a, b: a * b, xs, 1)",
    "partial": "from functools import partial\ndef g(a, b): return a + b\n"
    "def f(x): return partial(g, 1)(x)",
    "itertools": "import itertools as it\ndef f(n): return sum(a * b for a, b in it.product(range(n), repeat=2))",
    "class": """
        class Point:
            def __init__(self, x, y):
                self.x, self.y = x, y
                self.seen = []
            def norm(self):
                self.seen.append(1)
                return (self.x ** 2 + self.y ** 2) ** 0.5
            @property
            def double(self): return Point(self.x * 2, self.y * 2)
            @staticmethod
            def origin(): return Point(0, 0)
            @classmethod
            def unit(cls): return cls(1, 0)
            def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
        def f(x):
            p = Point(x, 1) + Point.origin() + Point.unit()
            return p.double.norm()
    """,
    "dataclass": """
        from dataclasses import dataclass, field, asdict, replace
        @dataclass
        class Row:
            a: int
            tags: list = field(default_factory=list)
            def total(self): return self.a + len(self.tags)
        def f(x):
            row = Row(x)
            row.tags.append("t")
            row.a += 1
            return replace(row, a=2).total(), asdict(row)
    """,
    "named tuple": """
        from typing import NamedTuple
        from collections import namedtuple
        class P(NamedTuple):
            x: int
            y: int = 0
        Q = namedtuple("Q", "a b")
        def f(x): return P(x), P(x)._replace(y=2), Q(x, 1).a
    """,
    "enum": """
        import enum
        class Color(enum.Enum):
            RED = 1
            BLUE = 2
        def f(i): return Color.RED if i % 2 else Color(2)
    """,
    "inheritance": """
        class A:
            def __init__(self, n): self.n = n
            def area(self): return self.n
        class B(A):
            def __init__(self, n):
                super().__init__(n)
                self.k = 2
            def area(self): return super().area() * self.k
        def f(x): return B(x).area()
    """,
    "global constants": "A = 3\nT = {'a': 1}\ndef f(x): return x * A + T['a']",
    "global filled before": "T = {}\nfor i in range(9):\n  T[i] = i * i\ndef f(i): return T[i % 9]",
    "global list sorted before": "L = [3, 1]\nL.sort()\nL += [7]\ndef f(i): return L[i]",
    "global instance": """
        class Model:
            def __init__(self): self.w = [1, 2]
            def predict(self, x): return sum(w * x for w in self.w)
        MODEL = Model()
        def f(x): return MODEL.predict(x)
    """,
    "compiled pattern": "import re\nP = re.compile('a+')\ndef f(s): return len(P.findall(s)), P.sub('', s)",
    "match object": "import re\ndef f(s):\n  m = re.match('a(b)', s)\n  return m.group(1) if m else None",
    "hash": "import hashlib\ndef f(s):\n  h = hashlib.sha256()\n  h.update(s.encode())\n  return h.hexdigest()",
    "json": "import json\ndef f(s): return json.dumps(json.loads(s), sort_keys=True)",
    "zlib struct base64": "import zlib, struct, base64\n"
    "def f(b): return base64.b64encode(zlib.compress(struct.pack('i', 3) + b)).decode()",
    "datetime": "import datetime as dt\ndef f(i): return (dt.date(2020, 1, 1) + dt.timedelta(days=i)).isoformat()",
    "decimal": "from decimal import Decimal\nfrom fractions import Fraction\n"
    "def f(i): return Decimal(i) / 3, Fraction(i, 3).limit_denominator(10)",
    "statistics": "import statistics\ndef f(xs): return statistics.mean(xs) + statistics.stdev(xs)",
    "string constants": "import string\ndef f(s): return sum(c in string.ascii_letters for c in s)",
    "heap": """
        import heapq
        def f(xs):
            h = list(xs)
            heapq.heapify(h)
            return [heapq.heappop(h) for _ in range(3)], heapq.nlargest(2, xs)
    """,
    "deque": """
        from collections import deque
        def f(n):
            q = deque([n], maxlen=3)
            while q:
                k = q.popleft()
                if k > 1: q.append(k // 2)
            return n
    """,
    "copy": "import copy\ndef f(d):\n  d = copy.deepcopy(d)\n  d['x'] = 1\n  return d",
    "shallow copy": "def f(d):\n  e = dict(d)\n  e['x'] = 1\n  return {**e, 'y': 2}",
    "list copy sorted": "def f(xs):\n  ys = list(xs)\n  ys.sort()\n  ys.append(1)\n  return ys",
    "array copy": "def f(a):\n  b = a.copy()\n  b[0] = 1\n  b += 2\n  return b",
    "try": "def f(s):\n  try:\n    return int(s)\n  except ValueError:\n    return None",
    "annotated": "def f(n: int) -> int:\n  n += 1\n  n -= 2\n  return n",
    "rebound parameter": "def f(s):\n  s = s.strip()\n  s += '!'\n  return s",
    "augmented scalar": "def f(x):\n  x += 1\n  x *= 2\n  return x",
    "generator inside": "def f(n):\n  def gen():\n    for i in range(n): yield i\n  return sum(gen())",
    "generator helper": "def gen(n):\n  for i in range(n): yield i\ndef f(n): return list(gen(n))",
    "comprehensions": "def f(xs): return {k: v for k, v in zip(xs, range(9))}, {x for x in xs}, [y for x in xs for y in x]",
    "walrus": "def f(xs): return [y for x in xs if (y := x * 2) > 3]",
    "match": "def f(x):\n  match x:\n    case [a, b]: return a\n    case {'k': v}: return v\n    case _: return 0",
    "isinstance": "def f(x): return x + 1 if isinstance(x, int) else len(x)",
    "getattr": "def f(p): return getattr(p, 'x', 0)",
    "type name": "def f(x): return type(x).__name__",
    "cached helper": "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef fib(n): return n if n < 2 else fib(n-1) + fib(n-2)\ndef f(n): return fib(n)",
    "stringio": "import io\ndef f(n):\n  out = io.StringIO()\n  out.write('a' * n)\n  return out.getvalue()",
    "sets": "def f(a, b): return sorted(set(a) & set(b)), len(set(a) | {1}), set(a).union(b)",
    "bit tricks": "def f(n): return bin(n).count('1') + n.bit_length() + (n >> 2 & 1)",
    "divmod pow": "def f(n): return divmod(n, 7), pow(7, n, 10), abs(-n), round(n / 3, 2)",
    "typing cast": "import typing\ndef f(x): return typing.cast(int, x) + 1",
    "star args": "def f(*args, **kw): return sum(args) + len(kw)",
    "callback of mine": "def g(x): return -x\ndef f(xs): return sorted(xs, key=g), min(xs, key=g), max(map(g, xs))",
    "operator": "import operator as op\ndef f(xs): return sorted(xs, key=op.itemgetter(1)), op.mul(2, 3)",
    "ternary chain": "def f(x): return 'a' if x < 1 else 'b' if x < 2 else 'c'",
    "bytes": "def f(b): return b.hex().encode('ascii') + bytes([1]) + bytearray(3)",
    "path": "import os.path\ndef f(p): return os.path.splitext(os.path.basename(p))[0]",
    "global functions table": "def a(x): return x\ndef b(x): return -x\nOPS = {'a': a, 'b': b}\ndef f(n, x): return OPS[n](x)",
    "suppress": "import contextlib\ndef f(x):\n  with contextlib.suppress(ValueError):\n    return int(x)",
    "decorated helper": "import functools\ndef deco(g):\n  @functools.wraps(g)\n  def inner(*a):\n    return g(*a) + 1\n  return inner\n@deco\ndef h(x): return x\ndef f(x): return h(x)",
    "conditional import": "try:\n  import numpy as np\nexcept ImportError:\n  np = None\ndef f(x): return np.sqrt(x)",
    "while true": "def f(n):\n  k = 0\n  while True:\n    k += 1\n    if k > n: break\n  return k",
    "collatz": "def f(n):\n  steps = 0\n  while n != 1:\n    n = n // 2 if n % 2 == 0 else 3 * n + 1\n    steps += 1\n  return steps",
    "del local": "def f(xs):\n  ys = list(xs)\n  del ys[0]\n  z = 1\n  del z\n  return ys",
    "enumerate": "def f(rows): return [(i, r[0]) for i, r in enumerate(rows)]",
    "dict methods": "def f(d): return sorted(d.items()), list(d.keys()), sum(d.values()), d.get('a', 0)",
    "raise caught": "def f(x):\n  try:\n    if x < 0: raise ValueError\n    return 1\n  except ValueError:\n    return 0",
    "global class constant": "class C:\n  A = 3\n  B = [1]\ndef f(x): return C.A * x + len(C.B)",
    "complex": "def f(re):\n  z = c = complex(re, 0.5)\n  for i in range(50):\n    if abs(z) > 2: return i\n    z = z * z + c\n  return 50",
    "closure": "def make(k):\n  def f(x): return x * k\n  return f",
}  # fmt: skip

PURE |= {
    "table filled before the first call": "def f(i): return T[i]\nT = {}\nfor i in range(9):\n  T[i] = i\nprint(f(1))",
    "rebound before the first call": "def f(x): return x * K\nK = 2\nK = K + 1\nprint(f(1))",
    "called in main only": """
        def f(x): return x * CONFIG["k"]
        def work(): return f(2)
        def main(): return work()
        CONFIG = {}
        CONFIG["k"] = 3
        main()
    """,
    "exception of mine": "class Bad(ValueError): pass\ndef f(x):\n  try:\n    raise Bad(x)\n  except Bad:\n    return 0",
    "derived from dict": "class D(dict):\n  def total(self): return sum(self.values())\ndef f(x): return D(a=x).total()",
}
IMPURE = {
    "changed after the first call": ("T = {1: 1}\ndef f(i): return T[i]\nprint(f(1))\nT[1] = 2", "READS_CHANGING_STATE"),
    "changed in the loop of the calls": (
        "T = {1: 1}\ndef f(i): return T[i]\nfor k in range(3):\n  T[1] = k\n  print(f(1))",
        "READS_CHANGING_STATE",
    ),
    "rebound in the loop of the calls": (
        "K = 0\ndef f(i): return K\nfor k in range(3):\n  K = k\n  print(f(1))",
        "READS_CHANGING_STATE",
    ),
    "rebound after a helper called it": (
        "K = 1\ndef f(i): return K\ndef g(): return f(1)\ng()\nK = 2\nprint(f(1))",
        "READS_CHANGING_STATE",
    ),
    "global counter": ("n = 0\ndef f(x):\n  global n\n  n += 1\n  return x", "WRITES_OUTSIDE"),
    "global list": ("L = []\ndef f(x):\n  L.append(x)", "WRITES_OUTSIDE"),
    "global alias": ("L = []\ndef f(x):\n  m = L\n  m += [x]", "WRITES_OUTSIDE"),
    "global by helper": ("L = []\ndef g(l, x): l.append(x)\ndef f(x): g(L, x)", "WRITES_OUTSIDE"),
    "global dict": ("D = {}\ndef f(x):\n  D[x] = 1", "WRITES_OUTSIDE"),
    "global nested": ("D = {'a': []}\ndef f(x): D['a'].append(x)", "WRITES_OUTSIDE"),
    "global via get": ("D = {'a': []}\ndef f(x): D.get('a').append(x)", "WRITES_OUTSIDE"),
    "global iterated": ("D = [[1]]\ndef f(x):\n  for r in D: r.append(x)", "WRITES_OUTSIDE"),
    "closure": (
        "def make():\n  seen = []\n  def f(x):\n    seen.append(x)\n    return 1\n  return f",
        "WRITES_OUTSIDE",
    ),
    "nonlocal": (
        "def make():\n  n = 0\n  def f(x):\n    nonlocal n\n    n += x\n    return n\n  return f",
        "WRITES_OUTSIDE",
    ),
    "default": ("def f(x, seen=[]):\n  seen.append(x)\n  return len(seen)", "WRITES_OUTSIDE"),
    "helper default": ("def g(x, s={}):\n  s[x] = 1\n  return len(s)\ndef f(x): return g(x)", "WRITES_OUTSIDE"),
    "class attribute": ("class C:\n  n = 0\ndef f(x):\n  C.n += 1\n  return x", "WRITES_OUTSIDE"),
    "class list": ("class C:\n  l = []\ndef f(x): C.l.append(x)", "WRITES_OUTSIDE"),
    "class counter in init": (
        "class C:\n  n = 0\n  def __init__(self): C.n += 1\ndef f(x): return C()",
        "WRITES_OUTSIDE",
    ),
    "cls attribute": (
        "class C:\n  n = 0\n  @classmethod\n  def up(cls): cls.n += 1\ndef f(x): C.up()",
        "WRITES_OUTSIDE",
    ),
    "shared class list": (
        "class C:\n  l = []\n  def add(self, x): self.l.append(x)\ndef f(x): C().add(x)",
        "WRITES_OUTSIDE",
    ),
    "function attribute": ("def g(): pass\ndef f(x):\n  g.n = x", "WRITES_OUTSIDE"),
    "instance of module": (
        "class M:\n  def __init__(self): self.n = 0\n  def up(self): self.n += 1\nM1 = M()\ndef f(x): M1.up()",
        "WRITES_OUTSIDE",
    ),
    "global generator": ("import itertools\nC = itertools.count()\ndef f(x): return next(C)", "WRITES_OUTSIDE"),
    "global rng": ("import random\nR = random.Random(3)\ndef f(x): return R.random()", "WRITES_OUTSIDE"),
    "global numpy rng": (
        "import numpy as np\nR = np.random.default_rng(3)\ndef f(x): return R.normal()",
        "WRITES_OUTSIDE",
    ),
    "setattr": ("class C: pass\nc = C()\ndef f(x): setattr(c, 'a', x)", "WRITES_OUTSIDE"),
    "memo": ("M = {}\ndef f(x):\n  if x not in M: M[x] = x * x\n  return M[x]", "WRITES_OUTSIDE"),
    "heap global": ("import heapq\nH = []\ndef f(x): heapq.heappush(H, x)", "WRITES_OUTSIDE"),
    "numpy global": ("import numpy as np\nA = np.zeros(3)\ndef f(i):\n  A[i] += 1\n  return A.sum()", "WRITES_OUTSIDE"),
    "numpy view of global": ("import numpy as np\nA = np.zeros(3)\ndef f(i):\n  v = A.reshape(3, 1)\n  v += 1", "WRITES_OUTSIDE"),
    "numpy out": ("import numpy as np\nA = np.zeros(3)\ndef f(x): np.add(x, 1, out=A)", "WRITES_OUTSIDE"),
    "lambda changes": ("L = []\ndef f(xs): return sorted(xs, key=lambda v: L.append(v) or v)", "WRITES_OUTSIDE"),
    "operator method": (
        "N = []\nclass P:\n  def __add__(self, o):\n    N.append(1)\n    return self\ndef f(x): return P() + x",
        "WRITES_OUTSIDE",
    ),
    "property": (
        "N = []\nclass P:\n  @property\n  def v(self):\n    N.append(1)\n    return 1\ndef f(x): return P().v",
        "WRITES_OUTSIDE",
    ),
    "property of unknown": (
        "N = []\nclass P:\n  @property\n  def v(self):\n    N.append(1)\n    return 1\ndef f(p): return p.v",
        "WRITES_OUTSIDE",
    ),
    "method of unknown": (
        "N = []\nclass P:\n  def area(self):\n    N.append(1)\n    return 1\ndef f(p): return p.area()",
        "WRITES_OUTSIDE",
    ),
    "rebound global": ("K = 2\ndef f(x): return x * K\nK = 3", "READS_CHANGING_STATE"),
    "global set in main": ("K = 2\ndef f(x): return x * K\ndef main():\n  global K\n  K = 3", "READS_CHANGING_STATE"),
    "config changed": ("C = {'a': 1}\ndef f(x): return C['a']\nC['a'] = 2", "READS_CHANGING_STATE"),
    "config changed in function": (
        "C = {'a': 1}\ndef f(x): return C['a']\ndef main():\n  C.update(a=2)",
        "READS_CHANGING_STATE",
    ),
    "attribute changed": ("class C:\n  a = 1\ndef f(x): return C.a\nC.a = 5", "READS_CHANGING_STATE"),
    "loop global": ("def f(x): return x * K\nfor K in (1, 2):\n  print(f(1))", "READS_CHANGING_STATE"),
    "helper reads": ("K = 1\ndef g(): return K\ndef f(x): return g()\nK = 2", "READS_CHANGING_STATE"),
    "shared object": ("class B: pass\nb = B()\nb.v = 1\ndef f(x): return b.v * x\nb.v = 2", "READS_CHANGING_STATE"),
    "append": ("def f(h, x):\n  h.append(x)\n  return len(h)", "MUTATES_PARAMETER"),
    "pop": ("def f(s): return s.pop()", "MUTATES_PARAMETER"),
    "item": ("def f(r):\n  r['x'] = 1\n  return 0", "MUTATES_PARAMETER"),
    "nested item": ("def f(r):\n  for v in r.values(): v.append(1)", "MUTATES_PARAMETER"),
    "attribute": ("def f(p):\n  p.x = 1", "MUTATES_PARAMETER"),
    "in place": ("def f(a):\n  a += [1]\n  return len(a)", "MUTATES_PARAMETER"),
    "array in place": ("def f(a):\n  a *= 2\n  return a.sum()", "MUTATES_PARAMETER"),
    "sort": ("def f(xs):\n  xs.sort()\n  return xs[0]", "MUTATES_PARAMETER"),
    "shuffle": ("import random\ndef f(s, xs):\n  random.Random(s).shuffle(xs)\n  return xs[0]", "MUTATES_PARAMETER"),
    "element of shallow copy": ("def f(d):\n  e = dict(d)\n  e['a'].append(1)", "MUTATES_PARAMETER"),
    "via helper": ("def g(l): l.clear()\ndef f(xs): g(xs)", "MUTATES_PARAMETER"),
    "via alias": ("def f(xs):\n  ys = xs\n  ys.append(1)", "MUTATES_PARAMETER"),
    "via container": ("def f(xs):\n  b = [xs]\n  b[0].append(1)", "MUTATES_PARAMETER"),
    "via instance": ("class B:\n  def __init__(self, v): self.v = v\ndef f(xs):\n  B(xs).v.append(1)", "MUTATES_PARAMETER"),
    "del": ("def f(d):\n  del d['a']", "MUTATES_PARAMETER"),
    "pid": ("import os\ndef f(x): return os.getpid()", "PROCESS_STATE"),
    "environ": ("import os\ndef f(x): return os.environ['A'], os.environ.get('B')", "PROCESS_STATE"),
    "argv": ("import sys\ndef f(x): return sys.argv[1]", "PROCESS_STATE"),
    "modules": ("import sys\ndef f(x): return len(sys.modules)", "PROCESS_STATE"),
    "host": ("import socket\ndef f(x): return socket.gethostname()", "PROCESS_STATE"),
    "thread": ("import threading\ndef f(x): return threading.current_thread().name", "PROCESS_STATE"),
    "id": ("def f(x): return id(x)", "PROCESS_STATE"),
    "random": ("import random\ndef f(x): return random.random()", "RANDOM"),
    "random from": ("from random import randint\ndef f(x): return randint(1, 6)", "RANDOM"),
    "numpy random": ("import numpy as np\ndef f(x): return np.random.rand()", "RANDOM"),
    "unseeded generator": ("import numpy as np\ndef f(x): return np.random.default_rng().random()", "RANDOM"),
    "seed in branch": ("import random\ndef f(x):\n  if x: random.seed(x)\n  return random.random()", "RANDOM"),
    "uuid": ("import uuid\ndef f(x): return str(uuid.uuid4())", "RANDOM"),
    "callback random": ("import random\ndef f(xs): return sorted(xs, key=lambda v: random.random())", "RANDOM"),
    "time": ("import time\ndef f(x): return time.time()", "TIME"),
    "perf": ("from time import perf_counter\ndef f(x): return perf_counter()", "TIME"),
    "now": ("import datetime\ndef f(x): return datetime.datetime.now()", "TIME"),
    "print": ("def f(x): print(x)", "INPUT_OUTPUT"),
    "logging": ("import logging\nlog = logging.getLogger()\ndef f(x): log.info(x)", "INPUT_OUTPUT"),
    "open": ("def f(p):\n  with open(p) as s: return s.read()", "INPUT_OUTPUT"),
    "path": ("from pathlib import Path\ndef f(p): return Path(p).read_text()", "INPUT_OUTPUT"),
    "requests": ("import requests\ndef f(u): return requests.get(u).text", "INPUT_OUTPUT"),
    "listdir": ("import os\ndef f(u): return os.listdir(u)", "INPUT_OUTPUT"),
    "warn": ("import warnings\ndef f(u): warnings.warn('a')", "INPUT_OUTPUT"),
    "map print": ("def f(u): list(map(print, u))", "INPUT_OUTPUT"),
    "raise": ("def f(x):\n  if x > 3: raise ValueError(x)\n  return x", "RAISES"),
    "assert": ("def f(x):\n  assert x\n  return x", "RAISES"),
    "exit": ("import sys\ndef f(x): sys.exit(1)", "RAISES"),
    "next": ("def f(x): return next(iter(x))", "RAISES"),
    "raise uncaught": ("def f(x):\n  try:\n    raise KeyError\n  except ValueError:\n    return 0", "RAISES"),
    "unknown function": ("from lib import g\ndef f(x): return g(x)", "UNKNOWN_CALL"),
    "unknown method": ("def f(m): return m.predict(1)", "UNKNOWN_CALL"),
    "parameter called": ("def f(fn, x): return fn(x)", "UNKNOWN_CALL"),
    "unknown base": ("from lib import Base\nclass C(Base): pass\ndef f(x): return C(x)", "UNKNOWN_CALL"),
    "undefined": ("def f(x): return g(x)", "UNKNOWN_CALL"),
    "unknown decorator": ("from lib import deco\n@deco\ndef f(x): return x", "UNKNOWN_CALL"),
    "yields": ("def f(n):\n  yield n", "YIELDS"),
    "ray": ("import ray\ndef f(x): return ray.get(x)", "RAY_CALL"),
    "remote": ("def f(g): return g.remote(1)", "RAY_CALL"),
    "runtime": ("from ray import get_runtime_context as c\ndef f(x): return c()", "RAY_CALL"),
    "locals": ("def f(x): return locals()", "INTROSPECTION"),
    "globals": ("def f(x): return globals()['a']", "INTROSPECTION"),
    "eval": ("def f(x): return eval(x)", "INTROSPECTION"),
    "name": ("def f(x): return __name__", "INTROSPECTION"),
    "frame": ("import sys\ndef f(x): return sys._getframe()", "INTROSPECTION"),
    "traceback": ("import traceback\ndef f(x): return traceback.format_exc()", "INTROSPECTION"),
    "redefined": ("def f(x): return x\nf = 3", "REDEFINED"),
    "helper redefined": ("def g(x): return x\ndef f(x): return g(x)\ndef g(x): return -x", "REDEFINED"),
    "self name": ("import ray\n@ray.remote\ndef f(x): return f", "USES_SELF_NAME"),
}  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_pure_bodies_have_no_strong_effect(name: str) -> None:
    assert kinds(PURE[name]) == set()


@pytest.mark.parametrize("name", IMPURE)
def test_impure_bodies_are_seen(name: str) -> None:
    source, kind = IMPURE[name]
    assert kind in kinds(source)


FAILING = [
    *("x / y", "x // y", "x % y", "divmod(x, y)", "pow(x, y)", "0 ** y", "max(range(y))"),
    *("x / (y or 0)", "min(v for v in range(y))", "bytearray([x])", "bytes.fromhex(x)"),
    *("f'{x:{y}}'", "x.encode('ascii')", "list(zip(x, y, strict=True))"),
]


@pytest.mark.parametrize("body", FAILING)
def test_operations_that_fail_for_some_numbers_or_texts_are_seen(body: str) -> None:
    found = effects(f"def f(x, y): return {body}", immutable=frozenset("xy"))
    assert "MAY_RAISE" in {effect.kind.name for effect in found}


SURE = ["x / 2", "x % 7", "x ** 2", "max(x, y)", "max([x, y])", "f'{x:>3}'", "2 ** 8 * x"]


@pytest.mark.parametrize("body", SURE)
def test_operations_that_fail_for_no_number_are_no_failure(body: str) -> None:
    found = effects(f"def f(x, y): return {body}", immutable=frozenset("xy"))
    assert not found


BODIES = Path(__file__).parent.parent / "fixtures" / "effects"


def _bodies(filename: str) -> list[tuple[Project, Module, ast.FunctionDef]]:
    """Return the remote functions of a fixture."""
    text = (BODIES / filename).read_text()
    tree = parse(text, filename)
    project = Project()
    module = project.add(text, tree, filename)
    return [
        (project, module, node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d) == "ray.remote" for d in node.decorator_list)
    ]


@pytest.mark.parametrize("case", _bodies("pure.py"), ids=lambda c: c[2].name)
def test_bodies_of_an_expert_are_proven(case: tuple[Project, Module, ast.FunctionDef]) -> None:
    assert {e.reason for e in effects_of(*case) if e.kind.name not in WEAK} == set()


@pytest.mark.parametrize("case", _bodies("impure.py"), ids=lambda c: c[2].name)
def test_detours_to_the_outside_are_seen(case: tuple[Project, Module, ast.FunctionDef]) -> None:
    assert {e.kind.name for e in effects_of(*case)} - WEAK


SHARED = {
    "parameter": ("def f(x): return x", "x"),
    "element": ("def f(x): return x[0]", "x"),
    "in a list": ("def f(x): return [x]", "x"),
    "in a dict": ("def f(x): return {'a': 1, 'b': x}", "x"),
    "attribute": ("def f(x): return x.data", "x"),
    "view": ("def f(x): return x.reshape(2, 2)", "x"),
    "slice": ("def f(x): return x[1:]", "x"),
    "global": ("S = {'a': []}\ndef f(x): return S", "S"),
    "element of global": ("S = {'a': []}\ndef f(x): return S['a']", "S[…]"),
    "either": ("def f(x, y): return max(x, y)", "y"),
    "default": ("def f(x, y=[]): return y", "the default of y"),
    "through a helper": ("def g(v): return v\ndef f(x): return g(x)", "x"),
    "stored in an instance": (
        "class B:\n  def __init__(self, v): self.v = v\ndef f(x): return B(x)",
        "x",
    ),
    "appended": ("def f(x):\n  out = []\n  out.append(x)\n  return out", "x"),
    "cached": (
        "import functools\n@functools.cache\ndef g(n): return [n]\ndef f(n): return g(n)",
        "the cache of g",
    ),
    "captured": ("def f(x): return (lambda: x)()", "x"),
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_results_are_seen(name: str) -> None:
    source, concerned = SHARED[name]
    found = {e.name for e in effects(source) if e.kind.name == "RETURNS_SHARED"}
    assert concerned in found


NOT_SHARED = [
    "def f(x): return x + 1",
    "def f(x: int): return x",
    "def f(s: str): return [s]",
    "def f(x): return x if x > 0 else 0.0",
    "def f(s): return s if s.startswith('a') else s.upper()",
    "def f(ch):\n  if 'a' <= ch <= 'z': return chr(ord(ch) + 1)\n  return ch",
    "def f(x): return [1, (2, 3)], {'a': 'b'}",
    "def f(x): return len(x), str(x), x == 3, not x",
    "NAMES = ('a', 'b')\ndef f(i): return NAMES[i % 2]",
    "NAMES = ['a', 'b']\ndef f(i): return NAMES[i % 2]",
    "T = {}\nfor i in range(3):\n  T[i] = i * i\ndef f(i): return T[i]",
    "def f(rows): return [i for i, r in enumerate(rows)]",
    "def f(x): return (x * 2, -x, x ** 2)",
    "import numpy as np\ndef f(i): return np.array([i, i * i])",
    "def f(xs): return [x * 2 for x in xs]",
    "import copy\ndef f(x): return copy.deepcopy(x)",
    "def f(n):\n  if n < 0: return 'neg'\n  return n",
    "import math\ndef f(x: float) -> float: return math.sqrt(x)",
    "def f(s): return s.split(',')",
]


@pytest.mark.parametrize("source", NOT_SHARED)
def test_fresh_results_are_not_called_shared(source: str) -> None:
    assert [e for e in effects(source) if e.kind.name == "RETURNS_SHARED"] == []


@pytest.mark.parametrize(
    ("source", "raises"),
    [
        ("def f(x): return x * x + 1", False),
        ("def f(x): return x / 2", False),
        ("def f(x): return x % 10 // 3", False),
        ("def f(x): return 1 / x", True),
        ("def f(x): return int(x)", True),
        ("def f(x: int): return int(x) + float(x)", False),
        ("def f(x): return x[0]", True),
        ("def f(n: int): return (n, 1)[0]", False),
        ("def f(x):\n  a, b = x\n  return a", True),
        ("def f(x):\n  a, b = x, 1\n  return a", False),
        ("def f(x):\n  try: return 1 / x\n  except ZeroDivisionError: return 0", False),
        ("def f(x):\n  try: return 1 / x\n  except ValueError: return 0", True),
        ("def g(x): return 1 / x\ndef f(x):\n  try: return g(x)\n  except Exception: return 0", False),
        ("import json\ndef f(x): return json.loads(x)", True),
        ("def f(x): return x.index(3)", True),
        ("N = 4\ndef f(x): return x / N", False),
    ],
)  # fmt: skip
def test_implicit_exceptions(source: str, raises: bool) -> None:
    assert any(e.kind.name == "MAY_RAISE" for e in effects(source)) is raises


def test_known_arguments_sharpen_the_verdict() -> None:
    source = "def f(x, y): return [x, y]"
    found = [e.name for e in effects(source, immutable=frozenset({"x"}))]
    assert found == ["y"]


def test_reason_and_line_name_the_users_own_code() -> None:
    (found,) = effects("n = []\ndef g(x):\n  n.append(x)\n\ndef f(x):\n  y = 1\n  g(x)\n")
    assert (found.line, found.name) == (7, "n")
    assert found.reason == "calls `g`, which changes by `.append(…)` `n`"


def _expression(text: str, module: Module, project: Project) -> ast.expr:
    marked = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call)]
    return next(n.args[0] for n in marked if ast.unparse(n.func) == text)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("here(3)", True),
        ("here((1, 'a', (2.0, None)))", True),
        ("here([1])", False),
        ("for i in range(9): here(i)", True),
        ("for i in range(9): here((i * 2 + 1, f'{i}'))", True),
        ("for i, c in enumerate('abc'): here((i, c))", True),
        ("xs = [i * 2 for i in range(9)]\nfor x in xs: here(x)", True),
        ("xs = []\nfor i in range(3): xs.append(i)\nfor x in xs: here(x)", True),
        ("xs = []\nfor i in range(3): xs.append([i])\nfor x in xs: here(x)", False),
        ("xs = ['a', 'b'] * 9\nfor x in xs: here(x)", True),
        ("xs = [[1], [2]]\nfor x in xs: here(x)", False),
        ("d = {f'{i}': i for i in range(9)}\nfor k, v in d.items(): here((k, v))", True),
        ("def main(xs):\n  for x in xs: here(x)", False),
        ("def main(n: int):\n  here(n)", True),
        ("import lib\nhere(lib.x)", False),
        ("here(len(unknown))", True),
        ("a = 1\na += 2\nhere(a)", True),
        ("s = 'a b c'\nfor w in s.split(): here(w)", True),
        ("import numpy as np\nxs = np.linspace(0, 1, 5)\nfor x in xs: here(x)", True),
        ("import math\nhere([math.sqrt(i) for i in range(3)][0])", True),
        ("boxes = [(i, i + 1) for i in range(3)]\nfor b in boxes: here(b)", True),
        ("for a, b in zip(range(3), 'abc'): here((a, b))", True),
        ("import ray\nx = ray.put(3)\nhere(x)", False),
        ("r = []\nhere([f.remote(i) for i in r][0])", False),
        ("import random\nhere(random.random())", True),
    ],
)
def test_immutable_expressions(source: str, expected: bool) -> None:
    tree = parse(source, "s.py")
    project = Project()
    module = project.add(source, tree, "<s>")
    assert is_immutable(project, module, _expression("here", module, project)) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("here(x + 1)", set()),
        ("xs = [1]\nhere(len(xs) + max(xs))", set()),
        ("xs = [1]\nhere(xs.pop())", {"WRITES_OUTSIDE", "MAY_RAISE"}),
        ("it = iter([1])\nhere(next(it))", {"WRITES_OUTSIDE", "RAISES"}),
        ("n = 0\ndef up():\n  global n\n  n += 1\n  return n\nhere(up())", {"WRITES_OUTSIDE", "READS_CHANGING_STATE"}),
        ("import random\nhere(random.random())", {"RANDOM"}),
        ("here(print(1))", {"INPUT_OUTPUT"}),
        ("here((y := 3))", {"WRITES_OUTSIDE"}),
        ("from lib import g\nhere(g())", {"UNKNOWN_CALL"}),
        ("rows = [1]\nhere([r * 2 for r in rows if r])", set()),
    ],
)  # fmt: skip
def test_effects_of_driver_expressions(source: str, expected: set[str]) -> None:
    source = f"x = 1\n{source}"
    tree = parse(source, "s.py")
    project = Project()
    module = project.add(source, tree, "<s>")
    found = expression_effects(project, module, _expression("here", module, project))
    assert {e.kind.name for e in found} == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("xs.append(1)", True),
        ("xs[0] = 1", True),
        ("del xs[0]", True),
        ("xs += [1]", True),
        ("ys = xs\nys.pop()", True),
        ("xs = [[1]]\nfor r in xs: r.clear()", True),
        ("xs.append([1])\nfor r in xs: r.clear()", True),
        ("for r in xs: r.clear()", False),  # there are numbers in it
        ("xs[0].append(2)", True),
        ("from lib import g\ng(xs)", True),
        ("def g(v): v.append(1)\ng(xs)", True),
        ("def g(v): return len(v)\ng(xs)", False),
        ("print(xs, len(xs), sorted(xs), sum(xs))", False),
        ("f.remote(xs)", False),
        ("ys = [x for x in xs if x > 1]", False),
        ("xs.index(3), xs.count(2), xs[1:]", False),
        ("import random\nrandom.shuffle(xs)", True),
    ],
)
def test_mutates(source: str, expected: bool) -> None:
    source = f"xs = [1, 2]\n{source}"
    tree = parse(source, "s.py")
    project = Project()
    module = project.add(source, tree, "<s>")
    binding = module.names.root.bindings["xs"][0]
    assert mutates(project, module, tree, binding) is expected


def test_a_list_that_is_filled_later_may_hold_what_a_loop_changes() -> None:
    source = "xs = []\nxs.append([1])\nfor r in xs: r.clear()"
    tree = parse(source, "s.py")
    project = Project()
    module = project.add(source, tree, "<s>")
    binding = module.names.root.bindings["xs"][0]
    assert mutates(project, module, tree.body[2], binding)


def test_helpers_of_other_modules_are_followed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "helpers.py").write_text(
        "N = []\nK = 3\ndef good(x): return x * K\ndef bad(x): N.append(x)\n"
    )
    text = "import helpers\nfrom helpers import bad\ndef f(x): return helpers.good(x)\ndef g(x): bad(x)\n"
    path = tmp_path / "main.py"
    path.write_text(text)
    project = Project()
    module = project.add(text, parse(text, "main.py"), str(path))
    good, bad = module.tree.body[2:]
    assert effects_of(project, module, good) == ()  # type: ignore[arg-type]
    (found,) = effects_of(project, module, bad)  # type: ignore[arg-type]
    assert found.kind.name == "WRITES_OUTSIDE"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("it = iter([1])\nhere(it)", True),
        ("here(map(str, [1]))", True),
        ("here([iter([1])])", True),
        ("here((x for x in [1]))", True),
        ("here([1, 2])", False),
        ("xs = list(map(str, [1]))\nhere(xs)", False),
        ("for i in range(3): here(i)", False),
    ],
)
def test_iterators_among_arguments(source: str, expected: bool) -> None:
    tree = parse(source, "s.py")
    project = Project()
    module = project.add(source, tree, "<s>")
    found = may_be_iterator(project, module, _expression("here", module, project))
    assert found is expected


ACTOR = """
import random, ray
@ray.remote
class Dice:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.rolled = 0
        self.seen = []
    def f(self, sides):
        self.rolled += sides
        self.seen.append(sides)
        self.note(sides)
        return self.rng.randint(1, sides), {result}
    def note(self, sides):
        self.last = sides
"""


def test_state_of_an_actor_is_a_change_of_self_only() -> None:
    found = effects(ACTOR.format(result="len(self.seen)"))
    # No number is between 1 and 0: `randint` may fail.
    assert {(e.kind.name, e.name) for e in found} == {
        ("MUTATES_PARAMETER", "self"),
        ("MAY_RAISE", ""),
    }


def test_an_actor_that_returns_its_state_shares_it() -> None:
    found = effects(ACTOR.format(result="self.seen"))
    assert ("RETURNS_SHARED", "self") in {(e.kind.name, e.name) for e in found}


def test_numbers_of_an_actor_are_not_shared_if_its_arguments_are_plain() -> None:
    source = ACTOR.format(result="self.rolled")
    shared = [e for e in effects(source) if e.kind.name == "RETURNS_SHARED"]
    assert [e.name for e in shared] == ["self"]
    known = effects(source, immutable=frozenset({"sides"}))
    assert [e for e in known if e.kind.name == "RETURNS_SHARED"] == []
