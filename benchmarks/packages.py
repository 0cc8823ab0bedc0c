"""Fix large packages from the index in a copy: no crash, no damage, nothing left to do.

    python -m benchmarks.packages [--packages FILE] [--keep DIRECTORY] [NAME==VERSION …]

For each package (default: the list in ``benchmarks/packages.txt``; ``stdlib`` is this Python's own
library with its tests) the wheel is downloaded and unpacked, then the command runs over it: lint;
``--fix --unsafe-fixes --strict`` with the smallest threshold, in place; the same once more. Then
the same with every loop of the package turned into submissions of a Ray task, and with whole Ray
loops planted between its statements, as far as time allows (``--seconds`` per package for each).
Checked: exit codes, no internal error, no fix taken back, every changed file compiles if it did
before, files without a finding are untouched to their modification times, the second run changes
nothing, and every line around a planted loop is still there. Prints a row per package, with CPU
seconds; exit code 1 if a check failed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import random
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ray_lint.config import Config
from ray_lint.core import FixResult, fix
from ray_lint.errors import SourceError

ROOT = Path(__file__).resolve().parent.parent
UNSAFE = Config(unsafe_fixes=True, strict=True, min_items=1)
COMMON = ("--isolated", "--no-gitignore", "--no-cache", "--exit-zero", "--output-format=concise")
PLANTED = (
    "planted = ray.get([submitted.remote(i) for i in range(10_000)])",
    "planted = []\nfor item in range(10_000):\n    planted.append(submitted.remote(item))\n"
    "planted = ray.get(planted)",
    "planted = {}\nfor item in range(5_000):\n    planted[item] = submitted.remote(item)",
    "for item in range(2_000):\n    ray.get(submitted.remote(item))",
    "planted = [submitted.remote(i) for i in range(900)]\nray.wait(planted)",
    "planted = ray.get(list(map(submitted.remote, range(4_000))))",
)
"""Loops that a fix changes, whatever stands around them."""
HEAD = "import ray\n\n\n@ray.remote\ndef submitted(x):\n    return x\n\n\n"


@dataclass
class Row:
    """What came of one package."""

    files: int = 0
    lines: int = 0
    findings: int = 0
    changed: int = 0
    made: int = 0
    planted: int = 0
    planted_fixed: int = 0
    fixed: int = 0
    cpu: float = 0.0
    problems: list[str] = field(default_factory=list)


def unpack(name: str, work: Path) -> Path:
    """Download and unpack a wheel (or copy the standard library); return the directory."""
    target = work / name
    if name == "stdlib":
        skipped = shutil.ignore_patterns("site-packages", "__pycache__", "*.so", "config-*")
        shutil.copytree(sysconfig.get_path("stdlib"), target, ignore=skipped, symlinks=True)
        return target
    wheels = work / "wheels" / name
    wheels.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(wheels), name]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        members = [m for m in archive.namelist() if m.endswith((".py", ".pyi", ".ipynb"))]
        archive.extractall(target, members)
    wheel.unlink()
    return target


def compiles(source: bytes) -> bool:
    """Whether this Python compiles the source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def state(folder: Path) -> dict[Path, tuple[str, int]]:
    """Return digest and modification time (ns) of each file."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def command(folder: Path, row: Row, *options: str) -> str:
    """Run ray-lint over a directory, note what is wrong, and return its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "ray_lint", *COMMON, *options, "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        timeout=3600,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    row.cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for line in done.stderr.splitlines():
        if "internal error" in line or "the fix" in line or "Traceback" in line:
            row.problems.append(line)
    if done.returncode not in (0, 2):
        row.problems.append(f"exit code {done.returncode}")
    return done.stdout


def as_it_is(folder: Path, row: Row) -> None:
    """Lint and fix a package as it is."""
    before = state(folder)
    originals = {path: path.read_bytes() for path in before if path.suffix == ".py"}
    row.files = len(originals)
    row.lines = sum(data.count(b"\n") for data in originals.values())
    row.findings = len(command(folder, row).splitlines())
    if state(folder) != before:
        row.problems.append("linting wrote something")
    wide = ("--unsafe-fixes", "--strict", "--min-items=1")
    flagged = {
        (folder / line.partition(":")[0]).resolve()
        for line in command(folder, row, *wide).splitlines()
    }
    command(folder, row, "--fix", *wide)
    after = state(folder)
    changed = [path for path in after if after[path] != before.get(path)]
    row.changed = len(changed)
    for path in changed:
        if path.resolve() not in flagged:
            row.problems.append(f"{path}: written without a finding")
        if path in originals and compiles(originals[path]) and not compiles(path.read_bytes()):
            row.problems.append(f"{path}: does not compile any more")
    if after.keys() != before.keys():
        row.problems.append("files were added or removed")
    command(folder, row, "--fix", *wide)
    if state(folder) != after:
        row.problems.append("a second run changed something")


def candidates(folder: Path, seconds: float) -> Iterator[tuple[Path, bytes]]:
    """Yield files of moderate size that compile, in an arbitrary but fixed order, for a time."""
    end = time.process_time() + seconds  # a busy machine must not thin the sample
    paths = sorted(folder.rglob("*.py"), key=lambda p: hashlib.sha256(p.name.encode()).digest())
    for path in paths:
        if time.process_time() > end:
            return
        data = path.read_bytes()
        if 500 < len(data) < 60_000 and compiles(data):
            yield path, data


