"""Ratios and verdicts."""

from __future__ import annotations

import math

import pytest

from ray_lint.runtime.measure import _submitting_lines, judge, settled
from ray_lint.runtime.report import Verdict
from ray_lint.runtime.stats import Interval, geometric, speedup


def test_interval_agrees_with_the_textbook() -> None:
    # log values 0, ln 2, ln 4: mean ln 2, standard error ln 2 / sqrt 3, t(2) = 4.303
    interval = geometric([1.0, 2.0, 4.0])
    half = 4.303 * math.log(2) / math.sqrt(3)
    assert interval.estimate == pytest.approx(2.0)
    assert interval.low == pytest.approx(2.0 * math.exp(-half))
    assert interval.high == pytest.approx(2.0 * math.exp(half))


def test_one_run_has_no_bounds() -> None:
    assert speedup([2.0], [1.0]) == Interval(2.0, 0.0, math.inf)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        geometric([])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.1, 9.0, Verdict.CONFIRMED),
        (0.5, 0.9, Verdict.SLOWER),
        (0.97, 1.1, Verdict.NO_SPEEDUP),
        (0.9, 3.0, Verdict.TOO_NOISY),
        (0.0, math.inf, Verdict.TOO_NOISY),
    ],
)
def test_verdicts(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Interval((low + high) / 2, low, high)) is verdict


@pytest.mark.parametrize(
    ("low", "high", "enough"),
    [
        (1.0, 1.2, True),
        (1.1, 1.6, False),
        (22.0, 30.0, True),  # a fix that good needs no third digit
        (2.5, 9.0, False),
        (0.0, math.inf, False),
    ],
)
def test_when_to_stop(low: float, high: float, enough: bool) -> None:
    assert settled(Interval(math.sqrt(low * high) if low else 1.0, low, high)) is enough


def test_the_submitting_lines_are_shown_to_the_reader() -> None:
    source = b"@ray.remote(num_cpus=1)\ndef f(xs): ...\n\n\nif x:\n    f.remote(\n        1)\n"
    assert _submitting_lines(source, [(1, 2), (6, 7)]) == "f.remote(\n    1)"
    assert _submitting_lines(source, [(1, 2)]) == ""
    assert _submitting_lines(None, [(1, 2)]) == ""
