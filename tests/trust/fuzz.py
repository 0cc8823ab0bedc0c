"""Fuzzing guided by coverage: mutated programs that reach new lines of ours are mutated further.

    python -m tests.trust.fuzz [--seconds 60] [--seed 0] [--findings DIRECTORY]
                               [--engine own|atheris]

Starts from the programs in ``fixtures`` and the odd sources of the tests. Each execution checks and
fixes a source (unsafe fixes, strict) and asserts what ``answer`` does: findings or a documented
error, a fix that parses and that a second run leaves alone; more than 20 CPU seconds count
as a hang. Sources that fail are written to the directory. Prints executions, lines reached and the
number of findings; exit code 1 if there are any.

The own engine needs nothing (Python 3.12 or newer makes it fast); atheris must be installed.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_SOURCE = 20
LARGEST = 6_000

TOKENS = [
    b".remote(", b"ray.get(", b"ray.wait(", b"@ray.remote\n", b"range(10_000)", b" for x in ",
    b"xs", b"append(", b"(", b")", b"[", b"]", b"{", b"}", b":", b",", b"*", b"**", b"=", b":=",
    b"\n", b"\r\n", b"\r", b"\f", b"\0", b"\t", b"    ", b"\\\n", b"#",
    b"# noqa: RAY101", b"# coding: latin-1\n",
    b"'''", b'"', b"f'{", b"}'", b"lambda x: ", b"async ", b"await ", b"yield ", b"global f\n",
    b"nonlocal x\n", b"return ", b"break\n", b"continue\n", b"else:\n", b"try:\n", b"finally:\n",
    b"except* E:\n", b"with f() as x:\n", b"match x:\n", b"case [a, *b]:\n", b"class A:\n",
    b"def f(x):\n", b"if True:\n", b"while True:\n", b"del xs\n", b"import ray\n",
    b"from . import f\n", b"from f import *\n", b"99999999999999999999", b"0.5e400", b"-1",
    b"None", b"True", b"_batch",
    b"\xef\xbb\xbf", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\\ud800", b"\\N{DASH}", b";", b"->",
    b"type X = int\n", b"f.remote", b".options(num_returns=2)", b"enumerate(", b"zip(", b"x,",
]  # fmt: skip


def seeds() -> list[bytes]:
    """Return the sources to start from."""
    from tests.trust.test_bytes import CASES

    programs = [path.read_bytes() for path in sorted((ROOT / "fixtures").rglob("*.py"))]
    return [s for s in (*programs, *CASES.values()) if b".remote" in s and len(s) < LARGEST]


def mutated(data: bytes, others: list[bytes], choice: random.Random) -> bytes:
    """Return a variant of ``data``: of its bytes, its words or its lines."""
    for _ in range(choice.choice((1, 1, 1, 2, 3, 5))):
        at = choice.randrange(len(data) + 1)
        lines = data.split(b"\n")
        line = choice.randrange(len(lines))
        match choice.randrange(9):
            case 0:
                data = data[:at] + choice.choice(TOKENS) + data[at:]
            case 1:
                data = data[:at] + choice.choice(TOKENS) + data[at + choice.randrange(6) :]
            case 2:
                data = data[:at] + data[at + choice.randrange(1, 12) :]
            case 3:
                data = data[:at] + bytes([choice.randrange(256)]) + data[at + 1 :]
            case 4:
                data = b"\n".join([*lines[:line], *lines[line + 1 :]])
            case 5:
                data = b"\n".join([*lines[:line], lines[line], *lines[line:]])
            case 6:
                step = choice.choice((b"    ", b"  ", b"\t"))
                lines[line] = step + lines[line] if choice.random() < 0.5 else lines[line].lstrip()
                data = b"\n".join(lines)
            case 7:
                there = choice.choice(others).split(b"\n")
                start = choice.randrange(len(there))
                piece = there[start : start + choice.randrange(1, 8)]
                data = b"\n".join([*lines[:line], *piece, *lines[line:]])
            case _:
                other = choice.randrange(len(lines))
                lines[line], lines[other] = lines[other], lines[line]
                data = b"\n".join(lines)
    return data[:LARGEST]


class HangError(Exception):
    """A source took too long."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise HangError


