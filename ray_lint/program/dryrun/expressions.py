"""Computes expressions of the program with plain Python values."""

from __future__ import annotations

import ast
import builtins
import datetime
import decimal
import enum
import fractions
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ray_lint.program.dryrun import library
from ray_lint.program.dryrun.ray_model import RayModel
from ray_lint.program.dryrun.values import (
    Bound,
    Coroutine,
    Frame,
    Function,
    Library,
    Reference,
    Remote,
    StopRun,
    counted,
)

_BITS = 100_000  # of a number
_ITEMS = 2_000_000  # of a text or list
_SLOWNESS = 8  # items that the library goes through in the time of one operation of ours
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_IN_PLACE: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.iadd,
    ast.Sub: operator.isub,
    ast.Mult: operator.imul,
    ast.BitAnd: operator.iand,
    ast.BitOr: operator.ior,
    ast.BitXor: operator.ixor,
}
_ITEM_METHODS = ("__getitem__", "__contains__", "__len__")
_ORDERLESS = frozenset(
    """
    len sorted min max sum any all set frozenset isinstance bool issubset issuperset isdisjoint
    union intersection difference symmetric_difference add discard remove update append
    """.split()  # noqa: SIM905
)
"""Calls that do the same for a set in whatever order its items come."""
_CHANGING = frozenset(
    """
    append appendleft extend extendleft insert pop popleft popitem remove clear update add discard
    setdefault sort reverse
    """.split()  # noqa: SIM905
)
_NUMBERS = (int, float, bool)
_MERGED = (int, float, complex, str, bytes, tuple)
"""Types of constants of which Python may make one object where the program has several."""
_MULTIPLIED = (
    *(int, float, complex, list, tuple, str, bytes),
    *(fractions.Fraction, decimal.Decimal, datetime.timedelta),
)
_FEW = 1_000  # times that a collection of another kind may be repeated
_SIZED = (list, tuple, dict, set, frozenset, str, bytes, range)
_WHOLE = (list, tuple, dict, set, frozenset)


