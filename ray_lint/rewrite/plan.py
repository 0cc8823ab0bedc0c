"""What a batch rewrite consists of, before any text is written."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, field

from ray_lint.finding import Applicability, Edit, Role


class Strategy(enum.Enum):
    """How the results of a batch come back to the driver."""

    VALUES = "values"
    """One task returns a list of values, flattened after ``ray.get``."""
    REFERENCES = "references"
    """One task has ``num_returns=len(batch)``: an ObjectRef per item, as before."""


class Declined(Exception):  # noqa: N818 - an answer of the planner, not an error
    """The site is left alone; the argument says why, as a clause without a period."""


@dataclass
class Doubts:
    """Preconditions that are not proven; the first one is what the user is told."""

    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        """Note a precondition that is not proven, as a clause without a period."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    def include(self, others: Doubts) -> None:
        """Note all that others have noted."""
        for reason in others.reasons:
            self.add(reason)

    @property
    def applicability(self) -> Applicability:
        """Safe without doubts, else unsafe."""
        return Applicability.UNSAFE if self.reasons else Applicability.SAFE


@dataclass(frozen=True, eq=False)
class Argument:
    """One argument of the submission.

    ``star`` is ``""``, ``"*"`` or ``"**"``; ``keyword`` the name of a keyword argument.
    ``parameter`` is the parameter of the remote function it binds, if that is certain. ``varying``
    arguments are evaluated once per item, the others once per batch.
    """

    expression: ast.expr
    varying: bool
    star: str = ""
    keyword: str = ""
    parameter: str = ""


@dataclass(frozen=True, eq=False)
class Repeat:
    """One loop around the submission: ``for target in iterable if conditions``.

    A ``single`` one is an assignment of the loop's body that an argument needs, as the clause
    ``for target in [iterable]``.
    """

    target: ast.expr
    iterable: ast.expr
    conditions: tuple[ast.expr, ...] = ()
    single: bool = False


@dataclass(frozen=True)
class Items:
    """The items that are cut into batches.

    ``code`` is an expression with a length that can be sliced. ``counted`` items carry no values:
    only their number matters.
    """

    code: str
    counted: bool = False


@dataclass
class Edits:
    """The edits of one fix, those in other files by the absolute names of these.

    Insertions stay apart even at one place, so that fixes can share them one by one.
    """

    _edits: dict[Edit, None] = field(default_factory=dict)
    others: dict[str, Edits] = field(default_factory=dict)

    def replace(self, start: int, end: int, content: str, role: Role = Role.SITE) -> None:
        """Replace a range; insertions at its start go before it."""
        self._edits[Edit(start, end, content, role)] = None

    def insert(self, offset: int, content: str, role: Role = Role.SITE) -> None:
        """Insert before the character at ``offset``; the same text at one place only once."""
        self._edits[Edit(offset, offset, content, role)] = None

    def elsewhere(self, filename: str) -> Edits:
        """Return the edits in another file."""
        return self.others.setdefault(filename, Edits())

    def done(self) -> tuple[Edit, ...]:
        """Return the edits ordered by position."""
        return tuple(sorted(self._edits))
