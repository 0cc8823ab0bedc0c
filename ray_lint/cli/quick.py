"""The short way out: files without a candidate, as nearly always in a pre-commit run.

Imports nothing beyond what the interpreter has loaded at its start, since the imports of the full
command cost several times what these files do.
"""

from __future__ import annotations

import os

from ray_lint.sources.gate import worth_parsing

_SILENT_FLAGS = frozenset(
    (
        "--fix", "--diff", "--unsafe-fixes", "--quiet", "-q", "--force-exclude", "--exit-zero",
        "--exit-non-zero-on-fix", "--no-cache",
    )
)  # fmt: skip
"""Options that change nothing about a run without findings."""


def nothing_to_do(arguments: list[str]) -> bool:
    """Whether the arguments are files that hold nothing to report and no settings apply to them.

    False also whenever that is not certain: the full command then gives the answer.
    """
    paths = [argument for argument in arguments if argument not in _SILENT_FLAGS]
    if not paths:
        return False
    folders = set()
    for path in paths:
        # The first argument may be the name of a command.
        if path.startswith("-") or not (os.sep in path or "." in path):
            return False
        try:
            with open(path, "rb", 0) as file:
                if worth_parsing(file.read()):
                    return False
        except OSError:
            return False
        folders.add(os.path.dirname(os.path.abspath(path)))
    return not any(_has_settings(folder) for folder in folders)


def _has_settings(folder: str) -> bool:
    """Whether ``folder`` or one above may hold settings, right or wrong."""
    while True:
        if os.path.exists(os.path.join(folder, "ray-lint.toml")):
            return True
        try:
            with open(os.path.join(folder, "pyproject.toml"), "rb", 0) as file:
                text = file.read()
            # The names that a table of ours may have, the wrong ones too.
            if any(name in text for name in (b"ray-lint", b"ray_lint", b"raylint")):
                return True
        except OSError:
            pass
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
