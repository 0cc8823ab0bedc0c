"""Which names and objects of a module change, and where."""

from __future__ import annotations

import ast

from ray_lint.program.callers import given_values
from ray_lint.program.class_members import class_members
from ray_lint.program.effects import table
from ray_lint.program.functions import given_back
from ray_lint.program.module import Module
from ray_lint.program.names import LOOPS, Binding, BindingKind, ModuleNames, Scope
from ray_lint.program.node_index import once_per_module

_DEPTH = 4  # aliases followed
_DRAWS = {"choice", "choices", "sample", "permutation"} | table.NUMBERS_DRAWN
_Method = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def first_use(module: Module, function: ast.AST) -> ast.AST:
    """Return the place before which Ray cannot have pickled the function.

    Ray pickles a function at its first call. For a function of a module that is the first place in
    the module's own code that names it, or a function of the module that (through others) uses it.
    Else it is the definition.
    """
    names = module.names
    parent = names.parents.get(function)
    definition = parent if isinstance(parent, ast.ClassDef) else function
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return function
    root = names.root
    if names.scope_of(definition) is not root:
        return function
    reached: set[str] = set()
    waiting = [definition.name]
    found: list[ast.AST] = []
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for use in root.uses.get(name, []):
            inside = [n for n in names.ancestors(use) if isinstance(n, _DEFINITIONS)]
            if not inside or isinstance(inside[-1], ast.Lambda):
                found.append(use)
            elif definition not in inside:
                waiting.append(inside[-1].name)
    later = [n for n in found if names.order[n] > names.last[definition]]
    if not later or len(later) != len(found):
        return function
    return min(later, key=names.order.__getitem__)


def happens_before(
    module: Module, scope: Scope, node: ast.AST, function: ast.AST | None, anchor: ast.AST | None
) -> bool:
    """Whether code of ``scope`` itself runs for the last time before the function is pickled.

    ``anchor`` is the first use of ``function``; both are None for code of another module, which is
    complete once it is imported.
    """
    names = module.names
    if names.scope_of(node).frame is not scope.frame:
        return False
    if function is None or anchor is None:
        return True
    if names.order[node] > names.order[anchor]:
        return False
    # A loop around both brings the change back, unless each round defines the function anew.
    return not any(
        isinstance(loop, LOOPS)
        and names.contains(loop, node)
        and not names.contains(loop, function)
        for loop in names.ancestors(anchor)
    )


def rebinds(
    module: Module,
    scope: Scope,
    name: str,
    function: ast.AST | None,
    anchor: ast.AST | None,
) -> bool:
    """Whether the name may stand for something else after ``function`` was pickled.

    What is bound once, or before the function is used for the first time, is what every call
    sees.
    """
    names = module.names
    bindings = [b for b in scope.bindings.get(name, []) if b.kind is not BindingKind.DELETE]
    if len(bindings) == 1 and _straight(module, bindings[0], scope, function):
        return False
    late = [
        b
        for b in bindings
        if b.kind is not BindingKind.PARAMETER
        and not (
            (b.kind is BindingKind.AUGMENTED or names.scope_of(b.node).frame is scope.frame)
            and happens_before(module, scope, b.node, function, anchor)
        )
    ]
    if not late:
        return False
    return not (len(late) == len(bindings) and _exclusive(module, late))


def _straight(module: Module, binding: Binding, scope: Scope, function: ast.AST | None) -> bool:
    """Whether the only binding is made at most once, or anew before each definition."""
    names = module.names
    if binding.kind is BindingKind.PARAMETER:
        return True
    if names.scope_of(binding.node).frame is not scope.frame:
        return False
    for ancestor in names.ancestors(binding.node):
        if ancestor is scope.node:
            break
        if isinstance(ancestor, LOOPS):
            if function is None or names.order[function] > names.last[ancestor]:
                continue
            return names.contains(ancestor, function)
    return True


