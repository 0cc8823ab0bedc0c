"""The findings in installed packages are the reviewed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pinned import difference, findings_in, installed_folder, package_of, read_pins

TABLES = sorted(Path(__file__).parent.glob("*.tsv"))
VERDICTS = {"right", "debatable", "false alarm"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_every_pinned_finding_is_reviewed(table: Path) -> None:
    pins = read_pins(table)  # none at all is a result too: libraries call their workers
    assert {verdict for verdict, _ in pins.values()} <= VERDICTS
    assert all(reason for _, reason in pins.values())


def test_several_packages_are_pinned() -> None:
    assert len(TABLES) >= 6
    assert sum(len(read_pins(table)) for table in TABLES) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_findings_are_the_pinned_ones(table: Path) -> None:
    folder = installed_folder(*package_of(table))
    if folder is None:
        pytest.skip(f"{table.stem} is not installed")
    found, errors = findings_in(folder)
    assert errors == []
    assert difference(read_pins(table), found) == []


def test_a_difference_is_shown(tmp_path: Path) -> None:
    package = tmp_path / "demo"
    package.mkdir()
    (package / "jobs.py").write_text(
        "import ray\n\n\n@ray.remote\ndef f(x):\n    return x\n\n\n"
        "refs = [f.remote(i) for i in range(10_000)]\n"
    )
    table = tmp_path / "demo-1.tsv"
    table.write_text(
        "path\tline\tcode\tverdict\treason\ndemo/jobs.py\t3\tRAY101\tright\tno longer there\n"
    )
    found, errors = findings_in(package)
    assert errors == []
    added, gone = difference(read_pins(table), found)
    assert added.startswith("+ demo/jobs.py:9 RAY101")
    assert gone.startswith("- demo/jobs.py:3 RAY101")
    assert "no longer there" in gone


@pytest.mark.parametrize("content", ["", "path\n", "path\tline\tcode\tverdict\treason\na\tb\n"])
def test_broken_tables_are_refused(tmp_path: Path, content: str) -> None:
    table = tmp_path / "demo-1.tsv"
    table.write_text(content or "\n")
    with pytest.raises(ValueError, match=r"demo-1\.tsv:\d"):
        read_pins(table)
