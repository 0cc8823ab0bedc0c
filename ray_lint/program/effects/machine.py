"""The state of one analysis, and what its parts ask of each other.

Each statement is run once per branch, loops twice, helper functions of the project where they are
called. Objects made in the call are tracked by the place that makes them, so that filling a local
list is no effect, but filling a parameter is one, whatever it is called by then.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ray_lint.program.effects import table
from ray_lint.program.effects.kinds import Effect, EffectKind
from ray_lint.program.effects.values import (
    FRESH,
    NOTHING,
    Arguments,
    Cell,
    Token,
    Value,
    of_type,
)
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, ModuleNames, Scope

if TYPE_CHECKING:
    from ray_lint.program.project import Project

_BUDGET = 6_000  # expressions evaluated for one question
CALL_DEPTH = 12  # calls of helpers, or base classes, within one another
Env = dict[tuple[Scope, str], Value]
Raised = tuple[Effect, frozenset[str]]
_UNKNOWN = frozenset({"?"})


class TooLarge(Exception):  # noqa: N818 (a way out, not an error)
    """The question costs more than it is worth."""


class Machine(ABC):
    """One analysis: environment, heap, and the effects noted so far.

    Each part of the analysis derives from this class and sees the others only through the abstract
    methods below; ``Analysis`` joins the parts.
    """

    def __init__(self, project: Project | None, module: Module, root: ast.AST | None) -> None:
        self.project = project
        self.module = module
        self.root = root
        self.effects: dict[Effect, None] = {}
        self.raised: list[list[Raised]] = []
        self.env: Env = {}
        self.entered: set[Scope] = set()
        self.immutable: frozenset[str] = frozenset()
        self.kinds: dict[str, frozenset[str]] | None = None
        self.older: Env = {}
        self.recursive: dict[ast.AST, bool] = {}
        self.fields: dict[tuple[str, str], Value] = {}
        self.heap: dict[Token, Cell] = {}
        self.seeded: frozenset[str] = frozenset()
        self.stack: list[tuple[ast.AST, str]] = []
        self.line = 0
        self.budget = _BUDGET
        self.silent = 0
        self.returned: list[Value] = []
        self.yielded: list[Value] = []
        self.nodes: dict[str, tuple[Module, ast.AST]] = {}
        self.outer_memo: dict[tuple[Scope, str], Value] = {}
        self.outer_busy: set[tuple[Scope, str]] = set()
        self.busy_calls: dict[ast.AST, Value] = {}
        self.calls: dict[object, tuple[Value, list[Effect], list[Raised]]] = {}

    @property
    def names(self) -> ModuleNames:
        """The name model of the module whose code is being run."""
        return self.module.names

    def note(self, kind: EffectKind, reason: str, name: str = "") -> None:
        """Note an effect at the current line of the analysed function."""
        if self.silent:
            return
        self.effects.setdefault(Effect(kind, reason, self.line, name))

    def may_raise(
        self,
        reason: str,
        errors: Iterable[str] = _UNKNOWN,
        kind: EffectKind = EffectKind.MAY_RAISE,
    ) -> None:
        """Note that an exception is possible, unless a handler around it takes it."""
        if self.silent:
            return
        effect = Effect(kind, reason, self.line)
        if self.raised:
            self.raised[-1].append((effect, frozenset(errors)))
        else:
            self.effects.setdefault(effect)

    def assumes(self, fits: bool, reason: str) -> None:
        """Note that an operation needs a certain type, if that is asked for and not proven."""
        if self.kinds is not None and not fits:
            self.may_raise(reason, ("TypeError", "AttributeError"), EffectKind.MISFITS)

    def changes(self, value: Value, verb: str = "changes") -> None:
        """Note that the object is changed in place."""
        for token in sorted(value.refs, key=lambda t: (t.kind, t.name)):
            if token.kind == "parameter":
                self.note(
                    EffectKind.MUTATES_PARAMETER, f"{verb} its parameter `{token.name}`", token.name
                )
            elif token.kind == "outside":
                self.note(EffectKind.WRITES_OUTSIDE, f"{verb} `{token.name}`", token.name)

    def make(
        self,
        kind: str,
        site: object,
        contents: Value = NOTHING,
        keys: Value = NOTHING,
        fields: tuple[Value, ...] | None = None,
    ) -> Value:
        """Return a new container made at ``site``. Immutable tuples are plain values."""
        if kind == "tuple" and fields is None and self.plain(contents):
            return of_type("atom") if contents is not NOTHING else of_type("tuple")
        token = Token("new", kind, site)
        cell = self.heap.get(token)
        if cell is None:
            self.heap[token] = Cell(contents, keys, fields)
        else:
            cell.contents |= contents
            cell.keys |= keys
            cell.entries = {}
            if cell.fields is not None and fields is not None and len(fields) == len(cell.fields):
                cell.fields = tuple(a | b for a, b in zip(cell.fields, fields, strict=True))
            else:
                cell.fields = None
        return Value(frozenset({kind}), frozenset({token}))

    def plain(self, value: Value, depth: int = 0) -> bool:
        """Whether the value is immutable through and through."""
        if value.immutable:
            return True
        if value.types is None or depth > 5 or not value.types <= table.IMMUTABLE | {"tuple"}:
            return False
        return all(
            t.kind == "new" and self.plain(self.heap[t].contents, depth + 1) for t in value.refs
        )

    def elements(self, value: Value) -> Value:
        """Return what iterating over (or indexing) the value may give."""
        if value.immutable:
            names = value.types or frozenset()
            out = {"str": "str", "bytes": "int", "range": "int"}
            return of_type(*sorted({out.get(n, "atom") for n in names}))
        result = NOTHING
        for token in value.refs:
            if token in self.heap:
                cell = self.heap[token]
                keyed = token.name == "dict" and token.kind == "new"
                keyed = keyed or bool({"dict", "defaultdict"} & (value.types or set()))
                result |= cell.keys if keyed else cell.contents
            else:
                result |= Value(None, frozenset({token}))
        if result is NOTHING:
            return FRESH if value.types is None or not value.refs else NOTHING
        return result

    def held(self, value: Value) -> Value:
        """Return every object that may be reached in one step."""
        result = NOTHING
        for token in value.refs:
            if token in self.heap:
                cell = self.heap[token]
                result |= cell.contents | cell.keys
                for attribute in cell.attributes.values():
                    result |= attribute
            elif token.kind != "new":
                result |= Value(None, frozenset({token}))
        return result

    def store(self, value: Value, item: Value, key: Value = NOTHING) -> None:
        """Put ``item`` into the containers that ``value`` may be."""
        for token in value.refs:
            cell = self.heap.get(token)
            if cell is not None and token.kind == "new":
                cell.contents |= item
                cell.keys |= key
                cell.fields = None
                cell.entries = {}

    def shared(self, value: Value) -> list[Token]:
        """Return the older objects that the value may be or hold."""
        found: dict[Token, None] = {}
        seen: set[Token] = set()
        stack = list(value.refs) if not value.immutable else []
        while stack:
            token = stack.pop()
            if token in seen:
                continue
            seen.add(token)
            if token.kind != "new":
                found[token] = None
            elif token in self.heap:
                cell = self.heap[token]
                for part in (cell.contents, cell.keys, *cell.attributes.values()):
                    if not part.immutable:
                        stack.extend(part.refs)
        return sorted(found, key=lambda t: (t.kind, t.name))

    def unknown_call(self, callee: Value, name: str) -> None:
        """Note a call whose effects are not known."""
        for token in callee.refs:
            if token.kind == "parameter":
                text = f"calls its parameter `{token.name}`, whose effects are not known"
                self.note(EffectKind.UNKNOWN_CALL, text, token.name)
                return
        text = f"calls `{name}`, which is not known to be free of side effects"
        self.note(EffectKind.UNKNOWN_CALL, text, name)

    def anything(self, args: Arguments) -> Value:
        """Return what an unknown function may give: anything that holds its arguments."""
        refs = frozenset(r for v in args.every if not v.immutable for r in v.refs)
        return Value(None, refs)

    def escapes(self, value: Value, name: str) -> None:
        """Note that an unknown function may change what it is given."""
        if not self.plain(value):
            for token in self.shared(value):
                self.changes(Value(None, frozenset({token})), f"gives to `{short_name(name)}`")

    def values_of(self, owner: Value) -> Value:
        """Return the items of a sequence, the values of a dict."""
        found = NOTHING
        for token in owner.refs:
            known = self.heap.get(token)
            found |= known.contents if known is not None else Value(None, frozenset({token}))
        return found if owner.refs else FRESH

    # -- what the parts ask of each other -----------------------------------------------------

    @abstractmethod
    def block(self, statements: list[ast.stmt]) -> bool:
        """Run the statements; return whether control can get past the last one."""

    @abstractmethod
    def narrow(self, test: ast.expr) -> None:
        """Learn types from a test that did not fail."""

    @abstractmethod
    def learn(self, node: ast.Name, value: Value) -> None:
        """Give a local name of unknown type a type."""

    @abstractmethod
    def write_name(self, scope: Scope, name: str, value: Value) -> None:
        """Bind a name; outside of the call that is an effect."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Value, *, declare: bool = True) -> None:
        """Bind a target to a value."""

    @abstractmethod
    def class_write(self, owner: Value, attribute: str) -> None:
        """Note a write to an attribute of a class or function."""

    @abstractmethod
    def shown(self, kind: str) -> str:
        """Return the name of a function, class or library for messages."""

    @abstractmethod
    def load(self, node: ast.Name) -> Value:
        """Return the value of a name that is read."""

    @abstractmethod
    def dotted(self, module: Module, name: str) -> Value:
        """Return the value of a dotted name: something of the project, or a library's."""

    @abstractmethod
    def annotation(self, node: ast.expr | None, refs: frozenset[Token]) -> Value | None:
        """Return what an annotation promises, None if nothing."""

    @abstractmethod
    def tuple_fields(self, value: Value) -> tuple[Value, ...] | None:
        """Return the elements of a tuple one by one if they are known."""

    @abstractmethod
    def function_value(self, module: Module, node: ast.AST) -> Value:
        """Return the value of a function defined in the project."""

    @abstractmethod
    def class_value(self, module: Module, node: ast.ClassDef) -> Value:
        """Return the value of a class defined in the project."""

    @abstractmethod
    def outer(self, module: Module, scope: Scope, node: ast.Name) -> Value:
        """Return the value of a name bound outside of the call."""

    @abstractmethod
    def outer_value(self, module: Module, scope: Scope, name: str) -> Value:
        """Return the value of a name of another scope."""

    @abstractmethod
    def before_call(self, evaluate: Callable[[], Value]) -> Value:
        """Evaluate what happened before the call."""

    @abstractmethod
    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""

    @abstractmethod
    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        """Evaluate an attribute of a value."""

    @abstractmethod
    def element_at(self, node: ast.expr) -> Value:
        """Evaluate a subscript."""

    @abstractmethod
    def read(self, node: ast.expr, value: Value) -> Value:
        """Return the value of a name or attribute that is read."""

    @abstractmethod
    def binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        """Return the result of an operator."""

    @abstractmethod
    def arithmetic_raises(
        self, op: ast.operator, left: Value, right: Value, base: ast.expr, node: ast.expr
    ) -> None:
        """Note what the operator may raise."""

    @abstractmethod
    def iterate(self, value: Value) -> Value:
        """Return the elements, running the iteration of project classes."""

    @abstractmethod
    def call(self, callee: Value, node: ast.AST, args: Arguments, name: str) -> Value:
        """Call what a value may be."""

    @abstractmethod
    def call_function(
        self,
        module: Module,
        function: ast.AST,
        positional: list[Value],
        keywords: dict[str, Value],
        name: str,
        *,
        loose: Value | None = None,
    ) -> Value:
        """Run the body of a function of the project."""

    @abstractmethod
    def decorated(self, decorator: ast.expr, value: Value) -> Value:
        """Apply a decorator."""

    @abstractmethod
    def call_method(self, owner: Value, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a method of a value."""

    @abstractmethod
    def has_method(self, kind: str, name: str) -> bool:
        """Whether a type of the table has the method."""

    @abstractmethod
    def call_library(self, name: str, node: ast.AST, args: Arguments) -> Value:
        """Call a function of a library by its dotted name."""

    @abstractmethod
    def run_callbacks(self, name: str, node: ast.AST, args: Arguments) -> Value | None:
        """Call the functions among the arguments, with elements of the other arguments."""

    @abstractmethod
    def interpret(self, text: str, node: ast.AST, first: Value, every: list[Value]) -> Value:
        """Return the value that a result of the table stands for."""

    @abstractmethod
    def dict_contents(self, every: list[Value]) -> Value:
        """Return what the values of a dict made of the arguments may be."""

    @abstractmethod
    def construct(self, kind: str, node: ast.AST, args: Arguments) -> Value:
        """Make an instance of a class of the project."""

    @abstractmethod
    def project_method(
        self, kind: str, owner: Value, name: str, node: ast.AST, args: Arguments
    ) -> Value | None:
        """Call a method of a class of the project, None if it is not known to have it."""

    @abstractmethod
    def super_value(self, node: ast.Call) -> Value:
        """Return ``self`` as its base classes see it."""

    @abstractmethod
    def methods(self, value: Value, name: str) -> list[tuple[Module, ast.AST]]:
        """Return the methods of that name which the value may have."""

    @abstractmethod
    def dunder(self, name: str, owner: Value, *arguments: Value) -> Value | None:
        """Run an operator method that a class of the project defines."""

    @abstractmethod
    def plain_attribute(self, value: Value, name: str) -> Value:
        """Return an attribute by name."""


def is_function(node: ast.AST) -> bool:
    """Whether the node is a function of any kind."""
    return isinstance(node, FUNCTIONS)


def short_name(name: str) -> str:
    """Return the name of a library function as a program writes it."""
    return name.removeprefix("builtins.")


def callee_text(func: ast.expr) -> str:
    """Return the called expression for messages."""
    text = ast.unparse(func)
    return text if len(text) < 40 else "…"
