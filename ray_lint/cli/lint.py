"""``ray-lint PATH…``: find the files, examine them, print what came of it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from ray_lint.cli.options import build, chosen
from ray_lint.errors import SourceError, UsageError
from ray_lint.settings import Settings, SettingsFinder
from ray_lint.sources.discovery import find_sources
from ray_lint.sources.gate import worth_parsing

if TYPE_CHECKING:
    from ray_lint.cli.cache import Cache
    from ray_lint.cli.examine import Outcome, Task
    from ray_lint.program.project import Project
    from ray_lint.report import FileReport, Render
    from ray_lint.sources.baseline import Baseline

_WORTH_PROCESSES = 8
"""Candidate files from which on starting processes takes less time than it saves."""

_PATIENCE = 1.0
"""Seconds after which a run tells how far it is."""


def run(arguments: list[str]) -> int:
    """Lint or fix as the arguments say and return the exit code."""
    options = build().parse_intermixed_args(arguments)
    paths = options.paths or ["."]
    if "-" in paths and len(paths) > 1:
        raise UsageError("standard input (-) cannot be combined with other paths")
    if options.stdin_filename is not None and paths != ["-"]:
        raise UsageError("--stdin-filename needs - as the only path")
    if sum((options.fix, options.diff, options.add_noqa, options.write_baseline is not None)) > 1:
        raise UsageError("--fix, --diff, --add-noqa and --write-baseline exclude each other")
    if options.statistics and (options.diff or options.add_noqa or options.write_baseline):
        raise UsageError("--statistics goes with neither --diff, --add-noqa nor --write-baseline")
    lint = Lint(options, paths)
    if options.show_config:
        from ray_lint.cli.show import show_config

        shown = options.stdin_filename or "stdin" if paths == ["-"] else paths[0]
        print(show_config(lint.settings(shown), shown, lint.chosen), end="")
        return 0
    return lint.run()


class Lint:
    """One run over files or standard input."""

    def __init__(self, options: Namespace, paths: list[str]) -> None:
        self.options = options
        self.paths = paths
        self.stdin = paths == ["-"]
        self.finder = SettingsFinder(options.config, isolated=options.isolated)
        self.chosen = chosen(options)
        self.errors = self.findings = self.fixed = self.fixable = self.unsafe = self.changed = 0
        self.outputs: list[bytes] = []
        self.stale: list[str] = []
        self._baselines: dict[str, Baseline] = {}
        self._places: dict[tuple[str, ...], Project] = {}

    def settings(self, path: str) -> Settings:
        """Return the settings that hold for a path."""
        if os.path.isdir(path):
            return self.finder.for_folder(os.path.abspath(path))
        return self.finder.for_file(path)

    @cached_property
    def general(self) -> Settings:
        """The settings of the first path: they decide what concerns the run as a whole."""
        return self.settings(self.options.stdin_filename or "." if self.stdin else self.paths[0])

    @cached_property
    def format(self) -> str:
        """The name of the output format."""
        name = self.options.output_format or self.general.get("output-format")
        terminal = self.options.output_file is None and sys.stdout.isatty()
        return str(name or ("text" if terminal else "concise"))

    def fail(self, error: SourceError) -> None:
        """Tell of a problem with one file; the others go on."""
        self.errors += 1
        print(f"ray-lint: {error}", file=sys.stderr)

    def run(self) -> int:
        """Examine everything, print, and return the exit code."""
        self._print(self._reports())
        if self.options.write_baseline is not None:
            return self._write_baseline()
        if not self.options.quiet:
            for line in self._summary():
                print(line, file=sys.stderr)
        if self.errors:
            return 2
        if self.options.exit_zero or self.options.add_noqa:
            return 0
        shown = self.fixed and (self.options.diff or self.options.exit_non_zero_on_fix)
        return 1 if self.findings or shown else 0

    # -- examining ----------------------------------------------------------------------------

    def _reports(self) -> Iterator[FileReport]:
        """Yield the report of each file that has anything to say."""
        for outcome in self._outcomes():
            for error in outcome.errors:
                self.fail(error)
            report = outcome.report
            self.stale += outcome.stale
            self.findings += len(report.findings)
            self.fixed += outcome.fixed
            self.fixable += outcome.fixable
            self.unsafe += outcome.unsafe
            self.changed += outcome.change is not None
            if outcome.output:
                self.outputs.append(outcome.output)
            if report.findings:
                yield report

    def _outcomes(self) -> Iterator[Outcome]:
        if self.stdin:
            yield from self._standard_input()
            return
        from ray_lint.sources import files

        todo: list[Task] = []
        known: list[Outcome | None] = []
        for path in self._files.values():
            try:
                data = files.read(path)
            except SourceError as error:
                self.fail(error)
                continue
            if worth_parsing(data):
                task = self._task(path)
                outcome = self._remembered(task, data)
                known.append(outcome)
                if outcome is None:
                    todo.append(task)
        if not self._files and not self.errors and not self.options.quiet:
            print("No Python file or notebook found.", file=sys.stderr)
        if known:
            examined = self._examined(todo)
            outcomes = (next(examined) if outcome is None else outcome for outcome in known)
            progress = self._progress(outcomes, len(known))
            if self.options.fix or self.options.diff:
                yield from self._finished(list(progress), todo)
            else:
                yield from progress

    @cached_property
    def _files(self) -> dict[str, str]:
        """The files of the run: as they are named, by their absolute names."""
        found = find_sources(
            self.paths,
            self.fail,
            self._excluded,
            gitignore=self._option("gitignore", "respect-gitignore"),
            force_exclude=self._option("force_exclude", "force-exclude"),
        )
        return {os.path.abspath(path): path for path in found}

    @cached_property
    def _editable(self) -> frozenset[str]:
        """The files that the fix of another one may change, too."""
        return frozenset() if self.stdin else frozenset(self._files)

    def _finished(self, outcomes: list[Outcome], tasks: list[Task]) -> Iterator[Outcome]:
        """Apply the fixes that change several files, if there are any."""
        if not any(outcome.later for outcome in outcomes):
            yield from outcomes
            return
        from ray_lint.cli.together import finished

        by_name = {task.filename: task for task in tasks}
        yield from finished(outcomes, by_name, self._files, tasks[0].mode)

    @cached_property
    def _cache(self) -> Cache | None:
        """The cache of the run: beside the settings, or in the current directory."""
        from ray_lint.cli.cache import NAME, Cache

        if not self.options.cache or self.stdin:
            return None
        folder = self.options.cache_dir
        return Cache(folder or os.path.join(self.general.folder, NAME), given=folder is not None)

    def _remembered(self, task: Task, data: bytes) -> Outcome | None:
        """Return what an earlier run has found in the file, None if nobody knows."""
        if task.cache is None:
            return None
        from ray_lint.cli.examine import Mode, known_outcome
        from ray_lint.program.project import Project

        roots = task.config.source_roots
        if roots not in self._places:
            self._places[roots] = Project(roots, self._editable)
        fixes = task.mode in (Mode.ADVISE, Mode.FIX, Mode.DIFF)
        found = task.cache.find(task.filename, data, task.config, self._places[roots], fixes=fixes)
        return None if found is None else known_outcome(task, data, found)

    def _examined(self, tasks: list[Task]) -> Iterator[Outcome]:
        from ray_lint.cli.examine import begin, examine_file

        begin(self._editable)
        number = len(tasks)
        jobs = min(self.options.jobs or os.cpu_count() or 1, number)
        if jobs > 1 and (self.options.jobs or number >= _WORTH_PROCESSES):
            from multiprocessing import Pool

            with Pool(jobs, begin, (self._editable,)) as pool:
                yield from pool.imap(examine_file, tasks)
        else:
            yield from map(examine_file, tasks)

    def _progress(self, outcomes: Iterator[Outcome], number: int) -> Iterator[Outcome]:
        """Pass the outcomes on; on a terminal show how far a long run has come."""
        from time import monotonic

        visible = sys.stderr.isatty() and not self.options.quiet
        shown, start = False, monotonic()
        for done, outcome in enumerate(outcomes, 1):
            if shown:
                print("\r\033[K", end="", file=sys.stderr, flush=True)
                shown = False
            yield outcome
            if visible and done < number and monotonic() - start > _PATIENCE:
                print(f"{done}/{number} files", end="", file=sys.stderr, flush=True)
                shown = True

    def _standard_input(self) -> Iterator[Outcome]:
        name = self.options.stdin_filename or "<stdin>"
        data = sys.stdin.buffer.read()
        excluded = self.options.stdin_filename is not None and (
            self._option("force_exclude", "force-exclude") and self._excluded(name, False)
        )
        if worth_parsing(data) and not excluded:
            from ray_lint.cli.examine import examine_file

            outcome = examine_file(self._task(name), data)
            yield outcome
            if not outcome.errors:
                return
        if self.options.fix or self.options.add_noqa:
            # An editor replaces its buffer by what it gets.
            self.outputs.append(data)

    def _option(self, option: str, key: str) -> bool:
        value = getattr(self.options, option)
        return bool(self.general.get(key) if value is None else value)

    def _excluded(self, path: str, directory: bool) -> bool:
        return self.finder.for_file(path).excludes(path, directory)

    def _task(self, path: str) -> Task:
        from ray_lint.cli.examine import Mode, Task

        settings = self.finder.for_file(path)
        if self.options.diff:
            mode = Mode.DIFF
        elif self.options.fix:
            mode = Mode.FIX
        elif self.options.add_noqa:
            mode = Mode.ADD_NOQA
        elif self.options.write_baseline is not None or self.format in (
            *("concise", "github", "gitlab", "junit"),
        ):
            # Building fixes means importing LibCST; formats that do not show them go without.
            mode = Mode.CHECK
        else:
            mode = Mode.ADVISE
        accepted = self._accepted(settings, path)
        config = settings.config(path, self.chosen)
        # What has changed since a profile is told at each run.
        cache = None if config.measured else self._cache
        return Task(path, config, mode, self.stdin, accepted, cache)

    def _accepted(self, settings: Settings, path: str) -> Counter[tuple[str, str, str]]:
        name = self.options.baseline or settings.baseline
        if name is None or self.options.write_baseline is not None:
            return Counter()
        from ray_lint.sources.baseline import Baseline

        if name not in self._baselines:
            self._baselines[name] = Baseline.load(name)
        return self._baselines[name].accepted(path)

    # -- printing -----------------------------------------------------------------------------

    def _print(self, reports: Iterator[FileReport]) -> None:
        """Print findings; a diff or fixed standard input goes alone to standard output."""
        from ray_lint.report import Options

        options = self.options
        if options.write_baseline is not None:
            self._collect(reports)
            return
        if options.diff or options.add_noqa:
            for _ in reports:
                pass
        else:
            render = self._render
            with self._stream() as stream:
                shown = Options(_color(stream), options.show_evidence)
                for part in render(reports, shown):
                    stream.write(part)
                stream.flush()
        if options.diff and options.output_file is not None:
            with self._stream() as stream:
                stream.buffer.write(b"".join(self.outputs))
            return
        for output in self.outputs:
            if options.diff and _color(sys.stdout):
                from ray_lint.cli.diff import colored

                output = colored(output)  # noqa: PLW2901
            sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()

    @property
    def _render(self) -> Render:
        """What prints the findings, or counts them."""
        if self.options.statistics:
            from ray_lint.report.statistics import STYLES, counter

            if self.format not in STYLES:
                raise UsageError(
                    f"--statistics knows the formats {', '.join(STYLES)}, not {self.format}"
                )
            return counter(self.format)
        from ray_lint.report import renderer

        return renderer(self.format)

    def _stream(self) -> Any:
        from contextlib import nullcontext

        if self.options.output_file is not None:
            try:
                return open(self.options.output_file, "w", encoding="utf-8")
            except OSError as error:
                name = self.options.output_file
                raise UsageError(f"{name}: cannot be written: {error.strerror}") from None
        return nullcontext(sys.stderr if self.options.fix and self.stdin else sys.stdout)

    def _collect(self, reports: Iterator[FileReport]) -> None:
        from ray_lint.sources.baseline import Baseline, key

        self._new = Baseline(self.options.write_baseline)
        for report in reports:
            self._new.add(report.filename, (key(f, report.line(f)) for f in report.findings))

    def _write_baseline(self) -> int:
        from ray_lint.sources.files import create

        if self.errors:
            return 2
        create(self.options.write_baseline, self._new.dump().encode())
        if not self.options.quiet:
            print(f"Accepted {_number(self.findings, 'finding')}.", file=sys.stderr)
        return 0

    def _summary(self) -> Iterator[str]:
        options = self.options
        if self.stale:
            yield f"Changed since the profile, so judged without it: {', '.join(self.stale)}."
        if options.add_noqa:
            if self.fixed:
                yield f"Suppressed {_number(self.fixed, 'finding')}."
            return
        if self.fixed:
            done = "Would fix" if options.diff else "Fixed"
            where = f" in {_number(self.changed, 'file')}" if self.changed > 1 else ""
            yield f"{done} {_number(self.fixed, 'finding')}{where}; {self.findings} left."
        elif self.findings:
            yield f"Found {_number(self.findings, 'finding')}."
        if self.fixable and not options.fix and not options.diff:
            yield f"{self.fixable} fixable with --fix (--diff shows the change)."
        if self.unsafe:
            more = "" if options.unsafe_fixes else "; --unsafe-fixes applies them"
            yield f"{_number(self.unsafe, 'fix')} not proven safe{more}."


def _color(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    return bool(os.environ.get("FORCE_COLOR")) or terminal


def _number(count: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{count} {noun if count == 1 else plural}"
