"""What the classes of a module bind, by name."""

from __future__ import annotations

from ray_lint.program.names import Binding, ModuleNames
from ray_lint.program.node_index import once_per_module


@once_per_module
def _members(names: ModuleNames) -> dict[str, list[list[Binding]]]:
    found: dict[str, list[list[Binding]]] = {}
    for scope in names.scopes.values():
        if scope.is_class:
            for name, bindings in scope.bindings.items():
                found.setdefault(name, []).append(bindings)
    return found


def class_members(names: ModuleNames, name: str) -> list[list[Binding]]:
    """Return the bindings of a name in each class of the module that has it."""
    return _members(names).get(name, [])
