"""How often a ``while`` loop runs: counters, lists that are filled up, conditions."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.counts import Count, Number, amount, steps, whole
from ray_lint.program.exits import leaves_early, skips_rounds
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind
from ray_lint.program.size_growth import QUEUE_TAKES
from ray_lint.program.wording import name_evidence, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes


def while_runs(sizes: Sizes, module: Module, loop: ast.While) -> Count:
    """Return how often the body of a ``while`` runs per entry."""
    early = leaves_early(module, loop)
    if isinstance(loop.test, ast.Constant):
        if not loop.test.value:
            return Count(0, 0, "known", "`while` with a false condition")
        if early:
            left = _left_by_counter(sizes, module, loop)
            left = left or _left_when_empty(sizes, module, loop)
            if left is not None:
                return left
            return Count(0, None, "unknown", f"`while {loop.test.value!r}` that is left early")
        return Count(0, None, "unbounded", f"`while {loop.test.value!r}` never ends")
    counted = (
        _filled(sizes, module, loop)
        or _emptied(sizes, module, loop)
        or _counter(sizes, module, loop, loop.test)
    )
    if counted is not None:
        skipped = early or skips_rounds(module, loop)
        return replace(counted, low=0) if skipped else counted
    return Count(0, None, "unknown", f"`while {words_of(loop.test)}`")


def _left_by_counter(sizes: Sizes, module: Module, loop: ast.While) -> Count | None:
    """Understand ``while True: ...; i += 1; if i == n: break``."""
    for statement in loop.body:
        if not (isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Break)):
            continue
        test = statement.test
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            continue
        stays = ast.Gt() if isinstance(test.ops[0], ast.Lt | ast.LtE) else ast.Lt()
        going = ast.Compare(left=test.left, ops=[stays], comparators=test.comparators)
        count = _counter(sizes, module, loop, going)
        if count is not None:
            return replace(count, low=0)
    return None


def _left_when_empty(sizes: Sizes, module: Module, loop: ast.While) -> Count | None:
    """Understand ``while True: try: x = queue.get_nowait() except Empty: break``."""
    first = loop.body[0]
    if not isinstance(first, ast.Try) or len(first.body) != 1 or not first.handlers:
        return None
    if not all(isinstance(handler.body[-1], ast.Break) for handler in first.handlers):
        return None
    names = module.names
    for node in names.walk(first.body[0]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            queue = node.func.value
            takes = (*QUEUE_TAKES, "pop", "popleft")
            if isinstance(queue, ast.Name) and node.func.attr in takes:
                count = sizes.items(module, queue)
                if count.kind in ("known", "data"):
                    return replace(count, low=0, reason=f"until empty, {count.reason}")
    return None


def _emptied(sizes: Sizes, module: Module, loop: ast.While) -> Count | None:
    """Understand ``while queue: x = queue.popleft()``: nothing is put back."""
    names, test = module.names, loop.test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Gt | ast.NotEq):
        zero = test.comparators[0]
        if isinstance(zero, ast.Constant) and zero.value == 0:
            test = test.left
    if isinstance(test, ast.Call) and names.stands_for(test.func, "builtins.len") and test.args:
        test = test.args[0]
    takes = {"pop", "popleft"}
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        asked = asked_queue(test.operand)
        if asked is None:
            return None
        test, takes = asked, set(QUEUE_TAKES)
    if not isinstance(test, ast.Name | ast.Attribute):
        return None
    taken, queue = 0, ast.dump(_read(test))
    for node in names.walk(loop):
        if not isinstance(node, type(test)) or node is test or ast.dump(_read(node)) != queue:
            continue
        parent = names.parents.get(node)
        if isinstance(parent, ast.Call) and names.stands_for(parent.func, "builtins.len"):
            continue
        if not isinstance(parent, ast.Attribute) or parent.attr not in takes:
            return None
        statement = names.statement_of(node)
        taken += any(statement is s for s in loop.body)
    count = sizes.items(module, test)
    if taken != 1 or count.kind not in ("known", "data"):
        return None
    return replace(count, low=0, reason=f"`while {words_of(loop.test)}`, {count.reason}")


def _read(place: ast.Name | ast.Attribute) -> ast.expr:
    """Return a place as it is read, also where it is bound."""
    if isinstance(place, ast.Name):
        return ast.Name(place.id, ast.Load())
    return ast.Attribute(place.value, place.attr, ast.Load())


def asked_queue(test: ast.expr) -> ast.Name | None:
    """Return the ``queue`` of the question ``queue.empty()``."""
    if not isinstance(test, ast.Call) or not isinstance(test.func, ast.Attribute) or test.args:
        return None
    queue = test.func.value
    return queue if test.func.attr == "empty" and isinstance(queue, ast.Name) else None


def _filled(sizes: Sizes, module: Module, loop: ast.While) -> Count | None:
    """Understand ``while len(xs) < n: ...; xs.append(x)``."""
    test = loop.test
    if not (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Lt | ast.LtE)
        and isinstance(test.left, ast.Call)
        and module.names.stands_for(test.left.func, "builtins.len")
        and test.left.args
    ):
        return None
    filled = ast.dump(test.left.args[0])
    appends = any(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and isinstance(s.value.func, ast.Attribute)
        and s.value.func.attr == "append"
        and ast.dump(s.value.func.value) == filled
        for s in loop.body
    )
    limit = sizes.number(module, test.comparators[0])
    if not appends or limit.kind not in ("known", "data"):
        return None
    words = f"`while {words_of(test)}`"
    if limit.kind == "data":
        return Count(0, None, "data", f"{words}, {limit.reason}", limit.per_worker)
    high = whole(max(limit.high + 1, 0))
    return Count(0, high, "known", f"{amount(0, high)} runs of {words}", limit.per_worker)


def _counter(sizes: Sizes, module: Module, loop: ast.While, test: ast.expr) -> Count | None:
    """Understand ``i = 0; while i < n: ...; i += 1``; ``test`` holds as long as it runs."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, operator, right = test.left, test.ops[0], test.comparators[0]
    if isinstance(left, ast.BinOp) and isinstance(left.left, ast.Name):
        # ``while start + length <= len(xs)``: up to ``len(xs) - length``
        opposite = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}.get(type(left.op))
        if opposite is not None:
            right, left = ast.BinOp(right, opposite, left.right), left.left
    if not isinstance(left, ast.Name):
        if not isinstance(right, ast.Name):
            return None
        flipped: dict[type[ast.cmpop], ast.cmpop] = {
            ast.Lt: ast.Gt(),
            ast.Gt: ast.Lt(),
            ast.LtE: ast.GtE(),
            ast.GtE: ast.LtE(),
        }
        if type(operator) not in flipped:
            return None
        left, operator, right = right, flipped[type(operator)], left
    if not isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return None
    names = module.names
    changed = []
    start: list[Number] = []
    for binding in names.reaching(left):
        if names.contains(loop, binding.node):
            changed.append(binding)
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            start.append(sizes.number(module, binding.value))
        else:
            return None
    if not start:
        # Read behind the change of this round: what it was before the loop counts.
        scope = names.owner(left)
        earlier = scope.bindings.get(left.id, []) if scope is not None else []
        earlier = [b for b in earlier if names.order[b.node] < names.order[loop]]
        if earlier and earlier[-1].kind is BindingKind.ASSIGN and earlier[-1].value:
            start.append(sizes.number(module, earlier[-1].value))
    if len(changed) != 1 or not start:
        return None
    step = _step(sizes, module, loop, changed[0])
    if step is None or not all(n.kind == "known" for n in start):
        return None
    limit = sizes.number(module, right)
    if limit.kind == "unknown":
        return None
    descending = isinstance(operator, ast.Gt | ast.GtE)
    if descending:
        step = -step
    if step <= 0:
        return None
    inclusive = isinstance(operator, ast.LtE | ast.GtE)
    first_low, first_high = min(n.low for n in start), max(n.high for n in start)
    if descending:
        spans = (first_low - limit.high, first_high - limit.low)
    else:
        spans = (limit.low - first_high, limit.high - first_low)
    low, high = (steps(span, step, inclusive) for span in spans)
    if limit.kind != "known":
        return Count(0, None, "data", f"`while {words_of(test)}`, {limit.reason}", limit.per_worker)
    worker, _ = name_evidence(words_of(right))
    reason = f"{amount(low, high)} runs of `while {words_of(test)}`"
    return Count(low or 0, high, "known", reason, limit.per_worker or worker)


def _step(sizes: Sizes, module: Module, loop: ast.While, binding: Binding) -> float | None:
    """Return the constant step of a counter changed once, unconditionally, in the loop."""
    statement = binding.statement
    if statement is None or not any(statement is s for s in loop.body):
        return None
    if isinstance(statement, ast.AugAssign):
        sign = 1 if isinstance(statement.op, ast.Add) else -1
        if not isinstance(statement.op, ast.Add | ast.Sub):
            return None
        amount: ast.expr = statement.value
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp):
        operation = statement.value
        if not (isinstance(operation.left, ast.Name) and operation.left.id == binding.name):
            return None
        if not isinstance(operation.op, ast.Add | ast.Sub):
            return None
        sign = 1 if isinstance(operation.op, ast.Add) else -1
        amount = operation.right
    else:
        return None
    for node in module.names.walk(loop):
        if isinstance(node, ast.Continue):
            return None  # the step may be skipped
    number = sizes.number(module, amount)
    if number.kind != "known" or number.low != number.high:
        return None
    return sign * number.low
