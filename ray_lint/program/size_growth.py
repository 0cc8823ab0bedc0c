"""How a list grows after its creation: ``append``, ``extend``, ``+=``, stores by key."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.callers import visible_calls
from ray_lint.program.counts import Count, as_count, plus, times
from ray_lint.program.exits import holds, unconditional
from ray_lint.program.functions import class_around
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, LOOPS, Binding
from ray_lint.program.records import owner_of
from ray_lint.program.remote_values import Remotes
from ray_lint.program.size_elements import counter_of, told_variables
from ray_lint.program.wording import words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes


QUEUE_TAKES = frozenset({"get", "get_nowait"})


def grown(
    sizes: Sizes, home: Module, binding: Binding, use: ast.expr | None, count: Count, depth: int
) -> Count:
    """Add what ``append``, ``extend`` and ``+=`` put into a collection after its creation."""
    names = home.names
    changes: list[_Change] = []  # place, items added, shrinks
    if isinstance(binding.node, ast.Attribute) or binding.scope.is_class:
        around = binding.scope.node
        owner = around if isinstance(around, ast.ClassDef) else class_around(home, binding.node)
        loads = Remotes(sizes.project).loaded(home, owner).get(binding.name, []) if owner else []
        uses: Sequence[ast.Name | ast.Attribute] = loads
        every = names.attributes(binding.name)
        if loads != every and every and owner_of(home, every[0]) is owner:
            uses = every  # also those of `order.items.append(x)`
    else:
        uses = names.uses(binding)
    for load in uses[:200]:
        parent = names.parents.get(load)
        if (
            isinstance(parent, ast.Subscript)
            and isinstance(parent.ctx, ast.Store)
            and not isinstance(parent.slice, ast.Slice)
            and _is_list(home, binding.value)
        ):
            continue  # stored by index: as long as before
        change = _change(sizes, home, load, depth)
        if change is not None:
            changes.append((load, *change))
    if not changes:
        return count
    for place, added, shrinks in _by_branches(home, changes):
        inline = use is not None and names.scope_of(place).frame is names.scope_of(use).frame
        if inline and use is not None and not _may_precede(sizes, home, place, use):
            continue
        if shrinks:
            count = replace(count, low=0)
            continue
        assert added is not None
        loops = [
            loop for loop in names.enclosing_loops(place) if not holds(home, loop, binding.node)
        ]
        filled = _filled(sizes, home, place, loops, added)
        if filled is not None:
            count = filled if len(changes) == 1 else replace(filled, low=0)
            continue
        certain = (
            use is not None
            and (inline or _is_filled_before(home, place, use))
            and names.order[place] < names.order[use]
            and not any(holds(home, loop, use) for loop in loops)
            and unconditional(home, place, loops, binding)
        )
        growth = added
        if loops:
            growth = times(growth, sizes.loops(home, loops))
        runs = _runs(sizes, home, place, binding)
        if runs is not None:
            growth = times(growth, runs)
        if not certain or isinstance(binding.value, ast.Set) or growth.kind != "known":
            growth = replace(growth, low=0)
        count = plus(count, growth)
    return count


_Change = tuple[ast.AST, Count | None, bool]


def _by_branches(home: Module, changes: list[_Change]) -> list[_Change]:
    """Take one ``append`` in each branch of an ``if`` for one beside it, as only one of them runs.

    Where a branch has none, that is at most one.
    """
    names = home.names
    one = {
        statement: change
        for change in changes
        if change[1] is not None
        and change[1].low == change[1].high == 1
        and (statement := names.statement_of(change[0])) is not None
    }
    merged: dict[int, ast.If] = {}
    skipping: set[ast.If] = set()
    for node in {a for statement in one for a in names.ancestors(statement)}:
        if not isinstance(node, ast.If):
            continue
        parent = names.parents.get(node)
        if isinstance(parent, ast.If) and parent.orelse == [node]:
            continue  # an `elif`
        found = [[id(one[s]) for s in branch if s in one] for branch in _branches(node)]
        filled = [each[0] for each in found if each]
        if len(filled) > 1 and all(len(each) <= 1 for each in found):
            merged.update((key, node) for key in filled)
            if len(filled) < len(found):
                skipping.add(node)
    result: list[_Change] = []
    seen: set[ast.If] = set()
    for change in changes:
        place = merged.get(id(change))
        if place is None:
            result.append(change)
        elif place not in seen:
            seen.add(place)
            added = change[1]
            if added is not None and place in skipping:
                added = replace(added, low=0)
            result.append((place, added, False))
    return result


def _branches(node: ast.If) -> list[list[ast.stmt]]:
    """Return the branches of an ``if`` and its ``elif``; the last is empty without ``else``."""
    found = [node.body]
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
        found.append(node.body)
    return [*found, node.orelse]


def _runs(sizes: Sizes, home: Module, place: ast.AST, binding: Binding) -> Count | None:
    """Return how often another function that fills a collection is called in a program."""
    names = home.names
    frame = names.scope_of(place).frame
    if names.scope_of(binding.node).frame is frame or frame.parent is None:
        return None
    calls = visible_calls(home, frame.node)
    if not calls:
        return None
    total = Count(0, 0, "known", "")
    for call in calls[:20]:
        total = plus(total, sizes.loops(home, names.enclosing_loops(call)))
    return total


def _is_filled_before(home: Module, place: ast.AST, use: ast.AST) -> bool:
    """Whether the module itself fills a collection, above the function that uses it."""
    names = home.names
    around = [a for a in names.ancestors(use) if isinstance(a, FUNCTIONS)]
    return (
        names.scope_of(place).frame is names.root
        and bool(around)
        and names.order[place] < names.order[around[-1]]
    )


def _filled(
    sizes: Sizes, home: Module, load: ast.AST, loops: Sequence[ast.AST], added: Count
) -> Count | None:
    """Return the length of what ``while len(xs) < n`` fills, None if no such loop does."""
    for loop in loops:
        test = loop.test if isinstance(loop, ast.While) else None
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or added.high is None:
            continue
        (operator,), left, right = test.ops, test.left, test.comparators[0]
        if isinstance(operator, ast.Gt | ast.GtE):
            left, right = right, left
        if not isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.NotEq):
            continue
        if not isinstance(left, ast.Call) or ast.unparse(left) != f"len({words_of(load)})":
            continue
        what = f"`{words_of(load)}`, filled up to `{words_of(right)}`"
        until = as_count(sizes.number(home, right), what)
        if until.kind != "known" or until.high is None:
            return None
        more = added.high - 1 + isinstance(operator, ast.LtE | ast.GtE)
        broken = any(isinstance(node, ast.Break) for node in home.names.walk(loop))
        return replace(until, low=0 if broken else until.low, high=until.high + max(more, 0))
    return None


def _is_list(home: Module, value: ast.expr | None) -> bool:
    """Whether a value is a new list, in which an index replaces an item."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.Mult) and isinstance(value.left, ast.List)
    if isinstance(value, ast.Call):
        return home.names.stands_for(value.func, "builtins.list", "builtins.sorted")
    return isinstance(value, ast.List | ast.ListComp)


