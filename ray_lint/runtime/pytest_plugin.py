"""A pytest fixture for the runtime check: ``pytest -p ray_lint.runtime.pytest_plugin``.

    def test_batching_pays(ray_lint_compare):
        assert ray_lint_compare(square, square_batch, range(2_000)).confirmed

The fixture starts one embedded cluster for the whole run, unless Ray is already initialized, and
stops only what it started. ``--ray-lint-num-cpus`` sets its size, ``--ray-lint-address`` joins an
existing cluster instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ray_lint.runtime.report import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the cluster."""
    group = parser.getgroup("ray-lint")
    group.addoption("--ray-lint-num-cpus", type=int, default=2, help="CPUs of the cluster")
    group.addoption("--ray-lint-address", default="local", help="an existing cluster to join")


@pytest.fixture(scope="session")
def ray_lint_compare(request: pytest.FixtureRequest) -> Iterator[Callable[..., Report]]:
    """Return ``ray_lint.runtime.compare``, with Ray initialized."""
    ray: Any = pytest.importorskip("ray")
    from ray_lint.runtime.callables import compare

    started = not ray.is_initialized()
    if started:
        address = request.config.getoption("--ray-lint-address")
        local = (
            {}
            if address != "local"
            else {
                "num_cpus": request.config.getoption("--ray-lint-num-cpus"),
                "include_dashboard": False,
            }
        )
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **local)
    try:
        yield compare
    finally:
        if started:
            ray.shutdown()
