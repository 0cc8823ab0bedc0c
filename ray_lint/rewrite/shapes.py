"""The form in which a program submits once per item, and what it does with the references."""

from __future__ import annotations

import ast

from ray_lint.program.fstrings import NEEDED
from ray_lint.program.names import COMPREHENSIONS, LOOPS, ModuleNames
from ray_lint.program.submissions import Submission
from ray_lint.rewrite.arguments import bound_parameters
from ray_lint.rewrite.collecting import in_statement, loops_around, with_inner_loops
from ray_lint.rewrite.dealt import dealt_out
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.places import elsewhere, is_always, taken_at_once
from ray_lint.rewrite.plan import Declined, Repeat
from ray_lint.rewrite.submitters import Submitter, submitter_of, taker_of


def find_shape(submission: Submission) -> Shape:
    """Return the form of a site. Raises Declined for a place that no form describes."""
    names = submission.module.names
    call = submission.call
    if NEEDED and in_fstring(names, call) and not _is_placed(submission):
        raise Declined("the call stands inside an f-string that cannot be taken apart")
    if submission.is_mapped:
        return _mapped(names, submission)
    if any(isinstance(loop, ast.comprehension) and loop.is_async for loop in submission.loops):
        raise Declined("the comprehension is asynchronous")
    kept = _kept_by_submitter(names, submission)
    if kept is not None:
        with_inner_loops(names, kept)
        return kept
    handed = submission.through is not None and submitter_of(names, call) is None
    taker = taker_of(names, call) if handed else None
    if taker is not None:
        shape: Shape | None = elsewhere(names, call)
        first = shape
        while shape is not None:
            shape.taker = taker
            shape = shape.narrower
        assert first is not None
        return first
    try:
        shape = _described(names, call)
    except Declined:
        other = _collected_beside(names, call)
        if other is None:
            raise
        return other
    if shape.form is Form.NEXT:
        other = _collected_beside(names, call)
        return shape if other is None else _ranked(names, shape, other)
    if shape.form in (Form.APPEND, Form.STORE) and shape.narrower is None:
        last = with_inner_loops(names, shape)
        try:
            last.narrower = elsewhere(names, call)
        except Declined:
            last.narrower = None
    return shape


def _collected_beside(names: ModuleNames, call: ast.Call) -> Shape | None:
    return _beside(names, call) or _dealt(names, call)


def _ranked(names: ModuleNames, shape: Shape, other: Shape) -> Shape:
    """Put another form of a site among those that take the next reference: wide ones first."""
    first = shape
    while True:
        following = shape.narrower
        if following is None or (
            following.region is not other.region and names.contains(other.region, following.region)
        ):
            shape.narrower, other.narrower = other, following
            return first
        shape = following


def _kept_by_submitter(names: ModuleNames, submission: Submission) -> Shape | None:
    """Recognize ``submit(x)`` where ``def submit(x): refs.append(f.remote(x))`` fills a list.

    Raises Declined where that list is not known at the site.
    """
    call = submission.call
    submitter = submitter_of(names, call) if submission.through is not None else None
    if submitter is None or submitter.container is None:
        return None
    container, statement = submitter.container, names.parents[call]
    function = submitter.function
    if not isinstance(statement, ast.Expr) or function is None:
        raise Declined("what the function that submits returns is used")
    base = container
    while isinstance(base, ast.Attribute):
        base = base.value
    if not isinstance(base, ast.Name):
        raise Declined("the function that submits computes where it keeps the reference")
    owner = names.owner(base)
    if owner is not None and owner.node is function:
        given = bound_parameters(function, call, submitter.receiver).get(base.id)
        spec = function.args
        first = [a.arg for a in [*spec.posonlyargs, *spec.args]][:1]
        kept_by_object = submitter.receiver is not None and [base.id] == first
        if base is container and isinstance(given, ast.Name | ast.Attribute):
            container = given
        elif not kept_by_object or container is base:
            raise Declined("the function that submits computes where it keeps the reference")
    elif names.owner_of_name(base.id, names.scope_of(call)) is not owner:
        raise Declined(f"`{base.id}` may be something else where the call stands")
    shape = in_statement(names, Form.APPEND, statement, call, container)
    shape.keeper = function
    shape.receiver = submitter.receiver
    if submitter.beside is not None:
        shape.beside = _kept_beside(submitter, submitter.beside, call)
    return shape


