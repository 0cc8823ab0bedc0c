"""The observer behind ``ray-lint profile``: every submission counted, a sample measured.

Loaded by its path into the watched program (see ``install``): standard library only. Execution
times come from Ray's own task events, which the workers record anyway; the driver keeps a bounded
uniform sample of task ids for each submission site, so that memory does not grow with the tasks.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

SAMPLE = 4096
"""Task ids kept for each site."""
SIZED = 32
"""Tasks of each site whose arguments and results are weighed."""
LOOKED_AT = 256
"""References of one fetch that are compared with the samples."""
ACTORS = 1024
"""Actors that are told apart at one site."""
LOOK_SECONDS = 0.25
"""How often a process looks whether it is about to be ended."""


class Place:
    """One submission site."""

    def __init__(self, code: CodeType, last: int, line: int, symbol: str, actor: bool) -> None:
        self.path, self.line, self.symbol, self.actor = code.co_filename, line, symbol, actor
        self.column = _column(code, last)
        self.tasks = 0
        self.first = self.last = 0.0
        self.began = time.time()
        self.submitting = self.waiting = 0.0
        self.sample: list[tuple[bytes, int]] = []  # task id, hash of the reference
        self.hashes: set[int] = set()
        self.actors: set[int] = set()
        self.argument_bytes: list[int] = []
        self.result_bytes: list[int] = []
        self.times: list[tuple[float, float]] = []
        self.earliest = b""  # the first task, whose start ends the starting of workers
        self.earliest_start: float | None = None

    def add(self, reference: Any, arguments: Any) -> None:
        """Count a task; keep it with the probability of a uniform sample (reservoir)."""
        self.tasks += 1
        slot = self.tasks - 1 if self.tasks <= SAMPLE else int(random.random() * self.tasks)
        if self.tasks == 1 and hasattr(reference, "task_id"):
            self.earliest = reference.task_id().binary()
        if slot >= SAMPLE or not hasattr(reference, "task_id"):
            return
        entry = (reference.task_id().binary(), hash(reference))
        if slot == len(self.sample):
            self.sample.append(entry)
        else:
            self.hashes.discard(self.sample[slot][1])
            self.sample[slot] = entry
        self.hashes.add(entry[1])
        if len(self.argument_bytes) < SIZED:
            self.argument_bytes.append(_weight(arguments))

    def record(self) -> dict[str, Any]:
        """Return what was seen, as JSON can write it; times in seconds."""
        # Before the first task ran, workers were started: that is no cost of the single tasks. Of a
        # long run Ray may have forgotten when that was; then it does not matter either.
        starting = 0.0
        if self.earliest_start is not None:
            first = min([self.earliest_start, *(start for start, _ in self.times)])
            starting = max(0.0, first - self.began)
        return {
            "path": os.path.realpath(self.path),
            "line": self.line,
            "column": self.column,
            "symbol": self.symbol,
            "actor": self.actor,
            "tasks": self.tasks,
            "seconds": self.last - self.first,
            "submitting": self.submitting,
            "waiting": self.waiting,
            "starting": min(starting, self.last - self.first),
            "actors": len(self.actors),
            "durations": sorted(end - start for start, end in self.times),
            "argument_bytes": self.argument_bytes,
            "result_bytes": self.result_bytes,
        }


class Sampler:
    """All state of the observation of this process."""

    def __init__(self, settings: dict[str, Any], events: ModuleType) -> None:
        self.settings = settings
        self.events = events
        self.inits = 0
        self.notes: list[str] = []
        self.places: dict[tuple[CodeType, int, str], Place] = {}
        self.fetchers: dict[tuple[CodeType, int], Place] = {}
        self.codes: dict[CodeType, bool] = {}
        self.own_seconds = 0.0
        self.reading_seconds = 0.0
        self.began = time.perf_counter()
        self.pid = os.getpid()
        self.written = False
        self.home = ""

    def caller(self, frame: FrameType | None) -> FrameType | None:
        """Return the frame of the user's call below Ray's own frames."""
        codes = self.codes
        while frame is not None:
            code = frame.f_code
            foreign = codes.get(code)
            if foreign is None:
                foreign = codes[code] = code.co_filename.startswith(self.home)
            if not foreign:
                return frame
            frame = frame.f_back
        return None

    def submitted(
        self, frame: FrameType, owner: Any, name: str, began: float, ended: float, result: Any
    ) -> Place | None:
        """Note one submission; return its place."""
        user = self.caller(frame)
        if user is None:
            return None
        key = (user.f_code, user.f_lasti, name)
        place = self.places.get(key)
        if place is None:
            actor = hasattr(owner, "_method_name")
            symbol = name.rpartition(".")[2]
            place = self.places[key] = Place(key[0], key[1], user.f_lineno, symbol, actor)
            place.first = began
            place.began -= time.perf_counter() - began
        place.submitting += ended - began
        place.last = ended
        if place.actor and len(place.actors) < ACTORS:
            place.actors.add(hash(getattr(owner, "_actor", None)))
        return place

    def fetched(
        self, frame: FrameType, references: Sequence[Any], began: float, values: Any = ()
    ) -> None:
        """Note the end of a fetch or a wait, by the references that are in a sample."""
        user = self.caller(frame)
        if user is None:
            return
        key = (user.f_code, user.f_lasti)
        some = references[:LOOKED_AT] if isinstance(references, (list, tuple)) else [references]
        hashes = [hash(one) for one in some]
        for place in self.places.values():
            if not place.hashes.isdisjoint(hashes):
                self.fetchers[key] = place
                break
        else:
            known = self.fetchers.get(key)  # who fetches here fetched from this place before
            if known is None:
                return
            place = known
        place.last = time.perf_counter()
        place.waiting += place.last - began
        if values and len(place.result_bytes) < SIZED:
            room = SIZED - len(place.result_bytes)
            place.result_bytes += [_weight(value) for value in values[:room]]

    def fetch_leftovers(self) -> None:
        """Read the execution times from Ray's task events, before the program disconnects."""
        import ray

        began = time.perf_counter()
        # Copies: the program may be submitting on while it is about to be ended.
        places = [(one, list(one.sample)) for one in list(self.places.values()) if not one.times]
        wanted = [task for _, sample in places for task, _ in sample]
        wanted += [place.earliest for place, _ in places if place.earliest]
        times = self.events.task_times(ray, wanted)
        for place, sample in places:
            place.times = [times[task] for task, _ in sample if task in times]
            if place.earliest in times:
                place.earliest_start = times[place.earliest][0]
        self.reading_seconds += time.perf_counter() - began

    def finish(self) -> None:
        """Write the record of this process, once."""
        if self.written or os.getpid() != self.pid:
            return
        self.written = True
        ended = time.perf_counter()
        with contextlib.suppress(Exception):
            self.fetch_leftovers()
        record = {
            "seconds": ended - self.began,
            "own_seconds": self.own_seconds,
            "reading_seconds": self.reading_seconds,
            "notes": self.notes,
            "sites": [place.record() for place in list(self.places.values())],
        }
        path = Path(self.settings["folder"]) / f"profile-{self.pid}.json"
        temporary = path.with_suffix(".partial")
        temporary.write_text(json.dumps(record))
        temporary.replace(path)

    def finish_when_told(self) -> None:
        """Say that this process is watched, and write its record once the file ``end`` is there.

        A program that is ended by a signal runs no exit functions, and a handler of the signal
        would not come to run while the program is inside of C code.
        """
        folder = Path(self.settings["folder"])
        (folder / f"watched-{self.pid}").touch()

        def look() -> None:
            while not self.written and folder.exists():
                if (folder / "end").exists():
                    self.finish()
                time.sleep(LOOK_SECONDS)

        threading.Thread(target=look, name="ray-lint-profile", daemon=True).start()


