"""Which submissions of a module may have made the references that another one takes as items."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ray_lint.program.callers import visible_calls
from ray_lint.program.effects import has_value, is_immutable
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames, Scope
from ray_lint.program.project import Project

_Place = tuple[Scope | None, str]
"""A variable with the scope that it belongs to; an attribute has none."""
_METHODS = frozenset({"append", "extend", "get", "items", "options", "put", "remote", "values"})


def keywords_are_plain(project: Project, module: Module, given: ast.expr) -> bool:
    """Whether ``**given`` passes numbers, texts and the like only: no ObjectRefs to be resolved."""
    names = module.names
    bindings = names.reaching(given) if isinstance(given, ast.Name) else []
    function = bindings[0].scope.node if len(bindings) == 1 else None
    spec = getattr(function, "args", None)
    if function is None or spec is None or bindings[0].node is not spec.kwarg:
        return has_value(project, module, given)
    calls = visible_calls(module, function) or []
    passed = [keyword for call in calls for keyword in call.keywords]
    return bool(calls) and all(
        keyword.arg is not None and is_immutable(project, module, keyword.value)
        for keyword in passed
    )


class Makers:
    """The sites of a module, by the variables and attributes of the statement of each."""

    def __init__(self, names: ModuleNames, sites: Sequence[Site]) -> None:
        self.names = names
        self._sites: dict[_Place, list[Site]] = {}
        for site in sites:
            statement = names.statement_of(site.submission.call)
            for place in _places(names, statement) if statement is not None else ():
                self._sites.setdefault(place, []).append(site)

    def of(self, items: Sequence[ast.expr]) -> list[Site] | None:
        """Return the sites whose references may be items; None if these come from a caller."""
        names = self.names
        found: dict[Site, None] = {}
        seen: set[ast.AST] = set()
        waiting: list[ast.AST] = list(items)
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            for place in _places(names, node):
                found.update(dict.fromkeys(self._sites.get(place, ())))
            for name in ast.walk(node):
                if not isinstance(name, ast.Name) or name not in names.order:
                    continue
                for binding in names.reaching(name):
                    if binding.kind is BindingKind.PARAMETER and name.id != "self":
                        return None
                    waiting += _sources(names, binding)
        return list(found)


def _sources(names: ModuleNames, binding: Binding) -> list[ast.AST]:
    """Return what a variable may get its value from, also if that is unpacked."""
    found = [binding.value, getattr(binding.statement, "value", None)]
    for parent in names.ancestors(binding.node):
        found.append(getattr(parent, "iter", None))
        if isinstance(parent, ast.stmt | ast.comprehension):
            break
    return [value for value in found if isinstance(value, ast.AST)]


def _places(names: ModuleNames, node: ast.AST) -> set[_Place]:
    """Return the variables and attributes in a piece of code."""
    found: set[_Place] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part in names.order:
            found.add((names.owner(part), part.id))
        elif isinstance(part, ast.Attribute) and part.attr not in _METHODS:
            found.add((None, part.attr))
    return found
