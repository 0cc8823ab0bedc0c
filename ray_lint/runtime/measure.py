"""The measurement: original and fixed program, interleaved, and a verdict for each site.

This module knows nothing of the linter: it is given the fixed files and where the sites are.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from textwrap import dedent

from ray_lint.errors import UsageError
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.compare_values import (
    changed_names,
    function_name,
    functions_around,
    items_of,
    loop_targets,
    site_difference,
)
from ray_lint.runtime.overlay import Overlay, project_root
from ray_lint.runtime.program import Run, SiteLines, run, without_ray
from ray_lint.runtime.report import Report, Side, SiteReport, Verdict
from ray_lint.runtime.stats import Interval, speedup
from ray_lint.runtime.tune import REPEATS, Tuning, grid, tuned
from ray_lint.runtime.values import Tolerance

MARGIN = 1.05
"""A gain or loss within 5 % is none."""
NO_SPEEDUP_BELOW = 1.25
"""*No speedup* is claimed only if the interval excludes a gain of 25 %."""
NARROW = 1.25
"""Repeating stops once every interval's upper end is less than 1.25 times its lower one,"""
FAR = 2.0
ROUGHLY = 1.6
"""or less than 1.6 times if all of it lies above 2: then more runs change no verdict."""
LEAST_REPEATS = 3
_WORTH_TUNING = (Verdict.CONFIRMED, Verdict.NO_SPEEDUP, Verdict.TOO_NOISY)
MAX_DISCARDED = 3
"""So many runs may be lost to dying nodes before the measurement gives up."""


@dataclass(frozen=True)
class Site:
    """One rewritten site. Lines count from 1, inclusive; ``column`` counts from 1."""

    file: Path
    line: int
    column: int
    code: str
    symbol: str
    before: tuple[tuple[int, int], ...]
    after: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Options:
    """How to measure. Times are in seconds."""

    address: str = ""
    num_cpus: int | None = None
    repeat: int = 7
    warm_up: int = 1
    max_time: float = 300.0
    timeout: float = 120.0
    tolerance: Tolerance = field(default_factory=Tolerance)
    root: Path | None = None
    tune: bool = False
    progress: Callable[[str], None] = lambda _line: None


Resize = Callable[[int], tuple[Mapping[Path, bytes], Sequence[Site]]]
"""From a batch size to the fixed files and the sites in them, in the same order."""


def verify_sources(
    original_files: Mapping[Path, bytes],
    fixed_files: Mapping[Path, bytes],
    sites: Sequence[Site],
    command: Sequence[str],
    options: Options | None = None,
    *,
    cluster: Cluster | None = None,
    resize: Resize | None = None,
) -> Report:
    """Measure ``command`` with the original and with the fixed files, and judge every site.

    Both mappings go from the original path to the content. ``command`` runs in a private copy of
    the project; absolute paths into the project are mapped to the copy. ``cluster`` is a running
    cluster to use; without it one is started or joined as ``options`` say, and left as it was.
    ``resize`` returns the fixed files with a constant batch size, for ``options.tune``.

    Raises UsageError if there is no usable cluster or the root is not a folder. A program that
    fails gives a report with ``error``.
    """
    options = options or Options()
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ray-lint-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        root = options.root or project_root([*original_files, *(site.file for site in sites)])
        if not root.is_dir():
            raise UsageError(f"{root}: not a folder")
        options.progress(f"copying {root}")
        overlay = Overlay(root, folder)
        if cluster is None:
            options.progress(
                f"joining {options.address}" if options.address else "starting a Ray cluster"
            )
            cluster = stack.enter_context(Cluster(options.address, options.num_cpus))
        session = _Session(
            overlay, dict(original_files), dict(fixed_files), sites, command, options, cluster
        )
        session.folder = folder / "records"
        session.deadline = began + options.max_time
        session.resize = resize
        return session.measure(began)


class _ProgramFailed(Exception):  # noqa: N818 - ends the measurement with a sentence
    """The original program cannot be measured."""


