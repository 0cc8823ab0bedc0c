"""The judgement that the granularity rules (1xx) share: are these too many, too small calls?"""

from __future__ import annotations

from ray_lint.config import Config
from ray_lint.program.facts import Site


def is_too_fine(site: Site, config: Config) -> bool:
    """Whether the site submits many calls that are not worth a task each.

    A finding needs a large or unbounded number and a cost that is not heavy, or a number that grows
    with data and a tiny cost. Where neither is known, only the strict setting reports.
    """
    count, cost = site.count, site.cost
    if count.chunked or count.per_worker or cost.kind == "heavy":
        return False
    if count.high is not None and count.high < config.min_items:
        return False
    if count.kind == "known":
        return True
    if count.kind == "data":
        return cost.kind == "tiny" or config.strict
    if count.kind == "unbounded":
        return cost.kind == "tiny" or config.strict
    return config.strict


def evidence(site: Site) -> tuple[str, ...]:
    """Return the facts that the verdict rests on, as short phrases."""
    return tuple(reason for reason in (site.count.reason, site.cost.reason) if reason)


def describe_count(site: Site, unit: str) -> str:
    """Return how many submissions there are: ``10,000 tasks`` or ``one task per item``."""
    count = site.count
    if count.kind == "known" and count.high is not None:
        if count.low == count.high:
            return f"{count.high:,} {unit}s"
        return f"up to {count.high:,} {unit}s"
    return f"one {unit} per item"
