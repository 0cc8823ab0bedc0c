"""``ray-lint profile``: watch a program on Ray, unchanged, and say where tasks are too small."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ray_lint.errors import SourceError, UsageError
from ray_lint.measured import MeasuredSite, seconds
from ray_lint.program.module import Module, parse
from ray_lint.program.profiled import MODULE, ProfiledModule
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee
from ray_lint.program.submissions import find_submissions
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.program import failure, other_python, traced_environment, watched
from ray_lint.sources.profile import VERSION
from ray_lint.sources.text import character_column, decode

MIN_TASKS = 200
TASK_THRESHOLD = 0.010
"""Ray's guideline: a task should take at least 10 ms."""
CHUNKS_PER_CPU = 4
"""What the fix submits instead, for the estimated saving."""
RECORD_SECONDS = 60.0
"""How long a program that is to be ended gets to write its record; reading Ray's task events is
most of it."""


@dataclass(frozen=True)
class ProfiledSite:
    """One submission site. Times in seconds, sizes in bytes; None is not measured.

    ``site`` is what the linter judges by. ``path`` is as shown to the user; ``column`` is from 1.
    """

    site: MeasuredSite
    path: str
    column: int
    code: str
    measured: int
    argument_bytes: float | None
    result_bytes: float | None
    site_seconds: float
    saving_seconds: float | None

    @property
    def too_small(self) -> bool:
        """Whether batching is worth while, by Ray's guideline."""
        return self.site.too_small(MIN_TASKS, TASK_THRESHOLD)

    def __str__(self) -> str:
        """Return the finding as the linter prints one."""
        site = self.site
        unit = "actor calls" if site.actor else "tasks"
        return (
            f"{self.path}:{site.line}:{self.column}: {self.code} `{site.symbol}` was submitted as "
            f"{site.tasks:,} {unit} ({site.words}): submit one per batch of items instead."
        )


@dataclass(frozen=True)
class Profile:
    """What one run of a program showed. Times in seconds; sites by what batching would save."""

    command: tuple[str, ...]
    exit_code: int
    problem: str
    ray_version: str
    cpus: float
    seconds: float
    own_seconds: float
    reading_seconds: float
    notes: tuple[str, ...]
    sites: tuple[ProfiledSite, ...]

    @property
    def observation_share(self) -> float:
        """Which part of the program's time was spent on observing it."""
        return self.own_seconds / self.seconds if self.seconds else 0.0

    @property
    def interrupted(self) -> bool:
        """Whether the program was ended by an interrupt."""
        return self.exit_code == -signal.SIGINT

    def to_json(self, folder: Path) -> str:
        """Return the profile file; paths are relative to ``folder``, where it will lie."""
        return json.dumps(
            {
                "version": VERSION,
                "command": list(self.command),
                "exit_code": self.exit_code,
                "problem": self.problem,
                "ray": self.ray_version,
                "cpus": self.cpus,
                "seconds": self.seconds,
                "observation_share": self.observation_share,
                "reading_seconds": self.reading_seconds,
                "notes": list(self.notes),
                "sites": [_site_json(one, folder) for one in self.sites],
            },
            indent=2,
        )


def _site_json(one: ProfiledSite, folder: Path) -> dict[str, Any]:
    path = Path(os.path.relpath(Path(one.path).resolve(), folder.resolve())).as_posix()
    own = {key: value for key, value in vars(one).items() if key not in ("site", "path")}
    return {"path": path, **vars(one.site), **own}


