"""Whether a loop changes, by another name, what it submits or iterates.

Where a loop does more with each result than to keep it, the arguments of all items are computed
before it starts, and a value that all items have in common is read once. That is the same only if
what the loop stores cannot be what they read: ``best.w = …`` beside ``model.w`` where both names
are one object. Changes by the very name that is read are judged in ``sharing``.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ray_lint.program.callers import given_values
from ray_lint.program.class_members import class_members
from ray_lint.program.effects import is_immutable, makes_new, table
from ray_lint.program.effects.table import CHANGING_METHODS
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.rewrite.entries import is_own_entry
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.items import stored_values
from ray_lint.rewrite.observers import reachable, views_of
from ray_lint.rewrite.plan import Argument, Declined, Doubts

_FRESH = (
    *(ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Constant, ast.JoinedStr, ast.BinOp),
    *(ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.UnaryOp, ast.Compare),
)
_MAKERS = {"list", "dict", "set", "bytearray", "sorted", "range", "enumerate", "zip", "tuple"}
_MAKERS = {f"builtins.{name}" for name in _MAKERS}
_MAKERS |= {"collections.defaultdict", "collections.deque", "collections.OrderedDict"}
_MAKERS |= {"collections.Counter", "copy.copy", "copy.deepcopy"}
_EMPTY_MAKERS = ("builtins.list", "builtins.dict", "builtins.set", "collections.deque")
_FILLING = ("update", "__setitem__", "__ior__", "default_factory")
_VIEWS = ("values", "keys", "items")
_VIEWERS = {"builtins.iter", "builtins.reversed", "builtins.memoryview", "types.MappingProxyType"}
_VIEWERS |= {"collections.ChainMap", "itertools.chain", "itertools.cycle"}
_NUMPY_VIEWS = ("asarray", "ravel", "reshape", "frombuffer", "transpose", "squeeze", "memmap")
_DEPTH = 6


@dataclass(frozen=True)
class Access:
    """A part of an object that is read or stored: ``.attr``, ``[key]``, or all of it.

    ``key`` is the source of a constant, "" for one that is computed.
    """

    base: ast.expr
    kind: str
    key: str = ""


class Overlap:
    """Answers for one module."""

    def __init__(self, project: Project, module: Module) -> None:
        self.project, self.module = project, module
        self.names = module.names
        self._stored: dict[ast.AST, tuple[Access, ...]] = {}

    def judge(self, shape: Shape, arguments: list[Argument], doubts: Doubts) -> None:
        """Decline what the loop certainly changes by another name, doubt what it may change."""
        early = shape.form is Form.NEXT
        evaluated = [a.expression for a in arguments if early or not a.varying]
        if early:
            for repeat in shape.repeats or []:
                evaluated += [repeat.iterable, *repeat.conditions]
        evaluated = [e for e in evaluated if e in self.names.order]
        if early:
            self._judge_assigned(shape.region, evaluated)
        reads = [read for e in evaluated for read in self._reads(e)]
        reads += [
            Access(e, "all")  # all of it is sent
            for e in evaluated
            if isinstance(e, ast.Subscript | ast.Attribute)
            and not is_immutable(self.project, self.module, e)
        ]
        if not reads:
            return
        own = {node for e in evaluated for node in self.names.walk(e)}
        for store in self.stores(shape.region, own):
            for read in reads:
                self._compare(shape, store, read, doubts)
        called = self._unknown_call(shape.region, own) if early else ""
        if called:
            for store in self._stores_of_functions(shape.region):
                for read in reads:
                    if ast.unparse(store.base) == ast.unparse(read.base) and _meet(store, read):
                        text = ast.unparse(read.base)
                        doubts.add(f"the loop calls `{called}`, which may change `{text}`")

    def _judge_assigned(self, region: ast.AST, evaluated: list[ast.expr]) -> None:
        """Decline what the comprehension assigns beside the submission: ``x := ray.get(…)``."""
        inside = {node for e in evaluated for node in self.names.walk(e)}
        used = {node.id for node in inside if isinstance(node, ast.Name)}
        for node in self.names.walk(region):
            if isinstance(node, ast.NamedExpr) and node not in inside and node.target.id in used:
                raise Declined(f"`{node.target.id}` depends on the iterations before")

    def _unknown_call(self, region: ast.AST, own: set[ast.AST]) -> str:
        """Return what the loop calls without telling which function that is, "" if nothing."""
        for place in [region, *reachable(self.names, [region])]:
            for node in self.names.walk(place):
                if not isinstance(node, ast.Call) or node in own:
                    continue
                func = node.func
                if isinstance(func, ast.Subscript | ast.Call):
                    return ast.unparse(func)
                if not isinstance(func, ast.Name) or self.names.owner(func) is None:
                    continue
                kinds = {b.kind for b in self.names.reaching(func)}
                if not kinds <= {BindingKind.FUNCTION, BindingKind.CLASS, BindingKind.IMPORT}:
                    return func.id
        return ""

    def _stores_of_functions(self, region: ast.AST) -> Iterator[Access]:
        """Yield what the functions of the module change that do not contain the loop."""
        for scope in list(self.names.scopes.values()):
            function = scope.node
            if isinstance(function, (*FUNCTIONS, ast.Lambda)) and not self.names.contains(
                function, region
            ):
                if function not in self._stored:
                    self._stored[function] = tuple(self._changes(function, set()))
                yield from self._stored[function]

    def _compare(self, shape: Shape, store: Access, read: Access, doubts: Doubts) -> None:
        stored, seen = ast.unparse(store.base), ast.unparse(read.base)
        if stored == seen or not _meet(store, read):
            return
        if is_own_entry(self.names, store.base, read.base):
            return
        whole = isinstance(read.base, ast.Subscript | ast.Attribute) and read.kind == "all"
        if whole and ast.unparse(read.base.value) == stored:  # type: ignore[attr-defined]
            return  # what is stored beside an entry does not change the entry itself
        roots, others = self.roots(store.base), self.roots(read.base)
        if roots.keys() & others.keys():
            raise Declined(f"`{seen}` is changed by the name `{stored}` while the loop runs")
        unknown = None in roots.values(), None in others.values()
        if unknown == (True, True):
            possible = True
        elif unknown == (True, False):
            possible = self.escapes(read.base, store.base, shape.region)
        elif unknown == (False, True):
            possible = self.escapes(store.base, read.base, shape.region)
        else:
            possible = False
        if possible:
            doubts.add(f"`{stored}`, which the loop changes, may be the same object as `{seen}`")

    # -- accesses -----------------------------------------------------------------------------

    def _reads(self, node: ast.expr, *, whole: bool = True) -> Iterator[Access]:
        """Yield what the evaluation of an expression reads of objects that may change."""
        if isinstance(node, ast.Name):
            if whole and not self._plain(node) and not self._looped(node):
                yield Access(node, "all")
        elif isinstance(node, ast.Attribute):
            yield Access(node.value, "attribute", node.attr)
            yield from self._reads(node.value, whole=False)
        elif isinstance(node, ast.Subscript):
            yield Access(node.value, "item", _constant(node.slice))
            yield from self._reads(node.value, whole=False)
            yield from self._reads(node.slice)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.keyword | ast.comprehension):
                    for part in ast.iter_child_nodes(child):
                        if isinstance(part, ast.expr):
                            yield from self._reads(part)
                elif isinstance(child, ast.expr):
                    called = isinstance(node, ast.Call) and child is node.func
                    method = called and isinstance(child, ast.Attribute)
                    if method:
                        assert isinstance(child, ast.Attribute)
                        yield from self._reads(child.value)
                    elif not called:
                        yield from self._reads(child)

    def _plain(self, name: ast.Name) -> bool:
        if name not in self.names.order or self.names.owner(name) is None:
            return True
        bindings = self.names.reaching(name)
        fixed = (BindingKind.FUNCTION, BindingKind.CLASS, BindingKind.IMPORT)
        if bindings and all(b.kind in fixed or self._is_put(b) for b in bindings):
            return True
        return is_immutable(self.project, self.module, name)

    def _is_put(self, binding: Binding) -> bool:
        made = binding.value if binding.kind is BindingKind.ASSIGN else None
        return isinstance(made, ast.Call) and self.names.stands_for(made.func, "ray.put")

    def _looped(self, name: ast.Name) -> bool:
        """Whether a name stands for items of a collection: these are judged by their collection."""
        return all(
            b.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION)
            for b in self.names.reaching(name)
        )

    def stores(self, region: ast.AST, own: Collection[ast.AST] = ()) -> Iterator[Access]:
        """Yield what a region, or the functions that it calls, changes."""
        for place in [region, *reachable(self.names, [region])]:
            yield from self._changes(place, own)

    def _changes(self, place: ast.AST, own: Collection[ast.AST]) -> Iterator[Access]:
        """Yield what the code of one place changes."""
        for node in self.names.walk(place):
            if node in own:
                continue
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                yield Access(node.value, "attribute", node.attr)
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                yield Access(node.value, "item", _constant(node.slice))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in CHANGING_METHODS
                and node.func.value in self.names.order
                and self.names.qualified(node.func) is None
            ):
                yield Access(node.func.value, "all")

    # -- objects ------------------------------------------------------------------------------

    def roots(self, node: ast.expr, depth: int = 0) -> dict[ast.AST, ast.AST | None]:
        """Return where the object may have been made; a value of None stands for unknown."""
        unknown: dict[ast.AST, ast.AST | None] = {node: None}
        if depth > _DEPTH or node not in self.names.order:
            return unknown
        if isinstance(node, _FRESH):
            return {node: node}
        sources: list[ast.expr] = []
        if isinstance(node, ast.Name):
            for binding in self.names.reaching(node):
                if binding.kind is BindingKind.PARAMETER:
                    given = given_values(self.module, binding)
                    if not given:
                        return {binding.node: None}
                    sources += given
                elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
                    sources.append(binding.value)
                elif binding.kind is not BindingKind.AUGMENTED:
                    return {binding.node: None}
        elif isinstance(node, ast.Attribute):
            sources = stored_values(self.module, node)
        elif isinstance(node, ast.IfExp):
            sources = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            sources = node.values
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return {node: node, **self.roots(node.value, depth + 1)}
        elif (table := self._table_of_entry(node)) is not None:
            return {table: table}  # like the table itself: nothing else holds its entries
        elif isinstance(node, ast.Call) and self._looks_into(node) is not None:
            looked = self._looks_into(node)
            assert looked is not None
            return {node: node, **self.roots(looked, depth + 1)}
        elif isinstance(node, ast.Call) and self._makes(node):
            return {node: node}
        if not sources:
            return unknown
        found: dict[ast.AST, ast.AST | None] = {}
        for source in sources:
            found |= self.roots(source, depth + 1)
        return found

    def _table_of_entry(self, node: ast.expr) -> ast.AST | None:
        """Return what makes the table that ``node`` takes an entry of, made for it alone."""
        if isinstance(node, ast.Subscript):
            return self._own_entries(node.value)
        func = node.func if isinstance(node, ast.Call) else None
        if isinstance(func, ast.Attribute) and func.attr == "setdefault":
            return self._own_entries(func.value)
        return None

    def _own_entries(self, table: ast.expr) -> ast.AST | None:
        """Return what makes a table whose entries are all new: ``groups = defaultdict(list)``."""
        names = self.names
        if not isinstance(table, ast.Name) or table not in names.order:
            return None
        bindings = names.reaching(table)
        made = bindings[0].value if len(bindings) == 1 else None
        if made is None or not self._makes_entries(made):
            return None
        for use in names.uses(bindings[0]):
            parent = names.parents.get(use)
            if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                statement = names.parents.get(parent)
                if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                    return None
                if not isinstance(statement.value, _FRESH):
                    return None
            elif isinstance(parent, ast.Attribute) and parent.attr == "setdefault":
                call = names.parents.get(parent)
                new = call.args[1:] if isinstance(call, ast.Call) else []
                if not all(isinstance(each, _FRESH) for each in new):
                    return None
            elif isinstance(parent, ast.Attribute) and parent.attr in _FILLING:
                return None
        return None if views_of(names, table, names.tree)[1] else made

    def _makes_entries(self, made: ast.expr) -> bool:
        """Whether a table holds new objects only when it is made."""
        if isinstance(made, ast.Dict):
            return all(isinstance(value, _FRESH) for value in made.values)
        if isinstance(made, ast.DictComp):
            return isinstance(made.value, _FRESH)
        if not isinstance(made, ast.Call) or made.keywords:
            return False
        if self.names.stands_for(made.func, "builtins.dict"):
            return not made.args
        return (
            self.names.stands_for(made.func, "collections.defaultdict")
            and len(made.args) == 1
            and self.names.stands_for(made.args[0], *_EMPTY_MAKERS)
        )

    def _looks_into(self, call: ast.Call) -> ast.expr | None:
        """Return what a call gives a live view of: ``totals`` for ``totals.values()``."""
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in _VIEWS and not call.args:
            return func.value
        viewed = bool(call.args) and bool(self.names.qualified_names(func) & _VIEWERS)
        return call.args[0] if viewed else None

    def _makes(self, call: ast.Call) -> bool:
        """Whether a call makes an object of its own."""
        known = self.names.qualified_names(call.func)
        if any(k.startswith("numpy.") for k in known):
            return not any(k.endswith(_NUMPY_VIEWS) for k in known)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("copy", "tolist", "split"):
            return not class_members(self.names, call.func.attr)
        bindings = self.names.reaching(call.func) if isinstance(call.func, ast.Name) else []
        if bindings and all(b.kind is BindingKind.CLASS for b in bindings):
            return True
        if bool(known) and known <= _MAKERS:
            return True
        drawn = isinstance(call.func, ast.Attribute) and call.func.attr in table.NUMBERS_DRAWN
        return drawn and makes_new(self.project, self.module, call)

    def escapes(self, made: ast.expr, other: ast.expr, region: ast.AST) -> bool:
        """Whether an object that is made here may be what ``other`` stands for.

        An entry may be where its table may be.
        """
        while isinstance(made, ast.Subscript | ast.Call):
            if isinstance(made, ast.Call):
                if not isinstance(made.func, ast.Attribute):
                    return True
                made = made.func
            made = made.value
        if isinstance(made, ast.Name):
            views, escapes = views_of(self.names, made, region)
            bases = {n.id for n in ast.walk(other) if isinstance(n, ast.Name)}
            return escapes or bool(views & bases) or self._escapes_before(made)
        if not isinstance(made, ast.Attribute):
            return False
        return _is_handed_on(self.names, made.attr)

    def _escapes_before(self, parameter: ast.Name, depth: int = 0) -> bool:
        """Whether who passes what a parameter gets has another name for it, or hands it on."""
        bindings = self.names.reaching(parameter) if parameter in self.names.order else []
        return any(
            any(views_of(self.names, given, self.names.tree))
            or (depth < _DEPTH and self._escapes_before(given, depth + 1))
            for binding in bindings
            if binding.kind is BindingKind.PARAMETER
            for given in given_values(self.module, binding)
            if isinstance(given, ast.Name) and self.names.owner(given) is not None
        )


@once_per_module
def _is_handed_on(names: ModuleNames, attribute: str) -> bool:
    """Whether the module gives what ``x.attribute`` holds another name, or to unknown code."""
    for node in names.attributes(attribute):
        parent = names.parents.get(node)
        if isinstance(node.ctx, ast.Load) and isinstance(
            parent, ast.Assign | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.keyword
        ):
            return True
        if (
            isinstance(parent, ast.Call)
            and parent.func is not node
            and not names.qualified_names(parent.func)
        ):
            return True
    return False


def _meet(store: Access, read: Access) -> bool:
    """Whether a store could change what is read, were both of one object."""
    if "all" in (store.kind, read.kind):
        return "attribute" not in (store.kind, read.kind)
    if store.kind != read.kind:
        return False
    return store.key == read.key or (store.kind == "item" and not (store.key and read.key))


def _constant(node: ast.expr) -> str:
    return repr(node.value) if isinstance(node, ast.Constant) else ""
