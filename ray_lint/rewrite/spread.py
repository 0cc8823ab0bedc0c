"""Items that are spread: over the targets of a loop, or over the parameters of a task.

An item that does not fit fails in the driver; in a batch it would fail in the worker, where the
exception has another type.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Sequence
from dataclasses import replace

from ray_lint.program.callers import given_values, only_value
from ray_lint.program.class_members import class_members, class_of_receiver
from ray_lint.program.effects import kinds_of
from ray_lint.program.effects.state import changing_uses
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.program.size_elements import SAME_ITEMS, items_of
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.places import negated
from ray_lint.rewrite.plan import Argument, Doubts, Repeat
from ray_lint.rewrite.targets import Target
from ray_lint.rewrite.uses import only_reads

_ANY = 1000  # more parameters than any call has
_DEPTH = 6
_LONGEST = 9  # starred items beside each other are short
_ITERABLE = {"list", "tuple", "range", "dict", "set", "frozenset", "str", "bytes", "deque"}
_SELECTIONS = {
    f"itertools.{name}"
    for name in ("combinations", "combinations_with_replacement", "permutations")
}
_READERS = SAME_ITEMS | {
    f"builtins.{name}" for name in ("len", "enumerate", "zip", "map", "print", "sum", "max", "min")
}
_READERS |= {"itertools.starmap", "itertools.chain", "itertools.islice"}


def judge_starred(
    module: Module, target: Target, shape: Shape, arguments: list[Argument], doubts: Doubts
) -> None:
    """Doubt ``f.remote(*item)`` and ``f.remote(**item)`` for items that may not fit ``f``."""
    spec = target.definition.args
    places = [a.arg for a in [*spec.posonlyargs, *spec.args]][1 if target.is_method else 0 :]
    needed = set(places[: len(places) - len(spec.defaults)])
    needed |= {a.arg for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is None}
    given = {a.parameter for a in arguments if a.parameter}
    unplaced = sum(not a.parameter and not a.star for a in arguments)  # those behind `*item`
    for argument in arguments:
        if not argument.star or not argument.varying:
            continue
        expression = argument.expression
        most = _ANY if spec.vararg else len(places) - len(given & set(places)) - unplaced
        counts = range(len(needed - given) - unplaced, most + 1)
        stars = [a for a in arguments if a.star == "*" and a.varying]
        if len(stars) > 1 and argument.star == "*":
            counts = _share(module, shape, stars, argument, counts)
        fits = argument.star == "*" and _gives_one(module, expression, counts)
        if argument.star == "*" and spec.vararg and counts.start <= 0:
            fits = fits or (kinds_of(None, module, expression) or {""}) <= _ITERABLE
        for repeat in shape.repeats or _loops(module.names, shape):
            if not isinstance(expression, ast.Name):
                continue
            if argument.star == "*":
                for known in _passed_beside(module, repeat, target.lent):
                    fits = fits or _is_split(module, known, expression.id, counts)
                continue
            path = _path_to(repeat.target, expression.id)
            if path is not None:
                taken = {a.arg for a in [*spec.args, *spec.kwonlyargs]} - given
                allowed = None if spec.kwarg else taken
                fits = _has_keys(module, repeat.iterable, needed - given, allowed, path)
        if not fits:
            text = ast.unparse(expression)
            doubts.add(f"`{text}` may not fit the parameters of the task")


def _share(
    module: Module,
    shape: Shape,
    stars: Sequence[Argument],
    argument: Argument,
    counts: range,
) -> range:
    """Return how many parameters one of several starred items has to fill."""
    lengths: dict[Argument, int] = {}
    for star in stars:
        for repeat in shape.repeats or []:
            name = star.expression.id if isinstance(star.expression, ast.Name) else ""
            several = range(1, _LONGEST)
            known = [n for n in several if _is_split(module, repeat, name, range(n, n + 1))]
            if len(known) == 1:
                lengths[star] = known[0]
    if len(lengths) != len(stars) or sum(lengths.values()) not in counts:
        return range(0)
    own = lengths[argument]
    return range(own, own + 1)


def _passed_beside(module: Module, repeat: Repeat, lent: Sequence[ast.expr]) -> Sequence[Repeat]:
    """Return the loop over what the one call passes that hands over the task as well."""
    iterable, names = repeat.iterable, module.names
    bindings = names.reaching(iterable) if isinstance(iterable, ast.Name) and lent else []
    if len(bindings) != 1 or bindings[0].kind is not BindingKind.PARAMETER:
        return [repeat]
    calls = {names.parents.get(name) for name in lent}
    beside = [v for v in given_values(module, bindings[0]) if names.parents.get(v) in calls]
    read = isinstance(iterable, ast.Name) and _only_read(names, iterable)
    return [replace(repeat, iterable=beside[0])] if len(beside) == 1 and read else [repeat]


def _gives_one(module: Module, made: ast.expr, counts: Container[int]) -> bool:
    """Whether a call gives a tuple of such a length, by what its function returns."""
    names = module.names
    if not isinstance(made, ast.Call) or not isinstance(made.func, ast.Name):
        return False
    bindings = names.reaching(made.func) if made.func in names.order else []
    function = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return False
    own = [n for n in names.walk(function) if names.scope_of(n).frame.node is function]
    if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own):
        return False
    results = [n.value for n in own if isinstance(n, ast.Return)]
    return bool(results) and all(
        isinstance(value, ast.Tuple) and _is_parts(module, value, counts) for value in results
    )


def _loops(names: ModuleNames, shape: Shape) -> list[Repeat]:
    """Return the loops around a submission with the conditions that it stands under."""
    found: list[Repeat] = []
    conditions: list[ast.expr] = []
    child: ast.AST = shape.node
    for parent in names.ancestors(shape.node):
        if isinstance(parent, ast.If) and child in parent.body:
            conditions.append(parent.test)
        elif isinstance(parent, ast.If) and child in parent.orelse:
            conditions.append(negated(parent.test))
        elif isinstance(parent, ast.For):
            found.append(Repeat(parent.target, parent.iter, tuple(conditions)))
            conditions = []
        if parent is shape.region:
            break
        child = parent
    return found


def _is_split(module: Module, repeat: Repeat, name: str, counts: Container[int]) -> bool:
    """Whether a loop variable provably is a tuple or list whose length is one of ``counts``.

    It may be a part of the items: ``for place, row in enumerate(rows)``.
    """
    target, iterable = repeat.target, repeat.iterable
    if isinstance(target, ast.Name):
        return target.id == name and has_parts(module, iterable, counts)
    parts = target.elts if isinstance(target, ast.Tuple) else []
    places = [i for i, part in enumerate(parts) if isinstance(part, ast.Name) and part.id == name]
    if len(places) != 1 or any(isinstance(part, ast.Starred) for part in parts):
        return False
    (place,) = places
    if isinstance(iterable, ast.Call) and module.names.stands_for(
        iterable.func, "builtins.enumerate", "builtins.zip"
    ):
        first = module.names.stands_for(iterable.func, "builtins.zip")
        index = place if first else place - 1
        known = 0 <= index < len(iterable.args)
        return known and has_parts(module, iterable.args[index], counts)
    if fills_otherwise(module.names, iterable) or iterable not in module.names.order:
        return False
    wholes = items_of(module, iterable) or []
    if repeat.conditions and all(
        isinstance(item, ast.Tuple) and len(item.elts) == len(parts) for item in wholes
    ):
        kept = [item.elts for item in wholes if isinstance(item, ast.Tuple)]
        kept = [item for item in kept if _may_hold(module.names, repeat.conditions, parts, item)]
        return bool(kept) and all(_is_parts(module, item[place], counts) for item in kept)
    items = items_of(module, iterable, (place,))
    return bool(items) and all(_is_parts(module, item, counts) for item in items or [])


def _may_hold(
    names: ModuleNames,
    conditions: Sequence[ast.expr],
    targets: Sequence[ast.expr],
    item: Sequence[ast.expr],
) -> bool:
    """Whether no condition of the kind ``kind == "circle"`` rules an item out."""
    values = {
        target: value.value
        for target, value in zip(targets, item, strict=True)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
    }
    for condition in conditions:
        opposite = isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not)
        test = condition.operand if isinstance(condition, ast.UnaryOp) else condition
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            continue
        left, right = test.left, test.comparators[0]
        if not isinstance(left, ast.Name) or not isinstance(right, ast.Constant):
            continue
        bound = [binding.node for binding in names.reaching(left)]
        if len(bound) != 1 or bound[0] not in values:
            continue
        if not isinstance(test.ops[0], ast.Eq | ast.NotEq):
            continue
        equal = values[bound[0]] == right.value
        if equal == (isinstance(test.ops[0], ast.NotEq) != opposite):
            return False
    return True


def _path_to(target: ast.expr, name: str) -> tuple[int, ...] | None:
    """Return where a loop variable stands in an item: ``(1,)`` for the ``v`` of ``k, v``."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    parts = target.elts if isinstance(target, ast.Tuple) else []
    places = [i for i, p in enumerate(parts) if isinstance(p, ast.Name) and p.id == name]
    starred = any(isinstance(part, ast.Starred) for part in parts)
    return (places[0],) if len(places) == 1 and not starred else None


