"""The errors that users can cause; everything else that is raised is a defect of ray-lint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SourceError(Exception):
    """A file that cannot be read, decoded or parsed; reported in one line, exit code 2.

    ``line`` counts from 1 and ``column`` from 0 in characters; ``line`` 0 means that no position
    is known.
    """

    filename: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return ``file:line:col: message`` with a 1-based column, as compilers print it."""
        place = f"{self.filename}:{self.line}:{self.column + 1}" if self.line else self.filename
        return f"{place}: {self.message}"


class UsageError(Exception):
    """Wrong options or configuration; reported in one line, exit code 2."""
