"""What the text of a function says of its names, whatever it is called with."""

from __future__ import annotations

import ast
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class FunctionFacts:
    """The names of a function, and whether it ``yields``.

    ``local`` ones it binds itself, but for its parameters; those ``outside`` are what it and the
    functions in it read, or declare, without binding it.
    """

    local: frozenset[str]
    outside: frozenset[str]
    yields: bool


def facts_of(function: FunctionNode) -> FunctionFacts:
    """Read the text of a function."""
    return FunctionFacts(_local(function), _outside(function), _yields(function))


def _body(function: FunctionNode) -> list[ast.AST]:
    return [function.body] if isinstance(function, ast.Lambda) else list(function.body)


def _outside(function: FunctionNode) -> frozenset[str]:
    read: set[str] = set()
    bound: set[str] = set()
    declared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            declared.update(node.names)
    return frozenset((read - bound) | declared)


def _local(function: FunctionNode) -> frozenset[str]:
    bound: set[str] = set()
    declared: set[str] = set()
    stack = _body(function)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.comprehension):
            stack += [node.iter, *node.ifs]  # its targets are its own
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            declared.update(node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
        stack.extend(ast.iter_child_nodes(node))
    return frozenset(bound - declared)


def _yields(function: FunctionNode) -> bool:
    stack = _body(function)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, FunctionNode):
            stack.extend(ast.iter_child_nodes(node))
    return False
