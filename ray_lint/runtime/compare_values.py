"""Are the values of two runs equal? At the sites, and in the variables around them."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

from ray_lint.runtime.program import Run
from ray_lint.runtime.values import Tolerance, difference, load


def items_of(results: list[tuple[str, bytes]], *, flatten: bool) -> list[bytes]:
    """Return one written value per item, in submission order.

    ``flatten`` takes the list that one task returned for the values of its items.
    """
    items: list[bytes] = []
    for shape, written in results:
        if not written:
            items.append(pickle.dumps(("missing",)))
            continue
        tag, *parts = pickle.loads(written)  # our own tracer's; the parts stay unread bytes
        if shape == "one" and tag == "list" and flatten:
            items.extend(parts)
        elif tag == "list":
            items.append(pickle.dumps(["list", *map(load, parts)], protocol=4))
        else:
            items.append(parts[0])
    return items


def site_difference(first: Run, second: Run, index: int, tolerance: Tolerance) -> str:
    """Return how the values at a site differ between original and fixed program, or nothing.

    A fixed program may return one reference per item or one list per chunk; whichever reading
    gives as many items as the original is taken.
    """
    ours = items_of(first.sites[index].items, flatten=False)
    for flatten in (False, True):
        theirs = items_of(second.sites[index].items, flatten=flatten)
        if len(theirs) == len(ours):
            break
    if len(theirs) != len(ours):
        return f"{len(ours):,} values became {len(theirs):,}"
    worst = ""
    for position, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one == other:
            continue
        words = difference(load(one), load(other), tolerance)
        if words:
            worst = f"item {position:,}: {words}"
            break
    if not worst and flatten is False and len(ours) == 1 and first.sites[index].submissions > 1:
        return "one value for several submissions"
    return worst


def loop_targets(source: bytes) -> frozenset[str]:
    """Return the names that a ``for`` statement binds; their last value is no result."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(
        name.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.AsyncFor))
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    )


def functions_around(source: bytes, line: int) -> frozenset[str]:
    """Return the bare names of the functions around a line; ``<module>`` if there is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    found = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    }
    return frozenset(found or {"<module>"})


def changed_names(
    first: Run, second: Run, ignored: Mapping[str, frozenset[str]], tolerance: Tolerance
) -> dict[tuple[str, str], str]:
    """Return the variables that both runs have and whose values differ, with how.

    Keys are (``file::function``, variable).
    """
    found: dict[tuple[str, str], str] = {}
    for function, returns in first.names.items():
        others = second.names.get(function, [])
        skipped = ignored.get(function.partition("::")[0], frozenset())
        for ours, theirs in zip(returns, others):  # noqa: B905 - the shorter one decides
            for name in _common(ours, theirs):
                if name in skipped or ours[name] == theirs[name] or (function, name) in found:
                    continue
                words = difference(load(ours[name]), load(theirs[name]), tolerance)
                if words:
                    found[function, name] = words
    return found


def _common(ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> Iterable[str]:
    return (name for name in ours if name in theirs)


def function_name(key: str) -> str:
    """Return the readable half of a ``file::function`` key."""
    path, _, name = key.partition("::")
    return Path(path).name if name == "<module>" else f"{name}()"
