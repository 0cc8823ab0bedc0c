"""Which arguments of a submission differ from item to item, and which parameter each one binds."""

from __future__ import annotations

import ast

from ray_lint.program.class_members import class_members
from ray_lint.program.names import FUNCTIONS, BindingKind, FunctionNode, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.submissions import Submission
from ray_lint.rewrite.plan import Argument, Declined
from ray_lint.rewrite.submitters import submitter_of, taker_of

_STABLE = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.UnaryOp,
    ast.BinOp,
    ast.Tuple,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
)

_UNARY = {"__neg__", "__pos__", "__invert__"}
_BINARY = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"}
_BINARY |= {"lshift", "rshift"}
# What a class must define for such an expression to run its code.
_SPECIAL_METHODS: dict[type[ast.expr], set[str]] = {
    ast.Attribute: {"__getattr__", "__getattribute__", "__get__"},
    ast.Subscript: {"__getitem__", "__missing__"},
    ast.UnaryOp: _UNARY,
    ast.BinOp: {f"__{side}{name}__" for name in _BINARY for side in ("", "r")},
}


def is_invariant(
    names: ModuleNames,
    expression: ast.expr,
    region: ast.AST,
    sources: frozenset[str] = frozenset(),
) -> bool:
    """Whether the expression has one value for all items submitted in ``region``.

    Calls never count as such: they may draw from something. Attributes and items count unless
    the region assigns to one of that name, or they belong to one of ``sources``, the names in the
    iterables: iterating may change those.
    """
    if not isinstance(expression, ast.Name) and any(
        isinstance(n, ast.Name) and n.id in sources for n in ast.walk(expression)
    ):
        return False
    stored: set[str] = set()
    if any(isinstance(node, ast.Attribute) for node in ast.walk(expression)):
        stored = {
            node.attr
            for node in names.walk(region)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        }
        stored |= _computed_attributes(names)
    computed = _computed_syntax(names)
    for node in ast.walk(expression):
        if not isinstance(node, _STABLE) or isinstance(node, computed):
            return False
        if isinstance(node, ast.Name) and binds_inside(names, node, region):
            return False
        if isinstance(node, ast.Attribute) and node.attr in stored:
            return False
    return True


@once_per_module
def _computed_attributes(names: ModuleNames) -> set[str]:
    """Return the attributes whose reading runs code of this file: properties."""
    return {
        binding.name
        for scope in names.scopes.values()
        if scope.is_class
        for bindings in scope.bindings.values()
        for binding in bindings
        if isinstance(binding.node, ast.FunctionDef) and binding.node.decorator_list
    }


@once_per_module
def _computed_syntax(names: ModuleNames) -> tuple[type[ast.expr], ...]:
    """Return the kinds of expressions that a class of this file gives a meaning of its own."""
    methods = {name for s in names.scopes.values() if s.is_class for name in s.bindings}
    return tuple(kind for kind, special in _SPECIAL_METHODS.items() if methods & special)


def stores_run_code(names: ModuleNames) -> bool:
    """Whether storing into an object, or reading from it, may run code of this file."""
    storing = {"__setattr__", "__delattr__", "__setitem__", "__delitem__", "__set__", "__iter__"}
    own = any(class_members(names, name) for name in storing)
    return own or bool(_computed_attributes(names) or _computed_syntax(names))


def binds_inside(names: ModuleNames, use: ast.Name, region: ast.AST) -> bool:
    """Whether a name gets a value inside of ``region``."""
    if use not in names.order:
        return True
    owner = names.owner(use)
    if owner is None:
        return False
    return any(names.contains(region, b.node) for b in owner.bindings.get(use.id, []))


def bind_arguments(
    names: ModuleNames,
    positional: list[ast.expr],
    keywords: list[ast.keyword],
    definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    region: ast.AST,
    *,
    skip_first: bool,
    sources: frozenset[str] = frozenset(),
) -> list[Argument]:
    """Classify the arguments of ``f.remote(...)`` and match them with parameters.

    ``skip_first`` leaves out ``self``. Raises Declined when the call could not succeed: then
    Ray raises in the driver, which a batch would not.
    """
    spec = definition.args
    by_position = [*spec.posonlyargs, *spec.args][1 if skip_first else 0 :]
    by_name = {a.arg for a in [*spec.args, *spec.kwonlyargs]}
    arguments: list[Argument] = []
    bound: set[str] = set()
    starred = False
    for index, given in enumerate(_spread(positional)):
        star, parameter, expression = "", "", given
        if isinstance(given, ast.Starred):
            star, expression, starred = "*", given.value, True
        elif not starred and index < len(by_position):
            parameter = by_position[index].arg
            bound.add(parameter)
        elif not starred and spec.vararg is None:
            raise Declined("the call passes more arguments than the function takes")
        arguments.append(_argument(names, expression, region, sources, star, "", parameter))
    for keyword in keywords:
        if keyword.arg is None:
            starred = True
            arguments.append(_argument(names, keyword.value, region, sources, "**", "", ""))
            continue
        if keyword.arg in bound or (keyword.arg not in by_name and spec.kwarg is None):
            raise Declined(f"the function takes no keyword argument `{keyword.arg}` here")
        parameter = keyword.arg if keyword.arg in by_name else ""
        bound.add(keyword.arg)
        arguments.append(
            _argument(names, keyword.value, region, sources, "", keyword.arg, parameter)
        )
    if not starred:
        missing = _required(definition, skip_first=skip_first) - bound
        if missing:
            raise Declined(f"the call leaves out the argument `{sorted(missing)[0]}`")
    return arguments


