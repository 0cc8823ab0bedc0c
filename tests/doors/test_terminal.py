"""What a person at a terminal sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ray_lint.cli.options import build
from ray_lint.report import FORMATS
from tests.doors.conftest import Command
from tests.doors.samples import FINDING, LINE
from tests.doors.terminal import on_terminal

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_findings_are_shown_with_excerpt_caret_and_color(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    code, shown = on_terminal(tmp_path, "a.py")
    assert code == 1
    assert "\x1b[1;31mRAY101\x1b[0m" in shown
    plain = STYLE.sub("", shown).splitlines()
    call = "double.remote(x)"
    text = FINDING.splitlines()[LINE - 1]
    assert f"{LINE} | {text}" in plain
    assert f"  | {' ' * text.index(call)}{'^' * len(call)}" in plain
    assert "  = fix: Submit `double` in batches (--fix)" in plain
    assert plain[-2:] == ["Found 1 finding.", "1 fixable with --fix (--diff shows the change)."]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_terminal(tmp_path, "a.py", **env)[1].splitlines() == plain
    piped = command("a.py", "--output-format", "text", FORCE_COLOR="1").stdout
    assert piped in shown
    assert command("a.py").stdout.count("\n") == 1


def test_a_diff_is_colored_on_a_terminal_only(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    shown = on_terminal(tmp_path, "--diff", "-q", "a.py")[1]
    plain = command("--diff", "-q", "a.py").stdout
    assert "\x1b" not in plain
    assert STYLE.sub("", shown) == plain
    assert "\x1b[1m--- a.py\x1b[0m\n" in shown
    assert "\x1b[31m-results = ray.get([double.remote(x) for x in range(10_000)])\x1b[0m\n" in shown
    assert "\x1b[32m+def double_batch(xs):\x1b[0m\n" in shown


@pytest.mark.parametrize("name", [[], ["verify"], ["profile"], ["explain"], ["rules"], ["server"],
                                  ["completion"]])  # fmt: skip
def test_help_fits_a_terminal_with_its_prompt(tmp_path: Path, name: list[str]) -> None:
    code, shown = on_terminal(tmp_path, *name, "--help")
    assert code == 0
    lines = shown.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_help_groups_the_options_and_leads_to_all_of_them(command: Command) -> None:
    short = command("--help").stdout
    for word in ("fixing", "findings", "settings", "output", "COMMAND", "exit code"):
        assert re.search(f"^{word} ", short, re.MULTILINE), word
    assert command("-h").stdout == short
    assert "--help-all" in short
    every = command("--help-all").stdout
    for option in (name for action in build()._actions for name in action.option_strings):
        assert re.search(rf"^  .*{option}\b", every, re.MULTILINE), option
    for name in FORMATS:
        assert name in short
    assert "--rtol" in command("verify", "--help-all").stdout
    assert "--rtol" not in command("verify", "--help").stdout
