"""A module as something to write into: its text, the names that are free, and its insertions."""

from __future__ import annotations

import ast
from functools import cached_property

from ray_lint.config import Config
from ray_lint.program.effects import mutates
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind
from ray_lint.program.project import Project
from ray_lint.rewrite.insertions import Insertions
from ray_lint.rewrite.naming import NameSupply
from ray_lint.rewrite.source_map import SourceMap


class ModuleText:
    """The text of one module. LibCST parses what is asked for of it.

    ``short``: all that is submitted there in a loop is known to be short.
    """

    def __init__(self, project: Project, module: Module, config: Config, *, short: bool) -> None:
        self.project, self.module, self.config = project, module, config
        self.names, self.short = module.names, short

    @cached_property
    def source(self) -> SourceMap:
        """The bridge from nodes to text."""
        return SourceMap(self.module.text, self.names)

    @cached_property
    def supply(self) -> NameSupply:
        """The names that are taken, and fresh ones."""
        return NameSupply(self.names)

    @cached_property
    def insertions(self) -> Insertions:
        """Where new functions and imports go."""
        return Insertions(self.names, self.source, self.supply, self.config, short=self.short)

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
