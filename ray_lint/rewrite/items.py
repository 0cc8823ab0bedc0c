"""The items of a submission as one expression that has a length and can be sliced."""

from __future__ import annotations

import ast
from typing import Literal

from ray_lint.program.callers import given_values, is_program
from ray_lint.program.class_members import class_called, class_members
from ray_lint.program.effects import is_immutable, kinds_of
from ray_lint.program.functions import (
    arguments_for,
    calls_of,
    class_around,
    given_back,
)
from ray_lint.program.module import Module
from ray_lint.program.names import COMPREHENSIONS, FUNCTIONS, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.size_elements import items_of, loop_values
from ray_lint.rewrite.arguments import target_names
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.plan import Argument, Items, Repeat
from ray_lint.rewrite.source_map import SourceMap, is_bare
from ray_lint.rewrite.spread import has_parts

_SEQUENCE_CALLS = {
    "builtins.range",
    "builtins.list",
    "builtins.tuple",
    "builtins.sorted",
    "builtins.str",
    "numpy.arange",
    "numpy.linspace",
    "numpy.zeros",
    "numpy.ones",
    "numpy.array",
    "numpy.asarray",
}
_LISTING = {"tolist", "split", "rsplit", "splitlines"}  # methods that give a list
_VIEWS = ("items", "keys", "values")
_AGAIN_CALLS = {"builtins.range", "builtins.enumerate", "builtins.zip", "builtins.sorted"}
_AGAIN_CALLS |= {"builtins.reversed", "builtins.list", "builtins.tuple", "builtins.len"}
_SELECTIONS = {
    f"itertools.{name}"
    for name in ("combinations", "combinations_with_replacement", "permutations", "pairwise")
}
_AGAIN_CALLS |= _SELECTIONS
_TUPLE_CALLS = {"builtins.zip", "builtins.enumerate", "itertools.zip_longest"}
_TUPLE_CALLS |= {"itertools.pairwise", "itertools.product", "itertools.combinations"}
_TUPLE_CALLS |= {"itertools.permutations", "itertools.combinations_with_replacement"}
_ITERATOR_CALLS = {f"builtins.{name}" for name in ("map", "filter", "zip", "iter")}
_ITERATOR_CALLS |= {"builtins.reversed", "builtins.enumerate"} | _SELECTIONS
_REPEATABLE = frozenset({"list", "tuple", "dict", "set", "str", "range", "deque", "array"})
_DEPTH = 8
_OPPOSITE: dict[type[ast.cmpop], str] = {
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.Eq: "!=",
    ast.NotEq: "==",
}


