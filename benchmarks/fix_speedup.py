"""One task per item, our fix, a hand-written batch, Pool.map and a plain loop, side by side.

Run:  python benchmarks/fix_speedup.py [--items N] [--repeat N] [--num-cpus N]

Prints seconds (median of interleaved repeats) and the speedup over one task per item with its
95 % interval, for items of 10 µs, 1 ms and 50 ms, and for very uneven ones. "our fix" is what
``ray-lint --fix`` writes for the program below, executed as written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from ray_lint.core import fix
from ray_lint.runtime.stats import speedup

PROGRAM = """\
import time

import ray


@ray.remote
def work(x):
    time.sleep({pause})
    return x * 2


def main():
    return ray.get([work.remote(x) for x in range({items})])
"""
KINDS = {
    "10 µs": ("0.00001", 1.0),
    "1 ms": ("0.001", 0.5),
    "50 ms": ("0.05", 0.02),
    "uneven": ("0.00001 if x % 100 else 0.1", 0.2),
}
"""Name: the argument of ``time.sleep``, and the share of ``--items`` that is run."""


def variants(pause: str, items: int) -> dict[str, Callable[[], Any]]:
    """Return the programs to compare, by name."""
    import ray
    from ray.util.multiprocessing import Pool

    source = PROGRAM.format(pause=pause, items=items)
    before: dict[str, Any] = {}
    exec(compile(source, "before", "exec"), before)
    fixed = fix(source.encode())
    found: dict[str, Callable[[], Any]] = {"one task per item": before["main"]}
    if fixed.applied:
        after: dict[str, Any] = {}
        exec(compile(fixed.source, "after", "exec"), after)
        found["our fix"] = after["main"]
    else:
        print(f"  no fix: {[one.message for one in fixed.left] or 'nothing to report'}")
    single = before["work"]._function
    batch = ray.remote(lambda xs: [single(x) for x in xs])

    def documentation() -> Any:
        # As in Ray's documentation: batches of 1,000 items.
        parts = [range(i, min(i + 1000, items)) for i in range(0, items, 1000)]
        return [one for part in ray.get([batch.remote(p) for p in parts]) for one in part]

    pool = Pool()
    found["documentation's batch"] = documentation
    found["Pool.map"] = lambda: pool.map(single, range(items))
    found["serial"] = lambda: [single(x) for x in range(items)]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--num-cpus", type=int, default=2)
    options = parser.parse_args()
    import ray

    ray.init("local", num_cpus=options.num_cpus, include_dashboard=False, logging_level="ERROR")
    try:
        for kind, (pause, share) in KINDS.items():
            items = max(1, int(options.items * share))
            print(f"{items:,} items of {kind}")
            programs = variants(pause, items)
            expected = [x * 2 for x in range(items)]
            times: dict[str, list[float]] = {name: [] for name in programs}
            for round_ in range(options.repeat + 1):
                for name, program in programs.items():
                    began = time.perf_counter()
                    if program() != expected:
                        raise SystemExit(f"{name}: wrong values")
                    if round_:  # the first round starts the workers
                        times[name].append(time.perf_counter() - began)
            base = times["one task per item"]
            for name, seen in times.items():
                ratio = speedup(base, seen)
                print(
                    f"  {name:<24}{median(seen):9.3f} s{ratio.estimate:9.2f}x"
                    f"  [{ratio.low:.2f}, {ratio.high:.2f}]"
                )
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
