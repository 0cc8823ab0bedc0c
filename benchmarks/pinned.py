"""Findings in an installed package, pinned and reviewed one by one.

``tests/corpus/<package>-<version>.tsv`` holds every finding in that release of a package that uses
Ray (path, line, code) with the verdict of a reader (``right``, ``debatable`` or ``false alarm``)
and the reason in our own words. Any change of the analysis that adds or removes a finding shows
here::

    python benchmarks/pinned.py tests/corpus/ray-2.60.0.tsv            # show the difference
    python benchmarks/pinned.py tests/corpus/ray-2.60.0.tsv --write    # pin; review the new lines

The package is looked up among the installed ones; ``--folder`` names an unpacked one instead::

    pip download --no-deps xgboost_ray==0.1.19 && unzip -d xgboost xgboost_ray-0.1.19-*.whl
    python benchmarks/pinned.py tests/corpus/xgboost_ray-0.1.19.tsv --folder xgboost/xgboost_ray

Libraries send one call per worker, partition or block, so that most of them have no findings: an
empty table pins that. It is the list on which a false alarm would show first.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ray_lint.core import check
from ray_lint.errors import SourceError
from ray_lint.program.project import Project

HEADER = "path\tline\tcode\tverdict\treason"
UNREVIEWED = "unreviewed"


@dataclass(frozen=True, order=True)
class Place:
    """Where a finding is: ``path`` is relative to the folder above the package."""

    path: str
    line: int
    code: str

    def __str__(self) -> str:
        """Return ``path:line code``."""
        return f"{self.path}:{self.line} {self.code}"


def read_pins(table: Path) -> dict[Place, tuple[str, str]]:
    """Return verdict and reason of each pinned finding. Raises ValueError for a broken line."""
    pins = {}
    header, *lines = table.read_text(encoding="utf-8").splitlines()
    if header != HEADER:
        raise ValueError(f"{table}:1: the header must be {HEADER!r}")
    for number, line in enumerate(lines, 2):
        columns = line.split("\t")
        if len(columns) != 5:
            raise ValueError(f"{table}:{number}: {len(columns)} columns instead of 5")
        path, place, code, verdict, reason = columns
        pins[Place(path, int(place), code)] = (verdict, reason)
    return pins


def write_pins(table: Path, pins: dict[Place, tuple[str, str]]) -> None:
    """Write the table, sorted by place."""
    lines = [
        "\t".join((p.path, str(p.line), p.code, verdict, reason))
        for p, (verdict, reason) in sorted(pins.items())
    ]
    table.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")


def findings_in(folder: Path) -> tuple[dict[Place, str], list[str]]:
    """Check every Python file below ``folder`` as one project.

    Returns the message of each finding, and the files that could not be checked.
    """
    project = Project()
    found: dict[Place, str] = {}
    errors = []
    for path in sorted(folder.rglob("*.py")):
        try:
            findings = check(
                path.read_bytes(), filename=str(path), project=project, fixes=False, noqa=False
            )
        except SourceError as error:
            errors.append(str(error))
            continue
        relative = path.relative_to(folder.parent).as_posix()
        found |= {Place(relative, f.start.line, f.code): f.message for f in findings}
    return found, errors


def difference(pins: dict[Place, tuple[str, str]], found: dict[Place, str]) -> list[str]:
    """Return one line per finding that is new (``+``) or gone (``-``)."""
    lines = [f"+ {place}\n    {found[place]}" for place in found if place not in pins]
    for place, (verdict, reason) in pins.items():
        if place not in found:
            lines.append(f"- {place}\n    was {verdict}: {reason}")
    return lines


def package_of(table: Path) -> tuple[str, str]:
    """Return package and version from the name of a table."""
    name, _, version = table.stem.rpartition("-")
    return name, version


def installed_folder(name: str, version: str) -> Path | None:
    """Return the folder of the installed package, None if it is not there in that version."""
    try:
        if importlib.metadata.version(name) != version:
            return None
    except importlib.metadata.PackageNotFoundError:
        return None
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; exit code 1 if the findings differ from the pinned ones."""
    parser = argparse.ArgumentParser(description="Compare findings with the pinned, reviewed ones.")
    parser.add_argument("table", type=Path, help="tests/corpus/<package>-<version>.tsv")
    parser.add_argument("--folder", type=Path, help="the package, if it is not installed")
    parser.add_argument("--write", action="store_true", help="pin what is found now")
    options = parser.parse_args(arguments)
    name, version = package_of(options.table)
    folder = options.folder or installed_folder(name, version)
    if folder is None or not folder.is_dir():
        parser.error(f"{name} {version} is not installed here; give --folder")
    try:
        pins = read_pins(options.table) if options.table.exists() else {}
    except ValueError as error:
        parser.error(str(error))
    start = time.perf_counter()
    found, errors = findings_in(folder)
    changes = difference(pins, found)
    print("\n".join([*errors, *changes]))
    print(
        f"{len(found)} findings, {len(pins)} pinned, {len(changes)} differences"
        f" ({time.perf_counter() - start:.1f} s)"
    )
    if options.write:
        write_pins(options.table, {p: pins.get(p, (UNREVIEWED, "")) for p in found})
        return 0
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
