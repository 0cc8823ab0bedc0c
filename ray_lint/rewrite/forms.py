"""The forms in which a program submits once per item."""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, field

from ray_lint.rewrite.plan import Argument, Repeat
from ray_lint.rewrite.submitters import Submitter


class Form(enum.Enum):
    """What is replaced, and by what."""

    EXPRESSION = "expression"
    """An expression whose value is a collection of all references."""
    DICT = "dict"
    """A dict comprehension whose values are the references."""
    APPEND = "append"
    """A loop that appends each reference to a list."""
    STORE = "store"
    """A loop that stores each reference under a key."""
    DEAL = "deal"
    """A loop that appends each reference to one of the lists in a table."""
    DROP = "drop"
    """A loop that does not keep the references."""
    YIELD = "yield"
    """A loop of a generator that yields each reference."""
    NEXT = "next"
    """Any other place of the call: it takes the next of the references submitted before."""


@dataclass(eq=False)
class Shape:
    """The form of one site.

    ``node`` is what gets replaced (an expression, or the statement with the call), ``region`` what
    repeats the submission: a comprehension, or the outermost loop that only collects. ``repeats``
    are the loops as comprehension clauses, outermost first; None if the loop does more than that.
    ``collection`` is list, tuple, set or iterator (for a dict: keys or values, whichever the
    references are); ``container`` the list or dict that is filled.
    """

    form: Form
    node: ast.AST
    region: ast.AST
    repeats: list[Repeat] | None
    collection: str = "list"
    container: ast.expr | None = None
    key: ast.expr | None = None
    destination: ast.expr | None = None
    """The list in the table ``container`` that gets the reference: ``table[key]``."""
    loop: ast.For | ast.AsyncFor | ast.While | None = None
    aliases: list[ast.Assign] = field(default_factory=list)
    keeper: ast.AST | None = None
    """The function that the loop calls to submit, if that keeps the reference itself."""
    taker: Submitter | None = None
    """The function that the loop calls, which is to get the reference instead of submitting."""
    receiver: ast.Name | None = None
    """The object whose method the loop calls to submit: what has the container at the site."""
    beside: ast.Tuple | None = None
    """The tuple in which an appended reference is kept with other values."""
    lengths: list[ast.Call] = field(default_factory=list)
    """The calls ``len(container)`` in the loop: what is collected counts for them, too."""
    siblings: list[ast.Expr] = field(default_factory=list)
    """The other statements of the loop that append to the container."""
    skips: list[ast.If] = field(default_factory=list)
    """The statements ``if …: continue`` of the loops that are among the conditions."""
    limit: ast.expr | None = None
    """``n`` of a loop that is nothing but ``while len(refs) < n: refs.append(f.remote())``."""
    merged: list[tuple[ast.Expr, list[Argument]]] = field(default_factory=list)
    """Those of the siblings that submit the same function, with what they pass to it."""
    narrower: Shape | None = None
    """The same site with fewer of its loops, to fall back on."""
