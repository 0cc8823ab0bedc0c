"""Where the sites of a profile stand in the source of today, and whether they are still the same.

A site is known by the function that submits and by its place among the ``.remote`` there:
comments, layout and code elsewhere may change freely. It is *stale* once the code of that function,
or of the function that is called, has changed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from ray_lint.measured import MeasuredSite

MODULE = "<module>"
"""The function of the code that stands in none."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class ProfiledModule:
    """The ``.remote`` handles of one parsed file by their place in their function."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.places: dict[ast.Attribute, tuple[str, int]] = {}
        self.functions: dict[ast.Attribute, ast.AST] = {}
        self.calls: dict[ast.Attribute, ast.Call] = {}
        for name, function in _functions(tree):
            own = list(_own_nodes(function))
            handles = [n for n in own if isinstance(n, ast.Attribute) and n.attr == "remote"]
            handles.sort(key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
            for ordinal, handle in enumerate(handles):
                self.places[handle] = (name, ordinal)
                self.functions[handle] = function
            for call in own:
                if isinstance(call, ast.Call):
                    for part in (call.func, *call.args):
                        inner = part.body if isinstance(part, ast.Lambda) else part
                        inner = inner.func if isinstance(inner, ast.Call) else inner
                        if isinstance(inner, ast.Attribute) and inner.attr == "remote":
                            self.calls.setdefault(inner, call)

    def digest(self, handle: ast.Attribute, called: ast.AST | None) -> str:
        """Return the digest of the code around ``handle`` and of the function it calls."""
        return _digest(self.functions[handle], called)

    def handle_at(self, line: int, column: int | None, symbol: str) -> ast.Attribute | None:
        """Return the handle of the submission that ran at ``line`` (from 1), None if unknown.

        ``column`` is that of the call in bytes from 0, if the interpreter told; ``symbol`` is the
        bare name of what was called.
        """
        for handle, call in self.calls.items():
            if call.func is handle and (call.lineno, call.col_offset) == (line, column):
                return handle
        function = _innermost(self.tree, line)
        around = [handle for handle, where in self.functions.items() if where is function]
        here = [handle for handle in around if self._covers(handle, line)]
        for some in (here, [h for h in here or around if _bare(h) == symbol]):
            if len(some) == 1:
                return some[0]
        return None

    def _covers(self, handle: ast.Attribute, line: int) -> bool:
        node = self.calls.get(handle, handle)
        return node.lineno <= line <= (node.end_lineno or node.lineno)


class Measurements:
    """The measured sites of one file, found again in its tree."""

    def __init__(self, sites: Sequence[MeasuredSite], tree: ast.Module) -> None:
        self.module = ProfiledModule(tree)
        self._sites: dict[tuple[str, int], list[MeasuredSite]] = {}
        for site in sites:
            if site.median_seconds is None:
                continue  # counted, but its times are not known: the source decides
            self._sites.setdefault((site.function, site.ordinal), []).append(site)

    def of(self, handle: ast.Attribute, called: ast.AST | None) -> MeasuredSite | None:
        """Return what was measured at ``handle``, unless nothing was or the code has changed.

        ``called`` is the definition that runs, if it is known.
        """
        place = self.module.places.get(handle)
        if place not in self._sites:
            return None
        digest = self.module.digest(handle, called)
        return next((one for one in self._sites[place] if one.digest == digest), None)

    def stale(self, definition: Callable[[ast.Attribute], ast.AST | None]) -> list[MeasuredSite]:
        """Return the sites whose code is not the measured one any more.

        ``definition`` returns what a handle calls, if it is known.
        """
        fresh = {self.of(handle, definition(handle)) for handle in self.handles()}
        every = [site for sites in self._sites.values() for site in sites]
        return [site for site in every if site.ordinal >= 0 and site not in fresh]

    def handles(self) -> list[ast.Attribute]:
        """Return the handles at the places of measured sites, stale or not, in source order."""
        found = [handle for handle, place in self.module.places.items() if place in self._sites]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield every function with its qualified name, and the module itself."""
    yield MODULE, tree
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, prefix = stack.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, _Function):
                yield prefix + child.name, child
                inner = f"{prefix}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inner = f"{prefix}{child.name}."
            stack.append((child, inner))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module, without those of the functions in it."""
    body: Iterable[ast.AST] = getattr(function, "body", ())
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, _Function):
            # Its decorators and defaults run outside of it.
            stack += [*node.decorator_list, *node.args.defaults]
        else:
            stack += ast.iter_child_nodes(node)


def _innermost(tree: ast.Module, line: int) -> ast.AST:
    found: ast.AST = tree
    for node in ast.walk(tree):  # breadth first: the last match is the innermost
        if isinstance(node, _Function) and node.lineno <= line <= (node.end_lineno or 0):
            found = node
    return found


def _bare(handle: ast.Attribute) -> str:
    """Return ``f`` of ``f.remote``, ``m.f.remote`` and ``f.options(...).remote``."""
    value = handle.value
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        value = value.func.value
    return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")


def _digest(function: ast.AST, called: ast.AST | None) -> str:
    """Return a digest of the code of both, which comments, layout and place do not change."""
    parts: list[ast.AST] = [
        function if isinstance(function, _Function) else _statements_alone(function)
    ]
    if called is not None and called is not function:
        parts.append(called)
    text = "\n\n".join(ast.unparse(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _statements_alone(module: ast.AST) -> ast.Module:
    """Return the module without what is defined in it: only its own statements."""
    body = [
        statement
        for statement in getattr(module, "body", ())
        if not isinstance(statement, (*_Function.__args__, ast.ClassDef))
    ]
    return ast.Module(body=body, type_ignores=[])
