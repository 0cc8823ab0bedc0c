"""What the linter has to say: findings, fixes and the text edits that make up a fix.

Positions count lines from 1 and columns from 0, in characters of the decoded source. Edits use
character offsets into that same text. Every front end converts at its own door.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Applicability(enum.Enum):
    """How much is proven about a fix."""

    SAFE = "safe"
    """Every precondition is proven: the program keeps its meaning."""
    UNSAFE = "unsafe"
    """A named precondition is not proven; applied only on request."""
    DISPLAY = "display"
    """Advice only; there is nothing to apply."""


@dataclass(frozen=True, order=True)
class Position:
    """A place in the source: ``line`` from 1, ``column`` from 0 in characters."""

    line: int
    column: int


class Role(enum.IntEnum):
    """What an edit is for: whether fixes applied together may share it."""

    SITE = 0
    """It belongs to one finding alone."""
    FUNCTION = 1
    """It makes a batch function: two fixes that make the same one share it."""
    HELPER = 2
    """It adds a helper or an import: shared, and in any order with others at its place."""


@dataclass(frozen=True, order=True)
class Edit:
    """Replace the characters ``start`` to ``end`` (exclusive) of the source with ``content``."""

    start: int
    end: int
    content: str
    role: Role = Role.SITE


@dataclass(frozen=True)
class FileEdits:
    """What a fix changes in another file of the project.

    ``filename`` is absolute, ``edits`` are ordered by position; ``spans`` says where each of them
    starts and ends.
    """

    filename: str
    edits: tuple[Edit, ...]
    spans: tuple[tuple[Position, Position], ...]


@dataclass(frozen=True)
class Fix:
    """One atomic change: all of ``edits`` and of what ``others`` change in other files, or none.

    ``title`` is an imperative sentence without a period. ``reason`` names the precondition that is
    not proven; it is empty exactly for safe fixes. Display fixes have no edits.
    """

    title: str
    applicability: Applicability
    edits: tuple[Edit, ...] = ()
    reason: str = ""
    others: tuple[FileEdits, ...] = ()
    inlines: bool = False
    """Whether it puts code from elsewhere in the file into the loop, which may need a fix too."""


@dataclass(frozen=True)
class Finding:
    """One report at one place.

    ``start`` and ``end`` span the submission call. ``evidence`` holds short phrases, each a fact
    that the verdict rests on: how many and how long, as in the message, then what is called, where
    its cost is decided and what else the loop does. ``cell`` is the index over a notebook's code
    cells, from 1, or None; positions are then relative to that cell.
    """

    code: str
    name: str
    message: str
    start: Position
    end: Position
    symbol: str = ""
    evidence: tuple[str, ...] = ()
    fix: Fix | None = None
    cell: int | None = None

    @property
    def sort_key(self) -> tuple[int, Position, str]:
        """Order of the output: by cell, place, then code."""
        return (self.cell or 0, self.start, self.code)
