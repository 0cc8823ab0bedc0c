"""The remote function or actor method of a site, and how its batch variant is written."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ray_lint.program.callers import is_program
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.program.remotes import Callee, CalleeKind
from ray_lint.program.scopes import is_handed_ray
from ray_lint.rewrite.lent import lent_names, made_by_factory, source_binding, task_of
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.pools import dealt_actor, must_be_pool


@dataclass(eq=False)
class Target:
    """What the site calls, as far as a rewrite has to know.

    ``definition`` is the function that runs, in module ``home``. ``statement`` is where the remote
    function comes into being: the decorated ``def``, the assignment ``f = ray.remote(g)``, or the
    method of an actor; the batch variant is added beside it, in the module ``written``.
    ``exclusive`` holds if this site is the only use of the remote function in a script.
    """

    home: Module
    definition: ast.FunctionDef | ast.Lambda
    written: Module
    statement: ast.stmt
    decorator: ast.expr | None
    name: str
    is_method: bool
    exclusive: bool
    is_plain: bool = False
    """The definition is a plain function, made remote where it is submitted."""
    spelling: ast.expr | None = None
    """How the module of the site names a remote function of another module."""
    local: bool = False
    """The other module stays as it is: the batch function stands in the module of the site."""
    dealt: ast.expr | None = None
    """The actor of one call, if the calls go to several actors of one class in turn."""
    pooled: bool = False
    """Whether an ``ActorPool`` chooses the actor of each call."""
    lent: tuple[ast.expr, ...] = ()
    """What the calls pass, or a factory returns, for this function: the site calls it by another
    name, so that the batch function has to come the same way."""
    others: tuple[Target, ...] = ()
    """What else the site may call, if the calls pass several functions."""
    only_called: bool = False
    """One of several plain functions that the batch function may call: it stays as it is."""
    ahead: bool = False
    """The batch function goes before the statement, not behind it."""
    receiver: ast.expr | None = None
    """What the site reaches the batch function by, if that is an attribute of a class."""
    called: ast.expr | None = None
    """How the module of the site names a plain function of another module that it made remote."""


def known_definition(site: Site) -> tuple[Module, ast.FunctionDef | ast.Lambda]:
    """Return the function that runs, with its module. Raises Declined for what cannot be a task."""
    definition, home = site.callee.definition, site.callee.module
    if definition is None or home is None:
        raise Declined("its definition is not known")
    if isinstance(definition, ast.AsyncFunctionDef):
        raise Declined("it is asynchronous")
    if _made_by_handed_ray(home.names, site.callee.decorator):
        raise Declined("`ray` is handed over: it may be a client with a cluster of its own")
    return home, definition


def find_target(names: ModuleNames, site: Site, kept: ast.Name | None = None) -> Target:
    """Return the target of a site. Raises Declined where its definition cannot be extended.

    ``kept`` is the name of the task where it was stored under what the site calls it by.
    """
    callee = site.callee
    _, definition = known_definition(site)
    module = site.submission.module
    if callee.kind is CalleeKind.ACTOR_METHOD:
        return actor_method(names, site, definition)
    handle = kept or task_of(site.submission.handle)
    if not isinstance(handle, ast.Name):
        raise Declined("it is not called by a plain name")
    made = made_by_factory(module, handle)
    if made is not None and isinstance(made.returned, ast.Name):
        return returned_target(names, site, made.returned)
    lent = lent_names(module, handle)
    if not lent:
        return _named(names, site, callee, source_binding(names, handle), handle, kept=kept)
    return lent_target(names, site, lent)


def lent_target(names: ModuleNames, site: Site, lent: Sequence[ast.Name]) -> Target:
    """Return the target of a site that may call several tasks, named where they are passed."""
    callee = site.callee
    given: dict[Binding, list[ast.Name]] = {}
    for name in lent:
        given.setdefault(source_binding(names, name), []).append(name)
    first, *others = [
        _named(
            names,
            site,
            callee if len(given) == 1 else _callee_of(names, callee, binding),
            binding,
            passed[0],
            lent=tuple(passed),
        )
        for binding, passed in given.items()
    ]
    return replace(first, others=tuple(others))


def returned_target(names: ModuleNames, site: Site, task: ast.Name) -> Target:
    """Return the target for a task that its factory returns by name."""
    return _named(names, site, site.callee, source_binding(names, task), task, lent=(task,))


def _callee_of(names: ModuleNames, callee: Callee, binding: Binding) -> Callee:
    """Return the callee that one of several names stands for, which are lent to a site."""
    for one in (callee, *callee.others):
        definition = one.definition
        if not isinstance(definition, ast.FunctionDef | ast.Lambda) or one.options:
            continue
        if definition is binding.statement or is_given(names, binding, definition):
            return one
    raise Declined(f"what `{callee.name}` stands for changes")


def _named(
    names: ModuleNames,
    site: Site,
    callee: Callee,
    binding: Binding,
    handle: ast.Name,
    *,
    kept: ast.Name | None = None,
    lent: tuple[ast.Name, ...] = (),
) -> Target:
    """Return the target that a binding makes. Raises Declined where it cannot be extended."""
    module, home, definition = site.submission.module, callee.module, callee.definition
    assert home is not None and isinstance(definition, ast.FunctionDef | ast.Lambda)
    statement = binding.statement
    assert statement is not None  # a function or an assignment
    if home is module and definition is not statement and not is_given(names, binding, definition):
        raise Declined("its function is not given by name where it is made remote")
    called = None
    if home is not module:
        called = _imported(names, callee.decorator, statement)
    elif isinstance(definition, ast.FunctionDef) and definition is not statement:
        owner = names.scope_of(definition)
        if definition.name not in owner.bindings:
            raise Declined("its definition is not known by name")
        if len(owner.bindings[definition.name]) > 1:
            raise Declined(f"`{definition.name}` is defined more than once")
    scope = names.scope_of(statement)
    if scope.is_class:
        raise Declined("the remote function belongs to a class")
    if scope not in names.scope_of(handle).ancestors():
        raise Declined("the remote function is not visible at the call by its own name")
    if isinstance(statement, ast.FunctionDef) and callee.decorator in statement.decorator_list[1:]:
        raise Declined("another decorator stands above the one of Ray")
    exclusive = (
        site.submission.through is None
        and kept is None
        and is_script(names, site, statement)
        and _only_use(names, binding, handle)
    )
    return Target(
        home,
        definition,
        module,
        statement,
        callee.decorator,
        binding.name,
        is_method=False,
        exclusive=exclusive,
        called=called,
        lent=lent,
    )


def _made_by_handed_ray(names: ModuleNames, decorator: ast.expr | None) -> bool:
    """Whether the ``ray`` of ``@ray.remote`` is a parameter, not the imported module."""
    while isinstance(decorator, ast.Call | ast.Attribute):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    if not isinstance(decorator, ast.Name) or decorator not in names.order:
        return False
    return any(is_handed_ray(binding) for binding in names.reaching(decorator))


def _imported(names: ModuleNames, decorator: ast.expr | None, statement: ast.stmt) -> ast.expr:
    """Return how ``f = ray.remote(module.g)`` names the plain function of another module."""
    made = decorator if isinstance(decorator, ast.Call) else None
    parent = names.parents.get(made) if made is not None else None
    if isinstance(parent, ast.Call) and parent.func is made:
        made = parent  # ``ray.remote(num_cpus=2)(g)``
    elif made is None and decorator is not None:
        parent = names.parents.get(decorator)
        made = parent if isinstance(parent, ast.Call) else None
    given = made.args[0] if made is not None and len(made.args) == 1 else None
    base = given
    while isinstance(base, ast.Attribute):
        base = base.value
    if given is None or not isinstance(base, ast.Name):
        raise Declined("its definition is not known by name")
    reaching = names.reaching(base)
    if len(reaching) != 1 or len(reaching[0].scope.bindings[base.id]) != 1:
        raise Declined(f"`{base.id}` is defined more than once")
    (binding,) = reaching
    scope = binding.scope
    if binding.kind is not BindingKind.IMPORT or scope.is_class:
        raise Declined(f"`{base.id}` is not visible where the batch function would be")
    if scope not in names.scope_of(statement).ancestors():
        raise Declined(f"`{base.id}` is not visible where the batch function would be")
    return given


def is_given(
    names: ModuleNames, binding: Binding, definition: ast.FunctionDef | ast.Lambda
) -> bool:
    """Whether ``f = ray.remote(g)`` makes the function itself remote, by name or as a lambda.

    What ``ray.remote(make(3))`` or ``f if c else g`` stand for cannot be called in its place.
    """
    value = binding.value
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr != "options":
            break
        value = value.func.value
    given = value.args[0] if isinstance(value, ast.Call) and len(value.args) == 1 else None
    if isinstance(given, ast.Name):
        reaching = names.reaching(given)
        return len(reaching) == 1 and definition in (reaching[0].node, reaching[0].value)
    return given is definition


def is_script(names: ModuleNames, site: Site, statement: ast.stmt) -> bool:
    """Whether nothing outside of this file is likely to use its functions."""
    if "__all__" in names.root.bindings:
        return False
    if names.scope_of(statement) is not names.root:
        return True
    if names.scope_of(site.submission.call).frame is names.root:
        return True
    return is_program(names)


def _only_use(names: ModuleNames, binding: Binding, handle: ast.Name) -> bool:
    uses = names.uses(binding)
    return uses == [handle] and len(binding.scope.bindings[binding.name]) == 1


def actor_method(
    names: ModuleNames, site: Site, definition: ast.FunctionDef | ast.Lambda
) -> Target:
    """Return an actor's method as a target. Raises Declined where a batch method could not be.

    ``names`` are those of the module of the site.
    """
    home = site.callee.module
    assert home is not None
    pooled, dealt = site.submission.is_pooled, None
    if pooled:
        must_be_pool(site)
    elif site.callee.target != "one actor":
        dealt = dealt_actor(names, site)
    if site.callee.others or (dealt is None and not _is_one_handle(names, site.submission.handle)):
        raise Declined("the actor is not always of one class")
    if site.submission.through is not None:
        raise Declined("another function calls the actor")
    if isinstance(definition, ast.Lambda) or not definition.args.args:
        raise Declined("the method takes no instance")
    if definition.decorator_list:
        raise Declined("the method is decorated")
    owner = home.names.parents[definition]
    if not isinstance(owner, ast.ClassDef):
        raise Declined("the method is not defined in the class itself")
    if any(isinstance(s, ast.AsyncFunctionDef) for s in owner.body):
        raise Declined("the actor is asynchronous")
    made = [*site.callee.options]
    if site.callee.class_definition is not None:
        made += [d for d in site.callee.class_definition.decorator_list if isinstance(d, ast.Call)]
    for call in made:
        for keyword in call.keywords:
            if keyword.arg in ("max_concurrency", "concurrency_groups", None):
                raise Declined("the actor may run several calls at once")
    return Target(
        home,
        definition,
        home,
        definition,
        None,
        definition.name,
        is_method=True,
        exclusive=False,
        dealt=dealt,
        pooled=pooled,
    )


def _is_one_handle(names: ModuleNames, handle: ast.expr) -> bool:
    """Whether the name of the actor, if it has one, stands for what one statement made."""
    while isinstance(handle, ast.Call) and isinstance(handle.func, ast.Attribute):
        handle = handle.func.value
    actor = handle.value if isinstance(handle, ast.Attribute) else handle
    if isinstance(actor, ast.Attribute) and actor.attr == "remote":
        actor = actor.value
    if not isinstance(actor, ast.Name):
        return True
    reaching = names.reaching(actor)
    return len(reaching) <= 1 and not any(
        isinstance(binding.value, ast.IfExp | ast.BoolOp) for binding in reaching
    )
