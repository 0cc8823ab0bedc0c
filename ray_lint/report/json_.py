"""JSON with the keys of ruff's, so that existing readers of that format work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from ray_lint.finding import Finding, Position
from ray_lint.report import FileReport, Options, Span


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one JSON array of all findings."""
    rows = [row for report in reports for row in as_rows(report)]
    yield json.dumps(rows, indent=2) + "\n"


def as_rows(report: FileReport) -> list[dict[str, Any]]:
    """Return the findings of one file as JSON objects."""
    return [
        _as_json(report, finding, spans)
        for finding, spans in zip(report.findings, report.spans, strict=True)
    ]


def _as_json(report: FileReport, finding: Finding, spans: tuple[Span, ...]) -> dict[str, Any]:
    """Return a finding as a JSON object: rows and columns from 1, absolute file name."""
    fix = finding.fix
    edits: list[dict[str, Any]] = []
    for edit, (cell, start, end) in zip(fix.edits if fix else (), spans, strict=True):
        row = {"content": edit.content, "location": _place(start), "end_location": _place(end)}
        # In a notebook the edits of one fix may stand in several cells.
        edits.append(row if cell is None else {"cell": cell, **row})
    for other in fix.others if fix else ():
        # A fix may change other files, too: all of it or nothing.
        edits += [
            {
                "filename": other.filename,
                "content": edit.content,
                "location": _place(start),
                "end_location": _place(end),
            }
            for edit, (start, end) in zip(other.edits, other.spans, strict=True)
        ]
    return {
        "cell": finding.cell,
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        "filename": os.path.abspath(report.filename),
        "location": _place(finding.start),
        "end_location": _place(finding.end),
        "noqa_row": finding.start.line,
        "url": None,
        "symbol": finding.symbol,
        "evidence": list(finding.evidence),
        "fix": fix
        and {
            "applicability": fix.applicability.value,
            "message": fix.title,
            "reason": fix.reason,
            "edits": edits,
        },
    }


def _place(position: Position) -> dict[str, int]:
    return {"row": position.line, "column": position.column + 1}
