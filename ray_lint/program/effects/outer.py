"""What names stand for that were bound before the call: globals, closures, imports."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cached_property

from ray_lint.program.callers import given_values
from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
)
from ray_lint.program.effects.state import changing_uses, first_use, happens_before, rebinds
from ray_lint.program.effects.values import (
    FRESH,
    NOTHING,
    Cell,
    Token,
    Value,
    of_type,
    union,
)
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, Scope


class Outer(Machine):
    """Names bound outside of the call, and whether they stay what they were."""

    watch = True

    def outer(self, module: Module, scope: Scope, node: ast.Name) -> Value:
        """Return the value of a name bound outside of the call."""
        if (scope, node.id) in self.older:
            return self.older[scope, node.id]
        if self._is_self(scope, node.id):
            self.note(EffectKind.USES_SELF_NAME, f"uses its own name `{node.id}`", node.id)
        value = self.outer_value(module, scope, node.id)
        if (self.watch or self.stack) and not self.silent:
            self._watch(module, scope, node.id, value)
        return value

    def _is_self(self, scope: Scope, name: str) -> bool:
        return self.root is not None and any(
            b.node is self.root for b in scope.bindings.get(name, [])
        )

    def _watch(self, module: Module, scope: Scope, name: str, value: Value) -> None:
        """Note that what a name stands for changes while the program runs."""
        function = self.root if module is self.home else None
        kinds = {b.kind for b in scope.bindings.get(name, [])}
        anchor = self._anchor if function is not None else None
        if rebinds(module, scope, name, function, anchor):
            if kinds <= {BindingKind.FUNCTION, BindingKind.CLASS, BindingKind.IMPORT}:
                if kinds != {BindingKind.IMPORT} or self.home is not module:
                    text = f"uses `{name}`, which is defined more than once"
                    self.note(EffectKind.REDEFINED, text, name)
                return
            text = f"reads `{name}`, which the program binds again"
            self.note(EffectKind.READS_CHANGING_STATE, text, name)
            return
        if self.plain(value):
            return
        names = module.names
        for use in changing_uses(module, scope, name):
            if (
                self.root is not None
                and names is self.home.names
                and names.contains(self.root, use)
            ):
                continue  # noted where the body does it
            early = happens_before(module, scope, use, function, anchor)
            if not early and not self._is_own(use):
                text = f"reads `{name}`, which line {getattr(use, 'lineno', 0)} may change"
                self.note(EffectKind.READS_CHANGING_STATE, text, name)
                return

    def _is_own(self, use: ast.AST) -> bool:
        """Whether the use stands in a helper that is being run: noted there if it matters."""
        return any(
            use in self.names.order and f in self.names.order and self.names.contains(f, use)
            for f, _ in self.stack
        )

    @property
    def home(self) -> Module:
        """The module of the analysed function."""
        return self._home

    @home.setter
    def home(self, module: Module) -> None:
        self._home = module

    @cached_property
    def _anchor(self) -> ast.AST | None:
        return first_use(self.home, self.root) if self.root is not None else None

    def outer_value(self, module: Module, scope: Scope, name: str) -> Value:
        """Return the value of a name of another scope."""
        key = (scope, name)
        if key in self.outer_memo:
            return self.outer_memo[key]
        if key in self.outer_busy:
            return NOTHING
        self.outer_busy.add(key)
        here, self.module = self.module, module
        watched, self.stack = self.stack, [*self.stack, (scope.node, name)]

        def evaluate() -> Value:
            bindings = scope.bindings.get(name, [])
            value = union([self.bound(b) for b in bindings]) if bindings else FRESH
            if any(b.kind is BindingKind.AUGMENTED for b in bindings):
                value = self._augmented(bindings, value)
            return self._aged(module, scope, name, value)

        try:
            value = self.before_call(evaluate)
        finally:
            self.module = here
            self.stack = watched
            self.outer_busy.discard(key)
        if not self.outer_busy:
            self.outer_memo[key] = value
        return value

    def before_call(self, evaluate: Callable[[], Value]) -> Value:
        """Evaluate what happened before the call: without effects, and what it made is older.

        The variables of functions that ran then live on in the closures that they returned.
        """
        known, entered = set(self.env), set(self.entered)
        self.silent += 1
        try:
            value = evaluate()
        finally:
            self.silent -= 1
        for key in [k for k in self.env if k not in known and k[0] not in entered]:
            left = self.env.pop(key)
            old = Token("outside", key[1])
            refs = frozenset(old if t.kind == "new" else t for t in left.refs)
            if self.plain(left) or all(k.startswith("def:") for k in left.types or ("",)):
                self.older[key] = left
            else:
                self.older[key] = Value(left.types, refs)
        self.entered = entered
        return value

    def _augmented(self, bindings: list[Binding], value: Value) -> Value:
        for binding in bindings:
            statement = binding.statement
            if isinstance(statement, ast.AugAssign):
                right = self.value(statement.value)
                value |= self.binary(statement.op, value, right)
        return value

    def _aged(self, module: Module, scope: Scope, name: str, value: Value) -> Value:
        """Make the objects of an older value older than the call."""
        if self.plain(value) or self._is_code(value):
            return value
        kinds = value.types or frozenset({"?"})
        if any(k.startswith("partial:") for k in kinds):
            return value
        known = bool(value.refs) and self._stays(module, scope, name, value)
        if known and not all(self.plain(c.contents) for c in self._cells(value)):
            known = not changing_uses(module, scope, name)
        if known:
            return self._older(value, name, name)
        return Value(value.types, frozenset({Token("outside", name)}))

    def _cells(self, value: Value) -> list[Cell]:
        return [self.heap[t] for t in value.refs if t in self.heap]

    def _is_code(self, value: Value) -> bool:
        """Whether the value is functions, classes or modules only."""
        code = ("def:", "lib:", "class:", "cached:", "bound:")
        return bool(value.types) and all(k.startswith(code) for k in value.types or ())

    def _older(self, value: Value, name: str, top: str, depth: int = 0) -> Value:
        """Return an older object with what it is known to hold."""
        if self.plain(value) or self._is_code(value):
            return value
        if self._is_older(value):
            return value  # what another name of the program stands for
        if (
            depth
            and value.types == frozenset({"partial:"})
            and len(self._cells(value)) == len(value.refs)
        ):
            return value
        token = Token("outside", name)
        containers = {"list", "dict", "set", "deque", "counter", "array", "defaultdict", "tuple"}
        containers.add("iter")
        kinds = value.types or frozenset({"?"})
        cells = self._cells(value)
        if (
            depth > 2
            or len(cells) != len(value.refs)
            or not kinds <= containers
            or any(t.kind != "new" for t in value.refs)
        ):
            return Value(value.types, frozenset({token}))
        inner = f"{top}[…]"
        found = frozenset(Token("outside", name, t) for t in value.refs)
        for old, new in zip(
            value.refs, [Token("outside", name, t) for t in value.refs], strict=True
        ):
            cell = self.heap[old]
            if new in self.heap:
                continue
            fields = cell.fields
            self.heap[new] = Cell(
                self._older(cell.contents, inner, top, depth + 1),
                self._older(cell.keys, inner, top, depth + 1),
                None
                if fields is None
                else tuple(self._older(f, inner, top, depth + 1) for f in fields),
                entries={k: self._older(v, inner, top, depth + 1) for k, v in cell.entries.items()},
            )
        return Value(value.types, found)

    def _stays(self, module: Module, scope: Scope, name: str, value: Value) -> bool:
        """Whether nothing of other type gets into a container after it was made.

        Local fillings with plain values are taken into account.
        """
        for use in changing_uses(module, scope, name, deep=False):
            added = self._added(module, use)
            if added is None:
                return False
            for ref in value.refs:
                if ref in self.heap:
                    self.heap[ref].contents |= added
                    self.heap[ref].entries = {}
                    self.heap[ref].keys |= added
        return True

    def _added(self, module: Module, use: ast.AST) -> Value | None:
        """Return what a changing use puts into the container, None if unknown."""
        names = module.names
        parent = names.parents.get(use)
        grand = names.parents.get(parent) if parent is not None else None
        expression: ast.expr | None = None
        if isinstance(parent, ast.Attribute) and isinstance(grand, ast.Call) and grand.args:
            if parent.attr in {"append", "add", "appendleft"}:
                expression = grand.args[0]
        elif isinstance(parent, ast.Subscript) and isinstance(grand, ast.Assign):
            expression = grand.value
        elif isinstance(parent, ast.Attribute) and parent.attr in {
            "sort",
            "reverse",
            "pop",
            "clear",
        }:
            return NOTHING
        if expression is None:
            return None
        here, self.module = self.module, module
        self.silent += 1
        try:
            value = self.value(expression)
        finally:
            self.module = here
            self.silent -= 1
        return value if self.plain(value) else None

    def bound(self, binding: Binding) -> Value:
        """Return what one binding gives its name."""
        node = binding.node
        if binding.kind is BindingKind.IMPORT:
            return self.dotted(self.module, self.names.import_target(binding))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            value = self.function_value(self.module, node)
            for decorator in reversed(node.decorator_list):
                value = self.decorated(decorator, value)
            return value
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                plain = decorator.func if isinstance(decorator, ast.Call) else decorator
                if self.names.qualified(plain) == "ray.remote":
                    return of_type("lib:ray.actor_class")
            return self.class_value(self.module, node)
        if binding.kind in (BindingKind.AUGMENTED, BindingKind.DELETE):
            return NOTHING
        if binding.kind is BindingKind.PARAMETER and isinstance(node, ast.arg):
            token = Token("outside", binding.name)
            given = self._given(binding)
            if given is not None:
                return given
            if binding.scope.node is self.root and binding.name in self.immutable:
                return of_type("atom")
            promised = self.annotation(node.annotation, frozenset({token}))
            return promised if promised is not None else Value(None, frozenset({token}))
        if binding.kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and binding.value is not None:
            value = self.value(binding.value)
            return value if value is not NOTHING else FRESH
        return self._destructured(binding)

    def _given(self, binding: Binding) -> Value | None:
        """Return what all calls pass for a parameter of a function around: functions, or atoms."""
        if binding.scope.node is self.root:
            return None
        values = [self.value(value) for value in given_values(self.module, binding)]
        types = [value.types for value in values]
        if values and all(self.plain(value) or self._is_older(value) for value in values):
            return union(values)
        if not types or any(t is None or not t or not _are_functions(t) for t in types):
            return None
        return union(values)

    def _is_older(self, value: Value) -> bool:
        """Whether a value is a collection of a module of which it is known what it holds."""
        known = value.types is not None and value.types <= {"list", "dict", "set", "tuple"}
        tokens = value.refs
        return (
            known and bool(tokens) and all(t.kind == "outside" and t in self.heap for t in tokens)
        )

    def _destructured(self, binding: Binding) -> Value:
        """Return the part that a target of a loop or an unpacking gets."""
        names = self.names
        path: list[tuple[int, int]] = []
        node: ast.AST = binding.node
        parent = names.parents.get(node)
        while isinstance(parent, ast.Tuple | ast.List):
            if any(isinstance(e, ast.Starred) for e in parent.elts):
                return self._unknown(binding.name)
            path.append((parent.elts.index(node), len(parent.elts)))  # type: ignore[arg-type]
            node, parent = parent, names.parents.get(parent)
        if isinstance(parent, ast.For | ast.comprehension):
            value = self.iterate(self.value(parent.iter))
        elif isinstance(parent, ast.Assign):
            value = self.value(parent.value)
        else:
            return self._unknown(binding.name)
        for index, length in reversed(path):
            fields = self.tuple_fields(value)
            if fields is not None and len(fields) == length:
                value = fields[index]
            else:
                value = self.elements(value)
        return value if value is not NOTHING else FRESH

    def _unknown(self, name: str) -> Value:
        return Value(None, frozenset({Token("outside", name)}))


def _are_functions(types: frozenset[str]) -> bool:
    return all(name.startswith("def:") for name in types)
