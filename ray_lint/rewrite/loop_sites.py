"""Rewriting loops that collect the references, or drop them."""

from __future__ import annotations

import ast

from ray_lint.program.names import BindingKind
from ray_lint.rewrite.arguments import used_after
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.naming import ascii_name, plural
from ray_lint.rewrite.plan import Argument, Declined, Edits, Items, Repeat, Strategy
from ray_lint.rewrite.site_text import Call, SiteText
from ray_lint.rewrite.uses import Uses, is_empty_list


class LoopWriter(SiteText):
    """Writes the edits of loop statements."""

    def _replaceable(self, shape: Shape) -> bool:
        """Whether the whole loop can become one statement."""
        loop = shape.loop
        if not isinstance(loop, ast.For):
            return False
        for node in self.names.walk(loop):
            if isinstance(node, ast.For) and used_after(self.names, node.target, loop):
                return False
        if shape.form in (Form.STORE, Form.DEAL) or shape.beside is not None:
            return False
        return (
            self.names.scope_of(loop).frame is not None and not self.names.scope_of(loop).is_class
        )

    def _is_filled_up(self, shape: Shape, arguments: list[Argument]) -> bool:
        """Whether the loop submits the same again until there are enough references."""
        fixed = self.items.actor is None and not any(a.varying for a in arguments)
        return shape.limit is not None and fixed

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
        if shape.form is Form.DROP and self.items.actor is not None:
            text = self._item_refs(edits, call, items.code, indent, len(indent))
        elif shape.form is Form.DROP:
            batch = self.supply.fresh("batch", "next_batch")
            step = source.step
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
        assert isinstance(container, ast.Name | ast.Attribute)  # no loop collects in another one
        if shape.receiver is not None and isinstance(container, ast.Attribute):
            return f"{shape.receiver.id}.{container.attr}"
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
        in_class = self.names.scope_of(loop).is_class
        if in_class and not self._may_add_names(shape):
            raise Declined("the loop stands in a class body")
        self._container_fits(shape)
        indent = source.indent(loop)
        base = ascii_name(call.name, "task").strip("_")
        varying = [a for a in arguments if a.varying]
        kept_items = bool(varying) or self.items.actor is not None
        nested = self._nested_clauses(shape, site)
        in_places = len(shape.merged) < len(shape.siblings)
        if kept_items:
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
        if kept_items:
            element = self.items.paired(self._with_lengths(varying, lengths) if varying else "None")
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
            step = f"{step}; {keys}.append({source.enclosed(shape.key)})"  # the value comes first
            if source.stands_alone(statement):
                own = source.indent(statement)
                step = step.replace("; ", f"{newline}{own}", 1)
            refs = self.supply.fresh(f"{base}_refs")
            submitted = self._item_refs(edits, call, items, indent, len(indent + refs) + 3)
            key = self.supply.fresh("key", "next_key")
            ref = self.supply.fresh("ref", "next_ref")
            container = self._container(shape)
            lines = [
                f"{refs} = {submitted}",
                f"for {key}, {ref} in zip({keys}, {refs}):",
                f"{source.step}{container}[{key}] = {ref}",
            ]
        elif shape.destination is not None:
            lists = self.supply.fresh(f"{base}_lists")
            start = f"{start}{newline}{indent}{lists} = []"
            joint = f"{newline}{source.indent(statement)}"
            joint = joint if source.stands_alone(statement) else "; "
            step = f"{lists}.append({source.code(shape.destination)}){joint}{step}"
            refs = self.supply.fresh(f"{base}_refs")
            submitted = self._item_refs(edits, call, items, indent, len(indent + refs) + 3)
            target = self.supply.fresh("chosen", "chosen_list")
            ref = self.supply.fresh("ref", "next_ref")
            lines = [
                f"{refs} = {submitted}",
                f"for {target}, {ref} in zip({lists}, {refs}):",
                f"{source.step}{target}.append({ref})",
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
            wishes = [f"value_{i}" for i in range(1, len(others) + 1)] if several else ["value"]
            wanted = [self.supply.fresh(wish, f"next_{wish}") for wish in wishes]
            ref = self.supply.fresh("ref", "next_ref")
            names = iter(wanted)
            built = ", ".join(ref if e is site else next(names) for e in shape.beside.elts)
            targets = f"({', '.join(wanted)})" if several else wanted[0]
            unit = source.step
            lines = [
                f"{refs} = {submitted}",
                f"for {targets}, {ref} in zip({kept}, {refs}):",
                f"{unit}{container}.append(({built}))",
            ]
        elif in_places:
            self._in_places(shape, statement)
            places = self.supply.fresh(f"{base}_places")
            container = self._container(shape)
            start = f"{start}{newline}{indent}{places} = []"
            place = self.supply.fresh("place", "next_place")
            ref = self.supply.fresh("ref", "next_ref")
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
                f"{source.step}{container}[{place}] = {ref}",
            ]
        elif shape.form is Form.YIELD:
            refs = self._item_refs(edits, call, items, indent, len(indent) + 11)
            lines = [f"yield from {refs}"]
        elif shape.form is Form.DROP and self.items.actor is not None:
            lines = [self._item_refs(edits, call, items, indent, len(indent))]
        elif shape.form is Form.DROP:
            batch = self.supply.fresh("batch", "next_batch")
            lines = [
                f"for {batch} in {self._split(edits)}({items}):",
                f"{source.step}{self._remote_call(call, batch)}",
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
        if in_class:
            lines.append(f"del {collected}")
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

    def _may_add_names(self, shape: Shape) -> bool:
        """Whether one name more in the class body, deleted after the loop, is seen by nobody."""
        owner = self.names.scope_of(shape.region).frame.node
        plain = isinstance(owner, ast.ClassDef) and not owner.bases and not owner.keywords
        simple = shape.form is Form.APPEND and not shape.merged
        return plain and simple and shape.beside is None and shape.destination is None

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
            self._keep_comments(edits, statement, start, end, content)

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
        frame = self.names.scope_of(shape.region).frame
        for use in owner.uses.get(container.id, []):
            if shape.keeper is not None and self.names.contains(shape.keeper, use):
                continue
            if self.names.scope_of(use).frame is not frame:
                raise Declined("another function uses the collection of references, too")
        if shape.form is Form.APPEND and not any(
            b.kind in (BindingKind.ASSIGN, BindingKind.PARAMETER, BindingKind.AUGMENTED)
            for b in owner.bindings.get(container.id, [])
        ):
            raise Declined("the collection of references is not known to be a list")
