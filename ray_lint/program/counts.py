"""Intervals of item counts and of numbers, and how they combine."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["known", "data", "unknown", "unbounded"]


INFINITY = math.inf


LARGE = 10**18  # beyond this, only "very many" matters


@dataclass(frozen=True)
class Count:
    """How many items, or runs, from ``low`` to ``high`` (None: no upper bound known).

    *known*: an interval from the program. *data*: the number is not in the program, but comes
    with data (a parameter, a file, a frame, the command line). *unbounded*: never ends by itself.
    For all but known counts ``low`` holds what is certain if no loop of unknown size is empty.
    ``per_worker``: names say one per worker, actor, node, shard, file …; ``chunked``: the items
    are chunks already. ``taken``: so many were taken in a dry run, which tells nothing of more.
    """

    low: int
    high: int | None
    kind: Kind
    reason: str
    per_worker: bool = False
    chunked: bool = False
    taken: bool = False


@dataclass(frozen=True)
class Number:
    """An interval of real numbers with its reason; ``kind`` as in Count."""

    low: float
    high: float
    kind: Kind
    reason: str
    per_worker: bool = False


NOTHING = Count(0, None, "unknown", "nothing is known about its size")


ANY = Number(-INFINITY, INFINITY, "unknown", "an unknown number")


def times(inner: Count, outer: Count) -> Count:
    """Combine nested loops. The flags are those of the inner loop: its items are submitted."""
    if "unbounded" in (inner.kind, outer.kind):
        kind: Kind = "unbounded"
    elif "data" in (inner.kind, outer.kind):
        kind = "data"
    else:
        kind = "unknown" if "unknown" in (inner.kind, outer.kind) else "known"
    high = None
    if inner.high is not None and outer.high is not None:
        high = min(inner.high * outer.high, LARGE)
    if high == 0:
        kind = "known"
    low = 1
    for count in (inner, outer):
        # A loop of unknown size is taken to run at all: the question is then how often.
        low *= count.low if count.kind == "known" else max(count.low, 1)
    if kind == "known" and low == high and low:
        reason = f"{low:,} = {outer.low:,} times {inner.low:,} runs: {outer.reason}, {inner.reason}"
    else:
        reason = f"{inner.reason}, inside of a loop: {outer.reason}"
    return Count(min(low, LARGE), high, kind, reason, inner.per_worker, inner.chunked)


def exactly(n: int, what: str) -> Count:
    """Return the count of a collection whose size is written out."""
    return Count(n, n, "known", f"{n:,} items of {what}")


def as_count(number: Number, what: str) -> Count:
    """Return the count of a collection that has ``number`` items."""
    if number.kind != "known":
        kind: Kind = "unknown" if number.kind == "unbounded" else number.kind
        high = whole(max(number.high, 0))
        return Count(0, high, kind, f"{what}, {number.reason}", number.per_worker)
    low = whole(max(number.low, 0)) or 0
    high = whole(max(number.high, 0))
    return Count(low, high, "known", f"{amount(low, high)} items of {what}", number.per_worker)


def steps(span: float, step: float, inclusive: bool) -> int | None:
    """Return the number of steps that fit into a span; None for no bound."""
    if span == INFINITY:
        return None
    if span == -INFINITY:
        return 0
    steps = math.floor(span / step) + 1 if inclusive else math.ceil(span / step)
    return min(max(steps, 0), LARGE)


def whole(value: float) -> int | None:
    """Return the upper bound as a number of items, None for no bound."""
    return None if value == INFINITY else int(min(value, LARGE))


def clamp(value: float) -> float:
    """Keep a finite number within what matters."""
    return max(min(value, LARGE), -LARGE) if math.isfinite(value) else value


def amount(low: int | None, high: int | None) -> str:
    """Put an interval into words."""
    if high is None:
        return f"at least {low or 0:,}"
    if low == high:
        return f"{high:,}"
    return f"{low:,} to {high:,}" if low else f"at most {high:,}"


def plus(left: Count, right: Count) -> Count:
    """Return the count of two collections one after the other."""
    if right.low == right.high == 0 and right.kind == "known":
        return left
    if left.low == left.high == 0 and left.kind == "known":
        return right
    high = None if left.high is None or right.high is None else left.high + right.high
    order: tuple[Kind, ...] = ("unbounded", "data", "unknown", "known")
    kind = next(k for k in order if k in (left.kind, right.kind))
    low = left.low + right.low
    reason = f"{left.reason} and {right.reason}"
    if kind == "known":
        reason = f"{amount(low, high)} items ({reason})"
    if len(reason) > 160:
        reason = reason[:157] + "..."
    flags = left.per_worker and right.per_worker, left.chunked and right.chunked
    return Count(min(low, LARGE), high, kind, reason, *flags)


def scaled(base: Count, number: Number, words: str) -> Count:
    """Return the count of ``sequence * number``."""
    if base.kind == "known" and number.kind == "known":
        low = base.low * (whole(max(number.low, 0)) or 0)
        top = whole(max(number.high, 0))
        high = None if base.high is None or top is None else base.high * top
        if base.high == 0:
            high = 0
        return Count(
            min(low, LARGE),
            high,
            "known",
            f"{amount(low, high)} items of `{words}`",
            number.per_worker,
        )
    vague = number if number.kind != "known" else base
    kind: Kind = "data" if vague.kind == "data" else "unknown"
    return Count(0, None, kind, f"`{words}`, {vague.reason}", number.per_worker)


def shortest(counts: list[Count]) -> Count:
    """Return the count of ``zip``: the shortest of all bounds it."""
    ending = [c for c in counts if c.kind != "unbounded"]
    if not ending:
        return counts[0]
    highs = [c.high for c in ending if c.high is not None]
    high = min(highs) if highs else None
    if all(c.kind == "known" for c in ending):
        low = min(c.low for c in ending)
        chosen = min(ending, key=lambda c: (c.high is None, c.high))
        return replace(chosen, low=low, high=high, per_worker=any(c.per_worker for c in ending))
    # The lists that are zipped are nearly always of the same length: a known one tells.
    chosen = min(ending, key=lambda c: (c.high is None, c.high or 0, c.kind != "data"))
    kind: Kind = chosen.kind if chosen.kind != "known" else "unknown"
    return replace(
        chosen,
        low=0,
        high=high,
        kind=kind,
        per_worker=any(c.per_worker for c in ending),
        chunked=any(c.chunked for c in ending),
        reason=f"at most {chosen.reason}" if high is not None else chosen.reason,
    )


def join_counts(counts: list[Count]) -> Count:
    """Return what holds when any one of several counts may be true."""
    if len(counts) == 1:
        return counts[0]
    if not counts:
        return NOTHING
    order: tuple[Kind, ...] = ("unbounded", "data", "unknown", "known")
    kind = next(k for k in order if any(c.kind == k for c in counts))
    highs = [c.high for c in counts]
    high = None if None in highs else max(h for h in highs if h is not None)
    low = min(c.low for c in counts)
    chosen = next(c for c in counts if c.kind == kind)
    reason = chosen.reason
    if kind == "known":
        chosen = max(counts, key=lambda c: (c.high is None, c.high or 0))
        reason = chosen.reason if low == high else f"{amount(low, high)} items: {chosen.reason}"
    return Count(
        low, high, kind, reason, any(c.per_worker for c in counts), any(c.chunked for c in counts)
    )


def join_numbers(numbers: list[Number]) -> Number:
    """Return what holds when any one of several numbers may be true."""
    if len(numbers) == 1:
        return numbers[0]
    order: tuple[Kind, ...] = ("unbounded", "data", "unknown", "known")
    kind = next(k for k in order if any(n.kind == k for n in numbers))
    chosen = next(n for n in numbers if n.kind == kind)
    return Number(
        min(n.low for n in numbers),
        max(n.high for n in numbers),
        kind,
        chosen.reason,
        any(n.per_worker for n in numbers),
    )


def combined(operator: ast.operator, left: Number, right: Number, words: str) -> Number:
    """Return the interval of an arithmetic operation on two intervals."""
    worker = left.per_worker or right.per_worker
    if (
        isinstance(operator, ast.Mod)
        and left.kind != "known"
        and right.kind == "known"
        and right.low > 0
    ):
        return Number(0, right.high, "known", f"`{words}`", worker)  # whatever the number is
    if left.kind != "known" or right.kind != "known":
        vague = left if left.kind != "known" else right
        kind: Kind = "data" if "data" in (left.kind, right.kind) else "unknown"
        return Number(-INFINITY, INFINITY, kind, vague.reason, worker)
    corners: list[float]
    try:
        if isinstance(operator, ast.Add):
            corners = [left.low + right.low, left.high + right.high]
        elif isinstance(operator, ast.Sub):
            corners = [left.low - right.high, left.high - right.low]
        elif isinstance(operator, ast.Mult):
            corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
        elif isinstance(operator, ast.Div | ast.FloorDiv):
            if right.low <= 0 <= right.high:
                return ANY
            corners = [a / b for a in (left.low, left.high) for b in (right.low, right.high)]
            if isinstance(operator, ast.FloorDiv):
                corners = [a // b for a in (left.low, left.high) for b in (right.low, right.high)]
        elif isinstance(operator, ast.Pow):
            return replace(power(left, right), per_worker=worker)
        elif isinstance(operator, ast.Mod) and right.low > 0:
            if left.low == left.high and right.low == right.high:
                corners = [left.low % right.low]
            else:
                corners = [0, right.high]
        elif isinstance(operator, ast.LShift | ast.RShift):
            if left.low != left.high or right.low != right.high or not 0 <= right.low <= 60:
                return ANY
            shift = int(right.low)
            value = int(left.low)
            corners = [value << shift if isinstance(operator, ast.LShift) else value >> shift]
        else:
            return ANY
    except (OverflowError, ValueError, ZeroDivisionError):
        return ANY
    if any(math.isnan(c) for c in corners):
        return ANY
    return Number(clamp(min(corners)), clamp(max(corners)), "known", f"`{words}`", worker)


def power(left: Number, right: Number) -> Number:
    """Return the interval of ``left ** right``."""
    if left.low != left.high or right.low != right.high:
        return ANY
    if abs(left.low) > LARGE or abs(right.low) > 60:
        return ANY
    try:
        value = left.low**right.low
    except (OverflowError, ZeroDivisionError):
        return ANY
    if isinstance(value, complex):
        return ANY
    value = clamp(value)
    return Number(value, value, "known", f"{value}")
