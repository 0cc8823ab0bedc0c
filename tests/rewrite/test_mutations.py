"""Switching off any precondition of the rewrite must let a program through that needs it."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
import types
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ray_lint.rewrite
from ray_lint.core import check, fix
from ray_lint.finding import Applicability
from tests.programs import Program, Runner, load

PROGRAMS = Path(__file__).resolve().parents[2] / "fixtures" / "programs"


def is_precondition(node: ast.stmt) -> bool:
    """Whether a statement forbids a fix or doubts it."""
    if isinstance(node, ast.Raise):
        return isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "Declined"
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "doubts.add"
    )


def modules() -> Iterator[types.ModuleType]:
    """Yield every module of the rewrite."""
    for found in pkgutil.iter_modules(ray_lint.rewrite.__path__, "ray_lint.rewrite."):
        yield importlib.import_module(found.name)


def statements(module: types.ModuleType) -> list[ast.stmt]:
    """Return the preconditions of a module, in the order of ``ast.walk``."""
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    return [n for n in nodes if isinstance(n, ast.stmt) and is_precondition(n)]


def preconditions() -> Iterator[object]:
    """Yield module, text and number in the module of every precondition."""
    for module in modules():
        for number, node in enumerate(statements(module)):
            text = ast.unparse(node)
            if "self._map" not in text:  # passes a parser's failure on
                name = module.__name__.rpartition(".")[2]
                yield pytest.param(module, number, id=f"{name}-{number}-{text}")


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


def safely_fixed(source: bytes) -> bytes:
    """Return the program as the safe fixes leave it."""
    return fix(source).source


def changed(source: bytes) -> bool:
    """Whether a safe fix would change the program."""
    return any(
        f.fix is not None and f.fix.edits and f.fix.applicability is Applicability.SAFE
        for f in check(source)
    )


@functools.cache
def reaching() -> dict[tuple[str, int], list[Program]]:
    """Return the programs that come to each line with a precondition, by file and line."""
    lines = {
        (module.__file__ or "", line)
        for module in modules()
        for node in statements(module)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    files = {file for file, _ in lines}
    found: dict[tuple[str, int], list[Program]] = defaultdict(list)

    def enter(frame: types.FrameType, event: str, argument: object) -> object:
        return step if frame.f_code.co_filename in files else None

    def step(frame: types.FrameType, event: str, argument: object) -> object:
        if event == "line" and (place := (frame.f_code.co_filename, frame.f_lineno)) in lines:
            seen.add(place)
        return step

    for program in load(PROGRAMS):
        seen: set[tuple[str, int]] = set()
        before = sys.gettrace()
        sys.settrace(enter)
        try:
            check(program.source)
        finally:
            sys.settrace(before)
        for place in seen:
            found[place].append(program)
    return found


def falls(program: Program, fixed: bytes) -> bool:
    """Whether a program is changed that was not, or the rewrite fails without the precondition.

    ``fixed`` is what the safe fixes make of the program with the precondition.
    """
    try:
        return fixed == program.source and changed(program.source)
    except Exception:
        return True


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(("module", "number"), list(preconditions()))
def test_precondition_is_needed(
    module: types.ModuleType, number: int, monkeypatch: pytest.MonkeyPatch, ray_cluster: str
) -> None:
    node = statements(module)[number]
    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    known = reaching()
    found = [p for line in lines for p in known.get((module.__file__ or "", line), [])]
    programs = list({program.path: program for program in found if not program.gap}.values())
    assert programs, f"no program comes to: {ast.unparse(node)}"
    fixed = [safely_fixed(program.source) for program in programs]
    mutate(module, number, monkeypatch)
    if not any(map(falls, programs, fixed)):
        # Another form of the fix is chosen: right with the precondition, as other tests show.
        wrong = [replace(p, source=safely_fixed(p.source)) for p in programs]
        pairs = [
            (old, new)
            for old, new, right in zip(programs, wrong, fixed, strict=True)
            if right not in (new.source, old.source)
        ]
        runner = Runner(ray_cluster)
        before = runner.run([old for old, _ in pairs])
        after = runner.run([new for _, new in pairs])
        assert not all(b.same_as(a) for b, a in zip(before, after, strict=True)), (
            f"none of {[p.path.name for p in programs]} shows the need of: {ast.unparse(node)}"
        )
