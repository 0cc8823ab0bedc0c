"""What a body adds up to while it is read, and the cost class that the sum has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

SHORT_SECONDS = 5e-5
"""A task of at most so many seconds is not worth a batch of its own for a few items either."""

_OPERATION = 4e-8  # seconds of one node of plain Python


@dataclass(frozen=True)
class Cost:
    """The cost class of one run: ``seconds`` is an estimate where there is one.

    ``line`` is the line of the statement that decides, in the file of the callee's definition
    (or of the helper that it calls), 0 if none does.
    """

    kind: Literal["tiny", "heavy", "unknown"]
    reason: str
    seconds: float | None = None
    line: int = 0
    demands: str = ""
    """What resources a tiny body asks for: it may be more than it seems."""
    doubts: int = 0
    """Number of places of unknown cost: many of them hardly add up to something tiny."""
    plain: bool = False
    """Unknown only for loops of plain Python that end when a number says so, as Euclid's does.

    Or for ``seen`` ones.
    """
    seen: bool = False
    """Unknown only for loops over data that the program itself makes of small numbers."""
    by_data: bool = False
    """Heavy only because it loops over data, of which there may be much."""
    lent: bool = False
    """It rests on functions or objects among the arguments of the one call that was looked at."""

    @property
    def small(self) -> bool:
        """Whether it is tiny, or unknown only for how often plain Python is repeated."""
        return self.kind == "tiny" or self.plain


@dataclass
class Work:
    """What has been summed up of one function."""

    seconds: float = 0.0
    heavy: Cost | None = None
    unknown: Cost | None = None
    slowest: tuple[float, str, int] = (0.0, "", 0)
    doubts: set[str] = field(default_factory=set)
    opaque: bool = False
    """Something of unknown cost is more than a loop of plain Python."""
    unseen: bool = False
    """Something of unknown cost is more than a loop over data that the program makes."""
    lent: bool = False
    """Something that is called is an argument of the call that was looked at."""
    plain: dict[float, float] = field(default_factory=dict)
    """Seconds of plain operations, by the number of times they run."""

    def operate(self, runs: float, line: int) -> None:
        """Add one operation of plain Python."""
        seconds = runs * _OPERATION
        self.seconds += seconds
        total = self.plain[runs] = self.plain.get(runs, 0.0) + seconds
        if total > self.slowest[0]:
            what = "plain Python" if runs <= 1 else f"loops {runs:,.0f} times"
            self.slowest = (total, what, line)

    def take(self, seconds: float, reason: str, line: int) -> None:
        """Add work of a known length."""
        self.seconds += seconds
        if seconds > self.slowest[0]:
            self.slowest = (seconds, reason, line)

    def take_heavy(self, reason: str, line: int, *, by_data: bool = False) -> None:
        """Note that something heavy is done, or ``by_data`` may be."""
        if self.heavy is None:
            self.heavy = Cost("heavy", reason, None, line, by_data=by_data)

    def take_unknown(
        self, reason: str, line: int, *, plain: bool = False, seen: bool = False
    ) -> None:
        """Note that something is done of which the cost is not known.

        ``plain``: how often plain Python is repeated is all that is not known; ``seen``: it is
        repeated for data that the program itself makes of small numbers.
        """
        self.doubts.add(reason)
        self.opaque = self.opaque or not (plain or seen)
        self.unseen = self.unseen or not seen
        if self.unknown is None:
            self.unknown = Cost("unknown", reason, None, line)

    def include(self, other: Work, runs: float, line: int, name: str) -> None:
        """Add what a called function does, ``runs`` times."""
        if other.heavy is not None:
            reason = f"calls `{name}`, which {other.heavy.reason}"
            self.take_heavy(reason, line, by_data=other.heavy.by_data)
        if other.unknown is not None:
            reason = f"calls `{name}`, which {other.unknown.reason}"
            self.take_unknown(reason, line, plain=not other.opaque, seen=not other.unseen)
            self.doubts |= other.doubts
        self.lent = self.lent or other.lent
        self.take(other.seconds * runs, f"calls `{name}`", line)


def verdict(work: Work, threshold: float) -> Cost:
    """Return the cost class of what has been summed up."""
    if work.heavy is not None:
        return work.heavy
    seconds, reason, line = work.slowest
    if work.seconds > threshold:
        return Cost("heavy", f"{reason}: about {duration(work.seconds)}", work.seconds, line)
    if work.unknown is not None:
        plain, seen = not work.opaque, not work.unseen
        return replace(work.unknown, doubts=len(work.doubts), plain=plain, seen=seen)
    if reason.startswith("sleeps"):
        return Cost("tiny", f"{reason}", work.seconds, line, lent=work.lent)
    what = f"{reason}, " if seconds > 0.5 * work.seconds and reason else ""
    reason = f"{what}about {duration(work.seconds)} of work"
    return Cost("tiny", reason, work.seconds, line, lent=work.lent)


def duration(seconds: float) -> str:
    """Put a time into words: ``12 µs``, ``3 ms``, ``10 s``."""
    if seconds < 1e-6:
        return "1 µs"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:,.0f} s"
