"""The remote function that a name stands for, also the name of a parameter."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from ray_lint.program.callers import given_values, is_program
from ray_lint.program.class_members import class_members, class_of_receiver
from ray_lint.program.functions import default_of, returns_of, without_options
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.rewrite.plan import Declined


def task_of(handle: ast.Attribute) -> ast.expr:
    """Return the ``f`` of ``f.remote`` and of ``f.options(...).remote``."""
    return without_options(handle.value)


def lent_names(module: Module, handle: ast.Name) -> tuple[ast.Name, ...]:
    """Return the names that all calls pass for a parameter that a site submits.

    Or the names that a loop goes through: ``for f in (f1, f2)``. Nothing for what is neither. The
    fix passes the batch function there instead, so there may be no other use. Raises Declined
    where not all of that is seen.
    """
    names, reaching = module.names, module.names.reaching(handle)
    if len(reaching) != 1:
        return ()
    (binding,) = reaching
    if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return _looped(names, binding, handle)
    if binding.kind is BindingKind.ASSIGN and names.uses(binding) == [handle]:
        return chosen_names(names, binding.value)
    if binding.kind is not BindingKind.PARAMETER:
        return ()
    function = binding.scope.node
    given = given_values(module, binding)
    if (
        not isinstance(function, ast.FunctionDef)
        or not _all_uses_seen(names)
        or function.decorator_list
        or (names.scope_of(function).is_class and not _is_only_method(names, function))
        or len(names.scope_of(function).bindings[function.name]) != 1
        or binding.scope.uses[handle.id] != [handle]
        or len(binding.scope.bindings[handle.id]) != 1
        or default_of(function, handle.id) is not None
        or not given
        or any(not isinstance(value, ast.Name) for value in given)
    ):
        raise Declined(f"what `{handle.id}` stands for changes")
    return tuple(value for value in given if isinstance(value, ast.Name))


def _is_only_method(names: ModuleNames, method: ast.FunctionDef) -> bool:
    """Whether what is called by a method's name is certainly this one."""
    owner = names.parents.get(method)
    if method.name == "__init__":
        return True
    if len(class_members(names, method.name)) != 1 or not isinstance(owner, ast.ClassDef):
        return False
    receivers = [node.value for node in names.attributes(method.name)]
    return not owner.bases and all(
        isinstance(receiver, ast.Name) and class_of_receiver(names, receiver) is owner
        for receiver in receivers
    )


def chosen_names(names: ModuleNames, choice: ast.expr | None) -> tuple[ast.Name, ...]:
    """Return the names in a table that is written out, for ``TASKS[kind]`` or ``TASKS.get(kind)``.

    Nothing for what is no such choice, or if the table has a use that may tell its entries.
    """
    table = choice.value if isinstance(choice, ast.Subscript) else None
    if isinstance(choice, ast.Call) and isinstance(choice.func, ast.Attribute):
        table = choice.func.value if choice.func.attr == "get" and len(choice.args) == 1 else None
    bindings = names.reaching(table) if isinstance(table, ast.Name) else []
    shown = bindings[0].value if len(bindings) == 1 else None
    if not isinstance(shown, ast.Dict | ast.List | ast.Tuple) or not isinstance(table, ast.Name):
        return ()
    scope = bindings[0].scope
    if len(scope.bindings[table.id]) != 1 or (scope is names.root and not _all_uses_seen(names)):
        return ()
    if not all(use is table or _asks_for_keys(names, use) for use in scope.uses[table.id]):
        return ()
    entries = shown.values if isinstance(shown, ast.Dict) else shown.elts
    found = tuple(entry for entry in entries if isinstance(entry, ast.Name))
    return found if len(found) == len(entries) else ()


def _asks_for_keys(names: ModuleNames, use: ast.Name) -> bool:
    """Whether a use of a dictionary reads its keys only: ``sorted(table)``, ``kind in table``."""
    parent = names.parents.get(use)
    if isinstance(parent, ast.Attribute) and parent.attr == "keys":
        return True
    if isinstance(parent, ast.Compare):
        return all(isinstance(operator, ast.In | ast.NotIn) for operator in parent.ops)
    if isinstance(parent, ast.For | ast.comprehension):
        return parent.iter is use
    keys = ("builtins.len", "builtins.sorted", "builtins.list", "builtins.tuple", "builtins.set")
    return isinstance(parent, ast.Call) and names.stands_for(parent.func, *keys)


def _all_uses_seen(names: ModuleNames) -> bool:
    return is_program(names) and "__all__" not in names.root.bindings


