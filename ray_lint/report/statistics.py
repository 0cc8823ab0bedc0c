"""How many findings each rule has, instead of the findings, as ruff counts them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ray_lint.finding import Applicability
from ray_lint.report import FileReport, Options, Render

Row = tuple[str, str, int, int]
"""Code and name of a rule, the number of its findings, and of those with a safe fix."""


def render_lines(rows: list[Row]) -> Iterator[str]:
    """Yield a line of count, code and name per rule."""
    for code, name, count, _ in rows:
        yield f"{count:>7}  {code}  {name}\n"


def render_json(rows: list[Row]) -> Iterator[str]:
    """Yield one JSON array."""
    yield json.dumps(list(_objects(rows)), indent=2) + "\n"


def render_jsonl(rows: list[Row]) -> Iterator[str]:
    """Yield one JSON object per line."""
    for row in _objects(rows):
        yield json.dumps(row) + "\n"


STYLES: dict[str, Callable[[list[Row]], Iterator[str]]] = {
    "text": render_lines,
    "concise": render_lines,
    "json": render_json,
    "jsonl": render_jsonl,
}
"""The output formats that have room for statistics."""


def counter(style: str) -> Render:
    """Return a render function that counts instead of showing, in the style of that format."""

    def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
        counts: Counter[tuple[str, str]] = Counter()
        fixable: Counter[str] = Counter()
        for report in reports:
            for finding in report.findings:
                counts[finding.code, finding.name] += 1
                fix = finding.fix
                fixable[finding.code] += fix is not None and fix.applicability is Applicability.SAFE
        rows = [(code, name, count, fixable[code]) for (code, name), count in counts.items()]
        yield from STYLES[style](sorted(rows, key=lambda row: (-row[2], row[0])))

    return render


def _objects(rows: list[Row]) -> Iterator[dict[str, str | int]]:
    for code, name, count, fixable in rows:
        yield {"code": code, "name": name, "count": count, "fixable": fixable}
