"""A dry run: the program calculated with values of our own, where it needs nothing from outside.

Nothing of the program is executed by Python, and nothing is read or written: an evaluator of ours
goes through its statements, calls only functions of the library that compute, and gives up at
everything else, or when it takes too long. What it has seen until then are facts: how often a task
is submitted, how long it takes, and whether it fails.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

    from ray_lint.program.dryrun.ray_model import Observed
    from ray_lint.program.module import Module
    from ray_lint.program.project import Project

__all__ = ["DryRun", "dry_run"]

_LIMIT = 300_000  # operations: a fifth of a second
_STACK = 256 * 1024 * 1024  # bytes, of the thread: an operation takes several calls of ours
_RECURSION = 20_000


@dataclass(frozen=True)
class DryRun:
    """What was seen of a program.

    ``complete``: it ran to its end; ``ended`` says why it did not. ``exact``: nothing was made up.
    ``flawless``: besides, nothing ever failed in the driver or a task, or was handled. ``printed``
    is what the driver wrote to its standard output.
    """

    observed: dict[ast.AST, Observed]
    complete: bool
    exact: bool
    flawless: bool
    ended: str
    steps: int
    printed: str = field(repr=False)

    def of(self, handle: ast.AST) -> Observed | None:
        """Return what was seen of ``f.remote``, by the node of that attribute."""
        return self.observed.get(handle)


def dry_run(project: Project, module: Module) -> DryRun:
    """Return the dry run of a module as the main program, the same each time it is asked for."""
    key = (dry_run, module)
    known = project.memo.get(key)
    if known is None:
        known = project.memo[key] = _run(module.tree)
    assert isinstance(known, DryRun)
    return known


def _run(tree: ast.Module) -> DryRun:
    # What it needs of the library takes longer to import than most files to be linted.
    from ray_lint.program.dryrun.statements import Statements
    from ray_lint.program.dryrun.values import StopRun

    machine = Statements(_LIMIT)
    ended: list[str] = []

    def run() -> None:
        try:
            machine.run_program(tree)
        except BaseException as error:
            machine.over = True  # before the generators that are left are closed
            if isinstance(error, RecursionError):
                ended.append("calls are nested too deeply")
            elif not isinstance(error, SystemExit):
                failure = f"fails with {type(error).__name__}"
                ended.append(str(error) if isinstance(error, StopRun) else failure)

    limit = sys.getrecursionlimit()
    try:
        size = threading.stack_size(_STACK)
        try:
            sys.setrecursionlimit(max(limit, _RECURSION))
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join()
        finally:
            threading.stack_size(size)
            sys.setrecursionlimit(limit)
    except (RuntimeError, ValueError):
        ended.append("there is no thread for it")
    machine.over = True
    why = ended[0] if ended else ""
    complete = not ended
    flawless = complete and machine.exact and not machine.handled
    printed = "".join(machine.printed)
    return DryRun(machine.observed, complete, machine.exact, flawless, why, machine.steps, printed)
