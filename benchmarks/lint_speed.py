"""How long linting takes, beside other linters, on the same files in one run.

    python -m benchmarks.lint_speed [--peers DIRECTORY …] [--runs N] [--timeout SECONDS]
                                    [--tree ray|stdlib|single …] [--tool NAME …] [--every N]

Trees: the installed Ray sources, Python's standard library without its tests, and one small file as
in a pre-commit run. Each figure is the best of N cold processes (``--runs``, without a cache):
CPU seconds (user and system, child processes included), wall seconds, and the peak resident memory
of the largest process in MiB. The ratios compare CPU times with those of ray-lint on the same tree.

Tools: ray-lint; TorchFix and Fixit with their default rules; ruff with its default rules and no
cache; flake8 without and with our plugin. They are looked up in ``--peers`` directories, beside the
running Python, then on PATH; one that is missing is named and left out. A machine under other load
distorts wall times most and ratios of CPU times least. A tool that is stopped for lack of time had
used that much by then: its ratio is a lower bound. Its helpers are counted on Linux only.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = ("ray", "stdlib", "single")
SMALL = """\
import json


def load(path):
    with open(path) as file:
        return json.load(file)
"""
PEERS = ("ray-lint", "torchfix", "fixit", "ruff", "flake8", "flake8 + ray-lint")
EXECUTABLES = {"ray-lint": "", "python": "", "flake8 + ray-lint": "flake8"}
"""What a tool is called on disk, where not by its name; empty for the running Python."""

_CHILD = """
import json, os, resource, signal, subprocess, sys, time
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: helpers come back to us
start = time.perf_counter()
quiet = subprocess.DEVNULL
process = subprocess.Popen(sys.argv[2:], stdout=quiet, stderr=quiet, start_new_session=True)
try:
    code = process.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    os.killpg(process.pid, signal.SIGKILL)  # its helpers too
    process.wait()
    code = None
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, wall, used.ru_maxrss]))
"""


@dataclass(frozen=True)
class Usage:
    """What one process and its children used: CPU and wall seconds, peak memory in bytes.

    ``code`` is the exit code, None if the process ran out of time.
    """

    code: int | None
    cpu: float
    wall: float
    memory: int


def measure(command: list[str], timeout: float, environment: dict[str, str]) -> Usage:
    """Run a command in a fresh process and return what it used.

    A process between counts the children of the command alone. Its output is thrown away.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _CHILD, str(timeout), *command],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    code, cpu, wall, memory = json.loads(done.stdout)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB elsewhere
    return Usage(code, cpu, wall, memory * unit)


def find(name: str, folders: list[Path]) -> str | None:
    """Return the path of an executable, or None."""
    places = [*folders, Path(sys.executable).parent]
    for place in places:
        found = shutil.which(name, path=str(place))
        if found:
            return found
    return shutil.which(name)


def tree(name: str, work: Path) -> Path | None:
    """Return the directory or file of a tree, None if it is not installed."""
    if name == "ray":
        spec = importlib.util.find_spec("ray")
        return Path(spec.origin).parent if spec is not None and spec.origin else None
    if name == "stdlib":
        copy = work / "stdlib"
        if not copy.exists():
            # A copy, since an installation below holds other packages too.
            skipped = shutil.ignore_patterns(
                "test", "tests", "site-packages", "__pycache__", "*.so"
            )
            shutil.copytree(sysconfig.get_path("stdlib"), copy, ignore=skipped)
        return copy
    single = work / "single" / "small.py"
    single.parent.mkdir(exist_ok=True)
    single.write_text(SMALL)
    return single


