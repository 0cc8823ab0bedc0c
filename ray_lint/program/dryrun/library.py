"""What of Python's library a dry run may call: it only computes, whatever it is given.

Nothing here reads or writes files, the network, the environment or other processes.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import importlib
import random
import re
from types import ModuleType
from typing import Any

from ray_lint.program.dryrun.values import StopRun

_LARGE = 10_000  # characters, bytes, digits or items that one call may make of a number
_TEXT = 2_000  # characters that a pattern is matched against

BUILTINS = frozenset(
    """
    abs all any ascii bin bool format bytes callable chr complex dict divmod enumerate filter float
    frozenset hex int isinstance issubclass iter len list map max min next oct ord pow range
    repr reversed round set slice sorted str sum tuple zip
    classmethod staticmethod property object
    True False None NotImplemented Ellipsis
    ArithmeticError AssertionError AttributeError Exception FloatingPointError IndexError KeyError
    LookupError NotImplementedError OSError OverflowError RuntimeError StopIteration TimeoutError
    TypeError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError ZeroDivisionError
    NameError UnboundLocalError RecursionError BaseException
    """.split()  # noqa: SIM905
)

_ANY = "*"
_MODULES = {
    "math": _ANY,
    "cmath": _ANY,
    "operator": """itemgetter neg pos not_ truth abs index contains getitem is_ is_not invert inv
        countOf indexOf""",
    "statistics": _ANY,
    "itertools": _ANY,
    "bisect": _ANY,
    "heapq": _ANY,
    "colorsys": _ANY,
    "string": """ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits
        punctuation whitespace printable capwords""",
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "functools": "reduce partial lru_cache cache cmp_to_key wraps total_ordering cached_property",
    "dataclasses": "dataclass field asdict astuple replace fields",
    "enum": "Enum IntEnum auto unique Flag IntFlag StrEnum",
    "abc": "ABC abstractmethod",
    "decimal": """Decimal ROUND_HALF_UP ROUND_HALF_EVEN ROUND_DOWN ROUND_UP ROUND_FLOOR
        ROUND_CEILING InvalidOperation DivisionByZero""",
    "fractions": "Fraction",
    "datetime": "date datetime timedelta time timezone UTC",
    "calendar": "monthrange isleap weekday leapdays",
    "random": "Random",
    "re": """compile match fullmatch search findall finditer split sub IGNORECASE I MULTILINE M
        VERBOSE X DOTALL S ASCII A escape""",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 blake2b blake2s sha3_256",
    "zlib": "crc32 adler32",
    "binascii": "hexlify unhexlify crc32",
    "base64": "b64encode b64decode b32encode b16encode",
    "json": "dumps loads",
    "textwrap": "dedent shorten wrap fill indent",
    "unicodedata": "name category normalize",
    "copy": "copy deepcopy",
    "struct": "pack unpack calcsize",
    "contextlib": "contextmanager suppress nullcontext",
    "typing": "NamedTuple Protocol Generic",
    "types": "SimpleNamespace MappingProxyType",
    "array": "array",
}
MODULES = {module: frozenset(names.split()) for module, names in _MODULES.items()}
"""The modules of the library, and what of them may be called."""

CLASS_ATTRIBUTES = frozenset(
    {
        *("dict.fromkeys", "str.maketrans", "bytes.fromhex", "int.from_bytes", "float.fromhex"),
        *("datetime.date.fromisoformat", "datetime.date.fromordinal"),
        *("datetime.datetime.fromisoformat", "datetime.datetime.strptime"),
        *("datetime.datetime.combine", "datetime.timezone.utc", "itertools.chain.from_iterable"),
        *("fractions.Fraction.from_float", "datetime.date.max", "datetime.date.min"),
    }
)
"""Attributes of classes that are taken as functions, besides the methods of their objects."""


def _public(kind: type) -> frozenset[str]:
    return frozenset(name for name in dir(kind) if not name.startswith("_"))


_KINDS: tuple[type, ...] = (
    *(str, bytes, int, bool, float, complex, list, tuple, dict, set, frozenset, range, slice),
    *(collections.deque, collections.Counter, collections.OrderedDict, collections.defaultdict),
    *(fractions.Fraction, decimal.Decimal, random.Random),
    *(datetime.date, datetime.datetime, datetime.timedelta, datetime.time),
    *(type({}.keys()), type({}.values()), type({}.items())),
)
METHODS = {kind: _public(kind) for kind in _KINDS}
"""The methods of the objects that a dry run works with."""
METHODS[str] -= {"format_map"}
METHODS[random.Random] -= {"setstate", "getstate"}
METHODS[re.Match] = frozenset(["group", "groups", "groupdict", "start", "end", "span", "lastgroup"])
# These ask for the time, or where the machine is.
METHODS[datetime.date] -= {"today", "fromtimestamp"}
METHODS[datetime.datetime] -= {"today", "now", "utcnow", "fromtimestamp", "timestamp", "astimezone"}
_BY_NAME = {
    name: frozenset(methods.split())
    for name, methods in {
        "_hashlib.HASH": "update digest hexdigest copy",
        "_blake2.blake2b": "update digest hexdigest copy",
        "_blake2.blake2s": "update digest hexdigest copy",
        "re.Pattern": "match fullmatch search findall finditer split sub pattern",
        "functools._lru_cache_wrapper": "cache_clear",
        "functools.partial": "func args keywords",
        "array.array": "append extend tolist count index pop insert reverse",
        "builtins.property": "setter getter",
        "statistics.NormalDist": "mean stdev pdf cdf inv_cdf",
        "dataclasses.Field": "name",
    }.items()
}
_GROWING = frozenset(
    """
    ljust rjust center zfill expandtabs to_bytes factorial comb perm bytes bytearray getrandbits
    randbytes choices sample batched blake2b product tee combinations permutations nlargest
    combinations_with_replacement nsmallest
    """.split()  # noqa: SIM905
)
"""Calls whose result is as large as a number among the arguments says."""


def module_member(dotted: str) -> Any:
    """Return what a dotted name of the library stands for. Raises StopRun if it may not be used."""
    module, _, name = dotted.rpartition(".")
    known = MODULES.get(module)
    if known is None or (name not in known and "*" not in known) or name.startswith("_"):
        raise StopRun(f"`{dotted}` is not for a dry run")
    try:
        home = importlib.import_module(module)
        found = getattr(home, name)
    except (ImportError, AttributeError):
        raise StopRun(f"`{dotted}` is not there") from None
    if isinstance(found, ModuleType) or name not in getattr(home, "__all__", (name,)):
        raise StopRun(f"`{dotted}` is not for a dry run")
    return found


def methods_of(value: object) -> frozenset[str]:
    """Return the methods of an object that a dry run may call."""
    kind = type(value)
    known = METHODS.get(kind)
    if known is None:
        known = _BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}")
    return frozenset() if known is None else known


def check_call(name: str, owner: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise StopRun where a call of the library could take long or fill the memory."""
    if name in _GROWING:
        for value in (*args, *kwargs.values(), owner):
            if isinstance(value, int) and abs(value) > _LARGE:
                raise StopRun("a number is too large")
    if name == "join" and args and not isinstance(args[0], str):
        parts = args[0]
        if sum(len(p) for p in parts if isinstance(p, str | bytes)) > 100 * _LARGE:
            raise StopRun("a text is too long")
    if name in ("replace", "translate", "expandtabs", "format") and isinstance(owner, str | bytes):
        new = sum(len(a) for a in args if isinstance(a, str | bytes))
        new += sum(a for a in args if isinstance(a, int) and name == "expandtabs")
        for table in args:
            if isinstance(table, dict):
                new += max((len(v) for v in table.values() if isinstance(v, str)), default=0)
        if len(owner) * max(new, 1) > 100 * _LARGE:
            raise StopRun("a text is too long")
    if name == "format":
        check_format(owner if isinstance(owner, str) else args[-1] if args else "")
    if name in ("Decimal", "Fraction", "pack", "calcsize", "int") and args:
        text = args[0].decode("latin-1") if isinstance(args[0], bytes) else args[0]
        if isinstance(text, str) and (len(text) > _TEXT or re.search(_EXPONENTS[name], text)):
            raise StopRun("a number is too large")
        if name == "int" and isinstance(text, decimal.Decimal) and text.adjusted() > _LARGE:
            raise StopRun("a number is too large")
    if name == "sum" and len(args) > 1 and isinstance(args[0], list | tuple):
        longest = max((_length(v) for v in args[0]), default=0)
        if len(args[0]) ** 2 * longest > 100 * _LARGE:
            raise StopRun("a list is too long")
    if name == "pow" and len(args) == 2 and isinstance(args[1], int):
        bits = args[0].bit_length() if isinstance(args[0], int) else 64
        if abs(args[1]) * bits > 10 * _LARGE:
            raise StopRun("a number is too large")
    if name in ("prod", "lcm", "reduce") and args and isinstance(args[0], list | tuple):
        bits = sum(v.bit_length() for v in args[0] if isinstance(v, int))
        if bits > 10 * _LARGE:
            raise StopRun("a number is too large")
    if name in ("loads", "deepcopy", "dumps") and args:
        weigh(args[0])
    if owner is None and name in ("str", "repr", "hash", "ascii", "sorted", "set", "frozenset"):
        for value in args:
            weigh(value)
    if name in _MATCHING:
        for value in (owner, *args[:1]):
            if isinstance(value, str | bytes | re.Pattern):
                _check_pattern(value, [a for a in args if isinstance(a, str | bytes)])


