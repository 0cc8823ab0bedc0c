"""Loops that deal the references out to several lists: ``groups[key].append(f.remote(x))``."""

from __future__ import annotations

import ast

from ray_lint.program.names import LOOPS, Binding, BindingKind, ModuleNames
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.uses import is_empty_list


def dealt_out(
    names: ModuleNames, call: ast.Call, statement: ast.stmt, destination: ast.expr
) -> Shape | None:
    """Describe a statement that appends to one of the lists in a table that the file itself makes.

    The loop may look at nothing but the keys of the table, and give it new lists.
    """
    root = _root(destination)
    owner = names.owner(root) if root is not None else None
    if root is None or owner is None or root is destination:
        return None
    bindings = owner.bindings.get(root.id, [])
    if len(bindings) != 1 or not _is_table(names, bindings[0]):
        return None
    loop: ast.For | ast.AsyncFor | ast.While | None = None
    around: list[ast.AST] = []
    for candidate in names.enclosing_loops(statement):
        uses = [u for u in owner.uses.get(root.id, []) if names.contains(candidate, u)]
        if around or not isinstance(candidate, LOOPS):
            around.append(candidate)
        elif all(u is root or _is_harmless(names, u) for u in uses):
            loop = candidate
        else:
            around.append(candidate)
    if loop is None or names.contains(loop, bindings[0].node):
        return None
    for use in owner.uses.get(root.id, []):
        earlier = names.order[use] < names.order[loop]
        if names.contains(loop, use) or not (
            earlier or any(names.contains(outer, use) for outer in around)
        ):
            continue
        if not _is_harmless(names, use):
            return None
    return Shape(
        Form.DEAL, statement, loop, None, container=root, loop=loop, destination=destination
    )


def _root(destination: ast.expr) -> ast.Name | None:
    """Return the name of the table in ``table[key]`` and ``table.setdefault(key, [])``."""
    node = destination
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        fresh = len(node.args) == 2 and is_empty_list(node.args[1]) and not node.keywords
        if node.func.attr != "setdefault" or not fresh:
            return None
        node = node.func.value
    while isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def _is_table(names: ModuleNames, binding: Binding) -> bool:
    return binding.kind is BindingKind.ASSIGN and _is_fresh(names, binding.value)


def _is_fresh(names: ModuleNames, value: ast.expr | None) -> bool:
    """Whether a value is an empty list, or a collection of nothing but new ones."""
    if isinstance(value, ast.Dict):
        return all(key is not None for key in value.keys) and all(
            _is_fresh(names, v) for v in value.values
        )
    if isinstance(value, ast.List | ast.Tuple):
        return all(_is_fresh(names, v) for v in value.elts)
    if isinstance(value, ast.DictComp):
        return _is_fresh(names, value.value)
    if isinstance(value, ast.ListComp):
        return _is_fresh(names, value.elt)
    if not isinstance(value, ast.Call) or value.keywords:
        return False
    if names.stands_for(value.func, "collections.defaultdict") and len(value.args) == 1:
        made = value.args[0]
        if isinstance(made, ast.Lambda):
            return _is_fresh(names, made.body)
        return names.stands_for(made, "builtins.list", "builtins.dict")
    return not value.args and names.stands_for(
        value.func, "builtins.list", "builtins.dict", "collections.OrderedDict"
    )


def _is_harmless(names: ModuleNames, use: ast.Name) -> bool:
    """Whether a use of the table only asks for a key, or puts a new list under one."""
    node: ast.AST = use
    parent = names.parents.get(node)
    if isinstance(parent, ast.Compare):
        return node in parent.comparators and all(
            isinstance(op, ast.In | ast.NotIn) for op in parent.ops
        )
    while isinstance(parent, ast.Subscript) and parent.value is node:
        node, parent = parent, names.parents.get(parent)
    return (
        isinstance(parent, ast.Assign)
        and parent.targets == [node]
        and node is not use
        and _is_fresh(names, parent.value)
    )
