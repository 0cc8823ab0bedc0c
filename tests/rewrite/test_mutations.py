"""Switching off any precondition of the rewrite must let a program through that needs it."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
import types
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ray_lint.rewrite
from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.finding import Applicability
from ray_lint.program.project import Project
from tests.programs import KEEP, Program, Runner, load, load_projects

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OTHER_FORMS = 2  # programs to run for a precondition without which another form is chosen

UNSHOWN = dict.fromkeys(
    [
        "loop_sites._container_fits: 'the collection of references is not known to be a list'",
        "foreign._spelling: 'it is not called by the name that its module gives it'",
        "foreign.find_elsewhere: 'it is not called by the name that its module gives it'",
        "pools.dealt_actor: 'the actors are not known to be of one class'",
        "shapes._kept_beside: f'`{ast.unparse(element)}` would be evaluated twice'",
        "lent.source_binding: f'what `{handle.id}` stands for changes'",
        "arguments._argument: 'an argument awaits, yields or assigns'",
        "lent._looped: f'what `{handle.id}` stands for changes'",
        "members.find_member: 'its function is not given by name where it is made remote'",
        "shapes._kept_by_submitter: 'what the function that submits returns is used'",
        "shapes._kept_by_submitter: 'the function that submits computes where it keeps the"
        " reference' 2",
    ],
    "another one declines or doubts what comes to it as well",
) | dict.fromkeys(
    [
        "foreign.find_elsewhere: 'its definition is not a statement'",
        "foreign.named_here: 'its own module cannot be imported by name here'",
        "foreign._import_behind: 'the import of its module shares its line with another statement'",
        "foreign.write_here: 'it is imported where the batch function would not see it'",
        "foreign.write_here: 'the name `ray` stands for something else in this module'",
        "foreign._constant_options: 'its options are computed in another module'",
        "foreign.find_elsewhere: _not_given(home)",
        "foreign.find_elsewhere: 'it is not called by the name that its module gives it' 2",
        "submitted._options: 'its options stand in another module'",
        "targets._imported: 'its definition is not known by name'",
        "targets._imported: f'`{base.id}` is defined more than once'",
        "targets._imported: f'`{base.id}` is not visible where the batch function would be'",
        "targets._imported: f'`{base.id}` is not visible where the batch function would be' 2",
        "targets.find_target: 'it is not called by a plain name'",
        "members.find_member: 'a class of another module may have a task of its own by that name'",
    ],
    "no program comes to it yet, most need several files",
)
"""The preconditions that no program shows the need of, with the reason."""


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


def owner_of(tree: ast.AST, target: ast.stmt) -> ast.FunctionDef:
    """Return the function that a precondition stands in."""
    return next(
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and target in ast.walk(n)
    )


@functools.cache
def preconditions() -> dict[str, tuple[types.ModuleType, int]]:
    """Return every precondition by a name: module and number in it."""
    found: dict[str, tuple[types.ModuleType, int]] = {}
    seen: Counter[str] = Counter()
    for module in modules():
        tree = ast.parse(inspect.getsource(module))
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and is_precondition(n)]
        for number, node in enumerate(nodes):
            call = node.exc if isinstance(node, ast.Raise) else node.value  # type: ignore[attr-defined]
            reason = ast.unparse(call.args[0])
            if reason == "piece":
                continue  # passes a parser's failure on
            owner = owner_of(tree, node).name
            name = f"{module.__name__.rpartition('.')[2]}.{owner}: {reason}"
            seen[name] += 1
            found[name if seen[name] == 1 else f"{name} {seen[name]}"] = (module, number)
    return found


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
    owner = owner_of(tree, target)
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


def safe_places(program: Program) -> frozenset[object]:
    """Return the findings of a program that have a safe fix, by code and place."""
    project, filename = None, "<stdin>"
    if program.beside:
        folder = FIXTURES / "projects" / program.path.stem
        filename = str(folder / "main.py")
        others = [] if program.alone else [str(folder / name) for name, _ in program.beside]
        project = Project((), frozenset([filename, *others]))
    return frozenset(
        (f.code, f.start)
        for f in check(program.source, filename=filename, project=project)
        if f.fix and f.fix.edits and f.fix.applicability is Applicability.SAFE
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

    programs = [*load(FIXTURES / "programs"), *load_projects(FIXTURES / "projects")]
    # The ones that no fix may change first: they were written to show a need.
    programs.sort(key=lambda p: (p.expect not in KEEP, len(p.source)))
    for program in programs:
        if program.gap:
            continue
        seen: set[tuple[str, int]] = set()
        before = sys.gettrace()
        sys.settrace(enter)
        try:
            right[program.path] = safe_places(program)
        finally:
            sys.settrace(before)
        for place in seen:
            found[place].append(program)
    return found


right: dict[Path, frozenset[object]] = {}
"""The findings with a safe fix of every program, with all preconditions."""


@functools.cache
def rightly_fixed(program: Program, unsafe: bool) -> bytes:
    """Return the program as the fixes leave it, with all preconditions."""
    return fix(program.source, Config(unsafe_fixes=unsafe)).source


def programs_for(name: str) -> list[Program]:
    """Return the programs that come to a precondition."""
    module, number = preconditions()[name]
    node = statements(module)[number]
    known = reaching()
    found: dict[Path, Program] = {}
    for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        found |= {p.path: p for p in known.get((module.__file__ or "", line), [])}
    return list(found.values())


def without(name: str) -> tuple[str, list[tuple[Program, Program]]]:
    """Return which program shows at once that a precondition is needed, "" if none does.

    Without it, a fix becomes safe that was not, fails, or would damage the file. Else also the
    programs for which another form of the fix is chosen without it, or an unsafe one where there
    was none, with what becomes of them.
    """
    programs = programs_for(name)
    single = [p for p in programs if not p.beside]
    for program in single:
        rightly_fixed(program, False)
        rightly_fixed(program, True)
    others: list[tuple[Program, Program]] = []
    with pytest.MonkeyPatch.context() as patch:
        mutate(*preconditions()[name], patch)
        for program in programs:
            try:
                if safe_places(program) - right[program.path]:
                    return program.path.name, []
            except Exception:
                return program.path.name, []
        for unsafe in (False, True):
            for program in single:
                before = rightly_fixed(program, unsafe)
                if unsafe and before != program.source:
                    continue
                result = fix(program.source, Config(unsafe_fixes=unsafe))
                if result.error:
                    return program.path.name, []
                if result.source not in (before, program.source):
                    others.append((program, replace(program, source=result.source)))
    return "", others[:OTHER_FORMS]


@pytest.fixture(scope="module")
def shown(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the program that shows the need, by precondition; only one run needs Ray."""
    wanted = {
        params.params["name"]
        for item in request.session.items
        if item.path == Path(__file__) and (params := getattr(item, "callspec", None))
    }
    found: dict[str, str] = {}
    pairs: dict[str, list[tuple[Program, Program]]] = {}
    for name in sorted(wanted):
        found[name], pairs[name] = without(name)
    every = [pair for several in pairs.values() for pair in several]
    if every:
        # The other form is right with the precondition, as other tests show.
        runner = Runner(request.getfixturevalue("ray_cluster"))
        outcomes = runner.run([program for pair in every for program in pair])
        runs = iter(zip(every, outcomes[::2], outcomes[1::2], strict=True))
        for name, several in pairs.items():
            for (program, _), before, after in [next(runs) for _ in several]:
                if not before.same_as(after):
                    found[name] = program.path.name
    return found


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", list(preconditions()))
def test_precondition_is_needed(name: str, shown: dict[str, str]) -> None:
    if name in UNSHOWN:
        assert not shown[name], f"{shown[name]} shows the need: take it off the list"
        return
    programs = [program.path.name for program in programs_for(name)]
    assert programs, "no program comes to it"
    assert shown[name], f"none of {programs} shows the need"


def test_unshown_preconditions_exist() -> None:
    assert UNSHOWN.keys() <= preconditions().keys()