def _has_keys(
    module: Module,
    iterable: ast.expr,
    needed: set[str],
    allowed: set[str] | None,
    path: tuple[int, ...],
) -> bool:
    """Whether each item provably is a dictionary with the needed and only the allowed keys."""
    if fills_otherwise(module.names, iterable):
        return False
    items = items_of(module, iterable, path) if iterable in module.names.order else None
    for item in items or []:
        known = _keys(module, item)
        if known is None:
            return False
        certain, possible = known
        if not needed <= certain or (allowed is not None and not allowed >= possible):
            return False
    return bool(items)


def _keys(module: Module, item: ast.expr) -> tuple[set[str], set[str]] | None:
    """Return the keys that a dictionary has, and those that it may have; None if not all is seen.

    It is written out, and may have a name by which more is stored: ``spec["depth"] = 12``.
    """
    names = module.names
    stored: set[str] = set()
    if isinstance(item, ast.Name) and item in names.order:
        bindings = names.reaching(item)
        made = bindings[0].value if len(bindings) == 1 else None
        if made is None or isinstance(made, ast.Name):
            return None
        for use in names.uses(bindings[0]):
            parent = names.parents.get(use)
            if isinstance(parent, ast.Subscript) and parent.value is use:
                key = parent.slice.value if isinstance(parent.slice, ast.Constant) else None
                if isinstance(parent.ctx, ast.Load):
                    continue
                if not isinstance(key, str) or not isinstance(parent.ctx, ast.Store):
                    return None
                stored.add(key)
            elif not (
                isinstance(parent, ast.Call)
                and isinstance(parent.func, ast.Attribute)
                and parent.func.attr == "append"
            ):
                return None
        item = made
    keys: list[object] = [None]
    if isinstance(item, ast.Dict):
        keys = [k.value if isinstance(k, ast.Constant) else None for k in item.keys]
    elif isinstance(item, ast.Call) and names.stands_for(item.func, "builtins.dict"):
        keys = [k.arg for k in item.keywords]
        keys += _zipped_keys(module, item.args[0]) if item.args else []
    certain = {key for key in keys if isinstance(key, str)}
    return None if len(certain) != len(keys) else (certain, certain | stored)


