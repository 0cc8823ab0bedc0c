"""The cheapest question about a file: whether there can be anything to say at all.

Imports nothing, so that a run over files without candidates costs little more than Python itself.
"""

from __future__ import annotations


def worth_parsing(data: bytes) -> bool:
    """Whether the bytes of a file may hold a submission or a suppression of one.

    The null byte is for the error message: it is never valid in source code.
    """
    return b".remote" in data or b"\0" in data or mentions_suppression(data)


def mentions_suppression(data: bytes) -> bool:
    """Whether there may be a ``# noqa`` comment with a code of ours."""
    return b"RAY" in data and b"noqa" in data.lower()
