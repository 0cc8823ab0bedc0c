"""The remote function that a name stands for, also the name of a parameter."""

from __future__ import annotations

import ast

from ray_lint.program.functions import default_of
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.rewrite.items import given_values
from ray_lint.rewrite.plan import Declined


def task_of(handle: ast.Attribute) -> ast.expr:
    """Return the ``f`` of ``f.remote`` and of ``f.options(...).remote``."""
    task = handle.value
    while (
        isinstance(task, ast.Call)
        and isinstance(task.func, ast.Attribute)
        and task.func.attr == "options"
    ):
        task = task.func.value
    return task


def lent_names(module: Module, handle: ast.Name) -> tuple[ast.Name, ...]:
    """Return the names that all calls pass for a parameter that a site submits.

    Nothing for what is no parameter. The fix passes the batch function there instead, so the
    parameter may have no other use. Raises Declined where not all of that is seen.
    """
    names, reaching = module.names, module.names.reaching(handle)
    if len(reaching) != 1 or reaching[0].kind is not BindingKind.PARAMETER:
        return ()
    (binding,) = reaching
    function = binding.scope.node
    given = given_values(module, binding)
    if (
        not isinstance(function, ast.FunctionDef)
        or "__all__" in names.root.bindings
        or function.decorator_list
        or names.scope_of(function).is_class
        or len(names.scope_of(function).bindings[function.name]) != 1
        or binding.scope.uses[handle.id] != [handle]
        or len(binding.scope.bindings[handle.id]) != 1
        or default_of(function, handle.id) is not None
        or not given
        or any(not isinstance(value, ast.Name) for value in given)
    ):
        raise Declined(f"what `{handle.id}` stands for changes")
    return tuple(value for value in given if isinstance(value, ast.Name))


def source_binding(names: ModuleNames, handle: ast.Name) -> Binding:
    """Follow plain aliases and ``.options`` handles to the binding that makes the function."""
    for _ in range(10):
        reaching = names.reaching(handle)
        if len(reaching) != 1:
            raise Declined(f"`{handle.id}` is defined more than once")
        (binding,) = reaching
        if binding.kind not in (BindingKind.FUNCTION, BindingKind.ASSIGN):
            raise Declined(f"what `{handle.id}` stands for changes")
        value = binding.value
        while (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "options"
        ):
            value = value.func.value
        if isinstance(value, ast.Name) and not isinstance(
            binding.node, ast.FunctionDef | ast.ClassDef
        ):
            handle = value
            continue
        return binding
    raise Declined("its aliases go in circles")
