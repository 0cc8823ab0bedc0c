"""Fixtures that every room's tests share."""

from __future__ import annotations

import compileall
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import ray_lint


def pytest_configure() -> None:
    """Compile the package as an installation would: hundreds of tests start the command.

    Where Python is told to write no byte code, each of them took 0.15 s more.
    """
    compileall.compile_dir(Path(ray_lint.__file__).parent, quiet=2)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """One embedded Ray cluster (two CPUs) for a test process; its GCS address ``host:port``.

    The test process itself is connected to it as a driver. Programs in child processes join it
    with ``RAY_ADDRESS`` set to this address; they must not stop it.
    """
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own start-up warnings are not ours to fix
        local = {
            "address": "local",  # never someone else's cluster, whatever RAY_ADDRESS says
            "num_cpus": 2,
            "include_dashboard": False,
            "log_to_driver": False,
            "logging_level": "ERROR",
            "object_store_memory": 200 * 1024 * 1024,
        }
        try:
            context = ray.init(**local)
        except Exception:  # Ray gives a node 30 seconds to start, too few on a busy machine
            ray.shutdown()
            context = ray.init(**local)
    try:
        yield str(context.address_info["gcs_address"])
    finally:
        ray.shutdown()
