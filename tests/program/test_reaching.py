"""Which bindings reach a use, against programs that really run; and how names are found."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, ModuleNames
from tests.program.support import module_of


def names_of(source: str) -> tuple[Module, ModuleNames]:
    module = module_of(source)
    return module, module.names


def uses(module: Module, name: str) -> list[ast.Name]:
    found = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    return sorted(found, key=lambda n: (n.lineno, n.col_offset))


def reaching_lines(source: str, name: str) -> list[int]:
    module, names = names_of(source)
    return [getattr(b.node, "lineno", 0) for b in names.reaching(uses(module, name)[-1])]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("x = 1\nx = 2\nx", [2]),
        ("x = 1\nif c:\n    x = 2\nx", [1, 3]),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", [2, 4]),
        ("if c:\n    x = 1\n    x", [2]),
        ("x = 1\nif c:\n    x = 2\nelse:\n    x", [1]),
        ("x = 1\nfor i in y:\n    x\n    x = 2", [1, 4]),
        ("x = 1\nfor i in y:\n    x = 2\n    x", [3]),
        ("x = 1\nx += x", [1]),
        ("x = 1\nx += 1\nx", [2]),
        ("try:\n    x = 1\nfinally:\n    x = 2\nx", [2, 4]),
        ("x = 1\ndef f():\n    return x\nx = 2", [1, 4]),
        ("def x(): return x\nx", [1]),
        ("def x(): pass\ndef x(): pass\nx", [2]),
    ],
)
def test_bindings_that_reach_the_last_use(source: str, lines: list[int]) -> None:
    assert reaching_lines(source, "x") == lines


def test_many_bindings_of_one_name_are_found_quickly() -> None:
    """Linear, not quadratic: the true test is that this ends."""
    source = "".join(f"x = {i}\n" for i in range(20_000)) + "x\n"
    assert reaching_lines(source, "x") == [20_000]


def test_a_use_after_very_many_branches_sees_all_of_them() -> None:
    source = "".join(f"if c:\n    x = {i}\n" for i in range(1_000)) + "x\n"
    assert len(reaching_lines(source, "x")) == 1_000


@st.composite
def bodies(draw: st.DrawFn, depth: int = 0, loop: bool = False) -> list[str]:
    """Draw statements that bind and use ``x``; each binding gives its own line as the value."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 9 if depth < 3 else 3))
        if kind <= 1:
            lines.append("x = LINE")
        elif kind == 2:
            lines.append("see(x)")
        elif kind == 3:
            lines.append(draw(st.sampled_from(["break", "continue"])) if loop else "see(x)")
        elif kind <= 5:
            lines += ["if coin():", *_indented(draw(bodies(depth + 1, loop)))]
            if draw(st.booleans()):
                lines += ["else:", *_indented(draw(bodies(depth + 1, loop)))]
        elif kind == 6:
            lines += ["for _ in range(2):", *_indented(draw(bodies(depth + 1, True)))]
        elif kind == 7:
            lines += ["while coin():", *_indented(draw(bodies(depth + 1, True)))]
        elif kind == 8:
            lines += ["try:", *_indented([*draw(bodies(depth + 1, loop)), "fail()"])]
            lines += ["except ValueError:", *_indented(draw(bodies(depth + 1, loop)))]
        else:
            lines += ["for x in [LINE, LINE]:", *_indented(draw(bodies(depth + 1, True)))]
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@settings(max_examples=200, deadline=None)
@given(bodies(), st.lists(st.booleans(), max_size=40))
def test_the_binding_that_is_in_force_is_among_those_that_reach(
    lines: list[str], coins: list[bool]
) -> None:
    lines = ["x = LINE", *lines, "see(x)"]
    source = "\n".join(line.replace("LINE", str(n)) for n, line in enumerate(lines, 1)) + "\n"
    flips = iter(coins)
    seen: list[tuple[int, int]] = []

    def coin() -> bool:
        return next(flips, False)

    def fail() -> None:
        if coin():
            raise ValueError

    # The number of the line of a use is handed over with it.
    numbered = "\n".join(
        line.replace("see(x)", f"see(x, {n})") for n, line in enumerate(source.splitlines(), 1)
    )
    exec(numbered, {"coin": coin, "fail": fail, "see": lambda x, n: seen.append((n, x))})
    module, names = names_of(source)
    by_line = {use.lineno: use for use in uses(module, "x")}
    note(source)
    for line, bound in seen:
        reached = [getattr(b.node, "lineno", 0) for b in names.reaching(by_line[line])]
        assert bound in reached, f"line {line} saw the binding of line {bound}, not in {reached}"


def test_dotted_names_of_imports_and_aliases() -> None:
    module, names = names_of(
        """
        import numpy as np
        from ray import remote as r
        import os.path
        a = np.random
        a.rand; r; os.path.join; len; unknown; np().x
        """
    )
    expressions = [s.value for s in module.tree.body if isinstance(s, ast.Expr)]
    assert [names.qualified(e) for e in expressions] == [
        "numpy.random.rand",
        "ray.remote",
        "os.path.join",
        "builtins.len",
        None,
        None,
    ]


def test_a_name_that_is_rebound_has_no_single_dotted_name() -> None:
    module, names = names_of("import ray\nif c:\n    import fake as ray\nray.get")
    expression = module.tree.body[-1]
    assert isinstance(expression, ast.Expr)
    assert names.qualified(expression.value) is None
    assert names.qualified_names(expression.value) == {"ray.get", "fake.get"}


def test_class_names_are_not_seen_in_methods() -> None:
    module, names = names_of("x = 1\nclass A:\n    x = 2\n    def f(self): return x\n")
    (binding,) = names.reaching(uses(module, "x")[-1])
    assert getattr(binding.node, "lineno", 0) == 1
    assert binding.kind is BindingKind.ASSIGN
