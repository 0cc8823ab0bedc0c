"""What a function body does besides computing its value.

The batch rewrite moves many items into one task. This is the proof that nobody can tell.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_lint.program.class_members import class_members
from ray_lint.program.effects import table
from ray_lint.program.effects.analysis import Analysis
from ray_lint.program.effects.kinds import Effect, EffectKind
from ray_lint.program.effects.machine import TooLarge
from ray_lint.program.effects.state import changing_uses, removes_keys
from ray_lint.program.effects.values import (
    COLLECTIONS,
    NOTHING,
    Arguments,
    Cell,
    Token,
    Value,
    of_type,
    union,
)
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, FunctionNode

if TYPE_CHECKING:
    from ray_lint.program.project import Project


def effects_of(
    project: Project | None,
    module: Module,
    function: FunctionNode,
    *,
    immutable: frozenset[str] = frozenset(),
    passed: tuple[tuple[str, Module, ast.expr], ...] = (),
) -> tuple[Effect, ...]:
    """Return what calling ``function`` may do besides returning its value, sorted by line.

    ``immutable`` names parameters that are known to get numbers, strings and the like only.
    ``passed`` are all arguments that other parameters can get, with the module of each: functions
    and instances among them are then known. Effects of helpers of the project are reported at the
    line that calls them.
    """
    key = (effects_of, module, function, immutable, passed)
    if project is not None and key in project.memo:
        known: tuple[Effect, ...] = project.memo[key]
        return known
    found = _sorted(_body_effects(project, module, function, immutable, passed))
    if project is not None:
        project.memo[key] = found
    return found


def _sorted(effects: list[Effect]) -> tuple[Effect, ...]:
    return tuple(sorted(dict.fromkeys(effects), key=lambda e: (e.line, e.kind.name, e.reason)))


def _body_effects(
    project: Project | None,
    module: Module,
    function: FunctionNode,
    immutable: frozenset[str],
    passed: tuple[tuple[str, Module, ast.expr], ...],
) -> list[Effect]:
    effects = _form_effects(module, function)
    heap: dict[Token, Cell] = {}
    analysis = None
    try:
        for _ in range(2):  # the second time with what the first put into the heap
            analysis = Analysis(project, module, function)
            analysis.home = module
            analysis.heap = heap
            analysis.line = getattr(function, "lineno", 1)
            analysis.immutable = immutable
            _run(analysis, function, immutable, _passed_values(analysis, passed))
    except (TooLarge, RecursionError):
        line = getattr(function, "lineno", 1)
        effects.append(Effect(EffectKind.UNKNOWN_CALL, "is too large to be analysed", line))
    assert analysis is not None
    return [*effects, *analysis.effects]


def _form_effects(module: Module, function: FunctionNode) -> list[Effect]:
    """Return the effects that the form of the function alone tells."""
    names = module.names
    found = []
    if isinstance(function, ast.AsyncFunctionDef):
        found.append(Effect(EffectKind.AWAITS, "is a coroutine", function.lineno))
    for node in names.walk(function):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            frame = names.scope_of(node).frame.node
            if frame is function:
                found.append(Effect(EffectKind.YIELDS, "yields", node.lineno))
    if not isinstance(function, ast.Lambda):
        scope = names.scope_of(function)
        owner = scope.redirected.get(function.name, scope) or scope
        if len(owner.bindings.get(function.name, [])) > 1 and not scope.is_class:
            text = f"`{function.name}` is bound more than once"
            found.append(Effect(EffectKind.REDEFINED, text, function.lineno, function.name))
    return found


_CALLABLE = ("def:", "lib:", "class:", "instance:class:")
_NESTED = 4  # collections in collections


@dataclass(frozen=True)
class _Passed:
    """What a parameter can be: its types, and what it holds if it is a collection."""

    types: frozenset[str]
    contents: Value
    entries: Mapping[str, Value] | None = None
    """What a dictionary certainly has under a key, None if nothing has been passed yet."""


def _passed_values(
    analysis: Analysis, passed: tuple[tuple[str, Module, ast.expr], ...]
) -> dict[str, _Passed]:
    """Return what is known of the parameters that get functions or instances of known classes only.

    Also of those that get lists, tuples, sets or dictionaries of such functions, or of numbers,
    texts and the like, or dictionaries that make the entries that are asked for.
    """
    found: dict[str, _Passed | None] = {}
    for name, module, expression in passed:
        driver = _driver(analysis.project, module)
        driver.silent = 1
        contents: Value | None = None
        entries: dict[str, Value] = {}
        try:
            value = driver.value(_without_put(module, expression))
            types = value.types
            contents = _functions_held(driver, value)
            if contents is None and _holds_plain(driver, value):
                contents = of_type("atom")
                entries = _certain_entries(driver, module, value)
        except (TooLarge, RecursionError, KeyError):
            types = None
        filling = types == frozenset({"defaultdict"})
        called = types is not None and all(kind.startswith(_CALLABLE) for kind in types)
        known = found.get(name, _Passed(frozenset(), NOTHING))
        if not types or known is None or not (contents is not None or filling or called):
            found[name] = None
            continue
        held = known.contents | (contents or NOTHING)
        if known.entries is not None:
            entries = {k: v | known.entries[k] for k, v in entries.items() if k in known.entries}
        found[name] = _Passed(known.types | types, held, entries)
        analysis.nodes.update(driver.nodes)
        for token in held.refs:
            analysis.heap.setdefault(token, driver.heap[token])
    return {name: known for name, known in found.items() if known is not None}


def _certain_entries(analysis: Analysis, module: Module, value: Value) -> dict[str, Value]:
    """Return what a dictionary has under the keys it is written out with, if none is removed."""
    cells = [analysis.heap.get(token) for token in value.refs]
    if value.types != frozenset({"dict"}) or not cells or removes_keys(module.names):
        return {}
    known = [cell.entries if cell is not None else {} for cell in cells]
    certain = set(known[0]).intersection(*known[1:])
    return {key: union([entries[key] for entries in known]) for key in certain}


def _functions_held(analysis: Analysis, value: Value) -> Value | None:
    """Return what a collection holds if these are functions of the program; None if not."""
    if not value.types or not value.types <= COLLECTIONS or not value.refs:
        return None
    cells = [analysis.heap.get(token) for token in value.refs]
    held = NOTHING
    for cell in cells:
        if cell is None or not analysis.plain(cell.keys) or not _are_functions(analysis, cell):
            return None
        held |= cell.contents
    return held if held.types else None


def _are_functions(analysis: Analysis, cell: Cell) -> bool:
    kinds = cell.contents.types or frozenset({""})
    if all(kind.startswith("def:") for kind in kinds):
        return True
    parts = [analysis.heap.get(token) for token in cell.contents.refs]
    return all(kind.startswith(("def:", "partial:")) for kind in kinds) and all(
        part is not None
        and analysis.plain(part.contents)
        and all(kind.startswith("def:") for kind in part.keys.types or ("",))
        for part in parts
    )


def _holds_plain(analysis: Analysis, value: Value) -> bool:
    """Whether a value is a collection of nothing but numbers, texts and the like."""
    if not value.types or not value.types <= COLLECTIONS or not value.refs:
        return False
    cells = [analysis.heap.get(token) for token in value.refs]
    return all(
        cell is not None and analysis.plain(cell.contents) and analysis.plain(cell.keys)
        for cell in cells
    )


def has_value(project: Project | None, module: Module, expression: ast.expr) -> bool:
    """Whether a copy is equal to what an expression stands for, and to all that it holds."""
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        return _is_equal_to_copy(analysis, analysis.value(expression), 0)
    except (TooLarge, RecursionError, KeyError):
        return False


def makes_new(project: Project | None, module: Module, expression: ast.expr | None) -> bool:
    """Whether each evaluation of an expression makes an object that nothing else holds.

    So does arithmetic on arrays, and what libraries compute; code of the program may keep it.
    """
    if not isinstance(expression, ast.Call | ast.BinOp):
        return False
    names = module.names
    for node in ast.walk(expression):
        func = node.func if isinstance(node, ast.Call) else None
        own = isinstance(func, ast.Attribute) and class_members(names, func.attr)
        if own or (isinstance(func, ast.Name) and not names.qualified(func)):
            return False
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        value = analysis.value(expression)
    except (TooLarge, RecursionError, KeyError):
        return False
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        drawn = analysis.value(expression.func.value).types == frozenset({"numpy.random.Generator"})
        if drawn and expression.func.attr in table.NUMBERS_DRAWN:
            return not value.refs
    return value.types is not None and all(token.kind == "new" for token in value.refs)


def _is_equal_to_copy(analysis: Analysis, value: Value, depth: int) -> bool:
    if analysis.plain(value):
        return True
    if not value.types or not value.types <= COLLECTIONS | {"array"} or depth > _NESTED:
        return False
    cells = [analysis.heap.get(token) for token in value.refs]
    return all(
        cell is not None
        and _is_equal_to_copy(analysis, cell.contents, depth + 1)
        and _is_equal_to_copy(analysis, cell.keys, depth + 1)
        for cell in cells
    )


def _without_put(module: Module, expression: ast.expr, depth: int = 0) -> ast.expr:
    """Return what a reference stands for in a task: ``model`` of ``ray.put(model)``."""
    names = module.names
    if isinstance(expression, ast.Call) and names.stands_for(expression.func, "ray.put"):
        return expression.args[0] if expression.args else expression
    if isinstance(expression, ast.Name) and expression in names.order and depth < 5:
        values = [b.value for b in names.reaching(expression) if b.kind is BindingKind.ASSIGN]
        if len(values) == len(names.reaching(expression)) == 1 and values[0] is not None:
            inner = _without_put(module, values[0], depth + 1)
            if inner is not values[0]:
                return inner
    return expression


def _run(
    analysis: Analysis,
    function: FunctionNode,
    immutable: frozenset[str],
    passed: dict[str, _Passed],
) -> None:
    """Run the body with unknown arguments, except for those that are ``passed``."""
    arguments = function.args
    given: dict[str, Value] = {}
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in every:
        token = Token("parameter", argument.arg)
        refs = frozenset({token})
        promised = analysis.annotation(argument.annotation, refs)
        if analysis.kinds is not None and argument.arg in analysis.kinds:
            given[argument.arg] = Value(analysis.kinds[argument.arg])
        elif argument.arg in immutable and (promised is None or not promised.immutable):
            given[argument.arg] = of_type("atom")
        elif argument.arg in passed:
            known = passed[argument.arg]
            given[argument.arg] = Value(known.types, refs)
            if known.types <= COLLECTIONS:
                analysis.heap[token] = Cell(
                    known.contents, of_type("atom"), entries=dict(known.entries or {})
                )
        else:
            given[argument.arg] = promised if promised is not None else Value(None, refs)
    holder = _class_of(analysis, function)
    if holder is not None and every:
        kind = next(iter(analysis.class_value(analysis.module, holder).types or ()))
        refs = frozenset({Token("parameter", every[0].arg)})
        given[every[0].arg] = Value(frozenset({f"instance:{kind}"}), refs)
    before = len(analysis.returned)
    analysis.run_root(function, given)
    names = analysis.names
    analysis.line = getattr(function, "lineno", 1)
    for value in analysis.returned[before:]:
        for token in analysis.shared(value):
            if token.kind == "parameter":
                text = f"may return its parameter `{token.name}` or a part of it"
            else:
                text = f"may return `{token.name}` or a part of it"
            analysis.note(EffectKind.RETURNS_SHARED, text, token.name)
    if not isinstance(function, ast.Lambda):
        _run_decorators(analysis, function, names.scope_of(function).is_class)


def _class_of(analysis: Analysis, function: FunctionNode) -> ast.ClassDef | None:
    """Return the class whose instance the first parameter is, for methods."""
    parent = analysis.names.parents.get(function)
    if not isinstance(parent, ast.ClassDef) or isinstance(function, ast.Lambda):
        return None
    decorators = {analysis.names.qualified(d) for d in function.decorator_list}
    if decorators & {"builtins.staticmethod", "builtins.classmethod"}:
        return None
    return parent


def _run_decorators(
    analysis: Analysis, function: ast.FunctionDef | ast.AsyncFunctionDef, is_method: bool
) -> None:
    """Note what the decorators below ``@ray.remote`` do to the calls."""
    value = analysis.function_value(analysis.module, function)
    plain = value
    for decorator in reversed(function.decorator_list):
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        if analysis.names.qualified(node) in {"ray.remote", "ray.method"}:
            continue
        inner = value
        value = analysis.before_call(lambda d=decorator, v=inner: analysis.decorated(d, v))  # type: ignore[misc]
    if value != plain and not is_method:
        every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        given = [Value(None, frozenset({Token("parameter", a.arg)})) for a in every]
        result = analysis.call(value, function, Arguments(given), function.name)
        for token in analysis.shared(result):
            text = f"may return `{token.name}` or a part of it"
            analysis.note(EffectKind.RETURNS_SHARED, text, token.name)


def expression_effects(
    project: Project | None, module: Module, expression: ast.expr
) -> tuple[Effect, ...]:
    """Return what evaluating ``expression`` where it stands may do besides giving its value.

    Reading a variable is no effect here, even if the variable changes; reading one in a function
    that the expression calls is.
    """
    if isinstance(expression, ast.Name | ast.Constant):
        return ()  # also where what the name stands for is too large to be analysed
    analysis = _driver(project, module)
    try:
        value = analysis.value(expression)
        if isinstance(expression, ast.GeneratorExp | ast.Call):
            analysis.iterate(value)
    except (TooLarge, RecursionError):
        text = "is too large to be analysed"
        return (Effect(EffectKind.UNKNOWN_CALL, text, getattr(expression, "lineno", 1)),)
    found = list(analysis.effects)
    nodes = module.names.walk(expression) if expression in module.names.order else []
    found += [
        Effect(EffectKind.YIELDS, "yields", node.lineno)
        for node in nodes
        if isinstance(node, ast.Yield | ast.YieldFrom)
    ]
    return _sorted(found)


def may_misfit(
    project: Project | None,
    module: Module,
    function: FunctionNode,
    kinds: dict[str, frozenset[str]],
) -> str:
    """Return what ``function`` does that fails for values of another type, "" if nothing.

    ``kinds`` gives the types that parameters provably have (see ``types_of``).
    """
    analysis = Analysis(project, module, function)
    analysis.home = module
    analysis.kinds = kinds
    try:
        _run(analysis, function, frozenset(), {})
    except (TooLarge, RecursionError):
        return "is too large to be analysed"
    return next((e.reason for e in analysis.effects if e.kind is EffectKind.MISFITS), "")


def types_of(
    project: Project | None, module: Module, expression: ast.expr
) -> frozenset[str] | None:
    """Return the types that the value of an expression may have, None if any or a mutable one."""
    value = _value_of(project, module, expression)
    return value.types if value is not None and value.immutable else None


def kinds_of(
    project: Project | None, module: Module, expression: ast.expr
) -> frozenset[str] | None:
    """Return the types that the value of an expression may have, also mutable ones; None if any."""
    value = _value_of(project, module, expression)
    return None if value is None else value.types


def _value_of(project: Project | None, module: Module, expression: ast.expr) -> Value | None:
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        return analysis.value(expression)
    except (TooLarge, RecursionError, KeyError):
        return None


def _driver(project: Project | None, module: Module) -> Analysis:
    analysis = Analysis(project, module, None)
    analysis.home = module
    analysis.watch = False
    return analysis


def is_immutable(project: Project | None, module: Module, expression: ast.expr) -> bool:
    """Whether the value is provably a number, str, bytes, bool, None or a tuple of such."""
    if isinstance(expression, ast.Constant):
        return True
    key = (is_immutable, module, expression)
    if project is not None and key in project.memo:
        return bool(project.memo[key])
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        result = analysis.plain(analysis.value(expression))
        if not result and isinstance(expression, ast.Name):
            result = _is_plain_here(analysis, expression)
    except (TooLarge, RecursionError, KeyError):
        result = False
    if project is not None:
        project.memo[key] = result
    return result


def immutable_entries(
    project: Project | None, module: Module, expression: ast.expr
) -> frozenset[str]:
    """Return the keys of a dictionary that was written out whose values are all immutable."""
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        value = analysis.value(expression)
        cells = [analysis.heap[ref] for ref in value.refs if ref in analysis.heap]
        if value.types != frozenset({"dict"}) or len(cells) != len(value.refs):
            return frozenset()
        keys = [{k for k, v in cell.entries.items() if analysis.plain(v)} for cell in cells]
    except (TooLarge, RecursionError, KeyError):
        return frozenset()
    return frozenset(set.intersection(*keys)) if keys else frozenset()


def _is_plain_here(analysis: Analysis, name: ast.Name) -> bool:
    """Whether a name that stands for several values is plain where it is read."""
    names = analysis.names
    if name not in names.order:
        return False
    reaching, owner = names.reaching(name), names.owner(name)
    if owner is None or not 0 < len(reaching) < len(owner.bindings.get(name.id, [])):
        return False
    kinds = (BindingKind.ASSIGN, BindingKind.LOOP, BindingKind.UNPACKED)
    values = [analysis.bound(b) if b.kind in kinds else NOTHING for b in reaching]
    return all(value is not NOTHING and analysis.plain(value) for value in values)


def may_be_iterator(project: Project | None, module: Module, expression: ast.expr) -> bool:
    """Whether the value is known to be (or to hold) an iterator, which a first use consumes.

    A task gets its own copy of such an argument; the items of a batch would share one.
    """
    analysis = _driver(project, module)
    analysis.silent = 1
    try:
        value = analysis.value(expression)
        parts = [value, analysis.held(value)]
    except (TooLarge, RecursionError):
        return True
    return any("iter" in (part.types or ()) for part in parts)


def mutates(
    project: Project | None, module: Module, region: ast.AST, name: Binding | ast.Name
) -> bool:
    """Whether code in ``region`` may change the object bound to ``name`` in place."""
    if isinstance(name, Binding):
        return bool(changing_uses(module, name.scope, name.name, region))
    scope = module.names.owner(name)
    if scope is None:
        return False
    return bool(changing_uses(module, scope, name.id, region))