def _looped(names: ModuleNames, binding: Binding, handle: ast.Name) -> tuple[ast.Name, ...]:
    """Return the names at the place of a loop variable in ``for x, f in [(1, f1), (2, f2)]``."""
    found = _elements(names, binding) if names.uses(binding) == [handle] else []
    if not found or any(not isinstance(value, ast.Name) for value in found):
        raise Declined(f"what `{handle.id}` stands for changes")
    return tuple(value for value in found if isinstance(value, ast.Name))


def _elements(names: ModuleNames, binding: Binding) -> list[ast.expr | None]:
    """Return what a loop variable stands for: at its place in the items, if they are displayed."""
    place: ast.AST = binding.node
    path: list[int] = []
    loop = names.parents.get(place)
    while isinstance(loop, ast.Tuple):
        path.insert(0, loop.elts.index(place))  # type: ignore[arg-type]
        place, loop = loop, names.parents.get(loop)
    items = loop.iter if isinstance(loop, ast.For | ast.comprehension) else None
    found: list[ast.expr | None] = []
    for element in _displayed(names, items) if items is not None else []:
        item: ast.expr | None = element
        for index in path:
            fits = isinstance(item, ast.Tuple | ast.List) and index < len(item.elts)
            item = item.elts[index] if fits else None  # type: ignore[union-attr]
        found.append(item)
    return found


def _displayed(names: ModuleNames, items: ast.expr) -> list[ast.expr]:
    """Return the items of an iterable that is written out: there, or by a name for it alone."""
    method = ""
    if isinstance(items, ast.Call) and isinstance(items.func, ast.Attribute) and not items.args:
        method, items = items.func.attr, items.func.value
    if isinstance(items, ast.Name):
        reaching = names.reaching(items)
        alone = len(reaching) == 1 and names.uses(reaching[0]) == [items]
        value = reaching[0].value if alone else None
        if value is None or reaching[0].kind is not BindingKind.ASSIGN:
            return []
        scope = reaching[0].scope
        if len(scope.bindings[items.id]) != 1 or (scope is names.root and not is_program(names)):
            return []
        items = value
    if isinstance(items, ast.Dict):
        if method == "values":
            return list(items.values)
        pairs = [(k, v) for k, v in zip(items.keys, items.values, strict=True) if k is not None]
        complete = method == "items" and len(pairs) == len(items.keys)
        return [ast.Tuple([k, v], ast.Load()) for k, v in pairs] if complete else []
    if isinstance(items, ast.DictComp) and method == "items":
        return [ast.Tuple([items.key, items.value], ast.Load())]
    if isinstance(items, ast.DictComp | ast.ListComp) and method == (
        "values" if isinstance(items, ast.DictComp) else ""
    ):
        return [items.value if isinstance(items, ast.DictComp) else items.elt]
    shown = isinstance(items, ast.Tuple | ast.List) and not method
    return list(items.elts) if shown else []  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Made:
    """What a factory made: ``returned`` stands in its ``return``, a name or ``ray.remote(f)``.

    ``calls`` are those that made what one site submits, ``every`` all calls of the factory.
    """

    factory: ast.FunctionDef
    returned: ast.expr
    calls: frozenset[ast.Call]
    every: frozenset[ast.Call]


def made_by_factory(module: Module, handle: ast.Name | ast.Attribute) -> Made | None:
    """Return what a factory of the module made for a site: ``task = make(3)``.

    The fix lets the factory return the batch function instead. None for what no factory made.
    Raises Declined if the factory or what it made has a use that is no call.
    """
    names = module.names
    made = _makers(module, handle)
    factories = {binding for call in made for binding in _factories(names, call)}
    factory = next(iter(factories)).node if len(factories) == 1 else None
    if not made or not isinstance(factory, ast.FunctionDef):
        return None
    (binding,) = factories
    returned = [node.value for node in returns_of(module, factory)]
    if factory.decorator_list or len(returned) != 1 or returned[0] is None:
        raise Declined(f"what `{factory.name}` returns may change")
    if binding.scope is names.root and not _all_uses_seen(names):
        raise Declined(f"another module may call `{factory.name}`")
    calls = [names.parents[use] for use in names.uses(binding)]
    every = frozenset(call for call in calls if isinstance(call, ast.Call))
    if len(every) != len(calls) or len(binding.scope.bindings[binding.name]) != 1:
        raise Declined(f"`{binding.name}` has another use")
    for task in names.reaching(returned[0]) if isinstance(returned[0], ast.Name) else ():
        if names.uses(task) != returned or len(task.scope.bindings[task.name]) != 1:
            raise Declined(f"`{task.name}` has another use")
    if not _is_only_submitted(names, handle) or any(call not in every for call in made):
        raise Declined(f"`{ast.unparse(handle)}` has another use")
    return Made(factory, returned[0], frozenset(made), every)


