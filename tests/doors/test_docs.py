"""What the documentation shows is accepted by what it documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.settings import load
from tests.doors.conftest import ROOT, environment
from tests.doors.docs import PAGES, blocks


def texts(page: Path, language: str) -> list[str]:
    return [block.text for block in blocks(page) if block.language == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_shown_setting_is_right(page: Path, tmp_path: Path) -> None:
    for text in texts(page, "toml"):
        path = tmp_path / "pyproject.toml"
        path.write_text(text)
        assert load(str(path)) is not None


def test_every_shown_hook_exists() -> None:
    hooks = set(re.findall(r"- id: (\S+)", (ROOT / ".pre-commit-hooks.yaml").read_text()))
    shown = {
        hook
        for page in PAGES
        for text in texts(page, "yaml")
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
