"""Keeps a measured program from writing through the links of the private copy to the user's files.

Loaded by its path into the measured program (see ``install``): standard library only. Large files
of the project are links in the copy. The moment before Python opens one to write, its content takes
the place of the link. Extensions that open files in C are not seen: the runtime check looks at the
linked files after every run.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR


def protect(original: str, copy: str) -> None:
    """Copy on write what lies below ``copy`` and is a link to something below ``original``."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING
        elif event == "os.truncate":
            path, writes = arguments[0], True
        else:
            return
        if writes and isinstance(path, (str, bytes)):
            _unlink(Path(os.fsdecode(path)).absolute(), Path(original), Path(copy))

    sys.addaudithook(hook)


def _unlink(path: Path, original: Path, copy: Path) -> None:
    if copy not in path.parents or not path.is_symlink():
        return
    target = path.resolve()
    if original in target.parents and target.is_file():
        temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
        shutil.copyfile(target, temporary)
        temporary.replace(path)
