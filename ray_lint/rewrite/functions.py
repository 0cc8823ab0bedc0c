"""The batch function: what runs in one task instead of many.

A body of a single ``return`` is written into the batch function, as Ray's documentation does it.
A longer one is kept whole as a plain function that the batch function calls; if the remote function
is used elsewhere, it stays and calls the plain one too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ray_lint.rewrite.naming import ascii_name, names_in, plural
from ray_lint.rewrite.plan import Argument, Declined, Strategy
from ray_lint.rewrite.source_map import SourceMap


@dataclass(frozen=True)
class BatchSignature:
    """How the arguments of a submission reach the batch function.

    ``loop_names`` are the variables that one item is unpacked into (none: items are only counted);
    ``shared`` the parameters that are the same for all items, as ``(star, name)``; ``call`` the
    text between the parentheses of a call for one item. ``unpacked`` items arrive as top-level
    arguments, so that Ray resolves ObjectRefs among them. ``batch_name`` is the parameter that
    holds the batch.
    """

    loop_names: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]
    call: str
    batch_name: str
    unpacked: bool


def signature_for(
    arguments: list[Argument],
    definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    *,
    unpacked: bool,
    counted: bool,
    gathered: bool = False,
) -> BatchSignature:
    """Choose the parameter names of the batch function.

    ``gathered`` keywords (``**more``) come as one dictionary. ``counted`` items without values
    arrive as their number, else as a range. Names of the original parameters are kept. Raises
    Declined where they cannot be.
    """
    taken = names_in(definition)
    loop_names: list[str] = []
    shared: list[tuple[str, str]] = []
    call: list[str] = []
    used: set[str] = set()
    for argument in arguments:
        wish = argument.parameter or argument.keyword or _own_name(argument)
        name = wish if argument.parameter or wish not in taken else f"{wish}_value"
        while name in used:
            name += "_2"
        used.add(name)
        if argument.varying:
            loop_names.append(name)
        else:
            shared.append(("" if gathered and argument.star == "**" else argument.star, name))
        prefix = f"{argument.keyword}=" if argument.keyword else argument.star
        call.append(prefix + name)
    if len(loop_names) == 1:
        wish = plural(loop_names[0].strip("_") or "item")
    else:
        wish = "values" if loop_names and unpacked else "batch"
        if not loop_names and counted:
            wish = "count"
    batch_name = wish
    if batch_name in taken | used:
        batch_name = f"{wish}_batch" if len(loop_names) == 1 else "batch_items"
    while batch_name in taken | used:
        batch_name += "_"
    if unpacked and any(star for star, _ in shared):
        raise Declined("starred arguments stand beside items that may be ObjectRefs")
    order = sorted(shared, key=lambda pair: len(pair[0]))
    return BatchSignature(tuple(loop_names), tuple(order), ", ".join(call), batch_name, unpacked)


def _own_name(argument: Argument) -> str:
    if argument.star == "**":
        return "keywords"
    if isinstance(argument.expression, ast.Name):
        return argument.expression.id
    return "arguments" if argument.star else "item"


@dataclass(frozen=True)
class Head:
    """The parts of a function definition around the batch body."""

    decorator: str
    name: str
    indent: str
    step: str
    newline: str


class BatchWriter:
    """Writes the text of batch functions and methods."""

    def __init__(self, source: SourceMap) -> None:
        self.source = source

    def step(self, definition: ast.FunctionDef | ast.AsyncFunctionDef | None) -> str:
        """Return one level of indentation, as the definition or else the module has it."""
        if definition is not None and definition.body[0].lineno > definition.lineno:
            outer = self.source.indent(definition)
            inner = self.source.indent(definition.body[0])
            if inner.startswith(outer) and len(inner) > len(outer):
                return inner[len(outer) :]
        return self.source.step

    def function(
        self,
        head: Head,
        signature: BatchSignature,
        item: str,
        strategy: Strategy,
        *,
        receiver: str = "",
        bound: str = "",
        annotations: dict[str, str] | None = None,
        returns: str = "",
        several: bool = False,
    ) -> str:
        """Return the text of the batch function, from its decorator to its last line.

        ``item`` is the expression for one item, ``receiver`` the first parameter of a method.
        ``bound`` is a name of the class body around that the item needs: a parameter holds it.
        ``several``: the item is a tuple of results, each with an ObjectRef of its own.
        """
        notes = annotations or {}
        parameters = [receiver] if receiver else []
        batch = self._batch_parameter(signature, strategy, notes, typed=bool(notes or returns))
        shared = [
            star + name + (f": {notes[name]}" if name in notes else "")
            for star, name in signature.shared
        ]
        parameters += [*shared, batch] if signature.unpacked else [batch, *shared]
        if bound:
            last = next((i for i, p in enumerate(parameters) if p.startswith("**")), None)
            parameters.insert(len(parameters) if last is None else last, f"{bound}={bound}")
        result = ""
        if returns:
            result = f" -> {'list' if strategy is Strategy.VALUES else 'Iterator'}[{returns}]"
        target = ", ".join(signature.loop_names) or "_"
        iterable = signature.batch_name
        if not signature.loop_names and strategy is Strategy.VALUES:
            iterable = f"range({signature.batch_name})"
        elif signature.unpacked and len(signature.loop_names) > 1:
            step, name = len(signature.loop_names), signature.batch_name
            columns = ", ".join(f"{name}[{i}::{step}]" for i in range(step))
            iterable = f"zip({columns})"
        lines = [head.decorator] if head.decorator else []
        lines.append(f"def {head.name}({', '.join(parameters)}){result}:")
        if strategy is Strategy.VALUES:
            one_line = f"{head.step}return [{item} for {target} in {iterable}]"
            if len(head.indent + one_line) <= 99:
                lines.append(one_line)
            else:
                lines += [
                    f"{head.step}return [",
                    f"{head.step * 2}{item}",
                    f"{head.step * 2}for {target} in {iterable}",
                    f"{head.step}]",
                ]
        else:
            lines += [
                f"{head.step}for {target} in {iterable}:",
                f"{head.step * 2}{'yield from' if several else 'yield'} {item}",
            ]
        text = head.newline.join(lines)
        return indented(text, head.indent, head.newline)

    def _batch_parameter(
        self, signature: BatchSignature, strategy: Strategy, notes: dict[str, str], *, typed: bool
    ) -> str:
        name = signature.batch_name
        if not typed:
            return f"*{name}" if signature.unpacked else name
        if not signature.loop_names:
            counted = "int" if strategy is Strategy.VALUES else "range"
            return f"{name}: {counted}"
        types = [notes.get(loop_name, "") for loop_name in signature.loop_names]
        if not all(types):
            return f"*{name}" if signature.unpacked else name
        if signature.unpacked and len(set(types)) > 1:
            return f"*{name}"
        item = types[0] if len(set(types)) == 1 else f"tuple[{', '.join(types)}]"
        if not signature.unpacked and len(types) > 1:
            item = f"tuple[{', '.join(types)}]"
        return f"*{name}: {item}" if signature.unpacked else f"{name}: Sequence[{item}]"


def indented(text: str, indent: str, newline: str) -> str:
    """Return ``text`` with every non-empty line moved in by ``indent``."""
    return newline.join(indent + line if line else line for line in text.split(newline))


def batch_name(name: str, attempt: int) -> str:
    """Return the name of the batch function for ``name``: ``square_batch``, ``square_batch_2``."""
    base = f"{ascii_name(name, 'task')}_batch"
    return base if attempt == 0 else f"{base}_{attempt + 1}"


def return_expression(definition: ast.FunctionDef | ast.Lambda) -> ast.expr | None:
    """Return the expression of a function whose whole body is one ``return``."""
    if isinstance(definition, ast.Lambda):
        return definition.body
    if len(definition.body) == 1 and isinstance(definition.body[0], ast.Return):
        return definition.body[0].value
    return None
