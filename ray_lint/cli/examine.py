"""What happens to one file: check it, fix it, or show the fix."""

from __future__ import annotations

import enum
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Protocol

from ray_lint.cli.cache import Cache
from ray_lint.cli.command import leave_warnings
from ray_lint.cli.diff import unified_diff
from ray_lint.config import Config
from ray_lint.core import ChangedFile, check, fix, stale_measurements
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability, Finding
from ray_lint.program.project import Project
from ray_lint.report import FileReport, file_report
from ray_lint.sources.baseline import Known, key, not_accepted
from ray_lint.sources.files import read, write
from ray_lint.sources.source import Source, load
from ray_lint.sources.suppressions import add_noqa
from ray_lint.sources.text import decode
from ray_lint.sources.unused import CODE as UNUSED

Changed = tuple[ChangedFile, ...]


class Mode(enum.Enum):
    """What to do with findings."""

    CHECK = "check"
    """Report them; fixes are not built."""
    ADVISE = "advise"
    """Report them with their fixes."""
    FIX = "fix"
    DIFF = "diff"
    ADD_NOQA = "add noqa"


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    ``output`` is the diff, or for standard input the fixed source. ``errors`` are problems to be
    told that did not stop the rest. ``stale`` names what has changed since a profile measured it.
    ``change`` is the old and the new content of a fixed file. ``later``: its fixes change other
    files, too, so nothing was done yet.
    """

    report: FileReport
    fixed: int = 0
    output: bytes = b""
    errors: tuple[SourceError, ...] = ()
    stale: tuple[str, ...] = ()
    change: tuple[bytes, bytes] | None = None
    later: bool = False

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


@dataclass(frozen=True)
class Task:
    """What to do with one file; crosses process borders.

    ``accepted`` counts the findings of the file that a baseline accepts. What is found goes into
    ``cache``, if there is one.
    """

    filename: str
    config: Config
    mode: Mode
    stdin: bool = False
    accepted: Counter[Known] = field(default_factory=Counter)
    cache: Cache | None = None


class Together(Protocol):
    """What the files that change together share (see ``ray_lint.cli.together``)."""

    def project(self, config: Config) -> Project:
        """Return what is known of the files around, as the fixes so far have left them."""

    def keep(self, filename: str, source: Source, after: bytes, others: Changed) -> None:
        """Write the changes of one file's fixes, all or none. Raises SourceError."""


