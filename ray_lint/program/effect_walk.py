"""Walks a function body with abstract values and notes what it does to the world.

Each statement is run once per branch, loops twice, helper functions of the project where they are
called. Objects made in the call are tracked by the place that makes them, so that filling a local
list is no effect, but filling a parameter is one, whatever it is called by then.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ray_lint.program import effects_table as table
from ray_lint.program.effect_kinds import Effect, EffectKind
from ray_lint.program.effect_values import (
    CONTAINERS,
    FRESH,
    NOTHING,
    Cell,
    Token,
    Value,
    annotated_types,
    of_type,
    union,
)
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, ModuleNames, Scope

if TYPE_CHECKING:
    from ray_lint.program.project import Project

_BUDGET = 6_000  # expressions evaluated for one question
_DEPTH = 12  # calls of helpers within one another
Env = dict[tuple[Scope, str], Value]
Raised = tuple[Effect, frozenset[str]]
_UNKNOWN = frozenset({"?"})
_BUILTINS = frozenset(dir(builtins))


class TooLarge(Exception):  # noqa: N818 (a way out, not an error)
    """The question costs more than it is worth."""


class Walk:
    """One analysis: environment, heap, and the effects noted so far."""

    def __init__(self, project: Project | None, module: Module, root: ast.AST | None) -> None:
        self.project = project
        self.module = module
        self.root = root
        self.effects: dict[Effect, None] = {}
        self.raised: list[list[Raised]] = []
        self.env: Env = {}
        self.entered: set[Scope] = set()
        self.immutable: frozenset[str] = frozenset()
        self.older: Env = {}
        self.members: dict[Module, dict[str, list[tuple[Module, ast.AST]]]] = {}
        self.recursive: dict[ast.AST, bool] = {}
        self.fields: dict[tuple[str, str], Value] = {}
        self.heap: dict[Token, Cell] = {}
        self.seeded: frozenset[str] = frozenset()
        self.stack: list[tuple[ast.AST, str]] = []
        self.line = 0
        self.budget = _BUDGET
        self.silent = 0
        self.returned: list[Value] = []
        self.yielded: list[Value] = []
        self.nodes: dict[str, tuple[Module, ast.AST]] = {}
        self.outer_memo: dict[tuple[Scope, str], Value] = {}
        self.outer_busy: set[tuple[Scope, str]] = set()
        self.busy_calls: dict[ast.AST, Value] = {}
        self.calls: dict[object, tuple[Value, list[Effect], list[Raised]]] = {}

    # -- noting -------------------------------------------------------------------------------

    def note(self, kind: EffectKind, reason: str, name: str = "") -> None:
        """Note an effect at the current line of the analysed function."""
        if self.silent:
            return
        self.effects.setdefault(Effect(kind, reason, self.line, name))

    def may_raise(
        self,
        reason: str,
        errors: Iterable[str] = _UNKNOWN,
        kind: EffectKind = EffectKind.MAY_RAISE,
    ) -> None:
        """Note that an exception is possible, unless a handler around it takes it."""
        if self.silent:
            return
        effect = Effect(kind, reason, self.line)
        if self.raised:
            self.raised[-1].append((effect, frozenset(errors)))
        else:
            self.effects.setdefault(effect)

    def changes(self, value: Value, verb: str = "changes") -> None:
        """Note that the object is changed in place."""
        for token in sorted(value.refs, key=lambda t: (t.kind, t.name)):
            if token.kind == "parameter":
                self.note(
                    EffectKind.MUTATES_PARAMETER, f"{verb} its parameter `{token.name}`", token.name
                )
            elif token.kind == "outside":
                self.note(EffectKind.WRITES_OUTSIDE, f"{verb} `{token.name}`", token.name)

    # -- heap ---------------------------------------------------------------------------------

    def make(
        self,
        kind: str,
        site: object,
        contents: Value = NOTHING,
        keys: Value = NOTHING,
        fields: tuple[Value, ...] | None = None,
    ) -> Value:
        """Return a new container made at ``site``. Immutable tuples are plain values."""
        if kind == "tuple" and fields is None and self.plain(contents):
            return of_type("atom") if contents is not NOTHING else of_type("tuple")
        token = Token("new", kind, site)
        cell = self.heap.get(token)
        if cell is None:
            self.heap[token] = Cell(contents, keys, fields)
        else:
            cell.contents |= contents
            cell.keys |= keys
            if cell.fields is not None and fields is not None and len(fields) == len(cell.fields):
                cell.fields = tuple(a | b for a, b in zip(cell.fields, fields, strict=True))
            else:
                cell.fields = None
        return Value(frozenset({kind}), frozenset({token}))

    def plain(self, value: Value, depth: int = 0) -> bool:
        """Whether the value is immutable through and through."""
        if value.immutable:
            return True
        if value.types is None or depth > 5 or not value.types <= table.IMMUTABLE | {"tuple"}:
            return False
        return all(
            t.kind == "new" and self.plain(self.heap[t].contents, depth + 1) for t in value.refs
        )

    def elements(self, value: Value) -> Value:
        """Return what iterating over (or indexing) the value may give."""
        if value.immutable:
            names = value.types or frozenset()
            out = {"str": "str", "bytes": "int", "range": "int"}
            return of_type(*sorted({out.get(n, "atom") for n in names}))
        result = NOTHING
        for token in value.refs:
            if token in self.heap:
                cell = self.heap[token]
                keyed = token.name == "dict" and token.kind == "new"
                keyed = keyed or bool({"dict", "defaultdict"} & (value.types or set()))
                result |= cell.keys if keyed else cell.contents
            else:
                result |= Value(None, frozenset({token}))
        if result is NOTHING:
            return FRESH if value.types is None or not value.refs else NOTHING
        return result

    def held(self, value: Value) -> Value:
        """Return every object that may be reached in one step."""
        result = NOTHING
        for token in value.refs:
            if token in self.heap:
                cell = self.heap[token]
                result |= cell.contents | cell.keys
                for attribute in cell.attributes.values():
                    result |= attribute
            elif token.kind != "new":
                result |= Value(None, frozenset({token}))
        return result

    def store(self, value: Value, item: Value, key: Value = NOTHING) -> None:
        """Put ``item`` into the containers that ``value`` may be."""
        for token in value.refs:
            cell = self.heap.get(token)
            if cell is not None and token.kind == "new":
                cell.contents |= item
                cell.keys |= key
                cell.fields = None

    def shared(self, value: Value) -> list[Token]:
        """Return the older objects that the value may be or hold."""
        found: dict[Token, None] = {}
        seen: set[Token] = set()
        stack = list(value.refs) if not value.immutable else []
        while stack:
            token = stack.pop()
            if token in seen:
                continue
            seen.add(token)
            if token.kind != "new":
                found[token] = None
            elif token in self.heap:
                cell = self.heap[token]
                for part in (cell.contents, cell.keys, *cell.attributes.values()):
                    if not part.immutable:
                        stack.extend(part.refs)
        return sorted(found, key=lambda t: (t.kind, t.name))

    # -- statements ---------------------------------------------------------------------------

    def block(self, statements: list[ast.stmt]) -> bool:
        """Run the statements; return whether control can get past the last one."""
        return all(self.statement(statement) for statement in statements)

    def statement(self, node: ast.stmt) -> bool:
        """Run one statement; return whether control can get past it."""
        if not self.stack:
            self.line = node.lineno
        method = getattr(self, f"_do_{type(node).__name__.lower()}", None)
        if method is not None:
            result = method(node)
            return result is not False
        if not isinstance(node, ast.Pass | ast.Global | ast.Nonlocal | ast.Import | ast.ImportFrom):
            self.note(EffectKind.UNKNOWN_CALL, f"holds a statement of kind {type(node).__name__}")
        return True

    def _do_expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def _do_import(self, node: ast.Import) -> None:
        return

    def _do_break(self, node: ast.Break) -> bool:
        return False

    def _do_continue(self, node: ast.Continue) -> bool:
        return False

    def _do_return(self, node: ast.Return) -> bool:
        self.returned.append(self.value(node.value) if node.value else of_type("none"))
        return False

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        right = self.value(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            left = self.load(target)
        elif isinstance(target, ast.Attribute):
            left = self.attribute(self.value(target.value), target)
        else:
            left = self.element_at(target)
        self.arithmetic_raises(node.op, left, right, node.value)
        if not left.immutable and not right.immutable:
            self.changes(left, "changes by an augmented assignment")
            self.store(left, self.elements(right) | right)
        elif not left.immutable and left.types is not None:
            # A list, an array or an object of the project: changed in place.
            self.changes(left, "changes by an augmented assignment")
        elif not left.immutable and self.looks_like_array(left):
            self.changes(left, "may change by an augmented assignment")
        result = self.binary(node.op, left, right)
        if not left.immutable and not right.immutable:
            result |= left
        elif left.types is not None and not left.immutable:
            result = left
        self.assign(target, result, declare=False)

    def looks_like_array(self, value: Value) -> bool:
        """Whether a parameter of unknown type is used like a container in the analysed body."""
        names = {t.name for t in value.refs if t.kind == "parameter"}
        if not names or self.root is None:
            return bool(value.refs and not names)
        for node in ast.walk(self.root):
            if (
                isinstance(node, ast.Attribute | ast.Subscript)
                and isinstance(node.value, ast.Name)
                and node.value.id in names
            ):
                return True
        return False

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript | ast.Attribute):
                owner = self.value(target.value)
                self.changes(owner)
                self.may_raise("deletes what may be missing", ("LookupError", "AttributeError"))
            elif isinstance(target, ast.Name):
                self.assign(target, FRESH)

    def _do_raise(self, node: ast.Raise) -> bool:
        name = "?"
        if node.exc is not None:
            called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(called, ast.Name):
                name = called.id
            if isinstance(node.exc, ast.Call):
                for argument in [*node.exc.args, *(k.value for k in node.exc.keywords)]:
                    self.value(argument)
        shown = f"raises {name}" if name != "?" else "raises an exception"
        self.may_raise(shown, (name,), EffectKind.RAISES)
        return False

    def _do_assert(self, node: ast.Assert) -> None:
        self.value(node.test)
        self.may_raise("asserts", ("AssertionError",), EffectKind.RAISES)

    def _branches(self, branches: list[Callable[[], bool]]) -> bool:
        before, seeds = dict(self.env), self.seeded
        ends: list[tuple[Env, frozenset[str]]] = []
        for branch in branches:
            self.env, self.seeded = dict(before), seeds
            if branch():
                ends.append((self.env, self.seeded))
        if not ends:
            self.env, self.seeded = before, seeds
            return False
        self.env, self.seeded = ends[0]
        for env, seeded in ends[1:]:
            self.env = _join(self.env, env)
            self.seeded &= seeded
        return True

    def _do_if(self, node: ast.If) -> bool:
        self.value(node.test)
        return self._branches(
            [lambda: self._narrowed(node.test, node.body), lambda: self.block(node.orelse)]
        )

    def _narrowed(self, test: ast.expr, body: list[ast.stmt]) -> bool:
        self.narrow(test)
        return self.block(body)

    def narrow(self, test: ast.expr) -> None:
        """Take the type from ``isinstance(name, type)``."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            for part in test.values:
                self.narrow(part)
        if (
            isinstance(test, ast.Call)
            and isinstance(test.func, ast.Name)
            and test.func.id == "isinstance"
            and len(test.args) == 2
            and isinstance(test.args[0], ast.Name)
        ):
            kinds = test.args[1].elts if isinstance(test.args[1], ast.Tuple) else [test.args[1]]
            found: list[Value | None] = [self.annotation(k, NOTHING.refs) for k in kinds]
            known = [f for f in found if f is not None]
            if len(known) == len(found) and all(k.immutable for k in known):
                scope = self.names.owner(test.args[0])
                if scope is not None and (scope, test.args[0].id) in self.env:
                    self.env[scope, test.args[0].id] = union(known)

    def _loop(
        self, prepare: Callable[[], None], body: list[ast.stmt], orelse: list[ast.stmt]
    ) -> bool:
        seeds = self.seeded
        for _ in range(2):
            before = dict(self.env)
            prepare()
            self.block(body)
            self.env = _join(before, self.env)
        self.seeded = seeds
        if orelse:
            self._branches([lambda: True, lambda: self.block(orelse)])
        return True

    def _do_for(self, node: ast.For) -> bool:
        items = self.iterate(self.value(node.iter))
        return self._loop(lambda: self.assign(node.target, items), node.body, node.orelse)

    def _do_asyncfor(self, node: ast.AsyncFor) -> bool:
        self.note(EffectKind.AWAITS, "awaits")
        self.value(node.iter)
        return self._loop(lambda: self.assign(node.target, FRESH), node.body, node.orelse)

    def _do_while(self, node: ast.While) -> bool:
        def test() -> None:
            self.value(node.test)

        self._loop(test, node.body, node.orelse)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        return not endless or any(isinstance(n, ast.Break) for n in ast.walk(node))

    def _do_with(self, node: ast.With) -> bool:
        for item in node.items:
            name = self.names.qualified(
                item.context_expr.func
                if isinstance(item.context_expr, ast.Call)
                else item.context_expr
            )
            value = self.value(item.context_expr)
            if name == "contextlib.suppress":
                value = FRESH
            found = False
            for method in ("__exit__", "__enter__"):
                for owner, function in self.methods(value, method):
                    entered = self.call_function(owner, function, [value], {}, method)
                    value = entered if method == "__enter__" else value
                    found = True
            if value.types is None and value.refs and not found:
                shown = ast.unparse(item.context_expr)
                self.note(EffectKind.UNKNOWN_CALL, f"enters the context `{shown}`", shown)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        return self.block(node.body)

    def _do_asyncwith(self, node: ast.AsyncWith) -> bool:
        self.note(EffectKind.AWAITS, "awaits")
        self.note(EffectKind.UNKNOWN_CALL, "enters an asynchronous context")
        return self.block(node.body)

    def _do_try(self, node: ast.Try) -> bool:
        self.raised.append([])
        before = dict(self.env)
        past = self.block(node.body)
        raised = self.raised.pop()
        caught = [self._handled(h) for h in node.handlers]
        for effect, errors in raised:
            if not any(_covers(names, errors) for names in caught):
                if self.raised:
                    self.raised[-1].append((effect, errors))
                else:
                    self.effects.setdefault(effect)
        after, middle = dict(self.env), _join(before, self.env)
        branches: list[Callable[[], bool]] = []

        def whole() -> bool:
            self.env = after
            return past and self.block(node.orelse)

        branches.append(whole)
        for handler in node.handlers:

            def handle(handler: ast.ExceptHandler = handler) -> bool:
                self.env = dict(middle)
                if handler.name:
                    self.env[self.names.scope_of(handler), handler.name] = FRESH
                return self.block(handler.body)

            branches.append(handle)
        past = self._branches(branches)
        return self.block(node.finalbody) and past

    _do_trystar = _do_try

    def _handled(self, handler: ast.ExceptHandler) -> frozenset[str]:
        if handler.type is None:
            return frozenset({"BaseException"})
        nodes = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        return frozenset(ast.unparse(n).rpartition(".")[2] for n in nodes)

    def _do_match(self, node: ast.Match) -> bool:
        subject = self.value(node.subject)
        part = subject | self.held(subject)
        branches: list[Callable[[], bool]] = [lambda: True]
        for case in node.cases:

            def run(case: ast.match_case = case) -> bool:
                for pattern in ast.walk(case.pattern):
                    name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                    if isinstance(name, str):
                        scope = self.names.scope_of(pattern)
                        self.env[scope, name] = part if not part.immutable else FRESH
                if case.guard is not None:
                    self.value(case.guard)
                return self.block(case.body)

            branches.append(run)
        return self._branches(branches)

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        value = self.function_value(self.module, node)
        for decorator in reversed(node.decorator_list):
            value = self.decorated(decorator, value)
        scope = self.names.scope_of(node)
        self.write_name(scope, node.name, value)

    _do_asyncfunctiondef = _do_functiondef

    def _do_classdef(self, node: ast.ClassDef) -> None:
        self.write_name(self.names.scope_of(node), node.name, self.class_value(self.module, node))

    def function_value(self, module: Module, node: ast.AST) -> Value:
        """Return the value of a function defined in the project."""
        key = f"def:{module.filename}:{module.names.order[node]}"
        self.nodes[key] = (module, node)
        return of_type(key)

    def class_value(self, module: Module, node: ast.ClassDef) -> Value:
        """Return the value of a class defined in the project."""
        key = f"class:{module.filename}:{module.names.order[node]}"
        self.nodes[key] = (module, node)
        return of_type(key)

    # -- names --------------------------------------------------------------------------------

    @property
    def names(self) -> ModuleNames:
        """The name model of the module whose code is being run."""
        return self.module.names

    def write_name(self, scope: Scope, name: str, value: Value, *, declare: bool = True) -> None:
        """Bind a name; outside of the call that is an effect."""
        owner = scope.redirected.get(name, scope) or scope
        if owner in self.entered:
            self.env[owner, name] = value
            return
        where = "global" if owner.parent is None else "closure variable"
        self.note(EffectKind.WRITES_OUTSIDE, f"writes the {where} `{name}`", name)

    def assign(self, target: ast.expr, value: Value, *, declare: bool = True) -> None:
        """Bind a target to a value."""
        if isinstance(target, ast.Name):
            scope = self.names.scope_of(target)
            self.write_name(scope, target.id, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, self.make("list", target, self.elements(value)))
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value)
            self.changes(owner, f"sets the attribute `{target.attr}` of")
            self.class_write(owner, target.attr)
            for token in owner.refs:
                if token.kind == "new" and token in self.heap:
                    known = self.heap[token].attributes
                    known[target.attr] = known.get(target.attr, NOTHING) | value
        elif isinstance(target, ast.Subscript):
            owner = self.value(target.value)
            key = self.value(target.slice)
            self.changes(owner, "sets an item of" if declare else "changes an item of")
            self.dunder("__setitem__", owner, key, value)
            if owner.types is None or not owner.types <= {"dict", "counter"}:
                self.may_raise("sets an item that may not exist", ("IndexError", "TypeError"))
            self.store(owner, value, key)

    def class_write(self, owner: Value, attribute: str) -> None:
        """Note a write to an attribute of a class or function."""
        for kind in owner.types or ():
            if kind.startswith(("class:", "def:", "lib:")):
                name = self.shown(kind)
                self.note(
                    EffectKind.WRITES_OUTSIDE, f"sets the attribute `{attribute}` of `{name}`", name
                )

    def shown(self, kind: str) -> str:
        """Return the name of a function, class or library for messages."""
        if kind in self.nodes:
            return getattr(self.nodes[kind][1], "name", "<lambda>")
        return kind.partition(":")[2]

    def _unpack(self, target: ast.Tuple | ast.List, value: Value) -> None:
        fields = self._fields(value)
        starred = any(isinstance(e, ast.Starred) for e in target.elts)
        if fields is not None and len(fields) == len(target.elts) and not starred:
            for element, part in zip(target.elts, fields, strict=True):
                self.assign(element, part)
            return
        self.may_raise("unpacks a value of unknown length", ("ValueError", "TypeError"))
        part = self.iterate(value)
        for element in target.elts:
            self.assign(
                element,
                self.make("list", element, part) if isinstance(element, ast.Starred) else part,
            )

    def _fields(self, value: Value) -> tuple[Value, ...] | None:
        """Return the elements of a tuple one by one if they are known."""
        if value.types != frozenset({"tuple"}) or not value.refs:
            return None
        found: tuple[Value, ...] | None = None
        for token in value.refs:
            fields = self.heap[token].fields if token in self.heap else None
            if fields is None or (found is not None and len(fields) != len(found)):
                return None
            found = (
                fields
                if found is None
                else tuple(a | b for a, b in zip(found, fields, strict=True))
            )
        return found

    def load(self, node: ast.Name) -> Value:
        """Return the value of a name that is read."""
        scope = self.names.owner(node)
        if scope is None and node.id in {"__name__", "__file__", "__doc__", "__spec__"}:
            self.note(EffectKind.INTROSPECTION, f"reads `{node.id}`", node.id)
            return of_type("str")
        if scope is None:
            if node.id in _BUILTINS:
                return of_type(f"lib:builtins.{node.id}")
            starred = self.names.star_imports
            if len(starred) == 1:
                return of_type(f"lib:{starred[0]}.{node.id}")
            self.note(
                EffectKind.UNKNOWN_CALL, f"reads `{node.id}`, which is not defined here", node.id
            )
            return Value(None, frozenset({Token("outside", node.id)}))
        if scope in self.entered:
            value = self.env.get((scope, node.id))
            if value is not None:
                return value
            bindings = scope.bindings.get(node.id, [])
            if any(b.kind is BindingKind.IMPORT for b in bindings):
                return self.imported(self.module, bindings)
            return FRESH
        return self.outer(self.module, scope, node)

    def imported(self, module: Module, bindings: list[Binding]) -> Value:
        """Return the value of an imported name."""
        found = NOTHING
        for binding in bindings:
            if binding.kind is BindingKind.IMPORT:
                found |= self.dotted(module, module.names.import_target(binding))
        return found

    def dotted(self, module: Module, name: str) -> Value:
        """Return the value of a dotted name: something of the project, or a library's."""
        if self.project is not None and not name.startswith("ray."):
            definition = self.project.resolve(module, name)
            if definition is not None:
                binding = definition.binding
                if binding is None:
                    return of_type(f"lib:{name}")
                value = self.outer_value(definition.module, binding.scope, binding.name)
                for attribute in definition.attributes:
                    value = self.plain_attribute(value, attribute)
                return value
        return of_type(f"lib:{name}")

    def outer(self, module: Module, scope: Scope, node: ast.Name) -> Value:
        """Return the value of a name bound outside of the call."""
        raise NotImplementedError

    def outer_value(self, module: Module, scope: Scope, name: str) -> Value:
        """Return the value of a name of another scope."""
        raise NotImplementedError

    def before_call(self, evaluate: Callable[[], Value]) -> Value:
        """Evaluate what happened before the call."""
        raise NotImplementedError

    def plain_attribute(self, value: Value, name: str) -> Value:
        """Return an attribute by name."""
        raise NotImplementedError

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
        raise NotImplementedError

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        """Evaluate an attribute of a value."""
        raise NotImplementedError

    def element_at(self, node: ast.expr) -> Value:
        """Evaluate a subscript."""
        raise NotImplementedError

    def binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        """Return the result of an operator."""
        raise NotImplementedError

    def arithmetic_raises(
        self, op: ast.operator, left: Value, right: Value, node: ast.expr
    ) -> None:
        """Note what the operator may raise."""
        raise NotImplementedError

    def iterate(self, value: Value) -> Value:
        """Return the elements, running the iteration of project classes."""
        raise NotImplementedError

    def decorated(self, decorator: ast.expr, value: Value) -> Value:
        """Apply a decorator."""
        raise NotImplementedError

    def dunder(self, name: str, owner: Value, *arguments: Value) -> Value | None:
        """Run an operator method that a class of the project defines."""
        raise NotImplementedError

    def methods(self, value: Value, name: str) -> list[tuple[Module, ast.AST]]:
        """Return the methods of that name which the value may have."""
        raise NotImplementedError

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
        raise NotImplementedError

    def annotation(self, node: ast.expr | None, refs: frozenset[Token]) -> Value | None:
        """Return what an annotation promises, None if nothing."""
        if node is None:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {"int": of_type("int", "bool"), "str": of_type("str")}.get(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = self.annotation(node.left, refs), self.annotation(node.right, refs)
            return left | right if left is not None and right is not None else None
        if isinstance(node, ast.Subscript):
            return self._generic(node, refs)
        if node not in self.names.parents:
            return None
        types = annotated_types(self.names.qualified(node), node)
        if types is None:
            if isinstance(node, ast.Name):
                scope = self.names.owner(node)
                for binding in scope.bindings.get(node.id, []) if scope else []:
                    if isinstance(binding.node, ast.ClassDef):
                        key = next(iter(self.class_value(self.module, binding.node).types or ()))
                        return Value(frozenset({f"instance:{key}"}), refs)
            return None
        return Value(frozenset(types), refs if not set(types) <= table.IMMUTABLE else frozenset())

    def _generic(self, node: ast.Subscript, refs: frozenset[Token]) -> Value | None:
        name = self.names.qualified(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "typing.Optional":
            inner = self.annotation(parts[0], refs)
            return inner | of_type("none") if inner is not None else None
        if name == "typing.Union":
            found = [self.annotation(p, refs) for p in parts]
            return union([f for f in found if f]) if all(found) else None
        kind = CONTAINERS.get(name or "")
        if kind is None:
            return None
        inside = [self.annotation(p, refs) for p in parts if not _is_ellipsis(p)]
        if kind == "tuple" and inside and all(i is not None and self.plain(i) for i in inside):
            return (
                of_type("atom")
                if len(parts) != len(inside)
                else self.make(
                    "tuple",
                    node,
                    union([i for i in inside if i]),
                    NOTHING,
                    tuple(i for i in inside if i),
                )
            )
        if kind != "array" and inside and all(i is not None and i.immutable for i in inside):
            for token in refs:
                self.heap[token] = Cell(union([i for i in inside if i]), of_type("atom"))
        return Value(frozenset({kind}), refs)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _join(one: Env, other: Env) -> Env:
    result = dict(one)
    for key, value in other.items():
        known = result.get(key)
        result[key] = value if known is None else known | value
    return result


def _covers(handlers: frozenset[str], errors: frozenset[str]) -> bool:
    """Whether handlers for these exception names take every one of the errors."""
    if handlers & {"Exception", "BaseException"}:
        return True
    if not errors or "?" in errors:
        return False
    classes = [c for h in handlers if isinstance(c := getattr(builtins, h, None), type)]
    for error in errors:
        known = getattr(builtins, error, None)
        if error in handlers:
            continue
        if not isinstance(known, type) or not issubclass(known, tuple(classes)):
            return False
    return True


def is_function(node: ast.AST) -> bool:
    """Whether the node is a function of any kind."""
    return isinstance(node, FUNCTIONS)
