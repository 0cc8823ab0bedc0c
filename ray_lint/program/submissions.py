"""The places where a program submits work to Ray again and again.

``has_candidate`` is the cheap gate: most files have no ``.remote`` inside a loop and need no name
model at all.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ray_lint.program.actor_pools import made_of, pooled_handle
from ray_lint.program.class_members import class_of_receiver
from ray_lint.program.module import Module
from ray_lint.program.names import COMPREHENSIONS, FUNCTIONS, LOOPS, BindingKind, ModuleNames
from ray_lint.program.project import final_bindings


@dataclass(frozen=True, eq=False)
class Submission:
    """One ``.remote`` that runs once per item.

    ``call`` is ``f.remote(...)``; for ``map(f.remote, xs)`` and ``starmap(f.remote, pairs)`` it is
    that call and ``handle`` the bare attribute. ``loops`` are the loops and comprehension
    generators around the call, innermost first; for ``map`` the ones around the ``map`` call.
    ``through`` is what the call goes through to reach the handle, if it names it not itself:
    ``send = f.remote``, a ``functools.partial`` of it, or a function of the module that does
    little but submit.
    """

    module: Module
    call: ast.Call
    handle: ast.Attribute
    loops: tuple[ast.AST, ...]
    through: ast.expr | ast.FunctionDef | ast.AsyncFunctionDef | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether the submission is written as ``map(f.remote, xs)`` or with ``starmap``."""
        return self.through is None and self.call.func is not self.handle

    @property
    def is_pooled(self) -> bool:
        """Whether it is written as ``pool.map(lambda a, v: a.m.remote(v), values)``."""
        return self.is_mapped and pooled_handle(self.call) is self.handle

    @property
    def is_starmapped(self) -> bool:
        """Whether the submission is written as ``itertools.starmap(f.remote, pairs)``."""
        return self.is_mapped and is_starmap(self.call.func)


def has_candidate(tree: ast.Module) -> bool:
    """Whether some ``.remote`` attribute stands inside a loop, a comprehension or a ``map``.

    Or outside of them, in a function or under a name that a loop calls.
    """
    # (node, inside a loop, names of the function and the assignment around); a function starts
    # anew, its body is not repeated by the loop around.
    stack: list[tuple[ast.AST, bool, tuple[str, ...]]] = [(tree, False, ())]
    submitting: set[str] = set()
    called: set[str] = set()
    while stack:
        node, repeated, owner = stack.pop()
        kind = type(node)
        if kind is ast.Attribute:
            if node.attr == "remote":  # type: ignore[attr-defined]
                if repeated:
                    return True
                submitting.update(owner)
        elif kind in _LOOPS:
            repeated = True
        elif kind in _FUNCTIONS:
            repeated = False
            owner = (node.name,) if hasattr(node, "name") else owner
        elif kind is ast.Assign:
            target = node.targets[0]  # type: ignore[attr-defined]
            owner = (*owner, target.id) if isinstance(target, ast.Name) else owner
        elif kind is ast.Call:
            if _mapped_handle(node) is not None or pooled_handle(node) is not None:  # type: ignore[arg-type]
                return True
            if repeated:
                function = node.func  # type: ignore[attr-defined]
                called.add(getattr(function, "id", "") or getattr(function, "attr", ""))
        for name in kind._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                stack.extend((v, repeated, owner) for v in value if isinstance(v, ast.AST))
            elif isinstance(value, ast.AST):
                stack.append((value, repeated, owner))
    return not called.isdisjoint(submitting)


_LOOPS = frozenset({*LOOPS, *COMPREHENSIONS})
_FUNCTIONS = frozenset(FUNCTIONS)


def is_map(function: ast.expr) -> bool:
    """Whether a function that is called is spelled like ``map``."""
    return isinstance(function, ast.Name) and function.id == "map"


def is_starmap(function: ast.expr) -> bool:
    """Whether a function that is called is spelled like ``itertools.starmap``."""
    if isinstance(function, ast.Attribute):
        return function.attr == "starmap"
    return isinstance(function, ast.Name) and function.id == "starmap"


def _mapped_handle(call: ast.Call) -> ast.Attribute | None:
    """Return ``f.remote`` of ``map(f.remote, xs, …)`` or ``map(lambda x: f.remote(x), xs)``.

    Also of ``map(partial(f.remote, k=3), xs)``.
    """
    starred = is_starmap(call.func) and len(call.args) == 2
    if not starred and not (is_map(call.func) and len(call.args) >= 2):
        return None
    handle = call.args[0]
    if not starred and isinstance(handle, ast.Lambda) and isinstance(handle.body, ast.Call):
        handle = handle.body.func
    elif isinstance(handle, ast.Call) and handle.args and _is_partial(handle.func):
        handle = handle.args[0]
    if isinstance(handle, ast.Attribute) and handle.attr == "remote":
        return handle
    return None


