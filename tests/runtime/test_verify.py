"""Programs are run on the shared cluster, as they are and as rewritten, and judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ray_lint.runtime import Verdict
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.html import render
from tests.runtime.support import measure

BEFORE = """\
import time
import ray

ray.init(num_cpus=64)

@ray.remote
def work(x):
    return x / 3

@ray.remote
def rest(x):
    time.sleep(0.05)
    return -x

refs = [work.remote(x) for x in range(200)]  # site work
values = ray.get(refs)
rested = ray.get([rest.remote(x) for x in range(16)])  # site rest
print(time.time(), "x" * 100_000)
"""
AFTER = """\
import time
import ray

ray.init(num_cpus=64)

@ray.remote
def work_batch(xs):
    return [x / 3 for x in xs]

@ray.remote
def rest_batch(xs):
    def rest(x):
        time.sleep(0.05)
        return -x
    return [rest(x) for x in xs]

refs = [work_batch.remote(range(i, i + 25)) for i in range(0, 200, 25)]  # site work
values = [one for part in ray.get(refs) for one in part]
parts = ray.get([rest_batch.remote(range(i, i + 4)) for i in range(0, 16, 4)])  # site rest
rested = [one for part in parts for one in part]
print(time.time(), "x" * 100_000)
"""


@pytest.mark.ray
def test_a_good_fix_is_confirmed_and_long_tasks_gain_nothing(
    tmp_path: Path, cluster: Cluster
) -> None:
    report = measure(tmp_path, cluster, BEFORE, AFTER, repeat=2)
    work, rest = report.sites
    assert (work.before.submissions, work.after.submissions) == (200, 8)
    assert work.before.items == 200
    assert work.values == rest.values == "equal"
    # No assertion on time: a loaded machine may honestly be too noisy to tell.
    assert work.verdict in (Verdict.CONFIRMED, Verdict.TOO_NOISY), str(report)
    assert len(work.before.seconds) == len(work.after.seconds) == 2
    assert work.before.task_seconds > 0
    assert any("num_cpus=64" in note for note in report.notes)

    assert rest.before.task_seconds >= 0.05
    assert 0 < rest.before.work_seconds(2) <= rest.before.typical_seconds
    assert rest.verdict in (Verdict.NO_SPEEDUP, Verdict.TOO_NOISY, Verdict.SLOWER), str(report)
    assert report.exit_code == 1

    data = json.loads(report.to_json())
    assert data["sites"][0]["before"]["submissions"] == 200
    assert data["sites"][0]["before"]["overhead_per_task"] > 0
    page = render(report)
    assert page.count("<svg") == 4


MANY = """\
import asyncio
import random
import ray

@ray.remote
def work(x):
    return x / 3

@ray.remote
def work_batch(xs):
    return [x / 3 for x in xs]

@ray.remote
def wrong_batch(xs):
    return [x / 3 + (x == 7) for x in xs]

@ray.remote
def throw(x):
    return random.random()

@ray.remote
def throw_batch(xs):
    return [random.random() for x in xs]

def one():
    return ray.get([work.remote(x) for x in range(20)])  # site value

def two():
    return ray.get([work.remote(x) for x in range(20)])  # site count

def three():
    refs = [work.remote(x) for x in range(20)]  # site names
    result = ray.get(refs)
    return result

def four():
    return ray.get([throw.remote(x) for x in range(20)])  # site random

async def five():
    values = await asyncio.gather(*[work.remote(x) for x in range(20)])  # site awaited
    return values

one(), two(), three(), four(), asyncio.run(five())
"""
REWRITTEN = {
    "work.remote(x) for x in range(20)])  # site value": (
        "wrong_batch.remote(range(i, i + 5)) for i in range(0, 20, 5)])  # site value"
    ),
    "work.remote(x) for x in range(20)])  # site count": (
        "work_batch.remote(range(i, i + 5)) for i in range(0, 15, 5)])  # site count"
    ),
    "work.remote(x) for x in range(20)]  # site names": (
        "work_batch.remote(range(i, i + 5)) for i in range(0, 20, 5)]  # site names"
    ),
    "throw.remote(x) for x in range(20)])  # site random": (
        "throw_batch.remote(range(i, i + 5)) for i in range(0, 20, 5)])  # site random"
    ),
    "work.remote(x) for x in range(20)])  # site awaited\n": (
        "work_batch.remote(range(i, i + 5)) for i in range(0, 20, 5)])  # site awaited\n"
        "    values = [x for part in values for x in part]\n"
    ),
}


@pytest.mark.ray
def test_broken_fixes_are_found_and_random_values_are_told_apart(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a module that is run, with values that are returned, fetched and awaited."""
    after = MANY
    for old, new in REWRITTEN.items():
        assert old in after
        after = after.replace(old, new)
    monkeypatch.chdir(tmp_path)
    report = measure(tmp_path, cluster, MANY, after, command=(sys.executable, "-m", "program"))
    value, count, names, random, awaited = report.sites
    differ, noisy = Verdict.VALUES_DIFFER, Verdict.TOO_NOISY
    assert [one.verdict for one in report.sites] == [differ, differ, differ, noisy, noisy]
    assert value.reason == "item 7: 2.3333333333333335 became 3.3333333333333335"
    assert count.reason == "20 values became 15"
    assert names.reason.startswith("result in three(): ")
    assert random.values == "vary"
    assert "random seeds" in random.advice
    assert awaited.values == "equal"
    assert (awaited.before.submissions, awaited.after.submissions) == (20, 4)
    assert awaited.before.typical_seconds > 0
    assert report.exit_code == 1


@pytest.mark.ray
def test_a_fix_that_fails_is_broken(tmp_path: Path, cluster: Cluster) -> None:
    report = measure(tmp_path, cluster, BEFORE, AFTER.replace("ray.get(refs)", "ray.get(reffs)"))
    assert report.sites[0].verdict is Verdict.VALUES_DIFFER
    assert "NameError: name 'reffs' is not defined" in report.sites[0].reason
