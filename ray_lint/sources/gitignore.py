"""Git's ignore files, as far as finding sources needs them.

Patterns follow gitignore(5): the last match of the deepest file decides, ``!`` takes back, a slash
anchors, a trailing slash means directories only, ``**`` crosses directories.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator


class _Pattern:
    __slots__ = ("directories_only", "keep", "regex")

    def __init__(self, regex: re.Pattern[str], *, keep: bool, directories_only: bool) -> None:
        self.regex = regex
        self.keep = keep
        self.directories_only = directories_only


def translate(pattern: str) -> str:
    """Return a regular expression for the glob ``pattern`` over paths with ``/``.

    Without a slash (other than a trailing one) the pattern holds at every depth.
    """
    anchored = "/" in pattern[:-1]
    pattern = pattern.rstrip("/") if not pattern.endswith("\\/") else pattern
    if pattern.startswith("/"):
        pattern = pattern[1:]
    out = "" if anchored else "(?:.*/)?"
    i = 0
    while i < len(pattern):
        rest = pattern[i:]
        at_start = i == 0 or pattern[i - 1] == "/"
        if at_start and rest.startswith("**/"):
            out += "(?:.*/)?"
            i += 3
            continue
        if at_start and rest == "**":
            out += ".+"
            break
        c = pattern[i]
        i += 1
        if c == "*":
            while pattern[i : i + 1] == "*":
                i += 1
            out += "[^/]*"
        elif c == "?":
            out += "[^/]"
        elif c == "[":
            end = pattern.find("]", i + 2 if pattern[i : i + 1] in ("!", "^") else i + 1)
            if end < 0:
                return "(?!)"  # git lets an unclosed bracket match nothing
            inside = pattern[i:end].replace("\\", "\\\\").replace("[", "\\[")
            if inside[:1] in ("!", "^"):
                inside = "^/" + inside[1:]
            out += f"[{inside}]"
            i = end + 1
        elif c == "\\" and i < len(pattern):
            out += re.escape(pattern[i])
            i += 1
        else:
            out += re.escape(c)
    return out


def _bytewise(text: str) -> str:
    """Return one character per byte: git's ``?`` is a byte, not a character."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _parse(text: str) -> Iterator[_Pattern]:
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        while line.endswith(" ") and not line.endswith("\\ "):
            line = line[:-1]
        if not line or line.startswith("#"):
            continue
        keep = line.startswith("!")
        if keep:
            line = line[1:]
        if not line.strip("/"):
            continue
        try:
            regex = re.compile(translate(_bytewise(line)), re.DOTALL)
        except re.error:
            continue
        yield _Pattern(regex, keep=keep, directories_only=line.endswith("/"))


class IgnoreFiles:
    """The ignore files that hold in one directory: its own and those above, up to the work tree.

    ``base`` is an absolute path. Make the one of a subdirectory with ``below``.
    """

    def __init__(self, base: str, above: IgnoreFiles | None = None) -> None:
        self.base = base
        self.above = above
        self.patterns = self._read(".gitignore")
        if above is None:
            # Of all sources of patterns the repository's own exclude file is the weakest.
            self.patterns = self._read(os.path.join(".git", "info", "exclude")) + self.patterns

    @classmethod
    def around(cls, directory: str) -> IgnoreFiles | None:
        """Return the ignore files for ``directory`` (absolute), None outside of a work tree."""
        chain = [directory]
        while not os.path.exists(os.path.join(chain[-1], ".git")):
            parent = os.path.dirname(chain[-1])
            if parent == chain[-1]:
                return None
            chain.append(parent)
        files = None
        for folder in reversed(chain):
            files = cls(folder, files)
        return files

    def below(self, name: str) -> IgnoreFiles:
        """Return the ignore files for the subdirectory ``name``."""
        return IgnoreFiles(os.path.join(self.base, name), self)

    def ignores(self, name: str, *, directory: bool) -> bool:
        """Whether the entry ``name`` of this directory is ignored."""
        path, files = _bytewise(name), self
        while True:
            for pattern in reversed(files.patterns):
                if pattern.directories_only and not directory:
                    continue
                if pattern.regex.fullmatch(path):
                    return not pattern.keep
            if files.above is None:
                return False
            path = _bytewise(os.path.basename(files.base)) + "/" + path
            files = files.above

    def _read(self, name: str) -> list[_Pattern]:
        try:
            with open(
                os.path.join(self.base, name), encoding="utf-8", errors="surrogateescape"
            ) as f:
                return list(_parse(f.read()))
        except OSError:
            return []
