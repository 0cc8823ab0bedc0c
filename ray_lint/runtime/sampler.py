"""The observer behind ``ray-lint profile``: every submission counted, a sample measured.

Loaded by its path into the watched program (see ``tracer``): standard library only. Execution
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
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

SAMPLE = 4096
"""Task ids kept for each site."""
SIZED = 32
"""Tasks of each site whose arguments and results are weighed."""
FLUSH_SECONDS = 1.5
"""Workers send their task events once a second."""


class Place:
    """One submission site."""

    def __init__(self, path: str, line: int, symbol: str, actor: bool) -> None:
        self.path, self.line, self.symbol, self.actor = path, line, symbol, actor
        self.tasks = 0
        self.first = time.perf_counter()
        self.last = self.first
        self.sample: list[tuple[bytes, int]] = []  # task id, hash of the reference
        self.hashes: set[int] = set()
        self.argument_bytes: list[int] = []
        self.result_bytes: list[int] = []
        self.durations: list[float] = []

    def add(self, reference: Any, arguments: Any) -> None:
        """Count a task; keep it with the probability of a uniform sample (reservoir)."""
        self.tasks += 1
        slot = self.tasks - 1 if self.tasks <= SAMPLE else random.randrange(self.tasks)
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


class Sampler:
    """All state of the observation of this process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.inits = 0
        self.notes: list[str] = []
        self.places: dict[tuple[str, int, str], Place] = {}
        self.codes: dict[CodeType, bool] = {}
        self.own_seconds = 0.0
        self.began = time.perf_counter()
        self.pid = os.getpid()
        self.busy = False
        self.home = ""

    def caller(self, frame: FrameType | None) -> tuple[str, int] | None:
        """Return file and line of the user's call below Ray's own frames."""
        while frame is not None:
            code = frame.f_code
            foreign = self.codes.get(code)
            if foreign is None:
                foreign = self.codes[code] = code.co_filename.startswith(self.home)
            if not foreign:
                return code.co_filename, frame.f_lineno
            frame = frame.f_back
        return None

    def submitted(self, frame: FrameType, symbol: str, actor: bool, result: Any, data: Any) -> None:
        """Note one submission."""
        where = self.caller(frame)
        if where is None:
            return
        key = (*where, symbol)
        place = self.places.get(key)
        if place is None:
            place = self.places[key] = Place(*key, actor)
        place.add(result[0] if isinstance(result, list) and result else result, data)

    def fetched(self, references: list[Any], values: list[Any]) -> None:
        """Note the end of a fetch that holds sampled references."""
        now = time.perf_counter()
        hashes = [hash(one) for one in references]
        for place in self.places.values():
            if place.hashes.isdisjoint(hashes):
                continue
            place.last = now
            if len(place.result_bytes) < SIZED:
                for key, value in zip(hashes, values):  # noqa: B905 - must run on Python 3.9 too
                    if key in place.hashes and len(place.result_bytes) < SIZED:
                        place.result_bytes.append(_weight(value))

    def fetch_leftovers(self) -> None:
        """Read the execution times from Ray's task events, before the program disconnects."""
        import ray

        wanted = {
            task: place
            for place in self.places.values()
            if not place.durations
            for task, _ in place.sample
        }
        if not wanted or not ray.is_initialized():
            return
        time.sleep(FLUSH_SECONDS)
        with contextlib.suppress(Exception):  # a private interface: without it, no durations
            for event in ray._private.state.state._get_all_task_events():
                place = wanted.get(event.task_id)
                if place is None:
                    continue
                for part in event.profile_events.events:
                    if part.event_name == "task:execute":
                        place.durations.append((part.end_time - part.start_time) / 1e9)

    def finish(self) -> None:
        """Write the record of this process."""
        if os.getpid() != self.pid:
            return
        ended = time.perf_counter()
        with contextlib.suppress(Exception):
            self.fetch_leftovers()
        record = {
            "seconds": ended - self.began,
            "own_seconds": self.own_seconds,
            "notes": self.notes,
            "sites": [
                {
                    "path": os.path.realpath(place.path),
                    "line": place.line,
                    "symbol": place.symbol,
                    "actor": place.actor,
                    "tasks": place.tasks,
                    "seconds": place.last - place.first,
                    "durations": sorted(place.durations),
                    "argument_bytes": place.argument_bytes,
                    "result_bytes": place.result_bytes,
                }
                for place in self.places.values()
            ],
        }
        path = Path(self.settings["folder"]) / f"profile-{self.pid}.json"
        path.write_text(json.dumps(record))


def _weight(value: Any) -> int:
    """Return the pickled size in bytes, or 0 for what plain pickle cannot write."""
    try:
        return len(pickle.dumps(value, protocol=5))
    except Exception:  # references and local classes; the size is a help, not a need
        return 0


def make(settings: dict[str, Any]) -> Callable[[ModuleType], None]:
    """Return the function that begins to observe, given the imported ``ray``."""
    sampler = Sampler(settings)

    def start(ray: Any) -> None:
        from ray._private.worker import Worker
        from ray.actor import ActorMethod
        from ray.remote_function import RemoteFunction

        sampler.home = str(Path(ray.__file__).parent) + os.sep
        _wrap(RemoteFunction, sampler, "_function_name", actor=False)
        _wrap(ActorMethod, sampler, "_method_name", actor=True)
        _wrap_fetch(Worker, sampler)
        sys.modules["_ray_lint_tracer"]._wrap_init(ray, sampler)
        atexit.register(sampler.finish)

    return start


def _wrap(owner: Any, sampler: Sampler, name: str, *, actor: bool) -> None:
    inner = owner._remote
    clock = time.perf_counter

    def _remote(self: Any, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any) -> Any:
        result = inner(self, args, kwargs, *rest, **options)
        began = clock()
        symbol = str(getattr(self, name, "")).rpartition(".")[2]
        sampler.submitted(sys._getframe(1), symbol, actor, result, (args, kwargs))
        sampler.own_seconds += clock() - began
        return result

    owner._remote = _remote


def _wrap_fetch(owner: Any, sampler: Sampler) -> None:
    inner = owner.get_objects

    def get_objects(self: Any, references: Any, *args: Any, **options: Any) -> Any:
        result = inner(self, references, *args, **options)
        began = time.perf_counter()
        sampler.fetched(list(references), result[0])
        sampler.own_seconds += time.perf_counter() - began
        return result

    owner.get_objects = get_objects
