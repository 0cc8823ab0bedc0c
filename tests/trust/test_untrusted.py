"""Linting and fixing run nothing of what they read, wherever they are started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.core import fix
from ray_lint.program.dryrun.library import MODULES
from ray_lint.program.project import Project
from tests.doors.conftest import environment

TRAP = "import pathlib\npathlib.Path('EXECUTED').touch()\nraise SystemExit('executed')\n"
LOOP = (
    "import ray\nfrom helper import count\n\n\n@ray.remote\ndef f(x):\n    return x + 1\n\n\n"
    "ray.get([f.remote(i) for i in range(10_000)])\n"
    "ray.get([f.remote(i) for i in range(count)])\n"
)
STANDARD = (
    "argparse", "ast", "bisect", "codecs", "copy", "dataclasses", "datetime", "difflib",
    "gettext", "hashlib", "inspect", "json", "locale", "logging", "multiprocessing", "pathlib",
    "pickle", "pkgutil", "random", "shutil", "signal", "socket", "string", "subprocess",
    "tempfile", "textwrap", "threading", "tokenize", "tomllib", "traceback", "typing",
)  # fmt: skip
"""Modules that we or LibCST import; a file of such a name in the linted tree is not ours."""
COMPUTING = tuple(sorted(MODULES))
"""Modules that a dry run imports where the program does."""
COMPUTES = (
    "import ray\n"
    + "".join(f"import {name}\n" for name in COMPUTING)
    + "\n\n@ray.remote\ndef f(x):\n    while x > 1:\n        x = statistics.mean([x, 0])\n"
    "    return colorsys.rgb_to_hsv(x, 0, fractions.Fraction(1, 2))\n\n\n"
    "n = 0\nwhile n < 300 + calendar.monthrange(2024, 2)[1]:\n    f.remote(n)\n    n += 1\n"
)
OTHERS = (
    "sitecustomize", "usercustomize", "conftest", "setup", "helper", "ray", "libcst", "flake8",
    "tomli", "yaml", "__main__", "noxfile",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory where whatever is imported or run leaves a file ``EXECUTED``."""
    for name in STANDARD:
        (tmp_path / f"{name}.py").write_text(TRAP)
    for name in COMPUTING:
        (tmp_path / f"{name}.py").write_text(TRAP)
    for name in OTHERS:
        (tmp_path / f"{name}.py").write_text(TRAP + LOOP)
    (tmp_path / "computes.py").write_text(COMPUTES)
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text(TRAP)
    (package / "a.py").write_text(TRAP + LOOP.replace("helper", "package.b"))
    (package / "b.py").write_text(TRAP + "count = len(open('EXECUTED', 'w').name) * 10_000\n")
    (tmp_path / "a.pth").write_text("import pathlib; pathlib.Path('EXECUTED').touch()\n")
    source = [f"!touch EXECUTED\n%run helper.py\n{LOOP}"]
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}}))
    (tmp_path / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'helper'\nbackend-path = ['.']\n"
        "[tool.ray-lint]\nsource-roots = ['.']\nknown-tiny = ['helper.count', 'os.system']\n"
    )
    (tmp_path / "setup.cfg").write_text("[flake8:local-plugins]\nextension = X1 = helper:count\n")
    (tmp_path / "a.py").write_text(TRAP + LOOP)
    return tmp_path


RUNS = [
    ["."],
    ["--no-cache", "-j2", "."],
    ["--output-format=json", "."],
    ["--diff", "--unsafe-fixes", "."],
    ["--show-config", "a.py"],
    ["--write-baseline=baseline.json", "."],
    ["--add-noqa", "package"],
    ["--fix", "--unsafe-fixes", "."],
]


@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
@pytest.mark.parametrize("way", ["-m", "script"])
def test_nothing_is_run(tree: Path, arguments: list[str], way: str) -> None:
    start = ["-m", "ray_lint"]
    if way == "script":
        script = tree.parent / f"{tree.name}-script.py"
        script.write_text("import sys\nfrom ray_lint.cli import main\nsys.exit(main())\n")
        start = [str(script)]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=tree,
        env=environment(RAY_LINT_TRACEBACK="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not list(tree.rglob("EXECUTED"))
    assert not list(tree.rglob("__pycache__"))
    assert done.returncode in (0, 1), done.stderr
    assert "executed" not in done.stderr


@pytest.mark.parametrize("name", ["a.py", "package/a.py", "sitecustomize.py"])
def test_the_core_runs_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tree)
    before = set(sys.modules)
    path = tree / name
    result = fix(path.read_bytes(), filename=str(path), project=Project((str(tree),)))
    assert result.applied
    new = set(sys.modules) - before
    files = [str(getattr(sys.modules[m], "__file__", "")) for m in new]
    assert not [file for file in files if file.startswith(str(tree))]
    assert not list(tree.rglob("EXECUTED"))


AUDIT = """
import os
import sys

tree = TREE
forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "ctypes.",
             "urllib.", "webbrowser.")


def hook(event, args):
    if event.startswith(forbidden):
        tell(event)
    if event == "exec" and args[0].co_filename.startswith(tree):
        tell(f"{args[0]}")
    if event == "open" and isinstance(args[2], int) and args[2] & 3 and isinstance(args[0], str):
        path = os.path.abspath(args[0])
        if not path.startswith(tree) and "__pycache__" not in path:
            tell(f"writes {path}")


def tell(what):
    os.write(2, f"AUDIT {what}\\n".encode())


from ray_lint.cli import main

sys.addaudithook(hook)
sys.exit(main(["--fix", "--unsafe-fixes", "-j1", "."]))
"""


def test_no_network_and_no_process(tree: Path) -> None:
    """An audit hook sees every socket, process and import-time execution."""
    script = tree.parent / f"{tree.name}-audit.py"
    script.write_text(AUDIT.replace("TREE", repr(str(tree))))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tree,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1)
    assert "AUDIT" not in done.stderr
    assert not (tree / "EXECUTED").exists()
