"""Measured sites are found again in changed files, until their own code has changed."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from ray_lint.config import Config
from ray_lint.core import check, fix, stale_measurements
from ray_lint.finding import Applicability
from ray_lint.measured import MeasuredSite
from ray_lint.program.module import Module
from ray_lint.program.profiled import ProfiledModule
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee

SOURCE = """\
import ray


@ray.remote
def work(x):
    return lookup(x)


@ray.remote
class Store:
    def put(self, x):
        self.x = x


def submit(x):
    return work.remote(x)


def run(items):
    return ray.get([work.remote(x) for x in items])


def fill(store, n):
    refs = []
    for i in range(n):
        refs.append(store.put.remote(i))
    return [submit(x) for x in range(n)]


many = ray.get([work.remote(x) for x in range(300)])
"""


def measured(source: str, line: int, symbol: str, **more: object) -> MeasuredSite:
    """Return the site at a line as ``ray-lint profile`` writes it."""
    module = Project().add(source, ast.parse(source), "program.py")
    profiled = ProfiledModule(module.tree)
    handle = profiled.handle_at(line, None, symbol)
    assert handle is not None
    definition = resolve_callee(Project(), Module(source, module.tree, "x"), handle).definition
    function, ordinal = profiled.places[handle]
    site = MeasuredSite(
        function=function,
        ordinal=ordinal,
        digest=profiled.digest(handle, definition),
        line=line,
        symbol=symbol,
        actor=symbol == "put",
        tasks=40_000,
        median_seconds=20e-6,
        overhead_share=0.9,
    )
    return dataclasses.replace(site, **more)  # type: ignore[arg-type]


def lines(source: str, *sites: MeasuredSite) -> list[tuple[str, int]]:
    config = Config(measured=sites)
    return [(f.code, f.start.line) for f in check(source.encode(), config, fixes=False)]


def test_a_measured_tiny_task_is_reported_though_nothing_else_is_known() -> None:
    site = measured(SOURCE, 20, "work")
    assert lines(SOURCE) == []
    assert lines(SOURCE, site) == [("RAY101", 20)]
    (finding,) = check(SOURCE.encode(), Config(measured=(site,)))
    assert "40,000 tasks (measured: a median of 20 µs each, 90 %" in finding.message
    assert finding.fix is not None
    assert finding.fix.edits


@pytest.mark.parametrize(
    "more",
    [{"median_seconds": 0.050}, {"tasks": 100}, {"overhead_share": 0.01}],
    ids=["long", "few", "the driver's own work"],
)
def test_a_measured_site_is_not_reported_whatever_it_looks_like(more: dict[str, object]) -> None:
    source = SOURCE.replace("lookup(x)", "x + 1").replace("range(300)", "range(30_000)")
    assert lines(source) == [("RAY101", 20), ("RAY101", 27), ("RAY101", 30)]
    others = [("RAY101", 20), ("RAY101", 27)]
    assert lines(source, measured(source, 30, "work", **more)) == others


def test_without_times_the_source_decides() -> None:
    source = SOURCE.replace("lookup(x)", "x + 1").replace("range(300)", "range(30_000)")
    without = measured(source, 30, "work", median_seconds=None)
    assert lines(source, without) == lines(source)


def test_a_site_whose_loop_is_elsewhere_is_reported_without_a_fix() -> None:
    source = SOURCE.replace("[submit(x) for x in range(n)]", "submit")
    site = measured(source, 16, "work")
    (finding,) = check(source.encode(), Config(measured=(site,)))
    assert (finding.code, finding.start.line, finding.start.column) == ("RAY101", 16, 11)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DISPLAY
    assert fix(source.encode(), Config(measured=(site,))).applied == ()


def test_a_measured_wrapper_is_reported_at_the_loop_that_calls_it() -> None:
    assert lines(SOURCE, measured(SOURCE, 16, "work")) == [("RAY101", 27)]


def test_an_actor_that_only_the_run_knows() -> None:
    assert lines(SOURCE, measured(SOURCE, 26, "put")) == [("RAY102", 26)]


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("import ray\n", "import ray  # moved\n\n\n", False),
        ("return ray.get([work", "# a comment\n    return ray.get(\n        [work", False),
        ("self.x = x", "self.x = [x]", False),
        ("for x in items", "for x in items[1:]", True),
        ("lookup(x)", "lookup(x) + 1", True),
    ],
)
def test_a_profile_is_stale_by_function_and_by_content(old: str, new: str, stale: bool) -> None:
    site = measured(SOURCE, 20, "work")
    changed = SOURCE.replace(old, new)
    if "(\n" in new:
        changed = changed.replace("for x in items])", "for x in items]\n    )")
    assert changed != SOURCE
    assert bool(lines(changed, site)) is not stale
    old_sites = stale_measurements(changed.encode(), Config(measured=(site,)))
    assert old_sites == ([site] if stale else [])


def test_the_module_is_not_stale_when_a_function_changes() -> None:
    site = measured(SOURCE, 30, "work")
    assert lines(SOURCE.replace("refs = []", "refs = [][:]"), site) == [("RAY101", 30)]


def test_two_calls_on_one_line_are_told_apart_by_name_and_column() -> None:
    source = "import ray\npairs = [(f.remote(x), g.remote(x), g.remote(1)) for x in y]\n"
    profiled = ProfiledModule(ast.parse(source))
    by_name = profiled.handle_at(2, None, "f")
    assert by_name is not None
    assert profiled.places[by_name] == ("<module>", 0)
    assert profiled.handle_at(2, None, "g") is None
    by_column = profiled.handle_at(2, source.splitlines()[1].index("g.remote(1)"), "g")
    assert by_column is not None
    assert profiled.places[by_column] == ("<module>", 2)
