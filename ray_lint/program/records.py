"""What objects keep under an attribute, told by its name where only one class has it."""

from __future__ import annotations

import ast

from ray_lint.program.class_members import class_members
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, ModuleNames
from ray_lint.program.node_index import once_per_module

_RECORD_MAKERS = ("dataclasses.dataclass", "attr.s", "attr.define", "attrs.define", "attrs.frozen")
_ENUMS = ("enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag")


def owner_of(module: Module, attribute: ast.Attribute) -> ast.ClassDef | None:
    """Return the only class of the module whose objects have an attribute of that name."""
    owners = _owners(module.names).get(attribute.attr, [])
    return owners[0] if len(owners) == 1 else None


@once_per_module
def _owners(names: ModuleNames) -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    for scope in names.scopes.values():
        owner = scope.node
        if not isinstance(owner, ast.ClassDef):
            continue
        kept = {
            name
            for name, bindings in scope.bindings.items()
            if not any(isinstance(b.node, FUNCTIONS) for b in bindings)
        }
        kept.update(field.id for field, _ in _fields(owner))
        kept.update(
            node.attr
            for node in names.walk(owner)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        )
        for name in kept:
            found.setdefault(name, []).append(owner)
    return found


def _fields(owner: ast.ClassDef) -> list[tuple[ast.Name, ast.expr | None]]:
    """Return the annotated names of a class body with their defaults, in order."""
    return [
        (statement.target, statement.value)
        for statement in owner.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


def field_values(module: Module, owner: ast.ClassDef, name: str) -> list[ast.expr] | None:
    """Return all that a field of a dataclass or named tuple gets, defaults where they are used.

    None for other classes and attributes, and where not all is seen.
    """
    names = module.names
    fields = _fields(owner)
    place = next((i for i, (field, _) in enumerate(fields) if field.id == name), None)
    if place is None or not _is_record(names, owner):
        return None
    found: list[ast.expr] = []
    for use in names.scope_of(owner).uses.get(owner.name, []):
        call = names.parents.get(use)
        if not isinstance(call, ast.Call) or call.func is not use:
            continue
        given = next((k.value for k in call.keywords if k.arg == name), None)
        if any(k.arg is None for k in call.keywords):
            return None
        before = call.args[: place + 1]
        if any(isinstance(argument, ast.Starred) for argument in before):
            return None
        if given is None:
            given = before[place] if len(before) > place else fields[place][1]
        if given is None:
            return None
        found.append(given)
    return list(dict.fromkeys(found)) or None


def _is_record(names: ModuleNames, owner: ast.ClassDef) -> bool:
    if any(isinstance(s, ast.FunctionDef) and s.name == "__init__" for s in owner.body):
        return False
    made = [d.func if isinstance(d, ast.Call) else d for d in owner.decorator_list]
    if any(names.stands_for(maker, *_RECORD_MAKERS) for maker in made):
        return not owner.bases
    return [names.stands_for(b, "typing.NamedTuple") for b in owner.bases] == [True]


def is_enumeration(names: ModuleNames, owner: ast.ClassDef) -> bool:
    """Whether a class is an enumeration."""
    return any(names.stands_for(base, *_ENUMS) for base in owner.bases)


def enum_members(module: Module, owner: ast.ClassDef) -> int | None:
    """Return how many members an enumeration has, None for other classes."""
    if not is_enumeration(module.names, owner):
        return None
    return sum(isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) for s in owner.body)


_OF_BUILTINS = frozenset(
    name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in dir(kind)
)


def method_called(module: Module, function: ast.expr) -> ast.FunctionDef | None:
    """Return the method that ``x.method`` is, where only one class of the module has one.

    Names of methods of the built-in types tell nothing.
    """
    if not isinstance(function, ast.Attribute) or module.names.qualified_names(function):
        return None
    if function.attr in _OF_BUILTINS:
        return None
    named = [b.node for bindings in class_members(module.names, function.attr) for b in bindings]
    method = named[0] if len(named) == 1 else None
    return method if isinstance(method, ast.FunctionDef) else None
