"""Where new functions and imports go in a module, and whether they are already there."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Callable
from functools import cached_property, partial

from ray_lint.config import Config
from ray_lint.finding import Role
from ray_lint.program.names import TRIES, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.rewrite.functions import indented
from ray_lint.rewrite.helpers import (
    SPLIT,
    SUBMIT,
    SUBMIT_FLATTENED,
    SUBMIT_FLATTENED_TO_ACTORS,
    SUBMIT_SEVERAL,
    SUBMIT_SEVERAL_FLATTENED,
    SUBMIT_SEVERAL_UNPACKED,
    SUBMIT_TO_ACTORS,
    SUBMIT_UNPACKED,
    SUBMIT_UNPACKED_TO_ACTORS,
    HelperNames,
    split_helper,
    submit_helper,
    submit_to_actors_helper,
)
from ray_lint.rewrite.naming import NameSupply
from ray_lint.rewrite.plan import Declined, Edits
from ray_lint.rewrite.source_map import SourceMap


def same_code(text: str, definition: ast.stmt) -> bool:
    """Whether a definition in the module is, apart from layout, the generated text."""
    (generated,) = ast.parse(textwrap.dedent(text)).body
    return ast.dump(generated) == ast.dump(definition)


def _with_indent(line: str, indent: str) -> str:
    """Return a line that is indented by four spaces a level, indented by ``indent`` instead."""
    bare = line.lstrip(" ")
    return indent * ((len(line) - len(bare)) // 4) + bare


def _imports_ray(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom) and any(
        a.name.partition(".")[0] == "ray" or getattr(statement, "module", "") == "ray"
        for a in statement.names
    )


@once_per_module
def _means_else(names: ModuleNames, name: str, wanted: str) -> bool:
    """Whether the name is bound in some scope to anything but the wanted import."""
    return any(
        binding.kind is not BindingKind.IMPORT or names.import_target(binding) != wanted
        for scope in names.scopes.values()
        for binding in scope.bindings.get(name, [])
    )


_HELPERS = (
    *(SPLIT, SUBMIT, SUBMIT_UNPACKED, SUBMIT_FLATTENED),
    *(SUBMIT_TO_ACTORS, SUBMIT_UNPACKED_TO_ACTORS, SUBMIT_FLATTENED_TO_ACTORS),
)


class Insertions:
    """Adds what a fix needs to the module, once."""

    def __init__(
        self,
        names: ModuleNames,
        source: SourceMap,
        supply: NameSupply,
        config: Config,
        *,
        short: bool,
    ) -> None:
        self.names = names
        self.source = source
        self.supply = supply
        self.config = config
        self.short = short
        # What a helper of an earlier fix does is no start of Ray by the program itself.
        helpers = [
            definition
            for definition in names.tree.body
            if isinstance(definition, ast.FunctionDef) and definition.name.startswith(SPLIT)
        ]
        inside = {node for definition in helpers for node in names.walk(definition)}
        self._initialized = any(
            isinstance(n, ast.Call) and names.stands_for(n.func, "ray.init", "ray.client")
            for n in names.walk(names.tree)
            if n not in inside
        )

    # -- statements ---------------------------------------------------------------------------

    def after(
        self,
        edits: Edits,
        statement: ast.stmt,
        text: str,
        *,
        blank_lines: int,
        role: Role = Role.SITE,
    ) -> None:
        """Insert ``text`` on lines of its own behind a statement and its trailing comments."""
        line = statement.end_lineno or statement.lineno
        indent = len(self.source.indent(statement))
        probe = line + 1
        if hasattr(statement, "body"):
            while probe <= len(self.source.starts):
                content = self.source.line(probe)
                stripped = content.lstrip()
                if stripped.startswith("#") and len(content) - len(stripped) > indent:
                    line = probe
                elif stripped:
                    break
                probe += 1
        newline = self.source.newline
        offset = self.source.line_start(line + 1)
        opening = newline * blank_lines
        if offset == len(self.source.text) and not self.source.text.endswith(("\n", "\r")):
            opening += newline
            edits.insert(offset, opening + text, role)
        else:
            crowded = bool(self.source.line(line + 1).strip())
            closing = newline * (1 + blank_lines * crowded)
            edits.insert(offset, opening + text + closing, role)

    def before(self, edits: Edits, statement: ast.stmt, text: str) -> None:
        """Insert ``text`` on lines of its own before a statement, at its indentation."""
        offset = self.source.line_start(self.source.first_line(statement))
        newline = self.source.newline
        edits.insert(offset, indented(text, self.source.indent(statement), newline) + newline)

    def top_level(self, node: ast.AST) -> ast.stmt:
        """Return the statement of the module's body that holds ``node``."""
        current = node
        while self.names.parents.get(current) is not self.names.tree:
            current = self.names.parents[current]
        assert isinstance(current, ast.stmt)
        return current

    def before_action(self, node: ast.AST) -> ast.stmt:
        """Return the first statement of the module that is no import or definition.

        At the latest that of ``node``; what an earlier fix added does not count.
        """
        top = self.top_level(node)
        for statement in self.names.tree.body:
            defines = isinstance(
                statement,
                ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
            )
            constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            taken_out = isinstance(statement, ast.Assign) and ast.unparse(statement).endswith(
                ".remote.__wrapped__"
            )
            if statement is top or not (defines or constant or taken_out):
                return statement
        return top

    # -- imports ------------------------------------------------------------------------------

    def import_names(self, edits: Edits, module: str, *names: str) -> bool:
        """Make sure that each of ``names`` of a module can be used; one line imports the rest.

        False, and nothing is added, if one of the names means something else here.
        """
        missing = []
        for name in names:
            trial = Edits()
            if self.import_name(trial, module, name) != name:
                return False
            if trial.done():
                missing.append(name)
        if missing:
            self._add_import(edits, f"from {module} import {', '.join(sorted(missing))}", module)
        return True

    def import_name(self, edits: Edits, module: str, name: str) -> str | None:
        """Return the local name of ``module.name`` at the top of the file, importing it if free.

        ``name`` may be empty for the module itself. None if the name means something else here.
        """
        wanted = f"{module}.{name}" if name else module
        alternatives = {wanted}
        if module == "collections.abc":
            alternatives.add(f"typing.{name}")
        local = name or module
        for binding, target in self._imports:
            if target in alternatives:
                return binding.name
        if local in self.supply.used and _means_else(self.names, local, wanted):
            return None
        if self._first_import() is None:
            return None
        text = f"from {module} import {name}" if name else f"import {module}"
        self._add_import(edits, text, module)
        return local

    @cached_property
    def _imports(self) -> list[tuple[Binding, str | None]]:
        """The imports that hold for the whole file, with what they import."""
        return [
            (bindings[0], self.names.import_target(bindings[0]))
            for bindings in self.names.root.bindings.values()
            if len(bindings) == 1
            and bindings[0].kind is BindingKind.IMPORT
            and self._unconditional(bindings[0])
        ]

    def _add_import(self, edits: Edits, text: str, module: str) -> None:
        """Add an import before the first one, apart from it if that is of another group."""
        first = self._first_import()
        assert first is not None
        neighbour: str | None = None
        if isinstance(first, ast.ImportFrom):
            neighbour = first.module
        elif isinstance(first, ast.Import):
            neighbour = first.names[0].name
        known = sys.stdlib_module_names
        groups = [name.partition(".")[0] in known for name in (module, neighbour or "")]
        gap = self.source.newline * (1 if groups[0] == groups[1] and neighbour else 2)
        line = self.source.first_line(first)
        edits.insert(self.source.line_start(line), text + gap, Role.HELPER)

    def _unconditional(self, binding: Binding) -> bool:
        """Whether the import has happened once the module runs on."""
        statement = binding.statement
        if statement is None:
            return False
        block = self.names.blocks[statement]
        if isinstance(block.owner, TRIES) and block.field == "body":
            return self.names.blocks[block.owner].owner is self.names.tree
        return block.owner is self.names.tree

    def _first_import(self) -> ast.stmt | None:
        """Return the statement before which a new import goes."""
        for statement in self.names.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                continue
            if isinstance(statement, ast.Import | ast.ImportFrom):
                return statement
        return next(
            (
                statement
                for statement in self.names.tree.body
                if not (
                    isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                )
                and not isinstance(statement, ast.ImportFrom)
            ),
            None,
        )

    # -- helpers ------------------------------------------------------------------------------

    def split(self, edits: Edits, anchor: ast.stmt) -> str:
        """Return the name of the function that cuts items into batches, adding it if needed."""
        ray = self.import_name(edits, "ray", "")
        if ray is None:
            raise Declined("the name `ray` stands for something else in this module")

        def text(name: str, *, short: bool = self.short) -> str:
            return split_helper(
                HelperNames(split=name),
                ray,
                batch_size=self.config.batch_size,
                initialize=not self._initialized,
                short=short,
            )

        # One of an earlier fix will do, whatever was known of the items then.
        other = partial(text, short=not self.short)
        return self._helper(edits, anchor, SPLIT, text, other)

    def submit(
        self, edits: Edits, anchor: ast.stmt, *, unpacked: int, several: bool = False
    ) -> str:
        """Return the name of the function that submits batches for references.

        ``several`` references for each item, or one.
        """
        split = self.split(edits, anchor)

        def text(name: str) -> str:
            names = HelperNames(split=split, submit=name)
            return submit_helper(names, unpacked=unpacked, several=several)

        # Fixes of one round may each bring one: another text needs another name.
        wishes = (SUBMIT, SUBMIT_UNPACKED, SUBMIT_FLATTENED)
        if several:
            wishes = (SUBMIT_SEVERAL, SUBMIT_SEVERAL_UNPACKED, SUBMIT_SEVERAL_FLATTENED)
        return self._helper(edits, anchor, wishes[min(unpacked, 2)], text)

    def submit_to_actors(self, edits: Edits, anchor: ast.stmt, *, unpacked: int) -> str:
        """Return the name of the function that submits to the actors that items come with."""
        wish = SUBMIT_TO_ACTORS
        if unpacked:
            wish = SUBMIT_UNPACKED_TO_ACTORS if unpacked == 1 else SUBMIT_FLATTENED_TO_ACTORS

        def text(name: str) -> str:
            size = self.config.batch_size
            return submit_to_actors_helper(name, batch_size=size, unpacked=unpacked)

        return self._helper(edits, anchor, wish, text)

    def _helper(
        self, edits: Edits, anchor: ast.stmt, wish: str, *texts: Callable[[str], str]
    ) -> str:
        """Return the name of a helper; ``texts`` write it, the first one if there is none yet."""
        point = self._helper_point(anchor)
        attempt = 1
        while True:
            name = wish if attempt == 1 else f"{wish}_{attempt}"
            attempt += 1
            codes = [text(name).rstrip("\n") for text in texts]
            if name not in self.supply.used:
                break
            for binding in self.names.root.bindings.get(name, []):
                definition = binding.node
                if (
                    isinstance(definition, ast.FunctionDef)
                    and self.names.parents[definition] is self.names.tree
                    and self.names.order[definition] < self.names.order[self.top_level(anchor)]
                    and any(same_code(code, definition) for code in codes)
                ):
                    return name
        indent = self.source.step
        code = self.source.newline.join(_with_indent(part, indent) for part in codes[0].split("\n"))
        self.block(edits, point, code, Role.HELPER)
        return name

    def block(self, edits: Edits, point: ast.stmt, code: str, role: Role) -> None:
        """Insert a function before a statement of the module, with two empty lines around it."""
        newline = self.source.newline
        block = self.names.blocks[point]
        line = self.source.first_line(point)
        if block.index:
            previous = block.statements[block.index - 1]
            line = (previous.end_lineno or previous.lineno) + 1
        blank_lines = 0
        while blank_lines < 2 and not self.source.line(line + blank_lines).strip():
            blank_lines += 1
        offset = self.source.line_start(line + blank_lines)
        if blank_lines < 2:
            edits.insert(offset, newline * (2 - blank_lines), Role.HELPER)
        edits.insert(offset, code + newline * 3, role)

    def _helper_point(self, anchor: ast.stmt) -> ast.stmt:
        """Return the top-level statement before which the helpers stand.

        The same for all fixes of a file, where possible, so that they share the insertion: the
        first function or class after the import of ray, unless the anchor comes before.
        """
        top = self.top_level(anchor)
        seen_ray = False
        for statement in self.names.tree.body:
            if statement is top:
                return top
            if (
                seen_ray
                and isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not statement.name.startswith(_HELPERS)
            ):
                return statement
            seen_ray = seen_ray or _imports_ray(statement)
        return top
