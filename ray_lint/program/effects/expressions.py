"""Evaluates expressions other than calls."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
    TooLarge,
)
from ray_lint.program.effects.nonzero import is_nonzero, number_of
from ray_lint.program.effects.values import (
    FRESH,
    NOTHING,
    Arguments,
    Token,
    Value,
    of_type,
    union,
)

_INTEGERS = frozenset({"int", "bool"})
_REALS = frozenset({"int", "bool", "float"})
_TEXT = frozenset({"str", "bytes"})
_SEQUENCES = _TEXT | {"list", "tuple"}


class Expressions(Machine):
    """One method per kind of expression."""

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
        self.budget -= 1
        if self.budget < 0:
            raise TooLarge
        if not self.stack and not self.silent:
            self.line = getattr(node, "lineno", self.line)
        method = getattr(self, f"_on_{type(node).__name__.lower()}", None)
        if method is None:
            self.note(EffectKind.UNKNOWN_CALL, f"holds an expression {type(node).__name__}")
            return FRESH
        result: Value = method(node)
        return result

    def _on_constant(self, node: ast.Constant) -> Value:
        if node.value is None:
            return of_type("none")
        kind = type(node.value).__name__
        return of_type(kind if kind in table.IMMUTABLE else "atom")

    def _on_joinedstr(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self._on_formattedvalue(part)
        return of_type("str")

    def _on_formattedvalue(self, node: ast.FormattedValue) -> Value:
        value = self.value(node.value)
        self.text_of(value)
        if node.format_spec is not None:
            self.value(node.format_spec)
            parts = getattr(node.format_spec, "values", [])
            computed = not all(isinstance(part, ast.Constant) for part in parts)
            if computed or not value.immutable:
                self.may_raise("formats a value of unknown type", ("TypeError", "ValueError"))
        return of_type("str")

    _on_templatestr = _on_joinedstr

    def text_of(self, value: Value) -> None:
        """Run what turning the value into text runs."""
        for name in ("__str__", "__repr__", "__format__"):
            self.dunder(name, value)

    def _on_name(self, node: ast.Name) -> Value:
        return self.read(node, self.load(node))

    def read(self, node: ast.expr, value: Value) -> Value:
        """Note what reading a name of a library means, if it is not just called."""
        for kind in value.types or ():
            if not kind.startswith("lib:"):
                continue
            name = kind[4:]
            if name in table.FLOATS:
                return of_type("float")
            if name in table.CONSTANTS:
                return of_type("atom")
            if name.startswith("string.") and name not in table.FUNCTIONS:
                return of_type("str")
            if name == "ray" or name.startswith("ray."):
                if not isinstance(self.names.parents.get(node), ast.Attribute | ast.Call):
                    self.note(EffectKind.RAY_CALL, f"uses `{name}`", name)
                continue
            parent = self.names.parents.get(node)
            if isinstance(parent, ast.Attribute) or "." not in name:
                continue
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
            found = table.foreign(name)
            if found and found[0] == "PROCESS_STATE" and name not in table.FUNCTIONS:
                self.note(EffectKind.PROCESS_STATE, f"reads `{name}`", name)
        return value

    def _on_namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        frame = self.names.scope_of(node).frame
        self.write_name(frame, node.target.id, value)
        return value

    def _on_starred(self, node: ast.Starred) -> Value:
        return self.iterate(self.value(node.value))

    def _on_lambda(self, node: ast.Lambda) -> Value:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.value(default)
        return self.function_value(self.module, node)

    def _on_await(self, node: ast.Await) -> Value:
        self.note(EffectKind.AWAITS, "awaits")
        return Value(None, self.value(node.value).refs)

    def _on_yield(self, node: ast.Yield) -> Value:
        self.yielded.append(self.value(node.value) if node.value else of_type("none"))
        return FRESH

    def _on_yieldfrom(self, node: ast.YieldFrom) -> Value:
        self.yielded.append(self.iterate(self.value(node.value)))
        return FRESH

    def _items(self, nodes: list[ast.expr]) -> tuple[Value, ...]:
        return tuple(self.value(n) for n in nodes)

    def _on_list(self, node: ast.List) -> Value:
        return self.make("list", node, union(list(self._items(node.elts))))

    def _on_set(self, node: ast.Set) -> Value:
        self.may_raise_hash(items := union(list(self._items(node.elts))))
        return self.make("set", node, items)

    def _on_tuple(self, node: ast.Tuple) -> Value:
        items = self._items(node.elts)
        starred = any(isinstance(e, ast.Starred) for e in node.elts)
        return self.make("tuple", node, union(list(items)), NOTHING, None if starred else items)

    def _on_dict(self, node: ast.Dict) -> Value:
        keys, values = NOTHING, NOTHING
        entries: dict[str, Value] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                entries[key.value] = value
            if key is None:
                keys |= self.elements(value)
                values |= self.held(value)
            else:
                keys |= self.value(key)
                values |= value
        earlier = self.heap.get(Token("new", "dict", node))
        known = None if earlier is None else dict(earlier.entries)
        made = self.make("dict", node, values, keys)
        if len(entries) == len(node.keys) and (known is None or known.keys() == entries.keys()):
            entries = {k: v | (known or {}).get(k, NOTHING) for k, v in entries.items()}
            for token in made.refs:
                self.heap[token].entries = entries
        return made

    def may_raise_hash(self, value: Value) -> None:
        """Note that unhashable values cannot be keys."""
        if not value.immutable and value.types is not None and value.types & {"list", "dict"}:
            self.may_raise("hashes what cannot be hashed", ("TypeError",))

    def _comprehend(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        self.entered.add(self.names.scopes[node])
        for generator in node.generators:
            if generator.is_async:
                self.note(EffectKind.AWAITS, "awaits")
            self.assign(generator.target, self.iterate(self.value(generator.iter)))
            for test in generator.ifs:
                self.value(test)
                self.narrow(test)

    def _on_listcomp(self, node: ast.ListComp) -> Value:
        self._comprehend(node)
        return self.make("list", node, self.value(node.elt))

    def _on_setcomp(self, node: ast.SetComp) -> Value:
        self._comprehend(node)
        return self.make("set", node, self.value(node.elt))

    def _on_generatorexp(self, node: ast.GeneratorExp) -> Value:
        self._comprehend(node)
        return self.make("iter", node, self.value(node.elt))

    def _on_dictcomp(self, node: ast.DictComp) -> Value:
        self._comprehend(node)
        key = self.value(node.key)
        return self.make("dict", node, self.value(node.value), key)

    def _on_binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        self.arithmetic_raises(node.op, left, right, node.left, node.right)
        return self.binary(node.op, left, right)

    def binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        """Return the result of an operator."""
        self.assumes(_fits(op, left.types, right.types), "computes with values of unknown type")
        if left.types and right.types:
            both = left.types | right.types
            if both <= table.NUMBERS:
                return self._arithmetic(op, both)
            if left.types <= _TEXT and (isinstance(op, ast.Mod) or right.immutable):
                return Value(left.types)
            if right.types <= _TEXT and left.types <= _INTEGERS:
                return Value(right.types)
            if left.immutable and right.immutable:
                return of_type("atom")
        name = table.OPERATORS[type(op)]
        mine = self.dunder(f"__{name}__", left, right)
        theirs = self.dunder(f"__r{name}__", right, left)
        found = [v for v in (mine, theirs) if v is not None]
        kinds = (left.types or frozenset()) | (right.types or frozenset())
        for kind in ("list", "tuple", "set", "dict", "counter", "deque"):
            if kind in kinds:
                held = self.held(left) | self.held(right)
                keys = NOTHING
                if kind in {"dict", "counter"}:
                    keys = self.elements(left) | self.elements(right)
                found.append(self.make(kind, (kind, op), held, keys))
        if not found or left.types is None or right.types is None:
            found.append(FRESH)
        return union(found)

    def _arithmetic(self, op: ast.operator, both: frozenset[str]) -> Value:
        if isinstance(op, ast.Div):
            return of_type("float") if both <= _REALS else of_type("number")
        if isinstance(op, ast.Pow):
            return of_type("int", "float") if both <= _INTEGERS else of_type("number")
        if both <= _INTEGERS:
            return of_type("int")
        return of_type("float", "int") if both <= _REALS else of_type("number")

    def arithmetic_raises(
        self, op: ast.operator, left: Value, right: Value, base: ast.expr, node: ast.expr
    ) -> None:
        """Note what the operator between two expressions may raise."""
        if isinstance(op, ast.Div | ast.FloorDiv | ast.Mod):
            formats = isinstance(op, ast.Mod) and left.types and left.types <= _TEXT
            if formats or (right.types and right.types <= _TEXT):  # also ``path / "name"``
                return
            if not is_nonzero(self.names, node):
                self.may_raise("divides by what may be zero", ("ZeroDivisionError",))
        elif isinstance(op, ast.Pow):
            whole = left.types and left.types <= _INTEGERS and is_nonzero(self.names, base)
            if number_of(node) is None and not whole:
                self.may_raise(
                    "raises to a power", ("ZeroDivisionError", "OverflowError", "ValueError")
                )
        elif isinstance(op, ast.LShift | ast.RShift) and number_of(node) is None:
            self.may_raise("shifts by what may be negative", ("ValueError", "OverflowError"))

    def _on_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            self.dunder("__bool__", value)
            self.dunder("__len__", value)
            return of_type("bool")
        if value.types and value.types <= table.NUMBERS:
            return of_type("int") if value.types <= _INTEGERS else value
        self.assumes(False, "computes with a value of unknown type")
        name = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}[type(node.op)]
        found = self.dunder(name, value)
        return FRESH if found is None else found if value.types else found | FRESH

    def _on_boolop(self, node: ast.BoolOp) -> Value:
        found = []
        for part in node.values:
            found.append(self.value(part))
            if isinstance(node.op, ast.And):
                self.narrow(part)
        return union(found)

    def _on_compare(self, node: ast.Compare) -> Value:
        left = self.value(node.left)
        plain = True
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node)
            if isinstance(op, ast.In | ast.NotIn):
                known = right.types is not None and not right.immutable
                self.assumes(known, "searches a value of unknown type")
            elif not isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                fits = _fits(ast.Add(), left.types, right.types)
                self.assumes(fits, "compares values of unknown type")
            if isinstance(op, ast.In | ast.NotIn):
                self.dunder("__contains__", right, left)
            elif type(op) in table.OPERATORS:
                self.dunder(f"__{table.OPERATORS[type(op)]}__", left, right)
                plain = plain and not self.may_be_array(left) and not self.may_be_array(right)
            left = right
        self.narrow(node)
        return of_type("bool") if plain else FRESH

    def may_be_array(self, value: Value) -> bool:
        """Whether comparisons of the value may give an array."""
        return value.types is None or "array" in value.types

    def _on_ifexp(self, node: ast.IfExp) -> Value:
        self.value(node.test)
        before = dict(self.env)
        self.narrow(node.test)
        one = self.value(node.body)
        self.env = before
        if isinstance(node.test, ast.Compare):
            self.narrow(node.test)
        return one | self.value(node.orelse)

    def _on_slice(self, node: ast.Slice) -> Value:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.value(part)
        return of_type("slice")

    def _on_subscript(self, node: ast.Subscript) -> Value:
        return self.element_at(node)

    def element_at(self, node: ast.expr) -> Value:
        """Evaluate a subscript."""
        assert isinstance(node, ast.Subscript)
        owner = self.value(node.value)
        index = self.value(node.slice)
        if any(k.startswith("lib:") for k in owner.types or ()):
            return self._library_element(owner)
        if "defaultdict" in (owner.types or ()):
            self.changes(owner, "may add an item to")
        found = self.dunder("__getitem__", owner, index)
        if found is not None and owner.types is not None:
            return found
        missing = self.dunder("__missing__", owner, index)
        found = missing if found is None else found | (missing or NOTHING)
        if isinstance(node.slice, ast.Slice):
            part = self._slice(node, owner)
        else:
            part = self._element(node, owner)
        return part if found is None else part | found

    def _library_element(self, owner: Value) -> Value:
        for kind in owner.types or ():
            found = table.foreign(kind[4:])
            if found is not None and kind[4:] not in table.FUNCTIONS and found[0] != "RAY_CALL":
                self.note(EffectKind[found[0]], f"{found[1]} `{kind[4:]}`", kind[4:])
        return FRESH

    def _slice(self, node: ast.Subscript, owner: Value) -> Value:
        if owner.immutable:
            return owner if owner.types and owner.types <= _TEXT | {"range"} else FRESH
        if owner.types is not None and owner.types <= {"list", "tuple", "deque"}:
            kind = "list" if "list" in owner.types else "tuple"
            return self.make(kind, node, self.elements(owner))
        # A slice of a list is new; one of an array is a view, but Ray gives read-only arrays.
        copied = frozenset(t for t in owner.refs if t.kind == "parameter")
        made = self.make("slice", node, Value(None, copied)) if copied else NOTHING
        return Value(None, (owner.refs - copied) | made.refs)

    def _element(self, node: ast.Subscript, owner: Value) -> Value:
        constant = number_of(node.slice)
        fields = self.tuple_fields(owner)
        if isinstance(constant, int) and -len(fields or ()) <= constant < len(fields or ()):
            assert fields is not None
            return fields[constant]
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        cells = [self.heap.get(token) for token in owner.refs]
        found: list[Value] = []
        if owner.types == frozenset({"dict"}) and isinstance(key, str):
            entries = [cell.entries.get(key) for cell in cells if cell is not None]
            found = [entry for entry in entries if entry is not None]
        known = bool(found) and len(found) == len(cells)
        given = known and all(token.kind == "parameter" for token in owner.refs)
        if not given and not (
            owner.types is not None and owner.types <= {"counter", "defaultdict"}
        ):
            self.may_raise(
                "takes an item that may not exist", ("IndexError", "KeyError", "TypeError")
            )
        if owner.immutable:
            return owner if owner.types and owner.types <= {"str"} else self.elements(owner)
        if known:
            return union(found)
        held = self.held(owner) if owner.refs else FRESH
        if owner.types is not None and owner.types <= {"dict", "counter", "defaultdict"}:
            held = NOTHING
            for token in owner.refs:
                known = token in self.heap
                held |= self.heap[token].contents if known else Value(None, frozenset({token}))
        return held if held is not NOTHING else FRESH

    def _on_attribute(self, node: ast.Attribute) -> Value:
        return self.read(node, self.attribute(self.value(node.value), node))

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        """Evaluate an attribute of a value."""
        code = any(k.startswith(("def:", "lib:ray")) for k in owner.types or ())
        if node.attr in {"__globals__", "__code__", "__dict__", "__closure__"} or (
            code and node.attr in {"__name__", "__qualname__", "__doc__", "__module__"}
        ):
            self.note(EffectKind.INTROSPECTION, f"reads `{node.attr}`", node.attr)
        if node.attr == "remote":
            self.note(EffectKind.RAY_CALL, "submits a task with `.remote`", "remote")
        self.assumes(owner.types is not None and not owner.immutable, f"reads `.{node.attr}`")
        if node.attr == "__class__":
            return self.call_library("builtins.type", node, Arguments([owner]))
        return self.plain_attribute(owner, node.attr)

    def iterate(self, value: Value) -> Value:
        """Return the elements, running the iteration of project classes."""
        kinds = value.types
        whole = kinds is not None and (not value.immutable or kinds <= _TEXT | {"range"})
        self.assumes(whole, "iterates over a value of unknown type")
        if value.types is not None and any(k.startswith("instance:") for k in value.types):
            found = self.dunder("__iter__", value)
            if found is not None:
                return self.elements(found) | self.held(value)
            return self.held(value)
        if value.types == frozenset({"iter"}):
            self.changes(value, "consumes")
        return self.elements(value)


def _fits(op: ast.operator, left: frozenset[str] | None, right: frozenset[str] | None) -> bool:
    """Whether an operator works for all values of two types."""
    if not left or not right:
        return False
    if isinstance(op, ast.Mod) and left <= _TEXT:
        return True
    if isinstance(op, ast.Mult):
        pairs = ((left, right), (right, left))
        if any(one <= _SEQUENCES and other <= _INTEGERS for one, other in pairs):
            return True
    return left | right <= table.NUMBERS or (len(left | right) == 1 and left <= _SEQUENCES)
