"""Whether a failure that ends the program comes before anything of a loop could be seen.

If one item fails, a batch takes others along. Where no code handles failures, the program ends as
it fetches one of them; which of them it is does not matter if it has shown nothing in between.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from ray_lint.program.class_members import class_members
from ray_lint.program.names import ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.rewrite.arguments import stores_run_code

_HARMLESS = frozenset({"__init__", "__post_init__", "__slots__", "__doc__", "__module__"})
_STEPS = 4  # functions from the start of the program to a loop
_LEAVING = (ast.Break, ast.Continue, ast.Return, ast.Raise)
_FILLING = (
    *("append", "add", "extend", "update", "setdefault", "get", "items", "keys", "values"),
    *("split", "strip", "lower", "upper", "join", "count", "index", "startswith", "endswith"),
)
_QUIET = tuple(
    f"builtins.{name}"
    for name in (
        *("len", "sum", "min", "max", "sorted", "zip", "enumerate", "range", "int", "float"),
        *("abs", "round", "all", "any", "list", "tuple", "dict", "set", "reversed", "str"),
    )
)


def are_quiet(names: ModuleNames, parts: Iterable[ast.AST], *fetching: str) -> bool:
    """Whether code only computes and keeps values; calls of ``fetching`` may be among it.

    Not where ``with`` or ``finally`` of the module may show what was done by then.
    """
    if _shows_at_the_end(names):
        return False
    for node in (node for part in parts for node in names.walk(part)):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
            return False
        if not isinstance(node, ast.Call) or _is_handle(node):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        filled = method in _FILLING and not class_members(names, method)
        if not filled and not names.stands_for(node.func, *_QUIET, *fetching):
            return False
        if not all(isinstance(k.value, ast.Constant | ast.Lambda) for k in node.keywords):
            return False  # ``key=show``
    return True


def _is_handle(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "remote"


@once_per_module
def _shows_at_the_end(names: ModuleNames) -> bool:
    own = {
        name
        for scope in names.scopes.values()
        if scope.is_class
        for name in scope.bindings
        if name.startswith("__") and name.endswith("__")
    }
    return (
        stores_run_code(names)
        or not own <= _HARMLESS
        or bool(names.attributes("excepthook"))
        or any(names.index.every(ast.With))
        or any(t.finalbody for t in names.index.every(ast.Try))
        or any(names.stands_for(c.func, "atexit.register") for c in names.index.every(ast.Call))
    )


def all_in_one_quiet_loop(names: ModuleNames, uses: Sequence[ast.expr]) -> bool:
    """Whether one loop that shows nothing, and runs once, fetches all references in some order.

    ``uses`` are those of the collection: ``for key in sorted(refs): total += ray.get(refs[key])``.
    """
    loops = {_loop_of(names, use) for use in uses}
    (loop,) = loops if len(loops) == 1 else (None,)
    return (
        isinstance(loop, ast.For)
        and isinstance(loop.target, ast.Name)
        and not any(isinstance(n, _LEAVING) for n in names.walk(loop))
        and all(_is_key_of_all(names, loop, loop.target, use) for use in uses)
        and are_quiet(names, [loop], "ray.get")
        and _runs_once(names, names.scope_of(loop).frame.node)
    )


def _loop_of(names: ModuleNames, use: ast.AST) -> ast.AST | None:
    """Return the only loop around a place in its function."""
    loops = names.enclosing_loops(use)
    around = [
        n for n in names.ancestors(use) if isinstance(n, ast.For) and names.contains(n.iter, use)
    ]
    every = {*loops, *around}
    return every.pop() if len(every) == 1 else None


def _is_key_of_all(names: ModuleNames, loop: ast.For, target: ast.Name, use: ast.expr) -> bool:
    """Whether a use is the ``refs`` of ``sorted(refs)``, or of ``refs[key]`` in each round."""
    parent = names.parents[use]
    if names.contains(loop.iter, use):
        ordered = isinstance(parent, ast.Call) and names.stands_for(
            parent.func, "builtins.sorted", "builtins.reversed"
        )
        return loop.iter is use or (ordered and loop.iter is parent)
    if not isinstance(parent, ast.Subscript) or parent.value is not use:
        return False
    key = parent.slice
    if not isinstance(key, ast.Name) or [b.node for b in names.reaching(key)] != [target]:
        return False
    statement = names.statement_of(use)
    always = (ast.Call, ast.Subscript, ast.BinOp, ast.Assign, ast.AugAssign, ast.Expr, ast.Tuple)
    steps = [n for n in names.ancestors(use) if names.contains(loop, n) and n is not loop]
    return any(statement is s for s in loop.body) and all(isinstance(n, always) for n in steps)


def _runs_once(names: ModuleNames, function: ast.AST, steps: int = _STEPS) -> bool:
    """Whether a function is called by one statement, which itself runs once; so is a module."""
    if isinstance(function, ast.Module):
        return True
    if not isinstance(function, ast.FunctionDef) or not steps or function.decorator_list:
        return False
    scope = names.scope_of(function)
    uses = scope.uses.get(function.name, [])
    if scope.is_class or len(scope.bindings[function.name]) != 1 or len(uses) != 1:
        return False
    call = names.parents[uses[0]]
    if not isinstance(call, ast.Call) or call.func is not uses[0] or names.enclosing_loops(call):
        return False
    return _runs_once(names, names.scope_of(call).frame.node, steps - 1)