def _is_new_key(home: Module, place: ast.Subscript) -> bool:
    """Whether the loops around store under another key each time: ``users[f"user{i}"] = …``."""
    told = told_variables(home, place.slice)
    loops = [loop for loop in home.names.enclosing_loops(place) if isinstance(loop, ast.For)]
    return bool(loops) and all(counter_of(home, loop) in told for loop in loops)


def _change(
    sizes: Sizes, home: Module, load: ast.Name | ast.Attribute, depth: int
) -> tuple[Count | None, bool] | None:
    """Return what a use adds to the collection, or that it may shrink it."""
    names = home.names
    parent = names.parents.get(load)
    if isinstance(parent, ast.AugAssign) and parent.target is load:
        if isinstance(parent.op, ast.Add):
            return sizes.items(home, parent.value, depth), False
        if isinstance(parent.op, ast.BitOr):
            return replace(sizes.items(home, parent.value, depth), low=0), False
        return Count(0, None, "unknown", "changed in place"), False
    if isinstance(parent, ast.Subscript) and parent.value is load:
        if isinstance(parent.ctx, ast.Del):
            return None, True
        if isinstance(parent.ctx, ast.Store) and not isinstance(parent.slice, ast.Constant):
            # For a list this changes nothing, for a dict it may add.
            if isinstance(parent.slice, ast.Slice):
                return Count(0, None, "unknown", "a slice is replaced"), False
            low = int(_is_new_key(home, parent))
            return Count(low, 1, "known", f"items stored in `{words_of(load)}`"), False
        return None
    if not isinstance(parent, ast.Attribute):
        return None
    call = names.parents.get(parent)
    if not (isinstance(call, ast.Call) and call.func is parent):
        return None
    method = parent.attr
    if method in {"append", "appendleft", "insert", "put", "put_nowait"}:
        return Count(1, 1, "known", f"items appended to `{words_of(load)}`"), False
    if method in {"add", "setdefault"}:
        return Count(0, 1, "known", f"items added to `{words_of(load)}`"), False
    if method in {"extend", "extendleft"} and call.args:
        return sizes.items(home, call.args[0], depth), False
    if method == "update" and call.args:
        return replace(sizes.items(home, call.args[0], depth), low=0), False
    if method in {"pop", "popleft", "popitem", "remove", "clear", "discard"}:
        return None, True
    if method in QUEUE_TAKES and not call.args:  # that of a dictionary takes a key
        return None, True
    return None


def _may_precede(sizes: Sizes, home: Module, place: ast.AST, use: ast.AST) -> bool:
    names = home.names
    if names.order[place] < names.order[use]:
        return True
    return any(isinstance(a, LOOPS) and names.contains(a, place) for a in names.ancestors(use))
