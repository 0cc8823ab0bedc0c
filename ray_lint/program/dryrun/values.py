"""What a dry run has besides plain Python values: functions, tasks, actors, references."""

from __future__ import annotations

import ast
import io
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


class StopRun(BaseException):
    """Ends the dry run: something is not known here, or takes too long."""


@dataclass
class Frame:
    """The variables of one running function, module, class body or comprehension."""

    variables: dict[str, Any]
    parent: Frame | None
    kind: str = "function"
    local: frozenset[str] = frozenset()
    """The names that belong to the function even before they have a value."""
    elsewhere: dict[str, Frame] = field(default_factory=dict)
    """The frames of the names that ``global`` and ``nonlocal`` declare."""
    number: int = 0
    """Tells the calls of functions apart."""

    def read(self, name: str) -> Any:
        """Return the value of a name. Raises KeyError where nothing has it."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.variables and (frame.kind != "class" or frame is self):
                return frame.variables[name]
            if name in frame.local:
                raise UnboundLocalError(name)
            frame = frame.parent
        raise KeyError(name)

    def write(self, name: str, value: Any) -> None:
        """Give a name a value where this frame binds it."""
        self.elsewhere.get(name, self).variables[name] = value


class Function:
    """A function or lambda of the program; called, it is run by the dry run."""

    # ``functools.wraps`` copies what is in ``__dict__``, which these are not.
    __slots__ = ("__dict__", "__name__", "defaults", "frame", "node", "owner", "run")

    def __init__(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        frame: Frame,
        run: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any],
        defaults: dict[str, Any],
    ) -> None:
        self.node = node
        self.frame = frame
        self.run = run
        self.defaults = defaults
        self.owner: type | None = None
        self.__name__: str = getattr(node, "name", "<lambda>")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self.run(self, args, kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else Bound(self, instance)


class Bound:
    """A method of an object of the program."""

    def __init__(self, function: Function, instance: object) -> None:
        self.function = function
        self.instance = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self.function(self.instance, *args, **kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bound) or other.function is not self.function:
            return False
        return other.instance is self.instance

    def __hash__(self) -> int:
        return hash((id(self.function), id(self.instance)))


@dataclass(eq=False)
class Coroutine:
    """A call of an asynchronous function, which runs where it is awaited."""

    run: Callable[[], Any]


@dataclass(eq=False)
class Reference:
    """An ObjectRef; ``held`` is a copy of the value, and ``copied`` gives another one of it."""

    held: Any
    copied: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        raise StopRun("shows a reference")

    def fetch(self) -> Any:
        """Return the value, a new object each time if it can change."""
        return self.held if self.copied is None else self.copied(self.held)


@dataclass(eq=False)
class Task:
    """A remote function, or the method of an actor."""

    function: Callable[..., Any]
    results: int = 1

    def __call__(self, *_: Any, **__: Any) -> Any:  # noqa: D102
        raise StopRun("a task is called")


@dataclass(eq=False)
class ActorClass:
    """A class that was made remote."""

    made: type


@dataclass(eq=False)
class Actor:
    """A handle of an actor."""

    instance: Any


@dataclass(eq=False)
class Remote:
    """``f.remote``; ``node`` is where it stands."""

    target: Task | ActorClass
    node: ast.Attribute
    submit: Callable[[Remote, tuple[Any, ...], dict[str, Any]], Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self.submit(self, args, kwargs)


@dataclass(frozen=True)
class Library:
    """A module, or something in one, by its dotted name."""

    name: str

    def __call__(self, *_: Any, **__: Any) -> Any:  # noqa: D102
        raise StopRun(f"`{self.name}` is handed to a function that calls it")


CONSTANTS = frozenset({int, float, bool, str, bytes, type(None), complex, range})
_KEPT = (Function, Bound, Task, ActorClass, Actor, Remote, Library, Reference, type)


def cannot_change(value: Any) -> bool:
    """Whether a value is a number, a text or a tuple of such."""
    kind = type(value)
    return kind in CONSTANTS or (kind is tuple and all(type(v) in CONSTANTS for v in value))


def is_flat(value: Any) -> bool:
    """Whether a value is a collection of numbers and texts: a copy of it is quickly made."""
    kind = type(value)
    if kind is dict:
        return all(type(k) in CONSTANTS and type(v) in CONSTANTS for k, v in value.items())
    return kind in (list, set) and all(type(v) in CONSTANTS for v in value)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, kept: list[Any]) -> None:
        super().__init__(file, protocol=5)
        self.kept = kept

    def persistent_id(self, value: Any) -> int | None:
        if isinstance(value, _KEPT):
            self.kept.append(value)
            return len(self.kept) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, kept: list[Any]) -> None:
        super().__init__(file)
        self.kept = kept

    def persistent_load(self, pid: Any) -> Any:
        return self.kept[pid]


def pickled(value: Any) -> tuple[bytes, list[Any]]:
    """Return a copy of a value as it is sent to a worker. Raises StopRun for what cannot be."""
    file, kept = io.BytesIO(), []  # type: io.BytesIO, list[Any]
    try:
        _Pickler(file, kept).dump(value)
    except StopRun:
        raise
    except Exception as error:
        raise StopRun(f"a value cannot be sent ({error})") from None
    return file.getvalue(), kept


def unpickled(held: tuple[bytes, list[Any]]) -> Any:
    """Return a new object of what ``pickled`` returned."""
    return _Unpickler(io.BytesIO(held[0]), held[1]).load()


def counted(items: Iterable[Any], tick: Callable[[], None]) -> Iterator[Any]:
    """Yield the items, with a tick for each: nothing may run without end."""
    for item in items:
        tick()
        yield item
