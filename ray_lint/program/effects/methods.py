"""Calls of methods: of known types by the table, of unknown ones by their name."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
)
from ray_lint.program.effects.values import (
    FRESH,
    NOTHING,
    Arguments,
    Value,
    of_type,
    union,
)

_RANDOM = frozenset({"random.Random"})
_NUMPY_RANDOM = frozenset({"numpy.random.Generator"})
_KINDS = {"bool": "int", "counter": "dict", "defaultdict": "dict", "complex": "float"}


class Methods(Machine):
    """Methods of values, known type or not."""

    def call_method(self, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a method of a value."""
        self.assumes(
            owner.types is not None
            and all(":" in kind or self.has_method(kind, name) for kind in owner.types),
            f"calls `.{name}(…)` of a value of unknown type",
        )
        found: list[Value] = []
        rest = None if owner.types is None else set(owner.types)
        if owner.types is not None:
            for kind in sorted(owner.types):
                if kind.startswith(("instance:", "super:", "class:")):
                    result = self.project_method(kind, owner, name, node, args)
                    if result is not None:
                        found.append(result)
                        assert rest is not None
                        rest.discard(kind)
                elif kind.startswith(("lib:", "def:", "cached:", "bound:")):
                    value = self.plain_attribute(Value(frozenset({kind}), owner.refs), name)
                    if kind.startswith("lib:"):
                        found.append(self.call(value, node, args, name))
                    else:
                        self.unknown_call(NOTHING, name)
                    assert rest is not None
                    rest.discard(kind)
                elif kind == "none":
                    self.may_raise("calls a method of what may be None", ("AttributeError",))
                    assert rest is not None
                    rest.discard(kind)
            if not rest:
                return union(found) if found else FRESH
            known = [k for k in sorted(rest) if self.has_method(k, name)]
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

    def has_method(self, kind: str, name: str) -> bool:
        """Whether a type of the table has the method."""
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
        self.run_callbacks(f"method.{name}", node, args)
        out = args.keywords.get("out")
        if out is not None:
            self.changes(out)
        if name == "get":
            found = [self.values_of(owner), *args.every[1:]]
            return union(found if len(args.every) > 1 else [*found, of_type("none")])
        if name == "values":
            return self.make("iter*", node, self.values_of(owner))
        if name == "keys":
            return self.make("iter*", node, self.elements(owner))
        if name == "items":
            fields = (self.elements(owner), self.values_of(owner))
            pair = self.make("tuple", (node, "pair"), union(list(fields)), NOTHING, fields)
            return self.make("iter*", node, pair)
        if text == "copy" and owner.types is not None and "dict" in owner.types:
            return self.make("dict", node, self.values_of(owner), self.elements(owner))
        every = [owner, *args.every] if name not in {"format", "join"} else [owner]
        return self.interpret(text, node, owner, every)

    def _change(self, text: str, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Note that a method changes its receiver and return its result."""
        self.changes(owner, f"changes by `.{name}(…)`")
        self.run_callbacks(f"method.{name}", node, args)
        if name == "shuffle" and args.positional:
            self.changes(args.positional[0], "shuffles")
        result = self.values_of(owner) | FRESH if text == "." else None
        stored = union(args.every)
        if name in {"extend", "update", "extendleft"}:
            stored = union([self.elements(v) | self.dict_contents([v]) for v in args.every])
            for value in args.every:
                self.iterate(value)
        elif name == "setdefault":
            stored = union(args.every[1:])
            result = stored | self.values_of(owner)
        elif name in {"insert"}:
            stored = union(args.every[1:])
        if stored is not NOTHING and name not in {"pop", "remove", "sort", "discard", "popleft"}:
            keys = args.positional[0] if name in {"setdefault"} and args.positional else NOTHING
            if name == "update":
                keys = union([self.elements(v) for v in args.every])
            self.store(owner, stored, keys)
        if name == "pop" and result is not None:
            held = self.values_of(owner)
            result = union([held, *args.every[1:]]) if owner.refs else FRESH
        if result is not None:
            return result
        drawn = owner.types == _RANDOM and name in table.DRAWING and args.positional
        every = args.positional[:1] if drawn else [owner, *args.every]
        if owner.types == _NUMPY_RANDOM:
            every = args.every
        return self.interpret(text, node, owner, every)

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
            self.unknown_call(NOTHING, shown)
            for value in (owner, *args.every):
                self.escapes(value, shown)
            return self.anything(Arguments([owner, *args.every]))
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
            if name == "encode" and owner.types == frozenset({"str"}) and _is_unicode(node):
                return
            self.may_raise(f"calls `.{name}(…)`, which fails for some values", errors.split())


def _is_unicode(call: ast.AST) -> bool:
    """Whether a call of ``.encode(…)`` names an encoding that has every character."""
    given = [*getattr(call, "args", ()), *(k.value for k in getattr(call, "keywords", ()))]
    return not given or (
        isinstance(given[0], ast.Constant) and str(given[0].value).lower().startswith("utf")
    )
