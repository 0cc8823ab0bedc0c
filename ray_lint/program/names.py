"""Scopes, bindings and uses of one module, and the dotted names that expressions stand for.

One iterative pass over the tree (no recursion: real files nest deeper than Python's stack) records
for each scope what binds a name and what uses it. On top of that: which bindings can reach a use,
and what a name is called outside of this file (``np.arange`` -> ``numpy.arange``).
"""

from __future__ import annotations

import ast
import bisect
import builtins
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ray_lint.program.node_index import NodeIndex
from ray_lint.program.scopes import (
    COMPREHENSIONS,
    FUNCTIONS,
    TRIES,
    Binding,
    BindingKind,
    Block,
    FunctionNode,
    Scope,
    is_handed_ray,
    loops_between,
)

__all__ = [
    "COMPREHENSIONS",
    "FUNCTIONS",
    "LOOPS",
    "TRIES",
    "Binding",
    "BindingKind",
    "Block",
    "FunctionNode",
    "ModuleNames",
    "Scope",
]

DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
"""What makes a list, dictionary or set anew."""
LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BUILTINS = frozenset(dir(builtins))
# Contexts and operators are shared by all nodes of a tree: they have no place of their own.
_NO_CHILDREN = frozenset({"ctx", "op", "ops"})
_BINDERS = frozenset(
    {
        *(ast.Name, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.Import),
        *(ast.ImportFrom, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    }
)
# Expressions that open no scope and are evaluated in the order of their fields, last field first.
_PLAIN_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in reversed(kind._fields) if name not in _NO_CHILDREN)
    for kind in (
        *(ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.keyword, ast.BinOp, ast.UnaryOp),
        *(ast.BoolOp, ast.Compare, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Set),
        *(ast.Dict, ast.IfExp, ast.Starred, ast.Await, ast.Yield, ast.YieldFrom, ast.JoinedStr),
        *(ast.FormattedValue, ast.Expr, ast.Return, ast.Raise, ast.Assert, ast.Delete),
        *(ast.Import, ast.ImportFrom, ast.alias, ast.withitem, ast.Pass, ast.Break),
        *(ast.Continue,),
    )
}
_PLAIN_FIELDS[ast.Constant] = _PLAIN_FIELDS[ast.Name] = _PLAIN_FIELDS[ast.alias] = ()
_ALIAS_DEPTH = 20
_MAX_REACHING = 300


