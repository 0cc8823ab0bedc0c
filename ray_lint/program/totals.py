"""How many calls of a submission a whole run makes: what is around its function counts, too."""

from __future__ import annotations

import ast

from ray_lint.program.callers import visible_calls
from ray_lint.program.counts import NOTHING, Count, exactly, plus, times
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS
from ray_lint.program.project import Project
from ray_lint.program.sizes import Sizes

_DEPTH = 3  # functions that call one another
_MANY = 20  # calls of one function


def runs_of_function(project: Project, module: Module, place: ast.AST) -> Count:
    """Return how often the function around a place is called in a run; unknown if not all is seen.

    Code outside of functions runs once.
    """
    return _runs(Sizes(project), module, place, 0)


def _runs(sizes: Sizes, module: Module, place: ast.AST, depth: int) -> Count:
    names = module.names
    function = names.scope_of(place).frame.node
    if not isinstance(function, FUNCTIONS):
        return exactly(1, "a module")
    calls = visible_calls(module, function) if depth < _DEPTH else None
    if not calls or len(calls) > _MANY:
        return NOTHING
    total = exactly(0, "")
    for call in calls:
        if call not in names.order or names.contains(function, call):
            return NOTHING  # called by another module, or by itself
        inner = sizes.loops(module, names.enclosing_loops(call))
        total = plus(total, times(inner, _runs(sizes, module, call, depth + 1)))
    return total
