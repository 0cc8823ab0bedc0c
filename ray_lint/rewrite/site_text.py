"""The pieces of text that a batch submission consists of."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import dataclass

from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.functions import BatchSignature
from ray_lint.rewrite.insertions import Insertions
from ray_lint.rewrite.items import ItemWriter
from ray_lint.rewrite.naming import NameSupply
from ray_lint.rewrite.plan import Declined, Edits
from ray_lint.rewrite.shapes import in_fstring
from ray_lint.rewrite.source_map import SourceMap
from ray_lint.rewrite.uses import Uses

LINE_WIDTH = 88
_BREAK = re.compile(r"[\n\r]")
_ONE_LINE = 10_000  # further left than any text is long: it is never broken


@dataclass(frozen=True)
class Call:
    """The batch call of a site as text.

    ``remote`` is the handle (``square_batch``, ``counter.add_batch``), ``shared`` the arguments
    that all items have in common, ``options`` those of ``.options(...)``, ``results`` how many
    ObjectRefs each item has; ``name`` is the user's name of what runs, for new variables.
    """

    remote: str
    shared: tuple[str, ...]
    options: tuple[str, ...]
    signature: BatchSignature
    name: str
    results: int = 1


class SiteText:
    """Writes the pieces of text that all forms have in common."""

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
        if self.items.actor is not None:
            submit = self.insertions.submit_to_actors(edits, self.anchor, unpacked=arguments)
        else:
            several = call.results > 1
            submit = self.insertions.submit(edits, self.anchor, unpacked=arguments, several=several)
        number = [str(call.results)] if call.results > 1 else []
        passed = [call.remote, items, *number, *call.shared, *call.options]
        one_line = f"{submit}({', '.join(passed)})"
        if room + len(one_line) <= LINE_WIDTH or _BREAK.search(one_line):
            return one_line
        inner = indent + self.source.step
        newline = self.source.newline
        clauses = _clauses(items)
        passed[1] = self._bracketed(clauses, inner, len(inner)) if clauses else items
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
        if room + len(one_line) <= LINE_WIDTH and "\n" not in one_line and "#" not in one_line:
            return one_line
        newline, inner = self.source.newline, indent + self.source.step
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
        """Return the indentation of the line of a node, and the column the node starts at."""
        offset = self.source.start(node)
        start = self.source.line_start(self.source.line_of(offset))
        if in_fstring(self.names, node):
            return "", -_ONE_LINE
        before = self.source.text[start:offset]
        return before[: len(before) - len(before.lstrip(" \t"))], offset - start

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

    def _first_on_line(self, statement: ast.stmt) -> bool:
        line = self.source.line(self.source.first_line(statement))
        column = self.source.column(statement.lineno, statement.col_offset)
        return not line[:column].strip() or hasattr(statement, "decorator_list")

    def _flatten_gets(self, edits: Edits, uses: Uses) -> None:
        for get in uses.gets:
            if isinstance(self.names.parents[get], ast.Expr):
                continue
            indent, room = self._place(get)
            self._replace_expression(
                edits, get, self._flattened(get, self.source.slice(get), indent, room)
            )


def _clauses(items: str) -> list[str]:
    """Return the element and the clauses of a list comprehension; nothing of another expression."""
    node = ast.parse(items, mode="eval").body
    if not isinstance(node, ast.ListComp):
        return []
    encoded = items.encode()  # columns of ``ast`` are bytes
    starts = [encoded.rindex(b"for", 0, g.target.col_offset) for g in node.generators]
    places = [1, *starts, len(encoded) - 1]
    return [encoded[a:b].decode().strip() for a, b in itertools.pairwise(places)]
