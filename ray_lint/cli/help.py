"""``--help``: the options that most runs need on one screen; ``--help-all``: every option."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

_WIDTH = 80
"""Columns of the terminal that the short help is for; with the prompt it fills 24 lines."""


def add_help(
    parser: argparse.ArgumentParser,
    group: argparse._ArgumentGroup,
    common: Collection[str],
    epilog: str,
) -> None:
    """Add ``-h``, which shows the ``common`` options and ``epilog``, and ``--help-all``."""
    group.add_argument(
        "-h",
        "--help",
        action=_ShortHelp,
        common=frozenset(common),
        epilog=epilog,
        help="show the most used options",
    )
    group.add_argument("--help-all", action="help", help="show every option")


class _ShortHelp(argparse.Action):
    def __init__(
        self,
        option_strings: Sequence[str],
        dest: str,
        common: frozenset[str],
        epilog: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **kwargs)
        self.common = common
        self.epilog = epilog

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print and exit."""
        print(short_help(parser, self.common, self.epilog), end="")
        parser.exit(0)


def short_help(parser: argparse.ArgumentParser, common: Collection[str], epilog: str) -> str:
    """Return the usage, the ``common`` options with their groups at the left, and ``epilog``."""
    import textwrap

    formatter = parser._get_formatter()
    rows: list[tuple[str, str, str]] = []
    for group in parser._action_groups:
        title = group.title or ""
        for action in group._group_actions:
            if not any(name in common for name in action.option_strings):
                continue
            flags = formatter._format_action_invocation(action)
            rows.append((title, flags, (action.help or "").replace("%%", "%")))
            title = ""
    left = max(len(title) for title, _, _ in rows) + 2
    middle = max(len(names) for _, names, _ in rows) + 2
    lines = [parser.format_usage().rstrip(), ""]
    for title, names, text in rows:
        head = f"{title:{left}}{names:{middle}}"
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=head, subsequent_indent=" " * (left + middle)
        )
    return "\n".join([*lines, "", epilog])
