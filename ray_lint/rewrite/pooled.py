"""Whether the results of an ``ActorPool`` are the same where its ``map`` runs over batches."""

from __future__ import annotations

import ast

from ray_lint.program.names import ModuleNames
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.places import is_drained
from ray_lint.rewrite.plan import Declined, Doubts
from ray_lint.rewrite.quiet import are_quiet
from ray_lint.rewrite.safety import BodyProof


def judge_pool(names: ModuleNames, shape: Shape, proof: BodyProof, doubts: Doubts) -> None:
    """Doubt batches for a pool of actors whose results are not those of single calls.

    Raises Declined where values of one batch would be one object.
    """
    if proof.shares_results:
        raise Declined("the results of a batch may share an object")
    if shape.collection != "iterator" or not proof.may_fail or _is_taken_quietly(names, shape):
        return
    assert isinstance(shape.node, ast.expr)
    if not is_drained(names, shape.node):
        doubts.add("an item that fails takes the rest of its batch along")


def _is_taken_quietly(names: ModuleNames, shape: Shape) -> bool:
    loop = names.parents[shape.node]
    if not isinstance(loop, ast.For) or loop.iter is not shape.node:
        return False
    return are_quiet(names, [*loop.body, *loop.orelse])
