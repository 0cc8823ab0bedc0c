"""The settings that a check or a fix depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray_lint.measured import MeasuredSite


@dataclass(frozen=True)
class Config:
    """Everything that can change what is found or how it is fixed.

    ``min_items`` is a number of submissions; ``task_threshold`` is in seconds (Ray's own guideline
    is 10 ms); ``batch_size`` None means: computed from the cluster at run time. ``strict`` also
    reports sites where neither the number of items nor the cost of one is known. ``measured`` are
    the sites that a profile has for the very file that is checked: measurement judges them.
    """

    select: tuple[str, ...] = ("RAY",)
    ignore: tuple[str, ...] = ()
    min_items: int = 200
    task_threshold: float = 0.010
    batch_size: int | None = None
    unsafe_fixes: bool = False
    strict: bool = False
    known_heavy: tuple[str, ...] = ()
    known_tiny: tuple[str, ...] = ()
    source_roots: tuple[str, ...] = ()
    measured: tuple[MeasuredSite, ...] = ()

    def selects(self, code: str) -> bool:
        """Whether ``code`` is on: the longest matching prefix of select and ignore decides."""
        chosen = max((len(p) for p in self.select if code.startswith(p)), default=-1)
        dropped = max((len(p) for p in self.ignore if code.startswith(p)), default=-1)
        return chosen > dropped
