"""Fixes that span files, and where their sites stand before and after."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ray_lint.errors import UsageError
from ray_lint.runtime import Options, Report, SiteReport, Verdict, verify
from ray_lint.runtime.api import apply_confirmed
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.fixes import Fixes
from ray_lint.runtime.inputs import Inputs

TASKS = """\
import ray

SCALE = 2


@ray.remote
def double(x):
    return x * SCALE


def own():
    return ray.get([double.remote(x) for x in range(300)])
"""
MAIN = """\
import ray

import tasks
from tasks import double


def main():
    results = ray.get([double.remote(x) for x in range(400)])
    more = ray.get([double.remote(x) for x in range(500)])
    return results + more + tasks.own()


print(sum(main()))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "main.py").write_text(MAIN)
    return tmp_path


def submitting(source: bytes, ranges: tuple[tuple[int, int], ...]) -> list[str]:
    lines = source.decode().splitlines()
    return [
        line.strip()
        for first, last in ranges
        for line in lines[first - 1 : last]
        if ".remote(" in line
    ]


@pytest.mark.parametrize("order", [("main.py", "tasks.py"), ("tasks.py", "main.py")])
def test_sites_stand_where_they_are_in_the_end(project: Path, order: tuple[str, ...]) -> None:
    fixes = Fixes(Inputs(), [Path(name) for name in order])
    for name in order:
        assert fixes.fix(Path(name)).applied
    assert set(fixes.fixed) == {Path("main.py"), Path("tasks.py")}
    assert fixes.original == {Path("main.py"): MAIN.encode(), Path("tasks.py"): TASKS.encode()}
    where = {(site.file.name, site.line) for site in fixes.sites}
    assert where == {("main.py", 8), ("main.py", 9), ("tasks.py", 12)}
    for site in fixes.sites:
        (before,) = submitting(fixes.original[site.file], site.before)
        (after,) = submitting(fixes.fixed[site.file], site.after)
        assert "double.remote(x)" in before
        assert "double_batch" in after
    for name, content in fixes.fixed.items():
        compile(content, str(name), "exec")


def column(source: str, line: int) -> int:
    return source.splitlines()[line - 1].index("double.remote") + 1


@pytest.mark.parametrize(
    "places",
    [
        [("main.py", 9)],
        [("tasks.py", 12)],
        [("tasks.py", 12), ("main.py", 8)],
        [("main.py", 8), ("tasks.py", 12)],
        [("main.py", 8), ("main.py", 9), ("tasks.py", 12)],
    ],
)
def test_confirmed_fixes_are_written_with_what_they_need(
    project: Path, places: list[tuple[str, int]]
) -> None:
    texts = {"main.py": MAIN, "tasks.py": TASKS}
    sites = tuple(
        SiteReport(name, line, column(texts[name], line), "RAY101", "double", Verdict.CONFIRMED)
        for name, line in places
    )
    apply_confirmed(Report(sites=sites, files=("main.py", "tasks.py")))
    after = {name: (project / name).read_text() for name in texts}
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if "double.remote" in line:
                assert (line in after[name]) is ((name, number) not in places), (name, number)
        compile(after[name], name, "exec")
    assert after["tasks.py"].count("def double_batch") == 1, "shared by both files"
    if ("main.py", 9) not in places and ("main.py", 8) not in places:
        assert after["main.py"] == MAIN


def test_a_file_that_is_not_given_is_not_changed(project: Path) -> None:
    with pytest.raises(UsageError, match="`tasks`, which is not among the files to fix"):
        verify([Path("main.py")])


def test_a_module_that_does_not_mention_ray_can_be_changed(project: Path) -> None:
    (project / "plain.py").write_text("def double(x):\n    return x * 2\n")
    (project / "main.py").write_text(
        "import ray\n\nfrom plain import double\n\n"
        "remote = ray.remote(double)\n"
        "print(ray.get([remote.remote(x) for x in range(400)]))\n"
    )
    inputs = Inputs()
    assert inputs.files([Path()]) == [Path("main.py"), Path("tasks.py")]
    assert Path("plain.py") in inputs.editable([Path()])


@pytest.mark.ray
def test_a_fix_that_spans_files_is_measured(project: Path, cluster: Cluster) -> None:
    paths = [Path("main.py"), Path("tasks.py")]
    options = Options(repeat=1)
    result = verify(paths, (sys.executable, "main.py"), options, cluster=cluster)
    assert result.error == ""
    assert {(one.path, one.line): one.before.submissions for one in result.sites} == {
        ("main.py", 8): 400,
        ("main.py", 9): 500,
        ("tasks.py", 12): 300,
    }
    for site in result.sites:
        assert site.values == "equal"
        assert 0 < site.after.submissions < 40
        assert "double_batch" in site.code_after
    assert (project / "tasks.py").read_text() == TASKS
