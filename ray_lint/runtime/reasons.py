"""Why there is nothing to verify in a file, and with which option there would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from ray_lint.config import Config
from ray_lint.core import FixResult, check
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability
from ray_lint.program.costs import cost_of
from ray_lint.program.module import parse
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee
from ray_lint.program.submissions import find_submissions
from ray_lint.sources.text import decode


def reasons(file: Path, source: bytes, config: Config, result: FixResult) -> list[str]:
    """Return in one phrase for each submission of the file why it has no fix, in source order.

    ``result`` is what fixing the file under ``config`` gave. Sites that are no finding are told
    with the option that makes them one, so that a fix can be measured against the linter's doubt.
    """
    found = [f"{file}: {result.error}"] if result.error else []
    for finding in result.left:
        if finding.code.startswith("RAY1"):
            fix = finding.fix
            why = fix.reason if fix is not None else "cannot be fixed"
            if fix is not None and fix.applicability is Applicability.UNSAFE:
                why += " (--unsafe-fixes measures it all the same)"
            found.append(f"{file}:{finding.start.line}: {finding.code} is left: {why}")
    return [*found, *_unreported(file, source, config)]


def _unreported(file: Path, source: bytes, config: Config) -> Iterator[str]:
    """Yield why sites are no findings, those that some options would make one."""
    known: dict[tuple[str, ...], dict[int, str]] = {}

    def lines(options: tuple[str, ...]) -> dict[int, str]:
        if options not in known:
            known[options] = _found(file, source, config, options)
        return known[options]

    told = lines(())
    costs = _costs(file, source, config)
    for line, symbol in sorted(lines(_OPTIONS).items()):
        if line in told:
            continue
        needed = next(options for options in _COMBINATIONS if line in lines(options))
        kind, reason = costs.get(line, ("unknown", ""))
        if kind == "heavy":
            why = f"a task of it is long enough: {reason}"
        elif needed == ("--min-items 1",):
            why = f"these are fewer than {config.min_items} submissions"
        else:
            why = "how many there are, or how long one takes, is not known" + (
                f": {reason}" if reason else ""
            )
        words = " ".join(f"{one} {symbol}" if one == "--known-tiny" else one for one in needed)
        yield (
            f"{file}:{line}: `{symbol}` is not reported, {why}; to measure a fix all the same: "
            f"{words}"
        )


_OPTIONS = ("--strict", "--min-items 1", "--known-tiny")
_COMBINATIONS = [
    options for count in range(1, 1 + len(_OPTIONS)) for options in combinations(_OPTIONS, count)
]


def _found(file: Path, source: bytes, config: Config, options: tuple[str, ...]) -> dict[int, str]:
    """Return the called names of the findings under more options, by line."""
    under = replace(
        config,
        strict=config.strict or "--strict" in options,
        min_items=1 if "--min-items 1" in options else config.min_items,
    )
    if "--known-tiny" in options:
        under = replace(under, known_tiny=("*",), known_heavy=())
    try:
        found = check(source, under, filename=str(file), fixes=False)
    except SourceError:
        return {}
    return {one.start.line: one.symbol for one in found if one.code.startswith("RAY1")}


def _costs(file: Path, source: bytes, config: Config) -> dict[int, tuple[str, str]]:
    """Return kind and reason of the cost of what is submitted, by the line of the call."""
    content = decode(source, str(file)).content
    project = Project(config.source_roots)
    module = project.add(content, parse(content, str(file)), str(file))
    found: dict[int, tuple[str, str]] = {}
    for submission in find_submissions(module):
        direct = submission.call.func is submission.handle
        callee = resolve_callee(project, module, submission.call if direct else submission.handle)
        cost = cost_of(
            project,
            callee,
            threshold=config.task_threshold,
            known_heavy=config.known_heavy,
            known_tiny=config.known_tiny,
        )
        found[submission.call.lineno] = cost.kind, cost.reason
    return found
