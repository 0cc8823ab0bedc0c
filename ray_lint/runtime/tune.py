"""``--tune``: how many items a task should get, from a model and checked by measuring.

A site with ``N`` items on ``P`` processors, ``w`` seconds of work for one item and ``c`` seconds of
overhead for one task takes, in batches of ``b`` items, about

    T(b) = c N / b  +  w N / P  +  w b

The last part is the batch that still runs when all others are done. The least of it is at
``b = sqrt(c N / w)``, the model's proposal, but at most ``N / P``, so that no processor is idle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray_lint.measured import seconds
from ray_lint.runtime.report import SiteReport
from ray_lint.runtime.stats import Interval, speedup

SPREAD = 4
"""The grid goes from the proposal divided by this to the proposal times this."""
MAX_SIZES = 6
"""So many sizes are measured at most, however many sites there are."""
REPEATS = 3
CLEARLY = 1.05
"""The cluster's own size is kept if it is so many times faster than the best constant."""


@dataclass(frozen=True)
class Trial:
    """One measured size: ``seconds`` of the runs, ``gain`` over the size that the cluster gave."""

    size: int
    tasks: int
    seconds: tuple[float, ...]
    gain: Interval


@dataclass(frozen=True)
class Tuning:
    """What was found for one site. Times in seconds; ``chosen`` None: leave it to the cluster."""

    path: str
    line: int
    column: int
    symbol: str
    items: int
    item_seconds: float
    overhead_seconds: float
    proposed: int
    trials: tuple[Trial, ...]
    default_seconds: float
    chosen: int | None
    words: str

    def __str__(self) -> str:
        """Return the lines for a terminal."""
        work, overhead = seconds(self.item_seconds), seconds(self.overhead_seconds)
        lines = [
            f"{self.path}:{self.line}:{self.column}: {self.symbol}: {work} of work per item, "
            f"{overhead} of overhead per task",
            f"    the model proposes batches of {self.proposed:,} of {self.items:,} items",
            f"    {'batch size':<14}{'tasks':>10}{'time':>12}   against the cluster's own size",
            f"    {'by the cluster':<14}{'':>10}{seconds(self.default_seconds):>12}",
        ]
        for one in self.trials:
            gain = one.gain
            typical = sorted(one.seconds)[len(one.seconds) // 2]
            bounds = f" [{gain.low:.2f}, {gain.high:.2f}]" if gain.low > 0 else ""
            lines.append(
                f"    {one.size:<14,}{one.tasks:>10,}{seconds(typical):>12}"
                f"   {gain.estimate:.2f}x{bounds}"
            )
        lines.append(f"    {self.words}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the same as data; times in seconds."""
        return {
            "filename": self.path,
            "location": {"row": self.line, "column": self.column},
            "symbol": self.symbol,
            "items": self.items,
            "item_seconds": self.item_seconds,
            "overhead_seconds": self.overhead_seconds,
            "proposed": self.proposed,
            "default_seconds": self.default_seconds,
            "trials": [
                {"size": one.size, "tasks": one.tasks, "seconds": list(one.seconds)}
                for one in self.trials
            ],
            "chosen": self.chosen,
            "words": self.words,
        }


def proposal(items: int, item_seconds: float, overhead_seconds: float, cpus: float) -> int:
    """Return the model's number of items per batch, at least 1; times in seconds."""
    most = max(1, math.ceil(items / max(cpus, 1.0)))
    if item_seconds <= 0:
        return most
    return max(1, min(most, round(math.sqrt(overhead_seconds * items / item_seconds))))


def costs(site: SiteReport, cpus: float) -> tuple[float, float]:
    """Return the seconds of work per item and of overhead per task at a measured site."""
    items = max(site.before.items, 1)
    work = site.after.task_seconds * site.after.submissions / items
    if not work:
        work = site.before.task_seconds * site.before.submissions / items
    spread = site.before.parallel(cpus)
    overhead = site.before.typical_seconds / max(site.before.submissions, 1) - work / spread
    return work, max(overhead, 0.0)


def grid(sites: Sequence[SiteReport], cpus: float) -> list[int]:
    """Return the sizes to measure, ascending: around the proposals of all sites."""
    sizes = set()
    for site in sites:
        most = max(1, math.ceil(site.before.items / max(site.before.parallel(cpus), 1.0)))
        middle = proposal(site.before.items, *costs(site, cpus), site.before.parallel(cpus))
        sizes |= {max(1, min(most, size)) for size in (middle // SPREAD, middle, middle * SPREAD)}
    ordered = sorted(sizes)
    step = math.ceil(len(ordered) / MAX_SIZES)
    return ordered[::step]


def tuned(
    site: SiteReport,
    cpus: float,
    default: Sequence[float],
    trials: Mapping[int, tuple[int, Sequence[float]]],
    differ: Mapping[int, str],
) -> Tuning:
    """Return what the trials say of one site.

    ``default`` are the seconds with the cluster's own size, ``trials`` by size the number of tasks
    and the seconds, run by turns with ``default``. ``differ`` has the sizes whose values were found
    to be wrong, with how.
    """
    work, overhead = costs(site, cpus)
    done = tuple(
        Trial(size, tasks, tuple(times), speedup(default, times))
        for size, (tasks, times) in sorted(trials.items())
        if times and min(times) > 0
    )
    right = [one for one in done if one.size not in differ]
    best = max(right, key=lambda one: one.gain.estimate, default=None)
    chosen: int | None = None
    if best is None:
        words = next(iter(differ.values()), "no size could be measured")
    elif best.gain.estimate * CLEARLY < 1:
        words = "keep the size that the cluster gives: no constant is as fast"
    else:
        chosen = best.size
        same = best.gain.low < 1 < best.gain.high
        words = f"best: {best.size:,} items per batch (--batch-size {best.size})" + (
            "; the cluster's own size is as fast within the noise, and follows the cluster"
            if same
            else ""
        )
    return Tuning(
        path=site.path,
        line=site.line,
        column=site.column,
        symbol=site.symbol,
        items=site.before.items,
        item_seconds=work,
        overhead_seconds=overhead,
        proposed=proposal(site.before.items, work, overhead, site.before.parallel(cpus)),
        trials=done,
        default_seconds=sorted(default)[len(default) // 2] if default else 0.0,
        chosen=chosen,
        words=words,
    )
