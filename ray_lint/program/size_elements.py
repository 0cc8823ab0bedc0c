"""What the items of a collection may be: the expressions that made them, as far as seen."""

from __future__ import annotations

import ast
import string
import struct

from ray_lint.program.callers import given_values
from ray_lint.program.functions import (
    arguments_for,
    called_by,
    calls_of,
    class_around,
    returns_of,
)
from ray_lint.program.known_sizes import SAME_LENGTH
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind
from ray_lint.program.size_arrays import array_names

_DEPTH = 12
_DIGITS = tuple(f"builtins.{name}" for name in ("bin", "format", "hex", "oct"))
_MANY = 60  # expressions; what is told by so many is not told by more
SAME_ITEMS = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "sorted", "reversed", "set", "iter")
) | {
    "tqdm.tqdm",
    "tqdm.auto.tqdm",
    "collections.deque",
    "copy.copy",
    "copy.deepcopy",
    "ray.put",
    "ray.get",
}
_FILLING = frozenset({"append", "appendleft", "add", "insert"})
_DRAWN = {"random.choices", "random.sample"}
_CHOICES = frozenset(
    f"itertools.{name}"
    for name in ("combinations", "combinations_with_replacement", "permutations", "pairwise")
)
# What the pieces of a text stand for: a word, a line.
_PIECES = {"split": "word " * 3, "rsplit": "word " * 3, "splitlines": "a line of text " * 6}

Expressions = list[ast.expr] | None


def items_of(
    module: Module, source: ast.expr, path: tuple[int, ...] = (), depth: int = 0
) -> Expressions:
    """Return the expressions that an item of ``source`` may be, None if not all are seen.

    ``path`` leads into items that are tuples: ``(1,)`` is what ``for _, x in source`` calls x.
    """
    found = _items(module, source, path, depth)
    if found is None or len(found) > _MANY:
        return None if found is None else found[:_MANY]
    return found


def loop_values(module: Module, binding: Binding, depth: int = 0) -> Expressions:
    """Return the expressions that a loop variable may stand for, also one inside of a tuple."""
    names = module.names
    path: list[int] = []
    node: ast.AST = binding.node
    parent = names.parents.get(node)
    while isinstance(parent, ast.Tuple | ast.List):
        if any(isinstance(e, ast.Starred) for e in parent.elts):
            return None
        path.insert(0, next(i for i, e in enumerate(parent.elts) if e is node))
        node, parent = parent, names.parents.get(parent)
    if not isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
        return None
    return items_of(module, parent.iter, tuple(path), depth + 1)


