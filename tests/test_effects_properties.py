"""The verdict "no effect" against the truth: bodies are composed, judged, and run both ways."""

# ruff: noqa: E501

from __future__ import annotations

import ast
import copy
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ray_lint.program.effects import effects_of
from ray_lint.program.module import parse
from ray_lint.program.project import Project

PRELUDE = """
import collections, copy, functools, heapq, itertools
G = [[1], [2]]
D = {"a": [1], "b": [2]}
N = 0
class Box:
    count = 0
    def __init__(self, v): self.v = v
    def put(self, w):
        self.v.append(w)
        return self
    def get(self): return self.v
    def __add__(self, other):
        self.v.append(1)
        return self
B = Box([5])
def first(v): return v[0]
def push(v, w=3):
    v.append(w)
    return v
def fresh(v): return [w for w in v]
def remember(w, seen=[]):
    seen.append(w)
    return len(seen)
"""

# x: an item, a list [number, [number]]; s: the same list for every item; a, b, c: locals.
VALUES = [
    "x", "s", "G", "D", "B.v", "a", "b", "c", "x[1]", "s[1]", "G[0]", "D['a']", "a[:]", "x[:]",
    "[]", "[x]", "[x[1], 4]", "list(x)", "sorted([3, 1])", "dict(D)['a']", "copy.copy(s)",
    "copy.deepcopy(s)", "[*G]", "first(G)", "first(x[1:])", "push([])", "push(x)", "fresh(s)",
    "fresh(a)", "Box(a).get()", "Box([]).put(2).v", "(Box(s) + 1).v", "B.get()", "(a + [1])",
    "(a if a else s)", "(a or G)", "list(map(abs, [1, -2]))", "[v for v in G]", "[list(v) for v in G]",
    "max(G, [[0]])", "max([1], [2])", "list(itertools.chain(a, [2]))", "D.get('b', a)",
    "list(D.values())", "list(zip(G, a))", "functools.reduce(lambda p, q: p, [a, s])",
    "heapq.nsmallest(1, [3, 2])", "[k for k, v in enumerate(s)]", "(lambda: b)()",
    "collections.deque([1, 2])", "[remember(1)]", "next(iter([a, b]))", "list(reversed(a))",
    "[len(x), len(s)]", "[v * 2 for v in [1, 2]]", "[str(x)]",
]  # fmt: skip
STATEMENTS = [
    "a = {value}", "b = {value}", "c = {value}", "a = b = {value}", "a, b = b, {value}",
    "{value}.append(7)", "{value}.extend([8, 9])", "a += [1]", "b += c", "s += [0]", "x += [1]",
    "a.append({value})", "b.append(a)", "b.insert(0, {value})", "c = [a, {value}]",
    "for v in list({value})[:3]:\n        c = v", "for v in list({value})[:3]:\n        a.append(1)",
    "for v in [G, s]:\n        b = v", "c = [v for v in [a, b]]", "push({value})", "push(a, {value})",
    "first([a]).append(5)", "global N; N += 1", "D['c'] = a", "D['n'] = 1", "Box.count += 1",
    "B.put(1)", "B.v = a", "B + 1", "Box(a).put(3)", "if len(x) > 1:\n        a = {value}",
    "if len(a) > 1:\n        b.append(0)\n    else:\n        c.append(0)",
    "try:\n        a.append(b[0])\n    except IndexError:\n        a = {value}",
    "def inner(v):\n        v.append(1)\n        return v\n    b = inner(a)",
    "def keep():\n        a.append(2)\n    keep()", "f2 = c.append; f2(4)", "del b[:]", "b[:] = [1]",
    "while len(a) < 3:\n        a.append(len(a))", "a.sort(key=str)", "remember(2)",
    "t = (a, {value}); t[1].append(1)", "d = {{'k': {value}}}; d['k'].append(2)",
    "d = {{'k': a}}; c = d.setdefault('z', b)", "with_box = Box({value}); with_box.v.append(1)",
    "heapq.heappush(a, 1)", "it = iter({value}); c = next(it, a)",
    "c = b\n    for i in range(2):\n        c.append(i)\n        c = a",
]  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Compose the source of a function ``f(x, s)``."""
    lines = ["a, b, c = [], [], []"]
    for _ in range(draw(st.integers(1, 4))):
        template = draw(st.sampled_from(STATEMENTS))
        lines.append(template.format(value=draw(st.sampled_from(VALUES))))
    lines.append(f"return {draw(st.sampled_from(VALUES))}")
    return "def f(x, s):\n" + "".join(f"    {line}\n" for line in lines)


def run(source: str, items: list[Any], shared: Any, *, together: bool) -> list[Any]:
    """Return the results; every call in a new process, so to speak, or all in one."""
    results: list[Any] = []
    space: dict[str, Any] = {}
    for item in items:
        if not together or not space:
            space = {}
            exec(compile(PRELUDE + source, "body", "exec"), space)
        one, other = (item, shared) if together else copy.deepcopy((item, shared))
        try:
            results.append(space["f"](one, other))
        except Exception as error:
            results.append(type(error).__name__)
            break
    return results


def mutable_parts(value: Any, found: dict[int, Any]) -> dict[int, Any]:
    """Collect every object that can be changed, by identity."""
    if isinstance(value, list | dict | set) or hasattr(value, "append") or hasattr(value, "v"):
        if id(value) in found:
            return found
        found[id(value)] = value
    if isinstance(value, dict):
        value = list(value.values())
    if hasattr(value, "v"):
        value = [value.v]
    if isinstance(value, list | tuple | set):
        for part in value:
            mutable_parts(part, found)
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies())
def test_no_effect_means_that_a_batch_cannot_be_told(source: str) -> None:
    text = PRELUDE + source
    tree = parse(text, "body.py")
    project = Project()
    module = project.add(text, tree, "<body>")
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    found = {e.kind.name for e in effects_of(project, module, function)} - {"MAY_RAISE", "RAISES"}
    event("proven" if not found else "shared only" if found == {"RETURNS_SHARED"} else "effect")
    if found - {"RETURNS_SHARED"}:
        return
    items: list[Any] = [[k, [k]] for k in range(3)]
    shared: Any = [9, [9]]
    before = copy.deepcopy((items, shared))
    apart = run(source, items, shared, together=False)
    together = run(source, items, shared, together=True)
    assert repr(apart) == repr(together)
    assert (items, shared) == before
    if not found:
        seen = mutable_parts([items, shared], {})
        for result in together:
            parts = mutable_parts(result, {})
            assert not parts.keys() & seen.keys()
            seen |= parts
