"""How many results one task has, each with an ObjectRef of its own (``num_returns``)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.targets import Target

OPTION = "num_returns"


def results_per_task(
    calls: Iterable[ast.Call],
    constant: Callable[[ast.expr], list[ast.keyword] | None],
    otherwise: int = 1,
) -> int:
    """Return ``num_returns`` of ``@ray.remote(...)`` or ``.options(...)``, the last one winning.

    ``constant`` gives the items of a dictionary that never changes; without the option the number
    is ``otherwise``. Raises Declined for another
    value than a number that is written out: it is computed, or the results come as a generator.
    """
    number = otherwise
    for call in calls:
        for keyword in call.keywords:
            for given in [keyword] if keyword.arg is not None else constant(keyword.value) or []:
                if given.arg != OPTION:
                    continue
                value = given.value.value if isinstance(given.value, ast.Constant) else None
                if type(value) is not int or value < 1:
                    raise Declined("the number of results of one task is not written out")
                number = value
    return number


def judge_several(target: Target, number: int) -> None:
    """Decline tasks of several results whose batch could not give as many for each item."""
    if target.is_method:
        raise Declined("one call of an actor has several results (`num_returns`)")
    definition = target.definition
    if isinstance(definition, ast.Lambda):
        values: list[ast.expr | None] = [definition.body]
        complete = True
    else:
        values = [r.value for r in _returns(target.home.names, definition)]
        complete = _never_falls_off(definition.body)
    if not complete or not all(_has_items(value, number) for value in values):
        raise Declined("its tuple of results is not seen (`num_returns`)")


def _returns(names: ModuleNames, function: ast.FunctionDef) -> list[ast.Return]:
    return [
        n
        for n in names.walk(function)
        if isinstance(n, ast.Return) and names.scope_of(n).frame.node is function
    ]


def _has_items(value: ast.expr | None, number: int) -> bool:
    """Whether a returned value is written out as a tuple of so many items."""
    return (
        isinstance(value, ast.Tuple)
        and len(value.elts) == number
        and not any(isinstance(item, ast.Starred) for item in value.elts)
    )


def _never_falls_off(body: list[ast.stmt]) -> bool:
    """Whether a block surely ends with ``return`` or ``raise``."""
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and all(map(_never_falls_off, (last.body, last.orelse)))
    if isinstance(last, ast.Try):
        blocks = [last.orelse or last.body, *(handler.body for handler in last.handlers)]
        return all(map(_never_falls_off, blocks))
    return False


def without_number(decorator: ast.expr) -> ast.expr:
    """Return the decorator of a batch task, which is told its number of results by each call."""
    if not isinstance(decorator, ast.Call):
        return decorator
    kept = [keyword for keyword in decorator.keywords if keyword.arg != OPTION]
    if len(kept) == len(decorator.keywords):
        return decorator
    if not kept and not decorator.args:
        return decorator.func
    return ast.Call(decorator.func, decorator.args, kept)
