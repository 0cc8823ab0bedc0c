"""Python commands as processes of their own, without the cost of starting Python for each.

One process imports what the commands need, and forks for each of them: a fork has its own memory,
directory, environment and streams, and runs ``python -m MODULE`` from its first line.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
_STREAMS = 3


class Parent:
    """The process that forks; ``modules`` are what it imports before."""

    def __init__(self, modules: Sequence[str], env: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(120)
        with theirs:
            command = [sys.executable, "-W", "ignore", "-m", "tests.doors.forked"]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), *modules],
                cwd=ROOT,
                env=env,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: dict[str, str],
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a module as a program and return what came of it."""
        request = json.dumps([module, list(arguments), str(cwd), env]).encode()
        with ExitStack() as files:
            streams = [files.enter_context(tempfile.TemporaryFile()) for _ in range(_STREAMS)]
            streams[0].write((stdin or "").encode())
            streams[0].seek(0)
            size = len(request).to_bytes(8, "big")
            socket.send_fds(self._socket, [size], [stream.fileno() for stream in streams])
            self._socket.sendall(request)
            try:
                code = int.from_bytes(_receive(self._socket, 4), "big", signed=True)
            except TimeoutError:
                self._process.kill()
                raise
            out, err = (_text(stream) for stream in streams[1:])
        return subprocess.CompletedProcess([module, *arguments], code, out, err)

    def close(self) -> None:
        """End the process: it ends when nobody is at the other end any more."""
        self._socket.close()
        self._process.wait()


def _text(stream: IO[bytes]) -> str:
    """Return what was written, with the line ends of text streams."""
    stream.seek(0)
    return io.StringIO(stream.read().decode(), newline=None).read()


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _serve(connection: socket.socket) -> None:
    while True:
        size, streams, _, _ = socket.recv_fds(connection, 8, _STREAMS)
        if not size:
            return
        request = _receive(connection, int.from_bytes(size, "big"))
        child = os.fork()
        if not child:
            connection.close()
            _become(streams, *json.loads(request))
        for stream in streams:
            os.close(stream)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(code.to_bytes(4, "big", signed=True))


def _become(
    streams: list[int], module: str, arguments: list[str], cwd: str, env: dict[str, str]
) -> None:
    """Be ``python -m MODULE``; never returns."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.argv[1:] = arguments
        sys.path[0] = cwd
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as end:
        for name in sys.argv[2:]:
            import_module(name)
        _serve(end)
