"""Where loops are left early, and what every round passes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, LOOPS, TRIES, Binding


def leaves_early(module: Module, loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether the body has a ``break``, ``return`` or ``raise`` that ends the loop."""
    for node in jumps(module, loop):
        if isinstance(node, ast.Return | ast.Raise):
            if not any(
                isinstance(a, FUNCTIONS) and module.names.contains(loop, a)
                for a in module.names.ancestors(node)
            ):
                return True
        elif isinstance(node, ast.Break) and jumps_in(module, node) is loop:
            return True
    return False


def skips_rounds(module: Module, loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether a ``continue`` may pass over the rest of the body."""
    return any(
        isinstance(node, ast.Continue) and jumps_in(module, node) is loop
        for node in jumps(module, loop)
    )


def jumps(module: Module, loop: ast.For | ast.AsyncFor | ast.While) -> Iterator[ast.AST]:
    """Yield the statements that may end a round of the loop, or of one inside of it."""
    kinds = (ast.Return, ast.Raise, ast.Break, ast.Continue)
    for statement in loop.body:
        for node in module.names.walk(statement):
            if isinstance(node, kinds):
                yield node


def jumps_in(module: Module, node: ast.AST) -> ast.AST | None:
    """Return the loop that a ``break`` or ``continue`` belongs to."""
    for parent in module.names.ancestors(node):
        if isinstance(parent, LOOPS) and not any(
            module.names.contains(s, node) for s in parent.orelse
        ):
            return parent
    return None


def unconditional(home: Module, place: ast.AST, loops: list[ast.AST], binding: Binding) -> bool:
    """Whether every run passes the place: no branch between it and the place of the binding."""
    names = home.names
    for parent in names.ancestors(place):
        if isinstance(parent, FUNCTIONS) or names.contains(parent, binding.node):
            return True
        if isinstance(parent, ast.If | ast.Match | ast.IfExp | ast.BoolOp | ast.With):
            return False
        if isinstance(parent, TRIES):
            return False
        if isinstance(parent, LOOPS):
            if parent not in loops:
                return False
            if any(isinstance(n, ast.Continue) for n in names.walk(parent)):
                return False
    return True


def holds(home: Module, loop: ast.AST, node: ast.AST) -> bool:
    """Whether the loop contains the node (a name, or an attribute target)."""
    holder = home.names.parents[loop] if isinstance(loop, ast.comprehension) else loop
    return home.names.contains(holder, node)
