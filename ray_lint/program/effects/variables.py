"""Binds and reads names: targets of assignments, imports, what annotations promise."""

from __future__ import annotations

import ast
import builtins

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import EffectKind
from ray_lint.program.effects.machine import (
    Machine,
)
from ray_lint.program.effects.values import (
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
from ray_lint.program.names import Binding, BindingKind, Scope

_BUILTINS = frozenset(dir(builtins))


class Variables(Machine):
    """Names, targets and annotations."""

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
        fields = self.tuple_fields(value)
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

    def tuple_fields(self, value: Value) -> tuple[Value, ...] | None:
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


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
