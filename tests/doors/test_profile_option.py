"""The profile reaches every door: option, settings, flake8; wrong files are told in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.doors.conftest import Command
from tests.doors.plugin import flake8
from tests.doors.samples import FINDING, LINE
from tests.program.test_profiled import measured


def profile(folder: Path, name: str = "profile.json", **more: object) -> Path:
    """Write a profile that measured 50 ms for the finding of the sample."""
    values: dict[str, object] = {"median_seconds": 0.05, **more}
    site = measured(FINDING, LINE, "double", **values)
    path = folder / name
    path.write_text(json.dumps({"version": 1, "sites": [{"path": "a.py", **vars(site)}]}))
    return path


def test_the_option(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / "b.py").write_text(FINDING)
    assert command("a.py").returncode == 1
    path = profile(tmp_path)
    done = command("--profile", path, "a.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert command("--profile", path, "b.py").returncode == 1, "another file was measured"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "a.py").write_text(FINDING)
    path.rename(moved / "p.json")
    assert command("--profile", moved / "p.json", moved / "a.py").returncode == 0


def test_the_setting(command: Command, tmp_path: Path) -> None:
    profile(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / "ray-lint.toml").write_text('profile = "profile.json"\n')
    assert command("a.py").returncode == 0
    assert command("--isolated", "a.py").returncode == 1
    shown = command("--show-config", "a.py").stdout
    assert 'profile = "profile.json"  # ' in shown
    assert "ray-lint.toml:1" in shown
    shown = command("--show-config", "--profile", "x.json", "a.py").stdout
    assert 'profile = "x.json"  # command line' in shown


def test_a_stale_profile_is_named_and_not_used(command: Command, tmp_path: Path) -> None:
    path = profile(tmp_path)
    (tmp_path / "a.py").write_text(FINDING.replace("x * 2", "x * 3"))
    done = command("--profile", path, "a.py")
    assert done.returncode == 1
    assert "Changed since the profile, so judged without it: a.py: <module>." in done.stderr


def test_flake8_judges_alike(tmp_path: Path) -> None:
    pytest.importorskip("flake8")
    profile(tmp_path)
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / "b.py").write_text(FINDING)
    (tmp_path / ".flake8.more").write_text("ray-profile = profile.json\n")
    out = flake8(tmp_path, "a.py", "b.py")
    assert [line.split(":")[0] for line in out.splitlines()] == ["b.py"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "p.json:1: not a profile"),
        ("[]", "not a profile of ray-lint"),
        ('{"version": 7, "sites": []}', "version 7"),
        ('{"version": 1, "sites": [{"path": "a.py"}]}', "site 0 is not as"),
        ('{"version": 1, "sites": [3]}', "site 0 is not as"),
        (None, "p.json: cannot be read"),
    ],
)
def test_a_wrong_profile(command: Command, tmp_path: Path, content: str | None, words: str) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    if content is not None:
        (tmp_path / "p.json").write_text(content)
    done = command("--profile", "p.json", "a.py")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_numbers_must_be_numbers(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    path = profile(tmp_path, median_seconds="50 ms")
    done = command("--profile", path, "a.py")
    assert done.returncode == 2
    assert f"{path}: site 0" in done.stderr.replace(os.sep, "/")
