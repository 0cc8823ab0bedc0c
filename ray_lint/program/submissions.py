"""The places where a program submits work to Ray again and again.

``has_candidate`` is the cheap gate: most files have no ``.remote`` inside a loop and need no name
model at all.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ray_lint.program.module import Module
from ray_lint.program.names import COMPREHENSIONS, FUNCTIONS, LOOPS


@dataclass(frozen=True, eq=False)
class Submission:
    """One ``.remote`` that runs once per item.

    ``call`` is ``f.remote(...)``; for ``map(f.remote, xs)`` it is the ``map`` call and ``handle``
    the bare attribute. ``loops`` are the loops and comprehension generators around the call,
    innermost first; for ``map`` the ones around the ``map`` call.
    """

    module: Module
    call: ast.Call
    handle: ast.Attribute
    loops: tuple[ast.AST, ...]

    @property
    def is_mapped(self) -> bool:
        """Whether the submission is written as ``map(f.remote, xs)``."""
        return self.call.func is not self.handle


def has_candidate(tree: ast.Module) -> bool:
    """Whether some ``.remote`` attribute stands inside a loop, a comprehension or a ``map``."""
    # (node, inside a loop); a function starts anew, its body is not repeated by the loop around.
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, repeated = stack.pop()
        kind = type(node)
        if kind is ast.Attribute:
            if repeated and node.attr == "remote":  # type: ignore[attr-defined]
                return True
        elif kind in _LOOPS:
            repeated = True
        elif kind in _FUNCTIONS:
            repeated = False
        elif kind is ast.Call and _mapped_handle(node) is not None:  # type: ignore[arg-type]
            return True
        for name in kind._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                stack.extend((v, repeated) for v in value if isinstance(v, ast.AST))
            elif isinstance(value, ast.AST):
                stack.append((value, repeated))
    return False


_LOOPS = frozenset({*LOOPS, *COMPREHENSIONS})
_FUNCTIONS = frozenset(FUNCTIONS)


def _mapped_handle(call: ast.Call) -> ast.Attribute | None:
    """Return ``f.remote`` of ``map(f.remote, xs, …)`` or ``map(lambda x: f.remote(x), xs)``."""
    if not isinstance(call.func, ast.Name) or call.func.id != "map" or len(call.args) < 2:
        return None
    handle = call.args[0]
    if isinstance(handle, ast.Lambda) and isinstance(handle.body, ast.Call):
        handle = handle.body.func
    if isinstance(handle, ast.Attribute) and handle.attr == "remote":
        return handle
    return None


def find_submissions(module: Module) -> list[Submission]:
    """Return the repeated ``.remote`` sites of the module in source order, Ray's or not."""
    names = module.names
    found: list[Submission] = []
    for node in names.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "remote":
            loops = names.enclosing_loops(node)
            if loops:
                found.append(Submission(module, node, node.func, tuple(loops)))
        else:
            handle = _mapped_handle(node)
            if handle is not None and names.stands_for(node.func, "builtins.map"):
                found.append(Submission(module, node, handle, tuple(names.enclosing_loops(node))))
    found.sort(key=lambda s: (s.handle.end_lineno or 0, s.handle.end_col_offset or 0))
    return found
