"""Functions and their calls within a module: returns, arguments, defaults."""

from __future__ import annotations

import ast

from ray_lint.program.module import Module
from ray_lint.program.names import Binding, FunctionNode, ModuleNames

_MAX_CALLS = 20
_MAX_USES = 200


def called_by(call: ast.Call) -> ast.expr:
    """Return the function that a call runs, here or as a task: ``f`` of ``f.remote(x)``."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr != "remote":
        return function
    return without_options(function.value)


def without_options(task: ast.expr) -> ast.expr:
    """Return the ``f`` of ``f.options(...)``, or what is no such call as it is."""
    while (
        isinstance(task, ast.Call)
        and isinstance(task.func, ast.Attribute)
        and task.func.attr == "options"
    ):
        task = task.func.value
    return task


def returns_of(module: Module, function: ast.AST | None) -> list[ast.Return]:
    """Return the ``return`` statements of a function itself, at most 20."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    scope = module.names.scopes[function]
    return [
        node
        for node in module.names.walk(function)
        if isinstance(node, ast.Return) and module.names.scope_of(node) is scope
    ][:20]


def calls_of(module: Module, function: FunctionNode) -> list[ast.Call] | None:
    """Return all direct calls of a function in its module, None if it is also used otherwise.

    For methods these are the calls ``self.name(...)`` of its class and ``x.name.remote(...)`` of
    any ``x``; for ``__init__`` the calls of the class, remote or not.
    """
    names = module.names
    if isinstance(function, ast.Lambda):
        return None
    owner = names.scope_of(function)
    calls: list[ast.Call] = []
    if owner.is_class:
        for node in names.attributes(function.name, owner.node):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                parent = names.parents.get(node)
                if isinstance(parent, ast.Call) and parent.func is node:
                    calls.append(parent)
        if function.name == "__init__" and isinstance(owner.node, ast.ClassDef):
            return calls + _constructions(module, owner.node)
        return calls + module.submissions.get(function.name, [])
    uses: list[ast.expr] = list(owner.uses.get(function.name, []))
    for use in uses:
        use_node: ast.AST = use
        parent = names.parents.get(use)
        made = _made_remote(module, use)
        if made is not None:
            if len(uses) > _MAX_USES:
                return None
            uses += made
            continue
        while isinstance(parent, ast.Attribute) and parent.attr == "options":
            use_node = names.parents[parent]  # ``f.options(...)`` stands for ``f``
            parent = names.parents.get(use_node)
        if isinstance(parent, ast.Attribute) and parent.attr == "remote":
            use_node = parent
            parent = names.parents.get(parent)
        if isinstance(parent, ast.Call) and parent.func is use_node:
            calls.append(parent)
            continue
        handed = _handed_over(parent, use, function)
        if handed is None:
            return None
        calls.append(handed)
    return calls


def _made_remote(module: Module, use: ast.expr) -> list[ast.Name] | None:
    """Return the uses of ``task`` in ``task = ray.remote(f)``, None if ``use`` is no such ``f``."""
    names = module.names
    call = names.parents.get(use)
    if not isinstance(call, ast.Call) or call.args != [use]:
        return None
    maker = call.func.func if isinstance(call.func, ast.Call) else call.func
    statement = names.parents.get(call)
    if not (
        names.stands_for(maker, "ray.remote")
        and isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
        and not names.scope_of(statement).is_class
    ):
        return None
    target = statement.targets[0]
    return list(names.scope_of(target).uses.get(target.id, []))


_ONE_BY_ONE = frozenset({"map", "imap", "imap_unordered", "starmap", "filter", "apply", "reduce"})


def _handed_over(parent: ast.AST | None, use: ast.expr, function: FunctionNode) -> ast.Call | None:
    """Return the call that ``submit(f, a, b)`` or ``benchmark(f, a, b)`` will make: ``f(a, b)``."""
    if not isinstance(parent, ast.Call) or use not in parent.args or parent.keywords:
        return None
    name = parent.func.attr if isinstance(parent.func, ast.Attribute) else ""
    name = parent.func.id if isinstance(parent.func, ast.Name) else name
    rest = parent.args[parent.args.index(use) + 1 :]
    parameters = len(function.args.posonlyargs) + len(function.args.args)
    required = parameters - len(function.args.defaults)
    if name in _ONE_BY_ONE or not rest or not required <= len(rest) <= parameters:
        return None
    return ast.Call(func=use, args=rest, keywords=[])


