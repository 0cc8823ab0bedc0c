"""Which code of a program may fetch results of tasks, and so see their failures."""

from __future__ import annotations

import ast
import sys

from ray_lint.program.class_members import class_members
from ray_lint.program.names import FUNCTIONS, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.observers import reachable

_FETCHING = ("result", "exception", "as_completed", "map_unordered", "get_next")
VARIABLES = frozenset(
    {
        *(BindingKind.LOOP, BindingKind.COMPREHENSION, BindingKind.UNPACKED),
        *(BindingKind.PARAMETER, BindingKind.ASSIGN),
    }
)
_LIBRARIES = frozenset({*sys.stdlib_module_names, "numpy"}) - {"asyncio", "concurrent"}


def may_fetch(names: ModuleNames, function: ast.expr) -> bool:
    """Whether calling a function or method of the module may fetch results, as far as is seen."""
    if isinstance(function, ast.Attribute):
        bound = [b.node for found in class_members(names, function.attr) for b in found]
        if not bound or not all(isinstance(node, FUNCTIONS) for node in bound):
            return True
    code = reachable(names, [function])
    return not code or any(_fetches(names, node) for part in code for node in names.walk(part))


def _fetches(names: ModuleNames, node: ast.AST) -> bool:
    """Whether one node may fetch: it awaits, calls something of Ray or what is not seen."""
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    if not isinstance(node, ast.Call):
        return False
    known = names.qualified(node.func) or ""
    if known:
        return known == "builtins.next" or known.partition(".")[0] not in _LIBRARIES
    if isinstance(node.func, ast.Attribute):
        asks = node.func.attr == "get" and not node.args
        return asks or node.func.attr in _FETCHING
    if not isinstance(node.func, ast.Name):
        return True
    owner = names.owner(node.func)
    bindings = owner.bindings.get(node.func.id, []) if owner is not None else []
    if bindings and all(b.kind in VARIABLES for b in bindings):
        return hands_on_what_fetches(names)
    return not bindings or not all(isinstance(b.node, (*FUNCTIONS, ast.ClassDef)) for b in bindings)


def viewed(names: ModuleNames, iterable: ast.expr | None) -> ast.expr | None:
    """Return ``table`` of ``table.items()`` and the like, the iterable itself of others."""
    if not isinstance(iterable, ast.Call) or not isinstance(iterable.func, ast.Attribute):
        return iterable
    view = iterable.func.attr in ("items", "keys", "values") and not iterable.args
    return (
        iterable.func.value if view and not class_members(names, iterable.func.attr) else iterable
    )


@once_per_module
def hands_on_what_fetches(names: ModuleNames) -> bool:
    """Whether a function that fetches is a value anywhere: a variable may stand for it then."""
    every: list[ast.Lambda | ast.Name | ast.Attribute] = [
        *names.index.every(ast.Lambda),
        *names.index.every(ast.Name),
        *names.index.every(ast.Attribute),
    ]
    handed = [
        node
        for node in every
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        and not isinstance(names.parents.get(node), ast.Attribute)
        and getattr(names.parents.get(node), "func", None) is not node
    ]
    for node in handed:
        known = names.qualified(node) or ""
        fetches = known.partition(".")[0] in ("ray", "asyncio", "concurrent")
        if fetches and not _decorates(names, node):
            return True
        code = {node, *reachable(names, [node])}
        if any(_is_fetch(names, part) for found in code for part in names.walk(found)):
            return True
    return False


def _decorates(names: ModuleNames, node: ast.AST) -> bool:
    return node in getattr(names.parents.get(node), "decorator_list", ())


def _is_fetch(names: ModuleNames, node: ast.AST) -> bool:
    """Whether a part of a function fetches by itself, whatever it is given to call."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    unseen = isinstance(node.func, ast.Name) and not names.qualified(node.func)
    return not unseen and _fetches(names, node)


def gets_what_is_ready(names: ModuleNames, call: ast.Call) -> bool:
    """Whether ``ray.get(ready)`` fetches all that ``ready, refs = ray.wait(refs)`` gave it."""
    given = call.args[0]
    statement = names.statement_of(call)
    if not isinstance(given, ast.Name) or statement is None:
        return False
    for binding in names.reaching(given):
        waited = binding.statement
        if not isinstance(waited, ast.Assign) or not isinstance(waited.value, ast.Call):
            return False
        target = waited.targets[0]
        first = isinstance(target, ast.Tuple) and target.elts[0] is binding.node
        here = names.blocks[waited].statements is names.blocks[statement].statements
        if not (first and here and names.stands_for(waited.value.func, "ray.wait")):
            return False
    return bool(names.reaching(given))


def fetched_at_once(names: ModuleNames, shape: Shape) -> bool:
    """Whether all references of a list are fetched by one call, before any other is fetched.

    The first failure is then what that call raises, with batches or without.
    """
    if shape.form not in (Form.EXPRESSION, Form.APPEND) or shape.collection != "list":
        return False
    region = shape.loop or names.statement_of(shape.node)
    assert region is not None
    parent = names.parents.get(shape.node)
    if isinstance(parent, ast.Call) and names.stands_for(parent.func, "ray.get"):
        return True
    container: ast.expr | None = shape.container
    if isinstance(parent, ast.Assign) and shape.form is Form.EXPRESSION:
        container = parent.targets[0] if len(parent.targets) == 1 else None
    if not isinstance(container, ast.Name):
        return False
    block = names.blocks[region]
    for statement in block.statements[block.index + 1 :]:
        for node in names.walk(statement):
            if not isinstance(node, ast.Call):
                continue
            if names.stands_for(node.func, "ray.get"):
                return len(node.args) == 1 and _is_whole(names, node.args[0], container)
            if _fetches(names, node) or (
                isinstance(node.func, ast.Name | ast.Attribute)
                and reachable(names, [node.func])
                and may_fetch(names, node.func)
            ):
                return False
        if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return):
            return False
    return False


def _is_whole(names: ModuleNames, fetched: ast.expr, container: ast.Name) -> bool:
    """Whether a list holds all references: ``refs`` itself, or ``[ref for _, ref in pairs]``."""
    if isinstance(fetched, ast.ListComp) and len(fetched.generators) == 1:
        (loop,) = fetched.generators
        plain = isinstance(fetched.elt, ast.Name) and not loop.ifs and not loop.is_async
        fetched = loop.iter if plain else fetched
    owner = names.owner(container)
    return (
        isinstance(fetched, ast.Name)
        and fetched.id == container.id
        and names.owner(fetched) is owner
    )
