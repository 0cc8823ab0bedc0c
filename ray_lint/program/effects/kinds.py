"""What a piece of code can do besides computing its value."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class EffectKind(enum.Enum):
    """One way in which running a body many times in one process could be noticed."""

    WRITES_OUTSIDE = "writes outside"
    """Rebinds or changes a global, closure variable, default argument, class or function."""
    READS_CHANGING_STATE = "reads changing state"
    """Reads an outside value that the program rebinds or changes after the function is made."""
    MUTATES_PARAMETER = "mutates parameter"
    RETURNS_SHARED = "returns shared object"
    """May return an object, or a container of one, that was not made in this call."""
    PROCESS_STATE = "process state"
    RANDOM = "unseeded random numbers"
    TIME = "time"
    INPUT_OUTPUT = "input or output"
    RAISES = "raises"
    """An explicit ``raise``, ``assert``, ``sys.exit`` or ``next`` without default."""
    MAY_RAISE = "may raise"
    """An operation that fails for some values."""
    MISFITS = "assumes a type"
    """An operation that fails for values of another type; only asked for by `may_misfit`."""
    UNKNOWN_CALL = "unknown call"
    YIELDS = "yields"
    AWAITS = "awaits"
    RAY_CALL = "uses ray"
    INTROSPECTION = "introspection"
    REDEFINED = "redefined"
    USES_SELF_NAME = "uses its own name"


@dataclass(frozen=True)
class Effect:
    """One effect, in the user's words, with its line.

    ``name`` is the parameter, global or library concerned, "" if there is none.
    """

    kind: EffectKind
    reason: str
    line: int
    name: str = ""
