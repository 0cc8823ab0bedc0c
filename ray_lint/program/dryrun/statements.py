"""Runs the statements of the program."""

from __future__ import annotations

import abc
import ast
import collections
import enum
import typing
from collections.abc import Generator, Iterator
from typing import Any

from ray_lint.program.dryrun.expressions import Expressions
from ray_lint.program.dryrun.function_facts import facts_of
from ray_lint.program.dryrun.values import (
    Coroutine,
    Frame,
    Function,
    Library,
    StopRun,
    cannot_change,
)

_DEPTH = 60  # calls within calls
_BREAK, _CONTINUE = object(), object()
_BASES = (
    *(object, dict, list, tuple, set, frozenset, str, bytes, int, float),
    *(collections.deque, collections.Counter, collections.OrderedDict, collections.defaultdict),
)
_ABSTRACT = (typing.Generic, typing.Protocol, abc.ABC)
Signal = Any


class _Returned:
    """The value of a ``return``."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Statements(Expressions):
    """Runs statements; those that yield do so through generators of Python."""

    def run_program(self, tree: ast.Module) -> None:
        """Run a whole module. Raises what ends it."""
        self.depends_on_cpus = _depends_on_cpus(tree)
        self._result(tree.body, self.frames[0])

    def block(self, body: list[ast.stmt], frame: Frame) -> Generator[Any, Any, Signal]:
        """Run statements one after the other; yield what they yield, return what ends them."""
        for statement in () if self.over else body:
            self.tick()
            kind = type(statement)
            if kind in _PLAIN:
                _PLAIN[kind](self, statement, frame)
                continue
            if kind is ast.Return:
                assert isinstance(statement, ast.Return)
                given = statement.value
                return _Returned(None if given is None else self.value(given, frame))
            if kind is ast.Break:
                return _BREAK
            if kind is ast.Continue:
                return _CONTINUE
            run = _NESTED.get(kind)
            if run is None:
                raise StopRun(f"`{kind.__name__}` is not known to a dry run")
            signal = yield from run(self, statement, frame)
            if signal is not None:
                return signal
        return None

    # -- plain statements -----------------------------------------------------------------------

    def _assign(self, node: ast.Assign, frame: Frame) -> None:
        value = self.value(node.value, frame)
        for target in node.targets:
            self.bind(target, value, frame)

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> None:
        if frame.kind == "class" and isinstance(node.target, ast.Name):
            words = ast.unparse(node.annotation)
            kept: Any = typing.ClassVar if "ClassVar" in words else object
            frame.variables.setdefault("__annotations__", {})[node.target.id] = kept
        if node.value is not None:
            self.bind(node.target, self.value(node.value, frame), frame)

    def _augmented(self, node: ast.AugAssign, frame: Frame) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            old = self._computed[ast.Name](self, target, frame)
            new = self.operate(node.op, old, self.value(node.value, frame), in_place=True)
            self.sees_change(target.id, frame)
            if not cannot_change(old):
                self.sees_mutation(old)
            frame.write(target.id, new)
            return
        owner = self.value(target.value, frame)
        if isinstance(target, ast.Subscript):
            key = self.key(target.slice, frame)
            new = self.operate(node.op, owner[key], self.value(node.value, frame), in_place=True)
            self.sees_mutation(owner)
            owner[key] = new
            return
        old = self.attribute(owner, target.attr)
        new = self.operate(node.op, old, self.value(node.value, frame), in_place=True)
        self._set_attribute(owner, target.attr, new)

    def bind(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Give a target a value."""
        self.tick()
        if isinstance(target, ast.Name):
            if self.exported:
                self.sees_change(target.id, frame)
            frame.write(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, list(self.items(value)), frame)
        elif isinstance(target, ast.Subscript):
            owner = self.value(target.value, frame)
            self.sees_mutation(owner)
            owner[self.key(target.slice, frame)] = value
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.value(target.value, frame), target.attr, value)
        else:
            raise StopRun("an unusual target")

    def _unpack(self, targets: list[ast.expr], values: list[Any], frame: Frame) -> None:
        starred = [i for i, t in enumerate(targets) if isinstance(t, ast.Starred)]
        if not starred:
            if len(targets) != len(values):
                raise ValueError("values do not fit")
            for target, value in zip(targets, values, strict=True):
                self.bind(target, value, frame)
            return
        place, behind = starred[0], len(targets) - starred[0] - 1
        if len(values) < place + behind:
            raise ValueError("values do not fit")
        end = len(values) - behind
        self._unpack(targets[:place], values[:place], frame)
        one = targets[place]
        assert isinstance(one, ast.Starred)
        self.bind(one.value, values[place:end], frame)
        self._unpack(targets[place + 1 :], values[end:], frame)

    def _set_attribute(self, owner: Any, name: str, value: Any) -> None:
        if not self.is_own(owner) or name.startswith("__"):
            raise StopRun("sets an attribute of something else")
        self.sees_mutation(owner)
        setattr(owner, name, value)

    def _delete(self, node: ast.Delete, frame: Frame) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                del self.value(target.value, frame)[self.key(target.slice, frame)]
            elif isinstance(target, ast.Name) and target.id in frame.variables:
                del frame.variables[target.id]
            else:
                raise StopRun("deletes something else")

    def _expression(self, node: ast.Expr, frame: Frame) -> None:
        self.value(node.value, frame)

    def _assert(self, node: ast.Assert, frame: Frame) -> None:
        if not self.value(node.test, frame):
            raise AssertionError

    def _raise(self, node: ast.Raise, frame: Frame) -> None:
        if node.exc is None:
            raise StopRun("raises again")
        error = self.value(node.exc, frame)
        raise error() if isinstance(error, type) else error

    def _import(self, node: ast.Import, frame: Frame) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            frame.write(alias.asname or name, Library(name))

    def _import_from(self, node: ast.ImportFrom, frame: Frame) -> None:
        if node.level or node.module is None:
            raise StopRun("imports from the project")
        for alias in node.names:
            try:
                found: Any = self.attribute(Library(node.module), alias.name)
            except StopRun:
                found = Library(f"{node.module}.{alias.name}")
            frame.write(alias.asname or alias.name, found)

    def _declare(self, node: ast.Global | ast.Nonlocal, frame: Frame) -> None:
        for name in node.names:
            owner = frame.parent
            if isinstance(node, ast.Global):
                while owner is not None and owner.parent is not None:
                    owner = owner.parent
            while owner is not None and owner.parent is not None and name not in owner.variables:
                owner = owner.parent
            if owner is None:
                raise StopRun("an unusual declaration")
            frame.elsewhere[name] = owner

    def _pass(self, node: ast.stmt, frame: Frame) -> None:
        return None

    # -- functions and classes --------------------------------------------------------------------

    def function(self, node: Any, frame: Frame) -> Function:
        """Return a function of the program, with the defaults as they are now."""
        spec = node.args
        positional = [*spec.posonlyargs, *spec.args]
        behind = positional[len(positional) - len(spec.defaults) :]
        pairs = [*zip(behind, spec.defaults, strict=True)]
        pairs += [
            (a, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None
        ]
        defaults = {a.arg: self.value(d, frame) for a, d in pairs}
        self.defaults += [value for value in defaults.values() if not cannot_change(value)]
        return Function(node, frame, self._run_function, defaults)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
        made: Any = self.function(node, frame)
        for decorator in reversed(node.decorator_list):
            made = self.call(self.value(decorator, frame), (made,), {})
        self.sees_change(node.name, frame)
        frame.write(node.name, made)

    def _run_function(
        self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self.tick()
        node = function.node
        facts = self._facts.get(node)
        if facts is None:
            facts = self._facts[node] = facts_of(node)
        arguments = self._arguments(function, args, kwargs)
        frame = Frame(arguments, function.frame, local=facts.local)
        if self.in_task and node not in self._exporting:
            self._exporting.add(node)
            self._export(facts.outside, function.frame)
        if function.owner is not None and args:
            frame.variables["__class__"] = function.owner
        if isinstance(node, ast.Lambda):
            return self._within(frame, lambda: self.value(node.body, frame))
        if facts.yields:
            if isinstance(node, ast.AsyncFunctionDef):
                raise StopRun("an asynchronous generator")
            return self.block(node.body, frame)
        if isinstance(node, ast.AsyncFunctionDef):
            return Coroutine(lambda: self._within(frame, lambda: self._result(node.body, frame)))
        return self._within(frame, lambda: self._result(node.body, frame))

    def _export(self, names: frozenset[str], frame: Frame) -> None:
        """Note what a worker gets with a function. Raises StopRun for what cannot be sent."""
        self.exported |= names
        for name in names:
            try:
                value = frame.read(name)
            except KeyError:
                continue
            if type(value).__name__ in _UNSENDABLE:
                raise StopRun("a task needs what cannot be sent")

    def _within(self, frame: Frame, run: Any) -> Any:
        if len(self.frames) >= _DEPTH:
            raise StopRun("calls are nested too deeply")
        self._numbers += 1
        frame.number = self._numbers
        self.frames.append(frame)
        try:
            return run()
        finally:
            self.frames.pop()

    def _result(self, body: list[ast.stmt], frame: Frame) -> Any:
        running = self.block(body, frame)
        try:
            next(running)
        except StopIteration as end:
            return end.value.value if isinstance(end.value, _Returned) else None
        raise StopRun("yields outside of a generator")

    def _arguments(
        self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        spec = function.node.args
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        given = dict(zip(positional, args, strict=False))
        rest = args[len(positional) :]
        if spec.vararg is not None:
            given[spec.vararg.arg] = rest
        elif rest:
            raise TypeError("too many arguments")
        named = {a.arg for a in (*spec.args, *spec.kwonlyargs)}
        more: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name in given and name in named:
                raise TypeError("an argument is given twice")
            if name in named:
                given[name] = value
            elif spec.kwarg is None:
                raise TypeError("an unknown argument")
            else:
                more[name] = value
        if spec.kwarg is not None:
            given[spec.kwarg.arg] = more
        for name in (*positional, *(a.arg for a in spec.kwonlyargs)):
            if name not in given:
                if name not in function.defaults:
                    raise TypeError("an argument is missing")
                given[name] = function.defaults[name]
        return given

    def _define_class(self, node: ast.ClassDef, frame: Frame) -> None:
        bases = tuple(self.value(base, frame) for base in node.bases)
        bases = tuple(base for base in bases if base not in _ABSTRACT)
        if node.keywords or not all(self._may_be_base(base) for base in bases):
            raise StopRun("an unusual class")
        inner = Frame({}, frame, "class")
        self._result(node.body, inner)
        names = inner.variables
        if any(n.startswith("__") and n in _UNUSUAL for n in names):
            raise StopRun("an unusual class")
        names["__module__"], names["__qualname__"] = "__main__", node.name
        made: Any
        if any(isinstance(base, enum.EnumMeta) for base in bases):
            space = enum.EnumMeta.__prepare__(node.name, bases)
            for name, value in names.items():
                space[name] = value
            made = enum.EnumMeta(node.name, bases, space)
        elif any(base is typing.NamedTuple for base in bases):
            made = self._named_tuple(node.name, names)
        else:
            made = type(node.name, bases, dict(names))
        self.made.add(made)
        for value in names.values():
            for function in (value, *(getattr(value, n, None) for n in ("fget", "__func__"))):
                if isinstance(function, Function):
                    function.owner = made
        for decorator in reversed(node.decorator_list):
            made = self.call(self.value(decorator, frame), (made,), {})
        if isinstance(made, type):
            self.made.add(made)
        self.sees_change(node.name, frame)
        frame.write(node.name, made)

    def _may_be_base(self, base: Any) -> bool:
        """Whether a class may inherit: what it gets from the library only computes, all of it."""
        if base is typing.NamedTuple:
            return True
        own = base in self.made or isinstance(base, enum.EnumMeta) or base in _BASES
        return isinstance(base, type) and (own or issubclass(base, BaseException))

    def _named_tuple(self, name: str, names: dict[str, Any]) -> Any:
        fields = names.pop("__annotations__", {})
        plain = typing.NamedTuple(name, [(field, object) for field in fields])  # type: ignore[misc]
        defaults = [names.pop(field) for field in list(fields) if field in names]
        plain.__new__.__defaults__ = tuple(defaults)
        for member, value in names.items():
            if not member.startswith("__") or isinstance(value, Function):
                setattr(plain, member, value)
        return plain

    def parent_of(self, frame: Frame) -> Any:
        """Return ``super()`` of the method that runs in a frame."""
        owner = frame.variables.get("__class__")
        first = next(iter(frame.variables.values()), None)
        if owner is None:
            raise StopRun("an unusual `super`")
        return super(owner, first)

    # -- nested statements ------------------------------------------------------------------------

    def _if(self, node: ast.If, frame: Frame) -> Generator[Any, Any, Signal]:
        body = node.body if self.value(node.test, frame) else node.orelse
        return (yield from self.block(body, frame))

    def _for(self, node: ast.For, frame: Frame) -> Generator[Any, Any, Signal]:
        return (yield from self._loop(node, self._each_item(node, frame), frame))

    def _while(self, node: ast.While, frame: Frame) -> Generator[Any, Any, Signal]:
        return (yield from self._loop(node, self._as_long_as(node, frame), frame))

    def _each_item(self, node: ast.For, frame: Frame) -> Iterator[None]:
        for item in self.items(self.value(node.iter, frame)):
            self.bind(node.target, item, frame)
            yield

    def _as_long_as(self, node: ast.While, frame: Frame) -> Iterator[None]:
        while self.value(node.test, frame):
            yield

    def _loop(
        self, node: ast.For | ast.While, rounds: Iterator[None], frame: Frame
    ) -> Generator[Any, Any, Signal]:
        for _ in rounds:
            signal = yield from self.block(node.body, frame)
            if signal is _BREAK:
                return None
            if isinstance(signal, _Returned):
                return signal
        return (yield from self.block(node.orelse, frame))

    def _try(self, node: ast.Try, frame: Frame) -> Generator[Any, Any, Signal]:
        signal: Signal = None
        left = False
        try:
            try:
                signal = yield from self.block(node.body, frame)
            except GeneratorExit:
                left = True
                raise
            except (StopRun, MemoryError, RecursionError):
                raise
            except BaseException as error:
                handler = self._handler(node, error, frame)
                if handler is None:
                    raise
                self.handled = self.handled or not self.in_task
                if handler.name:
                    frame.write(handler.name, error)
                signal = yield from self.block(handler.body, frame)
                if handler.name:
                    frame.variables.pop(handler.name, None)
            else:
                if signal is None:
                    signal = yield from self.block(node.orelse, frame)
        finally:
            last = None
            if left:
                self._close(node.finalbody, frame)
            else:
                last = yield from self.block(node.finalbody, frame)
            if last is not None:
                raise StopRun("leaves a `finally`")
        return signal

    def _close(self, body: list[ast.stmt], frame: Frame) -> None:
        """Run the last statements of a generator that is given up: nothing may end the run here."""
        try:
            self._result(body, frame)
        except StopRun:
            self.steps = self.limit

    def _handler(
        self, node: ast.Try, error: BaseException, frame: Frame
    ) -> ast.ExceptHandler | None:
        for handler in node.handlers:
            kinds = BaseException if handler.type is None else self.value(handler.type, frame)
            for kind in kinds if isinstance(kinds, tuple) else (kinds,):
                if isinstance(kind, Library):
                    raise StopRun("handles a failure of a library")
                if isinstance(error, kind):
                    return handler
        return None

    def _with(self, node: ast.With, frame: Frame) -> Generator[Any, Any, Signal]:
        return (yield from self._with_items(node.items, node.body, frame))

    def _with_items(
        self, items: list[ast.withitem], body: list[ast.stmt], frame: Frame
    ) -> Generator[Any, Any, Signal]:
        if not items:
            return (yield from self.block(body, frame))
        manager = self.value(items[0].context_expr, frame)
        target = items[0].optional_vars
        if isinstance(manager, Library):
            if target is not None:
                self.bind(target, manager, frame)
            return (yield from self._with_items(items[1:], body, frame))
        kind: Any = type(manager)
        if not self.is_own(manager) and kind.__module__ != "contextlib":
            raise StopRun("an unusual `with`")
        entered = kind.__enter__(manager)
        try:
            if target is not None:
                self.bind(target, entered, frame)
            signal = yield from self._with_items(items[1:], body, frame)
        except StopRun:
            raise  # nobody may keep that to itself
        except BaseException as error:
            self.handled = self.handled or not self.in_task
            if not kind.__exit__(manager, type(error), error, None):
                raise
            return None
        kind.__exit__(manager, None, None, None)
        return signal

    def _match(self, node: ast.Match, frame: Frame) -> Generator[Any, Any, Signal]:
        subject = self.value(node.subject, frame)
        for case in node.cases:
            if self._fits(case.pattern, subject, frame) and (
                case.guard is None or self.value(case.guard, frame)
            ):
                return (yield from self.block(case.body, frame))
        return None

    def _fits(self, pattern: ast.pattern, subject: Any, frame: Frame) -> bool:
        self.tick()
        if isinstance(pattern, ast.MatchValue):
            return bool(subject == self.value(pattern.value, frame))
        if isinstance(pattern, ast.MatchSingleton):
            return subject is pattern.value
        if isinstance(pattern, ast.MatchAs):
            if pattern.pattern is not None and not self._fits(pattern.pattern, subject, frame):
                return False
            if pattern.name is not None:
                frame.write(pattern.name, subject)
            return True
        if isinstance(pattern, ast.MatchOr):
            return any(self._fits(each, subject, frame) for each in pattern.patterns)
        if isinstance(pattern, ast.MatchSequence):
            if any(isinstance(p, ast.MatchStar) for p in pattern.patterns):
                raise StopRun("an unusual pattern")
            return (
                isinstance(subject, list | tuple)
                and len(subject) == len(pattern.patterns)
                and all(
                    self._fits(p, s, frame) for p, s in zip(pattern.patterns, subject, strict=True)
                )
            )
        if isinstance(pattern, ast.MatchClass) and not pattern.kwd_attrs:
            kind = self.value(pattern.cls, frame)
            if kind not in (int, float, str, bool, list, tuple, dict) or len(pattern.patterns) > 1:
                raise StopRun("an unusual pattern")
            return isinstance(subject, kind) and all(
                self._fits(p, subject, frame) for p in pattern.patterns
            )
        raise StopRun("an unusual pattern")

    def _yield_statement(self, node: ast.Expr, frame: Frame) -> Generator[Any, Any, Signal]:
        given = node.value
        if isinstance(given, ast.Yield):
            yield None if given.value is None else self.value(given.value, frame)
            return None
        if isinstance(given, ast.YieldFrom):
            yield from self.items(self.value(given.value, frame))
            return None
        self.value(given, frame)
        return None


def _depends_on_cpus(tree: ast.Module) -> bool:
    """Whether more than the size of batches hangs on how many CPUs there are."""
    splitting = {
        id(node)
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name.startswith(_SPLITTING)
        for node in ast.walk(function)
    }
    asked = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in _RESOURCES)
    return any(id(node) not in splitting for node in asked)


_RESOURCES = ("cluster_resources", "available_resources")
_SPLITTING = "split_into_batches"  # the name of what fixes write to cut items into batches
_UNSENDABLE = {"_lru_cache_wrapper", "generator"}
_UNUSUAL = {
    *("__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__new__", "__del__"),
    *("__init_subclass__", "__set_name__", "__class_getitem__", "__reduce__", "__getstate__"),
    *("__setstate__", "__slots__", "__prepare__", "__dict__", "__class__"),
}
_PLAIN: dict[type[ast.stmt], Any] = {
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._annotated,
    ast.AugAssign: Statements._augmented,
    ast.Delete: Statements._delete,
    ast.Assert: Statements._assert,
    ast.Raise: Statements._raise,
    ast.Import: Statements._import,
    ast.ImportFrom: Statements._import_from,
    ast.Global: Statements._declare,
    ast.Nonlocal: Statements._declare,
    ast.Pass: Statements._pass,
    ast.FunctionDef: Statements._define,
    ast.AsyncFunctionDef: Statements._define,
    ast.ClassDef: Statements._define_class,
}
_NESTED: dict[type[ast.stmt], Any] = {
    ast.If: Statements._if,
    ast.For: Statements._for,
    ast.While: Statements._while,
    ast.Try: Statements._try,
    ast.With: Statements._with,
    ast.Match: Statements._match,
    ast.Expr: Statements._yield_statement,
}
