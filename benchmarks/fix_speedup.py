"""One task per item, our fix, a hand-written batch, Pool.map and a plain loop, side by side.

Run:  python -m benchmarks.fix_speedup [--items N] [--repeat N] [--num-cpus N] [--only KIND]

"our fix" is what ``ray-lint --fix`` writes for the program below, executed as written; for items
of more than 10 µs, which it would leave alone in part, it is told that they are tiny. In each round
every program runs once, in another order. Printed are the median seconds, and how many times
faster than each rival our fix is: the median of the ratios of one round, with its 95 % interval by
ranks. Then the memory that a driver of its own gains by each program, and the work in CPU seconds.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

from ray_lint.config import Config
from ray_lint.core import fix

PROGRAM = """\
import time

import ray


@ray.remote
def work(x):
    {body}
    return x * 2


def main():
    return ray.get([work.remote(x) for x in range({items})])
"""
LOOP = "for _ in range({loops}):\n        pass"
KINDS = {
    "10 µs": (LOOP, 1.0),
    "1 ms": ("time.sleep(0.001)", 0.1),
    "50 ms": ("time.sleep(0.05)", 0.01),
    "uneven": ("time.sleep(0.1 if x * 7919 % 101 == 0 else 0)", 0.2),
    "rising": ("time.sleep(x / 10_000)", 0.02),
}
"""Name: what one item does, and the share of ``--items`` that is run."""
OURS, BEFORE = "our fix", "one task per item"
GRID = (10, 50, 100, 250, 500, 1000, 2500, 5000)

Variants = dict[str, Callable[[], Any]]


def program(source: str, size: int | None = None) -> Callable[[], Any]:
    """Return ``main`` of a program, fixed with a constant batch size, or with 0 as we choose."""
    if size is not None:
        told = ("work",) if "time.sleep" in source else ()
        config = Config(min_items=1, known_tiny=told, batch_size=size or None)
        fixed = fix(source.encode(), config)
        if not fixed.applied:
            raise SystemExit(f"no fix: {[one.message for one in fixed.left]}")
        source = fixed.source.decode()
    names: dict[str, Any] = {}
    exec(compile(source, "program", "exec"), names)
    main: Callable[[], Any] = names["main"]
    return main


def variants(kind: str, items: int, pool: Any) -> Variants:
    """Return the programs to compare, by name; a grid of batch sizes for tiny items only."""
    import ray

    source = PROGRAM.format(body=KINDS[kind][0].format(loops=loops(10e-6)), items=items)
    names: dict[str, Any] = {}
    exec(compile(source, "program", "exec"), names)
    single = names["work"]._function
    batch = ray.remote(lambda xs: [single(x) for x in xs])

    def documentation() -> Any:
        # As in Ray's documentation: batches of 1,000 items.
        parts = [range(i, min(i + 1000, items)) for i in range(0, items, 1000)]
        return [one for part in ray.get([batch.remote(p) for p in parts]) for one in part]

    found: Variants = {BEFORE: names["main"], OURS: program(source, 0)}
    found["documentation's batch"] = documentation
    found["Pool.map"] = lambda: pool.map(single, range(items))
    if kind == "10 µs":
        found["serial"] = lambda: [single(x) for x in range(items)]
        for size in GRID:
            if size * 2 <= items:
                found[f"batches of {size:,}"] = program(source, size)
    return found


def loops(seconds: float) -> int:
    """Return how many rounds of an empty loop take ``seconds`` on this machine."""
    code = compile("for _ in range(100_000): pass", "loop", "exec")
    times = []
    for _ in range(9):
        began = time.process_time()
        exec(code, {})
        times.append(time.process_time() - began)
    return max(1, round(seconds / min(times) * 100_000))


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median by ranks (binomial); all values if too few."""
    ordered, count = sorted(values), len(values)
    below, rank = 1 / 2**count, 0
    while rank + 1 < count // 2 and below + comb(count, rank + 1) / 2**count < 0.025:
        rank += 1
        below += comb(count, rank) / 2**count
    return ordered[rank], ordered[count - 1 - rank]


def compare(programs: Variants, expected: list[int], repeat: int) -> dict[str, list[float]]:
    """Return the seconds of each program, a round each, in random order within a round."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    order = list(programs)
    for number in range(repeat + 1):
        random.Random(number).shuffle(order)
        for name in order:
            began = time.perf_counter()
            if programs[name]() != expected:
                raise SystemExit(f"{name}: wrong values")
            if number:  # the first round starts the workers
                times[name].append(time.perf_counter() - began)
    return times


def report(times: dict[str, list[float]]) -> None:
    """Print each program beside ours, and ours beside the best constant batch size."""
    for name, seen in times.items():
        ratios = [other / ours for other, ours in zip(seen, times[OURS], strict=True)]
        low, high = median_interval(ratios)
        print(
            f"  {name:<22}{median(seen):9.4f} s   our fix is {median(ratios):6.2f} times "
            f"faster [{low:.2f}, {high:.2f}]"
        )
    grid = [name for name in times if name.startswith("batches of")]
    if grid:
        best = min(grid, key=lambda name: median(times[name]))
        print(f"  best of the grid: {best}")


def grown(kind: str, items: int, size: int | None, address: str) -> str:
    """Return what a new driver gains in memory by one run, and its own work, as a text."""
    command = [sys.executable, "-m", "benchmarks.fix_speedup", "--driver", address]
    command += ["--items", str(items), "--only", kind, *(["--fixed"] if size == 0 else [])]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def drive(kind: str, items: int, address: str, *, fixed: bool) -> None:
    """Run one program in this process and print its growth; MB of peak resident memory."""
    import ray

    ray.init(address, logging_level="ERROR")
    source = PROGRAM.format(body=KINDS[kind][0].format(loops=loops(10e-6)), items=items)
    program(source.replace(f"range({items})", "range(1)"))()
    main = program(source, 0 if fixed else None)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, began = peak(), time.process_time()
    main()
    work = time.process_time() - began
    print(f"{peak() - before:6.1f} MB more memory, {work:7.3f} s of CPU in the driver")


def peak() -> float:
    """Return the peak of resident memory of this process in MB; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--num-cpus", type=int, default=2)
    parser.add_argument("--only", choices=KINDS, action="append", help="only items of this kind")
    parser.add_argument("--driver", help=argparse.SUPPRESS)
    parser.add_argument("--fixed", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.driver:
        drive(options.only[0], options.items, options.driver, fixed=options.fixed)
        return
    import ray
    from ray.util.multiprocessing import Pool

    ray.init("local", num_cpus=options.num_cpus, include_dashboard=False, logging_level="ERROR")
    address = ray.get_runtime_context().gcs_address
    try:
        for kind in options.only or KINDS:
            items = max(1, int(options.items * KINDS[kind][1]))
            print(f"{items:,} items, {kind}", flush=True)
            pool = Pool()
            programs = variants(kind, items, pool)
            report(compare(programs, [x * 2 for x in range(items)], options.repeat))
            pool.terminate()
            if kind == "10 µs":
                print(f"  driver, {BEFORE}: {grown(kind, items, None, address)}")
                print(f"  driver, {OURS}: {grown(kind, items, 0, address)}", flush=True)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
