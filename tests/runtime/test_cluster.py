"""Clusters that are missing, wrong, full or changing: a clear sentence, nothing left behind."""

from __future__ import annotations

import contextlib
import platform
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_lint.errors import UsageError
from ray_lint.runtime import Verdict, hooks, host
from ray_lint.runtime.cluster import Cluster, ClusterState
from ray_lint.runtime.host import _joined, _reason
from tests.runtime.support import measure
from tests.runtime.test_programs import HEAD


def shadow(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module in front of an installed one, for child processes."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def refusal(address: str = "") -> str:
    with pytest.raises(UsageError) as caught, Cluster(address):
        pass
    words = str(caught.value)
    assert "\n" not in words
    return words


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path, "ray", "raise ModuleNotFoundError('none', name='ray')\n", monkeypatch)
    assert refusal() == "Ray is not installed; install it with: pip install 'ray-lint[ray]'"
    shadow(tmp_path, "ray", "raise ImportError('libray.so is broken')\n", monkeypatch)
    assert refusal() == "Ray cannot be imported: libray.so is broken"


@contextlib.contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    shadow(tmp_path, "grpc", "raise ModuleNotFoundError('none', name='grpc')\n", monkeypatch)
    with listening() as port:
        words = refusal(f"ray://127.0.0.1:{port}")
    assert words.startswith("no Ray cluster: Ray Client requires pip package `ray[client]`")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "cannot reach a Ray cluster at 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "cannot reach a Ray cluster at ray://127.0.0.1:1"),
        ("nonsense", "expected auto, host:port or ray://host:port"),
    ],
)
def test_an_unreachable_cluster(address: str, words: str) -> None:
    pytest.importorskip("ray")
    assert words in refusal(address)


@pytest.mark.parametrize(
    ("mode", "words", "cause", "hint"),
    [
        (
            "",
            "Failed to connect",
            "RPC error: InvalidAuthToken: missing",
            "it asks for a token: set",
        ),
        ("", "ray client connection timeout", "", "if it asks for a token, set RAY_AUTH_MODE"),
        ("", "Failed to connect", "no route to host", ""),
        ("token", "Failed to connect", "RPC error: InvalidAuthToken: missing", ""),
        ("token", "", "no route to host", ""),
        ("token", "", "", ""),
    ],
)
def test_a_cluster_that_asks_for_a_token(
    mode: str, words: str, cause: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    error = ConnectionError(words)
    error.__cause__ = RuntimeError(cause)
    reason = _reason(error)
    expected = words or cause or "ConnectionError without a reason"
    assert reason.startswith(f"no Ray cluster: {expected}")
    assert hint in reason
    assert ("token" in hint) is ("token" in reason)


def test_a_version_that_only_the_cause_tells() -> None:
    """Ray 2.40 raises a bare ConnectionError while it handles what it knows of the versions."""
    error = ConnectionError()
    error.__context__ = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
        "This process on node 1 was started with:\n    Ray: 2.40.0\n    Python: 3.12.1\n"
    )
    assert _reason(error) == (
        "the cluster runs Ray 2.60.0 on Python 3.11.7, this is Ray 2.40.0 on Python 3.12.1; "
        "both must be the same"
    )


