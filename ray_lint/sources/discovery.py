"""Which files to look at: the given ones, and the Python files and notebooks below directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ray_lint.errors import SourceError

if TYPE_CHECKING:
    from ray_lint.sources.gitignore import IgnoreFiles

SUFFIXES = (".py", ".pyw", ".ipynb")
DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox",
    ".pytest_cache", ".ray_lint_cache", ".ruff_cache", ".svn", ".tox", ".venv", "CVS",
    "__pycache__", "__pypackages__", "node_modules", "venv",
)  # fmt: skip
"""Names that are never entered unless they are given on the command line."""

Excluded = Callable[[str, bool], bool]
"""Whether a path is excluded by the configuration; the flag says that it is a directory."""


def find_sources(
    paths: Sequence[str],
    on_error: Callable[[SourceError], None],
    excluded: Excluded = lambda path, directory: False,
    *,
    gitignore: bool = True,
    force_exclude: bool = False,
) -> Iterator[str]:
    """Yield the files to look at, each once, those of a directory in the order of their names.

    Given files are always taken, whatever their suffix (``force_exclude`` lets the exclusions hold
    for them too). Below directories symbolic links are not followed, so that nothing outside of the
    given paths is read or written. Paths that are missing or cannot be listed go to ``on_error``.
    """
    seen: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            if force_exclude and excluded(path, True):
                continue
            found = _walk(path, on_error, excluded, gitignore=gitignore)
        elif os.path.exists(path):
            found = iter(() if force_exclude and excluded(path, False) else (path,))
        else:
            reason = "broken symbolic link" if os.path.islink(path) else "no such file or directory"
            on_error(SourceError(path, reason))
            continue
        for file in found:
            key = os.path.normpath(file)
            if key not in seen:
                seen.add(key)
                yield file


def _walk(
    top: str, on_error: Callable[[SourceError], None], excluded: Excluded, *, gitignore: bool
) -> Iterator[str]:
    ignore: IgnoreFiles | None = None
    if gitignore:
        from ray_lint.sources.gitignore import IgnoreFiles

        ignore = IgnoreFiles.around(os.path.abspath(top))
    # A stack instead of recursion: trees may be deeper than Python's own stack.
    stack = [_entries(top, ignore, on_error, excluded)]
    while stack:
        for path, below, is_directory in stack[-1]:
            if is_directory:
                stack.append(_entries(path, below, on_error, excluded))
                break
            yield path
        else:
            stack.pop()


def _entries(
    folder: str,
    ignore: IgnoreFiles | None,
    on_error: Callable[[SourceError], None],
    excluded: Excluded,
) -> Iterator[tuple[str, IgnoreFiles | None, bool]]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        on_error(SourceError(folder, f"cannot be listed: {error.strerror}"))
        return
    for entry in entries:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            if name in DEFAULT_EXCLUDE or name.endswith(".egg"):
                continue
            if ignore is not None and ignore.ignores(name, directory=True):
                continue
            # A virtual environment by another name; it holds other people's code.
            if os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                continue
            if not excluded(entry.path, True):
                yield entry.path, ignore.below(name) if ignore is not None else None, True
        elif (
            name.endswith(SUFFIXES)
            and entry.is_file(follow_symlinks=False)
            and not (ignore is not None and ignore.ignores(name, directory=False))
            and not excluded(entry.path, False)
        ):
            yield entry.path, None, False
