"""The private copy of a project."""

from __future__ import annotations

from pathlib import Path

from ray_lint.runtime.overlay import Overlay, project_root


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
