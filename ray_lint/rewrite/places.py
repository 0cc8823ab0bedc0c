"""Calls deep inside an expression or a loop that does more than to submit."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from ray_lint.program.callers import is_program
from ray_lint.program.class_members import class_members
from ray_lint.program.names import COMPREHENSIONS, ModuleNames
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.naming import names_in
from ray_lint.rewrite.plan import Declined, Repeat


def elsewhere(names: ModuleNames, call: ast.expr, *, all_loops: bool = False) -> Shape:
    """Describe a call deep inside an expression: its loops must be known as clauses.

    ``all_loops`` takes in the ``for`` statements around a comprehension, too.
    """
    statement = names.statement_of(call)
    assert statement is not None
    clauses: list[Repeat] = []
    conditions: list[ast.expr] = []
    region: ast.AST | None = None
    child: ast.AST = call
    for parent in names.ancestors(call):
        if parent is statement:
            break
        if isinstance(parent, ast.Lambda):
            raise Declined("the call stands in a lambda")
        if isinstance(parent, COMPREHENSIONS):
            if isinstance(child, ast.comprehension):
                raise Declined("the call stands in the iterable or filter of a comprehension")
            if isinstance(parent, ast.GeneratorExp) and not is_drained(names, parent):
                raise Declined("a generator expression does more than submit")
            own = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in parent.generators]
            clauses = [*own[:-1], _with_conditions(own[-1], conditions), *clauses]
            conditions = []
            region = parent
        elif isinstance(parent, ast.IfExp) and child is not parent.test:
            conditions.insert(0, parent.test if child is parent.body else negated(parent.test))
        elif _may_skip(parent, child):
            raise Declined("the call happens only under a condition")
        child = parent
    if isinstance(statement, ast.Assert) and child is statement.msg:
        raise Declined("the call happens only under a condition")
    if region is None:
        return _in_loops(names, call, statement, conditions)
    if conditions:
        raise Declined("the comprehension runs only under a condition")
    if all_loops:
        return _in_loops(names, call, statement, conditions, clauses)
    return Shape(Form.NEXT, call, region, clauses)


def _may_skip(parent: ast.AST, child: ast.AST) -> bool:
    """Whether a part of an expression or statement is evaluated or not as another part decides."""
    if isinstance(parent, ast.BoolOp):
        return child is not parent.values[0]
    if isinstance(parent, ast.Compare):  # ``0 < x < f(x)`` calls f for positive x only
        return child in parent.comparators[1:]
    return isinstance(parent, ast.match_case | ast.ExceptHandler)


_SPREADING = (ast.List, ast.Tuple, ast.Set, ast.Call)  # take all of ``*items`` at once
_DRAINS = frozenset(
    f"builtins.{name}"
    for name in (
        *("list", "tuple", "set", "frozenset", "sorted"),
        *("sum", "max", "min", "dict"),
    )
) | {"collections.Counter", "statistics.mean", "math.fsum"}


def is_drained(names: ModuleNames, generator: ast.expr) -> bool:
    """Whether all items of a generator are taken where it is made."""
    parent = names.parents[generator]
    if isinstance(parent, ast.Starred):
        return isinstance(names.parents[parent], _SPREADING)
    if not isinstance(parent, ast.Call) or parent.args[:1] != [generator]:
        return False
    if isinstance(parent.func, ast.Attribute) and parent.func.attr in ("join", "extend"):
        return isinstance(parent.func.value, ast.Constant) or parent.func.attr == "extend"
    return bool(names.qualified_names(parent.func) & _DRAINS)


def is_exhausted(names: ModuleNames, place: ast.Yield | ast.YieldFrom) -> bool:
    """Whether all calls of the generator function around a ``yield`` take all of its items."""
    function = names.scope_of(place).frame.node
    return isinstance(function, ast.FunctionDef) and is_always(names, function, _takes_all)


def is_listed(names: ModuleNames, place: ast.Yield) -> bool:
    """Whether all calls of the generator function put its items into a list and do nothing else."""
    function = names.scope_of(place).frame.node
    own = any(class_members(names, name) for name in ("extend", "__iadd__", "__hash__"))
    return isinstance(function, ast.FunctionDef) and (
        not own and is_always(names, function, taken_at_once)
    )


def taken_at_once(names: ModuleNames, use: ast.Name | ast.Attribute) -> bool:
    """Whether a use of a generator function calls it for a collection of all its items."""
    call = _called(names, use)
    if call is None:
        return False
    parent = names.parents[call]
    if isinstance(parent, ast.Starred):
        return isinstance(names.parents[parent], _SPREADING)
    if isinstance(parent, ast.AugAssign):
        return isinstance(parent.op, ast.Add)
    if not isinstance(parent, ast.Call) or parent.args != [call]:
        return False
    if isinstance(parent.func, ast.Attribute):
        return parent.func.attr == "extend"
    return names.stands_for(parent.func, "builtins.list", "builtins.tuple", "builtins.set")


def _called(names: ModuleNames, use: ast.expr) -> ast.Call | None:
    call = names.parents[use]
    return call if isinstance(call, ast.Call) and call.func is use else None


def is_always(
    names: ModuleNames,
    function: ast.FunctionDef,
    used: Callable[[ModuleNames, ast.Name | ast.Attribute], bool],
) -> bool:
    """Whether a function is used at all, and each time in the way that ``used`` asks for."""
    scope = names.scope_of(function)
    if len(scope.bindings.get(function.name, [])) != 1:
        return False
    uses: Sequence[ast.Name | ast.Attribute] = scope.uses.get(function.name, [])
    if scope.is_class:
        if not is_program(names) or len(class_members(names, function.name)) != 1:
            return False
        uses = names.attributes(function.name)
    return bool(uses) and all(used(names, use) for use in uses)


def _takes_all(names: ModuleNames, use: ast.Name | ast.Attribute) -> bool:
    call = _called(names, use)
    if call is None:
        return False
    parent = names.parents[call]
    if isinstance(parent, ast.For):
        return parent.iter is call and not any(
            isinstance(n, ast.Break | ast.Return | ast.Raise | ast.Yield)
            for n in names.walk(parent)
        )
    if isinstance(parent, ast.comprehension):
        made = names.parents[parent]
        return not isinstance(made, ast.GeneratorExp) or is_drained(names, made)
    return is_drained(names, call)


def negated(test: ast.expr) -> ast.expr:
    """Return the opposite of a condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _with_conditions(repeat: Repeat, conditions: list[ast.expr]) -> Repeat:
    return replace(repeat, conditions=(*repeat.conditions, *conditions))


