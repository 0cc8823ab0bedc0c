"""Where the objects of a program come from, how they are related and which of them change."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ray_lint.program.effects import is_immutable
from ray_lint.program.effects.state import changes_object, operator_methods
from ray_lint.program.effects.table import CHANGING_METHODS
from ray_lint.program.functions import given_back
from ray_lint.program.module import Module
from ray_lint.program.names import (
    FUNCTIONS,
    Binding,
    BindingKind,
    ModuleNames,
    Scope,
)
from ray_lint.program.project import Project
from ray_lint.rewrite.observers import code_of, methods_of, reachable
from ray_lint.rewrite.uses import taking_call

Key = tuple[Scope, str]
Place = ast.Name | ast.Attribute
"""A name, or an attribute of a name: ``self.rows``."""

# How an object was got from another one: it is the same, a part of it, or holds it.
SAME, PART, WHOLE, OWNER = "same", "part", "whole", "owner"
_VIEWS = {"T", "real", "imag", "flat", "reshape", "ravel", "view", "transpose", "swapaxes"}
_VIEWS |= {"squeeze", "__iter__", "values", "items"}
_PICKS = {"get", "pop", "popleft", "popitem", "setdefault", "keys", "copy"}
_PASSES = {"list", "tuple", "sorted", "reversed", "enumerate", "zip", "iter", "filter", "map"}
_PASSES |= {"next", "dict", "set", "getattr", "max", "min", "memoryview"}
_DEPTH = 6


class Relations:
    """Where the objects of one module come from, and which of them change."""

    def __init__(self, project: Project, module: Module) -> None:
        self.project, self.module = project, module
        self.names: ModuleNames = module.names

    # -- where an object comes from -----------------------------------------------------------

    def sources(self, node: ast.expr, depth: int = 0) -> list[tuple[Place, str]]:
        """Return the places whose objects the value may be, be a part of, or hold."""
        if depth > _DEPTH or node not in self.names.order:
            return []
        place = place_of(node)
        if place is not None:
            return [(place, SAME)]
        found = []
        for part, how in self._steps(node):
            for name, before in self.sources(part, depth + 1):
                joined = _join(how, before)
                if joined:
                    found.append((name, joined))
        return found

    def _steps(self, node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
        if isinstance(node, ast.IfExp):
            yield node.body, SAME
            yield node.orelse, SAME
        elif isinstance(node, ast.BoolOp):
            yield from ((value, SAME) for value in node.values)
        elif isinstance(node, ast.NamedExpr | ast.Starred | ast.Await):
            yield node.value, SAME
        elif isinstance(node, ast.Attribute):
            yield node.value, SAME if _is_view(node) else PART
        elif isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            sliced = any(isinstance(p, ast.Slice) for p in parts)
            yield node.value, SAME if sliced else PART
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            yield from ((element, WHOLE) for element in node.elts)
        elif isinstance(node, ast.Dict):
            yield from ((value, WHOLE) for value in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
            sides = (node.left, node.right)  # `[x] * n` and `[x] + others` hold x itself
            shown = any(isinstance(side, ast.List | ast.Tuple | ast.ListComp) for side in sides)
            if shown or operator_methods(self.names, node):
                yield from ((side, SAME) for side in sides)
        elif isinstance(node, ast.BinOp) and operator_methods(self.names, node):
            yield from ((side, SAME) for side in (node.left, node.right))
        elif isinstance(node, ast.UnaryOp) and operator_methods(self.names, node):
            yield node.operand, SAME
        elif isinstance(node, ast.Call):
            yield from self._call_steps(node)

    def _call_steps(self, call: ast.Call) -> Iterator[tuple[ast.expr, str]]:
        func = call.func
        given = [*call.args, *(k.value for k in call.keywords)]
        if isinstance(func, ast.Name):
            if self.names.qualified(func) in {f"builtins.{n}" for n in _PASSES}:
                yield from ((a, SAME) for a in given)
                return
            for code in code_of(self.names, func):
                if isinstance(self.names.parents.get(code), ast.ClassDef):
                    yield from ((a, WHOLE) for a in given)
                else:
                    yield from self._returned(code, given)
        elif isinstance(func, ast.Attribute):
            methods = methods_of(self.names).get(func.attr, [])
            for method in methods:
                yield from self._returned(method, given)
                yield from ((func.value, how) for how in self._gives_itself(method))
            if methods and all(self._gives_new(method) for method in methods):
                return
            if methods or func.attr in _PICKS:
                yield func.value, PART
                place = place_of(func.value)
                if place is not None:
                    yield from ((held, SAME) for held in self._held(place))
            elif func.attr in _VIEWS:
                yield func.value, SAME
            elif self.names.qualified(func) in ("numpy.asarray", "numpy.frombuffer"):
                yield from ((a, SAME) for a in given)

    def _gives_itself(self, method: ast.AST) -> set[str]:
        """Return how what a method gives back relates to its object: ``return self``."""
        spec = method.args if isinstance(method, FUNCTIONS) else None
        first = spec.args[0].arg if spec is not None and spec.args else ""
        scope = self.names.scopes.get(method)
        return {
            how
            for value in given_back(self.names, method)
            for place, how in self.sources(value, 2)
            if isinstance(place, ast.Name) and place.id == first
            if self.names.owner(place) is scope
        }

    def _gives_new(self, function: ast.AST, depth: int = 0) -> bool:
        """Whether all that a function gives back is made by it, down to numbers and texts."""
        values = given_back(self.names, function)
        return (
            depth < _DEPTH
            and bool(values)
            and all(self._is_new(value, depth + 1) for value in values)
        )

    def _is_new(self, value: ast.expr, depth: int) -> bool:
        if value not in self.names.order or depth > _DEPTH:
            return False
        if is_immutable(self.project, self.module, value):
            return True
        if isinstance(value, ast.ListComp | ast.SetComp):
            return self._is_new(value.elt, depth + 1)
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            return all(self._is_new(item, depth + 1) for item in value.elts)
        func = value.func if isinstance(value, ast.Call) else None
        if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Name):
            return False
        methods = methods_of(self.names).get(func.attr, []) if func.value.id == "self" else []
        return bool(methods) and all(self._gives_new(method, depth + 1) for method in methods)

    def _returned(self, function: ast.AST, given: list[ast.expr]) -> Iterator[tuple[ast.expr, str]]:
        """Yield what a function gives back that is older than the call."""
        for value in given_back(self.names, function):
            for place, how in self.sources(value, 2):
                base = base_of(place)
                owner = self.names.owner(base)
                if owner is None or not self.names.contains(function, owner.node):
                    yield place, how
                    continue
                kinds = {b.kind for b in owner.bindings.get(base.id, [])}
                if BindingKind.PARAMETER in kinds:
                    yield from ((a, how) for a in given)

    # -- how objects are related --------------------------------------------------------------

    def _links(self) -> dict[Key, set[tuple[Key, str]]]:
        memo = self.names.memo
        if Relations not in memo:
            links: dict[Key, set[tuple[Key, str]]] = {}
            for scope in list(self.names.scopes.values()):
                for name, bindings in scope.bindings.items():
                    for binding in bindings:
                        for source, how in self._bound(binding):
                            one, other = (scope, name), self._key(source)
                            if other is None or one == other:
                                continue
                            links.setdefault(one, set()).add((other, how))
                            links.setdefault(other, set()).add((one, _TURNED[how]))
            memo[Relations] = links
        known: dict[Key, set[tuple[Key, str]]] = memo[Relations]
        return known

    def _key(self, place: Place) -> Key | None:
        base = base_of(place)
        owner = self.names.owner(base)
        if owner is None:
            return None
        return owner, f"{base.id}.{place.attr}" if isinstance(place, ast.Attribute) else base.id

    def _bound(self, binding: Binding) -> list[tuple[Place, str]]:
        """Return where the object of a binding comes from."""
        statement, value = binding.statement, binding.value
        looped = binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION)
        if value is None and isinstance(statement, ast.Assign):
            value = statement.value
            target = statement.targets[0]
            if isinstance(value, ast.Tuple) and isinstance(target, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=False)
                matching = [v for t, v in pairs if t is binding.node]
                if matching and len(value.elts) == len(target.elts):
                    return self.sources(matching[0])
            return [(n, _join(PART, how) or how) for n, how in self.sources(value)]
        if value is None and isinstance(statement, ast.For):
            value, looped = statement.iter, True
        if value is None or is_immutable(self.project, self.module, value):
            return []
        if not looped:
            return self.sources(value)
        found = []
        for place, how in self.sources(value):
            found.append((place, SAME if how == WHOLE else PART))
            found += [(held, SAME) for held in self._held(place)]
        return found

    def _held(self, place: Place) -> list[Place]:
        """Return the objects that a collection holds as it was written: x of ``xs = [x] * n``."""
        if not isinstance(place, ast.Name):
            return []
        return [
            held
            for binding in self.names.reaching(place)
            if binding.kind is BindingKind.ASSIGN and binding.value is not None
            for held, how in self.sources(binding.value)
            if how == WHOLE and not is_immutable(self.project, self.module, held)
        ]

    def _related(self, starts: Iterable[tuple[Key, str]]) -> dict[Key, str]:
        """Return the names whose objects are related to a value with the given sources."""
        links = self._links()
        found: dict[Key, str] = {}
        seen: set[tuple[Key, str]] = set()
        waiting = list(starts)
        while waiting:
            key, how = waiting.pop()
            if (key, how) in seen or (key, SAME) in seen:  # what is the same says most
                continue
            seen.add((key, how))
            if how != PART or found.get(key, OWNER) == OWNER:
                found[key] = how
            scope, base, _ = key[0], *key[1].rpartition(".")[::2]
            if base and how != WHOLE:
                found.setdefault((scope, base), OWNER)
            for other, step in links.get(key, ()):
                joined = _join(how, step)
                if joined:
                    waiting.append((other, joined))
        return found

    # -- what changes -------------------------------------------------------------------------

    def changes(self, region: ast.AST) -> dict[Key, list[ast.AST]]:
        """Return the names whose objects may change in a region or in what it calls."""
        names = self.names
        found: dict[Key, list[ast.AST]] = {}
        for place in [region, *reachable(names, [region])]:
            for node in names.walk(place):
                if not isinstance(node, ast.Name):
                    continue
                owner = names.owner(node) or names.scope_of(node)
                if place is not region and names.contains(place, owner.node):
                    continue
                changed = isinstance(node.ctx, ast.Load) and changes_object(self.module, node)
                if not changed and isinstance(node.ctx, ast.Store):
                    statement = names.parents.get(node)
                    changed = isinstance(statement, ast.AugAssign) or place is not region
                    owner = owner.redirected.get(node.id, owner) or owner
                if changed:
                    found.setdefault((owner, node.id + self._attribute(node)), []).append(node)
        return found

    def _attribute(self, node: ast.Name) -> str:
        """Return ``.attr`` if a change is one of that attribute's object."""
        parent = self.names.parents.get(node)
        if not isinstance(parent, ast.Attribute) or _is_view(parent):
            return ""
        outer = self.names.parents.get(parent)
        called = isinstance(outer, ast.Call) and outer.func is parent
        return "" if called else f".{parent.attr}"

    def is_shallow(self, node: ast.AST) -> bool:
        """Whether a change leaves alone what the object holds."""
        parent = self.names.parents.get(node)
        if isinstance(parent, ast.AugAssign) or isinstance(getattr(node, "ctx", None), ast.Store):
            return True
        if isinstance(parent, ast.Subscript):
            return not isinstance(parent.ctx, ast.Load)
        if not isinstance(parent, ast.Attribute):
            return False
        if not isinstance(parent.ctx, ast.Load):
            return True
        call = self.names.parents.get(parent)
        if not isinstance(call, ast.Call) or call.func is not parent:
            return False
        methods = methods_of(self.names).get(parent.attr, [])
        if not methods:
            taken = taking_call(self.names, node)
            return taken is not None or parent.attr in CHANGING_METHODS
        for method in methods:
            spec = method.args if isinstance(method, FUNCTIONS) else None
            first = spec.args[0].arg if spec is not None and spec.args else ""
            for use in self.names.scopes[method].uses.get(first, []):
                if changes_object(self.module, use) and not self.is_shallow(use):
                    return False
        return True


_TURNED = {SAME: SAME, PART: WHOLE, WHOLE: PART}


def _join(outer: str, inner: str) -> str:
    """Return how ``outer`` of ``inner`` of an object relates to it, "" for not at all."""
    if outer == SAME:
        return inner
    if inner in (SAME, outer):
        return outer
    return ""


def place_of(node: ast.expr) -> Place | None:
    """Return the name, or attribute of a name, that an expression is; None for others."""
    if isinstance(node, ast.Name):
        return node
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return None if _is_view(node) else node
    return None


def _is_view(node: ast.Attribute) -> bool:
    """Whether an attribute shows the object itself; ``self.values`` is one that a class keeps."""
    kept = isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr in _VIEWS and not (kept and node.attr in ("values", "items"))


def base_of(place: Place) -> ast.Name:
    """Return the name that a place starts with."""
    base = place if isinstance(place, ast.Name) else place.value
    assert isinstance(base, ast.Name)
    return base