_EXPONENTS = {
    "Decimal": r"[eE][+-]?\d{5}",
    "Fraction": r"[eE][+-]?\d{5}",
    "pack": r"\d{5}",
    "calcsize": r"\d{5}",
    "int": r"\d{4300}",
}


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


_MATCHING = frozenset(
    ["compile", "match", "fullmatch", "search", "findall", "finditer", "split", "sub"]
)


def _check_pattern(value: str | bytes | re.Pattern[Any], texts: list[str | bytes]) -> None:
    """Raise StopRun for a pattern that may take long on the texts: many repeats in it."""
    pattern = value.pattern if isinstance(value, re.Pattern) else value
    repeats = sum(pattern.count(c) for c in ("*+{?" if isinstance(pattern, str) else b"*+{?"))  # type: ignore[misc, arg-type]
    nested = isinstance(pattern, str) and re.search(r"[*+}]\)[*+{?]", pattern)
    longest = max((len(t) for t in texts), default=0)
    if nested or longest > _TEXT or (repeats > 2 and longest**2 * repeats > 100_000):
        raise StopRun("a pattern may take long")


def check_format(text: object) -> None:
    """Raise StopRun for a format that makes long texts, or reads attributes."""
    if not isinstance(text, str) or re.search(r"\d{4}|\{[^}]*\._|\{[^}]*\[_|%[-+ 0#]*\*", text):
        raise StopRun("a format is not for a dry run")


def weigh(value: object, room: int = 100_000) -> int:
    """Return about how many objects a value holds. Raises StopRun for more than ``room``."""
    held = 1
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            held += 2 * len(each)
            stack += [v for v in each.values() if isinstance(v, list | tuple | dict)]
        elif isinstance(each, list | tuple | set | frozenset):
            held += len(each)
            stack += [v for v in each if isinstance(v, list | tuple | dict)]
        if held > room:
            raise StopRun("a value is too large")
    return held
