"""Evaluates calls: of libraries, of methods, of functions and classes of the project."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

from ray_lint.program import effects_table as table
from ray_lint.program.effect_expressions import Expressions
from ray_lint.program.effect_kinds import Effect, EffectKind
from ray_lint.program.effect_values import FRESH, NOTHING, Cell, Token, Value, of_type, union
from ray_lint.program.effect_walk import Raised, is_function
from ray_lint.program.module import Module

_DEPTH = 12  # calls of helpers within one another
_CALLBACKS = frozenset(
    """
    builtins.map builtins.filter builtins.sorted builtins.min builtins.max functools.reduce
    itertools.accumulate itertools.starmap itertools.takewhile itertools.dropwhile
    itertools.filterfalse itertools.groupby heapq.nlargest heapq.nsmallest heapq.merge re.sub
    numpy.vectorize numpy.apply_along_axis numpy.fromfunction collections.defaultdict
    """.split()  # noqa: SIM905
)
_KINDS = {"bool": "int", "counter": "dict", "defaultdict": "dict", "complex": "float"}
_KNOWN_KINDS = frozenset(table.METHODS) | frozenset(table.CHANGING)


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


class Calls(Expressions):
    """The part of the analysis that evaluates calls."""

    def _on_call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            return self._super(node)
        func = node.func
        if isinstance(func, ast.Attribute):
            owner = self.value(func.value)
            if not all(k.startswith("lib:") for k in owner.types or ("",)):
                if func.attr == "remote":
                    self.note(EffectKind.RAY_CALL, "submits a task with `.remote`", "remote")
                    self.arguments(node)
                    return FRESH
                arguments = self.arguments(node)
                return self.call_method(owner, func.attr, node, arguments)
            callee = self.read(func, self.attribute(owner, func))
        else:
            callee = self.value(func)
        return self.call(callee, node, self.arguments(node), _name_of(func))

    def arguments(self, node: ast.Call) -> Arguments:
        """Evaluate the arguments of a call."""
        found = Arguments([])
        for argument in node.args:
            value = self.value(argument)
            if isinstance(argument, ast.Starred) or found.loose is not None:
                found.loose = value if found.loose is None else found.loose | value
            else:
                found.positional.append(value)
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is None:
                held = self.held(value) if value.refs else FRESH
                found.loose = held if found.loose is None else found.loose | held
            else:
                found.keywords[keyword.arg] = value
        return found

    def call(self, callee: Value, node: ast.AST, args: Arguments, name: str) -> Value:
        """Call what a value may be."""
        if callee.types is None:
            self._unknown_call(callee, name)
            return self._anything(args)
        found = []
        for kind in sorted(callee.types):
            prefix, _, rest = kind.partition(":")
            if prefix == "lib":
                found.append(self.call_library(rest, node, args))
            elif prefix == "def":
                module, function = self.nodes[kind]
                found.append(
                    self.call_function(
                        module, function, args.positional, args.keywords, name, loose=args.loose
                    )
                )
            elif prefix == "class":
                found.append(self.construct(kind, node, args))
            elif prefix == "cached":
                found.append(self._cached(kind, args, name))
            elif prefix == "bound":
                found.append(self.call_method(Value(None, callee.refs), rest, node, args))
            elif prefix == "partial":
                for token in callee.refs:
                    if token in self.heap:
                        every = union([self.heap[token].contents, *args.every])
                        inner = self.heap[token].keys
                        found.append(self.call(inner, node, Arguments([], {}, every), name))
            elif prefix == "instance":
                result = self.dunder("__call__", Value(frozenset({kind}), callee.refs), *args.every)
                if result is None:
                    self._unknown_call(callee, name)
                found.append(result or FRESH)
            elif prefix == "none":
                self.may_raise("calls what may be None", ("TypeError",))
            else:
                self._unknown_call(callee, name)
        return union(found) if found else FRESH

    def _unknown_call(self, callee: Value, name: str) -> None:
        for token in callee.refs:
            if token.kind == "parameter":
                text = f"calls its parameter `{token.name}`, whose effects are not known"
                self.note(EffectKind.UNKNOWN_CALL, text, token.name)
                return
        text = f"calls `{name}`, which is not known to be free of side effects"
        self.note(EffectKind.UNKNOWN_CALL, text, name)

    def _anything(self, args: Arguments) -> Value:
        refs = frozenset(r for v in args.every if not v.immutable for r in v.refs)
        return Value(None, refs)

    def _cached(self, kind: str, args: Arguments, name: str) -> Value:
        """Call a function with a cache: pure if its results cannot be changed."""
        module, function = self.nodes[kind]
        result = self.call_function(
            module, function, args.positional, args.keywords, name, loose=args.loose
        )
        if self.plain(result):
            return result
        return Value(None, result.refs | {Token("outside", f"the cache of {name}")})

    # -- libraries ----------------------------------------------------------------------------

    def call_library(self, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a function of a library by its dotted name."""
        first = args.positional[0] if args.positional else args.loose or FRESH
        special = getattr(self, "_lib_" + name.replace(".", "_"), None)
        if special is not None:
            result: Value = special(node, args)
            return result
        if name == "ray" or name.startswith("ray."):
            self.note(EffectKind.RAY_CALL, f"calls `{name}`", name)
            return Value(None, self._anything(args).refs)
        if name in table.SEEDS:
            if args.every:
                self.seeded |= {table.SEEDS[name]}
            else:
                self.note(EffectKind.RANDOM, f"seeds `{name}` from the system", table.SEEDS[name])
            return of_type("none")
        if name in table.GENERATORS:
            if not args.every or args.every[0].types == frozenset({"none"}):
                self.note(EffectKind.RANDOM, f"makes an unseeded generator with `{name}`", name)
            made = self.make("new", node)
            return Value(frozenset({table.GENERATORS[name]}), made.refs)
        if name in table.CHANGES_ARGUMENT:
            return self._changing_function(name, node, args)
        if name in table.FUNCTIONS:
            return self._known_function(name, node, args, first)
        return self._foreign(name, node, args)

    def _known_function(self, name: str, node: ast.AST, args: Arguments, first: Value) -> Value:
        if name in table.RAISING and not (
            name.startswith("math.") and all(v.types == frozenset({"bool"}) for v in args.every)
        ):
            error, reason = table.RAISING[name]
            self.may_raise(f"calls `{_short(name)}`, which {reason}", (error,))
        out = args.keywords.get("out")
        if out is not None:
            self.changes(out)
        for value in args.every:
            if value.types == frozenset({"iter"}) or _is_iterator(value):
                self.changes(value, "consumes")
        called = self._callbacks(name, node, args)
        self._conversions(name, args)
        if name == "copy.deepcopy" and first.immutable:
            return first
        result = self.interpret(table.FUNCTIONS[name], node, first, args.every)
        if called is not None and name in {"builtins.map", "functools.reduce"}:
            return result | called
        return result

    def _conversions(self, name: str, args: Arguments) -> None:
        """Run the methods of project classes that builtins call."""
        asked = {
            "builtins.str": ("__str__", "__repr__"),
            "builtins.repr": ("__repr__",),
            "builtins.len": ("__len__",),
            "builtins.abs": ("__abs__",),
            "builtins.bool": ("__bool__", "__len__"),
            "builtins.hash": ("__hash__",),
            "builtins.round": ("__round__",),
            "builtins.sorted": ("__lt__",),
            "builtins.min": ("__lt__", "__gt__"),
            "builtins.max": ("__lt__", "__gt__"),
        }.get(name, ())
        for value in args.positional[:1]:
            for method in asked:
                for target in (value, self.elements(value)):
                    if target.types is not None:
                        self.dunder(method, target, target)

    def _callbacks(self, name: str, node: ast.AST, args: Arguments) -> Value | None:
        """Call the functions among the arguments, with elements of the other arguments."""
        found: Value | None = None
        for value in args.every:
            kinds = value.types or frozenset()
            mine = any(
                k.startswith(("def:", "partial:", "cached:", "instance:class")) for k in kinds
            )
            library = any(k.startswith(("lib:", "bound:")) for k in kinds)
            unknown = (
                value.types is None and name in _CALLBACKS and value is args.keywords.get("key")
            )
            if any(k.startswith("instance:") for k in kinds) and not mine:
                continue
            if name in {"functools.reduce"} and value is args.every[0] and value.types is None:
                unknown = True
            if not (mine or unknown or (library and name in _CALLBACKS)):
                continue
            if any(k.startswith("instance:") for k in kinds) and not self.methods(
                value, "__call__"
            ):
                continue
            others = [v for v in args.every if v is not value]
            loose = union([self.elements(v) for v in others] + [v for v in others if v.immutable])
            if name == "functools.reduce":
                loose |= FRESH
            count = self._arity(value, name)
            call_args = Arguments([loose] * count) if count else Arguments([], {}, loose)
            result = self.call(value, node, call_args, "its callback")
            found = result if found is None else found | result
        return found

    def _arity(self, value: Value, name: str) -> int:
        if name in {"functools.reduce", "itertools.accumulate"}:
            return 2
        if name in {"itertools.starmap", "builtins.map", "numpy.fromfunction"}:
            return 0
        if name == "collections.defaultdict":
            return 0
        return 1

    def _changing_function(self, name: str, node: ast.AST, args: Arguments) -> Value:
        index, result = table.CHANGES_ARGUMENT[name]
        every = args.every
        if index < len(every):
            self.changes(every[index], f"changes by `{_short(name)}`")
            others = union([v for i, v in enumerate(every) if i != index])
            self.store(every[index], others)
            if name in {"builtins.setattr", "builtins.delattr"}:
                self.class_write(every[index], "…")
        if name == "builtins.next":
            if len(every) < 2:
                self.may_raise(
                    "calls `next` without a default", ("StopIteration",), EffectKind.RAISES
                )
            return union([self.iterate(every[0]), *every[1:]]) if every else FRESH
        if name.startswith("heapq.heap") and result == ".":
            self.may_raise("takes from a heap that may be empty", ("IndexError",))
        first = every[index] if index < len(every) else FRESH
        return self.interpret(result, node, first, every)

    def _foreign(self, name: str, node: ast.AST, args: Arguments) -> Value:
        head, _, method = name.rpartition(".")
        kind = head.partition(".")[2]
        if head.startswith("builtins.") and kind in {
            "str",
            "bytes",
            "int",
            "float",
            "list",
            "dict",
            "set",
            "tuple",
            "frozenset",
        }:
            if method in {"fromkeys", "maketrans", "fromhex", "from_bytes"}:
                return self.make("dict", node, union(args.every)) if method == "fromkeys" else FRESH
            if args.positional:
                rest = Arguments(args.positional[1:], args.keywords, args.loose)
                known = Value(frozenset({kind}), args.positional[0].refs)
                return self.call_method(known, method, node, rest)
        error = getattr(builtins, name.rpartition(".")[2], None) if head == "builtins" else None
        if isinstance(error, type) and issubclass(error, BaseException):
            return FRESH
        if name.endswith(("Error", "Exception")) and not name.startswith("ray."):
            return FRESH
        found = table.foreign(name)
        if found is None and table.is_pure_module(name):
            self._callbacks(name, node, args)
            return self._anything(args)
        if found is None:
            for value in args.every:
                self._escape(value, name)
            self._unknown_call(NOTHING, name.removeprefix("builtins."))
            return self._anything(args)
        effect, verb = found
        if effect == "RANDOM":
            library = "numpy.random" if name.startswith("numpy.random") else name.partition(".")[0]
            if library in self.seeded:
                table_name = "numpy.random.Generator" if "numpy" in library else "random.Random"
                result = table.CHANGING[table_name].get(name.rpartition(".")[2], "fresh")
                if method_is_shuffle(name) and args.positional:
                    self.changes(args.positional[0])
                return self.interpret(result, node, FRESH, args.every)
            self.note(EffectKind.RANDOM, f"{verb} `{name}` without a seed", library)
            if method_is_shuffle(name) and args.positional:
                self.changes(args.positional[0])
            table_name = "numpy.random.Generator" if "numpy" in library else "random.Random"
            result = table.CHANGING[table_name].get(name.rpartition(".")[2], "fresh")
            return self.interpret(result, node, FRESH, args.every)
        if effect == "RAISES":
            self.may_raise(f"calls `{_short(name)}`", ("SystemExit",), EffectKind.RAISES)
            return NOTHING
        if effect == "TIME":
            self.note(EffectKind.TIME, f"{verb} `{_short(name)}`", name)
            return of_type("float") if name.startswith("time.") else of_type("atom")
        self.note(EffectKind[effect], f"{verb} `{_short(name)}`", name)
        self._callbacks(name, node, args)
        if name == "builtins.id":
            return of_type("int")
        return Value(None, frozenset())

    def _escape(self, value: Value, name: str) -> None:
        """Note that an unknown function may change what it is given."""
        if not self.plain(value):
            for token in self.shared(value):
                self.changes(Value(None, frozenset({token})), f"gives to `{_short(name)}`")

    def interpret(self, text: str, node: ast.AST, first: Value, every: list[Value]) -> Value:
        """Return the value that a result of the table stands for."""
        if "|" in text:
            if text == "number|array":
                scalar = bool(every) and all(
                    v.types is not None and v.types <= table.NUMBERS for v in every
                )
                return of_type("number") if scalar else FRESH
            return union([self.interpret(t, node, first, every) for t in text.split("|")])
        if text.endswith("]"):
            kind, _, inner = text[:-1].partition("[")
            if inner == "." and kind in {"dict", "set", "deque"} and not every:
                return self.make(kind, node)
            contents = self.interpret(inner, node, first, every)
            keys = of_type("atom") if inner != "." else self._keys(every)
            if kind == "dict":
                return self.make("dict", node, self._dict_contents(every) | contents, keys)
            return self.make(kind, node, contents)
        if text in table.IMMUTABLE:
            return of_type(text)
        if text == "array":
            return self.make("array", node, of_type("number"))
        if text == ".":
            return union([self.elements(v) for v in every]) if every else NOTHING
        if text == "*":
            if len(every) == 1:
                return self.elements(every[0])
            return union([v | self.held(v) if not v.immutable else v for v in every])
        if text == "@":
            return first
        if text == "copy":
            kinds = sorted((first.types or frozenset()) & {"list", "dict", "set", "deque", "array"})
            kind = kinds[0] if len(kinds) == 1 else "list"
            held = self.held(first) if first.refs else NOTHING
            made = self.make(kind, node, held, self._keys([first]))
            return made if kinds else Value(None, made.refs)
        return FRESH

    def _keys(self, every: list[Value]) -> Value:
        return union([self.elements(v) for v in every])

    def _dict_contents(self, every: list[Value]) -> Value:
        """Return what the values of a dict made of the arguments may be."""
        found = []
        for value in every:
            for token in value.refs:
                if token in self.heap:
                    inner = self.heap[token].contents
                    found += [inner, self.elements(inner)] if inner.refs else [inner]
            if value.immutable:
                found.append(value)
        return union(found)

    # -- builtins with a meaning of their own -------------------------------------------------

    def _lib_builtins_map(self, node: ast.AST, args: Arguments) -> Value:
        if not args.positional:
            return FRESH
        given = [self.iterate(v) for v in args.positional[1:]]
        return self.make("iter", node, self.call(args.positional[0], node, Arguments(given), "map"))

    def _lib_builtins_filter(self, node: ast.AST, args: Arguments) -> Value:
        if len(args.positional) < 2:
            return FRESH
        part = self.iterate(args.positional[1])
        if args.positional[0].types != frozenset({"none"}):
            self.call(args.positional[0], node, Arguments([part]), "filter")
        return self.make("iter", node, part)

    def _lib_builtins_enumerate(self, node: ast.AST, args: Arguments) -> Value:
        part = self.iterate(args.positional[0]) if args.positional else FRESH
        pair = self.make("tuple", (node, "pair"), NOTHING, NOTHING, (of_type("int"), part))
        if pair.refs:
            for token in pair.refs:
                self.heap[token].contents |= part | of_type("int")
        return self.make("iter", node, pair)

    def _lib_builtins_zip(self, node: ast.AST, args: Arguments) -> Value:
        parts = tuple(self.iterate(v) for v in args.positional)
        known = None if args.loose is not None else parts
        held = union([*parts, self.held(args.loose) if args.loose else NOTHING])
        return self.make("iter", node, self.make("tuple", (node, "row"), held, NOTHING, known))

    def _lib_builtins_iter(self, node: ast.AST, args: Arguments) -> Value:
        if len(args.positional) != 1:
            return FRESH
        return self.make("iter", node, self.iterate(args.positional[0]))

    def _lib_builtins_int(self, node: ast.AST, args: Arguments) -> Value:
        if args.every and not (args.every[0].types and args.every[0].types <= {"int", "bool"}):
            self.may_raise("converts with `int`", ("ValueError", "TypeError", "OverflowError"))
        for value in args.every:
            self.dunder("__int__", value)
        return of_type("int")

    def _lib_builtins_float(self, node: ast.AST, args: Arguments) -> Value:
        if args.every and not (args.every[0].types and args.every[0].types <= table.NUMBERS):
            self.may_raise("converts with `float`", ("ValueError", "TypeError"))
        for value in args.every:
            self.dunder("__float__", value)
        return of_type("float")

    def _lib_builtins_sum(self, node: ast.AST, args: Arguments) -> Value:
        part = self.iterate(args.positional[0]) if args.positional else FRESH
        start = args.every[1] if len(args.every) > 1 else of_type("int")
        if part.types is not None and part.types <= table.NUMBERS:
            return self.binary(ast.Add(), part, start)
        self.dunder("__add__", part, part)
        if start.immutable:
            return FRESH
        return self.make("list", node, self.held(part) | self.held(start))

    def _lib_builtins_getattr(self, node: ast.AST, args: Arguments) -> Value:
        if not args.positional:
            return FRESH
        if len(args.every) < 3:
            self.may_raise("reads an attribute by name", ("AttributeError",))
        name = node.args[1] if isinstance(node, ast.Call) and len(node.args) > 1 else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            found = self.plain_attribute(args.positional[0], name.value)
        else:
            # Any attribute: for a class of the project also any method.
            found = Value(None, args.positional[0].refs)
        return union([found, *args.every[2:]])

    def _lib_functools_partial(self, node: ast.AST, args: Arguments) -> Value:
        if not args.positional:
            return FRESH
        token = Token("new", "partial", node)
        self.heap[token] = Cell(union([*args.positional[1:], *args.every[1:]]), args.positional[0])
        return Value(frozenset({"partial:"}), frozenset({token}))

    def _lib_functools_wraps(self, node: ast.AST, args: Arguments) -> Value:
        return of_type("lib:typing.final")

    def _lib_typing_cast(self, node: ast.AST, args: Arguments) -> Value:
        return args.positional[1] if len(args.positional) > 1 else FRESH

    def _lib_collections_namedtuple(self, node: ast.AST, args: Arguments) -> Value:
        return of_type("lib:namedtuple")

    def _lib_namedtuple(self, node: ast.AST, args: Arguments) -> Value:
        return Value(None, self.make("list", node, union(args.every)).refs)

    def _lib_collections_defaultdict(self, node: ast.AST, args: Arguments) -> Value:
        contents = NOTHING
        if args.positional:
            contents = self.call(args.positional[0], node, Arguments([]), "default factory")
        made = self.make("dict", node, contents)
        return Value(frozenset({"defaultdict"}), made.refs)

    def _super(self, node: ast.Call) -> Value:
        """Return ``self`` as its base classes see it."""
        function = next((n for n in self.names.ancestors(node) if is_function(n)), None)
        scope = self.names.scopes.get(function) if function is not None else None
        holder = next((n for n in self.names.ancestors(node) if isinstance(n, ast.ClassDef)), None)
        if scope is None or holder is None or not isinstance(function, ast.FunctionDef):
            return FRESH
        first = (*function.args.posonlyargs, *function.args.args)[:1]
        value = self.env.get((scope, first[0].arg), FRESH) if first else FRESH
        key = next(iter(self.class_value(self.module, holder).types or ()))
        return Value(frozenset({f"super:{key}"}), value.refs)

    # -- methods ------------------------------------------------------------------------------

    def call_method(self, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a method of a value."""
        found: list[Value] = []
        rest = None if owner.types is None else set(owner.types)
        if owner.types is not None:
            for kind in sorted(owner.types):
                if kind.startswith(("instance:", "super:", "class:")):
                    result = self._project_method(kind, owner, name, node, args)
                    if result is not None:
                        found.append(result)
                        assert rest is not None
                        rest.discard(kind)
                elif kind.startswith(("lib:", "def:", "cached:", "bound:")):
                    value = self.plain_attribute(Value(frozenset({kind}), owner.refs), name)
                    if kind.startswith("lib:"):
                        found.append(self.call(value, node, args, name))
                    else:
                        self._unknown_call(NOTHING, name)
                    assert rest is not None
                    rest.discard(kind)
                elif kind == "none":
                    self.may_raise("calls a method of what may be None", ("AttributeError",))
                    assert rest is not None
                    rest.discard(kind)
            if not rest:
                return union(found) if found else FRESH
            known = [k for k in sorted(rest) if self._has(k, name)]
            if known and len(known) == len(rest):
                found += [self._typed_method(k, owner, name, node, args) for k in known]
                return union(found)
        else:
            for module, method in self.methods(owner, name):
                given = [owner, *args.positional]
                found.append(
                    self.call_function(module, method, given, args.keywords, name, loose=args.loose)
                )
        return union([*found, self._method_by_name(owner, name, node, args, known=bool(found))])

    def _has(self, kind: str, name: str) -> bool:
        kind = _KINDS.get(kind, kind)
        return name in table.METHODS.get(kind, {}) or name in table.CHANGING.get(kind, {})

    def _typed_method(
        self, kind: str, owner: Value, name: str, node: ast.AST, args: Arguments
    ) -> Value:
        kind = _KINDS.get(kind, kind)
        self._method_raises(owner, name, node, kind)
        result = table.METHODS.get(kind, {}).get(name)
        if result is None:
            return self._change(table.CHANGING[kind][name], owner, name, node, args)
        return self._result(result, owner, name, node, args)

    def _result(self, text: str, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Return the result of a reading method."""
        self._callbacks(f"method.{name}", node, args)
        out = args.keywords.get("out")
        if out is not None:
            self.changes(out)
        if name == "get":
            found = [self._values_of(owner), *args.every[1:]]
            return union(found if len(args.every) > 1 else [*found, of_type("none")])
        if name == "values":
            return self.make("iter*", node, self._values_of(owner))
        if name == "keys":
            return self.make("iter*", node, self.elements(owner))
        if name == "items":
            fields = (self.elements(owner), self._values_of(owner))
            pair = self.make("tuple", (node, "pair"), union(list(fields)), NOTHING, fields)
            return self.make("iter*", node, pair)
        if text == "copy" and owner.types is not None and "dict" in owner.types:
            return self.make("dict", node, self._values_of(owner), self.elements(owner))
        every = [owner, *args.every] if name not in {"format", "join"} else [owner]
        return self.interpret(text, node, owner, every)

    def _values_of(self, owner: Value) -> Value:
        found = NOTHING
        for token in owner.refs:
            known = self.heap.get(token)
            found |= known.contents if known is not None else Value(None, frozenset({token}))
        return found if owner.refs else FRESH

    def _change(self, text: str, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Note that a method changes its receiver and return its result."""
        self.changes(owner, f"changes by `.{name}(…)`")
        self._callbacks(f"method.{name}", node, args)
        if name == "shuffle" and args.positional:
            self.changes(args.positional[0], "shuffles")
        result = self._values_of(owner) | FRESH if text == "." else None
        stored = union(args.every)
        if name in {"extend", "update", "extendleft"}:
            stored = union([self.elements(v) | self._dict_contents([v]) for v in args.every])
            for value in args.every:
                self.iterate(value)
        elif name == "setdefault":
            stored = union(args.every[1:])
            result = stored | self._values_of(owner)
        elif name in {"insert"}:
            stored = union(args.every[1:])
        if stored is not NOTHING and name not in {"pop", "remove", "sort", "discard", "popleft"}:
            keys = args.positional[0] if name in {"setdefault"} and args.positional else NOTHING
            if name == "update":
                keys = union([self.elements(v) for v in args.every])
            self.store(owner, stored, keys)
        if name == "pop" and result is not None:
            held = self._values_of(owner)
            result = union([held, *args.every[1:]]) if owner.refs else FRESH
        if result is not None:
            return result
        return self.interpret(text, node, owner, [owner, *args.every])

    def _method_by_name(
        self, owner: Value, name: str, node: ast.AST, args: Arguments, *, known: bool
    ) -> Value:
        """Call a method of a value of unknown type, by what methods of that name do."""
        reading = table.READING_METHODS.get(name, ())
        changing = table.CHANGING_METHODS.get(name, ())
        outside = table.OUTSIDE_METHODS.get(name)
        self._method_raises(owner, name, node, "")
        if outside is not None and not reading and (owner.refs or not changing):
            self.note(EffectKind[outside], f"calls `.{name}(…)`", name)
            return FRESH
        if not reading and not changing:
            if known:
                return NOTHING
            parameters = [t.name for t in owner.refs if t.kind != "new"]
            shown = f"{parameters[0]}.{name}" if len(parameters) == 1 else f".{name}"
            self._unknown_call(NOTHING, shown)
            for value in (owner, *args.every):
                self._escape(value, shown)
            return self._anything(Arguments([owner, *args.every]))
        found = [self._result(t, owner, name, node, args) for t in reading]
        if changing:
            found += [self._change(t, owner, name, node, args) for t in changing]
        if len({*reading}) == 1 and not changing and reading[0] in table.IMMUTABLE:
            call = node if isinstance(node, ast.Call) else None
            func = call.func if call is not None else None
            text = table.METHODS["str"].get(name) and not any(
                name in methods
                for kind, methods in table.METHODS.items()
                if kind not in {"str", "bytes"}
            )
            if text and isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
                self.learn(func.value, of_type("str", "bytes"))
        return union(found)

    def _method_raises(self, owner: Value, name: str, node: ast.AST, kind: str) -> None:
        errors = table.RAISING_METHODS.get(name, "")
        if errors and not (
            name == "pop" and kind in {"set", ""} and len(getattr(node, "args", ())) > 1
        ):
            if name == "pop" and len(getattr(node, "args", ())) > 1:
                return
            if name in {"encode", "decode"} and owner.types == frozenset({"str"}):
                return
            self.may_raise(f"calls `.{name}(…)`, which fails for some values", errors.split())

    # -- the project's classes ----------------------------------------------------------------

    def _find(self, kind: str, name: str, depth: int = 0) -> tuple[Module, ast.AST] | str | None:
        """Find a member of a class: its node, or "?" if a base is not known."""
        module, node = self.nodes[kind]
        assert isinstance(node, ast.ClassDef)
        bindings = module.names.scopes[node].bindings.get(name, [])
        if bindings:
            return module, bindings[-1].node
        if depth > _DEPTH:
            return "?"
        unknown = False
        for base in self._bases(kind):
            if base.startswith("class:"):
                found = self._find(base, name, depth + 1)
                if isinstance(found, tuple):
                    return found
                unknown = unknown or found == "?"
            elif not table.is_harmless_base(base.removeprefix("lib:")):
                unknown = True
        return "?" if unknown else None

    def _bases(self, kind: str) -> list[str]:
        module, node = self.nodes[kind]
        assert isinstance(node, ast.ClassDef)
        found: list[str] = []
        here, self.module = self.module, module
        self.silent += 1
        try:
            for base in node.bases:
                plain = base.value if isinstance(base, ast.Subscript) else base
                found.extend(sorted(self.value(plain).types or ("?",)))
        finally:
            self.module = here
            self.silent -= 1
        return found

    def _project_method(
        self, kind: str, owner: Value, name: str, node: ast.AST, args: Arguments
    ) -> Value | None:
        prefix, _, rest = kind.partition(":")
        bound = prefix != "class"
        if prefix == "super":
            for base in self._bases(rest):
                if base.startswith("class:"):
                    member = self._find(base, name)
                    if isinstance(member, tuple):
                        break
                elif table.is_harmless_base(base.removeprefix("lib:")):
                    member = None
                else:
                    member = "?"
                    break
            else:
                return FRESH
            owner = Value(frozenset({f"instance:{rest}"}), owner.refs)
        else:
            member = self._find(kind if prefix == "class" else rest, name)
        if isinstance(member, tuple):
            module, found = member
            if is_function(found):
                return self._call_member(module, found, owner, name, args, bound=bound)
            value = self._class_attribute(module, found, name)
            return self.call(value, node, args, name)
        attributes = [
            self.heap[t].attributes[name]
            for t in owner.refs
            if t in self.heap and name in self.heap[t].attributes
        ]
        if attributes:
            return self.call(union(attributes), node, args, name)
        if member is None and name in {"_replace", "_asdict", "_make"}:
            return Value(None, self.held(owner).refs)
        if member is None and name in {"__init__", "__init_subclass__", "__post_init__"}:
            return of_type("none")
        return None

    def _call_member(
        self,
        module: Module,
        found: ast.AST,
        owner: Value,
        name: str,
        args: Arguments,
        *,
        bound: bool,
    ) -> Value:
        given = [owner, *args.positional] if bound else args.positional
        for decorator in getattr(found, "decorator_list", []):
            known = module.names.qualified(decorator)
            if known == "builtins.staticmethod":
                given = args.positional
            elif known == "builtins.classmethod":
                given = [owner, *args.positional]
            elif known not in table.HARMLESS_DECORATORS | table.CACHES:
                self._unknown_call(NOTHING, ast.unparse(decorator))
        return self.call_function(module, found, given, args.keywords, name, loose=args.loose)

    def _class_attribute(self, module: Module, node: ast.AST, name: str) -> Value:
        scope = module.names.scope_of(node)
        return self.outer_value(module, scope, name)

    def methods(self, value: Value, name: str) -> list[tuple[Module, ast.AST]]:
        """Return the methods of that name which the value may have."""
        found: list[tuple[Module, ast.AST]] = []
        if value.types is None:
            if not value.refs and name.startswith("__"):
                return []
            return self._members(self.module).get(name, found)
        for kind in value.types:
            if kind.startswith("instance:"):
                member = self._find(kind.partition(":")[2], name)
                if isinstance(member, tuple) and is_function(member[1]):
                    found.append(member)
        return found

    def _members(self, module: Module) -> dict[str, list[tuple[Module, ast.AST]]]:
        """Return all methods of the classes of a module by name, without mere stubs."""
        if module not in self.members:
            index: dict[str, list[tuple[Module, ast.AST]]] = {}
            for scope in module.names.scopes.values():
                for name, bindings in scope.bindings.items() if scope.is_class else ():
                    nodes = [b.node for b in bindings if is_function(b.node)]
                    nodes = [n for n in nodes if not _is_stub(n)]
                    index.setdefault(name, []).extend((module, n) for n in nodes)
            self.members[module] = index
        return self.members[module]

    def dunder(self, name: str, owner: Value, *arguments: Value) -> Value | None:
        """Run an operator method that a class of the project defines."""
        if owner.immutable:
            return None
        found = [
            self.call_function(module, method, [owner, *arguments], {}, name)
            for module, method in self.methods(owner, name)
        ]
        return union(found) if found else None

    def construct(self, kind: str, node: ast.AST, args: Arguments) -> Value:
        """Make an instance of a class of the project."""
        module, definition = self.nodes[kind]
        assert isinstance(definition, ast.ClassDef)
        for decorator in definition.decorator_list:
            plain = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.names.qualified(plain) not in table.HARMLESS_DECORATORS:
                self._unknown_call(NOTHING, ast.unparse(plain))
        bases = self._bases(kind)
        if any(b.startswith("lib:enum.") for b in bases):
            self.may_raise("looks up a member of an enumeration", ("ValueError",))
            return of_type("atom")
        made = self.make("new", node)
        instance = Value(frozenset({f"instance:{kind}"}), made.refs)
        for name in ("__new__", "__init__"):
            member = self._find(kind, name)
            if isinstance(member, tuple) and is_function(member[1]):
                self.call_function(
                    member[0], member[1], [instance, *args.positional], args.keywords, name,
                    loose=args.loose,
                )  # fmt: skip
                return instance
            if member == "?":
                unknown = [b for b in bases if not b.startswith("class:")]
                shown = (unknown or ["lib:object"])[0].removeprefix("lib:")
                self._unknown_call(NOTHING, f"{definition.name}({shown})")
                break
        fields = [
            s.target.id
            for s in definition.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]
        cell = self.heap[next(iter(made.refs))]
        for name, value in [*zip(fields, args.positional, strict=False), *args.keywords.items()]:
            cell.attributes[name] = cell.attributes.get(name, NOTHING) | value
        for statement in definition.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
                if name not in cell.attributes and isinstance(statement.value, ast.Call):
                    cell.attributes[name] = self._field_default(module, statement.value)
        if args.loose is not None:
            cell.contents |= args.loose
        cell.contents |= union(args.every)
        member = self._find(kind, "__del__")
        if isinstance(member, tuple):
            self.call_function(member[0], member[1], [instance], {}, "__del__")
        member = self._find(kind, "__post_init__")
        if isinstance(member, tuple):
            self.call_function(member[0], member[1], [instance], {}, "__post_init__")
        return instance

    def _field_default(self, module: Module, call: ast.Call) -> Value:
        """Return what ``field(default_factory=…)`` gives each instance."""
        here, self.module = self.module, module
        try:
            for keyword in call.keywords:
                if keyword.arg == "default_factory":
                    return self.call(self.value(keyword.value), call, Arguments([]), "factory")
                if keyword.arg == "default":
                    return self.value(keyword.value)
            return FRESH
        finally:
            self.module = here

    def plain_attribute(self, value: Value, name: str) -> Value:
        """Return an attribute by name."""
        if value.types is None:
            if name in table.PLAIN_ATTRIBUTES:
                return FRESH
            if name in {"__name__", "__qualname__", "__module__", "__doc__"}:
                return of_type("str")
            found = [
                self.call_function(m, f, [value], {}, name)
                for m, f in self.methods(value, name)
                if self._is_property(m, f)
            ]
            for method in ("__getattr__", "__getattribute__"):
                self.dunder(method, value, of_type("str"))
            return union([*found, Value(None, value.refs)])
        parts: list[Value] = []
        for kind in value.types:
            prefix, _, rest = kind.partition(":")
            if prefix == "lib":
                parts.append(self.dotted(self.module, f"{rest}.{name}"))
            elif prefix == "instance":
                parts.append(self._instance_attribute(kind, value, name))
            elif prefix == "class":
                parts.append(self._static_attribute(kind, value, name))
            elif kind in table.IMMUTABLE:
                parts.append(
                    of_type("atom") if not self._has(kind, name) else of_type(f"bound:{name}")
                )
            elif self._has(kind, name):
                parts.append(Value(frozenset({f"bound:{name}"}), value.refs))
            elif kind == "array":
                parts.append(FRESH if name in table.PLAIN_ATTRIBUTES else Value(None, value.refs))
            else:
                parts.append(Value(None, value.refs))
        return union(parts)

    def _is_property(self, module: Module, function: ast.AST) -> bool:
        return any(
            (module.names.qualified(d) or "").endswith("property")
            for d in getattr(function, "decorator_list", [])
        )

    def _instance_attribute(self, kind: str, value: Value, name: str) -> Value:
        key = kind.partition(":")[2]
        member = self._find(key, name)
        found = []
        for token in value.refs:
            if token in self.heap and token.kind == "new":
                if name in self.heap[token].attributes:
                    found.append(self.heap[token].attributes[name])
            elif token.kind != "new":
                found.append(self._annotated_field(key, name, token))
        if isinstance(member, tuple):
            module, node = member
            if is_function(node):
                if self._is_property(module, node):
                    return self.call_function(module, node, [value], {}, name)
                return Value(frozenset({f"bound:{name}"}), value.refs)
            if not found or not isinstance(module.names.parents.get(node), ast.AnnAssign):
                found.append(self._class_attribute(module, node, name))
        if not found:
            held = self.held(value)
            return held if held.refs else FRESH
        return union(found)

    def _annotated_field(self, key: str, name: str, token: Token) -> Value:
        """Return the field of an older instance, immutable if its annotation says so."""
        module, node = self.nodes[key]
        assert isinstance(node, ast.ClassDef)
        for statement in node.body:
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and statement.target.id == name
            ):
                here, self.module = self.module, module
                promised = self.annotation(statement.annotation, frozenset({token}))
                self.module = here
                if promised is not None:
                    return promised
        if token.kind == "parameter":
            return self._assigned_field(key, name, token)
        return Value(None, frozenset({token}))

    def _assigned_field(self, key: str, name: str, token: Token) -> Value:
        """Return what the methods of a class assign to a field of ``self``."""
        memo = (key, name)
        if memo not in self.fields:
            self.fields[memo] = FRESH
            here = self.module
            self.module, node = self.nodes[key]
            try:
                found = [
                    self.before_call(lambda n=n: self._field_value(n))  # type: ignore[misc]
                    for n in self.names.walk(node)
                    if isinstance(n, ast.Attribute)
                    and n.attr == name
                    and isinstance(n.ctx, ast.Store)
                    and isinstance(n.value, ast.Name)
                ]
            finally:
                self.module = here
            self.fields[memo] = union(found) if found else FRESH
        value = self.fields[memo]
        if self.plain(value) and value is not NOTHING:
            return value
        return Value(value.types, frozenset({token}))

    def _field_value(self, target: ast.Attribute) -> Value:
        """Return what one assignment gives an attribute."""
        parent = self.names.parents.get(target)
        if isinstance(parent, ast.Assign) and target in parent.targets:
            return self.value(parent.value)
        if isinstance(parent, ast.AnnAssign) and parent.value is not None:
            return self.value(parent.value)
        if isinstance(parent, ast.AugAssign):
            right = self.value(parent.value)
            return right if right.immutable else FRESH
        return FRESH

    def _static_attribute(self, kind: str, value: Value, name: str) -> Value:
        member = self._find(kind, name)
        if isinstance(member, tuple):
            module, node = member
            if is_function(node):
                return self.function_value(module, node)
            if any(b.startswith("lib:enum.") for b in self._bases(kind)):
                return of_type("atom")
            return self._class_attribute(module, node, name)
        if any(b.startswith("lib:enum.") for b in self._bases(kind)):
            return of_type("atom")
        if name in {"__name__", "__qualname__", "__doc__"}:
            return of_type("str")
        return Value(None, frozenset({Token("outside", self.shown(kind))}))

    # -- the project's functions --------------------------------------------------------------

    def decorated(self, decorator: ast.expr, value: Value) -> Value:
        """Apply a decorator."""
        plain = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = self.names.qualified(plain) or ""
        if name in table.HARMLESS_DECORATORS or name == "functools.wraps":
            return value
        if name == "ray.remote":
            return of_type("lib:ray.remote_function")
        if name in table.CACHES:
            kinds = set()
            for kind in value.types or ():
                if kind.startswith("def:"):
                    self.nodes[f"cached:{kind}"] = self.nodes[kind]
                    kinds.add(f"cached:{kind}")
            return Value(frozenset(kinds)) if kinds else FRESH
        callee = self.value(decorator)
        return self.call(callee, decorator, Arguments([value]), _name_of(plain))

    def call_function(
        self,
        module: Module,
        function: ast.AST,
        positional: list[Value],
        keywords: dict[str, Value],
        name: str,
        *,
        loose: Value | None = None,
    ) -> Value:
        """Run the body of a function of the project."""
        key = (
            function,
            tuple(positional),
            tuple(sorted(keywords.items(), key=lambda k: k[0])),
            loose,
        )
        if function in self.busy_calls:
            known = self.busy_calls[function]
            return known if known is not NOTHING else NOTHING
        if len(self.stack) >= _DEPTH:
            self._unknown_call(NOTHING, name)
            return Value(None, frozenset(r for v in positional for r in v.refs))
        memo = self.calls.get(key)
        if memo is not None and not self.silent:
            for effect in memo[1]:
                self.note(effect.kind, effect.reason, effect.name)
            for inner, errors in memo[2]:
                self.may_raise(inner.reason, errors, inner.kind)
            return memo[0]
        shown = getattr(function, "name", name if name != "its callback" else "its lambda")
        if shown.startswith("__") and shown.endswith("__"):
            holder = module.names.parents.get(function)
            shown = f"{getattr(holder, 'name', '')}.{shown}"
        here, self.module = self.module, module
        saved, saved_yields = self.returned, self.yielded
        self.returned, self.yielded = [], []
        before, self.effects = self.effects, {}
        self.raised.append([])
        inner_line = self.line
        self.stack.append((function, shown))
        self.busy_calls[function] = NOTHING
        result = NOTHING
        try:
            for _ in range(2):
                self.returned, self.yielded = [], []
                self._bind_parameters(function, positional, keywords, loose)
                self._run(function)
                result = union(self.returned)
                if self.yielded:
                    result = self.make("iter", function, union(self.yielded))
                if result == self.busy_calls[function]:
                    break
                if function not in self.recursive:
                    self.recursive[function] = _calls_itself(function)
                if not self.recursive[function]:
                    break
                self.busy_calls[function] = result
        finally:
            del self.busy_calls[function]
            self.module = here
            self.stack.pop()
            self.line = inner_line
            self.returned, self.yielded = saved, saved_yields
            inner_effects, self.effects = self.effects, before
            raised = self.raised.pop()
        effects = [_unprefixed(e, shown) for e in inner_effects]
        thrown: list[Raised] = [(_unprefixed(e, shown), errors) for e, errors in raised]
        if not self.silent:
            self.calls[key] = (result, effects, thrown)
        for effect in effects:
            self.note_inner(effect)
        for effect, kinds in thrown:
            if self.raised:
                self.raised[-1].append((self._at(effect), kinds))
            elif not self.silent:
                self.effects.setdefault(self._at(effect))
        return result

    def _at(self, effect: Effect) -> Effect:
        return Effect(effect.kind, effect.reason, self.line, effect.name)

    def note_inner(self, effect: Effect) -> None:
        """Note an effect of a function that was called."""
        if not self.silent:
            self.effects.setdefault(self._at(effect))

    def _run(self, function: ast.AST) -> None:
        if isinstance(function, ast.Lambda):
            self.returned.append(self.value(function.body))
            return
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(function, ast.AsyncFunctionDef):
            self.note(EffectKind.AWAITS, "is a coroutine")
        if self.block(function.body):
            self.returned.append(of_type("none"))

    def run_root(self, function: ast.AST, given: dict[str, Value]) -> None:
        """Run the analysed function itself with these arguments."""
        self._bind_parameters(function, [], given, None)
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        scope = self.names.scopes[function]
        for name, node in default_values(function.args).items():
            self.env[scope, name] |= self._default(node, name)
        for extra in (function.args.vararg, function.args.kwarg):
            if extra is not None:
                kind = "tuple" if extra is function.args.vararg else "dict"
                token = Token("new", kind, extra)
                held = Value(None, frozenset({Token("parameter", extra.arg)}))
                self.heap[token] = Cell(held, of_type("str"))
                self.env[scope, extra.arg] = Value(frozenset({kind}), frozenset({token}))
        self._run(function)

    def _bind_parameters(
        self,
        function: ast.AST,
        positional: list[Value],
        keywords: dict[str, Value],
        loose: Value | None,
    ) -> None:
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        scope = self.names.scopes[function]
        self.entered.add(scope)
        arguments = function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        given: dict[str, Value] = dict(zip(names, positional, strict=False))
        rest = positional[len(names) :]
        extra: list[Value] = []
        for key, value in keywords.items():
            if key in names or key in {a.arg for a in arguments.kwonlyargs}:
                given[key] = value
            else:
                extra.append(value)
        defaults = default_values(arguments)
        for name in [*names, *(a.arg for a in arguments.kwonlyargs)]:
            value = given.get(name, NOTHING)
            if name not in given:
                default = self._default(defaults[name], name) if name in defaults else None
                options = [v for v in (loose, default) if v is not None]
                value = union(options) if options else FRESH
            self._set_parameter(scope, name, value)
        if arguments.vararg is not None:
            parts = union([*rest, *([loose] if loose is not None else [])])
            made = self.make(
                "tuple", arguments.vararg, parts, NOTHING, tuple(rest) if not loose else None
            )
            self._set_parameter(scope, arguments.vararg.arg, made)
        if arguments.kwarg is not None:
            parts = union([*extra, *([loose] if loose is not None else [])])
            made = self.make("dict", arguments.kwarg, parts, of_type("str"))
            self._set_parameter(scope, arguments.kwarg.arg, made)

    def _set_parameter(self, scope: object, name: str, value: Value) -> None:
        self.env[scope, name] = value  # type: ignore[index]

    def _default(self, node: ast.expr, name: str) -> Value:
        self.silent += 1
        value = self.value(node)
        self.silent -= 1
        if self.plain(value) or any(k.startswith(("lib:", "def:")) for k in value.types or ()):
            return value
        token = Token("outside", f"the default of {name}")
        cells = [self.heap[t] for t in value.refs if t in self.heap]
        if cells and len(cells) == len(value.refs) and all(self.plain(c.contents) for c in cells):
            self.heap[token] = Cell(
                union([c.contents for c in cells]), union([c.keys for c in cells])
            )
        return Value(value.types, frozenset({token}))


def default_values(arguments: ast.arguments) -> dict[str, ast.expr]:
    """Return the default of each parameter that has one."""
    every = [*arguments.posonlyargs, *arguments.args]
    found = {
        a.arg: d
        for a, d in zip(
            every[len(every) - len(arguments.defaults) :], arguments.defaults, strict=True
        )
    }
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            found[argument.arg] = default
    return found


def method_is_shuffle(name: str) -> bool:
    """Whether the library function shuffles its first argument."""
    return name.rpartition(".")[2] == "shuffle"


def _unprefixed(effect: Effect, shown: str) -> Effect:
    """Say through which helper an effect happens, nearest to the analysed function."""
    reason = effect.reason
    if reason.startswith("calls `") and ", which " in reason and "side effects" not in reason:
        reason = reason.split(", which ", 1)[1]
    return Effect(effect.kind, f"calls `{shown}`, which {reason}", effect.line, effect.name)


def _name_of(func: ast.expr) -> str:
    text = ast.unparse(func)
    return text if len(text) < 40 else "…"


def _is_stub(function: ast.AST) -> bool:
    """Whether the body only says that derived classes must define it."""
    body = getattr(function, "body", None)
    return (
        isinstance(body, list)
        and isinstance(body[-1], ast.Raise)
        and all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body[:-1])
        and "NotImplementedError" in ast.unparse(body[-1])
    )


def _short(name: str) -> str:
    return name.removeprefix("builtins.")


def _is_iterator(value: Value) -> bool:
    return value.types is not None and "iter" in value.types


def _calls_itself(function: ast.AST) -> bool:
    name = getattr(function, "name", "")
    return any(
        isinstance(n, ast.Name | ast.Attribute) and getattr(n, "id", getattr(n, "attr", "")) == name
        for n in ast.walk(function)
    )
