"""A real terminal for a command, as wide as a user's."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

from tests.doors.conftest import environment


def on_terminal(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Run ``ray-lint`` on a terminal of 80 columns and return exit code and what it shows."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "ray_lint", *arguments],
        cwd=folder,
        env=environment(**{"TERM": "xterm", **env}),
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass  # how Linux says that nobody holds the other end any more
    finally:
        os.close(terminal)
        code = process.wait()
    return code, shown.decode().replace("\r\n", "\n")