def profile(
    command: Sequence[str],
    *,
    address: str = "",
    num_cpus: int | None = None,
    timeout: float = 3600.0,
    show: bool = True,
    progress: Callable[[str], None] = lambda _line: None,
) -> Profile:
    """Run ``command`` under observation and return what was seen.

    ``show`` passes the program's output on. Raises UsageError if there is no cluster or the program
    cannot be started.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ray-lint-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        progress(f"joining {address}" if address else "starting a Ray cluster")
        cluster = stack.enter_context(Cluster(address, num_cpus))
        settings = folder / "settings.json"
        settings.write_text(
            json.dumps({"mode": "profile", "address": cluster.address, "folder": str(folder)})
        )
        environment = traced_environment(os.environ, settings, cluster.environment)
        progress("running the program")
        written = _Records(folder)
        code, output, problem = watched(
            command, environment, Path.cwd(), timeout, show=show, before_end=written.demand
        )
        if code == 127 and problem:
            raise UsageError(problem)
        records = written.read()
        if problem and records:
            problem += "; the profile holds what was recorded until then"
        if code and not problem:
            problem = failure(code, output)
            if not records:  # it may have had no Ray, or not even come to import it
                problem += other_python(command)
        notes = [note for record in records for note in record["notes"]]
        if missing := written.missing():
            what = "a watched process" if len(missing) == 1 else f"{len(missing)} watched processes"
            notes.append(f"{what} ended too suddenly to write what was recorded")
        elif not records:
            notes.append("the program never imported ray in a process that could be watched")
        places = _Places()
        cpus = max(cluster.state.cpus, 1.0)
        sites = [places.site(one, cpus) for record in records for one in record["sites"]]
        return Profile(
            command=tuple(command),
            exit_code=code,
            problem=problem,
            ray_version=cluster.ray_version,
            cpus=cluster.state.cpus,
            seconds=sum(record["seconds"] for record in records),
            own_seconds=sum(record["own_seconds"] for record in records),
            reading_seconds=sum(record["reading_seconds"] for record in records),
            notes=tuple(dict.fromkeys(notes)),
            sites=tuple(sorted(sites, key=lambda site: -(site.saving_seconds or 0.0))),
        )


class _Records:
    """The records in ``folder``: each watched process says that it is one, and writes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self) -> list[int]:
        """Return the processes that have not written their record."""
        watched_pids = {int(path.name.split("-")[1]) for path in self.folder.glob("watched-*")}
        return sorted(
            pid for pid in watched_pids if not (self.folder / f"profile-{pid}.json").exists()
        )

    def demand(self) -> None:
        """Let the processes that still run write their records now, and wait for these."""
        (self.folder / "end").touch()
        deadline = time.monotonic() + RECORD_SECONDS
        while any(map(_alive, self.missing())) and time.monotonic() < deadline:
            time.sleep(0.05)

    def read(self) -> list[dict[str, Any]]:
        """Return all records."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("profile-*.json"))]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


class _Source:
    """One watched file as the linter sees it."""

    def __init__(self, project: Project, path: str) -> None:
        content = decode(Path(path).read_bytes(), path).content
        tree = parse(content, path)
        self.lines = content.splitlines()
        self.project = project
        self.module: Module = project.add(content, tree, path)
        self.profiled = ProfiledModule(tree)

    @cached_property
    def repeated(self) -> dict[ast.Attribute, ast.Call]:
        """The call that the linter reports, by the handle that it submits with."""
        return {one.handle: one.call for one in find_submissions(self.module)}

    def definition(self, handle: ast.Attribute) -> ast.AST | None:
        """Return what a handle calls, if the source tells."""
        return resolve_callee(self.project, self.module, handle).definition


class _Places:
    """Finds what ran in the source, as the linter will."""

    def __init__(self) -> None:
        self.project = Project()
        self.sources: dict[str, _Source | None] = {}

    def site(self, seen: dict[str, Any], cpus: float) -> ProfiledSite:
        """Return the site of one record of the sampler."""
        path = Path(seen["path"])
        known = seen["durations"]
        share, saving = _overhead(seen, cpus)
        function, ordinal, digest, line, column = self._place(seen)
        return ProfiledSite(
            site=MeasuredSite(
                function=function,
                ordinal=ordinal,
                digest=digest,
                line=line,
                symbol=seen["symbol"],
                actor=seen["actor"],
                tasks=seen["tasks"],
                median_seconds=median(known) if known else None,
                p95_seconds=known[int(0.95 * (len(known) - 1))] if known else None,
                overhead_share=share,
            ),
            path=os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path),
            column=column,
            code="RAY102" if seen["actor"] else "RAY101",
            measured=len(known),
            argument_bytes=fmean(seen["argument_bytes"]) if seen["argument_bytes"] else None,
            result_bytes=fmean(seen["result_bytes"]) if seen["result_bytes"] else None,
            site_seconds=seen["seconds"],
            saving_seconds=saving,
        )

    def _place(self, seen: dict[str, Any]) -> tuple[str, int, str, int, int]:
        """Return function, ordinal, digest, line and column (from 1) of what ran."""
        source = self._source(seen["path"])
        if source is not None:
            profiled = source.profiled
            handle = profiled.handle_at(seen["line"], seen["column"], seen["symbol"])
            if handle is not None:
                call = source.repeated.get(handle) or profiled.calls.get(handle) or handle
                digest = profiled.digest(handle, source.definition(handle))
                column = character_column(source.lines[call.lineno - 1], call.col_offset)
                return *profiled.places[handle], digest, call.lineno, column + 1
        return MODULE, -1, "", seen["line"], (seen["column"] or 0) + 1

    def _source(self, path: str) -> _Source | None:
        if path not in self.sources:
            try:
                self.sources[path] = _Source(self.project, path)
            except (OSError, SourceError):
                self.sources[path] = None
        return self.sources[path]


def _overhead(seen: dict[str, Any], cpus: float) -> tuple[float | None, float | None]:
    """Return the share of the site's time that is Ray's own, and what batches would save, in s.

    The driver spends its time in submissions, and waiting for results. What the tasks' own work
    needs of that, spread over the processors (or actors), is not overhead, nor is the time until
    the first worker had started.
    """
    known = seen["durations"]
    total = seen["seconds"] - seen["starting"]
    if not known or total <= 0:
        return None, None
    parallel = min(cpus, seen["actors"]) if seen["actor"] and seen["actors"] else cpus
    work = fmean(known) * seen["tasks"] / parallel
    blocked = min(max(seen["submitting"] + seen["waiting"] - seen["starting"], 0.0), total)
    overhead = max(blocked - work, 0.0)
    chunks = min(CHUNKS_PER_CPU * cpus, seen["tasks"])
    return overhead / total, overhead * (1 - chunks / seen["tasks"])


def render(result: Profile) -> str:
    """Return the table, sorted by wasted time, and the findings below it."""
    columns = "{:<32}{:>9}{:>11}{:>11}{:>10}{:>10}{:>10}{:>11}"
    lines = [
        columns.format(
            "site", "tasks", "median", "p95", "args B", "result B", "overhead", "can save"
        )
    ]
    for one in result.sites:
        cells = [_cell(one.site.median_seconds), _cell(one.site.p95_seconds)]
        sizes = [
            "-" if value is None else f"{value:,.0f}"
            for value in (one.argument_bytes, one.result_bytes)
        ]
        share = one.site.overhead_share
        shown = "-" if share is None else f"{100 * share:.0f} %"
        where = f"{one.path}:{one.site.line} {one.site.symbol}"
        where = where if len(where) <= 31 else "…" + where[-30:]
        lines.append(
            columns.format(
                where, f"{one.site.tasks:,}", *cells, *sizes, shown, _cell(one.saving_seconds)
            )
        )
    lines.append("")
    lines += [str(one) for one in result.sites if one.too_small]
    for one in result.sites:
        if one.measured and one.measured < one.site.tasks:
            lines.append(
                f"Times of {one.site.symbol} are those of {one.measured:,} of its "
                f"{one.site.tasks:,} tasks."
            )
    lines.append(
        f"Observing took {100 * result.observation_share:.1f} % of the program's "
        f"{result.seconds:.1f} s, and {result.reading_seconds:.1f} s at its end."
    )
    lines += [f"Note: {note}." for note in result.notes]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else seconds(value)
