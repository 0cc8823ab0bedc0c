"""The pre-commit hooks, by really running pre-commit in a temporary repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doors.conftest import ROOT
from tests.doors.docs import blocks
from tests.doors.samples import CLEAN, FINDING

pytest.importorskip("pre_commit")
yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.slow

UNUSED = "x = 1  # noqa: RAY101\n"
GIT = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "PIP_NO_COMPILE": "1",  # to save time: the environments are used a few times only
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **GIT},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This working tree as a repository that hooks can be taken from."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    copy = tmp_path_factory.mktemp("hooks") / "ray-lint"
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "fixtures/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    git(copy, "init", "-q", "-b", "main")
    git(copy, "add", "-A")
    git(copy, "commit", "-qm", "state of the work tree")
    return copy


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environments of one test run."""
    return tmp_path_factory.mktemp("pre-commit-home")


class Repository:
    """A user's repository."""

    def __init__(self, folder: Path, home: Path, config: str) -> None:
        self.folder = folder
        self.home = home
        git(folder, "init", "-q", "-b", "main")
        (folder / ".pre-commit-config.yaml").write_text(config)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "start")

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        git(self.folder, "add", "-A")
        return path

    def run(self, *arguments: str) -> tuple[int, str]:
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GIT_DIR")}
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", *arguments],
            cwd=self.folder,
            env={**env, **GIT, "PRE_COMMIT_HOME": str(self.home)},
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        return done.returncode, done.stdout + done.stderr


def documented(hook: str) -> dict[str, Any]:
    """Return what the documentation tells users to write for a hook: repository and options."""
    for block in blocks(ROOT / "docs" / "ci.md"):
        config = yaml.safe_load(block.text) if block.language == "yaml" else {}
        for repo in config.get("repos", ()):
            chosen = [entry for entry in repo["hooks"] if entry["id"] == hook]
            if chosen:
                return {"repo": repo["repo"], "rev": repo["rev"], "hooks": chosen}
    raise AssertionError(f"the documentation does not show {hook}")


def repository(tmp_path: Path, home: Path, hooks: Path, hook: str) -> Repository:
    """Take the hook as documented, from this work tree instead of its public place."""
    shown = documented(hook)
    shown.update(repo=str(hooks), rev=git(hooks, "rev-parse", "HEAD").strip())
    return Repository(tmp_path, home, yaml.safe_dump({"repos": [shown]}))


def notebook(source: str) -> dict[str, Any]:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source.splitlines(True)}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def test_the_lint_hook(tmp_path: Path, home: Path, hooks: Path) -> None:
    user = repository(tmp_path, home, hooks, "ray-lint")
    code, out = user.run()
    assert (code, "no files to check" in out) == (0, True), out  # nothing staged
    user.write("plain.py", CLEAN)
    assert user.run()[0] == 0
    user.write("with space é.py", FINDING)
    code, out = user.run()
    assert code == 1
    assert "with space é.py:9:20: RAY101" in out
    git(user.folder, "rm", "-q", "--cached", "with space é.py")
    (user.folder / "with space é.py").unlink()
    user.write("book.ipynb", json.dumps(notebook(FINDING)))
    code, out = user.run()
    assert code == 1
    assert "book.ipynb:cell 1:9:20: RAY101" in out
    user.write("ray-lint.toml", 'exclude = ["*.ipynb"]\n')
    assert user.run()[0] == 0
    git(user.folder, "commit", "-qm", "all")
    git(user.folder, "rm", "-q", "plain.py")
    assert user.run()[0] == 0  # a deleted file
    assert not list(home.glob("**/site-packages/ray"))
    assert list(home.glob("**/site-packages/libcst"))


def test_the_fix_hook(tmp_path: Path, home: Path, hooks: Path) -> None:
    user = repository(tmp_path, home, hooks, "ray-lint-fix")
    code, out = user.run()
    assert (code, "no files to check" in out) == (0, True), out  # nothing staged
    path = user.write("a b.py", UNUSED)
    batched = user.write("tâche.py", FINDING)
    book = user.write("büch 1.ipynb", json.dumps(notebook(FINDING), indent=1) + "\n")
    code, out = user.run()
    assert code == 1
    assert "files were modified by this hook" in out
    assert path.read_text() == "x = 1\n"
    assert "double_batch.remote(batch)" in batched.read_text(encoding="utf-8")
    source = "".join(json.loads(book.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert source == batched.read_text(encoding="utf-8")
    git(user.folder, "add", "-A")
    assert user.run()[0] == 0
    git(user.folder, "commit", "-qm", "all")
    git(user.folder, "rm", "-q", "tâche.py")
    assert user.run()[0] == 0  # a deleted file
    user.write("left.py", FINDING.replace("x * 2", "print(x)"))
    code, out = user.run()
    assert code == 1, out  # what is not proven safe stays, and is told
    assert "left.py:9:20: RAY101" in out
    assert "files were modified" not in out


def test_inside_the_flake8_hook(tmp_path: Path, home: Path, hooks: Path) -> None:
    # The hook as flake8's repository defines it, since tests do not reach GitHub.
    (shown,) = documented("flake8")["hooks"]
    assert shown["additional_dependencies"] == ["ray-lint"]
    local = {
        "id": "flake8",
        "name": "flake8",
        "entry": "flake8",
        "language": "python",
        "types": ["python"],
        "args": ["--select", "RAY"],
        "additional_dependencies": ["flake8", str(hooks)],
    }
    config = {"repos": [{"repo": "local", "hooks": [local]}]}
    user = Repository(tmp_path, home, yaml.safe_dump(config))
    assert "no files to check" in user.run()[1]  # nothing staged
    user.write("é ü.py", FINDING)
    code, out = user.run()
    assert code == 1
    assert "é ü.py:9:20: RAY101" in out
    user.write("é ü.py", FINDING.replace("10_000)])", "10_000)])  # noqa: RAY101"))
    assert user.run()[0] == 0
    git(user.folder, "commit", "-qm", "all")
    git(user.folder, "rm", "-q", "é ü.py")
    assert user.run()[0] == 0  # a deleted file
    assert not list(home.glob("**/site-packages/ray"))
