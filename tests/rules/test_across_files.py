"""Findings that rest on other files of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_lint.core import check
from ray_lint.program.project import Project

TASKS = "import ray\n\n@ray.remote\ndef empty():\n    pass\n"
BENCH = (
    "import ray\nfrom pkg import tasks\n\nray.get([tasks.empty.remote() for _ in range(5_000)])\n"
)


@pytest.mark.parametrize("folder", ["", "src", "python", "lib"])
def test_packages_are_found_in_the_usual_folders(tmp_path: Path, folder: str) -> None:
    package = tmp_path / folder / "pkg"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text(TASKS)
    script = tmp_path / "test" / "bench.py"
    script.parent.mkdir()
    script.write_text(BENCH)
    findings = check(script.read_bytes(), filename=str(script), project=Project(), fixes=False)
    assert [(f.code, f.start.line) for f in findings] == [("RAY101", 4)]


def test_unfound_packages_stay_unknown(tmp_path: Path) -> None:
    script = tmp_path / "bench.py"
    script.write_text(BENCH)
    assert check(script.read_bytes(), filename=str(script), project=Project(), fixes=False) == []
