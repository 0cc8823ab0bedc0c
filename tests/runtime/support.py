"""Measuring a pair of programs in tests."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray_lint.runtime import Options, Report, Site, verify_sources
from ray_lint.runtime.cluster import Cluster


def sites_of(file: Path, before: str, after: str) -> list[Site]:
    """Return the sites: lines that end in ``# site NAME`` in both programs."""

    def lines(text: str) -> dict[str, tuple[tuple[int, int], ...]]:
        found: dict[str, tuple[tuple[int, int], ...]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            match = re.search(r"# site (\w+)$", line)
            if match:
                found[match[1]] = (*found.get(match[1], ()), (number, number))
        return found

    old, new = lines(before), lines(after)
    assert old
    assert set(old) == set(new)
    return [Site(file, old[name][0][0], 1, "RAY101", name, old[name], new[name]) for name in old]


def measure(
    folder: Path,
    cluster: Cluster | None,
    before: str,
    after: str,
    *,
    command: Sequence[str] = (),
    arguments: Sequence[str] = (),
    **more: Any,
) -> Report:
    """Run both programs and return the report; the original file must stay as it is."""
    file = folder / "program.py"
    file.write_text(before)
    report = verify_sources(
        {file: before.encode()},
        {file: after.encode()},
        sites_of(file, before, after),
        command or (sys.executable, str(file), *arguments),
        Options(**{"repeat": 1, "timeout": 100.0, **more}),
        cluster=cluster,
    )
    assert file.read_text() == before
    return report


def heed_signals() -> None:
    """Undo what shells and nohup do to background jobs, whose children inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