def _constructions(module: Module, node: ast.ClassDef) -> list[ast.Call]:
    """Return the calls ``C(...)``, ``C.remote(...)`` and ``C.options(...).remote(...)``."""
    names = module.names
    found = []
    for use in names.scope_of(node).uses.get(node.name, []):
        callee: ast.AST = use
        parent = names.parents.get(callee)
        while isinstance(parent, ast.Attribute) and parent.attr in {"options", "remote"}:
            callee, parent = parent, names.parents.get(parent)
            if isinstance(callee, ast.Attribute) and callee.attr == "options":
                if not isinstance(parent, ast.Call):
                    break
                callee, parent = parent, names.parents.get(parent)
        if isinstance(parent, ast.Call) and parent.func is callee:
            found.append(parent)
    return found


def implicit_parameters(module: Module, function: FunctionNode) -> int:
    """Return how many parameters a call does not give: ``self`` or ``cls`` of a method."""
    names = module.names
    if isinstance(function, ast.Lambda) or not names.scope_of(function).is_class:
        return 0
    return int(
        not any(names.stands_for(d, "builtins.staticmethod") for d in function.decorator_list)
    )


def mapped_iterables(module: Module, function: FunctionNode, name: str) -> list[ast.expr]:
    """Return what ``map(f, xs)`` or ``map(f.remote, xs)`` runs over for a parameter.

    Nothing if the function is used in another way, too.
    """
    names = module.names
    if isinstance(function, ast.Lambda) or names.scope_of(function).is_class:
        return []
    positional = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    index = positional.index(name) + 1 if name in positional else 0
    found = []
    for use in names.scope_of(function).uses.get(function.name, []):
        mapped: ast.AST = use
        call = names.parents.get(use)
        if isinstance(call, ast.Attribute) and call.attr == "remote":
            mapped, call = call, names.parents.get(call)
        if not (
            isinstance(call, ast.Call)
            and names.stands_for(call.func, "builtins.map")
            and call.args[0] is mapped
            and 0 < index < len(call.args)
            and not any(isinstance(a, ast.Starred) for a in call.args)
        ):
            return []
        found.append(call.args[index])
    return found


def argument_of(call: ast.Call, function: FunctionNode, name: str, skip: int) -> ast.expr | None:
    """Return the argument that a call gives to a parameter; ``skip`` counts implicit ones."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    positional = [*function.args.posonlyargs, *function.args.args]
    for index, parameter in enumerate(positional[skip:]):
        if parameter.arg == name:
            before = call.args[: index + 1]
            if len(before) == index + 1 and not any(isinstance(a, ast.Starred) for a in before):
                return call.args[index]
    return None


def default_of(function: FunctionNode, name: str) -> ast.expr | None:
    """Return the default value of a parameter."""
    positional = [*function.args.posonlyargs, *function.args.args]
    for parameter, default in zip(
        reversed(positional), reversed(function.args.defaults), strict=False
    ):
        if parameter.arg == name:
            return default
    for parameter, keyword_default in zip(
        function.args.kwonlyargs, function.args.kw_defaults, strict=False
    ):
        if parameter.arg == name:
            return keyword_default
    return None


def arguments_for(module: Module, function: FunctionNode, name: str) -> list[ast.expr]:
    """Return the arguments that the visible calls in the module give to a parameter."""
    skip = implicit_parameters(module, function)
    found = []
    for call in (calls_of(module, function) or [])[:_MAX_CALLS]:
        argument = argument_of(call, function, name, skip)
        if argument is not None:
            found.append(argument)
    default = default_of(function, name)
    if default is not None:
        found.append(default)
    return found


def class_around(module: Module, node: ast.AST) -> ast.ClassDef | None:
    """Return the class whose method holds the node."""
    return next((a for a in module.names.ancestors(node) if isinstance(a, ast.ClassDef)), None)


def loop_of(names: ModuleNames, binding: Binding) -> ast.For | ast.AsyncFor | ast.comprehension:
    """Return the loop whose variable a binding is, also as a part of a tuple."""
    return next(
        a
        for a in names.ancestors(binding.node)
        if isinstance(a, ast.For | ast.AsyncFor | ast.comprehension)
    )


def given_back(names: ModuleNames, function: ast.AST) -> list[ast.expr]:
    """Return the expressions that a function yields, or else returns."""
    if isinstance(function, ast.Lambda):
        return [function.body]
    inside = [n for n in names.walk(function) if names.scope_of(n).frame.node is function]
    yielded = [n.value for n in inside if isinstance(n, ast.Yield) and n.value is not None]
    if yielded:
        return yielded
    return [n.value for n in inside if isinstance(n, ast.Return) and n.value is not None]
