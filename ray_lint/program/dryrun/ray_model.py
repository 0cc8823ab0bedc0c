"""What a dry run knows of Ray and of the modules that look at the world: they are stood in for.

Tasks run where they are submitted, their arguments and results are copied as Ray would. The clock,
chance without a seed, the command line and the machine are made up: a run that asks them is not
``exact``.
"""

from __future__ import annotations

import argparse
import ast
import copy
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ray_lint.program.dryrun import library
from ray_lint.program.dryrun.function_facts import FunctionFacts
from ray_lint.program.dryrun.values import (
    Actor,
    ActorClass,
    Bound,
    Coroutine,
    Frame,
    Function,
    Library,
    Reference,
    Remote,
    StopRun,
    Task,
    cannot_change,
    is_flat,
    pickled,
    unpickled,
)

_CPUS = 8
_SUBMISSION = 20  # operations that one submission takes us, besides those of the task
_STAND_INS = (
    *("ray", "time", "random", "asyncio", "sys", "os", "tqdm", "logging", "warnings", "argparse"),
    *("typing", "collections.abc", "__future__", "typing_extensions"),
)
_REAL = {"typing.NamedTuple", "typing.Protocol", "typing.Generic", "random.Random"}
_CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "thread_time"}
_QUIET = ("logging", "warnings", "ray.init", "ray.exceptions", "ray.util")


@dataclass
class Observed:
    """What was seen of one ``f.remote`` in a dry run.

    ``total`` counts its submissions in the whole run, ``ended`` those whose tasks ran to their end,
    ``longest`` those between which nothing was fetched, ``in_one_call`` those of one call of the
    function around; ``operations`` is what the slowest task took, ``slept`` its seconds of sleep.
    """

    total: int = 0
    ended: int = 0
    longest: int = 0
    in_one_call: int = 0
    operations: int = 0
    slept: float = 0.0


