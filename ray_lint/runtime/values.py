"""Values as plain data: written down in the measured process, compared in ours.

The measured process knows the user's classes and arrays, ours must not import them. So every
value is first turned into *plain* data: scalars, bytes and tagged tuples of these. Two plain
values are then compared with a tolerance for floating-point numbers.

This file is also loaded by its path into foreign environments: it uses the standard library only.
"""

from __future__ import annotations

import array
import hashlib
import io
import math
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 60
"""Nesting below this is cut off, so that a cyclic structure ends."""

MAX_VALUE_BYTES = 64 * 1024 * 1024
"""A value whose plain form is larger is compared by digest, hence exactly."""


@dataclass(frozen=True)
class Tolerance:
    """Floats ``a`` and ``b`` are equal if ``|a - b| <= absolute + relative * max(|a|, |b|)``."""

    relative: float = 1e-9
    absolute: float = 1e-12

    def close(self, first: float, second: float) -> bool:
        """Compare two floats; NaN equals NaN, infinities equal themselves."""
        if first == second:
            return True
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        if math.isinf(first) or math.isinf(second):
            return False
        return abs(first - second) <= self.absolute + self.relative * max(abs(first), abs(second))

    def __str__(self) -> str:
        """Return the tolerance in words."""
        return f"floats within {self.relative:g} relative, {self.absolute:g} absolute"


class HoldsReference(Exception):  # noqa: N818 - control flow, not a failure
    """A value holds an ObjectRef, which is another object in every run."""


def plain(value: Any, depth: int = 0, path: tuple[int, ...] = ()) -> Any:
    """Return ``value`` as comparable plain data.

    Types count: ``2`` and ``2.0`` differ, as do a list and a tuple. Dictionaries and sets are
    taken in a canonical order. Unknown objects are taken apart as pickle would; what cannot be is
    represented by its type alone.

    Raises HoldsReference for anything that contains a Ray object reference.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes, float, complex):
        return value
    if depth > MAX_DEPTH or id(value) in path:
        return ("cut", kind.__name__)
    path = (*path, id(value))

    def inner(part: Any) -> Any:
        return plain(part, depth + 1, path)

    if kind is list:
        return ["list", *map(inner, value)]
    if kind is tuple:
        return ["tuple", *map(inner, value)]
    if kind in (set, frozenset):
        return [kind.__name__, *sorted(map(inner, value), key=repr)]
    if kind is dict:
        pairs = [(inner(key), inner(item)) for key, item in value.items()]
        return ["dict", *sorted(pairs, key=lambda pair: repr(pair[0]))]
    if kind.__name__ in ("ObjectRef", "ClientObjectRef", "ObjectRefGenerator"):
        raise HoldsReference
    if isinstance(value, (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType)):
        return ("name", getattr(value, "__name__", kind.__name__))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _plain_array(value, inner)
        if isinstance(value, numpy.generic):
            return _plain_array(numpy.asarray(value), inner, "scalar")
    if kind.__module__.split(".")[0] == "torch" and hasattr(value, "detach"):
        return ["tensor", str(value.dtype), inner(value.detach().cpu().numpy())]
    if isinstance(value, BaseException):
        return ["exception", kind.__name__, str(value.args[:1])]
    return _plain_object(value, kind, inner)


def _plain_array(value: Any, inner: Callable[[Any], Any], tag: str = "array") -> Any:
    if value.dtype.hasobject:
        return [tag, "object", value.shape, *map(inner, value.ravel().tolist())]
    if value.dtype.kind in "fc":
        wide = value.astype("<c16" if value.dtype.kind == "c" else "<f8")
        return [tag, value.dtype.str, value.shape, ("floats", wide.tobytes())]
    return [tag, value.dtype.str, value.shape, value.tobytes()]


def _plain_object(value: Any, kind: type, inner: Callable[[Any], Any]) -> Any:
    name = f"{kind.__module__}.{kind.__qualname__}"
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # a foreign class may raise anything here
        return ("opaque", name)
    if isinstance(reduced, str):
        return ("name", reduced)
    function, arguments, *rest = reduced
    state = rest[0] if rest else None
    items = list(rest[1]) if len(rest) > 1 and rest[1] is not None else []
    pairs = dict(rest[2]) if len(rest) > 2 and rest[2] is not None else {}
    return [
        "object",
        name,
        getattr(function, "__name__", ""),
        *map(inner, (arguments, state, items, pairs)),
    ]


def dump(value: Any) -> bytes:
    """Write down ``value``: its plain form pickled, or a digest if that is very large."""
    try:
        written = pickle.dumps(plain(value), protocol=4)
    except HoldsReference:
        return pickle.dumps(("reference",), protocol=4)
    except Exception as error:  # a foreign class may raise anything here
        return pickle.dumps(("opaque", type(value).__name__, type(error).__name__), protocol=4)
    if len(written) > MAX_VALUE_BYTES:
        return pickle.dumps(("digest", hashlib.sha256(written).hexdigest()), protocol=4)
    return written


class _PlainUnpickler(pickle.Unpickler):
    """Plain data names no class, so nothing is ever looked up."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def load(written: bytes) -> Any:
    """Read what ``dump`` wrote."""
    return _PlainUnpickler(io.BytesIO(written)).load()


def difference(first: Any, second: Any, tolerance: Tolerance) -> str:
    """Return the first difference between two plain values in words, or an empty string."""
    if type(first) is not type(second):
        return f"{show(first)} became {show(second)}"
    if isinstance(first, float):
        return "" if tolerance.close(first, second) else f"{first!r} became {second!r}"
    if isinstance(first, complex):
        close = tolerance.close(first.real, second.real) and tolerance.close(
            first.imag, second.imag
        )
        return "" if close else f"{first!r} became {second!r}"
    if isinstance(first, tuple) and len(first) == len(second) == 2 and first[0] == "floats":
        return _floats_difference(first[1], second[1], tolerance)
    if isinstance(first, (list, tuple)):
        if len(first) != len(second):
            return f"{show(first)} became {show(second)}"
        for one, other in zip(first, second, strict=True):
            words = difference(one, other, tolerance)
            if words:
                return words
        return ""
    return "" if first == second else f"{show(first)} became {show(second)}"


def _floats_difference(first: bytes, second: bytes, tolerance: Tolerance) -> str:
    if first == second:
        return ""
    ours, theirs = array.array("d", first), array.array("d", second)
    if len(ours) != len(theirs):
        return f"an array of {len(ours)} numbers became one of {len(theirs)}"
    if sys.byteorder == "big":
        ours.byteswap()
        theirs.byteswap()
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if not tolerance.close(one, other):
            return f"number {index} of an array: {one!r} became {other!r}"
    return ""


def show(value: Any) -> str:
    """Return a short description of a plain value for a message."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        tag = value[0]
        if tag in ("list", "tuple", "set", "frozenset", "dict"):
            count = len(value) - 1
            return f"a {tag} of {count:,} item{'s' * (count != 1)}"
        if tag in ("array", "scalar"):
            return f"an {tag} {value[1]} of shape {value[2]}".replace("an scalar", "a scalar")
        if tag in ("object", "exception"):
            return f"a {value[1]}" + (f" {value[2]}" if tag == "exception" else "")
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return f"a {value[0]}"
    words = repr(value)
    return words if len(words) <= 60 else words[:57] + "..."
