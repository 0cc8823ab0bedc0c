"""Rewriting the place of the submission itself, form by form."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ray_lint.program.effects import expression_effects, is_immutable, mutates
from ray_lint.program.facts import Site
from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.rewrite.arguments import used_after
from ray_lint.rewrite.functions import BatchSignature
from ray_lint.rewrite.insertions import Insertions
from ray_lint.rewrite.items import ItemWriter
from ray_lint.rewrite.naming import NameSupply, ascii_name, plural
from ray_lint.rewrite.plan import Argument, Declined, Edits, Items, Repeat, Strategy
from ray_lint.rewrite.shapes import Form, Shape, Uses, in_fstring, is_empty_list
from ray_lint.rewrite.source_map import SourceMap

_WIDTH = 88
_ONE_LINE = 10_000  # further left than any text is long: it is never broken


@dataclass(frozen=True)
class Call:
    """The batch call of a site as text.

    ``remote`` is the handle (``square_batch``, ``counter.add_batch``), ``shared`` the arguments
    that all items have in common, ``options`` those of ``.options(...)``; ``name`` is the user's
    name of what runs, for new variables.
    """

    remote: str
    shared: tuple[str, ...]
    options: tuple[str, ...]
    signature: BatchSignature
    name: str


class SiteWriter:
    """Writes the edits at the site of one submission."""

    def __init__(
        self,
        names: ModuleNames,
        source: SourceMap,
        supply: NameSupply,
        insertions: Insertions,
        items: ItemWriter,
        anchor: ast.stmt,
    ) -> None:
        self.names, self.source, self.supply = names, source, supply
        self.insertions, self.items, self.anchor = insertions, items, anchor

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
        if shape.form is Form.EXPRESSION:
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

    # -- pieces of text -----------------------------------------------------------------------

    def _split(self, edits: Edits) -> str:
        return self.insertions.split(edits, self.anchor)

    def _remote_call(self, call: Call, batch: str) -> str:
        """Return the submission of one batch of values."""
        signature = call.signature
        if signature.unpacked and len(signature.loop_names) > 1:
            passed = [*call.shared, f"*[value for item in {batch} for value in item]"]
        elif signature.unpacked:
            passed = [*call.shared, f"*{batch}"]
        elif signature.loop_names:
            passed = [batch, *call.shared]
        else:
            passed = [f"len({batch})", *call.shared]
        options = f".options({', '.join(call.options)})" if call.options else ""
        return f"{call.remote}{options}.remote({', '.join(passed)})"

    def _batch_refs(self, edits: Edits, call: Call, items: str, indent: str, room: int) -> str:
        """Return the list of one reference per batch."""
        batch = self._local("batch", call, items)
        head = self._remote_call(call, batch)
        tail = f"for {batch} in {self._split(edits)}({items})"
        return self._bracketed([head, tail], indent, room)

    def _item_refs(self, edits: Edits, call: Call, items: str, indent: str, room: int) -> str:
        """Return the list of one reference per item."""
        arguments = len(call.signature.loop_names) if call.signature.unpacked else 0
        submit = self.insertions.submit(edits, self.anchor, unpacked=arguments)
        passed = [call.remote, items, *call.shared, *call.options]
        one_line = f"{submit}({', '.join(passed)})"
        if room + len(one_line) <= _WIDTH or "\n" in one_line:
            return one_line
        inner = indent + self.source.cst.default_indent
        newline = self.source.newline
        lines = "".join(f"{newline}{inner}{argument}," for argument in passed)
        return f"{submit}({lines}{newline}{indent})"

    def _flattened(self, node: ast.expr, get: str, indent: str, room: int, *avoid: str) -> str:
        """Return one list of the values that ``get`` fetches in place of ``node``."""
        statement = self.names.statement_of(node)
        around = self.source.slice(statement) if statement is not None else ""
        plural = "batch_results" if re.search(r"\bresults\b", around) else "results"
        results = self._local("batch", *avoid, get, instead=plural)
        result = self._local("result", *avoid, get)
        return self._bracketed(
            [result, f"for {results} in {get}", f"for {result} in {results}"], indent, room
        )

    def _bracketed(self, parts: list[str], indent: str, room: int) -> str:
        one_line = f"[{' '.join(parts)}]"
        if room + len(one_line) <= _WIDTH and "\n" not in one_line and "#" not in one_line:
            return one_line
        newline, inner = self.source.newline, indent + self.source.cst.default_indent
        lines = "".join(f"{newline}{inner}{part}" for part in parts)
        return f"[{lines}{newline}{indent}]"

    def _local(self, wish: str, *avoid: object, instead: str = "") -> str:
        """Return a name for a comprehension variable that the given texts do not mention."""
        text = " ".join(str(a) for a in avoid)
        for name in filter(None, (wish, instead)):
            if not re.search(rf"\b{name}\b", text):
                return name
        return self.supply.fresh(f"next_{wish}", f"{wish}_")

    def _place(self, node: ast.expr | ast.stmt) -> tuple[str, int]:
        """Return the indentation of the statement of a node, and the column the node starts at."""
        statement = self.names.statement_of(node)
        assert statement is not None
        offset = self.source.start(node)
        column = offset - self.source.line_start(self.source.line_of(offset))
        if in_fstring(self.names, node):
            column = -_ONE_LINE
        return self.source.indent(statement), column

    def _keep_comments(
        self, edits: Edits, anchor: ast.stmt, start: int, end: int, content: str
    ) -> None:
        """Move the comments of a replaced range that its new text lacks above the statement."""
        lost = [c for c in self.source.comments_between(start, end) if c not in content]
        if lost:
            self.insertions.before(edits, anchor, self.source.newline.join(lost))

    def _replace_expression(self, edits: Edits, node: ast.expr, content: str) -> None:
        source = self.source
        start, end = source.start(node), source.end(node)
        if in_fstring(self.names, node):
            old = source.text[start:end]
            if any(sign in content and sign not in old for sign in "\n\r\\#'\""):
                raise Declined("the call stands inside an f-string that cannot hold the new code")
        if isinstance(node, ast.GeneratorExp):
            parent = self.names.parents[node]
            shared = isinstance(parent, ast.Call) and source.end(parent) == end
            if shared:
                content = f"({content})"
        statement = self.names.statement_of(node)
        assert statement is not None
        self._keep_comments(edits, statement, start, end, content)
        edits.replace(start, end, content)

    # -- comprehensions -----------------------------------------------------------------------

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

    def _items(self, repeats: list[Repeat], arguments: list[Argument]) -> Items:
        first = arguments[0].expression if arguments else None
        if first is repeats[0].target or (
            isinstance(repeats[0].target, ast.Tuple) and first is repeats[0].target.elts[0]
        ):
            # ``map(f.remote, xs)``: the items are the arguments.
            if len(arguments) > 1:
                assert isinstance(repeats[0].iterable, ast.Call)
                iterables = [self.source.code(a) for a in repeats[0].iterable.args]
                return Items(f"list(zip({', '.join(iterables)}))")
            return Items(self.items.sequence(repeats[0].iterable))
        return self.items.items(repeats, arguments)

    def _values(self, edits: Edits, node: ast.expr, items: Items, call: Call, uses: Uses) -> None:
        get = self.names.parents[node]
        indent, room = self._place(node)
        if get in uses.gets and not isinstance(self.names.parents[get], ast.Expr):
            assert isinstance(get, ast.Call)
            _, outer_room = self._place(get)
            inner = indent + self.source.cst.default_indent
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

    def _flatten_gets(self, edits: Edits, uses: Uses) -> None:
        for get in uses.gets:
            if isinstance(self.names.parents[get], ast.Expr):
                continue
            indent, room = self._place(get)
            self._replace_expression(
                edits, get, self._flattened(get, self.source.slice(get), indent, room)
            )

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
        return self.names.qualified(parent.func) in ("builtins.sorted", "builtins.list")

    def _dict(self, edits: Edits, shape: Shape, arguments: list[Argument], call: Call) -> None:
        node, key = shape.node, shape.key
        assert isinstance(node, ast.expr)
        assert key is not None
        assert shape.repeats is not None
        self._must_repeat(shape.repeats, [key, *(a.expression for a in arguments)])
        items = self.items.items(shape.repeats, arguments)
        keys = self.items.items(shape.repeats, [Argument(key, varying=True)])
        indent, room = self._place(node)
        refs = self._item_refs(edits, call, items.code, indent, room + 20)
        pair = (refs, keys.code) if shape.collection == "keys" else (keys.code, refs)
        self._replace_expression(edits, node, f"dict(zip({', '.join(pair)}))")

    def _must_repeat(self, repeats: list[Repeat], evaluated: list[ast.expr]) -> None:
        """Decline loops that cannot be run twice: once for the items, once for the rest."""
        targets = {n.id for r in repeats for n in ast.walk(r.target) if isinstance(n, ast.Name)}
        for repeat in repeats:
            iterable = repeat.iterable
            inner = isinstance(iterable, ast.Name) and iterable.id in targets
            if not inner and not self.items.can_repeat(iterable):
                raise Declined("its iterable may be used up by a first pass")
        conditions = self._conditions(repeats)
        for expression in [*evaluated, *conditions]:
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
        if shape.loop is not None:
            self._runs_to_the_end(shape, arguments)
        self._must_hold_before(shape)
        for parent in self.names.ancestors(shape.region if shape.loop is None else statement):
            if parent is statement or isinstance(parent, ast.stmt):
                break
            if isinstance(parent, ast.IfExp | ast.BoolOp | ast.Lambda):
                raise Declined("the comprehension runs only under a condition")
        if isinstance(statement, ast.While) or self.source.text.startswith(
            "elif", self.source.start(statement)
        ):
            raise Declined("nothing can be submitted before the condition of the loop")
        if self.names.scope_of(statement).is_class:
            raise Declined("the loop stands in a class body")
        if not self._first_on_line(statement):
            raise Declined("the statement shares its line with another one")
        self._must_repeat(shape.repeats, [a.expression for a in arguments])
        items = self.items.items(shape.repeats, arguments)
        indent = self.source.indent(statement)
        refs = self.supply.fresh(f"{ascii_name(call.name, 'task')}_refs")
        room = len(indent) + len(refs) + 8
        submitted = self._item_refs(edits, call, items.code, indent, room)
        offset = self.source.line_start(self.source.first_line(statement))
        edits.insert(offset, f"{indent}{refs} = iter({submitted}){self.source.newline}")
        self._replace_expression(edits, node, f"next({refs})")

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
        for repeat in shape.repeats:
            for node in ast.walk(repeat.iterable):
                if isinstance(node, ast.Name) and node in names.order:
                    for binding in names.reaching(node):
                        if binding.kind is not BindingKind.IMPORT and mutates(
                            self.items.project, self.items.module, loop, binding
                        ):
                            raise Declined(f"`{node.id}` is changed while the loop runs")

    # -- loops --------------------------------------------------------------------------------

    def _first_on_line(self, statement: ast.stmt) -> bool:
        line = self.source.line(self.source.first_line(statement))
        column = self.source.column(statement.lineno, statement.col_offset)
        return not line[:column].strip() or hasattr(statement, "decorator_list")

    def _replaceable(self, shape: Shape) -> bool:
        """Whether the whole loop can become one statement."""
        loop = shape.loop
        if not isinstance(loop, ast.For):
            return False
        for node in self.names.walk(loop):
            if isinstance(node, ast.For) and used_after(self.names, node.target, loop):
                return False
        if shape.form is Form.STORE:
            return False
        return (
            self.names.scope_of(loop).frame is not None and not self.names.scope_of(loop).is_class
        )

    def _is_filled_up(self, shape: Shape, arguments: list[Argument]) -> bool:
        """Whether the loop submits the same again until there are enough references."""
        return shape.limit is not None and not any(a.varying for a in arguments)

    def _whole_loop(
        self,
        edits: Edits,
        shape: Shape,
        arguments: list[Argument],
        call: Call,
        strategy: Strategy,
        uses: Uses,
    ) -> None:
        loop = shape.loop
        assert loop is not None
        source, newline = self.source, self.source.newline
        indent = source.indent(loop)
        if self._is_filled_up(shape, arguments):
            assert shape.limit is not None
            items = Items(f"range({source.code(shape.limit)})", counted=True)
        else:
            assert shape.repeats is not None
            items = self.items.items(shape.repeats, arguments)
        first = loop
        if shape.form is Form.DROP:
            batch = self._local("batch", call, items.code)
            step = source.cst.default_indent
            text = (
                f"for {batch} in {self._split(edits)}({items.code}):{newline}"
                f"{indent}{step}{self._remote_call(call, batch)}"
            )
        elif shape.form is Form.YIELD:
            refs = self._item_refs(edits, call, items.code, indent, len(indent) + 11)
            text = f"yield from {refs}"
        else:
            container = self._container(shape)
            extend = "update" if shape.collection == "set" else "extend"
            start = self._empty_start(shape, loop)
            room = len(indent) + len(container) + (3 if start is not None else 8)
            if strategy is Strategy.VALUES:
                refs = self._batch_refs(edits, call, items.code, indent, room)
            else:
                refs = self._item_refs(edits, call, items.code, indent, room)
            if start is not None:
                text = f"{container} = {refs}"
                begin, end = source.start(start), source.end(loop)
                if isinstance(start, ast.AnnAssign):
                    text = f"{container}: {source.code(start.annotation)} = {refs}"
                self._keep_comments(edits, start, begin, end, text)
                edits.replace(begin, end, text)
                self._flatten_gets(edits, uses)
                return
            text = f"{container}.{extend}({refs})"
        begin, end = source.start(loop), source.end(loop)
        self._keep_comments(edits, first, begin, end, text)
        edits.replace(begin, end, text)
        self._flatten_gets(edits, uses)

    def _container(self, shape: Shape) -> str:
        container = shape.container
        if not isinstance(container, ast.Name | ast.Attribute):
            raise Declined("the references are collected in a computed place")
        return self.source.code(container)

    def _empty_start(self, shape: Shape, loop: ast.stmt) -> ast.stmt | None:
        """Return ``refs = []`` right before the loop, if it can be merged with it."""
        block = self.names.blocks[loop]
        if block.index == 0 or not isinstance(shape.container, ast.Name):
            return None
        previous = block.statements[block.index - 1]
        if isinstance(previous, ast.Assign) and len(previous.targets) == 1:
            target: ast.expr = previous.targets[0]
        elif isinstance(previous, ast.AnnAssign):
            target = previous.target
        else:
            return None
        empty = is_empty_list(previous.value)
        same = isinstance(target, ast.Name) and target.id == shape.container.id
        if empty and same and self.source.stands_alone(previous):
            return previous
        return None

    def _collecting_loop(
        self,
        edits: Edits,
        shape: Shape,
        site: ast.expr,
        arguments: list[Argument],
        call: Call,
        strategy: Strategy,
        uses: Uses,
    ) -> None:
        """Keep the loop, let it collect items, and submit them after it."""
        loop, statement = shape.loop, shape.node
        assert loop is not None
        assert isinstance(statement, ast.stmt)
        source, newline = self.source, self.source.newline
        if isinstance(loop, ast.For) and loop.orelse:
            raise Declined("the loop has an `else` branch")
        if self.names.scope_of(loop).is_class:
            raise Declined("the loop stands in a class body")
        self._container_fits(shape)
        indent = source.indent(loop)
        base = ascii_name(call.name, "task").strip("_")
        varying = [a for a in arguments if a.varying]
        nested = self._nested_clauses(shape, site)
        in_places = len(shape.merged) < len(shape.siblings)
        if varying:
            collected = self.supply.fresh(f"{base}_{plural('item')}")
            items, start, counted = collected, f"{collected} = []", f"len({collected})"
        else:
            collected = self.supply.fresh(f"{base}_count")
            items, start, counted = f"range({collected})", f"{collected} = 0", collected
        lengths: dict[ast.AST, str] = {}
        if not in_places:
            lengths = {
                node: f"{source.code(node)} + {counted}"
                if isinstance(self.names.parents[node], ast.Compare | ast.Call | ast.FormattedValue)
                else f"({source.code(node)} + {counted})"
                for node in shape.lengths
            }
        if varying:
            element = self._with_lengths(varying, lengths)
            if nested:
                step = f"{collected}.extend([{element} {nested}])"
            else:
                step = f"{collected}.append({element})"
        else:
            if nested:
                raise Declined("the loop collects a comprehension of calls without items")
            step = f"{collected} += 1"
        lines = []
        if shape.form is Form.STORE:
            assert shape.key is not None
            keys = self.supply.fresh(f"{base}_keys")
            start = f"{start}{newline}{indent}{keys} = []"
            step = f"{step}; {keys}.append({self._key(shape.key)})"  # the value comes first
            if source.stands_alone(statement):
                own = source.indent(statement)
                step = step.replace("; ", f"{newline}{own}", 1)
            refs = self.supply.fresh(f"{base}_refs")
            submitted = self._item_refs(edits, call, items, indent, len(indent + refs) + 3)
            key, ref = self._local("key", items), self._local("ref", items)
            container = self._container(shape)
            lines = [
                f"{refs} = {submitted}",
                f"for {key}, {ref} in zip({keys}, {refs}):",
                f"{source.cst.default_indent}{container}[{key}] = {ref}",
            ]
        elif shape.beside is not None:
            others = [e for e in shape.beside.elts if e is not site]
            kept = self.supply.fresh(f"{base}_others")
            start = f"{start}{newline}{indent}{kept} = []"
            values = ", ".join(source.code(e) for e in others)
            several = len(others) != 1
            values = f"({values})" if several else values
            keep = f"{kept}.append({values})"
            joint = f"{newline}{source.indent(statement)}"
            joint = joint if source.stands_alone(statement) else "; "
            position = shape.beside.elts.index(site)
            calls = [
                index
                for index, element in enumerate(shape.beside.elts)
                if element is not site and any(isinstance(n, ast.Call) for n in ast.walk(element))
            ]
            if any(index > position for index in calls):
                if any(index < position for index in calls):
                    raise Declined("values beside the reference are computed before and after it")
                step = f"{step}{joint}{keep}"
            else:
                step = f"{keep}{joint}{step}"
            refs = self.supply.fresh(f"{base}_refs")
            submitted = self._item_refs(edits, call, items, indent, len(indent + refs) + 3)
            container = self._container(shape)
            wanted = [f"value_{i}" for i in range(1, len(others) + 1)] if several else ["value"]
            names = iter(wanted)
            built = ", ".join("ref" if e is site else next(names) for e in shape.beside.elts)
            targets = f"({', '.join(wanted)})" if several else "value"
            unit = source.cst.default_indent
            lines = [
                f"{refs} = {submitted}",
                f"for {targets}, ref in zip({kept}, {refs}):",
                f"{unit}{container}.append(({built}))",
            ]
        elif in_places:
            self._in_places(shape, statement)
            places = self.supply.fresh(f"{base}_places")
            container = self._container(shape)
            start = f"{start}{newline}{indent}{places} = []"
            place, ref = self._local("place", items), self._local("ref", items)
            joint = f"{newline}{source.indent(statement)}"
            joint = joint if source.stands_alone(statement) else "; "
            step = joint.join(
                [f"{places}.append(len({container}))", f"{container}.append(None)", step]
            )
            refs = self.supply.fresh(f"{base}_refs")
            submitted = self._item_refs(edits, call, items, indent, len(indent + refs) + 3)
            lines = [
                f"{refs} = {submitted}",
                f"for {place}, {ref} in zip({places}, {refs}):",
                f"{source.cst.default_indent}{container}[{place}] = {ref}",
            ]
        elif shape.form is Form.YIELD:
            refs = self._item_refs(edits, call, items, indent, len(indent) + 11)
            lines = [f"yield from {refs}"]
        elif shape.form is Form.DROP:
            batch = self._local("batch", call, items)
            lines = [
                f"for {batch} in {self._split(edits)}({items}):",
                f"{source.cst.default_indent}{self._remote_call(call, batch)}",
            ]
        else:
            container = self._container(shape)
            extend = "update" if shape.collection == "set" else "extend"
            room = len(indent) + len(container) + 8
            if strategy is Strategy.VALUES:
                refs = self._batch_refs(edits, call, items, indent, room)
            else:
                refs = self._item_refs(edits, call, items, indent, room)
            lines = [f"{container}.{extend}({refs})"]
        where = statement
        for alias in shape.aliases:
            # The call stands in ``ref = f.remote(x)``; the statement that kept ``ref`` goes.
            if source.stands_alone(statement):
                first, last = statement.lineno, statement.end_lineno or statement.lineno
                kept = "".join(
                    source.indent(statement) + c + newline for c in source.comments(first, last)
                )
                edits.replace(source.line_start(first), source.line_start(last + 1), kept)
            else:
                edits.replace(source.start(statement), source.end(statement), "pass")
            where = alias
        begin, end = source.start(where), source.end(where)
        self._keep_comments_in_place(edits, where, begin, end, step)
        edits.replace(begin, end, step)
        for other, passed in shape.merged:
            begin, end = source.start(other), source.end(other)
            step = f"{collected} += 1"
            if varying:
                chosen = [a for a in passed if a.varying]
                step = f"{collected}.append({self._with_lengths(chosen, lengths)})"
            self._keep_comments_in_place(edits, other, begin, end, step)
            edits.replace(begin, end, step)
        replaced = [where, statement, *(other for other, _ in shape.merged)]
        for node, content in lengths.items():
            assert isinstance(node, ast.Call)
            if not any(self.names.contains(s, node) for s in replaced):
                self._replace_expression(edits, node, content)
        offset = source.line_start(source.first_line(loop))
        edits.insert(offset, indent + start + newline)
        # Further lines inside of one of these are indented already.
        text = newline.join(indent + line for line in lines)
        self.insertions.after(edits, loop, text, blank_lines=0)
        self._flatten_gets(edits, uses)

    def _with_lengths(self, varying: list[Argument], lengths: dict[ast.AST, str]) -> str:
        """Return one item in which ``len(refs)`` counts what is collected, too."""
        source = self.source
        codes = []
        for argument in varying:
            node = argument.expression
            inside = [n for n in lengths if self.names.contains(node, n)]
            if not inside:
                codes.append(self.items.element([argument]))
                continue
            begin, code = source.start(node), source.slice(node)
            for length in sorted(inside, key=self.names.order.__getitem__, reverse=True):
                assert isinstance(length, ast.Call)
                low, high = source.start(length) - begin, source.end(length) - begin
                code = code[:low] + lengths[length] + code[high:]
            codes.append(code)
        return codes[0] if len(codes) == 1 else f"({', '.join(codes)})"

    def _in_places(self, shape: Shape, statement: ast.stmt) -> None:
        """Decline a list in which the places of the references cannot be kept free."""
        container = shape.container
        assert isinstance(container, ast.Name)
        if not all(
            isinstance(b.value, ast.List) or is_empty_list(b.value)
            for b in self.names.reaching(container)
        ):
            raise Declined("the collection of references is not known to be a list")
        for alias in shape.aliases:
            blocks = self.names.blocks
            if blocks[alias].index + 1 != blocks[statement].index:
                raise Declined("the reference is not kept at once")

    def _keep_comments_in_place(
        self, edits: Edits, statement: ast.stmt, start: int, end: int, content: str
    ) -> None:
        if any(c not in content for c in self.source.comments_between(start, end)):
            if not self.source.stands_alone(statement):
                raise Declined("a comment inside the call would be lost")
            self._keep_comments(edits, statement, start, end, content)

    def _key(self, key: ast.expr) -> str:
        code = self.source.code(key)
        bare = isinstance(key, ast.Tuple) and not code.startswith("(")
        return f"({code})" if bare else code

    def _nested_clauses(self, shape: Shape, site: ast.expr) -> str:
        """Return the clauses of the comprehension in ``refs.extend([f.remote(x) for …])``."""
        statement = shape.node
        for node in self.names.walk(statement):
            if isinstance(node, ast.ListComp | ast.GeneratorExp) and node.elt is site:
                repeats = [Repeat(g.target, g.iter, tuple(g.ifs)) for g in node.generators]
                return self.items.clauses(repeats)
        return ""

    def _container_fits(self, shape: Shape) -> None:
        """Decline a container that is read by another function while the loop runs."""
        container = shape.container
        if not isinstance(container, ast.Name):
            return
        owner = self.names.owner(container)
        if owner is None:
            raise Declined("the collection of references is not known")
        frame = self.names.scope_of(container).frame
        for use in owner.uses.get(container.id, []):
            if self.names.scope_of(use).frame is not frame:
                raise Declined("another function uses the collection of references, too")
        if shape.form is Form.APPEND and not any(
            b.kind in (BindingKind.ASSIGN, BindingKind.PARAMETER, BindingKind.AUGMENTED)
            for b in owner.bindings.get(container.id, [])
        ):
            raise Declined("the collection of references is not known to be a list")