def _spread(positional: list[ast.expr]) -> list[ast.expr]:
    """Return the arguments with ``*[a, b]`` as the two that it stands for."""
    found: list[ast.expr] = []
    for given in positional:
        inner = given.value if isinstance(given, ast.Starred) else None
        if isinstance(inner, ast.List | ast.Tuple):
            found += _spread(inner.elts)
        else:
            found.append(given)
    return found


def passed_on(names: ModuleNames, submission: Submission) -> ast.Call:
    """Return ``f.remote(x, 3)`` for ``submit(x)`` if ``submit(y)`` returns ``f.remote(y, 3)``.

    Raises Declined where the function in between does anything with its parameters.
    """
    outer = submission.call
    submitter = submitter_of(names, outer) or taker_of(names, outer)
    if submitter is None:
        raise Declined("the loop submits through a function that does more than that")
    inner, function = submitter.inner, submitter.function
    if inner is None:
        return outer
    if function is None:  # functools.partial(f.remote, ...)
        given = {keyword.arg for keyword in outer.keywords}
        kept = [keyword for keyword in inner.keywords if keyword.arg not in given]
        first = [
            _of_partial(names, outer, "args", place, value)
            for place, value in enumerate(inner.args[1:])
        ]
        rest = [
            ast.keyword(k.arg, _of_partial(names, outer, "keywords", k.arg, k.value)) for k in kept
        ]
        return ast.Call(outer.func, [*first, *outer.args], [*rest, *outer.keywords])
    parameters = bound_parameters(function, outer, submitter.receiver)
    used: set[str] = set()

    def replaced(expression: ast.expr) -> ast.expr:
        if submitter.receiver is not None and isinstance(expression, ast.Attribute):
            _must_be_kept(names, expression, function, outer)
            return ast.Attribute(submitter.receiver, expression.attr, ast.Load())
        if isinstance(expression, ast.Name) and expression.id in parameters:
            value = parameters[expression.id]
            if expression.id in used and not isinstance(value, ast.Name | ast.Constant):
                raise Declined(f"`{expression.id}` would be evaluated twice")
            used.add(expression.id)
            if value not in names.order or not names.contains(outer, value):
                _must_be_constant(names, value, outer)
            return value
        _must_be_constant(names, expression, outer)
        return expression

    arguments = [replaced(argument) for argument in inner.args]
    keywords = [ast.keyword(k.arg, replaced(k.value)) for k in inner.keywords]
    if submitter.beside is not None:
        used |= {element.id for element in submitter.beside.elts if isinstance(element, ast.Name)}
    for name, value in parameters.items():
        dropped = name not in used and not submitter.does_more
        if dropped and not isinstance(value, ast.Name | ast.Constant):
            raise Declined(f"the parameter `{name}` is not passed on")
    return ast.Call(outer.func, arguments, keywords)


def _of_partial(
    names: ModuleNames, outer: ast.Call, part: str, key: int | str | None, value: ast.expr
) -> ast.expr:
    """Return what a partial passes: a reference that it has put is read from the partial."""
    if isinstance(value, ast.Call) and names.stands_for(value.func, "ray.put") and key is not None:
        return ast.Subscript(ast.Attribute(outer.func, part), ast.Constant(key))
    _must_be_constant(names, value, outer)
    return value


