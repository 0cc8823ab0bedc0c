"""Code that an expression keeps for later: what it reads then may have changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.rewrite.plan import Argument, Declined

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


def judge_late(names: ModuleNames, arguments: list[Argument], region: ast.AST) -> None:
    """Decline arguments with code that runs in the task and reads what the loop binds.

    Such a function is sent with what its names stand for at that moment. The items of a batch are
    sent together, when the loop is over.
    """
    for argument in arguments:
        if argument.expression not in names.order:
            continue
        for holder, code in _code(names, argument.expression, region):
            for node in names.walk(code):
                if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                    continue
                owner = names.owner(node)
                if owner is None or names.contains(holder, owner.node):
                    continue
                if any(names.contains(region, b.node) for b in owner.bindings.get(node.id, [])):
                    raise Declined(f"an argument reads `{node.id}` when the task runs it")


def _code(
    names: ModuleNames, expression: ast.expr, region: ast.AST
) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield the functions that the value of an argument may hold, and the code of each."""
    expressions = [expression]
    for node in names.walk(expression):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        for binding in names.reaching(node):
            if not names.contains(region, binding.node):
                continue
            if binding.kind is BindingKind.FUNCTION and isinstance(binding.node, ast.FunctionDef):
                yield from ((binding.node, statement) for statement in binding.node.body)
            elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
                expressions.append(binding.value)
    for part in expressions:
        for kept in kept_code(names, part):
            yield kept, kept.body if isinstance(kept, ast.Lambda) else kept
