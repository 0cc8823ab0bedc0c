"""``ActorPool`` of Ray: which actors one has, and what its ``map`` calls."""

from __future__ import annotations

import ast

from ray_lint.program.callers import only_value
from ray_lint.program.module import Module

_POOL_MAPS = ("map", "map_unordered")
_POOLS = ("ray.util.ActorPool", "ray.util.actor_pool.ActorPool")
_STEPS = 5  # names that a pool is handed through


def pooled_handle(call: ast.Call) -> ast.Attribute | None:
    """Return ``a.m.remote`` of ``pool.map(lambda a, v: a.m.remote(v), values)``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _POOL_MAPS:
        return None
    if len(call.args) != 2 or call.keywords or not isinstance(call.args[0], ast.Lambda):
        return None
    spec, body = call.args[0].args, call.args[0].body
    if len(spec.args) != 2 or spec.posonlyargs or spec.kwonlyargs or spec.vararg or spec.kwarg:
        return None
    handle = body.func if isinstance(body, ast.Call) else None
    if not isinstance(handle, ast.Attribute) or handle.attr != "remote":
        return None
    method = handle.value
    actor = method.value if isinstance(method, ast.Attribute) else None
    return handle if isinstance(actor, ast.Name) and actor.id == spec.args[0].arg else None


def made_of(module: Module, pool: ast.expr) -> ast.Call | None:
    """Return the ``ActorPool([...])`` that an expression stands for; None if it is not known."""
    names = module.names
    for _ in range(_STEPS):
        if isinstance(pool, ast.Call):
            return pool if pool.args and names.stands_for(pool.func, *_POOLS) else None
        value: ast.expr | None = None
        if isinstance(pool, ast.Name):
            value = only_value(module, pool)
        elif isinstance(pool, ast.Attribute):
            stored = [n for n in names.attributes(pool.attr) if not isinstance(n.ctx, ast.Load)]
            statement = names.parents[stored[0]] if len(stored) == 1 else None
            alone = isinstance(statement, ast.Assign) and len(statement.targets) == 1
            value = statement.value if alone else None  # type: ignore[union-attr]
        if value is None:
            return None
        pool = value
    return None
