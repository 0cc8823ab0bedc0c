"""What a profile measured at one submission site, as data that the linter judges by."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_SHARE = 0.1
"""Where Ray's own cost is a smaller part of the site's time, batches would save next to nothing."""


@dataclass(frozen=True)
class MeasuredSite:
    """One submission site of a profiled run. Times are in seconds, for one task each.

    ``function`` is the qualified name of the function that submits (``<module>`` outside of any),
    ``ordinal`` tells which ``.remote`` of that function it is, in source order from 0, and
    ``digest`` is of the code of that function and of the one that is called: see
    ``ray_lint.program.profiled``. ``line`` is where it stood when it was measured.
    """

    function: str
    ordinal: int
    digest: str
    line: int
    symbol: str
    actor: bool
    tasks: int
    median_seconds: float | None
    p95_seconds: float | None = None
    overhead_share: float | None = None

    def too_small(self, min_items: int, threshold: float) -> bool:
        """Whether these are many tasks, each shorter than ``threshold`` seconds."""
        return (
            self.tasks >= min_items
            and self.median_seconds is not None
            and self.median_seconds < threshold
            and (self.overhead_share is None or self.overhead_share >= LEAST_SHARE)
        )

    @property
    def words(self) -> str:
        """What was measured, as a short phrase."""
        if self.median_seconds is None:
            return "measured without times"
        words = f"measured: a median of {seconds(self.median_seconds)} each"
        if self.overhead_share is not None:
            words += f", {100 * self.overhead_share:.0f} % of the time here is Ray's own"
        return words


def seconds(value: float) -> str:
    """Return a duration with a fitting unit and three digits."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}" if value < 1000 else f"{value:.0f} s"
    return f"{value / 1e-6:.3g} µs"
