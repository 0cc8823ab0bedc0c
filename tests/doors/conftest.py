"""The command as users start it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.doors.forked import Parent

ROOT = Path(__file__).parents[2]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    return {**keep, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


@cache
def linter() -> Parent:
    """The process whose forks are ``ray-lint``."""
    modules = ["ray_lint.cli.lint", "ray_lint.cli.examine", "ray_lint.rewrite.rewriter"]
    return Parent(modules, environment())


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run ``ray-lint`` in the test's directory."""

    def run(
        *arguments: str | Path, stdin: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        words = list(map(str, arguments))
        if not any(name.startswith("PYTHON") for name in env):
            return linter().run(
                "ray_lint", words, cwd=tmp_path, env=environment(**env), stdin=stdin
            )
        return subprocess.run(
            [sys.executable, "-m", "ray_lint", *words],
            cwd=tmp_path,
            env=environment(**env),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )

    return run
