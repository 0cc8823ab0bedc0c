"""Workflow commands of GitHub Actions: annotations on the changed lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ray_lint.report import FileReport, Options, location


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one ``::warning`` command per finding; files are relative to the work tree."""
    root = os.environ.get("GITHUB_WORKSPACE") or "."
    for report in reports:
        for finding in report.findings:
            fields = {
                "title": f"ray-lint ({finding.code})",
                "file": os.path.relpath(report.filename, root).replace(os.sep, "/"),
                "line": str(finding.start.line),
                "col": str(finding.start.column + 1),
                "endLine": str(finding.end.line),
                "endColumn": str(finding.end.column + 1),
            }
            joined = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
            text = f"{location(report, finding)}: {finding.code} {finding.message}"
            yield f"::warning {joined}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