def _exclusive(module: Module, bindings: list[Binding]) -> bool:
    """Whether at most one of the bindings is made: branches of one ``if`` or ``try``."""
    names = module.names
    seen: set[tuple[int, str]] = set()
    for binding in bindings:
        if binding.statement is None or binding.statement not in names.blocks:
            return False
        block = names.blocks[binding.statement]
        if not isinstance(block.owner, ast.If | ast.Try | ast.ExceptHandler):
            return False
        owner = block.owner
        branch = (id(owner), block.field)
        if branch in seen:
            return False
        seen.add(branch)
    return True


def changing_uses(
    module: Module,
    scope: Scope,
    name: str,
    region: ast.AST | None = None,
    depth: int = 0,
    *,
    deep: bool = True,
) -> list[ast.AST]:
    """Return the uses of a name, in ``region`` if given, that may change its object in place.

    ``deep`` counts changes of what the object holds, too.
    """
    names = module.names
    key = (changing_uses, scope, name, depth, deep)
    asked = names.memo.setdefault(changing_uses, [])
    if key in asked:
        # A function that hands its parameter on to itself changes it only if another use does;
        # of functions that call each other in turn, each is taken to change it.
        return [] if key == asked[-1] else [scope.node]
    if key not in names.memo:
        asked.append(key)
        try:
            names.memo[key] = [
                *(
                    u
                    for u in scope.uses.get(name, [])
                    if changes_object(module, u, depth, deep=deep)
                ),
                *(b.node for b in scope.bindings.get(name, []) if b.kind is BindingKind.AUGMENTED),
            ]
        finally:
            asked.pop()
    return [node for node in names.memo[key] if region is None or names.contains(region, node)]


def changes_object(module: Module, use: ast.AST, depth: int = 0, *, deep: bool = True) -> bool:
    """Whether what is done with the expression may change the object it stands for."""
    names = module.names
    node = use
    while True:
        parent = names.parents.get(node)
        if isinstance(parent, ast.Attribute):
            if not isinstance(parent.ctx, ast.Load):
                return True
            if names.qualified(parent) in table.FLOATS:
                return False
            call = names.parents.get(parent)
            if isinstance(call, ast.Call) and call.func is parent:
                return _method_changes(module, call, parent, depth)
            node = parent
        elif isinstance(parent, ast.Subscript) and parent.value is node:
            if not isinstance(parent.ctx, ast.Load) or makes_entries(module, parent.value):
                return True
            if not deep:
                return False
            node = parent
        elif (
            isinstance(parent, ast.Call)
            and node in parent.args
            and _gives_part(module, parent, deep=deep)
        ):
            if _call_changes(module, parent, node):
                return True
            node = parent
        elif isinstance(parent, ast.Call) and parent.func is not node:
            return _call_changes(module, parent, node)
        elif isinstance(parent, ast.BinOp | ast.UnaryOp):
            methods = _operators(module, parent, node)
            if any(_changes_operand(module, m, place) for m, place in methods):
                return True
            if not methods:
                return False
            node = parent  # it may be what the operator gives back
        elif isinstance(parent, ast.keyword):
            call = names.parents.get(parent)
            return isinstance(call, ast.Call) and (
                parent.arg == "out" or _call_changes(module, call, node)
            )
        elif isinstance(parent, ast.Starred | ast.IfExp | ast.NamedExpr | ast.BoolOp):
            node = parent
        else:
            return _alias_changes(module, parent, node, depth, deep=deep)


@once_per_module
def _filling_classes(names: ModuleNames) -> frozenset[str]:
    """Return the classes of the module whose objects make the entries that are asked for."""
    filled = [b.node for bindings in class_members(names, "__missing__") for b in bindings]
    owners = [names.parents.get(method) for method in filled]
    return frozenset(owner.name for owner in owners if isinstance(owner, ast.ClassDef))