def _zipped_keys(module: Module, pairs: ast.expr) -> Sequence[object]:
    """Return the keys of ``dict(zip(table, values))``, ``[None]`` if they are not written out."""
    names = module.names
    zipped = isinstance(pairs, ast.Call) and names.stands_for(pairs.func, "builtins.zip")
    first = pairs.args[0] if isinstance(pairs, ast.Call) and zipped and pairs.args else None
    for _ in range(_DEPTH):
        if isinstance(first, ast.Call):
            view = isinstance(first.func, ast.Attribute) and first.func.attr == "keys"
            if view and isinstance(first.func, ast.Attribute) and not first.args:
                first = first.func.value
            elif len(first.args) == 1 and names.stands_for(first.func, *SAME_ITEMS):
                first = first.args[0]
        if not isinstance(first, ast.Name):
            break
        reaching = names.reaching(first)
        if len(reaching) != 1 or changing_uses(module, reaching[0].scope, reaching[0].name):
            break
        first = only_value(module, first)
    shown = first.keys if isinstance(first, ast.Dict) else getattr(first, "elts", [None])
    return [key.value if isinstance(key, ast.Constant) else None for key in shown]


def has_parts(module: Module, iterable: ast.expr, counts: Container[int], depth: int = 0) -> bool:
    """Whether each item provably is a tuple or list whose length is one of ``counts``."""
    names = module.names
    if depth > _DEPTH:
        return False
    if isinstance(iterable, ast.Call):
        known = names.qualified_names(iterable.func)
        if known & {"builtins.zip", "itertools.product", "itertools.zip_longest"}:
            times = [k.value for k in iterable.keywords if k.arg == "repeat"]
            if any(isinstance(a, ast.Starred) for a in iterable.args):
                return True  # all of one length: if one does not fit, none ever did
            if not times:
                return len(iterable.args) in counts
            repeat = times[0].value if isinstance(times[0], ast.Constant) else None
            return isinstance(repeat, int) and len(iterable.args) * repeat in counts
        if known & _SELECTIONS and len(iterable.args) == 2:
            size = iterable.args[1]
            return isinstance(size, ast.Constant) and size.value in counts
        if known & {"builtins.enumerate", "itertools.pairwise"}:
            return 2 in counts
        if known & SAME_ITEMS and iterable.args:
            return has_parts(module, iterable.args[0], counts, depth + 1)
        if isinstance(iterable.func, ast.Attribute) and iterable.func.attr == "items":
            return 2 in counts
        if _gives_parts(module, iterable.func, counts, depth + 1):
            return True
    if isinstance(iterable, ast.Subscript) and isinstance(iterable.slice, ast.Slice):
        return has_parts(module, iterable.value, counts, depth + 1)
    if isinstance(iterable, ast.Name) and _only_read(names, iterable):
        values = [b.value for b in names.reaching(iterable) if b.kind is BindingKind.ASSIGN]
        if len(values) == len(names.reaching(iterable)) and all(
            value is not None and has_parts(module, value, counts, depth + 1) for value in values
        ):
            return bool(values)
    if fills_otherwise(names, iterable):
        return False
    items = items_of(module, iterable) if iterable in names.order else None
    return bool(items) and all(_is_parts(module, item, counts) for item in items or [])


