"""How many rows an array has, and how many elements: constructors, ``reshape``, ``ravel``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ray_lint.program import known_sizes as known
from ray_lint.program.counts import ANY, INFINITY, Count, Number, as_count, combined
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind
from ray_lint.program.wording import keyword_of, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes

_FLAT = frozenset({"ravel", "flatten"})
_DEPTH = 6  # names and methods followed to the constructor of an array


_GENERATORS = {
    "numpy.random": ("numpy.random.default_rng", "numpy.random.RandomState"),
    "random": ("random.Random",),
}


def array_names(module: Module, function: ast.expr) -> frozenset[str]:
    """Return the dotted names of a call; ``numpy.random.normal`` for a generator's method, too.

    Likewise ``random.choice`` for a method of ``random.Random``.
    """
    names = module.names.qualified_names(function)
    if names or not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return names
    makers = [b.value for b in module.names.reaching(function.value)]
    for package, generators in _GENERATORS.items():
        if makers and all(
            isinstance(maker, ast.Call) and module.names.stands_for(maker.func, *generators)
            for maker in makers
        ):
            return frozenset({f"{package}.{function.attr}"})
    return names


def reshaped_rows(
    sizes: Sizes, module: Module, node: ast.Call, function: ast.Attribute, depth: int
) -> Count | None:
    """Return the rows of ``a.reshape(...)``, ``a.ravel()``, ``np.reshape(a, ...)`` …, or None."""
    numpy = module.names.stands_for(function.value, "numpy")
    array = node.args[0] if numpy and node.args else function.value
    if function.attr in _FLAT:
        elements = elements_of(sizes, module, array, depth)
        return as_count(elements, f"`{words_of(node)}`") if elements is not None else None
    if function.attr != "reshape":
        return None
    shape = _shape(node.args[1:] if numpy else node.args)
    if not shape:
        return None
    rows = sizes.number(module, shape[0], depth)
    if rows.kind == "known" and rows.low == rows.high == -1:
        elements = elements_of(sizes, module, array, depth)
        if elements is None:
            return None
        others = _volume(sizes, module, shape[1:], depth)
        rows = combined(ast.FloorDiv(), elements, others, words_of(node))
    return as_count(rows, f"`{words_of(node)}`") if rows.kind == "known" else None


def elements_of(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> Number | None:
    """Return how many elements an array has in all dimensions; None if it is not seen."""
    for _ in range(_DEPTH):
        if isinstance(node, ast.Name):
            bindings = module.names.reaching(node)
            value = bindings[0].value if len(bindings) == 1 else None
            if value is None or bindings[0].kind is not BindingKind.ASSIGN:
                return None
            node = value
        elif isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
            node = node.left  # arithmetic item by item
        elif not isinstance(node, ast.Call):
            break
        elif isinstance(node.func, ast.Attribute) and node.func.attr in {
            *_FLAT,
            "reshape",
            "astype",
            "copy",
            "transpose",
        }:
            node = node.func.value  # as many elements as before
        else:
            break
    if isinstance(node, ast.List | ast.Tuple):
        return _written_out(sizes, module, node, depth)
    if not isinstance(node, ast.Call):
        return None
    names = array_names(module, node.func)
    name = next(iter(names)) if len(names) == 1 else ""
    short = name.rpartition(".")[2]
    if name in {"numpy.array", "numpy.asarray"} and node.args:
        return elements_of(sizes, module, node.args[0], depth)
    if name in known.DIMENSIONS:
        return _volume(sizes, module, node.args, depth)
    shape: ast.expr | None
    if name in known.SHAPED:
        shape = node.args[0] if node.args else keyword_of(node, "shape")
        shape = shape or keyword_of(node, "size")
    elif name in known.SIZED:
        index = known.SIZE_INDEX.get(short, 9)
        shape = node.args[index] if len(node.args) > index else keyword_of(node, "size")
    else:
        count = sizes.items(module, node, depth)
        if count.kind != "known" or name not in known.RANGES:
            return None
        high = INFINITY if count.high is None else count.high
        return Number(count.low, high, "known", count.reason)
    return _volume(sizes, module, _shape([shape]), depth) if shape is not None else None


def _written_out(
    sizes: Sizes, module: Module, node: ast.List | ast.Tuple, depth: int
) -> Number | None:
    """Count the numbers of a display like ``[[1, x], [y, 2]]``; None if a name is a collection."""
    total = 0
    for element in node.elts:
        if isinstance(element, ast.List | ast.Tuple):
            inner = _written_out(sizes, module, element, depth)
            if inner is None:
                return None
            total += int(inner.high)
        elif isinstance(element, ast.Starred):
            return None
        elif sizes.number(module, element, depth).kind == "known":
            total += 1
        elif sizes.items(module, element, depth).kind != "unknown":
            return None
        else:
            total += 1
    return Number(total, total, "known", "numbers that are written out")


def _shape(arguments: list[ast.expr]) -> list[ast.expr]:
    """Return the dimensions of ``(2, 3)`` or ``2, 3``."""
    if len(arguments) == 1 and isinstance(arguments[0], ast.Tuple | ast.List):
        return list(arguments[0].elts)
    return arguments


def _volume(sizes: Sizes, module: Module, shape: list[ast.expr], depth: int) -> Number:
    total = Number(1, 1, "known", "1")
    for side in shape:
        if isinstance(side, ast.Starred):
            return ANY
        total = combined(ast.Mult(), total, sizes.number(module, side, depth), words_of(side))
    return total
