"""Runs statements: each once per branch, loops twice."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Env,
    Machine,
)
from ray_lint.program.effects.values import (
    FRESH,
    Value,
    of_type,
)


class Statements(Machine):
    """One method per kind of statement."""

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
            if not self._sets_context_first(node, target):
                self.assign(target, value)

    def _sets_context_first(self, node: ast.Assign, target: ast.expr) -> bool:
        """Whether a body begins with ``getcontext().prec = ...``: no item sees that of another."""
        if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Call):
            return False
        if not self.names.stands_for(target.value.func, "decimal.getcontext"):
            return False
        body = self.root.body if isinstance(self.root, ast.FunctionDef) else []
        before = body[: body.index(node)] if node in body else [node]
        return all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in before)

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
        self.arithmetic_raises(node.op, left, right, node.target, node.value)
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
