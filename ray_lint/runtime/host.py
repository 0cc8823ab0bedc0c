"""The process that holds the cluster: ``python -m ray_lint.runtime.host``.

It starts an embedded cluster, or joins an existing one, says so in one line of JSON, and then
answers each line on standard input with the state of the nodes. At the end of its input, which
comes even if its parent is killed, it stops what it started and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import platform
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

END_SECONDS = 3.0
"""So long the processes of a cluster get to end by themselves once it is stopped."""
CONNECT_SECONDS = 5.0
"""A port that does not answer within this time is unreachable."""
JOIN_SECONDS = 60.0
"""No further attempt to join a cluster begins after this time."""
PAUSE_SECONDS = 1.0
"""Between two attempts to join a cluster."""


def say(**message: Any) -> None:
    """Write one line of JSON to the parent."""
    sys.__stdout__.write(json.dumps(message) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _unreachable(address: str) -> str:
    """Return why nothing answers at ``host:port`` (with or without ``ray://``), or nothing."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return "expected auto, host:port or ray://host:port"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        return str(error)
    return ""


class _Missing(Exception):  # noqa: N818 - a sentence for the user
    """Something that is not installed, with what to do."""


def _imported_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise _Missing(f"Ray cannot be imported: {error}") from None
        raise _Missing(
            "Ray is not installed; install it with: pip install 'ray-lint[ray]'"
        ) from None
    except ImportError as error:
        raise _Missing(f"Ray cannot be imported: {error}") from None
    return ray


def _reason(error: Exception, address: str = "") -> str:
    """Return in one sentence why there is no cluster at ``address``."""
    texts = [str(one).strip() for one in _chain(error)]
    said = [text for text in texts if text]
    mismatch = [text for text in said if "ersion mismatch" in text]
    text = [*mismatch, *said, f"{type(error).__name__} without a reason"][0]
    versions = re.findall(r"(?:Ray|Python): (\S+)", text)
    if mismatch and len(versions) == 4:
        return _versions(versions[:2], versions[2:])
    if not any("connect" in one.lower() for one in said) and not address.startswith("ray://"):
        other = _other_version(address)
        if other:
            return other
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words = lines[0]
    if words.endswith(":") and len(lines) > 1:  # what follows is a traceback; its end tells why
        words = f"{words} {lines[-1]}"
    if "from server" in words and not _may_pass(texts):
        words += f"; it may be of another version: this is Ray {_ours()[0]} on Python {_ours()[1]}"
    return f"no Ray cluster: {words}{_token(texts)}"


def _ours() -> tuple[str, str]:
    """Return the versions of Ray and Python here."""
    return _imported_ray().__version__, platform.python_version()


def _versions(theirs: Sequence[str], ours: Sequence[str]) -> str:
    return (
        f"the cluster runs Ray {theirs[0]} on Python {theirs[1]}, this is Ray {ours[0]} on Python "
        f"{ours[1]}; both must be the same"
    )


def _other_version(address: str) -> str:
    """Return the sentence on a cluster of another version, by its own records, or nothing.

    Versions of Ray that are far apart fail before they compare themselves. Uses private
    interfaces, which have been the same from 2.40 to 2.60: without them nothing is returned.
    """
    with contextlib.suppress(Exception):
        services: Any = importlib.import_module("ray._private.services")
        raylet: Any = importlib.import_module("ray._raylet")
        client = raylet.GcsClient(address=services.canonicalize_bootstrap_address(address))
        known = json.loads(client.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=5.0))
        theirs = (known["ray_version"], known["python_version"])
        return _versions(theirs, _ours()) if theirs != _ours() else ""
    return ""


def _may_pass(texts: Iterable[str]) -> bool:
    """Return whether a server of Ray Client said that it could not start a process for us.

    On a busy machine, and while the node itself is still starting, that happens by chance. So it
    does when a process ends while Ray counts those of the machine.
    """
    chance = ("Starting Ray client server", "Proxy failed to", "psutil.ZombieProcess")
    return any(words in one for one in texts for words in chance)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an exception and those behind it: some versions of Ray raise an empty one last."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _token(texts: list[str]) -> str:
    """Return what to do if the cluster may have asked for a token that was not sent.

    Ray 2.60 protects clusters by a token, and sends it to an address only if told to.
    """
    if os.environ.get("RAY_AUTH_MODE"):
        return ""
    if any("InvalidAuthToken" in text for text in texts):
        return "; it asks for a token: set RAY_AUTH_MODE=token"
    hidden = any("client connection timeout" in text for text in texts)  # Ray Client hides why
    return "; if it asks for a token, set RAY_AUTH_MODE=token" if hidden else ""


