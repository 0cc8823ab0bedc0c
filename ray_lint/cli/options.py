"""The options of ``ray-lint PATH…``, in groups that fit a screen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from ray_lint.cli.help import add_help
from ray_lint.config import Config
from ray_lint.errors import UsageError
from ray_lint.option_values import count, seconds
from ray_lint.report import FORMATS

_USAGE = "ray-lint [OPTIONS] [PATH ...]\n       ray-lint COMMAND [OPTIONS] ..."
_EPILOG = """\
commands (ray-lint COMMAND --help):
  explain CODE   what a rule reports, why, and how safe its fix is
  rules          list the rules
  verify FILE    run a program as it is and as fixed on Ray, and compare
  profile FILE   measure the tasks of a program on Ray
  server         language server for editors
  completion     script for bash, zsh or fish

exit codes: 0 nothing found, 1 findings, 2 usage error or unprocessed file
"""
_SHORT_EPILOG = """\
PATH       file or directory (default: .), or - for standard input
COMMAND    explain CODE, rules, verify FILE, profile FILE, server, completion
exit code  0 nothing found, 1 findings, 2 usage error or unprocessed file
more       ray-lint --help-all, ray-lint COMMAND --help
"""
_COMMON = (
    "--fix", "--diff", "--unsafe-fixes", "--select", "--ignore", "--strict", "--add-noqa",
    "--baseline", "--write-baseline", "--show-config", "--output-format", "-o", "--output-file",
    "-q", "--quiet", "--version",
)  # fmt: skip
"""The options that ``--help`` shows."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError and suggests the nearest option instead of guessing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                f"invalid choice {value!r}{did_you_mean(str(value), choices)} "
                f"(choose from {', '.join(choices)})",
            )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message, and what may have been meant."""
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            unknown = message[len(prefix) :].partition(" ")[0].partition("=")[0]
            known = [o for action in self._actions for o in action.option_strings]
            message = f"unknown option {unknown}{did_you_mean(unknown, known)}"
        raise UsageError(f"{message} (see {self.prog} --help)")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width, written the same by every version of Python."""

    def __init__(self, prog: str, **_: Any) -> None:  # argparse may pass a width and colors
        super().__init__(prog, max_help_position=28, width=80)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        metavar = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {metavar}"


class _Version(argparse.Action):
    """Prints the versions of what is involved; Ray is looked up, not imported."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print and exit."""
        import platform
        from importlib.metadata import PackageNotFoundError, version

        from ray_lint import __version__

        parts = [f"Python {platform.python_version()}"]
        for name, package in (("LibCST", "libcst"), ("Ray", "ray")):
            try:
                parts.append(f"{name} {version(package)}")
            except PackageNotFoundError:
                parts.append(f"{name} not installed")
        print(f"ray-lint {__version__} ({', '.join(parts)})")
        parser.exit(0)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ``, did you mean …?`` with the nearest known word, "" if none is near."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or [
        name for name in known if len(word) > 2 and name.startswith(word)
    ]
    return f", did you mean {near[0]}?" if near else ""


def codes(text: str) -> tuple[str, ...]:
    """Split a list of codes at commas and blanks."""
    from ray_lint.rules import expected_code

    found = tuple(text.replace(",", " ").split())
    for code in found:
        if expected := expected_code(code):
            raise argparse.ArgumentTypeError(f"expected {expected}, not {code!r}")
    return found


def add_fixing(group: argparse._ArgumentGroup) -> None:
    """Add the options that say which fixes are made, and how."""
    group.add_argument(
        "--unsafe-fixes", action="store_true", default=None, help="also fixes not proven safe"
    )
    group.add_argument(
        "--batch-size", type=count, metavar="N", help="items per batch (default: by cluster size)"
    )


def add_judgement(group: argparse._ArgumentGroup) -> None:
    """Add the options that say what is a finding."""
    group.add_argument("--select", type=codes, metavar="CODES", help="code prefixes (default: RAY)")
    group.add_argument("--ignore", type=codes, metavar="CODES", help="code prefixes to leave out")
    group.add_argument(
        "--min-items", type=count, metavar="N", help="fewer submissions are fine (default: 200)"
    )
    group.add_argument(
        "--task-threshold",
        type=seconds,
        metavar="SECONDS",
        help="longer tasks are fine (default: 0.01)",
    )
    group.add_argument("--strict", action="store_true", default=None, help="also report doubts")
    group.add_argument("--profile", metavar="FILE", help="judge by what ray-lint profile measured")


def add_settings(group: argparse._ArgumentGroup) -> None:
    """Add the options that say where settings come from."""
    group.add_argument("--config", metavar="FILE", help="settings for all files")
    group.add_argument("--isolated", action="store_true", help="read no settings")


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say of the settings, as ``Settings.config`` takes it."""
    keys = (*Config.__dataclass_fields__, "profile")
    return {key: value for key in keys if (value := getattr(options, key, None)) is not None}


def build() -> Parser:
    """Return the parser for linting and fixing."""
    parser = Parser(
        prog="ray-lint",
        usage=_USAGE,
        description="Find and fix Ray code that submits one tiny task per item.",
        epilog=_EPILOG,
        formatter_class=Formatter,
        add_help=False,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files and directories (default: .); - reads standard input",
    )
    group = parser.add_argument_group("fixing")
    group.add_argument("--fix", action="store_true", help="apply safe fixes")
    group.add_argument("--diff", action="store_true", help="show what --fix would change")
    add_fixing(group)
    group = parser.add_argument_group("findings")
    add_judgement(group)
    group.add_argument(
        "--add-noqa", action="store_true", help="silence all findings by # noqa comments"
    )
    group.add_argument("--baseline", metavar="FILE", help="leave out the findings in FILE")
    group.add_argument("--write-baseline", metavar="FILE", help="accept today's findings")
    group = parser.add_argument_group("settings")
    group.add_argument("--stdin-filename", metavar="NAME", help="what to call standard input")
    group.add_argument(
        "--force-exclude", action="store_true", default=None, help="exclude given files too"
    )
    group.add_argument(
        "--no-gitignore",
        dest="gitignore",
        action="store_false",
        default=None,
        help="also files that Git ignores",
    )
    add_settings(group)
    group.add_argument("--show-config", action="store_true", help="print what holds for PATH")
    group.add_argument(
        "--no-cache", dest="cache", action="store_false", help="neither read nor write the cache"
    )
    group.add_argument("--cache-dir", metavar="DIR", help="where the cache is")
    group.add_argument(
        "-j", "--jobs", type=count, metavar="N", help="processes (default: all CPUs)"
    )
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output-format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"text (on a terminal), concise (else), {', '.join(FORMATS[2:])}",
    )
    group.add_argument(
        "-o", "--output-file", metavar="FILE", help="write findings or the diff to FILE"
    )
    group.add_argument(
        "--show-evidence", action="store_true", help="tell what each finding rests on (text)"
    )
    group.add_argument("--statistics", action="store_true", help="count findings by rule instead")
    group.add_argument("-q", "--quiet", action="store_true", help="no summary")
    group.add_argument("--exit-zero", action="store_true", help="exit with 0 despite findings")
    group.add_argument(
        "--exit-non-zero-on-fix", action="store_true", help="exit with 1 if anything was fixed"
    )
    group.add_argument("--version", action=_Version, help="show versions")
    add_help(parser, group, _COMMON, _SHORT_EPILOG)
    return parser
