"""Does twice the input take twice the time? Generated programs, doubled step by step.

    python -m benchmarks.growth [--runs N] [--svg FILE] [--steps N] [--only NAME …] [--calls]
                                [--memory]

For each way to grow (files, lines, functions, nesting, imports, submission sites linted, fixed and
shown as a diff, and a set of hostile programs) CPU seconds are measured for sizes n, 2n, 4n …, best
of ``--runs``; printed are the seconds, what the last doubling multiplied them by, and the exponent
of the growth over all sizes (1 is linear). ``--svg`` draws cost per unit of input against size:
a level line is linear growth. ``--calls`` counts function calls instead, which other load does not
disturb, but which do not show a loop that calls nothing. ``--memory`` compares the peak memory of
linting the installed Ray, and copies of it, with that of the file that needs most, each in a
process of its own.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import importlib.util
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ray_lint.cli.diff import unified_diff
from ray_lint.core import check, fix
from ray_lint.program.project import Project
from ray_lint.sources.gate import worth_parsing

ROOT = Path(__file__).resolve().parent.parent
HEAD = "import ray\n\n\n@ray.remote\ndef f(x):\n    return x + 1\n\n\n"
SITE = "ray.get([f.remote(i) for i in range(10_000)])\n"
FORMS = (
    """

@ray.remote
def work_{0}(x):
    return x + {0}


def main_{0}():
    refs = [work_{0}.remote(item) for item in range(10_000)]
    return ray.get(refs)
""",
    """

@ray.remote
def divide_{0}(x, by):
    if by == 0:
        raise ValueError(x)
    return x / by


def quotients_{0}(count=5_000):
    refs = []
    for number in range(5_000):
        refs.append(divide_{0}.remote(number, {0} + 1))
    return sum(ray.get(refs))
""",
    """

@ray.remote
def length_{0}(text):
    return len(text)


class Reader_{0}:
    def __init__(self):
        self.texts = [str(number) for number in range(3_000)]
        self.refs = []

    def read(self):
        for text in self.texts:
            self.refs.append(length_{0}.remote(text))
        return ray.get(self.refs)
""",
    """

@ray.remote
class Counter_{0}:
    def __init__(self):
        self.total = 0

    def count_up(self, x):
        self.total += x
        return self.total


def count_{0}():
    counter = Counter_{0}.remote()
    return ray.get([counter.count_up.remote(i) for i in range(2_000)])
""",
    """

@ray.remote
def square_{0}(x):
    return x * x


def table_{0}():
    table = {{}}
    for key in range(4_000):
        if key % 3:
            table[key] = square_{0}.remote(key)
    try:
        scale = float("{0}")
    except ValueError:
        scale = 1.0
    return {{key: scale * ray.get(ref) for key, ref in table.items()}}