def _length(module: Module, item: ast.expr, depth: int = 0) -> int:
    """Return how many elements a tuple has: ``depot + (x, y)``; -1 if that is not known."""
    if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Add):
        sides = [_length(module, side, depth + 1) for side in (item.left, item.right)]
        return -1 if -1 in sides else sum(sides)
    if isinstance(item, ast.Tuple):
        return -1 if any(isinstance(e, ast.Starred) for e in item.elts) else len(item.elts)
    if not isinstance(item, ast.Name) or depth > _DEPTH:
        return -1
    found: set[int] = set()
    for binding in module.names.reaching(item):
        target = module.names.parents.get(binding.node)
        if binding.kind is BindingKind.ASSIGN and binding.value is not None:
            found.add(_length(module, binding.value, depth + 1))
        elif isinstance(target, ast.For | ast.comprehension) and target.target is binding.node:
            several = range(1, _LONGEST)
            known = [
                n for n in several if has_parts(module, target.iter, range(n, n + 1), depth + 1)
            ]
            found.add(known[0] if len(known) == 1 else -1)
        else:
            found.add(-1)
    return found.pop() if len(found) == 1 else -1


def _is_parts(module: Module, item: ast.expr | None, counts: Container[int]) -> bool:
    if isinstance(item, ast.ListComp | ast.GeneratorExp) and len(item.generators) == 1:
        inner = item.generators[0]
        return not inner.ifs and not inner.is_async and _is_parts(module, inner.iter, counts)
    if isinstance(item, ast.BinOp):
        return _length(module, item) in counts
    if isinstance(item, ast.Call):
        return _fields(module.names, item.func) in counts
    return (
        isinstance(item, ast.Tuple | ast.List)
        and len(item.elts) in counts
        and not any(isinstance(e, ast.Starred) for e in item.elts)
    )


