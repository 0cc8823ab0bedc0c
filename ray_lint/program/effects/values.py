"""Abstract values: what type an expression may have and which older objects it may be or hold."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache

from ray_lint.program.effects.table import IMMUTABLE

COLLECTIONS = frozenset({"list", "tuple", "set", "dict"})


@dataclass(frozen=True)
class Token:
    """An object that may be referred to.

    ``kind`` is "parameter" or "outside" (objects that are older than the call, with all that they
    hold, under ``name``) or "new" (made in the call, at ``site``).
    """

    kind: str
    name: str = ""
    site: object = None


@dataclass(frozen=True)
class Value:
    """Possible types (None: any) and possible identities (empty: new or immutable)."""

    types: frozenset[str] | None = None
    refs: frozenset[Token] = frozenset()

    @property
    def immutable(self) -> bool:
        """Whether the value is of immutable type by itself."""
        return self.types is not None and self.types <= IMMUTABLE

    def __or__(self, other: Value) -> Value:
        if self is other or other is NOTHING:
            return self
        if self is NOTHING:
            return other
        types = None
        if self.types is not None and other.types is not None:
            types = self.types | other.types
        return Value(types, self.refs | other.refs)


@dataclass
class Cell:
    """What a new object holds: elements, keys, attributes.

    ``fields`` are those of a known tuple, ``entries`` those of a dictionary as it was written out.
    """

    contents: Value
    keys: Value
    fields: tuple[Value, ...] | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    entries: dict[str, Value] = field(default_factory=dict)


NOTHING = Value(frozenset())
FRESH = Value()
"""Anything that was made in this call or cannot change."""


@lru_cache(maxsize=512)
def of_type(*names: str) -> Value:
    """Return a value of one of the types, that is no older object."""
    return Value(frozenset(names))


def union(values: list[Value]) -> Value:
    """Return what any of the values may be."""
    result = NOTHING
    for value in values:
        result |= value
    return result


_ANNOTATIONS = {
    "builtins.int": ("int", "bool"),
    "builtins.float": ("float", "int", "bool", "number"),
    "builtins.complex": ("complex", "float", "int", "bool"),
    "builtins.str": ("str",),
    "builtins.bytes": ("bytes",),
    "builtins.bool": ("bool",),
    "builtins.range": ("range",),
    "decimal.Decimal": ("atom",),
    "fractions.Fraction": ("atom",),
    "datetime.date": ("atom",),
    "datetime.datetime": ("atom",),
    "datetime.timedelta": ("atom",),
    "uuid.UUID": ("atom",),
    "pathlib.Path": ("atom",),
    "numpy.float64": ("number",),
    "numpy.int64": ("number",),
    "numpy.float32": ("number",),
    "numpy.int32": ("number",),
}
CONTAINERS = {
    "builtins.list": "list",
    "builtins.dict": "dict",
    "builtins.set": "set",
    "builtins.frozenset": "set",
    "builtins.tuple": "tuple",
    "typing.List": "list",
    "typing.Dict": "dict",
    "typing.Set": "set",
    "typing.Tuple": "tuple",
    "typing.Sequence": "list",
    "typing.Iterable": "list",
    "collections.abc.Sequence": "list",
    "collections.abc.Iterable": "list",
    "typing.Mapping": "dict",
    "collections.abc.Mapping": "dict",
    "numpy.ndarray": "array",
}


def annotated_types(qualified: str | None, node: ast.expr) -> tuple[str, ...] | None:
    """Return the types that a plain annotation promises, None if it says nothing known."""
    if isinstance(node, ast.Constant) and node.value is None:
        return ("none",)
    if qualified is None:
        return None
    if qualified in CONTAINERS:
        return (CONTAINERS[qualified],)
    return _ANNOTATIONS.get(qualified)


@dataclass
class Arguments:
    """The values of a call: by position, by keyword, and what ``*`` and ``**`` may add."""

    positional: list[Value]
    keywords: dict[str, Value] = field(default_factory=dict)
    loose: Value | None = None

    @property
    def every(self) -> list[Value]:
        """All values."""
        extra = [self.loose] if self.loose is not None else []
        return [*self.positional, *self.keywords.values(), *extra]
