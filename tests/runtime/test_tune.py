"""The model, the grid, and the choice of a batch size."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ray_lint.runtime import Options, Side, SiteReport, Verdict, verify
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.html import render
from ray_lint.runtime.tune import MAX_SIZES, costs, grid, proposal, tuned


def measured(items: int = 10_000, work: float = 50e-6, before: float = 10.25) -> SiteReport:
    chunks = 8
    return SiteReport(
        "a.py",
        9,
        1,
        "RAY101",
        "f",
        Verdict.CONFIRMED,
        Side(items, items, (before,), task_seconds=2 * work),
        Side(chunks, items, (0.3,), task_seconds=work * items / chunks),
    )


def test_costs_come_from_the_times() -> None:
    # 10.25 s for 10,000 tasks, of which 0.25 s is 50 µs of work each, over two processors.
    work, overhead = costs(measured(), 2.0)
    assert work == pytest.approx(50e-6)
    assert overhead == pytest.approx(1e-3)


def test_the_proposal_is_the_least_of_the_model() -> None:
    best = proposal(10_000, 50e-6, 1e-3, 2.0)

    def model(size: float) -> float:
        return 1e-3 * 10_000 / size + 50e-6 * 10_000 / 2 + 50e-6 * size

    assert model(best) <= min(model(size) for size in range(1, 10_001)) * 1.001
    assert best == 447
    assert proposal(100, 1e-9, 1e-3, 4.0) == 25, "no processor is left idle"
    assert proposal(100, 0.0, 1e-3, 4.0) == 25
    assert proposal(100, 1.0, 1e-3, 4.0) == 1


def test_the_grid_is_small_and_in_range() -> None:
    assert grid([measured()], 2.0) == [111, 447, 1788]
    many = [measured(items=1000 * n) for n in range(1, 9)]
    sizes = grid(many, 2.0)
    assert sizes == sorted(set(sizes))
    assert len(sizes) <= MAX_SIZES
    assert all(1 <= size <= 4000 for size in sizes)


@pytest.mark.parametrize(
    ("trials", "differ", "chosen", "words"),
    [
        ({100: 0.5, 400: 0.2}, {}, 400, "best: 400 items per batch (--batch-size 400)"),
        ({100: 0.5, 400: 0.2}, {400: "wrong"}, None, "no constant is as fast"),
        ({100: 0.5, 400: 0.4}, {}, None, "keep the size that the cluster gives"),
        ({100: 0.2}, {100: "batches of 100: item 7"}, None, "item 7"),
        ({}, {}, None, "no size could be measured"),
    ],
)
def test_the_choice(
    trials: dict[int, float], differ: dict[int, str], chosen: int | None, words: str
) -> None:
    runs = {size: (10_000 // size, [time, time * 1.01]) for size, time in trials.items()}
    result = tuned(measured(), 2.0, [0.3, 0.303], runs, differ)
    assert result.chosen == chosen
    assert words in result.words
    assert words in str(result)
    assert result.as_json()["chosen"] == chosen


@pytest.mark.ray
def test_a_size_is_measured_and_proposed(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray_lint.runtime.tune.MAX_SIZES", 2)  # to save time
    file = tmp_path / "program.py"
    file.write_text(
        "import ray\n\n\n@ray.remote\ndef double(x):\n    return x * 2\n\n\n"
        "print(sum(ray.get([double.remote(x) for x in range(300)])))\n"
    )
    options = Options(repeat=1, tune=True)
    report = verify([file], (sys.executable, str(file)), options, cluster=cluster)
    assert report.error == ""
    (tuning,) = report.tuning
    assert tuning.items == 300
    assert tuning.overhead_seconds > 0
    assert tuning.item_seconds > 0
    assert 1 <= tuning.proposed <= 150
    assert {one.size: one.tasks for one in tuning.trials} == {
        one.size: -(-300 // one.size) for one in tuning.trials
    }
    assert "items per batch" in render(report)
