"""The thin layer between the linter's fixes and the measurement."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from ray_lint.core import AppliedFix
from ray_lint.errors import SourceError, UsageError
from ray_lint.finding import Finding
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.inputs import Inputs
from ray_lint.runtime.measure import Options, Site, verify_sources
from ray_lint.runtime.reasons import reasons
from ray_lint.runtime.report import Report
from ray_lint.sources.files import read, write

MAX_REASONS = 5
"""So many sites are told why they are not verified."""

Place = tuple[str, int, int]
"""Code, line from 1 and column from 1 of a finding in its original file."""


def verify(
    paths: Sequence[Path | str],
    command: Sequence[str] = (),
    options: Options | None = None,
    inputs: Inputs | None = None,
    *,
    cluster: Cluster | None = None,
) -> Report:
    """Fix ``paths`` in a private copy, run original and fixed program, and compare them.

    ``paths`` are Python files or folders. Without a ``command``, each file that has a fix is run by
    itself with this Python. The user's files are only read. ``inputs`` tells where settings come
    from; by default the configuration files count as they do for the linter.

    Raises UsageError if nothing in ``paths`` has a fix or there is no cluster, SourceError for a
    file that cannot be read or parsed.
    """
    options = options or Options()
    inputs = inputs or Inputs()
    work = _Work(inputs)
    for file in inputs.files(paths):
        work.add(file)
    if not work.sites:
        raise UsageError(work.why_nothing())
    if command:
        return work.measure(list(work.sites), command, options, cluster)
    with ExitStack() as stack:
        if cluster is None and len(work.sites) > 1:
            options.progress("starting a Ray cluster" if not options.address else "joining")
            cluster = stack.enter_context(Cluster(options.address, options.num_cpus))
        return merge([_measure_file(work, file, options, cluster) for file in work.sites])


def _measure_file(work: _Work, file: Path, options: Options, cluster: Cluster | None) -> Report:
    """Measure one file that is run by itself."""
    report = work.measure([file], (sys.executable, str(file.resolve())), options, cluster)
    if "failed with exit code 2" in report.error:  # as argparse ends a program
        hint = f"if it needs arguments: ray-lint verify {file} -- python {file} ARGUMENT ..."
        report = dataclasses.replace(report, error=f"{report.error}; {hint}")
    return report


class _Work:
    """The files, their fixes and the sites of these."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.original: dict[Path, bytes] = {}
        self.fixed: dict[Path, bytes] = {}
        self.sites: dict[Path, list[Site]] = {}
        self.looked_at: list[Path] = []
        self.reasons: list[str] = []

    def add(self, file: Path) -> None:
        """Fix one file; it counts if there is anything to fix."""
        source = read(str(file))
        result = self.inputs.fix(file, source)
        self.looked_at.append(file)
        if not result.applied:
            self.reasons += reasons(file, source, self.inputs.config(file), result)
        else:
            self.original[file], self.fixed[file] = source, result.source
            self.sites[file] = [_site(file, one) for one in result.applied]

    def measure(
        self,
        files: Sequence[Path],
        command: Sequence[str],
        options: Options,
        cluster: Cluster | None,
    ) -> Report:
        """Measure the sites of some files by one command."""
        sites = [site for file in files for site in self.sites[file]]

        def resize(size: int) -> tuple[dict[Path, bytes], list[Site]]:
            return self.with_size(files, sites, size)

        return verify_sources(
            {file: self.original[file] for file in files},
            {file: self.fixed[file] for file in files},
            sites,
            command,
            options,
            cluster=cluster,
            resize=resize,
        )

    def with_size(
        self, files: Sequence[Path], sites: Sequence[Site], size: int
    ) -> tuple[dict[Path, bytes], list[Site]]:
        """Return the fixed files with a constant batch size, and the sites in them, in order."""
        fixed = {}
        found: dict[tuple[Path, Place], Site] = {}
        for file in files:
            result = self.inputs.fix(file, self.original[file], batch_size=size)
            fixed[file] = result.source
            for one in result.applied:
                site = _site(file, one)
                found[file, (site.code, site.line, site.column)] = site
        nowhere = [dataclasses.replace(site, after=()) for site in sites]
        return fixed, [
            found.get((site.file, (site.code, site.line, site.column)), other)
            for site, other in zip(sites, nowhere, strict=True)
        ]

    def why_nothing(self) -> str:
        """Return why there is nothing to verify."""
        if not self.looked_at:
            return "nothing to verify, no Python file uses Ray"
        count = len(self.looked_at)
        names = ", ".join(map(str, self.looked_at)) if count <= 3 else f"{count} files"
        words = f"{names}: nothing to verify, there is no fix"
        shown = self.reasons[:MAX_REASONS]
        if len(self.reasons) > MAX_REASONS:
            shown = [*shown, f"and {len(self.reasons) - MAX_REASONS} more"]
        return "\n    ".join([words, *shown])


