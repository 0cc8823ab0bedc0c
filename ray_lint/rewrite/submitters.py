"""Small functions that do nothing but submit: ``def submit(x): return f.remote(x)``.

They may keep the reference themselves: ``def submit(x): refs.append(f.remote(x))``. Also
``lambda x: f.remote(x)``, ``functools.partial(f.remote, base=7)`` and plain ``f.remote`` when they
are given a name. A call of one is a submission like any other.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from ray_lint.program.callers import is_program
from ray_lint.program.class_members import class_members, class_of_receiver
from ray_lint.program.names import COMPREHENSIONS, BindingKind, FunctionNode, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.submissions import first_handle

_CONDITIONAL = (ast.IfExp, ast.BoolOp, ast.Compare, ast.Lambda, *COMPREHENSIONS)


@dataclass(frozen=True, eq=False)
class Submitter:
    """What stands between a call and the submission it makes.

    ``handle`` is ``f.remote``, ``inner`` the call of it (for a partial: the call that makes it) and
    ``function`` the function around it, each None if there is none.
    """

    handle: ast.Attribute
    inner: ast.Call | None = None
    function: FunctionNode | None = None
    receiver: ast.Name | None = None
    """The ``self`` of the call ``self.submit(x)``."""
    container: ast.expr | None = None
    """The list that the function appends the reference to; None if it returns the reference."""
    beside: ast.Tuple | None = None
    """The tuple that it appends, if the reference is kept with other values."""
    does_more: bool = False
    """Whether it does more than that, and is to get the reference instead of submitting."""


def submitter_of(names: ModuleNames, call: ast.Call) -> Submitter | None:
    """Return what ``submit`` of the call ``submit(x)`` is, if all it does is to submit."""
    if isinstance(call.func, ast.Attribute):
        return _of_method(names, call.func)
    if not isinstance(call.func, ast.Name) or call.func.id not in _candidates(names):
        return None
    bindings = names.reaching(call.func)
    owner = names.owner(call.func)
    if len(bindings) != 1 or owner is None or len(owner.bindings[call.func.id]) != 1:
        return None
    (binding,) = bindings
    if isinstance(binding.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _of_function(binding.node)
    if binding.kind is BindingKind.ASSIGN and binding.value is not None:
        return _of_value(names, binding.value)
    return None


def _of_method(names: ModuleNames, method: ast.Attribute) -> Submitter | None:
    """Return what ``self.submit``, or that of an object of a known class, is.

    All objects of the file that have it must mean the same.
    """
    if not isinstance(method.value, ast.Name):
        return None
    owner = class_of_receiver(names, method.value)
    if owner is None or method.attr not in names.scopes[owner].bindings:
        return None
    named = [binding for bindings in class_members(names, method.attr) for binding in bindings]
    stored = any(not isinstance(n.ctx, ast.Load) for n in names.attributes(method.attr))
    if stored or len(named) != 1 or not isinstance(named[0].node, ast.FunctionDef):
        return None
    submitter = _of_function(named[0].node)
    return None if submitter is None else replace(submitter, receiver=method.value)


@once_per_module
def _candidates(names: ModuleNames) -> frozenset[str]:
    """Return the names that may be submitters: asking about them is worth a look."""
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = [
        *names.index.every(ast.FunctionDef),
        *names.index.every(ast.AsyncFunctionDef),
    ]
    assignments = names.index.every(ast.Assign)
    found = {node.name for node in functions if _of_function(node) is not None}
    for node in assignments:
        if _of_value(names, node.value) is not None:
            found.update(t.id for t in node.targets if isinstance(t, ast.Name))
    return frozenset(found)


def _of_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Submitter | None:
    """Recognize a function whose body, besides a docstring, only submits.

    It returns or appends the reference, which it may give a name first; a coroutine awaits it.
    """
    if function.decorator_list:
        return None
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if len(body) == 2 and isinstance(body[0], ast.Assign) and len(body[0].targets) == 1:
        kept, named = body[0].targets[0], body[0].value
    elif len(body) == 1:
        kept, named = None, None
    else:
        return None
    last, container, beside = body[-1], None, None
    value = last.value if isinstance(last, ast.Return | ast.Expr) else None
    if isinstance(last, ast.Expr):
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
            return None
        if value.func.attr != "append" or len(value.args) != 1 or value.keywords:
            return None
        container, value = value.func.value, value.args[0]
        if isinstance(value, ast.Tuple) and kept is None:
            beside = value
            calls = [element for element in value.elts if _submits(element)]
            value = calls[0] if len(calls) == 1 else None
    if isinstance(function, ast.AsyncFunctionDef):
        awaited = [part for part in (value, named) if isinstance(part, ast.Await)]
        if len(awaited) != 1 or container is not None:
            return None
        value = value.value if isinstance(value, ast.Await) else value
        named = named.value if isinstance(named, ast.Await) else named
    if kept is not None:
        if not isinstance(kept, ast.Name) or not isinstance(value, ast.Name):
            return None
        if kept.id != value.id:
            return None
        value = named
    submitter = _around(value, function)
    return None if submitter is None else replace(submitter, container=container, beside=beside)


def _of_value(names: ModuleNames, value: ast.expr) -> Submitter | None:
    if isinstance(value, ast.Lambda):
        return _around(value.body, value)
    if isinstance(value, ast.Attribute) and value.attr == "remote":
        return None if names.stands_for(value, "ray.remote") else Submitter(value)
    if (
        isinstance(value, ast.Call)
        and value.args
        and isinstance(value.args[0], ast.Attribute)
        and value.args[0].attr == "remote"
        and names.stands_for(value.func, "functools.partial")
    ):
        return Submitter(value.args[0], value)
    return None


def _around(inner: ast.expr | None, function: FunctionNode) -> Submitter | None:
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and _submits(inner):
        return Submitter(inner.func, inner, function)
    return None


def _submits(node: ast.expr | None) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "remote"
    )


def taker_of(names: ModuleNames, call: ast.Call, *, computes: bool = False) -> Submitter | None:
    """Return what ``report(x)`` calls if that submits first and then does more with the reference.

    The function may have no other use, and nothing may happen in it before it submits. What it
    passes are its parameters, unless it ``computes`` that.
    """
    definition, receiver = None, None
    if isinstance(call.func, ast.Name):
        bindings = names.reaching(call.func)
        owner = names.owner(call.func)
        alone = owner is not None and owner.uses.get(call.func.id) == [call.func]
        hidden = owner is not None and (owner is not names.root or is_program(names))
        definition = bindings[0].node if len(bindings) == 1 and alone and hidden else None
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        receiver = call.func.value
        owned = class_of_receiver(names, receiver)
        named = [b for found in class_members(names, call.func.attr) for b in found]
        alone = list(names.attributes(call.func.attr)) == [call.func] and is_program(names)
        if owned is not None and not owned.bases and len(named) == 1 and alone:
            definition = named[0].node
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    if definition.decorator_list or any(
        isinstance(n, ast.Yield | ast.YieldFrom) for n in names.walk(definition)
    ):
        return None
    handle = first_handle(names, definition)
    inner = names.parents.get(handle) if handle is not None else None
    if handle is None or not isinstance(inner, ast.Call) or inner.func is not handle:
        return None
    if not _comes_first(names, definition, inner):
        return None
    if not computes and not _passes_parameters(names, inner):
        return None
    if definition.name in texts_of(names):
        return None  # it may be asked for by its name
    return Submitter(handle, inner, definition, receiver, does_more=True)


@once_per_module
def texts_of(names: ModuleNames) -> frozenset[str]:
    """Return the texts that are written out in a module."""
    values = (node.value for node in names.index.every(ast.Constant))
    return frozenset(value for value in values if isinstance(value, str))


def _passes_parameters(names: ModuleNames, inner: ast.Call) -> bool:
    """Whether the local variables that a submission passes are parameters as they were given."""
    function = names.scope_of(inner).frame
    return all(
        binding.kind is BindingKind.PARAMETER
        for name in names.walk(inner)
        if isinstance(name, ast.Name) and names.owner(name) is function
        for binding in names.reaching(name)
    )


def _keeps_beside(names: ModuleNames, statement: ast.stmt, inner: ast.Call) -> bool:
    """Whether a statement appends a name or constant to a list that a submission does not read."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    kept, container = call.args, call.func.value
    plain = len(kept) == 1 and isinstance(kept[0], ast.Name | ast.Constant) and not call.keywords
    if call.func.attr != "append" or not plain or class_members(names, "append"):
        return False
    named = container.attr if isinstance(container, ast.Attribute) else ""
    named = container.id if isinstance(container, ast.Name) else named
    parts = names.walk(inner)
    read = {n.attr for n in parts if isinstance(n, ast.Attribute)}
    read |= {n.id for n in parts if isinstance(n, ast.Name)}
    return bool(named) and named not in read


def _comes_first(
    names: ModuleNames, function: ast.FunctionDef | ast.AsyncFunctionDef, inner: ast.Call
) -> bool:
    """Whether a function always submits, and does nothing before that but to name values."""
    statement = names.statement_of(inner)
    for before in function.body:
        if before is statement:
            break
        named = isinstance(before, ast.Assign) and all(
            isinstance(target, ast.Name) for target in before.targets
        )
        documented = isinstance(before, ast.Expr) and isinstance(before.value, ast.Constant)
        if _keeps_beside(names, before, inner):
            continue
        busy = any(isinstance(n, ast.Call | ast.Await | ast.NamedExpr) for n in names.walk(before))
        if busy or not (named or documented):
            return False
    else:
        return False
    around: set[ast.AST] = set()
    for parent in names.ancestors(inner):
        if parent is statement:
            break
        if isinstance(parent, _CONDITIONAL):
            return False
        around.add(parent)
    inside = set(names.walk(inner))
    return isinstance(statement, ast.Assign | ast.AnnAssign | ast.Return | ast.Expr) and not any(
        isinstance(n, ast.Call | ast.NamedExpr) and n not in around and n not in inside
        for n in names.walk(statement)
    )