def is_formatted(module: Module, node: ast.expr) -> bool:
    """Whether a text is put together by a format: ``f"…"``, ``"…" % x``, ``str(x)``."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod) and _is_text(node.left)
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute) and _is_text(function.value):
        return function.attr == "format"
    if len(node.args) == 1 and not isinstance(node.args[0], ast.Call):  # no text that was read
        return module.names.stands_for(function, *_DIGITS, "builtins.str", "builtins.repr")
    return module.names.stands_for(function, *_DIGITS)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def packed_size(module: Module, node: ast.Attribute) -> int | None:
    """Return how many bytes ``HEAD.pack`` makes if ``HEAD = struct.Struct(">HI")``."""
    bindings = module.names.reaching(node.value) if isinstance(node.value, ast.Name) else []
    call = bindings[0].value if len(bindings) == 1 else None
    if not isinstance(call, ast.Call) or not module.names.stands_for(call.func, "struct.Struct"):
        return None
    layout = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    try:
        return struct.calcsize(layout) if isinstance(layout, str | bytes) else None
    except struct.error:
        return None


def letters_of(module: Module, node: ast.expr) -> str:
    """Return the text of ``string.ascii_lowercase`` and the like, "" for anything else."""
    for name in module.names.qualified_names(node):
        package, _, constant = name.partition(".")
        if package == "string" and isinstance(text := getattr(string, constant, None), str):
            return text
    return ""


def counter_of(module: Module, clause: ast.comprehension | ast.For) -> str:
    """Return the variable that counts the runs of a loop: that of ``range`` or ``enumerate``."""
    target = clause.target
    counts = "builtins.range"
    if isinstance(target, ast.Tuple):
        target, counts = target.elts[0], "builtins.enumerate"
    ranged = isinstance(clause.iter, ast.Call) and module.names.stands_for(clause.iter.func, counts)
    return target.id if ranged and isinstance(target, ast.Name) else ""


def told_variables(module: Module, node: ast.expr) -> set[str]:
    """Return the variables that can be read off a value: ``i`` of ``i + 1`` and ``f"row {i}"``."""
    if isinstance(node, ast.Name):
        return {node.id}
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.Tuple):
        parts = node.elts
    elif isinstance(node, ast.Call) and is_formatted(module, node):
        parts = node.args
    elif isinstance(node, ast.BinOp):
        if is_formatted(module, node):
            parts = [node.right]
        elif isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
            constant = isinstance(node.left, ast.Constant), isinstance(node.right, ast.Constant)
            parts = [node.left, node.right] if any(constant) else []
    return {name for part in parts for name in told_variables(module, part)}


def values_under(module: Module, record: ast.expr, key: ast.expr, depth: int = 0) -> Expressions:
    """Return what ``record["name"]`` may be, where every record is a dictionary written out."""
    if not isinstance(key, ast.Constant) or not isinstance(record, ast.Name) or depth > _DEPTH:
        return None
    if record not in module.names.order:
        return None
    parts: list[Expressions] = []
    for binding in module.names.reaching(record):
        made: Expressions = None
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            made = loop_values(module, binding, depth + 1)
        elif binding.kind is BindingKind.PARAMETER:
            function = binding.scope.node
            if isinstance(function, FUNCTIONS):
                made = arguments_for(module, function, binding.name) or None
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            made = [binding.value]
        if made is None:
            return None
        parts += [_under(module, value, key, depth + 1) for value in made]
    return _union(parts)


def _under(module: Module, value: ast.expr, key: ast.Constant, depth: int) -> Expressions:
    if isinstance(value, ast.Name):
        return values_under(module, value, key, depth)
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == key.value] or None
    if isinstance(value, ast.Call) and module.names.stands_for(value.func, "builtins.dict"):
        return [k.value for k in value.keywords if k.arg == key.value] or None
    return None


def _union(parts: list[Expressions]) -> Expressions:
    found: list[ast.expr] = []
    for part in parts:
        if part is None:
            return None
        found += part
    return found or None


def _items(module: Module, source: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    if depth > _DEPTH:
        return None
    if not path and (is_formatted(module, source) or letters_of(module, source)):
        return [ast.Constant("c")]
    if isinstance(source, ast.Name):
        return _of_name(module, source, path, depth + 1)
    if isinstance(source, ast.List | ast.Tuple | ast.Set):
        return _union([_into(module, e, path, depth) for e in source.elts[:_MANY]])
    if isinstance(source, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return _into(module, source.elt, path, depth)
    if isinstance(source, ast.BinOp) and isinstance(source.op, ast.Mult | ast.Add):
        sides = [_items(module, s, path, depth + 1) for s in (source.left, source.right)]
        if isinstance(source.op, ast.Mult):
            return sides[0] or sides[1]
        return _union(sides)
    if isinstance(source, ast.Subscript) and isinstance(source.slice, ast.Slice):
        return _items(module, source.value, path, depth + 1)
    if isinstance(source, ast.Constant) and isinstance(source.value, str) and not path:
        return [ast.Constant("c")]
    if isinstance(source, ast.Call):
        return _of_call(module, source, path, depth + 1)
    if isinstance(source, ast.Attribute):
        return _of_attribute(module, source, path, depth + 1)
    if isinstance(source, ast.Subscript):
        held = values_under(module, source.value, source.slice, depth + 1) or []
        return _union([_items(module, value, path, depth + 1) for value in held])
    return None


def columns_of(module: Module, iterable: ast.expr, depth: int = 0) -> list[ast.expr] | None:
    """Return what each place of the rows that an iterable gives is taken from, None if not rows.

    The rows of ``product("ab", repeat=2)`` have two places, both from ``"ab"``.
    """
    names = module.names
    if isinstance(iterable, ast.Name) and depth < _DEPTH and iterable in names.order:
        values = [b.value for b in names.reaching(iterable) if b.kind is BindingKind.ASSIGN]
        if len(values) == len(names.reaching(iterable)) == 1 and values[0] is not None:
            return columns_of(module, values[0], depth + 1)
    if not isinstance(iterable, ast.Call) or any(isinstance(a, ast.Starred) for a in iterable.args):
        return None
    if not iterable.args or depth > _DEPTH:
        return None
    known = names.qualified_names(iterable.func)
    if known & SAME_ITEMS:
        return columns_of(module, iterable.args[0], depth + 1)
    repeat = next((k.value for k in iterable.keywords if k.arg == "repeat"), ast.Constant(1))
    if known & _CHOICES:
        width = iterable.args[1] if len(iterable.args) > 1 else ast.Constant(2)
        return iterable.args[:1] * _small(width)
    if known & {"builtins.zip", "itertools.product"}:
        return iterable.args * _small(repeat)
    return None


def _small(node: ast.expr) -> int:
    """Return a small number that is written out, else 0."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) and 0 < value <= 20 else 0


