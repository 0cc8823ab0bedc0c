"""Documents as an editor holds them: their findings, and their texts after a fix."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.errors import SourceError
from ray_lint.finding import Finding
from ray_lint.program.project import Project
from ray_lint.rewrite.edits import apply_edits
from ray_lint.settings import Settings, SettingsFinder
from ray_lint.sources.baseline import Baseline, Known, key, not_accepted
from ray_lint.sources.discovery import DEFAULT_EXCLUDE
from ray_lint.sources.gate import encode_utf8, worth_parsing
from ray_lint.sources.notebook import Notebook
from ray_lint.sources.source import PlainSource, Source
from ray_lint.sources.text import decode


@dataclass(frozen=True)
class Cell:
    """A text that the editor holds: a whole document, or a code cell of a notebook."""

    uri: str
    text: str


@dataclass(frozen=True)
class Around:
    """What the editor knows beside a document: its folder, and the open texts by their paths."""

    root: str | None
    texts: Mapping[str, str]

    def __contains__(self, path: object) -> bool:
        """Whether the fix of another file may change this one."""
        if not isinstance(path, str) or self.root is None:
            return False
        inside = path.startswith(self.root + os.sep)
        return inside and not _left_out(path, self.root, SettingsFinder().for_file(path))

    def project(self, path: str, config: Config) -> Project:
        """Return the project around the document at ``path``, with the texts as they are typed."""
        project = Project(config.source_roots, self)
        for other, text in self.texts.items():
            if other != path:
                project.replace(other, encode_utf8(text))
        return project


@dataclass(frozen=True)
class Change:
    """The text of each cell of a document after a fix, and what it makes of other files.

    ``others`` has the path of each, its text and the new one.
    """

    cells: Sequence[str]
    others: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Document:
    """A document with its source and settings; ``cells`` has one entry unless it is a notebook.

    ``accepted`` counts what a baseline accepts; in what is ``left_out`` nothing is found. The
    answers are kept: editors ask for the actions of a text at each move of the cursor.
    """

    source: Source
    cells: Sequence[Cell]
    config: Config
    accepted: Counter[Known] = field(default_factory=Counter)
    left_out: bool = False
    around: Around = field(default_factory=lambda: Around(None, {}))

    @cached_property
    def findings(self) -> list[Finding]:
        """The findings without fixes, still at their places in the module."""
        return self._check(fixes=False)

    @cached_property
    def fixable(self) -> list[Finding]:
        """The same findings with their fixes."""
        return self._check(fixes=True) if self.findings else []

    def _check(self, *, fixes: bool) -> list[Finding]:
        source = self.source
        if self.left_out or not worth_parsing(source.python):
            return []
        try:
            found = check(
                source.python,
                self.config,
                filename=source.filename,
                project=self.around.project(source.filename, self.config),
                fixes=fixes,
                refuses=source.refuses,
            )
        except SourceError:
            return []  # half-typed code; the editor's own parser tells
        return not_accepted(source, found, self.accepted)

    def same(self, other: Document) -> bool:
        """Whether both have the same texts and settings."""
        return (self.cells, self.config, self.accepted, self.left_out, self.around) == (
            other.cells,
            other.config,
            other.accepted,
            other.left_out,
            other.around,
        )

    def cell(self, finding: Finding) -> Cell:
        """Return the cell that a located finding stands in."""
        return self.cells[(finding.cell or 1) - 1]

    def fixed(self, finding: Finding) -> Change:
        """Return what the fix of one finding makes of the texts. Raises SourceError."""
        text = decode(self.source.python, self.source.filename)
        fix = finding.fix
        edits = sorted(fix.edits) if fix else []
        cells = self._texts(text.encode(apply_edits(text.content, edits).content))
        project = self.around.project(self.source.filename, self.config)
        others = []
        for other in fix.others if fix else ():
            before = _text(other.filename, project.read(other.filename))
            others.append((other.filename, before, apply_edits(before, other.edits).content))
        return Change(cells, others)

    @cached_property
    def all_fixed(self) -> Change:
        """What all safe fixes make of the texts; the texts as they are if there are none."""
        source = self.source
        unchanged = Change([cell.text for cell in self.cells])

        def chosen(finding: Finding) -> bool:
            return not self.accepted[key(finding, source.line(source.locate(finding)))]

        if not self.findings:
            return unchanged
        try:
            result = fix(
                source.python,
                self.config,
                filename=source.filename,
                project=self.around.project(source.filename, self.config),
                chosen=chosen,
                refuses=source.refuses,
            )
            if not result.applied:
                return unchanged
            others = [
                (o.filename, _text(o.filename, o.before), _text(o.filename, o.after))
                for o in result.others
            ]
            return Change(self._texts(result.source), others)
        except SourceError:
            return unchanged

    def _texts(self, python: bytes) -> list[str]:
        """Return the text of each cell of a changed module."""
        data = self.source.rebuild(python)
        if isinstance(self.source, PlainSource):
            *head, rest = data.decode("utf-8", "surrogatepass").split("\n", 2)
            # Undo what encode_utf8 did to an encoding comment.
            return ["\n".join([*(line.replace("cod-ng", "coding") for line in head), rest])]
        return [row["source"] for row in json.loads(data)["cells"]]


def _text(path: str, data: bytes) -> str:
    """Return the text of a file as an editor has it."""
    return decode(data, path).content


def plain_document(path: str, cell: Cell, around: Around) -> Document:
    """Return a Python document. Raises UsageError for wrong settings."""
    return _document(PlainSource(path, encode_utf8(cell.text)), [cell], around)


def notebook_document(path: str, cells: Sequence[Cell], around: Around) -> Document:
    """Return a notebook by its code cells. Raises UsageError for wrong settings, SourceError."""
    rows = [{"cell_type": "code", "source": cell.text} for cell in cells]
    return _document(Notebook(path, json.dumps({"cells": rows}).encode()), cells, around)


def _document(source: Source, cells: Sequence[Cell], around: Around) -> Document:
    path = source.filename
    settings = SettingsFinder().for_file(path)
    config = settings.config(path, {})
    accepted: Counter[Known] = Counter()
    if settings.baseline is not None:
        accepted = Baseline.load(settings.baseline).accepted(path)
    out = _left_out(path, around.root, settings)
    return Document(source, cells, config, accepted, out, around)


def _left_out(path: str, root: str | None, settings: Settings) -> bool:
    """Whether the command would leave the file out: excluded, or in a virtual environment."""
    if settings.excludes(path, False):
        return True
    folder = os.path.dirname(os.path.abspath(path))
    while folder not in (root, os.path.dirname(folder)):
        if os.path.basename(folder) in DEFAULT_EXCLUDE and root is not None:
            return True
        if os.path.exists(os.path.join(folder, "pyvenv.cfg")):
            return True
        folder = os.path.dirname(folder)
    return False
