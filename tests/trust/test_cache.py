"""The cache gives the answer that looking again would give, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ray_lint.cli import cache, command, examine, main

TASKS = "import ray\n\nCOUNT = 5_000\n\n\n@ray.remote\ndef work(x):\n    return x + 1\n"
MAIN = """\
import ray

from pkg.tasks import COUNT, work

ray.get([work.remote(i) for i in range(COUNT)])
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose finding in ``main.py`` rests on two other files."""
    (tmp_path / "pyproject.toml").write_text("")
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text(TASKS)
    (tmp_path / "main.py").write_text(MAIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, int]]:
    """Return exit code, output, and how many files were really looked at."""
    looked: list[str] = []
    check = examine.check

    def counting(*args: object, **kwargs: object) -> object:
        looked.append(str(kwargs["filename"]))
        return check(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(examine, "check", counting)

    def run(*options: str) -> tuple[int, str, int]:
        looked.clear()
        code = main([".", "--jobs=1", *options])
        return code, capsys.readouterr().out, len(looked)

    return run


Run = Callable[..., tuple[int, str, int]]


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif"])
def test_a_second_run_says_the_same_without_looking(run: Run, form: str) -> None:
    code, output, looked = run(f"--output-format={form}")
    assert (code, looked) == (1, 1)
    assert "RAY101" in output
    assert run(f"--output-format={form}") == (code, output, 0)
    assert run(f"--output-format={form}", "--no-cache") == (code, output, 1)


def _write(name: str, content: str) -> Callable[[Path], object]:
    return lambda tree: (tree / name).write_text(content)


def _rename_package(tree: Path) -> None:
    (tree / "pkg").rename(tree / "other")


CHANGES = {
    "the file itself": _write("main.py", MAIN + "\n"),
    "a constant elsewhere": _write("pkg/tasks.py", TASKS.replace("5_000", "5")),
    "a task elsewhere": _write("pkg/tasks.py", TASKS.replace("return", "import time\n    return")),
    "the package": _write("pkg/__init__.py", "import os\n"),
    "a file that is gone": lambda tree: (tree / "pkg/tasks.py").unlink(),
    "a folder that is gone": _rename_package,
    "a package before the module": lambda tree: (
        (tree / "pkg/tasks").mkdir(),
        (tree / "pkg/tasks/__init__.py").write_text(TASKS.replace("5_000", "6")),
    ),
    "a package around": _write("__init__.py", ""),
    "settings": _write("ray-lint.toml", "min-items = 6000\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_matters_is_noticed(
    tree: Path, run: Run, change: Callable[[Path], object]
) -> None:
    run()
    change(tree)
    assert run()[:2] == run("--no-cache")[:2]
    code, output, looked = run()
    assert looked == 0
    assert (code, output) == run("--no-cache")[:2]


def test_what_does_not_matter_is_not_looked_at_again(tree: Path, run: Run) -> None:
    run()
    (tree / "other.py").write_text("import pkg\n")
    os.utime(tree / "main.py", (1, 1))
    assert run()[2] == 0


def test_another_version_has_entries_of_its_own(
    tree: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setattr(cache, "_program", lambda: "0")
    assert run()[2] == 1
    assert run()[2] == 0


def entries(tree: Path) -> list[Path]:
    return [p for p in (tree / cache.NAME).glob("*/*") if p.is_file()]


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "another bit": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "no checksum": lambda data: data.partition(b"\n")[2],
    "zeros": lambda data: bytes(len(data)),
    "another entry": lambda data: _signed(b"{}"),
    "no object": lambda data: _signed(b"[1]"),
    "deep": lambda data: _signed(b"[" * 100_000),
    "not JSON": lambda data: _signed(b"\xff"),
}


def _signed(body: bytes) -> bytes:
    return cache._hash(body).encode() + b"\n" + body


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_a_miss(tree: Path, run: Run, damage: Callable[[bytes], bytes]) -> None:
    code, output, _ = run()
    found = entries(tree)
    assert len(found) == 1
    for entry in found:
        entry.write_bytes(damage(entry.read_bytes()))
    assert run() == (code, output, 1)
    assert run() == (code, output, 0)


def test_the_directory_is_marked_and_ignored(tree: Path, run: Run) -> None:
    run()
    assert (tree / cache.NAME / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f59")
    assert (tree / cache.NAME / ".gitignore").read_text() == "*\n"
    (tree / cache.NAME / "more.py").write_text(MAIN)
    assert run()[2] == 0


def test_nothing_is_written_without_need(tree: Path, run: Run) -> None:
    run("--no-cache")
    assert not (tree / cache.NAME).exists()
    (tree / "main.py").unlink()
    run()
    assert not (tree / cache.NAME).exists()
    (tree / "main.py").write_text(MAIN)
    run("--cache-dir=elsewhere")
    assert not (tree / cache.NAME).exists()
    assert run("--cache-dir=elsewhere")[2] == 0


def test_a_foreign_directory_is_left_alone(tree: Path, run: Run) -> None:
    outside = tree / "outside"
    outside.mkdir()
    (tree / cache.NAME).symlink_to(outside)
    expected = run("--no-cache")
    assert run() == expected
    assert list(outside.iterdir()) == []
    (tree / cache.NAME).unlink()
    (tree / cache.NAME).mkdir()
    assert run() == expected
    assert list((tree / cache.NAME).iterdir()) == []
    (tree / cache.NAME).rmdir()
    (tree / cache.NAME).write_text("a file")
    assert run() == expected


def test_a_cache_that_cannot_be_written(tree: Path, run: Run) -> None:
    expected = run("--no-cache")
    assert run("--cache-dir=main.py/below") == expected
    assert (tree / "main.py").read_text() == MAIN


def test_fixing_knows_clean_files(tree: Path, run: Run) -> None:
    (tree / "main.py").write_text(MAIN.replace("range(COUNT)", "range(3)"))
    assert run()[0] == 0
    for option in ("--fix", "--diff", "--add-noqa"):
        assert run(option) == (0, "", 0)
    (tree / "main.py").write_text(TASKS + "\n\nray.get([work.remote(i) for i in range(COUNT)])\n")
    assert run()[0] == 1
    code, diff, _ = run("--diff")
    assert code == 1
    assert diff.startswith("--- ")
    assert run("--fix")[0] == 0
    assert run()[0] == 0


def test_many_runs_at_once(tree: Path) -> None:
    for number in range(20):
        (tree / f"main{number}.py").write_text(MAIN)
    line = [sys.executable, "-m", "ray_lint", ".", "--jobs=1", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cache.__file__).parents[2])}
    expected = subprocess.run(
        [*line, "--no-cache"], capture_output=True, check=False, env=environment
    )
    running = [subprocess.Popen(line, stdout=subprocess.PIPE, env=environment) for _ in range(4)]
    assert {process.communicate()[0] for process in running} == {expected.stdout}
    assert not list((tree / cache.NAME).glob("*/*.tmp"))
    assert len(entries(tree)) == 21


@pytest.fixture
def quick(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, bool]]:
    """Return the exit code of a run over a file without a candidate, and whether it was short."""
    (tree / "plain.py").write_text("x = 1\n")
    run = command.run
    runs: list[list[str]] = []

    def counting(arguments: list[str]) -> int:
        runs.append(arguments)
        return run(arguments)

    monkeypatch.setattr(command, "run", counting)

    def quick(*arguments: str) -> tuple[int, bool]:
        runs.clear()
        return main(["plain.py", *arguments]), not runs

    return quick


def test_right_settings_are_read_once(tree: Path, quick: Callable[..., tuple[int, bool]]) -> None:
    assert quick() == (0, True)  # no settings
    assert not (tree / cache.NAME).exists()
    (tree / "ray-lint.toml").write_text("min-items = 300\n")
    assert quick("--no-cache") == (0, False)
    assert not (tree / cache.NAME).exists()
    assert quick() == (0, False)
    assert quick() == (0, True)
    assert quick("--force-exclude", "--fix") == (0, True)
    (tree / "ray-lint.toml").write_text("min-items = 301\n")
    assert quick() == (0, False)
    assert quick() == (0, True)


@pytest.mark.parametrize("name", ["ray-lint.toml", "pyproject.toml"])
def test_wrong_settings_are_told_each_time(
    tree: Path, quick: Callable[..., tuple[int, bool]], name: str
) -> None:
    head = "[tool.ray_lint]\n" if name == "pyproject.toml" else ""
    (tree / name).write_text(f"{head}min-items = -1\n")
    assert quick() == (2, False)
    assert quick() == (2, False)


def test_a_note_is_not_written_through_a_link(
    tree: Path, quick: Callable[..., tuple[int, bool]]
) -> None:
    outside = tree / "outside"
    outside.mkdir()
    (tree / "ray-lint.toml").write_text("min-items = 300\n")
    (tree / cache.NAME).symlink_to(outside)
    assert quick() == (0, False)
    assert quick() == (0, False)
    assert list(outside.iterdir()) == []
