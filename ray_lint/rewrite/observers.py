"""What in a program would see that a loop submits its tasks later, or in other calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from ray_lint.program.class_members import class_of_receiver
from ray_lint.program.facts import Site
from ray_lint.program.names import FUNCTIONS, TRIES, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.remotes import CalleeKind
from ray_lint.rewrite.entries import WRITTEN_OUT
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.plan import Argument, Declined, Doubts
from ray_lint.rewrite.targets import Target
from ray_lint.rewrite.uses import taking_call

_RAY_PARTS = {"get", "wait", "remote", "options"}
_SETTERS = ("builtins.setattr", "builtins.vars")
_STEPS = 4  # names that an iterator is handed through
_KEEPING = {"append", "appendleft", "add", "insert", "put", "setdefault", "push", "extend"}
_FAILING = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_READS = (
    *(ast.Subscript, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.FormattedValue),
    *(ast.If, ast.While, ast.For, ast.Expr, ast.Return, ast.comprehension),
)


def judge_replaced_parts(names: ModuleNames, doubts: Doubts) -> None:
    """Doubt programs that put something of their own in the place of Ray's functions."""
    line = _replaced_part(names)
    if line is not None:
        doubts.add(f"line {line} puts something else in the place of a function of Ray")


@once_per_module
def _replaced_part(names: ModuleNames) -> int | None:
    """Return the first line that puts something into the place of a function of Ray."""
    return next(_replaced_parts(names), None)


def _replaced_parts(names: ModuleNames) -> Iterator[int]:
    for node in names.walk(names.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            holder = node.value
            own = node.attr in _RAY_PARTS and isinstance(holder, ast.Name)
            if own and isinstance(holder, ast.Name):
                # An object of the file may have options of its own.
                kept_by = class_of_receiver(names, holder)
                own = kept_by is None or bool(kept_by.bases)
            if own or names.qualified(node.value) == "builtins":
                yield node.lineno
        elif isinstance(node, ast.Call):
            given = [a.value for a in node.args if isinstance(a, ast.Constant)]
            parts = [a for a in given if isinstance(a, str)]
            func = ast.unparse(node.func)
            own = func.endswith(("setattr", "patch.object")) and bool(_RAY_PARTS & set(parts))
            if own or (func.endswith("patch") and any(p.startswith("ray.") for p in parts)):
                yield node.lineno


def judge_task_ids(names: ModuleNames, doubts: Doubts) -> None:
    """Doubt references of one batch where the program asks which task made each."""
    for node in names.attributes("task_id")[:1]:
        doubts.add(f"line {node.lineno} asks for the task of a reference")


def judge_documentation(names: ModuleNames, handle: str, doubts: Doubts) -> None:
    """Doubt a remote function whose own function the program looks into."""
    line = _looked_into(names).get(handle)
    if line is not None:
        doubts.add(f"line {line} looks into `{handle}`")


@once_per_module
def _looked_into(names: ModuleNames) -> dict[str, int]:
    """Return the names of which an underscored attribute is read, not called: the first line."""
    lines: dict[str, int] = {}
    for node in names.index.every(ast.Attribute):
        if not node.attr.startswith("_"):
            continue
        outer = names.parents.get(node)
        called = isinstance(outer, ast.Call) and outer.func is node
        if isinstance(node.value, ast.Name) and not called:
            lines.setdefault(node.value.id, node.value.lineno)
    return lines


# -- what a region calls ----------------------------------------------------------------------


def reachable(names: ModuleNames, nodes: Iterable[ast.AST]) -> set[ast.AST]:
    """Return the functions of the module that the code may call, by name or by attribute.

    Remote functions and actor methods that it submits are none of them.
    """
    methods = methods_of(names)
    found: set[ast.AST] = set()
    waiting = list(nodes)
    while waiting:
        for node in names.walk(waiting.pop()):
            callees: list[ast.AST] = []
            parent = names.parents.get(node)
            if isinstance(parent, ast.Attribute) and parent.attr in ("remote", "options"):
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                callees = list(code_of(names, node))
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                callees = methods.get(node.attr, [])
            for callee in callees:
                if callee not in found:
                    found.add(callee)
                    waiting.append(callee)
    return found


def iterated_code(names: ModuleNames, region: ast.AST) -> set[ast.AST]:
    """Return the functions that may run while a loop takes its items.

    Those that made an iterator before the loop are among them.
    """
    nodes: list[ast.AST] = [
        part.iter
        for part in names.walk(region)
        if isinstance(part, ast.For | ast.AsyncFor | ast.comprehension)
    ]
    found: set[ast.AST] = set()
    for _ in range(_STEPS):
        found |= reachable(names, nodes)
        found |= {n for n in nodes if isinstance(n, ast.GeneratorExp)}
        before = [
            binding.value
            for node in nodes
            for name in names.walk(node)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)
            for binding in names.reaching(name)
            if binding.value is not None and not names.contains(region, binding.node)
        ]
        nodes = [value for value in before if value in names.order]
        if not nodes:
            break
    made = [code for code in found if isinstance(names.parents.get(code), ast.ClassDef)]
    return found | (set(special_methods(names)) if made else set())


