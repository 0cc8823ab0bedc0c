"""The form in which a program submits once per item, and what it does with the references."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, field

from ray_lint.program.fstrings import NEEDED
from ray_lint.program.names import COMPREHENSIONS, LOOPS, Binding, BindingKind, ModuleNames
from ray_lint.program.submissions import Submission
from ray_lint.rewrite.plan import Argument, Declined, Repeat

RAY_GET = ("ray.get", "ray.worker.get")


class Form(enum.Enum):
    """What is replaced, and by what."""

    EXPRESSION = "expression"
    """An expression whose value is a collection of all references."""
    DICT = "dict"
    """A dict comprehension whose values are the references."""
    APPEND = "append"
    """A loop that appends each reference to a list."""
    STORE = "store"
    """A loop that stores each reference under a key."""
    DROP = "drop"
    """A loop that does not keep the references."""
    YIELD = "yield"
    """A loop of a generator that yields each reference."""
    NEXT = "next"
    """Any other place of the call: it takes the next of the references submitted before."""


@dataclass(eq=False)
class Shape:
    """The form of one site.

    ``node`` is what gets replaced (an expression, or the statement with the call), ``region`` what
    repeats the submission: a comprehension, or the outermost loop that only collects. ``repeats``
    are the loops as comprehension clauses, outermost first; None if the loop does more than that.
    ``collection`` is list, tuple, set or iterator (for a dict: keys or values, whichever the
    references are); ``container`` the list or dict that is filled.
    """

    form: Form
    node: ast.AST
    region: ast.AST
    repeats: list[Repeat] | None
    collection: str = "list"
    container: ast.expr | None = None
    key: ast.expr | None = None
    loop: ast.For | ast.AsyncFor | ast.While | None = None
    aliases: list[ast.Assign] = field(default_factory=list)
    beside: ast.Tuple | None = None
    """The tuple in which an appended reference is kept with other values."""
    lengths: list[ast.Call] = field(default_factory=list)
    """The calls ``len(container)`` in the loop: what is collected counts for them, too."""
    siblings: list[ast.Expr] = field(default_factory=list)
    """The other statements of the loop that append to the container."""
    skips: list[ast.If] = field(default_factory=list)
    """The statements ``if …: continue`` of the loops that are among the conditions."""
    limit: ast.expr | None = None
    """``n`` of a loop that is nothing but ``while len(refs) < n: refs.append(f.remote())``."""
    merged: list[tuple[ast.Expr, list[Argument]]] = field(default_factory=list)
    """Those of the siblings that submit the same function, with what they pass to it."""
    narrower: Shape | None = None
    """The same site with fewer of its loops, to fall back on."""


def find_shape(submission: Submission) -> Shape:
    """Return the form of a site. Raises Declined for a place that no form describes."""
    names = submission.module.names
    call = submission.call
    if NEEDED and in_fstring(names, call) and not _is_placed(submission):
        raise Declined("the call stands inside an f-string that cannot be taken apart")
    if submission.is_mapped:
        return _mapped(names, submission)
    try:
        shape = _direct(names, call)
    except Declined:
        shape = _elsewhere(names, call)
    if shape.form is Form.NEXT:
        broadest = shape
        while shape.narrower is not None:
            shape = shape.narrower
        shape.narrower = _beside(names, call)
        return broadest
    if shape.form in (Form.APPEND, Form.STORE) and shape.narrower is None:
        try:
            shape.narrower = _elsewhere(names, call)
        except Declined:
            shape.narrower = None
    return shape


def in_fstring(names: ModuleNames, node: ast.AST) -> bool:
    """Whether a node stands inside of an f-string."""
    return any(isinstance(n, ast.JoinedStr) for n in names.ancestors(node))


def _is_placed(submission: Submission) -> bool:
    """Whether it is known where the parts of the f-string around a call stand."""
    strings = [
        n
        for n in submission.module.names.ancestors(submission.call)
        if isinstance(n, ast.JoinedStr)
    ]
    return len(strings) == 1 and strings[0] in submission.module.placed


def _direct(names: ModuleNames, call: ast.Call) -> Shape:
    """Return the form of a call whose reference is kept or dropped as it is."""
    node: ast.expr = call
    parent = names.parents[node]
    if isinstance(parent, COMPREHENSIONS):
        return _comprehension(names, parent, node)
    if isinstance(parent, ast.Expr):
        return _statement(names, Form.DROP, parent, call, None)
    if isinstance(parent, ast.Yield) and isinstance(names.parents[parent], ast.Expr):
        return _yielded(names, parent, call)
    appended = _appended(names, node, parent)
    if appended is not None:
        statement, container = appended
        shape = _statement(names, Form.APPEND, statement, call, container)
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            shape.collection = "set" if value.func.attr == "add" else "list"
        return shape
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
        if isinstance(target, ast.Subscript):
            shape = _statement(names, Form.STORE, parent, call, target.value)
            shape.key = target.slice
            return shape
        if isinstance(target, ast.Name):
            return _through_name(names, parent, target, call)
    return _elsewhere(names, call)


def _yielded(names: ModuleNames, node: ast.Yield, call: ast.Call) -> Shape:
    """Recognize ``for x in xs: yield f.remote(x)`` in a function whose callers take all at once."""
    statement = names.parents[node]
    assert isinstance(statement, ast.Expr)
    function = names.scope_of(statement).node
    if not isinstance(function, ast.FunctionDef) or not _drained(names, function):
        raise Declined("the references are taken from the generator one by one")
    return _statement(names, Form.YIELD, statement, call, None)


def _drained(names: ModuleNames, function: ast.FunctionDef) -> bool:
    """Whether all calls of a generator function stand where its items are taken at once."""
    scope = names.scope_of(function)
    if scope.is_class or len(scope.bindings.get(function.name, [])) != 1:
        return False
    uses = scope.uses.get(function.name, [])
    return bool(uses) and all(_taken_at_once(names, use) for use in uses)


def _taken_at_once(names: ModuleNames, use: ast.Name) -> bool:
    call = names.parents[use]
    if not isinstance(call, ast.Call) or call.func is not use:
        return False
    parent = names.parents[call]
    if isinstance(parent, ast.Starred):
        return isinstance(names.parents[parent], ast.List)
    if isinstance(parent, ast.AugAssign):
        return isinstance(parent.op, ast.Add)
    if not isinstance(parent, ast.Call) or parent.args != [call]:
        return False
    if isinstance(parent.func, ast.Attribute):
        return parent.func.attr == "extend"
    return names.stands_for(parent.func, "builtins.list", "builtins.tuple", "builtins.set")


def _beside(names: ModuleNames, call: ast.Call) -> Shape | None:
    """Recognize ``pairs.append((item, f.remote(item)))``: the reference is kept in a tuple."""
    parent = names.parents[call]
    if not isinstance(parent, ast.Tuple) or any(isinstance(e, ast.Starred) for e in parent.elts):
        return None
    appended = _appended(names, parent, names.parents[parent])
    if appended is None:
        return None
    try:
        shape = _statement(names, Form.APPEND, appended[0], call, appended[1])
    except Declined:
        return None
    shape.beside = parent
    shape.repeats = None
    return shape


def _mapped(names: ModuleNames, submission: Submission) -> Shape:
    call = submission.call
    iterables = call.args[1:]
    if call.keywords or any(isinstance(a, ast.Starred) for a in iterables):
        raise Declined("the iterables of `map` are starred")
    targets = [ast.Name(id=f"item_{i}", ctx=ast.Store()) for i in range(len(iterables))]
    function = call.args[0]
    if isinstance(function, ast.Lambda):
        spec = function.args
        if spec.vararg or spec.kwarg or spec.kwonlyargs or spec.defaults:
            raise Declined("the lambda has more than plain parameters")
        targets = [ast.Name(id=a.arg, ctx=ast.Store()) for a in [*spec.posonlyargs, *spec.args]]
        if len(targets) != len(iterables):
            raise Declined("the lambda and `map` disagree about the number of arguments")
    if len(iterables) == 1:
        repeat = Repeat(targets[0], iterables[0])
    else:
        zipped = ast.Call(func=ast.Name("zip", ast.Load()), args=iterables, keywords=[])
        repeat = Repeat(ast.Tuple(elts=list(targets), ctx=ast.Store()), zipped)
    node, collection = _collected(names, call, "iterator")
    return Shape(Form.EXPRESSION, node, call, [repeat], collection)


def _collected(names: ModuleNames, node: ast.expr, collection: str) -> tuple[ast.expr, str]:
    """Widen an iterator to the ``list(...)``, ``[*...]`` or the like that consumes it at once."""
    parent = names.parents[node]
    if (
        isinstance(parent, ast.Call)
        and parent.args == [node]
        and not parent.keywords
        and isinstance(parent.func, ast.Name)
    ):
        for kind in ("list", "tuple", "set"):
            if names.qualified(parent.func) == f"builtins.{kind}":
                return parent, kind
    if isinstance(parent, ast.Starred):
        display = names.parents[parent]
        if isinstance(display, ast.List | ast.Set) and len(display.elts) == 1:
            return display, "list" if isinstance(display, ast.List) else "set"
        if isinstance(display, ast.Tuple) and len(display.elts) == 1:
            return display, "tuple"
    return node, collection


def _comprehension(names: ModuleNames, comprehension: ast.expr, call: ast.expr) -> Shape:
    assert isinstance(comprehension, COMPREHENSIONS)
    if any(g.is_async for g in comprehension.generators):
        raise Declined("the comprehension is asynchronous")
    for generator in comprehension.generators:
        for part in (generator.iter, *generator.ifs):
            if any(isinstance(n, ast.NamedExpr | ast.Await) for n in ast.walk(part)):
                raise Declined("the comprehension awaits or assigns")
    repeats = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in comprehension.generators]
    if isinstance(comprehension, ast.DictComp):
        as_keys = comprehension.key is call
        other = comprehension.value if as_keys else comprehension.key
        kind = "keys" if as_keys else "values"
        return Shape(Form.DICT, comprehension, comprehension, repeats, kind, key=other)
    outer = _outer_comprehension(names, comprehension)
    if outer is not None:
        shape = _elsewhere(names, call)
        if shape.region is not comprehension:
            return shape
    if isinstance(comprehension, ast.ListComp):
        appended = _extended(names, comprehension)
        if appended is not None:
            return appended
        return Shape(Form.EXPRESSION, comprehension, comprehension, repeats)
    if isinstance(comprehension, ast.SetComp):
        return Shape(Form.EXPRESSION, comprehension, comprehension, repeats, "set")
    appended = _extended(names, comprehension)
    if appended is not None:
        return appended
    node, collection = _collected(names, comprehension, "iterator")
    return Shape(Form.EXPRESSION, node, comprehension, repeats, collection)


def _outer_comprehension(names: ModuleNames, node: ast.AST) -> ast.AST | None:
    """Return a comprehension whose *element* holds the given one, if there is one."""
    child = node
    for parent in names.ancestors(node):
        if isinstance(parent, ast.stmt | ast.Lambda):
            return None
        if isinstance(parent, COMPREHENSIONS) and not isinstance(child, ast.comprehension):
            return parent
        child = parent
    return None


def _extended(names: ModuleNames, comprehension: ast.expr) -> Shape | None:
    """Recognize ``refs.extend([f.remote(x) for …])`` and ``refs += [...]`` inside a loop."""
    parent = names.parents[comprehension]
    statement: ast.AST | None = None
    container: ast.expr | None = None
    if (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "extend"
        and parent.args == [comprehension]
        and not parent.keywords
    ):
        statement, container = names.parents[parent], parent.func.value
    elif isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.Add):
        statement, container = parent, parent.target
    if not isinstance(statement, ast.Expr | ast.AugAssign) or not isinstance(container, ast.Name):
        return None
    if not any(isinstance(n, LOOPS) for n in _loops_around(names, statement)):
        return None
    assert isinstance(comprehension, ast.ListComp | ast.GeneratorExp)
    shape = _statement(names, Form.APPEND, statement, comprehension.elt, container)
    if shape.loop is None:
        return None
    if shape.repeats is not None:
        inner = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in comprehension.generators]
        shape.repeats = [*shape.repeats, *inner]
    return shape


def _loops_around(names: ModuleNames, statement: ast.stmt) -> list[ast.AST]:
    return [n for n in names.enclosing_loops(statement) if isinstance(n, LOOPS)]


def _appended(
    names: ModuleNames, node: ast.expr, parent: ast.AST
) -> tuple[ast.stmt, ast.expr] | None:
    """Recognize ``refs.append(node)``, ``refs += [node]`` and ``refs.extend([node])``."""
    if isinstance(parent, ast.List) and parent.elts == [node]:
        outer = names.parents[parent]
        if isinstance(outer, ast.AugAssign) and isinstance(outer.op, ast.Add):
            return outer, outer.target
        method, node, parent = "extend", parent, outer
    else:
        method = "append"
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
            method = "add" if parent.func.attr == "add" else "append"
    if (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == method
        and parent.args == [node]
        and not parent.keywords
    ):
        statement = names.parents[parent]
        if isinstance(statement, ast.Expr):
            return statement, parent.func.value
    return None


def _through_name(
    names: ModuleNames, assignment: ast.Assign, target: ast.Name, call: ast.Call
) -> Shape:
    """Follow ``ref = f.remote(x)`` to the one statement of the same block that keeps ``ref``."""
    scope = names.scope_of(target)
    scope = scope.redirected.get(target.id, scope) or scope
    uses = scope.uses.get(target.id, [])
    bindings = scope.bindings[target.id]
    if len(uses) == 1 and len(bindings) == 1:
        use = uses[0]
        statement = names.statement_of(use)
        same_block = (
            statement is not None
            and names.blocks[statement].statements is names.blocks[assignment].statements
        )
        if same_block:
            parent = names.parents[use]
            appended = _appended(names, use, parent)
            shape: Shape | None = None
            if appended is not None:
                shape = _statement(names, Form.APPEND, appended[0], call, appended[1])
            elif (
                isinstance(parent, ast.Assign)
                and parent.value is use
                and len(parent.targets) == 1
                and isinstance(parent.targets[0], ast.Subscript)
            ):
                store = parent.targets[0]
                shape = _statement(names, Form.STORE, parent, call, store.value)
                shape.key = store.slice
            if shape is not None and shape.loop is not None:
                shape.aliases.append(assignment)
                shape.repeats = None
                return shape
    return _elsewhere(names, call)


def _statement(
    names: ModuleNames,
    form: Form,
    statement: ast.stmt,
    call: ast.expr,
    container: ast.expr | None,
) -> Shape:
    """Describe a statement inside loops that submits and keeps (or drops) the reference."""
    loops = [n for n in _loops_around(names, statement) if isinstance(n, LOOPS)]
    loop = None
    touches = _Touches()
    for candidate in loops:
        if container is not None:
            found = _touches(names, container, candidate, statement, may_append=form is Form.APPEND)
            if found is None:
                break
            touches = found
        if form is Form.DROP and loop is not None and not _only_statement(names, loop):
            break
        if form is Form.YIELD and _yields(names, candidate) > 1:
            break
        loop = candidate
    if loop is None:
        raise Declined("the loop itself uses the collection of references")
    shape = Shape(
        form,
        statement,
        loop,
        _as_clauses(names, loop, statement),
        container=container,
        loop=loop,
        lengths=touches.lengths,
        siblings=touches.siblings,
    )
    if touches.lengths or touches.siblings:
        shape.repeats = None
        shape.limit = _limit(names, shape)
    return shape


def _yields(names: ModuleNames, loop: ast.AST) -> int:
    return sum(isinstance(n, ast.Yield | ast.YieldFrom) for n in names.walk(loop))


def _limit(names: ModuleNames, shape: Shape) -> ast.expr | None:
    """Return ``n`` if the loop does nothing but fill an empty list up to the integer ``n``."""
    loop, container = shape.loop, shape.container
    if not isinstance(loop, ast.While) or loop.body != [shape.node] or loop.orelse:
        return None
    test = loop.test
    if shape.siblings or len(shape.lengths) != 1 or not isinstance(container, ast.Name):
        return None
    if not (
        isinstance(test, ast.Compare)
        and test.left is shape.lengths[0]
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Lt)
        and _is_count(names, test.comparators[0])
    ):
        return None
    before = [b for b in names.reaching(container) if not names.contains(loop, b.node)]
    block = names.blocks[loop]
    if len(before) != 1 or not is_empty_list(before[0].value):
        return None
    follows = block.index > 0 and block.statements[block.index - 1] is before[0].statement
    return test.comparators[0] if follows else None


def _is_count(names: ModuleNames, node: ast.expr, depth: int = 0) -> bool:
    """Whether an expression is certainly an integer: no ``1e3``."""
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    if isinstance(node, ast.BinOp):
        whole = isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv)
        return whole and all(_is_count(names, x, depth + 1) for x in (node.left, node.right))
    if isinstance(node, ast.Call):
        return names.qualified(node.func) in ("builtins.len", "builtins.int")
    if not isinstance(node, ast.Name) or depth > 5:
        return False
    bindings = names.reaching(node)
    return bool(bindings) and all(
        b.kind is BindingKind.ASSIGN
        and b.value is not None
        and _is_count(names, b.value, depth + 1)
        for b in bindings
    )


def _only_statement(names: ModuleNames, statement: ast.stmt) -> bool:
    return len(names.blocks[statement].statements) == 1


@dataclass(eq=False)
class _Touches:
    """What a loop does with a container besides the statement of the site."""

    lengths: list[ast.Call] = field(default_factory=list)
    siblings: list[ast.Expr] = field(default_factory=list)


def _touches(
    names: ModuleNames,
    container: ast.expr,
    loop: ast.AST,
    statement: ast.stmt,
    *,
    may_append: bool,
) -> _Touches | None:
    """Return what the loop does with the container; None for what no rewrite can respect."""
    found = _Touches()
    if isinstance(container, ast.Attribute):
        touched = any(
            isinstance(n, ast.Attribute)
            and n.attr == container.attr
            and not names.contains(statement, n)
            for n in names.walk(loop)
        )
        return None if touched else found
    if not isinstance(container, ast.Name):
        return None
    own = [
        n
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and n.id == container.id and n is not container
    ]
    for node in names.walk(loop):
        if not isinstance(node, ast.Name) or node.id != container.id or node is container:
            continue
        if isinstance(statement, ast.Assign) and node in own:
            continue
        if names.scope_of(node) is not names.scope_of(container):
            return None  # asked later, when the references are there
        parent = names.parents[node]
        if (
            may_append
            and isinstance(parent, ast.Call)
            and parent.args == [node]
            and names.qualified(parent.func) == "builtins.len"
        ):
            found.lengths.append(parent)
            continue
        appended = names.statement_of(node)
        if (
            may_append
            and isinstance(parent, ast.Attribute)
            and parent.attr == "append"
            and isinstance(appended, ast.Expr)
            and appended is not statement
            and isinstance(appended.value, ast.Call)
            and appended.value.func is parent
            and len(appended.value.args) == 1
            and not appended.value.keywords
            and not isinstance(appended.value.args[0], ast.Starred)
        ):
            found.siblings.append(appended)
            continue
        return None
    if (found.lengths or found.siblings) and not _appends_one(statement):
        return None
    return found


def _appends_one(statement: ast.stmt) -> bool:
    """Whether a statement is ``refs.append(x)`` or ``refs += [x]``."""
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.value, ast.List) and len(statement.value.elts) == 1
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "append"
    )


def _as_clauses(names: ModuleNames, loop: ast.AST, statement: ast.stmt) -> list[Repeat] | None:
    """Return nested ``for``/``if`` statements around one statement as comprehension clauses."""
    repeats: list[Repeat] = []
    current: ast.AST = loop
    while current is not statement:
        if isinstance(current, ast.For):
            if current.orelse or len(current.body) != 1:
                return None
            repeats.append(Repeat(current.target, current.iter))
            current = current.body[0]
        elif isinstance(current, ast.If) and repeats:
            if current.orelse or len(current.body) != 1:
                return None
            last = repeats.pop()
            conditions = (*last.conditions, current.test)
            repeats.append(Repeat(last.target, last.iterable, conditions))
            current = current.body[0]
        else:
            return None
    for node in names.walk(loop):
        if isinstance(node, ast.NamedExpr | ast.Await | ast.YieldFrom):
            return None
        if isinstance(node, ast.Yield) and names.parents[node] is not statement:
            return None
    return repeats


def _elsewhere(names: ModuleNames, call: ast.expr) -> Shape:
    """Describe a call deep inside an expression: its loops must be known as clauses."""
    statement = names.statement_of(call)
    assert statement is not None
    clauses: list[Repeat] = []
    conditions: list[ast.expr] = []
    region: ast.AST | None = None
    child: ast.AST = call
    for parent in names.ancestors(call):
        if parent is statement:
            break
        if isinstance(parent, ast.Lambda):
            raise Declined("the call stands in a lambda")
        if isinstance(parent, COMPREHENSIONS):
            if isinstance(child, ast.comprehension):
                raise Declined("the call stands in the iterable or filter of a comprehension")
            if isinstance(parent, ast.GeneratorExp) and not _is_drained(names, parent):
                raise Declined("a generator expression does more than submit")
            own = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in parent.generators]
            clauses = [*own[:-1], _with_conditions(own[-1], conditions), *clauses]
            conditions = []
            if any(g.is_async for g in parent.generators):
                raise Declined("the comprehension is asynchronous")
            region = parent
        elif isinstance(parent, ast.IfExp) and child is not parent.test:
            conditions.insert(0, parent.test if child is parent.body else negated(parent.test))
        elif isinstance(parent, ast.BoolOp) and child is not parent.values[0]:
            raise Declined("the call happens only under a condition")
        child = parent
    if region is None:
        return _in_loops(names, call, statement, conditions)
    if conditions:
        raise Declined("the comprehension runs only under a condition")
    return Shape(Form.NEXT, call, region, clauses)


_DRAINS = frozenset(
    f"builtins.{name}"
    for name in (
        *("list", "tuple", "set", "frozenset", "sorted"),
        *("sum", "max", "min", "dict"),
    )
) | {"collections.Counter", "statistics.mean", "math.fsum"}


def _is_drained(names: ModuleNames, generator: ast.GeneratorExp) -> bool:
    """Whether all items of a generator expression are taken where it stands."""
    parent = names.parents[generator]
    if isinstance(parent, ast.Starred):
        return isinstance(names.parents[parent], ast.List)
    if not isinstance(parent, ast.Call) or parent.args[:1] != [generator]:
        return False
    if isinstance(parent.func, ast.Attribute) and parent.func.attr in ("join", "extend"):
        return isinstance(parent.func.value, ast.Constant) or parent.func.attr == "extend"
    return bool(names.qualified_names(parent.func) & _DRAINS)


def negated(test: ast.expr) -> ast.expr:
    """Return the opposite of a condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _with_conditions(repeat: Repeat, conditions: list[ast.expr]) -> Repeat:
    return Repeat(repeat.target, repeat.iterable, (*repeat.conditions, *conditions))