def _kept_beside(submitter: Submitter, kept: ast.Tuple, call: ast.Call) -> ast.Tuple:
    """Return the tuple that ``add(x, y)`` keeps, as it would be written at the call."""
    assert submitter.inner is not None
    assert submitter.function is not None
    given = bound_parameters(submitter.function, call, submitter.receiver)
    parts = [*submitter.inner.args, *(keyword.value for keyword in submitter.inner.keywords)]
    sent = {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
    elements: list[ast.expr] = []
    for element in kept.elts:
        value = given.get(element.id) if isinstance(element, ast.Name) else None
        if element is submitter.inner:
            value = call
        elif isinstance(element, ast.Constant):
            value = element
        if value is None:
            raise Declined("the function that submits computes what it keeps beside the reference")
        twice = isinstance(element, ast.Name) and element.id in sent
        if twice and not isinstance(value, ast.Name | ast.Constant):
            raise Declined(f"`{ast.unparse(element)}` would be evaluated twice")
        elements.append(value)
    return ast.Tuple(elements, ast.Load())


def broader_shapes(submission: Submission, shape: Shape) -> list[Shape]:
    """Return the forms of a site that submit ahead for more of its loops than ``shape`` does."""
    names = submission.module.names
    if submission.is_mapped or submission.through is not None or shape.form is Form.NEXT:
        return []
    try:
        broad: Shape | None = elsewhere(names, submission.call, all_loops=True)
    except Declined:
        return []
    found = []
    while broad is not None:
        if broad.region is not shape.region and names.contains(broad.region, shape.region):
            found.append(broad)
        narrower, broad.narrower = broad.narrower, None
        broad = narrower
    return found


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


def _described(names: ModuleNames, call: ast.Call) -> Shape:
    try:
        return _direct(names, call)
    except Declined:
        return elsewhere(names, call)


def _direct(names: ModuleNames, call: ast.Call) -> Shape:
    """Return the form of a call whose reference is kept or dropped as it is."""
    node: ast.expr = call
    parent = names.parents[node]
    if isinstance(parent, COMPREHENSIONS):
        return _comprehension(names, parent, node)
    if isinstance(parent, ast.Expr):
        return in_statement(names, Form.DROP, parent, call, None)
    if isinstance(parent, ast.Yield) and isinstance(names.parents[parent], ast.Expr):
        return _yielded(names, parent, call)
    appended = _appended(names, node, parent)
    if appended is not None:
        statement, container = appended
        shape = in_statement(names, Form.APPEND, statement, call, container)
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            shape.collection = "set" if value.func.attr == "add" else "list"
        return shape
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        target = parent.targets[0]
        if isinstance(target, ast.Subscript):
            shape = in_statement(names, Form.STORE, parent, call, target.value)
            shape.key = target.slice
            return shape
        if isinstance(target, ast.Name):
            return _through_name(names, parent, call)
    return elsewhere(names, call)


def _yielded(names: ModuleNames, node: ast.Yield, call: ast.Call) -> Shape:
    """Recognize ``for x in xs: yield f.remote(x)`` in a function whose callers take all at once."""
    statement = names.parents[node]
    assert isinstance(statement, ast.Expr)
    function = names.scope_of(statement).node
    if not isinstance(function, ast.FunctionDef) or not is_always(names, function, taken_at_once):
        raise Declined("the references are taken from the generator one by one")
    return in_statement(names, Form.YIELD, statement, call, None)


def _beside(names: ModuleNames, call: ast.Call) -> Shape | None:
    """Recognize ``pairs.append((item, f.remote(item)))``: the reference is kept in a tuple.

    Also in two statements, one right after the other: ``ref = f.remote(item)`` comes first.
    """
    assignment = names.parents[call]
    kept = _only_use(names, assignment) if isinstance(assignment, ast.Assign) else call
    if kept is None:
        return None
    parent = names.parents[kept]
    if not isinstance(parent, ast.Tuple) or any(isinstance(e, ast.Starred) for e in parent.elts):
        return None
    appended = _appended(names, parent, names.parents[parent])
    if appended is None:
        return None
    try:
        shape = in_statement(names, Form.APPEND, appended[0], call, appended[1])
    except Declined:
        return None
    shape.beside = parent
    shape.repeats = None
    if isinstance(assignment, ast.Assign):
        computed = any(isinstance(n, ast.Call) for e in parent.elts for n in ast.walk(e))
        if not _follows(names, assignment, appended[0]) or computed:
            return None
        elements = [call if e is kept else e for e in parent.elts]
        shape.beside = ast.Tuple(elements, ast.Load())
        shape.aliases.append(assignment)
    return shape


def _dealt(names: ModuleNames, call: ast.Call) -> Shape | None:
    """Recognize ``groups[key].append(f.remote(x))``, also with ``ref = f.remote(x)`` before it."""
    assignment = names.parents[call]
    kept = _only_use(names, assignment) if isinstance(assignment, ast.Assign) else call
    appended = _appended(names, kept, names.parents[kept]) if kept is not None else None
    if appended is None:
        return None
    statement, destination = appended
    if not isinstance(statement, ast.Expr) or not _is_append(statement):
        return None
    shape = dealt_out(names, call, statement, destination)
    if shape is not None and isinstance(assignment, ast.Assign):
        if not _follows(names, assignment, statement):
            return None
        shape.aliases.append(assignment)
    return shape


def _is_append(statement: ast.Expr) -> bool:
    call = statement.value
    attribute = call.func if isinstance(call, ast.Call) else None
    return isinstance(attribute, ast.Attribute) and attribute.attr == "append"


def _follows(names: ModuleNames, first: ast.stmt, second: ast.stmt) -> bool:
    """Whether a statement stands right behind another one."""
    place, after = names.blocks[first], names.blocks[second]
    return place.statements is after.statements and place.index + 1 == after.index


def _only_use(names: ModuleNames, assignment: ast.Assign) -> ast.Name | None:
    """Return the one place where the reference is used that ``ref = f.remote(x)`` names."""
    target = assignment.targets[0]
    if len(assignment.targets) != 1 or not isinstance(target, ast.Name):
        return None
    scope = names.scope_of(target)
    scope = scope.redirected.get(target.id, scope) or scope
    uses = scope.uses.get(target.id, [])
    return uses[0] if len(uses) == len(scope.bindings[target.id]) == 1 else None


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
        given = [*spec.posonlyargs, *spec.args][int(submission.is_pooled) :]  # not the actor
        targets = [ast.Name(id=a.arg, ctx=ast.Store()) for a in given]
        if len(targets) != len(iterables):
            raise Declined("the lambda and `map` disagree about the number of arguments")
    if submission.is_starmapped:
        targets[0].id = "item"
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
    repeats = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in comprehension.generators]
    if isinstance(comprehension, ast.DictComp):
        as_keys = comprehension.key is call
        other = comprehension.value if as_keys else comprehension.key
        kind = "keys" if as_keys else "values"
        return Shape(Form.DICT, comprehension, comprehension, repeats, kind, key=other)
    outer = _outer_comprehension(names, comprehension)
    if outer is not None:
        shape = last = elsewhere(names, call)
        while last.narrower is not None:
            last = last.narrower
        if shape.region is not comprehension:
            last.narrower = _alone(names, comprehension, repeats)
            return shape
    return _alone(names, comprehension, repeats)


