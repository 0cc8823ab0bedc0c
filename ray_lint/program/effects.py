"""What a function body does besides computing its value.

The batch rewrite moves many items into one task. This is the proof that nobody can tell.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ray_lint.program.effect_kinds import Effect, EffectKind
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, FunctionNode

if TYPE_CHECKING:
    from ray_lint.program.project import Project

__all__ = ["Effect", "EffectKind", "effects_of", "expression_effects", "is_immutable", "mutates"]


def effects_of(
    project: Project | None,
    module: Module,
    function: FunctionNode,
    *,
    immutable: frozenset[str] = frozenset(),
) -> tuple[Effect, ...]:
    """Return what calling ``function`` may do besides returning its value, sorted by line.

    ``immutable`` names parameters that are known to get numbers, strings and the like only.
    """
    return (Effect(EffectKind.UNKNOWN_CALL, "is not analysed yet", getattr(function, "lineno", 1)),)


def expression_effects(
    project: Project | None, module: Module, expression: ast.expr
) -> tuple[Effect, ...]:
    """Return what evaluating ``expression`` where it stands may do besides giving its value.

    Reading a variable is no effect here, even if the variable changes.
    """
    return (Effect(EffectKind.UNKNOWN_CALL, "is not analysed yet", expression.lineno),)


def is_immutable(project: Project | None, module: Module, expression: ast.expr) -> bool:
    """Whether the value is provably a number, str, bytes, bool, None or a tuple of such."""
    return isinstance(expression, ast.Constant)


def mutates(project: Project | None, module: Module, region: ast.AST, name: Binding) -> bool:
    """Whether code in ``region`` may change the object bound to ``name`` in place."""
    return True