def as_if_it_were_ray(folder: Path, row: Row, seconds: float) -> None:
    """Give every loop and comprehension of a package a submission, and fix them all."""
    for path, data in candidates(folder, seconds):
        try:
            tree = ast.parse(data)
            tree.body = [s for s in tree.body if not is_future(s)]
            Submit().visit(tree)
            source = (HEAD + ast.unparse(ast.fix_missing_locations(tree)) + "\n").encode()
        except (RecursionError, UnicodeEncodeError):
            continue
        if b"submitted.remote" in source:
            row.made += 1
            result = fixed_well(path, source, row)
            row.fixed += len(result.applied) if result else 0


def with_planted_loops(folder: Path, row: Row, seconds: float) -> None:
    """Plant Ray loops between the statements of a package, comments and all, and fix them."""
    for path, data in candidates(folder, seconds):
        try:
            source = planted(data, random.Random(path.name))
        except (SyntaxError, ValueError, RecursionError):
            continue
        if not compiles(source):
            continue  # a loop after \\ or in an odd place
        row.planted += source.count(b"submitted.remote")
        result = fixed_well(path, source, row)
        if result is None:
            continue
        row.planted_fixed += len(result.applied)
        after = iter(result.source.splitlines(keepends=True))
        lost = [line for line in data.splitlines(keepends=True) if line not in after]
        if lost:
            row.problems.append(f"{path}: line around a planted loop lost: {lost[0]!r}")


def planted(data: bytes, choice: random.Random) -> bytes:
    """Return the source with the task at its top and a loop before some of its statements."""
    lines = data.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith(b"\r\n") else "\n"
    tree = ast.parse(data)
    code = [
        statement
        for statement in tree.body
        if not isinstance(statement, ast.Import | ast.ImportFrom)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    if not code:
        raise ValueError("nothing but imports")
    first = code[0]
    places = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.If | ast.For | ast.With | ast.Try):
            for statement in node.body[1:]:
                line = first_line(statement)
                before = lines[line - 1][: statement.col_offset]
                if line > first_line(first) and not before.strip():
                    places[line] = before.decode()
    chosen = choice.sample(sorted(places), min(3, len(places)))
    for line in sorted(chosen, reverse=True):
        loop = choice.choice(PLANTED).splitlines()
        text = "".join(f"{places[line]}{part}{newline}" for part in loop)
        lines.insert(line - 1, text.encode())
    lines.insert(first_line(first) - 1, HEAD.replace("\n", newline).encode())
    return b"".join(lines)


def first_line(statement: ast.stmt) -> int:
    """Return the line that a statement or its first decorator starts on."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(int(d.lineno) for d in decorators)])


def fixed_well(path: Path, source: bytes, row: Row) -> FixResult | None:
    """Fix a source in memory, note what is wrong with the result, and return it."""
    try:
        result = fix(source, UNSAFE, filename="<stdin>")
        again = fix(result.source, UNSAFE, filename="<stdin>")
    except SourceError as error:
        row.problems.append(f"{path}: {error}")
        return None
    except Exception as error:
        row.problems.append(f"{path}: {type(error).__name__}: {error}")
        return None
    if result.error:
        row.problems.append(f"{path}: {result.error}")
    if compiles(source) and not compiles(result.source):
        row.problems.append(f"{path}: does not compile any more")
    if again.source != result.source:
        row.problems.append(f"{path}: a second run changed something")
    return result


def is_future(statement: ast.stmt) -> bool:
    """Whether a statement is an import from ``__future__``."""
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


class Submit(ast.NodeTransformer):
    """Turn ``[x for y in z]`` and ``name.append(x)`` into submissions of x."""

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """Submit the element."""
        self.generic_visit(node)
        node.elt = self._submission(node.elt)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Submit what is appended."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            node.args = [self._submission(a) for a in node.args]
        return node

    def _submission(self, value: ast.expr) -> ast.expr:
        handle = ast.Attribute(ast.Name("submitted", ast.Load()), "remote", ast.Load())
        return ast.Call(handle, [value], [])


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME==VERSION")
    parser.add_argument("--packages", type=Path, default=ROOT / "benchmarks" / "packages.txt")
    parser.add_argument("--seconds", type=float, default=60, help="for made-up Ray programs")
    options = parser.parse_args()
    lines = options.packages.read_text().splitlines()
    names = options.names or [x for line in lines if (x := line.partition("#")[0].strip())]
    print(
        f"{'package':<24} {'files':>6} {'lines':>9} {'findings':>8} {'fixed files':>11}"
        f" {'made up':>8} {'fixes':>6} {'planted':>8} {'fixes':>6} {'CPU s':>6}  problems"
    )
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            row = Row()
            try:
                folder = unpack(name, Path(work))
            except (subprocess.CalledProcessError, ValueError):
                print(f"{name:<24} cannot be downloaded", flush=True)
                failed += 1
                continue
            as_it_is(folder, row)
            as_if_it_were_ray(folder, row, options.seconds)
            with_planted_loops(folder, row, options.seconds)
        print(
            f"{name:<24} {row.files:>6,} {row.lines:>9,} {row.findings:>8} {row.changed:>11}"
            f" {row.made:>8} {row.fixed:>6} {row.planted:>8} {row.planted_fixed:>6} {row.cpu:>6.1f}"
            f"  {len(row.problems)}",
            flush=True,
        )
        for problem in row.problems[:20]:
            print(f"    {problem}", flush=True)
        failed += bool(row.problems)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
