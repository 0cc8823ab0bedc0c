"""IPython's additions to Python: line magics, shell lines, help, cell magics.

Each becomes a placeholder that Python parses, one line for one line, with a name that occurs once,
so that the way back is a replacement.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from keyword import iskeyword

PYTHON_CELL_MAGICS = frozenset(
    ("%%capture", "%%memit", "%%mprun", "%%prun", "%%snakeviz", "%%time", "%%timeit")
)
"""Cell magics whose body is Python that runs in the notebook's namespace."""

_MAGIC = re.compile(r"(?P<indent>\s*)(?P<assign>[\w.,\[\]'\" *]+=\s*)?(?P<magic>[%!].*|\?.*)", re.S)
_HELP = re.compile(r"(?P<indent>\s*)(?P<help>%{0,2}[\w.*]+\?{1,2})\s*$")
_STATEMENT = re.compile(r"(?P<prefix>%(?:time|timeit|prun|memit)[ \t]+)(?P<code>[^\s-].*)", re.S)
_WORD = re.compile(r"(?<![\w.$-])[^\W\d]\w*")
_EXPANDED = re.compile(r"\$(\w+)|\{([^{}]*)\}")
_NO_CODE = re.compile(
    r"%(?:alias|autoreload|cd|colors|conda|config|env|load_ext|ls|mamba|matplotlib|mkdir|pip|pwd|"
    r"pylab|reload_ext|set_env|unload_ext|uv)\b|[!?]|%%capture\b"
)
"""Line magics whose words are no code; of them, as of shell lines, only ``{x}`` and ``$x`` are."""
_STRING_START = re.compile(r"(?i)[rbuf]{0,2}('''|\"\"\"|'|\")")


@dataclass(frozen=True)
class Placeholder:
    """``stand_in`` stands for ``original`` on line ``line`` (from 0) of the cell.

    What follows on the line has moved by ``shift`` columns. ``whole`` says that the line must come
    back exactly as it was.
    """

    line: int
    stand_in: str
    original: str
    shift: int = 0


def is_python(cell: str) -> bool:
    """Whether the cell holds Python for this notebook's kernel: not ``%%bash`` and the like."""
    first = cell.lstrip().partition("\n")[0]
    if not first.startswith("%%") or _HELP.fullmatch(first):
        return True
    words = first.split()
    return words[0] in PYTHON_CELL_MAGICS


def replace_magics(cell: str, token: str) -> tuple[str, list[Placeholder]]:
    """Return the cell as Python and what was replaced.

    ``token`` starts the names of the placeholders; it must not occur in the notebook.
    """
    if parses(cell):
        return cell, []
    lines = cell.split("\n")
    found: list[Placeholder] = []
    state = _State()
    at_top = True
    i = 0
    while i < len(lines):
        line = lines[i]
        name = f"{token}{i}_"
        if not state.inside:
            made = _replace_line(line, name, cell_magic=at_top)
            if made is not None:
                stand_in, original, shift = made
                end = i
                while (
                    shift == 0 and lines[end].rstrip("\r").endswith("\\") and end + 1 < len(lines)
                ):
                    end += 1
                # Continued lines belong to the magic; each keeps a line of its own.
                rest = line[len(line) - len(line.lstrip()) :]
                lines[i] = line.replace(original, stand_in, 1)
                found.append(Placeholder(i, stand_in, original, shift))
                for k in range(i + 1, end + 1):
                    comment = f"# {token}{k}_"
                    found.append(Placeholder(k, comment, lines[k]))
                    lines[k] = comment
                at_top = at_top and not rest.strip()
                i = end + 1
                continue
        state.feed(line)
        at_top = at_top and not line.strip()
        i += 1
    return "\n".join(lines), found


def parses(code: str) -> bool:
    """Whether Python takes the code as it is."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _replace_line(line: str, name: str, *, cell_magic: bool) -> tuple[str, str, int] | None:
    """Return stand-in, original and column shift for a line with a magic, None for Python."""
    body = line.rstrip("\r")
    stripped = body.strip()
    if cell_magic and stripped.startswith("%%"):
        return ", ".join((f'"{name}"', *_names(stripped))), stripped, 0
    if match := _HELP.fullmatch(body):
        return name, match["help"], 0
    match = _MAGIC.fullmatch(body)
    if match is None:
        return None
    magic = match["magic"]
    if not match["assign"] and (code := _STATEMENT.fullmatch(magic)):
        stand_in = f"{name}; "
        if parses(stand_in + code["code"]):  # a loop does not: it cannot follow a semicolon
            return stand_in, code["prefix"], len(stand_in) - len(code["prefix"])
    used = ", ".join(_names(magic))
    return (f"{name}({used})" if used else name), magic, 0


def _names(magic: str) -> list[str]:
    """Return the variables that a magic may use, so that the module uses them, too."""
    if _NO_CODE.match(magic):
        parts = [" ".join(filter(None, found)) for found in _EXPANDED.findall(magic)]
    else:
        parts = [magic.partition(" ")[2]]
    words = [word for part in parts for word in _WORD.findall(part)]
    return [word for word in dict.fromkeys(words) if not iskeyword(word)]


class _State:
    """Whether the next line starts inside of a string, brackets or a continued line."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._continued = False

    @property
    def inside(self) -> bool:
        return bool(self._quote) or self._depth > 0 or self._continued

    def feed(self, line: str) -> None:
        self._continued = False
        i = 0
        while i < len(line):
            if self._quote:
                i = self._string(line, i)
                continue
            character = line[i]
            if character == "#":
                break
            if match := _STRING_START.match(line, i):
                self._quote = match[1]
                i = match.end()
                continue
            if character in "([{":
                self._depth += 1
            elif character in ")]}":
                self._depth = max(self._depth - 1, 0)
            i += 1
        if len(self._quote) == 1 and not line.endswith("\\"):
            self._quote = ""  # a plain string ends with its line, closed or not
        self._continued = not self._quote and line.endswith("\\")

    def _string(self, line: str, i: int) -> int:
        """Return where the scan goes on, after the string or at the end of the line."""
        while i < len(line):
            if line[i] == "\\":
                i += 2
            elif line.startswith(self._quote, i):
                i += len(self._quote)
                self._quote = ""
                return i
            else:
                i += 1
        return i