def bound_parameters(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    call: ast.Call,
    receiver: ast.Name | None,
) -> dict[str, ast.expr]:
    """Return what a call gives to each parameter. Raises Declined where that is not plain."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    if receiver is not None:
        positional = positional[1:]
    starred = any(isinstance(a, ast.Starred) for a in call.args)
    if spec.vararg or spec.kwarg or starred or any(k.arg is None for k in call.keywords):
        raise Declined("the function that submits is called with starred arguments")
    if len(call.args) > len(positional):
        raise Declined("the call passes more arguments than the function takes")
    defaults = positional[len(positional) - len(spec.defaults) :]
    bound = {a.arg: d for a, d in zip(defaults, spec.defaults, strict=True)}
    bound |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d}
    bound |= {a.arg: given for a, given in zip(positional, call.args, strict=False)}
    bound |= {k.arg: k.value for k in call.keywords if k.arg}
    names = {a.arg for a in [*positional, *spec.kwonlyargs]}
    if bound.keys() != names:
        raise Declined("the call does not give each parameter one value")
    return bound


def _must_be_kept(
    names: ModuleNames, attribute: ast.Attribute, function: FunctionNode, site: ast.Call
) -> None:
    """Decline ``self.x`` of a method that submits unless ``__init__`` sets it once and for all.

    The fix reads it where the call of the method stands, once for all items.
    """
    spec = function.args
    first = [*spec.posonlyargs, *spec.args][:1]
    owned = isinstance(attribute.value, ast.Name) and [attribute.value.id] == [a.arg for a in first]
    members = [b.node for found in class_members(names, attribute.attr) for b in found]
    owned = owned and not any(isinstance(member, FUNCTIONS) for member in members)  # a property
    for node in names.attributes(attribute.attr):
        method = names.scope_of(node).frame.node
        set_up = isinstance(method, ast.FunctionDef) and method.name == "__init__"
        parent = names.parents[node]
        if isinstance(node.ctx, ast.Load):
            # Reading it is fine; what is called, stored into or handed on may change.
            owned = owned and not isinstance(parent, ast.Attribute | ast.Subscript)
        else:
            owned = owned and set_up and isinstance(parent, ast.Assign | ast.AnnAssign)
    loops = names.enclosing_loops(site)
    alone = all(
        isinstance(loop, ast.comprehension)
        or (isinstance(loop, ast.For) and len(loop.body) == 1 and not loop.orelse)
        for loop in loops
    )
    stored = [n for n in names.attributes(attribute.attr) if isinstance(n.ctx, ast.Store)]
    values = [getattr(names.parents[node], "value", None) for node in stored]
    alone = alone or (bool(values) and all(_never_changes(names, value) for value in values))
    if not owned or not alone:
        raise Declined(f"`{ast.unparse(attribute)}` may change while the loop runs")


def _never_changes(names: ModuleNames, value: ast.expr | None) -> bool:
    """Whether a value is a reference, a number, a text or a tuple of such."""
    if isinstance(value, ast.Tuple):
        return all(_never_changes(names, item) for item in value.elts)
    if isinstance(value, ast.Call):
        makers = ("ray.put", "builtins.int", "builtins.float", "builtins.str", "builtins.len")
        return names.stands_for(value.func, *makers)
    return isinstance(value, ast.Constant | ast.JoinedStr)


def _must_be_constant(names: ModuleNames, expression: ast.expr, site: ast.Call) -> None:
    """Decline an expression of another function that could mean something else at the site."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            owner = names.owner(node)
            visible = names.owner_of_name(node.id, names.scope_of(site))
            if visible is not owner or (
                owner is not None and (owner is not names.root or len(owner.bindings[node.id]) != 1)
            ):
                raise Declined(f"`{node.id}` may be something else where the call stands")
        elif not isinstance(node, ast.Constant | ast.expr_context | ast.UnaryOp | ast.unaryop):
            raise Declined("the function that submits computes its arguments")


def _argument(
    names: ModuleNames,
    expression: ast.expr,
    region: ast.AST,
    sources: frozenset[str],
    star: str,
    keyword: str,
    parameter: str,
) -> Argument:
    for node in ast.walk(expression):
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            raise Declined("an argument awaits, yields or assigns")
    varying = not is_invariant(names, expression, region, sources)
    return Argument(expression, varying, star, keyword, parameter)


def _required(
    definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, *, skip_first: bool
) -> set[str]:
    spec = definition.args
    positional = [*spec.posonlyargs, *spec.args]
    without_default = positional[: len(positional) - len(spec.defaults)]
    if skip_first:
        without_default = without_default[1:]
    required = {a.arg for a in without_default}
    required |= {a.arg for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is None}
    return required


def target_names(target: ast.expr) -> list[str] | None:
    """Return the names of a flat target ``x`` or ``x, y`` in order; None for any other."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple) and all(isinstance(e, ast.Name) for e in target.elts):
        return [e.id for e in target.elts if isinstance(e, ast.Name)]
    return None


def used_after(names: ModuleNames, target: ast.expr, loop: ast.stmt) -> bool:
    """Whether a variable that the loop binds is read outside of it, or lives outside."""
    for node in ast.walk(target):
        if isinstance(node, ast.Tuple | ast.List | ast.Starred | ast.expr_context):
            continue
        if not isinstance(node, ast.Name):
            return True
        owner = names.scope_of(node)
        owner = owner.redirected.get(node.id, owner) or owner
        if owner is not names.scope_of(node):
            return True
        for use in owner.uses.get(node.id, []):
            if names.contains(loop, use):
                continue
            if names.scope_of(use).frame is not owner.frame:
                return True
            if any(b.kind is BindingKind.LOOP and b.statement is loop for b in names.reaching(use)):
                return True
    return False
