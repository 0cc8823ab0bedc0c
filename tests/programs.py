"""Judge fixes by running programs before and after: ``python -m tests.programs FOLDER [options]``.

A program is a Python file whose first lines hold a header comment:

``# expect: fixed``
    the safe fix applies, and at least five times fewer tasks are submitted
``# expect: unsafe REASON``
    the fix applies with unsafe fixes on; whatever happens without them changes nothing
``# expect: equal``
    any change is welcome that keeps output and exit status
``# expect: untouched``
    the file stays as it is, byte for byte
``# run: process``
    the program needs a process of its own
``# count: none``
    its tasks are not submitted by the driver, so they cannot be counted here
``# given: main``
    of a program of several files, only the main one is given to be fixed
``# gap: REASON``
    not as expected yet

Output, exit status and type of an uncaught exception are compared for every program.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ray_lint.config import Config
from ray_lint.core import fix

EXPECTATIONS = ("fixed", "unsafe", "equal", "untouched")
KEEP = EXPECTATIONS[2:]  # the programs that no safe fix may change the meaning of
NO_OUTCOME = ("TimedOutError", "DriverDied", "OutOfMemoryError")  # the machine's fault, or a hang
STARTS = 3  # attempts to start a driver; a cluster may fail to come up on a busy machine
FEWER = 5  # times fewer submissions that a fix must reach
HEADER_LINES = 6
_CHANCE = re.compile(r"0x[0-9a-f]{6,}|(?<=ObjectRef\()[0-9a-f]{20,}")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Program:
    """A program and what its header expects of a fix."""

    path: Path
    source: bytes
    expect: str
    reason: str = ""
    own_process: bool = False
    counted: bool = True
    gap: str = ""
    beside: tuple[tuple[str, bytes], ...] = ()
    """The other files of the program: relative path and content."""
    alone: bool = False
    """Only the main file is given to be fixed."""


@dataclass(frozen=True)
class Outcome:
    """What one run of a program did; ``status`` is the exit status, ``seconds`` is wall time."""

    stdout: str
    stderr: str
    status: int
    exception: str
    submissions: int
    seconds: float

    def same_as(self, other: Outcome) -> bool:
        """Whether a user could not tell the two runs apart."""
        mine = (self.printed, self.status, self.exception)
        return mine == (other.printed, other.status, other.exception)

    @property
    def printed(self) -> str:
        """The output without addresses and ids, which differ between any two runs."""
        return _CHANCE.sub("…", self.stdout)


NOT_RUN = Outcome("", "", 0, "", 0, 0.0)


@dataclass(frozen=True)
class Verdict:
    """The judgement of one fix; ``faults`` is empty when all is as expected."""

    name: str
    expect: str
    fixed: bool
    before: Outcome
    after: Outcome
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def load(folder: Path, wanted: str = "") -> list[Program]:
    """Read the programs of ``folder``, those whose name contains ``wanted``; sorted by name.

    Raises ValueError naming the file when a header is missing or wrong.
    """
    paths = [path for path in sorted(folder.rglob("*.py")) if re.search(wanted, path.name)]
    return [parse(path, path.read_bytes()) for path in paths]


def load_projects(folder: Path) -> list[Program]:
    """Read the programs of several files: each folder with a ``main.py``.

    Raises ValueError if two have a module of one name: workers import each module once.
    """
    programs = []
    seen: dict[str, Path] = {}
    for main in sorted(folder.glob("*/main.py")):
        others = [p for p in sorted(main.parent.rglob("*.py")) if p != main]
        for name in {p.relative_to(main.parent).parts[0] for p in others}:
            if seen.setdefault(name, main.parent) != main.parent:
                raise ValueError(f"{main.parent / name}: {seen[name]} has one of that name")
        program = parse(main, main.read_bytes())
        beside = tuple((str(p.relative_to(main.parent)), p.read_bytes()) for p in others)
        programs.append(replace(program, path=Path(f"{main.parent.name}.py"), beside=beside))
    return programs


def parse(path: Path, source: bytes) -> Program:
    """Read the header of one program."""
    head = source.split(b"\n", HEADER_LINES)[:HEADER_LINES]
    values: dict[str, str] = {}
    for line in head:
        match = re.match(
            r"(?:\ufeff)?#\s*(expect|run|count|given|gap):\s*(.+)",
            line.decode("latin-1").replace("ï»¿", ""),
        )
        if match:
            values[match[1]] = match[2].strip()
    expect, _, reason = values.get("expect", "").partition(" ")
    if expect not in EXPECTATIONS or (expect == "unsafe") != bool(reason):
        raise ValueError(f"{path}: the header must say what to expect: {'|'.join(EXPECTATIONS)}")
    return Program(
        path=path,
        source=source,
        expect=expect,
        reason=reason,
        own_process=values.get("run") == "process",
        counted=values.get("count") != "none",
        gap=values.get("gap", ""),
        alone=values.get("given") == "main",
    )


class Runner:
    """Runs sources as programs; ``address`` is a cluster's, or ``local`` for one per process.

    With ``cache``, the outcome of a source that was run before is taken from that folder.
    """

    def __init__(self, address: str = "local", cache: Path | None = None) -> None:
        self.address = address
        self.cache = cache
        self._salt = (ROOT / "tests" / "program_driver.py").read_bytes()

    def run(self, programs: Sequence[Program]) -> list[Outcome]:
        """Run the programs; return their outcomes in the same order."""
        known: dict[str, Outcome] = {}
        keys = [self._key(program) for program in programs]
        todo: dict[str, Program] = {}
        for key, program in zip(keys, programs, strict=True):
            cached = self._cached(key)
            if cached is None:
                todo.setdefault(key, program)
            else:
                known[key] = cached
        alone = {key: program for key, program in todo.items() if program.own_process}
        for key, program in alone.items():
            known.update(self._start({key: program}))
        rest = {key: program for key, program in todo.items() if key not in alone}
        while rest:
            done = self._start(rest)
            known.update(done)
            rest = {key: program for key, program in rest.items() if key not in done}
        if self.cache:
            self.cache.mkdir(parents=True, exist_ok=True)
            for key in todo:
                if known[key].exception not in NO_OUTCOME:
                    self.cache.joinpath(key).write_text(json.dumps(asdict(known[key])), "utf-8")
        return [known[key] for key in keys]

    def _key(self, program: Program) -> str:
        parts = [program.path.name.encode(), program.source, self._salt]
        parts += [part for name, content in program.beside for part in (name.encode(), content)]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def _cached(self, key: str) -> Outcome | None:
        path = self.cache / key if self.cache else None
        if path is None or not path.exists():
            return None
        return Outcome(**json.loads(path.read_text("utf-8")))

    def _start(self, todo: dict[str, Program]) -> dict[str, Outcome]:
        """Run a driver process, again when it died before its first outcome."""
        for _ in range(STARTS):
            done = self._drive(todo)
            if all(outcome.exception != "DriverDied" for outcome in done.values()):
                break
        return done

    def _drive(self, todo: dict[str, Program]) -> dict[str, Outcome]:
        """Run one driver process; at least the first program has an outcome afterwards."""
        with tempfile.TemporaryDirectory(prefix="programs") as name:
            folder = Path(name)
            jobs = []
            for number, (key, program) in enumerate(todo.items()):
                source = folder / f"{number}.source"
                source.write_bytes(program.source)
                beside = [(name, content.decode()) for name, content in program.beside]
                jobs.append([key, program.path.name, str(source), beside])
            (folder / "jobs.json").write_text(json.dumps(jobs), "utf-8")
            results = folder / "results.jsonl"
            results.touch()
            command = [sys.executable, "-m", "tests.program_driver"]
            command += [str(folder / "jobs.json"), str(results), self.address]
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
                "RAY_memory_monitor_refresh_ms": "0",  # a busy machine must not fail a program
            }
            ran = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            outcomes = {}
            for line in results.read_text("utf-8").splitlines():
                fields = json.loads(line)
                key = fields.pop("key")
                outcomes[key] = Outcome(**fields)
        if not outcomes:
            outcomes[next(iter(todo))] = Outcome("", ran.stderr[-3000:], -1, "DriverDied", 0, 0.0)
        return outcomes


def comments(source: bytes) -> Counter[str]:
    """Return the comments of a module, each with its number of occurrences."""
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)


def examine(program: Program, fixed: bytes, config: Config) -> list[str]:
    """Return what is wrong with a fix as a text: syntax, comments lost, not stable."""
    faults = damage(program.source, fixed)
    if not faults and fix(fixed, config, filename=program.path.name).source != fixed:
        faults.append("not stable: a second fix changes more")
    return faults


def damage(before: bytes, after: bytes) -> list[str]:
    """Return what is wrong with a fixed text: it does not compile as before, or comments lost."""
    refused = refusal(after)
    if refused and not refusal(before):
        return [f"does not compile: {refused}"]
    try:
        lost = comments(before) - comments(after)
    except (SyntaxError, tokenize.TokenError) as error:
        return [f"cannot be read: {error}"]
    return [f"lost comment: {next(iter(lost))}"] if lost else []


def refusal(source: bytes) -> str:
    """Return why Python does not compile a module, or an empty string."""
    try:
        compile(source, "<program>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return str(error)
    return ""


def fix_project(program: Program, *, unsafe: bool) -> tuple[Program, list[str]]:
    """Return a program of several files as ``ray-lint --fix`` leaves it, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="project") as name:
        folder = Path(name)
        files = {folder / "main.py": program.source}
        files |= {folder / relative: content for relative, content in program.beside}
        for path, content in files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        given = str(folder / "main.py") if program.alone else name
        command = [sys.executable, "-m", "ray_lint", "--fix", "--isolated", "--no-cache", given]
        command += ["--unsafe-fixes"] if unsafe else []
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        faults = []
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        after = {path: path.read_bytes() for path in files}
        again = subprocess.run(command, capture_output=True, check=False, env=environment)
        if ran.returncode == 2 or again.returncode == 2:
            faults.append(f"fix failed: {ran.stderr}")
        for path, content in after.items():
            if path.read_bytes() != content:
                faults.append("not stable: a second fix changes more")
            faults += damage(files[path], content)
    beside = tuple((relative, after[folder / relative]) for relative, _ in program.beside)
    return replace(program, source=after[folder / "main.py"], beside=beside), faults


