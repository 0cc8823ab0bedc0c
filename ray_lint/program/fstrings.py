"""Where the expressions inside of f-strings stand.

Before Python 3.12, ``ast`` gives them places that are wrong in many ways. Here they are found anew,
for the f-strings that submit something.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator

NEEDED = sys.version_info < (3, 12)

_Place = tuple[int, int]  # line from 1, column from 0 in characters
_SUBMITTED = re.compile(r"\{[^}]*\.remote\b")  # perhaps inside of an f-string
_PREFIX = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")")


def place_expressions(tree: ast.Module, text: str) -> frozenset[ast.JoinedStr]:
    """Correct the places of all expressions in f-strings that hold ``.remote``.

    Returns the f-strings whose expressions now stand where they should.
    """
    if not _SUBMITTED.search(text) or not re.search(r"\b[fF][rR]?['\"]|\b[rR][fF]['\"]", text):
        return frozenset()
    wanted = [node for node in _outermost(tree) if _submits(node)]
    if not wanted:
        return frozenset()
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
            if token.type == tokenize.STRING
        ]
    except (tokenize.TokenError, SyntaxError):
        return frozenset()
    lines = io.StringIO(text, newline=None).readlines()
    return frozenset(node for node in wanted if _place(node, tokens, lines))


def _outermost(tree: ast.Module) -> Iterator[ast.JoinedStr]:
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.JoinedStr):
            yield node
        else:
            stack.extend(ast.iter_child_nodes(node))


def _submits(node: ast.JoinedStr) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "remote" for n in ast.walk(node))


def _place(node: ast.JoinedStr, tokens: list[tokenize.TokenInfo], lines: list[str]) -> bool:
    """Place the expressions of one f-string, which may consist of several literals."""
    start = _characters(lines, node.lineno, node.col_offset)
    end = _characters(lines, node.end_lineno or node.lineno, node.end_col_offset or 0)
    sources: list[tuple[str, _Place]] = []
    for token in tokens:
        if start <= token.start and token.end <= end:
            sources += _expressions(token)
    values = [value for value in node.values if isinstance(value, ast.FormattedValue)]
    if len(values) != len(sources):
        return False
    pairs: list[tuple[ast.expr, ast.expr, _Place]] = []
    for value, (code, place) in zip(values, sources, strict=True):
        try:
            parsed = ast.parse(f"({code})", mode="eval").body
        except SyntaxError:
            return False
        if ast.dump(parsed) != ast.dump(value.value):
            return False
        pairs.append((value.value, parsed, place))
    for mine, parsed, place in pairs:
        _move(mine, parsed, place, lines)
    return True


def _move(mine: ast.expr, parsed: ast.expr, place: _Place, lines: list[str]) -> None:
    """Give each node the place of its counterpart, which was parsed behind one parenthesis."""
    line, column = place
    offset = len(lines[line - 1][:column].encode()) - 1
    for node, other in zip(ast.walk(mine), ast.walk(parsed), strict=True):
        for at, width in (("lineno", "col_offset"), ("end_lineno", "end_col_offset")):
            number = getattr(other, at, None)
            if number is not None:
                bytes_before = offset if number == 1 else 0
                setattr(node, at, number + line - 1)
                setattr(node, width, getattr(other, width) + bytes_before)


def _characters(lines: list[str], line: int, byte_column: int) -> _Place:
    return line, len(lines[line - 1].encode()[:byte_column].decode())


def _expressions(token: tokenize.TokenInfo) -> Iterator[tuple[str, _Place]]:
    """Yield the expressions of a literal with the place of their first character."""
    head = _PREFIX.match(token.string)
    if head is None or "f" not in head[1].lower():
        return
    text, end = token.string, len(token.string) - len(head[2])
    at = head.end()
    while at < end:
        if text[at] in "{}" and text[at : at + 2] in ("{{", "}}"):
            at += 2
        elif text[at] == "{":
            stop = _expression_end(text, at + 1, end)
            yield text[at + 1 : stop], _place_in(token, at + 1)
            at = _field_end(text, stop, end)
        else:
            at += 1


def _place_in(token: tokenize.TokenInfo, offset: int) -> _Place:
    before = token.string[:offset]
    line, column = token.start
    newlines = before.count("\n")
    return (line + newlines, len(before) - before.rfind("\n") - 1 if newlines else column + offset)


def _expression_end(text: str, at: int, end: int) -> int:
    """Return where an expression ends: at its brace, conversion, format or ``=``."""
    depth = 0
    quote = ""
    while at < end:
        char = text[at]
        if quote:
            if text.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif char in "'\"":
            quote = char * 3 if text.startswith(char * 3, at) else char
            at += len(quote) - 1
        elif char in "([{":
            depth += 1
        elif char in ")]}" and depth:
            depth -= 1
        elif depth == 0 and char in "}:":
            return at
        elif depth == 0 and char in "!=<>":
            if text[at + 1] == "=":
                at += 1
            elif char == "!" or (char == "=" and re.match(r"=\s*[}:!]", text[at:])):
                return at
        at += 1
    return end


def _field_end(text: str, at: int, end: int) -> int:
    """Return the place behind the brace that closes a replacement field."""
    depth = 1
    while at < end and depth:
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at
