"""What a program does with a collection of references."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ray_lint.program.known_sizes import QUEUES
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.rewrite.helpers import SUBMIT

_TAKING = ("pop", "popleft")
_TAKING_FROM_QUEUE = ("get", "get_nowait")
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


def taking_call(names: ModuleNames, name: ast.AST) -> ast.Call | None:
    """Return the call ``name.pop(...)``, or ``name.get()`` of a queue that no thread fills."""
    method = names.parents.get(name)
    call = names.parents.get(method) if isinstance(method, ast.Attribute) else None
    if not isinstance(method, ast.Attribute) or not isinstance(call, ast.Call):
        return None
    if call.func is not method or method.value is not name:
        return None
    if method.attr in _TAKING:
        return call
    queue = isinstance(name, ast.Name) and _is_queue(names, name)
    return call if queue and method.attr in _TAKING_FROM_QUEUE else None


def _is_queue(names: ModuleNames, name: ast.Name) -> bool:
    """Whether a name stands for a queue of the standard library in a program without threads."""
    reaching = names.reaching(name)
    made = all(
        isinstance(b.value, ast.Call) and not names.qualified_names(b.value.func).isdisjoint(QUEUES)
        for b in reaching
    )
    if not reaching or not made:
        return False
    return not _has_threads(names)


@once_per_module
def _has_threads(names: ModuleNames) -> bool:
    return any(
        names.import_target(b).partition(".")[0] in ("threading", "concurrent", "_thread")
        for bindings in names.root.bindings.values()
        for b in bindings
        if b.kind is BindingKind.IMPORT
    )


def is_reference(names: ModuleNames, expression: ast.expr) -> bool:
    """Whether an expression is an ObjectRef that an earlier fix submitted ahead of the loop."""
    if isinstance(expression, ast.Name):
        reaching = names.reaching(expression) if expression in names.order else []
        return bool(reaching) and all(
            b.kind is BindingKind.ASSIGN and b.value is not None and is_reference(names, b.value)
            for b in reaching
        )
    if not isinstance(expression, ast.Call):
        return False
    function = expression.func
    if not names.stands_for(function, "builtins.next") or len(expression.args) != 1:
        return False
    taken = expression.args[0]
    made = [b.value for b in names.reaching(taken)] if isinstance(taken, ast.Name) else []
    return bool(made) and all(
        isinstance(value, ast.Call)
        and names.stands_for(value.func, "builtins.iter")
        and isinstance(value.args[0], ast.Call)
        and isinstance(value.args[0].func, ast.Name)
        and value.args[0].func.id.startswith(SUBMIT)
        for value in made
    )


def _calls_for_sure(expression: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls that make up an expression: ``g(x)`` and ``h()`` of ``f(g(x), h())``."""
    if isinstance(expression, ast.Call):
        yield expression
        for argument in expression.args:
            yield from _calls_for_sure(argument)


def fetched_whole(names: ModuleNames, call: ast.Call) -> bool:
    """Whether a statement before ``ray.get(refs[3])`` has fetched all of ``refs`` for sure."""
    picked = call.args[0]
    refs = picked.value if isinstance(picked, ast.Subscript) else None
    if not isinstance(refs, ast.Name):
        return False
    meant = names.reaching(refs)
    statement = names.statement_of(call)
    while statement is not None:
        block = names.blocks[statement]
        for before in block.statements[: block.index]:
            if isinstance(before, ast.Expr | ast.Assign):
                evaluated = before.value
            elif isinstance(before, ast.For):
                evaluated = before.iter
            else:
                continue
            for whole in _calls_for_sure(evaluated):
                if not names.stands_for(whole.func, "ray.get"):
                    continue
                given = whole.args[0] if len(whole.args) == 1 and not whole.keywords else None
                if isinstance(given, ast.Name) and names.reaching(given) == meant:
                    return not any(
                        names.order[use] > names.order[given]
                        and isinstance(names.parents[use], ast.Attribute)
                        for binding in meant
                        for use in names.uses(binding)
                    )
        owner = block.owner
        statement = owner if isinstance(owner, ast.If | ast.With | ast.For) else None
    return False
