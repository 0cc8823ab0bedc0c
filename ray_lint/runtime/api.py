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
from ray_lint.runtime.fixes import Fixes, fix_files
from ray_lint.runtime.inputs import Inputs
from ray_lint.runtime.measure import Options, Site, verify_sources
from ray_lint.runtime.reasons import reasons
from ray_lint.runtime.report import Report
from ray_lint.sources.files import read, write_together

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
    inputs = (inputs or Inputs()).over(paths)
    work = _Work(inputs, inputs.files(paths))
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

    def __init__(self, inputs: Inputs, files: Sequence[Path]) -> None:
        self.inputs, self.looked_at = inputs, list(files)
        self.fixes = fix_files(inputs, files)
        self.sites = _sites(self.fixes)
        self.reasons = [
            reason
            for file, result in self.fixes.results.items()
            if not result.applied
            for reason in reasons(file, read(str(file)), inputs.config(file), result)
        ]

    def measure(
        self,
        files: Sequence[Path],
        command: Sequence[str],
        options: Options,
        cluster: Cluster | None,
    ) -> Report:
        """Measure the sites of some files by one command."""
        sites = [site for file in files for site in self.sites[file]]
        every = self.fixes.around(files)

        def resize(size: int) -> tuple[dict[Path, bytes], list[Site]]:
            return self.with_size(files, sites, size)

        return verify_sources(
            {file: self.fixes.original[file] for file in every},
            {file: self.fixes.fixed[file] for file in every},
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
        fixes = fix_files(self.inputs, files, size)
        found = {
            (site.file, (site.code, site.line, site.column)): site
            for group in _sites(fixes).values()
            for site in group
        }
        nowhere = [dataclasses.replace(site, after=()) for site in sites]
        return fixes.fixed, [
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
    wanted: dict[str, dict[Place, int | None]] = {}
    for site in report.sites:
        if site.confirmed:
            size = sizes.get((site.path, site.line, site.column))
            wanted.setdefault(site.path, {})[site.code, site.line, site.column] = size
    changed: list[Path] = []

    def files(name: str) -> dict[str, tuple[bytes, bytes]]:
        return fix_with_sizes(inputs, Path(name), read(name), wanted[name])

    # A fix that changes another file moves what was measured there: so it comes last.
    for name in sorted(wanted, key=lambda name: len(files(name))):
        changes = [(path, before, after) for path, (before, after) in files(name).items()]
        write_together(changes)
        changed += [Path(path) for path, _, _ in changes]
    return list(dict.fromkeys(changed))


def fix_with_sizes(
    inputs: Inputs, file: Path, source: bytes, wanted: Mapping[Place, int | None]
) -> dict[str, tuple[bytes, bytes]]:
    """Fix the findings at the wanted places of ``source``, each with its batch size.

    Returns the old and the new content of the changed files by name, ``file`` last.
    """
    original = source
    others: dict[str, tuple[bytes, bytes]] = {}
    places = {place: place for place in wanted}  # where each wanted finding stands by now
    for size in sorted(set(wanted.values()), key=lambda size: size or 0):
        now = {places[place] for place, other in wanted.items() if other == size}

        def chosen(finding: Finding, now: set[Place] = now) -> bool:
            return _place(finding) in now

        pending = {name: after for name, (_, after) in others.items()}
        result = inputs.fix(file, source, batch_size=size, chosen=chosen, pending=pending)
        for one in result.others:
            before, _ = others.get(one.filename, (one.before, b""))
            others[one.filename] = before, one.after
        done = {_place(applied.finding) for applied in result.applied}
        if done != now:
            raise SourceError(str(file), "changed since it was measured; nothing was written")
        places = _moved(places, done, result.left, inputs, file, source)
        source = result.source
    return {**others, str(file): (original, source)} if source != original else {}


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


def _sites(fixes: Fixes) -> dict[Path, list[Site]]:
    return {
        file: [_site(file, one) for one in applied]
        for file, applied in fixes.applied.items()
        if applied
    }


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
