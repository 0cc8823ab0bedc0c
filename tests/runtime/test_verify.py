"""Programs are run on the shared cluster, as they are and as rewritten, and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ray_lint.errors import UsageError
from ray_lint.runtime import Options, Report, Site, Verdict, verify, verify_sources
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.html import render

BEFORE = """\
import time
import ray

ray.init(num_cpus=64)

@ray.remote
def work(x):
    WORK
    return x / 3

refs = [work.remote(x) for x in range(COUNT)]
values = ray.get(refs)
print(time.time(), "x" * 100_000)
"""
AFTER = """\
import time
import ray

ray.init(num_cpus=64)

@ray.remote
def work_batch(xs):
    def work(x):
        WORK
        return x / 3
    return [work(x) for x in xs]

refs = [work_batch.remote(range(i, min(i + SIZE, COUNT))) for i in range(0, COUNT, SIZE)]
values = [one for part in ray.get(refs) for one in part]
print(time.time(), "x" * 100_000)
"""


@pytest.fixture(scope="session")
def cluster(ray_cluster: str) -> object:
    with Cluster(ray_cluster) as joined:
        yield joined


def measure(
    folder: Path,
    cluster: Cluster,
    before: str,
    after: str,
    *,
    command: tuple[str, ...] = (),
    **more,
) -> Report:
    for old, new in more.pop("fill", {"WORK": "pass", "COUNT": "200", "SIZE": "25"}).items():
        before, after = before.replace(old, new), after.replace(old, new)
    file = folder / "program.py"
    file.write_text(before)

    def lines(text: str) -> tuple[tuple[int, int], ...]:
        return tuple((n, n) for n, line in enumerate(text.splitlines(), 1) if "refs = [" in line)

    site = Site(file, lines(before)[0][0], 9, "RAY101", "work", lines(before), lines(after))
    report = verify_sources(
        {file: before.encode()},
        {file: after.encode()},
        [site],
        command or (sys.executable, str(file)),
        Options(**{"repeat": 3, "timeout": 100.0, **more}),
        cluster=cluster,
    )
    assert file.read_text() == before
    return report


@pytest.mark.ray
def test_a_good_fix_is_confirmed(tmp_path: Path, cluster: Cluster) -> None:
    report = measure(tmp_path, cluster, BEFORE, AFTER)
    (site,) = report.sites
    assert (site.before.submissions, site.after.submissions) == (200, 8)
    assert site.before.items == 200
    assert site.values == "equal"
    # No assertion on time: a loaded machine may honestly be too noisy to tell.
    assert site.verdict in (Verdict.CONFIRMED, Verdict.TOO_NOISY), str(report)
    assert len(site.before.seconds) == len(site.after.seconds) == 3
    assert any("num_cpus=64" in note for note in report.notes)
    data = json.loads(report.to_json())
    assert data["sites"][0]["before"]["submissions"] == 200
    page = render(report)
    assert "<svg" in page
    assert "http" not in page.split("<body>")[1]


@pytest.mark.ray
@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("return x / 3\n    return", "return x / 3 + (x == 7)\n    return", "item 7"),
        ("[one for part in ray.get(refs) for one in part]", "ray.get(refs)", "values in"),
        ("0, COUNT, SIZE", "0, COUNT - SIZE, SIZE", "200 values became 175"),
        ("ray.get(refs)", "ray.get(reffs)", "NameError"),
    ],
)
def test_a_broken_fix_is_found(
    tmp_path: Path, cluster: Cluster, right: str, wrong: str, words: str
) -> None:
    assert right in AFTER
    report = measure(tmp_path, cluster, BEFORE, AFTER.replace(right, wrong))
    (site,) = report.sites
    assert site.verdict is Verdict.VALUES_DIFFER
    assert words in site.reason
    assert report.exit_code == 1


@pytest.mark.ray
def test_random_values_are_said_to_vary(tmp_path: Path, cluster: Cluster) -> None:
    fill = {"WORK": "import random; x = random.random()", "COUNT": "20", "SIZE": "5"}
    report = measure(tmp_path, cluster, BEFORE, AFTER, fill=fill, repeat=1)
    assert report.sites[0].values == "vary"
    assert report.sites[0].verdict is Verdict.TOO_NOISY


@pytest.mark.ray
def test_a_site_that_no_run_reaches(tmp_path: Path, cluster: Cluster) -> None:
    command = (sys.executable, "-c", "import ray")
    report = measure(tmp_path, cluster, BEFORE, AFTER, command=command)
    assert report.sites[0].verdict is Verdict.NOT_REACHED
    assert report.exit_code == 1


@pytest.mark.ray
@pytest.mark.parametrize(
    ("line", "words", "timeout"),
    [("raise SystemExit('no data')", "no data", 100.0), ("time.sleep(600)", "--timeout", 5.0)],
)
def test_a_program_that_cannot_be_measured(
    tmp_path: Path, cluster: Cluster, line: str, words: str, timeout: float
) -> None:
    report = measure(tmp_path, cluster, BEFORE + line, AFTER, timeout=timeout)
    assert words in report.error
    assert report.exit_code == 2
    assert "Not measured" in str(report)


def test_nothing_to_verify(tmp_path: Path) -> None:
    file = tmp_path / "plain.py"
    file.write_text("print(1)\n")
    with pytest.raises(UsageError, match="nothing to verify"):
        verify([file])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_unreachable_cluster(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(UsageError, match="no Ray cluster"), Cluster(address):
        pass


@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while the program hangs: no process, no folder, exit code 130."""
    import signal
    import time

    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "hangs.py"
    started = tmp_path / "started"  # outside of the project, so not mapped to the copy
    file.write_text(
        "import ray, time, pathlib\n\n\n@ray.remote\ndef f(x):\n    return x * 2\n\n\n"
        "refs = [f.remote(x) for x in range(300)]\nprint(sum(ray.get(refs)))\n"
        f"pathlib.Path({str(started)!r}).touch()\ntime.sleep(600)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    home = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(home), "TMPDIR": str(temporary)}
    environment.pop("RAY_ADDRESS", None)
    before = set(Path(tempfile.gettempdir()).glob("rl-*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "ray_lint", "verify", "--num-cpus", "1", str(file)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not started.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if not started.exists():
        process.kill()
        pytest.fail(process.communicate()[1])
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert list(temporary.iterdir()) == []
    assert set(Path(tempfile.gettempdir()).glob("rl-*")) <= before
