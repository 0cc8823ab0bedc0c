"""Whether a loop changes the items that it submits, by another name of them or of what they share.

The items of a batch are sent when the batch is full, not one by one as the loop runs: what changes
one after its turn would be seen by its task. Changes by the very name of an item, or of the
collection that holds it, are judged in ``sharing``; here are those by other names: an element that
has a name of its own, an attribute, an entry of a table, and the memory that arrays share.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ray_lint.program.effects import is_immutable, kinds_of, makes_new
from ray_lint.program.effects.table import CHANGING_METHODS
from ray_lint.program.functions import loop_of
from ray_lint.program.module import Module
from ray_lint.program.names import DISPLAYS, BindingKind, ModuleNames, Scope
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.rewrite.entries import is_own_entry
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.observers import reachable
from ray_lint.rewrite.overlap import Access, Overlap
from ray_lint.rewrite.plan import Argument, Doubts

_CONTAINERS = frozenset({"list", "dict", "set", "tuple", "deque", "defaultdict", "counter", "iter"})
_ARRAYS = {"numpy", "pandas", "torch", "jax", "cupy", "array", "polars", "tensorflow", "scipy"}
_PASSING = (
    *("builtins.enumerate", "builtins.zip", "builtins.list", "builtins.tuple", "builtins.sorted"),
    *("builtins.reversed", "builtins.iter", "builtins.set", "builtins.dict", "builtins.range"),
    *("builtins.len", "itertools.chain", "itertools.islice", "itertools.product", "tqdm.tqdm"),
    *("itertools.pairwise", "itertools.combinations", "itertools.zip_longest", "numpy.array"),
    "numpy.asarray",
)
_MAPPING = ("builtins.map", "builtins.filter", "itertools.starmap", "itertools.accumulate")
_LOOPED = (BindingKind.LOOP, BindingKind.COMPREHENSION)


class Aliases:
    """Answers for one module."""

    def __init__(self, project: Project, module: Module, overlap: Overlap) -> None:
        self.project, self.module = project, module
        self.names: ModuleNames = module.names
        self.overlap = overlap

    def judge(self, shape: Shape, arguments: list[Argument], doubts: Doubts) -> None:
        """Doubt a loop that may change an item by another name, after its turn."""
        every = [*arguments, *(a for _, others in shape.merged for a in others)]
        items = [
            a.expression
            for a in every
            if a.varying
            and a.expression in self.names.order
            and not is_immutable(self.project, self.module, a.expression)
        ]
        if not items or shape.loop is None:
            return
        held = [source for item in items for source in self._sources(item)]
        own = "" if shape.container is None else ast.unparse(shape.container)
        for store in self._stores(shape.region):
            text = ast.unparse(store.base)
            if text == own or store.base is shape.destination:
                continue
            for item, source in held:
                own_entry = is_own_entry(self.names, store.base, item)
                if not own_entry and self._may_be(store, item, source, shape):
                    seen = ast.unparse(item)
                    doubts.add(
                        f"`{text}`, which the loop changes, may be the same object as an item"
                        f" `{seen}`"
                    )

    # -- what is submitted --------------------------------------------------------------------

    def _sources(self, item: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield each part of an item with what it is taken from: ``row`` from ``rows``."""
        for node in self.names.walk(item):
            if not isinstance(node, ast.Name) or self.names.owner(node) is None:
                continue
            if is_immutable(self.project, self.module, node):
                continue
            bindings = self.names.reaching(node)
            if any(
                b.kind
                not in (*_LOOPED, BindingKind.ASSIGN, BindingKind.PARAMETER, BindingKind.UNPACKED)
                for b in bindings
            ):
                continue
            loops = [b for b in bindings if b.kind in _LOOPED]
            if not loops:
                yield node, node
            for binding in loops:
                yield node, loop_of(self.names, binding).iter

    # -- what is changed ----------------------------------------------------------------------

    def _stores(self, region: ast.AST) -> Iterator[Access]:
        """Yield what a region, or the functions that it calls, changes in place."""
        yield from self.overlap.stores(region)
        for place in [region, *reachable(self.names, [region])]:
            for node in self.names.walk(place):
                if isinstance(node, ast.AugAssign) and self._in_place(node):
                    yield Access(node.target, "all")

    def _in_place(self, node: ast.AugAssign) -> bool:
        """Whether ``x += y`` may change an object instead of naming another one."""
        if is_immutable(self.project, self.module, node.target):
            return False
        return _uses_arrays(self.names) or not is_immutable(self.project, self.module, node.value)

    def _may_be(self, store: Access, item: ast.expr, source: ast.expr, shape: Shape) -> bool:
        base = store.base
        if base not in self.names.order:
            return False
        if isinstance(base, ast.Name):
            if base.id in ("self", "cls") and store.kind == "attribute":
                return False
            if self._is_the_item(base, item):
                return False  # judged in `sharing`
        if is_immutable(self.project, self.module, base) or self._is_local(base, shape):
            return False
        changed = self.overlap.roots(base)
        own = False  # the collection that is iterated
        holders = [n for n in ast.walk(source) if isinstance(n, ast.Name | ast.Attribute)]
        for holder in holders:
            if holder in self.names.order and changed.keys() & self.overlap.roots(holder).keys():
                if not self._is_collection(holder, source):
                    return not self._differ(base, item)
                if self._shares_memory(base, holder):
                    return True
                own = True
        if own:
            return False
        if None in changed.values():
            return not self._differ(base, item)
        return any(self.overlap.escapes(base, holder, shape.region) for holder in holders)

    def _is_local(self, base: ast.expr, shape: Shape) -> bool:
        """Whether a function that makes an item changes a list of its own, before it returns."""
        names = self.names
        function = names.scope_of(base).frame.node
        depth, local = 0, base
        while isinstance(local, ast.Subscript):
            depth, local = depth + (not isinstance(local.slice, ast.Slice)), local.value
        if not isinstance(local, ast.Name) or not isinstance(function, ast.FunctionDef):
            return False
        scope = names.scopes[function]
        if names.contains(function, shape.region) or names.owner(local) is not scope:
            return False
        inside = names.walk(function)
        if any(isinstance(n, ast.YieldFrom) for n in inside):
            return False
        yields = [n for n in inside if isinstance(n, ast.Yield)]
        if not all(_is_made_for(names, scope, local.id, place) for place in yields):
            return False
        return all(
            b.kind is BindingKind.AUGMENTED
            or _is_new(b.value, depth)
            or (not depth and makes_new(self.project, self.module, b.value))
            for b in scope.bindings[local.id]
        ) and not (depth and _gets_others(names, scope.uses.get(local.id, []), depth))

    def _is_collection(self, holder: ast.expr, source: ast.expr) -> bool:
        """Whether an iterable gives the items of a collection, not the collection as an item."""
        names = self.names
        node: ast.AST = holder
        while node is not source:
            parent = names.parents[node]
            if isinstance(parent, ast.Call) and node in parent.args:
                mapped = names.stands_for(parent.func, *_MAPPING) and node is parent.args[0]
                if mapped or not names.stands_for(parent.func, *_PASSING, *_MAPPING):
                    return False
            elif isinstance(parent, ast.Subscript) and node is parent.value:
                if not isinstance(parent.slice, ast.Slice):
                    return False
            elif isinstance(parent, ast.comprehension):
                if node is not parent.iter:
                    return False
            elif not isinstance(
                parent,
                ast.Attribute
                | ast.Call
                | ast.Starred
                | ast.BinOp
                | ast.ListComp
                | ast.GeneratorExp,
            ) or node is getattr(parent, "elt", None):
                return False
            node = parent
        return True

    def _is_the_item(self, base: ast.Name, item: ast.expr) -> bool:
        """Whether a name that is changed is the variable that the item is read from."""
        bound = {b.node for b in self.names.reaching(base)}
        return any(
            isinstance(node, ast.Name) and bound & {b.node for b in self.names.reaching(node)}
            for node in self.names.walk(item)
        )

    def _shares_memory(self, base: ast.expr, holder: ast.expr) -> bool:
        """Whether items are parts of an array: then they change with it."""
        if not _uses_arrays(self.names):
            return False
        kinds = [kinds_of(self.project, self.module, node) for node in (base, holder)]
        return not any(kind is not None and kind <= _CONTAINERS for kind in kinds)

    def _differ(self, base: ast.expr, item: ast.expr) -> bool:
        """Whether what is changed is certainly of another type than an item."""
        changed, seen = (kinds_of(self.project, self.module, node) for node in (base, item))
        if changed is None or seen is None or not changed <= _CONTAINERS:
            return False
        return not changed & seen


