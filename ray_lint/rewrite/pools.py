"""Actors of one class that the calls of a loop are dealt out to."""

from __future__ import annotations

import ast

from ray_lint.program.actor_pools import made_of
from ray_lint.program.facts import Site
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.uses import only_reads

_DEPTH = 5
_DEALERS = ("itertools.cycle", "builtins.list", "builtins.tuple", "builtins.iter")
_STEPWISE = ("get_next", "get_next_unordered", "has_next", "has_free", "push", "pop_idle")
_READERS = (*_DEALERS, "builtins.len", "builtins.enumerate", "builtins.zip", "random.choice")


def actor_of(handle: ast.Attribute) -> ast.expr:
    """Return the actor of ``actor.method.remote`` or ``actor.method.options(...).remote``.

    Raises Declined where it is not called that way.
    """
    method = handle.value
    while isinstance(method, ast.Call) and isinstance(method.func, ast.Attribute):
        method = method.func.value
    if not isinstance(method, ast.Attribute):
        raise Declined("the actor is not called by name")
    return method.value


def dealt_actor(names: ModuleNames, site: Site) -> ast.expr:
    """Return the actor of a call that goes to several actors of one class, as it is written.

    Raises Declined unless they are items of one list that is made of actors of that class and
    never changed.
    """
    submission, owner = site.submission, site.callee.class_definition
    actor = actor_of(submission.handle)
    pool = _pool(names, actor)
    if pool is None or owner is None or submission.is_mapped or submission.through is not None:
        raise Declined("the calls go to several actors")
    made = _made_of(names, pool)
    if not made or any(not _creates(names, call, owner) for call in made):
        raise Declined("the actors are not known to be of one class")
    return actor


def must_be_pool(site: Site) -> None:
    """Decline the ``map`` of an ``ActorPool`` unless its actors are of one class.

    And unless nothing but its ``map`` is used: results that wait in it would get mixed up.
    """
    submission, owner = site.submission, site.callee.class_definition
    names, method = submission.module.names, submission.call.func
    assert isinstance(method, ast.Attribute)
    made = made_of(submission.module, method.value)
    actors = made.args[0] if made is not None else None
    if isinstance(actors, ast.Name):
        bindings = names.reaching(actors)
        scope = bindings[0].scope if len(bindings) == 1 else None
        alone = scope is not None and len(scope.bindings[actors.id]) == 1
        uses = scope.uses.get(actors.id, []) if scope is not None else []
        if not alone or not all(u is actors or only_reads(names, u, _READERS) for u in uses):
            raise Declined("the actors are not known to be of one class")
        actors = bindings[0].value
    elements = [actors.elt] if isinstance(actors, ast.ListComp) else getattr(actors, "elts", [])
    if owner is None or not elements or not all(_creates(names, e, owner) for e in elements):
        raise Declined("the actors are not known to be of one class")
    if any(names.attributes(name) for name in _STEPWISE):
        raise Declined("the pool is used step by step as well")


def _pool(names: ModuleNames, actor: ast.expr, depth: int = 0) -> ast.expr | None:
    """Return the list that an actor is taken from, by an index, in turn or by a loop."""
    if depth > _DEPTH:
        return None
    if isinstance(actor, ast.Subscript) and not isinstance(actor.slice, ast.Slice):
        return _list(names, actor.value)
    if isinstance(actor, ast.Call) and len(actor.args) == 1 and not actor.keywords:
        if names.stands_for(actor.func, "random.choice", "builtins.next"):
            return _list(names, actor.args[0])
        return None
    if not isinstance(actor, ast.Name):
        return None
    reaching = names.reaching(actor)
    if len(reaching) != 1:
        return None
    (binding,) = reaching
    if binding.kind is BindingKind.ASSIGN and binding.value is not None:
        return _pool(names, binding.value, depth + 1)
    if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return _looped(names, binding)
    return None


def _looped(names: ModuleNames, binding: Binding) -> ast.expr | None:
    """Return the list that a loop variable runs over, also one of ``zip`` and ``enumerate``."""
    target = names.parents[binding.node]
    if isinstance(target, ast.For | ast.comprehension):
        return _list(names, target.iter)
    loop = names.parents[target]
    if not isinstance(target, ast.Tuple) or not isinstance(loop, ast.For | ast.comprehension):
        return None
    iterable = loop.iter
    place = next(i for i, e in enumerate(target.elts) if e is binding.node)
    if not isinstance(iterable, ast.Call) or any(isinstance(e, ast.Starred) for e in target.elts):
        return None
    if names.stands_for(iterable.func, "builtins.zip") and place < len(iterable.args):
        return _list(names, iterable.args[place])
    if names.stands_for(iterable.func, "builtins.enumerate") and place == 1:
        return _list(names, iterable.args[0])
    return None


def _list(names: ModuleNames, node: ast.expr, depth: int = 0) -> ast.expr | None:
    """Return the name or attribute of a list that an iterable gives the items of."""
    if depth > _DEPTH:
        return None
    if isinstance(node, ast.Call) and names.stands_for(node.func, *_DEALERS):
        return _list(names, node.args[0], depth + 1) if len(node.args) == 1 else None
    if isinstance(node, ast.Attribute):
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        return node if own else None
    if not isinstance(node, ast.Name):
        return None
    reaching = names.reaching(node)
    value = reaching[0].value if len(reaching) == 1 else None
    if isinstance(value, ast.Call) and reaching[0].kind is BindingKind.ASSIGN:
        return _list(names, value, depth + 1)  # turns = itertools.cycle(workers)
    return node


def _made_of(names: ModuleNames, pool: ast.expr) -> list[ast.expr]:
    """Return the expressions of all items of a list; nothing if they may not be all."""
    if isinstance(pool, ast.Name):
        owner = names.owner(pool)
        bindings = owner.bindings.get(pool.id, []) if owner is not None else []
        if owner is None or len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN:
            return []
        values = [bindings[0].value]
        uses: list[ast.expr] = list(owner.uses.get(pool.id, []))
    else:
        assert isinstance(pool, ast.Attribute)
        every = names.attributes(pool.attr)
        stored = [n for n in every if not isinstance(n.ctx, ast.Load)]
        statements = [names.parents[n] for n in stored]
        values = [
            s.value if isinstance(s, ast.Assign | ast.AnnAssign) else None for s in statements
        ]
        uses = [n for n in every if isinstance(n.ctx, ast.Load)]
    if len(values) != 1 or not all(only_reads(names, use, _READERS) for use in uses):
        return []
    (value,) = values
    if isinstance(value, ast.ListComp):
        return [value.elt]
    return value.elts if isinstance(value, ast.List) else []


def _creates(names: ModuleNames, node: ast.expr, owner: ast.ClassDef) -> bool:
    """Whether an expression is ``Owner.remote(...)`` or ``Owner.options(...).remote(...)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr != "remote":
        return False
    maker = node.func.value
    while isinstance(maker, ast.Call) and isinstance(maker.func, ast.Attribute):
        if maker.func.attr != "options" or any(
            k.arg in ("max_concurrency", "concurrency_groups", "name", None) for k in maker.keywords
        ):
            return False
        maker = maker.func.value
    if not isinstance(maker, ast.Name):
        return False
    return [b.node for b in names.reaching(maker)] == [owner]