def sampled(path: Path, every: int, work: Path) -> Path:
    """Return a copy of each Nth file below ``path`` in a directory of its own."""
    copy = work / f"{path.name}-sample"
    for file in sorted(path.rglob("*.py"))[::every]:
        target = copy / file.relative_to(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return copy


def command(name: str, executable: str, path: Path) -> list[str]:
    """Return how a tool lints a path with its default rules and no cache."""
    if name == "ray-lint":
        options = ["--isolated"] if path.is_dir() else []
        return [
            sys.executable,
            "-m",
            "ray_lint",
            "--exit-zero",
            "--no-cache",
            *options,
            "--no-gitignore",
            str(path),
        ]
    if name == "python":
        return [sys.executable, "-c", "pass"]
    if name == "ruff":
        return [
            executable,
            "check",
            "--isolated",
            "--no-cache",
            "--quiet",
            "--exit-zero",
            str(path),
        ]
    if name == "fixit":
        return [executable, "--quiet", "lint", str(path)]
    if name == "torchfix":
        return [executable, "--select=ALL", str(path)]
    plugin = [] if name == "flake8 + ray-lint" else ["--extend-ignore=RAY"]
    return [executable, "--isolated", "--exit-zero", *plugin, str(path)]


def _with_plugin(folder: Path) -> dict[str, str]:
    """Return an environment in which this project's flake8 plugin is installed, and only there."""
    info = folder / "ray_lint-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ray-lint\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[flake8.extension]\nRAY = ray_lint.flake8:Plugin\n")
    paths = [str(folder), str(ROOT)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def lines(name: str, tools: list[str], options: argparse.Namespace, work: Path) -> Iterator[str]:
    """Measure the tools on one tree and yield the rows of a table."""
    path = tree(name, work)
    if path is None:
        yield f"{name}: not installed"
        return
    if options.every > 1 and path.is_dir():
        path = sampled(path, options.every, work)
    files = list(path.rglob("*.py")) if path.is_dir() else [path]
    yield f"\n{name}: {len(files):,} files, {_count_lines(files):,} lines, best of {options.runs}"
    yield f"  {'tool':<18} {'CPU s':>8} {'wall s':>8} {'MiB':>6}  {'CPU ratio':>9}"
    plain = {**os.environ, "PYTHONPATH": str(ROOT)}
    best: dict[str, Usage] = {}
    for _ in range(options.runs):  # interleaved, so that other load hits all alike
        for tool in (*tools, *(["python"] if name == "single" else [])):
            executable = find(EXECUTABLES.get(tool, tool), options.peers) or ""
            environment = plain if not tool.startswith("flake8") else dict(os.environ)
            if tool == "flake8 + ray-lint":
                environment = options.plugin
            usage = measure(command(tool, executable, path), options.timeout, environment)
            if tool not in best or usage.cpu < best[tool].cpu:
                best[tool] = usage
    base = best.get("ray-lint")
    for tool, used in best.items():
        least = "" if used.code is not None else ">"
        ratio = f"{least}{used.cpu / base.cpu:.2f}x" if base is not None else ""
        end = "" if used.code is not None else f"  (stopped after {options.timeout:g} s)"
        memory = used.memory / 2**20
        yield f"  {tool:<18} {used.cpu:>8.2f} {used.wall:>8.2f} {memory:>6.0f}  {ratio:>9}{end}"


def _count_lines(files: list[Path]) -> int:
    return sum(file.read_bytes().count(b"\n") for file in files if file.is_file())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, nargs="*", default=[], help="directories of tools")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one process")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="a sample of the files")
    parser.add_argument("--tree", nargs="*", choices=TREES, default=list(TREES))
    parser.add_argument("--tool", nargs="*", choices=PEERS, default=list(PEERS))
    options = parser.parse_args()
    tools = []
    for tool in options.tool:
        executable = EXECUTABLES.get(tool, tool)
        if executable and find(executable, options.peers) is None:
            print(f"{tool}: not found, left out")
        else:
            tools.append(tool)
    compileall.compile_dir(ROOT / "ray_lint", quiet=2)  # as an installation does
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.0f}")
    with tempfile.TemporaryDirectory() as folder:
        options.plugin = _with_plugin(Path(folder) / "plugin")
        for name in options.tree:
            for line in lines(name, tools, options, Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