_Step = ast.expr | Repeat
"""What comes before the call in one round: a condition, or an assignment."""


def _assigned_once(names: ModuleNames, statement: ast.stmt) -> Repeat | None:
    """Return ``x = …`` in a loop's body as a clause, if nothing else binds or changes ``x``."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Name):
        return None
    owner = names.owner(target)
    if owner is None or len(owner.bindings.get(target.id, [])) != 1:
        return None
    return Repeat(target, statement.value, single=True)


def _expressions(repeats: list[Repeat]) -> list[ast.expr]:
    return [e for r in repeats for e in (r.iterable, *r.conditions)]


def _clauses(loop: ast.For, steps: list[_Step], needed: list[ast.expr]) -> list[Repeat]:
    """Return a loop as clauses, with the assignments that the call or a condition needs."""
    kept: list[_Step] = []
    wanted = names_in(*needed)
    for step in reversed(steps):
        if not isinstance(step, Repeat):
            wanted |= names_in(step)
        elif isinstance(step.target, ast.Name) and step.target.id in wanted:
            wanted |= names_in(step.iterable)
        else:
            continue
        kept.insert(0, step)
    clauses = [Repeat(loop.target, loop.iter)]
    for step in kept:
        if isinstance(step, Repeat):
            clauses.append(step)
        else:
            clauses[-1] = _with_conditions(clauses[-1], [step])
    return clauses


def _in_loops(
    names: ModuleNames,
    call: ast.expr,
    statement: ast.stmt,
    conditions: list[ast.expr],
    clauses: list[Repeat] | None = None,
) -> Shape:
    """Describe a call that nested ``for`` statements make once per iteration at most.

    It may stand under conditions, which then are asked before the loop as well. ``clauses`` are
    those of a comprehension around the call.
    """
    loops: list[tuple[ast.For, list[_Step]]] = []
    steps: list[_Step] = list(conditions)
    skips: list[ast.If] = []
    current: ast.stmt = statement
    while True:
        block = names.blocks[current]
        before: list[_Step] = []
        # Only a loop can be continued: what stands before an outermost one need not be read.
        for other in block.statements[: block.index] if names.enclosing_loops(current) else ():
            if isinstance(other, ast.If) and _skips(other):
                before.append(negated(other.test))
                skips.append(other)
            elif (assigned := _assigned_once(names, other)) is not None:
                before.append(assigned)
        owner = block.owner
        steps = [*before, *steps]
        if isinstance(owner, ast.If):
            steps.insert(0, owner.test if block.field == "body" else negated(owner.test))
            current = owner
        elif isinstance(owner, ast.For) and block.field == "body":
            loops.append((owner, steps))
            steps = []
            current = owner
        else:
            break
    if not loops:
        raise Declined("the loop does more with the reference than to collect it")
    shape: Shape | None = None
    for loop, done in loops:
        inner = (shape.repeats or []) if shape is not None else (clauses or [])
        shape = Shape(
            Form.NEXT,
            call,
            loop,
            [*_clauses(loop, done, [call, *_expressions(inner)]), *inner],
            loop=loop,
            skips=skips,
            narrower=shape,
        )
    assert shape is not None
    return shape


def _skips(statement: ast.If) -> bool:
    """Whether a statement is ``if …: continue``."""
    return (
        len(statement.body) == 1
        and isinstance(statement.body[0], ast.Continue)
        and not statement.orelse
    )
