"""Local variables that a function may read before it has set them (``UnboundLocalError``)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from ray_lint.program.names import LOOPS, TRIES, FunctionNode, ModuleNames, Scope
from ray_lint.program.node_index import once_per_module


@once_per_module
def unset_reads(names: ModuleNames, function: FunctionNode) -> tuple[ast.Name, ...]:
    """Return the reads of local variables that some path through the function does not set.

    A loop may have no rounds at all unless what it goes over is written out; a branch may be taken
    or not. Reads in functions that the body defines are left out: these run later.
    """
    if isinstance(function, ast.Lambda):
        return ()
    flow = _Flow(names, names.scopes[function])
    spec = function.args
    parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    flow.block(function.body, {p.arg for p in parameters if p is not None})
    return tuple(flow.found)


def _both(left: set[str] | None, right: set[str] | None) -> set[str] | None:
    """Return what is set whichever of two ways is taken; None stands for a way that ends."""
    if left is None or right is None:
        return right if left is None else left
    return left & right


class _Flow:
    """Follows the ways through one function with the names that are surely set on each."""

    def __init__(self, names: ModuleNames, scope: Scope) -> None:
        self.names, self.scope = names, scope
        self.found: list[ast.Name] = []
        self._broken: list[set[str] | None] = []
        self._continued: list[set[str] | None] = []

    def block(self, statements: Sequence[ast.stmt], known: set[str] | None) -> set[str] | None:
        """Return what is set after the statements; None if their end is never reached."""
        for statement in statements:
            if known is None:
                return None
            known = self._statement(statement, set(known))
        return known

    def _read(self, nodes: Iterable[ast.AST | None], known: set[str]) -> set[str]:
        """Note the reads of names that are not set; return what is set after the expressions."""
        for top in nodes:
            for node in self.names.walk(top) if top is not None else ():
                if not isinstance(node, ast.Name):
                    continue
                if isinstance(node.ctx, ast.Store):
                    if isinstance(self.names.parents.get(node), ast.NamedExpr):
                        known.add(node.id)
                elif node.id not in known and self._is_own(node):
                    self.found.append(node)
        return known

    def _is_own(self, node: ast.Name) -> bool:
        here = self.names.scope_of(node).frame is self.scope
        return here and self.names.owner(node) is self.scope

    def _stored(self, target: ast.AST, known: set[str]) -> set[str]:
        self._read([n for n in self.names.walk(target) if isinstance(n, ast.Name)], known)
        own = [n for n in self.names.walk(target) if isinstance(n, ast.Name)]
        return known | {n.id for n in own if isinstance(n.ctx, ast.Store)}

    def _statement(self, node: ast.stmt, known: set[str]) -> set[str] | None:
        if isinstance(node, ast.Return | ast.Raise):
            self._read(ast.iter_child_nodes(node), known)
            return None
        if isinstance(node, ast.Break | ast.Continue):
            kept = self._broken if isinstance(node, ast.Break) else self._continued
            if kept:
                kept[-1] = _both(kept[-1], known)
            return None
        if isinstance(node, ast.If):
            self._read([node.test], known)
            return _both(self.block(node.body, set(known)), self.block(node.orelse, set(known)))
        if isinstance(node, LOOPS):
            return self._loop(node, known)
        if isinstance(node, TRIES):
            after = self.block(node.orelse, self.block(node.body, set(known)))
            for handler in node.handlers:
                self._read([handler.type], known)
                caught = known | ({handler.name} if handler.name else set())
                after = _both(after, self.block(handler.body, caught))
            finished = self.block(node.finalbody, set(known))
            return None if after is None or finished is None else after | finished
        if isinstance(node, ast.With | ast.AsyncWith):
            return self._with(node, known)
        if isinstance(node, ast.Match):
            return self._match(node, known)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return known | {node.name}
        if isinstance(node, ast.Import | ast.ImportFrom):
            return known | {a.asname or a.name.partition(".")[0] for a in node.names}
        if isinstance(node, ast.Assign):
            self._read([node.value], known)
            for target in node.targets:
                known = self._stored(target, known)
            return known
        if isinstance(node, ast.AugAssign):
            self._read([node.value], known)
            target = node.target
            if isinstance(target, ast.Name):
                if target.id not in known and self._is_own(target):
                    self.found.append(target)
                return known
            return self._stored(target, known)
        if isinstance(node, ast.AnnAssign):
            self._read([node.value], known)
            return self._stored(node.target, known) if node.value is not None else known
        if isinstance(node, ast.Delete):
            return known - {
                n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)
            }
        return self._read(ast.iter_child_nodes(node), known)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, known: set[str]) -> set[str] | None:
        self._broken.append(None)
        self._continued.append(None)
        endless = False
        entered = set(known)
        if isinstance(node, ast.While):
            self._read([node.test], known)
            endless = certain = isinstance(node.test, ast.Constant) and bool(node.test.value)
            entered = set(known)
        else:
            self._read([node.iter], known)
            entered = self._stored(node.target, set(known))
            certain = _has_items(self.names, node.iter)
        past = _both(self.block(node.body, entered), self._continued.pop())
        broken = self._broken.pop()
        if endless:
            return broken
        after = past if certain else known
        return _both(self.block(node.orelse, after), broken)

    def _with(self, node: ast.With | ast.AsyncWith, known: set[str]) -> set[str] | None:
        before = set(known)
        for item in node.items:
            self._read([item.context_expr], known)
            if item.optional_vars is not None:
                known = self._stored(item.optional_vars, known)
        after = self.block(node.body, known)
        managers = [i.context_expr for i in node.items if isinstance(i.context_expr, ast.Call)]
        if any(self.names.stands_for(m.func, "contextlib.suppress") for m in managers):
            return before if after is None else after & before
        return after

    def _match(self, node: ast.Match, known: set[str]) -> set[str] | None:
        self._read([node.subject], known)
        after: set[str] | None = None
        complete = False
        for case in node.cases:
            bound = {
                name
                for n in ast.walk(case.pattern)
                for name in (getattr(n, "name", None), getattr(n, "rest", None))
                if isinstance(name, str)
            }
            self._read([case.guard], known | bound)
            after = _both(after, self.block(case.body, known | bound))
            pattern = case.pattern
            anything = isinstance(pattern, ast.MatchAs) and pattern.pattern is None
            complete = complete or (anything and case.guard is None)
        return after if complete else _both(after, known)


def _has_items(names: ModuleNames, iterable: ast.expr) -> bool:
    """Whether an iterable is written out and not empty."""
    if isinstance(iterable, ast.List | ast.Tuple | ast.Set):
        return any(not isinstance(e, ast.Starred) for e in iterable.elts)
    if isinstance(iterable, ast.Constant):
        return isinstance(iterable.value, str) and bool(iterable.value)
    if isinstance(iterable, ast.Call) and names.stands_for(iterable.func, "builtins.range"):
        values = [a.value for a in iterable.args if isinstance(a, ast.Constant)]
        whole = [v for v in values if type(v) is int]
        return len(whole) == len(iterable.args) in (1, 2, 3) and bool(range(*whole))
    return False
