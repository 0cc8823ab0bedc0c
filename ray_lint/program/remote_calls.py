"""What a call gives in Ray's terms: handles, remote functions, results of helpers."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.functions import returns_of
from ray_lint.program.module import Module
from ray_lint.program.remote_kinds import (
    PICKERS,
    SEQUENCE_WRAPPERS,
    Value,
    ValueKind,
    Values,
    is_collection,
    items_of_collections,
)

if TYPE_CHECKING:
    from ray_lint.program.remote_values import Remotes


def values_of_call(remotes: Remotes, module: Module, node: ast.Call, depth: int) -> list[Value]:
    """Return the values that a call may give."""
    names = module.names
    function = node.func
    dotted = names.qualified_names(function)
    if "ray.remote" in dotted:
        if node.args:
            return _made_remote(remotes, module, node.args[0], node, depth)
        return [Value(ValueKind.REMOTE_MAKER, module, node, node)]
    if dotted & {"ray.get_actor", "ray.util.get_actor"}:
        return [Value(ValueKind.HANDLE, module, reason="a named actor")]
    if any(name.startswith("ray.serve.") for name in dotted):
        return [Value(ValueKind.FOREIGN, module, node, reason="a Ray Serve handle")]
    if any(n.startswith(("unittest.mock.", "mock.")) for n in dotted):
        return [Value(ValueKind.FOREIGN, module, node, reason="a mock object")]
    if dotted & {"functools.partial", "ray.put"} and node.args:
        return list(remotes.values(module, node.args[0], depth))
    if dotted & SEQUENCE_WRAPPERS and node.args:
        return list(
            remotes.values(module, node.args[-1 if "builtins.filter" in dotted else 0], depth)
        )
    if dotted & PICKERS and node.args:
        return items_of_collections(remotes.values(module, node.args[0], depth), "pool")
    if isinstance(function, ast.Attribute):
        if function.attr == "options":
            return [
                replace(v, options=(*v.options, node))
                for v in remotes.values(module, function.value, depth)
            ]
        if function.attr in {"remote", "_remote"}:
            return _submitted(remotes, remotes.values(module, function.value, depth), node)
        if function.attr in {"bind", "get_handle"}:
            return [Value(ValueKind.FOREIGN, module, node, reason="a Serve or DAG node")]
        if function.attr in {"pop", "popleft", "get", "choice"}:
            base = remotes.values(module, function.value, depth)
            found = items_of_collections(base, "pool")
            if found:
                return found
        if function.attr == "values" and not node.args:
            return [v for v in remotes.values(module, function.value, depth) if is_collection(v)]
    if len(dotted) == 1 and next(iter(dotted)).startswith("builtins."):
        return []
    found = []
    for value in remotes.values(module, function, depth):
        found += _result(remotes, module, value, node, depth)
    return found


def _made_remote(
    remotes: Remotes, module: Module, argument: ast.expr, maker: ast.expr, depth: int
) -> list[Value]:
    found: list[Value] = []
    for value in remotes.values(module, argument, depth):
        if value.kind in (ValueKind.FUNCTION, ValueKind.BOUND):
            found.append(replace(value, kind=ValueKind.REMOTE_FUNCTION, decorator=maker))
        elif value.kind is ValueKind.CLASS:
            found.append(replace(value, kind=ValueKind.ACTOR_CLASS, decorator=maker))
    if found:
        return [replace(value, binding="") for value in found]
    # Something that is not seen is made remote: a class by its name, else a function.
    words = ast.unparse(argument).rpartition(".")[2]
    kind = ValueKind.ACTOR_CLASS if words[:1].isupper() else ValueKind.REMOTE_FUNCTION
    reason = f"`{words[:40]}` made remote; its definition is not in the project"
    return [Value(kind, module, None, maker, reason=reason)]


def _submitted(remotes: Remotes, values: Values, node: ast.Call) -> list[Value]:
    return [
        replace(value, kind=ValueKind.HANDLE, target="one actor")
        for value in values
        if value.kind is ValueKind.ACTOR_CLASS
    ]


def _result(
    remotes: Remotes, module: Module, value: Value, call: ast.Call, depth: int
) -> list[Value]:
    """Return what calling ``value`` gives."""
    if value.kind is ValueKind.REMOTE_MAKER and call.args:
        return _made_remote(remotes, module, call.args[0], value.decorator or call.func, depth)
    if value.kind is ValueKind.CLASS:
        return [replace(value, kind=ValueKind.INSTANCE)]
    if value.kind is ValueKind.SUBMITTER:
        return _submitted(remotes, value.items, call)
    if value.kind is ValueKind.FOREIGN:
        return [value]
    if value.kind in (ValueKind.FUNCTION, ValueKind.BOUND) and value.module is not None:
        if isinstance(value.node, ast.Lambda):
            return list(remotes.values(value.module, value.node.body, depth))
        return [
            result
            for statement in returns_of(value.module, value.node)
            if statement.value is not None
            for result in remotes.values(value.module, statement.value, depth)
        ]
    return []
