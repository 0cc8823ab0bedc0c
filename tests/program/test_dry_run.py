"""A dry run calculates what Python would, sees what is submitted, and stops at everything else."""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import sys
import textwrap
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_lint.program.dryrun import DryRun, dry_run
from ray_lint.program.project import Project

RAY = """
import ray

@ray.remote
def double(x):
    return x * 2

"""


def run(source: str) -> DryRun:
    """Return the dry run of a program."""
    project = Project()
    return dry_run(project, project.add(source, ast.parse(source), "<program>"))


def printed_by_python(source: str) -> str:
    """Return what Python prints for a program."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "is not" with a literal
        exec(compile(source, "<program>", "exec"), {"__name__": "__main__"})
    return out.getvalue()


PROGRAMS = {
    "scopes": """
        x = 1
        def outer():
            x = 2
            def inner():
                nonlocal x
                x += 1
                return [x for x in range(3)], x
            return inner(), x
        def change():
            global x
            x = 7
        print(outer()); change(); print(x, [x for x in "ab"], x)
        fs = [lambda: i for i in range(3)]
        print([f() for f in fs])
        if (n := len("four")) > 3:
            print(n, [y := k for k in range(4)], y)
        """,
    "arguments": """
        def f(a, b=2, /, c=3, *rest, d, e=5, **more):
            return a, b, c, rest, d, e, sorted(more.items())
        print(f(1, d=4), f(1, 2, 3, 4, 5, d=6, z=7), f(*[1, 2], **{"d": 3, "q": 4}))
        def g(x, seen=[]):
            seen.append(x)
            return list(seen)
        print(g(1), g(2))
        """,
    "classes": """
        class Shape:
            sides = 0
            def __init__(self, name): self.name = name
            def __repr__(self): return f"{type(self).__name__}({self.name})"
            def __eq__(self, other): return self.name == other.name
            def __hash__(self): return 3
            def __lt__(self, other): return self.name < other.name
            @property
            def size(self): return len(self.name) * self.sides
            @classmethod
            def made(cls, n): return cls("x" * n)
            @staticmethod
            def twice(n): return n * 2
        class Square(Shape):
            sides = 4
            def __init__(self, name):
                super().__init__(name.upper())
            def __add__(self, other): return Square(self.name + other.name)
            def __iter__(self): yield from self.name
            def __len__(self): return len(self.name)
            def __contains__(self, part): return part in self.name
            def __getitem__(self, at): return self.name[at]
            def __call__(self, n): return self.name * n
        a, b = Square("b"), Square.made(2)
        print(a, b, a + b, a.size, Shape.twice(4), sorted([b, a]), list(a + b), "B" in a)
        print((a + b)[1:], a(3), len(b), a == Square("B"), {a: 1}[Square("b")], a != b)
        print(isinstance(a, Shape), issubclass(Square, Shape), hasattr(a, "size"), max(a, b).name)
        a.name += "!"
        print(a.name)
        """,
    "records": """
        import collections, dataclasses, enum, typing
        @dataclasses.dataclass(order=True)
        class Point:
            x: int
            y: int = 0
            tags: list = dataclasses.field(default_factory=list, compare=False)
            def norm(self): return self.x ** 2 + self.y ** 2
        class Color(enum.Enum):
            RED = 1
            BLUE = "b"
            def lower(self): return self.name.lower()
        class Row(typing.NamedTuple):
            key: str
            value: int = 3
            def twice(self): return self.value * 2
        Pair = collections.namedtuple("Pair", "left right")
        p = Point(3, 4)
        p.tags.append("a")
        print(p, p.norm(), p < Point(4), dataclasses.replace(p, y=1), dataclasses.asdict(p))
        print(Color.RED, Color("b").lower(), [c.value for c in Color], Color["RED"].name)
        r = Row("k")
        print(r, r.twice(), r._replace(value=5), r[0], *r, Pair(1, 2).right)
        """,
    "generators": """
        import contextlib, itertools
        def count(n):
            try:
                for i in range(n):
                    yield i
            finally:
                print("closed")
        def both(a, b):
            yield from a
            yield from b
        g = count(3)
        print(next(g), list(g), list(both(count(2), "xy")))
        print(list(itertools.islice((x * x for x in itertools.count() if x % 2), 4)))
        for i, x in enumerate(count(5)):
            if i == 2:
                break
        else:
            print("never")
        @contextlib.contextmanager
        def tag(name):
            print("<", name)
            yield name.upper()
            print(">", name)
        with tag("a") as a, tag("b"):
            print(a)
        """,
    "failures": """
        class Bad(ValueError):
            def __init__(self, code):
                super().__init__(f"bad {code}")
                self.code = code
        def risky(n):
            if n == 1: raise Bad(n)
            if n == 2: return 1 // 0
            if n == 3: return {}["k"]
            if n == 4: return [][3]
            return n
        for n in range(6):
            try:
                print(risky(n))
            except Bad as error:
                print("bad", error.code, error)
            except (ZeroDivisionError, KeyError) as error:
                print(type(error).__name__, error)
            except Exception as error:
                print("other", error)
            else:
                print("fine")
            finally:
                print("done")
        """,
    "unset": """
        x = 1
        def early():
            try:
                return x
            except UnboundLocalError:
                return "unbound"
            x = 2
        def after():
            try:
                1 // 0
            except ZeroDivisionError as error:
                pass
            try:
                return error
            except NameError:
                return "gone"
        def later(flag):
            if flag:
                y = 1
            try:
                return y
            except UnboundLocalError:
                return [y for y in range(2)]
        print(early(), after(), later(True), later(False))
        """,
    "match": """
        def kind(x):
            match x:
                case 0 | 1: return "small"
                case int(n) if n > 100: return f"large {n}"
                case "a": return "letter"
                case [a, (b, c)]: return ("nested", a, b, c)
                case None: return "none"
                case _: return "other"
        print([kind(x) for x in (0, 500, 50, "a", [1, (2, 3)], None, [1], 2.5)])
        """,
    "statements": """
        a, (b, *c), d = 1, (2, 3, 4), 5
        print(a, b, c, d)
        first, *rest = "xyz"
        print(first, rest)
        table = {"k": [1]}
        table["k"][0] += 4
        table.setdefault("m", []).append(2)
        del table["k"]
        print(table, 1 < 2 < 3 > 2, not 3, -5 // 2, -5 % 3, 2 ** -1, 7 & 3 | 8 ^ 1, ~4)
        total = 0
        while True:
            total += 1
            if total % 2: continue
            if total > 6: break
        else:
            print("never")
        print(total, f"{total:>5}|{total / 3:.3f}|{'x'!r}|{total=}", "%d-%s" % (3, "q"))
        numbers = [5, 3, 9]
        numbers[1:2] = [7, 8]
        print(numbers[::-1], sorted(numbers, key=lambda n: -n), sum(numbers), max(numbers))
        other = numbers
        other += [1]
        print(numbers, {x: x * x for x in range(3)}, {x % 2 for x in range(4)})
        """,
    "library": """
        import bisect, collections, datetime, decimal, fractions, functools, hashlib, heapq, json
        import math, operator, random, re, statistics, string, textwrap
        from collections import Counter, defaultdict, deque
        rng = random.Random(3)
        print(rng.random(), rng.sample(range(9), 3), rng.choice("abc"))
        random.seed(5)
        print(random.randint(1, 99), random.gauss(0, 1))
        words = defaultdict(list)
        for word in "a bb cc ddd".split():
            words[len(word)].append(word)
        print(dict(words), Counter("abca").most_common(1), deque([1, 2], maxlen=2))
        print(hashlib.sha256(b"x").hexdigest()[:8], json.dumps({"a": [1, None]}), math.comb(5, 2))
        print(functools.reduce(operator.mul, [1, 2, 3]), re.findall(r"[a-z]+", "ab1cd"))
        print(decimal.Decimal("1.10") * 3, fractions.Fraction(1, 3) + 1)
        print(datetime.date(2024, 2, 28) + datetime.timedelta(days=2), statistics.median([3, 1, 2]))
        heap = [3, 1, 2]
        heapq.heapify(heap)
        pairs = [("a", 2), ("b", 1)]
        print(sorted(pairs, key=operator.itemgetter(1)), operator.neg(3), operator.add(1, 2))
        print(max([rng], key=operator.attrgetter("random")) is rng)
        print(heapq.heappop(heap), bisect.bisect([1, 3], 2), textwrap.dedent("  x"), string.digits)
        @functools.lru_cache(maxsize=None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        print(fib(30), "-".join(str(i) for i in range(3)), "a,b".partition(","))
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args):
                return "logged", function(*args)
            return wrapper
        @logged
        def add(a, b): return a + b
        print(add(1, 2), functools.partial(add, 1)(5), *map(str.upper, "ab"), list(zip("ab", "cd")))
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_prints_what_python_prints(name: str) -> None:
    source = textwrap.dedent(PROGRAMS[name])
    seen = run(source)
    assert seen.ended == ""
    assert seen.printed == printed_by_python(source)


numbers = st.integers(-20, 20) | st.sampled_from(["0.5", "-2.25", "True"])
leaves = numbers.map(str) | st.sampled_from(["a", "b", "xs", "text", "row", "'ab'", "None"])


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return expressions one level deeper."""
    operators = ["+", "-", "*", "/", "//", "%", "<", "==", "and", "or", "in", "is not", "&", "|"]
    calls = ["len", "abs", "str", "sum", "max", "sorted", "list", "int", "round", "bool", "repr"]
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(operators), inner),
        st.builds("{}({})".format, st.sampled_from(calls), inner),
        st.builds("{}[{}]".format, st.sampled_from(["xs", "text", "row"]), inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[i + {} for i in {}]".format, inner, inner),
        st.builds("f'{{{}}}'".format, inner.filter(lambda e: "'" not in e)),
    )


@given(st.recursive(leaves, nested, max_leaves=12))
@settings(max_examples=300, deadline=None)
def test_expressions_have_the_value_that_python_gives(expression: str) -> None:
    source = f"""
a, b, xs, text, row = 3, 0, [4, 1, 2], "hello", (1, (2, "x"))
try:
    print({expression})
except Exception as error:
    print(type(error).__name__)
"""
    seen = run(source)
    if seen.complete and seen.exact:
        assert seen.printed == printed_by_python(source)


OWN_DATE = "import datetime\nclass Day(datetime.date):\n    pass\nprint(Day.today())"
OWN_CHANCE = "import random\nclass Dice(random.Random):\n    pass\nprint(Dice().random())"
HOSTILE = {
    "endless loop": "while True:\n    pass",
    "endless recursion": "def f(n):\n    return f(n + 1)\nf(0)",
    "endless generator": "import itertools\nlist(itertools.count())",
    "endless sum": "import itertools\nprint(sum(itertools.repeat(1)))",
    "endless search": "import itertools\nprint(-1 in itertools.count())",
    "long range": "print(sum(range(10**12)), max(range(10**11)))",
    "long list": "x = list(range(10**10))",
    "long text": "x = 'a' * 10**11",
    "many lists": "x = [[]] * 10**10",
    "growing text": "x = 'ab'\nwhile True:\n    x += x",
    "growing list": "x = [1]\nwhile True:\n    x = x + x",
    "growing number": "x = 3\nwhile True:\n    x = x * x",
    "power": "x = 10 ** 10 ** 10",
    "power by name": "x = pow(10, 10**10)",
    "shift": "x = 1 << 10**11",
    "factorial": "import math\nx = math.factorial(10**8)",
    "bytes": "x = bytes(10**11)",
    "padding": "x = 'a'.ljust(10**11)",
    "format": "x = f'{1:99999999999}'",
    "old format": "x = '%99999999999d' % 1",
    "format by method": "x = '{:99999999999}'.format(1)",
    "join": "x = ['a' * 1000] * 100000\ny = ''.join(x)",
    "replace": "x = ('a' * 100000).replace('a', 'b' * 100000)",
    "nested display": "x = []\nfor _ in range(60):\n    x = [x, x]\nprint(x)",
    "nested comparison": "x = y = 1\nfor _ in range(60):\n    x, y = [x, x], [y, y]\nprint(x == y)",
    "nested sort": "x = 1\nfor _ in range(60):\n    x = (x, x)\nprint(sorted([x, x]))",
    "nested hash": "x = 1\nfor _ in range(60):\n    x = (x, x)\nprint({x: 1})",
    "pattern": "import re\nre.match(r'(a+)+$', 'a' * 50 + 'b')",
    "pattern of many": "import re\nre.match(r'a*a*a*a*a*a*b', 'a' * 1900)",
    "large product": "import math\nx = math.prod([10**1000] * 10**5)",
    "sampling": "import random\nx = random.Random(1).choices([1], k=10**10)",
    "product": "import itertools\nx = list(itertools.product(range(99), repeat=9))",
}
FORBIDDEN = {
    "file": "open('EXECUTED', 'w')",
    "import": "__import__('os').system('touch EXECUTED')",
    "system": "import os\nos.system('touch EXECUTED')",
    "path": "import pathlib\npathlib.Path('EXECUTED').touch()",
    "eval": "eval('1')",
    "exec": "exec('import os')",
    "class of a class": "().__class__.__bases__[0].__subclasses__()",
    "class by name": "getattr((), '__class__')",
    "globals of a function": "def f():\n    pass\nf.__globals__",
    "code of a function": "def f():\n    pass\nprint(f.node)",
    "format reads attributes": "print('{0.__class__}'.format(1))",
    "format map": "print('{x.__class__}'.format_map({'x': 1}))",
    "generator frame": "g = (x for x in [1])\ng.gi_frame",
    "traceback of a failure": "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__",
    "pickle": "import pickle\npickle.loads(b'')",
    "reduce": "class A:\n    def __reduce__(self):\n        return print, ('x',)\n",
    "metaclass": "class M(type):\n    pass\n",
    "builtins": "__builtins__",
    "module of a function": "import json\njson.dumps.__globals__",
    "module in a module": "import random\nrandom._os.system('touch EXECUTED')",
    "another module of a module": "import statistics\nstatistics.sys",
    "partial of anything": "import functools, os\nfunctools.partial(os.system, 'x')()",
    "attribute getter": "import operator\noperator.attrgetter('__class__')(1)",
    "method caller": "import operator\noperator.methodcaller('__class__')(1)",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_soon(name: str) -> None:
    assert run(HOSTILE[name]).ended


@pytest.mark.parametrize("name", FORBIDDEN)
def test_it_only_computes(name: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    events: list[str] = []
    watched = ("open", "os.system", "subprocess.Popen", "socket.connect")
    watching = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & 3
        if watching[0] and event in watched and (event != "open" or writes):
            events.append(event)

    sys.addaudithook(hook)
    seen = run(FORBIDDEN[name])
    watching[0] = False
    assert seen.ended
    assert events == []


def test_what_is_left_of_generators_does_nothing() -> None:
    source = """
def numbers():
    try:
        n = 0
        while True:
            yield n
            n += 1
    finally:
        while True:
            pass

for n in numbers():
    while n > 3:
        pass
"""
    assert run(source).ended == "it takes too long"
    gc.collect()


def test_what_is_submitted_is_counted() -> None:
    source = RAY + textwrap.dedent("""
        def burst(n):
            return ray.get([double.remote(x) for x in range(n)])

        for n in (10, 30, 20):
            burst(n)
        for x in range(5):
            print(ray.get(double.remote(x)))
        """)
    seen = run(source)
    handles = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)]
    assert handles
    found = sorted((o.total, o.longest, o.in_one_call) for o in seen.observed.values())
    assert found == [(5, 1, 5), (60, 30, 30)]
    assert (seen.complete, seen.exact, seen.flawless) == (True, True, True)


@pytest.mark.parametrize(
    ("body", "complete", "exact", "flawless"),
    [
        ("ray.get(double.remote(1))", True, True, True),
        (
            "try:\n    int('x')\nexcept ValueError:\n    ray.get(double.remote(1))",
            True,
            True,
            False,
        ),
        ("double.remote(None)", False, True, False),
        ("double.remote(1, 2)", False, True, False),
        ("import time\nprint(time.time())", True, False, False),
        ("import random\nprint(random.random())", True, False, False),
        ("import random\nprint(random.Random().random())", True, False, False),
        ("import random\nrandom.Random(1).seed()", True, False, False),
        ("import random\nrandom.seed(None)", True, False, False),
        ("import random\nrandom.seed(3)\nprint(random.random())", True, True, True),
        ("import datetime\nprint(datetime.date.today())", False, True, False),
        (OWN_DATE, False, True, False),
        (OWN_CHANCE, False, True, False),
        ("import datetime\nprint(datetime.datetime.fromtimestamp(0))", False, True, False),
        ("import datetime\nprint(datetime.datetime(2024, 1, 1).timestamp())", False, True, False),
        ("ray.wait([double.remote(1)])", True, False, False),
        ("for x in {'a', 'b'}:\n    double.remote(x)", True, False, False),
        ("for x in sorted({'a', 'b'}):\n    double.remote(x)", True, True, True),
        ("print(hash('a'))", True, False, False),
        ("ray.get(double.remote(1), timeout=5)", True, False, False),
        ("import sys\nsys.exit(3)", True, True, True),
        ("open('x')", False, True, False),
        (
            "import contextlib\nwith contextlib.suppress(BaseException):\n    open('x')",
            False,
            True,
            False,
        ),
        ("raise ValueError", False, True, False),
    ],
)
def test_what_it_says_of_itself(body: str, complete: bool, exact: bool, flawless: bool) -> None:
    seen = run(RAY + body)
    assert (seen.complete, seen.exact, seen.flawless) == (complete, exact, flawless)


@pytest.mark.parametrize(
    "change",
    ["rate = 3", "rates.append(4)", "rates[0] = 5", "Settings.rate = 6"],
)
def test_what_workers_have_copies_of_must_not_change(change: str) -> None:
    source = f"""
import ray

rate, rates = 1, [2]

class Settings:
    rate = 3

@ray.remote
def price(x):
    return x * rate + rates[0] + Settings.rate

print(ray.get(price.remote(1)))
{change}
print(ray.get(price.remote(1)))
"""
    assert not run(source).exact
    assert run(source.replace(change, "pass")).exact


def test_arguments_and_results_are_copies() -> None:
    source = """
import ray

@ray.remote
def grow(xs, nested):
    xs.append(1)
    nested[0].append(2)
    return nested

xs, nested = [0], [[0]]
ref = grow.remote(xs, nested)
first, second = ray.get(ref), ray.get(ref)
first[0].append(3)
print(xs, nested, first, second)
"""
    assert run(source).printed == "[0] [[0]] [[0, 2, 3]] [[0, 2]]\n"
