"""The true number of submissions lies in the interval: generated loops are run in plain Python."""

from __future__ import annotations

import ast
import os
from collections import Counter
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ray_lint.program.project import Project
from ray_lint.program.sizes import count_items, count_loops
from tests.program.support import module_of, remote_calls

small = st.integers(-2, 7)
EXAMPLES = int(os.environ.get("RAY_LINT_EXAMPLES", "120"))
LIMIT = 20_000  # submissions of one generated program; larger ones are left out


@st.composite
def numbers(draw: st.DrawFn, depth: int = 0) -> str:
    """Draw an integer expression over the names a, b (constants of the program)."""
    kind = draw(st.integers(0, 9 if depth < 2 else 2))
    if kind <= 1:
        return str(draw(small))
    if kind == 2:
        return draw(st.sampled_from(["a", "b"]))
    left, right = draw(numbers(depth + 1)), draw(numbers(depth + 1))
    return draw(
        st.sampled_from(
            [
                f"({left} + {right})",
                f"({left} - {right})",
                f"({left} * {right})",
                f"({left} // 3)",
                f"({left} % 4)",
                f"abs({left})",
                f"min({left}, {right})",
                f"max({left}, {right})",
                f"({left} if {right} > 1 else {right})",
                f"int({left} * 1.5)",
                f"int({left} / 2)",
                f"len(range({left}))",
                f"round({left} / 2)",
                f"-{left}",
                f"(1 << abs({left}) % 4)",
            ]
        )
    )


@st.composite
def iterables(draw: st.DrawFn, depth: int = 0) -> str:
    """Draw an expression of a finite iterable."""
    number = draw(numbers())
    if depth >= 2 or draw(st.booleans()):
        return draw(
            st.sampled_from(
                [
                    f"range({number})",
                    f"range({draw(small)}, {number})",
                    f"range({number}, {draw(small)}, {draw(st.sampled_from([-3, -1, 2, 3]))})",
                    "[1, 2, 3]",
                    "(4, 4)",
                    "{1, 1, 2}",
                    "{'k': 1, 'l': 2}",
                    "'letters'",
                    "xs",
                    f"[0] * ({number})",
                    f"itertools.repeat(0, {number})",
                    "[]",
                    f"gen({number})",
                    f"twice({number})",
                    f"twice({number}, {draw(small)})",
                    f"range(half({number}))",
                    f"bytes(abs({number}))",
                    f"np.zeros((3, {draw(st.integers(0, 4))})).ravel()",
                    f"np.arange(12).reshape({draw(st.sampled_from(['-1, 4', '(3, 4)', '6, -1']))})",
                    f"np.ones(24).reshape(2, 3, 4).reshape(-1, {draw(st.integers(1, 4))})",
                ]
            )
        )
    first, second = draw(iterables(depth + 1)), draw(iterables(depth + 1))
    size = draw(st.integers(1, 4))
    return draw(
        st.sampled_from(
            [
                f"list({first})",
                f"sorted({first}, key=str)",
                f"enumerate({first})",
                f"reversed(list({first}))",
                f"zip({first}, {second})",
                f"itertools.zip_longest({first}, {second})",
                f"itertools.chain({first}, {second})",
                f"itertools.product({first}, {second})",
                f"itertools.product(*[{first}, {second}])",
                f"itertools.islice({first}, {size})",
                f"itertools.islice(itertools.count(), {size})",
                f"zip(itertools.count(), {first})",
                f"set({first})",
                f"dict.fromkeys({first})",
                f"map(str, {first})",
                f"filter(None, {first})",
                f"[x for x in {first}]",
                f"[x for x in {first} if x]",
                f"[(x, y) for x in {first} for y in {second}]",
                f"{{x for x in {first}}}",
                f"{{x: y for x in {first} for y in {second}}}",
                f"list({first})[:{draw(small)}]",
                f"list({first})[{draw(small)}:{draw(small)}]",
                f"list({first})[::{size}]",
                f"list({first}) + list({second})",
                f"list({first}) * {draw(small)}",
                f"[*{first}, 1, *{second}]",
                f"({first} if a > 2 else {second})",
                f"itertools.combinations({first}, {size})",
                f"dict(enumerate({first})).items()",
                f"itertools.accumulate(range({size}))",
            ]
        )
    )


HELPERS = """
def gen(n):
    for i in range(n):
        yield i
def twice(n, m=2):
    return [0] * (n * m)
def half(n):
    return n // 2
"""


def indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Draw statements that submit, once or in loops; the site is the line with ``f.remote``."""
    kind = draw(st.integers(0, 8)) if depth < 3 else 8
    inner = draw(blocks(depth + 1)) if kind < 8 else []
    iterable = draw(iterables())
    index = f"i{depth}"
    match kind:
        case 0 | 1:
            return [f"for {index} in {iterable}:", *indent(inner)]
        case 2:
            early = draw(
                st.sampled_from([f"if {index} == 3: break", f"if {index} == 1: continue", "pass"])
            )
            return [f"for {index} in {iterable}:", f"    {early}", *indent(inner)]
        case 3:
            step, limit = draw(st.integers(1, 3)), draw(small)
            relation = draw(st.sampled_from(["<", "<="]))
            return [
                f"{index} = {draw(small)}",
                f"while {index} {relation} {limit}:",
                *indent(inner),
                f"    {index} += {step}",
            ]
        case 4:
            step = draw(st.integers(1, 3))
            relation = draw(st.sampled_from([">", ">="]))
            return [
                f"{index} = {draw(st.integers(0, 9))}",
                f"while {index} {relation} 0:",
                f"    {index} -= {step}",
                *indent(inner),
            ]
        case 5:
            return [
                f"n{depth} = {draw(numbers())}",
                f"for {index} in range(n{depth}):",
                *indent(inner),
            ]
        case 6:
            change = draw(
                st.sampled_from(
                    [
                        f"ys.append({index})",
                        f"ys.extend({draw(iterables(1))})",
                        f"ys += [{index}, {index}]",
                        f"if {index}: ys.append({index})",
                        "ys.pop() if ys else None",
                    ]
                )
            )
            return [
                f"ys = {draw(st.sampled_from(['[]', '[1, 2]', 'list(xs)']))}",
                f"for {index} in {iterable}:",
                f"    {change}",
                f"for {index} in ys:",
                *indent(inner),
            ]
        case 7:
            return [
                f"if a > {draw(small)}:",
                f"    zs = {draw(iterables(1))}",
                "else:",
                f"    zs = {draw(iterables(1))}",
                f"for {index} in zs:",
                *indent(inner),
            ]
        case _:
            clauses = [f"for j{n} in {draw(iterables())}" for n in range(draw(st.integers(0, 2)))]
            if clauses and draw(st.booleans()):
                clauses.append("if j0")
            call = "f.remote()"
            return [f"[{call} {' '.join(clauses)}]" if clauses else call]


@st.composite
def programs(draw: st.DrawFn) -> str:
    lines = [
        "import itertools, ray",
        "import numpy as np",
        *HELPERS.splitlines(),
        f"a = {draw(small)}",
        f"b = {draw(small)}",
        "xs = [1, 2]",
        f"xs = list({draw(iterables(1))})",
    ]
    body = draw(blocks())
    if draw(st.booleans()):
        lines += ["def main(p, q=3):", *indent(body), "main(a)"]
    else:
        lines += body
    return "\n".join(lines) + "\n"


class TooManyError(Exception):
    pass


class RemoteStub:
    """Stands in for a remote function and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def remote(self, *_: Any) -> int:
        self.calls += 1
        if self.calls > LIMIT:
            raise TooManyError
        return self.calls


@settings(max_examples=EXAMPLES, deadline=None)
@given(programs())
def test_true_number_of_submissions_lies_in_the_interval(source: str) -> None:
    stub = RemoteStub()
    tree = ast.parse(source)
    tree.body.pop(0)  # the stub stands in for ray
    try:
        import itertools

        exec(compile(tree, "<generated>", "exec"), {"itertools": itertools, "f": stub})
    except TooManyError:
        return
    except (TypeError, ZeroDivisionError, ValueError, MemoryError, OverflowError):
        return  # a program that fails counts nothing
    project = Project()
    module = module_of(source, project=project)
    call = remote_calls(module)[-1]
    loops = module.names.enclosing_loops(call)
    count = count_loops(project, module, loops)
    note(source)
    note(f"{stub.calls} in {count}")
    if count.high is not None:
        assert stub.calls <= count.high
    if count.kind == "known":
        assert stub.calls >= count.low


@settings(max_examples=EXAMPLES, deadline=None)
@given(iterables(), small, small)
def test_items_of_an_expression_lie_in_the_interval(expression: str, a: int, b: int) -> None:
    import itertools

    start = f"import itertools\nimport numpy as np\n{HELPERS}"
    source = f"{start}a = {a}\nb = {b}\nxs = [1, 2, 3, 4]\n{expression}\n"
    names: dict[str, Any] = {"a": a, "b": b, "xs": [1, 2, 3, 4]}
    exec(start, names)
    try:
        true = sum(1 for _ in itertools.islice(eval(expression, names), LIMIT))
    except (TypeError, ZeroDivisionError, ValueError, OverflowError):
        return
    project = Project()
    module = module_of(source, project=project)
    statement = module.tree.body[-1]
    assert isinstance(statement, ast.Expr)
    count = count_items(project, module, statement.value)
    note(f"{true} in {count}")
    assert count.high is None or true <= count.high
    if count.kind == "known":
        assert true >= min(count.low, LIMIT)


def test_the_generator_reaches_loops_of_all_sizes() -> None:
    """The property above says nothing if hardly any program submits: look at what it draws."""
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None)
    @given(programs())
    def look(source: str) -> None:
        project = Project()
        module = module_of(source, project=project)
        loops = module.names.enclosing_loops(remote_calls(module)[-1])
        count = count_loops(project, module, loops)
        seen[count.kind] += 1
        seen["exact"] += count.kind == "known" and count.low == count.high
        seen["many"] += count.high is None or count.high > 1

    look()
    assert seen["known"] > 60
    assert seen["exact"] > 20
    assert seen["many"] > 40
