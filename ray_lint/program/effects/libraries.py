"""Calls of library functions, by the table of what they do."""

from __future__ import annotations

import ast
import builtins

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
    short_name,
)
from ray_lint.program.effects.values import (
    FRESH,
    NOTHING,
    Arguments,
    Cell,
    Token,
    Value,
    of_type,
    union,
)
from ray_lint.program.known_sizes import PROGRESS_BARS

_CALLBACKS = frozenset(
    """
    builtins.map builtins.filter builtins.sorted builtins.min builtins.max functools.reduce
    itertools.accumulate itertools.starmap itertools.takewhile itertools.dropwhile
    itertools.filterfalse itertools.groupby heapq.nlargest heapq.nsmallest heapq.merge re.sub
    numpy.vectorize numpy.apply_along_axis numpy.fromfunction collections.defaultdict
    """.split()  # noqa: SIM905
)

# Functions that take a value of any type.
_ANY_TYPE = frozenset(
    """
    builtins.str builtins.repr builtins.bool builtins.isinstance builtins.callable builtins.id
    builtins.type builtins.print builtins.hasattr time.time time.sleep
    """.split()  # noqa: SIM905
)


class Libraries(Machine):
    """Library functions; those with a meaning of their own have a ``_lib_`` method."""

    def call_library(self, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a function of a library by its dotted name."""
        first = args.positional[0] if args.positional else args.loose or FRESH
        special = getattr(self, "_lib_" + name.replace(".", "_"), None)
        if special is not None:
            result: Value = special(node, args)
            return result
        if name == "ray" or name.startswith("ray."):
            self.note(EffectKind.RAY_CALL, f"calls `{name}`", name)
            return Value(None, self.anything(args).refs)
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
        function, _, method = name.rpartition(".")
        if method in _UFUNC_METHODS and table.FUNCTIONS.get(function) == "number|array":
            name = function  # ``np.maximum.accumulate(x)`` does what ``np.maximum`` does
        if name in table.FUNCTIONS:
            return self._known_function(name, node, args, first)
        return self._foreign(name, node, args)

    def _known_function(self, name: str, node: ast.AST, args: Arguments, first: Value) -> Value:
        if name in table.RAISING and not (
            name.startswith("math.") and all(v.types == frozenset({"bool"}) for v in args.every)
        ):
            error, reason = table.RAISING[name]
            self.may_raise(f"calls `{short_name(name)}`, which {reason}", (error,))
        self._extremes(name, node, args)
        self.assumes(
            name in _ANY_TYPE or all(v.types and "atom" not in v.types for v in args.every),
            f"calls `{short_name(name)}` with a value of unknown type",
        )
        out = args.keywords.get("out")
        if out is not None:
            self.changes(out)
        for value in args.every:
            if value.types == frozenset({"iter"}) or _is_iterator(value):
                self.changes(value, "consumes")
        called = self.run_callbacks(name, node, args)
        self._conversions(name, args)
        if name == "copy.deepcopy" and first.immutable:
            return first
        items = [value for value in args.every if value is not args.keywords.get("key")]
        result = self.interpret(table.FUNCTIONS[name], node, first, items)
        if called is not None and name in {"builtins.map", "functools.reduce"}:
            return result | called
        return result

    def _extremes(self, name: str, node: ast.AST, args: Arguments) -> None:
        """Note that nothing has no maximum: ``max(xs)`` without a default."""
        if (
            name in {"builtins.max", "builtins.min"}
            and len(args.positional) == 1
            and "default" not in args.keywords
            and isinstance(node, ast.Call)
            and not self._is_filled(node.args[0])
        ):
            text = f"calls `{short_name(name)}`, which fails for nothing"
            self.may_raise(text, ("ValueError",))

    def _is_filled(self, node: ast.expr) -> bool:
        """Whether an expression is a display with items, or a name for one only."""
        if isinstance(node, ast.Name) and node in self.names.order:
            scope = self.names.owner(node)
            bindings = scope.bindings.get(node.id, []) if scope is not None else []
            if len(bindings) == 1 and bindings[0].value is not None:
                node = bindings[0].value
        return isinstance(node, ast.List | ast.Tuple | ast.Set) and bool(node.elts)

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

    def run_callbacks(self, name: str, node: ast.AST, args: Arguments) -> Value | None:
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
            self.changes(every[index], f"changes by `{short_name(name)}`")
            others = union([v for i, v in enumerate(every) if i != index])
            self.store(every[index], others)
            if name in {"builtins.setattr", "builtins.delattr"}:
                self.class_write(every[index], "…")
        if name == "builtins.next":
            if len(every) < 2:
                given = node.args[0] if isinstance(node, ast.Call) and node.args else None
                found = isinstance(given, ast.GeneratorExp) or (
                    isinstance(given, ast.Call) and self.names.stands_for(given.func, "csv.reader")
                )
                kind = EffectKind.MAY_RAISE if found else EffectKind.RAISES
                self.may_raise("calls `next` without a default", ("StopIteration",), kind)
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
            if method == "fromhex":
                self.may_raise("calls `fromhex`, which fails for malformed input", ("ValueError",))
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
            self.run_callbacks(name, node, args)
            return self.anything(args)
        if found is None:
            for value in args.every:
                self.escapes(value, name)
            self.unknown_call(NOTHING, name.removeprefix("builtins."))
            return self.anything(args)
        effect, verb = found
        if effect == "RANDOM":
            library = "numpy.random" if name.startswith("numpy.random") else name.partition(".")[0]
            if library in self.seeded:
                table_name = "numpy.random.Generator" if "numpy" in library else "random.Random"
                result = table.CHANGING[table_name].get(name.rpartition(".")[2], "fresh")
                if _is_shuffle(name) and args.positional:
                    self.changes(args.positional[0])
                return self.interpret(result, node, FRESH, _drawn_from(name, args))
            self.note(EffectKind.RANDOM, f"{verb} `{name}` without a seed", library)
            if _is_shuffle(name) and args.positional:
                self.changes(args.positional[0])
            table_name = "numpy.random.Generator" if "numpy" in library else "random.Random"
            result = table.CHANGING[table_name].get(name.rpartition(".")[2], "fresh")
            return self.interpret(result, node, FRESH, _drawn_from(name, args))
        if effect == "RAISES":
            self.may_raise(f"calls `{short_name(name)}`", ("SystemExit",), EffectKind.RAISES)
            return NOTHING
        if effect == "TIME":
            self.note(EffectKind.TIME, f"{verb} `{short_name(name)}`", name)
            return of_type("float") if name.startswith("time.") else of_type("atom")
        self.note(EffectKind[effect], f"{verb} `{short_name(name)}`", name)
        if name in PROGRESS_BARS and args.positional:
            return self.interpret("iter[.]", node, args.positional[0], args.positional[:1])
        self.run_callbacks(name, node, args)
        if name == "builtins.id":
            return of_type("int")
        return Value(None, frozenset())

    def interpret(self, text: str, node: ast.AST, first: Value, every: list[Value]) -> Value:
        """Return the value that a result of the table stands for."""
        if "|" in text:
            if text == "number|array":
                scalar = bool(every) and all(
                    v.types is not None and v.types <= table.NUMBERS for v in every
                )
                scalar = scalar and not _draws_several(node)
                if not scalar and _draws_numbers(node, every):
                    return self.interpret("array", node, first, every)
                return of_type("number") if scalar else FRESH
            return union([self.interpret(t, node, first, every) for t in text.split("|")])
        if text.endswith("]"):
            kind, _, inner = text[:-1].partition("[")
            if inner == "." and kind in {"dict", "set", "deque"} and not every:
                return self.make(kind, node)
            contents = self.interpret(inner, node, first, every)
            keys = of_type("atom") if inner != "." else self._keys(every)
            if kind == "dict":
                return self.make("dict", node, self.dict_contents(every) | contents, keys)
            return self.make(kind, node, contents)
        if text in table.IMMUTABLE:
            return of_type(text)
        if text == "array":
            made = self.make("array", node, of_type("number"))
            return made if _has_one_axis(node) else self.with_rows(made)
        if text == ".":
            return union([self.elements(v) for v in every]) if every else NOTHING
        if text == "*":
            if len(every) == 1:
                return self.elements(every[0])
            return union([v | self.held(v) if not v.immutable else v for v in every])
        if text == "@":
            if first.immutable:  # ``np.asarray(0.5)`` is an array, too, which ``+=`` changes
                return self.make("array", node, of_type("number"))
            rows = isinstance(node, ast.Call) and len(node.args) > 1
            return self.with_rows(first) if rows else first
        if text == "copy":
            kinds = sorted((first.types or frozenset()) & {"list", "dict", "set", "deque", "array"})
            kind = kinds[0] if len(kinds) == 1 else "list"
            held = self.held(first) if first.refs else NOTHING
            made = self.make(kind, node, held, self._keys([first]))
            return made if kinds else Value(None, made.refs)
        return FRESH

    def with_rows(self, array: Value) -> Value:
        """Let the elements of an array be arrays, too: parts that share its memory."""
        for token in array.refs:
            cell = self.heap.get(token)
            if cell is not None and token.name == "array":
                cell.contents |= Value(frozenset({"array"}), frozenset({token}))
        return array

    def _keys(self, every: list[Value]) -> Value:
        return union([self.elements(v) for v in every])

    def dict_contents(self, every: list[Value]) -> Value:
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

    def _lib_builtins_dict(self, node: ast.AST, args: Arguments) -> Value:
        given = args.positional + ([] if args.loose is None else [args.loose])
        first = given[0] if given else NOTHING
        made = self.interpret("dict[.]", node, first, given)
        for value in args.keywords.values():
            self.store(made, value, of_type("str"))
        return made

    def _lib_collections_ChainMap(  # noqa: N802
        self, node: ast.AST, args: Arguments
    ) -> Value:
        return Value(None, union(args.every).refs)

    def _lib_itertools_repeat(self, node: ast.AST, args: Arguments) -> Value:
        return self.make("iter", node, args.positional[0] if args.positional else FRESH)

    def _lib_builtins_dict_fromkeys(self, node: ast.AST, args: Arguments) -> Value:
        keys = self.iterate(args.positional[0]) if args.positional else FRESH
        value = args.positional[1] if len(args.positional) > 1 else of_type("none")
        return self.make("dict", node, value, keys)

    def _lib_copy_copy(self, node: ast.AST, args: Arguments) -> Value:
        if not args.positional:
            return FRESH
        first = args.positional[0]
        kinds = {"list", "dict", "set", "deque", "array"}
        if first.immutable or not first.types or not first.types <= kinds:
            return first  # what a copy shares is changed with it
        return self.interpret("copy", node, first, [first])

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
                self.heap[token].entries = {}
        return self.make("iter", node, pair)

    def _lib_builtins_zip(self, node: ast.AST, args: Arguments) -> Value:
        parts = tuple(self.iterate(v) for v in args.positional)
        known = None if args.loose is not None else parts
        if "strict" in args.keywords:
            self.may_raise("pairs values that may differ in number", ("ValueError",))
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

    def _lib_builtins_type(self, node: ast.AST, args: Arguments) -> Value:
        if len(args.every) != 1 or args.every[0].immutable:
            return of_type("atom")
        kinds = args.every[0].types
        if kinds is not None and all(kind.startswith("instance:class:") for kind in kinds):
            return Value(frozenset(kind.partition(":")[2] for kind in kinds))
        if kinds is None and args.every[0].refs:
            return Value(None, frozenset({Token("outside", "the class of an object")}))
        return of_type("atom")

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


def _drawn_from(name: str, args: Arguments) -> list[Value]:
    """Return what a function of `random` gives items of, or else all that it is given."""
    library, _, function = name.rpartition(".")
    drawn = library == "random" and function in table.DRAWING and args.positional
    return args.positional[:1] if drawn else args.every


def _is_shuffle(name: str) -> bool:
    """Whether the library function shuffles its first argument."""
    return name.rpartition(".")[2] == "shuffle"


def _is_iterator(value: Value) -> bool:
    return value.types is not None and "iter" in value.types


# How many arguments say what is drawn; the next one is the shape of an array.
_DRAWS = dict.fromkeys(("rand", "randn", "random", "random_sample", "permutation", "bytes"), 0)
_DRAWS |= dict.fromkeys(("standard_normal", "standard_exponential", "standard_cauchy"), 0)
_DRAWS |= dict.fromkeys(("chisquare", "exponential", "geometric", "logseries", "pareto"), 1)
_DRAWS |= dict.fromkeys(("poisson", "power", "rayleigh", "standard_gamma", "standard_t"), 1)
_DRAWS |= dict.fromkeys(("weibull", "zipf", "choice"), 1)
_DRAWS |= dict.fromkeys(("integers", "randint", "normal", "uniform", "beta", "binomial", "f"), 2)
_DRAWS |= dict.fromkeys(("gamma", "gumbel", "laplace", "logistic", "lognormal", "vonmises"), 2)
_DRAWS |= dict.fromkeys(("wald", "negative_binomial", "noncentral_chisquare"), 2)


def _draws_several(node: ast.AST) -> bool:
    """Whether a call like ``rng.normal(0, 1, 5)`` gives an array, as a method of a generator."""
    function = node.func if isinstance(node, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else ""
    if not isinstance(node, ast.Call) or name not in _DRAWS:
        return False
    return len(node.args) > _DRAWS[name] or any(k.arg == "size" for k in node.keywords)


_UFUNC_METHODS = {"accumulate", "outer", "reduce", "reduceat"}
_DRAWS_OTHERS = {"bytes", "choice", "permutation"}


def _draws_numbers(node: ast.AST, every: list[Value]) -> bool:
    """Whether a call certainly draws an array of numbers, whose shape it is given."""
    function = node.func if isinstance(node, ast.Call) else None
    other = isinstance(function, ast.Attribute) and function.attr in _DRAWS_OTHERS
    return (
        not other
        and _draws_several(node)
        and all(v.types is not None and v.types <= table.NUMBERS | _SHAPES for v in every)
    )


_SHAPES = {"tuple", "atom"}
_ONE_AXIS = {"arange", "linspace", "logspace", "geomspace", "bincount", "flatnonzero", "fromiter"}
_BY_SHAPE = {"zeros", "ones", "full", "empty", "random", "random_sample"}
_BY_SIZE = {"normal", "uniform", "integers", "randint", "choice", "exponential", "poisson", "gamma"}


def _has_one_axis(node: ast.AST) -> bool:
    """Whether a call certainly makes an array of numbers, not one of rows."""
    function = node.func if isinstance(node, ast.Call) else None
    name = getattr(function, "attr", None) or getattr(function, "id", "")
    if not isinstance(node, ast.Call) or name in _ONE_AXIS:
        return isinstance(node, ast.Call)
    shape = next((k.value for k in node.keywords if k.arg in ("shape", "size")), None)
    if name in _BY_SHAPE:
        shape = shape or (node.args[0] if node.args else None)
        return isinstance(shape, ast.Constant)
    if name in {"array", "asarray"} and node.args:
        rows = node.args[0]
        items = rows.elts if isinstance(rows, ast.List | ast.Tuple) else []
        if isinstance(rows, ast.ListComp):
            items = [rows.elt]
        return bool(items) and all(
            isinstance(i, ast.Constant | ast.BinOp | ast.UnaryOp) for i in items
        )
    return name in _BY_SIZE and isinstance(shape, ast.Constant)