def fix_all(
    programs: Sequence[Program], *, unsafe: bool
) -> tuple[list[Program], list[list[str]], list[list[str]]]:
    """Return every program fixed, what is wrong with the fix, and why something was left."""
    config = Config(unsafe_fixes=unsafe)
    fixed: list[Program] = []
    faults: list[list[str]] = []
    reasons: list[list[str]] = []
    for program in programs:
        faults.append([])
        reasons.append([])
        if program.beside:
            changed, found = fix_project(program, unsafe=unsafe)
            fixed.append(changed)
            faults[-1] += found
            continue
        try:
            result = fix(program.source, config, filename=program.path.name)
        except Exception as error:  # a crash is a fault of this one program
            faults[-1].append(f"fix raised {type(error).__name__}: {error}")
            fixed.append(program)
            continue
        if result.error:
            faults[-1].append(f"fix failed: {result.error}")
        for finding in result.left:
            text = finding.fix.reason or finding.fix.title if finding.fix else "no fix"
            reasons[-1].append(f"{finding.code} {finding.start.line}: {text}")
        if not result.left and result.source == program.source:
            reasons[-1].append("no finding")
        faults[-1] += examine(program, result.source, config)
        fixed.append(replace(program, source=result.source))
    return fixed, faults, reasons


def judge(
    programs: Sequence[Program], runner: Runner, *, unsafe: bool = False, unchanged: bool = True
) -> list[Verdict]:
    """Fix every program, run both versions and compare; in the order given.

    ``unchanged``: run also those that no fix changes, to see that they run.
    """
    fixed, faults, reasons = fix_all(programs, unsafe=unsafe)
    # A program that unsafe fixes may break need not run, it might hang.
    fixed_runs = [
        old if unsafe and old.expect in KEEP else new
        for old, new in zip(programs, fixed, strict=True)
    ]
    pairs = list(zip(programs, fixed_runs, strict=True))
    ran = iter(runner.run([old for old, new in pairs if unchanged or new != old]))
    before = [next(ran) if unchanged or new != old else NOT_RUN for old, new in pairs]
    runs = iter(runner.run([new for old, new in pairs if new != old]))
    after = [
        run if new == old else next(runs) for (old, new), run in zip(pairs, before, strict=True)
    ]
    verdicts = []
    for program, new, old_run, new_run, found, why in zip(
        programs, fixed, before, after, faults, reasons, strict=True
    ):
        changed = new != program
        differs = compare(program, changed, old_run, new_run, unsafe=unsafe)
        verdicts.append(
            Verdict(
                program.path.name,
                program.expect,
                changed,
                old_run,
                new_run,
                (*found, *differs),
                tuple(why),
            )
        )
    return verdicts


