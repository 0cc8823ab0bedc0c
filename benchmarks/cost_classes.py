"""Is the cost class right? Runs small functions, measures them, and compares.

``python -m benchmarks.cost_classes [--verbose] [--minimum SHARE]``

Each function below is judged from its source alone, as the body of a remote function, and then
really run (Ray is not needed: what counts is the body). Truly *tiny* is what takes less than the
threshold of 10 ms, *heavy* what takes longer. An *unknown* answer is neither right nor wrong and
counted on its own; the share of right answers is taken of those that were given, and the share of
answers of all. Functions within a factor of two of the threshold are left out: there the class is
a matter of the machine.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import functools
import inspect
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ray_lint.program.costs import cost_of
from ray_lint.program.project import Project
from ray_lint.program.remotes import Callee, CalleeKind
from ray_lint.program.work import Cost

THRESHOLD = 0.010
CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
FEW = [1, 2, 3, 4, 5]
WORDS = "the quick brown fox jumps over the lazy dog"
TABLE = {i: i * i for i in range(100)}
POINTS = [(i, i * 0.5) for i in range(50)]
VECTOR = np.arange(100.0)
MATRIX = np.ones((100, 100))


def case(*arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function with the arguments that it is run with."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append((function, arguments))
        return function

    return register


# ruff: noqa: D101, D102, D103 - the functions are the data of this benchmark

# -- plain Python -------------------------------------------------------------------------------


@case(3)
def square(x):
    return x * x


@case(3)
def nothing(x):
    pass


@case(3)
def constant(x):
    return 1


@case(3, 4)
def several_operations(x, y):
    total = x + y
    difference = x - y
    return {"sum": total, "difference": difference, "product": x * y, "largest": max(x, y)}


@case(17)
def branches(x):
    if x % 15 == 0:
        return "fizzbuzz"
    if x % 5 == 0:
        return "buzz"
    return "fizz" if x % 3 == 0 else str(x)


@case(10)
def short_loop(x):
    total = 0
    for i in range(100):
        total += i * x
    return total


@case(10)
def loop_of_ten_thousand(x):
    total = 0
    for i in range(10_000):
        total += i
    return total


@case(10)
def loop_of_a_million(x):
    total = 0
    for i in range(1_000_000):
        total += i * x
    return total


@case(10)
def loop_of_ten_million(x):
    n = 0
    for _ in range(10_000_000):
        n += 1
    return n


@case(10)
def nested_loops(x):
    total = 0
    for i in range(1000):
        for j in range(1000):
            total += i ^ j
    return total


@case(10)
def small_nested_loops(x):
    return [[i * j for j in range(10)] for i in range(10)]


@case(10)
def comprehension_of_a_million(x):
    return [i * x for i in range(1_000_000)]


@case(10)
def counted_while(x):
    i = 0
    while i < 50:
        i += 1
    return i


@case(10)
def counted_while_of_a_million(x):
    i = 0
    while i < 2_000_000:
        i += 1
    return i


@case(10)
def sum_of_a_range(x):
    return sum(range(1000))


@case(10)
def sum_of_a_large_range(x):
    return sum(range(10_000_000))


@case(10)
def sum_of_squares(x):
    return sum(i * i for i in range(2_000_000))


@case(5)
def dictionary_lookup(x):
    return TABLE[x] + TABLE.get(x + 1, 0)


@case(5)
def builds_a_tuple(x):
    return x, x + 1, [x] * 3


@case(WORDS)
def string_methods(text):
    return text.upper().replace("A", "b").strip().split(" ")


@case("42, 17")
def parses_numbers(text):
    left, right = text.split(",")
    return int(left) + float(right)


@case(WORDS)
def word_lengths(text):
    return max(len(word) for word in WORDS.split())


@case(7)
def formats(x):
    return f"{x:05d} {x / 3:.2f} {'odd' if x % 2 else 'even'}"


@case(7)
def sorts_few(x):
    return sorted(FEW, reverse=True)[0] + x


@case(7)
def sorts_many(x):
    return sorted(range(3_000_000, 0, -1), key=lambda i: -i)


@case(7)
def raises_and_catches(x):
    try:
        return 1 / (x - 7)
    except ZeroDivisionError:
        return 0.0


@case(7)
def nearest_of_known_points(x):
    return min((abs(px - x) + py, px) for px, py in POINTS)


def _helper(x):
    return x * 2 + 1


def _slow_helper(x):
    total = 0
    for i in range(3_000_000):
        total += i
    return total


def _layer(x):
    return _slow_helper(x) + 1


@case(7)
def calls_a_helper(x):
    return _helper(_helper(x))


@case(7)
def calls_a_slow_helper(x):
    return _slow_helper(x)


@case(7)
def calls_a_slow_helper_of_a_helper(x):
    return _layer(x)


@case(7)
def helper_in_a_loop(x):
    return [_helper(i) for i in range(100)]


@case(7)
def helper_in_a_long_loop(x):
    return [_helper(i) for i in range(1_000_000)]


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def length(self):
        return (self.x * self.x + self.y * self.y) ** 0.5


@case(3)
def makes_an_object(x):
    return Vector(x, 4).length()


@case(3)
def inner_function(x):
    def double(y):
        return 2 * y

    return double(double(x))


@case(3)
def with_a_lambda(x):
    add = lambda y: y + x  # noqa: E731
    return add(add(1))


# -- the standard library -----------------------------------------------------------------------


@case(0.5)
def mathematics(x):
    import math

    return math.sin(x) ** 2 + math.sqrt(abs(math.cos(x)))


@case(3)
def random_number(x):
    import random

    return random.random() * x + random.gauss(0, 1)


@case(3)
def hit_or_miss(x):
    import random

    px, py = random.random(), random.random()
    return px * px + py * py <= 1.0


@case(3)
def a_million_random_points(x):
    import random

    hits = 0
    for _ in range(1_000_000):
        if random.random() ** 2 + random.random() ** 2 < 1:
            hits += 1
    return hits


@case('{"a": [1, 2, 3]}')
def reads_json(text):
    return json.loads(text)["a"][0]


@case("[1, 2, {'three': 3}]")
def reads_a_literal(text):
    return ast.literal_eval(text)


@case(3)
def hashes(x):
    import hashlib

    return hashlib.sha256(str(x).encode()).hexdigest()


@case("id-17 id-18")
def regular_expression(text):
    import re

    return [int(found) for found in re.findall(r"id-(\d+)", text)]


@case(3)
def dates(x):
    from datetime import datetime, timedelta

    return (datetime(2024, 1, 1) + timedelta(days=x)).isoformat()


@case(3)
def counts_letters(x):
    from collections import Counter

    return Counter(WORDS).most_common(1)


@case(3)
def clock(x):
    return time.time() + x


@case(3)
def sleeps_a_millisecond(x):
    time.sleep(0.001)
    return x


@case(3)
def sleeps_fifty_milliseconds(x):
    time.sleep(0.05)
    return x


@case(3)
def sleeps_in_a_loop(x):
    for _ in range(30):
        time.sleep(0.001)


@case(3)
def sleeps_by_a_constant(x):
    delay = 1 / 20
    time.sleep(delay)


@case(0.03)
def sleeps_by_its_argument(x):
    time.sleep(x)


@case(3)
def awaits_a_little(x):
    async def inner():
        await asyncio.sleep(0.03)

    return asyncio.run(inner())


@case(3)
def starts_a_process(x):
    return subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True)


@case(3)
def writes_files(x):
    with tempfile.TemporaryDirectory() as folder:
        for i in range(300):
            with open(f"{folder}/{i}", "w") as file:  # noqa: PTH123
                file.write("x" * 10_000)


@case(20)
def recursion(n):
    return n if n < 2 else recursion(n - 1) + recursion(n - 2)


@case(3)
def memoized(x):
    return functools.reduce(lambda a, b: a + b, FEW) + x


# -- numpy --------------------------------------------------------------------------------------


@case(3)
def small_array(x):
    return np.zeros(10) + x


@case(3)
def mean_of_a_few(x):
    return float(np.mean([x, 1, 2, 3]))


@case(3)
def norm_of_a_constant(x):
    return float((VECTOR * x).sum())


@case(VECTOR)
def norm_of_its_argument(x):
    return np.linalg.norm(x)


@case(MATRIX, 3)
def product_of_rows(matrix, i):
    return np.dot(matrix[i], matrix[:, 0])


@case(3)
def draws_ten(x):
    return np.random.rand(10).tolist()


@case(3)
def draws_a_million(x):
    return np.random.randn(1_000_000).sum()


@case(3)
def draws_a_matrix(x):
    return np.random.normal(size=(2000, 1000))


@case(3)
def fills_a_large_matrix(x):
    return np.ones((8000, 4000)) * x


@case(3)
def multiplies_large_matrices(x):
    a = np.random.rand(700, 700)
    return a @ a


@case(3)
def thousand_small_draws(x):
    return [np.random.normal() for _ in range(1000)]


@case(3)
def hundred_thousand_small_draws(x):
    return [np.random.normal() for _ in range(100_000)]


@case(3)
def sorts_a_large_array(x):
    return np.sort(np.random.rand(2_000_000))


@case(3)
def clips(x):
    return np.clip(x, 0, 1) + np.sqrt(abs(x))


@case(3)
def linear_space(x):
    return np.linspace(0, 1, 50) ** x


def judge(module_text: str, names: list[str]) -> dict[str, Cost]:
    """Return the cost class of the named functions of a module."""
    project = Project()
    module = project.add(module_text, ast.parse(module_text), "<benchmark>")
    found = {}
    for statement in module.tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name in names:
            callee = Callee(CalleeKind.TASK, statement.name, module, statement)
            found[statement.name] = cost_of(project, callee, threshold=THRESHOLD)
    return found


def measure(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """Return the median time of a call in seconds; the first call, which imports, is left out."""
    function(*arguments)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    """Print the share of right classes; exit 1 below the minimum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--verbose", action="store_true", help="list every function")
    parser.add_argument("--minimum", type=float, default=0.0, help="exit 1 below this share")
    options = parser.parse_args()
    text = Path(inspect.getsourcefile(main) or __file__).read_text(encoding="utf-8")
    costs = judge(text, [function.__name__ for function, _ in CASES])
    tally: Counter[str] = Counter()
    for function, arguments in CASES:
        seconds = measure(function, arguments)
        cost = costs[function.__name__]
        truth = "tiny" if seconds < THRESHOLD else "heavy"
        if THRESHOLD / 2 < seconds < THRESHOLD * 2:
            verdict = "near the threshold"
        elif cost.kind == "unknown":
            verdict = "unknown"
        else:
            verdict = "right" if cost.kind == truth else "WRONG"
        tally[verdict] += 1
        if options.verbose or verdict == "WRONG":
            print(f"{verdict:8} {function.__name__:34} {seconds * 1e3:9.3f} ms  {cost}")
    judged = tally["right"] + tally["WRONG"]
    share = tally["right"] / judged if judged else 0.0
    print(f"functions          {len(CASES)}")
    print(f"right              {tally['right']} of {judged} answers ({share:.1%})")
    print(f"unknown            {tally['unknown']}")
    print(f"near the threshold {tally['near the threshold']} (left out)")
    return int(share < options.minimum)


if __name__ == "__main__":
    raise SystemExit(main())
