"""Other layouts of the same program: comments everywhere, tabs, blocks around it, taken names.

Each function takes a source and a source of randomness and returns a source that compiles if the
first one does; where it cannot, callers drop it.
"""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from random import Random

TAKEN = ["batch", "batches", "results", "split_into_batches", "submit_in_batches", "items", "size"]
TAKEN += ["value", "xs", "start", "cpus", "next_batch", "f_refs", "f_items", "été", "变量"]
BLOCKS = {
    "function": "def main():\n",
    "async function": "async def main():\n",
    "class": "class Holder:\n",
    "condition": "if __name__ == '__main__':\n",
    "else": "if not __name__:\n    pass\nelse:\n",
    "try": "try:\n    pass\nfinally:\n",
    "with": "import contextlib\nwith contextlib.nullcontext():\n",
}


def tokens(source: str) -> list[tokenize.TokenInfo]:
    """Return the tokens of a source."""
    return list(tokenize.tokenize(io.BytesIO(source.encode()).readline))


def strings(source: str) -> set[int]:
    """Return the lines that begin inside of a string."""
    found: set[int] = set()
    for token in tokens(source):
        if token.type == tokenize.STRING:
            found |= set(range(token.start[0] + 1, token.end[0] + 1))
    return found


def comments_behind(source: str, random: Random) -> str:
    """Put comments behind lines, those inside of brackets too."""
    lines = source.split("\n")
    commented = {t.start[0] for t in tokens(source) if t.type == tokenize.COMMENT}
    ends = [t.start for t in tokens(source) if t.type in (tokenize.NEWLINE, tokenize.NL)]
    for number, column in ends:
        if number not in commented and number <= len(lines) and random.random() < 0.7:
            lines[number - 1] = f"{lines[number - 1][:column]}  # behind {number}"
    return "\n".join(lines)


def comments_above(source: str, random: Random) -> str:
    """Put comments on lines of their own, between decorator and function too."""
    inside, lines = strings(source), source.split("\n")
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        continued = number > 1 and lines[number - 2].rstrip().endswith("\\")
        if line.strip() and number not in inside and not continued and random.random() < 0.6:
            found.append(f"{line[: len(line) - len(line.lstrip())]}# above {number}")
        found.append(line)
    return "\n".join(found)


def comments_in_brackets(source: str, random: Random) -> str:
    """Break lines behind opening brackets and commas, with a comment at the break."""
    lines, depth = source.split("\n"), 0
    cuts: list[tuple[int, int]] = []
    for token in tokens(source):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if token.string in ("(", "[", "{", ",") and depth and random.random() < 0.4:
            cuts.append(token.end)
    for row, column in reversed(cuts):
        line = lines[row - 1]
        if not line[column:].lstrip().startswith("#"):
            lines[row - 1] = f"{line[:column]}  # at {row}, {column}\n    {line[column:].lstrip()}"
    return "\n".join(lines)


def other_indent(source: str, random: Random) -> str:
    """Indent with tabs or two columns."""
    inside, step = strings(source), random.choice(["\t", "  "])

    def narrowed(match: re.Match[str]) -> str:
        return step * (len(match[0]) // 4)

    return "\n".join(
        line if number in inside else re.sub(r"^( {4})+", narrowed, line)
        for number, line in enumerate(source.split("\n"), 1)
    )


def in_a_block(source: str, random: Random) -> str:
    """Put the program into a function, a class or another block."""
    head = random.choice(sorted(BLOCKS))
    inside = strings(source)
    if inside or "from __future__" in source or "import *" in source:
        return source
    return BLOCKS[head] + textwrap.indent(source, "    ")


def taken_names(source: str, random: Random) -> str:
    """Give names of the program the names that fixes use, and others than ASCII ones."""
    stored = {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    used = {token.string for token in tokens(source)}
    free = [name for name in TAKEN if name not in used]
    old = random.sample(sorted(stored), min(3, len(stored), len(free)))
    renamed = dict(zip(old, random.sample(free, len(old)), strict=True))
    lines = source.split("\n")
    for token in reversed(tokens(source)):
        if token.type == tokenize.NAME and token.string in renamed:
            row, (begin, end) = token.start[0] - 1, (token.start[1], token.end[1])
            lines[row] = lines[row][:begin] + renamed[token.string] + lines[row][end:]
    return "\n".join(lines)


def continued_lines(source: str, random: Random) -> str:
    """Break statements with backslashes."""
    lines, depth = source.split("\n"), 0
    cuts: list[tuple[int, int]] = []
    for token in tokens(source):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if token.string in ("=", "+", "*", "in", "return") and not depth and random.random() < 0.6:
            cuts.append(token.end)
    for row, column in reversed(cuts):
        line = lines[row - 1]
        if line[column:].strip() and "#" not in line[column:]:
            lines[row - 1] = f"{line[:column]} \\\n        {line[column:].lstrip()}"
    return "\n".join(lines)


def one_line_bodies(source: str, random: Random) -> str:
    """Put single statements of a block behind its colon."""
    pattern = r"^([ ]*(?:for|while|if) [^\n#]*:)\n[ ]+((?!for|while|if|with|try|def)[^\n#]*)$"

    def joined(match: re.Match[str]) -> str:
        return f"{match[1]} {match[2]}" if random.random() < 0.8 else match[0]

    return re.sub(pattern, joined, source, flags=re.MULTILINE)


def joined_statements(source: str, random: Random) -> str:
    """Put plain assignments on one line, with semicolons between them."""
    plain = re.compile(r"([ ]*)[a-z_]+ = [^#(){}\[\]]*")
    found: list[str] = []
    for line in source.split("\n"):
        before = plain.fullmatch(found[-1]) if found else None
        this = plain.fullmatch(line)
        if before and this and before[1] == this[1] and random.random() < 0.8:
            found[-1] += f"; {line.strip()}"
        else:
            found.append(line)
    return "\n".join(found)


def long_head(source: str, random: Random) -> str:
    """Begin with an interpreter line, an encoding and a docstring."""
    return f'#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n"""Doc.\n\n# no comment\n"""\n{source}'


def other_ends(source: str, random: Random) -> str:
    """End lines as other systems do, or leave out the last end, or begin with a mark."""
    kind = random.choice(["crlf", "no last newline", "mark"])
    if kind == "crlf":
        return source.replace("\n", "\r\n")
    return source.rstrip("\n") if kind == "no last newline" else "\ufeff" + source


LAYOUTS = [
    *(in_a_block, taken_names, one_line_bodies, joined_statements, comments_above),
    *(comments_in_brackets, comments_behind, continued_lines, long_head, other_indent, other_ends),
]


def laid_out(source: str, random: Random) -> str:
    """Return the source in one to three other layouts, in an order in which they go together."""
    for layout in [x for x in LAYOUTS if x in random.sample(LAYOUTS, random.randint(1, 3))]:
        try:
            changed = layout(source, random)
            compile(changed.encode(), "program", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, tokenize.TokenError):
            continue
        source = changed
    return source
