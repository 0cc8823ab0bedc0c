"""What a dry run of the program tells of its submissions, where its text does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.counts import Count
from ray_lint.program.dryrun import dry_run
from ray_lint.program.project import Project
from ray_lint.program.submissions import Submission
from ray_lint.program.work import Cost, duration

if TYPE_CHECKING:
    from ray_lint.program.dryrun.ray_model import Observed

_ENOUGH = 10  # tasks that tell how long the others are
_OPERATION = 6e-8  # seconds of Python for what a dry run counts as one operation


def seen_of(project: Project, submission: Submission) -> Observed | None:
    """Return what a dry run saw of a submission, None if it did not come there."""
    return dry_run(project, submission.module).of(submission.handle)


def seen_cost(project: Project, submission: Submission, cost: Cost, threshold: float) -> Cost:
    """Return the cost of the slowest call in a dry run, or what was known before."""
    open_question = (cost.kind == "unknown" or cost.by_data) and not cost.demands
    seen = seen_of(project, submission) if open_question else None
    if seen is None or seen.ended < min(seen.total, _ENOUGH):
        return cost  # one that ended the dry run may be long
    seconds = seen.operations * _OPERATION + seen.slept
    reason = f"about {duration(seconds)} of work in a dry run"
    kind = "tiny" if seconds < threshold else "heavy"
    return replace(cost, kind=kind, reason=reason, seconds=seconds, doubts=0, lent=False)  # type: ignore[arg-type]


def seen_count(project: Project, submission: Submission, count: Count, many: int) -> Count:
    """Return how many calls a burst had in a dry run, or what was known before.

    What the text says stays where it may be ``many`` and the dry run saw at least half of that.
    """
    if count.kind == "unbounded":
        return count  # it ends because the program does
    if (count.kind == "known" and count.low == count.high) or submission.through is not None:
        return count
    seen = seen_of(project, submission)
    if seen is None:
        return count
    calls = seen.longest if seen.longest > 1 else seen.in_one_call
    if count.kind == "known" and (count.high or 0) >= many and calls * 2 >= many:
        return count
    return _at_least(project, submission, count, calls)


def seen_total(project: Project, submission: Submission, total: Count) -> Count:
    """Return how many calls a dry run made in all, or what was known before."""
    if (total.kind == "known" and total.low == total.high) or submission.through is not None:
        return total
    seen = seen_of(project, submission)
    if seen is None:
        return total
    return _at_least(project, submission, total, seen.total)


def _at_least(project: Project, submission: Submission, count: Count, calls: int) -> Count:
    """Return how many calls there are, if a dry run that may have ended early saw so many."""
    run = dry_run(project, submission.module)
    if not (run.complete and run.exact):
        high = count.high if count.high is None else max(count.high, calls)
        return replace(count, low=max(count.low, calls), high=high)
    reason = f"{calls:,} in a dry run"
    taken = count.kind != "known"
    return replace(count, low=calls, high=calls, kind="known", reason=reason, taken=taken)


def no_task_fails(project: Project, submission: Submission) -> bool:
    """Whether no task fails in a program that needs nothing from outside, nor its arguments.

    As far as it came to this submission: who else calls its function is not seen.
    """
    run = dry_run(project, submission.module)
    return run.complete and run.exact and run.of(submission.handle) is not None


def never_fails(project: Project, submission: Submission) -> bool:
    """Whether nothing fails at all in such a program, nor is any failure handled."""
    flawless = dry_run(project, submission.module).flawless
    return flawless and no_task_fails(project, submission)
