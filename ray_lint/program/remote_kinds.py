"""The values of Ray programs: remote functions, actor classes, handles, collections of them."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, replace

from ray_lint.program.module import Module
from ray_lint.program.names import FunctionNode

DEPTH = 24  # definitions followed for one question
MAX_VALUES = 8  # kept per expression
HANDLE_TYPES = frozenset({"ray.actor.ActorHandle", "ray.ActorHandle", "ray.ObjectRef"})
SEQUENCE_WRAPPERS = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "sorted", "reversed", "iter", "filter")
) | {"itertools.cycle", "itertools.islice", "tqdm.tqdm", "tqdm.auto.tqdm", "copy.copy"}
PICKERS = frozenset({"builtins.next", "random.choice", "numpy.random.choice", "builtins.min"})


class ValueKind(enum.Enum):
    """What an expression stands for, as far as Ray is concerned."""

    FUNCTION = "function"  # plain, not remote
    CLASS = "class"
    INSTANCE = "instance"
    REMOTE_FUNCTION = "remote function"
    ACTOR_CLASS = "actor class"
    HANDLE = "handle"
    METHOD = "method"  # of a handle
    BOUND = "bound"  # method of a plain instance
    COLLECTION = "collection"
    REMOTE_MAKER = "remote maker"  # ray.remote(num_cpus=2), still without a function
    SUBMITTER = "submitter"  # f.remote itself
    FOREIGN = "foreign"  # certainly not Ray's


@dataclass(frozen=True)
class Value:
    """One value that an expression may have.

    ``node`` is its definition in ``module``: a function or class. ``decorator`` made it remote,
    ``options`` are the ``.options(...)`` calls on the way, ``binding`` the name it was defined
    under, ``target`` how an actor was reached (as in ``Callee``), ``method`` the function of a
    METHOD, ``items`` what a COLLECTION holds,
    ``lent`` whether a function came in as an argument: other callers may pass another one.
    """

    kind: ValueKind
    module: Module | None = None
    node: ast.AST | None = None
    decorator: ast.expr | None = None
    options: tuple[ast.Call, ...] = ()
    binding: str = ""
    target: str = ""
    method: FunctionNode | None = None
    reason: str = ""
    items: tuple[Value, ...] = ()
    lent: bool = False


Values = tuple[Value, ...]


def is_collection(value: Value) -> bool:
    """Whether the value is a list, set or dict of known values."""
    return value.kind is ValueKind.COLLECTION


def items_of_collections(values: Values | list[Value], target: str) -> list[Value]:
    """Return the items of the collections among ``values``, reached as ``target``."""
    return [
        replace(item, target=target) if item.kind in (ValueKind.HANDLE, ValueKind.METHOD) else item
        for value in values
        if value.kind is ValueKind.COLLECTION
        for item in value.items
    ]


def collected(module: Module, items: list[Value] | Values) -> list[Value]:
    """Return the collection of the items; nothing if none is known."""
    if not items:
        return []
    return [Value(ValueKind.COLLECTION, module, items=tuple(dict.fromkeys(items))[:MAX_VALUES])]