class Expressions(RayModel):
    """Evaluates expressions."""

    def value(self, node: ast.expr, frame: Frame) -> Any:
        """Return the value of an expression. Raises what the program would raise, or StopRun."""
        self.steps += 1  # as ``tick`` does: most of the time is spent here
        if self.steps > self.limit:
            raise StopRun("it takes too long")
        compute = self._computed.get(type(node))
        if compute is None:
            raise StopRun(f"`{type(node).__name__}` is not known to a dry run")
        return compute(self, node, frame)

    def _constant(self, node: ast.Constant, frame: Frame) -> Any:
        return node.value

    def _name(self, node: ast.Name, frame: Frame) -> Any:
        try:
            return frame.read(node.id)
        except KeyError:
            return self.builtin(node.id)

    def builtin(self, name: str) -> Any:
        """Return a built-in function or constant by its name."""
        if name in library.BUILTINS:
            return getattr(builtins, name)
        if name in self.own_builtins:
            return self.own_builtins[name]
        raise StopRun(f"`{name}` is not known here")

    # -- operators ----------------------------------------------------------------------------

    def operate(self, op: ast.AST, left: Any, right: Any, *, in_place: bool = False) -> Any:
        """Return the result of an operator, unless it could take long."""
        if type(left) not in _NUMBERS or type(right) not in _NUMBERS or type(op) in _GROWING:
            self._check_operands(op, left, right)
        table = _IN_PLACE if in_place and type(op) in _IN_PLACE else _OPERATORS
        return table[type(op)](left, right)

    def _check_operands(self, op: ast.AST, left: Any, right: Any) -> None:
        whole = isinstance(left, int) and isinstance(right, int)
        if isinstance(op, ast.Pow) and isinstance(right, int):
            size = left.bit_length() if isinstance(left, int) else 64
            if size * abs(right) > _BITS:
                raise StopRun("a number is too large")
        elif isinstance(op, ast.LShift) and whole:
            if right > _BITS or left.bit_length() > _BITS:
                raise StopRun("a number is too large")
        elif isinstance(op, ast.Mult):
            if whole and left.bit_length() + right.bit_length() > _BITS:
                raise StopRun("a number is too large")
            for one, other in ((left, right), (right, left)):
                if not isinstance(one, _MULTIPLIED) and isinstance(other, int) and other > _FEW:
                    raise StopRun("a value is too large")
                if isinstance(one, list | tuple | str | bytes) and isinstance(other, int):
                    if len(one) * other > _ITEMS:
                        raise StopRun("a value is too large")
                    self.take_time(max(len(one) * other, 0) // _SLOWNESS)
        elif isinstance(op, ast.Mod) and isinstance(left, str | bytes):
            library.check_format(left if isinstance(left, str) else left.decode("latin-1"))
        elif isinstance(op, ast.Add) and isinstance(left, _SIZED) and isinstance(right, _SIZED):
            if len(left) + len(right) > _ITEMS:
                raise StopRun("a value is too large")
            self.take_time((len(left) + len(right)) // _SLOWNESS)
        if isinstance(left, _WHOLE) or isinstance(right, _WHOLE):
            self.take_time(library.weigh(left) // _SLOWNESS + library.weigh(right) // _SLOWNESS)
        for value in (left, right):
            if isinstance(value, fractions.Fraction) and (
                value.numerator.bit_length() + value.denominator.bit_length() > _BITS
            ):
                raise StopRun("a number is too large")

    def _binary(self, node: ast.BinOp, frame: Frame) -> Any:
        return self.operate(node.op, self.value(node.left, frame), self.value(node.right, frame))

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Any:
        return _OPERATORS[type(node.op)](self.value(node.operand, frame))

    def _boolean(self, node: ast.BoolOp, frame: Frame) -> Any:
        stops = isinstance(node.op, ast.Or)
        result = None
        for part in node.values:
            result = self.value(part, frame)
            if bool(result) is stops:
                break
        return result

    def _compare(self, node: ast.Compare, frame: Frame) -> Any:
        left = self.value(node.left, frame)
        result: Any = True
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, frame)
            compare = _OPERATORS.get(type(op))  # none for ``in``
            if isinstance(op, ast.Is | ast.IsNot) and type(left) in _MERGED:
                self.exact = self.exact and type(right) not in _MERGED
            if compare is not None and type(left) in _NUMBERS and type(right) in _NUMBERS:
                result = compare(left, right)
            elif compare is None:
                self.hashed(left)
                if isinstance(right, list | tuple | str):
                    self.take_time(len(right) // _SLOWNESS)
                if not isinstance(right, _SIZED) and not self.is_own(right):
                    right = counted(right, self.tick)
                result = (left in right) is isinstance(op, ast.In)
            else:
                if isinstance(left, _WHOLE) or isinstance(right, _WHOLE):
                    self.take_time(library.weigh(left) // _SLOWNESS)
                result = compare(left, right)
            if not result:
                return result
            left = right
        return result

    def _choice(self, node: ast.IfExp, frame: Frame) -> Any:
        return self.value(node.body if self.value(node.test, frame) else node.orelse, frame)

    def _assigned(self, node: ast.NamedExpr, frame: Frame) -> Any:
        value = self.value(node.value, frame)
        owner = frame
        while owner.kind == "comprehension" and owner.parent is not None:
            owner = owner.parent
        owner.write(node.target.id, value)
        return value

    def operator_named(self, name: str) -> Any:
        """Return a function of the module ``operator``, None if the library's own will do."""
        op = _NAMED.get(name.strip("_"))
        if op is not None:
            return lambda left, right: self.operate(op(), left, right)
        return self._getter if name == "attrgetter" else None

    def _getter(self, name: str) -> Any:
        if not name.isidentifier():
            raise StopRun("an unusual attribute")
        return lambda owner: self.attribute(owner, name)

    # -- displays -----------------------------------------------------------------------------

    def _spread(self, nodes: list[ast.expr], frame: Frame) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found.extend(self.items(self.value(node.value, frame)))
            else:
                found.append(self.value(node, frame))
        return found

    def items(self, value: Any) -> Iterator[Any]:
        """Return an iterator of what a value gives, with a tick for each item."""
        if isinstance(value, Reference | Coroutine):
            raise StopRun("goes through references")
        self._sees_order(value)
        return counted(value, self.tick)

    def _sees_order(self, value: Any) -> None:
        """Note that the items of a set are taken in turn: their order is another each time."""
        if isinstance(value, set | frozenset) and not all(type(v) in _NUMBERS for v in value):
            self.exact = False

    def _list(self, node: ast.List, frame: Frame) -> Any:
        return self._spread(node.elts, frame)

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Any:
        return tuple(self._spread(node.elts, frame))

    def _set(self, node: ast.Set, frame: Frame) -> Any:
        return {self.hashed(value) for value in self._spread(node.elts, frame)}

    def _dict(self, node: ast.Dict, frame: Frame) -> Any:
        made: dict[Any, Any] = {}
        for key, part in zip(node.keys, node.values, strict=True):
            if key is None:
                made.update(self.value(part, frame))
            else:
                made[self.hashed(self.value(key, frame))] = self.value(part, frame)
        return made

    def hashed(self, key: Any) -> Any:
        """Return what will be a key, unless its hash could take long."""
        if isinstance(key, tuple | frozenset):
            self.take_time(library.weigh(key) // _SLOWNESS)
        return key

    def _text(self, node: ast.JoinedStr, frame: Frame) -> Any:
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else self.value(part, frame)
            for part in node.values
        ]
        if sum(map(len, parts)) > _ITEMS:
            raise StopRun("a text is too long")
        return "".join(parts)

    def _formatted(self, node: ast.FormattedValue, frame: Frame) -> Any:
        value = self.value(node.value, frame)
        self.take_time(library.weigh(value) // _SLOWNESS)
        if node.conversion == ord("r"):
            value = repr(value)
        elif node.conversion in (ord("s"), ord("a")):
            value = str(value) if node.conversion == ord("s") else ascii(value)
        spec = "" if node.format_spec is None else self.value(node.format_spec, frame)
        library.check_format(spec)
        return format(value, spec)

    # -- comprehensions -----------------------------------------------------------------------

    def _each(
        self, generators: list[ast.comprehension], frame: Frame, first: Any
    ) -> Iterator[Frame]:
        """Yield the frame of a comprehension once per item."""
        generator, rest = generators[0], generators[1:]
        if generator.is_async:
            raise StopRun("waits in a comprehension")
        for item in self.items(first):
            self.bind(generator.target, item, frame)
            if all(self.value(test, frame) for test in generator.ifs):
                if rest:
                    yield from self._each(rest, frame, self.value(rest[0].iter, frame))
                else:
                    yield frame

    def _over(self, node: Any, frame: Frame) -> Iterator[Frame]:
        first = self.value(node.generators[0].iter, frame)
        return self._each(node.generators, Frame({}, frame, "comprehension"), first)

    def _list_comprehension(self, node: ast.ListComp, frame: Frame) -> Any:
        return [self.value(node.elt, inner) for inner in self._over(node, frame)]

    def _set_comprehension(self, node: ast.SetComp, frame: Frame) -> Any:
        return {self.hashed(self.value(node.elt, inner)) for inner in self._over(node, frame)}

    def _dict_comprehension(self, node: ast.DictComp, frame: Frame) -> Any:
        return {
            self.hashed(self.value(node.key, inner)): self.value(node.value, inner)
            for inner in self._over(node, frame)
        }

    def _generator(self, node: ast.GeneratorExp, frame: Frame) -> Any:
        each = self._over(node, frame)
        return (self.value(node.elt, inner) for inner in each)

    # -- functions, attributes, items -----------------------------------------------------------

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Any:
        return self.function(node, frame)

    def _awaited(self, node: ast.Await, frame: Frame) -> Any:
        return self.wait_for(self.value(node.value, frame))

    def _called(self, node: ast.Call, frame: Frame) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            return self.parent_of(frame)
        function = self.value(node.func, frame)
        args = tuple(self._spread(node.args, frame))
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, frame)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            else:
                kwargs.update(value)
        return self.call(function, args, kwargs)

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the program, of Ray, or of the library if it only computes."""
        if isinstance(function, Function | Bound | Remote):
            return function(*args, **kwargs)
        if isinstance(function, Library):
            return self.call_library(function.name, args, kwargs)
        if self.is_own(function):
            return function(*args, **kwargs)
        if any(isinstance(a, Library) for a in (*args, *kwargs.values())):
            raise StopRun("hands something of a module to the library")
        owner = getattr(function, "__self__", None)
        owner = None if type(owner).__name__ == "module" else owner
        name = getattr(function, "__name__", "")
        for value in (*args, owner):
            if isinstance(value, _SIZED):
                self.take_time(len(value) // _SLOWNESS)
                if name not in _ORDERLESS:
                    self._sees_order(value)
                self.hashed(value)
        if name == "join" and len(args) == 1 and not isinstance(args[0], _SIZED):
            args = (list(self.items(args[0])),)
        library.check_call(name, owner, args, kwargs)
        if name not in ("next", "iter", "isinstance", "zip", "enumerate", "map", "filter"):
            args = tuple(counted(a, self.tick) if isinstance(a, Iterator) else a for a in args)
        if isinstance(function, type) and function not in self.made and not _is_plain(function):
            raise StopRun(f"`{name}` is not for a dry run")
        if owner is not None and name in _CHANGING:
            self.sees_mutation(owner)
        if name in ("Random", "seed"):
            args, kwargs = self.seeded(args, kwargs)
        result = function(*args, **kwargs)
        if name == "namedtuple":
            self.made.add(result)
        return result

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Any:
        owner = self.value(node.value, frame)
        if node.attr == "remote":
            return self.remote(owner, node)
        return self.attribute(owner, node.attr)

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of a value. Raises StopRun for what it does not have by itself."""
        if isinstance(owner, Library):
            found = self.operator_named(name) if owner.name == "operator" else None
            return self.member(owner, name) if found is None else found
        if name.startswith("__"):
            if name == "__init__" and isinstance(owner, super):
                return getattr(owner, name)
            if name == "__name__" and isinstance(owner, type | Function):
                return owner.__name__
            if name in _ITEM_METHODS and type(owner) in library.METHODS:
                return getattr(owner, name)
            raise StopRun(f"`{name}` is not for a dry run")
        if self.is_own(owner) or isinstance(owner, super):
            return getattr(owner, name)
        model = self.ray_attribute(owner, name)
        if model is not None:
            return model
        if name in library.methods_of(owner):
            return getattr(owner, name)
        if isinstance(owner, type):
            dotted = f"{owner.__module__}.{owner.__qualname__}.{name}".removeprefix("builtins.")
            if dotted in library.CLASS_ATTRIBUTES or (
                name in library.METHODS.get(owner, ()) and callable(getattr(owner, name))
            ):
                return getattr(owner, name)
        if isinstance(owner, Function) and name in vars(owner):
            return getattr(owner, name)
        raise StopRun(f"`{name}` of a {type(owner).__name__} is not known to a dry run")

    def _item(self, node: ast.Subscript, frame: Frame) -> Any:
        owner = self.value(node.value, frame)
        if isinstance(owner, type | Library) and not isinstance(owner, enum.EnumMeta):
            return owner  # ``list[int]``: a type
        return owner[self.key(node.slice, frame)]

    def key(self, node: ast.expr, frame: Frame) -> Any:
        """Return what stands between brackets."""
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return slice(*(None if part is None else self.value(part, frame) for part in parts))
        return self.hashed(self.value(node, frame))

    _computed: ClassVar[dict[type[ast.AST], Callable[..., Any]]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _boolean,
        ast.Compare: _compare,
        ast.IfExp: _choice,
        ast.NamedExpr: _assigned,
        ast.List: _list,
        ast.Tuple: _tuple,
        ast.Set: _set,
        ast.Dict: _dict,
        ast.JoinedStr: _text,
        ast.FormattedValue: _formatted,
        ast.ListComp: _list_comprehension,
        ast.SetComp: _set_comprehension,
        ast.DictComp: _dict_comprehension,
        ast.GeneratorExp: _generator,
        ast.Lambda: _lambda,
        ast.Await: _awaited,
        ast.Call: _called,
        ast.Attribute: _attribute,
        ast.Subscript: _item,
    }


_GROWING = (ast.Pow, ast.LShift, ast.Mult)
_NAMED: dict[str, type[ast.operator | ast.cmpop]] = {
    "add": ast.Add,
    "concat": ast.Add,
    "sub": ast.Sub,
    "mul": ast.Mult,
    "truediv": ast.Div,
    "floordiv": ast.FloorDiv,
    "mod": ast.Mod,
    "pow": ast.Pow,
    "lshift": ast.LShift,
    "rshift": ast.RShift,
    "and": ast.BitAnd,
    "or": ast.BitOr,
    "xor": ast.BitXor,
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "lt": ast.Lt,
    "le": ast.LtE,
    "gt": ast.Gt,
    "ge": ast.GtE,
}


def _is_plain(kind: type) -> bool:
    """Whether a class of the library makes values only."""
    module = kind.__module__.lstrip("_")
    known = kind.__module__ == "builtins" and kind.__name__ in library.BUILTINS
    return known or module in library.MODULES or kind is re.Pattern
