"""One line per finding, as flake8 prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ray_lint.report import FileReport, Options, location


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield ``file:line:column: CODE message`` lines."""
    for report in reports:
        for finding in report.findings:
            yield f"{location(report, finding)}: {finding.code} {finding.message}\n"
