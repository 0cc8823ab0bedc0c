"""Runs the functions of the project where they are called."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import Effect, EffectKind
from ray_lint.program.effects.machine import (
    CALL_DEPTH,
    Machine,
    Raised,
    callee_text,
)
from ray_lint.program.effects.unset import unset_reads
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
from ray_lint.program.module import Module


class Functions(Machine):
    """Functions of the project: their parameters, bodies, results and exceptions."""

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
        return self.call(callee, decorator, Arguments([value]), callee_text(plain))

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
        if len(self.stack) >= CALL_DEPTH:
            self.unknown_call(NOTHING, name)
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
                self.run_body(function)
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

    def run_body(self, function: ast.AST) -> None:
        """Run the statements, or the expression of a lambda."""
        if isinstance(function, ast.Lambda):
            self.returned.append(self.value(function.body))
            return
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(function, ast.AsyncFunctionDef):
            self.note(EffectKind.AWAITS, "is a coroutine")
        for read in unset_reads(self.names, function):
            self.line = self.line if self.stack else read.lineno
            self.may_raise(f"reads `{read.id}`, which may not be set", ("UnboundLocalError",))
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
        self.run_body(function)

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


def _unprefixed(effect: Effect, shown: str) -> Effect:
    """Say through which helper an effect happens, nearest to the analysed function."""
    reason = effect.reason
    if reason.startswith("calls `") and ", which " in reason and "side effects" not in reason:
        reason = reason.split(", which ", 1)[1]
    return Effect(effect.kind, f"calls `{shown}`, which {reason}", effect.line, effect.name)


def _calls_itself(function: ast.AST) -> bool:
    name = getattr(function, "name", "")
    return any(
        isinstance(n, ast.Name | ast.Attribute) and getattr(n, "id", getattr(n, "attr", "")) == name
        for n in ast.walk(function)
    )
