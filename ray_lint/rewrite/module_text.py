"""A module as something to write into: its text, the names that are free, and its insertions."""

from __future__ import annotations

import ast
from functools import cached_property

from libcst import CSTValidationError, ParserSyntaxError

from ray_lint.config import Config
from ray_lint.program.effects import mutates
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind
from ray_lint.program.project import Project
from ray_lint.rewrite.insertions import Insertions
from ray_lint.rewrite.naming import NameSupply
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.source_map import SourceMap


class ModuleText:
    """The text of one module. LibCST parses it when it is first asked for."""

    def __init__(self, project: Project, module: Module, config: Config) -> None:
        self.project, self.module, self.config = project, module, config
        self.names = module.names

    @cached_property
    def _map(self) -> SourceMap | str:
        """The source map, or why there is none."""
        try:
            return SourceMap(self.module.text, self.names)
        except (RecursionError, KeyError):  # LibCST's own clean-up hides the first by the second
            return "the file is too deeply nested to be rewritten"
        except (
            ParserSyntaxError,
            CSTValidationError,
        ):  # syntax that is newer, or odd: `for* i in x`
            return "LibCST cannot parse the file"

    @property
    def source(self) -> SourceMap:
        """The bridge from nodes to text. Raises Declined for a file that LibCST cannot read."""
        if isinstance(self._map, str):
            raise Declined(self._map)
        return self._map

    @cached_property
    def supply(self) -> NameSupply:
        """The names that are taken, and fresh ones."""
        return NameSupply(self.names)

    @cached_property
    def insertions(self) -> Insertions:
        """Where new functions and imports go."""
        return Insertions(self.names, self.source, self.supply, self.config)

    def constant_dict(self, expression: ast.expr) -> list[ast.keyword] | None:
        """Return the items of a dictionary with plain keys that no code of the file changes."""
        value: ast.expr | None = expression
        if isinstance(expression, ast.Name):
            owner = self.names.owner(expression)
            bindings = owner.bindings.get(expression.id, []) if owner is not None else []
            if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN:
                return None
            if mutates(self.project, self.module, self.names.tree, bindings[0]):
                return None
            value = bindings[0].value
        if isinstance(value, ast.Dict):
            items = [
                ast.keyword(key.value, item)
                for key, item in zip(value.keys, value.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            ]
            return items if len(items) == len(value.keys) else None
        if (
            isinstance(value, ast.Call)
            and self.names.qualified(value.func) == "builtins.dict"
            and not value.args
            and all(keyword.arg for keyword in value.keywords)
        ):
            return value.keywords
        return None