class ItemWriter:
    """Writes the items of a site."""

    def __init__(self, project: Project, module: Module, source: SourceMap) -> None:
        self.project, self.module, self.source = project, module, source
        self.names = module.names
        self._lists: set[ast.expr] = set()
        self.actor: ast.expr | None = None
        """The actor that each item goes to, where there are several: items come with it then."""

    def list_named(self, name: str) -> ast.Name:
        """Return an expression for a list that the fix makes by this name."""
        listed = ast.Name(id=name, ctx=ast.Load())
        self._lists.add(listed)
        return listed

    def keys(self, repeats: list[Repeat], key: ast.expr) -> Items:
        """Return the keys of a dictionary of submissions."""
        actor, self.actor = self.actor, None
        try:
            return self.items(repeats, [Argument(key, varying=True)])
        finally:
            self.actor = actor

    def items(self, repeats: list[Repeat], arguments: list[Argument]) -> Items:
        """Return the items of loops given as comprehension clauses."""
        varying = [a for a in arguments if a.varying]
        first = repeats[0]
        plain = len(repeats) == 1 and not first.conditions
        if self.actor is not None:
            return Items(f"[{self.step(varying)} {self.clauses(repeats)}]")
        if not varying:
            if plain:
                return Items(self.sequence(first.iterable), counted=True)
            element = "None"
            return Items(f"[{element} {self.clauses(repeats)}]", counted=True)
        if varying[0].star == "*" and len(varying) == 1 and self._are_iterators(first.iterable):
            code = self.source.code(varying[0].expression)
            return Items(f"[tuple({code}) {self.clauses(repeats)}]")
        if plain and self._is_target(varying, first):
            return Items(self.sequence(first.iterable))
        return Items(f"[{self.element(varying)} {self.clauses(repeats)}]")

    def _is_target(self, varying: list[Argument], repeat: Repeat) -> bool:
        target = repeat.target
        if len(varying) == 1 and varying[0].star == "*":
            expression = varying[0].expression
            return (
                isinstance(expression, ast.Name)
                and isinstance(target, ast.Name)
                and expression.id == target.id
            )
        wanted = target_names(target)
        have = [a.expression.id for a in varying if isinstance(a.expression, ast.Name)]
        if wanted is None or len(have) != len(varying) or wanted != have:
            return False
        # An item that does not fit the targets fails in the driver, as before.
        return isinstance(target, ast.Name) or has_parts(
            self.module, repeat.iterable, {len(wanted)}
        )

    def step(self, varying: list[Argument]) -> str:
        """Return one item, with its actor where there are several."""
        return self.paired(self.element(varying) if varying else "None")

    def paired(self, element: str) -> str:
        """Return an item with its actor, where there are several."""
        return element if self.actor is None else f"({self.source.code(self.actor)}, {element})"

    def element(self, varying: list[Argument]) -> str:
        """Return one item: the varying argument, or a tuple of them."""
        if len(varying) == 1:
            return self.source.enclosed(varying[0].expression)
        codes = [self.source.code(a.expression) for a in varying]
        return f"({', '.join(codes)})"

    def clauses(self, repeats: list[Repeat]) -> str:
        """Return the loops as the clauses of a comprehension."""
        parts = []
        for repeat in repeats:
            target = self.source.code(repeat.target)
            iterable = self.operand(repeat.iterable)
            parts.append(f"for {target} in {f'[{iterable}]' if repeat.single else iterable}")
            tests = [self.operand(c) for c in repeat.conditions]
            loose = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)
            if any(isinstance(c, loose) for c in repeat.conditions):
                parts += [f"if {test}" for test in tests]
            elif tests:
                parts.append(f"if {' and '.join(tests)}")
        return " ".join(parts)

    def operand(self, expression: ast.expr) -> str:
        """Return an iterable or condition, in parentheses where a clause needs them."""
        if isinstance(expression, ast.UnaryOp) and not hasattr(expression, "lineno"):
            return self._negated(expression.operand)
        code = self.source.enclosed(expression)
        return f"({code})" if isinstance(expression, ast.Lambda | ast.IfExp) else code

    def _negated(self, test: ast.expr) -> str:
        """Return the opposite of a condition as one would write it."""
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITE:
            left, right = self.source.code(test.left), self.source.code(test.comparators[0])
            return f"{left} {_OPPOSITE[type(test.ops[0])]} {right}"
        code = self.source.code(test)
        simple = isinstance(test, ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.Compare)
        return f"not {code}" if simple or not is_bare(code) else f"not ({code})"

    def sequence(self, iterable: ast.expr) -> str:
        """Return the iterable itself if it can be sliced, else a list of it."""
        code = self.source.enclosed(iterable)
        if isinstance(iterable, ast.GeneratorExp):
            return f"[{code}]" if is_bare(code) else f"[{code[1:-1].strip()}]"
        return code if self.is_sequence(iterable) else f"list({code})"

    def _are_iterators(self, iterable: ast.expr) -> bool:
        """Whether an item is seen to be an iterator, which cannot be sent to a task."""
        return any(
            isinstance(item, ast.GeneratorExp)
            or (
                isinstance(item, ast.Call)
                and bool(self.names.qualified_names(item.func) & _ITERATOR_CALLS)
            )
            for item in items_of(self.module, iterable) or []
        )

    def are_plain(self, iterable: ast.expr) -> bool:
        """Whether the items are seen to be tuples and the like, not iterators.

        Those are used up, or cannot be sent to a task at all.
        """
        call = iterable
        while (
            isinstance(call, ast.Call)
            and call.args
            and self.names.qualified_names(call.func)
            & {"builtins.list", "builtins.sorted", "builtins.tuple"}
        ):
            call = call.args[0]
        if isinstance(call, ast.Call):
            known = self.names.qualified_names(call.func)
            if known and known <= _TUPLE_CALLS:
                return True
            if isinstance(call.func, ast.Attribute) and call.func.attr == "items":
                return not call.args
        items = items_of(self.module, iterable)
        literals = ast.Tuple | ast.List | ast.ListComp | ast.Constant
        return items is not None and all(isinstance(item, literals) for item in items)

    def is_sequence(self, expression: ast.expr, depth: int = 0) -> bool:
        """Whether the value provably has a length and slices that hold the same items."""
        if depth > _DEPTH:
            return False
        if isinstance(expression, ast.List | ast.ListComp) or expression in self._lists:
            return True
        if isinstance(expression, ast.Tuple):
            return True
        if isinstance(expression, ast.Constant):
            return isinstance(expression.value, str)
        if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Mult | ast.Add):
            sides = (expression.left, expression.right)
            known = [isinstance(s, ast.List | ast.Tuple | ast.ListComp) for s in sides]
            if isinstance(expression.op, ast.Mult):
                return any(known)
            return all(self.is_sequence(s, depth + 1) for s in sides)
        if isinstance(expression, ast.Subscript) and isinstance(expression.slice, ast.Slice):
            return self.is_sequence(expression.value, depth + 1)
        if isinstance(expression, ast.Call):
            return not self.names.qualified_names(expression.func).isdisjoint(_SEQUENCE_CALLS)
        if isinstance(expression, ast.Name) and expression in self.names.order:
            reaching = self.names.reaching(expression)
            return bool(reaching) and all(
                b.kind is BindingKind.ASSIGN
                and b.value is not None
                and self.is_sequence(b.value, depth + 1)
                for b in reaching
            )
        return False

    def can_repeat(self, expression: ast.expr, depth: int = 0, *, kept: bool = False) -> bool:
        """Whether the iterable gives the same items when it is iterated a second time.

        ``kept``: it is one object that both iterations take, not one made anew for each.
        """
        if depth > _DEPTH:
            return False
        if self.is_sequence(expression, depth + 1):
            return True
        if is_immutable(self.project, self.module, expression):
            return True
        if isinstance(expression, ast.Constant | ast.Dict | ast.Set | ast.DictComp | ast.SetComp):
            return True
        one = isinstance(expression, ast.Name | ast.Subscript) or kept
        if isinstance(expression, ast.Attribute):
            one = not any(  # a property may give another one each time
                isinstance(binding.node, FUNCTIONS)
                for bindings in class_members(self.names, expression.attr)
                for binding in bindings
            )
        if one and expression in self.names.order:
            kinds = kinds_of(self.project, self.module, expression)
            if kinds and kinds <= _REPEATABLE:
                return True
        if isinstance(expression, ast.Attribute):
            stored = stored_values(self.module, expression)
            if stored:
                return all(self.can_repeat(value, depth + 1, kept=True) for value in stored)
            return self.can_repeat(expression.value, depth + 1, kept=True)
        if isinstance(expression, ast.Call):
            return self._gives_again(expression, depth, kept=kept)
        if isinstance(expression, ast.Name) and expression in self.names.order:
            reaching = self.names.reaching(expression)
            return bool(reaching) and all(self._repeats(b, depth) for b in reaching)
        return False

    def _gives_again(self, call: ast.Call, depth: int, *, kept: bool) -> bool:
        function, arguments = call.func, call.args
        if isinstance(function, ast.Attribute) and function.attr in _VIEWS and not arguments:
            return self.can_repeat(function.value, depth + 1, kept=True)
        if kept and isinstance(function, ast.Attribute) and function.attr in _LISTING:
            return True
        known = self.names.qualified_names(function)
        if known and known <= _AGAIN_CALLS and not (kept and known & _ITERATOR_CALLS):
            return all(
                is_immutable(self.project, self.module, a) or self.can_repeat(a, depth + 1)
                for a in arguments
            )
        # What a function of the module returns, where it is called only once.
        owner = self.names.owner(function) if isinstance(function, ast.Name) and kept else None
        bindings = owner.bindings[function.id] if owner is not None else []  # type: ignore[attr-defined]
        made = bindings[0].node if len(bindings) == 1 else None
        if not isinstance(made, ast.FunctionDef) or made.decorator_list:
            return False
        if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in self.names.walk(made)):
            return False
        values = given_back(self.names, made)
        return bool(values) and all(
            self.can_repeat(value, depth + 1, kept=True) for value in values
        )

    def _repeats(self, binding: Binding, depth: int) -> bool:
        if binding.kind in (BindingKind.ASSIGN,) and binding.value is not None:
            return self.can_repeat(binding.value, depth + 1, kept=True)
        if binding.kind is BindingKind.PARAMETER:
            given = given_values(self.module, binding)
            return bool(given) and all(self.can_repeat(v, depth + 1, kept=True) for v in given)
        if binding.kind in (BindingKind.COMPREHENSION, BindingKind.LOOP):
            values = loop_values(self.module, binding)
            return bool(values) and all(
                self.can_repeat(v, depth + 1, kept=True) for v in values or []
            )
        return False


