"""What the items of a collection may be: the expressions that made them, as far as seen."""

from __future__ import annotations

import ast

from ray_lint.program.functions import arguments_for, calls_of
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind

_DEPTH = 12
_MANY = 60  # expressions; what is told by so many is not told by more
SAME_ITEMS = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "sorted", "reversed", "set", "iter")
) | {"tqdm.tqdm", "tqdm.auto.tqdm", "collections.deque", "copy.copy", "copy.deepcopy", "ray.put"}
_CHOICES = frozenset(
    f"itertools.{name}"
    for name in ("combinations", "combinations_with_replacement", "permutations", "pairwise")
)
# What the pieces of a text stand for: a word, a line.
_PIECES = {"split": "word " * 3, "rsplit": "word " * 3, "splitlines": "a line of text " * 6}

Expressions = list[ast.expr] | None


def items_of(
    module: Module, source: ast.expr, path: tuple[int, ...] = (), depth: int = 0
) -> Expressions:
    """Return the expressions that an item of ``source`` may be, None if not all are seen.

    ``path`` leads into items that are tuples: ``(1,)`` is what ``for _, x in source`` calls x.
    """
    found = _items(module, source, path, depth)
    if found is None or len(found) > _MANY:
        return None if found is None else found[:_MANY]
    return found


def loop_values(module: Module, binding: Binding, depth: int = 0) -> Expressions:
    """Return the expressions that a loop variable may stand for, also one inside of a tuple."""
    names = module.names
    path: list[int] = []
    node: ast.AST = binding.node
    parent = names.parents.get(node)
    while isinstance(parent, ast.Tuple | ast.List):
        if any(isinstance(e, ast.Starred) for e in parent.elts):
            return None
        path.insert(0, next(i for i, e in enumerate(parent.elts) if e is node))
        node, parent = parent, names.parents.get(parent)
    if not isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
        return None
    return items_of(module, parent.iter, tuple(path), depth + 1)


def _union(parts: list[Expressions]) -> Expressions:
    found: list[ast.expr] = []
    for part in parts:
        if part is None:
            return None
        found += part
    return found or None


def _items(module: Module, source: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    if depth > _DEPTH:
        return None
    if isinstance(source, ast.Name):
        return _of_name(module, source, path, depth + 1)
    if isinstance(source, ast.List | ast.Tuple | ast.Set):
        return _union([_into(module, e, path, depth) for e in source.elts[:_MANY]])
    if isinstance(source, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return _into(module, source.elt, path, depth)
    if isinstance(source, ast.BinOp) and isinstance(source.op, ast.Mult | ast.Add):
        sides = [_items(module, s, path, depth + 1) for s in (source.left, source.right)]
        if isinstance(source.op, ast.Mult):
            return sides[0] or sides[1]
        return _union(sides)
    if isinstance(source, ast.Subscript) and isinstance(source.slice, ast.Slice):
        return _items(module, source.value, path, depth + 1)
    if isinstance(source, ast.Constant) and isinstance(source.value, str) and not path:
        return [ast.Constant("c")]
    if isinstance(source, ast.JoinedStr) and not path:
        return [ast.Constant("c")]
    if isinstance(source, ast.Call):
        return _of_call(module, source, path, depth + 1)
    return None


def _of_call(module: Module, call: ast.Call, path: tuple[int, ...], depth: int) -> Expressions:
    known = module.names.qualified_names(call.func)
    if known & SAME_ITEMS and call.args:
        return _items(module, call.args[0], path, depth)
    if "builtins.enumerate" in known and call.args and path[:1] == (1,):
        return _items(module, call.args[0], path[1:], depth)
    if known & {"builtins.zip", "itertools.product"} and path and path[0] < len(call.args):
        return _items(module, call.args[path[0]], path[1:], depth)
    if known & _CHOICES and call.args and path:  # every place of a row holds an item of the first
        return _items(module, call.args[0], path[1:], depth)
    if isinstance(call.func, ast.Attribute):
        method, owner = call.func.attr, call.func.value
        if method in _PIECES and not path:
            return [ast.Constant(_PIECES[method])]
        if method in ("values", "items") and not call.args:
            if method == "items" and path[:1] != (1,):
                return None
            inner = path[1:] if method == "items" else path
            return _values_of(module, owner, inner, depth)
    return None


def _values_of(module: Module, owner: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    """Return what the values of a dictionary may be."""
    if isinstance(owner, ast.Name):
        bindings = module.names.reaching(owner)
        values = [b.value for b in bindings]
        if len(values) != 1 or values[0] is None or depth > _DEPTH:
            return None
        return _values_of(module, values[0], path, depth + 1)
    if isinstance(owner, ast.Dict):
        return _union([_into(module, v, path, depth) for v in owner.values[:_MANY]])
    if isinstance(owner, ast.DictComp):
        return _into(module, owner.value, path, depth)
    return None


def _into(module: Module, item: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    """Follow ``path`` into one item."""
    if not path:
        return [item]
    if isinstance(item, ast.Tuple | ast.List):
        if path[0] < len(item.elts):
            return _into(module, item.elts[path[0]], path[1:], depth)
        return None
    if isinstance(item, ast.Name) and depth < _DEPTH:
        values = [b.value for b in module.names.reaching(item) if b.kind is BindingKind.ASSIGN]
        if len(values) == 1 and values[0] is not None:
            return _into(module, values[0], path, depth + 1)
    return None


def _of_name(module: Module, name: ast.Name, path: tuple[int, ...], depth: int) -> Expressions:
    names = module.names
    if name not in names.order:
        return None
    parts: list[Expressions] = []
    for binding in names.reaching(name):
        if binding.kind is BindingKind.PARAMETER:
            parts.append(_given(module, binding, path, depth))
            continue
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            values = loop_values(module, binding, depth)
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            values = [binding.value]
        else:
            return None
        if values is None:
            return None
        for value in values:
            empty = isinstance(value, ast.List) and not value.elts
            filled = _filled_with(module, binding, path, depth)
            if filled is not None:
                parts.append(filled)
            if not (empty and filled is not None):
                parts.append(_items(module, value, path, depth))
    return _union(parts)


def _filled_with(
    module: Module, binding: Binding, path: tuple[int, ...], depth: int
) -> Expressions:
    """Return what ``append`` puts into a list."""
    names = module.names
    found: list[Expressions] = []
    for use in names.uses(binding):
        parent = names.parents.get(use)
        if not isinstance(parent, ast.Attribute) or parent.attr not in ("append", "add"):
            continue
        call = names.parents.get(parent)
        if isinstance(call, ast.Call) and call.func is parent and len(call.args) == 1:
            found.append(_into(module, call.args[0], path, depth))
    return _union(found) if found else None


def _given(module: Module, binding: Binding, path: tuple[int, ...], depth: int) -> Expressions:
    """Return the items of what the calls of a function give to its parameter."""
    function = binding.scope.node
    if not isinstance(function, FUNCTIONS) or not calls_of(module, function):
        return None
    given = arguments_for(module, function, binding.name)
    return _union([_items(module, value, path, depth) for value in given])
