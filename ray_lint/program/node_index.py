"""Finding nodes of a module without walking through all of it, and asking about it only once.

Each fix asks some twenty questions about the whole module. Walking for the answers took time with
the square of the fixes in one file.
"""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from ray_lint.program.names import ModuleNames

_Node = TypeVar("_Node", bound=ast.AST)
_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class NodeIndex:
    """The nodes of a module by their type and attributes by their name, in order of evaluation."""

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        self._by_type: dict[type[ast.AST], list[ast.AST]] = {}
        self._places: dict[str, list[int]] = {}
        self._attributes: dict[str, list[ast.Attribute]] = {}
        for place, node in enumerate(nodes):
            kind = node.__class__
            if kind in self._by_type:
                self._by_type[kind].append(node)
            else:
                self._by_type[kind] = [node]
            if isinstance(node, ast.Attribute):
                self._attributes.setdefault(node.attr, []).append(node)
                self._places.setdefault(node.attr, []).append(place)

    def every(self, kind: type[_Node]) -> Sequence[_Node]:
        """Return all nodes of a type."""
        return cast("Sequence[_Node]", self._by_type.get(kind, ()))

    def attributes(self, name: str, first: int, last: int) -> Sequence[ast.Attribute]:
        """Return all ``x.name`` between two places in the order of nodes, both included."""
        places = self._places.get(name, [])
        start, end = bisect_left(places, first), bisect_right(places, last)
        return self._attributes.get(name, [])[start:end]


def once_per_module(
    question: Callable[Concatenate[ModuleNames, _Given], _Answer],
) -> Callable[Concatenate[ModuleNames, _Given], _Answer]:
    """Remember the answers to a question about a module, which nobody may change.

    What is asked for besides the module must be hashable.
    """

    @wraps(question)
    def ask(names: ModuleNames, /, *given: _Given.args, **named: _Given.kwargs) -> _Answer:
        key: Hashable = (question, given, tuple(named.items()))
        if key not in names.memo:
            names.memo[key] = question(names, *given, **named)
        return cast("_Answer", names.memo[key])

    return ask
