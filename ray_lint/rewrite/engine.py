"""Applying fixes in rounds until nothing is left to do, and taking back what went wrong.

A fix may change several files: the one that is fixed, called ``OWN`` here, and others.
"""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Protocol

from ray_lint.errors import SourceError
from ray_lint.finding import Edit, Finding, Position
from ray_lint.rewrite.edits import Applied, EditSet, apply_edits, try_add_all

OWN = ""
"""Stands for the name of the file whose findings are fixed."""


class OtherFiles(Protocol):
    """The files around the one that is fixed, as the rounds so far have left them."""

    def text(self, filename: str) -> str:
        """Return the text of a file. Raises SourceError if it cannot be read."""

    def replace(self, filename: str, text: str) -> None:
        """Give a file another text. Raises SourceError if it could not be written like that."""

    def findings(self, filename: str) -> list[Finding]:
        """Return the findings of a file. Raises SourceError if it cannot be parsed."""


@dataclass
class Outcome:
    """What the rounds came to.

    ``before`` are the findings of the input, ``left`` those of ``content``; ``applied`` pairs each
    fixed finding (as of the input) with the lines of ``content`` that its fix wrote.
    """

    content: str
    before: tuple[Finding, ...] = ()
    left: list[Finding] = field(default_factory=list)
    applied: list[tuple[Finding, tuple[range, ...]]] = field(default_factory=list)
    error: str = ""


class _Lines:
    """Offsets of the lines of a text."""

    def __init__(self, content: str) -> None:
        self.starts = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", content))]

    def offset(self, finding: Finding) -> int:
        return self.starts[finding.start.line - 1] + finding.start.column

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)


class Look(Protocol):
    """Gives the findings of a text."""

    def __call__(self, content: str, *, closer: bool = False) -> list[Finding]:
        """Return them; ``closer``: also those that need others like them to be findings."""


@dataclass(eq=False)
class _Track:
    """One finding of the input, followed through the rounds."""

    finding: Finding
    offset: int | None
    spans: list[tuple[int, int]] = field(default_factory=list)
    fixed: bool = False


def fix_in_rounds(
    content: str,
    look: Look,
    applicable: Callable[[Finding], bool],
    *,
    max_rounds: int,
    others: OtherFiles | None = None,
    accepts: Callable[[Finding], bool] | None = None,
) -> Outcome:
    """Apply all applicable fixes that do not overlap, look again, and repeat until stable.

    ``look`` gives the findings of a text, a closer one where a finding is gone that was not fixed:
    it may have needed others like it. ``applicable`` says whether the fix of one can be applied,
    which another fix may change; ``accepts`` which findings of the input are to be fixed at all.
    ``others`` holds the files that a fix may change besides. The text is taken back to the input
    if a round breaks the syntax, leaves a fixed finding in place, writes a new one, or loses a
    comment, in any file; ``others`` are then of no use.
    """
    current = look(content)
    outcome = Outcome(content, tuple(current), list(current))
    lines = _Lines(content)
    tracks = [_Track(f, lines.offset(f)) for f in current]
    wanted = {id(t): accepts is None or accepts(t.finding) for t in tracks}
    now = {(t.finding.code, t.offset): (t, t.finding) for t in tracks}
    text = content
    history: list[Applied] = []
    for _ in range(max_rounds):
        chosen: defaultdict[str, EditSet] = defaultdict(EditSet)
        batch: list[_Track] = []
        inlining: list[_Track] = []
        per_track: dict[int, tuple[Edit, ...]] = {}
        in_turn = sorted(now.values(), key=lambda pair: bool(pair[1].fix and pair[1].fix.inlines))
        for track, finding in in_turn:
            if not wanted[id(track)] or finding.fix is None or not applicable(finding):
                continue
            if finding.fix.others and others is None:
                continue
            if inlining or (batch and finding.fix.inlines):
                continue  # that one was found in another text
            parts = {OWN: finding.fix.edits}
            parts |= {other.filename: other.edits for other in finding.fix.others}
            if try_add_all(chosen, parts):
                batch.append(track)
                inlining += [track] if finding.fix.inlines else []
                per_track[id(track)] = finding.fix.edits
        if not batch:
            break
        applied = apply_edits(text, chosen.pop(OWN).edits)
        error = _damage(text, applied.content)
        if others is not None:
            for filename, edits in chosen.items():
                error = error or _change(others, filename, edits)
        if not error:
            try:
                found = look(applied.content)
            except SourceError as problem:
                error = f"the fixed file would not parse ({problem.message})"
        if error:
            return Outcome(content, outcome.before, list(outcome.before), [], error)
        _advance(tracks, batch, per_track, applied)
        lines = _Lines(applied.content)
        at = {(f.code, lines.offset(f)): f for f in found}
        known = {(t.finding.code, t.offset): t for t in tracks if not t.fixed}
        if any(place is not None and (code, place) not in at for code, place in known):
            again = {(f.code, lines.offset(f)): f for f in look(applied.content, closer=True)}
            at |= {key: f for key, f in again.items() if key in known and key not in at}
            found = [f for f in again.values() if (f.code, lines.offset(f)) in at]
        for key, finding in at.items():
            if key not in known:
                # A finding inside of text that another fix moved stands where it could not be
                # followed to; it is not a new one.
                lost = (t for t in tracks if t.offset is None and not t.fixed)
                same = [
                    t
                    for t in lost
                    if (t.finding.code, t.finding.symbol) == (finding.code, finding.symbol)
                ]
                if same:
                    same[0].offset = key[1]
                    known[key] = same[0]
        history.append(applied)
        for key, finding in at.items():
            if key in known:
                continue
            was = _of_input(content, history, key[1], finding)
            # One call may submit several tasks, through a function: one after the other is fixed.
            fixed = {_what(t.finding) for t in tracks if t.fixed}
            if was is None:
                was = _put_into_the_loop(inlining, key[1], finding)
            elif _what(was) in fixed:
                was = None
            if was is None:
                error = f"the fix would leave a finding at line {finding.start.line}"
                return Outcome(content, outcome.before, list(outcome.before), [], error)
            # What stood there before, and is known to be too fine only now.
            known[key] = _Track(was, key[1])
            tracks.append(known[key])
            wanted[id(known[key])] = accepts is None or accepts(was)
        now = {key: (known[key], f) for key, f in at.items()}
        text, outcome.left = applied.content, found
    else:
        error = f"the fixes were not stable after {max_rounds} rounds"
        return Outcome(content, outcome.before, list(outcome.before), [], error)
    lines = _Lines(text)
    outcome.content = text
    outcome.applied = [
        (t.finding, tuple(range(lines.line(a), lines.line(max(a, b - 1)) + 1) for a, b in t.spans))
        for t in tracks
        if t.fixed
    ]
    return outcome


