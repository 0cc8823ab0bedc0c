"""Which objects may be one and the same, and which of them change while a loop submits.

A batch takes its items when the loop is over, or before it starts. That is the same only if no
item changes in between: by another name, in a function that the loop calls, or in the generator
that gave it.
"""

from __future__ import annotations

import ast

from ray_lint.program.callers import given_values
from ray_lint.program.class_members import class_called, class_members
from ray_lint.program.effects import is_immutable, mutates
from ray_lint.program.effects.state import changes_object, changing_uses
from ray_lint.program.functions import (
    argument_of,
    arguments_for,
    given_back,
    implicit_parameters,
)
from ray_lint.program.names import (
    DISPLAYS,
    FUNCTIONS,
    LOOPS,
    Binding,
    BindingKind,
)
from ray_lint.program.sizes import number_of
from ray_lint.rewrite.arguments import stores_run_code
from ray_lint.rewrite.entries import is_own_table
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.made_anew import shares_objects
from ray_lint.rewrite.observers import code_of, methods_of, reachable
from ray_lint.rewrite.plan import Argument, Declined
from ray_lint.rewrite.relations import OWNER, PART, SAME, Key, Relations, base_of
from ray_lint.rewrite.rows import reads_another_key
from ray_lint.rewrite.uses import is_reference

_REPEATS = {"repeat", "cycle", "chain", "product", "permutations", "combinations"}
_REPEATS = {f"itertools.{n}" for n in _REPEATS} | {"random.choices", "random.choice"}
_HOOKS = {"__getattr__", "__getattribute__", "__setattr__"}
_DEPTH = 6