class ModuleNames:
    """The name model of one module.

    ``module`` is the dotted name of the module if known; relative imports are resolved with it.
    """

    def __init__(self, tree: ast.Module, module: str = "", *, is_package: bool = False) -> None:
        self.tree = tree
        self.module = module
        self.package = module if is_package else module.rpartition(".")[0]
        self.parents: dict[ast.AST, ast.AST] = {}
        self.order: dict[ast.AST, int] = {}
        self.last: dict[ast.AST, int] = {}
        self.blocks: dict[ast.stmt, Block] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        self.star_imports: list[str] = []
        self._scope_of: dict[ast.AST, Scope] = {}
        self._nodes: list[ast.AST] = []
        self.memo: dict[Any, Any] = {}
        """What others found out about the whole module; keys start with their function."""
        self._loops_around: dict[ast.AST, tuple[ast.AST, ...]] = {}
        self._binding_orders: dict[tuple[ast.AST, str], list[int]] = {}
        self.root = Scope(tree, None)
        self.scopes[tree] = self.root
        self._collect()
        self._link_uses()

    # -- building -----------------------------------------------------------------------------

    def _collect(self) -> None:
        stack: list[tuple[ast.AST, Scope]] = [(self.tree, self.root)]
        order, nodes, scope_of, parents = self.order, self._nodes, self._scope_of, self.parents
        declarations: list[ast.Global | ast.Nonlocal] = []
        binders: list[ast.AST] = []
        while stack:
            node, scope = stack.pop()
            order[node] = len(nodes)
            nodes.append(node)
            scope_of[node] = scope
            kind = type(node)
            if kind in _BINDERS:
                binders.append(node)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                declarations.append(node)
            fields = _PLAIN_FIELDS.get(kind)
            if fields is None:
                children = list(self._children(node, scope))
                for child, _ in children:
                    parents[child] = node
                stack.extend(reversed(children))
                continue
            for name in fields:  # from the last to the first: the stack turns them round
                value = getattr(node, name, None)
                if value.__class__ is list:
                    for item in reversed(value):
                        if isinstance(item, ast.AST):
                            parents[item] = node
                            stack.append((item, scope))
                elif isinstance(value, ast.AST):
                    parents[value] = node
                    stack.append((value, scope))
        last = self.last
        for node in reversed(nodes):
            end = last.setdefault(node, order[node])
            parent = parents.get(node)
            if parent is not None and last.get(parent, -1) < end:
                last[parent] = end
        for declaration in declarations:
            self._declare(declaration)
        for node in binders:
            self._bind(node)

    def _declare(self, node: ast.Global | ast.Nonlocal) -> None:
        scope = self._scope_of[node]
        owner: Scope | None = self.root
        for name in node.names:
            if isinstance(node, ast.Nonlocal):
                outer = (s for s in scope.ancestors() if s is not scope and s.is_function)
                owner = next((s for s in outer if self._binds_locally(s, name)), None)
            scope.redirected[name] = owner

    def _binds_locally(self, scope: Scope, name: str) -> bool:
        """Whether the function binds the name itself (asked before bindings are known)."""
        if name in scope.redirected:
            return False
        for node in self.walk(scope.node):
            if self._scope_of[node] is not scope:
                continue
            if (
                isinstance(node, ast.Name)
                and node.id == name
                and not isinstance(node.ctx, ast.Load)
            ):
                return True
            if isinstance(node, ast.arg) and node.arg == name:
                return True
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return True
        return False

    def _children(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """Yield the children of ``node`` in order of evaluation, each with its scope."""
        if isinstance(node, FUNCTIONS):
            inner = self.scopes[node] = Scope(node, scope)
            if not isinstance(node, ast.Lambda):
                yield from ((d, scope) for d in node.decorator_list)
            arguments = node.args
            yield from ((d, scope) for d in arguments.defaults)
            yield from ((d, scope) for d in arguments.kw_defaults if d is not None)
            yield arguments, inner
            if isinstance(node, ast.Lambda):
                yield node.body, inner
            else:
                yield from ((t, scope) for t in getattr(node, "type_params", []))
                if node.returns is not None:
                    yield node.returns, scope
                yield from self._statements(node, "body", inner)
        elif isinstance(node, ast.arguments):
            every = [*node.posonlyargs, *node.args]
            every += [node.vararg] if node.vararg else []
            every += node.kwonlyargs
            every += [node.kwarg] if node.kwarg else []
            yield from ((a, scope) for a in every)
        elif isinstance(node, ast.arg):
            if node.annotation is not None:
                yield node.annotation, scope.parent or scope
        elif isinstance(node, ast.ClassDef):
            inner = self.scopes[node] = Scope(node, scope)
            yield from ((d, scope) for d in node.decorator_list)
            yield from ((t, scope) for t in getattr(node, "type_params", []))
            yield from ((b, scope) for b in node.bases)
            yield from ((k, scope) for k in node.keywords)
            yield from self._statements(node, "body", inner)
        elif isinstance(node, COMPREHENSIONS):
            inner = self.scopes[node] = Scope(node, scope)
            yield from ((generator, inner) for generator in node.generators)
            if isinstance(node, ast.DictComp):
                yield node.key, inner
                yield node.value, inner
            else:
                yield node.elt, inner
        elif isinstance(node, ast.comprehension):
            holder = self.parents[node]
            first = isinstance(holder, COMPREHENSIONS) and holder.generators[0] is node
            yield node.iter, (scope.parent or scope) if first else scope
            yield node.target, scope
            yield from ((c, scope) for c in node.ifs)
        else:
            names: tuple[str, ...] = node._fields
            # A value is evaluated before the target that it is bound to.
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
                names = ("annotation", "value", "targets", "target")
            elif isinstance(node, ast.For | ast.AsyncFor):
                names = ("iter", "target", "body", "orelse")
            for name in names:
                if name in _NO_CHILDREN:
                    continue
                value = getattr(node, name, None)
                if isinstance(value, list):
                    if value and isinstance(value[0], ast.stmt):
                        yield from self._statements(node, name, scope)
                    else:
                        yield from ((v, scope) for v in value if isinstance(v, ast.AST))
                elif isinstance(value, ast.AST):
                    yield value, scope

    def _statements(
        self, owner: ast.AST, name: str, scope: Scope
    ) -> Iterator[tuple[ast.AST, Scope]]:
        statements: list[ast.stmt] = getattr(owner, name)
        for index, statement in enumerate(statements):
            self.blocks[statement] = Block(owner, name, statements, index)
            yield statement, scope

    def _add(
        self,
        name: str,
        kind: BindingKind,
        node: ast.AST,
        value: ast.expr | None = None,
        scope: Scope | None = None,
    ) -> None:
        scope = scope or self._scope_of[node]
        owner = scope.redirected.get(name, scope) or scope
        binding = Binding(name, owner, kind, node, self.statement_of(node), value)
        owner.bindings.setdefault(name, []).append(binding)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._scope_of[node].local_loads.append(node)
            else:
                self._bind_name(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._add(node.name, BindingKind.FUNCTION, node)
        elif isinstance(node, ast.ClassDef):
            self._add(node.name, BindingKind.CLASS, node)
        elif isinstance(node, ast.arg):
            self._add(node.arg, BindingKind.PARAMETER, node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    if isinstance(node, ast.ImportFrom):
                        self.star_imports.append(self.imported_module(node))
                else:
                    bound = alias.asname or alias.name.partition(".")[0]
                    self._add(bound, BindingKind.IMPORT, alias)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self._add(node.name, BindingKind.EXCEPT, node)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            self._add(node.name, BindingKind.MATCH, node)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self._add(node.rest, BindingKind.MATCH, node)

    def _bind_name(self, node: ast.Name) -> None:
        parent = self.parents[node]
        scope: Scope | None = None
        value: ast.expr | None = None
        if isinstance(node.ctx, ast.Del):
            kind = BindingKind.DELETE
        elif isinstance(parent, ast.Assign):
            kind, value = BindingKind.ASSIGN, parent.value
        elif isinstance(parent, ast.AnnAssign):
            if parent.value is None:
                return
            kind, value = BindingKind.ASSIGN, parent.value
        elif isinstance(parent, ast.AugAssign):
            kind = BindingKind.AUGMENTED
            # An augmented target is read as well as written.
            self._scope_of[node].local_loads.append(node)
        elif isinstance(parent, ast.NamedExpr):
            kind, value = BindingKind.WALRUS, parent.value
            scope = self._scope_of[node].frame
        elif isinstance(parent, ast.For | ast.AsyncFor):
            kind, value = BindingKind.LOOP, parent.iter
        elif isinstance(parent, ast.comprehension):
            kind, value = BindingKind.COMPREHENSION, parent.iter
        elif isinstance(parent, ast.withitem):
            kind = BindingKind.WITH
        else:
            kind, value = self._unpacked(node)
        self._add(node.id, kind, node, value, scope)

    def _unpacked(self, node: ast.Name) -> tuple[BindingKind, ast.expr | None]:
        """Return the kind of a name inside a tuple target, with its value if it stands alone."""
        top: ast.AST = node
        while isinstance(self.parents[top], ast.Tuple | ast.List | ast.Starred):
            top = self.parents[top]
        parent = self.parents[top]
        if isinstance(parent, ast.For | ast.AsyncFor):
            return BindingKind.LOOP, None
        if isinstance(parent, ast.comprehension):
            return BindingKind.COMPREHENSION, None
        if isinstance(parent, ast.withitem):
            return BindingKind.WITH, None
        if (
            isinstance(parent, ast.Assign)
            and isinstance(top, ast.Tuple | ast.List)
            and self.parents[node] is top
            and isinstance(parent.value, ast.Tuple | ast.List)
            and len(parent.value.elts) == len(top.elts)
            and not any(isinstance(e, ast.Starred) for e in [*parent.value.elts, *top.elts])
        ):
            return BindingKind.ASSIGN, parent.value.elts[top.elts.index(node)]
        return BindingKind.UNPACKED, None

    def _link_uses(self) -> None:
        for scope in self.scopes.values():
            for name in scope.local_loads:
                owner = self.owner_of_name(name.id, scope)
                if owner is not None:
                    owner.uses.setdefault(name.id, []).append(name)
        for scope in self.scopes.values():
            for uses in scope.uses.values():
                uses.sort(key=self.order.__getitem__)

    # -- questions ----------------------------------------------------------------------------

    def scope_of(self, node: ast.AST) -> Scope:
        """Return the scope in which ``node`` is evaluated."""
        return self._scope_of[node]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the parents of ``node``, innermost first, without the node itself."""
        parent = self.parents.get(node)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent)

    def contains(self, outer: ast.AST, inner: ast.AST) -> bool:
        """Whether ``inner`` is ``outer`` or lies inside of it."""
        return self.order[outer] <= self.order[inner] <= self.last[outer]

    def statement_of(self, node: ast.AST) -> ast.stmt | None:
        """Return the innermost statement that is or holds ``node``."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parents.get(current)
        return current

    def walk(self, node: ast.AST) -> list[ast.AST]:
        """Return ``node`` and all below it, in order of evaluation."""
        return self._nodes[self.order[node] : self.last[node] + 1]

    @cached_property
    def index(self) -> NodeIndex:
        """The nodes by type."""
        return NodeIndex(self._nodes)

    def attributes(self, name: str, within: ast.AST | None = None) -> Sequence[ast.Attribute]:
        """Return all ``x.name`` in the module or below a node, in order of evaluation."""
        holder = within or self.tree
        return self.index.attributes(name, self.order[holder], self.last[holder])

    def owner_of_name(self, name: str, scope: Scope) -> Scope | None:
        """Return the scope that a load of ``name`` in ``scope`` refers to, None for builtins."""
        for current in scope.ancestors():
            if current.is_class and current is not scope:
                continue
            if name in current.redirected:
                return current.redirected[name]
            if name in current.bindings:
                return current
        return None

    def owner(self, name: ast.Name) -> Scope | None:
        """Return the scope that binds ``name``, or None for builtins and unknown names.

        A name that stands nowhere in the module (``zip`` for ``map``) is looked up at its top.
        """
        return self.owner_of_name(name.id, self._scope_of.get(name, self.root))

    def uses(self, binding: Binding) -> list[ast.Name]:
        """Return all loads of the bound name, in this scope and nested ones, in order."""
        return binding.scope.uses.get(binding.name, [])

    def reaching(self, use: ast.Name) -> list[Binding]:
        """Return the bindings that can be in force at ``use``, in order.

        Within one frame a binding that every path to the use passes hides the earlier ones; later
        ones count when a common loop brings them back. From a nested function every binding of the
        enclosing scope counts, as it may run at any time.
        """
        owner = self.owner(use)
        if owner is None:
            return []
        every = owner.bindings.get(use.id, [])
        if len(every) < 2 or not self._runs_inline(use, owner):
            return every
        position = self.order[use]
        chain = [use, *self.ancestors(use)]
        inside = set(map(id, chain))
        branches = {
            (id(block.owner), block.field)
            for node in chain
            if isinstance(node, ast.stmt) and (block := self.blocks.get(node)) is not None
        }
        orders = self._orders(owner, use.id)
        # The target of `x += 1` is read before it is bound.
        after = bisect.bisect_right if isinstance(use.ctx, ast.Load) else bisect.bisect_left
        end = after(orders, position)
        found: list[Binding] = []
        held: list[Binding] = []  # definitions that the use stands in
        last = -1
        for index in range(end - 1, -1, -1):
            binding = every[index]
            if not self._precedes(binding, position, inside) or self._other_branch(
                binding, inside, branches
            ):
                held.append(binding)
                continue
            found.append(binding)
            if self._always_passed(binding, inside, branches):
                last = orders[index]
                break
            if len(found) > _MAX_REACHING:
                return every  # not worth a closer look; all of them is never wrong
        loops = [n for n in chain if isinstance(n, LOOPS) and last < self.order[n]]
        if loops:
            later = bisect.bisect_right(orders, max(self.last[n] for n in loops))
            held += every[end:later]
        found += [b for b in held if any(self.contains(x, b.node) for x in loops)]
        return sorted(found, key=lambda b: self.order[b.node])

    def _other_branch(
        self, binding: Binding, inside: set[int], branches: set[tuple[int, str]]
    ) -> bool:
        """Whether the binding stands in the other branch of an ``if`` around the use."""
        statement = binding.statement
        while statement is not None:
            block = self.blocks.get(statement)
            if block is None:
                return False
            if id(block.owner) in inside:
                return isinstance(block.owner, ast.If) and (
                    (id(block.owner), block.field) not in branches
                    and any((id(block.owner), other) in branches for other in ("body", "orelse"))
                )
            statement = self.statement_of(block.owner)
        return False

    def _orders(self, scope: Scope, name: str) -> list[int]:
        """Return the places of the bindings of a name, which are in order."""
        key = (scope.node, name)
        orders = self._binding_orders.get(key)
        if orders is None:
            orders = [self.order[b.node] for b in scope.bindings[name]]
            self._binding_orders[key] = orders
        return orders

    def _runs_inline(self, use: ast.Name, owner: Scope) -> bool:
        """Whether no function lies between the scope of the use and the owner of its name."""
        for scope in self._scope_of[use].ancestors():
            if scope is owner:
                return True
            if scope.is_function:
                return False
        return False

    def _precedes(self, binding: Binding, position: int, inside: set[int]) -> bool:
        """Whether the binding is done before the use at ``position``, in one pass downwards."""
        if self.order[binding.node] > position:
            return False
        if binding.kind in (BindingKind.FUNCTION, BindingKind.CLASS):
            return id(binding.node) not in inside
        return True

    def _always_passed(
        self, binding: Binding, inside: set[int], branches: set[tuple[int, str]]
    ) -> bool:
        """Whether each path to the use passes the binding.

        ``inside`` are the ancestors of the use, ``branches`` the lists of statements around it.
        """
        if binding.kind in (BindingKind.PARAMETER, BindingKind.COMPREHENSION):
            return True
        if binding.kind in (BindingKind.LOOP, BindingKind.EXCEPT, BindingKind.MATCH):
            holder = binding.node if binding.kind is BindingKind.EXCEPT else binding.statement
            return holder is not None and id(holder) in inside
        if binding.kind is BindingKind.WALRUS or binding.statement is None:
            return False
        block = self.blocks[binding.statement]
        if id(block.owner) not in inside:
            return False
        # The use must stand in the same branch of the owner, not merely somewhere below it.
        return block.field == "finalbody" or (id(block.owner), block.field) in branches

    def imported_module(self, node: ast.ImportFrom) -> str:
        """Return the absolute dotted module of a ``from`` import, with dots left if unknown."""
        name = node.module or ""
        if not node.level:
            return name
        parts = self.package.split(".") if self.package else []
        if len(parts) < node.level:
            return "." * node.level + name
        base = parts[: len(parts) - (node.level - 1)]
        return ".".join([*base, name] if name else base)

    def import_target(self, binding: Binding) -> str:
        """Return the dotted name that an import binding stands for."""
        alias = binding.node
        statement = binding.statement
        assert isinstance(alias, ast.alias)
        if isinstance(statement, ast.ImportFrom):
            module = self.imported_module(statement)
            separator = "" if module.endswith(".") or not module else "."
            return f"{module}{separator}{alias.name}"
        return alias.name if alias.asname else alias.name.partition(".")[0]

    def qualified_names(self, expression: ast.expr, depth: int = 0) -> frozenset[str]:
        """Return every dotted name that the expression may stand for.

        ``np.arange`` -> ``numpy.arange``; builtins are ``builtins.len``; a name bound in this
        module to something else than an import or an alias of one gives nothing, but for a ``ray``
        that is handed over. Only plain chains of names and attributes have a dotted name:
        ``f("x").y`` has none.
        """
        if depth > _ALIAS_DEPTH:
            return frozenset()
        if isinstance(expression, ast.Attribute):
            owners = self.qualified_names(expression.value, depth + 1)
            return frozenset(f"{owner}.{expression.attr}" for owner in owners)
        if not isinstance(expression, ast.Name):
            return frozenset()
        if self.owner(expression) is None:
            if expression.id in _BUILTINS:
                return frozenset({f"builtins.{expression.id}"})
            return frozenset(f"{module}.{expression.id}" for module in self.star_imports)
        names: set[str] = set()
        for binding in self.reaching(expression):
            if binding.kind is BindingKind.IMPORT:
                target = self.import_target(binding)
                # `from ray.util.client import ray`, `from common import ray`: passed on by a module
                names.add("ray" if target.endswith(".ray") else target)
            elif binding.kind is BindingKind.ASSIGN and isinstance(
                binding.value, ast.Name | ast.Attribute
            ):
                names |= self.qualified_names(binding.value, depth + 1)
            elif is_handed_ray(binding):
                names.add("ray")
        return frozenset(names)

    def qualified(self, expression: ast.expr) -> str | None:
        """Return the dotted name of the expression if there is exactly one candidate."""
        names = self.qualified_names(expression)
        return next(iter(names)) if len(names) == 1 else None

    def stands_for(self, expression: ast.expr, *names: str) -> bool:
        """Whether the expression may be one of the dotted ``names``."""
        return not self.qualified_names(expression).isdisjoint(names)

    def enclosing_loops(self, node: ast.AST) -> list[ast.AST]:
        """Return the loops and comprehension generators around ``node``, innermost first.

        Ends at the function (or lambda) that holds the node: a call there is a new count. The
        iterable of a loop and the first iterable of a comprehension are outside of it.
        """
        # Each node asks its parent once: asking all ancestors took the square of the depth.
        known = self._loops_around
        path: list[ast.AST] = []
        while node not in known:
            path.append(node)
            parent = self.parents.get(node)
            if parent is None or isinstance(parent, FUNCTIONS):
                known[node] = ()
                break
            node = parent
        for child in reversed(path):
            if child not in known:
                parent = self.parents[child]
                known[child] = (*loops_between(self.blocks, child, parent), *known[parent])
        return list(known[path[0] if path else node])
