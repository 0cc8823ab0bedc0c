"""Classes that notice how often, or when, an object of theirs is sent to a task.

A task gets each of its arguments pickled. A batch gets an argument that its items have in common
once, items together with their neighbours, and a loop that uses each result at once sends all of
them before the first result is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ray_lint.program.effects import EffectKind, effects_of, is_immutable
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, BindingKind, FunctionNode, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.size_elements import items_of, loop_values
from ray_lint.rewrite.foreign import imported_modules
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.observers import methods_of, reachable
from ray_lint.rewrite.plan import Argument, Doubts

_HOOKS = {
    *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__del__"),
    *("__getnewargs__", "__getnewargs_ex__", "__getattribute__"),
}
_COLLECTION_HOOKS = {"__iter__", "items"}  # pickling a derived list or dict calls these
# What is usual in some of them, as to make a lock again.
_USUAL = {
    "__setstate__": {
        *(EffectKind.MUTATES_PARAMETER, EffectKind.PROCESS_STATE, EffectKind.UNKNOWN_CALL),
        EffectKind.RAISES,
    },
    "__getattribute__": {EffectKind.RAISES},
}
_REGISTERS = {"copyreg.pickle", "copyreg.constructor", "ray.util.register_serializer"}
_REGISTERS |= {"ray.util.deregister_serializer", "ray.cloudpickle.register_pickle_by_value"}
_TABLES = {"dispatch_table", "reducer_override", "persistent_id", "reducer_table"}
_NOTICED = {
    *(EffectKind.WRITES_OUTSIDE, EffectKind.INPUT_OUTPUT, EffectKind.PROCESS_STATE),
    *(EffectKind.RANDOM, EffectKind.TIME, EffectKind.UNKNOWN_CALL, EffectKind.RAY_CALL),
    *(EffectKind.RAISES, EffectKind.READS_CHANGING_STATE, EffectKind.MUTATES_PARAMETER),
}
_UNSENDABLE = {
    *("builtins.open", "threading.Lock", "threading.RLock", "threading.Thread"),
    *(
        "threading.Condition",
        "threading.Event",
        "sqlite3.connect",
        "socket.socket",
        "builtins.iter",
    ),
}
_HOPS = 2  # imports followed to the class of an object that comes from somewhere else


def returns_unsendable(names: ModuleNames, definition: FunctionNode) -> bool:
    """Whether a function may return what Ray cannot send: a generator, an open file, a lock.

    Then the task fails after its body has ended.
    """
    if isinstance(definition, ast.Lambda):
        return _is_unsendable(names, definition.body)
    scope = names.scopes[definition]
    return any(
        isinstance(n, ast.Return)
        and n.value is not None
        and names.scope_of(n).frame is scope
        and _is_unsendable(names, n.value)
        for n in names.walk(definition)
    )


def _is_unsendable(names: ModuleNames, value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        values = [b.value for b in names.reaching(value) if b.kind is BindingKind.ASSIGN]
        return any(
            v is not None and not isinstance(v, ast.Name) and _made(names, v) for v in values
        )
    return _made(names, value)


def _made(names: ModuleNames, value: ast.expr) -> bool:
    """Whether an expression makes such an object, or a display or choice of several."""
    if isinstance(value, ast.IfExp):
        return _made(names, value.body) or _made(names, value.orelse)
    if isinstance(value, ast.Tuple | ast.List):
        return any(_made(names, element) for element in value.elts)
    if isinstance(value, ast.Dict):
        return any(_made(names, element) for element in value.values)
    if isinstance(value, ast.GeneratorExp):
        return True
    if not isinstance(value, ast.Call):
        return False
    if names.stands_for(value.func, *_UNSENDABLE):
        return True
    bindings = names.reaching(value.func) if isinstance(value.func, ast.Name) else []
    return any(
        isinstance(b.node, ast.FunctionDef)
        and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in names.walk(b.node))
        for b in bindings
    )


def judge_sending(module: Module, shape: Shape, arguments: list[Argument], doubts: Doubts) -> None:
    """Doubt items that Ray is seen to be unable to send: the loop would end at the first one."""
    names = module.names
    if any(argument.star for argument in arguments):
        return  # what is starred is not sent itself
    sent = [a.expression for a in arguments]
    for repeat in shape.repeats or []:
        sent += items_of(module, repeat.iterable) or []
    for expression in list(sent):
        if isinstance(expression, ast.Name) and expression in names.order:
            for binding in names.reaching(expression):
                if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
                    sent += loop_values(module, binding) or []
    for expression in sent:
        if expression in names.order and _is_unsendable(names, expression):
            doubts.add(f"`{ast.unparse(expression)}` is nothing that Ray can send")


def judge_pickling(
    project: Project,
    module: Module,
    definition: ast.AST,
    arguments: list[Argument],
    doubts: Doubts,
) -> None:
    """Doubt a program with a class that notices the pickling of its objects.

    Any argument may be such an object whose value is not proven to be a number, text or the like.
    """
    place = _noticed_nearby(project, module)
    if not place:
        return
    plain = all(is_immutable(project, module, a.expression) for a in arguments)
    if not plain or _makes_some(module.names, definition):
        doubts.add(f"{place} notices how often an object is pickled")


def _makes_some(names: ModuleNames, definition: ast.AST) -> bool:
    """Whether the task reaches a class of the module, or reads what the module has made."""
    if definition not in names.order:
        return True
    if any(
        name.startswith("__") and method in reachable(names, [definition])
        for name, methods in methods_of(names).items()
        for method in methods
    ):
        return True
    for node in names.walk(definition):
        owner = names.owner(node) if isinstance(node, ast.Name) else None
        if owner is None or owner.node is definition or names.contains(definition, owner.node):
            continue
        assert isinstance(node, ast.Name)
        for binding in owner.bindings.get(node.id, []):
            if binding.kind is not BindingKind.IMPORT and not isinstance(
                binding.value, ast.Constant
            ):
                return True
    return False


def _noticed_nearby(project: Project, module: Module) -> str:
    """Return which line notices it, here or in the modules that are imported; "" if none."""
    key = (_noticed_nearby, module)
    if key not in project.memo:
        project.memo[key] = next(_places(project, module), "")
    found: str = project.memo[key]
    return found


def _places(project: Project, module: Module) -> Iterator[str]:
    seen = {module}
    modules = [module]
    for _ in range(_HOPS + 1):
        following: list[Module] = []
        for one in modules:
            line = _noticing(project, one)
            if line:
                yield f"line {line}" if one is module else f"line {line} of `{one.name}`"
            for other in _imports(project, one):
                if other not in seen:
                    seen.add(other)
                    following.append(other)
        modules = following


def _imports(project: Project, module: Module) -> Iterator[Module]:
    index = module.names.index
    statements: list[ast.Import | ast.ImportFrom] = [*index.every(ast.Import)]
    for statement in [*statements, *index.every(ast.ImportFrom)]:
        for name in imported_modules(module, statement):
            found = project.find_module(module, name)
            if found is not None:
                yield found


def _noticing(project: Project, module: Module) -> int:
    """Return the first line of the module that notices pickling, 0 if none does."""
    names = module.names
    lines = [*_registrations(names), *_made_hooks(names)]
    for name, methods in methods_of(names).items():
        for method in methods:
            owner = names.parents.get(method)
            derived = isinstance(owner, ast.ClassDef) and bool(owner.bases)
            hook = name in _HOOKS or (derived and name in _COLLECTION_HOOKS)
            if hook and isinstance(method, FUNCTIONS) and _tells(project, module, method, name):
                lines.append(getattr(method, "lineno", 0))
    return min(lines, default=0)


@once_per_module
def _registrations(names: ModuleNames) -> list[int]:
    """Return the lines that tell pickle, or Ray, how to pickle something."""
    calls = [
        node.lineno
        for node in names.index.every(ast.Call)
        if names.qualified_names(node.func) & _REGISTERS
    ]
    tables = [
        node.lineno
        for node in names.index.every(ast.Attribute)
        if node.attr in _TABLES and not isinstance(node.ctx, ast.Load)
    ]
    tables += [
        node.lineno
        for node in names.index.every(ast.FunctionDef)
        if node.name in ("reducer_override", "persistent_id")
    ]
    return calls + tables


@once_per_module
def _made_hooks(names: ModuleNames) -> list[int]:
    """Return the lines that give a class such a method in another way than by defining it."""
    lines = []
    for node in names.walk(names.tree):
        if isinstance(node, ast.Attribute):
            given = not isinstance(node.ctx, ast.Load) and node.attr in _HOOKS
        elif isinstance(node, ast.Constant):
            given = isinstance(node.value, str) and node.value in _HOOKS
        elif isinstance(node, ast.Name):
            given = isinstance(node.ctx, ast.Store) and node.id in _HOOKS
        else:
            outside = isinstance(node, ast.FunctionDef) and node.name in _HOOKS
            given = outside and not isinstance(names.parents.get(node), ast.ClassDef)
        if given:
            lines.append(getattr(node, "lineno", 0))
    return lines


def _tells(project: Project, module: Module, method: ast.AST, name: str) -> bool:
    """Whether a run of the method could be noticed later."""
    assert isinstance(method, FUNCTIONS)
    kinds = {effect.kind for effect in effects_of(project, module, method)}
    return bool(kinds & _NOTICED - _USUAL.get(name, set()))
