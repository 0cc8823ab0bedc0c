"""What is verified and what is written: settings, files, confirmed fixes, found batch sizes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ray_lint.errors import SourceError, UsageError
from ray_lint.runtime import Interval, Report, Side, SiteReport, Verdict, verify
from ray_lint.runtime.api import apply_confirmed
from ray_lint.runtime.inputs import Inputs
from ray_lint.runtime.tune import Trial, Tuning
from ray_lint.settings import SettingsFinder
from tests.doors.samples import FINDING, LINE

THREE = FINDING.replace(
    "results = ray.get([double.remote(x) for x in range(10_000)])\n",
    "first = ray.get([double.remote(x) for x in range(10_000)])\n"
    "second = ray.get([double.remote(x) for x in range(20_000)])\n"
    "third = ray.get([double.remote(x) for x in range(30_000)])\n",
)


def test_settings_hold_as_for_the_linter(tmp_path: Path) -> None:
    (tmp_path / "ray-lint.toml").write_text('ignore = ["RAY101"]\nexclude = ["old/"]\n')
    (tmp_path / "old").mkdir()
    for name in ("a.py", "old/b.py"):
        (tmp_path / name).write_text(FINDING)
    (tmp_path / "no_ray.py").write_text("x = 1\n")
    inputs = Inputs()
    assert inputs.files([tmp_path]) == [tmp_path / "a.py"]
    assert inputs.fix(tmp_path / "a.py", FINDING.encode()).applied == ()
    chosen = Inputs(chosen={"ignore": (), "min_items": 20_000})
    assert chosen.fix(tmp_path / "a.py", FINDING.encode()).applied == ()
    alone = Inputs(SettingsFinder(isolated=True))
    assert len(alone.fix(tmp_path / "a.py", FINDING.encode()).applied) == 1
    with pytest.raises(UsageError, match="nothing to verify, there is no fix"):
        verify([tmp_path / "a.py"])


def test_what_cannot_be_verified(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("print(1)\n")
    (tmp_path / "book.ipynb").write_text("{}")
    with pytest.raises(UsageError, match="nothing to verify"):
        verify([tmp_path / "plain.py"])
    with pytest.raises(UsageError, match="nothing to verify, no Python file uses Ray"):
        verify([tmp_path])
    with pytest.raises(UsageError, match="a notebook cannot be run"):
        verify([tmp_path / "book.ipynb"])
    with pytest.raises(UsageError, match="no such file"):
        verify([tmp_path / "missing.py"])


HEAVY = """\
import subprocess
import time
import ray
import elsewhere


@ray.remote
def slow(x):
    time.sleep(0.05)
    return x


@ray.remote
def load(x):
    return elsewhere.load(x)


@ray.remote
def double(x):
    return x * 2


@ray.remote
def run(x):
    return subprocess.run(["true", x])


ray.get([slow.remote(x) for x in range(300)])
ray.get([load.remote(x) for x in range(300)])
ray.get([double.remote(x) for x in range(30)])
ray.get([run.remote(x) for x in range(30)])
"""


def test_what_is_not_reported_is_told_with_the_options_that_measure_it(tmp_path: Path) -> None:
    file = tmp_path / "heavy.py"
    file.write_text(HEAVY)
    with pytest.raises(UsageError) as caught:
        verify([file])
    _, *lines = str(caught.value).splitlines()
    assert [line.split("`")[1] for line in lines] == ["slow", "load", "double", "run"]
    assert "long enough: sleeps 50 ms" in lines[0]
    assert "calls `elsewhere.load`" in lines[1] or "calls `load`" in lines[1]
    assert "fewer than 200 submissions" in lines[2]
    assert "starts a process" in lines[3]
    hints = [line.partition("to measure a fix all the same: ")[2] for line in lines]
    assert hints == [
        "--known-tiny slow",
        "--strict",
        "--min-items 1",
        "--min-items 1 --known-tiny run",
    ]
    (tmp_path / "ray-lint.toml").write_text('known-heavy = ["slow"]\n')
    for hint, inputs in zip(
        hints,
        (
            Inputs(tiny=("slow",)),
            Inputs(chosen={"strict": True, "unsafe_fixes": True}),
            Inputs(chosen={"min_items": 1}),
            Inputs(chosen={"min_items": 1, "unsafe_fixes": True}, tiny=("run",)),
        ),
        strict=True,
    ):
        applied = inputs.fix(file, HEAVY.encode()).applied
        symbol = lines[hints.index(hint)].split("`")[1]
        assert symbol in [one.finding.symbol for one in applied], hint


def test_an_unsafe_fix_is_told_with_its_option(tmp_path: Path) -> None:
    file = tmp_path / "unsafe.py"
    file.write_text(FINDING.replace("return x * 2", "print(x)\n    return x * 2"))
    with pytest.raises(UsageError, match=r"RAY101 is left: .* \(--unsafe-fixes measures it"):
        verify([file])


def site(path: Path, line: int, verdict: Verdict, column: int) -> SiteReport:
    return SiteReport(str(path), line, column, "RAY101", "double", verdict, speedup=None)


def tuning(path: Path, line: int, column: int, size: int | None) -> Tuning:
    trial = Trial(size or 1, 3, (1.0,), Interval(1.0, 0.9, 1.1))
    return Tuning(str(path), line, column, "double", 9, 1e-6, 1e-3, 3, (trial,), 1.0, size, "")


def test_only_confirmed_fixes_are_written_each_with_its_size(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(THREE)
    confirmed, slower = Verdict.CONFIRMED, Verdict.SLOWER
    report = Report(
        (
            site(file, LINE, confirmed, 18),
            site(file, LINE + 1, slower, 19),
            site(file, LINE + 2, confirmed, 18),
        ),
        tuning=(tuning(file, LINE, 18, 7), tuning(file, LINE + 2, 18, 11)),
    )
    assert apply_confirmed(report) == [file]
    text = file.read_text()
    assert "second = ray.get([double.remote(x) for x in range(20_000)])\n" in text
    assert "def split_into_batches(items, size=7):" in text
    assert "def split_into_batches_2(items, size=11):" in text
    assert "in split_into_batches(range(10_000))" in text
    assert "in split_into_batches_2(range(30_000))" in text
    assert "first = ray.get([double.remote" not in text
    assert "third = ray.get([double.remote" not in text
    compile(text, "a.py", "exec")


def test_nothing_is_written_without_a_confirmation(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(FINDING)
    report = Report((site(file, LINE, Verdict.NO_SPEEDUP, 20),))
    assert apply_confirmed(report) == []
    assert file.read_text() == FINDING


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("\n" + FINDING)
    report = Report((site(file, LINE, Verdict.CONFIRMED, 20),))
    with pytest.raises(SourceError, match="changed since it was measured"):
        apply_confirmed(report)
    assert file.read_text() == "\n" + FINDING


def test_a_side_divides_its_time() -> None:
    side = Side(submissions=100, items=100, seconds=(2.0,), task_seconds=0.01)
    assert side.work_seconds(4) == pytest.approx(0.25)
    assert side.overhead_per_task(4) == pytest.approx(0.0175)
    assert dataclasses.replace(side, actors=1).work_seconds(4) == pytest.approx(1.0)
