"""The runtime check in one's own tests, opt-in by ``pytest --ray-lint-verify``.

    def test_batching_pays(ray_lint_compare):
        assert ray_lint_compare(square, square_batch, range(2_000)).confirmed

    def test_the_fix_pays(ray_lint_verify):
        assert ray_lint_verify(["train.py"]).confirmed

Tests that use these fixtures, or are marked ``ray_lint_verify``, measure for seconds to minutes, so
they are skipped without the option. ``--ray-lint-num-cpus`` sets the size of the embedded cluster,
``--ray-lint-address`` joins an existing one. Nothing is stopped that was not started here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

MARKER = "ray_lint_verify"
_FIXTURES = frozenset(("ray_lint_compare", "ray_lint_verify"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("ray-lint")
    group.addoption(
        "--ray-lint-verify", action="store_true", help="run the tests that measure on Ray"
    )
    group.addoption("--ray-lint-num-cpus", type=int, default=2, help="CPUs of the cluster")
    group.addoption("--ray-lint-address", default="", help="an existing cluster to join")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"{MARKER}: measures on a Ray cluster; skipped without --ray-lint-verify"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use the fixtures, and skip what is marked unless it is asked for."""
    skip = pytest.mark.skip(reason="measures on Ray: run with --ray-lint-verify")
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(MARKER)
        if item.get_closest_marker(MARKER) and not config.getoption("--ray-lint-verify"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def ray_lint_compare(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Return ``ray_lint.runtime.compare``, with Ray initialized."""
    ray: Any = pytest.importorskip("ray")
    from ray_lint.runtime.callables import compare

    started = not ray.is_initialized()
    if started:
        address = request.config.getoption("--ray-lint-address")
        local = {
            "num_cpus": request.config.getoption("--ray-lint-num-cpus"),
            "include_dashboard": False,
        }
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            **({} if address else local),
        )
    try:
        yield compare
    finally:
        if started:
            ray.shutdown()


@pytest.fixture(scope="session")
def ray_lint_verify(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Return ``ray_lint.runtime.verify`` on one cluster for the whole run.

    ``ray_lint_verify(paths, command=(), **options)``; the options are the fields of
    ``ray_lint.runtime.Options``.
    """
    pytest.importorskip("ray")
    from ray_lint.runtime.api import verify
    from ray_lint.runtime.cluster import Cluster
    from ray_lint.runtime.measure import Options

    address = request.config.getoption("--ray-lint-address")
    cpus = None if address else request.config.getoption("--ray-lint-num-cpus")
    with Cluster(address, cpus) as cluster:

        def measured(
            paths: Sequence[Path | str], command: Sequence[str] = (), **options: Any
        ) -> Any:
            return verify(paths, command, Options(**options), cluster=cluster)

        yield measured
