"""The fixture corpus in notebooks, and what reading must not do. More doors: tests/trust."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.core import check
from tests.doors.conftest import ROOT, Command, environment

FILES = sorted(
    p
    for p in (ROOT / "fixtures").rglob("*.py")
    if not p.name.endswith(".fixed.py") and b"flake8" not in p.read_bytes()
)
PLACE = re.compile(r"^(?:\./)?(f\d+)\.(?:py|ipynb):(?:cell \d+:)?(\d+):(\d+): (RAY\d+) (.*)$", re.M)
Found = set[tuple[str, int, int, str, str]]


def read(output: str) -> Found:
    return {(m[1], int(m[2]), int(m[3]), m[4], m[5]) for m in PLACE.finditer(output)}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number, path in enumerate(FILES):
        shutil.copy(path, tmp_path / f"f{number}.py")
    return tmp_path


def expected(corpus: Path) -> Found:
    return {
        (path.stem, f.start.line, f.start.column + 1, f.code, f.message)
        for path in corpus.glob("*.py")
        for f in check(path.read_bytes(), filename=str(path), fixes=False)
    }


def test_a_module_in_a_notebook_cell(corpus: Path, command: Command) -> None:
    found = expected(corpus)
    for path in corpus.glob("*.py"):
        text = path.read_bytes()
        if b"coding" in text[:200] or b"\r" in text or b"\f" in text:
            found = {f for f in found if f[0] != path.stem}
        else:
            source = text.decode("utf-8-sig").splitlines(keepends=True)
            cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
            (path.with_suffix(".ipynb")).write_text(json.dumps({"cells": [cell]}))
        path.unlink()
    assert read(command("-q", ".").stdout) == found


def test_nothing_that_is_read_is_run(tmp_path: Path) -> None:
    trap = "import pathlib; pathlib.Path(__file__ + '.ran').touch()\n"
    loop = "import ray\nfrom helper import f\nxs = [f.remote(i) for i in range(10_000)]\n"
    for name in ("sitecustomize", "usercustomize", "conftest", "setup", "helper", "ray", "libcst"):
        (tmp_path / f"{name}.py").write_text(trap + loop)
    (tmp_path / "a.py").write_text(trap + loop)
    elsewhere = tmp_path / "elsewhere"  # `python -m` itself looks for modules where it is started
    elsewhere.mkdir()
    names = [str(tmp_path)], ["--fix", "--unsafe-fixes", str(tmp_path)]
    for arguments in (*names, ["--show-config", str(tmp_path / "a.py")]):
        subprocess.run(
            [sys.executable, "-m", "ray_lint", *arguments],
            cwd=elsewhere,
            env=environment(),
            capture_output=True,
            check=False,
        )
    assert list(tmp_path.glob("*.ran")) == []