def _in_loops(
    names: ModuleNames, call: ast.expr, statement: ast.stmt, conditions: list[ast.expr]
) -> Shape:
    """Describe a call that nested ``for`` statements make once per iteration at most.

    It may stand under conditions, which then are asked before the loop as well.
    """
    loops: list[tuple[ast.For, list[ast.expr]]] = []
    skips: list[ast.If] = []
    current: ast.stmt = statement
    while True:
        block = names.blocks[current]
        for before in block.statements[: block.index]:
            if isinstance(before, ast.If) and _skips(before):
                conditions.insert(0, negated(before.test))
                skips.append(before)
        owner = block.owner
        if isinstance(owner, ast.If):
            conditions.insert(0, owner.test if block.field == "body" else negated(owner.test))
            current = owner
        elif isinstance(owner, ast.For) and block.field == "body":
            loops.append((owner, conditions))
            conditions = []
            current = owner
        else:
            break
    if not loops:
        raise Declined("the loop does more with the reference than to collect it")
    if isinstance(statement, ast.If | ast.While | ast.Try | ast.With) and not names.contains(
        getattr(statement, "test", statement), call
    ):
        raise Declined("the loop does more with the reference than to collect it")
    shape: Shape | None = None
    for loop, tests in loops:
        inner = shape.repeats or [] if shape is not None else []
        shape = Shape(
            Form.NEXT,
            call,
            loop,
            [_with_conditions(Repeat(loop.target, loop.iter), tests), *inner],
            loop=loop,
            skips=skips,
            narrower=shape,
        )
    assert shape is not None
    return shape


