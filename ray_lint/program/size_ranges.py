"""How many numbers ``range`` gives, and whether it walks over chunks."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ray_lint.program.counts import Count, Kind, Number, amount, steps
from ray_lint.program.module import Module
from ray_lint.program.wording import name_evidence, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes

_WIDE_STEP = 100  # of a range: nobody skips so many items


def range_items(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count:
    """Return how many numbers ``range(...)`` gives."""
    numbers = [sizes.number(module, a, depth) for a in node.args[:3]]
    zero, one = (Number(n, n, "known", str(n)) for n in (0, 1))
    start, stop, step = zero, numbers[0], one
    if len(numbers) > 1:
        start, stop = numbers[0], numbers[1]
    if len(numbers) > 2:
        step = numbers[2]
    words = words_of(node)
    per_worker = stop.per_worker or name_evidence(" ".join(words_of(a) for a in node.args[:2]))[0]
    chunked = (
        len(numbers) > 2
        and module.names.qualified(node.func) != "numpy.arange"
        and _steps_over_chunks(module, node, step)
    )
    if all(n.kind == "known" for n in (start, stop, step)) and step.low * step.high > 0:
        if step.low > 0:
            spans = (stop.low - start.high, stop.high - start.low)
            slow, fast = step.high, step.low
        else:
            spans = (start.low - stop.high, start.high - stop.low)
            slow, fast = -step.low, -step.high
        low = steps(spans[0], slow, inclusive=False)
        high = steps(spans[1], fast, inclusive=False)
        return Count(
            low or 0,
            high,
            "known",
            f"{amount(low, high)} items of `{words}`",
            per_worker,
            chunked,
        )
    kinds = {n.kind for n in (start, stop, step)}
    kind: Kind = "data" if "data" in kinds else "unknown"
    why = next((n.reason for n in (stop, start, step) if n.kind != "known"), "")
    return Count(0, None, kind, f"`{words}`, {why}", per_worker, chunked)


def _steps_over_chunks(module: Module, node: ast.Call, step: Number) -> bool:
    """Whether `range(start, stop, step)` walks over chunks: by a slice, or by a wide step."""
    if step.kind != "known" or max(abs(step.low), abs(step.high)) >= _WIDE_STEP:
        return True
    names = module.names
    for loop in names.ancestors(node):
        if isinstance(loop, ast.stmt | ast.comprehension):
            break
    else:
        return False
    target = getattr(loop, "target", None)
    if not isinstance(target, ast.Name):
        return False
    holder = names.parents[loop] if isinstance(loop, ast.comprehension) else loop
    width = ast.dump(node.args[2])
    for inner in names.walk(holder):
        if isinstance(inner, ast.Slice) and inner.lower is not None and inner.upper is not None:
            words = {n.id for n in names.walk(inner) if isinstance(n, ast.Name)}
            if target.id in words:
                return True
        elif isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
            sides = (inner.left, inner.right)
            if any(isinstance(x, ast.Name) and x.id == target.id for x in sides) and any(
                ast.dump(x) == width for x in sides
            ):
                return True
    return False
