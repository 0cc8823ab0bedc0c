"""The judgement that the granularity rules (1xx) share: too many calls that are too small."""

from __future__ import annotations

import ast

from ray_lint.config import Config
from ray_lint.program.counts import Count
from ray_lint.program.facts import Site
from ray_lint.program.remotes import CalleeKind

FAR_MORE = 5
"""Where one fact is missing, the number must be certain and this many times ``min_items``: on 1,069
labelled sites, 1 adds two false alarms and no finding, and 10 misses one (``docs/analysis.md``)."""


SMALL_BURSTS = 2
"""How many times smaller than ``min_items`` a burst may be if the run has more of them; where the
cost is not known, it must have as many times more in all."""

SHORT_ROW = 10
"""Calls of a burst that is repeated and in all of which there is not enough work for one task."""

MAX_DOUBTS = 2
"""A body with more places of unknown cost is taken to be worth a task of its own."""


def is_too_fine(site: Site, config: Config) -> bool:
    """Whether the site submits many calls that are not worth a task each.

    A finding needs a burst of calls: nothing else sets their pace, and none needs the result of
    another. Their number must be large and the cost of one not heavy, or the number grows with
    data, or is unknown for a task, and the cost is tiny. All else only the strict setting reports.
    A site that a profile measured is judged by the measurement instead.
    """
    count, cost, pace = site.count, site.cost, site.pace
    if site.measured is not None and pace.kind != "chain":
        return site.measured.too_small(config.min_items, config.task_threshold)
    if cost.kind == "heavy" or pace.kind in ("chain", "work"):
        return False
    if count.chunked or (count.per_worker and not _many_anyway(site, config)):
        return False
    if pace.on_references and not (cost.small and count.kind == "known"):
        earlier = site.after
        if earlier is None or not cost.small or not is_too_fine(earlier, config):
            return False
    if pace.kind == "unknown" and not _certain(site, config):
        return False
    if count.high is not None and count.high < config.min_items:
        return _adds_up(site, config)
    if cost.demands and not far_more(count, config):
        return False
    if count.kind == "known":
        short = cost.plain or (cost.doubts <= MAX_DOUBTS and far_more(count, config))
        return cost.kind == "tiny" or short or config.strict
    if any(isinstance(x, ast.While) for x in pace.loops):
        if count.kind == "unknown":
            return config.strict  # runs until something happens: that may be soon
        if count.kind == "unbounded" and pace.in_turn:
            return config.strict  # asks for the next piece of work, or serves for ever
    if count.low >= config.min_items and cost.kind == "tiny":
        return True  # so many rounds, each with an unknown number of calls
    if count.kind in ("data", "unbounded") or site.callee.kind is CalleeKind.TASK:
        # Labelled sites say: a tiny task over an unknown number of items is worth batching, but
        # calls to actors often are one per something that the names do not tell.
        # Nor does a function that this one call hands over say much about a task that takes any.
        return ((cost.kind == "tiny" or cost.seen) and not cost.lent) or config.strict
    return config.strict


def _adds_up(site: Site, config: Config) -> bool:
    """Whether bursts that are too small alone are so many that they make up for it."""
    count, cost, total = site.count, site.cost, site.total
    if _is_large_part(site, config):
        parts = [other for other in site.beside if _is_large_part(other, config)]
        if sum(_in_all(part, config) for part in parts) >= config.min_items:
            return True
    if site.callee.kind is not CalleeKind.TASK or count.kind != "known" or total.kind != "known":
        return False
    if total.low < config.min_items or not cost.small:
        return False
    half = count.low * SMALL_BURSTS >= config.min_items
    if half and total.low >= SMALL_BURSTS * config.min_items:
        return True
    if count.high is None or count.low < SHORT_ROW:
        return False
    return cost.seen if cost.seconds is None else cost.seconds * count.high <= config.task_threshold


def _is_large_part(site: Site, config: Config) -> bool:
    """Whether a site submits tiny tasks in bursts that are not far below ``min_items``."""
    count = site.count
    return (
        not site.calls_each_actor
        and site.cost.kind == "tiny"
        and site.pace.kind == "free"
        and count.kind == "known"
        and not (count.chunked or count.per_worker)
        and count.low * SMALL_BURSTS >= config.min_items
    )


def _in_all(site: Site, config: Config) -> int:
    """Return how many calls of a site a run may make; ``min_items`` if it goes on until it ends."""
    total = site.total
    if total.kind == "known" and total.high is not None:
        return total.high
    outer = site.submission.loops[len(site.pace.loops) or 1 :]
    endless = any(isinstance(loop, ast.While) for loop in outer)
    return config.min_items if endless else site.count.low


def _many_anyway(site: Site, config: Config) -> bool:
    """Whether there are too many calls although names speak of one per worker, node or file.

    So if the rounds over them are many, or if the number is known to be far beyond any cluster.
    """
    rounds, count = site.rounds, site.count
    if rounds.kind == "known" and rounds.high is not None and rounds.high >= config.min_items:
        return True
    if site.callee.kind is not CalleeKind.TASK or count.kind != "known":
        return False
    some_left = count.high is not None and count.high >= FAR_MORE * config.min_items
    if site.cost.kind == "tiny" and some_left:
        return True  # also where a condition leaves some out
    return site.cost.small and (count.low >= config.min_items or _adds_up(site, config))


def _certain(site: Site, config: Config) -> bool:
    """Whether the calls are so many tasks that work of unknown cost between them matters little."""
    return site.callee.kind is CalleeKind.TASK and far_more(site.count, config)


def far_more(count: Count, config: Config) -> bool:
    """Whether the number is certainly large, and probably far beyond ``min_items``."""
    if count.kind != "known" or count.high is None:
        return False
    return count.low >= config.min_items and count.high >= FAR_MORE * config.min_items


def evidence(site: Site) -> tuple[str, ...]:
    """Return the facts that the verdict rests on, as short phrases."""
    if site.measured is not None:
        return (site.measured.words,)
    return tuple(reason for reason in (site.count.reason, site.cost.reason) if reason)


def background(site: Site) -> tuple[str, ...]:
    """Return what else is known: what is called, where its cost is decided, what sets the pace."""
    callee, cost = site.callee, site.cost
    target = f" of {callee.target}" if callee.target else ""
    phrases = [f"`{callee.name}` is a {callee.kind.value}{target}: {callee.reason}"]
    definition = callee.definition
    if definition is not None and callee.module is not None:
        own = callee.module is site.submission.module
        place = "" if own else f" of {callee.module.filename}"
        line = cost.line or definition.lineno
        phrases.append(f"its cost is decided on line {line}{place}")
    phrases.append(site.pace.reason or "between two calls the loop does nothing that takes time")
    return tuple(phrases)


def describe_count(site: Site, unit: str, config: Config) -> str:
    """Return how many submissions there are: ``10,000 tasks`` or ``one task per item``."""
    count = site.count
    if site.measured is not None:
        return f"{site.measured.tasks:,} {unit}s"
    if count.kind == "known" and count.high is not None:
        if count.high < config.min_items:
            in_all = _in_all(site, config)
            if in_all == count.high:
                return f"{count.high:,} {unit}s, beside others like it"
            more = f", {in_all:,} in all" if site.total.high else ""
            return f"{count.high:,} {unit}s at a time{more}"
        if count.low == count.high:
            return f"{count.high:,} {unit}s"
        return f"up to {count.high:,} {unit}s"
    return f"one {unit} per item"