def _column(code: CodeType, last: int) -> int | None:
    """Return the column (in bytes, from 0) of the call at an instruction, where Python tells."""
    if not hasattr(code, "co_positions"):  # before Python 3.11
        return None
    with contextlib.suppress(Exception):
        column: int | None = list(code.co_positions())[last // 2][2]
        return column
    return None


def _weight(value: Any) -> int:
    """Return the pickled size in bytes, or 0 for what plain pickle cannot write."""
    try:
        return len(pickle.dumps(value, protocol=5))
    except Exception:  # references and local classes; the size is a help, not a need
        return 0


def make(
    settings: dict[str, Any], events: ModuleType, hooks: ModuleType
) -> Callable[[ModuleType], None]:
    """Return the function that begins to observe, given the imported ``ray``."""
    sampler = Sampler(settings, events)

    def start(ray: Any) -> None:
        from ray._private.worker import Worker
        from ray.actor import ActorMethod
        from ray.remote_function import RemoteFunction

        sampler.home = str(Path(ray.__file__).parent) + os.sep
        _wrap(RemoteFunction, sampler, "_function_name", ray)
        _wrap(ActorMethod, sampler, "_method_name", ray)
        _wrap_fetch(Worker, sampler)
        _wrap_wait(ray, sampler)
        if str(settings["address"]).startswith("ray://"):
            from ray.util.client.worker import Worker as ClientWorker

            _wrap_fetch(ClientWorker, sampler, "get")
            sampler.notes.append(
                "execution times cannot be read through ray://; give the cluster's host:port"
            )
        hooks.wrap_init(ray, sampler)
        hooks.wrap_exit(sampler)
        atexit.register(sampler.finish)
        sampler.finish_when_told()

    return start


def _wrap(owner: Any, sampler: Sampler, attribute: str, ray: Any) -> None:
    inner = owner._remote
    clock = time.perf_counter
    started = ray.is_initialized

    def _remote(self: Any, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any) -> Any:
        if not sampler.inits and not started():
            ray.init()  # as Ray would do by itself, but not counted as part of a submission
        began = clock()
        result = inner(self, args, kwargs, *rest, **options)
        ended = clock()
        name = str(getattr(self, attribute, ""))
        place = sampler.submitted(sys._getframe(1), self, name, began, ended, result)
        if place is not None:
            first = result[0] if isinstance(result, list) and result else result
            place.add(first, (args, kwargs))
        sampler.own_seconds += clock() - ended
        return result

    owner._remote = _remote


def _wrap_fetch(owner: Any, sampler: Sampler, name: str = "get_objects") -> None:
    inner = getattr(owner, name)

    def fetch(self: Any, references: Any, *args: Any, **options: Any) -> Any:
        began = time.perf_counter()
        result = inner(self, references, *args, **options)
        ended = time.perf_counter()
        values = result[0] if name == "get_objects" else ()
        sampler.fetched(sys._getframe(1), references, began, values)
        sampler.own_seconds += time.perf_counter() - ended
        return result

    setattr(owner, name, fetch)


def _wrap_wait(ray: Any, sampler: Sampler) -> None:
    inner = ray.wait

    def wait(references: Any, *args: Any, **options: Any) -> Any:
        began = time.perf_counter()
        result = inner(references, *args, **options)
        ended = time.perf_counter()
        sampler.fetched(sys._getframe(1), references, began)
        sampler.own_seconds += time.perf_counter() - ended
        return result

    wait.__doc__ = inner.__doc__
    ray.wait = wait
