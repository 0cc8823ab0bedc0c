"""Switching off any precondition of the rewrite must let a program through that needs it."""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_lint.core import check
from ray_lint.finding import Applicability
from ray_lint.rewrite import rewriter, safety
from tests.programs import load

KEPT = Path(__file__).resolve().parents[2] / "fixtures" / "programs" / "keep"


def is_precondition(node: ast.stmt) -> bool:
    """Whether a statement forbids a fix or doubts it."""
    if isinstance(node, ast.Raise):
        return isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "Declined"
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "doubts.add"
    )


def preconditions() -> Iterator[tuple[types.ModuleType, str, int]]:
    """Yield module, text and number in the module of every precondition."""
    for module in (safety, rewriter):
        nodes = ast.walk(ast.parse(inspect.getsource(module)))
        found = [n for n in nodes if isinstance(n, ast.stmt) and is_precondition(n)]
        for number, node in enumerate(found):
            if "self._map" in ast.unparse(node):
                continue  # passes a parser's failure on
            yield module, ast.unparse(node), number


class SwitchOff(ast.NodeTransformer):
    """Replaces one precondition by ``pass``."""

    def __init__(self, target: ast.AST) -> None:
        self.target = target

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace the target, look into everything else."""
        if node is self.target:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def mutate(module: types.ModuleType, number: int, patch: pytest.MonkeyPatch) -> None:
    """Switch off a precondition for as long as ``patch`` lasts."""
    tree = ast.parse(inspect.getsource(module))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and is_precondition(n)]
    target = nodes[number]
    owner = next(
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and target in ast.walk(n)
    )
    new = SwitchOff(target).visit(tree)
    code = compile(ast.fix_missing_locations(new), module.__file__ or "", "exec", dont_inherit=True)
    pending = [code]
    while pending:
        for constant in pending.pop().co_consts:
            if isinstance(constant, types.CodeType):
                pending.append(constant)
                if constant.co_name == owner.name:
                    found = constant
    places = [module, *(v for v in vars(module).values() if isinstance(v, type))]
    for place in places:
        function = vars(place).get(owner.name)
        function = getattr(function, "func", function)
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
            patch.setattr(function, "__code__", found)
            return
    raise AssertionError(f"no function {owner.name}")


def changed(source: bytes) -> bool:
    """Whether a safe fix would change the program."""
    return any(
        f.fix is not None and f.fix.edits and f.fix.applicability is Applicability.SAFE
        for f in check(source)
    )


@functools.cache
def kept() -> list[bytes]:
    """Return the programs that no safe fix changes, with a finding to look at."""
    programs = (p.source for p in load(KEPT) if not p.gap)
    return [source for source in programs if not changed(source) and check(source, fixes=False)]


@pytest.mark.slow
@pytest.mark.parametrize(("module", "text", "number"), list(preconditions()), ids=str)
def test_precondition_is_needed(
    module: types.ModuleType, text: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = kept()
    mutate(module, number, monkeypatch)
    assert any(map(falls, sources)), f"no kept program shows the need of: {text}"


def falls(source: bytes) -> bool:
    """Whether a program would now be changed, or the rewrite fails without the precondition."""
    try:
        return changed(source)
    except Exception:
        return True
