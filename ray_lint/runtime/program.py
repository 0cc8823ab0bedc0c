"""One run of the user's command under the tracer, from start to record."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray_lint.runtime.overlay import Overlay

TAIL_BYTES = 64 * 1024
"""How much of a program's output is kept to explain a failure; the rest is read and dropped."""

KILL_SECONDS = 5.0


@dataclass(frozen=True)
class SiteLines:
    """Where a site stands: ``file`` by its original path, inclusive line ranges from 1."""

    file: Path
    ranges: tuple[tuple[int, int], ...]


@dataclass
class SiteRun:
    """What one run did at one site."""

    submissions: int = 0
    seconds: float = 0.0
    fetched: int = 0
    actors: int = 0
    durations: list[float] = field(default_factory=list)
    items: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass
class Run:
    """The outcome of one run; ``failure`` is empty if it can be counted."""

    sites: list[SiteRun]
    names: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    driver_bytes: int = 0
    notes: tuple[str, ...] = ()
    failure: str = ""
    output: str = ""
    seconds: float = 0.0


def run(
    overlay: Overlay,
    command: Sequence[str],
    sites: Sequence[SiteLines],
    *,
    cluster: Mapping[str, str],
    mode: str,
    watch: Sequence[int],
    timeout: float,
    folder: Path,
    cwd: Path,
) -> Run:
    """Run ``command`` in the laid-out overlay and return what the tracer saw.

    ``cluster`` holds the variables that a program needs to join the cluster.

    ``mode`` is ``"time"`` or ``"values"``. The program's whole process group ends with the run,
    also after ``timeout`` seconds or an interrupt.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = folder / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "mode": mode,
                "address": cluster["RAY_ADDRESS"],
                "folder": str(folder),
                "original": str(overlay.root),
                "copy": str(overlay.tree),
                "linked": bool(overlay.linked),
                "watch": list(watch),
                "sites": [
                    {"file": os.path.realpath(overlay.mapped(site.file)), "ranges": site.ranges}
                    for site in sites
                ],
            }
        )
    )
    environment = traced_environment(os.environ, settings, cluster)
    environment["PYTHONPATH"] = os.pathsep.join(
        part
        for part in (str(_inject()), overlay.mapped_path_list(os.environ.get("PYTHONPATH", "")))
        if part
    )
    mapped = overlay.mapped(cwd)
    began = time.monotonic()
    code, output, problem = watched(
        [overlay.mapped_word(word) for word in command], environment, mapped, timeout
    )
    result = _read(folder, len(sites), mode)
    result.seconds = time.monotonic() - began
    result.output = output
    if problem:
        result.failure = problem
    elif code:
        result.failure = failure(code, output)
    return result


def python_word() -> str:
    """Return what starts this Python in a shell: ``python`` if that is the one, else its path."""
    found = shutil.which("python")
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return "python" if ours else shlex.quote(sys.executable)


def without_ray(command: Sequence[str], problem: str) -> str:
    """Return what to do if a command failed because its Python has no Ray, else nothing."""
    missing = re.search(r"No module named '?ray'?(?![\w.])", problem)
    return other_python(command) if missing else ""


def other_python(command: Sequence[str]) -> str:
    """Return what to do if a command starts another Python than this one, else nothing."""
    where = shutil.which(command[0])
    if where is None or not Path(where).name.startswith("python"):
        return ""
    if Path(where).parent == Path(sys.executable).parent:
        return ""
    return f"; {command[0]} is {where}, but ray-lint runs with {sys.executable}: give that one"


_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning)\b")
_LONGEST = 300


def failure(code: int, output: str) -> str:
    """Return in one sentence how a program failed: its last exception, or its last line."""
    words = f"exit code {code}" if code > 0 else f"signal {-code}"
    lines = [line for line in output.splitlines() if line.strip()]
    start = next((n for n in reversed(range(len(lines))) if _EXCEPTION.match(lines[n])), -1)
    last = " ".join(" ".join(lines[start:]).split())
    last = last if len(last) <= _LONGEST else last[: _LONGEST - 3] + "..."
    return f"the program failed with {words}" + (f": {last}" if last else "")


def traced_environment(
    environment: Mapping[str, str], settings: Path, cluster: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a traced program."""
    return {
        "PYTHONHASHSEED": "0",  # sets and dicts in the same order in every run; the user's wins
        **environment,
        "PYTHONPATH": os.pathsep.join(
            part for part in (str(_inject()), environment.get("PYTHONPATH", "")) if part
        ),
        "RAY_LINT_TRACE": str(settings),
        **cluster,
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _inject() -> Path:
    return Path(__file__).resolve().parent / "inject"


def watched(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    timeout: float,
    *,
    show: bool = False,
    before_end: Callable[[], None] | None = None,
) -> tuple[int, str, str]:
    """Run ``command`` in a session of its own; return exit code, end of its output, problem.

    ``show`` passes the output on to ours. ``before_end`` is called while the program still runs,
    after ``timeout`` seconds or an interrupt, which then is a problem like any other. Whatever
    happens, no process of the session survives.
    """
    try:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return 127, "", f"cannot run {command[0]}: {error.strerror}"
    tail: deque[bytes] = deque()
    reader = None
    if process.stdout is not None:
        reader = threading.Thread(target=_drain, args=(process.stdout, tail), daemon=True)
        reader.start()
    problem = ""
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        code = -signal.SIGKILL
        problem = (
            f"the program did not end within {timeout:g} seconds (--timeout); it hangs, is slow, "
            "or asks for resources that the cluster does not have"
        )
        if before_end is not None:
            before_end()
    except KeyboardInterrupt:
        if before_end is None:
            raise
        code, problem = -signal.SIGINT, "the program was interrupted"
        before_end()
    finally:
        _end(process)
    if reader is not None:
        reader.join(2.0)
    return code, b"".join(tail).decode(errors="replace"), problem


def _drain(stream: Any, tail: deque[bytes]) -> None:
    kept = 0
    with contextlib.suppress(OSError, ValueError), stream:
        while chunk := stream.read1(8192):
            tail.append(chunk)
            kept += len(chunk)
            while kept - len(tail[0]) > TAIL_BYTES:
                kept -= len(tail.popleft())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process group: first politely, then for certain."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            process.poll()
            try:
                os.killpg(process.pid, 0)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(KILL_SECONDS)


def _read(folder: Path, count: int, mode: str) -> Run:
    """Add up the records of all processes of one run, in the order of their start."""
    records = [json.loads(path.read_text()) for path in folder.glob("record-*.json")]
    records.sort(key=lambda record: float(record["began"]))
    result = Run([SiteRun() for _ in range(count)])
    notes: dict[str, None] = {}
    for record in records:
        result.driver_bytes = max(result.driver_bytes, int(record["peak_bytes"]))
        notes.update(dict.fromkeys(record["notes"]))
        for site, seen in zip(result.sites, record["sites"], strict=True):
            site.submissions += seen["submissions"]
            site.seconds += seen["seconds"]
            site.fetched += seen["fetched"]
            site.actors += seen["actors"]
            site.durations += seen["durations"]
        path = folder / f"values-{record['pid']}.pickle"
        if mode == "values" and path.exists():
            with path.open("rb") as file:
                written = pickle.load(file)  # our own tracer wrote it, a moment ago
            for site, items in zip(result.sites, written["items"], strict=True):
                site.items.extend(items)
            for key, returns in written["names"].items():
                result.names.setdefault(key, []).extend(returns)
    result.notes = tuple(notes)
    if not records:
        result.notes = ("the program never imported ray in a process that could be watched",)
    return result
