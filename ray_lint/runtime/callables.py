"""Compare a per-item remote function with a batched one, inside a running program or test."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ray_lint.errors import UsageError
from ray_lint.runtime.report import Report, Side, SiteReport, Verdict
from ray_lint.runtime.stats import Interval, speedup
from ray_lint.runtime.values import Tolerance, difference, plain


def compare(
    per_item: Any,
    batched: Any,
    items: Sequence[Any],
    *,
    batch_size: int | None = None,
    repeat: int = 7,
    warm_up: int = 1,
    max_time: float = 60.0,
    tolerance: Tolerance | None = None,
) -> Report:
    """Measure ``per_item`` on every item against ``batched`` on chunks of the items.

    ``per_item`` is a Ray remote function of one item, ``batched`` one that takes a list of items
    and returns the list of their results. Ray must be initialized; its cluster is used as it is.
    ``batch_size`` defaults to about four chunks per CPU. ``max_time`` is in seconds.

    The report has one site. Raises UsageError if there are no items, Ray is missing or not
    initialized; an exception of a task comes through unchanged.
    """
    from ray_lint.runtime.measure import LEAST_REPEATS, judge, settled

    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed; install it with: pip install 'ray-lint[ray]'")  # noqa: B904
    if not ray.is_initialized():
        raise UsageError("Ray is not initialized; call ray.init() first")
    if not items:
        raise UsageError("there are no items to compare")
    began = time.monotonic()
    cpus = float(ray.cluster_resources().get("CPU", 1.0))
    size = batch_size or max(1, len(items) // max(1, int(4 * cpus)))
    chunks = [list(items[start : start + size]) for start in range(0, len(items), size)]

    def one_by_one() -> list[Any]:
        return list(ray.get([per_item.remote(item) for item in items]))

    def in_chunks() -> list[Any]:
        return [one for part in ray.get([batched.remote(c) for c in chunks]) for one in part]

    tolerance = tolerance or Tolerance()
    expected, got = one_by_one(), in_chunks()
    words = _difference(expected, got, tolerance)
    values = "equal"
    if words:
        again = _difference(expected, one_by_one(), tolerance)
        values = "vary" if again else "differ"
        words = f"two runs of the original already differ: {again}" if again else words
    for _ in range(warm_up - 1):
        one_by_one()
        in_chunks()
    before: list[float] = []
    after: list[float] = []
    interval: Interval | None = None
    while values != "differ" and len(before) < max(repeat, LEAST_REPEATS):
        if len(before) % 2 == 0:
            before.append(_timed(one_by_one))
            after.append(_timed(in_chunks))
        else:
            after.append(_timed(in_chunks))
            before.append(_timed(one_by_one))
        interval = speedup(before, after)
        spent = time.monotonic() - began
        if len(before) >= LEAST_REPEATS and (settled(interval) or spent > max_time):
            break
    if values == "differ":
        verdict = Verdict.VALUES_DIFFER
    elif values == "vary" or interval is None:
        verdict = Verdict.TOO_NOISY
    else:
        verdict = judge(interval)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    function = getattr(per_item, "_function", None)
    code = getattr(function, "__code__", None)
    site = SiteReport(
        path=Path(code.co_filename).name if code is not None else "<callable>",
        line=code.co_firstlineno if code is not None else 0,
        column=1,
        code="RAY101",
        symbol=getattr(function, "__name__", "per_item"),
        verdict=verdict,
        before=Side(len(items), len(items), tuple(before), (peak,)),
        after=Side(len(chunks), len(items), tuple(after), (peak,)),
        speedup=interval,
        values=values,
        reason=words,
    )
    return Report(
        sites=(site,),
        cluster=str(ray.get_runtime_context().gcs_address),
        ray_version=str(ray.__version__),
        nodes=sum(1 for node in ray.nodes() if node["Alive"]),
        cpus=cpus,
        runs=2 + len(before) + len(after),
        seconds=time.monotonic() - began,
        tolerance=str(tolerance),
    )


def _difference(first: list[Any], second: list[Any], tolerance: Tolerance) -> str:
    if len(first) != len(second):
        return f"{len(first):,} values became {len(second):,}"
    for position, (one, other) in enumerate(zip(first, second, strict=True)):
        words = difference(plain(one), plain(other), tolerance)
        if words:
            return f"item {position:,}: {words}"
    return ""


def _timed(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
