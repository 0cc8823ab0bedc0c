"""Suppression comments that suppress nothing (RAY900)."""

from __future__ import annotations

from collections.abc import Iterable

from ray_lint.finding import Applicability, Edit, Finding, Fix, Position
from ray_lint.sources.source import Lines
from ray_lint.sources.suppressions import Comment, comment_starts, suppressions

CODE, NAME = "RAY900", "unused-suppression"


def unused_suppressions(content: str, reported: Iterable[tuple[int, str]]) -> list[Finding]:
    """Return a finding for each comment with a code of ours that suppresses nothing.

    ``reported`` are line and code of every finding before suppression, also of rules that are off.
    Text in strings is not looked at, although flake8 searches it.
    """
    known = suppressions(content)
    if known.whole_file:
        return []
    found: dict[int, set[str]] = {}
    for line, code in reported:
        found.setdefault(line, set()).add(code)
    lines = None
    starts: dict[int, int] | None = None
    findings = []
    for comment in known.comments:
        dead = [
            code
            for code in dict.fromkeys(comment.codes)
            if code.startswith("RAY")
            and code[3:].isdigit()
            and not any(c.startswith(code) for line in comment.lines for c in found.get(line, ()))
        ]
        if not dead or CODE.startswith(comment.codes):
            continue
        lines = lines or Lines(content)
        text = lines.line(comment.line)
        if starts is None:
            starts = comment_starts(content)
        if starts.get(comment.line, comment.start + 1) > comment.start:
            continue
        start = lines.offset(Position(comment.line, comment.start))
        end = start + comment.end - comment.start
        findings.append(
            Finding(
                code=CODE,
                name=NAME,
                message=f"`# noqa` for {', '.join(dead)} suppresses nothing: remove it.",
                start=Position(comment.line, comment.start),
                end=Position(comment.line, comment.end),
                symbol=", ".join(dead),
                fix=_fix(text, comment, dead, start, end),
            )
        )
    return findings


def _fix(text: str, comment: Comment, dead: list[str], start: int, end: int) -> Fix:
    left = [code for code in comment.codes if code not in dead]
    if left:
        word = text[comment.start : comment.end].partition(":")[0]
        edit = Edit(start, end, f"{word}: {', '.join(left)}")
    else:
        after = text[comment.end :]
        if after.strip():
            # Something follows: the rest of the comment stays a comment.
            rest = after.lstrip()
            mark = "" if rest.startswith("#") else "# "
            edit = Edit(start, end + len(after) - len(rest), mark)
        else:
            before = text[: comment.start].rstrip()
            edit = Edit(start - (comment.start - len(before)), end, "")
    return Fix(f"Remove {', '.join(dead)} from the comment", Applicability.SAFE, (edit,))
