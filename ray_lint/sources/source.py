"""A file as the core wants it: Python bytes, with the way back to what is on disk."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ray_lint.errors import SourceError
from ray_lint.finding import Finding, Position
from ray_lint.sources.text import decode

if TYPE_CHECKING:
    from ray_lint.core import Refuses

_LINE_END = re.compile(r"\r\n|\r|\n")


class Source(Protocol):
    """One file to lint: a module or a notebook."""

    filename: str
    data: bytes
    """What is on disk."""
    python: bytes
    """What the core gets."""

    def locate(self, finding: Finding) -> Finding:
        """Return the finding at its place in the file: in a notebook, in its cell."""

    def place(self, offset: int) -> tuple[int | None, Position]:
        """Return cell and position of a character offset into the decoded ``python``."""

    def explain(self, error: SourceError) -> SourceError:
        """Return an error of the core at its place in the file."""

    def rebuild(self, python: bytes) -> bytes:
        """Return the bytes for the disk. Raises SourceError if the change cannot be written."""

    @property
    def refuses(self) -> Refuses | None:
        """What says why a fix cannot be written into the file; None: every fix can."""

    def line(self, finding: Finding) -> str:
        """Return the line that a (located) finding starts on, without its ending."""


class PlainSource:
    """A Python file; there is nothing to translate."""

    refuses: Refuses | None = None

    def __init__(self, filename: str, data: bytes) -> None:
        self.filename = filename
        self.data = data
        self.python = data

    def locate(self, finding: Finding) -> Finding:
        """Return the finding itself."""
        return finding

    def place(self, offset: int) -> tuple[int | None, Position]:
        """Return the position of a character offset."""
        return None, self._lines.position(offset)

    def explain(self, error: SourceError) -> SourceError:
        """Return the error itself."""
        return error

    def rebuild(self, python: bytes) -> bytes:
        """Return the bytes themselves."""
        return python

    def line(self, finding: Finding) -> str:
        """Return the line that the finding starts on."""
        return self._lines.line(finding.start.line)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(decode(self.data, self.filename).content)


class Lines:
    r"""Where the lines of a text start; lines end in ``\n``, ``\r\n`` or ``\r``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def position(self, offset: int) -> Position:
        """Return the place of a character offset."""
        line = bisect_right(self.starts, offset)
        return Position(line, offset - self.starts[line - 1])

    def offset(self, position: Position) -> int:
        """Return the character offset of a place."""
        return self.starts[position.line - 1] + position.column

    def line(self, number: int) -> str:
        """Return line ``number`` (from 1) without its ending; "" if there is none."""
        if not 0 < number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")


def load(filename: str, data: bytes) -> Source:
    """Return the source for a file by its name. Raises SourceError for a broken notebook."""
    if filename.endswith(".ipynb"):
        from ray_lint.sources.notebook import Notebook

        return Notebook(filename, data)
    return PlainSource(filename, data)
