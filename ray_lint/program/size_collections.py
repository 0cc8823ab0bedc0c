"""How many items displays, operations, slices and comprehensions have."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program.counts import (
    INFINITY,
    NOTHING,
    Count,
    amount,
    exactly,
    join_counts,
    plus,
    scaled,
    whole,
)
from ray_lint.program.module import Module
from ray_lint.program.names import COMPREHENSIONS, BindingKind
from ray_lint.program.size_arrays import elements_of as array_elements
from ray_lint.program.size_calls import items_of_call
from ray_lint.program.size_elements import (
    counter_of,
    is_formatted,
    letters_of,
    told_variables,
    values_under,
)
from ray_lint.program.size_elements import items_of as elements_of
from ray_lint.program.size_names import named_items
from ray_lint.program.size_ranges import distance
from ray_lint.program.wording import words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes


_FORMATTED = 100  # characters that a formatted text hardly has more of


def size_of_any(
    sizes: Sizes, module: Module, values: list[ast.expr] | None, depth: int
) -> Count | None:
    """Return the size of whichever of the values it is, None if one of them is not known."""
    counts = [sizes.items(module, value, depth) for value in values or []]
    if not counts or any(c.kind != "known" for c in counts):
        return None
    return join_counts(counts)


def items_of(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> Count:
    """Return how many items an expression has, by its form."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _display(sizes, module, node, depth)
    if isinstance(node, ast.Dict):
        if all(isinstance(k, ast.Constant) for k in node.keys):
            n = len({k.value for k in node.keys if isinstance(k, ast.Constant)})
            return exactly(n, "a dict display")
        total = len(node.keys)
        low = 1 if total else 0
        return Count(
            low,
            total if None not in node.keys else None,
            "known" if None not in node.keys else "unknown",
            f"at most {total} entries",
        )
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str | bytes):
            return exactly(len(node.value), "a literal string")
        return NOTHING
    if isinstance(node, COMPREHENSIONS):
        total_count = sizes.loops(module, list(reversed(node.generators)))
        if isinstance(node, ast.SetComp | ast.DictComp) and not _distinct(module, node):
            total_count = replace(total_count, low=min(total_count.low, 1))
        flat = len(node.generators) > 1 and _goes_through(*node.generators[-2:])
        return replace(total_count, chunked=False) if flat else total_count
    if is_formatted(module, node):
        return Count(0, _FORMATTED, "known", "a formatted text")
    if isinstance(node, ast.BinOp):
        return _operation(sizes, module, node, depth)
    if isinstance(node, ast.IfExp):
        return join_counts([sizes.items(module, n, depth) for n in (node.body, node.orelse)])
    if isinstance(node, ast.BoolOp):
        return join_counts([sizes.items(module, n, depth) for n in node.values])
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
        return sizes.items(module, node.value, depth)
    if isinstance(node, ast.Call):
        return items_of_call(sizes, module, node, depth)
    if isinstance(node, ast.Subscript):
        if not isinstance(node.slice, ast.Slice):
            found = values_under(module, node.value, node.slice)
            found = found or elements_of(module, node.value)
            one = size_of_any(sizes, module, found, depth)
            if one is not None:
                return one
        return _subscript(sizes, module, node, depth)
    if isinstance(node, ast.Name | ast.Attribute):
        letters = letters_of(module, node)
        if letters:
            return exactly(len(letters), f"`{words_of(node)}`")
        return named_items(sizes, module, node, depth)
    return NOTHING


def _goes_through(outer: ast.comprehension, inner: ast.comprehension) -> bool:
    """Whether the inner loop goes through each item of the outer: chunks become items again."""
    return ast.unparse(inner.iter) == ast.unparse(outer.target)


def _distinct(module: Module, node: ast.SetComp | ast.DictComp) -> bool:
    """Whether no two items are equal: each tells which run of the loops it was made in."""
    item = node.elt if isinstance(node, ast.SetComp) else node.key
    told = told_variables(module, item)
    return all(counter_of(module, clause) in told for clause in node.generators)


def _display(
    sizes: Sizes, module: Module, node: ast.List | ast.Tuple | ast.Set, depth: int
) -> Count:
    plain = [e for e in node.elts if not isinstance(e, ast.Starred)]
    counts = [sizes.items(module, e.value, depth) for e in node.elts if isinstance(e, ast.Starred)]
    low = high = len(plain)
    if isinstance(node, ast.Set):
        constants = {e.value for e in plain if isinstance(e, ast.Constant)}
        low = max(len(constants), min(len(plain), 1))
        high = high if low < high and len(constants) != len(plain) else low
        if len(constants) == len(plain):
            high = low
    kind = "set" if isinstance(node, ast.Set) else "list" if isinstance(node, ast.List) else "tuple"
    total = (
        exactly(low, f"a {kind} display")
        if low == high
        else Count(low, high, "known", f"{low:,} to {high:,} items of a set display")
    )
    for count in counts:
        total = plus(total, count)
        if isinstance(node, ast.Set):
            total = replace(total, low=min(total.low, 1))
    return total