def problem(source: bytes) -> str:
    """Return what is wrong with the answer for a source, "" if nothing is."""
    from tests.trust.test_bytes import answer

    # CPU seconds: a busy machine is no hang.
    signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_PER_SOURCE)
    try:
        answer(source)
    except (Exception, HangError):
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return ""


@contextmanager
def coverage() -> Iterator[set[tuple[CodeType, int]]]:
    """Collect the lines of ray_lint that run."""
    reached: set[tuple[CodeType, int]] = set()
    ours = str(ROOT / "ray_lint")
    if sys.version_info >= (3, 12):
        events = sys.monitoring

        def line(code: CodeType, number: int) -> Any:
            if code.co_filename.startswith(ours):
                reached.add((code, number))
            return events.DISABLE  # each line once: nearly free

        events.use_tool_id(events.COVERAGE_ID, "fuzz")
        events.register_callback(events.COVERAGE_ID, events.events.LINE, line)
        events.set_events(events.COVERAGE_ID, events.events.LINE)
        try:
            yield reached
        finally:
            events.set_events(events.COVERAGE_ID, 0)
            events.free_tool_id(events.COVERAGE_ID)
        return

    def trace(frame: FrameType, event: str, value: object) -> Any:
        if not frame.f_code.co_filename.startswith(ours):
            return None
        reached.add((frame.f_code, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield reached
    finally:
        sys.settrace(before)


def run(seconds: float, seed: int, found: Callable[[bytes, str], None]) -> tuple[int, int]:
    """Fuzz for a time; return the number of executions and of lines reached."""
    choice = random.Random(seed)
    start = seeds()
    corpus = list(start)
    end = time.monotonic() + seconds
    executions = 0
    with coverage() as reached:
        for source in choice.sample(start, min(len(start), max(5, int(seconds)))):
            problem(source)
        known = len(reached)
        while time.monotonic() < end:
            # The young ones lead on: every second time one of them.
            recent = corpus[-50:] if choice.random() < 0.5 else corpus
            source = mutated(choice.choice(recent), start, choice)
            executions += 1
            what = problem(source)
            if what:
                found(source, what)
            if len(reached) > known:
                known = len(reached)
                corpus.append(source)
    return executions, known


def run_atheris(seconds: float, seed: int, found: Callable[[bytes, str], None]) -> None:
    """Fuzz with libFuzzer's feedback; it ends the process."""
    import atheris

    with atheris.instrument_imports(include=["ray_lint"]):
        import ray_lint.core
        import ray_lint.rewrite.engine
        import ray_lint.rewrite.rewriter
        import ray_lint.rules

        ray_lint.rules.all_rules()
    start = seeds()

    def one(source: bytes) -> None:
        what = problem(source)
        if what:
            found(source, what)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        choice = random.Random(number)
        if choice.random() < 0.2:
            return bytes(atheris.Mutate(data, most))
        return mutated(data or choice.choice(start), start, choice)[:most]

    corpus = Path(f".fuzz-corpus-{seed}")
    corpus.mkdir(exist_ok=True)
    for source in start:
        (corpus / sha256(source).hexdigest()[:16]).write_bytes(source)
    options = [f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", f"-max_len={LARGEST}"]
    limits = ["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], *options, *limits, str(corpus)],
        one,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main() -> int:
    """Fuzz and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--engine", choices=("own", "atheris"), default="own")
    options = parser.parse_args()
    kinds: dict[str, bytes] = {}

    def found(source: bytes, what: str) -> None:
        places = [line for line in what.splitlines() if "ray_lint" in line]
        kind = f"{places[-1].strip() if places else ''} {what.splitlines()[-1]}"[:300]
        if kind not in kinds or len(source) < len(kinds[kind]):
            kinds[kind] = source
            options.findings.mkdir(exist_ok=True)
            name = sha256(kind.encode()).hexdigest()[:12]
            (options.findings / f"{name}.py").write_bytes(source)
            (options.findings / f"{name}.txt").write_text(what, errors="backslashreplace")
            print(f"finding {name}: {kind}", flush=True)

    if options.engine == "atheris":
        run_atheris(options.seconds, options.seed, found)
        return 0
    executions, lines = run(options.seconds, options.seed, found)
    print(f"{executions:,} executions, {lines:,} lines reached, {len(kinds)} findings")
    return int(bool(kinds))


if __name__ == "__main__":
    raise SystemExit(main())
