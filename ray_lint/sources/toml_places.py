"""On which line a key or an entry of a TOML document stands.

TOML's parsers keep no places. So a candidate is tried: the text of the key is replaced where it
occurs, the document parsed again, and if the replacement turns up where the key was, that is the
place. This knows headings, inline tables, dotted and quoted keys and strings over several lines as
the parser does. It is only for messages: a document is parsed once per candidate.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PROBE = "ray-lint-probe"


def line_of(text: str, place: tuple[str | int, ...]) -> int:
    """Return the line (from 1) of a place in a document, 0 if it cannot be told.

    ``place`` leads from the top to a key, or to an entry of a list by its index.
    """
    last = place[-1]
    if isinstance(last, str):
        written = {last, json.dumps(last)[1:-1]}
    else:
        value = _at(_parsed(text), place)
        if isinstance(value, str):
            written = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        else:
            written = {json.dumps(value, default=str)}
    words = "|".join(map(re.escape, sorted(written)))
    for match in re.finditer(rf"(?<![\w-])(?:{words})(?![\w-])", text):
        if _holds(text, match, place):
            return text.count("\n", 0, match.start()) + 1
    return 0


def _holds(text: str, match: re.Match[str], place: tuple[str | int, ...]) -> bool:
    """Whether the match is the place: the probe turns up there when it is written instead."""
    last = place[-1]
    for probe in (_PROBE, f'"{_PROBE}"'):
        document = _parsed(text[: match.start()] + probe + text[match.end() :])
        if isinstance(last, int):
            if _at(document, place) == _PROBE:
                return True
        else:
            around = _at(document, place[:-1])
            if isinstance(around, dict) and _PROBE in around:
                return True
    return False


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _at(document: Any, place: tuple[str | int, ...]) -> Any:
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document