""",
)
"""Sites in functions, in methods and as calls of an actor; ``{0}`` makes the names differ."""


def _lint(source: str) -> Callable[[], object]:
    return lambda: check(source.encode(), fixes=False)


def _files(n: int, work: Path) -> Callable[[], object]:
    for i in range(n):
        (work / f"m{i}.py").write_text(HEAD + SITE + f"x = {i}\n" * 100)

    def run() -> None:
        project = Project()
        for path in sorted(work.iterdir()):
            check(path.read_bytes(), filename=str(path), project=project, fixes=False)

    return run


def _imports(n: int, work: Path) -> Callable[[], object]:
    for i in range(n):
        (work / f"m{i}.py").write_text(f"N = {i}\n\n\ndef g(x):\n    return x + N\n" * 5)
    imports = "".join(f"from m{i} import N as N{i}, g as g{i}\n" for i in range(n))
    task = "\n\n@ray.remote\ndef f{0}(x):\n    return g{0}(x)\n"
    tasks = "".join(task.format(i) for i in range(n))
    uses = "".join(f"[f{i}.remote(i) for i in range(N{i})]\n" for i in range(n))
    path = work / "main.py"
    path.write_text(f"import ray\n{imports}{tasks}\n\n{uses}")
    return lambda: check(path.read_bytes(), filename=str(path), project=Project(), fixes=False)


def sites(n: int) -> bytes:
    """Return a program with ``n`` different sites, ten lines and more for each."""
    return ("import ray\n" + "".join(FORMS[i % len(FORMS)].format(i) for i in range(n))).encode()


def _fixing(n: int, work: Path) -> Callable[[], object]:
    return lambda: fix(sites(n))


def _diffing(n: int, work: Path) -> Callable[[], object]:
    before = sites(n)
    after = before.replace(b"refs = ", b"refs = batches(\n        ")
    return lambda: unified_diff("f.py", before, after)


def _text(make: Callable[[int], str]) -> Callable[[int, Path], Callable[[], object]]:
    return lambda n, work: _lint(make(n))


def _nested(n: int) -> str:
    """Blocks as deep as Python allows them, n times over."""
    deep = (
        "".join(" " * i + f"if x{i}:\n" for i in range(90)) + " " * 90 + "xs.append(f.remote(1))\n"
    )
    return HEAD + "xs = []\nfor i in range(10_000):\n    pass\n" + deep * n + SITE


GROWTH: dict[str, tuple[int, Callable[[int, Path], Callable[[], object]]]] = {
    "files": (50, _files),
    "lines": (
        5_000,
        _text(lambda n: HEAD + "".join(f"v{i} = g({i}, k=1)\n" for i in range(n)) + SITE),
    ),
    "functions": (
        500,
        _text(
            lambda n: (
                HEAD + "".join(f"def g{i}(x):\n    return g{i - 1}(x)\n" for i in range(n)) + SITE
            )
        ),
    ),
    "deep blocks": (10, _text(_nested)),
    "nested brackets": (20, _text(lambda n: HEAD + f"x = {'[' * n}{']' * n}\n" * 200 + SITE)),
    "nested loops": (
        4,
        _text(
            lambda n: (
                HEAD
                + "".join(" " * i + f"for i{i} in range(3):\n" for i in range(n))
                + " " * n
                + "f.remote(1)\n"
            )
        ),
    ),
    "imports": (25, _imports),
    "sites, linted": (250, lambda n, work: lambda: check(sites(n), fixes=False)),
    "sites, fixed": (25, _fixing),
    "diff": (1_000, _diffing),
    "sites of one task": (100, _text(lambda n: HEAD + SITE * n)),
    "one name, assigned": (
        5_000,
        _text(lambda n: HEAD + "".join(f"n = {i}\n" for i in range(n)) + SITE),
    ),
    "one name, in branches": (
        1_000,
        _text(lambda n: HEAD + "".join(f"if c:\n    n = {i}\n" for i in range(n)) + SITE * 5),
    ),
    "a chain of sums": (
        1_000,
        _text(lambda n: HEAD + "n = 1\n" + "n = n + 1\n" * n + SITE.replace("10_000", "n")),
    ),
    "a chain of doublings": (
        50,
        _text(
            lambda n: (
                HEAD
                + "x0 = [1]\n"
                + "".join(f"x{i + 1} = x{i} + x{i}\n" for i in range(n))
                + f"ray.get([f.remote(i) for i in x{n}])\n"
            )
        ),
    ),
    "a chain of calls": (
        50,
        _text(
            lambda n: (
                "import ray\ndef g0(x): return x\n"
                + "".join(f"def g{i + 1}(x):\n    return g{i}(x) + g{i}(x)\n" for i in range(n))
                + f"@ray.remote\ndef f(x): return g{n}(x)\n{SITE}"
            )
        ),
    ),
    "a chain of aliases": (
        250,
        _text(
            lambda n: (
                HEAD
                + "f0 = f\n"
                + "".join(f"f{i + 1} = f{i}\n" for i in range(n))
                + f"[f{n}.remote(i) for i in range(1_000)]\n"
            )
        ),
    ),
    "appended to": (
        1_000,
        _text(lambda n: HEAD + "xs = []\n" + "xs.append(1)\n" * n + "[f.remote(i) for i in xs]\n"),
    ),
    "a long list": (
        10_000,
        _text(lambda n: HEAD + "xs = [" + "1, " * n + "]\nray.get([f.remote(i) for i in xs])\n"),
    ),
    "a long line": (500, _text(lambda n: HEAD + "x = 1; " * n + SITE)),
    "a wide class": (
        500,
        _text(
            lambda n: (
                "import ray\n@ray.remote\nclass A:\n"
                + "".join(f"    def m{i}(self): self.x{i} = self.x{i - 1}\n" for i in range(n))
                + "a = A.remote()\nfor i in range(1_000):\n    a.m5.remote()\n"
            )
        ),
    ),
    "long else-if": (
        100,
        _text(
            lambda n: (
                HEAD
                + "if a:\n    n = 1\n"
                + "".join(f"elif b{i}:\n    n = {i}\n" for i in range(n))
                + SITE.replace("10_000", "n")
            )
        ),
    ),
    "comments of noqa": (500, _text(lambda n: HEAD + "x = 1  # noqa: RAY101\n" * n + SITE)),
}


def seconds(job: Callable[[], object]) -> float:
    """Return the CPU seconds of a job."""
    gc.collect()
    start = time.process_time()
    job()
    return time.process_time() - start


def calls(job: Callable[[], object]) -> int:
    """Return how many functions a job calls, those of the interpreter included."""
    profile = cProfile.Profile()
    profile.runcall(job)
    return sum(entry.callcount for entry in profile.getstats())


def measure(name: str, sizes: list[int], runs: int, cost: Callable[..., float]) -> list[float]:
    """Return the least cost of each size. They are run in turn, so that other load hits all."""
    make = GROWTH[name][1]
    best = [math.inf] * len(sizes)
    with tempfile.TemporaryDirectory() as work:
        make(sizes[0], Path(work))()  # what is loaded once
    for _ in range(runs):
        for number, size in enumerate(sizes):
            with tempfile.TemporaryDirectory() as work:
                best[number] = min(best[number], cost(make(size, Path(work))))
    return best


def exponent(sizes: list[int], times: list[float]) -> float:
    """Return the slope of the times over the sizes, both as logarithms (least squares)."""
    xs, ys = [math.log(s) for s in sizes], [math.log(max(t, 1e-6)) for t in times]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )


def plot(rows: dict[str, tuple[list[int], list[float]]], cost: str) -> str:
    """Return an SVG: for each way to grow, cost per unit relative to the smallest size."""
    width, height, left, top = 760, 420, 60, 30
    plot_width, plot_height = 460, 340
    steps = max(len(times) for _, times in rows.values())
    highest = 4.0

    def place(step: int, value: float) -> str:
        x = left + plot_width * step / (steps - 1)
        y = top + plot_height * (1 - min(value, highest) / highest)
        return f"{x:.1f},{y:.1f}"

    colors = [
        "#4477aa",
        "#ee6677",
        "#228833",
        "#ccbb44",
        "#66ccee",
        "#aa3377",
        "#777777",
        "#000000",
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" fill="#222222">',
        "<title>Cost per unit of input against the size of the input: level lines</title>",
        # A card of its own color can be read on a light page and on a dark one.
        f'<rect width="{width}" height="{height}" rx="6" fill="white"/>',
        f'<text x="{left}" y="18">{cost} per unit of input, relative to the smallest size</text>',
    ]
    for value in (0, 1, 2, 3, 4):
        y = place(0, value).split(",")[1]
        parts.append(f'<path d="M{left},{y} h{plot_width}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 10}" y="{y}" text-anchor="end" dy="4">{value}</text>')
    for step in range(steps):
        x = place(step, 0).split(",")[0]
        label = f'<text x="{x}" y="{top + plot_height + 18}" text-anchor="middle">'
        parts.append(f"{label}{2**step}n</text>")
    for number, (name, (sizes, times)) in enumerate(rows.items()):
        color = colors[number % len(colors)]
        dashes = ("", "6 3", "2 2")[number // len(colors) % 3]
        unit = times[0] / sizes[0]
        points = " ".join(
            place(i, t / s / unit) for i, (s, t) in enumerate(zip(sizes, times, strict=True))
        )
        line = f'fill="none" stroke="{color}" stroke-width="1.6" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline points="{points}" {line}/>')
        y = top + 14 * number + 6
        x = left + plot_width + 30
        parts.append(f'<path d="M{x},{y} h24" {line}/>')
        parts.append(f'<text x="{x + 30}" y="{y}" dy="4">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(*arguments: str) -> float:
    """Return the peak memory of one process in MiB."""
    command = [sys.executable, "-I", "-S", "-c", _PEAK, sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout) / (2**20 if sys.platform == "darwin" else 1024)


def _no_sources(folder: str, names: list[str]) -> set[str]:
    """Tell ``copytree`` what not to copy: all but Python sources."""
    return {n for n in names if not n.endswith(".py") and not Path(folder, n).is_dir()}


def memory() -> None:
    """Print the peak memory over the installed Ray and of the files that need most."""
    spec = importlib.util.find_spec("ray")
    if spec is None or spec.origin is None:
        print("memory: Ray is not installed")
        return
    folder = Path(spec.origin).parent
    paths = [p for p in folder.rglob("*.py") if worth_parsing(p.read_bytes())]
    paths.sort(key=lambda p: -p.stat().st_size)
    lint = ("-m", "ray_lint", "--isolated", "--no-cache", "--no-gitignore", "--exit-zero", "-j1")
    base = peak("-c", "import ray_lint.cli.examine, ray_lint.rules as r; r.all_rules()")
    single = max((peak(*lint, str(path)), path.name) for path in paths[:40])
    half = [str(path) for path in paths[::2]]
    print(f"process with all of ray-lint loaded {base:8.1f} MiB")
    print(f"the file that needs most, alone     {single[0]:8.1f} MiB  ({single[1]})")
    print(f"every second candidate of Ray       {peak(*lint, *half):8.1f} MiB  ({len(half)} files)")
    whole = peak(*lint, str(folder))
    print(f"all of Ray                          {whole:8.1f} MiB  ({len(paths)} files parsed)")
    with tempfile.TemporaryDirectory() as work:
        for number in range(1, 5):
            shutil.copytree(folder, Path(work, str(number)), ignore=_no_sources)
            if number != 3:
                copies = peak(*lint, work)
                print(f"its sources, copied {number} times        {copies:8.1f} MiB")
    limit = base + 1.5 * (single[0] - base)
    print(f"base + 1.5 x the largest analysis   {limit:8.1f} MiB  ({whole / limit:.2f} of it used)")


def main() -> int:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4, help="sizes: n, 2n, 4n …")
    parser.add_argument("--only", nargs="*", metavar="NAME")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--calls", action="store_true", help="function calls instead of time")
    parser.add_argument("--memory", action="store_true", help="memory instead of time")
    options = parser.parse_args()
    if options.memory:
        memory()
        return 0
    rows = {}
    cost, runs, unit = (
        (calls, 1, "Function calls") if options.calls else (seconds, options.runs, "CPU seconds")
    )
    print(f"{'growing':<24} {'sizes':<22} {unit:<40} {'last x2':>7} {'exponent':>8}")
    for name in options.only or GROWTH:
        start = GROWTH[name][0]
        sizes = [start * 2**step for step in range(options.steps)]
        costs = measure(name, sizes, runs, cost)
        rows[name] = (sizes, costs)
        shown = " ".join(f"{c:9,}" if options.calls else f"{c:9.3f}" for c in costs)
        print(
            f"{name:<24} {f'{sizes[0]:,} to {sizes[-1]:,}':<22} {shown:<40}"
            f" {costs[-1] / costs[-2]:>7.2f} {exponent(sizes, costs):>8.2f}",
            flush=True,
        )
    if options.svg:
        options.svg.write_text(plot(rows, unit))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
