"""The rules: one module per rule, found by walking this package.

A rule decides from the facts of a site whether it is a finding and what to say. Its docstring is
the only source of its documentation page, of ``ray-lint explain`` and of the SARIF help.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import ClassVar, Protocol

from ray_lint.config import Config
from ray_lint.finding import Applicability
from ray_lint.program.facts import Site


class Rule(Protocol):
    """What every rule class offers."""

    code: ClassVar[str]
    name: ClassVar[str]
    fixes: ClassVar[tuple[Applicability, ...]]
    """What its fixes can be."""

    def message(self, site: Site, config: Config) -> str | None:
        """Return the sentence to report for this site, or None if it is no finding."""


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return one instance of every rule, ordered by code."""
    rules: list[Rule] = []
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        rules.append(module.RULE())
    return tuple(sorted(rules, key=lambda rule: rule.code))


def expected_code(prefix: str) -> str:
    """Return what must stand for a code that no rule has, "" if ``prefix`` starts the code of one.

    A misspelled code would select nothing, and so hide every finding.
    """
    codes = [rule.code for rule in all_rules()]
    if prefix and any(code.startswith(prefix) for code in codes):
        return ""
    return f"a code ({', '.join(codes)}) or the first letters of one"
