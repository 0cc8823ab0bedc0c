"""Programs that do unusual things: measured all the same, or a clear sentence."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from ray_lint.runtime import Verdict, verify
from ray_lint.runtime.cluster import Cluster, ClusterState
from ray_lint.runtime.program import python_word
from tests.runtime.support import measure

HEAD = """\
import ray

@ray.remote
def work(x):
    return x * 3

@ray.remote
def work_batch(xs):
    return [x * 3 for x in xs]

"""

UNUSUAL = (
    HEAD
    + """\
import os, sys, threading

ray.init(namespace="own", num_gpus=3)
ray.init(ignore_reinit_error=True)
print("x" * 5_000_000)
count = int(sys.argv[1])
results = {}

def part(number):
    items = range(number * count, (number + 1) * count)
    results[number] = ray.get([work.remote(x) for x in items])  # site work

threads = [threading.Thread(target=part, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ray.shutdown()
assert sorted(sum(results.values(), [])) == [x * 3 for x in range(2 * count)]
os._exit(0)
"""
)


@pytest.mark.ray
def test_threads_much_output_own_arguments_two_inits_shutdown_and_a_hard_exit(
    tmp_path: Path, cluster: Cluster
) -> None:
    after = UNUSUAL.replace(
        "ray.get([work.remote(x) for x in items])",
        "sum(ray.get([work_batch.remote(part) for part in (items[:10], items[10:])]), [])",
    )
    assert after != UNUSUAL
    report = measure(tmp_path, cluster, UNUSUAL, after, arguments=("20",))
    assert report.error == ""
    (site,) = report.sites
    assert (site.before.submissions, site.after.submissions) == (40, 4)
    assert site.before.items == 40
    assert any("num_gpus=3" in note for note in report.notes)


class NoCluster(Cluster):
    """For programs that never come to Ray."""

    def refresh(self) -> ClusterState:
        return self.state


@pytest.mark.parametrize(
    ("line", "words", "timeout"),
    [
        ("raise SystemExit('no data')", "exit code 1: no data", 100.0),
        ("import time; time.sleep(600)", "within 0.3 seconds (--timeout)", 0.3),
    ],
)
def test_a_program_that_cannot_be_measured(
    tmp_path: Path, line: str, words: str, timeout: float
) -> None:
    program = f"{line}\n{HEAD}\nray.get([work.remote(x) for x in range(20)])  # site work\n"
    report = measure(tmp_path, NoCluster(), program, program, timeout=timeout)
    assert words in report.error
    assert report.exit_code == 2
    assert "Not measured" in str(report)


@pytest.mark.ray
@pytest.mark.parametrize(
    "command", [(sys.executable, "-c", "import ray; print(1)"), (sys.executable, "program.py")]
)
def test_a_site_that_no_run_reaches(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    program = f"{HEAD}import sys; sys.exit(0)\nrefs = [work.remote(x) for x in y]  # site work\n"
    report = measure(tmp_path, NoCluster(), program, program, command=command)
    assert report.sites[0].verdict is Verdict.NOT_REACHED
    assert report.exit_code == 1


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    program = f"{HEAD}refs = [work.remote(x) for x in y]  # site work\n"
    report = measure(tmp_path, NoCluster(), program, program, command=("./missing",))
    assert "cannot run ./missing: No such file or directory" in report.error


def test_a_program_that_needs_arguments(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('data')\n"
        f"parser.parse_args()\n{HEAD}print(ray.get([work.remote(x) for x in range(900)]))\n"
    )
    report = verify([file], cluster=NoCluster())
    assert "exit code 2: program.py: error: the following arguments are required: data" in (
        report.error
    )
    words = f"ray-lint verify {file} -- {python_word()} {file} ARGUMENT ..."
    assert report.error.endswith(f"; if it needs arguments: {words}")


def test_another_python_without_ray_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ray'\"\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    assert python_word() == shlex.quote(sys.executable)
    program = f"{HEAD}refs = [work.remote(x) for x in y]  # site work\n"
    report = measure(tmp_path, NoCluster(), program, program, command=("python", "program.py"))
    assert f"; python is {other}, but ray-lint runs with {sys.executable}" in report.error
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert python_word() == "python"