def compare(
    program: Program, changed: bool, before: Outcome, after: Outcome, *, unsafe: bool
) -> list[str]:
    """Return how the fixed program's run falls short of what the header expects."""
    faults = []
    if before.exception in NO_OUTCOME:
        faults.append(f"the original itself failed: {before.exception}")
    if not before.same_as(after):
        faults.append(f"differs: {difference(before, after)}")
    if program.expect == "untouched" and changed and not unsafe:
        faults.append("touched")
    wants_fix = program.expect == "fixed" or (unsafe and program.expect == "unsafe")
    if wants_fix and not changed:
        faults.append("not fixed")
    elif wants_fix and program.counted and after.submissions * FEWER > before.submissions:
        faults.append(f"only {before.submissions} to {after.submissions} submissions")
    return faults


def difference(before: Outcome, after: Outcome) -> str:
    """Name the first difference between two runs."""
    if (before.status, before.exception) != (after.status, after.exception):
        last = after.stderr.strip().splitlines()[-1:] or [""]
        return (
            f"exit {before.status} {before.exception} became {after.status} {after.exception} "
            f"{last[0][:200]}"
        )
    old, new = before.printed.splitlines(), after.printed.splitlines()
    for number, (one, other) in enumerate(zip(old, new, strict=False), 1):
        if one != other:
            return f"line {number} {one[:80]!r} became {other[:80]!r}"
    return f"{len(old)} lines of output became {len(new)}"


