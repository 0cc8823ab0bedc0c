"""Starts worker processes in a measured program before its clock runs.

Loaded by its path into the measured program (see ``install``): standard library only. Starting
processes takes seconds, is done once per job and the same for both programs: no cost of a site.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

WARM_SECONDS = 30.0
"""How long to wait for workers before the first measured submission."""
FREE_SECONDS = 2.0
"""If actors of the program hold all processors by then, there is nothing to start."""
MAX_WARM = 256
"""So many workers are waited for at most."""


class Warmer:
    """Knows which workers and actors have been waited for; ``note`` tells of a failure."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note
        self.busy = 0
        """The thread that starts workers just now: what it submits is not the program's."""
        self.lock = threading.Lock()
        self.workers = False
        self.actors: set[int] = set()  # hashes of the handles

    def warm_up(self, actor: Any, ray: Any) -> float:
        """Wait until the workers, or the called ``actor``, are there; return the seconds."""
        if self.workers if actor is None else hash(actor) in self.actors:
            return 0.0
        began = time.perf_counter()
        with self.lock:
            self.busy = threading.get_ident()
            try:
                if not ray.is_initialized():
                    ray.init()
                if actor is not None:
                    ray.wait([actor.__ray_ready__.remote()], timeout=WARM_SECONDS)
                elif not self.workers:
                    _start_workers(ray)
            except Exception as error:  # the program itself will meet it, or it does not matter
                self.note(f"workers could not be started beforehand: {error}"[:200])
            finally:
                self.busy = 0
                if actor is None:
                    self.workers = True
                else:
                    self.actors.add(hash(actor))
        return time.perf_counter() - began


def _start_workers(ray: Any) -> None:
    def process(_number: int) -> tuple[str, int]:
        import os
        import socket
        import time

        time.sleep(0.05)  # so that each of them needs a worker of its own
        return socket.gethostname(), os.getpid()

    # Pickled by value: workers cannot import the module that this file is loaded as.
    process.__module__ = "__main__"
    count = min(_free_processors(ray), MAX_WARM)
    remote = ray.remote(num_cpus=1, max_retries=0)(process)
    deadline = time.monotonic() + WARM_SECONDS
    started: set[Any] = set()
    while len(started) < count and time.monotonic() < deadline:
        references = [remote.remote(number) for number in range(count)]
        left = max(0.1, deadline - time.monotonic())
        done, waiting = ray.wait(references, num_returns=count, timeout=left)
        started |= set(ray.get(done))
        for one in waiting:
            ray.cancel(one)


def _free_processors(ray: Any) -> int:
    """Return how many tasks can run now; what ended a moment ago may still seem to be running."""
    deadline = time.monotonic() + FREE_SECONDS
    while True:
        count = int(ray.available_resources().get("CPU", 0))
        if count or time.monotonic() > deadline:
            return count
        time.sleep(0.1)