def merge(reports: Sequence[Report]) -> Report:
    """Return one report on the sites of several."""
    if len(reports) == 1:
        return reports[0]
    first = reports[0]
    return dataclasses.replace(
        first,
        command=(),
        sites=tuple(site for one in reports for site in one.sites),
        runs=sum(one.runs for one in reports),
        discarded=sum(one.discarded for one in reports),
        seconds=sum(one.seconds for one in reports),
        notes=tuple(dict.fromkeys(note for one in reports for note in one.notes)),
        error="; ".join(f"{one.command[-1]}: {one.error}" for one in reports if one.error),
        tuning=tuple(tuned for one in reports for tuned in one.tuning),
    )


def apply_confirmed(report: Report, inputs: Inputs | None = None) -> list[Path]:
    """Write the fixes of the confirmed sites, and no others; return the changed files.

    A site for which a batch size was found gets that constant. Raises SourceError if a file has
    changed meanwhile or cannot be written.
    """
    inputs = inputs or Inputs()
    sizes = {(one.path, one.line, one.column): one.chosen for one in report.tuning}
    changed = []
    for name in dict.fromkeys(site.path for site in report.sites if site.confirmed):
        wanted: dict[Place, int | None] = {
            (one.code, one.line, one.column): sizes.get((one.path, one.line, one.column))
            for one in report.sites
            if one.path == name and one.confirmed
        }
        original = read(name)
        fixed = fix_with_sizes(inputs, Path(name), original, wanted)
        if fixed != original:
            write(name, original, fixed)
            changed.append(Path(name))
    return changed


def fix_with_sizes(
    inputs: Inputs, file: Path, source: bytes, wanted: Mapping[Place, int | None]
) -> bytes:
    """Return ``source`` with the findings at the wanted places fixed, each with its batch size."""
    places = {place: place for place in wanted}  # where each wanted finding stands by now
    for size in sorted(set(wanted.values()), key=lambda size: size or 0):
        now = {places[place] for place, other in wanted.items() if other == size}

        def chosen(finding: Finding, now: set[Place] = now) -> bool:
            return _place(finding) in now

        result = inputs.fix(file, source, batch_size=size, chosen=chosen)
        done = {_place(one.finding) for one in result.applied}
        if done != now:
            raise SourceError(str(file), "changed since it was measured; nothing was written")
        places = _moved(places, done, result.left, inputs, file, source)
        source = result.source
    return source


def _moved(
    places: Mapping[Place, Place],
    gone: set[Place],
    left: Iterable[Finding],
    inputs: Inputs,
    file: Path,
    source: bytes,
) -> dict[Place, Place]:
    """Return where the findings stand after some were fixed: they keep their order, by code."""
    every = [_place(one) for one in inputs.findings(file, source)]
    old: dict[str, list[Place]] = {}
    for place in every:
        if place not in gone:
            old.setdefault(place[0], []).append(place)
    seen: Counter[str] = Counter()
    new: dict[Place, Place] = {}
    for finding in left:
        place = _place(finding)
        number = seen[finding.code]
        seen[finding.code] += 1
        if number < len(old.get(finding.code, ())):
            new[old[finding.code][number]] = place
    return {first: new.get(now, now) for first, now in places.items()}


def _place(finding: Finding) -> Place:
    return finding.code, finding.start.line, finding.start.column + 1


def _site(file: Path, applied: AppliedFix) -> Site:
    finding = applied.finding
    return Site(
        file=file,
        line=finding.start.line,
        column=finding.start.column + 1,
        code=finding.code,
        symbol=finding.symbol,
        before=((finding.start.line, finding.end.line),),
        after=tuple((part.start, part.stop - 1) for part in applied.lines if len(part)),
    )
