"""The output formats, one module each.

A format module offers ``render(reports, options) -> Iterator[str]``: the text to print, in parts
that end with a newline. Positions are shown with columns from 1.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ray_lint.finding import Edit, Finding, Position

if TYPE_CHECKING:
    from ray_lint.sources.source import Source

Span = tuple[int | None, Position, Position]

FORMATS = ("text", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit")


@dataclass(frozen=True)
class FileReport:
    """The findings of one file, in order.

    ``lines`` holds the source lines that findings start on, by cell (None in a plain file) and line
    number; ``spans`` where the edits of each finding's fix stand, as (cell, start, end).
    """

    filename: str
    findings: tuple[Finding, ...]
    lines: Mapping[tuple[int | None, int], str] = field(default_factory=dict)
    spans: tuple[tuple[Span, ...], ...] = ()

    def line(self, finding: Finding) -> str:
        """Return the line that ``finding`` starts on, without its ending; "" if unknown."""
        return self.lines.get((finding.cell, finding.start.line), "")


def file_report(source: Source, findings: Sequence[Finding]) -> FileReport:
    """Return the report for findings as the core gave them, at their place in the file."""
    if not findings:
        return FileReport(source.filename, ())
    located = tuple(source.locate(finding) for finding in findings)
    lines = {(f.cell, f.start.line): source.line(f) for f in located}
    spans = tuple(
        tuple(_span(source, edit) for edit in finding.fix.edits) if finding.fix else ()
        for finding in located
    )
    return FileReport(source.filename, located, lines, spans)


def _span(source: Source, edit: Edit) -> Span:
    cell, start = source.place(edit.start)
    return cell, start, source.place(edit.end)[1]


@dataclass(frozen=True)
class Options:
    """How to render: ``color`` for terminals, ``evidence`` to tell what each verdict rests on."""

    color: bool = False
    evidence: bool = False


Render = Callable[[Iterable[FileReport], Options], Iterator[str]]


def renderer(name: str) -> Render:
    """Return the render function of the format called ``name``."""
    module = importlib.import_module(f"ray_lint.report.{'json_' if name == 'json' else name}")
    render: Render = module.render
    return render


def location(report: FileReport, finding: Finding) -> str:
    """Return ``file:line:column``, for notebooks ``file:cell N:line:column``."""
    cell = f"cell {finding.cell}:" if finding.cell is not None else ""
    return f"{report.filename}:{cell}{finding.start.line}:{finding.start.column + 1}"