@once_per_module
def methods_of(names: ModuleNames) -> dict[str, list[ast.AST]]:
    """Return the methods of all classes of the module by name."""
    methods: dict[str, list[ast.AST]] = {}
    for scope in names.scopes.values():
        if scope.is_class:
            for name, bindings in scope.bindings.items():
                code = [b.node for b in bindings if isinstance(b.node, FUNCTIONS)]
                methods.setdefault(name, []).extend(code)
    return methods


def code_of(names: ModuleNames, name: ast.Name) -> Iterator[ast.AST]:
    """Yield the functions that a name may stand for; for a class all its methods."""
    owner = names.owner(name)
    for binding in owner.bindings.get(name.id, []) if owner is not None else []:
        if isinstance(binding.node, FUNCTIONS):
            yield binding.node
        elif isinstance(binding.node, ast.ClassDef):
            yield from (s for s in binding.node.body if isinstance(s, FUNCTIONS))
        elif isinstance(binding.value, ast.Lambda):
            yield binding.value


def special_methods(names: ModuleNames) -> list[ast.AST]:
    """Return the methods that syntax calls: ``__len__``, ``__exit__`` and the like."""
    return [
        m
        for name, found in methods_of(names).items()
        if name.startswith("__") and name != "__init__"
        for m in found
    ]


# -- the collection of references -------------------------------------------------------------


def judge_other_views(names: ModuleNames, shape: Shape) -> None:
    """Decline a loop that may look at its collection of references in another way than by name."""
    container, region = shape.container, shape.region
    if container is None or shape.form not in (Form.APPEND, Form.STORE):
        return
    text = ast.unparse(container)
    others = [
        n
        for n in names.walk(region)
        if isinstance(n, ast.Name | ast.Attribute) and not names.contains(container, n)
    ]
    if isinstance(container, ast.Attribute):
        aliases = _aliases(names, container.attr)
        for other in others:
            if (other.attr if isinstance(other, ast.Attribute) else other.id) in aliases:
                raise Declined(f"the loop may look at `{text}` by the name `{ast.unparse(other)}`")
        code = reachable(names, _without(names, shape, container))
        base = [n for n in ast.walk(container) if isinstance(n, ast.Name)]
        if any(isinstance(n, ast.Name) and n.id in {b.id for b in base} for n in others):
            code |= set(special_methods(names))
        code |= iterated_code(names, region)
        for function in code:
            if names.attributes(container.attr, function):
                raise Declined(f"the loop calls code that may look at `{text}`")
        return
    if not isinstance(container, ast.Name):
        return
    owner = names.owner(container)
    if owner is None:
        return
    for function in iterated_code(names, region) - {names.scope_of(region).frame.node}:
        for node in names.walk(function):
            if (
                isinstance(node, ast.Name)
                and node.id == container.id
                and names.owner(node) is owner
                and not names.contains(region, node)
            ):
                raise Declined(f"the loop takes its items from code that looks at `{text}`")
    views, escapes = views_of(names, container, region)
    for node in others:
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        if node.id in views and names.owner(node) is owner:
            raise Declined(f"the loop may look at `{text}` by the name `{node.id}`")
    inside = names.scope_of(region).frame.node
    code = reachable(names, _without(names, shape, container))
    if shape.keeper is not None:
        filling = (function for function in code if _names(names, function, container))
        if shape.keeper in code or any(filling):
            raise Declined(f"the loop calls code that fills `{text}`, too")
    if inside in code and owner.node is not inside:
        raise Declined(f"the loop calls code that fills `{text}`, too")
    if escapes and code:
        raise Declined(f"the loop calls code that may look at `{text}`")


