"""Everything the rules want to know about one submission site, gathered in one place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_lint.program.costs import Cost, cost_of
from ray_lint.program.pacing import Pace, pace_of, thinned
from ray_lint.program.remotes import Callee, CalleeKind, resolve_callee
from ray_lint.program.sizes import Count, count_loops
from ray_lint.program.submissions import Submission, find_submissions

if TYPE_CHECKING:
    from ray_lint.config import Config
    from ray_lint.program.module import Module
    from ray_lint.program.project import Project


@dataclass(frozen=True, eq=False)
class Site:
    """A repeated submission with what it calls, how many there are and how long one takes."""

    submission: Submission
    callee: Callee
    count: Count
    cost: Cost
    pace: Pace
    rounds: Count
    """How often a whole inner loop is repeated within one burst; once if there is one loop."""


def find_sites(project: Project, module: Module, config: Config) -> list[Site]:
    """Return the repeated submissions of Ray tasks and actor methods, in source order."""
    sites = []
    for submission in find_submissions(module):
        target = submission.handle if submission.is_mapped else submission.call
        callee = resolve_callee(project, module, target)
        if callee.kind not in (CalleeKind.TASK, CalleeKind.ACTOR_METHOD):
            continue
        pace = pace_of(
            project,
            module,
            submission.call,
            submission.loops,
            threshold=config.task_threshold,
            known_heavy=config.known_heavy,
            known_tiny=config.known_tiny,
        )
        loops = list(pace.loops or submission.loops[:1])
        if submission.is_mapped:
            count = _mapped_count(project, submission, loops)
            rounds = count_loops(project, module, loops)
        else:
            count = count_loops(project, module, loops)
            rounds = count_loops(project, module, loops[1:])
            count = thinned(project, module, submission.call, submission.loops[0], count)
        cost = cost_of(
            project,
            callee,
            threshold=config.task_threshold,
            known_heavy=config.known_heavy,
            known_tiny=config.known_tiny,
        )
        sites.append(Site(submission, callee, count, cost, pace, rounds))
    return sites


def _mapped_count(project: Project, submission: Submission, loops: list[ast.AST]) -> Count:
    """Count ``map(f.remote, xs)`` like a comprehension over its first iterable."""
    target = ast.Name(id="_", ctx=ast.Store())
    items = ast.comprehension(target=target, iter=submission.call.args[1], ifs=[], is_async=0)
    return count_loops(project, submission.module, [items, *loops])
