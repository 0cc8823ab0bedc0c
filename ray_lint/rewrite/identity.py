"""Which object something is: what a batch sends together may come back as one object.

An argument of a task arrives as a copy of its own; two arguments of one item, and two results of
one batch, share what they have in common. Equal values do not tell.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from ray_lint.program.effects import table
from ray_lint.program.functions import given_back
from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.records import is_enumeration
from ray_lint.rewrite.plan import Argument, Doubts

_COMPARED_BY_VALUE = (
    "dataclasses.dataclass",
    "attr.s",
    "attrs.define",
    "attrs.frozen",
    "ray.remote",
)


def judge_identity(
    names: ModuleNames, definition: ast.FunctionDef | ast.Lambda, doubts: Doubts
) -> None:
    """Doubt a body that asks which object it has: items of a batch may share one.

    There is one object of a constant, and of a member of an enumeration, in any case.
    """
    if any(_compares_identity(names, node) for node in ast.walk(definition)):
        doubts.add("it compares the identity of objects (`is`)")
    if _has_nan(names) and any(_is_older(names, value) for value in given_back(names, definition)):
        doubts.add("its results may hold one NaN, which equals itself only as the same object")


def _compares_identity(names: ModuleNames, node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and any(
        isinstance(operator, ast.Is | ast.IsNot)
        and not isinstance(other, ast.Constant)
        and not _is_enum_member(names, other)
        for operator, other in zip(node.ops, node.comparators, strict=True)
    )


@once_per_module
def tells_objects_apart(names: ModuleNames) -> bool:
    """Whether a module tells equal objects apart: results that are sent together may be one."""
    calls = names.index.every(ast.Call)
    return any(names.stands_for(call.func, "builtins.id") for call in calls) or any(
        _compares_identity(names, node) for node in names.index.every(ast.Compare)
    )


@once_per_module
def _has_nan(names: ModuleNames) -> bool:
    """Whether the module makes a NaN: tuples that hold the same one are equal."""
    named = any(names.attributes(name) for name in ("nan", "NaN", "NAN"))
    return named or any(
        isinstance(node.value, str)
        and node.value.strip("+- ").lower() == "nan"
        and isinstance(names.parents.get(node), ast.Call)
        for node in names.index.every(ast.Constant)
    )


def _is_older(names: ModuleNames, value: ast.expr | None, depth: int = 0) -> bool:
    """Whether a result may be an object that its task did not make, or a part of one."""
    if isinstance(value, ast.IfExp | ast.BoolOp):
        parts = value.values if isinstance(value, ast.BoolOp) else [value.body, value.orelse]
        return any(_is_older(names, part, depth) for part in parts)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in ("get", "pop", "setdefault")
    if isinstance(value, ast.Name):
        bindings = names.reaching(value)
        made = (BindingKind.ASSIGN, BindingKind.AUGMENTED)
        local = all(b.scope is names.scope_of(value).frame and b.kind in made for b in bindings)
        older = [b.value for b in bindings if b.kind is BindingKind.ASSIGN]
        return not local or depth > 3 or any(_is_older(names, v, depth + 1) for v in older)
    if isinstance(value, ast.Attribute) and names.qualified(value) in table.FLOATS:
        return False  # each comes back as a number of its own
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Call):
        called = names.qualified_names(value.value.func)
        return not called or not all(name.startswith("numpy.") for name in called)
    return isinstance(value, ast.Attribute | ast.Subscript)


def _is_enum_member(names: ModuleNames, node: ast.expr) -> bool:
    """Whether an expression is ``Color.RED`` of an enumeration of this module."""
    base = node.value if isinstance(node, ast.Attribute) else None
    if not isinstance(base, ast.Name) or base not in names.order:
        return False
    bindings = names.reaching(base)
    made = bindings[0].node if len(bindings) == 1 else None
    return isinstance(made, ast.ClassDef) and is_enumeration(names, made)


def may_share_identity(
    names: ModuleNames, arguments: list[Argument], has_value: Callable[[ast.expr], bool]
) -> bool:
    """Whether the arguments of one item may share an object that is compared by identity.

    ``has_value`` tells whether a copy is as good as what an expression stands for.
    """
    varying = [argument for argument in arguments if argument.varying]
    if len(varying) < 2 and not any(argument.star for argument in varying):
        return False
    if _has_odd_values(names):
        return True
    several = [2 if a.star else 1 for a in varying if not has_value(a.expression)]
    return _has_identities(names) and sum(several) > 1


@once_per_module
def _has_odd_values(names: ModuleNames) -> bool:
    """Whether values of the module are equal, or count, otherwise if they are one object.

    So a NaN that is no ``float``, and moments that have one time zone of an own class.
    """
    zones = any(
        names.stands_for(base, "datetime.tzinfo")
        for node in names.index.every(ast.ClassDef)
        for base in node.bases
    )
    return zones or any(
        isinstance(node.value, str)
        and node.value.strip("+-s ").lower() == "nan"
        and isinstance(call := names.parents.get(node), ast.Call)
        and not names.stands_for(call.func, "builtins.float")
        for node in names.index.every(ast.Constant)
    )


@once_per_module
def _has_identities(names: ModuleNames) -> bool:
    """Whether the module makes objects that are only equal to themselves.

    Those of its classes, functions and exceptions. What submits tasks itself stays in the driver.
    """
    kept = (ast.Assign, ast.List, ast.Tuple, ast.Dict, ast.ListComp)
    if any(isinstance(names.parents.get(node), kept) for node in names.index.every(ast.Lambda)):
        return True
    for call in names.index.every(ast.Call):
        raised = isinstance(names.parents.get(call), ast.Raise)
        if not raised and (names.qualified(call.func) or "").endswith(("Error", "Exception")):
            return True
    return any(
        not _is_compared_by_value(names, node)
        and not any(isinstance(n, ast.Attribute) and n.attr == "remote" for n in names.walk(node))
        for node in names.index.every(ast.ClassDef)
    )


def _is_compared_by_value(names: ModuleNames, node: ast.ClassDef) -> bool:
    """Whether a class says when its objects are equal, or is no class of plain objects."""
    if any(isinstance(s, ast.FunctionDef) and s.name == "__eq__" for s in node.body):
        return True
    if is_enumeration(names, node):
        return True
    if any(names.stands_for(base, "typing.NamedTuple", "typing.TypedDict") for base in node.bases):
        return True
    made = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(names.stands_for(each, *_COMPARED_BY_VALUE, "ray.remote") for each in made)