def _is_partial(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else ""
    return (function.id if isinstance(function, ast.Name) else name) == "partial"


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
            continue
        handle = _mapped_handle(node)
        if handle is not None and names.stands_for(node.func, "builtins.map", "itertools.starmap"):
            found.append(Submission(module, node, handle, tuple(names.enclosing_loops(node))))
            continue
        handle = pooled_handle(node)
        if handle is not None and isinstance(node.func, ast.Attribute):
            if made_of(module, node.func.value) is not None:
                found.append(Submission(module, node, handle, tuple(names.enclosing_loops(node))))
            continue
        through = _through(module, node)
        if through is not None:
            loops = names.enclosing_loops(node)
            if loops:
                found.append(
                    Submission(module, node, through, tuple(loops), _wrapper_of(names, through))
                )
    found.sort(key=_place)
    return found


def _place(submission: Submission) -> tuple[int, int]:
    at = submission.call.func if submission.through is not None else submission.handle
    return at.end_lineno or 0, at.end_col_offset or 0


def _through(module: Module, call: ast.Call) -> ast.Attribute | None:
    """Return the ``f.remote`` that ``call`` reaches if it submits by another name."""
    names = module.names
    function = call.func
    if isinstance(function, ast.Name):
        bindings = names.reaching(function)
    elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        owner = class_of_receiver(names, function.value)
        if owner is None:
            return None
        bindings = final_bindings(names.scopes[owner], function.attr)
    else:
        return None
    if len(bindings) != 1:
        return None
    binding = bindings[0]
    if isinstance(binding.node, ast.FunctionDef) or (
        isinstance(binding.node, ast.AsyncFunctionDef) and is_gathered(names, call)
    ):
        return _submits(module, binding.node)
    value = binding.value
    if binding.kind is not BindingKind.ASSIGN:
        return None
    if isinstance(value, ast.Lambda) and isinstance(value.body, ast.Call):
        value = value.body.func
    if isinstance(value, ast.Call) and value.args:
        if not names.stands_for(value.func, "functools.partial"):
            return None
        value = value.args[0]
    if isinstance(value, ast.Attribute) and value.attr == "remote":
        return None if names.qualified(value) == "ray.remote" else value
    return None


def is_gathered(names: ModuleNames, call: ast.Call) -> bool:
    """Whether the coroutine that ``call`` makes is awaited with those of all items.

    So in ``asyncio.gather(*[one(x) for x in xs])``, also where the list has a name in between.
    """
    listed = names.parents.get(call)
    if not isinstance(listed, ast.ListComp | ast.GeneratorExp) or listed.elt is not call:
        return False
    parent = names.parents.get(listed)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
        if not isinstance(target, ast.Name):
            return False
        loads = names.scope_of(target).uses.get(target.id, [])
        uses = [u for u in loads if any(b.node is target for b in names.reaching(u))]
        if len(uses) != 1 or len(names.reaching(uses[0])) != 1:
            return False
        parent = names.parents.get(uses[0])
    gather = names.parents.get(parent) if isinstance(parent, ast.Starred) else None
    return (
        isinstance(gather, ast.Call)
        and gather.args == [parent]
        and isinstance(names.parents.get(gather), ast.Await)
        and names.stands_for(gather.func, "asyncio.gather")
    )


def _submits(
    module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> ast.Attribute | None:
    """Return the ``f.remote`` that a function calls first and once each time it runs."""
    names = module.names
    handle = None if function.decorator_list else first_handle(names, function)
    if handle is None or names.enclosing_loops(handle):
        return None
    if not any(names.statement_of(handle) is statement for statement in function.body):
        return None
    return handle


def submits_several(names: ModuleNames, function: ast.AST) -> bool:
    """Whether a function names more than one ``f.remote``."""
    return len(names.attributes("remote", function)) > 1


def first_handle(
    names: ModuleNames, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> ast.Attribute | None:
    """Return the ``f.remote`` that a function calls first, if it calls every one that it names."""
    found = []
    for node in names.walk(function):
        if isinstance(node, ast.Attribute) and node.attr == "remote":
            call = names.parents.get(node)
            if not isinstance(call, ast.Call) or call.func is not node:
                return None
            found.append(call)
    # Of calls inside of each other, the inner one ends first.
    first = min(found, key=lambda call: (call.end_lineno, call.end_col_offset), default=None)
    handle = first.func if first is not None else None
    return handle if isinstance(handle, ast.Attribute) else None


def _wrapper_of(
    names: ModuleNames, handle: ast.expr
) -> ast.expr | ast.FunctionDef | ast.AsyncFunctionDef:
    """Return the function around a submission, or the bare handle itself."""
    parent = names.parents.get(handle)
    if isinstance(parent, ast.Call) and parent.func is handle:
        for around in names.ancestors(handle):
            if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
                return around
    return handle
