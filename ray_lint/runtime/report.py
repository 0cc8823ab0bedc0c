"""What a measurement found, as data. The forms for people are beside: ``table``, ``html``."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from ray_lint.runtime.stats import Interval, geometric

if TYPE_CHECKING:
    from ray_lint.runtime.tune import Tuning


class Verdict(enum.Enum):
    """The outcome for one site."""

    CONFIRMED = "confirmed"
    NO_SPEEDUP = "no speedup"
    SLOWER = "slower"
    VALUES_DIFFER = "values differ"
    NOT_REACHED = "not reached"
    TOO_NOISY = "too noisy to tell"


ADVICE = {
    Verdict.CONFIRMED: "Keep the fix.",
    Verdict.NO_SPEEDUP: "Leave the code as it is: the tasks are long enough for one call each.",
    Verdict.SLOWER: "Do not apply the fix here; the chunks may be too uneven or too few.",
    Verdict.VALUES_DIFFER: "Do not apply the fix; report the program as a defect of ray-lint.",
    Verdict.NOT_REACHED: "Give a command that runs this line: ray-lint verify FILE -- COMMAND.",
    Verdict.TOO_NOISY: "Measure again with a larger --repeat or --max-time on a quiet machine.",
}


@dataclass(frozen=True)
class Side:
    """One site in one of the two programs, over all measured runs.

    ``task_seconds`` is the mean time that one task ran on a worker, 0 if it is not known;
    ``actors`` is the number of actors that were called, 0 for tasks.
    """

    submissions: int = 0
    items: int = 0
    seconds: tuple[float, ...] = ()
    driver_bytes: tuple[int, ...] = ()
    task_seconds: float = 0.0
    actors: int = 0

    @property
    def typical_seconds(self) -> float:
        """Time in the site in seconds; 0 without a run.

        It is the geometric mean, so that the speedup is the ratio of the two sides' times.
        """
        positive = [one for one in self.seconds if one > 0]
        return geometric(positive).estimate if positive else 0.0

    def parallel(self, cpus: float) -> float:
        """Return how many of its tasks can run at the same time on ``cpus`` processors."""
        most = min(self.actors, cpus) if self.actors else cpus
        return max(1.0, min(most, float(self.submissions)))

    def work_seconds(self, cpus: float) -> float:
        """Return the part of the time that the tasks' own work needs, spread over ``cpus``."""
        spread = self.task_seconds * self.submissions / self.parallel(cpus)
        return min(spread, self.typical_seconds)

    def overhead_per_task(self, cpus: float) -> float:
        """Return the rest of the time, in seconds for one task; 0 without a run."""
        rest = self.typical_seconds - self.work_seconds(cpus)
        return rest / self.submissions if self.submissions else 0.0

    @property
    def items_per_second(self) -> float:
        """Items through the site per second; 0 without a run."""
        return self.items / self.typical_seconds if self.typical_seconds else 0.0

    @property
    def driver_peak(self) -> int:
        """Median of the driver's peak resident memory in bytes; 0 without a run."""
        return int(median(self.driver_bytes)) if self.driver_bytes else 0


@dataclass(frozen=True)
class SiteReport:
    """The verdict on one rewritten site, and what it rests on. ``column`` counts from 1.

    ``code_before`` and ``code_after`` are the lines that submit, without their indentation.
    """

    path: str
    line: int
    column: int
    code: str
    symbol: str
    verdict: Verdict
    before: Side = Side()
    after: Side = Side()
    speedup: Interval | None = None
    values: str = "not compared"
    reason: str = ""
    code_before: str = ""
    code_after: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether the site became faster and its values are equal."""
        return self.verdict is Verdict.CONFIRMED

    @property
    def advice(self) -> str:
        """What to do, in one sentence."""
        if self.verdict is Verdict.TOO_NOISY and self.values == "vary":
            return "Fix the random seeds of the program, then measure again."
        return ADVICE[self.verdict]


@dataclass(frozen=True, repr=False)
class Report:
    """All sites of one measurement.

    ``error`` is a sentence if the measurement itself failed; then no site has a verdict to trust.
    ``files`` are those that the fixes may change.
    """

    sites: tuple[SiteReport, ...] = ()
    command: tuple[str, ...] = ()
    cluster: str = ""
    ray_version: str = ""
    nodes: int = 0
    cpus: float = 0.0
    runs: int = 0
    discarded: int = 0
    seconds: float = 0.0
    tolerance: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    tuning: tuple[Tuning, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether there is a site and every site is confirmed."""
        return bool(self.sites) and not self.error and all(one.confirmed for one in self.sites)

    @property
    def exit_code(self) -> int:
        """0 if confirmed, 2 if nothing could be measured, else 1."""
        if self.error:
            return 2
        return 0 if self.confirmed else 1

    def __repr__(self) -> str:
        """Return the verdicts in short: what ``assert report.confirmed`` shows."""
        parts = [
            f"{site.path}:{site.line} {site.symbol}: {site.verdict.value}"
            + (f" ({site.reason})" if site.reason else "")
            for site in self.sites
        ]
        return f"<Report: {self.error or '; '.join(parts) or 'no sites'}>"

    def __str__(self) -> str:
        """Return the terminal table, so that a failed assertion explains itself."""
        from ray_lint.runtime.table import render

        return render(self)

    def to_json(self) -> str:
        """Return the report as JSON; times in seconds, memory in bytes, columns from 1."""
        return json.dumps(
            {
                "confirmed": self.confirmed,
                "command": list(self.command),
                "cluster": {
                    "address": self.cluster,
                    "nodes": self.nodes,
                    "cpus": self.cpus,
                    "ray": self.ray_version,
                },
                "runs": self.runs,
                "discarded": self.discarded,
                "seconds": round(self.seconds, 3),
                "tolerance": self.tolerance,
                "notes": list(self.notes),
                "error": self.error,
                "sites": [_site_json(site, self.cpus) for site in self.sites],
                "tuning": [one.as_json() for one in self.tuning],
            },
            indent=2,
        )


def _site_json(site: SiteReport, cpus: float) -> dict[str, Any]:
    interval = site.speedup
    bounded = interval is not None and interval.low > 0
    return {
        "filename": site.path,
        "location": {"row": site.line, "column": site.column},
        "code": site.code,
        "symbol": site.symbol,
        "verdict": site.verdict.value,
        "advice": site.advice,
        "reason": site.reason,
        "values": site.values,
        "speedup": None
        if interval is None
        else {
            "estimate": interval.estimate,
            "low": interval.low if bounded else None,
            "high": interval.high if bounded else None,
        },
        "before": _side_json(site.before, cpus),
        "after": _side_json(site.after, cpus),
    }


def _side_json(side: Side, cpus: float) -> dict[str, Any]:
    return {
        "submissions": side.submissions,
        "items": side.items,
        "seconds": list(side.seconds),
        "mean_seconds": side.typical_seconds,
        "items_per_second": side.items_per_second,
        "driver_peak_bytes": side.driver_peak,
        "task_seconds": side.task_seconds or None,
        "overhead_per_task": side.overhead_per_task(cpus) if side.task_seconds else None,
    }
