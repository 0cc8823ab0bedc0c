"""Fixes that change several files: measured together, written together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ray_lint.runtime import Inputs, Options, Verdict, verify
from ray_lint.runtime.api import apply_confirmed
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.fixes import fix_files

TASKS = """\
import ray


@ray.remote
def double(x):
    return x * 2


def own():
    return ray.get([double.remote(x) for x in range(300)])
"""
MAIN = """\
import ray
from tasks import double, own

ray.init()
print(sum(ray.get([double.remote(x) for x in range(300)])), len(own()))
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "main.py").write_text(MAIN)
    return [tmp_path / "main.py", tmp_path / "tasks.py"]


@pytest.mark.parametrize("turned", [False, True])
def test_files_see_what_the_fixes_of_others_made_of_them(files: list[Path], turned: bool) -> None:
    main, tasks = files
    given = files[::-1] if turned else files
    fixes = fix_files(Inputs().over(given), given)
    assert fixes.original == {main: MAIN.encode(), tasks: TASKS.encode()}
    assert fixes.around([main]) == [main, tasks]
    for file in files:
        lines = fixes.fixed[file].decode().splitlines()
        (applied,) = fixes.applied[file]
        shown = [lines[number - 1] for part in applied.lines for number in part]
        assert any("double_batch.remote(batch)" in line for line in shown), file
    assert fixes.fixed[tasks].count(b"def double_batch") == 1
    assert main.read_text() == MAIN and tasks.read_text() == TASKS


def test_files_that_were_not_given_stay(files: list[Path]) -> None:
    fixes = fix_files(Inputs().over(files[:1]), files[:1])
    (left,) = fixes.results[files[0]].left
    assert left.fix is not None and "not among the files to fix" in left.fix.reason
    assert not fixes.fixed


@pytest.mark.ray
def test_both_files_are_laid_out_and_written(files: list[Path], cluster: Cluster) -> None:
    main, tasks = files
    inputs = Inputs().over([main.parent])
    command = (sys.executable, str(main))
    report = verify([main.parent], command, Options(repeat=1), inputs, cluster=cluster)
    assert not report.error, str(report)
    assert len(report.sites) == 2
    for site in report.sites:
        assert (site.before.submissions, site.values) == (300, "equal")
        assert site.after.submissions < 100
        site.verdict = Verdict.CONFIRMED  # whatever the load of this machine says
    assert set(apply_confirmed(report, inputs)) == {main, tasks}
    assert "double_batch" in main.read_text() and "def double_batch" in tasks.read_text()
    assert apply_confirmed(report, inputs) == []
