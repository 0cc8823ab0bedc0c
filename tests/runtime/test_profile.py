"""Profiling: what is counted, what it costs, and what the linter makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ray_lint.core import check
from ray_lint.errors import UsageError
from ray_lint.runtime.profile import Profile, _Records, profile, render
from ray_lint.runtime.program import watched
from ray_lint.runtime.sampler import SAMPLE, Place, Sampler
from ray_lint.settings import Settings
from tests.runtime.support import heed_signals

PROGRAM = """\
import time
import ray


@ray.remote
def quick(x):
    return json_like(x)


@ray.remote
def slow(x):
    return x * 2 if not time.sleep(0.05) else 0


@ray.remote
class Store:
    def put(self, x):
        return x


def json_like(x):
    return [x]


def load(n):
    return list(range(n))


def main():
    ray.init()
    results = ray.get([quick.remote(x) for x in load(400)])
    store = Store.remote()
    for x in load(20):
        ray.get(store.put.remote(x))
    slow_refs = [slow.remote(x) for x in range(10_000) if x < 8]
    return results, ray.get(slow_refs)


main()
"""


@pytest.mark.ray
def test_a_profile_tells_the_linter_what_was_measured(ray_cluster: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    # Only eight, since they are slow; for the linter these count as many.
    result = profile([sys.executable, str(file)], address=ray_cluster, show=False)
    assert result.problem == ""
    by_name = {one.site.symbol: one for one in result.sites}
    quick, slow, put = by_name["quick"], by_name["slow"], by_name["put"]
    assert [one.site.tasks for one in (quick, slow, put)] == [400, 8, 20]
    assert [one.code for one in (quick, slow, put)] == ["RAY101", "RAY101", "RAY102"]
    assert (quick.site.function, quick.site.line, quick.column) == ("main", 31, 24)
    assert quick.measured == 400
    assert slow.site.median_seconds is not None
    assert slow.site.median_seconds >= 0.05
    assert quick.site.median_seconds is not None
    assert quick.site.median_seconds < 0.05
    assert quick.argument_bytes
    assert quick.result_bytes
    assert quick.site.overhead_share is not None
    shown = render(result)
    assert "program.py:31 quick" in shown
    assert "Observing took" in shown

    written = tmp_path / "profile.json"
    document = json.loads(result.to_json(tmp_path))
    for site in document["sites"]:
        assert site["path"] == "program.py"
        site["tasks"] *= 1000  # as if the same had run longer
        site["overhead_share"] = None
    written.write_text(json.dumps(document))
    config = Settings().config(str(file), {"profile": str(written)})
    # By its looks, the slow task has 10,000 runs of nothing much, and of the quick one nothing is
    # known; measured, it is the other way round.
    assert [f.start.line for f in check(PROGRAM.encode(), config)] == [31, 34]


@pytest.mark.ray
def test_a_program_that_fails_is_profiled_as_far_as_it_came(
    ray_cluster: str, tmp_path: Path
) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.replace("    store =", "    raise ValueError('no store')\n    store ="))
    result = profile([sys.executable, str(file)], address=ray_cluster, show=False)
    assert "ValueError: no store" in result.problem
    assert [one.site.symbol for one in result.sites] == ["quick"]


HANGS = PROGRAM.replace("import time\n", "import pathlib, sys, threading, time\n").replace(
    "    store =",
    # Inside of C code, where no handler of a signal runs.
    "    lock = threading.Lock()\n"
    "    pathlib.Path(sys.argv[1]).touch()\n"
    "    lock.acquire() and lock.acquire()\n"
    "    store =",
)


@pytest.mark.ray
def test_an_interrupted_profile_keeps_what_was_recorded(ray_cluster: str, tmp_path: Path) -> None:
    file, reached, written = (tmp_path / name for name in ("program.py", "reached", "p.json"))
    file.write_text(HANGS)
    words = ("profile", "-o", str(written), "--address", ray_cluster, "--")
    process = subprocess.Popen(
        [sys.executable, "-m", "ray_lint", *words, sys.executable, str(file), str(reached)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,  # noqa: PLW1509
    )
    try:
        deadline = time.monotonic() + 100
        while not reached.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=100)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "the program was interrupted; the profile holds what was recorded until then" in errors
    (quick,) = json.loads(written.read_text())["sites"]
    assert (quick["symbol"], quick["tasks"], quick["measured"]) == ("quick", 400, 400)


def test_a_timeout_asks_for_the_record_before_the_end(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    command = [sys.executable, "-S", "-c", program, str(started)]
    asked = []

    def demand() -> None:
        while not started.exists():  # it still runs
            time.sleep(0.01)
        asked.append(1)

    code, _, problem = watched(command, os.environ, tmp_path, 0.01, before_end=demand)
    assert problem.startswith("the program did not end within 0.01 seconds (--timeout)")
    assert (code, asked) == (-signal.SIGKILL, [1])


def test_a_process_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    (tmp_path / f"watched-{gone.pid}").touch()
    records = _Records(tmp_path)
    records.demand()
    assert (tmp_path / "end").exists()
    assert records.missing() == [gone.pid]
    (tmp_path / f"profile-{gone.pid}.json").write_text("{}")
    assert (records.missing(), records.read()) == ([], [{}])


@pytest.mark.ray
def test_a_command_that_does_not_exist(ray_cluster: str) -> None:
    with pytest.raises(UsageError, match="cannot run"):
        profile(["./missing"], address=ray_cluster)


class Reference:
    """Looks like an ObjectRef."""

    def __init__(self, number: int) -> None:
        self.number = number

    def task_id(self) -> Any:
        return SimpleNamespace(binary=lambda: self.number.to_bytes(8, "big"))

    def __hash__(self) -> int:
        return self.number


def test_memory_does_not_grow_with_the_tasks() -> None:
    place = Place(compile("pass", "program.py", "exec"), 0, 1, "f", False)
    number = 0
    sizes = []
    tracemalloc.start()
    try:
        for until in (3 * SAMPLE, 12 * SAMPLE):
            while number < until:
                place.add(Reference(number), ((number,), {}))
                number += 1
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert place.tasks == 12 * SAMPLE
    assert len(place.sample) == len(place.hashes) == SAMPLE
    assert sizes[1] < 1.3 * sizes[0]
    late = sum(int.from_bytes(task, "big") >= 6 * SAMPLE for task, _ in place.sample)
    assert 0.4 < late / SAMPLE < 0.6, "the sample is uniform"


@pytest.mark.parametrize(("first", "starting"), [((3.0, 4.0), 3.0), (None, 0.0)])
def test_tasks_that_ray_has_forgotten_are_no_start_of_workers(
    first: tuple[float, float] | None, starting: float
) -> None:
    """Ray keeps the last 100,000 tasks: those of a longer run start long after the first one."""
    ended = {bytes([0] * 7 + [9]): (900.0, 901.0)}
    begun = {} if first is None else {bytes(8): first}
    sampler = Sampler(
        {"folder": ""},
        SimpleNamespace(task_times=lambda *_: {**begun, **ended}),  # type: ignore[arg-type]
    )
    sampler.home = "/nowhere"
    place = sampler.submitted(sys._getframe(), object(), "m.f", 0.0, 1.0, None)
    assert place is not None
    for number in range(10):
        place.add(Reference(number), ())
    place.began, place.first, place.last = 0.0, 0.0, 1000.0
    sampler.fetch_leftovers()
    assert len(place.times) == len({**begun, **ended})
    assert place.record()["starting"] == starting


def test_a_fetch_is_known_by_what_was_submitted() -> None:
    sampler = Sampler({"folder": ""}, SimpleNamespace(task_times=lambda *_: {}))  # type: ignore[arg-type]
    sampler.home = "/nowhere"
    frame = sys._getframe()
    place = sampler.submitted(frame, object(), "m.f", 1.0, 1.5, None)
    assert place is not None
    assert place.symbol == "f"
    place.add(Reference(5), ())
    sampler.fetched(frame, [Reference(6)], 2.0)
    assert place.waiting == 0
    sampler.fetched(frame, [Reference(5), Reference(6)], 2.0, ["value"])
    assert place.waiting > 0
    assert place.submitting == 0.5
    assert len(place.result_bytes) == 1
    waited = place.waiting
    sampler.fetched(frame, [Reference(7)], 2.0)
    assert place.waiting == waited, "another line fetches from nowhere that is known"


def test_an_empty_profile_has_a_table() -> None:
    empty = Profile(("x",), 0, "", "2", 2.0, 0.0, 0.0, 0.0, ("nothing happened",), ())
    assert "Note: nothing happened." in render(empty)
    assert json.loads(empty.to_json(Path()))["sites"] == []
