"""A private copy of the user's project, in which the measured programs run.

Both programs, original and fixed, run at the same path, one after the other, each from a fresh
copy: what a run writes there is gone before the next one, and values that contain a path agree.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ray_lint.errors import UsageError

SKIPPED = frozenset(
    """.git .hg .svn .tox .nox .hypothesis .ipynb_checkpoints
    __pycache__ .mypy_cache .pytest_cache .ruff_cache .eggs""".split()  # noqa: SIM905 - readable
)
"""Folders that no program reads."""
LINKED = frozenset(("node_modules", ".venv", "venv"))
"""Installed packages: linked as a whole. So is any folder that marks itself as an environment."""
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
MAX_FILE_BYTES = 16 * 1024 * 1024
"""Larger files are linked, and copied only when a program opens them to write."""
MAX_TREE_BYTES = 512 * 1024 * 1024
"""Once this much has been copied, all but Python files are linked."""

_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")


def project_root(paths: Sequence[Path]) -> Path:
    """Return the folder to copy: the project that holds all ``paths``, else their folder.

    A project is the nearest parent with a ``pyproject.toml`` or the like; the home folder and the
    file system's root are never taken for one.
    """
    folders = [str(path.resolve() if path.is_dir() else path.resolve().parent) for path in paths]
    common = Path(os.path.commonpath(folders))
    refused = {Path.home().resolve(), Path(common.anchor)}
    for folder in (common, *common.parents):
        if folder in refused:
            break
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return common


def _is_environment(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _ENVIRONMENT_MARKS)


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


class Overlay:
    """A snapshot of the tree ``root``, and the place where copies of it run."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root.resolve()
        self.linked: dict[Path, tuple[int, int]] = {}
        self._folder = folder.resolve()  # may lie inside the root, if TMPDIR does
        self._copied = 0
        self._snapshot = folder / "snapshot"
        self.tree = folder / "run" / (self.root.name or "root")
        self._copy(self.root, self._snapshot)

    def _copy(self, source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        with os.scandir(source) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                place = target / entry.name
                path = Path(entry.path)
                if entry.is_symlink():
                    # Links inside the project stay inside of the copy.
                    place.symlink_to(self.mapped(path))
                elif entry.is_dir():
                    if entry.name in SKIPPED or path.resolve() == self._folder:
                        continue
                    if entry.name in LINKED or _is_environment(path):
                        place.symlink_to(path)
                    else:
                        self._copy(path, place)
                elif entry.is_file():
                    self._place(path, place, entry.stat().st_size)

    def _place(self, path: Path, place: Path, size: int) -> None:
        small = size <= MAX_FILE_BYTES and self._copied + size <= MAX_TREE_BYTES
        if small or path.suffix == ".py":
            self._copied += size
            try:
                shutil.copy2(path, place)
            except PermissionError:
                place.symlink_to(path)  # unreadable for us, hence for the program
        else:
            place.symlink_to(path)
            self.linked[path] = _state(path)

    def lay(self, files: Mapping[Path, bytes]) -> None:
        """Make a fresh tree with ``files`` (by their original paths) in place of the copies."""
        self.remove()
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._snapshot, self.tree, symlinks=True)
        for path, content in files.items():
            place = self.mapped(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.parent.resolve() != place.parent:
                raise UsageError(f"{path}: installed packages are not copied, so not verified")
            if place.is_symlink():
                place.unlink()
            place.write_bytes(content)

    def damaged(self) -> list[Path]:
        """Return the linked files of the user that are not as they were."""
        return [path for path, state in self.linked.items() if _state(path) != state]

    def remove(self) -> None:
        """Remove the tree of the last run."""
        shutil.rmtree(self.tree, ignore_errors=True)

    def mapped(self, path: Path) -> Path:
        """Return where ``path`` lies in the copy; paths outside the project stay as they are."""
        resolved = path.resolve()
        if resolved == self.root or self.root in resolved.parents:
            return self.tree / resolved.relative_to(self.root)
        return path

    def mapped_word(self, word: str) -> str:
        """Return one word of a command line with an absolute path into the project mapped."""
        if word.startswith("/") and (
            word == str(self.root) or word.startswith(f"{self.root}{os.sep}")
        ):
            return str(self.tree) + word[len(str(self.root)) :]
        return word

    def mapped_path_list(self, value: str) -> str:
        """Return a search path (``PYTHONPATH``) with its entries made absolute and mapped."""
        return os.pathsep.join(
            self.mapped_word(str(Path(part).absolute())) for part in value.split(os.pathsep) if part
        )
