"""Loops that end half way: what they had done by then, and whether anybody sees it."""

from __future__ import annotations

import ast

from ray_lint.program.callers import given_values
from ray_lint.program.effects import (
    EffectKind,
    effects_of,
    expression_effects,
    is_immutable,
    types_of,
)
from ray_lint.program.module import Module
from ray_lint.program.names import DISPLAYS, TRIES, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.size_elements import loop_values
from ray_lint.program.sizes import number_of
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.observers import reachable
from ray_lint.rewrite.plan import Argument, Declined, Doubts

_FAILING = (ast.Div, ast.FloorDiv, ast.Mod)
_WHOLE = {"int", "bool"}
_NUMBERS = _WHOLE | {"float", "number"}
_HANDED = 4  # parameters that an iterable is handed through
_PASSING_ON = ("builtins.enumerate", "builtins.zip", "builtins.iter")
_PURE = ("builtins.enumerate", "builtins.zip", "builtins.len", "builtins.int", "builtins.float")
_WRITES = {"write", "writelines"}
_LAST_WORDS = ("atexit.register", "sys.excepthook", "weakref.finalize")
_HARMLESS = (EffectKind.MAY_RAISE, EffectKind.RETURNS_SHARED, EffectKind.YIELDS)
_FORGIVING = {"collections.defaultdict", "collections.Counter"}


def judge_interruptions(
    project: Project, module: Module, shape: Shape, arguments: list[Argument], doubts: Doubts
) -> None:
    """Doubt a loop that does something with each result, if an argument is expected to fail.

    The arguments of all items would be computed before the first result is there. An item that may
    be missing (``scales[i]``) counts where the loop prints, or where the failure is not the end.
    """
    if shape.form is not Form.NEXT:
        return
    names = module.names
    seen = _is_seen(names, shape)
    for argument in arguments:
        for node in ast.walk(argument.expression):
            fails = (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, _FAILING)
                and not isinstance(node.right, ast.Constant)
                and _may_be_zero(project, module, node.right)
            )
            if isinstance(node, ast.Call) and node in names.order:
                fails = _fails_to_convert(project, module, node) or any(
                    isinstance(n, ast.Raise)
                    for function in reachable(names, [node.func])
                    for n in names.walk(function)
                )
            if seen and isinstance(node, ast.Subscript) and node in names.order:
                fails = not _is_there(module, shape, node)
            if fails:
                doubts.add(f"the argument `{ast.unparse(argument.expression)}` may fail")
                return


def _fails_to_convert(project: Project, module: Module, call: ast.Call) -> bool:
    """Whether ``int(x)`` or ``float(x)`` may fail: of a text, or ``int`` of a NaN."""
    name = module.names.qualified(call.func)
    if name not in ("builtins.int", "builtins.float") or not call.args:
        return False
    kinds = types_of(project, module, call.args[0])
    fitting = _WHOLE if name == "builtins.int" else _NUMBERS
    return not kinds or not kinds <= fitting


def _may_be_zero(project: Project, module: Module, divisor: ast.expr) -> bool:
    number = number_of(project, module, divisor)
    return number.kind != "known" or number.low <= 0 <= number.high


def _is_seen(names: ModuleNames, shape: Shape) -> bool:
    """Whether a loop that fails leaves a trace of the rounds before."""
    region = shape.region if shape.loop is None else shape.loop
    for place in [region, *reachable(names, [region])]:
        for node in names.walk(place):
            if isinstance(node, ast.Call) and (
                names.stands_for(node.func, "builtins.print")
                or (isinstance(node.func, ast.Attribute) and node.func.attr in _WRITES)
            ):
                return True
    if _has_last_words(names) or names.scope_of(region).frame.node in _tried(names):
        return True
    return any(isinstance(outer, TRIES) for outer in names.ancestors(region))


