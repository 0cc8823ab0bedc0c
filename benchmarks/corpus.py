"""Precision and recall on labelled real code.

The labels are a table of call sites in public repositories (``labels.tsv``: repo, commit, path,
line of the word ``remote`` or ``cell:line`` in notebooks, kind, verdict, and why). The code itself
is not part of this project: fetch each repository at the named commit into
``FOLDER/<owner>__<name>`` and run::

    python benchmarks/corpus.py FOLDER labels.tsv

Printed are precision and recall by kind and by source, every false alarm and missed alarm with
what the linter and the label say, and the labelled places that could not be found. Sites labelled
``debatable`` are left out of all figures. Findings in labelled files at places without a label are
listed too: they are neither right nor wrong until somebody has read them.

What the defaults rest on is told with figures in ``docs/analysis.md``.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ray_lint.config import Config
from ray_lint.core import check
from ray_lint.errors import SourceError
from ray_lint.finding import Finding
from ray_lint.program.project import Project


@dataclass(frozen=True)
class Label:
    """One row of the table; ``place`` is ``line`` or ``cell:line``."""

    repo: str
    path: str
    place: str
    kind: str
    verdict: str
    reason: str


@dataclass
class Tally:
    """Counts of a group of sites."""

    right: int = 0
    false: int = 0
    missed: int = 0
    silent: int = 0

    @property
    def precision(self) -> float:
        """Share of findings that are labelled ``flag``; 1 without findings."""
        return self.right / (self.right + self.false) if self.right + self.false else 1.0

    @property
    def recall(self) -> float:
        """Share of ``flag`` labels that were found; 1 without such labels."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def row(self) -> str:
        """Return the counts and both figures as aligned columns."""
        return (
            f"{self.right:4d} {self.false:4d} {self.missed:4d} {self.silent:4d}"
            f"   {self.precision:5.2f}  {self.recall:5.2f}"
        )