def _skips(statement: ast.If) -> bool:
    """Whether a statement is ``if …: continue``."""
    return (
        len(statement.body) == 1
        and isinstance(statement.body[0], ast.Continue)
        and not statement.orelse
    )


@dataclass(eq=False)
class Uses:
    """Where the references of a named collection go.

    ``gets`` are the calls ``ray.get(name)``; ``only_gets`` holds if nothing else is done with
    the name, so that batches of values can take the place of the references.
    """

    gets: list[ast.Call]
    only_gets: bool


def is_empty_list(value: ast.expr | None) -> bool:
    """Whether an expression is ``[]`` or ``list()``."""
    return (isinstance(value, ast.List) and not value.elts) or (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "list"
        and not value.args
    )


def is_get(names: ModuleNames, node: ast.AST, argument: ast.expr) -> bool:
    """Whether ``node`` is ``ray.get(argument)`` and nothing more."""
    return (
        isinstance(node, ast.Call)
        and node.args == [argument]
        and not node.keywords
        and names.stands_for(node.func, *RAY_GET)
    )


def uses_of(names: ModuleNames, binding: Binding, ignore: ast.AST | None = None) -> Uses:
    """Follow a name to all its uses; those inside of ``ignore`` do not count.

    A use that another binding may reach too, or that runs in another function, is not only a get.
    """
    gets: list[ast.Call] = []
    scope = binding.scope
    for use in scope.uses.get(binding.name, []):
        if ignore is not None and names.contains(ignore, use):
            continue
        reaching = names.reaching(use)
        if binding not in reaching:
            continue
        parent = names.parents[use]
        if (
            reaching != [binding]
            or names.scope_of(use).frame is not scope.frame
            or not is_get(names, parent, use)
        ):
            return Uses([], only_gets=False)
        assert isinstance(parent, ast.Call)
        gets.append(parent)
    if scope.is_class or binding.name in names.root.redirected:
        return Uses([], only_gets=False)
    return Uses(gets, only_gets=bool(gets))


def assigned_name(names: ModuleNames, node: ast.expr) -> Binding | None:
    """Return the binding of ``name = node``, if that is all the statement does."""
    parent = names.parents[node]
    if not isinstance(parent, ast.Assign | ast.AnnAssign):
        return None
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return None
    target = targets[0]
    scope = names.scope_of(target)
    owner = scope.redirected.get(target.id, scope)
    if owner is not scope:
        return None
    return next(
        (
            b
            for b in owner.bindings.get(target.id, [])
            if b.node is target and b.kind is BindingKind.ASSIGN
        ),
        None,
    )