@once_per_module
def _has_last_words(names: ModuleNames) -> bool:
    """Whether something of the module runs when the program ends."""
    attributes = names.index.every(ast.Attribute)
    return any(names.qualified_names(node) & set(_LAST_WORDS) for node in attributes)


@once_per_module
def _tried(names: ModuleNames) -> set[ast.AST]:
    """Return the functions that are called in the body of a ``try``."""
    return reachable(
        names, [s for kind in TRIES for node in names.index.every(kind) for s in node.body]
    )


def _is_there(module: Module, shape: Shape, node: ast.Subscript) -> bool:
    """Whether the item is certainly there, as far as the text of the loop tells."""
    names, base, key = module.names, node.value, node.slice
    if isinstance(key, ast.Slice):
        return True
    text = ast.unparse(base)
    values = [b.value for b in names.reaching(base)] if isinstance(base, ast.Name) else []
    if values and all(
        isinstance(v, ast.Call) and names.qualified_names(v.func) & _FORGIVING for v in values
    ):
        return True
    if isinstance(key, ast.Constant):
        return isinstance(base, ast.Name) and _each_has(module, base, key.value)
    if not isinstance(key, ast.Name):
        return False
    for repeat in shape.repeats or []:
        targets = {n.id for n in ast.walk(repeat.target) if isinstance(n, ast.Name)}
        if key.id not in targets:
            continue
        iterable = ast.unparse(repeat.iterable)
        around = {f"range(len({text}))", f"enumerate({text})", text, f"{text}.keys()"}
        around |= {f"sorted({text})", f"list({text})", f"{text}.items()"}
        if iterable in around:
            return True
        count = repeat.iterable.args if isinstance(repeat.iterable, ast.Call) else []
        if iterable.startswith("range(") and len(count) == 1:
            size = ast.unparse(count[0])
            return bool(values) and all(v is not None and _is_sized(v, size) for v in values)
    return False


def _is_sized(value: ast.expr, size: str) -> bool:
    """Whether a list is made with as many items as the loop takes: ``[0] * n``."""
    if isinstance(value, ast.ListComp | ast.DictComp):
        generators = value.generators
        plain = len(generators) == 1 and not generators[0].ifs
        return plain and ast.unparse(generators[0].iter) == f"range({size})"
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return size in (ast.unparse(value.left), ast.unparse(value.right))
    if not isinstance(value, ast.Call):
        return False
    given = [a.elts[0] if isinstance(a, ast.Tuple) and a.elts else a for a in value.args]
    return any(ast.unparse(a) in (size, f"range({size})") for a in given)


def _each_has(module: Module, item: ast.Name, key: object) -> bool:
    """Whether each item of the loop is written down with that key or place."""
    bindings = module.names.reaching(item)
    if not bindings or any(
        b.kind not in (BindingKind.LOOP, BindingKind.COMPREHENSION) for b in bindings
    ):
        return False
    for binding in bindings:
        values = loop_values(module, binding)
        if not values:
            return False
        for value in values:
            if isinstance(value, ast.Dict):
                keys = [k.value for k in value.keys if isinstance(k, ast.Constant)]
                if key not in keys:
                    return False
            elif isinstance(value, ast.Tuple | ast.List):
                if not isinstance(key, int) or not -len(value.elts) <= key < len(value.elts):
                    return False
            else:
                return False
    return True


def judge_one_by_one(
    project: Project, module: Module, shape: Shape, arguments: list[Argument]
) -> None:
    """Decline an iterator of submissions whose items do something each time one is taken.

    What takes them may do something in between: the fix takes all items first.
    """
    names, parent = module.names, module.names.parents[shape.node]
    if isinstance(parent, ast.Starred | ast.AugAssign):
        return
    if isinstance(parent, ast.Call):
        method = parent.func.attr if isinstance(parent.func, ast.Attribute) else ""
        if method == "extend" or names.stands_for(parent.func, "builtins.sorted"):
            return
    repeats = shape.repeats or []
    evaluated = [r.iterable for r in repeats] + [c for r in repeats for c in r.conditions]
    evaluated += [a.expression for a in arguments if a.varying]
    for expression in evaluated:
        reason = what_items_do(project, module, expression)
        if reason:
            raise Declined(f"an item {reason}, and they are taken one by one")


