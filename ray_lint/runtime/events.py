"""How long tasks ran, from the events that Ray's workers record anyway.

Loaded by its path into observed programs (see ``install``): standard library only. Ray keeps the
events of the last tasks (100,000 by default), so that of a long run only a part is found.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from typing import Any

PATIENCE_SECONDS = 6.0
"""Workers send their events once a second; a busy machine is given more."""
LULL_SECONDS = 1.5
PAUSE_SECONDS = 0.3


def task_times(ray: Any, tasks: Collection[bytes]) -> dict[bytes, tuple[float, float]]:
    """Return start and end of the tasks with these binary ids, in seconds since the epoch.

    What Ray has no event of is missing. Waits for events that are on their way. Uses a private
    interface of Ray: where that fails, nothing is returned.
    """
    wanted = set(tasks)
    found: dict[bytes, tuple[float, float]] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.suppress(Exception):
        state = ray._private.state.state
        if not wanted or not ray.is_initialized():
            return found
        grown = time.monotonic()
        while True:
            before = len(found)
            _read(state, wanted, found)
            now = time.monotonic()
            if len(found) > before:
                grown = now
            # Of very many tasks some are forgotten: more waiting will not bring their events.
            if len(found) == len(wanted) or now - grown > LULL_SECONDS or now > deadline:
                break
            time.sleep(PAUSE_SECONDS)
    return found


def _read(state: Any, wanted: set[bytes], found: dict[bytes, tuple[float, float]]) -> None:
    for event in state._get_all_task_events():
        if event.task_id not in wanted:
            continue
        for part in event.profile_events.events:
            if part.event_name == "task:execute":
                found[event.task_id] = (part.start_time / 1e9, part.end_time / 1e9)
