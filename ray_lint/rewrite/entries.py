"""Lists and tables that an object keeps for itself: nothing else has a name for what they hold."""

from __future__ import annotations

import ast

from ray_lint.program.names import ModuleNames
from ray_lint.program.node_index import once_per_module

WRITTEN_OUT = (ast.List, ast.Dict, ast.Set, ast.Tuple)
"""Displays: each makes an object of its own."""
_EMPTY = (
    *("builtins.list", "builtins.dict", "builtins.set", "collections.deque"),
    *("collections.defaultdict", "collections.Counter", "collections.OrderedDict"),
)
_COPIES = tuple(
    f"builtins.{name}"
    for name in (*("list", "tuple", "set", "dict", "min", "max", "any", "all", "zip", "enumerate"),)
)
_LOOKS = ("ray.get", "builtins.len", "builtins.print", "builtins.sum", "builtins.sorted")


def fills_beside(names: ModuleNames, argument: ast.Name, use: ast.AST) -> bool:
    """Whether a change of ``self`` only fills ``self.refs``, and the argument is ``self.other``.

    That is no change of the argument if the list, or the list in a table of lists, was made for
    the references alone.
    """
    parent, changed = names.parents.get(argument), names.parents.get(use)
    if not isinstance(parent, ast.Attribute) or not isinstance(changed, ast.Attribute):
        return False
    if parent.attr == changed.attr or not isinstance(changed.ctx, ast.Load):
        return False
    outer = names.parents.get(changed)
    inside = isinstance(outer, ast.Subscript) and isinstance(outer.ctx, ast.Load)
    if inside and not _holds_fresh(names, changed.attr):
        return False
    called = isinstance(outer, ast.Call) and outer.func is changed
    return not called and _is_always_fresh(names, changed.attr)


def is_own_entry(names: ModuleNames, changed: ast.expr, read: ast.expr) -> bool:
    """Whether ``self.table[key]`` holds a list of its own, which no ``read`` was taken from."""
    holder = changed.value if isinstance(changed, ast.Subscript) else None
    if not isinstance(holder, ast.Attribute):
        return False
    if not (_is_always_fresh(names, holder.attr) and _holds_fresh(names, holder.attr)):
        return False
    seen: list[ast.AST] = [read]
    for node in ast.walk(read):
        if isinstance(node, ast.Name) and node in names.order:
            for binding in names.reaching(node):
                loop = [getattr(a, "iter", None) for a in names.ancestors(binding.node)]
                seen += [part for part in (binding.value, *loop) if part is not None]
    parts = (n for part in seen for n in ast.walk(part))
    return not any(isinstance(n, ast.Attribute) and n.attr == holder.attr for n in parts)


def _is_fresh(names: ModuleNames, value: ast.expr | None) -> bool:
    """Whether a value is an empty collection, or a display: an object of its own."""
    if isinstance(value, ast.Call):
        empty = not value.args and not value.keywords
        return names.stands_for(value.func, *_EMPTY) and (empty or _is_table(names, value))
    return isinstance(value, WRITTEN_OUT)


def _is_table(names: ModuleNames, value: ast.Call) -> bool:
    """Whether a value is ``defaultdict(list)``, whose items are made for it."""
    return (
        names.stands_for(value.func, "collections.defaultdict")
        and len(value.args) == 1
        and names.stands_for(value.args[0], *_EMPTY, "builtins.int", "builtins.float")
    )


@once_per_module
def _holds_fresh(names: ModuleNames, attribute: str) -> bool:
    """Whether all items of ``x.attribute`` were made for it alone, and have no other name."""
    for node in names.attributes(attribute):
        outer = names.parents.get(node)
        statement = names.statement_of(node)
        if isinstance(outer, ast.Subscript) and not isinstance(outer.ctx, ast.Load):
            if not _is_fresh(names, getattr(statement, "value", None)):
                return False
        elif isinstance(outer, ast.Subscript):
            user = names.parents.get(outer)
            read = isinstance(user, ast.Call) and names.stands_for(user.func, *_LOOKS)
            if not (read or isinstance(user, ast.Attribute | ast.For | ast.comprehension)):
                return False  # it may get another name
        elif isinstance(node.ctx, ast.Store):
            made = getattr(statement, "value", None)
            table = isinstance(made, ast.Call) and _is_table(names, made)
            if not table and not (isinstance(made, ast.Dict) and not made.keys):
                return False
        elif isinstance(outer, ast.Attribute) and outer.attr in ("update", "setdefault"):
            call = names.parents.get(outer)
            given = call.args[-1] if isinstance(call, ast.Call) and call.args else None
            if not _is_fresh(names, given):
                return False
    return True


@once_per_module
def _is_always_fresh(names: ModuleNames, attribute: str) -> bool:
    """Whether all that is ever stored in ``x.attribute`` was made for it alone."""
    for node in names.attributes(attribute):
        statement = names.parents.get(node)
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            shared = isinstance(statement, ast.Assign) and len(statement.targets) > 1
            if node is statement.value or shared or not _is_fresh(names, statement.value):
                return False
        elif not isinstance(node.ctx, ast.Load) and not _is_waited(names, node):
            return False
    return True


def _is_waited(names: ModuleNames, store: ast.Attribute) -> bool:
    """Whether ``done, self.refs = ray.wait(self.refs)`` stores a new list.

    Or ``values, self.refs = ray.get(self.refs), []``.
    """
    targets = names.parents.get(store)
    statement = names.parents.get(targets) if isinstance(targets, ast.Tuple) else None
    made = statement.value if isinstance(statement, ast.Assign) else None
    if isinstance(targets, ast.Tuple) and isinstance(made, ast.Tuple):
        parts = zip(targets.elts, made.elts, strict=False)
        plain = len(targets.elts) == len(made.elts) and not any(
            isinstance(e, ast.Starred) for e in (*targets.elts, *made.elts)
        )
        return plain and all(_is_fresh(names, part) for at, part in parts if at is store)
    return isinstance(made, ast.Call) and names.stands_for(made.func, "ray.wait")


@once_per_module
def is_own_table(names: ModuleNames, attribute: str) -> bool:
    """Whether what ``x.attribute`` keeps has no other name: it is made anew and never handed on."""
    return _is_always_fresh(names, attribute) and all(
        _is_looked_at(names, node)
        for node in names.attributes(attribute)
        if isinstance(node.ctx, ast.Load)
    )


def _is_looked_at(names: ModuleNames, load: ast.Attribute) -> bool:
    parent = names.parents.get(load)
    if isinstance(parent, ast.Call):
        return load in parent.args and names.stands_for(parent.func, *_LOOKS, *_COPIES, "ray.wait")
    inverted = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
    looked = (ast.Subscript, ast.Attribute, ast.For, ast.comprehension, ast.While, ast.If)
    return inverted or isinstance(parent, looked)