def stored_values(module: Module, attribute: ast.Attribute) -> list[ast.expr]:
    """Return all that is ever stored in ``self.x``; nothing if that cannot be told.

    Or in that of an object which a loop takes from those that a class of the module made.
    """
    names = module.names
    if not isinstance(attribute.value, ast.Name):
        return []
    owner = class_around(module, attribute)
    if attribute.value.id == "self":
        method = names.scope_of(attribute.value).frame.node
        if owner is None or names.parents.get(method) is not owner:
            return []
    else:
        owner = _class_of_items(module, attribute.value)
    if owner is None or owner.bases:
        return []
    found: list[ast.expr] = []
    for node in names.attributes(attribute.attr):
        if isinstance(node.ctx, ast.Load):
            continue
        statement = names.parents.get(node)
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            return []
        found.append(statement.value)
    for binding in names.scopes[owner].bindings.get(attribute.attr, []):
        if binding.kind is not BindingKind.ASSIGN or binding.value is None:
            return []
        found.append(binding.value)
    return found


def _class_of_items(module: Module, variable: ast.Name) -> ast.ClassDef | None:
    """Return the class that made each object which a loop variable stands for."""
    bindings = module.names.reaching(variable)
    if len(bindings) != 1 or bindings[0].kind not in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        return None
    made = loop_values(module, bindings[0]) or []
    classes = {class_called(module.names, value) for value in made}
    return classes.pop() if len(classes) == 1 else None


