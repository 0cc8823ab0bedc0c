"""Small helpers for tests of the program model: sources as text, sites found in them."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

from ray_lint.program.costs import cost_of
from ray_lint.program.counts import Count
from ray_lint.program.module import Module
from ray_lint.program.project import Project
from ray_lint.program.remotes import Callee, resolve_callee
from ray_lint.program.sizes import count_items, count_loops
from ray_lint.program.work import Cost


def module_of(source: str, filename: str = "<test>", project: Project | None = None) -> Module:
    text = textwrap.dedent(source)
    return (project or Project()).add(text, ast.parse(text), filename)


def remote_calls(module: Module) -> list[ast.Call]:
    """Return the ``X.remote(...)`` calls of a module in source order."""
    calls = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "remote"
        and module.names.qualified(node.func) != "ray.remote"
    ]
    return sorted(calls, key=lambda c: (c.end_lineno or 0, c.end_col_offset or 0))


def callees(source: str, filename: str = "<test>", project: Project | None = None) -> list[Callee]:
    project = project or Project()
    module = module_of(source, filename, project)
    return [resolve_callee(project, module, call) for call in remote_calls(module)]


def last_callee(source: str, filename: str = "<test>", project: Project | None = None) -> Callee:
    return callees(source, filename, project)[-1]


def count_of(source: str) -> Count:
    """Count the runs of the last ``.remote(...)`` call or the items of a final expression."""
    project = Project()
    module = module_of(source, project=project)
    calls = remote_calls(module)
    if calls:
        loops = module.names.enclosing_loops(calls[-1])
        return count_loops(project, module, loops)
    expression = module.tree.body[-1]
    assert isinstance(expression, ast.Expr)
    return count_items(project, module, expression.value)


def last_cost(source: str) -> Cost:
    project = Project()
    module = module_of(source, project=project)
    call = remote_calls(module)[-1]
    return cost_of(project, resolve_callee(project, module, call))


def write_tree(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