def _operation(sizes: Sizes, module: Module, node: ast.BinOp, depth: int) -> Count:
    if isinstance(node.op, ast.Mult):
        for sequence, factor in ((node.left, node.right), (node.right, node.left)):
            if _is_list(sizes, module, sequence):
                base = sizes.items(module, sequence, depth)
                number = sizes.number(module, factor, depth)
                return scaled(base, number, words_of(node))
    if isinstance(node.op, ast.Add) and (
        _is_list(sizes, module, node.left) or _is_list(sizes, module, node.right)
    ):
        left, right = (sizes.items(module, n, depth) for n in (node.left, node.right))
        return plus(left, right)
    if isinstance(node.op, ast.Add):
        left, right = (sizes.items(module, n, depth) for n in (node.left, node.right))
        if left.kind == right.kind == "known":  # joined, or arrays added item by item
            return replace(plus(left, right), low=max(left.low, right.low))
    if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow | ast.Mod):
        sides = [
            sizes.items(module, n, depth) for n in (node.left, node.right) if _is_array(module, n)
        ]
        known = [side for side in sides if side.kind == "known"]
        if known:
            return max(known, key=lambda side: side.high or 0)
        # Element-wise arithmetic of an array and a number keeps the size.
        if isinstance(node.right, ast.Constant):
            return _array(sizes, module, node.left, depth)
        if isinstance(node.left, ast.Constant):
            return _array(sizes, module, node.right, depth)
    return NOTHING


def _is_array(module: Module, node: ast.expr, depth: int = 0) -> bool:
    """Whether an expression is an array that NumPy made: arithmetic with one is one, too."""
    names = module.names
    if isinstance(node, ast.BinOp) and depth < 5:
        return any(_is_array(module, side, depth + 1) for side in (node.left, node.right))
    if isinstance(node, ast.Name) and node in names.order and depth < 5:
        values = [b.value for b in names.reaching(node) if b.kind is BindingKind.ASSIGN]
        return (
            len(values) == 1 and values[0] is not None and _is_array(module, values[0], depth + 1)
        )
    if not isinstance(node, ast.Call):
        return False
    return any(name.startswith("numpy.") for name in names.qualified_names(node.func))


def _array(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> Count:
    if isinstance(node, ast.Call):
        name = module.names.qualified(node.func)
        if (name and name.startswith("numpy.")) or array_elements(sizes, module, node, depth):
            return sizes.items(module, node, depth)
    return NOTHING


def _is_list(sizes: Sizes, module: Module, node: ast.expr, depth: int = 0) -> bool:
    """Whether the expression is certainly a list, tuple or string."""
    if isinstance(node, ast.List | ast.Tuple | ast.ListComp) or is_formatted(module, node):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    if isinstance(node, ast.Call):
        lists = ("builtins.list", "builtins.sorted", "builtins.tuple")
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"split", "splitlines"}:
            return True
        return module.names.stands_for(node.func, *lists)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult) and depth < 8:
        return any(_is_list(sizes, module, n, depth + 1) for n in (node.left, node.right))
    if isinstance(node, ast.Name) and depth < 8:
        bindings = module.names.reaching(node)
        return bool(bindings) and all(
            b.value is not None
            and b.kind is BindingKind.ASSIGN
            and _is_list(sizes, module, b.value, depth + 1)
            for b in bindings
            if b.kind is not BindingKind.AUGMENTED
        )
    return False


def _subscript(sizes: Sizes, module: Module, node: ast.Subscript, depth: int) -> Count:
    base = sizes.items(module, node.value, depth)
    index = node.slice
    if not isinstance(index, ast.Slice):
        if base.kind == "data":
            return replace(base, low=0, high=None)
        return Count(0, None, "unknown", f"an element of `{words_of(node.value)}`")
    step = sizes.number(module, index.step, depth) if index.step else None
    low, high = base.low, base.high
    reason = f"items of `{words_of(node)}`"
    if index.lower is None and index.upper is not None and step is None:
        upper = sizes.number(module, index.upper, depth)
        if upper.kind == "known" and upper.low >= 0:
            top = whole(upper.high)
            high = top if high is None else min(high, top) if top is not None else high
            low = min(low, int(upper.low)) if upper.low < INFINITY else low
            kind = base.kind if high is None else "known" if base.kind == "known" else base.kind
            if base.kind != "known":
                return Count(
                    0,
                    high,
                    base.kind,
                    f"at most {high:,} {reason}" if high is not None else reason,
                    base.per_worker,
                    base.chunked,
                )
            return Count(
                low, high, kind, f"{amount(low, high)} {reason}", base.per_worker, base.chunked
            )
    if (
        (step is not None and step.kind == "known" and step.low == step.high and abs(step.low) >= 1)
        and index.lower is None
        and index.upper is None
        and base.kind == "known"
    ):
        k = abs(int(step.low))
        low, high = -(-low // k), None if high is None else -(-high // k)
        return Count(low, high, "known", f"{amount(low, high)} {reason}", base.per_worker)
    if index.lower is not None and index.upper is None and step is None:
        left_out = sizes.number(module, index.lower, depth)
        if base.kind == "known" and left_out.kind == "known" and left_out.low >= 0:
            low = max(low - int(min(left_out.high, low)), 0)
            high = high if high is None else max(high - int(left_out.low), 0)
            return Count(low, high, "known", f"{amount(low, high)} {reason}", base.per_worker)
    if index.lower is not None and index.upper is not None and step is None:
        length = distance(sizes, module, index.lower, index.upper, depth)
        if length is not None and length.low >= 0 and whole(length.high) is not None:
            most = whole(length.high)
            return Count(0, most, "known", f"at most {most} {reason}")
        both = [sizes.number(module, n, depth) for n in (index.lower, index.upper)]
        if all(n.kind == "known" and n.low >= 0 for n in both):
            span = whole(max(both[1].high - both[0].low, 0))
            if span is not None:
                high = span if high is None else min(high, span)
    return replace(base, low=0, high=high, reason=f"at most {base.reason}")