class RayModel:
    """Ray, and what stands in for the rest of the world."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.steps = 0
        self.exact = True
        self.slept = 0.0
        self.made: set[type] = set()
        self.observed: dict[ast.AST, Observed] = {}
        self.in_task = 0
        self.handled = False
        self.over = False
        """The run has ended: what is left of its generators does nothing more."""
        self.printed: list[str] = []
        self.exported: frozenset[str] = frozenset()
        """Names that tasks read and do not bind: workers get them with the function, once."""
        self._exporting: set[ast.AST] = set()
        self._facts: dict[ast.AST, FunctionFacts] = {}
        self.depends_on_cpus = True
        self.defaults: list[Any] = []
        """Those defaults of parameters that can change."""
        self._fetches = 0
        self._burst: dict[ast.AST, tuple[int, int]] = {}
        self._calls: dict[tuple[ast.AST, int], int] = {}
        self.frames: list[Frame] = [Frame({}, None, "module")]
        """Those of the functions that run, the module's first."""
        self._numbers = 0
        self._clock = 0.0
        self._random: random.Random | None = None
        self._started = False
        self.own_builtins: dict[str, Any] = {
            "print": Library("print"),
            "type": Library("type"),
            "exit": Library("sys.exit"),
            "quit": Library("sys.exit"),
            "getattr": Library("getattr"),
            "hash": Library("hash"),
            "hasattr": Library("hasattr"),
            "__name__": "__main__",
        }

    def tick(self) -> None:
        """Count one operation. Raises StopRun when there were too many."""
        self.take_time(1)

    def take_time(self, operations: int) -> None:
        """Count operations. Raises StopRun when there were too many."""
        self.steps += operations
        if self.steps > self.limit:
            raise StopRun("it takes too long")

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of a value."""
        raise NotImplementedError

    def sees_change(self, name: str, frame: Frame) -> None:
        """Note that a variable gets another value, which workers may not know of."""
        known = name in frame.elsewhere or name in frame.variables
        if known and name in self.exported and frame.kind != "class":
            self.exact = self.exact and not (self.observed or self.in_task)

    def sees_mutation(self, value: Any) -> None:
        """Note that an object changes, which a worker may have its own copy of."""
        if self.exact and (self.observed or self.in_task):
            frame: Frame | None = self.frames[-1]
            while frame is not None:
                if frame.parent is None or frame is not self.frames[-1]:
                    names = self.exported & frame.variables.keys()
                    if any(frame.variables[name] is value for name in names):
                        self.exact = False
                frame = frame.parent
            if any(default is value for default in self.defaults):
                self.exact = False
            for made in self.made:
                if made is value or any(kept is value for kept in vars(made).values()):
                    self.exact = False

    def bind(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Give a target a value."""
        raise NotImplementedError

    def function(self, node: Any, frame: Frame) -> Function:
        """Return a function of the program."""
        raise NotImplementedError

    def parent_of(self, frame: Frame) -> Any:
        """Return ``super()`` of the method that runs in a frame."""
        raise NotImplementedError

    def is_own(self, value: Any) -> bool:
        """Whether a value is a class of the program, or one of its objects."""
        return (isinstance(value, type) and value in self.made) or type(value) in self.made

    # -- submissions --------------------------------------------------------------------------

    def remote(self, owner: Any, node: ast.Attribute) -> Any:
        """Return ``owner.remote``."""
        if owner == Library("ray"):
            return Library("ray.remote")
        if isinstance(owner, Task | ActorClass):
            return Remote(owner, node, self._submit)
        raise StopRun("makes something else remote")

    def _submit(self, remote: Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        target = remote.target
        args = tuple(a.fetch() if isinstance(a, Reference) else self._copy(a) for a in args)
        kwargs = {
            k: a.fetch() if isinstance(a, Reference) else self._copy(a) for k, a in kwargs.items()
        }
        if isinstance(target, ActorClass):
            return Actor(self._elsewhere(target.made, args, kwargs))
        seen = self._count(remote.node)
        self.steps += _SUBMISSION
        before, slept = self.steps, self.slept
        several = target.results != 1
        result = self._elsewhere(target.function, args, kwargs, taken=several)
        if hasattr(result, "__next__"):
            raise StopRun("a task that yields")
        seen.ended += 1
        seen.operations = max(seen.operations, self.steps - before)
        seen.slept = max(seen.slept, self.slept - slept)
        if not several:
            return self._put(result)
        if len(result) != target.results:
            raise StopRun("another number of results")
        return [self._put(part) for part in result]

    def _elsewhere(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        taken: bool = False,
    ) -> Any:
        """Call a function as a worker would. ``taken``: what it yields is its list of results."""
        self.in_task += 1
        try:
            result = function(*args, **kwargs)
            if isinstance(result, Coroutine):
                result = self.wait_for(result)
            if taken and hasattr(result, "__next__"):
                result = list(result)
        except Exception as error:
            raise StopRun(f"a task fails ({type(error).__name__})") from None
        self.in_task -= 1
        return result

    def _count(self, node: ast.AST) -> Observed:
        seen = self.observed.setdefault(node, Observed())
        seen.total += 1
        fetches, length = self._burst.get(node, (self._fetches, 0))
        length = length + 1 if fetches == self._fetches else 1
        self._burst[node] = self._fetches, length
        seen.longest = max(seen.longest, length)
        key = node, self.frames[-1].number
        self._calls[key] = self._calls.get(key, 0) + 1
        seen.in_one_call = max(seen.in_one_call, self._calls[key])
        return seen

    def _copy(self, value: Any) -> Any:
        if cannot_change(value) or isinstance(value, Actor | Task | ActorClass | type):
            return value
        return self._put(value).fetch()

    def _put(self, value: Any) -> Reference:
        if isinstance(value, Reference):
            raise StopRun("a task gives a reference")
        if cannot_change(value):
            self.exact = self.exact and not _has_nan(value)
            return Reference(value)
        if is_flat(value):
            self.exact = self.exact and not _has_nan(value)
            self.take_time(len(value) // 8)
            return Reference(copy.copy(value), copy.copy)
        held = pickled(value)
        self.take_time(len(held[0]) // 8)
        return Reference(held, unpickled)

    def wait_for(self, value: Any) -> Any:
        """Return what awaiting a value gives."""
        if isinstance(value, Coroutine):
            return value.run()
        if isinstance(value, Reference):
            self._fetches += 1
            return value.fetch()
        raise StopRun("waits for something else")

    # -- attributes ---------------------------------------------------------------------------

    def ray_attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of what Ray gave, None if it is something else."""
        if isinstance(owner, Task | ActorClass) and name == "options":
            return lambda **options: self._with_options(owner, options)
        if isinstance(owner, Actor):
            method = getattr(owner.instance, name, None)
            if not isinstance(method, Bound):
                raise StopRun("an actor without such a method")
            return Task(method)
        if isinstance(owner, argparse.ArgumentParser):
            return self._parser_method(owner, name)
        if isinstance(owner, argparse.Namespace):
            return getattr(owner, name)
        if isinstance(owner, type) and name == "__name__":
            return owner.__name__
        return None

    def _with_options(self, owner: Any, options: dict[str, Any]) -> Any:
        results = options.get("num_returns", 1)
        if isinstance(owner, ActorClass):
            return owner
        if not isinstance(results, int):
            raise StopRun("a task of several results")
        return Task(owner.function, results)

    def _parser_method(self, parser: argparse.ArgumentParser, name: str) -> Any:
        self.exact = False
        if name == "parse_args":
            return lambda *_: self._parsed(parser)
        if name in ("add_argument", "set_defaults"):
            return getattr(parser, name)
        raise StopRun("an unusual command line")

    def _parsed(self, parser: argparse.ArgumentParser) -> argparse.Namespace:
        if any(action.required for action in parser._actions):
            raise StopRun("an argument is needed")
        return parser.parse_args([])

    def member(self, owner: Library, name: str) -> Any:
        """Return something of a module."""
        dotted = f"{owner.name}.{name}"
        if dotted in _REAL or not owner.name.startswith(_STAND_INS):
            return library.module_member(dotted)
        if dotted in _VALUES:
            self.exact = False
            return _VALUES[dotted]
        return Library(dotted)

    # -- calls --------------------------------------------------------------------------------

    def call_library(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call what stands in for a function."""
        known = self._functions.get(name)
        if known is not None:
            return known(self, *args, **kwargs)
        root, _, function = name.partition(".")
        if name.startswith(_QUIET):
            return Library(root)
        if root == "time" and function in _CLOCKS:
            self.exact = False
            self._clock += 0.01
            return self._clock
        if root == "random" and function in library.METHODS[random.Random]:
            if function == "seed":
                args, kwargs = self.seeded(args, kwargs)
            if self._random is None or self.in_task:
                self.exact = self.exact and function == "seed" and not self.in_task
            if self._random is None:
                self._random = random.Random(0)
            library.check_call(function, None, args, kwargs)
            return getattr(self._random, function)(*args, **kwargs)
        if root == "tqdm" and args:
            return range(*args) if function.endswith("trange") else args[0]
        raise StopRun(f"`{name}` is not known to a dry run")

    def seeded(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that give chance a seed; where there is none, one is made up."""
        if any(given is not None for given in (*args, *kwargs.values())):
            return args, kwargs
        self.exact = False
        return (0,), {}

    def _print(self, *values: Any, sep: str = " ", end: str = "\n", **others: Any) -> None:
        self.take_time(sum(map(library.weigh, values)) // 8)
        if others.get("file") is None and not self.in_task:
            text = sep.join(map(str, values)) + end
            self.take_time(len(text) // 16)
            self.printed.append(text)

    def _type(self, value: Any) -> type:
        if type(value) not in self.made and not isinstance(
            value, int | float | str | list | tuple | dict | set | BaseException | None
        ):
            raise StopRun("asks for an unusual type")
        return type(value)

    def _hash(self, value: Any) -> int:
        self.exact = self.exact and isinstance(value, int)  # that of a text is another each time
        library.weigh(value)
        return hash(value)

    def _getattr(self, owner: Any, name: str, *default: Any) -> Any:
        if default and not hasattr(owner, name):
            return default[0]
        return self.attribute(owner, name)

    def _hasattr(self, owner: Any, name: str) -> bool:
        if not self.is_own(owner):
            raise StopRun("asks for an unusual attribute")
        return hasattr(owner, name)

    def _ray_remote(self, *args: Any, **options: Any) -> Any:
        if not args:
            return lambda made: self._with_options(self._ray_remote(made), options)
        made = args[0]
        if isinstance(made, type):
            return ActorClass(made)
        if isinstance(made, Function) and isinstance(made.node, ast.AsyncFunctionDef):
            raise StopRun("Ray takes no asynchronous functions")
        if callable(made):
            return Task(made)
        raise StopRun("makes something else remote")

    def _ray_get(self, refs: Any, timeout: Any = None) -> Any:
        self._fetches += 1
        self.exact = self.exact and timeout is None
        if isinstance(refs, Reference):
            return refs.fetch()
        if not isinstance(refs, list) or not all(isinstance(r, Reference) for r in refs):
            raise StopRun("fetches something else")
        return [ref.fetch() for ref in refs]

    def _ray_wait(
        self, refs: Any, num_returns: int = 1, timeout: Any = None, fetch_local: bool = True
    ) -> Any:
        self._fetches += 1
        self.exact = False  # which are ready first is not known
        if not isinstance(refs, list) or num_returns > len(refs):
            raise StopRun("waits for something else")
        return refs[:num_returns], refs[num_returns:]

    def _ray_init(self, *_: Any, **__: Any) -> Library:
        self._started = True
        return Library("ray.init")

    def _ray_is_initialized(self) -> bool:
        return self._started

    def _ray_resources(self) -> dict[str, float]:
        self.exact = self.exact and not self.depends_on_cpus
        return {"CPU": float(_CPUS)}

    def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    def _cpus(self, *_: Any) -> int:
        self.exact = False
        return _CPUS

    def _sleep(self, seconds: Any) -> None:
        self.slept += float(seconds)

    def _exit(self, *_: Any) -> None:
        raise SystemExit

    def _parser(self, *_: Any, **__: Any) -> argparse.ArgumentParser:
        self.exact = False
        return argparse.ArgumentParser(add_help=False)

    def _environment(self, _: str, default: Any = None) -> Any:
        self.exact = False
        return default

    def _gather(self, *waiting: Any, return_exceptions: bool = False) -> Coroutine:
        if any(isinstance(each, Coroutine) for each in waiting):
            self.exact = False  # they take turns
        return Coroutine(lambda: [self.wait_for(each) for each in waiting])

    def _async_sleep(self, *_: Any) -> Coroutine:
        return Coroutine(lambda: None)

    _functions: ClassVar[dict[str, Callable[..., Any]]] = {
        "print": _print,
        "type": _type,
        "getattr": _getattr,
        "hasattr": _hasattr,
        "hash": _hash,
        "ray.remote": _ray_remote,
        "ray.get": _ray_get,
        "ray.wait": _ray_wait,
        "ray.put": _put,
        "ray.init": _ray_init,
        "ray.is_initialized": _ray_is_initialized,
        "ray.cluster_resources": _ray_resources,
        "ray.available_resources": _ray_resources,
        "ray.shutdown": _nothing,
        "ray.kill": _nothing,
        "os.cpu_count": _cpus,
        "os.getpid": _cpus,
        "os.environ.get": _environment,
        "os.getenv": _environment,
        "sys.exit": _exit,
        "sys.setrecursionlimit": _nothing,
        "sys.stdout.write": _nothing,
        "sys.stdout.flush": _nothing,
        "sys.stderr.write": _nothing,
        "time.sleep": _sleep,
        "argparse.ArgumentParser": _parser,
        "asyncio.run": wait_for,
        "asyncio.gather": _gather,
        "asyncio.sleep": _async_sleep,
        "typing.cast": lambda _, __, value: value,  # with the machine first
    }


def _has_nan(value: Any) -> bool:
    """Whether a value holds a NaN: each that is fetched is another object."""
    parts = value.values() if isinstance(value, dict) else value
    parts = parts if isinstance(value, list | tuple | dict) else (value,)
    return any(type(part) is float and math.isnan(part) for part in parts)


_VALUES: dict[str, Any] = {"sys.argv": ["program"], "sys.maxsize": 2**63 - 1}