@dataclass
class Outcome:
    """What a run over the labels gave."""

    by_kind: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_source: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    total: Tally = field(default_factory=Tally)
    false: list[tuple[Label, Finding]] = field(default_factory=list)
    missed: list[Label] = field(default_factory=list)
    debatable: list[tuple[Label, Finding | None]] = field(default_factory=list)
    unlabelled: list[tuple[str, str, str, Finding]] = field(default_factory=list)
    lost: list[Label] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_labels(path: Path) -> list[Label]:
    """Read the table. Raises SystemExit if a column is missing."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [
            Label(r["repo"], r["path"], r["line"], r["kind"], r["verdict"], r["reason"])
            for r in rows
        ]
    except KeyError as error:
        raise SystemExit(f"{path}: no column {error}") from None


def code_cells(data: bytes) -> list[tuple[int, list[str]]]:
    """Return the lines of each code cell with its index over *all* cells, as the labels count."""
    found = []
    for index, cell in enumerate(json.loads(data)["cells"]):
        if cell["cell_type"] == "code":
            source = cell["source"]
            text = source if isinstance(source, str) else "".join(source)
            found.append((index, text.splitlines()))
    return found


def notebook_script(data: bytes) -> tuple[bytes, list[str]]:
    """Return the code of a notebook as one script, and the place of each of its lines.

    Magics and cells that are no Python become comments: the benchmark wants no more of them.
    """
    script: list[str] = []
    places: list[str] = []
    for index, lines in code_cells(data):
        code = [re.sub(r"^(\s*)[%!?].*", r"\1pass", line) for line in lines]
        try:
            ast.parse("\n".join(code))
        except SyntaxError:
            code = [f"# {line}" for line in lines]
        script += code
        places += [f"{index}:{number}" for number in range(1, len(code) + 1)]
    return "\n".join(script).encode(), places


def remote_line(source: list[str], finding: Finding) -> int:
    """Return the line of the word ``remote`` of a finding: the labels point there."""
    lines = source[finding.start.line - 1 : finding.end.line]
    if finding.start.line == finding.end.line:
        return finding.start.line
    text = "\n".join([lines[0][finding.start.column :], *lines[1:]])
    text = text[: len(text) - (len(lines[-1]) - finding.end.column)]
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return finding.start.line
    if isinstance(call, ast.Call) and call.func.end_lineno:
        return finding.start.line + call.func.end_lineno - 1
    return finding.start.line


def findings_by_place(path: Path, config: Config, project: Project) -> dict[str, Finding]:
    """Check one file. The keys are places as in the table. Raises SourceError."""
    data = path.read_bytes()
    places: list[str] = []
    if path.suffix == ".ipynb":
        data, places = notebook_script(data)
    findings = check(data, config, filename=str(path), project=project, fixes=False, noqa=False)
    source = data.decode("utf-8", "replace").splitlines()
    lines = [(remote_line(source, finding), finding) for finding in findings]
    return {places[line - 1] if places else str(line): finding for line, finding in lines}


def holds_remote(path: Path, place: str) -> bool:
    """Whether the labelled line is there and still says ``remote``."""
    try:
        data = path.read_bytes()
        if ":" in place:
            cell, line = (int(part) for part in place.split(":"))
            return "remote" in dict(code_cells(data))[cell][line - 1]
        return "remote" in data.decode("utf-8", "replace").splitlines()[int(place) - 1]
    except (OSError, IndexError, KeyError, ValueError):
        return False


def measure(folder: Path, labels: Iterable[Label], config: Config) -> Outcome:
    """Compare the findings with the labels; one project per repository."""
    outcome = Outcome()
    files: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in labels:
        files[label.repo, label.path].append(label)
    projects: dict[str, Project] = {}
    for (repo, relative), wanted in sorted(files.items()):
        root = folder / repo.replace("/", "__")
        path = root / relative
        found = [label for label in wanted if holds_remote(path, label.place)]
        outcome.lost += [label for label in wanted if label not in found]
        if not found:
            continue
        project = projects.get(repo)
        if project is None:
            project = projects[repo] = Project((str(root),))
        try:
            findings = findings_by_place(path, config, project)
        except SourceError as error:
            outcome.errors.append(str(error))
            findings = {}
        for label in found:
            score(outcome, label, findings.pop(label.place, None))
        outcome.unlabelled += [(repo, relative, p, f) for p, f in findings.items()]
    return outcome


def score(outcome: Outcome, label: Label, finding: Finding | None) -> None:
    """Enter one labelled site."""
    if label.verdict == "debatable":
        outcome.debatable.append((label, finding))
        return
    flag = label.verdict == "flag"
    if finding is not None:
        column = "right" if flag else "false"
    else:
        column = "missed" if flag else "silent"
    for tally in (outcome.by_kind[label.kind], outcome.by_source[label.repo], outcome.total):
        setattr(tally, column, getattr(tally, column) + 1)
    if column == "false" and finding is not None:
        outcome.false.append((label, finding))
    elif column == "missed":
        outcome.missed.append(label)


def report(outcome: Outcome, *, details: bool = True) -> str:
    """Return the whole result as text."""
    lines = []
    width = max(map(len, [*outcome.by_kind, *outcome.by_source, "total"]))
    for title, group in (("kind", outcome.by_kind), ("source", outcome.by_source)):
        lines.append(f"{title:{width}} right false missed silent precision recall")
        lines += [f"{name:{width}} {tally.row()}" for name, tally in sorted(group.items())]
        lines.append("")
    lines.append(f"{'total':{width}} {outcome.total.row()}")
    if details:
        for label, finding in outcome.false:
            lines += ["", f"FALSE ALARM {label.repo} {label.path}:{label.place} ({label.kind})"]
            lines += [f"  label: {label.reason}", f"  says: {finding.message}"]
            lines += [f"  because: {'; '.join(finding.evidence)}"]
        for label in outcome.missed:
            lines += ["", f"MISSED ALARM {label.repo} {label.path}:{label.place} ({label.kind})"]
            lines += [f"  label: {label.reason}"]
        for repo, path, place, finding in outcome.unlabelled:
            lines += ["", f"WITHOUT A LABEL {repo} {path}:{place}", f"  says: {finding.message}"]
            lines += [f"  because: {'; '.join(finding.evidence)}"]
    lines += [""]
    counts = Counter("flagged" if finding else "silent" for _, finding in outcome.debatable)
    lines.append(f"debatable, left out: {counts['flagged']} flagged, {counts['silent']} silent")
    lines.append(f"labelled places that were not found: {len(outcome.lost)}")
    lines += [f"  {label.repo} {label.path}:{label.place}" for label in outcome.lost]
    lines += [f"error: {error}" for error in outcome.errors]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; exit code 1 if the thresholds are not reached."""
    parser = argparse.ArgumentParser(description="Precision and recall on labelled real code.")
    parser.add_argument("folder", type=Path, help="holds one folder <owner>__<name> per source")
    parser.add_argument("labels", type=Path, help="the table of labelled places")
    parser.add_argument("--strict", action="store_true", help="also report unknown and unknown")
    parser.add_argument("--min-items", type=int, default=Config.min_items)
    parser.add_argument("--only", default="", help="only sources whose name contains this")
    parser.add_argument("--summary", action="store_true", help="figures only")
    parser.add_argument("--precision", type=float, default=0.0, help="exit 1 below this")
    parser.add_argument("--recall", type=float, default=0.0, help="exit 1 below this")
    options = parser.parse_args(arguments)
    labels = [label for label in read_labels(options.labels) if options.only in label.repo]
    if not labels:
        parser.error("no labels")
    config = Config(strict=options.strict, min_items=options.min_items)
    outcome = measure(options.folder, labels, config)
    print(report(outcome, details=not options.summary))
    reached = (
        outcome.total.precision >= options.precision and outcome.total.recall >= options.recall
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
