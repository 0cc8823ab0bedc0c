"""Every command that the documentation shows is run, in a project as a user has it.

A block of Python under a comment ``<!-- file: NAME -->`` is that file. A block of text right below
one of commands is what they print; "…" stands for anything. ``ray-lint`` is this working tree.
Blocks under ``<!-- command: NAME -->`` are run by CI itself, since they install into new
environments. Of the commands that measure on Ray, each form (its options) is run once over all
pages, for each takes a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doors.conftest import ROOT, environment
from tests.doors.docs import PAGES, SHELLS, blocks

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ON_RAY = re.compile(r"^ray-lint (verify|profile)\b|--profile\b", re.MULTILINE)


def needs_ray(page: Path) -> bool:
    return any(_ON_RAY.search(c) for block in blocks(page) for c in block.commands)


def form(line: str) -> frozenset[str] | None:
    """Return the words of a measuring command that are no paths, None for other lines."""
    words = line.partition("#")[0].split()
    if words[:2] not in (["ray-lint", "verify"], ["ray-lint", "profile"]):
        return None
    return frozenset(word for word in words[1:] if word in ("verify", "profile") or word[0] == "-")


def first_shown() -> dict[frozenset[str], str]:
    """Return the first line of each form; the README's own is run by CI."""
    run_by_ci = [
        command.strip().removeprefix(".venv-demo/bin/")
        for block in blocks(PAGES[0])
        if (block.mark, block.value) == ("command", "run")
        for command in block.text.split("&&")
    ]
    shown = [
        line
        for page in PAGES
        for block in blocks(page)
        for script in block.commands
        for line in script.splitlines()
    ]
    first: dict[frozenset[str], str] = {}
    for line in [*(f"{command} # by CI" for command in run_by_ci), *shown]:
        key = form(line)
        if key is not None:
            first.setdefault(key, line)
    return first


FIRST = first_shown()


def without_repetitions(script: str) -> str:
    lines = script.splitlines(keepends=True)
    return "".join(x for x in lines if FIRST.get(form(x), x.rstrip("\n")) == x.rstrip("\n"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project, and beside it the commands that the user has installed."""
    bin_folder, home = tmp_path / "bin", tmp_path / "home"
    folder = home / "project"
    folder.mkdir(parents=True)
    bin_folder.mkdir()
    for example in (ROOT / "examples").glob("*.py"):
        (folder / "examples").mkdir(exist_ok=True)
        text = example.read_text(encoding="utf-8").replace("10_000", "1_000")  # to save time
        (folder / "examples" / example.name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    # Findings are exit code 1, no failure of the documentation. Few repeats, to save time.
    scripts = {
        "ray-lint": (
            '[ "$1" != verify ] || { shift; set -- verify --repeat 1 "$@"; }\n'
            f'"{sys.executable}" -m ray_lint "$@" || [ $? -eq 1 ]'
        ),
        "python": f'exec "{sys.executable}" "$@"',
        "flake8": f'"{sys.executable}" -m flake8 "$@" || [ $? -eq 1 ]',
        "pytest": f'exec "{sys.executable}" -m pytest -p no:cacheprovider "$@"',
        "pip": f'exec "{sys.executable}" "{Path(__file__).resolve()}" "$@"',
    }
    for name, line in scripts.items():
        path = bin_folder / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def run(project: Path, shell: str, script: str) -> str:
    program = shutil.which({"sh": "bash"}.get(shell, shell))
    if program is None:
        return ""  # another shell's recipe; its completion script has tests of its own
    home = project.parent
    flags = ["-euo", "pipefail"] if shell == "sh" else []
    done = subprocess.run(
        [program, *flags, "-c", script],
        cwd=project,
        env=environment(
            PATH=f"{home.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
            HOME=str(home),
        ),
        input="import ray\n",
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, f"{script}\n{done.stderr}"
    return done.stdout


def play(page: Path, project: Path) -> None:
    for block in blocks(page):
        if block.mark == "file":
            (project / block.value).parent.mkdir(parents=True, exist_ok=True)
            (project / block.value).write_text(block.text, encoding="utf-8")
        printed = "".join(
            run(project, block.language if block.language in SHELLS else "sh", script)
            for script in map(without_repetitions, block.commands)
        )
        if block.commands and block.output is not None:
            parts = [re.escape(part) for part in block.output.strip().split("…")]
            assert re.fullmatch(".*".join(parts), printed.strip(), re.DOTALL), printed


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if not needs_ray(p)], ids=name)
def test_the_commands_of_a_page(page: Path, project: Path) -> None:
    play(page, project)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if needs_ray(p)], ids=name)
def test_the_commands_of_a_page_on_ray(page: Path, project: Path) -> None:
    pytest.importorskip("ray")
    play(page, project)


def test_commands_that_only_ci_can_run_are_run_by_it() -> None:
    named = {b.value for page in PAGES for b in blocks(page) if b.mark == "command"}
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert named == set(re.findall(r"shown_command (\w+)", script))


def _pip(arguments: list[str]) -> None:
    """Stand in for ``pip install``: each requirement is this package, with extras that it has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert arguments[0] == "install"
    for argument in arguments[1:]:
        match = re.fullmatch(r"ray-lint(?:\[([\w,]+)\])?", argument)
        assert match, argument
        assert set((match[1] or "").split(",")) <= {"", *project["optional-dependencies"]}


if __name__ == "__main__":
    _pip(sys.argv[1:])