def _of_call(module: Module, call: ast.Call, path: tuple[int, ...], depth: int) -> Expressions:
    known = array_names(module, call.func)
    if known & (SAME_ITEMS | _DRAWN) and call.args:
        return _items(module, call.args[0], path, depth)
    if "builtins.enumerate" in known and call.args and path[:1] == (1,):
        return _items(module, call.args[0], path[1:], depth)
    columns = columns_of(module, call) if path else None
    if columns and path[0] < len(columns):
        return _items(module, columns[path[0]], path[1:], depth)
    if known & _CHOICES and call.args and path:  # every place of a row holds an item of the first
        return _items(module, call.args[0], path[1:], depth)
    if isinstance(call.func, ast.Attribute):
        method, owner = call.func.attr, call.func.value
        if method == "join" and not path:
            return [ast.Constant("c")]
        if method in SAME_LENGTH and not path:
            return _items(module, owner, path, depth)
        if method in _PIECES and not path:
            text = owner.value if isinstance(owner, ast.Constant) and not call.args else None
            words = text.split() if method == "split" and isinstance(text, str) else []
            longest = max(words, key=len, default=_PIECES[method])
            return [ast.Constant(longest)]
        if method in ("values", "items") and not call.args:
            if method == "items" and path[:1] != (1,):
                return None
            inner = path[1:] if method == "items" else path
            return _values_of(module, owner, inner, depth)
    return _produced(module, call, path, depth)


def _produced(module: Module, call: ast.Call, path: tuple[int, ...], depth: int) -> Expressions:
    """Return what a function of this module yields, or the items of what it returns."""
    names = module.names
    called = called_by(call)
    if not isinstance(called, ast.Name) or called not in names.order:
        return None
    bindings = names.reaching(called)
    function = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(function, ast.FunctionDef) or not all(
        names.stands_for(d.func if isinstance(d, ast.Call) else d, "ray.remote")
        for d in function.decorator_list
    ):
        return None
    scope = names.scopes[function]
    yields = [
        node
        for node in names.walk(function)
        if isinstance(node, ast.Yield | ast.YieldFrom) and names.scope_of(node) is scope
    ]
    if yields:
        return _union(
            [
                None
                if place.value is None or isinstance(place, ast.YieldFrom)
                else _into(module, place.value, path, depth)
                for place in yields
            ]
        )
    return _union(
        [
            None if place.value is None else _items(module, place.value, path, depth + 1)
            for place in returns_of(module, function)
        ]
    )


def _of_attribute(
    module: Module, attribute: ast.Attribute, path: tuple[int, ...], depth: int
) -> Expressions:
    """Return the items of ``self.xs`` where it is only ever assigned."""
    names = module.names
    owner = class_around(module, attribute)
    if not (isinstance(attribute.value, ast.Name) and attribute.value.id == "self" and owner):
        return None
    parts: list[Expressions] = []
    for node in names.attributes(attribute.attr):
        parent = names.parents.get(node)
        if isinstance(node.ctx, ast.Load):
            changed = isinstance(parent, ast.Attribute) or (
                isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load)
            )
            if changed and parent is not attribute:
                return None
        elif isinstance(parent, ast.Assign | ast.AnnAssign) and parent.value is not None:
            parts.append(_items(module, parent.value, path, depth))
        else:
            return None
    return _union(parts)


def entries_of(module: Module, table: ast.expr) -> Expressions:
    """Return what the values of a dictionary that is written out may be, None for all else."""
    return _values_of(module, table, (), 0)


