"""Learns types from tests that did not fail."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.effects.machine import (
    Machine,
)
from ray_lint.program.effects.values import (
    NOTHING,
    Value,
    of_type,
    union,
)

_TEXT = frozenset({"str", "bytes"})


class Narrowing(Machine):
    """What a test tells about the types of the names in it."""

    def narrow(self, test: ast.expr) -> None:
        """Learn types from a test that did not fail.

        What is ordered against a number is a number, against a text a text: lists and dicts
        would have raised, and arrays are no truth values.
        """
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            for part in test.values:
                self.narrow(part)
        self._from_isinstance(test)
        if isinstance(test, ast.UnaryOp):
            self.narrow(test.operand)
        if not isinstance(test, ast.Compare) or not self._is_condition(test):
            return
        sides = [test.left, *test.comparators]
        for index, op in enumerate(test.ops):
            if not isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                continue
            for side, other in ((sides[index], sides[index + 1]), (sides[index + 1], sides[index])):
                if isinstance(side, ast.Name) and isinstance(other, ast.Constant | ast.UnaryOp):
                    self.silent += 1
                    kind = self.value(other)
                    self.silent -= 1
                    if kind.types and kind.types <= table.NUMBERS:
                        self.learn(side, of_type("number"))
                    elif kind.types and kind.types <= _TEXT:
                        self.learn(side, kind)

    def _from_isinstance(self, test: ast.expr) -> None:
        """Take the type from ``isinstance(name, type)``."""
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

    def _is_condition(self, node: ast.expr) -> bool:
        parent = self.names.parents.get(node)
        while isinstance(parent, ast.BoolOp) or (
            isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
        ):
            node, parent = parent, self.names.parents.get(parent)
        if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
            return parent.test is node
        if isinstance(parent, ast.comprehension):
            return node in parent.ifs
        # Only a chain is a truth value by itself.
        return isinstance(node, ast.Compare) and len(node.ops) > 1

    def learn(self, node: ast.Name, value: Value) -> None:
        """Give a local name of unknown type a type."""
        scope = self.names.owner(node)
        if scope is not None:
            known = self.env.get((scope, node.id))
            if known is not None and known.types in (None, frozenset({"atom"})):
                self.env[scope, node.id] = value
