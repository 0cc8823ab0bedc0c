"""The baseline: findings that are accepted as they are today.

A finding is known by its file, code, symbol and the text of its line, not by its line number, so
that it stays known when lines move. Equal findings are counted.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ray_lint.errors import SourceError, UsageError
from ray_lint.finding import Finding
from ray_lint.sources.files import read

if TYPE_CHECKING:
    from ray_lint.sources.source import Source

Known = tuple[str, str, str]
"""Code, symbol, and the source line without its surrounding blanks."""
_VERSION = 1


def key(finding: Finding, line: str) -> Known:
    """Return what a finding on the source line ``line`` is known by."""
    return finding.code, finding.symbol, line.strip()


def not_accepted(
    source: Source, findings: list[Finding], accepted: Counter[Known]
) -> list[Finding]:
    """Return the findings (as the core gave them) that are more than the ``accepted`` ones."""
    if not accepted:
        return findings
    left = Counter(accepted)
    new = []
    for finding in findings:
        known = key(finding, source.line(source.locate(finding)))
        if left[known] > 0:
            left[known] -= 1
        else:
            new.append(finding)
    return new


class Baseline:
    """Accepted findings by file; files are relative to the directory of the baseline file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.known: dict[str, Counter[Known]] = {}

    @classmethod
    def load(cls, path: str) -> Baseline:
        """Read a baseline file. Raises UsageError if it is missing or wrong."""
        import json

        baseline = cls(path)
        try:
            document = json.loads(read(path))
            if document["version"] != _VERSION:
                raise UsageError(f"{path}: unknown version {document['version']!r} of a baseline")
            for row in document["findings"]:
                known = (str(row["code"]), str(row["symbol"]), str(row["line"]))
                baseline.known.setdefault(row["file"], Counter())[known] += int(row["count"])
        except SourceError as error:
            raise UsageError(f"{error} (--write-baseline makes one)") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path}: not a baseline: {type(error).__name__}: {error}") from None
        return baseline

    def accepted(self, filename: str) -> Counter[Known]:
        """Return what is accepted in a file."""
        return self.known.get(self._relative(filename), Counter())

    def add(self, filename: str, keys: Iterable[Known]) -> None:
        """Accept findings of a file."""
        counts = Counter(keys)
        if counts:
            self.known[self._relative(filename)] = counts

    def dump(self) -> str:
        """Return the content of the file."""
        import json

        rows = [
            {"file": file, "code": code, "symbol": symbol, "line": line, "count": count}
            for file, counts in sorted(self.known.items())
            for (code, symbol, line), count in sorted(counts.items())
        ]
        return json.dumps({"version": _VERSION, "findings": rows}, indent=2) + "\n"

    def _relative(self, filename: str) -> str:
        folder = os.path.dirname(os.path.abspath(self.path))
        return os.path.relpath(os.path.abspath(filename), folder).replace(os.sep, "/")
