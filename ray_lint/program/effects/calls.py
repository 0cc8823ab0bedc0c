"""Finds out what a call calls."""

from __future__ import annotations

import ast

from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
    callee_text,
)
from ray_lint.program.effects.values import (
    FRESH,
    Arguments,
    Token,
    Value,
    union,
)


class Calls(Machine):
    """From the called expression to what it may be."""

    def _on_call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            return self.super_value(node)
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
        return self.call(callee, node, self.arguments(node), callee_text(func))

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
            self.unknown_call(callee, name)
            return self.anything(args)
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
                    self.unknown_call(callee, name)
                found.append(result or FRESH)
            elif prefix == "none":
                self.may_raise("calls what may be None", ("TypeError",))
            else:
                self.unknown_call(callee, name)
        return union(found) if found else FRESH

    def _cached(self, kind: str, args: Arguments, name: str) -> Value:
        """Call a function with a cache: pure if its results cannot be changed."""
        module, function = self.nodes[kind]
        result = self.call_function(
            module, function, args.positional, args.keywords, name, loose=args.loose
        )
        if self.plain(result):
            return result
        return Value(None, result.refs | {Token("outside", f"the cache of {name}")})