class _Session:
    """The state of one measurement."""

    folder: Path
    deadline: float
    original: Run
    resize: Resize | None

    def __init__(
        self,
        overlay: Overlay,
        original: dict[Path, bytes],
        fixed: dict[Path, bytes],
        sites: Sequence[Site],
        command: Sequence[str],
        options: Options,
        cluster: Cluster,
    ) -> None:
        self.overlay = overlay
        self.files = {"before": original, "after": fixed}
        self.sites = list(sites)
        self.command = tuple(command)
        self.options = options
        self.cluster = cluster
        self.lines = {
            "before": [SiteLines(site.file, site.before) for site in sites],
            "after": [SiteLines(site.file, site.after) for site in sites],
        }
        self.watch: set[int] = set()
        self.runs = 0
        self.discarded = 0
        self.notes: dict[str, None] = {}

    def once(self, which: str, mode: str) -> Run:
        """Run one of the two programs, again if a node came or went meanwhile."""
        while True:
            nodes = self.cluster.refresh().nodes
            self.overlay.lay(self.files[which])
            result = run(
                self.overlay,
                self.command,
                self.lines[which],
                cluster=self.cluster.environment,
                mode=mode,
                watch=sorted(self.watch),
                timeout=self.options.timeout,
                folder=self.folder,
                cwd=Path.cwd(),
            )
            self.runs += 1
            damaged = self.overlay.damaged()
            if damaged:
                raise _ProgramFailed(
                    f"the program wrote to {damaged[0]}, a large file that was linked, not copied"
                )
            if self.cluster.refresh().nodes == nodes:
                break
            self.discarded += 1
            self.options.progress("a node joined or died during the run: discarded")
            if self.discarded > MAX_DISCARDED:
                raise _ProgramFailed(
                    "the cluster's nodes kept changing: "
                    f"{self.discarded} runs were discarded, nothing was measured"
                )
        self.notes.update(dict.fromkeys(result.notes))
        return result

    def measure(self, began: float) -> Report:
        """Return the report; see ``verify_sources``."""
        error = ""
        sites: tuple[SiteReport, ...] = ()
        tuning: tuple[Tuning, ...] = ()
        try:
            sites = self._sites()
            if self.options.tune and self.resize is not None:
                tuning = self._tune(sites, self.resize)
        except _ProgramFailed as failure:
            error = str(failure)
        except UsageError as failure:  # the cluster itself went away
            error = str(failure)
        state = self.cluster.state
        if self.overlay.linked:
            self.notes[f"{len(self.overlay.linked)} large files were linked, not copied"] = None
        return Report(
            sites=sites,
            command=self.command,
            cluster="embedded" if self.cluster.embedded else self.cluster.address,
            ray_version=self.cluster.ray_version,
            nodes=len(state.nodes),
            cpus=state.cpus,
            runs=self.runs,
            discarded=self.discarded,
            seconds=time.monotonic() - began,
            tolerance=str(self.options.tolerance),
            notes=tuple(self.notes),
            error=error,
            tuning=tuning,
        )

    def _sites(self) -> tuple[SiteReport, ...]:
        say = self.options.progress
        say("comparing values: the original program")
        original = self.original = self.once("before", "values")
        if original.failure:
            hint = without_ray(self.command, original.failure)
            raise _ProgramFailed(
                f"the original program cannot be measured: {original.failure}{hint}"
            )
        if not any(site.submissions for site in original.sites):
            return tuple(
                self._report(index, Verdict.NOT_REACHED, "no run came to this line")
                for index in range(len(self.sites))
            )
        say("comparing values: the fixed program")
        fixed = self.once("after", "values")
        if fixed.failure:
            return tuple(
                self._report(
                    index,
                    Verdict.VALUES_DIFFER,
                    f"the original runs, the fixed program does not: {fixed.failure}",
                    before=_counted(original, index),
                )
                for index in range(len(self.sites))
            )
        values = self._compare(original, fixed)
        self.watch = {
            index
            for index, (one, other) in enumerate(zip(original.sites, fixed.sites, strict=True))
            if one.fetched < len(one.items) or other.fetched < len(other.items)
        }
        before, after = self._timed(original, fixed, values)
        return tuple(
            self._judge(index, original, fixed, values[index], before, after)
            for index in range(len(self.sites))
        )

    def _compare(self, original: Run, fixed: Run) -> list[tuple[str, str]]:
        """Return for each site ``(equal | differ | vary | missing, words)``."""
        tolerance = self.options.tolerance
        count = range(len(self.sites))
        differences = [site_difference(original, fixed, index, tolerance) for index in count]
        ignored = {
            str(self.overlay.mapped(path)): loop_targets(self.files["before"][path])
            | loop_targets(self.files["after"].get(path, b""))
            for path in self.files["before"]
        }
        names = changed_names(original, fixed, ignored, tolerance)
        if any(differences) or names:
            self.options.progress("comparing values: the original program again")
            again = self.once("before", "values")
            varying = [bool(site_difference(original, again, i, tolerance)) for i in count]
            varying_names = changed_names(original, again, ignored, tolerance)
            # A variable that varies by itself, such as a clock's reading, says nothing.
            names = {key: words for key, words in names.items() if key not in varying_names}
        else:
            varying = [False for _ in count]
        results = []
        for index in count:
            own = self._names_of(index, names)
            if varying[index]:
                results.append(("vary", "two runs of the original already differ"))
            elif differences[index]:
                results.append(("differ", differences[index]))
            elif own:
                results.append(("differ", own))
            elif not original.sites[index].submissions:
                results.append(("not compared", ""))
            else:
                results.append(("equal", ""))
        return results

    def _names_of(self, index: int, names: dict[tuple[str, str], str]) -> str:
        """Return in words the first changed variable that a site may be the cause of.

        One in a function around the site, or in one of the same file that holds no site itself.
        """
        site = self.sites[index]
        file = str(self.overlay.mapped(site.file))
        source = self.files["before"].get(site.file, b"")
        around = functions_around(source, site.line)
        others = {
            name
            for other in self.sites
            if other.file == site.file
            for name in functions_around(source, other.line)
        }
        for (function, name), words in names.items():
            path, _, qualified = function.partition("::")
            bare = qualified.rpartition(".")[2]
            if path == file and (bare in around or bare not in others):
                return f"{name} in {function_name(function)}: {words}"
        return ""

    def _timed(
        self, original: Run, fixed: Run, values: list[tuple[str, str]]
    ) -> tuple[list[Run], list[Run]]:
        """Run both programs by turns until the intervals are narrow or time is up."""
        before: list[Run] = []
        after: list[Run] = []
        reached = [
            index
            for index in range(len(self.sites))
            if original.sites[index].submissions and fixed.sites[index].submissions
        ]
        if not reached or all(values[index][0] == "differ" for index in reached):
            return before, after
        for _ in range(self.options.warm_up - 1):  # the run for the values was the first
            self.once("before", "time")
            self.once("after", "time")
        repeats = max(self.options.repeat, 1)
        while len(before) < repeats:
            # By turns and in changing order, so that a drift of the machine hits both alike.
            order = ("before", "after") if len(before) % 2 == 0 else ("after", "before")
            pair = {which: self.once(which, "time") for which in order}
            for which, words in (("before", "original"), ("after", "fixed")):
                if pair[which].failure:
                    raise _ProgramFailed(
                        f"a repeated run of the {words} program failed: {pair[which].failure}"
                    )
            before.append(pair["before"])
            after.append(pair["after"])
            intervals = [_ratio(before, after, index) for index in reached]
            shown = ", ".join(f"{one.estimate:.1f}x" for one in intervals if one is not None)
            self.options.progress(f"pair {len(before)} of at most {repeats}: {shown}")
            if len(before) >= LEAST_REPEATS and all(
                one is not None and settled(one) for one in intervals
            ):
                break
            last = pair["before"].seconds + pair["after"].seconds
            if time.monotonic() + last > self.deadline:
                self.notes[f"stopped by --max-time after {_pairs(len(before))}"] = None
                break
        return before, after

    def _tune(self, sites: Sequence[SiteReport], resize: Resize) -> tuple[Tuning, ...]:
        """Measure the grid of batch sizes at the sites whose fix does no harm."""
        cpus = self.cluster.state.cpus
        good = [
            index
            for index, site in enumerate(sites)
            if site.before.seconds and site.after.seconds and site.verdict in _WORTH_TUNING
        ]
        if not good:
            self.notes["no site to tune: none has a fix that can be kept"] = None
            return ()
        sizes = grid([sites[index] for index in good], cpus)
        for size in sizes:
            files, placed = resize(size)
            self.files[f"size {size}"] = dict(files)
            self.lines[f"size {size}"] = [SiteLines(site.file, site.after) for site in placed]
        programs = ["after", *(f"size {size}" for size in sizes)]
        self.options.progress(f"tuning: batches of {', '.join(map(str, sizes))}")
        runs: dict[str, list[Run]] = {program: [] for program in programs}
        deadline = time.monotonic() + self.options.max_time  # a budget of its own
        rounds = min(REPEATS, max(self.options.repeat, 1))
        for turn in range(rounds):
            began = time.monotonic()
            for program in programs if turn % 2 == 0 else reversed(programs):
                run = self.once(program, "time")
                if run.failure:
                    raise _ProgramFailed(f"with {program} the fixed program failed: {run.failure}")
                runs[program].append(run)
            self.options.progress(f"tuning: round {turn + 1} of {rounds}")
            if 2 * time.monotonic() - began > deadline:
                break

        def result(index: int, differ: Mapping[int, str]) -> Tuning:
            return tuned(
                sites[index],
                cpus,
                [run.sites[index].seconds for run in runs["after"]],
                {
                    size: (
                        runs[f"size {size}"][0].sites[index].submissions,
                        [run.sites[index].seconds for run in runs[f"size {size}"]],
                    )
                    for size in sizes
                },
                differ,
            )

        results = []
        checked: dict[int, Run] = {}
        for index in good:
            differ: dict[int, str] = {}
            while True:  # until the best size is one whose values are equal
                found = result(index, differ)
                best = found.chosen
                if best is None:
                    break
                if best not in checked:
                    self.options.progress(f"comparing values: batches of {best}")
                    checked[best] = self.once(f"size {best}", "values")
                words = checked[best].failure or site_difference(
                    self.original, checked[best], index, self.options.tolerance
                )
                if not words:
                    break
                differ[best] = f"batches of {best}: {words}"
            results.append(found)
        return tuple(results)

    def _judge(
        self,
        index: int,
        original: Run,
        fixed: Run,
        values: tuple[str, str],
        before: list[Run],
        after: list[Run],
    ) -> SiteReport:
        old = _counted(original, index, before)
        new = _counted(fixed, index, after, original)
        kind, words = values
        interval: Interval | None = None
        reason = words
        if not original.sites[index].submissions:
            verdict, reason = Verdict.NOT_REACHED, "no run came to this line"
        elif kind == "differ":
            verdict = Verdict.VALUES_DIFFER
        else:
            interval = _ratio(before, after, index)
            if interval is None:
                verdict = Verdict.NOT_REACHED
                reason = "the fixed program did not come to its lines"
            elif kind == "vary" or len(before) < LEAST_REPEATS:
                verdict = Verdict.TOO_NOISY
                reason = words or f"only {_pairs(len(before))} of runs"
            else:
                verdict = judge(interval)
        return self._report(
            index, verdict, reason, before=old, after=new, speedup=interval, values=kind
        )

    def _report(
        self,
        index: int,
        verdict: Verdict,
        reason: str = "",
        *,
        before: Side = Side(),  # noqa: B008 - immutable
        after: Side = Side(),  # noqa: B008 - immutable
        speedup: Interval | None = None,
        values: str = "not compared",
    ) -> SiteReport:
        site = self.sites[index]
        return SiteReport(
            path=str(site.file),
            line=site.line,
            column=site.column,
            code=site.code,
            symbol=site.symbol,
            verdict=verdict,
            before=before,
            after=after,
            speedup=speedup,
            values=values,
            reason=reason,
            code_before=_submitting_lines(self.files["before"].get(site.file), site.before),
            code_after=_submitting_lines(self.files["after"].get(site.file), site.after),
        )


