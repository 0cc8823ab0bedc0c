"""Every annotated program in every mode: the same findings at the same places through all doors.

``tests/rules/test_rule_fixtures.py`` holds the programs against their annotations; here each mode
must give what the core gives.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ray_lint.core import check, fix
from ray_lint.finding import Finding
from ray_lint.program.project import Project
from tests.rules.test_rule_fixtures import FILES, FIXTURES, identify

ROOT = Path(__file__).parents[1]
PLUGIN = """
[flake8:local-plugins]
extension =
    RAY = ray_lint.flake8:Plugin
paths = {root}
"""


def found(source: bytes, path: Path) -> list[Finding]:
    return check(source, filename=str(path), project=Project(), fixes=False)


def places(findings: list[Finding]) -> list[tuple[int, int, str]]:
    return [(f.start.line, f.start.column, f.code) for f in findings]


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple[int, int, str]]]:
    """What the core finds, by file."""
    return {str(path): places(found(path.read_bytes(), path)) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_fixtures_compile_and_submit_somewhere(path: Path) -> None:
    compile(path.read_bytes(), str(path), "exec")
    inside_package = path.parent.parent != FIXTURES
    assert inside_package or b".remote" in path.read_bytes()


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_windows_line_endings_change_nothing(path: Path) -> None:
    source = path.read_bytes()
    windows = source.replace(b"\n", b"\r\n")
    assert places(found(windows, path)) == places(found(source, path))


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_the_tree_of_the_caller_gives_the_same(path: Path) -> None:
    source = path.read_bytes()
    given = check(
        source, filename=str(path), tree=ast.parse(source), project=Project(), fixes=False
    )
    assert places(given) == places(found(source, path))


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_every_finding_can_be_silenced_and_is_then_not_fixed(path: Path) -> None:
    source = path.read_bytes()
    lines = source.decode().splitlines(keepends=True)
    for finding in found(source, path):
        # At the end of the statement: flake8 reads the comment for the whole logical line.
        statement = min(
            (
                node
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.stmt)
                and node.lineno <= finding.start.line <= (node.end_lineno or 0)
            ),
            key=lambda node: (node.end_lineno or 0) - node.lineno,
        )
        last = (statement.end_lineno or 1) - 1
        if "noqa" not in lines[last]:
            text = lines[last].rstrip("\n")
            lines[last] = f"{text}  # noqa: {finding.code}\n"
    silenced = "".join(lines).encode()
    assert found(silenced, path) == []
    assert fix(silenced, filename=str(path), project=Project()).source == silenced


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_a_second_fix_changes_nothing(path: Path) -> None:
    source = path.read_bytes()
    once = fix(source, filename=str(path), project=Project())
    assert once.error == ""
    assert (once.source != source) == bool(once.applied)
    twice = fix(once.source, filename=str(path), project=Project())
    assert twice.source == once.source


def test_the_command_finds_the_same(expected: dict[str, list[tuple[int, int, str]]]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ray_lint", "--isolated", "--output-format", "jsonl", str(FIXTURES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    seen: dict[str, list[tuple[int, int, str]]] = {path: [] for path in expected}
    for line in run.stdout.splitlines():
        record = json.loads(line)
        if "code" in record:
            path = str(ROOT / record["filename"])
            place = record["location"]["row"], record["location"]["column"] - 1, record["code"]
            seen[path].append(place)
    assert seen == expected


def test_flake8_finds_the_same(
    expected: dict[str, list[tuple[int, int, str]]], tmp_path: Path
) -> None:
    pytest.importorskip("flake8")
    config = tmp_path / "flake8.ini"
    # An installed package registers itself; a second registration would double its findings.
    installed = any(e.name == "RAY" for e in entry_points(group="flake8.extension"))
    config.write_text("[flake8]\n" if installed else PLUGIN.format(root=ROOT), encoding="utf-8")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "flake8", "--config", str(config), "-j1"),
            *("--format", "%(path)s\t%(row)d\t%(col)d\t%(code)s", "--select", "RAY"),
            *map(str, FILES),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    seen: dict[str, list[tuple[int, int, str]]] = {path: [] for path in expected}
    for line in run.stdout.splitlines():
        path, row, column, code = line.split("\t")
        seen[path].append((int(row), int(column) - 1, code))
    assert {path: sorted(places) for path, places in seen.items()} == expected
