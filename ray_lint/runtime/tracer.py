"""The observer inside a measured program: submissions, fetches and values at given sites.

Loaded by its path into the measured program (see ``install``; ``hooks`` tells it what happens):
standard library only. At the end it writes one JSON record per process.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

FETCH_LEFTOVERS_SECONDS = 60.0
"""How long to wait at the end for values that the program itself never fetched."""

SAMPLE = 1024
"""Tasks of a site whose execution times are read."""

MAX_FRAMES = 64
"""How far up the stack a submission is searched for a site."""

MAX_RETURNS = 16
"""How many returns of one function have their variables written down."""


class Site:
    """What was seen of one submission site in this process."""

    def __init__(self) -> None:
        self.submissions = 0
        self.seconds = 0.0
        self.fetched = 0
        self.open = 0
        self.started = 0.0
        self.last = 0.0
        self.watch = False
        self.actors: set[int] = set()
        self.tasks: list[bytes] = []  # values mode: a uniform sample of the ids of its tasks
        self.durations: list[float] = []
        self.order: list[tuple[str, Any]] = []  # values mode: ("one" | "many", reference(s))

    def submit(self, began: float, count: int) -> None:
        """Count one submission that began at ``began`` and returned ``count`` references."""
        if self.open == 0:
            self.started = began
        self.submissions += 1
        self.open += count
        self.last = time.perf_counter()
        if count == 0 and self.open == 0:
            self.seconds += self.last - began

    def sample(self, reference: Any) -> None:
        """Keep the id of a task with the probability of a uniform sample (reservoir)."""
        slot = min(self.submissions - 1, int(random.random() * self.submissions))
        if self.submissions <= SAMPLE:
            self.tasks.append(reference.task_id().binary())
        elif slot < SAMPLE:
            self.tasks[slot] = reference.task_id().binary()

    def fetch(self, count: int, now: float) -> None:
        """Count ``count`` fetched references; the last one ends a stretch of time."""
        self.fetched += count
        self.open -= count
        self.last = now
        if self.open <= 0:
            self.open = 0
            self.seconds += now - self.started

    def close(self) -> None:
        """End the last stretch of a site some of whose values were never fetched."""
        if self.open:
            self.seconds += self.last - self.started
            self.open = 0


class Tracer:
    """All state of the observation of this process."""

    def __init__(
        self, settings: dict[str, Any], values: ModuleType, events: ModuleType, warm: ModuleType
    ) -> None:
        self.settings = settings
        self.values = values
        self.events = events
        self.mode: str = settings["mode"]
        self.sites = [Site() for _ in settings["sites"]]
        for index in settings.get("watch", ()):
            self.sites[index].watch = True
        self.ranges: dict[str, list[tuple[int, int, int]]] = {}
        for index, site in enumerate(settings["sites"]):
            for first, last in site["ranges"]:
                self.ranges.setdefault(site["file"], []).append((first, last, index))
        self.codes: dict[tuple[CodeType, int], int] = {}
        self.files: dict[str, str] = {}
        self.lock = threading.RLock()
        self.owner: dict[int, int] = {}  # hash of an open reference: its site
        self.seen: dict[int, bytes] = {}  # values mode: hash of a fetched reference: its value
        self.names: dict[str, list[dict[str, bytes]]] = {}
        self.notes: list[str] = []
        self.warmer = warm.Warmer(self.notes.append)
        self.inits = 0
        self.busy = 0  # the thread that does work of ours
        self.written = False
        self.pid = os.getpid()
        self.began = time.time()

    def is_ours(self) -> bool:
        """Whether what happens in this thread is work of the tracer, not of the program."""
        if not (self.busy or self.warmer.busy):
            return False
        return threading.get_ident() in (self.busy, self.warmer.busy)

    # Where a call comes from

    def real(self, filename: str) -> str:
        """Return the resolved path of a code object's file name, remembered."""
        known = self.files.get(filename)
        if known is None:
            known = self.files[filename] = os.path.realpath(filename)
        return known

    def site_of(self, frame: FrameType | None) -> int:
        """Return the index of the site that ``frame`` or one of its callers stands in, or -1."""
        codes = self.codes
        for _ in range(MAX_FRAMES):
            if frame is None:
                return -1
            key = (frame.f_code, frame.f_lineno)
            found = codes.get(key)
            if found is None:
                found = -1
                for first, last, index in self.ranges.get(self.real(key[0].co_filename), ()):
                    if first <= key[1] <= last:
                        found = index
                        break
                codes[key] = found
            if found >= 0:
                return found
            frame = frame.f_back
        return -1

    # What happens at a site

    def submitted(
        self, index: int, began: float, references: Any, explicit: bool, ray: Any
    ) -> None:
        """Note the outcome of one submission."""
        many = references if isinstance(references, list) else [references]
        many = [one for one in many if _is_reference(one)]
        site = self.sites[index]
        with self.lock:
            site.submit(began, len(many))
            for one in many:
                self.owner[hash(one)] = index
        if site.watch:
            for one in many:
                self._watch(one)
        if self.mode == "values":
            if many and hasattr(many[0], "task_id"):
                site.sample(many[0])
            spread = explicit or isinstance(references, list)
            site.order.append(("many" if spread else "one", many))

    def _watch(self, reference: Any) -> None:
        """Take the arrival of a value that is awaited or passed on for its fetch."""
        key = hash(reference)

        def arrived(_value: Any) -> None:
            self.note_fetched((key,))

        with contextlib.suppress(Exception):  # Ray Client's references have no such callback
            reference._on_completed(arrived)

    def note_fetched(self, keys: Any) -> None:
        """Count the references with these hashes as fetched now."""
        now = time.perf_counter()
        with self.lock:
            counts: dict[int, int] = {}
            for key in keys:
                index = self.owner.pop(key, None)
                if index is not None:
                    counts[index] = counts.get(index, 0) + 1
            for index, count in counts.items():
                self.sites[index].fetch(count, now)

    def note_values(self, references: list[Any], fetched: list[Any]) -> None:
        """Write down the values of a site's references (values mode)."""
        wanted = {hash(one) for site in self.sites for _, many in site.order for one in many}
        for one, value in zip(references, fetched):  # noqa: B905 - must run on Python 3.9 too
            key = hash(one)
            if key in wanted and key not in self.seen:
                self.seen[key] = self._dump_result(value)

    def _dump_result(self, value: Any) -> bytes:
        cause = getattr(value, "cause", None)
        if type(value).__name__ == "RayTaskError" and isinstance(cause, BaseException):
            value = cause
        if type(value) is list:  # item by item, so that a batch can be flattened
            return pickle.dumps(["list", *map(self.values.dump, value)], protocol=4)
        return pickle.dumps(["one", self.values.dump(value)], protocol=4)

    def fetch_leftovers(self) -> None:
        """Fetch the values that the program never fetched itself (values mode)."""
        if self.mode != "values":
            return
        import ray

        left = [
            one
            for site in self.sites
            for _, many in site.order
            for one in many
            if hash(one) not in self.seen
        ]
        if not left or not ray.is_initialized():
            return
        self.busy = threading.get_ident()
        try:
            deadline = time.monotonic() + FETCH_LEFTOVERS_SECONDS
            for one in left:
                try:
                    value = ray.get(one, timeout=max(0.1, deadline - time.monotonic()))
                except ray.exceptions.GetTimeoutError:
                    break
                except Exception as error:  # the task's own failure is its value
                    value = error
                self.seen[hash(one)] = self._dump_result(value)
        finally:
            self.busy = 0

    def read_times(self) -> None:
        """Read how long the tasks ran, before the program disconnects (values mode)."""
        if self.mode != "values":
            return
        import ray

        wanted = [task for site in self.sites if not site.durations for task in site.tasks]
        times = self.events.task_times(ray, wanted)
        for site in self.sites:
            if not site.durations:
                found = [times[task] for task in site.tasks if task in times]
                site.durations = [end - start for start, end in found]

    # Variables of the functions that hold a site

    def watch_names(self) -> None:
        """Write down local variables when a function that holds a site returns (values mode)."""
        holders: dict[CodeType, bool] = {}

        def holds(code: CodeType) -> bool:
            name = code.co_name
            if name.startswith("<") and name != "<module>":
                return False
            ranges = self.ranges.get(self.real(code.co_filename))
            if not ranges:
                return False
            if name == "<module>":
                return True
            lines = list(_lines(code))
            return any(min(lines) <= first <= max(lines) for first, _, _ in ranges)

        def leave(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "return":
                self.note_names(frame, argument)
            return leave

        def enter(frame: FrameType, event: str, _argument: Any) -> Any:
            code = frame.f_code
            known = holders.get(code)
            if known is None:
                known = holders[code] = holds(code)
            if not known:
                return None
            frame.f_trace_lines = False
            return leave

        sys.settrace(enter)
        threading.settrace(enter)

    def note_names(self, frame: FrameType, returned: Any) -> None:
        """Write down the variables of ``frame``, which is about to return ``returned``."""
        code = frame.f_code
        name = str(getattr(code, "co_qualname", code.co_name))
        seen = self.names.setdefault(f"{self.real(code.co_filename)}::{name}", [])
        if len(seen) >= MAX_RETURNS:
            return
        found: dict[str, bytes] = {}
        for key, value in [*frame.f_locals.items(), ("return value", returned)]:
            if key.startswith("__") or callable(value) or isinstance(value, ModuleType):
                continue
            try:
                found[key] = pickle.dumps(self.values.plain(value), protocol=4)
            except Exception:  # holds references, or a foreign class raised: not comparable
                continue
        seen.append({key: text for key, text in found.items() if len(text) <= 1 << 26})

    # The end

    def finish(self) -> None:
        """Write the record of this process, once."""
        if self.written or os.getpid() != self.pid:
            return
        self.written = True
        for last in (self.fetch_leftovers, self.read_times):
            with contextlib.suppress(Exception):
                last()
        for site in self.sites:
            site.close()
        folder = Path(self.settings["folder"])
        record = {
            "pid": self.pid,
            "began": self.began,
            "inits": self.inits,
            "notes": self.notes,
            "peak_bytes": _peak_bytes(),
            "sites": [
                {
                    "submissions": site.submissions,
                    "seconds": site.seconds,
                    "fetched": site.fetched,
                    "actors": len(site.actors),
                    "durations": site.durations,
                }
                for site in self.sites
            ],
        }
        if self.mode == "values":
            with (folder / f"values-{self.pid}.pickle").open("wb") as file:
                pickle.dump(
                    {
                        "items": [list(self._items(site)) for site in self.sites],
                        "names": self.names,
                    },
                    file,
                    protocol=4,
                )
        temporary = folder / f".record-{self.pid}"
        temporary.write_text(json.dumps(record))
        temporary.replace(folder / f"record-{self.pid}.json")

    def _items(self, site: Site) -> Iterator[tuple[str, bytes]]:
        """Yield the site's results in submission order.

        ``("one", value)`` is the result of one task; if that is a list, it may be a batch.
        ``("item", value)`` is one of several references that a task returned.
        """
        for shape, many in site.order:
            for one in many:
                yield ("item" if shape == "many" else "one", self.seen.get(hash(one), b""))


def _is_reference(value: Any) -> bool:
    return type(value).__name__ in ("ObjectRef", "ClientObjectRef")


def _lines(code: CodeType) -> Iterator[int]:
    yield code.co_firstlineno
    for _, _, line in code.co_lines():
        if line is not None:
            yield line


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
