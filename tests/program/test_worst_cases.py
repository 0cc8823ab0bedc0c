"""No input makes the analysis loop, recurse without end, or take quadratic time.

There is no clock in these tests: before the bounds were in place each of them ran for minutes or
ended in a RecursionError.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_lint.core import check
from ray_lint.program.project import Project
from tests.program.support import write_tree

HEAD = "import ray\n@ray.remote\ndef f(x):\n    return x + 1\n"
SITE = "ray.get([f.remote(i) for i in range(n)])\n"
CASES = {
    "cyclic constants": "a = b\nb = a\nn = n + a\n" + SITE,
    "cyclic lists": "xs = ys\nys = xs + xs\nn = len(xs)\n" + SITE,
    "doubled numbers": "x0 = 1\n"
    + "".join(f"x{i + 1} = x{i} + x{i}\n" for i in range(200))
    + "n = x200\n"
    + SITE,
    "doubled lists": "x0 = [1]\n"
    + "".join(f"x{i + 1} = x{i} + x{i}\n" for i in range(200))
    + "n = len(x200)\n"
    + SITE,
    "mutual calls": "def g(x): return h(x)\ndef h(x): return g(x)\nn = g(1)\n" + SITE,
    "a number handed down twice": "".join(
        f"def g{i}(n): return g{i + 1}(n) + g{i + 1}(n)\n" for i in range(300)
    )
    + "def g300(n): return n\nn = g0(2)\n"
    + SITE,
    "lists handed down twice": "".join(
        f"def g{i}(n): return [*g{i + 1}(n), *g{i + 1}(n - 1)]\n" for i in range(300)
    )
    + "def g300(n): return [0] * n\n"
    + "n = len(g0(2)) + len(g0(3))\n" * 50
    + SITE,
    "submitting by many names": "s0 = f.remote\n"
    + "".join(f"def s{i + 1}(x): return s{i}(x)\n" for i in range(1000))
    + "[s1000(i) for i in range(1000)]\n",
    "mutual parameters": "def g(xs): h(xs)\ndef h(xs):\n    g(xs)\n    [f.remote(i) for i in xs]\n",
    "a loop over itself": "for xs in xs:\n    for x in xs:\n        f.remote(x)\n",
    "long chain of aliases": "f0 = f\n"
    + "".join(f"f{i + 1} = f{i}\n" for i in range(3000))
    + "[f3000.remote(i) for i in range(1000)]\n",
    "classes that derive from one another": "class B(A): pass\nclass A(B): pass\n"
    "@ray.remote\nclass C(A): pass\nc = C.remote()\nfor i in range(999):\n    c.go.remote()\n",
    "a diamond of classes": "class A0: pass\n"
    + "".join(f"class A{i + 1}(A{i}, A{max(i - 1, 0)}): pass\n" for i in range(200))
    + "@ray.remote\nclass C(A200): pass\nc = C.remote()\nfor i in range(999): c.go.remote()\n",
    "huge numbers": "n = 10**10**10\n"
    + SITE
    + "n = 1 << 10**9\n"
    + SITE
    + "n = 2.0**9999\n"
    + SITE,
    "eighteen nested loops": "".join(" " * i + f"for i{i} in range(10):\n" for i in range(18))
    + " " * 18
    + "f.remote(1)\n",
    "a thousand generators": "[f.remote(1) "
    + " ".join(f"for x{i} in range(2)" for i in range(1000))
    + "]\n",
    "generated constants": "".join(f"v{i} = {i}\n" for i in range(20_000)) + "n = v19999\n" + SITE,
    "one name bound very often": "".join(f"n = {i}\n" for i in range(20_000)) + SITE,
    "one name in very many branches": "".join(f"if c:\n n = {i}\n" for i in range(20_000)) + SITE,
    "a counter": "n = 1\n" + "n += 1\n" * 10_000 + SITE,
    "very many appends": "xs = []\n" + "xs.append(1)\n" * 20_000 + "n = len(xs)\n" + SITE,
    "very many sites": "n = 9\n" + SITE * 2_000,
}


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_analysis_ends(source: str) -> None:
    findings = check((HEAD + source).encode(), fixes=False)
    assert all(f.code.startswith("RAY") for f in findings)


def test_bounds_do_not_hide_what_is_plain() -> None:
    source = HEAD + "".join(f"n = {i}\n" for i in range(500)) + SITE
    assert len(check(source.encode(), fixes=False)) == 1


def test_a_cycle_of_imports_ends(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "a.py": "from b import f, N\nfrom b import *\n",
            "b.py": "from c import f, N\nfrom a import *\n",
            "c.py": "from a import f, N\nimport a, b\nM = a.N\n",
        },
    )
    source = "import ray\nfrom a import f, N\nfrom c import M\nfor i in range(N + M): f.remote(i)\n"
    path = tmp_path / "main.py"
    assert check(source.encode(), filename=str(path), project=Project(), fixes=False) == []
