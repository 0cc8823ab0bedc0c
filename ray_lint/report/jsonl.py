"""JSON lines: one object per finding, printed as soon as it is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ray_lint.report import FileReport, Options
from ray_lint.report.json_ import as_rows


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one JSON object per line."""
    for report in reports:
        for row in as_rows(report):
            yield json.dumps(row) + "\n"
