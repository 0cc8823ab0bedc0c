"""Whether calling a class gives an object that shares nothing that changes with the others."""

from __future__ import annotations

import ast

from ray_lint.program.effects.state import changes_object
from ray_lint.program.module import Module
from ray_lint.program.names import DISPLAYS, FUNCTIONS, ModuleNames

_PLAIN_DECORATORS = ("dataclasses.dataclass", "functools.total_ordering", "typing.final")
_MAKERS = (
    *("builtins.list", "builtins.dict", "builtins.set", "builtins.bytearray"),
    *("collections.defaultdict", "collections.deque", "collections.Counter", "numpy.zeros"),
)
_DEPTH = 6


def shares_objects(module: Module, owner: ast.ClassDef, depth: int = 0) -> bool:
    """Whether two objects of a class may be one, or hold one object that changes.

    So with a metaclass, a ``__new__`` or a decorator of its own, with a list as a default, and with
    one in the class body that is changed through its objects.
    """
    names = module.names
    key = (shares_objects, owner)
    if key not in names.memo:
        names.memo[key] = depth > _DEPTH or _shares(module, owner, depth)
    return bool(names.memo[key])


def _shares(module: Module, owner: ast.ClassDef, depth: int) -> bool:
    names = module.names
    if owner.keywords or "__new__" in names.scopes[owner].bindings:
        return True
    for decorator in owner.decorator_list:
        plain = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not names.stands_for(plain, *_PLAIN_DECORATORS):
            return True
    for statement in owner.body:
        if isinstance(statement, FUNCTIONS):
            spec = statement.args
            defaults = [*spec.defaults, *(d for d in spec.kw_defaults if d is not None)]
            if any(_is_mutable(names, default) for default in defaults):
                return True
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign) and _is_mutable(names, value):
            attributes = {t.id for t in statement.targets if isinstance(t, ast.Name)}
            if any(
                changes_object(module, node)
                for attribute in attributes
                for node in names.attributes(attribute)
            ):
                return True
    for base in owner.bases:
        bindings = names.reaching(base) if isinstance(base, ast.Name) else []
        if any(
            isinstance(b.node, ast.ClassDef) and shares_objects(module, b.node, depth + 1)
            for b in bindings
        ):
            return True
    return False


def _is_mutable(names: ModuleNames, value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return names.stands_for(value.func, *_MAKERS)
    return isinstance(value, DISPLAYS)