def table(verdicts: Iterable[Verdict], *, verbose: bool = False) -> str:
    """Return one line per program, then the totals by expectation."""
    lines = []
    for verdict in verdicts:
        state = "fixed" if verdict.fixed else "-"
        counts = f"{verdict.before.submissions:>5} {verdict.after.submissions:>5}"
        sign = "FAULT" if verdict.faults else "ok"
        lines.append(
            f"{sign:5} {verdict.name:44} {verdict.expect:9} {state:6} {counts}"
            f"  {'; '.join(verdict.faults)}"
        )
        if (verdict.faults or verbose) and verdict.notes:
            lines += [f"      {note}" for note in verdict.notes]
    return "\n".join(lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the totals: how many of each expectation are as expected, fixed, different."""
    lines = []
    for expect in EXPECTATIONS:
        group = [verdict for verdict in verdicts if verdict.expect == expect]
        if group:
            good = sum(not verdict.faults for verdict in group)
            changed = sum(verdict.fixed for verdict in group)
            differ = sum(not verdict.before.same_as(verdict.after) for verdict in group)
            lines.append(
                f"{expect}: {good} of {len(group)} as expected, {changed} changed, "
                f"{differ} with other output"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the programs of a folder; exit 1 when one is not as expected."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.programs", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "folder", type=Path, help="folder with programs, searched with its subfolders"
    )
    parser.add_argument("-k", dest="wanted", default="", help="only names matching this pattern")
    parser.add_argument("--unsafe", action="store_true", help="apply unsafe fixes too")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--faults", action="store_true", help="print only programs with a fault")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what was left, and why")
    parser.add_argument("--diff", action="store_true", help="print the fixed sources")
    parser.add_argument(
        "--twice", action="store_true", help="only run the originals, twice, and compare"
    )
    parser.add_argument("--address", default="local", help="a running cluster")
    parser.add_argument("--no-cache", action="store_true", help="run also what was run before")
    options = parser.parse_args(arguments)
    programs = load(options.folder, options.wanted)
    cache = None if options.no_cache else Path(tempfile.gettempdir()) / "ray-lint-programs"
    runner = Runner(options.address, cache)
    if options.twice:
        return check_twice(programs, runner, Runner(options.address))
    verdicts = judge(programs, runner, unsafe=options.unsafe)
    shown = [verdict for verdict in verdicts if verdict.faults or not options.faults]
    if options.json:
        print(json.dumps([asdict(verdict) for verdict in shown], indent=1))
    else:
        print(table(shown, verbose=options.verbose))
        print(summary(verdicts))
    if options.diff:
        for program in programs:
            result = fix(
                program.source, Config(unsafe_fixes=options.unsafe), filename=program.path.name
            )
            print(f"--- {program.path.name}\n{result.source.decode('utf-8', 'replace')}")
    return int(any(verdict.faults for verdict in verdicts))


def check_twice(programs: Sequence[Program], first: Runner, second: Runner) -> int:
    """Run the originals twice and report those that fail, differ or submit too little."""
    bad = 0
    for program, one, other in zip(
        programs, first.run(programs), second.run(programs), strict=True
    ):
        faults = []
        if not one.same_as(other):
            faults.append(difference(one, other))
        if one.exception in NO_OUTCOME:
            faults.append(one.exception)
        if program.expect in ("fixed", "unsafe") and (one.status or one.exception):
            faults.append(f"exit {one.status} {one.exception}: {one.stderr[-600:]}")
        if program.counted and not 200 <= one.submissions <= 2500:
            faults.append(f"{one.submissions} submissions")
        if not one.stdout:
            faults.append("prints nothing")
        bad += bool(faults)
        shown = (
            f"{one.seconds:5.1f} s {one.submissions:5} {program.path.name:44} {one.exception:12}"
        )
        print(f"{shown} {one.stdout[:70]!r} {'; '.join(faults)}")
    print(f"{bad} of {len(programs)} programs are no good")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
