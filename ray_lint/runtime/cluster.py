"""The cluster as the measurement sees it; the process behind it is ``ray_lint.runtime.host``."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ray_lint.errors import UsageError

START_SECONDS = 180.0
"""An embedded cluster starts within about four seconds; a loaded machine gets more."""
ANSWER_SECONDS = 90.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class ClusterState:
    """The living nodes, by id, and their processors."""

    nodes: tuple[str, ...]
    cpus: float
    free: float


class Cluster:
    """An embedded cluster, started on entry and stopped on exit, or an existing one.

    ``address`` is empty for an embedded cluster, else ``auto``, ``host:port`` or ``ray://…``; then
    nothing is started or stopped. Raises UsageError with one sentence if there is no cluster.
    """

    def __init__(self, address: str = "", num_cpus: int | None = None) -> None:
        self.given = address
        self.num_cpus = num_cpus
        self.address = ""
        self.ray_version = ""
        self._process: subprocess.Popen[str] | None = None
        self._folder = ""
        self._errors: Any = None
        # Ray 2.60 protects new local clusters by a token. Ours has one of its own that lives no
        # longer than the cluster, so that Ray does not write one into the user's home.
        self._access = (
            {} if address else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        )
        self.state = ClusterState((), 0, 0)

    @property
    def embedded(self) -> bool:
        """Whether this object started the cluster itself."""
        return not self.given

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a program needs to join this cluster."""
        return {"RAY_ADDRESS": self.address, **self._access}

    def __enter__(self) -> Cluster:
        self._folder = tempfile.mkdtemp(prefix="rl-", dir=_short_temporary())
        self._errors = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "ray_lint.runtime.host", "--folder", self._folder]
        if self.given:
            command += ["--address", self.given]
        if self.num_cpus is not None:
            command += ["--num-cpus", str(self.num_cpus)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
            cwd=self._folder,
            env={**_environment(), **self._access},
        )
        try:
            answer = self._answer(START_SECONDS)
            self.address = str(answer["address"])
            self.ray_version = str(answer["ray"])
            if answer["auth_mode"] and self.given:
                # Found out by Ray while it joined ("auto"); the programs must do alike.
                self._access = {"RAY_AUTH_MODE": str(answer["auth_mode"])}
            self.state = _state(answer)
            self._must_have_room()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            for end in (process.terminate, process.kill):
                if process.poll() is None:
                    end()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(STOP_SECONDS)
            if process.stdout is not None:
                process.stdout.close()
            self._process = None
        if self._errors is not None:
            self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _must_have_room(self) -> None:
        if self.state.free < 1:
            raise UsageError(
                f"the cluster at {self.address} has no free CPU "
                f"({self.state.free:g} of {self.state.cpus:g}): nothing could run on it"
            )

    def refresh(self) -> ClusterState:
        """Ask for the nodes as they are now. Raises UsageError if the cluster is gone."""
        process = self._process
        if process is None or process.stdin is None:
            raise UsageError("the cluster is not running")
        try:
            process.stdin.write("state\n")
            process.stdin.flush()
        except OSError:
            raise UsageError("the process that holds the cluster ended unexpectedly") from None
        self.state = _state(self._answer(ANSWER_SECONDS))
        return self.state

    def _answer(self, seconds: float) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        if not line:
            where = self.given or "an embedded cluster"
            raise UsageError(
                f"{where} did not answer within {seconds:g} seconds"
                if not ready
                else f"Ray could not be started: {self._last_error()}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UsageError(str(answer["error"]))
        return answer

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no reason was given"


def _state(answer: dict[str, Any]) -> ClusterState:
    return ClusterState(tuple(answer["nodes"]), float(answer["cpus"]), float(answer["free"]))


LONGEST_FOLDER = 20
"""Ray's paths of sockets are about 80 bytes longer than this, and must stay under 108."""


def _short_temporary() -> str | None:
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > LONGEST_FOLDER and Path("/tmp").is_dir() else usual


def _environment() -> dict[str, str]:
    """Return our environment so that the host finds this very ray_lint."""
    home = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
