"""What the documentation shows is accepted by what it documents."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.cli.command import COMMANDS
from ray_lint.cli.options import build
from ray_lint.settings import load
from tests.doors.conftest import ROOT, environment

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.M | re.S)


def blocks(page: Path, language: str) -> list[str]:
    return [m[3] for m in BLOCK.finditer(page.read_text(encoding="utf-8")) if m[2] == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_shown_command_is_understood(page: Path) -> None:
    lines = [line for language in ("sh", "yaml") for b in blocks(page, language)
             for line in b.splitlines()]  # fmt: skip
    for line in lines:
        match = re.match(r"[\s-]*(?:run: )?ray-lint(?: (?!/)(.*))?$", line)
        if match is None or ":" in (match[1] or "").split(" ")[0]:
            continue
        words = shlex.split((match[1] or "").partition(" > ")[0], comments=True)
        if words[:1] and words[0] in COMMANDS:
            continue
        build().parse_intermixed_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_shown_setting_is_right(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "toml"):
        path = tmp_path / "pyproject.toml"
        path.write_text(text)
        assert load(str(path)) is not None


def test_every_shown_hook_exists() -> None:
    hooks = set(re.findall(r"- id: (\S+)", (ROOT / ".pre-commit-hooks.yaml").read_text()))
    shown = {
        hook
        for page in PAGES
        for text in blocks(page, "yaml")
        for hook in re.findall(r"- id: (ray-lint\S*)", text)
    }
    assert shown == hooks


def test_every_rule_has_its_page_in_the_site() -> None:
    config = (ROOT / "mkdocs.yml").read_text()
    for path in (ROOT / "docs" / "rules").glob("*.md"):
        assert f"rules/{path.name}" in config


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