def _is_made_for(names: ModuleNames, scope: Scope, name: str, place: ast.Yield) -> bool:
    """Whether a name stands for a new object each time that a ``yield`` comes, and only before it.

    It is bound in the loop around the ``yield``, which no other use of the name follows.
    """
    loops = names.enclosing_loops(place)
    bindings = scope.bindings[name]
    statement = bindings[0].statement if len(bindings) == 1 else None
    if not loops or statement is None or not isinstance(loops[0], ast.For | ast.While):
        return False
    uses = scope.uses.get(name, [])
    return any(statement is s for s in loops[0].body) and all(
        names.contains(loops[0], use)
        and (names.order[use] < names.order[place] or names.contains(place, use))
        for use in uses
    )


@once_per_module
def _uses_arrays(names: ModuleNames) -> bool:
    """Whether the module imports a library whose objects share their memory."""
    imported = [a.name for node in names.index.every(ast.Import) for a in node.names]
    imported += [node.module or "" for node in names.index.every(ast.ImportFrom)]
    return any(name.partition(".")[0] in _ARRAYS for name in imported)


def _is_new(value: ast.AST | None, depth: int) -> bool:
    """Whether a value is written out, and so are its items down to ``depth`` levels."""
    if depth and isinstance(value, ast.ListComp | ast.SetComp):
        return _is_new(value.elt, depth - 1)
    if depth and isinstance(value, ast.DictComp):
        return _is_new(value.value, depth - 1)
    if depth and isinstance(value, ast.List | ast.Tuple):
        return all(_is_new(item, depth - 1) for item in value.elts)
    repeated = isinstance(value, ast.BinOp) and isinstance(value.left, ast.List)
    return not depth and (repeated or isinstance(value, DISPLAYS))


def _gets_others(names: ModuleNames, uses: list[ast.Name], depth: int) -> bool:
    """Whether a collection may get items within ``depth`` levels that are no new objects."""
    for use in uses:
        node: ast.AST = use
        level, parent = 0, names.parents.get(node)
        while isinstance(parent, ast.Subscript) and parent.value is node:
            level, node, parent = level + 1, parent, names.parents.get(parent)
        if level > depth:
            continue
        if isinstance(parent, ast.Attribute) and parent.attr in CHANGING_METHODS:
            return True
        if isinstance(parent, ast.Call) and node in parent.args:
            known = names.qualified(parent.func) or ""
            if not known.startswith(("builtins.", "math.", "copy.")):
                return True
        if not isinstance(getattr(node, "ctx", None), ast.Load) and level:
            value = getattr(parent, "value", None)
            if not isinstance(parent, ast.Assign) or not _is_new(value, depth - level):
                return True
    return False
