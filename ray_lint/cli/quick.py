"""The short way out: files without a candidate, as nearly always in a pre-commit run.

Imports nothing beyond what the interpreter has loaded at its start, since the imports of the full
command cost several times what these files do. Settings could only matter by being wrong; once the
full command has found them right, a note in the cache says so until they change.
"""

from __future__ import annotations

import os

from ray_lint import __version__
from ray_lint.sources.gate import worth_parsing

CACHE = ".ray_lint_cache"
"""The name of the directory of the cache, beside the settings."""

_NAMES = (b"ray-lint", b"ray_lint", b"raylint")
"""What a ``pyproject.toml`` with settings of ours says somewhere, right or wrong."""

_SILENT_FLAGS = frozenset(
    (
        "--fix", "--diff", "--unsafe-fixes", "--quiet", "-q", "--force-exclude", "--exit-zero",
        "--exit-non-zero-on-fix", "--no-cache", "--no-gitignore",
    )
)  # fmt: skip
"""Options that change nothing about a run without findings."""


class Quick:
    """What can be said about a run without importing more."""

    def __init__(self, arguments: list[str]) -> None:
        self.note = ""
        """The note that would tell that the settings are right; empty if there are none."""
        self.over = self._is_over(arguments)

    def remember(self) -> None:
        """Note that the full command has had nothing to say: the settings are right."""
        from ray_lint.cli.cache import Cache

        if self.note:
            folder, name = os.path.split(self.note)
            Cache(folder).note(name)

    def _is_over(self, arguments: list[str]) -> bool:
        """Whether the arguments are files that hold nothing to report, with no doubtful settings.

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
        settings: dict[str, bytes] = {}
        for folder in folders:
            _read_settings(folder, settings)
        if not settings:
            return True
        if "--no-cache" in arguments:
            return False
        from _blake2 import blake2b  # hashlib would load OpenSSL

        digest = blake2b(__version__.encode(), digest_size=20)
        for path in sorted(settings):
            digest.update(b"%d %d\0" % (len(path), len(settings[path])))
            digest.update(os.fsencode(path) + settings[path])
        place = os.path.join(os.path.dirname(max(settings, key=len)), CACHE)
        self.note = os.path.join(place, f"settings-{digest.hexdigest()}")
        return os.path.isfile(self.note)


def _read_settings(folder: str, found: dict[str, bytes]) -> None:
    """Add the files of ``folder`` and those above that may hold settings, right or wrong."""
    while True:
        for name in ("ray-lint.toml", "pyproject.toml"):
            path = os.path.join(folder, name)
            if path not in found:
                try:
                    with open(path, "rb", 0) as file:
                        data = file.read()
                except FileNotFoundError:
                    continue
                except OSError:
                    data = b"ray-lint"  # the full command tells what is the matter
                if name == "ray-lint.toml" or any(word in data for word in _NAMES):
                    found[path] = data
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above