def _names(names: ModuleNames, function: ast.AST, container: ast.Name) -> bool:
    owner = names.owner(container)
    return any(
        isinstance(node, ast.Name) and node.id == container.id and names.owner(node) is owner
        for node in names.walk(function)
    )


def takes_out(names: ModuleNames, name: ast.Name, argument: Argument) -> bool:
    """Whether the argument is ``name.pop(...)``: an item that leaves its collection."""
    return argument.varying and taking_call(names, name) is argument.expression


@once_per_module
def _aliases(names: ModuleNames, attribute: str) -> set[str]:
    """Return the names and attributes that share an object with ``x.attribute``."""
    found: set[str] = set()
    for node in names.attributes(attribute):
        statement = names.parents.get(node)
        if isinstance(statement, ast.Assign):
            places = [*statement.targets, statement.value]
            found |= {p.attr for p in places if isinstance(p, ast.Attribute)}
            found |= {p.id for p in places if isinstance(p, ast.Name)}
    return found - {attribute}


def _without(names: ModuleNames, shape: Shape, container: ast.expr) -> list[ast.AST]:
    """Return the parts of a region without the container and what fills it."""
    region = shape.region
    chain = {container, names.parents.get(container)}
    if shape.keeper is not None and isinstance(shape.node, ast.Expr):
        call = shape.node.value
        assert isinstance(call, ast.Call)
        chain.add(call.func)
    return [n for n in names.walk(region) if n is not region and n not in chain and _leaf(n)]


def _leaf(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)


def _has_its_own(target: ast.expr, binding: Binding) -> bool:
    """Whether a name gets an object of its own in ``owners, refs = [], []``."""
    paired = isinstance(target, ast.Tuple | ast.List) and binding.node in target.elts
    return paired and isinstance(binding.value, WRITTEN_OUT)


def views_of(names: ModuleNames, container: ast.Name, region: ast.AST) -> tuple[set[str], bool]:
    """Return the names whose objects are or hold the collection, and whether more may hold it."""
    owner = names.owner(container)
    assert owner is not None
    views: set[str] = set()
    escapes = False

    def keep(target: ast.expr) -> None:
        nonlocal escapes
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and part.id != container.id:
                if isinstance(part.ctx, ast.Store):
                    views.add(part.id)
                elif isinstance(target, ast.Attribute | ast.Subscript):
                    escapes = True

    for binding in names.reaching(container):
        statement = binding.statement
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if not _has_its_own(target, binding):
                    keep(target)
        if isinstance(binding.value, ast.Name):
            views.add(binding.value.id)
        elif isinstance(binding.value, ast.Attribute | ast.Subscript):
            escapes = True
    for use in owner.uses.get(container.id, []):
        if use is container or names.order[use] > names.last[region]:
            continue
        node: ast.AST = use
        parent = names.parents.get(node)
        if isinstance(parent, _READS):
            continue
        if isinstance(parent, ast.Attribute):
            node, parent = parent, names.parents.get(parent)
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
        elif isinstance(parent, ast.Call) and any(
            n.startswith(("builtins.", "ray.")) for n in names.qualified_names(parent.func)
        ):
            continue
        statement = names.statement_of(use)
        if isinstance(statement, ast.Assign) and statement.value is not node:
            for target in statement.targets:
                keep(target)
            # A call may also keep what it gets.
            escapes = escapes or isinstance(parent, ast.Call)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                keep(target)
        else:
            escapes = True
    return views, escapes


# -- failures ---------------------------------------------------------------------------------


