"""What the documentation shows is accepted by what it documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.core import check, fix
from ray_lint.settings import load
from tests.doors.conftest import ROOT, environment
from tests.doors.docs import PAGES, blocks


def run(module: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def texts(page: Path, language: str) -> list[str]:
    return [block.text for block in blocks(page) if block.language == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_shown_setting_is_right(page: Path, tmp_path: Path) -> None:
    for text in texts(page, "toml"):
        path = tmp_path / "pyproject.toml"
        path.write_text(text)
        assert load(str(path)) is not None


def test_the_shown_diff_is_what_the_fix_writes() -> None:
    (shown,) = texts(ROOT / "README.md", "diff")
    head, lines = "import ray\n\n\n", shown.splitlines()

    def side(mark: str) -> str:
        return head + "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("", " ", mark))

    fixed = fix(side("-").encode()).source.decode()
    expected = ".*".join(map(re.escape, side("+").split("    ...\n")))
    assert re.fullmatch(expected, fixed, re.DOTALL), fixed
    (part,) = texts(ROOT / "docs" / "index.md", "diff")
    assert set(part.splitlines()) <= set(lines)
    (finding,) = check(side("-").encode())
    place = f"program.py:{finding.start.line}:{finding.start.column + 1}"
    (message,) = texts(ROOT / "README.md", "text")
    assert " ".join(message.split()) == f"{place}: {finding.code} {finding.message}"


def test_every_shown_hook_exists() -> None:
    hooks = set(re.findall(r"- id: (\S+)", (ROOT / ".pre-commit-hooks.yaml").read_text()))
    shown = {
        hook
        for page in PAGES
        for text in texts(page, "yaml")
        for hook in re.findall(r"- id: (ray-lint\S*)", text)
    }
    assert shown == hooks


@pytest.mark.parametrize(
    ("key", "schema"), [("jobs", "github-workflows"), ("ray-lint", "gitlab-ci")]
)
def test_the_snippets_for_ci_fit_their_schemas(tmp_path: Path, key: str, schema: str) -> None:
    pytest.importorskip("check_jsonschema")
    yaml = pytest.importorskip("yaml")
    found = [text for text in texts(ROOT / "docs" / "ci.md", "yaml") if key in yaml.safe_load(text)]
    assert len(found) == 1
    (tmp_path / "ci.yml").write_text(found[0])
    run("check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(tmp_path / "ci.yml"))


def test_pre_commit_accepts_the_hooks_and_what_users_write(tmp_path: Path) -> None:
    pytest.importorskip("pre_commit")
    run("pre_commit", "validate-manifest", ".pre-commit-hooks.yaml")
    shown = [text for page in PAGES for text in texts(page, "yaml") if "repos:" in text]
    assert len(shown) == 3
    paths = [tmp_path / f"{number}.yaml" for number in range(len(shown))]
    for path, text in zip(paths, shown, strict=True):
        path.write_text(text)
    run("pre_commit", "validate-config", *map(str, paths))


def test_every_rule_has_its_page_in_the_site() -> None:
    config = (ROOT / "mkdocs.yml").read_text()
    for path in (ROOT / "docs" / "rules").glob("*.md"):
        assert f"rules/{path.name}" in config


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    run("mkdocs", "build", "--strict", "--site-dir", str(tmp_path))
    for page in ("index.html", "rules/too-fine-grained-task/index.html"):
        html = (tmp_path / page).read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="(https?:[^"]+)', html)
        assert loaded == []  # the site works offline
        assert "style.css" in html