def _alone(names: ModuleNames, comprehension: ast.expr, repeats: list[Repeat]) -> Shape:
    """Return the form of a comprehension of references, whatever it stands in."""
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
    if not any(isinstance(n, LOOPS) for n in loops_around(names, statement)):
        return None
    assert isinstance(comprehension, ast.ListComp | ast.GeneratorExp)
    shape = in_statement(names, Form.APPEND, statement, comprehension.elt, container)
    if shape.loop is None:
        return None
    if shape.repeats is not None:
        inner = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in comprehension.generators]
        shape.repeats = [*shape.repeats, *inner]
    return shape


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


def _through_name(names: ModuleNames, assignment: ast.Assign, call: ast.Call) -> Shape:
    """Follow ``ref = f.remote(x)`` to the one statement of the same block that keeps ``ref``."""
    use = _only_use(names, assignment)
    if use is not None:
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
                shape = in_statement(names, Form.APPEND, appended[0], call, appended[1])
            elif (
                isinstance(parent, ast.Assign)
                and parent.value is use
                and len(parent.targets) == 1
                and isinstance(parent.targets[0], ast.Subscript)
            ):
                store = parent.targets[0]
                shape = in_statement(names, Form.STORE, parent, call, store.value)
                shape.key = store.slice
            if shape is not None and shape.loop is not None:
                shape.aliases.append(assignment)
                shape.repeats = None
                return shape
    return elsewhere(names, call)
