"""Names for generated code: never one that the module already uses."""

from __future__ import annotations

import ast
import keyword

from ray_lint.program.names import ModuleNames

_SIBILANTS = ("s", "x", "z", "ch", "sh")


def plural(word: str) -> str:
    """Return the plural of an identifier: ``number`` -> ``numbers``, ``entry`` -> ``entries``.

    Words of one letter double it (``x`` -> ``xs``), as Python code commonly does.
    """
    if word in ("i", "j", "k"):
        return "indices"
    if len(word) == 1:
        many = f"{word}s"
        return f"{word}_values" if keyword.iskeyword(many) else many
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        return f"{word}_batch"  # a plural already
    if word.endswith(_SIBILANTS):
        return f"{word}es"
    return f"{word}s"


def ascii_name(name: str, fallback: str) -> str:
    """Return ``name`` if workers can load a function of that name, else ``fallback``.

    Ray 2.60 cannot start a worker for a remote function with a non-ASCII name (found by running).
    Two leading underscores would be mangled inside of classes.
    """
    name = name.lstrip("_") if name.startswith("__") else name
    return name if name.isascii() and name.isidentifier() else fallback


class NameSupply:
    """All identifiers of a module, and fresh ones besides."""

    def __init__(self, names: ModuleNames) -> None:
        self.used: set[str] = set()
        for node in names.walk(names.tree):
            if isinstance(node, ast.Name):
                self.used.add(node.id)
            elif isinstance(node, ast.arg):
                self.used.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.used.add(node.name)
            elif isinstance(node, ast.alias):
                self.used.update((node.asname or node.name).split("."))
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self.used.update(node.names)
            elif isinstance(node, ast.Attribute):
                # Methods and module attributes set from outside share no scope with ours, but a
                # reader should not meet one name for two things.
                self.used.add(node.attr)

    def fresh(self, *wishes: str, besides: frozenset[str] = frozenset()) -> str:
        """Return the first of ``wishes`` that is free, or the last one with a number."""
        for wish in wishes:
            if self._free(wish, besides):
                return wish
        number = 2
        while not self._free(f"{wishes[-1]}_{number}", besides):
            number += 1
        return f"{wishes[-1]}_{number}"

    def _free(self, name: str, besides: frozenset[str]) -> bool:
        return name not in self.used and name not in besides and not keyword.iskeyword(name)


def names_in(*nodes: ast.AST) -> set[str]:
    """Return every identifier that is read or bound below the nodes."""
    found: set[str] = set()
    for node in nodes:
        for child in ast.walk(node):
            if isinstance(child, ast.Name):
                found.add(child.id)
            elif isinstance(child, ast.arg):
                found.add(child.arg)
    return found
