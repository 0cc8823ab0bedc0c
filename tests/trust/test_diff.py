"""The diff says exactly how to come from the file to its fixed form."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ray_lint.cli.diff import unified_diff

LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"x\r", b"unique", b"- y", b"@@"]))
TEXTS = st.builds(
    lambda lines, ended: b"\n".join(lines) + b"\n" * (ended and bool(lines)), LINES, st.booleans()
)
_HEAD = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def apply(before: bytes, diff: bytes) -> bytes:
    """Patch ``before`` as patch(1) would, without tolerance."""
    old = re.findall(rb"[^\n]*\n|[^\n]+", before)
    out: list[bytes] = []
    at = 0
    rows = re.findall(rb"[^\n]*\n|[^\n]+", diff)[2:]
    for number, row in enumerate(rows):
        head = _HEAD.fullmatch(row.rstrip(b"\n"))
        if head:
            length = int(head[2] or 1)
            start = int(head[1]) - bool(length)
            out += old[at:start]
            at = start
            continue
        if row.startswith(b"\\"):
            continue
        ended = number + 1 == len(rows) or not rows[number + 1].startswith(b"\\")
        line = row[1:] if ended else row[1:-1]
        if row[:1] in (b" ", b"-"):
            assert old[at] == line
            at += 1
        if row[:1] in (b" ", b"+"):
            out.append(line)
    return b"".join(out + old[at:])


@given(TEXTS, TEXTS)
def test_the_diff_leads_from_one_to_the_other(before: bytes, after: bytes) -> None:
    diff = unified_diff("f.py", before, after)
    assert (diff == b"") is (before == after)
    assert apply(before, diff) == after


def test_a_diff_reads_as_usual() -> None:
    before = b"".join(b"%d\n" % n for n in range(20))
    after = before.replace(b"9\n", b"nine\n", 1)
    assert unified_diff("f.py", before, after) == (
        b"--- f.py\n+++ f.py\n@@ -7,7 +7,7 @@\n 6\n 7\n 8\n-9\n+nine\n 10\n 11\n 12\n"
    )


def test_very_long_files_with_repeated_lines() -> None:
    before = b"".join(b"x = 1\ndef f%d():\n    pass\n" % n for n in range(20_000))
    after = before.replace(b"    pass\n", b"    return 1\n    # done\n")
    diff = unified_diff("f.py", before, after)
    assert apply(before, diff) == after
