"""How many: intervals for the number of items of an iterable and of the runs of a loop.

Every answer is an interval with its reason. *known* intervals are sound for programs that do not
change a list behind the analysis' back; what is not known is said to be so, never guessed.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from ray_lint.program.counts import ANY, NOTHING, Count, Number, times
from ray_lint.program.exits import leaves_early, skips_rounds
from ray_lint.program.functions import argument_of, default_of, implicit_parameters
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind
from ray_lint.program.project import Definition, Project
from ray_lint.program.size_collections import items_of
from ray_lint.program.size_loops import while_runs
from ray_lint.program.size_numbers import number_of_definition, number_of_expression
from ray_lint.program.wording import (
    is_one_chunk,
    is_range,
    iterable_name,
    name_evidence,
    splits_text,
    target_name,
)

_DEPTH = 30
_LEVELS = 2  # calls within calls that are evaluated with their own arguments
Argument = tuple["Sizes", Module, ast.expr]


def count_items(project: Project, module: Module, iterable: ast.expr) -> Count:
    """Return how many items the iterable gives when it is evaluated once, and run through."""
    return Sizes(project).items(module, iterable)


def number_of(project: Project, module: Module, expression: ast.expr) -> Number:
    """Return the interval of the numbers that the expression may be."""
    return Sizes(project).number(module, expression)


def count_loops(project: Project, module: Module, loops: list[ast.AST]) -> Count:
    """Return how often the body of nested ``loops`` (innermost first) runs in all.

    The loops are nodes as ``ModuleNames.enclosing_loops`` gives them. Filters and early exits make
    the lower bound 0. No loops: once.
    """
    return Sizes(project).loops(module, loops)


class Sizes:
    """The evaluator: intervals of item counts and of numbers, remembered in the project.

    ``within`` gives the evaluator of a function's body as one certain call runs it.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.memo = project.memo
        self.given: dict[ast.arg, Argument] = {}
        self._level = 0

    def within(
        self, home: Module, function: ast.FunctionDef, module: Module, call: ast.Call
    ) -> Sizes:
        """Return the evaluator that knows what ``call``, in ``module``, gives to ``function``."""
        given: dict[ast.arg, Argument] = {}
        skip = implicit_parameters(home, function)
        for parameter in (
            *function.args.posonlyargs,
            *function.args.args,
            *function.args.kwonlyargs,
        ):
            value = argument_of(call, function, parameter.arg, skip)
            if value is not None:
                given[parameter] = (self, module, value)
            elif (default := default_of(function, parameter.arg)) is not None:
                given[parameter] = (self, home, default)
        if not given or self._level >= _LEVELS or any(k.arg is None for k in call.keywords):
            return self
        inner = Sizes(self.project)
        inner.memo, inner.given, inner._level = {}, given, self._level + 1
        return inner

    def loops(self, module: Module, loops: list[ast.AST]) -> Count:
        """Return how often the body of nested ``loops``, innermost first, runs in all."""
        total = Count(1, 1, "known", "once")
        for index, loop in enumerate(loops):
            count = self.loop(module, loop)
            total = count if index == 0 else times(total, count)
        return total

    def loop(self, module: Module, loop: ast.AST) -> Count:
        """Return how often the body of one loop or comprehension generator runs per entry."""
        if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
            count = self.items(module, loop.iter)
            worker, chunk = name_evidence(target_name(_own_target(module, loop)))
            count = replace(
                count,
                per_worker=count.per_worker or worker,
                chunked=count.chunked or (chunk and not is_range(loop.iter)),
            )
            filtered = isinstance(loop, ast.comprehension) and bool(loop.ifs)
            if filtered:
                return replace(count, low=0, reason=f"at most {count.reason}")
            if isinstance(loop, ast.For | ast.AsyncFor) and (
                leaves_early(module, loop) or skips_rounds(module, loop)
            ):
                low = 0 if count.kind == "known" else min(count.low, 1)
                return replace(count, low=min(count.low, low))
            return count
        if isinstance(loop, ast.While):
            return while_runs(self, module, loop)
        return NOTHING

    def items(self, module: Module, node: ast.expr, depth: int = 0) -> Count:
        """Return how many items an expression has, evaluated once."""
        key = (Sizes.items, node)
        memo = self.memo
        if key in memo:
            remembered: Count = memo[key]
            return remembered
        if depth > _DEPTH:
            return NOTHING
        memo[key] = NOTHING  # what a cycle sees
        count = items_of(self, module, node, depth + 1)
        worker, chunk = name_evidence(iterable_name(node))
        chunk = chunk and not splits_text(node)
        chunk = chunk and not (count.kind == "known" and is_one_chunk(iterable_name(node)))
        if worker and isinstance(node, ast.Name):
            # `for line in file`: the name is that of one open file, its items are not files.
            reaching = module.names.reaching(node)
            worker = not reaching or any(b.kind is not BindingKind.WITH for b in reaching)
        if (worker and not count.per_worker) or (chunk and not count.chunked):
            chunk = chunk and not is_range(node)
            count = replace(
                count, per_worker=count.per_worker or worker, chunked=count.chunked or chunk
            )
        memo[key] = count
        return count

    def bound(self, module: Module, binding: Binding) -> Number:
        """Return the interval of the numbers that a name may be where ``binding`` is in force."""
        return number_of_definition(self, Definition(module, binding), 0)

    def number(self, module: Module, node: ast.expr, depth: int = 0) -> Number:
        """Return the interval of the numbers that an expression may be."""
        key = (Sizes.number, node)
        memo = self.memo
        if key in memo:
            remembered: Number = memo[key]
            return remembered
        if depth > _DEPTH:
            return ANY
        memo[key] = ANY
        number = number_of_expression(self, module, node, depth + 1)
        if not number.per_worker and name_evidence(iterable_name(node))[0]:
            number = replace(number, per_worker=True)
        memo[key] = number
        return number


def _own_target(module: Module, loop: ast.For | ast.AsyncFor | ast.comprehension) -> ast.expr:
    """Return the loop variable; of `for x, worker in zip(xs, cycle(workers))` only ``x``."""
    target, iterable = loop.target, loop.iter
    if not (
        isinstance(target, ast.Tuple)
        and isinstance(iterable, ast.Call)
        and module.names.stands_for(iterable.func, "builtins.zip")
    ):
        return target
    own = [
        part
        for part, source in zip(target.elts, iterable.args, strict=False)
        if not (
            isinstance(source, ast.Call)
            and module.names.stands_for(source.func, "itertools.cycle", "itertools.repeat")
        )
    ]
    return own[-1] if own else target
