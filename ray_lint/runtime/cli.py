"""The commands ``ray-lint verify`` and ``ray-lint profile``: options in, exit code out."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray_lint.cli.help import add_help
from ray_lint.cli.options import (
    Formatter,
    add_fixing,
    add_judgement,
    add_settings,
    chosen,
)
from ray_lint.option_values import count, seconds

_VERIFY_END = """\
exit codes: 0 every site is confirmed; 1 some is not; 2 nothing was measured;
130 interrupted. The program is run several times; it must be able to bear that.
"""
_VERIFY_COMMON = (
    "--apply", "--tune", "--unsafe-fixes", "--batch-size", "--strict", "--num-cpus", "--address",
    "--repeat", "--max-time", "--timeout", "--output-format", "--html", "-q", "--quiet",
)  # fmt: skip
_PROFILE_END = """\
exit codes: 0 no site has too small tasks; 1 some site has; 2 the program failed
or there is no cluster; 130 interrupted. What was recorded by then is written.
"""


def add_verify_parser(commands: Any) -> None:
    """Add ``verify`` to the subparsers ``commands``; ``options.run(options)`` runs it."""
    parser = commands.add_parser(
        "verify",
        help="run a program as it is and as fixed on Ray, and compare",
        usage="ray-lint verify [OPTION ...] PATH ... [-- COMMAND ...]",
        epilog=_VERIFY_END,
        formatter_class=Formatter,
        add_help=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders to fix")
    group = parser.add_argument_group("fixing")
    group.add_argument("--apply", action="store_true", help="write the confirmed fixes")
    group.add_argument("--tune", action="store_true", help="also search the best batch size")
    add_fixing(group)
    group = parser.add_argument_group("what is fixed")
    add_judgement(group)
    group.add_argument(
        "--known-tiny",
        action="append",
        default=[],
        metavar="NAME",
        help="measure the fix of a function that the linter takes to be long enough",
    )
    add_settings(parser.add_argument_group("settings"))
    _cluster_options(parser)
    group = parser.add_argument_group("measuring")
    group.add_argument(
        "--repeat", type=count, default=7, metavar="N", help="most pairs of runs (default: 7)"
    )
    group.add_argument(
        "--warm-up", type=count, default=1, metavar="N", help="pairs not counted (default: 1)"
    )
    group.add_argument(
        "--max-time",
        type=seconds,
        default=300.0,
        metavar="SECONDS",
        help="stop repeating after this (default: 300)",
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="limit of one run (default: 120)",
    )
    group.add_argument(
        "--rtol", type=_tolerance, default=1e-9, help="relative tolerance of floats (1e-9)"
    )
    group.add_argument(
        "--atol", type=_tolerance, default=1e-12, help="absolute tolerance of floats (1e-12)"
    )
    group.add_argument("--root", type=Path, help="folder to copy (default: the project's)")
    group = parser.add_argument_group("output")
    _format_option(group)
    group.add_argument("--html", type=Path, metavar="FILE", help="also write a page with pictures")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    add_help(parser, group, _VERIFY_COMMON, f"{_VERIFY_END}more: ray-lint verify --help-all\n")
    parser.set_defaults(run=run_verify, program=[])


def add_profile_parser(commands: Any) -> None:
    """Add ``profile`` to the subparsers ``commands``; ``options.run(options)`` runs it."""
    parser = commands.add_parser(
        "profile",
        help="measure the tasks of a program on Ray",
        usage="ray-lint profile [OPTION ...] -- COMMAND ...",
        epilog=_PROFILE_END,
        formatter_class=Formatter,
    )
    parser.add_argument("program", nargs="*", metavar="COMMAND", help="the program, unchanged")
    _cluster_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("ray-lint-profile.json"),
        metavar="FILE",
        help="profile for ray-lint --profile (default: ray-lint-profile.json)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="limit of the run (default: 3600)",
    )
    _format_option(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    parser.set_defaults(run=run_profile)


def _cluster_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cluster").add_mutually_exclusive_group()
    group.add_argument("--num-cpus", type=count, metavar="N", help="CPUs of the embedded cluster")
    group.add_argument(
        "--address",
        default="",
        metavar="ADDRESS",
        help="an existing cluster: auto, host:port or ray://host:port",
    )


def _format_option(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--output-format",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="text or json (default: text)",
    )


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, not {text!r}")
    return number


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and after ``--``."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _stop_cleanly() -> None:
    """Let Ctrl-C, a kill and a closed terminal end the command alike, once cleaned up.

    What comes after the first of them is ignored: cleaning up takes seconds, and must not be cut.
    """
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]

    def interrupted(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup, and a shell's background
            signal.signal(number, interrupted)


def run_verify(options: argparse.Namespace) -> int:
    """Run ``verify`` and return the exit code."""
    from ray_lint.runtime.api import apply_confirmed, verify
    from ray_lint.runtime.inputs import Inputs
    from ray_lint.runtime.measure import Options
    from ray_lint.runtime.values import Tolerance
    from ray_lint.settings import SettingsFinder

    _must_have_ray()
    _must_be_writable(options.html)
    _stop_cleanly()
    say = _teller(options.quiet)
    finder = SettingsFinder(options.config, isolated=options.isolated)
    tiny, options.known_tiny = tuple(options.known_tiny), None
    inputs = Inputs(finder, chosen(options), tiny)
    report = verify(
        options.paths,
        options.program,
        Options(
            address=options.address,
            num_cpus=options.num_cpus,
            repeat=options.repeat,
            warm_up=options.warm_up,
            max_time=options.max_time,
            timeout=options.timeout,
            tolerance=Tolerance(options.rtol, options.atol),
            root=options.root,
            tune=options.tune,
            progress=say,
        ),
        inputs,
    )
    print(report.to_json() if options.output_format == "json" else report)
    if options.html is not None:
        from ray_lint.runtime.html import render

        options.html.write_text(render(report), encoding="utf-8")
        say(f"wrote {options.html}")
    if options.apply:
        changed = apply_confirmed(report, inputs)
        for path in changed:
            say(f"fixed {path}")
        if not changed:
            say("nothing was confirmed, nothing was written")
    return report.exit_code


def run_profile(options: argparse.Namespace) -> int:
    """Run ``profile``: 0 nothing found, 1 findings, 2 the program failed, 130 interrupted."""
    from ray_lint.errors import UsageError
    from ray_lint.runtime.profile import profile, render

    if not options.program:
        raise UsageError("profile needs a command: ray-lint profile -- python FILE")
    _must_have_ray()
    _must_be_writable(options.output)
    _stop_cleanly()
    say = _teller(options.quiet)
    result = profile(
        options.program,
        address=options.address,
        num_cpus=options.num_cpus,
        timeout=options.timeout,
        show=options.output_format == "text",
        progress=say,
    )
    written = result.to_json(options.output.parent)
    options.output.write_text(written + "\n", encoding="utf-8")
    print(written if options.output_format == "json" else render(result))
    say(f"wrote {options.output}")
    if result.problem:
        print(f"ray-lint: {result.problem}", file=sys.stderr)
        return 130 if result.interrupted else 2
    return 1 if any(site.too_small for site in result.sites) else 0


def _must_have_ray() -> None:
    """Raise UsageError before anything is copied or started."""
    from importlib.util import find_spec

    from ray_lint.errors import UsageError

    if find_spec("ray") is None:
        raise UsageError("Ray is not installed; install it with: pip install 'ray-lint[ray]'")


def _must_be_writable(path: Path | None) -> None:
    """Raise UsageError before a long run rather than after it."""
    from ray_lint.errors import UsageError

    if path is not None and not path.parent.is_dir():
        raise UsageError(f"{path}: cannot be written: no such folder")
    if path is not None and path.is_dir():
        raise UsageError(f"{path}: cannot be written: it is a folder")


def _teller(quiet: bool) -> Callable[[str], None]:
    return (lambda _line: None) if quiet else _progress


def _progress(line: str) -> None:
    print(f"ray-lint: {line}", file=sys.stderr, flush=True)
