"""The difference between a file and its fixed form, in time proportional to their lengths.

``difflib`` alone compares every line with every equal one: for a generated file with 5,000 fixed
sites that took longer than fixing it. Lines that stand once in both files anchor the comparison
(as in patience diff); ``difflib`` sees only what lies between two anchors.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

_CONTEXT = 3
_LARGEST = 2_000
"""Lines between two anchors that are compared; more are shown as replaced altogether."""

Block = tuple[str, int, int, int, int]
"""An operation of ``difflib``: tag, range of the old lines, range of the new lines."""


def unified_diff(name: str, before: bytes, after: bytes) -> bytes:
    """Return a unified diff that ``patch -p0`` and ``git apply -p0`` understand."""
    label = name.encode(errors="surrogateescape")
    old, new = _lines(before), _lines(after)
    lines: list[bytes] = []
    for group in _grouped(_blocks(old, new)):
        if not lines:
            lines += [b"--- %s\n" % label, b"+++ %s\n" % label]
        lines.append(_head(group))
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += [b" " + line for line in old[a:b]]
                continue
            lines += [b"-" + line for line in old[a:b]]
            lines += [b"+" + line for line in new[c:d]]
    unended = b"\n\\ No newline at end of file\n"
    return b"".join(line if line.endswith(b"\n") else line + unended for line in lines)


def changed_lines(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end (characters of ``before``) and the new text of each run of changed lines.

    Applied together they make ``after`` of ``before``.
    """
    old, new = (_lines(text.encode("utf-8", "surrogatepass")) for text in (before, after))
    lengths = (len(line.decode("utf-8", "surrogatepass")) for line in old)
    starts = list(accumulate(lengths, initial=0))
    for tag, a, b, c, d in _blocks(old, new):
        if tag != "equal":
            yield starts[a], starts[b], b"".join(new[c:d]).decode("utf-8", "surrogatepass")


def colored(diff: bytes) -> bytes:
    """Return the diff of one file with the colors that Git gives it on a terminal."""
    styles = {b"-": b"31", b"+": b"32", b"@": b"36"}
    out = []
    for number, line in enumerate(_lines(diff)):
        style = b"1" if number < 2 else styles.get(line[:1])
        body = line.rstrip(b"\r\n")
        end = line[len(body) :]
        out.append(b"\033[%sm%s\033[0m%s" % (style, body, end) if style else line)
    return b"".join(out)


def _lines(data: bytes) -> list[bytes]:
    """Split behind each line feed: the only line end that patch programs know."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _head(group: list[Block]) -> bytes:
    first, last = group[0], group[-1]
    ranges = (_range(first[1], last[2]), _range(first[3], last[4]))
    return b"@@ -%s +%s @@\n" % ranges


def _range(start: int, stop: int) -> bytes:
    length = stop - start
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + bool(length), length)


def _blocks(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Block]:
    """Yield what ``SequenceMatcher.get_opcodes`` would, neighbours of one tag joined."""
    pending: Block | None = None
    for block in _pieces(old, new):
        if pending is None:
            pending = block
        elif pending[0] == block[0]:
            pending = (pending[0], pending[1], block[2], pending[3], block[4])
        else:
            yield pending
            pending = block
    if pending is not None:
        yield pending


def _pieces(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Block]:
    a = c = 0
    for x, y in [*_anchors(old, new), (len(old), len(new))]:
        if x < a or y < c:
            continue  # the run around an earlier anchor has passed this one
        yield from _between(old, new, a, x, c, y)
        a, c = x, y
        while a < len(old) and c < len(new) and old[a] == new[c]:
            a, c = a + 1, c + 1
        if a > x:
            yield "equal", x, a, y, c


def _between(
    old: Sequence[bytes], new: Sequence[bytes], a: int, b: int, c: int, d: int
) -> Iterator[Block]:
    """Compare ``old[a:b]`` with ``new[c:d]``."""
    start = a, c
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    if a > start[0]:
        yield "equal", start[0], a, start[1], c
    end = b, d
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    if a == b or c == d or b - a + d - c > _LARGEST:
        if (a, c) != (b, d):
            yield "replace", a, b, c, d
    else:
        matcher = difflib.SequenceMatcher(None, old[a:b], new[c:d], autojunk=False)
        for tag, i, j, k, m in matcher.get_opcodes():
            yield "equal" if tag == "equal" else "replace", a + i, a + j, c + k, c + m
    if b < end[0]:
        yield "equal", b, end[0], d, end[1]


def _anchors(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return pairs of lines that stand once on both sides: the longest run in order."""
    there = {line: at for at, line in enumerate(new)}
    # The last place of a line is its only one if the first is the same.
    first = {line: at for at, line in reversed(list(enumerate(new)))}
    seen: dict[bytes, int] = {}
    for line in old:
        seen[line] = seen.get(line, 0) + 1
    pairs = [
        (at, there[line])
        for at, line in enumerate(old)
        if seen[line] == 1 and line in there and there[line] == first[line]
    ]
    # The longest increasing subsequence of the places in ``new``.
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tails, place)
        previous.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(place)
            ends.append(number)
        else:
            tails[length], ends[length] = place, number
    chosen: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = previous[number]
    return chosen[::-1]


def _grouped(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Yield hunks: changes with the lines around them, as ``get_grouped_opcodes`` does."""
    group: list[Block] = []
    for tag, a, b, c, d in blocks:
        if tag != "equal":
            group.append((tag, a, b, c, d))
            continue
        if not group:
            group = [(tag, max(a, b - _CONTEXT), b, max(c, d - _CONTEXT), d)]
            continue
        changed = any(block[0] != "equal" for block in group)
        if b - a > 2 * _CONTEXT:
            end = (tag, a, a + _CONTEXT, c, c + _CONTEXT)
            if changed:
                yield [*group, end]
            group = [(tag, b - _CONTEXT, b, d - _CONTEXT, d)]
        else:
            group.append((tag, a, b, c, d))
    if any(block[0] != "equal" for block in group):
        if group[-1][0] == "equal":
            tag, a, b, c, d = group[-1]
            group[-1] = (tag, a, min(b, a + _CONTEXT), c, min(d, c + _CONTEXT))
        yield group
