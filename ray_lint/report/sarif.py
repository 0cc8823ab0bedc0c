"""SARIF 2.1.0, for code scanning services."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ray_lint import __version__
from ray_lint.finding import Edit, Finding, Position
from ray_lint.report import FileReport, Options, Span

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one SARIF log with one run."""
    from ray_lint.rules import all_rules

    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": page.partition("\n")[0]},
            "fullDescription": {"text": page.partition("\n")[0]},
            "help": {"text": page, "markdown": page},
            "defaultConfiguration": {"level": "warning"},
        }
        for rule in all_rules()
        for page in [inspect.getdoc(type(rule)) or rule.name]
    ]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [
        _result(report, finding, spans, index)
        for report in reports
        for finding, spans in zip(report.findings, report.spans, strict=True)
    ]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ray-lint", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"ROOT": {"uri": Path.cwd().as_uri().rstrip("/") + "/"}},
                "results": results,
            }
        ],
    }
    yield json.dumps(log, indent=2) + "\n"


def _result(
    report: FileReport, finding: Finding, spans: tuple[Span, ...], index: dict[Any, int]
) -> dict[str, Any]:
    artifact = _artifact(report.filename)
    message = finding.message
    if finding.cell is not None:
        message = f"Cell {finding.cell}: {message}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": "warning",
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": _region(finding.start, finding.end),
                }
            }
        ],
        "partialFingerprints": {
            "rayLint/v1": f"{finding.code}:{finding.symbol}:{report.line(finding).strip()}"
        },
    }
    properties: dict[str, Any] = {"symbol": finding.symbol, "evidence": list(finding.evidence)}
    if finding.fix is not None:
        properties["fixApplicability"] = finding.fix.applicability.value
        properties["fixReason"] = finding.fix.reason
    result["properties"] = properties
    if finding.code in index:
        result["ruleIndex"] = index[finding.code]
    # A notebook's edits have no place in the text of the file that SARIF could name.
    if finding.fix is not None and finding.fix.edits and finding.cell is None:
        result["fixes"] = [
            {
                "description": {"text": finding.fix.title},
                "artifactChanges": [
                    _change(
                        artifact,
                        finding.fix.edits,
                        ((start, end) for _, start, end in spans),
                    ),
                    *(
                        _change(_artifact(other.filename), other.edits, other.spans)
                        for other in finding.fix.others
                    ),
                ],
            }
        ]
    return result


def _change(
    artifact: dict[str, str], edits: Iterable[Edit], spans: Iterable[tuple[Position, Position]]
) -> dict[str, Any]:
    """Return what a fix changes in one file."""
    return {
        "artifactLocation": artifact,
        "replacements": [
            {"deletedRegion": _region(start, end), "insertedContent": {"text": edit.content}}
            for edit, (start, end) in zip(edits, spans, strict=True)
        ],
    }


def _artifact(filename: str) -> dict[str, str]:
    relative = os.path.relpath(filename)
    if relative.startswith(".."):
        return {"uri": Path(filename).absolute().as_uri()}
    uri = quote(relative.replace(os.sep, "/").encode(errors="surrogateescape"))
    return {"uri": uri, "uriBaseId": "ROOT"}


def _region(start: Position, end: Position) -> dict[str, int]:
    return {
        "startLine": start.line,
        "startColumn": start.column + 1,
        "endLine": end.line,
        "endColumn": end.column + 1,
    }
