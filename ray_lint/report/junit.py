"""JUnit XML: one failed test case per finding, one suite per file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from ray_lint.report import FileReport, Options, location

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(reports: Iterable[FileReport], options: Options) -> Iterator[str]:
    """Yield one XML document; without findings one passed test case stands for the run."""
    suites = []
    total = 0
    for report in reports:
        total += len(report.findings)
        name = _attribute(report.filename)
        classname = _attribute(os.path.splitext(report.filename)[0])
        count = len(report.findings)
        suites.append(f'  <testsuite name={name} tests="{count}" failures="{count}" errors="0">\n')
        for finding in report.findings:
            case = _attribute(f"{finding.code} {finding.start.line}:{finding.start.column + 1}")
            body = escape(_NOT_XML.sub("?", f"{location(report, finding)}: {finding.message}"))
            suites.append(
                f"    <testcase classname={classname} name={case}>\n"
                f"      <failure message={_attribute(finding.message)}"
                f' type="{finding.code}">{body}</failure>\n'
                "    </testcase>\n"
            )
        suites.append("  </testsuite>\n")
    if not suites:
        suites = [
            '  <testsuite name="ray-lint" tests="1" failures="0" errors="0">\n',
            '    <testcase classname="ray-lint" name="no findings"/>\n',
            "  </testsuite>\n",
        ]
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f'<testsuites name="ray-lint" tests="{max(total, 1)}" failures="{total}" errors="0">\n'
    yield from suites
    yield "</testsuites>\n"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))