def _of_input(
    content: str, history: list[Applied], offset: int, finding: Finding
) -> Finding | None:
    """Return a finding at its place in the input, None if a fix wrote what stands there."""
    place: int | None = offset
    for applied in reversed(history):
        place = applied.origin(place) if place is not None else None
    if place is None:
        return None
    lines = _Lines(content)
    line = lines.line(place)
    start = Position(line, place - lines.starts[line - 1])
    end = replace(finding.end, line=finding.end.line + line - finding.start.line)
    return replace(finding, start=start, end=end)


def _put_into_the_loop(inlining: list[_Track], offset: int, finding: Finding) -> Finding | None:
    """Return a finding at the place of the fix that put a function into a loop, and it with it."""
    for track in inlining:
        if any(start <= offset < end for start, end in track.spans):
            return replace(finding, start=track.finding.start, end=track.finding.end)
    return None


def _what(finding: Finding) -> tuple[str, str, Position]:
    return finding.code, finding.symbol, finding.start


def _advance(
    tracks: list[_Track],
    batch: list[_Track],
    per_track: dict[int, tuple[Edit, ...]],
    applied: Applied,
) -> None:
    """Move every tracked place to where it stands after the round."""
    for track in tracks:
        moved = []
        for start, end in track.spans:
            new_start, new_end = applied.moved(start), applied.moved(max(start, end - 1))
            if new_start is not None and new_end is not None:
                moved.append((new_start, new_end + 1))
        track.spans = moved
        if not track.fixed and track.offset is not None:
            track.offset = applied.moved(track.offset)
    for track in batch:
        track.fixed = True
        track.spans += [
            applied.spans[edit] for edit in per_track[id(track)] if edit.content.strip()
        ]


def _change(others: OtherFiles, filename: str, edits: EditSet) -> str:
    """Apply edits to another file; return what would be wrong with it then, or an empty string."""

    def kinds() -> Counter[tuple[str, str]]:
        return Counter((finding.code, finding.symbol) for finding in others.findings(filename))

    if not edits.edits:
        return ""
    try:
        text = others.text(filename)
        after = apply_edits(text, edits.edits).content
        error = _damage(text, after)
        if not error:
            known = kinds()
            others.replace(filename, after)
            error = "the fix would leave a finding there" if kinds() - known else ""
    except SourceError as problem:
        error = problem.message
    return f"{filename}: {error}" if error else ""


def _damage(before: str, after: str) -> str:
    """Say what is wrong with a fixed text, or return an empty string."""
    try:
        twice = _defined_again(ast.parse(before), ast.parse(after))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the fixed file would not parse ({error})"
    if twice:
        return f"the fix would define `{twice}` twice"
    refusal = _refused(after)
    if refusal and not _refused(before):
        return f"the fixed file would not compile ({refusal})"
    lost = _comments(before) - _comments(after)
    # Suppressions are read by linters, not by people: removing an unused one is a fix.
    if any("noqa" not in comment.lower() for comment in lost):
        return f"the fix would lose the comment {next(iter(lost))!r}"
    return ""


def _refused(text: str) -> str:
    """Say why Python does not compile a text that parses, or return an empty string.

    Where names may be bound is no matter of the grammar: ``:=`` in the iterable of a comprehension.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<fixed>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return str(error)
    return ""


def _defined_again(before: ast.Module, after: ast.Module) -> str:
    """Return a function of the module that a fix defines beside another of its name."""

    def defined(tree: ast.Module) -> Counter[str]:
        return Counter(s.name for s in tree.body if isinstance(s, ast.FunctionDef))

    more = defined(after) - defined(before)
    return next((name for name in more if defined(after)[name] > 1), "")


def _comments(text: str) -> Counter[str]:
    try:
        tokens = list(tokenize.generate_tokens(StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        return Counter()
    return Counter(t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT)
