"""The shared cluster as the runtime check joins it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ray_lint.runtime.cluster import Cluster


@pytest.fixture(scope="session")
def cluster(ray_cluster: str) -> Iterator[Cluster]:
    with Cluster(ray_cluster) as joined:
        yield joined