def _values_of(module: Module, owner: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    """Return what the values of a dictionary may be."""
    if depth > _DEPTH:
        return None
    if isinstance(owner, ast.Name):
        bindings = module.names.reaching(owner) if owner in module.names.order else []
        return _union([_values_bound(module, binding, path, depth + 1) for binding in bindings])
    if isinstance(owner, ast.Dict):
        return _union([_into(module, v, path, depth) for v in owner.values[:_MANY]])
    if isinstance(owner, ast.DictComp):
        return _into(module, owner.value, path, depth)
    called = called_by(owner) if isinstance(owner, ast.Call) else None
    if isinstance(called, ast.Name) and called in module.names.order:
        functions = [b.node for b in module.names.reaching(called)]
        function = functions[0] if len(functions) == 1 else None
        if isinstance(function, ast.FunctionDef) and not function.decorator_list:
            returned = [place.value for place in returns_of(module, function)]
            return _union(
                [None if r is None else _values_of(module, r, path, depth + 1) for r in returned]
            )
    return None


_GROWING = frozenset(
    {"append", "appendleft", "add", "extend", "insert", "update", "setdefault", "pop", "clear"}
)


def _values_bound(
    module: Module, binding: Binding, path: tuple[int, ...], depth: int
) -> Expressions:
    """Return what the values may be of a dictionary that one binding makes and stores fill."""
    if binding.kind is BindingKind.PARAMETER:
        given = given_values(module, binding)
        return _union([_values_of(module, value, path, depth) for value in given])
    made, names = binding.value, module.names
    if binding.kind is not BindingKind.ASSIGN or made is None:
        return None
    empty = isinstance(made, ast.Dict) and not made.keys
    parts = [] if empty else [_values_of(module, made, path, depth)]
    for use in names.uses(binding):
        parent = names.parents.get(use)
        if isinstance(parent, ast.Attribute) and parent.attr in ("update", "setdefault"):
            return None
        if not isinstance(parent, ast.Subscript) or parent.value is not use:
            continue
        statement = names.parents.get(parent)
        if isinstance(parent.ctx, ast.Store):
            stored = statement.value if isinstance(statement, ast.Assign) else None
            parts.append(None if stored is None else _into(module, stored, path, depth))
        elif isinstance(statement, ast.Attribute) and statement.attr in _GROWING:
            return None  # ``table[key].append(x)``
        elif isinstance(statement, ast.Subscript) and not isinstance(statement.ctx, ast.Load):
            return None  # ``table[key][x] = 1``
    return _union(parts)


def _into(module: Module, item: ast.expr, path: tuple[int, ...], depth: int) -> Expressions:
    """Follow ``path`` into one item."""
    if not path:
        return [item]
    if isinstance(item, ast.Tuple | ast.List):
        if path[0] < len(item.elts):
            return _into(module, item.elts[path[0]], path[1:], depth)
        return None
    if isinstance(item, ast.Name) and depth < _DEPTH:
        values = [b.value for b in module.names.reaching(item) if b.kind is BindingKind.ASSIGN]
        if len(values) == 1 and values[0] is not None:
            return _into(module, values[0], path, depth + 1)
    return None


def _of_name(module: Module, name: ast.Name, path: tuple[int, ...], depth: int) -> Expressions:
    names = module.names
    if name not in names.order:
        return None
    parts: list[Expressions] = []
    for binding in names.reaching(name):
        if binding.kind is BindingKind.PARAMETER:
            parts.append(_given(module, binding, path, depth))
            continue
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            values = loop_values(module, binding, depth)
            rows = binding.value if values is None else None
            columns = None if rows is None else columns_of(module, rows)
            if columns:
                parts += [_items(module, column, path, depth) for column in columns]
                continue
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            values = [binding.value]
        else:
            return None
        if values is None:
            return None
        for value in values:
            empty = isinstance(value, ast.List) and not value.elts
            filled = _filled_with(module, binding, path, depth)
            if filled is not None:
                parts.append(filled)
            if not (empty and filled is not None):
                parts.append(_items(module, value, path, depth))
    return _union(parts)


def _filled_with(
    module: Module, binding: Binding, path: tuple[int, ...], depth: int
) -> Expressions:
    """Return what ``append`` and the like put into a list."""
    names = module.names
    found: list[Expressions] = []
    for use in names.uses(binding):
        parent = names.parents.get(use)
        if not isinstance(parent, ast.Attribute) or parent.attr not in _FILLING:
            continue
        call = names.parents.get(parent)
        if isinstance(call, ast.Call) and call.func is parent and len(call.args) in (1, 2):
            found.append(_into(module, call.args[-1], path, depth))
    return _union(found) if found else None


def _given(module: Module, binding: Binding, path: tuple[int, ...], depth: int) -> Expressions:
    """Return the items of what the calls of a function give to its parameter."""
    function = binding.scope.node
    if not isinstance(function, FUNCTIONS):
        return None
    if calls_of(module, function):
        given = arguments_for(module, function, binding.name)
    else:  # a method, by its name alone
        given = given_values(module, binding)
    return _union([_items(module, value, path, depth) for value in given])
