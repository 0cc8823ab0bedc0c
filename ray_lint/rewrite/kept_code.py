"""Code that an expression keeps for later: what it reads then may have changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ray_lint.program.effects import is_immutable
from ray_lint.program.effects.state import changing_uses
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, ModuleNames, Scope
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.rewrite.observers import reachable
from ray_lint.rewrite.plan import Argument, Declined

_FIXED = (BindingKind.FUNCTION, BindingKind.CLASS, BindingKind.IMPORT)
# What has called a function or run through a generator by the time that it returns.
_AT_ONCE = tuple(
    f"builtins.{name}"
    for name in ("all", "any", "dict", "list", "max", "min", "set", "sorted", "sum", "tuple")
)


def kept_code(names: ModuleNames, expression: ast.expr) -> Iterator[ast.Lambda | ast.GeneratorExp]:
    """Yield the functions and generators made in an expression that may run after it."""
    for node in ast.walk(expression):
        if not isinstance(node, ast.Lambda | ast.GeneratorExp):
            continue
        parent = names.parents[node]
        if isinstance(parent, ast.keyword) and parent.arg == "key":
            parent = names.parents[parent]
        if isinstance(parent, ast.Call) and parent.func is not node:
            function = parent.func
            joins = isinstance(function, ast.Attribute) and function.attr == "join"
            if joins or names.stands_for(function, *_AT_ONCE):
                continue
        yield node


def judge_late(
    project: Project, module: Module, arguments: list[Argument], region: ast.AST
) -> None:
    """Decline arguments with code that runs in the task and reads what the loop binds or changes.

    Such a function is sent with what its names stand for at that moment, and so is the class of an
    object. The items of a batch are sent together, when the loop is over.
    """
    names = module.names
    places = [region, *reachable(names, [region])]
    for argument in arguments:
        if argument.expression not in names.order:
            continue
        for holder, code in _code(names, argument.expression, region):
            name = _changing_name(module, holder, code, places)
            if name:
                raise Declined(f"an argument reads `{name}` when the task runs it")
    objects = any(
        a.varying
        and a.expression in names.order
        and not is_immutable(project, module, a.expression)
        for a in arguments
    )
    for scope, name, reader in _read_by_classes(names) if objects else ():
        if _is_changed(module, scope, name, places):
            raise Declined(f"`{reader}`, of which an item may be, reads `{name}`")


@once_per_module
def _read_by_classes(names: ModuleNames) -> list[tuple[Scope, str, str]]:
    """Return the variables around the classes of a module that these read, with the class."""
    found: dict[tuple[Scope, str, str], None] = {}
    for owner in names.index.every(ast.ClassDef):
        for node in names.walk(owner):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                scope = names.owner(node)
                if scope is None or names.contains(owner, scope.node):
                    continue
                if not all(b.kind in _FIXED for b in scope.bindings.get(node.id, [])):
                    found[scope, node.id, owner.name] = None
    return list(found)


def _is_changed(module: Module, scope: Scope, name: str, places: Sequence[ast.AST]) -> bool:
    """Whether code in one of the places binds a variable again, or changes what it stands for."""
    bound = [binding.node for binding in scope.bindings.get(name, [])]
    return any(module.names.contains(place, node) for node in bound for place in places) or any(
        changing_uses(module, scope, name, place) for place in places
    )


def _changing_name(
    module: Module, holder: ast.AST, code: ast.AST, places: Sequence[ast.AST]
) -> str:
    """Return a variable around ``holder`` that its code reads and the places change; "" if none."""
    names = module.names
    for part in [code, *reachable(names, [code])]:
        for node in names.walk(part):
            if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                continue
            owner = names.owner(node)
            if owner is None or names.contains(holder, owner.node):
                continue
            if part is not code and names.contains(part, owner.node):
                continue
            if all(b.kind in _FIXED for b in owner.bindings.get(node.id, [])):
                continue
            if _is_changed(module, owner, node.id, [p for p in places if p is not holder]):
                return node.id
    return ""


def _code(
    names: ModuleNames, expression: ast.expr, region: ast.AST
) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield the functions that the value of an argument may hold, and the code of each."""
    expressions = [expression]
    for node in names.walk(expression):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        parent = names.parents.get(node)
        called = isinstance(parent, ast.Call) and parent.func is node
        for binding in names.reaching(node):
            if called and not names.contains(region, binding.node):
                continue  # it has run by then
            if binding.kind is BindingKind.FUNCTION and isinstance(binding.node, ast.FunctionDef):
                yield from ((binding.node, statement) for statement in binding.node.body)
            elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
                expressions.append(binding.value)
    for part in expressions:
        for kept in kept_code(names, part):
            yield kept, kept.body if isinstance(kept, ast.Lambda) else kept
