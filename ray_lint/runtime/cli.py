"""The commands ``ray-lint verify`` and ``ray-lint profile``: options in, exit code out."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

_VERIFY_END = """\
exit codes: 0 every site is confirmed; 1 some site is not; 2 nothing could be measured;
130 interrupted. The program is run several times; it must be able to bear that.
"""


def add_verify_parser(commands: Any) -> None:
    """Add ``verify`` to the subparsers ``commands``; ``options.run(options)`` runs it."""
    parser = commands.add_parser(
        "verify",
        help="run a program as it is and as fixed on Ray, and compare",
        usage="ray-lint verify [OPTION ...] PATH ... [-- COMMAND ...]",
        epilog=_VERIFY_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders to fix")
    parser.add_argument("--apply", action="store_true", help="write the confirmed fixes")
    parser.add_argument("--unsafe-fixes", action="store_true", help="measure unsafe fixes too")
    parser.add_argument("--batch-size", type=int, metavar="N", help="constant items per task")
    _cluster_options(parser)
    _count = {"type": int, "metavar": "N"}
    _time = {"type": float, "metavar": "SECONDS"}
    parser.add_argument("--repeat", default=7, help="most pairs of runs (default 7)", **_count)
    parser.add_argument("--warm-up", default=1, help="pairs not counted (default 1)", **_count)
    parser.add_argument(
        "--max-time", default=300.0, help="stop repeating after this (default 300)", **_time
    )
    parser.add_argument("--timeout", default=120.0, help="limit of one run (default 120)", **_time)
    parser.add_argument("--rtol", type=float, default=1e-9, help="relative tolerance of floats")
    parser.add_argument("--atol", type=float, default=1e-12, help="absolute tolerance of floats")
    parser.add_argument("--root", type=Path, help="folder to copy (default: the project's)")
    parser.add_argument("--output-format", choices=("text", "json"), default="text")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with pictures")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    parser.set_defaults(run=run_verify, program=[])


def add_profile_parser(commands: Any) -> None:
    """Add ``profile`` to the subparsers ``commands``; ``options.run(options)`` runs it."""
    parser = commands.add_parser(
        "profile",
        help="measure the tasks of a program on Ray",
        usage="ray-lint profile [OPTION ...] -- COMMAND ...",
    )
    parser.add_argument("program", nargs="*", metavar="COMMAND", help="the program, unchanged")
    _cluster_options(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("ray-lint-profile.json"))
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS")
    parser.add_argument("--output-format", choices=("text", "json"), default="text")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    parser.set_defaults(run=run_profile)


def _cluster_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--num-cpus", type=int, metavar="N", help="CPUs of the embedded cluster")
    group.add_argument(
        "--address", default="", help="an existing cluster: auto, host:port or ray://host:port"
    )


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and after ``--``."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def run_verify(options: argparse.Namespace) -> int:
    """Run ``verify`` and return the exit code."""
    from ray_lint.config import Config
    from ray_lint.errors import UsageError
    from ray_lint.runtime.api import apply_confirmed, verify
    from ray_lint.runtime.measure import Options
    from ray_lint.runtime.values import Tolerance

    for name in ("repeat", "warm_up", "max_time", "timeout", "num_cpus", "batch_size"):
        value = getattr(options, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} must be positive, not {value}")
    signal.signal(signal.SIGTERM, _interrupted)  # so that a kill cleans up as Ctrl-C does
    config = Config(unsafe_fixes=options.unsafe_fixes, batch_size=options.batch_size)
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
            progress=(lambda _line: None) if options.quiet else _progress,
        ),
        config,
    )
    print(report.to_json() if options.output_format == "json" else report)
    if options.html is not None:
        from ray_lint.runtime.html import render

        options.html.write_text(render(report), encoding="utf-8")
        _progress(f"wrote {options.html}")
    if options.apply:
        changed = apply_confirmed(report, config)
        for path in changed:
            _progress(f"fixed {path}")
        if not changed:
            _progress("nothing was confirmed, nothing was written")
    return report.exit_code


def run_profile(options: argparse.Namespace) -> int:
    """Run ``profile`` and return the exit code."""
    from ray_lint.runtime.profile import main

    signal.signal(signal.SIGTERM, _interrupted)
    return main(options, None if options.quiet else _progress)


def _progress(line: str) -> None:
    print(f"ray-lint: {line}", file=sys.stderr, flush=True)
