"""The library function, on the shared cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ray_lint.errors import UsageError
from ray_lint.runtime import Verdict, compare

pytestmark = pytest.mark.ray


@pytest.fixture
def functions(ray_cluster: str) -> Iterator[tuple[object, object, object]]:
    import ray

    def triple(x: int) -> int:
        return x * 3

    def triple_batch(xs: list[int]) -> list[int]:
        return [x * 3 for x in xs]

    def wrong_batch(xs: list[int]) -> list[int]:
        return [x * 3 + (x == 5) for x in xs]

    yield ray.remote(triple), ray.remote(triple_batch), ray.remote(wrong_batch)


def test_equal_values(functions: tuple[object, object, object]) -> None:
    per_item, batched, _ = functions
    report = compare(per_item, batched, range(200), batch_size=50, repeat=3)
    (site,) = report.sites
    assert (site.before.submissions, site.after.submissions) == (200, 4)
    assert site.values == "equal"
    assert site.verdict in (Verdict.CONFIRMED, Verdict.TOO_NOISY), str(report)


def test_different_values(functions: tuple[object, object, object]) -> None:
    per_item, _, wrong = functions
    report = compare(per_item, wrong, range(20))
    assert report.sites[0].verdict is Verdict.VALUES_DIFFER
    assert report.sites[0].reason == "item 5: 15 became 16"
    assert not report.confirmed


def test_no_items(functions: tuple[object, object, object]) -> None:
    with pytest.raises(UsageError, match="no items"):
        compare(functions[0], functions[1], [])
