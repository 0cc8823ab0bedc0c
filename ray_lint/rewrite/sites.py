"""Rewriting the place of the submission itself, form by form."""

from __future__ import annotations

import ast
from dataclasses import replace

from ray_lint.program.class_members import class_of_receiver
from ray_lint.program.effects import expression_effects, is_immutable, kinds_of, mutates
from ray_lint.program.effects.state import changing_uses
from ray_lint.program.facts import Site
from ray_lint.program.known_sizes import PROGRESS_BARS
from ray_lint.program.names import BindingKind
from ray_lint.rewrite.arguments import stores_run_code
from ray_lint.rewrite.entries import is_own_table
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.interruptions import what_items_do
from ray_lint.rewrite.items import stored_values
from ray_lint.rewrite.loop_sites import LoopWriter
from ray_lint.rewrite.naming import ascii_name, plural
from ray_lint.rewrite.observers import handles_failures, reachable
from ray_lint.rewrite.places import is_exhausted
from ray_lint.rewrite.plan import Argument, Declined, Edits, Items, Repeat, Strategy
from ray_lint.rewrite.site_text import LINE_WIDTH, Call
from ray_lint.rewrite.submitters import Submitter
from ray_lint.rewrite.uses import Uses


class SiteWriter(LoopWriter):
    """Writes the edits at the site of one submission."""

    def write(
        self,
        edits: Edits,
        shape: Shape,
        site: Site,
        arguments: list[Argument],
        call: Call,
        strategy: Strategy,
        uses: Uses,
    ) -> None:
        """Add the edits of the site. Raises Declined where its loop cannot be taken apart."""
        if site.submission.is_pooled:
            self._pool_map(edits, shape, arguments, call)
        elif shape.form is Form.EXPRESSION:
            self._expression(edits, shape, arguments, call, strategy, uses)
        elif shape.form is Form.DICT:
            self._dict(edits, shape, arguments, call)
        elif shape.form is Form.NEXT:
            self._next(edits, shape, site, arguments, call)
        elif self._is_filled_up(shape, arguments) or (
            shape.repeats is not None and self._replaceable(shape)
        ):
            self._whole_loop(edits, shape, arguments, call, strategy, uses)
        else:
            self._collecting_loop(
                edits, shape, site.submission.call, arguments, call, strategy, uses
            )

    def _expression(
        self,
        edits: Edits,
        shape: Shape,
        arguments: list[Argument],
        call: Call,
        strategy: Strategy,
        uses: Uses,
    ) -> None:
        node = shape.node
        assert isinstance(node, ast.expr)
        assert shape.repeats is not None
        items = self._items(shape.repeats, arguments)
        if strategy is Strategy.VALUES:
            self._values(edits, node, items, call, uses)
            return
        indent, room = self._place(node)
        refs = self._item_refs(edits, call, items.code, indent, room)
        if shape.collection in ("set", "tuple"):
            refs = f"{shape.collection}({refs})"
        elif shape.collection == "iterator" and not self._consumed_at_once(node):
            self._must_repeat(shape.repeats, [a.expression for a in arguments if a.varying])
            refs = f"iter({refs})"
        self._replace_expression(edits, node, refs)

    def _pool_map(self, edits: Edits, shape: Shape, arguments: list[Argument], call: Call) -> None:
        """Let the ``map`` of an ``ActorPool`` run over batches, and give their results in turn."""
        node, mapped = shape.node, shape.region
        assert isinstance(node, ast.expr)
        assert isinstance(mapped, ast.Call) and isinstance(mapped.args[0], ast.Lambda)
        assert shape.repeats is not None
        items = self._items(shape.repeats, arguments).code
        actor = mapped.args[0].args.args[0].arg
        batch = self._local("batch", call, items)
        function = f"lambda {actor}, {batch}: {self._remote_call(call, batch)}"
        batches = f"{self._split(edits)}({items})"
        indent, room = self._place(node)
        text = f"{self.source.code(mapped.func)}({function}, {batches})"
        inner = indent + self.source.step
        if len(inner) + len(text) > LINE_WIDTH:
            deeper, newline = inner + self.source.step, self.source.newline
            lines = "".join(f"{newline}{deeper}{part}," for part in (function, batches))
            text = f"{self.source.code(mapped.func)}({lines}{newline}{inner})"
        results = self._flattened(node, text, indent, room, items)
        if shape.collection in ("set", "tuple"):
            results = f"{shape.collection}({results})"
        elif shape.collection == "iterator":
            parent = self.names.parents[node]
            only = isinstance(parent, ast.Call) and parent.args == [node] and not parent.keywords
            results = results[1:-1] if only else f"({results[1:-1]})"
        self._replace_expression(edits, node, results)

    def _items(self, repeats: list[Repeat], arguments: list[Argument]) -> Items:
        varying = [argument for argument in arguments if argument.varying]
        first = varying[0].expression if varying else None
        if first is repeats[0].target or (
            isinstance(repeats[0].target, ast.Tuple) and first is repeats[0].target.elts[0]
        ):
            # ``map(f.remote, xs)``: the items are the arguments.
            if len(varying) > 1:
                assert isinstance(repeats[0].iterable, ast.Call)
                iterables = [self.source.code(a) for a in repeats[0].iterable.args]
                return Items(f"list(zip({', '.join(iterables)}))")
            if varying[0].star and not self.items.are_plain(repeats[0].iterable):
                code = self.source.enclosed(repeats[0].iterable)
                return Items(f"[tuple(item) for item in {code}]")
            return Items(self.items.sequence(repeats[0].iterable))
        return self.items.items(repeats, arguments)

    def _values(self, edits: Edits, node: ast.expr, items: Items, call: Call, uses: Uses) -> None:
        get = self.names.parents[node]
        indent, room = self._place(node)
        if get in uses.gets and not isinstance(self.names.parents[get], ast.Expr):
            assert isinstance(get, ast.Call)
            _, outer_room = self._place(get)
            inner = indent + self.source.step
            refs = self._batch_refs(edits, call, items.code, inner, outer_room + 30)
            function = self.source.code(get.func)
            self._replace_expression(
                edits,
                get,
                self._flattened(get, f"{function}({refs})", indent, outer_room, items.code),
            )
            return
        self._replace_expression(
            edits, node, self._batch_refs(edits, call, items.code, indent, room)
        )
        self._flatten_gets(edits, uses)

    def _consumed_at_once(self, node: ast.expr) -> bool:
        """Whether the iterator is an argument or the iterable of a loop, not kept by a name."""
        parent = self.names.parents[node]
        if isinstance(parent, ast.comprehension):
            return parent.iter is node
        if isinstance(parent, ast.For):
            leaves = (ast.Break, ast.Return, ast.Raise)
            return parent.iter is node and not any(
                isinstance(n, leaves) for n in self.names.walk(parent)
            )
        if isinstance(parent, ast.Starred):
            return True
        if not isinstance(parent, ast.Call):
            return False
        if self.names.qualified(parent.func) == "builtins.enumerate":
            return self._consumed_at_once(parent)
        if isinstance(parent.func, ast.Attribute) and parent.func.attr in ("extend", "update"):
            taker = parent.func.value
            if handles_failures(self.names):
                return False  # a list keeps what it took before an item failed
            if isinstance(taker, ast.Attribute):
                made = stored_values(self.items.module, taker)
                return bool(made) and all(isinstance(v, ast.List | ast.Set) for v in made)
            kinds = kinds_of(self.items.project, self.items.module, taker)
            return kinds is not None and bool(kinds) and kinds <= {"list", "deque", "set"}
        return self.names.qualified(parent.func) in ("builtins.sorted", "builtins.list")

    def _dict(self, edits: Edits, shape: Shape, arguments: list[Argument], call: Call) -> None:
        node, key = shape.node, shape.key
        assert isinstance(node, ast.expr)
        assert key is not None
        assert shape.repeats is not None
        repeats = self._listed(edits, node, shape.repeats, call)
        self._must_repeat(repeats, [key, *(a.expression for a in arguments)])
        items = self.items.items(repeats, arguments)
        keys = self.items.keys(repeats, key)
        indent, room = self._place(node)
        refs = self._item_refs(edits, call, items.code, indent, room + 20)
        pair = (refs, keys.code) if shape.collection == "keys" else (keys.code, refs)
        self._replace_expression(edits, node, f"dict(zip({', '.join(pair)}))")

    def _listed(
        self, edits: Edits, node: ast.expr, repeats: list[Repeat], call: Call
    ) -> list[Repeat]:
        """Put an iterable that a first pass may use up into a list, right before the statement.

        Only where nothing else of the statement comes before it, and it is all taken there anyway.
        """
        names, first = self.names, repeats[0]
        statement = names.statement_of(node)
        assert statement is not None
        if self.items.can_repeat(first.iterable) or getattr(statement, "value", None) is not node:
            return repeats
        if names.scope_of(statement).is_class or not self._first_on_line(statement):
            return repeats
        if "\n" in self.source.code(first.iterable):
            return repeats
        offset = self.source.line_start(self.source.first_line(statement))
        listed, line = self._list_of(first.iterable, call, self.source.indent(statement))
        edits.insert(offset, line)
        return [replace(first, iterable=self.items.list_named(listed)), *repeats[1:]]

    def _list_of(self, iterable: ast.expr, call: Call, indent: str) -> tuple[str, str]:
        """Return a new name for a list of the items, and the line that makes it."""
        listed = self.supply.fresh(f"{ascii_name(call.name, 'task').strip('_')}_{plural('item')}")
        line = f"{indent}{listed} = list({self.source.code(iterable)}){self.source.newline}"
        return listed, line

    def _must_repeat(self, repeats: list[Repeat], evaluated: list[ast.expr]) -> None:
        """Decline loops that cannot be run twice: once for the items, once for the rest."""
        targets = {n.id for r in repeats for n in ast.walk(r.target) if isinstance(n, ast.Name)}
        for repeat in repeats:
            iterable = repeat.iterable
            inner = isinstance(iterable, ast.Name) and iterable.id in targets
            inner = inner or repeat.single
            if not inner and not self.items.can_repeat(iterable):
                raise Declined("its iterable may be used up by a first pass")
        conditions = self._conditions(repeats)
        assigned = [r.iterable for r in repeats if r.single]
        for expression in [*evaluated, *conditions, *assigned]:
            if expression not in self.names.order:
                continue  # the item itself, as ``map`` passes it
            effects = expression_effects(self.items.project, self.items.module, expression)
            bad = [e for e in effects if e.kind.name not in ("MAY_RAISE", "RETURNS_SHARED")]
            if bad:
                raise Declined(f"an expression in the loop {bad[0].reason}")

    def _conditions(self, repeats: list[Repeat]) -> list[ast.expr]:
        """Return the conditions as they stand in the source, not as we negated them."""
        return [
            c.operand if c not in self.names.order and isinstance(c, ast.UnaryOp) else c
            for r in repeats
            for c in r.conditions
        ]

    def _must_hold_before(self, shape: Shape) -> None:
        """Decline conditions that could be answered otherwise before the loop than inside."""
        names, repeats = self.names, shape.repeats or []
        targets = {n.id for r in repeats for n in ast.walk(r.target) if isinstance(n, ast.Name)}
        helpers = any(
            isinstance(n, ast.Call)
            and isinstance(n.func, ast.Name)
            and not (names.qualified(n.func) or "").startswith(("builtins.", "ray."))
            for n in names.walk(shape.region)
        )
        place: ast.AST = names.tree if helpers else shape.region
        prints = shape.loop is not None and any(
            isinstance(n, ast.Call) and names.stands_for(n.func, "builtins.print")
            for n in names.walk(shape.loop)
        )
        for condition in self._conditions(repeats):
            effects = expression_effects(self.items.project, self.items.module, condition)
            if prints and effects:
                raise Declined("a condition may fail after something was printed")
            for node in names.walk(condition):
                if isinstance(node, ast.Attribute | ast.Subscript):
                    root: ast.expr = node
                    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                        root = root.func if isinstance(root, ast.Call) else root.value
                    known = isinstance(root, ast.Name) and root.id in targets
                    known = known or isinstance(root, ast.Constant)
                    if helpers and not known and names.qualified(node) is None:
                        raise Declined("a condition in the loop may change while it runs")
                if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                    continue
                owner = names.owner(node)
                if owner is None or any(
                    names.contains(condition, b.node) for b in names.reaching(node)
                ):
                    continue
                if node.id not in targets and helpers and len(owner.bindings[node.id]) != 1:
                    raise Declined(f"the condition on `{node.id}` may change while the loop runs")
                if is_immutable(self.items.project, self.items.module, node):
                    continue
                for binding in names.reaching(node):
                    skipped = (BindingKind.IMPORT, BindingKind.FUNCTION, BindingKind.CLASS)
                    if binding.kind not in skipped and mutates(
                        self.items.project,
                        self.items.module,
                        shape.region if node.id in targets else place,
                        binding,
                    ):
                        raise Declined(f"`{node.id}` is changed while the loop runs")

    def _next(
        self,
        edits: Edits,
        shape: Shape,
        site: Site,
        arguments: list[Argument],
        call: Call,
    ) -> None:
        node = shape.node
        assert isinstance(node, ast.expr)
        assert shape.repeats is not None
        statement = shape.loop or self.names.statement_of(node)
        assert statement is not None
        evaluated = list(arguments)
        if self.items.actor is not None:
            evaluated.append(Argument(self.items.actor, varying=True))
        if shape.loop is not None:
            self._runs_to_the_end(shape, evaluated)
        self._must_not_grow(shape)
        self._must_hold_before(shape)
        if isinstance(self.names.statement_of(node), ast.While) or self.source.text.startswith(
            "elif", self.source.start(statement)
        ):
            raise Declined("nothing can be submitted before the condition of the loop")
        if self.names.scope_of(statement).is_class:
            raise Declined("the loop stands in a class body")
        if not self._first_on_line(statement):
            raise Declined("the statement shares its line with another one")
        indent = self.source.indent(statement)
        repeats, listing = self._list_for_loop(edits, shape, call, indent)
        repeats = [replace(each, iterable=self._without_bar(each.iterable)) for each in repeats]
        self._must_repeat(repeats, [a.expression for a in evaluated])
        items = self.items.items(repeats, arguments)
        refs = self.supply.fresh(f"{ascii_name(call.name, 'task')}_refs")
        room = len(indent) + len(refs) + 8
        submitted = self._item_refs(edits, call, items.code, indent, room)
        offset = self.source.line_start(self.source.first_line(statement))
        edits.insert(offset, f"{listing}{indent}{refs} = iter({submitted}){self.source.newline}")
        if shape.taker is None:
            self._replace_expression(edits, node, f"next({refs})")
        else:
            assert isinstance(node, ast.Call)
            self._hand_over(edits, shape.taker, node, f"next({refs})", call)

    def _hand_over(
        self, edits: Edits, taker: Submitter, outer: ast.Call, next_ref: str, call: Call
    ) -> None:
        """Let a function get the reference as its first argument, instead of submitting."""
        function, inner = taker.function, taker.inner
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        assert inner is not None
        text, source = self.source.text, self.source
        named = self._only_named(function, inner)
        if named is None:
            name = self.supply.fresh(f"{ascii_name(call.name, 'task').strip('_')}_ref")
            self._replace_expression(edits, inner, name)
        else:
            name = source.code(named.targets[0])
            after = source.line_start(source.line_of(source.end(named)) + 1)
            edits.replace(source.line_start(named.lineno), after, "")
        opening = text.index("(", source.end(outer.func)) + 1
        more = ", " if outer.args or outer.keywords else ""
        edits.insert(opening, f"{next_ref}{more}")
        spec = function.args
        given = [*spec.posonlyargs, *spec.args]
        if taker.receiver is not None:
            edits.insert(source.end(given[0]), f", {name}")
        else:
            start = text.index(function.name, source.start(function) + len("def"))
            opening = text.index("(", start + len(function.name)) + 1
            others = bool(given or spec.vararg or spec.kwonlyargs or spec.kwarg)
            edits.insert(opening, f"{name}, " if others else name)

    def _only_named(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, inner: ast.Call
    ) -> ast.Assign | None:
        """Return the statement that gives the reference its only name; the parameter can have it.

        None if there is none that stands alone on its lines.
        """
        statement, scope = self.names.parents[inner], self.names.scope_of(inner)
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return None
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or scope.node is not function:
            return None
        lines = statement.lineno, statement.end_lineno or statement.lineno
        plain = self.source.stands_alone(statement) and not self.source.has_comment(*lines)
        alone = len(scope.bindings[target.id]) == 1 and statement is not function.body[-1]
        return statement if plain and alone else None

    def _list_for_loop(
        self, edits: Edits, shape: Shape, call: Call, indent: str
    ) -> tuple[list[Repeat], str]:
        """Put the items of a loop that runs to its end into a list, as they are needed twice.

        Only where taking them does nothing else. Returns the loops, and the line for the list.
        """
        assert shape.repeats is not None
        first, region = shape.repeats[0], shape.region
        iterable = first.iterable
        if isinstance(region, ast.ListComp | ast.SetComp | ast.DictComp):
            statement = self.names.statement_of(region)
            alone = getattr(statement, "value", None) is region
            if not alone or region.generators[0].iter is not iterable:
                return shape.repeats, ""
        elif not isinstance(shape.loop, ast.For) or iterable is not shape.loop.iter:
            return shape.repeats, ""
        if self.items.can_repeat(iterable) or "\n" in self.source.code(iterable):
            return shape.repeats, ""
        project, module = self.items.project, self.items.module
        if what_items_do(project, module, iterable, known=True, region=region):
            return shape.repeats, ""
        listed, line = self._list_of(iterable, call, indent)
        edits.replace(self.source.start(iterable), self.source.end(iterable), listed)
        repeats = [replace(first, iterable=self.items.list_named(listed)), *shape.repeats[1:]]
        return repeats, line

    def _without_bar(self, iterable: ast.expr) -> ast.expr:
        """Return what a progress bar is shown for, if it gives the same items a second time."""
        if isinstance(iterable, ast.Call) and iterable.args and iterable in self.names.order:
            shown = iterable.args[0]
            bar = self.names.stands_for(iterable.func, *PROGRESS_BARS)
            if bar and self.items.can_repeat(shown):
                return shown
        return iterable

    def _runs_to_the_end(self, shape: Shape, arguments: list[Argument]) -> None:
        """Decline loops whose submissions are not known before the first iteration."""
        names, loop = self.names, shape.loop
        assert loop is not None
        assert shape.repeats is not None
        for node in names.walk(loop):
            if isinstance(node, ast.Continue) and self.names.parents[node] in shape.skips:
                continue
            if isinstance(node, ast.Break | ast.Continue | ast.Return):
                raise Declined("the loop may end or skip before all items are submitted")
            if isinstance(node, ast.Yield | ast.YieldFrom) and not is_exhausted(names, node):
                raise Declined("the generator may be left before all items are submitted")
        targets: dict[str, ast.AST] = {}
        for repeat in shape.repeats:
            for node in ast.walk(repeat.target):
                if isinstance(node, ast.Name):
                    targets[node.id] = node
        evaluated = [a.expression for a in arguments] + [r.iterable for r in shape.repeats]
        evaluated += [c for r in shape.repeats for c in r.conditions]
        for expression in evaluated:
            for node in ast.walk(expression):
                if not isinstance(node, ast.Name) or node not in names.order:
                    continue
                owner = names.owner(node)
                inside = [
                    b
                    for b in (owner.bindings.get(node.id, []) if owner else [])
                    if names.contains(loop, b.node)
                ]
                if inside and [b.node for b in inside] != [targets.get(node.id)]:
                    raise Declined(f"`{node.id}` depends on the iterations before")

    def _must_not_grow(self, shape: Shape) -> None:
        """Decline iterables that the loop, or a function that it calls, changes."""
        names = self.names
        assert shape.repeats is not None
        places = [shape.region, *reachable(names, [shape.region])]
        for repeat in shape.repeats:
            for node in ast.walk(repeat.iterable):
                if not isinstance(node, ast.Name) or node not in names.order:
                    continue
                deep = not self._only_iterates(repeat.iterable, node)
                for binding in names.reaching(node):
                    if binding.kind is BindingKind.IMPORT:
                        continue
                    changes = [
                        use
                        for place in places
                        for use in changing_uses(
                            self.items.module, binding.scope, binding.name, place, deep=deep
                        )
                    ]
                    if changes and not self._of_other_attributes(repeat.iterable, node, changes):
                        raise Declined(f"`{node.id}` is changed while the loop runs")

    def _of_other_attributes(
        self, iterable: ast.expr, owner: ast.Name, changes: list[ast.AST]
    ) -> bool:
        """Whether changes of an object are of attributes that no code of an iterable names."""
        names = self.names
        if owner.id != "self" or class_of_receiver(names, owner) is None or stores_run_code(names):
            return False
        code = [iterable, *reachable(names, [iterable])]
        named = {n.attr for c in code for n in names.walk(c) if isinstance(n, ast.Attribute)}
        changed = [names.parents[change] for change in changes]
        return all(
            isinstance(at, ast.Attribute) and at.attr not in named and is_own_table(names, at.attr)
            for at in changed
        )

    def _only_iterates(self, iterable: ast.expr, node: ast.expr) -> bool:
        """Whether an iterable gives the items of a name, whatever becomes of these."""
        if stores_run_code(self.names):
            return False
        if isinstance(iterable, ast.Call):
            same = ("builtins.enumerate", "builtins.zip", "builtins.reversed", "builtins.list")
            return node in iterable.args and self.names.stands_for(iterable.func, *same)
        return iterable is node
