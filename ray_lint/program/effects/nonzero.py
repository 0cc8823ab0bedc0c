"""Whether a number is known not to be zero, so that one may divide by it."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.names import Binding, BindingKind, ModuleNames


def is_nonzero(names: ModuleNames, node: ast.expr) -> bool:
    """Whether an expression is a number other than zero whenever it is evaluated."""
    number = number_of(node)
    if number is not None:
        return bool(number)
    if isinstance(node, ast.Attribute):
        return names.qualified(node) in table.FLOATS
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow):
        return is_nonzero(names, node.left) and is_nonzero(names, node.right)
    if isinstance(node, ast.Name):
        bindings = _bindings(names, node)
        once = len(bindings) == 1 and bindings[0].kind is BindingKind.ASSIGN
        if once and number_of(bindings[0].value):
            return True
    return _is_positive(names, node, frozenset())


def number_of(node: ast.expr | None) -> int | float | None:
    """Return the number that a literal stands for."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = number_of(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    return None


def _bindings(names: ModuleNames, node: ast.Name) -> list[Binding]:
    scope = names.owner(node)
    return scope.bindings.get(node.id, []) if scope is not None else []


def _is_positive(names: ModuleNames, node: ast.expr, assumed: frozenset[Binding]) -> bool:
    """Whether an expression is at least one, if the names in ``assumed`` are: a counter from 2."""
    number = number_of(node)
    if number is not None:
        return number >= 1
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
        return _is_positive(names, node.left, assumed) and _is_positive(names, node.right, assumed)
    if isinstance(node, ast.IfExp):
        return _is_positive(names, node.body, assumed) and _is_positive(names, node.orelse, assumed)
    if isinstance(node, ast.Call) and names.stands_for(node.func, "builtins.max"):
        several = len(node.args) > 1 and not node.keywords
        return several and any(number_of(a) is not None and number_of(a) >= 1 for a in node.args)  # type: ignore[operator]
    if not isinstance(node, ast.Name):
        return False
    bindings = _bindings(names, node)
    known = assumed.union(bindings)
    return bool(bindings) and all(b in assumed or _gives(names, b, known) for b in bindings)


def _gives(names: ModuleNames, binding: Binding, assumed: frozenset[Binding]) -> bool:
    """Whether what a binding gives its name is at least one."""
    parent = names.parents.get(binding.node)
    if binding.kind is BindingKind.AUGMENTED:
        grows = isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.Add | ast.Mult)
        return grows and _is_positive(names, parent.value, assumed)  # type: ignore[union-attr]
    if binding.kind is BindingKind.ASSIGN and binding.value is not None:
        return _is_positive(names, binding.value, assumed)
    if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        runs = binding.value
        if not isinstance(runs, ast.Call) or runs.keywords:
            return False
        if not names.stands_for(runs.func, "builtins.range") or len(runs.args) < 2:
            return False
        return all(_is_positive(names, a, assumed) for a in [runs.args[0], *runs.args[2:]])
    return False
