"""The completion scripts, completing in the shells they are for."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.cli.command import COMMANDS
from ray_lint.cli.completion import SHELLS
from tests.doors.conftest import environment

EXPECTED = {
    "ray-lint --output-format sa": ["sarif"],
    "ray-lint --exit-z": ["--exit-zero"],
    "ray-lint expl": ["explain"],
    "ray-lint explain RAY9": ["RAY900"],
    "ray-lint verify --rep": ["--repeat"],
    "ray-lint verify --output-format j": ["json"],
    "ray-lint verify --exit-z": [],
    "ray-lint completion z": ["zsh"],
    "ray-lint a.py expl": [],
    "ray-lint --output-format=sa": ["sarif"],
    "ray-lint with": ["with blank.py"],
}


@pytest.fixture(scope="module", params=SHELLS)
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the script for a shell, named as that shell wants it, in an empty directory."""
    shell: str = request.param
    done = subprocess.run(
        [sys.executable, "-m", "ray_lint", "completion", shell],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    path = tmp_path_factory.mktemp(shell) / ("_ray-lint" if shell == "zsh" else f"s.{shell}")
    path.write_text(done.stdout)
    (path.parent / "with blank.py").touch()
    return path


def complete(script: Path, lines: list[str]) -> dict[str, list[str]]:
    """Return what the shell of the script offers for the last word of each line."""
    shell = "zsh" if script.name == "_ray-lint" else script.suffix[1:]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "zsh":
        return _complete_in_zsh(script, lines)
    return {line: _ask(shell, script, line) for line in lines}


def _ask(shell: str, script: Path, line: str) -> list[str]:
    if shell == "fish":
        command = ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"']
        command += [str(script), line]
    else:
        words = line.replace("=", " = ")  # as readline splits it
        asked = (
            f"COMP_WORDS=({words}) COMP_CWORD={words.count(' ')}; _ray_lint; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        command = ["bash", "-c", f"source {script}; {asked}"]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=True)
    return [offer.partition("\t")[0] for offer in done.stdout.splitlines() if offer]


def _complete_in_zsh(script: Path, lines: list[str]) -> dict[str, list[str]]:
    """Type each line and a tab into an interactive shell, which inserts a unique completion."""
    terminal, end = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        cwd=script.parent,
        env={**os.environ, "TERM": "dumb", "HOME": str(script.parent)},
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    found = {}
    try:
        setup = (
            "fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; PS1=; "
            'show() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N show; bindkey "^T" show'
        )
        _type(terminal, f"{setup}; echo re''ady\n", until="ready")
        for line in lines:
            shown = _type(terminal, f"{line}\t\x14", until=">")
            start, _, typed = line.rpartition(" ")
            word = shown.rpartition("<")[2].partition(">")[0].rstrip().removeprefix(f"{start} ")
            found[line] = [word] if word != typed else []
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)
    return found


def _type(terminal: int, text: str, *, until: str) -> str:
    """Write to the terminal and return what it shows up to a text."""
    os.write(terminal, text.encode())
    shown = ""
    while until not in shown:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"the shell is silent after {shown!r}"
        shown += os.read(terminal, 4096).decode()
    return shown


def test_the_shell_completes(script: Path) -> None:
    offered = complete(script, list(EXPECTED))
    plain = {
        line: [offer.rstrip("=").rpartition("=")[2].replace("\\ ", " ") for offer in offers]
        for line, offers in offered.items()
    }
    assert plain == EXPECTED


def test_every_command_is_offered(script: Path) -> None:
    text = script.read_text()
    for command in COMMANDS:
        assert command in text
