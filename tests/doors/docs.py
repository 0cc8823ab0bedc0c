"""The fenced blocks of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.doors.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELLS = ("sh", "zsh", "fish")
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>\w+): (?P<value>[^>\n]*) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    mark: str
    value: str
    output: str | None

    @property
    def commands(self) -> list[str]:
        """The shell scripts in the block."""
        if self.mark == "command":
            return []
        if self.language in SHELLS:
            return [self.text]
        return _in_yaml(self.text) if self.language == "yaml" else []


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    matches = list(_BLOCK.finditer(text))
    found = []
    for match, following in zip_longest(matches, matches[1:]):
        below = following is not None and not text[match.end() : following.start()].strip()
        shown = (
            following["text"] if following and below and following["language"] == "text" else None
        )
        indent = re.compile("^" + match["indent"], re.MULTILINE)
        found.append(
            Block(
                match["language"],
                indent.sub("", match["text"]),
                match["mark"] or "",
                match["value"] or "",
                shown,
            )
        )
    return found


def _in_yaml(text: str) -> list[str]:
    """Return the steps of GitHub Actions and the scripts of GitLab."""
    yaml = pytest.importorskip("yaml")
    jobs: Any = yaml.safe_load(text)
    if not isinstance(jobs, dict):
        return []
    found: list[str] = []
    for job in jobs.get("jobs", jobs).values():
        if isinstance(job, dict):
            found += [step["run"] for step in job.get("steps", []) if "run" in step]
            found += job.get("script", [])
    return found
