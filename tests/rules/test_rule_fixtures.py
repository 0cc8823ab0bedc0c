"""The annotated programs under ``fixtures/rules``: what must be flagged, and what must not.

``# expect: CODE`` on the line of a submission says that this rule reports it, ``# ok: reason``
that no rule does. Each submission inside of a loop carries one of the two.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

from ray_lint.config import Config
from ray_lint.core import check
from ray_lint.program.project import Project

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules"
FILES = sorted(FIXTURES.rglob("*.py"))
EXPECTATION = re.compile(r"#\s*(?:expect: (?P<codes>RAY\d{3})|ok: (?P<reason>\S.*))$")


def expectations(source: str) -> tuple[dict[int, str], set[int]]:
    """Return the expected code by line, and the lines that must stay silent."""
    expected: dict[int, str] = {}
    silent: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        match = EXPECTATION.search(token.string)
        if match and match["codes"]:
            expected[token.start[0]] = match["codes"]
        elif match:
            silent.add(token.start[0])
    return expected, silent


def identify(path: Path) -> str:
    return str(path.relative_to(FIXTURES))


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_findings_are_as_annotated(path: Path) -> None:
    expected, silent = expectations(path.read_text(encoding="utf-8"))
    findings = check(
        path.read_bytes(), Config(), filename=str(path), project=Project(), fixes=False
    )
    found = {f.start.line: f.code for f in findings}
    false = {line: code for line, code in found.items() if line not in expected}
    missed = {line: code for line, code in expected.items() if line not in found}
    assert (false, missed) == ({}, {}), "false alarms, missed alarms"
    assert found == expected
    assert not silent & found.keys()


def test_both_sides_are_covered() -> None:
    sides = [expectations(path.read_text(encoding="utf-8")) for path in FILES]
    assert sum(len(expected) for expected, _ in sides) > 20
    assert sum(len(silent) for _, silent in sides) > 60


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_every_finding_gives_its_evidence(path: Path) -> None:
    for finding in check(path.read_bytes(), filename=str(path), project=Project(), fixes=False):
        how_many, how_long, *background = finding.evidence
        assert how_many in finding.message
        assert how_long in finding.message
        assert background[0].startswith(f"`{finding.symbol}` is a")
        assert background[-1]
