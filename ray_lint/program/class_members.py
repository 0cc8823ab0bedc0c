"""What the classes of a module bind, by name."""

from __future__ import annotations

import ast

from ray_lint.program.names import Binding, BindingKind, ModuleNames
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


def class_called(names: ModuleNames, value: ast.AST | None) -> ast.ClassDef | None:
    """Return the class of the module whose call a value is."""
    func = value.func if isinstance(value, ast.Call) else None
    bindings = names.reaching(func) if isinstance(func, ast.Name) and func in names.order else []
    node = bindings[0].node if len(bindings) == 1 else None
    return node if isinstance(node, ast.ClassDef) else None


def class_of_receiver(names: ModuleNames, name: ast.Name) -> ast.ClassDef | None:
    """Return the class whose methods ``name.method`` may be: the one around, for ``self``."""
    if name.id == "self":
        return next((a for a in names.ancestors(name) if isinstance(a, ast.ClassDef)), None)
    return class_of_object(names, name)


def class_of_object(names: ModuleNames, name: ast.Name) -> ast.ClassDef | None:
    """Return the class that a name's object was made of: ``Builder`` for ``b = Builder(3)``.

    None for classes that a decorator may replace, or that derive from others.
    """
    bindings = names.reaching(name)
    made = bindings[0].value if len(bindings) == 1 else None
    if made is None or bindings[0].kind is not BindingKind.ASSIGN:
        return None
    owner = class_called(names, made)
    return None if owner is None or owner.decorator_list or owner.bases else owner
