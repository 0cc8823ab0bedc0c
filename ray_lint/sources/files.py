"""Reading and writing whole files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress

from ray_lint.errors import SourceError


def read(path: str) -> bytes:
    """Return the bytes of a file. Raises SourceError if that is not possible."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
                raise SourceError(path, "not a regular file")
            return file.read()
    except OSError as error:
        raise SourceError(path, f"cannot be read: {error.strerror}") from None


def write(path: str, before: bytes, after: bytes) -> None:
    """Replace the content ``before`` of a file by ``after``, all of it or nothing.

    The new content goes to a file beside the old one and takes its place in one step, so that a
    reader, a crash or a full disk sees the old or the new file, never a part. Permissions are kept,
    owner and extended attributes where the system lets us; a symbolic link stays one and its target
    is replaced. Other hard links to the file keep the old content.

    Raises SourceError, with the file unchanged, if someone else changed the file in between, if it
    is read-only, or if the system refuses.
    """
    target, status = _writable(path)
    _replace(path, target, after, status, before)


def write_together(changes: Sequence[tuple[str, bytes, bytes]]) -> None:
    """Replace the contents of several files, ``(path, before, after)`` each, or of none.

    All new contents are on the disk before the first one takes its place, in the order given; if
    one cannot, those before it get their old content back. A kill in between leaves the first ones
    replaced, so a file comes before those that need its new content.

    Raises SourceError as ``write`` does, with every file as it was; should the system refuse even
    that, the message names the files that are not.
    """
    places = [_writable(path) for path, _, _ in changes]
    staged: list[str] = []
    done: list[int] = []
    try:
        for (path, _, after), (target, status) in zip(changes, places, strict=True):
            try:
                staged.append(_stage(target, after, status))
            except OSError as error:
                raise _unchanged(path, error.strerror) from None
        for number, (path, before, _) in enumerate(changes):
            target, _ = places[number]
            _must_be(target, before, path)
            try:
                os.replace(staged[number], target)
            except OSError as error:
                raise _unchanged(path, error.strerror) from None
            done.append(number)
    except BaseException as problem:
        for temporary in staged[len(done) :]:
            _remove(temporary)
        stuck = []
        for number in reversed(done):
            (path, before, after), (target, status) = changes[number], places[number]
            try:
                _replace(path, target, before, status, after)
            except SourceError:
                stuck.append(path)
        if stuck and isinstance(problem, SourceError):
            kept = f"{', '.join(reversed(stuck))} could not get the old content back"
            raise SourceError(problem.filename, f"{problem.message}; {kept}") from None
        raise


def _writable(path: str) -> tuple[str, os.stat_result]:
    """Return the file behind a path, and its status. Raises SourceError if it is read-only."""
    target = os.path.realpath(path)
    try:
        status = os.stat(target)
    except OSError as error:
        raise _unchanged(path, error.strerror) from None
    if not stat.S_ISREG(status.st_mode):
        raise _unchanged(path, "not a regular file")
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise _unchanged(path, "the file is read-only")
    return target, status


def create(path: str, content: bytes) -> None:
    """Write a file of our own, new or over the old one, all of it or nothing."""
    target = os.path.realpath(path)
    try:
        status = os.stat(target)
    except OSError:
        status = None
    _replace(path, target, content, status, None)


def _replace(
    path: str, target: str, after: bytes, status: os.stat_result | None, before: bytes | None
) -> None:
    try:
        temporary = _stage(target, after, status)
        try:
            # As late as possible: what was fixed must be what is there.
            if before is not None:
                _must_be(target, before, path)
            os.replace(temporary, target)
        except BaseException:
            _remove(temporary)
            raise
    except OSError as error:
        raise _unchanged(path, error.strerror) from None


def _stage(target: str, content: bytes, status: os.stat_result | None) -> str:
    """Write ``content`` to a new file beside ``target``, on the disk, and return its name."""
    folder, name = os.path.split(target)
    # Not a Python suffix: a file left behind by a kill is never linted, imported or packaged.
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    handle = os.open(
        temporary,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY,
        0o666 if status is None else 0o600,
    )
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            if status is not None:
                _copy_attributes(target, file.fileno(), status)
            os.fsync(file.fileno())
    except BaseException:
        _remove(temporary)
        raise
    return temporary


_BINARY = getattr(os, "O_BINARY", 0)


def _unchanged(path: str, reason: str | None) -> SourceError:
    return SourceError(path, f"not written, the file is unchanged: {reason}")


def _must_be(target: str, before: bytes, path: str) -> None:
    if read(target) != before:
        raise _unchanged(path, "someone else changed the file meanwhile")


def _copy_attributes(target: str, handle: int, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    own = os.fstat(handle)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        with suppress(OSError):  # only the superuser may give files away
            os.fchown(handle, status.st_uid, status.st_gid)
    os.fchmod(handle, stat.S_IMODE(status.st_mode))
    if sys.platform == "linux":
        with suppress(OSError):  # not on this file system, or reserved to the system
            for attribute in os.listxattr(target):
                os.setxattr(handle, attribute, os.getxattr(target, attribute))


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
