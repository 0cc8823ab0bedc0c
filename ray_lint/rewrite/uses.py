"""What a program does with a collection of references."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ray_lint.program.names import Binding, BindingKind, ModuleNames

RAY_GET = ("ray.get", "ray.worker.get")


@dataclass(eq=False)
class Uses:
    """Where the references of a named collection go.

    ``gets`` are the calls ``ray.get(name)``; ``only_gets`` holds if nothing else is done with
    the name, so that batches of values can take the place of the references.
    """

    gets: list[ast.Call]
    only_gets: bool


def is_empty_list(value: ast.expr | None) -> bool:
    """Whether an expression is ``[]`` or ``list()``."""
    return (isinstance(value, ast.List) and not value.elts) or (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "list"
        and not value.args
    )


def is_get(names: ModuleNames, node: ast.AST, argument: ast.expr) -> bool:
    """Whether ``node`` is ``ray.get(argument)`` and nothing more."""
    return (
        isinstance(node, ast.Call)
        and node.args == [argument]
        and not node.keywords
        and names.stands_for(node.func, *RAY_GET)
    )


def uses_of(names: ModuleNames, binding: Binding, ignore: ast.AST | None = None) -> Uses:
    """Follow a name to all its uses; those inside of ``ignore`` do not count.

    A use that another binding may reach too, or that runs in another function, is not only a get.
    """
    gets: list[ast.Call] = []
    scope = binding.scope
    for use in scope.uses.get(binding.name, []):
        if ignore is not None and names.contains(ignore, use):
            continue
        reaching = names.reaching(use)
        if binding not in reaching:
            continue
        parent = names.parents[use]
        if (
            reaching != [binding]
            or names.scope_of(use).frame is not scope.frame
            or not is_get(names, parent, use)
        ):
            return Uses([], only_gets=False)
        assert isinstance(parent, ast.Call)
        gets.append(parent)
    if scope.is_class or binding.name in names.root.redirected:
        return Uses([], only_gets=False)
    return Uses(gets, only_gets=bool(gets))


def assigned_name(names: ModuleNames, node: ast.expr) -> Binding | None:
    """Return the binding of ``name = node``, if that is all the statement does."""
    parent = names.parents[node]
    if not isinstance(parent, ast.Assign | ast.AnnAssign):
        return None
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return None
    target = targets[0]
    scope = names.scope_of(target)
    owner = scope.redirected.get(target.id, scope)
    if owner is not scope:
        return None
    return next(
        (
            b
            for b in owner.bindings.get(target.id, [])
            if b.node is target and b.kind is BindingKind.ASSIGN
        ),
        None,
    )


def only_reads(names: ModuleNames, use: ast.expr, readers: Iterable[str]) -> bool:
    """Whether a use of a collection can neither change it nor hand it on.

    ``readers`` are the dotted names of functions that only look at what they are given.
    """
    parent = names.parents.get(use)
    if isinstance(parent, ast.Subscript):
        return parent.value is use and isinstance(parent.ctx, ast.Load)
    if isinstance(parent, ast.For | ast.comprehension):
        return parent.iter is use
    return (
        isinstance(parent, ast.Call)
        and use in parent.args
        and names.stands_for(parent.func, *readers)
    )
