"""``# noqa`` comments, read exactly as flake8 reads them.

flake8 searches a comment on the physical line of a finding, joined with the neighbours that a
backslash or a multi-line string ties to it. A bracket does *not* join lines. It searches text, not
tokens, so a string that contains ``# noqa`` counts too. Codes match by prefix and by case; a list
that does not start with a code makes the comment a blanket one.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from functools import lru_cache

_NOQA = re.compile(r"# noqa(?::[\s]?(?P<codes>([A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_NOQA_FILE = re.compile(r"\s*# flake8[:=]\s*noqa", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SEPARATOR = re.compile(r"[,\s]")


@dataclass(frozen=True)
class Comment:
    """One ``# noqa`` comment.

    ``line`` counts from 1, ``start`` and ``end`` are columns in characters on that line; ``codes``
    is empty for a blanket comment. ``lines`` are the lines that it holds for.
    """

    line: int
    start: int
    end: int
    codes: tuple[str, ...]
    lines: range

    def silences(self, code: str) -> bool:
        """Whether a finding of ``code`` on one of the lines is dropped."""
        return not self.codes or code.startswith(self.codes)


class Suppressions:
    """The suppression comments of one decoded source text."""

    def __init__(self, content: str, *, everything: bool = False) -> None:
        """Read ``content``; without the word ``noqa`` it is tokenized only for ``everything``."""
        self.whole_file = False
        self.by_line: dict[int, Comment] = {}
        self.runs: list[range] = []
        """Lines that share their comments."""
        if not everything and "noqa" not in content.lower():
            return
        # As flake8 reads files: universal newlines, no other line separators.
        self._lines = io.StringIO(content, newline=None).readlines()
        self.whole_file = any(_NOQA_FILE.match(line) for line in self._lines)
        self.runs = self._joined()
        for lines in self.runs:
            comment = self._find(lines)
            if comment is not None:
                self.by_line.update(dict.fromkeys(lines, comment))

    def silences(self, line: int, code: str) -> bool:
        """Whether a finding of ``code`` that starts at ``line`` is suppressed."""
        if self.whole_file:
            return True
        comment = self.by_line.get(line)
        return comment is not None and comment.silences(code)

    @property
    def comments(self) -> list[Comment]:
        """Every comment once, in order."""
        return sorted(set(self.by_line.values()), key=lambda c: (c.line, c.start))

    def _joined(self) -> list[range]:
        """Return the runs of lines that share their comments."""
        source = iter(self._lines)
        runs: list[range] = []
        first, last = len(self._lines) + 2, -1
        try:
            for kind, _, start, end, _ in tokenize.generate_tokens(lambda: next(source, "")):
                if kind in (tokenize.ENDMARKER, tokenize.DEDENT):
                    continue
                first, last = min(first, start[0]), max(last, end[0])
                if kind in (tokenize.NL, tokenize.NEWLINE):
                    runs.append(range(first, last + 1))
                    first, last = len(self._lines) + 2, -1
        except (tokenize.TokenError, SyntaxError):
            # flake8 falls back to the physical line.
            return [range(i, i + 1) for i in range(1, len(self._lines) + 1)]
        return runs

    def _find(self, lines: range) -> Comment | None:
        text = "".join(self._lines[lines.start - 1 : lines.stop - 1])
        match = _NOQA.search(text)
        if match is None:
            return None
        before = text[: match.start()]
        line = lines.start + before.count("\n")
        column = len(before) - (before.rfind("\n") + 1)
        listed = match["codes"] or ""
        codes = tuple(code for code in _SEPARATOR.split(listed) if code)
        return Comment(line, column, column + len(match[0].rstrip()), codes, lines)


@lru_cache(maxsize=1)
def suppressions(content: str) -> Suppressions:
    """Return the suppressions of ``content``; the last file asked for is remembered."""
    return Suppressions(content)


def suppressed(content: str, line: int, code: str) -> bool:
    """Whether a finding of ``code`` at ``line`` (from 1) of ``content`` is suppressed."""
    return suppressions(content).silences(line, code)


def comment_starts(content: str) -> dict[int, int]:
    """Return the column where the comment of each line begins; text in strings is none."""
    source = io.StringIO(content, newline=None)
    try:
        return {
            token.start[0]: token.start[1]
            for token in tokenize.generate_tokens(source.readline)
            if token.type == tokenize.COMMENT
        }
    except (tokenize.TokenError, SyntaxError):
        return {}


def add_noqa(content: str, wanted: dict[int, list[str]]) -> tuple[str, set[int]]:
    """Return ``content`` with a ``# noqa`` comment for the codes ``wanted`` at each line.

    An existing comment gets the codes that it lacks; one that already holds stays. The second value
    are the lines where none can be: a string there says ``# noqa`` first, and flake8 reads that.
    """
    known = Suppressions(content, everything=True)
    starts = comment_starts(content) if known.by_line else {}
    impossible: set[int] = set()
    lines = _LINE.findall(content)
    run_of = {line: run for run in known.runs for line in run}
    by_run: dict[range, list[str]] = {}
    for line, codes in wanted.items():
        run = run_of.get(line, range(line, line + 1))
        by_run.setdefault(run, []).extend(codes)
    for run, codes in by_run.items():
        missing = sorted({c for c in codes if not known.silences(run.start, c)})
        if not missing:
            continue
        comment = known.by_line.get(run.start)
        if comment is not None and starts.get(comment.line, comment.start + 1) > comment.start:
            impossible.update(line for line in wanted if line in run)
        elif comment is not None:
            text = lines[comment.line - 1]
            added = ", ".join(("", *missing))
            lines[comment.line - 1] = text[: comment.end] + added + text[comment.end :]
        else:
            last = lines[run.stop - 2]
            body = last.rstrip("\r\n")
            note = f"{body.rstrip()}  # noqa: {', '.join(missing)}"
            lines[run.stop - 2] = note + last[len(body) :]
    return "".join(lines), impossible
