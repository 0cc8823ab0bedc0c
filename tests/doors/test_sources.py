"""Finding files, ignore files, atomic writes."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ray_lint.errors import SourceError
from ray_lint.sources.discovery import find_sources
from ray_lint.sources.files import write
from ray_lint.sources.gitignore import IgnoreFiles
from tests.doors.conftest import environment


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def found(root: Path, *paths: str, **options: bool) -> list[str]:
    errors: list[SourceError] = []
    here = Path.cwd()
    os.chdir(root)
    try:
        result = list(find_sources(paths or ["."], errors.append, **options))
    finally:
        os.chdir(here)
    assert errors == []
    return result


def test_python_and_notebooks_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a/z.py", "a/y.ipynb", "c.pyw", "d.txt", "e", "é ü.py")
    assert found(tmp_path) == ["./a/y.ipynb", "./a/z.py", "./b.py", "./c.pyw", "./é ü.py"]
    assert found(tmp_path, "e", "a", "a/z.py") == ["e", "a/y.ipynb", "a/z.py"]


def test_what_is_not_the_users_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, ".venv/a.py", "env/pyvenv.cfg", "env/b.py", ".git/c.py", "x/__pycache__/d.py")
    assert found(tmp_path) == []
    assert found(tmp_path, "env") == ["env/b.py"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "in/a.py", "out/b.py")
    (tmp_path / "in/dir").symlink_to(tmp_path / "out")
    (tmp_path / "in/b.py").symlink_to(tmp_path / "out/b.py")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    assert found(tmp_path, "in") == ["in/a.py"]
    assert found(tmp_path, "in/b.py") == ["in/b.py"]


def test_a_deep_tree(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(400):
            Path("d").mkdir()
            os.chdir("d")
        Path("a.py").write_text("")
    finally:
        os.chdir(here)
    assert len(found(tmp_path)) == 1


PATTERNS = [
    "a", "/a", "a/", "b.py", "*.py", "!b.py", "a/*.py", "a/**", "**/b", "a/**/c", "!a/", "[ab].py",
    "[!a].py", "?", "\\!x", "# no", "a/b/", "/*", "!/a", "c*", "**", "a**b", "x/", "!x/b.py", "[z",
    "b.py ", "b\\ ", "*/b.py", "/**/c.py", "**/x/**", "[a-c].py", "é*", "\\#.py",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_git_ignores_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = ["a", "b", "c", "x"]
    files = ["b.py", "a.py", "c.py", "é.py", "#.py"]
    for _ in range(30):
        parts = rng.choices(names, k=rng.randrange(4))
        make(tmp_path, "/".join([*parts, rng.choice(files)]))
    for folder in ["", *{str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_dir()}]:
        if not folder or rng.random() < 0.2:
            lines = rng.choices(PATTERNS, k=4)
            (tmp_path / folder / ".gitignore").write_text("\n".join(lines) + "\n")
    git = ["git", "-c", "core.excludesFile=", "-c", "core.quotePath=false"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = sorted(f"./{x}" for x in listed.stdout.split("\0") if x.endswith(".py"))
    assert sorted(found(tmp_path)) == expected
    assert len(found(tmp_path, gitignore=False)) >= len(expected)


def test_ignore_files_above_the_start_count(tmp_path: Path) -> None:
    make(tmp_path, "a/b/x.py", "a/b/y.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / "a/.gitignore").write_text("b/x.py\n")
    assert found(tmp_path / "a" / "b") == ["./y.py"]
    assert IgnoreFiles.around(str(tmp_path.parent)) is None


def test_a_write_keeps_permissions_and_links(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o751)
    link = tmp_path / "link.py"
    link.symlink_to("a.py")
    write(str(link), b"old", b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.py", "link.py"]


def test_a_change_by_someone_else_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"theirs")
    with pytest.raises(SourceError, match="unchanged: someone else changed"):
        write(str(path), b"old", b"new")
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="file is unchanged: No space left on device"):
        write(str(path), b"old", b"new")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_kill_at_any_time_leaves_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    old, new = b"a" * 200_000, b"b" * 200_000
    path.write_bytes(old)
    code = (
        "import sys; from ray_lint.sources.files import write\n"
        "path, a, b = sys.argv[1], b'a' * 200_000, b'b' * 200_000\n"
        "if open(path, 'rb').read() == b: a, b = b, a\n"
        "print('go', flush=True)\n"
        "while True:\n    write(path, a, b); a, b = b, a\n"
    )
    rng = random.Random(3)
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            env=environment(),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert path.read_bytes() in (old, new)
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".py" and p != path]
