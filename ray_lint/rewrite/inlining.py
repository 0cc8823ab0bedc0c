"""Putting the body of a function that submits where it is called, so that the loop can be fixed.

``[process(x) for x in xs]`` with ``def process(x): a = f.remote(x); return g.remote(a)`` becomes
``[g.remote(f.remote(x)) for x in xs]``, which is then fixed like any other loop. What runs, and in
which order, stays the same.
"""

from __future__ import annotations

import ast

from ray_lint.finding import Edit
from ray_lint.program.callers import is_program
from ray_lint.program.class_members import class_members, class_of_receiver
from ray_lint.program.functions import implicit_parameters
from ray_lint.program.module import Module
from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.arguments import bound_parameters
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.source_map import SourceMap
from ray_lint.rewrite.submitters import taker_of, texts_of

# What is evaluated from left to right, and binds no name.
_IN_ORDER = (
    *(ast.Call, ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple),
    *(ast.List, ast.BinOp, ast.UnaryOp, ast.Starred, ast.keyword, ast.expr_context),
    *(ast.operator, ast.unaryop),
)
_PRIMARY = (ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Constant)  # need no parentheses
_OF_THE_FRAME = frozenset({"locals", "vars", "dir", "super", "eval", "exec", "__class__"})


def inlined(module: Module, call: ast.Call) -> list[Edit]:
    """Return the edits that put the body of the called function in the place of a call.

    Besides, they take the function away if nothing else uses it. Nothing where the function is not
    known, does anything that one expression cannot say, or would mean something else there.
    """
    names = module.names
    found = _called(names, call)
    if found is None:
        return []
    function, receiver = found
    try:
        body = _Body(module, function, bound_parameters(function, call, receiver), call)
        text = body.text()
    except Declined:
        return []
    if not text:
        return []
    source = body.source
    edits = [Edit(source.start(call), source.end(call), text)]
    return sorted([*edits, *_given_up(names, source, function, call)])


def handed_over(module: Module, call: ast.Call) -> list[Edit]:
    """Return the edits that submit where the function is called, and give it the reference.

    ``report(x)`` with ``def report(x): ref = f.remote(x["a"]); …`` becomes
    ``report(f.remote(x["a"]), x)``. Nothing where that would not be the same.
    """
    names = module.names
    taker = taker_of(names, call, computes=True)
    if taker is None or taker.inner is None:
        return []
    function, inner = taker.function, taker.inner
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    gathers = (n for n in names.ancestors(call) if isinstance(n, ast.Call) and n.keywords)
    if any(names.stands_for(gather.func, "asyncio.gather") for gather in gathers):
        return []  # it may give back what a coroutine raises as it computes its arguments
    try:
        given = bound_parameters(function, call, taker.receiver)
        body = _Body(module, function, given, call)
        text = body.text_of(inner)
    except Declined:
        return []
    spec = function.args
    places = spec.args[int(taker.receiver is not None) :]
    if not text or not places or spec.posonlyargs:
        return []
    source = body.source
    name = "ref"
    taken = {n.id for n in names.walk(function) if isinstance(n, ast.Name)} | given.keys()
    while name in taken:
        name = f"next_{name}"
    passed = source.text[source.end(call.func) : source.end(call)]
    opening = passed.index("(") + 1
    called = f"{source.code(call.func)}({text}, {passed[opening:]}"
    return sorted(
        [
            Edit(source.start(call), source.end(call), called),
            Edit(source.start(places[0]), source.start(places[0]), f"{name}, "),
            Edit(source.start(inner), source.end(inner), name),
        ]
    )


def _called(names: ModuleNames, call: ast.Call) -> tuple[ast.FunctionDef, ast.Name | None] | None:
    """Return the function that a call runs, and the ``self`` of a method; None if not known."""
    receiver = None
    if isinstance(call.func, ast.Name):
        owner = names.owner(call.func)
        bindings = owner.bindings.get(call.func.id, []) if owner is not None else []
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        receiver = call.func.value
        if class_of_receiver(names, receiver) is None:
            return None
        bindings = [b for found in class_members(names, call.func.attr) for b in found]
        if any(not isinstance(n.ctx, ast.Load) for n in names.attributes(call.func.attr)):
            return None
    else:
        return None
    function = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    if names.scope_of(function).is_class != (receiver is not None):
        return None
    return function, receiver


