"""The pure core behind every door: bytes in, findings or bytes out.

Nothing here reads or writes files, prints, or imports LibCST before there is something to fix.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ray_lint.config import Config
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability, Edit, Finding, Fix, Position
from ray_lint.sources.gate import may_submit, mentions_suppression
from ray_lint.sources.text import Text, character_column, decode

if TYPE_CHECKING:
    from ray_lint.measured import MeasuredSite
    from ray_lint.program.facts import Site
    from ray_lint.program.module import Module
    from ray_lint.program.project import Project
    from ray_lint.rewrite import Rewriter

_RAY_WORD = re.compile(rb"\bray\b|ray\.|_ray\b|ray_", re.ASCII)
_OUR_SUPPRESSION = re.compile(r"(?i:noqa)[^\r\n]*RAY[0-9]")
_MAX_ROUNDS = 100
_MOST_INLINED = 10
"""Functions put into their loops for one look at a text: each time the whole of it is analysed."""
_DEFAULT = Config()

Refuses = Callable[[str, Fix], str]
"""Says of a fix of the given text why it cannot be written back into its file; "" if it can."""


@dataclass(frozen=True)
class AppliedFix:
    """A finding that was fixed, as it stood in the original source.

    ``lines`` are the lines of the fixed source (from 1) that the fix wrote.
    """

    finding: Finding
    lines: tuple[range, ...]


@dataclass(frozen=True)
class ChangedFile:
    """A file that a fix of another one changes: its absolute name, its content and the new one."""

    filename: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class FixResult:
    """What ``fix`` made of a file.

    ``source`` is the input itself if nothing was fixed. ``left`` are the findings that remain, at
    their positions in ``source``. ``error`` says why a fix was taken back, if one was. ``others``
    are the files that have to change with it: ``source`` means what it should with them only.
    """

    source: bytes
    applied: tuple[AppliedFix, ...] = ()
    left: tuple[Finding, ...] = ()
    error: str = ""
    others: tuple[ChangedFile, ...] = ()


def may_use_ray(source: bytes) -> bool:
    """Whether a file is worth parsing: it says ``.remote`` somewhere and names Ray.

    The word test is deliberately wide (``ray`` may come in through a project module such as
    ``common.ray_utils``); the program model decides.
    """
    return may_submit(source) and _RAY_WORD.search(source) is not None


def check(
    source: bytes,
    config: Config = _DEFAULT,
    *,
    filename: str = "<stdin>",
    tree: ast.Module | None = None,
    project: Project | None = None,
    fixes: bool = True,
    noqa: bool = True,
    refuses: Refuses | None = None,
) -> list[Finding]:
    """Return the findings of one file in source order.

    ``tree`` is the parsed file if the caller has it. ``project`` holds what the files of a run know
    of one another; without one, a project of its own is made for this file. Modules that it imports
    are read from disk if ``filename`` names a place, or from ``config.source_roots``; nothing is
    executed, and for ``<stdin>`` without source roots only what the source itself says counts.
    ``fixes`` builds the fix of each finding, which stays advice where ``refuses`` says so; ``noqa``
    drops the suppressed ones. Raises SourceError if the file cannot be decoded or parsed.
    """
    if not (may_use_ray(source) or mentions_suppression(source)):
        if tree is None:
            _must_be_python(source, filename)
        return []
    text = decode(source, filename)
    found = _check_text(text.content, config, filename, tree, project, fixes=fixes, noqa=noqa)
    return _writable(text.content, found, refuses)


def _writable(content: str, found: list[Finding], refuses: Refuses | None) -> list[Finding]:
    """Return the findings, with advice for each fix that cannot be written back."""
    if refuses is None:
        return found
    kept = []
    for finding in found:
        fix = finding.fix
        if fix is not None and fix.edits and (reason := refuses(content, fix)):
            advice = Fix(fix.title, Applicability.DISPLAY, (), reason)
            finding = replace(finding, fix=advice)  # noqa: PLW2901
        kept.append(finding)
    return kept


def _must_be_python(source: bytes, filename: str) -> None:
    """Raise SourceError for bytes that no Python source can have, without parsing the file."""
    if b"\0" in source:
        decode(source, filename)


def _check_text(
    content: str,
    config: Config,
    filename: str,
    tree: ast.Module | None,
    project: Project | None,
    *,
    fixes: bool,
    noqa: bool,
) -> list[Finding]:
    from ray_lint.program.module import parse
    from ray_lint.program.submissions import has_candidate

    if project is not None:
        project.start(len(content))
        known = project.known(content, filename) if tree is None else None
        tree = known.tree if known is not None else tree
    if tree is None:
        tree = parse(content, filename)
    findings: list[Finding] = []
    lines: list[tuple[int, str]] = []
    if config.measured or has_candidate(tree):
        findings, lines = _submissions(
            content, config, filename, tree, project, fixes=fixes, noqa=noqa
        )
    # Finding the comments means tokenizing, which took a third of the time over Ray's own sources.
    if _OUR_SUPPRESSION.search(content):
        from ray_lint.sources.unused import CODE as UNUSED
        from ray_lint.sources.unused import unused_suppressions

        findings += unused_suppressions(content, lines) if config.selects(UNUSED) else []
    return sorted(findings, key=lambda f: f.sort_key)


def _submissions(
    content: str,
    config: Config,
    filename: str,
    tree: ast.Module,
    project: Project | None,
    *,
    fixes: bool,
    noqa: bool,
    inlines: bool = True,
) -> tuple[list[Finding], list[tuple[int, str]]]:
    """Return the findings about submissions; also line and code of them and of suppressed ones.

    With ``inlines``, functions that submit are put into the loop where nothing else makes a fix.
    """
    from ray_lint.program.facts import find_sites
    from ray_lint.program.project import Project as NewProject
    from ray_lint.rules import all_rules
    from ray_lint.rules._granularity import background, evidence

    project = project or NewProject(config.source_roots)
    module = project.add(content, tree, filename)
    columns = _Columns(content)
    found = []
    for site in find_sites(project, module, config):
        for rule in all_rules():
            message = rule.message(site, config)
            if message is not None:
                found.append((rule, message, site, *columns.span(site.submission.call)))
    # A comment for a rule that is off is judged as if the rule were on, as inside of flake8.
    lines = [(start.line, rule.code) for rule, _, _, start, _ in found]
    found = [r for r in found if config.selects(r[0].code)]
    if noqa and found:
        from ray_lint.sources.suppressions import suppressed

        found = [r for r in found if not suppressed(content, r[3].line, r[0].code)]
    rewriter = None
    if fixes and found:
        from ray_lint.rewrite import Rewriter

        rewriter = Rewriter(project, module, config, [site for _, _, site, _, _ in found])
    findings = [
        Finding(
            code=rule.code,
            name=rule.name,
            message=message,
            start=start,
            end=end,
            symbol=site.callee.name,
            evidence=(*evidence(site), *background(site)),
            fix=_fix(rewriter, site) if rewriter else None,
        )
        for rule, message, site, start, end in found
    ]
    if fixes and inlines:
        from ray_lint.program.submissions import submits_several

        tried = {
            finding: site.submission.call
            for finding, (_, _, site, _, _) in zip(findings, found, strict=True)
            if isinstance(site.submission.through, ast.FunctionDef | ast.AsyncFunctionDef)
            and finding.fix is not None
            and (
                finding.fix.applicability is not Applicability.SAFE
                or submits_several(module.names, site.submission.through)
            )
        }
        for finding in list(tried)[:_MOST_INLINED]:
            better = _inlined(finding, tried[finding], config, project, module)
            findings[findings.index(finding)] = better or finding
        if tried:
            project.forget_answers()
            project.add(content, tree, filename)
    return findings, lines


def _inlined(
    finding: Finding, call: ast.Call, config: Config, project: Project, module: Module
) -> Finding | None:
    """Return a finding with the fix that is possible once the called function stands in the loop.

    Or its submission. None if there is no safe one.
    """
    from ray_lint.rewrite.inlining import handed_over, inlined

    for first in (inlined(module, call), handed_over(module, call)):
        moved = _moved(finding, first, config, project, module) if first else None
        if moved is not None:
            return moved
    return None


def _moved(
    finding: Finding, first: Sequence[Edit], config: Config, project: Project, module: Module
) -> Finding | None:
    """Return a finding with the fix that is possible after some edits; None if there is none."""
    from ray_lint.program.module import parse
    from ray_lint.rewrite.edits import apply_edits, composed
    from ray_lint.sources.source import Lines

    start = Lines(module.text).offset(finding.start)
    middle = apply_edits(module.text, first)
    content = middle.content
    (place,) = [span for edit, span in middle.spans.items() if edit.start == start]
    project.forget_answers()
    try:
        tree = parse(content, module.filename)
    except SourceError:  # nested too deeply now
        return None
    found, _ = _submissions(
        content,
        config,
        module.filename,
        tree,
        project,
        fixes=True,
        noqa=False,
        inlines=False,
    )
    lines = Lines(content)
    for other in found:
        fix = other.fix
        if place[0] <= lines.offset(other.start) < place[1] and fix is not None:
            if fix.applicability is not Applicability.SAFE or fix.others:
                continue
            edits = tuple(composed(module.text, first, fix.edits))
            if edits:
                return replace(finding, fix=replace(fix, edits=edits, inlines=True))
    return None


def _fix(rewriter: Rewriter, site: Site) -> Fix:
    if site.visible:
        return rewriter.fix(site)
    title = f"Submit `{site.callee.name}` in batches"
    return Fix(title, Applicability.DISPLAY, (), "the loop that repeats it is not in sight")


def stale_measurements(
    source: bytes, config: Config, *, filename: str = "<stdin>", project: Project | None = None
) -> list[MeasuredSite]:
    """Return the sites of ``config.measured`` whose code has changed since: they do not count.

    Raises SourceError if the file cannot be decoded or parsed.
    """
    from ray_lint.program.module import parse
    from ray_lint.program.profiled import Measurements
    from ray_lint.program.project import Project as NewProject
    from ray_lint.program.remotes import resolve_callee

    content = decode(source, filename).content
    tree = parse(content, filename)
    known = project or NewProject(config.source_roots)
    module = known.add(content, tree, filename)
    return Measurements(config.measured, tree).stale(
        lambda handle: resolve_callee(known, module, handle).definition
    )


class _Columns:
    """Converts the UTF-8 byte columns of ``ast`` into character columns."""

    def __init__(self, content: str) -> None:
        self.lines = re.split(r"\r\n|\r|\n", content)

    def column(self, line: int, byte_column: int) -> int:
        return character_column(self.lines[line - 1], byte_column)

    def position(self, node: ast.expr) -> Position:
        return Position(node.lineno, self.column(node.lineno, node.col_offset))

    def span(self, node: ast.expr) -> tuple[Position, Position]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.position(node), Position(end_line, self.column(end_line, end_column))


def fix(
    source: bytes,
    config: Config = _DEFAULT,
    *,
    filename: str = "<stdin>",
    project: Project | None = None,
    chosen: Callable[[Finding], bool] | None = None,
    refuses: Refuses | None = None,
) -> FixResult:
    """Return the file with every applicable fix applied, round by round until stable.

    Only safe fixes are applied, unsafe ones too if the configuration says so, and only those that
    ``chosen`` accepts and ``refuses`` has nothing against. Other files change with it only if
    ``project`` has them as editable; it reads them, and they come back as data. After each round
    the files must parse, the fixed findings must be gone and no new one may have come; otherwise
    everything is taken back to its input and ``error`` says why. Raises SourceError if the file
    cannot be decoded or parsed.
    """
    from ray_lint.program.project import Project as NewProject
    from ray_lint.rewrite.engine import fix_in_rounds
    from ray_lint.rules._granularity import SMALL_BURSTS

    if not (may_use_ray(source) or mentions_suppression(source)):
        _must_be_python(source, filename)
        return FixResult(source)
    text = decode(source, filename)
    project = project or NewProject(config.source_roots)
    others = _Others(project, config)

    def look(content: str, *, closer: bool = False) -> list[Finding]:
        # Sites that add up are fewer once one of them is fixed: the rest is to be fixed, too.
        fewer = replace(config, min_items=(config.min_items + 1) // SMALL_BURSTS)
        used = fewer if closer else config
        found = _check_text(content, used, filename, None, project, fixes=True, noqa=True)
        return _writable(content, found, refuses)

    def applicable(finding: Finding) -> bool:
        if finding.fix is None or not finding.fix.edits:
            return False
        return finding.fix.applicability is not Applicability.UNSAFE or config.unsafe_fixes

    try:
        outcome = fix_in_rounds(
            text.content,
            look,
            applicable,
            max_rounds=_MAX_ROUNDS,
            others=others,
            accepts=chosen,
        )
    finally:
        others.restore()
    applied = tuple(AppliedFix(finding, lines) for finding, lines in outcome.applied)
    if not applied:
        return FixResult(source, (), tuple(outcome.left), outcome.error)
    try:
        fixed = text.encode(outcome.content)
    except UnicodeEncodeError as error:
        return FixResult(source, (), outcome.before, f"cannot be written as {error.encoding}")
    return FixResult(fixed, applied, tuple(outcome.left), "", others.changed())


class _Others:
    """The files that fixes change besides the one that is fixed (see ``OtherFiles``)."""

    def __init__(self, project: Project, config: Config) -> None:
        self.project, self.config = project, config
        self._before: dict[str, tuple[bytes, Text]] = {}
        self._texts: dict[str, str] = {}
        self._replaced: dict[str, bytes | None] = {}

    def text(self, filename: str) -> str:
        """Return the text of a file. Raises SourceError if it has gone."""
        if filename not in self._texts:
            try:
                data = self.project.read(filename)
            except OSError as error:
                raise SourceError(filename, f"cannot be read: {error.strerror}") from None
            self._before[filename] = data, decode(data, filename)
            self._texts[filename] = self._before[filename][1].content
        return self._texts[filename]

    def replace(self, filename: str, text: str) -> None:
        """Let the project see another text. Raises SourceError if it cannot be written."""
        try:
            data = self._before[filename][1].encode(text)
        except UnicodeEncodeError as error:
            raise SourceError(filename, f"cannot be written as {error.encoding}") from None
        self._replaced.setdefault(filename, self.project.replacement(filename))
        self.project.replace(filename, data)
        self._texts[filename] = text

    def findings(self, filename: str) -> list[Finding]:
        """Return the findings of a file, without fixes."""
        text, project = self.text(filename), self.project
        return _check_text(text, self.config, filename, None, project, fixes=False, noqa=True)

    def restore(self) -> None:
        """Let the project see what it saw before."""
        for filename, content in self._replaced.items():
            if content is None:
                self.project.restore(filename)
            else:
                self.project.replace(filename, content)

    def changed(self) -> tuple[ChangedFile, ...]:
        """Return the files whose text is another one now, by name."""
        return tuple(
            ChangedFile(filename, before, encoding.encode(self._texts[filename]))
            for filename, (before, encoding) in sorted(self._before.items())
            if self._texts[filename] != encoding.content
        )
