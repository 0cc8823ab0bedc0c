"""Measure on a real Ray cluster whether a rewrite is faster and returns the same values.

    from ray_lint.runtime import compare, verify

- ``verify(paths, command)`` measures the linter's fixes on the user's own program.
- ``verify_sources(original, fixed, sites, command)`` does so for any pair of sources.
- ``compare(per_item, batched, items)`` measures two remote functions over the same items.

All return a ``Report``; ``assert report.confirmed`` belongs into a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray_lint.runtime.api import apply_confirmed, verify
    from ray_lint.runtime.callables import compare
    from ray_lint.runtime.inputs import Inputs
    from ray_lint.runtime.measure import Options, Site, verify_sources
    from ray_lint.runtime.report import Report, Side, SiteReport, Verdict
    from ray_lint.runtime.stats import Interval
    from ray_lint.runtime.tune import Tuning
    from ray_lint.runtime.values import Tolerance

_HOMES = {
    "Inputs": "inputs",
    "Interval": "stats",
    "Options": "measure",
    "Report": "report",
    "Side": "report",
    "Site": "measure",
    "SiteReport": "report",
    "Tolerance": "values",
    "Tuning": "tune",
    "Verdict": "report",
    "apply_confirmed": "api",
    "compare": "callables",
    "verify": "api",
    "verify_sources": "measure",
}

__all__ = [
    "Inputs",
    "Interval",
    "Options",
    "Report",
    "Side",
    "Site",
    "SiteReport",
    "Tolerance",
    "Tuning",
    "Verdict",
    "apply_confirmed",
    "compare",
    "verify",
    "verify_sources",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that the command's parsers stay cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
