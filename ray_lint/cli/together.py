"""Fixes that change several files: applied when all others are done, one file after the other.

A function that two files submit gets one batch function: the second file must see what the first
one made of its module. So these files are fixed in order, in one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ray_lint.cli.diff import unified_diff
from ray_lint.cli.examine import Changed, Mode, Outcome, Task, examine_file, report_again
from ray_lint.config import Config
from ray_lint.errors import SourceError
from ray_lint.program.project import Project
from ray_lint.report import FileReport
from ray_lint.sources.files import read, write_together
from ray_lint.sources.source import Source


class Pending:
    """The files of a run as its fixes leave them.

    ``files`` gives the name of each file of the run by its absolute one. With ``writes``, a change
    is on the disk at once; without, only kept in mind.
    """

    def __init__(self, files: Mapping[str, str], *, writes: bool) -> None:
        self.files, self.writes = files, writes
        self.editable = frozenset(files)
        self.before: dict[str, bytes] = {}
        self.after: dict[str, bytes] = {}
        self.touched: dict[str, None] = {}
        """Files that the fixes of others have changed, by their absolute names."""

    def project(self, config: Config) -> Project:
        """Return what is known of the files around, as the fixes so far have left them."""
        project = Project(config.source_roots, self.editable)
        if not self.writes:
            for filename, content in self.after.items():
                project.replace(filename, content)
        return project

    def content(self, filename: str) -> bytes:
        """Return what a file of the run holds now. Raises SourceError."""
        path = os.path.abspath(filename)
        return self.after[path] if path in self.after and not self.writes else read(filename)

    def note(self, filename: str, before: bytes, after: bytes) -> None:
        """Keep in mind what became of a file."""
        path = os.path.abspath(filename)
        self.before.setdefault(path, before)
        self.after[path] = after

    def keep(self, filename: str, source: Source, after: bytes, others: Changed) -> None:
        """Write the changes of one file's fixes, all or none. Raises SourceError."""
        changes = [(self.files[o.filename], o.before, o.after) for o in others]
        # What they need comes first: a kill in between leaves an unused function, no more.
        changes.append((filename, source.data, after))
        if self.writes:
            write_together(changes)
        for change in changes:
            self.note(*change)
        self.touched.update(dict.fromkeys(o.filename for o in others))


def finished(
    outcomes: Sequence[Outcome], tasks: Mapping[str, Task], files: Mapping[str, str], mode: Mode
) -> Iterator[Outcome]:
    """Fix the files that were left for later; yield the outcomes of all, in the order of ``files``.

    ``tasks`` has the task of each file by name.
    """
    pending = Pending(files, writes=mode is Mode.FIX)
    known = {outcome.report.filename: outcome for outcome in outcomes}
    for name, outcome in known.items():
        if outcome.change is not None:
            pending.note(name, *outcome.change)
    fixed = set()
    for name, outcome in known.items():
        if outcome.later:
            try:
                known[name] = examine_file(tasks[name], pending.content(name), pending)
            except SourceError as error:
                known[name] = Outcome(FileReport(name, ()), errors=(error,))
            fixed.add(os.path.abspath(name))
    for path in pending.touched:
        name = files[path]
        outcome = known.get(name, Outcome(FileReport(name, ())))
        change = pending.before[path], pending.after[path]
        known[name] = replace(outcome, change=change)
        if outcome.report.findings:  # they stand elsewhere now
            project = pending.project(tasks[name].config)
            report = report_again(tasks[name], pending.content(name), project)
            known[name] = replace(known[name], report=report)
    for path, name in files.items():
        if name not in known:
            continue
        outcome = known[name]
        if mode is Mode.DIFF and (path in pending.touched or path in fixed) and outcome.change:
            diff = unified_diff(name, pending.before[path], pending.after[path])
            outcome = replace(outcome, output=diff)
        yield outcome
