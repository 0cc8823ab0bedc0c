"""One parsed file with its name model."""

from __future__ import annotations

import ast
import sys
from functools import cached_property

from ray_lint.errors import SourceError
from ray_lint.program.fstrings import NEEDED, place_expressions
from ray_lint.program.names import ModuleNames


class Module:
    """A source file as the analysis sees it.

    ``text`` is the decoded source, ``filename`` as given by the user, ``name`` the dotted module
    name if the file belongs to an importable tree ("" otherwise). The name model is built when it
    is first asked for.
    """

    def __init__(
        self,
        text: str,
        tree: ast.Module,
        filename: str,
        *,
        name: str = "",
        is_package: bool = False,
    ) -> None:
        self.text = text
        self.tree = tree
        self.filename = filename
        self.name = name
        self.is_package = is_package

    @cached_property
    def placed(self) -> frozenset[ast.JoinedStr]:
        """The f-strings whose expressions have right places although Python is old."""
        return place_expressions(self.tree, self.text) if NEEDED else frozenset()

    @cached_property
    def names(self) -> ModuleNames:
        """Scopes, bindings and uses."""
        assert self.placed is not None  # before anybody asks where something stands
        return ModuleNames(self.tree, self.name, is_package=self.is_package)

    @cached_property
    def submissions(self) -> dict[str, list[ast.Call]]:
        """The calls ``x.name.remote(...)`` of the file by ``name``, in order."""
        found: dict[str, list[ast.Call]] = {}
        for node in self.names.walk(self.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            if node.func.attr == "remote" and isinstance(owner, ast.Attribute):
                found.setdefault(owner.attr, []).append(node)
        return found


def parse(text: str, filename: str) -> ast.Module:
    """Parse source text. Raises SourceError with the position of a syntax error.

    Also for source that Python's parser gives up on: nesting beyond its stack.
    """
    try:
        return ast.parse(text, filename)
    except SyntaxError as error:
        column = max((error.offset or 1) - 1, 0)
        # The source may be right for a newer Python than the one that runs.
        message = "syntax error for Python {}.{}: {}".format(*sys.version_info[:2], error.msg)
        raise SourceError(filename, message, error.lineno or 1, column) from None
    except (RecursionError, MemoryError):
        raise SourceError(filename, "too deeply nested to be parsed") from None
    except ValueError as error:
        raise SourceError(filename, f"cannot be parsed: {error}") from None
