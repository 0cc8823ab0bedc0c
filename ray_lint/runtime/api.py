"""The thin layer between the linter's fixes and the measurement."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ray_lint.errors import UsageError
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.fixes import Fixes, Place, fix_with_sizes
from ray_lint.runtime.inputs import Inputs
from ray_lint.runtime.measure import Options, Site, verify_sources
from ray_lint.runtime.program import python_word
from ray_lint.runtime.reasons import reasons
from ray_lint.runtime.report import Report
from ray_lint.sources.files import read, write_together

MAX_REASONS = 5
"""So many sites are told why they are not verified."""


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
    files, editable = inputs.files(paths), inputs.editable(paths)
    parts = [Fixes(inputs, editable) for _ in (files[:1] if command else files)]
    why: list[str] = []
    for number, file in enumerate(files):
        result = parts[0 if command else number].fix(file)
        if not result.applied:
            why += reasons(file, read(str(file)), inputs.config(file), result)
    work = [part for part in parts if part.sites]
    if not work:
        raise UsageError(_nothing(files, why))
    with ExitStack() as stack:
        if cluster is None and len(work) > 1:
            options.progress("starting a Ray cluster" if not options.address else "joining")
            cluster = stack.enter_context(Cluster(options.address, options.num_cpus))
        reports = [_measure(part, command, options, cluster) for part in work]
        return dataclasses.replace(merge(reports), files=tuple(map(str, editable)))


def _measure(
    fixes: Fixes, command: Sequence[str], options: Options, cluster: Cluster | None
) -> Report:
    """Measure the sites of ``fixes``, by the command or by running the file with the sites."""
    sites = fixes.sites
    file = sites[0].file
    report = verify_sources(
        fixes.original,
        fixes.fixed,
        sites,
        command or (sys.executable, str(file.resolve())),
        options,
        cluster=cluster,
        resize=lambda size: _with_size(fixes, sites, size),
    )
    if not command and "failed with exit code 2" in report.error:  # as argparse ends a program
        words = f"ray-lint verify {file} -- {python_word()} {file} ARGUMENT ..."
        hint = f"if it needs arguments: {words}"
        report = dataclasses.replace(report, error=f"{report.error}; {hint}")
    return report


def _with_size(
    fixes: Fixes, sites: Sequence[Site], size: int
) -> tuple[dict[Path, bytes], list[Site]]:
    """Return the fixed files with a constant batch size, and the sites in them, in order."""
    again = Fixes(fixes.inputs, list(fixes.names.values()))
    for file in dict.fromkeys(site.file for site in sites):
        again.fix(file, batch_size=size)
    found = {_key(site): site for site in again.sites}
    return again.fixed, [
        found.get(_key(site), dataclasses.replace(site, after=())) for site in sites
    ]


def _key(site: Site) -> tuple[Path, Place]:
    return site.file, (site.code, site.line, site.column)


def _nothing(files: Sequence[Path], why: Sequence[str]) -> str:
    """Return why there is nothing to verify."""
    if not files:
        return "nothing to verify, no Python file uses Ray"
    names = ", ".join(map(str, files)) if len(files) <= 3 else f"{len(files)} files"
    shown = list(why[:MAX_REASONS])
    if len(why) > MAX_REASONS:
        shown.append(f"and {len(why) - MAX_REASONS} more")
    return "\n    ".join([f"{names}: nothing to verify, there is no fix", *shown])


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

    A site for which a batch size was found gets that constant. All files are written or none.
    Raises SourceError if a file has changed meanwhile or cannot be written.
    """
    sizes = {(one.path, one.line, one.column): one.chosen for one in report.tuning}
    wanted: dict[tuple[Path, Place], int | None] = {
        (Path(one.path), (one.code, one.line, one.column)): sizes.get(
            (one.path, one.line, one.column)
        )
        for one in report.sites
        if one.confirmed
    }
    names = dict.fromkeys([*report.files, *(str(file) for file, _ in wanted)])
    fixes = Fixes(inputs or Inputs(), [Path(name) for name in names])
    fix_with_sizes(fixes, wanted)
    write_together(
        [(str(file), fixes.original[file], after) for file, after in fixes.fixed.items()]
    )
    return list(fixes.fixed)
