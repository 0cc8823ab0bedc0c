"""The thin layer between the linter's fixes and the measurement."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from ray_lint.config import Config
from ray_lint.core import AppliedFix, FixResult, fix
from ray_lint.errors import SourceError, UsageError
from ray_lint.program.project import Project
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.measure import Options, Site, verify_sources
from ray_lint.runtime.report import Report


def verify(
    paths: Sequence[Path | str],
    command: Sequence[str] = (),
    options: Options | None = None,
    config: Config | None = None,
    *,
    cluster: Cluster | None = None,
) -> Report:
    """Fix ``paths`` in a private copy, run original and fixed program, and compare them.

    ``paths`` are Python files or folders. Without a ``command``, each file is run by itself with
    this Python. The user's files are only read.

    Raises UsageError if nothing in ``paths`` has a fix or there is no cluster, SourceError for a
    file that cannot be read or parsed.
    """
    options = options or Options()
    files = _python_files(paths)
    if command:
        return _verify_files(files, command, options, config or Config(), cluster)
    reports = []
    for file in files:
        words = (sys.executable, str(file.resolve()))
        reports.append(_verify_files([file], words, options, config or Config(), cluster))
    return merge(reports)


def merge(reports: Sequence[Report]) -> Report:
    """Return one report on the sites of several."""
    if len(reports) == 1:
        return reports[0]
    first = reports[0]
    return dataclasses.replace(
        first,
        sites=tuple(site for one in reports for site in one.sites),
        runs=sum(one.runs for one in reports),
        discarded=sum(one.discarded for one in reports),
        seconds=sum(one.seconds for one in reports),
        notes=tuple(dict.fromkeys(note for one in reports for note in one.notes)),
        error="; ".join(one.error for one in reports if one.error),
    )


def apply_confirmed(report: Report, config: Config | None = None) -> list[Path]:
    """Write the fixes of the confirmed sites, and no others; return the changed files."""
    from ray_lint.sources.files import write

    changed = []
    for name in dict.fromkeys(site.path for site in report.sites if site.confirmed):
        wanted = {
            (one.code, one.line, one.column - 1)
            for one in report.sites
            if one.path == name and one.confirmed
        }
        path = Path(name)
        original = path.read_bytes()
        result = fix(
            original,
            config or Config(),
            filename=name,
            project=_project(config),
            chosen=lambda one, wanted=wanted: (  # type: ignore[misc]
                (one.code, one.start.line, one.start.column) in wanted
            ),
        )
        if result.source != original:
            write(str(path), original, result.source)
            changed.append(path)
    return changed


def _python_files(paths: Sequence[Path | str]) -> list[Path]:
    files: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            files += sorted(
                file
                for file in path.rglob("*.py")
                if not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(f"{path}: no such file or folder")
    return files


def _verify_files(
    files: Sequence[Path],
    command: Sequence[str],
    options: Options,
    config: Config,
    cluster: Cluster | None,
) -> Report:
    original: dict[Path, bytes] = {}
    fixed: dict[Path, bytes] = {}
    sites: list[Site] = []
    reasons: list[str] = []
    for file in files:
        source = _read(file)
        result = fix(source, config, filename=str(file), project=_project(config))
        reasons += _reasons(file, result)
        if not result.applied:
            continue
        original[file], fixed[file] = source, result.source
        sites += [_site(file, one) for one in result.applied]
    if not sites:
        names = ", ".join(map(str, files)) if len(files) <= 3 else f"{len(files)} files"
        words = f"{names}: nothing to verify, there is no fix" if files else "no Python files"
        raise UsageError("; ".join([words, *reasons[:3]]))
    return verify_sources(original, fixed, sites, command, options, cluster=cluster)


def _reasons(file: Path, result: FixResult) -> list[str]:
    reasons = [result.error] if result.error else []
    for finding in result.left:
        if finding.code.startswith("RAY1"):
            why = finding.fix.reason if finding.fix is not None else "cannot be fixed"
            reasons.append(f"{file}:{finding.start.line}: {finding.code} is left: {why}")
    return reasons


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


def _project(config: Config | None) -> Project:
    return Project(config.source_roots if config is not None else ())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(str(file), error.strerror or str(error)) from None