def examine_file(
    task: Task, data: bytes | None = None, together: Together | None = None
) -> Outcome:
    """Check or fix one file; problems come back in ``Outcome.errors``.

    Without ``together``, a file whose fixes change other files is left for later.
    """
    name = task.filename
    try:
        if data is None:
            data = read(name)
        source = load(name, data)
        try:
            stale = _stale(source, task) if task.config.measured else ()
            return replace(_examine(source, task, together), stale=stale)
        except SourceError as error:
            raise source.explain(error) from None
    except SourceError as error:
        problem = error
    except Exception as error:  # a defect of ours must not hide the findings of other files
        if os.environ.get("RAY_LINT_TRACEBACK"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        problem = SourceError(name, f"internal error, please report it: {what}")
    return Outcome(FileReport(name, ()), errors=(problem,))


def _examine(source: Source, task: Task, together: Together | None) -> Outcome:
    if task.mode is Mode.ADD_NOQA:
        return _add_noqa(source, task)
    name, config = source.filename, task.config
    if task.mode in (Mode.CHECK, Mode.ADVISE):
        return Outcome(_report(source, _check(source, task), task))

    def chosen(finding: Finding) -> bool:
        return not task.accepted or not task.accepted[_key(source, finding)]

    project = _project(config) if together is None else together.project(config)
    result = fix(
        source.python,
        config,
        filename=name,
        chosen=chosen,
        project=project,
        refuses=source.refuses,
    )
    if result.others and together is None:
        return Outcome(FileReport(name, ()), later=True)
    if result.source != source.python:
        project.forget(name)  # what other files see is what is on disk
    elif task.cache is not None and not result.error:
        task.cache.keep(name, source.data, config, result.left, project, fixes=True)
    errors = [SourceError(name, result.error)] if result.error else []
    after, left, fixed = source.data, list(result.left), len(result.applied)
    if fixed:
        try:
            after = source.rebuild(result.source)
            if together is not None:
                together.keep(name, source, after, result.others)
            elif task.mode is Mode.FIX and not task.stdin and after != source.data:
                write(name, source.data, after)
        except SourceError as error:
            errors.append(error)
            after, fixed = source.data, 0
            left = check(source.python, config, filename=name, project=project)
    changed = source if after == source.data else load(name, after)
    if fixed and changed.python != result.source:
        # A notebook's cells lose the empty lines that a fix would leave at their borders.
        left = check(
            changed.python, config, filename=name, project=project, refuses=changed.refuses
        )
    output = b""
    if task.mode is Mode.DIFF and together is None:
        output = unified_diff(name, source.data, after)
    elif task.stdin:
        output = after
    change = (source.data, after) if fixed else None
    return Outcome(_report(changed, left, task), fixed, output, tuple(errors), change=change)


_PROJECTS: dict[tuple[str, ...], Project] = {}
"""What this process knows of the files around the linted ones, by source roots."""


def _project(config: Config) -> Project:
    """Return the knowledge that the files of a run share, begun anew for another file."""
    project = _PROJECTS.get(config.source_roots)
    if project is None:
        _PROJECTS.clear()
        project = _PROJECTS[config.source_roots] = Project(config.source_roots, *_EDITABLE)
    project.start()
    return project


_EDITABLE: list[frozenset[str]] = []
"""The files that the fix of another one may change in this run, as one set."""


def begin(editable: frozenset[str]) -> None:
    """Start a run in this process: forget the files around those of an earlier one.

    ``editable`` are the absolute names of all files of the run.
    """
    leave_warnings()  # a process that was not forked knows nothing of it yet
    _PROJECTS.clear()
    _EDITABLE[:] = [editable]


def _check(source: Source, task: Task) -> list[Finding]:
    fixes = task.mode is Mode.ADVISE
    project = _project(task.config)
    found = check(
        source.python,
        task.config,
        filename=source.filename,
        fixes=fixes,
        project=project,
        refuses=source.refuses,
    )
    if task.cache is not None:
        task.cache.keep(source.filename, source.data, task.config, found, project, fixes=fixes)
    return found


def report_again(task: Task, data: bytes, project: Project) -> FileReport:
    """Return the report of a file that the fixes of another one have changed."""
    source = load(task.filename, data)
    found = check(
        source.python,
        task.config,
        filename=source.filename,
        project=project,
        refuses=source.refuses,
    )
    return _report(source, found, task)


def known_outcome(task: Task, data: bytes, found: list[Finding]) -> Outcome | None:
    """Return what ``examine_file`` would for findings from the cache; None if it has to look."""
    if not found:
        return Outcome(FileReport(task.filename, ()))
    if task.mode not in (Mode.CHECK, Mode.ADVISE):
        return None
    return Outcome(_report(load(task.filename, data), found, task))


def _stale(source: Source, task: Task) -> tuple[str, ...]:
    """Return what has changed since it was measured, as ``file: function``."""
    sites = stale_measurements(source.python, task.config, filename=source.filename)
    return tuple(dict.fromkeys(f"{source.filename}: {site.function}" for site in sites))


def _add_noqa(source: Source, task: Task) -> Outcome:
    """Suppress every finding by a comment on its line."""
    found = check(
        source.python,
        task.config,
        filename=source.filename,
        fixes=False,
        project=_project(task.config),
    )
    found = not_accepted(source, found, task.accepted)
    findings = [f for f in found if f.code != UNUSED]
    wanted: dict[int, list[str]] = {}
    for finding in findings:
        wanted.setdefault(finding.start.line, []).append(finding.code)
    after, problems = _silenced(source, wanted)
    if after != source.data and not task.stdin:
        write(source.filename, source.data, after)
    output = after if task.stdin else b""
    left = [f for f in findings if f.start.line in problems]
    errors = tuple(
        source.explain(SourceError(source.filename, problems[f.start.line], f.start.line))
        for f in left
    )
    return Outcome(
        FileReport(source.filename, ()), len(findings) - len(left), output, errors=errors
    )


def _silenced(source: Source, wanted: dict[int, list[str]]) -> tuple[bytes, dict[int, str]]:
    """Return the file with comments for codes by line, and why some lines get none."""
    text = decode(source.python, source.filename)
    problems: dict[int, str] = {}

    def written(lines: dict[int, list[str]]) -> bytes:
        content, impossible = add_noqa(text.content, lines)
        why = "not suppressed: a string on this line says `# noqa`, and flake8 would read that"
        problems.update(dict.fromkeys(impossible, why))
        return source.rebuild(text.encode(content))

    if not wanted:
        return source.data, {}
    try:
        return written(wanted), problems
    except SourceError:  # one of them would change a magic of a notebook
        for line, codes in wanted.items():
            try:
                written({line: codes})
            except SourceError as error:
                problems[line] = f"not suppressed: {error.message.partition(': ')[2]}"
        return written({ln: codes for ln, codes in wanted.items() if ln not in problems}), problems


def _key(source: Source, finding: Finding) -> Known:
    return key(finding, source.line(source.locate(finding)))


def _report(source: Source, findings: list[Finding], task: Task) -> FileReport:
    return file_report(source, not_accepted(source, findings, task.accepted))
