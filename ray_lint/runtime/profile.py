"""``ray-lint profile``: watch a program on Ray, unchanged, and say where tasks are too small."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ray_lint.errors import UsageError
from ray_lint.runtime.cluster import Cluster
from ray_lint.runtime.program import traced_environment, watched
from ray_lint.runtime.table import seconds

MIN_TASKS = 200
TASK_THRESHOLD = 0.010
"""Ray's guideline: a task should take at least 10 ms."""


@dataclass(frozen=True)
class ProfiledSite:
    """One submission site. Times in seconds, sizes in bytes; None is not measured."""

    path: str
    line: int
    column: int
    symbol: str
    code: str
    tasks: int
    measured: int
    median_seconds: float | None
    p95_seconds: float | None
    argument_bytes: float | None
    result_bytes: float | None
    site_seconds: float
    overhead_share: float | None
    saving_seconds: float | None
    digest: str

    @property
    def too_small(self) -> bool:
        """Whether batching is worth while, by Ray's guideline."""
        return (
            self.tasks >= MIN_TASKS
            and self.median_seconds is not None
            and self.median_seconds < TASK_THRESHOLD
        )

    def __str__(self) -> str:
        """Return the finding as the linter prints one."""
        shown = seconds(self.median_seconds) if self.median_seconds is not None else "unknown"
        share = f"{100 * (self.overhead_share or 0):.0f}"
        return (
            f"{self.path}:{self.line}:{self.column}: {self.code} {self.tasks:,} tasks of "
            f"'{self.symbol}' took a median of {shown} each, {share} % of the site's time was "
            "overhead; pass many items to one task."
        )


def function_digest(source: bytes, line: int) -> str:
    """Return a digest of the innermost function around ``line``, or of the module's own body.

    It depends on the code alone, not on comments, layout or position in the file; a profile is
    stale for a function whose digest has changed. Empty if the source cannot be parsed.
    """
    try:
        tree: ast.AST = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    found = tree
    for node in ast.walk(tree):  # breadth first: the last match is the innermost
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
            node.lineno <= line <= (node.end_lineno or node.lineno)
        ):
            found = node
    return hashlib.sha256(ast.dump(found).encode()).hexdigest()


def submission_column(source: bytes, line: int) -> int:
    """Return the column (from 1) of the ``.remote`` call on ``line``, or 1."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return 1
    calls = [
        node.col_offset + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "remote"
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return min(calls, default=1)


def profile(
    command: Sequence[str],
    *,
    address: str = "",
    num_cpus: int | None = None,
    timeout: float = 3600.0,
    show: bool = True,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Run ``command`` under observation; return what the profile file holds.

    Raises UsageError if there is no cluster or the program cannot be started.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ray-lint-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        progress(f"joining {address}" if address else "starting a Ray cluster")
        cluster = stack.enter_context(Cluster(address, num_cpus))
        settings = folder / "settings.json"
        settings.write_text(
            json.dumps({"mode": "profile", "address": cluster.address, "folder": str(folder)})
        )
        environment = traced_environment(os.environ, settings, cluster.environment)
        code, _, problem = watched(command, environment, Path.cwd(), timeout, show=show)
        records = [json.loads(path.read_text()) for path in sorted(folder.glob("profile-*.json"))]
        if code == 127 and problem:
            raise UsageError(problem)
        sites = [
            _site(one, max(cluster.state.cpus, 1.0))
            for record in records
            for one in record["sites"]
        ]
        sites.sort(key=lambda site: -(site.saving_seconds or 0.0))
        total = sum(record["seconds"] for record in records)
        own = sum(record["own_seconds"] for record in records)
        return {
            "version": 1,
            "command": list(command),
            "exit_code": code,
            "problem": problem,
            "ray": cluster.ray_version,
            "cpus": cluster.state.cpus,
            "seconds": total,
            "observation_share": own / total if total else 0.0,
            "notes": list(dict.fromkeys(n for record in records for n in record["notes"])),
            "sites": sites,
        }


def _site(seen: dict[str, Any], cpus: float) -> ProfiledSite:
    try:
        source = Path(seen["path"]).read_bytes()
    except OSError:
        source = b""
    durations: list[float] = seen["durations"]
    share = saving = None
    if durations and seen["seconds"] > 0:
        work = fmean(durations) * seen["tasks"] / cpus
        saving = max(0.0, seen["seconds"] - work)
        share = saving / seen["seconds"]
    path = Path(seen["path"])
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return ProfiledSite(
        path=shown,
        line=seen["line"],
        column=submission_column(source, seen["line"]),
        symbol=seen["symbol"],
        code="RAY102" if seen["actor"] else "RAY101",
        tasks=seen["tasks"],
        measured=len(durations),
        median_seconds=median(durations) if durations else None,
        p95_seconds=durations[int(0.95 * (len(durations) - 1))] if durations else None,
        argument_bytes=fmean(seen["argument_bytes"]) if seen["argument_bytes"] else None,
        result_bytes=fmean(seen["result_bytes"]) if seen["result_bytes"] else None,
        site_seconds=seen["seconds"],
        overhead_share=share,
        saving_seconds=saving,
        digest=function_digest(source, seen["line"]),
    )


def render(result: dict[str, Any]) -> str:
    """Return the table, sorted by wasted time, and the findings below it."""
    columns = "{:<32}{:>9}{:>11}{:>11}{:>10}{:>10}{:>10}{:>11}"
    lines = [
        columns.format(
            "site", "tasks", "median", "p95", "args B", "result B", "overhead", "can save"
        )
    ]
    sites: list[ProfiledSite] = result["sites"]
    for site in sites:
        cells = [
            "-" if value is None else seconds(value)
            for value in (site.median_seconds, site.p95_seconds)
        ]
        sizes = [
            "-" if value is None else f"{value:,.0f}"
            for value in (site.argument_bytes, site.result_bytes)
        ]
        share = "-" if site.overhead_share is None else f"{100 * site.overhead_share:.0f} %"
        saving = "-" if site.saving_seconds is None else seconds(site.saving_seconds)
        where = f"{site.path}:{site.line} {site.symbol}"[-31:]
        lines.append(columns.format(where, f"{site.tasks:,}", *cells, *sizes, share, saving))
    lines.append("")
    lines += [str(site) for site in sites if site.too_small]
    lines.append(
        f"Observing took {100 * result['observation_share']:.1f} % of the program's "
        f"{result['seconds']:.1f} s."
    )
    lines += [f"Note: {note}." for note in result["notes"]]
    return "\n".join(lines)


def main(options: argparse.Namespace, progress: Callable[[str], None] | None) -> int:
    """Run the command ``profile``: 0 nothing found, 1 findings, 2 the program failed."""
    if not options.program:
        raise UsageError("profile needs a command: ray-lint profile -- python FILE")
    say = progress or (lambda _line: None)
    result = profile(
        options.program,
        address=options.address,
        num_cpus=options.num_cpus,
        timeout=options.timeout,
        show=options.output_format == "text",
        progress=say,
    )
    written = json.dumps({**result, "sites": [vars(one) for one in result["sites"]]}, indent=2)
    options.output.write_text(written + "\n", encoding="utf-8")
    print(written if options.output_format == "json" else render(result))
    say(f"wrote {options.output}")
    if result["exit_code"] or result["problem"]:
        reason = result["problem"] or f"the program failed with exit code {result['exit_code']}"
        print(f"ray-lint: {reason}", file=sys.stderr)
        return 2
    return 1 if any(site.too_small for site in result["sites"]) else 0
