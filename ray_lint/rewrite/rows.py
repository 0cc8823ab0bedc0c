"""Loops over dictionaries that set a key of each item: ``row["b"] = f.remote(row["a"])``."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ray_lint.program.effects import is_immutable
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.size_elements import loop_values


def reads_another_key(
    project: Project, module: Module, expression: ast.expr, changes: Iterable[ast.AST]
) -> bool:
    """Whether ``row["a"]`` is a plain value of a dictionary in which the loop only sets others.

    ``changes`` are the names whose objects the loop may change. No code of the module may give
    the key another value, or give its dictionaries keys that cannot be seen.
    """
    names = module.names
    if not isinstance(expression, ast.Subscript) or not isinstance(expression.slice, ast.Constant):
        return False
    row, key = expression.value, expression.slice.value
    reaching = names.reaching(row) if isinstance(row, ast.Name) else []
    if [b.kind for b in reaching] != [BindingKind.LOOP]:
        return False
    stored = _stored(names)
    keys = [n.slice.value for n in stored if isinstance(n.slice, ast.Constant)]
    texts = [name for name in keys if isinstance(name, str)]  # no index of a list
    if len(texts) != len(stored) or key in texts:
        return False
    if any(names.attributes(method) for method in ("update", "setdefault", "__setitem__")):
        return False
    for use in changes:
        parent = names.parents.get(use)
        goes_through = isinstance(parent, ast.For) and parent.iter is use
        if parent not in stored and not goes_through:
            return False
    items = loop_values(module, reaching[0]) or []
    return bool(items) and all(_has_plain(project, module, item, key) for item in items)


@once_per_module
def _stored(names: ModuleNames) -> list[ast.Subscript]:
    return [n for n in names.index.every(ast.Subscript) if not isinstance(n.ctx, ast.Load)]


def _has_plain(project: Project, module: Module, item: ast.expr, key: object) -> bool:
    """Whether an item is a dictionary as it is written out, with a plain value for the key."""
    if not isinstance(item, ast.Dict) or not all(isinstance(k, ast.Constant) for k in item.keys):
        return False
    found = [
        value
        for name, value in zip(item.keys, item.values, strict=True)
        if isinstance(name, ast.Constant) and name.value == key
    ]
    return len(found) == 1 and is_immutable(project, module, found[0])
