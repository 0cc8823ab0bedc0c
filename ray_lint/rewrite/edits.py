"""Choosing, applying and tracking text edits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

from ray_lint.finding import Edit, Role


@dataclass(frozen=True)
class Applied:
    """The result of applying edits: new ``content``, and where each edit's text now stands."""

    content: str
    edits: tuple[Edit, ...]
    spans: dict[Edit, tuple[int, int]]

    def moved(self, offset: int) -> int | None:
        """Return where the character at ``offset`` of the old text is now, None if replaced."""
        number = bisect_right(self._ends, offset)
        if number < len(self.edits) and self.edits[number].start <= offset:
            return None
        return offset + self._deltas[number]

    def origin(self, offset: int) -> int | None:
        """Return where a character of the new text was in the old one, None if an edit wrote it."""
        number = bisect_right(self._new_ends, offset)
        if number < len(self.edits) and self.edits[number].start + self._deltas[number] <= offset:
            return None
        return offset - self._deltas[number]

    @cached_property
    def _new_ends(self) -> list[int]:
        places = zip(self.edits, self._deltas, strict=False)
        return [edit.start + delta + len(edit.content) for edit, delta in places]

    @cached_property
    def _ends(self) -> list[int]:
        return [edit.end for edit in self.edits]

    @cached_property
    def _deltas(self) -> list[int]:
        """How many characters longer the text became by the first 0, 1, 2 … edits."""
        grown = (len(edit.content) - (edit.end - edit.start) for edit in self.edits)
        return list(accumulate(grown, initial=0))


class EditSet:
    """Edits of several fixes that can be applied together.

    Two fixes may share an edit to the letter (both add the same import), or be one. Functions and
    imports that they add at one place may stand in any order. Any other overlap is a conflict, also
    two different insertions at one place, whose order would be arbitrary.
    """

    def __init__(self) -> None:
        self._edits: set[Edit] = set()
        self._starts: list[Edit] = []
        self._latest: list[Edit] = []

    def try_add(self, edits: Iterable[Edit]) -> bool:
        """Add all of ``edits`` or none; return whether they were added."""
        wanted = list(dict.fromkeys(edits))
        new = [edit for edit in wanted if edit not in self._edits]
        if not new:
            self._latest = []
            return True  # one fix of several findings
        if any(edit.role is Role.SITE for edit in wanted if edit in self._edits):
            return False
        for edit in new:
            insort(self._starts, edit)
        # The edits from before were compared when they came: only the new ones' neighbours count.
        if all(self._fits(edit) for edit in new):
            self._edits.update(new)
            self._latest = new
            return True
        for edit in new:
            del self._starts[bisect_left(self._starts, edit)]
        return False

    def take_back(self) -> None:
        """Undo the latest ``try_add`` that succeeded."""
        for edit in self._latest:
            del self._starts[bisect_left(self._starts, edit)]
        self._edits.difference_update(self._latest)
        self._latest = []

    def _fits(self, edit: Edit) -> bool:
        """Whether a new edit, already in its place, gets on with the ones beside it."""
        place = bisect_left(self._starts, edit)
        return all(
            self._get_along(first, second)
            for first, second in pairwise(self._starts[max(place - 1, 0) : place + 2])
        )

    def _get_along(self, first: Edit, second: Edit) -> bool:
        if second.start < first.end:
            return False
        if first.start != second.start or first.end != second.end:
            return True
        strangers = (first in self._edits) != (second in self._edits)
        return not strangers or first.role is second.role is Role.HELPER

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


def composed(content: str, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """Return the edits of ``content`` that come to the same as ``first`` and then ``second``.

    Both are ordered; ``second`` are edits of what ``first`` makes. Edits of ``second`` that touch
    nothing of ``first`` stay what they are, with their roles. Nothing where two of ``first`` touch,
    or one of ``second`` touches both.
    """
    middle = apply_edits(content, first)
    found: list[Edit] = []
    rest = list(second)
    for edit in first:
        low, high = start, end = middle.spans[edit]
        inside: list[Edit] = []
        while True:
            more = [e for e in rest if e.start <= high and e.end >= low and e not in inside]
            if not more:
                break
            inside += more
            low, high = min(low, *(e.start for e in more)), max(high, *(e.end for e in more))
        spans = (span for other, span in middle.spans.items() if other is not edit)
        if any(begin <= high and low <= stop for begin, stop in spans):
            return []
        rest = [e for e in rest if e not in inside]
        moved = [replace(e, start=e.start - low, end=e.end - low) for e in sorted(inside)]
        text = apply_edits(middle.content[low:high], moved).content
        found.append(Edit(edit.start - (start - low), edit.end + (high - end), text, edit.role))
    for edit in rest:
        start = edit.start - _grown(middle, edit.start)
        found.append(replace(edit, start=start, end=edit.end - _grown(middle, edit.end)))
    return sorted(found)


def _grown(applied: Applied, offset: int) -> int:
    """Return how much longer the text became before a place of the new one."""
    grown = 0
    for edit in applied.edits:
        start, end = applied.spans[edit]
        if end <= offset and (start, end) != (offset, offset):
            grown += len(edit.content) - (edit.end - edit.start)
    return grown


def try_add_all(sets: Mapping[str, EditSet], parts: Mapping[str, Iterable[Edit]]) -> bool:
    """Add the edits of one fix to the sets of all files that it changes, or to none."""
    done: list[EditSet] = []
    for filename, edits in parts.items():
        if not sets[filename].try_add(edits):
            for added in done:
                added.take_back()
            return False
        done.append(sets[filename])
    return True
