"""What code does besides computing its value: the proof that a batch of calls cannot be told.

``questions`` answers for functions and expressions; ``Analysis`` runs them with abstract values.
"""

from ray_lint.program.effects.kinds import Effect, EffectKind
from ray_lint.program.effects.questions import (
    effects_of,
    expression_effects,
    has_value,
    immutable_entries,
    is_immutable,
    kinds_of,
    makes_new,
    may_be_iterator,
    may_misfit,
    mutates,
    types_of,
)

__all__ = [
    "Effect",
    "EffectKind",
    "effects_of",
    "expression_effects",
    "has_value",
    "immutable_entries",
    "is_immutable",
    "kinds_of",
    "makes_new",
    "may_be_iterator",
    "may_misfit",
    "mutates",
    "types_of",
]