def holds_references(
    project: Project, module: Module, shape: Shape, argument: Argument
) -> Literal["no", "maybe", "yes"]:
    """Whether a varying argument can be an ObjectRef, which Ray would resolve for the task."""
    names = module.names
    expression = argument.expression
    if hasattr(expression, "lineno") and is_immutable(project, module, expression):
        return "no"
    own = expression if expression in names.order else shape.region
    makers = _makers(names)
    around = set(names.ancestors(own)) & makers
    if isinstance(expression, ast.Name) and not hasattr(expression, "lineno"):
        sources: list[ast.expr] = [r.iterable for r in shape.repeats or []]
    else:
        sources = [expression]
    reached = _sources(module, sources)
    if any(node in makers and node not in around for node in reached):
        return "yes"
    if any(isinstance(s, ast.arg) for s in reached) and len(makers) > len(around):
        return "maybe"
    if any(isinstance(s, ast.arg) for s in reached) and not is_program(names):
        return "maybe"
    return "no"


@once_per_module
def _makers(names: ModuleNames) -> set[ast.AST]:
    """Return the calls of the module that make references that are not fetched at once."""
    return {
        node
        for node in names.index.every(ast.Call)
        if (
            (
                isinstance(node.func, ast.Attribute)
                and node.func.attr == "remote"
                and not _creates_actor(names, node.func.value)
            )
            or names.stands_for(node.func, "ray.put")
        )
        and not _fetched(names, node)
    }


