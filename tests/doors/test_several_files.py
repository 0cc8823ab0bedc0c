"""Fixes that change the module of the remote function, too: all files or none."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ray_lint.core import check, fix
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability
from ray_lint.program.project import Project
from ray_lint.sources.files import write_together
from tests.doors.conftest import Command

TASKS = "import ray\n\n\n@ray.remote\ndef double(x):\n    return x * 2\n"
MAIN = (
    "import ray\nfrom tasks import double\n\n\ndef main(n=5_000):\n"
    "    return ray.get([double.remote(x) for x in range(n)])\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two programs that submit a function of a third file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "tasks.py").write_text(TASKS)
    (folder / "main.py").write_text(MAIN)
    (folder / "other.py").write_text(MAIN.replace("main(", "other("))
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.py"))}


def test_the_batch_function_stands_beside_the_task(command: Command, project: Path) -> None:
    done = command("--fix", project)
    assert done.stderr == "Fixed 2 findings in 3 files; 0 left.\n"
    fixed = contents(project)
    assert fixed["tasks.py"] == TASKS + (
        "\n\n@ray.remote\ndef double_batch(xs):\n    return [x * 2 for x in xs]\n"
    )
    for name in ("main.py", "other.py"):
        assert "from tasks import double, double_batch\n" in fixed[name]
        assert "double_batch.remote(batch)" in fixed[name]
    assert command("--fix", project).returncode == 0
    assert contents(project) == fixed


def test_a_diff_is_what_the_fix_does(command: Command, project: Path) -> None:
    before = contents(project)
    done = command("--diff", "project")
    assert done.returncode == 1 and contents(project) == before
    assert [line for line in done.stdout.splitlines() if line.startswith("+++")] == [
        f"+++ project/{name}.py" for name in ("main", "other", "tasks")
    ]
    subprocess.run(
        ["patch", "-p0", "--silent"],
        input=done.stdout,
        text=True,
        cwd=project.parent,
        check=True,
    )
    patched = contents(project)
    for name, content in before.items():
        (project / name).write_text(content)
    command("--fix", project)
    assert contents(project) == patched


def test_processes_and_the_cache_change_nothing(command: Command, project: Path) -> None:
    for number in range(8):
        (project / f"more{number}.py").write_text(MAIN)
    before = contents(project)
    assert "8 fixable" not in command("--output-format", "text", "project").stdout
    command("--fix", "--jobs", "4", "project")
    parallel = contents(project)
    for name, content in before.items():
        (project / name).write_text(content)
    command("--fix", "--jobs", "1", "--no-cache", "project")
    assert contents(project) == parallel
    assert parallel["tasks.py"].count("def double_batch") == 1


def test_files_that_were_not_given_stay_as_they_are(command: Command, project: Path) -> None:
    before = contents(project)
    done = command("--fix", project / "main.py")
    assert done.returncode == 1 and contents(project) == before
    shown = command("--output-format", "text", project / "main.py").stdout
    assert "not proven: it is defined in `tasks`, which is not among the files to fix" in shown
    # The cache knows which files were given.
    assert "fix: Submit `double` in batches, with a change of tasks.py" in (
        command("--output-format", "text", project / "main.py", project / "tasks.py").stdout
    )


def test_excluded_files_stay_as_they_are(command: Command, project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ray-lint]\nexclude = ["tasks.py"]\n')
    before = contents(project)
    command("--fix", project)
    assert contents(project) == before


def test_a_suppressed_finding_is_not_fixed(command: Command, project: Path) -> None:
    suppressed = MAIN.replace("range(n)])", "range(n)])  # noqa: RAY101")
    for name in ("main.py", "other.py"):
        (project / name).write_text(suppressed)
    before = contents(project)
    assert command("--fix", project).returncode == 0
    assert contents(project) == before


def test_no_file_changes_if_one_is_read_only(command: Command, project: Path) -> None:
    (project / "tasks.py").chmod(0o444)  # counts even for the superuser
    before = contents(project)
    done = command("--fix", project)
    assert done.returncode == 2
    assert "tasks.py: not written, the file is unchanged: the file is read-only" in done.stderr
    assert contents(project) == before


def test_all_or_none_are_written(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.py", "b.py", "c.py")]
    for path in files:
        path.write_bytes(b"old")
    changes = [(str(path), b"old", b"new") for path in files]
    write_together(changes)
    assert [path.read_bytes() for path in files] == [b"new"] * 3
    files[2].write_bytes(b"someone else's")
    with pytest.raises(SourceError, match="someone else changed"):
        write_together([(name, b"new", b"newer") for name, _, _ in changes])
    assert [path.read_bytes() for path in files] == [b"new", b"new", b"someone else's"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py", "c.py"]


def test_a_file_that_changes_while_the_first_ones_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("a.py", "b.py")]
    for path in files:
        path.write_bytes(b"old")
    real = os.replace

    def failing(source: str, target: str) -> None:
        if target.endswith("b.py"):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(SourceError, match="No space left"):
        write_together([(str(path), b"old", b"new") for path in files])
    assert [path.read_bytes() for path in files] == [b"old", b"old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py"]


def test_the_core_reads_and_returns_data(project: Path) -> None:
    before = contents(project)
    files = frozenset(map(str, project.glob("*.py")))
    known = Project((), files)
    main = project / "main.py"
    (finding,) = check(main.read_bytes(), filename=str(main), project=known)
    assert finding.fix is not None and finding.fix.applicability is Applicability.SAFE
    (other,) = finding.fix.others
    assert other.filename == str(project / "tasks.py")
    result = fix(main.read_bytes(), filename=str(main), project=known)
    (changed,) = result.others
    assert (changed.filename, changed.before) == (other.filename, TASKS.encode())
    assert b"double_batch" in changed.after
    assert contents(project) == before
    # The project still knows what is on disk.
    assert fix(main.read_bytes(), filename=str(main), project=known) == result


def test_json_and_sarif_name_the_other_file(command: Command, project: Path) -> None:
    (row, _) = json.loads(command("--output-format", "json", "project").stdout)
    places = [edit.get("filename") for edit in row["fix"]["edits"]]
    assert set(places) == {None, str(project / "tasks.py")}
    log = json.loads(command("--output-format", "sarif", "project").stdout)
    (sarif_fix,) = log["runs"][0]["results"][0]["fixes"]
    uris = [change["artifactLocation"]["uri"] for change in sarif_fix["artifactChanges"]]
    assert uris == ["project/main.py", "project/tasks.py"]


def test_findings_of_the_changed_file_stand_where_they_are(command: Command, project: Path) -> None:
    tasks = project / "tasks.py"
    tasks.write_text(
        TASKS + "\n\ndef left():\n    refs = []\n    for x in range(5_000):\n        try:\n"
        "            refs.append(double.remote(x))\n        except ValueError:\n"
        "            print(x)\n    return refs\n"
    )
    done = command("--fix", "project")
    after = tasks.read_text().splitlines()
    (line,) = [line for line in done.stdout.splitlines() if "tasks.py" in line]
    assert "double.remote(" in after[int(line.split(":")[1]) - 1]


def test_the_encoding_and_line_ends_of_the_other_file(command: Command, project: Path) -> None:
    head = "# -*- coding: latin-1 -*-\n# é\n"
    (project / "tasks.py").write_bytes((head + TASKS).replace("\n", "\r\n").encode("latin-1"))
    command("--fix", "project/main.py", "project/tasks.py")
    after = (project / "tasks.py").read_bytes()
    assert after.startswith((head + TASKS).replace("\n", "\r\n").encode("latin-1"))
    assert b"double_batch" in after and b"\n" not in after.replace(b"\r\n", b"")
