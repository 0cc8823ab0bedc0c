"""Scopes of a module, what binds the names in them, and the blocks of statements."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ScopeNode = (
    ast.Module
    | ast.ClassDef
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.Lambda
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# ``try`` and, from Python 3.11 on, ``try`` with ``except*``: the same fields.
TRIES: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))


class BindingKind(enum.Enum):
    """How a name gets its value."""

    ASSIGN = "assign"
    AUGMENTED = "augmented"
    UNPACKED = "unpacked"
    LOOP = "loop"
    COMPREHENSION = "comprehension"
    PARAMETER = "parameter"
    FUNCTION = "function"
    CLASS = "class"
    IMPORT = "import"
    WITH = "with"
    EXCEPT = "except"
    WALRUS = "walrus"
    MATCH = "match"
    DELETE = "delete"


@dataclass(eq=False)
class Binding:
    """One place that binds ``name`` in ``scope``.

    ``node`` is the binding node (Name, arg, alias, def, handler); ``statement`` the statement it
    belongs to (None for parameters of lambdas and for comprehension targets). ``value`` is the
    expression whose whole value the name gets, or for loops the iterable whose items it gets
    (only if the target is this single name); None when unknown.
    """

    name: str
    scope: Scope
    kind: BindingKind
    node: ast.AST
    statement: ast.stmt | None
    value: ast.expr | None = None


@dataclass(eq=False)
class Scope:
    """A module, class, function, lambda or comprehension with what it binds and uses."""

    node: ScopeNode
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    uses: dict[str, list[ast.Name]] = field(default_factory=dict)
    """Loads of a name of *this* scope, from here or from any nested scope, in order."""
    redirected: dict[str, Scope | None] = field(default_factory=dict)
    """Names declared ``global`` or ``nonlocal`` here, with the scope that owns them."""
    local_loads: list[ast.Name] = field(default_factory=list)

    @property
    def is_function(self) -> bool:
        """Whether the body runs later than its definition (def, async def, lambda)."""
        return isinstance(self.node, FUNCTIONS)

    @property
    def is_class(self) -> bool:
        """Whether nested functions cannot see the names of this scope."""
        return isinstance(self.node, ast.ClassDef)

    def ancestors(self) -> Iterator[Scope]:
        """Yield this scope and all that enclose it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @property
    def frame(self) -> Scope:
        """The function, class or module whose execution this scope is part of."""
        return next(s for s in self.ancestors() if not isinstance(s.node, COMPREHENSIONS))


@dataclass(frozen=True)
class Block:
    """The list of statements that a statement stands in: ``getattr(owner, field)[index]``."""

    owner: ast.AST
    field: str
    statements: list[ast.stmt]
    index: int


def is_handed_ray(binding: Binding) -> bool:
    """Whether Ray or a client of it is handed over: ``def run(ray)``, ``with … as ray``."""
    handed = (BindingKind.PARAMETER, BindingKind.WITH)
    return binding.kind in handed and binding.name == "ray"


def loops_between(
    blocks: Mapping[ast.stmt, Block], child: ast.AST, parent: ast.AST
) -> list[ast.AST]:
    """Return the loops that a node lays around its child, innermost first."""
    if isinstance(parent, ast.For | ast.AsyncFor):
        block = blocks.get(child) if isinstance(child, ast.stmt) else None
        return [parent] if block is not None and block.field == "body" else []
    if isinstance(parent, ast.While):
        block = blocks.get(child) if isinstance(child, ast.stmt) else None
        inside = child is parent.test or (block is not None and block.field == "body")
        return [parent] if inside else []
    if isinstance(parent, COMPREHENSIONS):
        before = parent.generators
        if isinstance(child, ast.comprehension):
            before = before[: before.index(child)]
        return list(reversed(before))
    if isinstance(parent, ast.comprehension) and child in parent.ifs:
        return [parent]
    return []