def makes_entries(module: Module, table: ast.expr, depth: int = 0) -> bool:
    """Whether reading ``table[key]`` may put an entry into it, as a ``defaultdict`` does."""
    names = module.names
    if depth > _DEPTH or table not in names.order:
        return False
    if isinstance(table, ast.Call):
        func = table.func
        if names.stands_for(func, "collections.defaultdict"):
            return True
        if not isinstance(func, ast.Name):
            return False
        if func.id in _filling_classes(names):
            return True
        makers = [b.node for b in names.reaching(func)]
        return any(
            makes_entries(module, value, depth + 1)
            for maker in makers
            if isinstance(maker, ast.FunctionDef)
            for value in given_back(names, maker)
        )
    if isinstance(table, ast.Attribute):
        stores = [n for n in names.attributes(table.attr) if isinstance(n.ctx, ast.Store)]
        values = [getattr(names.parents.get(store), "value", None) for store in stores]
        return any(
            isinstance(value, ast.Call) and makes_entries(module, value, depth + 1)
            for value in values
        )
    if not isinstance(table, ast.Name):
        return False
    found: list[ast.expr] = []
    for binding in names.reaching(table):
        if binding.kind is BindingKind.PARAMETER:
            found += given_values(module, binding)
        elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
            found.append(binding.value)
    return any(makes_entries(module, value, depth + 1) for value in found)


_ITSELF = frozenset({"type", "vars"})
_PARTS = frozenset({"getattr", "next", "max", "min"})
_SAME_ITEMS = frozenset({"list", "tuple", "sorted", "reversed", "enumerate", "zip", "iter"})


def _gives_part(module: Module, call: ast.Call, *, deep: bool) -> bool:
    """Whether a built-in function gives what it is given: its class or attributes, or an item."""
    names, name = module.names, call.func.id if isinstance(call.func, ast.Name) else ""
    parent = names.parents.get(call)
    loops = isinstance(parent, ast.For | ast.comprehension) and parent.iter is call
    gives = name in _ITSELF or (deep and (name in _PARTS or (loops and name in _SAME_ITEMS)))
    return gives and names.stands_for(call.func, f"builtins.{name}")


def _alias_changes(
    module: Module, parent: ast.AST | None, node: ast.AST, depth: int, *, deep: bool
) -> bool:
    """Whether a name that the object gets is used to change it."""
    target: ast.AST | None = None
    if isinstance(parent, ast.Assign) and parent.value is node:
        target = parent.targets[0]
    elif deep and isinstance(parent, ast.For | ast.comprehension) and parent.iter is node:
        target = None if _holds_constants(module, node) else parent.target
    if target is None or depth >= _DEPTH:
        return False
    names = module.names
    for part in ast.walk(target):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            scope = names.scope_of(part)
            owner = scope.redirected.get(part.id, scope) or scope
            uses = changing_uses(module, owner, part.id, depth=depth + 1, deep=deep)
            if any(_may_stand_for(module, use, part) for use in uses):
                return True
    return False


def _holds_constants(module: Module, items: ast.AST) -> bool:
    """Whether a name stands for displays whose items cannot be changed, of a dict its keys."""
    reaching = module.names.reaching(items) if isinstance(items, ast.Name) else []
    return bool(reaching) and all(
        isinstance(shown := binding.value, ast.Dict | ast.List | ast.Tuple | ast.Set)
        and all(
            _is_constant(e) for e in (shown.keys if isinstance(shown, ast.Dict) else shown.elts)
        )
        and not changing_uses(module, binding.scope, binding.name, deep=False)
        for binding in reaching
    )


def _is_constant(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Tuple):
        return all(_is_constant(part) for part in value.elts)
    return isinstance(value, ast.Constant)


def _may_stand_for(module: Module, use: ast.AST, target: ast.Name) -> bool:
    """Whether a use of a name may be of what one of its targets got."""
    if not isinstance(use, ast.Name):
        return True
    return any(binding.node is target for binding in module.names.reaching(use))


