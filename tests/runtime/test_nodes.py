"""A cluster as its users start one: ``ray start --head``, and a node that joins it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ray_lint.runtime import Verdict
from ray_lint.runtime.cluster import Cluster
from tests.runtime.support import measure
from tests.runtime.test_programs import HEAD

PROGRAM = f"{HEAD}values = ray.get([work.remote(x) for x in range(60)])  # site work\n"
FIXED = PROGRAM.replace(
    "ray.get([work.remote(x) for x in range(60)])",
    "sum(ray.get([work_batch.remote(range(i, i + 10)) for i in range(0, 60, 10)]), [])",
)
START_SECONDS = 120.0
ATTEMPTS = 3


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]


class NotStartedError(Exception):
    """``ray start`` gave up: it gives a node 30 seconds, too few on a busy machine."""


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStartedError(log.read_text(errors="replace")[-4000:])
        time.sleep(0.1)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Two nodes of one CPU each; the ports of the cluster and of Ray Client."""
    pytest.importorskip("ray")
    folder = tempfile.mkdtemp(prefix="rs-", dir="/tmp" if Path("/tmp").is_dir() else None)
    for name, value in {
        "RAY_TMPDIR": folder,  # where "auto" looks for the cluster: not at someone else's
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0" * 64,
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    try:
        for attempt in range(ATTEMPTS):
            with contextlib.ExitStack() as stack:
                try:
                    ports = start_nodes(stack, Path(folder))
                except NotStartedError:
                    if attempt == ATTEMPTS - 1:
                        raise
                    continue
                yield ports
                break
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_nodes(stack: contextlib.ExitStack, folder: Path) -> tuple[int, int]:
    """Start a head and a second node until ``stack`` ends."""
    port, client = free_ports(2)

    def start(*words: str) -> tuple[subprocess.Popen[bytes], Path]:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--block",
                   "--num-cpus", "1", "--object-store-memory", str(80 * 1024 * 1024)]  # fmt: skip
        log = folder / f"start-{len(list(folder.glob('start-*')))}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        stack.callback(stop, process)
        return process, log

    head = start("--head", "--port", str(port), "--ray-client-server-port", str(client),
                 "--include-dashboard", "false", "--disable-usage-stats")  # fmt: skip
    wait_until(lambda: answers(port), *head)
    start("--address", f"127.0.0.1:{port}")
    wait_until(lambda: answers(client), *head)
    # Written last. Until then, "auto" means any cluster on this machine.
    wait_until((folder / "ray" / "ray_current_cluster").exists, *head)
    return port, client


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def logs_on_failure() -> Iterator[None]:
    """Show what Ray's client server wrote, which goes with the cluster's folder."""
    try:
        yield
    except BaseException:
        for file in sorted(Path(os.environ["RAY_TMPDIR"]).rglob("ray_client_server*")):
            if "session_latest" not in file.parts:
                print(f"== {file.name}\n{file.read_text(errors='replace')[-4000:]}")
        raise


@contextlib.contextmanager
def joined(address: str) -> Iterator[Cluster]:
    """Join, and wait until both nodes are there."""
    deadline = time.monotonic() + START_SECONDS
    with Cluster(address) as cluster:
        while len(cluster.refresh().nodes) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        yield cluster


@pytest.mark.ray
@pytest.mark.slow
def test_every_form_of_address(started: tuple[int, int], tmp_path: Path) -> None:
    port, client = started
    addresses = ["auto", f"127.0.0.1:{port}"]
    if importlib.util.find_spec("grpc") is not None:  # the extra `ray[client]`
        addresses.append(f"ray://127.0.0.1:{client}")
    for address in addresses:  # none of them stops what it joined
        with logs_on_failure(), joined(address) as cluster:
            assert not cluster.embedded
            assert (len(cluster.state.nodes), cluster.state.cpus) == (2, 2.0), address
            if address == addresses[-1]:
                report = measure(tmp_path, cluster, PROGRAM, FIXED)
    assert report.error == ""
    (site,) = report.sites
    assert (site.before.submissions, site.after.submissions) == (60, 6)
    assert site.values == "equal"
    assert site.verdict is Verdict.TOO_NOISY, "one pair is not enough"
    assert report.nodes == 2
