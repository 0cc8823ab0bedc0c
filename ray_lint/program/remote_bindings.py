"""What a name stands for in Ray's terms: definitions, assignments, loop variables, parameters."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.actor_pools import made_of, pooled_handle
from ray_lint.program.functions import arguments_for
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind
from ray_lint.program.remote_kinds import (
    HANDLE_TYPES,
    SEQUENCE_WRAPPERS,
    Value,
    ValueKind,
    collected,
    items_of_collections,
)

if TYPE_CHECKING:
    from ray_lint.program.remote_values import Remotes


def values_of_binding(
    remotes: Remotes, module: Module, binding: Binding, depth: int
) -> list[Value]:
    """Return the values that a binding gives to its name."""
    node, value = binding.node, binding.value
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return _decorated(remotes, module, node, depth)
    kind = binding.kind
    if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
        found = list(remotes.values(module, value, depth))
        return found + _filled(remotes, module, binding, value, depth)
    if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return _iterated(remotes, module, binding, depth)
    if kind is BindingKind.UNPACKED:
        statement = binding.statement
        if isinstance(statement, ast.Assign):
            return items_of_collections(remotes.values(module, statement.value, depth), "one actor")
    if kind is BindingKind.WITH and isinstance(binding.statement, ast.With):
        for item in binding.statement.items:
            if item.optional_vars is node:
                return list(remotes.values(module, item.context_expr, depth))
    if isinstance(node, ast.arg):
        return _parameter(remotes, module, binding, node, depth)
    return []


def _decorated(
    remotes: Remotes,
    module: Module,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    depth: int,
) -> list[Value]:
    is_class = isinstance(node, ast.ClassDef)
    for decorator in node.decorator_list:
        if _is_remote_maker(remotes, module, decorator, depth):
            kind = ValueKind.ACTOR_CLASS if is_class else ValueKind.REMOTE_FUNCTION
            return [Value(kind, module, node, decorator, binding=node.name)]
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = module.names.qualified(called) or ""
        if name.startswith("ray.serve."):
            return [Value(ValueKind.FOREIGN, module, node, reason="a Ray Serve deployment")]
    kind = ValueKind.CLASS if is_class else ValueKind.FUNCTION
    return [Value(kind, module, node, binding=node.name)]


def _is_remote_maker(remotes: Remotes, module: Module, decorator: ast.expr, depth: int) -> bool:
    names = module.names
    if names.stands_for(decorator, "ray.remote"):
        return True
    if isinstance(decorator, ast.Call) and names.stands_for(decorator.func, "ray.remote"):
        return True
    return any(v.kind is ValueKind.REMOTE_MAKER for v in remotes.values(module, decorator, depth))


def _filled(
    remotes: Remotes, module: Module, binding: Binding, value: ast.expr, depth: int
) -> list[Value]:
    """Return the collection that ``append`` calls and item assignments fill."""
    empty = (isinstance(value, ast.List | ast.Tuple) and not value.elts) or (
        isinstance(value, ast.Dict) and not value.keys
    )
    call = isinstance(value, ast.Call) and not value.args
    if not empty and not call and not isinstance(value, ast.BinOp | ast.List):
        return []
    return fillings(remotes, module, module.names.uses(binding)[:60], depth)


def fillings(
    remotes: Remotes, module: Module, uses: list[ast.Name] | list[ast.Attribute], depth: int
) -> list[Value]:
    """Return the collection that the uses of a name fill with ``append`` or by key."""
    items: list[Value] = []
    parents = module.names.parents
    for use in uses:
        parent = parents.get(use)
        if isinstance(parent, ast.Attribute) and parent.attr in {"append", "add", "appendleft"}:
            call = parents.get(parent)
            if isinstance(call, ast.Call) and call.func is parent and call.args:
                items += remotes.values(module, call.args[0], depth)
        elif isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
            statement = parents.get(parent)
            if isinstance(statement, ast.Assign):
                items += remotes.values(module, statement.value, depth)
    return collected(module, items)


def _iterated(remotes: Remotes, module: Module, binding: Binding, depth: int) -> list[Value]:
    """Return what a loop variable may be: the items of its iterable."""
    node = binding.node
    loop: ast.AST | None = module.names.parents.get(node)
    target: ast.AST = node
    path: list[int] = []
    while isinstance(loop, ast.Tuple | ast.List):
        path.insert(0, loop.elts.index(target))  # type: ignore[arg-type]
        target, loop = loop, module.names.parents.get(loop)
    if not isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
        return []
    return _elements(remotes, module, loop.iter, path, depth)


def _elements(
    remotes: Remotes, module: Module, iterable: ast.expr, path: list[int], depth: int
) -> list[Value]:
    if isinstance(iterable, ast.Call):
        name = module.names.qualified(iterable.func) or ""
        if name == "builtins.enumerate" and iterable.args:
            if path[:1] != [1]:
                return []
            return _elements(remotes, module, iterable.args[0], path[1:], depth)
        if name in {"builtins.zip", "itertools.product", "itertools.zip_longest"} and path:
            if path[0] < len(iterable.args):
                return _elements(remotes, module, iterable.args[path[0]], path[1:], depth)
            return []
        if name == "itertools.cycle" and iterable.args and not path:
            # Endless turns over the actors: not one call each.
            return items_of_collections(remotes.values(module, iterable.args[0], depth), "pool")
        if name in SEQUENCE_WRAPPERS and iterable.args:
            argument = iterable.args[1 if name == "builtins.filter" else 0 :][:1]
            return _elements(remotes, module, argument[0], path, depth) if argument else []
        if isinstance(iterable.func, ast.Attribute) and not iterable.args:
            if iterable.func.attr == "items" and path[:1] == [1]:
                return _elements(remotes, module, iterable.func.value, path[1:], depth)
            if iterable.func.attr == "values":
                return _elements(remotes, module, iterable.func.value, path, depth)
    values = items_of_collections(remotes.values(module, iterable, depth), "loop variable")
    for index in path:
        values = (
            [v for x in values for v in items_of_collections((x,), "loop variable")]
            if index >= 0
            else []
        )
    return values


def _parameter(
    remotes: Remotes, module: Module, binding: Binding, node: ast.arg, depth: int
) -> list[Value]:
    names = module.names
    function = binding.scope.node
    owner = names.parents.get(function)
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = [*function.args.posonlyargs, *function.args.args]
        first = arguments[:1] == [node]
        if first and isinstance(owner, ast.ClassDef):
            static = any(
                names.stands_for(d, "builtins.staticmethod") for d in function.decorator_list
            )
            if not static:
                return [Value(ValueKind.INSTANCE, module, owner)]
    if node.annotation is not None:
        found = _annotated(remotes, module, node.annotation, depth)
        if found:
            return found
    found = []
    if isinstance(function, ast.Lambda) and function.args.args[:1] == [node]:
        mapped = owner if isinstance(owner, ast.Call) and pooled_handle(owner) else None
        method = mapped.func if mapped is not None else None
        pool = made_of(module, method.value) if isinstance(method, ast.Attribute) else None
        if pool is not None:
            return items_of_collections(remotes.values(module, pool.args[0], depth), "pool")
    if isinstance(function, FUNCTIONS):
        for argument in arguments_for(module, function, node.arg):
            found += remotes.values(module, argument, depth)
    functions = (ValueKind.FUNCTION, ValueKind.REMOTE_FUNCTION)
    return [replace(v, lent=True) if v.kind in functions else v for v in found]


def _annotated(remotes: Remotes, module: Module, annotation: ast.expr, depth: int) -> list[Value]:
    """Return the handle that an annotation promises."""
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        values = _annotated(remotes, module, inner, depth) if isinstance(inner, ast.expr) else []
        handles = [v for v in values if v.kind is ValueKind.HANDLE]
        name = ast.unparse(annotation.value).rpartition(".")[2]
        return handles if name in {"Optional", "ActorProxy"} else collected(module, handles)
    if isinstance(annotation, ast.BinOp):
        return _annotated(remotes, module, annotation.left, depth) or _annotated(
            remotes, module, annotation.right, depth
        )
    if isinstance(annotation, ast.Name | ast.Attribute):
        if not module.names.qualified_names(annotation).isdisjoint(HANDLE_TYPES):
            return [Value(ValueKind.HANDLE, module)]
        found = []
        for value in remotes.values(module, annotation, depth):
            if value.kind is ValueKind.ACTOR_CLASS:
                found.append(replace(value, kind=ValueKind.HANDLE))
            elif value.kind is ValueKind.CLASS:
                found.append(replace(value, kind=ValueKind.INSTANCE))
        return found
    return []