def judge_half_filled(names: ModuleNames, shape: Shape, doubts: Doubts) -> None:
    """Doubt a loop that fails, where somebody may look at what it had collected until then."""
    container, region = shape.container, shape.region
    if shape.form is Form.EXPRESSION and shape.collection == "iterator":
        # ``refs.extend(f.remote(x) for x in xs)`` keeps what came before a failure.
        call = names.parents.get(shape.node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            container = call.func.value
        elif isinstance(call, ast.AugAssign):
            container = call.target
    elif shape.form not in (Form.APPEND, Form.STORE, Form.DEAL):
        return
    if container is None or not _may_fail(names, shape):
        return
    text = ast.unparse(container)
    frame = names.scope_of(region).frame.node
    child: ast.AST = region
    for parent in names.ancestors(region):
        if isinstance(parent, FUNCTIONS):
            break
        if isinstance(parent, TRIES) and child not in parent.finalbody:
            finally_reads = any(
                ast.unparse(n) == text
                for s in parent.finalbody
                for n in names.walk(s)
                if isinstance(n, ast.Name | ast.Attribute)
            )
            if finally_reads:
                doubts.add(f"`{text}` is read when the loop fails")
            if shape.form is Form.EXPRESSION and parent.handlers and child in parent.body:
                doubts.add("a failure inside the loop is handled around it")
        if isinstance(parent, ast.With | ast.AsyncWith):
            for item in parent.items:
                _judge_manager(names, item.context_expr, text, doubts)
        child = parent
    if not isinstance(frame, FUNCTIONS):
        return
    if isinstance(container, ast.Name):
        owner = names.owner(container)
        given = owner is not None and any(
            b.kind is BindingKind.PARAMETER for b in owner.bindings.get(container.id, [])
        )
        if owner is None or (owner.node is frame and not given):
            return
    for node in _handlers(names).get(frame, []):
        if not names.contains(frame, node):
            doubts.add(f"line {node.lineno} handles a failure of the loop, which fills `{text}`")
            return


@once_per_module
def _handlers(names: ModuleNames) -> dict[ast.AST, list[ast.stmt]]:
    """Return the statements that handle failures of what they hold, by the functions it calls."""
    found: dict[ast.AST, list[ast.stmt]] = {}
    handling: list[ast.Try | ast.With] = [
        node for kind in TRIES for node in names.index.every(kind) if node.handlers
    ]
    handling += [
        node
        for node in names.index.every(ast.With)
        if any(swallows(names, item.context_expr) for item in node.items)
    ]
    for statement in sorted(handling, key=names.order.__getitem__):
        for function in reachable(names, statement.body):
            found.setdefault(function, []).append(statement)
    return found


def _judge_manager(names: ModuleNames, manager: ast.expr, text: str, doubts: Doubts) -> None:
    given = any(
        ast.unparse(n) == text
        for n in names.walk(manager)
        if isinstance(n, ast.Name | ast.Attribute)
    )
    if given or swallows(names, manager):
        doubts.add("a failure inside the loop is handled around it")


def swallows(names: ModuleNames, manager: ast.expr) -> bool:
    """Whether a context manager may keep failures to itself, as far as the module tells."""
    func = manager.func if isinstance(manager, ast.Call) else manager
    known = names.qualified(func) or ""
    if known.startswith(("contextlib.", "pytest.", "unittest.")):
        return known.rpartition(".")[2] in ("suppress", "raises", "ExitStack", "assertRaises")
    if isinstance(func, ast.Attribute) and func.attr.startswith("assertRaises"):
        return True
    made = reachable(names, [manager])
    return any(
        (isinstance(f, ast.FunctionDef) and f.name == "__exit__" and _gives(names, f))
        or any(isinstance(n, TRIES) and n.handlers for n in names.walk(f))
        for f in made
    )


@once_per_module
def handles_failures(names: ModuleNames) -> bool:
    """Whether the program may go on after something failed, as far as the module tells."""
    if any(handled.handlers for kind in TRIES for handled in names.index.every(kind)):
        return True
    blocks: list[ast.With | ast.AsyncWith] = [
        *names.index.every(ast.With),
        *names.index.every(ast.AsyncWith),
    ]
    return any(swallows(names, item.context_expr) for block in blocks for item in block.items)


def _gives(names: ModuleNames, function: ast.FunctionDef) -> bool:
    return any(
        isinstance(n, ast.Return)
        and n.value is not None
        and not (isinstance(n.value, ast.Constant) and not n.value.value)
        for n in names.walk(function)
    )


def _may_fail(names: ModuleNames, shape: Shape) -> bool:
    """Whether the loop may end by an exception: all but plain loops that pass their items on."""
    loop = shape.loop
    if loop is None:
        return True
    for node in names.walk(loop):
        if isinstance(node, ast.Call):
            safe = node is _plain_iterable(loop, node) or _submits(node) or _fills(node, shape)
            if not safe and names.qualified(node.func) not in ("builtins.range", "builtins.print"):
                return True
        elif isinstance(node, ast.Subscript | ast.Raise | ast.Assert | ast.Tuple | ast.List):
            return True
        elif isinstance(node, ast.BinOp) and isinstance(node.op, _FAILING):
            certain = isinstance(node.right, ast.Constant) and bool(node.right.value)
            if not certain:
                return True
    return False


def _plain_iterable(loop: ast.AST, node: ast.Call) -> ast.Call | None:
    """Return the call if it is the plain iterable ``xs.items()`` or ``enumerate(xs)``."""
    if isinstance(loop, ast.For) and loop.iter is node:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        plain = isinstance(node.func, ast.Name) and node.func.id in ("enumerate", "reversed")
        if plain or name in ("items", "values", "keys"):
            return node
    return None


def _submits(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("remote", "options")


def _fills(node: ast.Call, shape: Shape) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.value is shape.container


# -- actors -----------------------------------------------------------------------------------


def judge_actor_order(names: ModuleNames, site: Site, shape: Shape) -> None:
    """Decline calls of an actor between which helpers may call it, too."""
    if site.callee.kind is not CalleeKind.ACTOR_METHOD:
        return
    for function in reachable(names, [shape.region]):
        if names.attributes("remote", function):
            raise Declined("the loop calls code that talks to actors")


def _replaces(names: ModuleNames, owner: ast.AST, method: str) -> bool:
    """Whether an object of a class gets an attribute of the method's name.

    Ray calls the method of the class all the same, code of the class calls the attribute.
    """
    for node in names.walk(owner):
        if isinstance(node, ast.Attribute):
            if node.attr == method and isinstance(node.ctx, ast.Store):
                return True
            parent = names.parents.get(node)
            key = parent.slice if isinstance(parent, ast.Subscript) else None
            other = isinstance(key, ast.Constant) and key.value != method
            if node.attr == "__dict__" and not other:
                return True
        elif isinstance(node, ast.Call) and names.stands_for(node.func, *_SETTERS):
            return True
    return False


def judge_kept(
    target: Target,
    arguments: list[Argument],
    is_plain: Callable[[ast.expr], bool],
    doubts: Doubts,
) -> bool:
    """Return whether an actor keeps items, each of which must then be an object of its own.

    Doubts arguments that all items of a batch have in common.
    """
    names, definition = target.home.names, target.definition
    if not target.is_method or not isinstance(definition, ast.FunctionDef):
        return False
    owner = names.parents.get(definition)
    if isinstance(owner, ast.ClassDef) and any(
        isinstance(s, ast.FunctionDef) and s.name == "__getattribute__" for s in owner.body
    ):
        raise Declined("the actor notices which of its methods are read")
    if owner is not None and _replaces(names, owner, definition.name):
        raise Declined("the actor puts something else in the place of its method")
    keeps = False
    for argument in arguments:
        if is_plain(argument.expression) or not _keeps(names, definition, argument.parameter):
            continue
        if argument.varying:
            keeps = True
        else:
            doubts.add(f"the actor keeps `{argument.parameter}`, which a batch has only once")
    return keeps


def _keeps(names: ModuleNames, method: ast.FunctionDef, parameter: str) -> bool:
    """Whether a method puts its parameter into something that outlives the call."""
    for use in names.scopes[method].uses.get(parameter, []):
        child: ast.AST = use
        parent = names.parents.get(use)
        while isinstance(parent, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.keyword):
            child, parent = parent, names.parents.get(parent)
        if isinstance(parent, ast.Assign) and child is parent.value:
            return any(not isinstance(t, ast.Name) for t in parent.targets)
        func = parent.func if isinstance(parent, ast.Call) else None
        if isinstance(func, ast.Attribute) and func.attr in _KEEPING:
            return True
    return False
