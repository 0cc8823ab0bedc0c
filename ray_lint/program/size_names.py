"""How many items a name has: assignments, attributes, loop variables, parameters."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.callers import given_values
from ray_lint.program.counts import NOTHING, Count, amount, exactly, join_counts, plus
from ray_lint.program.functions import (
    argument_of,
    calls_of,
    class_around,
    default_of,
    implicit_parameters,
    mapped_iterables,
)
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, FunctionNode
from ray_lint.program.project import Definition, final_bindings
from ray_lint.program.records import enum_members, field_values, owner_of
from ray_lint.program.remote_values import Remotes
from ray_lint.program.size_calls import unpacked_result
from ray_lint.program.size_elements import columns_of, items_of, loop_values
from ray_lint.program.size_growth import grown
from ray_lint.program.wording import is_one_chunk, name_evidence, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Argument, Sizes


_GROWING = (ast.List, ast.ListComp, ast.Call, ast.Dict, ast.Set, ast.BinOp)


def named_items(sizes: Sizes, module: Module, node: ast.Name | ast.Attribute, depth: int) -> Count:
    """Return how many items a name or attribute has: what its definitions say, joined."""
    counts = [
        _defined(sizes, definition, module, node, depth)
        for definition in _without_growth(meanings(sizes, module, node))
    ]
    if counts:
        return join_counts(counts)
    if isinstance(node, ast.Attribute):
        return Count(0, None, "unknown", f"`{words_of(node)}` is not seen here")
    return Count(0, None, "unknown", f"`{node.id}` is not seen here")


def _without_growth(found: list[Definition]) -> list[Definition]:
    """Return where a collection is made instead of where ``xs += more`` adds to it."""
    bindings = [d.binding for d in found if d.binding is not None]
    grown = [b for b in bindings if b.kind is BindingKind.AUGMENTED]
    if not grown or len(bindings) != len(found):
        return found
    every = grown[0].scope.bindings[grown[0].name]
    made = [b for b in every if b.kind is BindingKind.ASSIGN]
    others = [b.statement for b in every if b.kind is not BindingKind.ASSIGN]
    adds = all(isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Add) for s in others)
    return [Definition(found[0].module, made[0])] if len(made) == 1 and adds else found


def meanings(sizes: Sizes, module: Module, node: ast.Name | ast.Attribute) -> list[Definition]:
    """Return the definitions of a name, and for ``x.attribute`` those of the attribute of a class.

    Of objects other than ``self`` the name of the attribute tells the class, if only one has it.
    """
    found = list(sizes.project.definitions(module, node))
    if isinstance(node, ast.Name):
        return found
    if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
        owner = class_around(module, node)
        return [] if owner is None else _attribute(sizes, module, owner, node.attr)
    if module.names.qualified_names(node) or any(_is_seen(sizes, d) for d in found):
        return found
    owner = owner_of(module, node)
    return found if owner is None else _attribute(sizes, module, owner, node.attr)


def _is_seen(sizes: Sizes, definition: Definition) -> bool:
    """Whether more is known of what a name and its attributes stand for than its first part."""
    binding = definition.binding
    if binding is None or not definition.attributes or binding.kind is BindingKind.IMPORT:
        return True
    if class_attribute(sizes, definition) is not None:
        return True
    function = binding.value.func if isinstance(binding.value, ast.Call) else None
    return isinstance(function, ast.Attribute) and function.attr.startswith("parse_")


def _attribute(sizes: Sizes, module: Module, owner: ast.ClassDef, name: str) -> list[Definition]:
    """Return what objects of a class keep under a name."""
    scope = module.names.scopes[owner]

    def given(node: ast.AST, value: ast.expr | None) -> Definition:
        kind = BindingKind.UNPACKED if value is None else BindingKind.ASSIGN
        statement = module.names.statement_of(node)
        return Definition(module, Binding(name, scope, kind, node, statement, value))

    values = field_values(module, owner, name)
    if values is None:
        found = [Definition(module, b) for b in final_bindings(scope, name)]
    else:
        field = next(s for s in owner.body if getattr(s, "target", None) is not None)
        found = [given(field, value) for value in values]
    for stored in Remotes(sizes.project).stored(module, owner).get(name, []):
        statement = module.names.parents.get(stored)
        assigned = isinstance(statement, ast.Assign | ast.AnnAssign)
        found.append(given(stored, statement.value if assigned else None))  # type: ignore[union-attr]
    return found


def _defined(
    sizes: Sizes, definition: Definition, module: Module, use: ast.expr, depth: int
) -> Count:
    binding, home = definition.binding, definition.module
    if binding is None:
        return NOTHING
    if definition.attributes:
        inner = class_attribute(sizes, definition)
        if inner is None:
            return _of_source(sizes, home, binding, depth)
        definition = inner
        binding = inner.binding
        assert binding is not None
    kind, value = binding.kind, binding.value
    if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
        count = sizes.items(home, value, depth)
        text = isinstance(value, ast.Constant) and isinstance(value.value, str | bytes)
        if text or isinstance(value, _GROWING):
            count = grown(sizes, home, binding, use if home is module else None, count, depth)
        worker, chunk = name_evidence(binding.name)
        chunk = chunk and not (count.kind == "known" and is_one_chunk(binding.name))
        return replace(count, per_worker=count.per_worker or worker, chunked=count.chunked or chunk)
    if kind is BindingKind.PARAMETER:
        return _parameter(sizes, home, binding, depth)
    if kind is BindingKind.AUGMENTED:
        # Growth is counted with the binding that it adds to.
        return Count(0, None, "unknown", f"`{binding.name}` changes")
    if isinstance(binding.node, ast.ClassDef):
        members = enum_members(home, binding.node)
        return NOTHING if members is None else exactly(members, f"members of `{binding.name}`")
    if kind is BindingKind.WITH:
        return Count(0, None, "data", f"read from `{binding.name}`")
    if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return _element(sizes, home, binding, depth)
    if kind is BindingKind.UNPACKED and isinstance(binding.statement, ast.Assign):
        part = unpacked_result(sizes, home, binding, depth)
        if part is not None:
            return part
        source = sizes.items(home, binding.statement.value, depth)
        if source.kind == "data":
            return replace(source, low=0, high=None)
    return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")


def _of_source(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Count:
    """Judge an attribute of a value: columns of data are data."""
    if binding.value is not None and binding.kind is BindingKind.ASSIGN:
        base = sizes.items(home, binding.value, depth)
        if base.kind == "data":
            return replace(base, low=0, high=None)
    if binding.kind is BindingKind.PARAMETER:
        return Count(0, None, "unknown", f"an attribute of the parameter `{binding.name}`")
    return NOTHING


def class_attribute(sizes: Sizes, definition: Definition) -> Definition | None:
    """Return what an attribute of a class of the project is."""
    binding = definition.binding
    if binding is None or not isinstance(binding.node, ast.ClassDef):
        return None
    if len(definition.attributes) != 1:
        return None
    scope = definition.module.names.scopes[binding.node]
    found = final_bindings(scope, definition.attributes[0])
    return Definition(definition.module, found[-1]) if found else None


def _element(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Count:
    """Return the size of a loop variable: items of an item of the iterable."""
    values = loop_values(home, binding)
    if values is not None:
        counts = [sizes.items(home, value, depth) for value in values]
        if all(c.kind == "known" for c in counts):
            return join_counts(counts)
    source = binding.value
    columns = None if source is None else columns_of(home, source)
    if columns:
        return exactly(len(columns), "a row")
    if source is None:
        inside = _dict_values(sizes, home, binding, depth)
        if inside is not None:
            return inside
        return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")
    base = sizes.items(home, binding.value, depth) if binding.value is not None else NOTHING
    if base.chunked:
        return Count(0, None, "data", f"items of one chunk `{binding.name}`")
    return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")


def _dict_values(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Count | None:
    """Return the size of ``xs`` in ``for key, xs in table.items()`` over a dict display."""
    names = home.names
    target = names.parents.get(binding.node)
    loop = names.parents.get(target) if target is not None else None
    source = getattr(loop, "iter", None)
    if not (
        isinstance(target, ast.Tuple)
        and target.elts[1:] == [binding.node]
        and isinstance(source, ast.Call)
        and isinstance(source.func, ast.Attribute)
        and source.func.attr == "items"
        and isinstance(source.func.value, ast.Name)
    ):
        return None
    values = [b.value for b in names.reaching(source.func.value)]
    if len(values) != 1 or not isinstance(values[0], ast.Dict) or not values[0].values:
        return None
    counts = [sizes.items(home, value, depth) for value in values[0].values[:50]]
    return join_counts(counts) if all(c.kind == "known" for c in counts) else None


def _parameter(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Count:
    function = binding.scope.node
    if isinstance(function, FUNCTIONS) and function.args.vararg is binding.node:
        return _further_arguments(sizes, home, function, depth)
    arguments, complete = parameter_values(sizes, home, binding)
    worker, chunk = name_evidence(binding.name)
    if arguments and complete:
        counts = [inner.items(m, a, depth) for inner, m, a in arguments]
        count = join_counts(counts)
        if count.kind == "known":
            chunk = chunk and not is_one_chunk(binding.name)
            return replace(
                count,
                reason=f"{count.reason} (parameter `{binding.name}`)",
                per_worker=count.per_worker or worker,
                chunked=count.chunked or chunk,
            )
    reason = f"the parameter `{binding.name}`"
    return Count(0, None, "data", reason, worker, chunk)


def _further_arguments(sizes: Sizes, home: Module, function: FunctionNode, depth: int) -> Count:
    """Return how many positional arguments ``*rest`` takes up, by all visible calls."""
    spec = function.args
    assert spec.vararg is not None
    reason = f"the parameter `{spec.vararg.arg}`"
    calls = calls_of(home, function) or []
    taken = len(spec.posonlyargs) + len(spec.args) - implicit_parameters(home, function)
    counts = []
    for call in calls[:20]:
        total = exactly(0, "")
        for argument in call.args:
            more = exactly(1, "")
            if isinstance(argument, ast.Starred):
                more = sizes.items(home, argument.value, depth)
            total = plus(total, more)
        if total.kind != "known" or total.high is None:
            return Count(0, None, "data", reason)
        low, high = max(total.low - taken, 0), max(total.high - taken, 0)
        counts.append(Count(low, high, "known", f"{amount(low, high)} arguments"))
    known = counts and len(calls) <= len(counts)
    return join_counts(counts) if known else Count(0, None, "data", reason)


def parameter_values(sizes: Sizes, home: Module, binding: Binding) -> tuple[list[Argument], bool]:
    """Return what visible calls and the default give to a parameter, and whether all do.

    Each with the evaluator for it. If one call is looked at, what that one gives.
    """
    function = binding.scope.node
    if not isinstance(function, FUNCTIONS) or not isinstance(binding.node, ast.arg):
        return [], False
    if binding.node in sizes.given:
        return [sizes.given[binding.node]], True
    if function.args.vararg is binding.node or function.args.kwarg is binding.node:
        return [], False
    calls = calls_of(home, function)
    default = default_of(function, binding.name)
    parametrized = _parametrized(home, function, binding.name)
    if parametrized and not calls:
        return [(sizes, home, value) for value in parametrized[:20]], len(parametrized) <= 20
    if not calls and home.names.scope_of(function).is_class:
        values = given_values(home, binding)  # by the name of the method alone
        if values:
            return [(sizes, home, value) for value in values[:20]], len(values) <= 20
    if calls is None:
        mapped = [items_of(home, xs) for xs in mapped_iterables(home, function, binding.name)]
        if mapped and None not in mapped:
            return [(sizes, home, item) for items in mapped for item in items or []], True
    if not calls:
        return ([(sizes, home, default)], True) if default is not None else ([], False)
    skip = implicit_parameters(home, function)
    found: list[Argument] = []
    for call in calls[:20]:
        argument = argument_of(call, function, binding.name, skip) or default
        if argument is None:
            return found, False
        found.append((sizes, home, argument))
    return found, len(calls) <= 20


def _parametrized(home: Module, function: FunctionNode, name: str) -> list[ast.expr]:
    """Return the values of ``@pytest.mark.parametrize("name", [...])``."""
    if isinstance(function, ast.Lambda):
        return []
    for decorator in function.decorator_list:
        if not (isinstance(decorator, ast.Call) and len(decorator.args) >= 2):
            continue
        if not home.names.stands_for(decorator.func, "pytest.mark.parametrize"):
            continue
        which, values = decorator.args[:2]
        if isinstance(which, ast.Constant) and which.value == name:
            return list(values.elts) if isinstance(values, ast.List | ast.Tuple) else []
    return []
