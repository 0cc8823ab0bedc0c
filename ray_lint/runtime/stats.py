"""Ratios with intervals from interleaved runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom (any textbook's table).
_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval, all as plain ratios or seconds."""

    estimate: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How many times the upper end is the lower one."""
        return self.high / self.low if self.low > 0 else math.inf


def t95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t; 1.96 beyond the table."""
    return _T95[degrees - 1] if degrees <= len(_T95) else 1.96


def geometric(values: Sequence[float]) -> Interval:
    """Return the geometric mean of positive ``values`` and its t-interval on logarithms.

    One value gives an interval without bounds.

    Raises ValueError if there is no value, or one that is not positive.
    """
    if not values or min(values) <= 0:
        raise ValueError("needs positive values")
    logs = [math.log(value) for value in values]
    centre = fmean(logs)
    if len(logs) < 2:
        return Interval(math.exp(centre), 0.0, math.inf)
    half = t95(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    # exp overflows beyond about 700; an interval that wide says nothing anyway.
    half = min(half, 100.0)
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def speedup(before: Sequence[float], after: Sequence[float]) -> Interval:
    """Return how many times faster ``after`` is, from runs made in pairs, in seconds each."""
    floor = 1e-9  # a clock that did not advance
    pairs = zip(before, after, strict=True)
    return geometric([max(old, floor) / max(new, floor) for old, new in pairs])
