"""What a ``.remote`` call calls: a task, an actor's method, a new actor, or nothing of Ray's.

The values of the expressions come from ``remote_values``; here they are put into one answer, with
its reason, and what is not seen is judged by its shape.
"""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, replace

from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, BindingKind, FunctionNode, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.remote_kinds import PICKERS, Value, ValueKind, Values
from ray_lint.program.remote_values import Remotes


class CalleeKind(enum.Enum):
    """What kind of work a ``.remote()`` call starts."""

    TASK = "task"
    ACTOR_METHOD = "actor method"
    ACTOR_CREATION = "actor creation"
    NOT_RAY = "not Ray's"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Callee:
    """What is called at a submission site, as far as the project tells.

    ``name`` is in the user's words (``square``, ``counter.add``). ``definition`` is the function
    that runs, in ``module``; for an actor method the method, for ``f = ray.remote(g)`` it is ``g``.
    ``decorator`` is the ``ray.remote`` or ``ray.remote(...)`` expression that made it remote.
    ``binding_name`` is the name under which the module of the site knows the remote function.
    ``options`` are the ``.options(...)`` calls on the way. ``target`` tells which actor is called:
    "one actor", "loop variable" (a different one per iteration), "pool" (indexed or round-robin),
    "" for tasks. ``reason`` says how this is known, or why not. ``others`` are further functions
    that the same expression may stand for, as with ``for f in (f1, f2): f.remote()``. ``lent``: it
    came in as an argument, and what the visible calls pass may not be all.
    """

    kind: CalleeKind
    name: str
    module: Module | None = None
    definition: FunctionNode | None = None
    class_definition: ast.ClassDef | None = None
    decorator: ast.expr | None = None
    binding_name: str = ""
    options: tuple[ast.Call, ...] = ()
    target: str = ""
    reason: str = ""
    others: tuple[Callee, ...] = ()
    lent: bool = False


def resolve_callee(project: Project, module: Module, call: ast.Call | ast.Attribute) -> Callee:
    """Return what ``X.remote(...)``, or a bare ``X.remote`` as in ``map(f.remote, xs)``, calls."""
    key = (resolve_callee, call)
    if key not in project.memo:
        project.memo[key] = _resolve(project, module, call)
    callee: Callee = project.memo[key]
    return callee


def _resolve(project: Project, module: Module, call: ast.Call | ast.Attribute) -> Callee:
    attribute = call.func if isinstance(call, ast.Call) else call
    if not isinstance(attribute, ast.Attribute) or attribute.attr != "remote":
        return Callee(CalleeKind.NOT_RAY, "", reason="not a `.remote` call")
    subject = attribute.value
    name, binding_name, options = _described(subject)
    if module.names.qualified(attribute) == "ray.remote":
        return Callee(CalleeKind.NOT_RAY, name, reason="`ray.remote` itself, not a submission")
    values = Remotes(project).values(module, subject)
    callees = [_callee_of(value, name, binding_name, subject) for value in values]
    seen = [callee for callee in callees if callee is not None]
    if seen:
        # Of several actors that the name may stand for, the one that has the method.
        chosen = next((callee for callee in seen if callee.definition is not None), seen[0])
        others = [c for c in seen if c.definition not in (None, chosen.definition)]
        return replace(chosen, others=tuple(others)) if others else chosen
    if any(value.kind is ValueKind.FOREIGN for value in values):
        reason = next(v.reason for v in values if v.kind is ValueKind.FOREIGN)
        return Callee(CalleeKind.NOT_RAY, name, options=options, reason=reason)
    return _unresolved(project, module, subject, values, options)


def _described(subject: ast.expr) -> tuple[str, str, tuple[ast.Call, ...]]:
    """Return the user's words for the callee, its bare name, and the options on the way."""
    options: list[ast.Call] = []
    while isinstance(subject, ast.Call) and isinstance(subject.func, ast.Attribute):
        if subject.func.attr != "options":
            break
        options.insert(0, subject)
        subject = subject.func.value
    words = ast.unparse(subject)
    if len(words) > 60 or "\n" in words:
        words = words[:57].split("\n")[0] + "..."
    return words, subject.id if isinstance(subject, ast.Name) else "", tuple(options)


