"""``ray-lint PATH…``: find the files, examine them, print what came of it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ray_lint.cli.options import build
from ray_lint.config import Config
from ray_lint.errors import SourceError, UsageError
from ray_lint.sources.discovery import find_sources
from ray_lint.sources.files import read
from ray_lint.sources.gate import worth_parsing

if TYPE_CHECKING:
    from ray_lint.cli.examine import Mode, Outcome
    from ray_lint.report import FileReport


@dataclass
class _Run:
    """Totals of one run."""

    findings: int = 0
    fixed: int = 0
    fixable: int = 0
    unsafe: int = 0
    changed_files: int = 0
    errors: int = 0
    outputs: list[bytes] = field(default_factory=list)

    def fail(self, error: SourceError) -> None:
        """Tell of a problem with one file; the others go on."""
        self.errors += 1
        print(f"ray-lint: {error}", file=sys.stderr)


def run(arguments: list[str]) -> int:
    """Lint or fix as the arguments say and return the exit code."""
    parser = build()
    options = parser.parse_intermixed_args(arguments)
    config = _config(options)
    paths = options.paths or ["."]
    if "-" in paths and len(paths) > 1:
        raise UsageError("standard input (-) cannot be combined with other paths")
    if options.stdin_filename is not None and paths != ["-"]:
        raise UsageError("--stdin-filename needs - as the only path")
    if options.fix and options.diff:
        raise UsageError("--fix and --diff exclude each other")
    name = options.output_format or ("text" if sys.stdout.isatty() else "concise")
    totals = _Run()
    reports = _reports(paths, options, config, name, totals)
    _print(reports, options, name, totals)
    return _finish(options, totals)


def _config(options: Namespace) -> Config:
    chosen: dict[str, Any] = {
        key: value
        for key in Config.__dataclass_fields__
        if (value := getattr(options, key, None)) is not None
    }
    return replace(Config(), **chosen)


def _mode(options: Namespace, output_format: str) -> Mode:
    from ray_lint.cli.examine import Mode

    if options.diff:
        return Mode.DIFF
    if options.fix:
        return Mode.FIX
    # Building fixes means importing LibCST; formats that do not show them go without.
    return Mode.CHECK if output_format in ("concise", "github", "gitlab", "junit") else Mode.ADVISE


def _reports(
    paths: list[str], options: Namespace, config: Config, output_format: str, totals: _Run
) -> Iterator[FileReport]:
    """Yield the report of each file that has anything to say."""
    for outcome in _outcomes(paths, options, config, output_format, totals):
        for error in outcome.errors:
            totals.fail(error)
        totals.findings += len(outcome.report.findings)
        totals.fixed += outcome.fixed
        totals.fixable += outcome.fixable
        totals.unsafe += outcome.unsafe
        totals.changed_files += bool(outcome.fixed)
        if outcome.output:
            totals.outputs.append(outcome.output)
        if outcome.report.findings:
            yield outcome.report


def _outcomes(
    paths: list[str], options: Namespace, config: Config, output_format: str, totals: _Run
) -> Iterator[Outcome]:
    if paths == ["-"]:
        name = options.stdin_filename or "<stdin>"
        data = sys.stdin.buffer.read()
        if worth_parsing(data):
            outcome = _examine(name, data, config, options, output_format, totals, stdin=True)
            if outcome is not None:
                yield outcome
                return
        if options.fix:
            # An editor replaces its buffer by what it gets.
            totals.outputs.append(data)
        return
    for path in find_sources(paths, totals.fail):
        try:
            data = read(path)
        except SourceError as error:
            totals.fail(error)
            continue
        if worth_parsing(data):
            outcome = _examine(path, data, config, options, output_format, totals)
            if outcome is not None:
                yield outcome


def _examine(
    name: str,
    data: bytes,
    config: Config,
    options: Namespace,
    output_format: str,
    totals: _Run,
    *,
    stdin: bool = False,
) -> Outcome | None:
    from ray_lint.cli.examine import examine
    from ray_lint.sources.source import load

    try:
        return examine(load(name, data), config, _mode(options, output_format), stdin=stdin)
    except SourceError as error:
        totals.fail(error)
    except Exception as error:  # a defect of ours must not hide the other files' findings
        if os.environ.get("RAY_LINT_TRACEBACK"):
            raise
        what = " ".join(str(error).split())
        reason = f"internal error, please report it: {type(error).__name__}: {what}"
        totals.fail(SourceError(name, reason))
    return None


def _print(reports: Iterator[FileReport], options: Namespace, name: str, totals: _Run) -> None:
    """Print findings; a diff or fixed standard input goes alone to standard output."""
    from ray_lint.report import Options, renderer

    if options.diff:
        for _ in reports:
            pass
    else:
        alone = options.fix and options.paths == ["-"]
        stream = sys.stderr if alone else sys.stdout
        render = renderer(name)
        for part in render(reports, Options(color=_color(stream))):
            stream.write(part)
    sys.stdout.flush()
    for output in totals.outputs:
        sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()


def _color(stream: Any) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (
        stream.isatty() and os.environ.get("TERM") != "dumb"
    )


def _finish(options: Namespace, totals: _Run) -> int:
    if not options.quiet:
        for line in _summary(options, totals):
            print(line, file=sys.stderr)
    if totals.errors:
        return 2
    if options.exit_zero:
        return 0
    if totals.findings or (totals.fixed and (options.diff or options.exit_non_zero_on_fix)):
        return 1
    return 0


def _summary(options: Namespace, totals: _Run) -> Iterator[str]:
    if totals.fixed:
        done = "Would fix" if options.diff else "Fixed"
        files = f" in {_number(totals.changed_files, 'file')}" if totals.changed_files > 1 else ""
        yield f"{done} {_number(totals.fixed, 'finding')}{files}; {totals.findings} left."
    elif totals.findings:
        yield f"Found {_number(totals.findings, 'finding')}."
    if totals.fixable and not options.fix and not options.diff:
        yield f"{totals.fixable} fixable with --fix (--diff shows the change)."
    if totals.unsafe:
        more = "" if options.unsafe_fixes else "; --unsafe-fixes applies them"
        yield f"{_number(totals.unsafe, 'fix')} not proven safe{more}."


def _number(count: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{count} {noun if count == 1 else plural}"