class Sharing(Relations):
    """Judges one module."""

    # -- the verdicts -------------------------------------------------------------------------

    def judge_argument(self, shape: Shape, argument: Argument) -> None:
        """Decline an argument that changes between its submission and that of its batch."""
        expression, region = argument.expression, shape.region
        if expression not in self.names.order or isinstance(expression, ast.Constant):
            return
        early = shape.form is Form.NEXT
        exact = early or not argument.varying
        if not exact and is_immutable(self.project, self.module, expression):
            return
        changes = self.changes(region)
        if not changes or (not early and is_reference(self.names, expression)):
            return
        every = (use for uses in changes.values() for use in uses)
        if reads_another_key(self.project, self.module, expression, every):
            return
        if exact:
            self._judge_rebinding(expression, region, changes)
            if early or not isinstance(expression, ast.Name):
                self._judge_reading(shape, expression, changes)
            if not early and is_immutable(self.project, self.module, expression):
                return
        sources = []
        for name, how in self.sources(expression):
            known = self._key(name)
            if known is not None and not is_immutable(self.project, self.module, name):
                sources.append((base_of(name), known, how))
        own = {key for _, key, _ in sources}
        for key, how in self._related([(key, how) for _, key, how in sources]).items():
            uses = list(changes.get(key, []))
            if how != OWNER:
                inner = f"{key[1]}."
                uses += [
                    use
                    for other, found in changes.items()
                    if other[0] is key[0] and other[1].startswith(inner)
                    for use in found
                ]
            for use in uses:
                if shape.receiver is not None and self.names.contains(shape.node, use):
                    continue  # the object that keeps the reference
                if key in own and not self._is_old(shape, sources, key, use):
                    continue
                partly = how in (PART, OWNER)
                if partly and not (exact and key in own) and self.is_shallow(self._at(key, use)):
                    continue
                if not exact and self._is_kept_apart(shape, expression, key, use):
                    continue
                raise Declined(f"`{key[1]}` is changed while the loop runs")

    def _is_kept_apart(self, shape: Shape, expression: ast.expr, key: Key, use: ast.AST) -> bool:
        """Whether a use fills a table of ``self`` that no code names which gives the items."""
        names, parent = self.names, self.names.parents.get(use)
        own = key[1] == "self" and isinstance(use, ast.Name) and use.id == "self"
        if not own or not isinstance(parent, ast.Attribute) or not self.is_shallow(parent):
            return False
        if stores_run_code(names) or not is_own_table(names, parent.attr):
            return False
        loops = [n for n in names.walk(shape.region) if isinstance(n, ast.For | ast.comprehension)]
        code = [expression, *(loop.iter for loop in loops)]
        code += [r.iterable for r in shape.repeats or [] if r.iterable in names.order]
        return not any(
            isinstance(node, ast.Attribute) and node.attr == parent.attr
            for place in [*code, *reachable(names, code)]
            for node in names.walk(place)
        )

    def _at(self, key: Key, use: ast.AST) -> ast.AST:
        """Return ``self.queue`` for its ``self``, if that is what is asked about."""
        parent = self.names.parents.get(use)
        attribute = key[1].partition(".")[2]
        named = isinstance(parent, ast.Attribute) and parent.attr == attribute
        return parent if named and parent is not None and isinstance(use, ast.Name) else use

    def _judge_rebinding(
        self, expression: ast.expr, region: ast.AST, changes: dict[Key, list[ast.AST]]
    ) -> None:
        """Decline what a function that the loop calls binds again."""
        for node in ast.walk(expression):
            if not isinstance(node, ast.Name):
                continue
            owner = self.names.owner(node)
            for use in changes.get((owner, node.id), []) if owner is not None else []:
                inside = self.names.contains(region, use)
                if isinstance(getattr(use, "ctx", None), ast.Store) and not inside:
                    raise Declined(f"`{node.id}` is bound again while the loop runs")
        attributes = {n.attr for n in ast.walk(expression) if isinstance(n, ast.Attribute)}
        if not attributes:
            return
        for function in reachable(self.names, [region]):
            for node in self.names.walk(function):
                stored = isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
                if stored and node.attr in attributes:  # type: ignore[attr-defined]
                    raise Declined(f"`{node.attr}` is set while the loop runs")  # type: ignore[attr-defined]

    def _judge_reading(
        self, shape: Shape, expression: ast.expr, changes: dict[Key, list[ast.AST]]
    ) -> None:
        """Decline an argument that reads what other parts of the loop change.

        All arguments would be computed before the loop does anything else, or one for all items.
        """
        names = self.names
        for place in [expression, *reachable(names, [expression])]:
            for node in names.walk(place):
                if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                    continue
                owner = names.owner(node)
                if owner is None or (place is not expression and names.contains(place, owner.node)):
                    continue
                part = self._read_part(node)
                for key, uses in changes.items():
                    whole = node.id if key[1] == node.id else f"{node.id}{part}"
                    named = key[1] == whole or key[1].startswith(f"{whole}.")
                    if key[0] is not owner or not named:
                        continue
                    if any(not names.contains(expression, use) for use in uses) and not all(
                        names.contains(shape.region, b.node)
                        and b.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION)
                        for b in owner.bindings.get(node.id, [])
                    ):
                        raise Declined(f"`{node.id}` is changed while the loop runs")

    def _read_part(self, name: ast.Name) -> str:
        """Return ``.attr`` if that is all that is read of an object, and it is kept there."""
        parent = self.names.parents.get(name)
        methods = methods_of(self.names)
        if not isinstance(parent, ast.Attribute) or parent.attr in methods or _HOOKS & set(methods):
            return ""
        outer = self.names.parents.get(parent)
        called = isinstance(outer, ast.Call) and outer.func is parent
        return "" if called else f".{parent.attr}"

    def judge_lazy(self, shape: Shape, arguments: list[Argument]) -> None:
        """Decline an iterator of submissions whose arguments may change before it is read."""
        names, node = self.names, shape.node
        self._judge_later_changes(shape, arguments)
        expressions = [a.expression for a in arguments]
        expressions += [c for r in shape.repeats or [] for c in r.conditions]
        for expression in expressions:
            if expression not in names.order:
                continue
            for name in names.walk(expression):
                owner = names.owner(name) if isinstance(name, ast.Name) else None
                if owner is None or not isinstance(name, ast.Name):
                    continue
                if names.contains(node, owner.node):
                    continue
                bindings = owner.bindings.get(name.id, [])
                if any(names.order[b.node] > names.order[node] for b in bindings):
                    raise Declined(f"`{name.id}` may stand for something else when they are taken")

    def _judge_later_changes(self, shape: Shape, arguments: list[Argument]) -> None:
        """Decline items, or a list of them, that the code behind an iterator changes."""
        names, end = self.names, self.names.last[shape.node]
        for name in (n for r in shape.repeats or [] for n in ast.walk(r.iterable)):
            owner = names.owner(name) if isinstance(name, ast.Name) else None
            if owner is not None and isinstance(name, ast.Name):
                for use in changing_uses(self.module, owner, name.id, deep=False):
                    if names.order[use] > end:
                        raise Declined(f"`{name.id}` may change before they are taken")
        if all(
            a.expression in names.order and is_immutable(self.project, self.module, a.expression)
            for a in arguments
            if a.varying and hasattr(a.expression, "lineno")
        ) and not any(a.varying and not hasattr(a.expression, "lineno") for a in arguments):
            return
        places: list[ast.Attribute | ast.Subscript] = [
            *names.index.every(ast.Attribute),
            *names.index.every(ast.Subscript),
        ]
        for place in places:
            if not isinstance(place.ctx, ast.Load) and names.order[place] > end:
                text = ast.unparse(place)
                raise Declined(f"`{text}` is set, maybe in an item, before they are taken")

    def _is_old(
        self,
        shape: Shape,
        sources: list[tuple[ast.Name, Key, str]],
        key: Key,
        use: ast.AST,
    ) -> bool:
        """Whether a change by the name of the argument itself may hit an earlier item.

        Changes that follow the submission are judged elsewhere.
        """
        names, region = self.names, shape.region
        for name, other, _ in sources:
            if other != key:
                continue
            for binding in names.reaching(name):
                if not names.contains(region, binding.node):
                    return True
                if any(
                    names.contains(region, loop)
                    and not names.contains(loop, binding.node)
                    and names.contains(loop, use)
                    for loop in names.ancestors(name)
                    if isinstance(loop, LOOPS)
                ):
                    return True
                if shape.form is Form.NEXT and shape.loop is not None:
                    return True
                if self._comes_again(binding, region):
                    return True
        return False

    def _comes_again(self, binding: Binding, region: ast.AST) -> bool:
        """Whether a name may get an object that an earlier round of the loop had, too."""
        made = class_called(self.names, binding.value)
        if made is not None and shares_objects(self.module, made):
            return True
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            statement = binding.statement
            iterable = binding.value
            if iterable is None and isinstance(statement, ast.For):
                iterable = statement.iter
            return iterable is not None and self._repeats(iterable)
        for source, how in self._bound(binding):
            base = base_of(source)
            if self._key(source) is None or is_immutable(self.project, self.module, source):
                continue
            reaching = self.names.reaching(base)
            for before in reaching:
                looped = before.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION)
                if not self.names.contains(region, before.node):
                    if how == SAME or not self._by_loop_variable(binding):
                        return True
                elif not looped and self.names.order[before.node] > self.names.order[base]:
                    return True
        return False

    def _by_loop_variable(self, binding: Binding) -> bool:
        """Whether a binding takes one item by a plain index: ``row = rows[i]``."""
        value = binding.value
        return isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Name)

    def _repeats(self, iterable: ast.expr, depth: int = 0) -> bool:
        """Whether an iterable may give one object more than once, as far as its text tells."""
        if depth > _DEPTH:
            return True
        if isinstance(iterable, ast.Name) and iterable in self.names.order:
            values = [b.value for b in self.names.reaching(iterable) if b.value is not None]
            return any(self._repeats(v, depth + 1) for v in values)
        if isinstance(iterable, ast.BinOp):
            return True
        if isinstance(iterable, ast.List | ast.Tuple):
            named = [ast.dump(e) for e in iterable.elts if not isinstance(e, ast.Constant)]
            return len(named) > len(set(named))
        if isinstance(iterable, ast.ListComp | ast.GeneratorExp):
            return isinstance(iterable.elt, ast.Name) and not any(
                isinstance(n, ast.Name) and n.id == iterable.elt.id
                for g in iterable.generators
                for n in ast.walk(g.target)
            )
        if isinstance(iterable, ast.Call):
            if self.names.qualified_names(iterable.func) & _REPEATS:
                return True
            if isinstance(iterable.func, ast.Attribute) and iterable.func.attr == "fromkeys":
                return True
            return any(self._repeats(a, depth + 1) for a in iterable.args)
        return False

    # -- iterables ----------------------------------------------------------------------------

    def judge_iterable(self, iterable: ast.expr, depth: int = 0) -> None:
        """Decline a generator or iterator of this file that gives one changing object again."""
        if depth > _DEPTH or iterable not in self.names.order:
            return
        names = self.names
        if isinstance(iterable, ast.Name):
            for binding in names.reaching(iterable):
                if binding.value is not None and binding.kind is BindingKind.ASSIGN:
                    self.judge_iterable(binding.value, depth + 1)
                elif binding.kind is BindingKind.PARAMETER:
                    for given in self._given(binding):
                        self.judge_iterable(given, depth + 1)
        elif isinstance(iterable, ast.Attribute):
            for node in names.attributes(iterable.attr):
                value = getattr(names.parents.get(node), "value", None)
                if isinstance(node.ctx, ast.Store) and value is not None:
                    self.judge_iterable(value, depth + 1)
        elif isinstance(iterable, ast.GeneratorExp | ast.ListComp):
            if isinstance(iterable.elt, ast.Call):
                self._judge_maker(iterable.elt.func)
            for generator in iterable.generators:
                self.judge_iterable(generator.iter, depth + 1)
        elif isinstance(iterable, ast.Call):
            self._judge_maker(iterable.func)
            for number, argument in enumerate(iterable.args):
                self.judge_iterable(argument, depth + 1)
                mapped = names.qualified(iterable.func) in ("builtins.map", "itertools.starmap")
                if number == 0 and (mapped or names.stands_for(iterable.func, "builtins.iter")):
                    self._judge_maker(argument)

    def _given(self, parameter: Binding) -> list[ast.expr]:
        """Return what the calls that are seen pass for a parameter."""
        function = parameter.scope.node
        if not isinstance(function, FUNCTIONS) or isinstance(function, ast.Lambda):
            return []
        found = [
            *given_values(self.module, parameter),
            *arguments_for(self.module, function, parameter.name),
        ]
        if self.names.scope_of(function).is_class:  # of any object with such a method
            skip = implicit_parameters(self.module, function)
            calls = [
                call
                for call in self.names.index.every(ast.Call)
                if isinstance(call.func, ast.Attribute) and call.func.attr == function.name
            ]
            given = (argument_of(call, function, parameter.name, skip) for call in calls)
            found += [value for value in given if value is not None]
        return found

    def _judge_maker(self, func: ast.expr) -> None:
        """Judge what a function, method or class gives for each item."""
        makers: list[ast.AST] = []
        if isinstance(func, ast.Name) and func in self.names.order:
            makers = list(code_of(self.names, func))
        elif isinstance(func, ast.Attribute):
            makers = [*methods_of(self.names).get(func.attr, [])]
        elif isinstance(func, ast.Lambda):
            makers = [func]
        seen: set[ast.AST] = set()
        while makers:
            maker = makers.pop()
            if maker in seen:
                continue
            seen.add(maker)
            for node in self.names.walk(maker):
                if isinstance(node, ast.YieldFrom):
                    makers += reachable(self.names, [node.value])
            for value in given_back(self.names, maker):
                if isinstance(value, ast.Call):
                    makers += reachable(self.names, [value.func])
                parts = value.elts if isinstance(value, ast.Tuple) else [value]
                if any(self._is_reused(part, maker) for part in parts):
                    text = ast.unparse(func)
                    raise Declined(f"`{text}` gives an object that it changes later")

    def _is_reused(self, value: ast.expr, maker: ast.AST, depth: int = 0) -> bool:
        """Whether a given value is an object that its maker keeps and may change."""
        if depth > _DEPTH or value not in self.names.order:
            return False
        if is_immutable(self.project, self.module, value):
            return False
        if isinstance(value, ast.Attribute):
            return any(
                changes_object(self.module, node) for node in self.names.attributes(value.attr)
            )
        if isinstance(value, ast.Subscript):
            parent = self.names.parents.get(maker)
            kept = isinstance(parent, ast.ClassDef) and not isinstance(value.slice, ast.Slice)
            return kept and not self._is_constant_table(value.value)
        if isinstance(value, ast.Call):
            given = (part for part, how in self._call_steps(value) if how == SAME)
            return any(self._is_reused(part, maker, depth + 1) for part in given)
        if not isinstance(value, ast.Name) or self._counts(value):
            return False
        return any(
            (
                binding.kind is BindingKind.AUGMENTED
                or mutates(self.project, self.module, maker, binding)
            )
            and not self._made_each_time(binding, maker)
            for binding in self.names.reaching(value)
        ) or any(
            binding.kind is BindingKind.ASSIGN
            and isinstance(binding.value, ast.Name | ast.Call)
            and self.names.contains(maker, binding.value)
            and self._is_reused(binding.value, maker, depth + 1)
            for binding in self.names.reaching(value)
        )

    def _is_constant_table(self, table: ast.expr) -> bool:
        """Whether an attribute is a tuple of constants in the body of the classes that have it."""
        if not isinstance(table, ast.Attribute):
            return False
        if any(not isinstance(n.ctx, ast.Load) for n in self.names.attributes(table.attr)):
            return False
        made = [b.value for found in class_members(self.names, table.attr) for b in found]
        return bool(made) and all(
            isinstance(value, ast.Tuple) and all(isinstance(e, ast.Constant) for e in value.elts)
            for value in made
        )

    def _counts(self, name: ast.Name) -> bool:
        """Whether a name starts as a number or date, which ``+=`` does not change but replaces."""
        owner = self.names.owner(name)
        bindings = owner.bindings.get(name.id, []) if owner is not None else []
        firsts = [b for b in bindings if b.kind is not BindingKind.AUGMENTED]
        return bool(firsts) and all(
            binding.kind is BindingKind.ASSIGN
            and binding.value is not None
            and (
                number_of(self.project, self.module, binding.value).kind == "known"
                or is_immutable(self.project, self.module, binding.value)
            )
            for binding in firsts
        )

    def _made_each_time(self, binding: Binding, maker: ast.AST) -> bool:
        """Whether a name of a generator gets a new object in each round of its loop."""
        made = class_called(self.names, binding.value)
        if made is not None and shares_objects(self.module, made):
            return False
        generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in self.names.walk(maker))
        local = self.names.contains(maker, binding.scope.node)
        if not generator and local and binding.kind is not BindingKind.PARAMETER:
            # A function that is called for each item makes its own variables each time.
            every = binding.scope.bindings.get(binding.name, [])
            return binding.kind is not BindingKind.AUGMENTED or all(
                b.kind is BindingKind.AUGMENTED or isinstance(b.value, DISPLAYS) for b in every
            )
        if binding.kind is BindingKind.AUGMENTED:
            return False
        loops = [n for n in self.names.ancestors(binding.node) if isinstance(n, LOOPS)]
        return any(self.names.contains(maker, loop) for loop in loops)
