"""Choosing, applying and tracking text edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ray_lint.finding import Edit, Role


@dataclass(frozen=True)
class Applied:
    """The result of applying edits: new ``content``, and where each edit's text now stands."""

    content: str
    edits: tuple[Edit, ...]
    spans: dict[Edit, tuple[int, int]]

    def moved(self, offset: int) -> int | None:
        """Return where the character at ``offset`` of the old text is now, None if replaced."""
        delta = 0
        for edit in self.edits:
            if edit.end <= offset:
                delta += len(edit.content) - (edit.end - edit.start)
            elif edit.start <= offset:
                return None
            else:
                break
        return offset + delta


class EditSet:
    """Edits of several fixes that can be applied together.

    Two fixes may share an edit to the letter (both add the same import). Functions and imports
    that they add at one place may stand in any order. Any other overlap is a conflict, also two
    different insertions at one place, whose order would be arbitrary.
    """

    def __init__(self) -> None:
        self._edits: set[Edit] = set()
        self._starts: list[Edit] = []

    def try_add(self, edits: Iterable[Edit]) -> bool:
        """Add all of ``edits`` or none; return whether they were added."""
        wanted = list(dict.fromkeys(edits))
        new = [edit for edit in wanted if edit not in self._edits]
        if any(edit.role is Role.SITE for edit in wanted if edit in self._edits):
            return False
        merged = sorted([*self._starts, *new]) if new else self._starts
        for first, second in pairwise(merged):
            if second.start < first.end:
                return False
            if first.start == second.start and first.end == second.end:
                strangers = (first in self._edits) != (second in self._edits)
                if strangers and not (first.role is second.role is Role.HELPER):
                    return False
        self._edits.update(new)
        self._starts = merged
        return True

    @property
    def edits(self) -> Sequence[Edit]:
        """All edits, ordered by position."""
        return self._starts


def apply_edits(content: str, edits: Sequence[Edit]) -> Applied:
    """Apply ordered, non-overlapping edits to ``content``."""
    pieces: list[str] = []
    spans: dict[Edit, tuple[int, int]] = {}
    position = length = 0
    for edit in edits:
        kept = content[position : edit.start]
        pieces += [kept, edit.content]
        length += len(kept)
        spans[edit] = (length, length + len(edit.content))
        length += len(edit.content)
        position = edit.end
    pieces.append(content[position:])
    return Applied("".join(pieces), tuple(edits), spans)
