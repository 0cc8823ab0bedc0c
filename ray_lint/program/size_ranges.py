"""How many numbers ``range`` gives, and whether it walks over chunks."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ray_lint.program.counts import Count, Kind, Number, amount, as_count, steps
from ray_lint.program.known_sizes import SHORT_CHUNK
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.wording import name_evidence, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes

_WIDE_STEP = 100  # of a range: hardly anybody skips so many items


def range_items(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count:
    """Return how many numbers ``range(...)`` gives."""
    numbers = [sizes.number(module, a, depth) for a in node.args[:3]]
    zero, one = (Number(n, n, "known", str(n)) for n in (0, 1))
    start, stop, step = zero, numbers[0], one
    if len(numbers) > 1:
        start, stop = numbers[0], numbers[1]
    if len(numbers) > 2:
        step = numbers[2]
    width = (
        distance(sizes, module, node.args[0], node.args[1], depth) if len(numbers) == 2 else None
    )
    if width is not None and stop.kind != "known":
        return as_count(width, f"`{words_of(node)}`")
    words = words_of(node)
    per_worker = stop.per_worker or name_evidence(" ".join(words_of(a) for a in node.args[:2]))[0]
    chunked = False
    if len(numbers) > 2 and module.names.qualified(node.func) != "numpy.arange":
        chunked = _steps_over_chunks(sizes, module, node, step, depth)
        # A wide step: each number may stand for a chunk.
        per_worker = per_worker or max(abs(step.low), abs(step.high)) >= _WIDE_STEP
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


def distance(
    sizes: Sizes, module: Module, start: ast.expr, stop: ast.expr, depth: int
) -> Number | None:
    """Return ``m + n`` from ``x - m`` to ``x + n``, whatever ``x`` is, None if that is not seen."""
    (base, less), (other, more) = (_shifted(sizes, module, n, depth) for n in (start, stop))
    if base != other or less.kind != "known" or more.kind != "known":
        return None
    return Number(more.low - less.high, more.high - less.low, "known", "a fixed width")


def _shifted(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> tuple[str, Number]:
    """Take ``x + 3 - 1`` apart into the text of ``x`` and the number 2."""
    zero = Number(0, 0, "known", "0")
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
        return ast.dump(node), zero
    base, by = _shifted(sizes, module, node.left, depth)
    more = sizes.number(module, node.right, depth)
    kind: Kind = "known" if by.kind == more.kind == "known" else "unknown"
    if isinstance(node.op, ast.Sub):
        return base, Number(by.low - more.high, by.high - more.low, kind, more.reason)
    return base, Number(by.low + more.low, by.high + more.high, kind, more.reason)


@once_per_module
def _takes_ranges(names: ModuleNames) -> bool:
    """Whether a function of the module takes slices, or ranges that begin anywhere."""
    slices = [n for n in names.index.every(ast.Slice) if n.lower is not None and n.upper]
    calls = [
        n
        for n in names.index.every(ast.Call)
        if len(n.args) == 2
        and not isinstance(n.args[0], ast.Constant | ast.UnaryOp)
        and names.stands_for(n.func, "builtins.range")
    ]
    return any(isinstance(names.scope_of(n).frame.node, FUNCTIONS) for n in (*slices, *calls))


def _steps_over_chunks(
    sizes: Sizes, module: Module, node: ast.Call, step: Number, depth: int
) -> bool:
    """Whether `range(start, stop, step)` walks over chunks: something takes what lies between."""
    if step.kind != "known":
        return True
    if max(abs(step.low), abs(step.high)) >= _WIDE_STEP and _takes_ranges(module.names):
        return True
    if max(abs(step.low), abs(step.high)) <= SHORT_CHUNK:
        return False
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
    stride = ast.dump(node.args[2])
    for inner in names.walk(holder):
        if isinstance(inner, ast.Slice) and inner.lower is not None and inner.upper is not None:
            words = {n.id for n in names.walk(inner) if isinstance(n, ast.Name)}
            if target.id in words:
                base, width = _shifted(sizes, module, inner.upper, depth)
                windows = base == ast.dump(inner.lower) and width.kind == "known"
                return not (windows and width.low > max(abs(step.low), abs(step.high)))
        elif isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
            sides = (inner.left, inner.right)
            if any(isinstance(x, ast.Name) and x.id == target.id for x in sides) and any(
                ast.dump(x) == stride for x in sides
            ):
                return True
    return False
