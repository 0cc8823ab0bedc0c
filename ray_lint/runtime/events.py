"""How long tasks ran, from the events that Ray's workers record anyway.

Loaded by its path into observed programs (see ``install``): standard library only. Ray keeps the
events of the last tasks (100,000 by default), so that of a long run only a part is found.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from typing import Any

PAUSE_SECONDS = 1.2
"""Workers send their events once a second."""
MAX_READS = 3
_HEAD = b"\n\x18"
"""How an event begins: its first field, the id of the task, of 24 bytes."""


def task_times(ray: Any, tasks: Collection[bytes]) -> dict[bytes, tuple[float, float]]:
    """Return start and end of the tasks with these binary ids, in seconds since the epoch.

    What Ray has no event of is missing. Waits for events that are on their way. Uses a private
    interface of Ray: where that fails, nothing is returned.
    """
    wanted = set(tasks)
    found: dict[bytes, tuple[float, float]] = {}
    with contextlib.suppress(Exception):
        state = ray._private.state.state
        if not wanted or not ray.is_initialized():
            return found
        for read in range(MAX_READS):
            time.sleep(PAUSE_SECONDS)
            before = len(found)
            for event in _events(state, wanted):
                for part in event.profile_events.events:
                    if part.event_name == "task:execute":
                        found[event.task_id] = (part.start_time / 1e9, part.end_time / 1e9)
            # Of very many tasks some are forgotten: more waiting will not bring their events.
            if len(found) == len(wanted) or (read and len(found) == before):
                break
    return found


def _events(state: Any, wanted: set[bytes]) -> Iterator[Any]:
    """Yield the events of the wanted tasks; most of the others are not even parsed."""
    import ray

    accessor = getattr(state, "_connect_and_get_accessor", None)
    elsewhere = getattr(ray._private.state, "_READ_TASK_EVENTS_FROM_DASHBOARD_HEAD", False)
    if accessor is None or elsewhere:
        yield from (one for one in state._get_all_task_events() if one.task_id in wanted)
        return
    from ray.core.generated.gcs_pb2 import TaskEvents

    for raw in accessor().get_task_events():
        if raw[:2] == _HEAD and raw[2:26] not in wanted:
            continue
        event = TaskEvents.FromString(raw)
        if event.task_id in wanted:
            yield event