class _Body:
    """The text of one call's result: what the function returns, said with the call's arguments."""

    def __init__(
        self,
        module: Module,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        given: dict[str, ast.expr],
        call: ast.Call,
    ) -> None:
        self.names = module.names
        self.source = SourceMap(module.text, module.names)
        self.function, self.given, self.call = function, given, call
        self.scope = self.names.scope_of(call)
        self.assigned: dict[str, str] = {}
        self.only_submits = True
        first = [*function.args.posonlyargs, *function.args.args][:1]
        self.receiver = first[0].arg if implicit_parameters(module, function) and first else ""

    def text(self) -> str:
        """Return the expression, "" if it would be more. Raises Declined if it means another."""
        for value in self.given.values():
            self._must_be_plain(value)
        body = self.function.body
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        last = body[-1] if body else None
        if not isinstance(last, ast.Return) or last.value is None:
            return ""
        waiting = ""
        for step in body[:-1]:
            target = step.targets[0] if isinstance(step, ast.Assign) else None
            if not isinstance(step, ast.Assign) or not isinstance(target, ast.Name):
                return ""
            own = self.names.scope_of(step)
            alone = len(step.targets) == len(own.bindings[target.id]) == 1
            if not alone or not _can_be_inlined(step.value):
                return ""
            if len(own.uses.get(target.id, [])) != 1:
                raise Declined("the function needs a result twice")
            calls = [node for node in ast.walk(step.value) if isinstance(node, ast.Call)]
            self.only_submits = self.only_submits and all(_submits(call) for call in calls)
            self.assigned[target.id] = self._written(step.value, waiting)
            waiting = target.id
        return self._written(last.value, waiting) if _can_be_inlined(last.value) else ""

    def text_of(self, value: ast.expr) -> str:
        """Return an expression of the function, "" for what cannot stand at the call."""
        for given in self.given.values():
            self._must_be_plain(given)
        return self._written(value, "") if _can_be_inlined(value) else ""

    def _must_be_plain(self, value: ast.expr) -> None:
        """Decline arguments that could be something else by the time that they are read."""
        if isinstance(value, ast.Constant):
            return
        bindings = self.names.reaching(value) if isinstance(value, ast.Name) else []
        frame = self.scope.frame
        if not bindings or any(self.names.scope_of(b.node).frame is not frame for b in bindings):
            raise Declined("the call computes its arguments")
        owner = bindings[0].scope
        if any(self.names.scope_of(b.node).frame is not frame for b in owner.bindings[value.id]):  # type: ignore[attr-defined]
            raise Declined("the argument is changed elsewhere")

    def _written(self, value: ast.expr, waiting: str) -> str:
        """Return the text of a step, in which the result of the step before is needed first."""
        nodes = _in_order(value)
        found = [n for n in nodes if isinstance(n, ast.Name) and n.id == waiting]
        before = nodes[: nodes.index(found[0])] if found else nodes if waiting else []
        if not all(self._is_looked_up(node) for node in before):
            raise Declined("the function does something else first")
        pieces: list[tuple[int, int, str]] = []
        for node in nodes:
            if isinstance(node, ast.Name):
                pieces += self._replaced(node)
            elif isinstance(node, ast.Attribute) and node.attr.startswith("__"):
                raise Declined("the name of an attribute is the class's own")
        return self._joined(value, pieces)

    def _is_looked_up(self, node: ast.AST) -> bool:
        """Whether a part is the same, and does nothing, before and after the step before it."""
        if isinstance(node, ast.Attribute):
            members = [b.node for found in class_members(self.names, node.attr) for b in found]
            found = any(isinstance(member, ast.FunctionDef) for member in members)
            return not found and (self.only_submits or node.attr == "remote")
        if isinstance(node, ast.Name) and not self.only_submits:
            owner = self.names.owner(node)
            return owner is None or len(owner.bindings[node.id]) == 1
        return isinstance(node, ast.Name | ast.Constant | ast.expr_context)

    def _replaced(self, node: ast.Name) -> list[tuple[int, int, str]]:
        names, start, end = self.names, self.source.start(node), self.source.end(node)
        owner = names.owner(node)
        if owner is not None and owner.node is self.function:
            if node.id in self.assigned:
                return [(start, end, self.assigned[node.id])]
            if node.id in self.given:
                return [(start, end, self.source.code(self.given[node.id]))]
            if node.id == self.receiver and isinstance(self.call.func, ast.Attribute):
                return [(start, end, self.source.code(self.call.func.value))]
        seen = self.names.owner_of_name(node.id, self.scope)
        if seen is not owner or node.id in _OF_THE_FRAME or node.id == self.function.name:
            raise Declined(f"`{node.id}` may be something else where the call stands")
        return []

    def _joined(self, value: ast.expr, pieces: list[tuple[int, int, str]]) -> str:
        text, position, end = "", self.source.start(value), self.source.end(value)
        for start, stop, content in sorted(pieces):
            text += self.source.text[position:start] + content
            position = stop
        text += self.source.text[position:end]
        if "\n" in text or "\r" in text:
            text = ast.unparse(ast.parse(f"({text})", mode="eval"))
        return text if isinstance(value, _PRIMARY) else f"({text})"


def _can_be_inlined(value: ast.expr) -> bool:
    return all(isinstance(node, _IN_ORDER) for node in ast.walk(value))


def _submits(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("remote", "options", "put")


def _in_order(node: ast.AST) -> list[ast.AST]:
    """Return the parts of an expression in the order in which they are evaluated."""
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        found += _in_order(child)
    return [*found, node]


def _given_up(
    names: ModuleNames, source: SourceMap, function: ast.FunctionDef, call: ast.Call
) -> list[Edit]:
    """Return the edit that removes a function which nothing but a call uses."""
    if names.scope_of(function) is not names.root or not is_program(names):
        return []
    uses = names.root.uses.get(function.name, [])
    if uses != [call.func] or function.name in texts_of(names):
        return []
    start = source.line_start(source.first_line(function))
    end = source.end(function)
    if "#" in source.text[start:end] or source.text[start:].startswith((" ", "\t")):
        return []
    rest = source.text[end:]
    blank = len(rest) - len(rest.lstrip(" \t\r\n"))
    if blank == 0 or not rest[:blank].lstrip(" \t").startswith(("\n", "\r")):
        return []  # something else stands on its last line
    return [Edit(start, end + rest[:blank].rfind("\n") + 1, "")]
