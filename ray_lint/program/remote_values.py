"""Ray-relevant values of expressions: a small abstract interpreter.

``Remotes.values`` gives the values that an expression may have (remote function, actor class, actor
handle, collection of handles, plain function, instance …), through assignments, attributes of
``self``, imports, ``.options()``, wrappers and returned values. It asks only what it needs,
remembers every answer, and gives up at a fixed depth.
"""

from __future__ import annotations

import ast

from ray_lint.program.module import Module
from ray_lint.program.names import Binding
from ray_lint.program.project import Definition, Project
from ray_lint.program.remote_bindings import values_of_binding
from ray_lint.program.remote_calls import values_of_call
from ray_lint.program.remote_kinds import (
    DEPTH,
    MAX_VALUES,
    Value,
    ValueKind,
    Values,
    collected,
    is_collection,
    items_of_collections,
)
from ray_lint.program.remote_members import member, values_of_attribute


class Remotes:
    """Ray-relevant values of expressions, remembered in the project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def values(self, module: Module, expression: ast.expr, depth: int = 0) -> Values:
        """Return the known values that ``expression`` may have; nothing if nothing is known."""
        key = (Remotes, expression)
        memo = self.project.memo
        if key in memo:
            known: Values = memo[key]
            return known
        if depth > DEPTH:
            return ()
        memo[key] = ()  # what a cycle sees
        found = tuple(dict.fromkeys(self._values(module, expression, depth + 1)))[:MAX_VALUES]
        memo[key] = found
        return found

    def _values(self, module: Module, node: ast.expr, depth: int) -> list[Value]:
        found: list[Value] = []
        if isinstance(node, ast.Name):
            found += self._named(module, node, depth)
        elif isinstance(node, ast.Attribute):
            found += values_of_attribute(self, module, node, depth)
        elif isinstance(node, ast.Call):
            found += values_of_call(self, module, node, depth)
        elif isinstance(node, ast.Lambda):
            found.append(Value(ValueKind.FUNCTION, module, node))
        elif isinstance(node, ast.IfExp):
            found += self.values(module, node.body, depth)
            found += self.values(module, node.orelse, depth)
        elif isinstance(node, ast.BoolOp):
            for part in node.values:
                found += self.values(module, part, depth)
        elif isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
            found += self.values(module, node.value, depth)
        elif isinstance(node, ast.Subscript):
            found += items_of_collections(self.values(module, node.value, depth), "pool")
            if isinstance(node.slice, ast.Slice):
                found = list(self.values(module, node.value, depth))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            items = [v for e in node.elts[:20] for v in self.values(module, e, depth)]
            found += collected(module, items)
        elif isinstance(node, ast.Dict):
            items = [v for e in node.values[:20] for v in self.values(module, e, depth)]
            found += collected(module, items)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            found += collected(module, self.values(module, node.elt, depth))
        elif isinstance(node, ast.DictComp):
            found += collected(module, self.values(module, node.value, depth))
        elif isinstance(node, ast.BinOp):
            for part in (node.left, node.right):
                found += [v for v in self.values(module, part, depth) if is_collection(v)]
        return found

    def _named(self, module: Module, node: ast.Name, depth: int) -> list[Value]:
        found: list[Value] = []
        for definition in self.project.definitions(module, node):
            found += self.defined(definition, depth)
        if not found and node.id not in module.names.root.bindings:
            names = module.names.qualified_names(node)
            if "ray.remote" in names:
                found.append(Value(ValueKind.REMOTE_MAKER, module, node, node))
        return found

    def defined(self, definition: Definition, depth: int) -> list[Value]:
        """Return the values of a definition, its attributes followed."""
        binding = definition.binding
        if binding is None:
            return []
        values: list[Value] = list(self.bound(definition.module, binding, depth))
        for attribute in definition.attributes:
            values = [v for x in values for v in member(self, x, attribute, depth)]
        return values

    def bound(self, module: Module, binding: Binding, depth: int) -> Values:
        """Return the values that a binding may give to its name."""
        key = (Remotes, binding)
        memo = self.project.memo
        if key in memo:
            known: Values = memo[key]
            return known
        if depth > DEPTH:
            return ()
        memo[key] = ()
        every = values_of_binding(self, module, binding, depth + 1)
        found = tuple(dict.fromkeys(every))[:MAX_VALUES]
        memo[key] = found
        return found

    def members(self, values: Values, attribute: str) -> Values:
        """Return the values of an attribute of any of ``values``."""
        return tuple(v for value in values for v in member(self, value, attribute, 0))

    def bases(self, module: Module, node: ast.ClassDef, depth: int = 0) -> list[Value]:
        """Return the classes of the project that the class derives from."""
        return [
            value
            for expression in node.bases
            for value in self.values(module, expression, depth + 1)
            if value.kind in (ValueKind.CLASS, ValueKind.ACTOR_CLASS) and value.node is not node
        ]

    def stored(self, module: Module, node: ast.ClassDef) -> dict[str, list[ast.Attribute]]:
        """Return the places that assign ``self.x`` in the methods of a class, by name."""
        return self._self_attributes(module, node)[0]

    def loaded(self, module: Module, node: ast.ClassDef) -> dict[str, list[ast.Attribute]]:
        """Return the places that read ``self.x`` in the methods of a class, by name."""
        return self._self_attributes(module, node)[1]

    def _self_attributes(
        self, module: Module, node: ast.ClassDef
    ) -> tuple[dict[str, list[ast.Attribute]], dict[str, list[ast.Attribute]]]:
        key = (Remotes._self_attributes, node)
        if key not in self.project.memo:
            stored: dict[str, list[ast.Attribute]] = {}
            loaded: dict[str, list[ast.Attribute]] = {}
            for inner in module.names.walk(node):
                if (
                    isinstance(inner, ast.Attribute)
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == "self"
                ):
                    places = loaded if isinstance(inner.ctx, ast.Load) else stored
                    places.setdefault(inner.attr, []).append(inner)
            self.project.memo[key] = (stored, loaded)
        found: tuple[dict[str, list[ast.Attribute]], dict[str, list[ast.Attribute]]]
        found = self.project.memo[key]
        return found