def what_items_do(
    project: Project,
    module: Module,
    expression: ast.expr,
    *,
    known: bool = False,
    region: ast.AST | None = None,
    depth: int = 0,
) -> str:
    """Return what happens beside when an iterable gives its items, "" if nothing does.

    Where it is not seen what gives them, nothing is taken to happen unless it must be ``known``.
    ``region`` is the code that the items are for.
    """
    names = module.names
    made = [expression]
    if known and not isinstance(expression, ast.Name):
        function = expression.func if isinstance(expression, ast.Call) else None
        if not isinstance(function, ast.Name) and not _reads_own_text(names, expression):
            return "is not known"
    if isinstance(expression, ast.Name) and expression in names.order:
        for binding in names.reaching(expression):
            found = [] if binding.value is None else [binding.value]
            if binding.kind is BindingKind.PARAMETER:
                found = given_values(module, binding)
            if known and not found:
                return "is not known"
            made += found
    for part in made:
        if part not in names.order or (
            part is not expression and isinstance(part, (*DISPLAYS, ast.Tuple))
        ):
            continue  # a list is there already
        effects = list(expression_effects(project, module, part))
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            for binding in names.reaching(part.func):
                if isinstance(binding.node, ast.FunctionDef):
                    effects += effects_of(project, module, binding.node)
            if known and names.stands_for(part.func, "builtins.range"):
                continue
            if known and names.stands_for(part.func, *_PASSING_ON):
                inner = (
                    what_items_do(project, module, a, known=True, region=region) for a in part.args
                )
                reason = next(filter(None, inner), "")
                if reason:
                    return reason
            elif known and not (
                _reads_own_text(names, part) or _is_local_maker(project, module, part, region)
            ):
                return "is not known"
        elif known and part is not expression:
            handed = isinstance(part, ast.Name) and depth < _HANDED
            if not handed or what_items_do(project, module, part, known=True, depth=depth + 1):
                return "is not known"
        for effect in effects:
            if effect.kind not in _HARMLESS:
                return effect.reason
    return ""


def _reads_own_text(names: ModuleNames, expression: ast.expr) -> bool:
    """Whether an iterable is ``csv.reader(io.StringIO(…))``: nobody else reads that text."""
    if not isinstance(expression, ast.Call) or not expression.args:
        return False
    source = expression.args[0]
    return (
        names.stands_for(expression.func, "csv.reader", "csv.DictReader")
        and isinstance(source, ast.Call)
        and (
            names.stands_for(source.func, "io.StringIO")
            or (isinstance(source.func, ast.Attribute) and source.func.attr == "splitlines")
        )
    )


def _is_local_maker(
    project: Project, module: Module, call: ast.Call, region: ast.AST | None
) -> bool:
    """Whether a call is one of a function of the module that gets numbers, texts and the like.

    Also what is changed by nobody while the code in ``region`` runs.
    """
    function = call.func
    made = (
        [b.node for b in module.names.reaching(function)] if isinstance(function, ast.Name) else []
    )
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not made or not all(isinstance(node, ast.FunctionDef) for node in made):
        return False
    changing = [a for a in given if not is_immutable(project, module, a)]
    return not changing or (
        region is not None
        and all(isinstance(a, ast.Name) for a in changing)
        and _only_collects(module.names, region, call)
    )


def _only_collects(names: ModuleNames, region: ast.AST, maker: ast.Call) -> bool:
    """Whether code changes nothing but variables and the lists that it appends to."""
    for node in names.walk(region):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.AugAssign | ast.Delete | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if not isinstance(node, ast.Call) or node is maker:
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        known = names.qualified(node.func) or ""
        if method not in ("remote", "append") and not known.startswith(_PURE):
            return False
    return True