def _method_changes(module: Module, call: ast.Call, func: ast.Attribute, depth: int) -> bool:
    name = func.attr
    if name in {"remote", "options"}:
        return False
    if module.names.qualified(func) is not None:
        return False
    defined = [bindings[0].node for bindings in class_members(module.names, name)]
    for method in defined:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and _changes_first(
            module, method, depth
        ):
            return True
    if defined and _is_own(module, func):
        return False
    if name in table.CHANGING_METHODS:
        return True
    if name in table.READING_METHODS:
        return name in {"get", "values", "items"} and changes_object(module, call, depth)
    return not defined and name not in table.OUTSIDE_METHODS


def _is_own(module: Module, func: ast.Attribute) -> bool:
    """Whether ``self.method`` is a method of the class around."""
    names = module.names
    if not isinstance(func.value, ast.Name) or func.value.id != "self":
        return False
    owner = next((a for a in names.ancestors(func) if isinstance(a, ast.ClassDef)), None)
    return owner is not None and func.attr in names.scopes[owner].bindings


_UNARY: dict[type[ast.unaryop], str] = {
    ast.Invert: "__invert__",
    ast.UAdd: "__pos__",
    ast.USub: "__neg__",
}


def operator_methods(names: ModuleNames, operation: ast.BinOp | ast.UnaryOp) -> list[_Method]:
    """Return the methods of classes of the module that an operator may call."""
    if isinstance(operation, ast.UnaryOp):
        wanted = [_UNARY.get(type(operation.op), "")]
    else:
        name = table.OPERATORS[type(operation.op)]
        wanted = [f"__{name}__", f"__r{name}__"]
    found = [b.node for n in wanted for bindings in class_members(names, n) for b in bindings]
    return [node for node in found if isinstance(node, _Method)]


def _operators(
    module: Module, operation: ast.BinOp | ast.UnaryOp, operand: ast.AST
) -> list[tuple[_Method, int]]:
    """Return the methods that an operator may call, with the place of an operand among theirs."""
    methods = operator_methods(module.names, operation)
    if isinstance(operation, ast.UnaryOp):
        return [(method, 0) for method in methods]
    plain = f"__{table.OPERATORS[type(operation.op)]}__"
    second = operand is operation.right
    return [(method, int(second == (method.name == plain))) for method in methods]


def _changes_operand(module: Module, method: _Method, place: int) -> bool:
    """Whether an operator's method may change one of its operands."""
    every = [*method.args.posonlyargs, *method.args.args]
    if place >= len(every):
        return True
    memo, key = module.names.memo, (_changes_operand, method, place)
    if key not in memo:
        memo[key] = False  # while it is looked at: the operator may be part of its own method
        scope = module.names.scopes[method]
        memo[key] = bool(changing_uses(module, scope, every[place].arg))
    return bool(memo[key])


def _changes_first(
    module: Module, method: ast.FunctionDef | ast.AsyncFunctionDef, depth: int
) -> bool:
    """Whether a method may change ``self``."""
    arguments = [*method.args.posonlyargs, *method.args.args]
    if not arguments or depth >= _DEPTH:
        return bool(arguments)
    scope = module.names.scopes[method]
    return bool(changing_uses(module, scope, arguments[0].arg, depth=depth + 1))


def _call_changes(module: Module, call: ast.Call, argument: ast.AST) -> bool:
    """Whether a function may change what it is given."""
    names = module.names
    func = call.func
    if isinstance(func, ast.Attribute):
        if func.attr in {"remote", "options"}:
            return False
        if func.attr == "shuffle":
            return True
        own = _own_methods(module, func)
        if own:
            return any(_parameter_changes(module, method, call, argument, 1) for method in own)
        if func.attr in _DRAWS and not class_members(names, func.attr):
            return False
        if names.qualified(func) is None:
            own = _methods_by_name(module, func.attr)
            if own:
                return any(_parameter_changes(module, method, call, argument, 1) for method in own)
            return not (
                func.attr in table.READING_METHODS
                or func.attr in table.CHANGING_METHODS
                or func.attr in table.OUTSIDE_METHODS
            )
    known = names.qualified_names(func)
    if known:
        return not all(_leaves_alone(n, call, argument) for n in known)
    if isinstance(func, ast.Name):
        owner = names.owner(func)
        for binding in owner.bindings.get(func.id, []) if owner is not None else []:
            if isinstance(binding.node, ast.ClassDef) or _submits(module, binding):
                continue
            if not isinstance(binding.node, ast.FunctionDef | ast.AsyncFunctionDef):
                return True
            if _parameter_changes(module, binding.node, call, argument):
                return True
        return owner is None or not owner.bindings.get(func.id)
    return True


