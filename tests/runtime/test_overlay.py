"""The private copy of a project."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ray_lint.errors import UsageError
from ray_lint.runtime import overlay as module
from ray_lint.runtime.overlay import Overlay, project_root
from ray_lint.runtime.program import run


def test_the_copy_never_touches_the_original(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "data" / "in.txt").write_text("old")
    (root / "program.py").write_text("before")
    (root / ".git").mkdir()
    assert project_root([root / "data" / "in.txt"]) == root
    overlay = Overlay(root, root / "folder")  # as with a TMPDIR inside the project
    overlay.lay({root / "program.py": b"after"})
    assert not (overlay.tree / "folder").exists()
    assert overlay.mapped(root / "program.py").read_text() == "after"
    (overlay.tree / "data" / "in.txt").write_text("new")
    assert not (overlay.tree / ".git").exists()
    overlay.lay({})
    assert overlay.mapped(root / "program.py").read_text() == "before"
    assert (overlay.tree / "data" / "in.txt").read_text() == "old"
    assert (root / "data" / "in.txt").read_text() == "old"
    assert overlay.mapped_word(f"{root}/program.py") == str(overlay.tree / "program.py")
    assert overlay.mapped(tmp_path / "elsewhere") == tmp_path / "elsewhere"


def test_environments_are_linked_and_caches_left_out(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for folder in (".venv-demo/lib", "conda/conda-meta", "node_modules", "__pycache__", "src"):
        (root / folder).mkdir(parents=True)
    (root / ".venv-demo" / "pyvenv.cfg").touch()
    (root / "src" / "data.txt").touch()
    (root / "latest").symlink_to(root / "src" / "data.txt")
    overlay = Overlay(root, tmp_path / "folder")
    overlay.lay({})
    links = {path.name for path in overlay.tree.iterdir() if path.is_symlink()}
    assert links == {".venv-demo", "conda", "node_modules", "latest"}
    assert not (overlay.tree / "__pycache__").exists()
    assert (overlay.tree / "latest").resolve() == (overlay.tree / "src" / "data.txt").resolve()
    with pytest.raises(UsageError, match="installed packages are not copied"):
        overlay.lay({root / ".venv-demo" / "lib" / "module.py": b""})
    assert list((root / ".venv-demo" / "lib").iterdir()) == []


@pytest.mark.parametrize(
    ("code", "harmed"),
    [
        ("open('large.bin', 'r+b').write(b'new')", False),
        ("open('large.bin', 'ab').close(); assert open('large.bin').read() == 'x' * 99", False),
        ("import os; os.remove('large.bin'); open('large.bin', 'w').close()", False),
        ("import os; os.truncate('large.bin', 3)", False),
        ("import ctypes; ctypes.CDLL(None).truncate(b'large.bin', ctypes.c_long(3))", True),
    ],
)
def test_large_files_are_copied_when_written(
    tmp_path: Path, code: str, harmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 50)
    root = tmp_path / "project"
    root.mkdir()
    (root / "large.bin").write_text("x" * 99)
    os.utime(root / "large.bin", ns=(1, 1))
    overlay = Overlay(root, tmp_path / "folder")
    overlay.lay({})
    assert (overlay.tree / "large.bin").is_symlink()
    result = run(
        overlay,
        [sys.executable, "-c", code],
        [],
        cluster={"RAY_ADDRESS": "none"},
        mode="time",
        watch=[],
        timeout=60,
        folder=tmp_path / "records",
        cwd=root,
    )
    assert result.failure == ""
    assert bool(overlay.damaged()) is harmed
    assert ((root / "large.bin").read_text() == "x" * 99) is not harmed