def _creates_actor(names: ModuleNames, maker: ast.expr) -> bool:
    """Whether ``maker.remote(...)`` makes an actor, whose handle is no reference."""
    while isinstance(maker, ast.Call) and isinstance(maker.func, ast.Attribute):
        maker = maker.func.value
    if not isinstance(maker, ast.Name):
        return False
    reaching = names.reaching(maker)
    return bool(reaching) and all(isinstance(b.node, ast.ClassDef) for b in reaching)


def _fetched(names: ModuleNames, call: ast.Call) -> bool:
    """Whether the reference is fetched where it is made, or made for an actor."""
    parent = names.parents[call]
    if isinstance(parent, COMPREHENSIONS):
        parent = names.parents[parent]
    if isinstance(parent, ast.Expr | ast.Await):
        return True
    return isinstance(parent, ast.Call) and names.stands_for(parent.func, "ray.get")


def _sources(module: Module, expressions: list[ast.expr]) -> set[ast.AST]:
    """Return every expression and parameter whose value may flow into the expressions."""
    names = module.names
    seen: set[ast.AST] = set()
    stack: list[ast.AST] = list(expressions)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, ast.Name) and node in names.order:
            for binding in names.reaching(node):
                if binding.kind is BindingKind.PARAMETER:
                    given = _given(module, binding)
                    stack += given
                    if not given:
                        seen.add(binding.node)
                elif binding.kind in (BindingKind.FUNCTION, BindingKind.CLASS):
                    stack.append(binding.node)
                elif binding.value is not None:
                    stack.append(binding.value)
                elif binding.statement is not None or binding.node in names.order:
                    stack += _unpacked_from(module, binding)
                stack += _filled_with(names, binding)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Its parameters are looked at where they are used.
            defaults = [d for d in node.args.kw_defaults if d is not None]
            stack += [*node.body, *node.args.defaults, *defaults]
        else:
            stack.extend(ast.iter_child_nodes(node))
    return seen


def _given(module: Module, parameter: Binding) -> list[ast.expr]:
    """Return what the calls of a program pass for a parameter; nothing if a call is not seen."""
    function = parameter.scope.node
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    known = given_values(module, parameter)
    if known:
        return known
    if not is_program(module.names) or calls_of(module, function) is None:
        return []
    return arguments_for(module, function, parameter.name)


def _unpacked_from(module: Module, binding: Binding) -> list[ast.AST]:
    """Return the iterable or value that a name inside of a tuple target is taken from."""
    for parent in module.names.ancestors(binding.node):
        if isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
            return [parent.iter]
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return [parent.value] if parent.value is not None else []
        if isinstance(parent, ast.With | ast.AsyncWith | ast.stmt):
            return []
    return []


@once_per_module
def _filled_with(names: ModuleNames, binding: Binding) -> list[ast.AST]:
    """Return what ``name.append(x)``, ``name.extend(x)`` or ``name[k] = x`` puts into a name."""
    found: list[ast.AST] = []
    for use in names.uses(binding):
        parent = names.parents[use]
        if isinstance(parent, ast.Attribute) and parent.value is use:
            call = names.parents[parent]
            if isinstance(call, ast.Call) and parent.attr in ("append", "extend", "add", "insert"):
                found += call.args
        elif isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load):
            statement = names.parents[parent]
            if isinstance(statement, ast.Assign):
                found.append(statement.value)
    return found
