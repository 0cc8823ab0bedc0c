"""Loops that do nothing with the references but to collect them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace

from ray_lint.program.names import LOOPS, BindingKind, ModuleNames
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.plan import Declined, Repeat
from ray_lint.rewrite.uses import is_empty_list


def in_statement(
    names: ModuleNames,
    form: Form,
    statement: ast.stmt,
    call: ast.expr,
    container: ast.expr | None,
) -> Shape:
    """Describe a statement inside loops that submits and keeps (or drops) the reference."""
    loops = [n for n in loops_around(names, statement) if isinstance(n, LOOPS)]
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


def with_inner_loops(names: ModuleNames, shape: Shape) -> Shape:
    """Let a shape of nested loops fall back on fewer of them; return the one of the innermost."""
    statement, last = shape.node, shape
    if shape.lengths or shape.siblings or not isinstance(statement, ast.stmt):
        return last
    around = [n for n in loops_around(names, statement) if isinstance(n, LOOPS)]
    for loop in reversed(around):
        if loop is shape.loop or not names.contains(shape.region, loop):
            continue
        repeats = None if shape.repeats is None else _as_clauses(names, loop, statement)
        last.narrower = replace(shape, loop=loop, region=loop, repeats=repeats, narrower=None)
        last = last.narrower
    return last


def loops_around(names: ModuleNames, statement: ast.stmt) -> list[ast.AST]:
    """Return the loop statements around a statement, innermost first."""
    return [n for n in names.enclosing_loops(statement) if isinstance(n, LOOPS)]


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
