"""Whether all callers of a function are in sight, and what they pass."""

from __future__ import annotations

import ast

from ray_lint.program.functions import (
    argument_of,
    calls_of,
    default_of,
    implicit_parameters,
)
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module

# decorators of methods that leave the arguments as they are
_SAME_PARAMETERS = ("builtins.classmethod", "builtins.staticmethod", "ray.remote")


@once_per_module
def is_program(names: ModuleNames) -> bool:
    """Whether the file is run as a program, so that all its callers are in sight.

    What uses the cluster as soon as it is imported is one, too.
    """
    return any(
        (isinstance(s, ast.If) and "__name__" in ast.unparse(s.test)) or _runs(names, s)
        for s in names.tree.body
    )


def _runs(names: ModuleNames, statement: ast.stmt) -> bool:
    """Whether a statement of the module uses the cluster, or calls a function here that does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    calls = [node for node in names.walk(statement) if isinstance(node, ast.Call)]
    for name in [c.func.id for c in calls if isinstance(c.func, ast.Name)]:
        for binding in names.root.bindings.get(name, []):
            if isinstance(binding.node, ast.FunctionDef | ast.AsyncFunctionDef):
                calls += [n for n in names.walk(binding.node) if isinstance(n, ast.Call)]
    return any(names.stands_for(call.func, "ray.init", "ray.get", "ray.wait") for call in calls)


def given_values(module: Module, parameter: Binding) -> list[ast.expr]:
    """Return all that the calls of a program pass for a parameter; nothing if not all are seen.

    Any method that is called by the same name counts as a call.
    """
    names, function = module.names, parameter.scope.node
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or not is_program(names):
        return []
    skip = implicit_parameters(module, function)
    if names.scope_of(function).is_class and not all(
        names.stands_for(d.func if isinstance(d, ast.Call) else d, *_SAME_PARAMETERS)
        for d in function.decorator_list
    ):
        return []
    calls = _calls(module, function)
    found = []
    for call in calls or []:
        if any(k.arg is None for k in call.keywords):
            return []
        given = argument_of(call, function, parameter.name, skip)
        given = given or default_of(function, parameter.name)
        if given is None:
            return []
        found.append(given)
    return found


def only_value(module: Module, name: ast.Name) -> ast.expr | None:
    """Return the one expression that a name stands for: what it is assigned, or all calls pass."""
    bindings = module.names.reaching(name)
    if len(bindings) != 1:
        return None
    (binding,) = bindings
    if binding.kind is BindingKind.ASSIGN:
        return binding.value
    given = given_values(module, binding) if binding.kind is BindingKind.PARAMETER else []
    return given[0] if len(given) == 1 else None


def visible_calls(module: Module, function: ast.AST) -> list[ast.Call] | None:
    """Return all calls of a function of a program, None if not all are seen."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    return _calls(module, function) if is_program(module.names) else None


def _calls(
    module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> list[ast.Call] | None:
    names = module.names
    if not names.scope_of(function).is_class:
        return calls_of(module, function)
    if function.name != "__init__":
        return _method_calls(names, function.name)
    calls = calls_of(module, function)
    owner = names.parents.get(function)
    assert isinstance(owner, ast.ClassDef)
    made = names.scope_of(owner).uses.get(owner.name, [])
    called = [use for use in made if not _reads_class(names, use)]
    if calls is None or len(calls) != len(called):
        return None
    return calls + _made_by_itself(names, owner)


def _reads_class(names: ModuleNames, use: ast.Name) -> bool:
    """Whether a use of a class is ``Class.attribute``, which makes no object."""
    parent = names.parents.get(use)
    return isinstance(parent, ast.Attribute) and parent.attr not in ("remote", "options")


def _made_by_itself(names: ModuleNames, owner: ast.ClassDef) -> list[ast.Call]:
    """Return the calls ``cls(...)`` in the methods of a class."""
    return [
        node
        for node in names.walk(owner)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cls"
    ]


@once_per_module
def _method_calls(names: ModuleNames, name: str) -> list[ast.Call] | None:
    """Return the calls of methods of a name, None if one is also read otherwise."""
    found = []
    for node in names.attributes(name):
        callee: ast.AST = node
        parent = names.parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr == "remote":
            callee, parent = parent, names.parents.get(parent)
        if not isinstance(parent, ast.Call) or parent.func is not callee:
            return None
        found.append(parent)
    return found
