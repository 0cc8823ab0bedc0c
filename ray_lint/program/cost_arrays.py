"""How many elements the arrays have that a task makes or gets."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ray_lint.program import known_costs
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind
from ray_lint.program.size_arrays import elements_of
from ray_lint.program.size_elements import loop_values
from ray_lint.program.sizes import number_of
from ray_lint.program.wording import name_words

if TYPE_CHECKING:
    from ray_lint.program.costs import Costs


class Arrays:
    """Counts the elements of arrays for the functions that are summed up."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs

    def size(self, module: Module, node: ast.expr) -> float | None:
        """Return the number of elements of an array that is made here, or given by the caller."""
        while isinstance(node, ast.Subscript) and not self.is_row(module, node):
            node = node.value  # a part of it is not larger
        if isinstance(node, ast.Name):
            bindings = module.names.reaching(node)
            if len(bindings) != 1:
                return None
            if bindings[0].scope.node is self._costs.root and node.id in self._costs.given:
                return self._given(*self._costs.given[node.id])
            if bindings[0].value is None or bindings[0].kind is not BindingKind.ASSIGN:
                return None
            node = bindings[0].value
        if isinstance(node, ast.Call):
            if module.names.qualified(node.func) in known_costs.PER_ELEMENT:
                return self.made(module, node)
        elif not isinstance(node, ast.List | ast.Tuple):
            return None
        return self._elements(module, node)

    def _elements(self, module: Module, node: ast.expr) -> float | None:
        elements = elements_of(self._costs.sizes, module, node, 0)
        return None if elements is None or elements.kind != "known" else elements.high

    def _given(self, place: Module, argument: ast.expr) -> float | None:
        """Return the number of elements of an array, or of one row that a loop takes from it."""
        if isinstance(argument, ast.Subscript) and not _cuts(argument):
            rows = self._costs.sizes.items(place, argument.value)
            whole = self._given(place, argument.value)
            known = whole is not None and rows.kind == "known" and rows.low > 0
            return whole / rows.low if known and whole is not None else whole
        if isinstance(argument, ast.Subscript):
            argument = argument.value  # a part of it is not larger
        if not isinstance(argument, ast.Name):
            return self._elements(place, argument)
        bindings = place.names.reaching(argument)
        if len(bindings) != 1:
            return None
        (binding,) = bindings
        value = binding.value
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            items = loop_values(place, binding)
            if items is not None:
                sizes = [self._elements(place, item) for item in items]
                return None if None in sizes else max(size for size in sizes if size is not None)
            if value is None:
                return None
            rows, elements = self._costs.sizes.items(place, value), self._elements(place, value)
            known = elements is not None and rows.kind == "known" and rows.low > 0
            return elements / rows.low if known and elements is not None else None
        if isinstance(value, ast.Call) and place.names.stands_for(value.func, "ray.put"):
            value = value.args[0] if value.args else None
        return None if value is None else self._elements(place, value)

    def is_row(self, module: Module, node: ast.expr) -> bool:
        """Whether an array is one row or column: ``a[i]``, ``b[:, j]``, or named for one."""
        if isinstance(node, ast.Attribute) and node.attr == "T":
            node = node.value
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return not all(isinstance(part, ast.Slice) for part in parts)
        if not isinstance(node, ast.Name):
            return False
        if name_words(node.id) & known_costs.ROW_WORDS:
            return True
        if {binding.scope.node for binding in module.names.reaching(node)} != {self._costs.root}:
            return False
        place, argument = self._costs.given.get(node.id, (module, node))
        return isinstance(argument, ast.Subscript) and self.is_row(place, argument)

    def made(self, module: Module, node: ast.Call) -> float | None:
        """Return the number of elements of the array that a constructor call makes."""
        name = (module.names.qualified(node.func) or "").rpartition(".")[2]
        keywords = {k.arg: k.value for k in node.keywords}
        arguments: list[ast.expr]
        if name in {"rand", "randn"} or (name in {"zeros", "ones", "empty"} and len(node.args) > 1):
            arguments = [a for a in node.args if not isinstance(a, ast.Attribute)]
        elif name in {"uniform", "normal", "randint"}:
            arguments = node.args[2:3] or ([keywords["size"]] if "size" in keywords else [])
        elif name == "choice":
            arguments = node.args[1:2] or ([keywords["size"]] if "size" in keywords else [])
        elif name == "linspace":
            arguments = node.args[2:3] or [keywords.get("num", ast.Constant(50))]
        elif name in {"arange", "permutation"}:
            count = self._costs.sizes.items(module, node)
            return None if count.high is None else float(count.high)
        elif name in {"eye", "identity"}:
            arguments = [*node.args[:1], *node.args[:1]]
        else:
            size = keywords.get("size") or keywords.get("shape")
            arguments = node.args[:1] or ([size] if size is not None else [])
        total = 1.0
        flat: list[ast.expr] = []
        for argument in arguments:
            flat += argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]
        for argument in flat:
            number = number_of(self._costs.project, module, argument)
            if number.kind != "known" or number.high == float("inf"):
                return None
            total *= max(number.high, 0)
        return total


def _cuts(part: ast.Subscript) -> bool:
    """Whether a part of an array is a slice of it, or of several of its axes."""
    return isinstance(part.slice, ast.Slice | ast.Tuple)
