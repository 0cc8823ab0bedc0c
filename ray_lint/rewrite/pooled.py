"""Whether the results of an ``ActorPool`` are the same where its ``map`` runs over batches."""

from __future__ import annotations

import ast

from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.places import is_drained
from ray_lint.rewrite.plan import Declined, Doubts
from ray_lint.rewrite.safety import BodyProof

_FILLING = ("append", "add", "extend", "update", "setdefault", "get", "items", "keys", "values")
_QUIET = tuple(
    f"builtins.{name}"
    for name in (
        *("len", "sum", "min", "max", "sorted", "zip", "enumerate", "range", "int", "float"),
        *("abs", "round", "all", "any", "list", "tuple", "dict", "set"),
    )
)


def judge_pool(names: ModuleNames, shape: Shape, proof: BodyProof, doubts: Doubts) -> None:
    """Doubt batches for a pool of actors whose results are not those of single calls.

    Raises Declined where values of one batch would be one object.
    """
    if proof.shares_results:
        raise Declined("the results of a batch may share an object")
    if shape.collection != "iterator" or not proof.may_fail or _is_quiet(names, shape.node):
        return
    assert isinstance(shape.node, ast.expr)
    if not is_drained(names, shape.node):
        doubts.add("an item that fails takes the rest of its batch along")


def _is_quiet(names: ModuleNames, items: ast.AST) -> bool:
    """Whether a loop leaves nothing that could be seen once a failure has ended the program."""
    loop = names.parents[items]
    if not isinstance(loop, ast.For) or loop.iter is not items:
        return False
    if any(names.index.every(ast.With)) or any(t.finalbody for t in names.index.every(ast.Try)):
        return False
    for node in names.walk(loop):
        if names.contains(items, node):
            continue
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
            return False
        if isinstance(node, ast.Call):
            filled = isinstance(node.func, ast.Attribute) and node.func.attr in _FILLING
            if not filled and not names.stands_for(node.func, *_QUIET):
                return False
    return True