def _callee_of(value: Value, name: str, binding_name: str, subject: ast.expr) -> Callee | None:
    binding_name = binding_name or value.binding
    definition = value.node if isinstance(value.node, FUNCTIONS) else None
    class_definition = value.node if isinstance(value.node, ast.ClassDef) else None
    if value.kind is ValueKind.REMOTE_FUNCTION:
        return Callee(
            CalleeKind.TASK,
            name,
            value.module,
            definition,
            decorator=value.decorator,
            binding_name=binding_name,
            options=value.options,
            reason=value.reason or "a remote function",
            lent=value.lent,
        )
    if value.kind is ValueKind.ACTOR_CLASS:
        return Callee(
            CalleeKind.ACTOR_CREATION,
            name,
            value.module,
            class_definition=class_definition,
            decorator=value.decorator,
            binding_name=binding_name,
            options=value.options,
            reason="creates an actor",
        )
    if value.kind is ValueKind.METHOD:
        return Callee(
            CalleeKind.ACTOR_METHOD,
            name,
            value.module,
            value.method,
            class_definition,
            value.decorator,
            binding_name,
            value.options,
            value.target or "one actor",
            value.reason or "a method of an actor",
        )
    return None


def _unresolved(
    project: Project,
    module: Module,
    subject: ast.expr,
    values: Values,
    options: tuple[ast.Call, ...],
) -> Callee:
    """Judge by the shape of the expression when no value is known."""
    name, binding_name, _ = _described(subject)
    while isinstance(subject, ast.Call) and isinstance(subject.func, ast.Attribute):
        if subject.func.attr != "options":
            break
        subject = subject.func.value
    if not imports_ray(module) and not _project_import(project, module, subject):
        reason = "this file does not import ray"
        return Callee(CalleeKind.NOT_RAY, name, options=options, reason=reason)
    unknown = Callee(
        CalleeKind.UNKNOWN,
        name,
        binding_name=binding_name,
        options=options,
        reason=f"what `{name}` is cannot be seen here",
    )
    if not isinstance(subject, ast.Attribute):
        return unknown
    base = subject.value
    root: ast.expr = base
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(base, ast.Name) and base.id in {"self", "cls"}:
        return unknown
    if isinstance(root, ast.Name):
        kinds = {binding.kind for binding in module.names.reaching(root)}
        if kinds == {BindingKind.IMPORT}:
            return unknown  # `module.function.remote`, or something of another package
    return replace(
        unknown,
        kind=CalleeKind.ACTOR_METHOD,
        target=_target_by_shape(module, base),
        reason=f"looks like a method of the actor `{ast.unparse(base)[:60]}`",
    )


def _target_by_shape(module: Module, base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return "pool"
    if isinstance(base, ast.Name):
        kinds = {binding.kind for binding in module.names.reaching(base)}
        if kinds & {BindingKind.LOOP, BindingKind.COMPREHENSION}:
            return "loop variable"
        for binding in module.names.reaching(base):
            if isinstance(binding.value, ast.Subscript):
                return "pool"
            if isinstance(binding.value, ast.Call) and _is_picker(module, binding.value):
                return "pool"
    if isinstance(base, ast.Call) and _is_picker(module, base):
        return "pool"
    return "one actor"


def _is_picker(module: Module, call: ast.Call) -> bool:
    return not module.names.qualified_names(call.func).isdisjoint(PICKERS)


def imports_ray(module: Module) -> bool:
    """Whether the file imports Ray's core in any way (``ray``, ``ray.util`` …), or by ``*``."""
    return _imports_ray(module.names)


@once_per_module
def _imports_ray(names: ModuleNames) -> bool:
    for scope in names.scopes.values():
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.kind is BindingKind.IMPORT:
                    target = names.import_target(binding)
                    if target == "ray" or target.startswith("ray."):
                        return True
    return bool(names.star_imports)


def _project_import(project: Project, module: Module, subject: ast.expr) -> bool:
    """Whether the name comes from a module of the project that may import ray itself."""
    while isinstance(subject, ast.Attribute):
        subject = subject.value
    if not isinstance(subject, ast.Name):
        return False
    return any(
        d.module is not module and imports_ray(d.module)
        for d in project.definitions(module, subject)
    )

    # -- calls --------------------------------------------------------------------------------
