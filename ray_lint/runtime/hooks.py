"""What the observers wrap in Ray, and what they do there.

Loaded by its path into observed programs (see ``install``): standard library only. Wrapped are

- ``RemoteFunction._remote`` and ``ActorMethod._remote``: who submits, from which line;
- ``Worker.get_objects``: what is fetched, however the program spells ``ray.get``;
- ``ray.init``, which joins the cluster of the measurement, ``ray.shutdown`` and ``os._exit``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ray_lint.runtime.sampler import Sampler
    from ray_lint.runtime.tracer import Tracer

# What describes a cluster or a console and cannot apply to a cluster that already runs.
_CLUSTER_ARGUMENTS = frozenset(
    """num_cpus num_gpus resources labels object_store_memory local_mode include_dashboard
    dashboard_host dashboard_port proxy_server_url enable_resource_isolation cgroup_path
    system_reserved_cpu system_reserved_memory storage redis_max_memory""".split()  # noqa: SIM905
)

MORE_JOINS = 2
"""So often a program that failed to join through Ray Client tries again."""


def wrap_submission(owner: Any, tracer: Tracer, ray: Any) -> None:
    """Watch the submissions of tasks or of actor calls."""
    inner = owner._remote
    clock = time.perf_counter
    is_actor = owner.__name__ == "ActorMethod"

    def _remote(self: Any, *args: Any, **options: Any) -> Any:
        if tracer.is_ours():
            return inner(self, *args, **options)
        index = tracer.site_of(sys._getframe(1))
        if index < 0:
            return inner(self, *args, **options)
        if is_actor:
            tracer.sites[index].actors.add(hash(self._actor))
        if tracer.mode == "time":
            waited = tracer.warmer.warm_up(self._actor if is_actor else None, ray)
            tracer.sites[index].started += waited
        began = clock()
        references = inner(self, *args, **options)
        explicit = isinstance(options.get("num_returns"), int)
        tracer.submitted(index, began, references, explicit, ray)
        return references

    owner._remote = _remote


def wrap_client_call(owner: Any, stub: Callable[[Any], Any], tracer: Tracer, ray: Any) -> None:
    """Watch calls of actors through Ray Client, which has classes of its own for them."""
    inner = owner.remote

    def remote(self: Any, *args: Any, **options: Any) -> Any:
        actor = getattr(stub(self), "_actor_handle", None)
        index = -1 if actor is None or tracer.is_ours() else tracer.site_of(sys._getframe(1))
        if index < 0:
            return inner(self, *args, **options)
        tracer.sites[index].actors.add(hash(actor))
        if tracer.mode == "time":
            tracer.sites[index].started += tracer.warmer.warm_up(actor, ray)
        began = time.perf_counter()
        references = inner(self, *args, **options)
        tracer.submitted(index, began, references, owner.__name__ == "OptionWrapper", ray)
        return references

    owner.remote = remote


def wrap_fetch(owner: Any, name: str, tracer: Tracer) -> None:
    """Watch the method ``name``, which fetches values."""
    inner = getattr(owner, name)

    def fetch(self: Any, references: Any, *args: Any, **options: Any) -> Any:
        result = inner(self, references, *args, **options)
        if tracer.is_ours():
            return result
        single = not isinstance(references, (list, tuple))
        many = [references] if single else list(references)
        tracer.note_fetched([hash(one) for one in many])
        if tracer.mode == "values":
            if name == "get_objects":
                tracer.note_values(many, result[0])
            else:
                tracer.note_values(many, [result] if single else list(result))
        return result

    setattr(owner, name, fetch)


def wrap_init(ray: Any, tracer: Tracer | Sampler) -> None:
    """Send ``ray.init`` to the measuring cluster; let ``ray.shutdown`` come after the observer."""
    inner, inner_shutdown = ray.init, ray.shutdown

    def init(*args: Any, **options: Any) -> Any:
        tracer.inits += 1
        given = sorted(
            name for name in options if name in _CLUSTER_ARGUMENTS or name.startswith("_")
        )
        asked = {name: options.pop(name) for name in given}
        address = args[0] if args else options.pop("address", None)
        if given and tracer.inits == 1:
            shown = ", ".join(f"{name}={asked[name]!r}" for name in given)
            tracer.notes.append(f"ray.init({shown}) does not apply to the measuring cluster")
        if address not in (None, "auto", "local") and tracer.inits == 1:
            tracer.notes.append(f"ray.init(address={address!r}) was sent to the measuring cluster")
        options.setdefault("log_to_driver", tracer.settings.get("log_to_driver", True))
        return _joined(inner, tracer.settings["address"], args[1:], options)

    def shutdown(*args: Any, **options: Any) -> Any:
        for last in (tracer.fetch_leftovers, getattr(tracer, "read_times", None)):
            with contextlib.suppress(Exception):
                last and last()
        return inner_shutdown(*args, **options)

    init.__doc__, shutdown.__doc__ = inner.__doc__, inner_shutdown.__doc__
    ray.init, ray.shutdown = init, shutdown


def _joined(inner: Any, address: str, args: Any, options: dict[str, Any]) -> Any:
    """Join the measuring cluster, whose server of Ray Client may fail a client by chance."""
    for _ in range(MORE_JOINS if address.startswith("ray://") else 0):
        try:
            return inner(address, *args, **options)
        except ConnectionAbortedError:
            time.sleep(1.0)
    return inner(address, *args, **options)


def wrap_exit(tracer: Tracer | Sampler) -> None:
    """Write the record also if the program ends by ``os._exit``, which runs no exit functions."""
    inner = os._exit

    def _exit(status: int) -> NoReturn:
        with contextlib.suppress(Exception):
            tracer.finish()
        inner(status)

    os._exit = _exit


def patch(ray: Any, tracer: Tracer) -> None:
    """Wrap everything that the tracer needs, once ``ray`` has been imported."""
    from ray._private.worker import Worker
    from ray.actor import ActorMethod
    from ray.remote_function import RemoteFunction

    wrap_submission(RemoteFunction, tracer, ray)
    wrap_submission(ActorMethod, tracer, ray)
    wrap_fetch(Worker, "get_objects", tracer)
    if str(tracer.settings["address"]).startswith("ray://"):
        from ray.util.client.common import ClientRemoteMethod, OptionWrapper
        from ray.util.client.worker import Worker as ClientWorker

        wrap_fetch(ClientWorker, "get", tracer)
        wrap_client_call(ClientRemoteMethod, lambda method: method, tracer, ray)
        wrap_client_call(OptionWrapper, lambda wrapper: wrapper._remote_stub, tracer, ray)
    wrap_init(ray, tracer)
    wrap_exit(tracer)
    atexit.register(tracer.finish)  # after ray's own registration, so it runs before it
