"""What happens to one file: check it, fix it, or show the fix."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass

from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability, Finding
from ray_lint.report import FileReport, file_report
from ray_lint.sources.files import write
from ray_lint.sources.source import Source, load


class Mode(enum.Enum):
    """What to do with findings."""

    CHECK = "check"
    """Report them; fixes are not built."""
    ADVISE = "advise"
    """Report them with their fixes."""
    FIX = "fix"
    DIFF = "diff"


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    ``output`` is the diff, or for standard input the fixed source. ``errors`` are problems to be
    told that did not stop the rest.
    """

    report: FileReport
    fixed: int = 0
    output: bytes = b""
    errors: tuple[SourceError, ...] = ()

    @property
    def unsafe(self) -> int:
        """How many of the remaining findings have an unsafe fix."""
        return _count(self.report.findings, Applicability.UNSAFE)

    @property
    def fixable(self) -> int:
        """How many of the remaining findings have a safe fix."""
        return _count(self.report.findings, Applicability.SAFE)


def _count(findings: tuple[Finding, ...], applicability: Applicability) -> int:
    return sum(f.fix is not None and f.fix.applicability is applicability for f in findings)


def examine(source: Source, config: Config, mode: Mode, *, stdin: bool = False) -> Outcome:
    """Check or fix one file; with ``Mode.FIX`` the file is written unless it is standard input.

    Raises SourceError if the file cannot be decoded or parsed.
    """
    name = source.filename
    if mode in (Mode.CHECK, Mode.ADVISE):
        findings = check(source.python, config, filename=name, fixes=mode is Mode.ADVISE)
        return Outcome(file_report(source, findings))
    result = fix(source.python, config, filename=name)
    errors = [SourceError(name, result.error)] if result.error else []
    after, left, fixed = source.data, result.left, len(result.applied)
    if fixed:
        try:
            after = source.rebuild(result.source)
            if mode is Mode.FIX and not stdin and after != source.data:
                write(name, source.data, after)
        except SourceError as error:
            errors.append(error)
            after, fixed = source.data, 0
            left = tuple(check(source.python, config, filename=name))
    changed = source if after == source.data else load(name, after)
    output = b""
    if mode is Mode.DIFF:
        output = diff(name, source.data, after)
    elif stdin:
        output = after
    return Outcome(file_report(changed, left), fixed, output, tuple(errors))


def diff(name: str, before: bytes, after: bytes) -> bytes:
    """Return a unified diff that ``patch -p0`` and ``git apply -p0`` understand."""
    name_bytes = name.encode(errors="surrogateescape")
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib.diff_bytes(difflib.unified_diff, old, new, name_bytes, name_bytes)
    unended = b"\n\\ No newline at end of file\n"
    return b"".join(line if line.endswith(b"\n") else line + unended for line in lines)
