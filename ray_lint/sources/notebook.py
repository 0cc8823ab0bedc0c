"""Jupyter notebooks: code cells as one module, and edits written back to the byte.

The JSON is never written anew. The text of the file is kept, and only the ``source`` values of
cells that a fix changed are replaced in it, line by line.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from ray_lint.errors import SourceError
from ray_lint.finding import Finding, Fix, Position
from ray_lint.sources.magics import Placeholder, is_python, parses, replace_magics
from ray_lint.sources.source import Lines

_BLANK = re.compile(r"[ \t\r\n]*")
_COOKIE = re.compile(r"[ \t\f]*#.*coding[:=]")
_ESCAPED = re.compile(r"\\u(?!00[0-7])[0-9a-fA-F]{4}")
_LINE = re.compile(r"\bline (\d+)\b(?! of )")
"""A line of the module in the words of a finding; those of other files are followed by `` of ``."""
_DECODER = json.JSONDecoder()
_UNCHANGED = "not written, the file is unchanged: "


@dataclass
class _Cell:
    """A code cell: ``number`` from 1; the JSON of its source is ``text[start:end]``.

    ``python`` is what stands in the combined module from line ``first`` (from 1) on.
    """

    number: int
    start: int
    end: int
    source: str
    items: list[tuple[int, int, str]] | None
    """The strings of a source that is a list, with where they stand; None for a plain string."""
    python: str = ""
    placeholders: list[Placeholder] = field(default_factory=list)
    first: int = 0


class Notebook:
    """A notebook as a source of Python. Raises SourceError if the file is none."""

    def __init__(self, filename: str, data: bytes) -> None:
        self.filename = filename
        self.data = data
        try:
            self.text = data.decode("utf-8")
            # Not JSON's, but some editors of Windows write it.
            self._mark = "\ufeff" if self.text.startswith("\ufeff") else ""
            self.text = self.text.removeprefix(self._mark)
            document = json.loads(self.text)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SourceError(filename, "not a notebook: not UTF-8", line) from None
        except json.JSONDecodeError as error:
            message = f"not a notebook: {error.msg}"
            raise SourceError(filename, message, error.lineno, error.colno - 1) from None
        except RecursionError:
            raise SourceError(filename, "not a notebook: too deeply nested") from None
        if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
            older = isinstance(document, dict) and "worksheets" in document
            reason = "format 3 or older, convert it first" if older else "it has no cells"
            raise SourceError(filename, f"not a notebook: {reason}")
        self.token = "__ray_lint_magic_"
        while self.token in self.text:
            self.token += "_"
        self.cells = list(self._code_cells()) if _is_python_kernel(document) else []
        self.python = self._combine().encode("utf-8", "surrogatepass")

    # -- from the JSON to one module ----------------------------------------------------------

    def _code_cells(self) -> Iterator[_Cell]:
        number = 0
        for key, start, _ in _members(self.text, _BLANK.match(self.text).end()):  # type: ignore[union-attr]
            if key != "cells":
                continue
            for item, _ in _elements(self.text, start):
                if self.text[item] != "{":
                    continue
                values = {k: (s, e) for k, s, e in _members(self.text, item)}
                if "cell_type" not in values or "source" not in values:
                    continue
                if _DECODER.raw_decode(self.text, values["cell_type"][0])[0] != "code":
                    continue
                number += 1
                cell = self._cell(number, *values["source"])
                if cell is not None and is_python(cell.source):
                    yield cell

    def _cell(self, number: int, start: int, end: int) -> _Cell | None:
        value = _DECODER.raw_decode(self.text, start)[0]
        if isinstance(value, str):
            return _Cell(number, start, end, value, None)
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            return None
        spans = list(_elements(self.text, start))
        items = [(s, e, line) for (s, e), line in zip(spans, value, strict=True)]
        return _Cell(number, start, end, "".join(value), items)

    def _combine(self) -> str:
        self._header = ""
        if self.cells and any(_COOKIE.match(x) for x in self.cells[0].source.split("\n")[:2]):
            # A notebook is UTF-8 whatever such a comment says, so it may not stand on line 1 or 2.
            self._header = "#\n#\n"
        parts = [self._header]
        line = 1 + self._header.count("\n")
        for index, cell in enumerate(self.cells):
            token = f"{self.token}{cell.number}_"
            cell.python, cell.placeholders = replace_magics(cell.source, token)
            if index:
                parts.append(self._marker(cell) + "\n")
                line += 1
            cell.first = line
            parts.append(cell.python + "\n")
            line += len(Lines(cell.python).starts)
        return "".join(parts)

    def _marker(self, cell: _Cell) -> str:
        """Return the statement that starts a cell: code cannot slip across it unseen."""
        name = f'"{self.token}cell_{cell.number}"'
        # IPython takes the indentation of its first line away from a cell.
        indented = cell.python[:1] in (" ", "\t") and not parses(cell.python)
        return f"if {name}:" if indented else name

    @cached_property
    def _firsts(self) -> list[int]:
        return [cell.first for cell in self.cells]

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.python.decode("utf-8", "surrogatepass"))

    # -- positions ----------------------------------------------------------------------------

    def _in_cell(self, position: Position) -> tuple[int, Position]:
        cell = self.cells[max(bisect_right(self._firsts, position.line) - 1, 0)]
        line = position.line - cell.first
        shift = sum(p.shift for p in cell.placeholders if p.line == line)
        return cell.number, Position(line + 1, max(position.column - shift, 0))

    def locate(self, finding: Finding) -> Finding:
        """Return the finding at its place in its cell, with the lines that its words name."""
        cell, start = self._in_cell(finding.start)
        fix = finding.fix and replace(finding.fix, reason=self._words(finding.fix.reason))
        return replace(
            finding,
            cell=cell,
            start=start,
            end=self._in_cell(finding.end)[1],
            evidence=tuple(map(self._words, finding.evidence)),
            fix=fix,
        )

    def _words(self, text: str) -> str:
        def in_cell(match: re.Match[str]) -> str:
            cell, place = self._in_cell(Position(int(match[1]), 0))
            return f"line {place.line} of cell {cell}"

        parts = text.split("`")  # what stands between backticks is code
        parts[::2] = [_LINE.sub(in_cell, part) for part in parts[::2]]
        return "`".join(parts)

    def place(self, offset: int) -> tuple[int | None, Position]:
        """Return cell and position of a character offset into the module."""
        return self._in_cell(self._lines.position(offset))

    def line(self, finding: Finding) -> str:
        """Return the line of its cell that a located finding starts on."""
        cell = next(c for c in self.cells if c.number == finding.cell)
        return Lines(cell.source).line(finding.start.line)

    def explain(self, error: SourceError) -> SourceError:
        """Return an error of the combined module at its place in its cell."""
        if not error.line or not self.cells:
            return error
        cell, place = self._in_cell(Position(error.line, error.column))
        name = f"{self.filename}:cell {cell}"
        return SourceError(name, self._words(error.message), place.line, place.column)

    # -- and back -----------------------------------------------------------------------------

    def rebuild(self, python: bytes) -> bytes:
        """Return the file with the changed cells of the fixed module.

        Raises SourceError if the change touches more than the Python of the cells.
        """
        text = python.decode("utf-8", "surrogatepass")
        if not text.startswith(self._header):
            raise self._refuse("it would precede the first lines")
        text = text[len(self._header) :]
        out = [self._mark]
        done = 0
        for index, cell in enumerate(self.cells):
            if index + 1 < len(self.cells):
                part, found, text = text.partition(self._marker(self.cells[index + 1]) + "\n")
                if not found or (part and not part.endswith("\n")):
                    raise self._refuse(f"it would join cell {cell.number} with the next one")
            else:
                part = text
            if part.removesuffix("\n") == cell.python:
                continue
            source = _without_margin(self._restore(cell, part.removesuffix("\n")), cell.source)
            out += [self.text[done : cell.start], self._json(cell, source)]
            done = cell.end
        return "".join([*out, self.text[done:]]).encode("utf-8")

    def refuses(self, content: str, fix: Fix) -> str:
        """Return why a fix of the module cannot be written into the cells, "" if it can."""
        from ray_lint.rewrite.edits import apply_edits

        fixed = apply_edits(content, sorted(fix.edits)).content
        try:
            self.rebuild(fixed.encode("utf-8", "surrogatepass"))
        except SourceError as error:
            return error.message.removeprefix(_UNCHANGED)
        return ""

    def _refuse(self, reason: str) -> SourceError:
        return SourceError(self.filename, f"{_UNCHANGED}{reason}")

    def _restore(self, cell: _Cell, python: str) -> str:
        before = cell.source.split("\n")
        for placeholder in cell.placeholders:
            if python.count(placeholder.stand_in) != 1:
                raise self._refuse(f"it would change a magic of cell {cell.number}")
            python = python.replace(placeholder.stand_in, placeholder.original)
            if before[placeholder.line] not in python.split("\n"):
                raise self._refuse(f"it would change a line with a magic in cell {cell.number}")
        first = cell.source.lstrip().partition("\n")[0]
        if first.startswith("%%") and python.lstrip().partition("\n")[0] != first:
            raise self._refuse(f"it would move the cell magic of cell {cell.number}")
        return python

    def _json(self, cell: _Cell, source: str) -> str:
        """Return the JSON of a changed source in the style of the old one."""
        if cell.items is None:
            return self._string(source)
        lines = source.split("\n")
        lines = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
        if not cell.items:
            return json.dumps(lines)
        raw = {value: self.text[start:end] for start, end, value in cell.items}
        opening = self.text[cell.start : cell.items[0][0]]
        closing = self.text[cell.items[-1][1] : cell.end]
        if len(cell.items) > 1:
            separator = self.text[cell.items[0][1] : cell.items[1][0]]
        else:
            separator = "," + (opening[1:] or " ")
        return opening + separator.join(raw.get(x) or self._string(x) for x in lines) + closing

    def _string(self, value: str) -> str:
        # Jupyter writes non-ASCII characters as they are; some tools escape them.
        escaped = self.text.isascii() and _ESCAPED.search(self.text) is not None
        return json.dumps(value, ensure_ascii=escaped)


def _without_margin(after: str, before: str) -> str:
    """Return a changed cell without the empty lines that have come to its start and end.

    In a module they stand between functions; the border of a cell needs none.
    """
    head = _leading(after) - _leading(before)
    after = after[max(head, 0) :]
    tail = _leading(after[::-1]) - _leading(before[::-1])
    return after[: len(after) - tail] if tail > 0 else after


def _leading(text: str) -> int:
    return len(text) - len(text.lstrip("\n"))


def _is_python_kernel(document: dict[str, Any]) -> bool:
    """Whether the notebook says that it is Python, or nothing about its language."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return True
    for holder, key in (("language_info", "name"), ("kernelspec", "language")):
        inner = metadata.get(holder)
        if isinstance(inner, dict) and isinstance(inner.get(key), str):
            return "python" in inner[key].lower()
    return True


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """Yield key, start and end of the value for each member of the (valid) object at position."""
    position = _skip(text, position + 1)
    while text[position] != "}":
        key, position = scanstring(text, position + 1, True)
        start = _skip(text, _skip(text, position) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield key, start, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _elements(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each element of the (valid) array at position."""
    position = _skip(text, position + 1)
    while text[position] != "]":
        _, end = _DECODER.raw_decode(text, position)
        yield position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
