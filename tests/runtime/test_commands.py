"""The command as users start it, with clusters of its own: nothing may be left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_lint.runtime.cli import _stop_cleanly
from tests.doors.conftest import ROOT
from tests.runtime.support import heed_signals

PROGRAM = """\
import ray


@ray.remote
def f(x):
    return x * 2


refs = [f.remote(x) for x in range(300)]
print(sum(ray.get(refs)))
"""


class Place:
    """A project, and a folder for temporary files that must be empty at the end."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        self.temporary = temporary

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)}
        environment.pop("RAY_ADDRESS", None)
        return subprocess.Popen(
            [sys.executable, "-m", "ray_lint", *words],
            cwd=self.project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_signals,  # noqa: PLW1509
        )

    def must_be_clean(self) -> None:
        assert list(self.temporary.iterdir()) == []
        if Path("/proc/self").exists():
            assert [line for line in _command_lines() if str(self.temporary) in line] == []


def _command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    # Short, so that the cluster itself lies in there; its processes name it in their commands.
    short = "/tmp" if Path("/tmp").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="rlt-", dir=short) as temporary:
        yield Place(tmp_path, Path(temporary))


@pytest.mark.ray
@pytest.mark.slow
def test_two_at_once_do_not_meet(place: Place) -> None:
    pytest.importorskip("ray")
    file = place.project / "program.py"
    file.write_text(PROGRAM)
    words = ("verify", "program.py", "--num-cpus", "1", "--repeat", "1", "-q")
    both = [place.start(*words, "--output-format", "json") for _ in range(2)]
    reports = []
    for process in both:
        output, errors = process.communicate(timeout=400)
        assert process.returncode in (0, 1), errors
        reports.append(json.loads(output))
    for report in reports:
        assert report["error"] == ""
        assert report["cluster"]["cpus"] == 1
        assert report["sites"][0]["values"] == "equal"
        assert report["sites"][0]["before"]["submissions"] == 300
    assert file.read_text() == PROGRAM
    place.must_be_clean()


@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupt_leaves_nothing_behind(place: Place, tmp_path: Path) -> None:
    """Ctrl-C while the program hangs: no process, no folder, exit code 130."""
    pytest.importorskip("ray")
    started = tmp_path / "started"  # outside of the project, so not mapped to the copy
    (place.project / "hangs.py").write_text(
        f"{PROGRAM}import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(600)\n"
    )
    process = place.start("verify", "--num-cpus", "1", "hangs.py")
    try:
        deadline = time.monotonic() + 200
        while not started.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert started.exists()
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGHUP)  # a second one does not cut the cleaning
        _, errors = process.communicate(timeout=90)
    finally:
        if process.poll() is None:
            process.terminate()  # cleans up as an interrupt does
            process.communicate()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    place.must_be_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_interrupts_once(number: int) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, signal.SIG_DFL) for one in numbers}
    try:
        _stop_cleanly()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        for one in numbers:
            signal.raise_signal(one)  # is ignored: the cleaning goes on
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.ray
def test_a_kill_while_the_cluster_starts_leaves_nothing_behind(place: Place) -> None:
    pytest.importorskip("ray")
    (place.project / "program.py").write_text(PROGRAM)
    process = place.start("verify", "--num-cpus", "1", "program.py")
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "starting a Ray cluster" in line:
                break
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=90)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    place.must_be_clean()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verify", "missing.py"), "missing.py: no such file"),
        (("verify", "program.py", "--repeat", "0"), "at least 1"),
        (("verify", "program.py", "--rtol", "-1"), "at least 0"),
        (("verify", "program.py", "--html", "no/page.html"), "no such folder"),
        (("verify", "program.py", "--address", "127.0.0.1:1"), "cannot reach a Ray cluster"),
        (("verify", "program.py", "--profile", "p.json"), "p.json: cannot be read"),
        (("profile",), "profile needs a command"),
        (("profile", "-o", "no/p.json", "--", "true"), "no such folder"),
        (("profile", "--address", "127.0.0.1:1", "--", "true"), "cannot reach a Ray cluster"),
    ],
)
def test_wrong_use_is_one_line(place: Place, words: tuple[str, ...], message: str) -> None:
    if "127.0.0.1:1" in words:
        pytest.importorskip("ray")
    (place.project / "program.py").write_text(PROGRAM)
    process = place.start(*words, "-q") if words[0] == "verify" else place.start(*words)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert message in errors
    assert errors.strip().splitlines()[-1].startswith("ray-lint: ")
    assert "Traceback" not in errors
    place.must_be_clean()
