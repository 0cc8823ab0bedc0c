"""What a profile says, and what makes it stale."""

from __future__ import annotations

from pathlib import Path

from ray_lint.runtime.overlay import Overlay, project_root
from ray_lint.runtime.profile import function_digest, submission_column

SOURCE = b"""\
def one():
    return ray.get([f.remote(x) for x in y])

def two():
    return 2
"""


def test_a_digest_follows_its_function_alone() -> None:
    digest = function_digest(SOURCE, 2)
    assert digest == function_digest(b"# moved\n\n" + SOURCE.replace(b"= 2", b"= 3"), 4)
    assert digest != function_digest(SOURCE.replace(b"in y", b"in z"), 2)
    assert function_digest(b"def (", 1) == ""


def test_the_column_is_the_one_of_the_linter() -> None:
    assert submission_column(SOURCE, 2) == 21
    assert submission_column(SOURCE, 5) == 1


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