class Flaky:
    """Stands in for ``ray``: ``init`` raises these before it succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.shutdowns = 0

    def init(self, address: str) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return f"joined {address}"

    def shutdown(self) -> None:
        self.shutdowns += 1


ABORTED = ConnectionAbortedError(
    "Initialization failure from server:\nTraceback (most recent call last):\nRuntimeError: "
    "Starting Ray client server failed. See ray_client_server_23000.err for detailed logs."
)


def test_a_client_that_the_cluster_failed_to_serve_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(hooks.time, "sleep", lambda _: None)
    flaky = Flaky(ABORTED, ABORTED)
    assert _joined(flaky, "ray://a:1") == "joined ray://a:1"
    assert flaky.shutdowns == 2, "nothing is left of the failed ones"
    assert hooks._joined(Flaky(ABORTED, ABORTED).init, "ray://a:1", (), {}) == "joined ray://a:1"

    monkeypatch.setattr(host, "JOIN_SECONDS", -1.0)
    for join in (
        lambda: _joined(Flaky(ABORTED), "ray://a:1"),
        lambda: hooks._joined(Flaky(*[ABORTED] * 3).init, "ray://a:1", (), {}),
    ):
        with pytest.raises(ConnectionAbortedError) as caught:
            join()
        assert _reason(caught.value) == (
            "no Ray cluster: Initialization failure from server: RuntimeError: Starting Ray client "
            "server failed. See ray_client_server_23000.err for detailed logs."
        )


FAR = ConnectionAbortedError(
    "Initialization failure from server:\nTraceback (most recent call last):\n"
    "AttributeError: 'JobConfig' object has no attribute '_new'"
)


@pytest.mark.parametrize("error", [ConnectionError("refused"), FAR])
def test_what_another_attempt_cannot_cure_is_told_at_once(error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(ConnectionError):
        _joined(flaky, "ray://a:1")
    assert flaky.shutdowns == 0


def test_a_version_too_far_away_to_say_so() -> None:
    """Ray 2.40 and 2.60 fail so, each way, before they compare themselves."""
    ray = pytest.importorskip("ray")
    assert _reason(FAR, "ray://a:1") == (
        "no Ray cluster: Initialization failure from server: AttributeError: 'JobConfig' object "
        f"has no attribute '_new'; it may be of another version: this is Ray {ray.__version__} on "
        f"Python {platform.python_version()}"
    )


@pytest.mark.ray
def test_the_versions_that_a_cluster_has_recorded(
    ray_cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("Could not read 'temp_dir' from GCS. Did GCS start successfully?")
    assert _reason(error, ray_cluster).startswith("no Ray cluster: Could not read")
    theirs = host._ours()
    monkeypatch.setattr(host, "_ours", lambda: ("2.1.0", "3.9.1"))
    assert _reason(error, ray_cluster) == (
        f"the cluster runs Ray {theirs[0]} on Python {theirs[1]}, this is Ray 2.1.0 on Python "
        "3.9.1; both must be the same"
    )


@pytest.mark.ray
def test_another_version(ray_cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path, "sitecustomize", "import ray\nray.__version__ = '2.0.1'\n", monkeypatch)
    words = refusal(ray_cluster)
    assert words.startswith("the cluster runs Ray ")
    assert f"this is Ray 2.0.1 on Python {sys.version.split()[0]}; both must be" in words


@pytest.mark.ray
def test_no_free_processor(ray_cluster: str) -> None:
    import ray

    @ray.remote(num_cpus=2)
    class Holder:
        def here(self) -> None:
            pass

    holder = Holder.remote()
    ray.get(holder.here.remote())
    try:
        assert "has no free CPU (0 of 2)" in refusal(ray_cluster)
    finally:
        ray.kill(holder)
    deadline = time.monotonic() + 60
    while ray.available_resources().get("CPU", 0) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)


class Restless(Cluster):
    """Looks different each time."""

    asked = 0

    def refresh(self) -> ClusterState:
        self.asked += 1
        self.state = ClusterState((f"node {self.asked}",), 2.0, 2.0)
        return self.state


def test_nodes_that_never_settle_are_a_failure_not_a_result(tmp_path: Path) -> None:
    program = f"{HEAD}refs = [work.remote(x) for x in y]  # site work\n"
    report = measure(
        tmp_path, Restless(), program, program, command=(sys.executable, "-S", "-c", "pass")
    )
    assert "the cluster's nodes kept changing" in report.error
    assert report.discarded == report.runs == 4
    assert report.exit_code == 2


DYING = (
    HEAD
    + """\
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
results = ray.get([work.remote(x) for x in range(20)])  # site work
if not (folder / "killed").exists():
    (folder / "reached").touch()
    while not (folder / "killed").exists():
        time.sleep(0.05)
"""
)


@pytest.mark.ray
def test_a_node_that_dies_discards_the_run(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster as Nodes

    outside = tmp_path / "outside"
    (tmp_path / "project").mkdir()
    outside.mkdir()
    small = {"object_store_memory": 80 * 1024 * 1024}
    nodes = Nodes(head_node_args={"num_cpus": 1, "include_dashboard": False, **small},
                  initialize_head=True)  # fmt: skip
    try:
        second = nodes.add_node(num_cpus=1, **small)

        def kill() -> None:
            deadline = time.monotonic() + 100
            while not (outside / "reached").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            nodes.remove_node(second)
            (outside / "killed").touch()

        killer = threading.Thread(target=kill)
        with Cluster(nodes.address) as cluster:
            assert len(cluster.state.nodes) == 2
            killer.start()
            after = DYING.replace(
                "ray.get([work.remote(x) for x in range(20)])",
                "sum(ray.get([work_batch.remote(range(n, n + 5)) for n in (0, 5, 10, 15)]), [])",
            )
            report = measure(tmp_path / "project", cluster, DYING, after, arguments=(str(outside),))
            killer.join()
        assert report.error == ""
        assert (report.discarded, report.nodes) == (1, 1)
        assert report.sites[0].values == "equal"
        assert report.sites[0].verdict is Verdict.TOO_NOISY, "one pair is not enough"
        assert len(nodes.list_all_nodes()) == 1, "the cluster is left as it is"
    finally:
        nodes.shutdown()
