"""The command, as the tests of the doors start it."""

from __future__ import annotations

from tests.doors.conftest import command

__all__ = ["command"]