def _connect(options: argparse.Namespace) -> Any:
    if options.address not in ("", "auto"):  # before Ray is imported, which takes a second
        reason = _unreachable(options.address)
        if reason:
            raise ConnectionError(f"cannot reach a Ray cluster at {options.address}: {reason}")
    ray = _imported_ray()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if options.address:
        context = _joined(ray, options.address, **quiet)
    else:
        local = {
            "address": "local",
            "num_cpus": options.num_cpus,
            "include_dashboard": False,
            "object_store_memory": options.object_store_memory,
            "_temp_dir": options.folder,
            **quiet,
        }
        try:
            context = ray.init(**local)
        except Exception:  # a busy machine lets the raylet miss its start-up deadline
            ray.shutdown()
            context = ray.init(**local)
    if str(options.address).startswith("ray://"):
        return ray, options.address
    return ray, context.address_info["gcs_address"]


def _joined(ray: Any, address: str, **options: Any) -> Any:
    """Join an existing cluster, if need be in several attempts, and return the context."""
    latest = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            return ray.init(address=address, **options)
        except ConnectionAbortedError as error:
            if not _may_pass(map(str, _chain(error))) or time.monotonic() > latest:
                raise
        with contextlib.suppress(Exception):  # what the failed attempt has left
            ray.shutdown()
        time.sleep(PAUSE_SECONDS)


def _state(ray: Any) -> dict[str, Any]:
    alive = [node for node in ray.nodes() if node["Alive"]]
    return {
        "nodes": sorted(node["NodeID"] for node in alive),
        "cpus": sum(node["Resources"].get("CPU", 0.0) for node in alive),
        "free": ray.available_resources().get("CPU", 0.0),
    }


def main() -> int:
    """Serve until standard input ends; return 0, or 2 if there is no cluster."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="")
    parser.add_argument("--num-cpus", type=int, default=None)
    parser.add_argument("--object-store-memory", type=int, default=None)
    parser.add_argument("--folder", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; see above
    with contextlib.suppress(AttributeError):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout = sys.stderr  # only ``say`` writes to the parent
    os.environ.pop("RAY_LINT_TRACE", None)
    if options.address != "auto":  # "auto" means: what RAY_ADDRESS says, else one on this machine
        os.environ.pop("RAY_ADDRESS", None)
    ray: Any = None
    try:
        try:
            ray, address = _connect(options)
        except _Missing as error:
            say(error=str(error))
            return 2
        except Exception as error:  # Ray raises many types here; each is one sentence
            say(error=_reason(error, options.address))
            return 2
        mode = os.environ.get("RAY_AUTH_MODE", "")
        say(address=address, ray=ray.__version__, auth_mode=mode, **_state(ray))
        for _ in sys.stdin:
            try:
                say(**_state(ray))
            except Exception as error:  # the head went away
                say(error=f"the cluster stopped answering: {error}".splitlines()[0])
    finally:
        started = _children()
        with contextlib.suppress(Exception):
            # Also after an interrupted start, which has left processes but nothing in ``ray``.
            sys.modules["ray"].shutdown()
        if not options.address and options.folder:
            _end(started, options.folder)
            shutil.rmtree(Path(options.folder), ignore_errors=True)
    return 0


def _children() -> list[Any]:
    """Return the processes that this one has started, and theirs."""
    try:
        import psutil  # comes with Ray
    except ImportError:
        return []
    children: list[Any] = psutil.Process().children(recursive=True)
    return children


def _end(started: list[Any], folder: str) -> None:
    """End what outlives the cluster: workers that are just starting notice its end seconds later.

    These are among ``started``, or name the cluster's ``folder`` in their command.
    """
    with contextlib.suppress(ImportError):
        import psutil

        _, alive = psutil.wait_procs(started, timeout=END_SECONDS)
        for process in (*alive, *psutil.process_iter()):
            with contextlib.suppress(psutil.Error):
                ours = process in alive or folder in " ".join(process.cmdline())
                if ours and process.pid != os.getpid():
                    process.kill()


if __name__ == "__main__":
    sys.exit(main())
