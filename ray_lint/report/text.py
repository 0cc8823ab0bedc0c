"""For people: each finding with an excerpt of its source, a caret, and what can be done."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from ray_lint.finding import Applicability, Finding
from ray_lint.report import FileReport, Options, location

_BOLD, _RED, _BLUE, _GREEN = "1", "1;31", "1;34", "1;32"
_TAB = "    "


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one block of lines per finding, each ending with an empty line."""

    def paint(style: str, text: str) -> str:
        return f"\033[{style}m{text}\033[0m" if options.color else text

    for report in reports:
        for finding in report.findings:
            place = location(report, finding)
            lines = [f"{paint(_BOLD, place)}: {paint(_RED, finding.code)} {finding.message}"]
            source = report.line(finding)
            if source.strip():
                number = str(finding.start.line)
                bar = paint(_BLUE, "|")
                margin = " " * len(number)
                before, marked = _caret(source, finding)
                lines += [
                    f"{margin} {bar}",
                    f"{paint(_BLUE, number)} {bar} {source.replace(chr(9), _TAB)}",
                    f"{margin} {bar} {before}{paint(_RED, marked)}",
                ]
                margin += f" {paint(_GREEN, '=')}"
            else:
                margin = "  ="
            if options.evidence:
                lines += [f"{margin} because: {phrase}" for phrase in finding.evidence]
            lines += [f"{margin} {line}" for line in advice(finding)]
            yield "\n".join([*lines, "", ""])


def advice(finding: Finding) -> list[str]:
    """Return what can be done about a finding, in a line or two."""
    fix = finding.fix
    if fix is None:
        return []
    reason = fix.reason.rstrip(".")
    if fix.applicability is Applicability.SAFE:
        return [f"fix: {fix.title} (--fix)"]
    if fix.applicability is Applicability.UNSAFE:
        return [f"unsafe fix: {fix.title} (--fix --unsafe-fixes)", f"not proven: {reason}"]
    return [f"no fix: {reason}"] if reason else [f"help: {fix.title}"]


def _caret(source: str, finding: Finding) -> tuple[str, str]:
    """Return the blank before the marked part of the line, and its underline."""
    start = finding.start.column
    end = finding.end.column if finding.end.line == finding.start.line else len(source)
    return " " * _width(source[:start]), "^" * max(_width(source[start:end].rstrip()), 1)


def _width(text: str) -> int:
    """Return the number of terminal columns that ``text`` fills."""
    width = 0
    for character in text:
        if character == "\t":
            width += len(_TAB)
        elif not unicodedata.combining(character):
            width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width