def _factories(names: ModuleNames, call: ast.Call) -> list[Binding]:
    """Return the functions of the module that a call may call."""
    bindings = names.reaching(call.func) if isinstance(call.func, ast.Name) else []
    return [b for b in bindings if b.kind is BindingKind.FUNCTION]


def _makers(module: Module, handle: ast.Name | ast.Attribute) -> list[ast.Call]:
    """Return the calls that may have made what a site submits, nothing for anything else."""
    names = module.names
    if isinstance(handle, ast.Attribute):
        stores = [n for n in names.attributes(handle.attr) if isinstance(n.ctx, ast.Store)]
        values = [getattr(names.parents[store], "value", None) for store in stores]
        return _only_calls(values)
    reaching = names.reaching(handle)
    if len(reaching) != 1:
        return []
    (binding,) = reaching
    if binding.kind is BindingKind.ASSIGN:
        return _only_calls([binding.value])
    if binding.kind is BindingKind.UNPACKED:
        return _only_calls([_beside(binding)])
    if binding.kind is BindingKind.PARAMETER:
        return _only_calls(given_values(module, binding))
    if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return _only_calls(_elements(names, binding))
    return []


def _beside(binding: Binding) -> ast.expr | None:
    """Return the ``y`` that a name gets by ``a, b = x, y``."""
    statement = binding.statement
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
        for target in statement.targets:
            places = target.elts if isinstance(target, ast.Tuple) else []
            plain = not any(isinstance(e, ast.Starred) for e in (*places, *statement.value.elts))
            if plain and binding.node in places and len(places) == len(statement.value.elts):
                return statement.value.elts[places.index(binding.node)]
    return None


def _only_calls(values: Sequence[ast.expr | None]) -> list[ast.Call]:
    calls = [value for value in values if isinstance(value, ast.Call)]
    return calls if len(calls) == len(values) else []


def _is_only_submitted(names: ModuleNames, handle: ast.Name | ast.Attribute) -> bool:
    """Whether a name, or an attribute that is set once, has no use but to be submitted."""
    if isinstance(handle, ast.Attribute):
        return len(names.attributes(handle.attr)) == 2
    (binding,) = names.reaching(handle)
    function = binding.scope.node
    if binding.kind is BindingKind.PARAMETER and (
        not isinstance(function, ast.FunctionDef) or default_of(function, handle.id) is not None
    ):
        return False
    return names.uses(binding) == [handle] and len(binding.scope.bindings[handle.id]) == 1


def source_binding(names: ModuleNames, handle: ast.Name) -> Binding:
    """Follow plain aliases and ``.options`` handles to the binding that makes the function."""
    for _ in range(10):
        reaching = names.reaching(handle)
        if len(reaching) != 1:
            raise Declined(f"`{handle.id}` is defined more than once")
        (binding,) = reaching
        if binding.kind not in (BindingKind.FUNCTION, BindingKind.ASSIGN):
            raise Declined(f"what `{handle.id}` stands for changes")
        value = None if binding.value is None else without_options(binding.value)
        if isinstance(value, ast.Name) and not isinstance(
            binding.node, ast.FunctionDef | ast.ClassDef
        ):
            handle = value
            continue
        return binding
    raise Declined("its aliases go in circles")


def lent_functions(module: Module, given: ast.Name) -> list[ast.FunctionDef | ast.Lambda]:
    """Return the plain functions that all calls pass for a parameter.

    Raises Declined where not all of that is seen.
    """
    names, reaching = module.names, module.names.reaching(given)
    found: list[ast.FunctionDef | ast.Lambda] = []
    if len(reaching) == 1 and len(reaching[0].scope.bindings[given.id]) == 1:
        for value in given_values(module, reaching[0]):
            bindings = names.reaching(value) if isinstance(value, ast.Name) else []
            function = bindings[0].node if len(bindings) == 1 else value
            if isinstance(function, ast.FunctionDef) and function.decorator_list:
                break
            if not isinstance(function, ast.FunctionDef | ast.Lambda):
                break
            found.append(function)
        else:
            if found:
                return list(dict.fromkeys(found))
    raise Declined(f"what `{given.id}` stands for changes")