@once_per_module
def removes_keys(names: ModuleNames) -> bool:
    """Whether a module takes anything out of a dictionary, as far as its text tells."""
    calls = [c for c in names.index.every(ast.Call) if isinstance(c.func, ast.Attribute)]
    removing = any(
        call.func.attr in ("popitem", "clear") or (call.func.attr == "pop" and call.args)  # type: ignore[attr-defined]
        for call in calls
    )
    return removing or any(
        isinstance(target, ast.Subscript)
        for node in names.index.every(ast.Delete)
        for target in node.targets
    )


def _submits(module: Module, binding: Binding) -> bool:
    """Whether a name is given ``f.remote``, or a partial of it, which gets a copy of what it is."""
    value = binding.value if binding.kind is BindingKind.ASSIGN else None
    if isinstance(value, ast.Call) and module.names.stands_for(value.func, "functools.partial"):
        value = value.args[0] if value.args else None
    remote = isinstance(value, ast.Attribute) and value.attr == "remote"
    return remote and module.names.qualified(value) != "ray.remote"  # type: ignore[arg-type]


def _own_methods(module: Module, func: ast.Attribute) -> list[_Method]:
    """Return the methods that ``self.name`` may be: of its own class, or of one that is like it."""
    names = module.names
    if not isinstance(func.value, ast.Name) or func.value.id != "self":
        return []
    owner = next((a for a in names.ancestors(func) if isinstance(a, ast.ClassDef)), None)
    if owner is None or func.attr not in names.scopes[owner].bindings:
        return []
    return _methods_by_name(module, func.attr)


def _methods_by_name(module: Module, name: str) -> list[_Method]:
    """Return the methods of that name, none if a class has something else under it."""
    found = [b.node for bindings in class_members(module.names, name) for b in bindings]
    methods = [node for node in found if isinstance(node, _Method)]
    decorated = any(method.decorator_list for method in methods)
    return methods if len(methods) == len(found) and not decorated else []


def _leaves_alone(name: str, call: ast.Call, argument: ast.AST) -> bool:
    if name in table.CHANGES_ARGUMENT:
        index = table.CHANGES_ARGUMENT[name][0]
        return index < len(call.args) and call.args[index] is not argument
    if name.endswith(".shuffle"):
        return False
    return (
        name in table.FUNCTIONS
        or table.foreign(name) is not None
        or name.startswith(("builtins.", "math.", "itertools.", "functools.", "collections."))
    )


def _parameter_changes(
    module: Module,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    call: ast.Call,
    argument: ast.AST,
    skip: int = 0,
) -> bool:
    """Whether the parameter that gets the argument may be changed in the body.

    ``skip`` parameters come before those that the call gives.
    """
    scope = module.names.scopes[function]
    every = [*function.args.posonlyargs, *function.args.args][skip:]
    parameters = {a.arg for a in (*every, *function.args.kwonlyargs)}
    if argument in call.args and not any(isinstance(a, ast.Starred) for a in call.args):
        index = call.args.index(argument)
        if index < len(every):
            parameters = {every[index].arg}
    for keyword in call.keywords:
        if keyword.value is argument and keyword.arg in parameters:
            parameters = {keyword.arg}
    return any(changing_uses(module, scope, p, depth=2) for p in parameters)
