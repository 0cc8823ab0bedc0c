"""GitLab's code quality report."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator

from ray_lint.report import FileReport, Options


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one JSON array; fingerprints do not depend on line numbers."""
    rows = []
    seen: Counter[str] = Counter()
    root = os.environ.get("CI_PROJECT_DIR") or "."
    for report in reports:
        path = os.path.relpath(report.filename, root).replace(os.sep, "/")
        for finding in report.findings:
            identity = "\0".join((path, finding.code, finding.symbol, report.line(finding).strip()))
            seen[identity] += 1
            digest = hashlib.sha256(f"{identity}\0{seen[identity]}".encode(errors="replace"))
            cell = f"Cell {finding.cell}: " if finding.cell is not None else ""
            rows.append(
                {
                    "description": f"{finding.code}: {cell}{finding.message}",
                    "check_name": finding.name,
                    "fingerprint": digest.hexdigest(),
                    "severity": "minor",
                    "location": {
                        "path": path,
                        "positions": {
                            "begin": {
                                "line": finding.start.line,
                                "column": finding.start.column + 1,
                            },
                            "end": {
                                "line": finding.end.line,
                                "column": finding.end.column + 1,
                            },
                        },
                    },
                }
            )
    yield json.dumps(rows, indent=2) + "\n"