def _fields(names: ModuleNames, made: ast.expr) -> int:
    """Return the number of fields of a named tuple of this module, -1 for anything else."""
    bindings = names.reaching(made) if isinstance(made, ast.Name) else []
    if len(bindings) != 1:
        return -1
    node, value = bindings[0].node, bindings[0].value
    if isinstance(node, ast.ClassDef):
        own = {s.name for s in node.body if isinstance(s, ast.FunctionDef)}
        tuples = [names.stands_for(base, "typing.NamedTuple") for base in node.bases]
        if tuples != [True] or own & {"__iter__", "__new__", "__len__"}:
            return -1
        return sum(isinstance(s, ast.AnnAssign) for s in node.body)
    if not isinstance(value, ast.Call) or len(value.args) != 2:
        return -1
    if not names.stands_for(value.func, "collections.namedtuple"):
        return -1
    fields = value.args[1]
    if isinstance(fields, ast.Constant) and isinstance(fields.value, str):
        return len(fields.value.replace(",", " ").split())
    if isinstance(fields, ast.List | ast.Tuple):
        return -1 if any(isinstance(f, ast.Starred) for f in fields.elts) else len(fields.elts)
    return -1


def _gives_parts(module: Module, function: ast.expr, counts: Container[int], depth: int) -> bool:
    """Whether a function of the module returns or yields only items with such lengths."""
    names = module.names
    if function not in names.order:
        return False
    bindings = names.reaching(function) if isinstance(function, ast.Name) else []
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        owner = class_of_receiver(names, function.value)
        found = class_members(names, function.attr)
        if owner is not None and len(found) == 1 and names.scopes[owner] is found[0][0].scope:
            bindings = found[0]
    definition = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(definition, ast.FunctionDef) or definition.decorator_list:
        return False
    own = names.scopes[definition]
    inside = [n for n in names.walk(definition) if names.scope_of(n) is own]
    yields = [n for n in inside if isinstance(n, ast.Yield | ast.YieldFrom)]
    if yields:
        return all(isinstance(n, ast.Yield) and _is_parts(module, n.value, counts) for n in yields)
    results = [n.value for n in inside if isinstance(n, ast.Return)]
    return bool(results) and all(
        value is not None and has_parts(module, value, counts, depth) for value in results
    )


def _only_read(names: ModuleNames, name: ast.Name) -> bool:
    """Whether every use of a name only iterates it, asks for its length or reads an item."""
    return name in names.order and all(
        only_reads(names, use, _READERS)
        for binding in names.reaching(name)
        for use in names.uses(binding)
    )


def fills_otherwise(names: ModuleNames, iterable: ast.expr) -> bool:
    """Whether a list gets items that its making does not show."""
    return any(
        binding.kind is BindingKind.AUGMENTED
        or any(_fills_in_use(names, use) for use in names.uses(binding))
        for name in ast.walk(iterable)
        if isinstance(name, ast.Name) and name in names.order
        for binding in names.reaching(name)
    )


def _fills_in_use(names: ModuleNames, use: ast.Name) -> bool:
    """Whether a use of a list puts items into it in another way than ``append``."""
    node: ast.AST = use
    parent = names.parents.get(use)
    while isinstance(parent, ast.Subscript) and parent.value is node:
        if not isinstance(parent.ctx, ast.Load):
            return True  # also ``rows[0]["more"] = 1``
        node, parent = parent, names.parents.get(parent)
    return isinstance(parent, ast.Attribute) and parent.attr in (
        "extend",
        "insert",
        "update",
        "setdefault",
    )
