"""The cheapest question about a file: whether there can be anything to say at all.

Imports nothing, so that a run over files without candidates costs little more than Python itself.
"""

from __future__ import annotations


def worth_parsing(data: bytes) -> bool:
    """Whether the bytes of a file may hold a submission or a suppression of one.

    The null byte is for the error message: it is never valid in source code.
    """
    return may_submit(data) or b"\0" in data or mentions_suppression(data)


def may_submit(data: bytes) -> bool:
    """Whether there is an attribute ``remote`` that is more than the decorator ``@ray.remote``.

    The bytes decide it for nearly every file: of the 2,579 of Ray itself 1,190 name Ray, 320 say
    ``.remote`` somewhere, and 200 pass here and are parsed.
    """
    if b".remote" not in data:
        return False
    pieces = data.split(b".remote")
    return any(
        not (after[:1].isalnum() or after[:1] == b"_" or before.endswith(b"@ray"))
        for before, after in zip(pieces, pieces[1:])  # noqa: B905, RUF007 - imports nothing
    )


def mentions_suppression(data: bytes) -> bool:
    """Whether there may be a ``# noqa`` comment with a code of ours."""
    if b"RAY" not in data or b"noqa" not in data.lower():
        return False
    return any(after[:1].isdigit() for after in data.split(b"RAY")[1:])


def encode_utf8(content: str) -> bytes:
    """Return decoded source as UTF-8, with an encoding comment made void at the same length.

    For sources that someone else has decoded: the comment tells of the bytes on disk, not of these.
    """
    data = content.encode("utf-8", "surrogatepass")
    head = data.split(b"\n", 2)[:2]
    if not any(line.lstrip().startswith(b"#") and b"coding" in line for line in head):
        return data
    lines = data.split(b"\n")
    for i in range(len(head)):
        if lines[i].lstrip().startswith(b"#"):
            lines[i] = lines[i].replace(b"coding", b"cod-ng")
    return b"\n".join(lines)
