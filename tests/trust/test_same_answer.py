"""One answer for one source: whatever the door, the order, the jobs, the seed, the cache."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import pytest

from ray_lint.cli import main
from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.errors import SourceError
from ray_lint.program import project as projects
from ray_lint.program.project import Project
from ray_lint.sources.text import decode
from tests.doors.conftest import Command
from tests.doors.test_agreement import FILES, PLACE, Found, expected, read

FOLDERS = 9
"""The corpus lies in packages that import each other in a circle."""
TASK = """
import ray
from p{next}.shared import N as M, work as more

N = {n}


@ray.remote
def work(x):
    return helper(x)


def helper(x):
    from p{next}.shared import helper as other
    return other(x) if x > {n} else x


ray.get([more.remote(i) for i in range(M)])
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Every fixture, and modules whose findings rest on each other."""
    (tmp_path / "pyproject.toml").write_text("")
    for number, path in enumerate(FILES):
        (tmp_path / f"f{number}.py").write_bytes(path.read_bytes())
    for number in range(FOLDERS):
        folder = tmp_path / f"p{number}"
        folder.mkdir()
        (folder / "__init__.py").write_text(
            f"from .shared import N\nfrom p{number} import shared\n"
        )
        text = TASK.format(next=(number + 1) % FOLDERS, n=(number + 1) * 1_000)
        (folder / "shared.py").write_text(text)
    for number in range(FOLDERS):
        text = "ray.get([shared.work.remote(i) for i in range(N)])\n"
        text = f"import ray\nfrom p{number} import N, shared\n{text}"
        (tmp_path / f"f{len(FILES) + number}.py").write_text(text)
    return tmp_path


def answers(files: list[Path], project: Project | None) -> dict[Path, object]:
    """Return what the core says of each file, in one project or each alone."""
    found: dict[Path, object] = {}
    for path in files:
        used = project if project is not None else Project()
        try:
            found[path] = check(path.read_bytes(), filename=str(path), project=used, fixes=False)
        except SourceError as error:
            found[path] = str(error)
    return found


def test_the_order_of_files_does_not_matter(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted(corpus.rglob("*.py"))
    alone = answers(files, None)
    assert sum(isinstance(f, list) and bool(f) for f in alone.values()) > 50
    rng = random.Random(1)
    for kept in (0, 150_000):
        monkeypatch.setattr(projects, "_KEPT", kept)  # nothing or much is remembered
        rng.shuffle(files)
        assert answers(files, Project()) == alone


def test_a_project_holds_no_more_than_its_limit(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "_KEPT", 20_000)
    shared = Project()
    for path in sorted(corpus.rglob("*.py")):
        answers([path], shared)
        shared.start()
        assert sum(len(m.text) for m in shared._modules.values() if m is not None) <= 20_000


def test_jobs_seeds_and_cache(corpus: Path, command: Command) -> None:
    found = {
        (f.stem, x.start.line, x.start.column + 1, x.code, x.message)
        for f in corpus.glob("f*.py")
        for x in check(f.read_bytes(), filename=str(f), fixes=False)
    }
    first = command("-q", "-j1", "--no-cache", ".").stdout
    assert read(first) == found
    names = sorted((p.name for p in corpus.glob("f*.py")), reverse=True)
    assert read(command("-q", "-j2", "--no-cache", *names).stdout) == found
    for seed, jobs in (("1", "3"), ("2", "1"), ("3", "2")):  # cold, then warm
        assert command("-q", f"-j{jobs}", ".", PYTHONHASHSEED=seed).stdout == first


def test_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each fixture with one of the three line endings."""
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(FILES):
        data = path.read_bytes()
        if b"\r" in data:
            continue
        ending = (b"\n", b"\r\n", b"\r")[number % 3]
        whole = check(data, filename=f"f{number}.py", fixes=False)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.replace(b"\n", ending))))
        code = main(["-", "--stdin-filename", f"f{number}.py", "--output-format=concise", "-q"])
        places = [m.groups() for m in PLACE.finditer(capfd.readouterr().out)]
        assert code == (1 if whole else 0)
        assert [(int(p[1]), int(p[2]), p[3], p[4]) for p in places] == [
            (f.start.line, f.start.column + 1, f.code, f.message) for f in whole
        ]


def test_fixes_are_the_same_everywhere(corpus: Path, command: Command) -> None:
    """The core, one job, several jobs, standard input and the diff: the same bytes."""
    unsafe = Config(unsafe_fixes=True)
    # Fixes that change another file, too, need the command: none of the last ones.
    files = sorted(corpus / f"f{number}.py" for number in range(0, len(FILES), 10))
    before = {path: path.read_bytes() for path in files}
    for path in set(corpus.glob("f*.py")) - set(files):
        path.unlink()
    wanted = {
        path: fix(data, unsafe, filename=path.name, project=Project()).source
        for path, data in before.items()
    }
    names = [path.name for path in files]
    command("--diff", "--unsafe-fixes", "-j2", "-o", "all.diff", *names)
    diff = (corpus / "all.diff").read_bytes()  # of files in several encodings
    assert {path: path.read_bytes() for path in files} == before
    assert diff.count(b"\n+++ ") + diff.startswith(b"+++ ") == sum(
        wanted[path] != data for path, data in before.items()
    )
    for jobs in ("-j1", "-j3"):
        for path, data in before.items():
            path.write_bytes(data)
        command("--fix", "--unsafe-fixes", jobs, *names)
        assert {path: path.read_bytes() for path in files} == wanted


def test_the_server(corpus: Path) -> None:
    pytest.importorskip("pygls")
    from tests.doors.test_server import Client, session

    texts, wanted = {}, {}
    for path in sorted(corpus.glob("f*.py")):
        try:
            texts[path] = decode(path.read_bytes(), path.name).content
            whole = check(path.read_bytes(), filename=str(path), project=Project(), fixes=False)
        except SourceError:
            continue  # an editor has no text for it, or tells the error
        wanted[path] = [(f.start.line, f.code) for f in whole]
    found = {}

    async def play(client: Client) -> None:
        for path in wanted:
            client.open(path.as_uri(), texts[path])
            found[path] = [
                (d.range.start.line + 1, str(d.code)) for d in await client.diagnostics()
            ]

    session(corpus, play)
    assert sum(map(len, wanted.values())) > 50
    assert found == wanted


def test_flake8(corpus: Path) -> None:
    pytest.importorskip("flake8")
    from tests.doors.plugin import flake8

    found: Found = expected(corpus)
    assert len(found) > 50
    assert read(flake8(corpus, *[p.name for p in sorted(corpus.glob("f*.py"))])) == found