_SUBMITS = re.compile(r"^(?!\s*@).*\.remote\b", re.MULTILINE)
"""A line that submits; a decorator's does not."""


def _submitting_lines(source: bytes | None, ranges: Sequence[tuple[int, int]]) -> str:
    """Return the first of the ranges that submits something, as text for a reader."""
    lines = (source or b"").decode(errors="replace").splitlines()
    parts = ["\n".join(lines[first - 1 : last]) for first, last in ranges]
    found = next((part for part in parts if _SUBMITS.search(part)), "")
    return dedent(found).strip("\n")


def _pairs(count: int) -> str:
    return f"{count} pair{'s' * (count != 1)}"


def settled(interval: Interval) -> bool:
    """Whether more pairs of runs are not worth their time."""
    return interval.width <= (ROUGHLY if interval.low >= FAR else NARROW)


def judge(interval: Interval) -> Verdict:
    """Return the verdict on a speedup whose values are equal."""
    if interval.low > MARGIN:
        return Verdict.CONFIRMED
    if interval.high < 1 / MARGIN:
        return Verdict.SLOWER
    if interval.high < NO_SPEEDUP_BELOW:
        return Verdict.NO_SPEEDUP
    return Verdict.TOO_NOISY


def _ratio(before: list[Run], after: list[Run], index: int) -> Interval | None:
    old = [one.sites[index].seconds for one in before]
    new = [one.sites[index].seconds for one in after]
    if not old or min(old) <= 0 or min(new) <= 0:
        return None
    return speedup(old, new)


def _counted(
    first: Run, index: int, runs: Sequence[Run] = (), items_from: Run | None = None
) -> Side:
    items = len(items_of((items_from or first).sites[index].items, flatten=False))
    durations = first.sites[index].durations
    return Side(
        submissions=first.sites[index].submissions,
        items=items,
        seconds=tuple(one.sites[index].seconds for one in runs),
        driver_bytes=tuple(one.driver_bytes for one in runs),
        task_seconds=fmean(durations) if durations else 0.0,
        actors=first.sites[index].actors,
    )
