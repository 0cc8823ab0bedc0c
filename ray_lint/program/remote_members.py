"""What an attribute stands for in Ray's terms: methods of handles, members of classes."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, FunctionNode
from ray_lint.program.project import final_bindings
from ray_lint.program.remote_bindings import fillings
from ray_lint.program.remote_kinds import (
    DEPTH,
    Value,
    ValueKind,
)

if TYPE_CHECKING:
    from ray_lint.program.remote_values import Remotes


def values_of_attribute(
    remotes: Remotes, module: Module, node: ast.Attribute, depth: int
) -> list[Value]:
    """Return the values that ``base.name`` may have."""
    if module.names.stands_for(node, "ray.remote"):
        return [Value(ValueKind.REMOTE_MAKER, module, node, node)]
    names = module.names.qualified_names(node)
    if any(name.startswith("ray.serve.") for name in names):
        return [Value(ValueKind.FOREIGN, module, node, reason="belongs to Ray Serve")]
    if any(name.startswith("ray.") and name.count(".") == 1 and name.islower() for name in names):
        return []  # Ray's own interface is known by name
    found: list[Value] = []
    for definition in remotes.project.definitions(module, node):
        if definition.module is not module or definition.attributes == ():
            found += remotes.defined(definition, depth)
    if found:
        return found
    for base in remotes.values(module, node.value, depth):
        found += member(remotes, base, node.attr, depth)
    return found


def member(remotes: Remotes, base: Value, attribute: str, depth: int) -> list[Value]:
    """Return what ``attribute`` is on a known value."""
    if base.kind is ValueKind.HANDLE:
        home, method = _method(remotes, base, attribute, depth) or (base.module, None)
        return [replace(base, kind=ValueKind.METHOD, method=method, module=home)]
    if base.kind in (ValueKind.REMOTE_FUNCTION, ValueKind.METHOD) and attribute == "remote":
        return [replace(base, kind=ValueKind.SUBMITTER, items=(base,))]
    if base.kind is ValueKind.ACTOR_CLASS and attribute == "remote":
        return [replace(base, kind=ValueKind.SUBMITTER, items=(base,))]
    if base.kind is ValueKind.FOREIGN:
        return [base]
    if base.kind not in (ValueKind.INSTANCE, ValueKind.CLASS) or not isinstance(
        base.node, ast.ClassDef
    ):
        return []
    if base.module is None or depth > DEPTH:
        return []
    key = (member, base.node, attribute)
    memo = remotes.project.memo
    if key not in memo:
        memo[key] = ()
        memo[key] = tuple(_class_member(remotes, base.module, base.node, attribute, depth + 1))
    return list(memo[key])


def _class_member(
    remotes: Remotes, module: Module, node: ast.ClassDef, attribute: str, depth: int
) -> list[Value]:
    found: list[Value] = []
    scope = module.names.scopes[node]
    for binding in final_bindings(scope, attribute):
        for value in remotes.bound(module, binding, depth):
            bound = value.kind is ValueKind.FUNCTION
            found.append(replace(value, kind=ValueKind.BOUND) if bound else value)
    for stored in remotes.stored(module, node).get(attribute, ()):
        statement = module.names.parents.get(stored)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            found += remotes.values(module, statement.value, depth)
    if not any(v.kind is ValueKind.COLLECTION for v in found):
        found += fillings(
            remotes, module, remotes.loaded(module, node).get(attribute, [])[:60], depth
        )
    if not found:
        for base_class in remotes.bases(module, node, depth):
            assert base_class.module is not None
            found += member(remotes, replace(base_class, kind=ValueKind.INSTANCE), attribute, depth)
    return found


def _method(
    remotes: Remotes, handle: Value, attribute: str, depth: int
) -> tuple[Module, FunctionNode] | None:
    """Return the definition of an actor's method and the module that it stands in."""
    if handle.module is None or not isinstance(handle.node, ast.ClassDef):
        return None
    scope = handle.module.names.scopes[handle.node]
    for binding in reversed(final_bindings(scope, attribute)):
        if isinstance(binding.node, FUNCTIONS):
            return handle.module, binding.node
    if depth < DEPTH:
        for base in remotes.bases(handle.module, handle.node, depth):
            method = _method(remotes, base, attribute, depth + 1)
            if method is not None:
                return method
    return None
