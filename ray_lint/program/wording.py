"""What names say: words of workers and of chunks, and expressions put into words."""

from __future__ import annotations

import ast
import re

from ray_lint.program import known_sizes as known


def name_words(name: str) -> set[str]:
    """Return the words of a name in lower case and singular: ``numWorkers`` has ``worker``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return {singular(word.lower()) for word in words}


def name_evidence(name: str) -> tuple[bool, bool]:
    """Return whether a name speaks of workers (nodes, files …) and of chunks (batches …).

    What is submitted in batches is references, one for each item.
    """
    words = name_words(name)
    chunks = bool(words & known.CHUNK_WORDS) and "submit" not in words
    return bool(words & known.WORKER_WORDS), chunks


def is_one_chunk(name: str) -> bool:
    """Whether a name stands for one chunk, so that its items are none: ``page``, not ``pages``.

    Also ``batch_of_reads``.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if words[1:2] == ["of"]:
        return words[0] in known.CHUNK_WORDS
    return bool(words) and words[-1] in known.CHUNK_WORDS


def singular(word: str) -> str:
    """Return an English noun without its plural ending."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def words_of(node: ast.AST) -> str:
    """Return the source of an expression, shortened to a phrase."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "..."
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def target_name(target: ast.expr) -> str:
    """Return the name of a loop variable; of several, the last counts as the item."""
    if isinstance(target, ast.Tuple | ast.List) and target.elts:
        return target_name(target.elts[-1])
    return target.id if isinstance(target, ast.Name) else ""


def iterable_name(node: ast.expr) -> str:
    """Return the word that names a collection or number: the last part of a dotted name."""
    while isinstance(node, ast.Subscript | ast.Starred | ast.Await):
        node = node.value
    if isinstance(node, ast.Call):
        node = node.func
        if isinstance(node, ast.Attribute) and node.attr in {"items", "keys", "values", "copy"}:
            node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_range(node: ast.expr) -> bool:
    """Whether the iterable is a range: `range(num_batches)` has numbers as items, not chunks."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    )


def keyword_of(node: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument."""
    return next((k.value for k in node.keywords if k.arg == name), None)


def splits_text(node: ast.expr) -> bool:
    """Whether the expression is the words of a text: ``line.split()``, ``line.split(",")``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr not in {"split", "rsplit", "splitlines"}:
        return False
    first = node.args[0] if node.args else None
    return first is None or (isinstance(first, ast.Constant) and isinstance(first.value, str))
