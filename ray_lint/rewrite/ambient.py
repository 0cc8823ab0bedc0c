"""Whether what is computed ahead of a loop depends on what the loop sets.

Where a loop does more with each result than to keep it, the arguments of all items are computed
before its first round. That is the same only if nothing that their computation reads is set in
between: variables and attributes that the functions among them read, and the state that libraries
keep for the whole program or thread (the context of ``decimal``, the locale, print options,
environment, seeds). Objects that an argument names itself are judged in ``overlap``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ray_lint.program.effects import table, types_of
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, BindingKind, Scope
from ray_lint.program.project import Project
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.observers import iterated_code, methods_of, reachable
from ray_lint.rewrite.places import is_listed
from ray_lint.rewrite.plan import Argument, Doubts

_Key = tuple[Scope | None, str]

# Types whose arithmetic and text depend on nothing else.
_PLAIN = frozenset({"int", "bool", "float", "complex", "number", "str", "bytes", "none", "range"})
_SENSITIVE_BUILTINS = {f"builtins.{n}" for n in ("str", "repr", "format", "float", "round", "abs")}
_SENSITIVE_BUILTINS |= {f"builtins.{n}" for n in ("sum", "pow", "divmod", "print", "open", "hash")}
_SENSITIVE_METHODS = {"format", "strftime", "quantize", "sqrt", "ln", "log10", "exp", "getvalue"}
_SETTERS = (
    *("set", "seed", "use", "enable", "disable", "reset", "init", "config", "push", "switch"),
    *("register", "activate", "chdir", "fchdir", "putenv", "unsetenv", "tzset", "filter"),
    *("simplefilter", "basic_config", "load_dotenv", "update", "option"),
)
_SINKS = ("builtins.", "ray.", "logging.", "tqdm.", "time.", "sys.stdout.", "sys.stderr.")
_HANDING_OVER = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def judge_ambient(
    project: Project, module: Module, shape: Shape, arguments: list[Argument], doubts: Doubts
) -> None:
    """Doubt a loop that sets what its arguments, or the code that gives its items, read."""
    if shape.form is not Form.NEXT:
        return
    ahead = Ahead(project, module, shape, arguments)
    text = ahead.set_by_name()
    if text:
        doubts.add(f"the loop sets `{text}`, which its arguments are computed from")
    text = ahead.open_to_others()
    if text:
        doubts.add(f"other code may set `{text}` where the loop waits or yields")
    if not ahead.is_sensitive():
        return
    text = ahead.set_for_all()
    if text:
        doubts.add(f"`{text}` in the loop may change how its arguments are computed")


class Ahead:
    """What is computed ahead of one loop, and what the rest of the loop sets."""

    def __init__(
        self, project: Project, module: Module, shape: Shape, arguments: list[Argument]
    ) -> None:
        self.project, self.module, self.names = project, module, module.names
        names, self.region = module.names, shape.region
        evaluated = [a.expression for a in arguments]
        for repeat in shape.repeats or []:
            evaluated += [repeat.iterable, *repeat.conditions]
        self.evaluated = [e for e in evaluated if e in names.order]
        self.own = {node for e in self.evaluated for node in names.walk(e)}
        self.rest = [n for n in names.walk(self.region) if n not in self.own]
        leaves = [n for n in self.rest if isinstance(n, ast.Name | ast.Attribute)]
        self.called = reachable(names, leaves)
        self.code = reachable(names, self.evaluated) | iterated_code(names, self.region)
        self.code |= {n for n in self.own if isinstance(n, ast.Lambda)}
        if any(self._is_computed(node) for node in self.own):
            for name, methods in methods_of(names).items():
                for method in methods:
                    special = name.startswith("__") and name != "__init__"
                    if special or getattr(method, "decorator_list", []):
                        self.code.add(method)
        self.code -= {names.scope_of(self.region).frame.node}

    # -- variables and attributes -------------------------------------------------------------

    def set_by_name(self) -> str:
        """Return a variable or attribute that the loop sets and functions of the arguments read."""
        read: set[_Key] = set()
        for function in self.code:
            read |= set(self._read(function))
        for key in self._set():
            if key in read:
                return key[1]
        named = {ast.unparse(node) for node in self.own if isinstance(node, ast.Name)}
        for node in self.rest:  # ``print(…, file=report)``
            if isinstance(node, ast.keyword) and node.arg == "file":
                text = ast.unparse(node.value)
                if text in named:
                    return text
        if self._calls_unknown(self.own):
            return self._calls_unknown(self.rest)
        return ""

    def _calls_unknown(self, nodes: Iterable[ast.AST]) -> str:
        """Return a function of unknown code that is called, "" if there is none.

        Two of them may share variables of a function that has made both.
        """
        for node in nodes:
            func = node.func if isinstance(node, ast.Call) else None
            if isinstance(func, ast.Name) and self.names.owner(func) is not None:
                kinds = {binding.kind for binding in self.names.reaching(func)}
                if not kinds <= {BindingKind.FUNCTION, BindingKind.CLASS, BindingKind.IMPORT}:
                    return func.id
        return ""

    def _read(self, function: ast.AST) -> Iterator[_Key]:
        for node in self.names.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield None, node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                owner = self.names.owner(node)
                if owner is not None and not self._is_inside(owner, function):
                    yield owner, node.id

    def _is_inside(self, scope: Scope, function: ast.AST) -> bool:
        return scope.node is function or self.names.contains(function, scope.node)

    def _set(self) -> Iterator[_Key]:
        yield from self._stores(self.rest, None)
        for function in self.called:
            yield from self._stores(self.names.walk(function), function)

    def _stores(self, nodes: Iterable[ast.AST], function: ast.AST | None) -> Iterator[_Key]:
        for node in nodes:
            target: ast.AST | None = None
            if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
                target = node
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                target = node.value
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in table.CHANGING_METHODS
            ):
                target = node.func.value
            elif isinstance(node, ast.keyword) and node.arg == "file":
                target = node.value  # what is printed into
            if isinstance(target, ast.Attribute):
                yield None, target.attr
            elif isinstance(target, ast.Name):
                owner = self.names.owner(target)
                if owner is not None and (function is None or not self._is_inside(owner, function)):
                    yield owner, target.id

    # -- state of libraries -------------------------------------------------------------------

    def open_to_others(self) -> str:
        """Return what arguments read that other coroutines, or who gets the yields, may set."""
        frame = self.names.scope_of(self.region).frame
        if not any(
            isinstance(node, _HANDING_OVER)
            and self.names.scope_of(node).frame is frame
            and not (isinstance(node, ast.Yield) and is_listed(self.names, node))
            for node in self.rest
        ):
            return ""
        for node in self.own:
            if not isinstance(node, ast.Attribute | ast.Subscript):
                continue
            base: ast.expr = node
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            own = (BindingKind.LOOP, BindingKind.COMPREHENSION, BindingKind.IMPORT)
            bindings = self.names.reaching(base) if isinstance(base, ast.Name) else []
            if not bindings or any(binding.kind not in own for binding in bindings):
                return ast.unparse(node)
        return ""

    def is_sensitive(self) -> bool:
        """Whether something is computed ahead that state of a library may have a part in."""
        if any(self._is_computed(node) for node in self.own):
            return True
        return any(
            isinstance(node, ast.BinOp | ast.FormattedValue) or self._calls_library(node)
            for function in self.code
            for node in self.names.walk(function)
        )

    def _is_computed(self, node: ast.AST) -> bool:
        """Whether an operation is one of more than plain numbers and texts."""
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            return not self._is_plain(node) and not isinstance(getattr(node, "op", None), ast.Not)
        if isinstance(node, ast.FormattedValue):
            spec = node.format_spec
            by_locale = spec is not None and "n" in ast.unparse(spec).strip("f'\"")[-1:]
            return by_locale or not self._is_plain(node.value)
        return self._calls_library(node)

    def _calls_library(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        known = self.names.qualified_names(node.func)
        if known & _SENSITIVE_BUILTINS:
            return not all(self._is_plain(argument) for argument in node.args)
        if isinstance(node.func, ast.Attribute) and not known:
            return node.func.attr in _SENSITIVE_METHODS
        return any(not k.startswith(("builtins.", "math.", "ray.", "itertools.")) for k in known)

    def _is_plain(self, node: ast.expr) -> bool:
        if node not in self.names.order:
            return True
        types = types_of(self.project, self.module, node)
        return types is not None and types <= _PLAIN

    def set_for_all(self) -> str:
        """Return what in the loop may set state of a library, "" if nothing."""
        for node in self.rest:
            if self._sets(node):
                return ast.unparse(node)
        for function in self.called:
            for node in self.names.walk(function):
                if self._sets(node):
                    return ast.unparse(node)
        return ""

    def _sets(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            return self._may_be_foreign(node.value)
        if not isinstance(node, ast.Call):
            return False
        known = self.names.qualified_names(node.func)
        for name in known:
            if name.startswith(_SINKS) or self.project.resolve(self.module, name) is not None:
                continue
            last = name.rpartition(".")[2]
            if last.startswith(_SETTERS):
                return True
            if not (
                name in table.FUNCTIONS
                or name in table.CHANGES_ARGUMENT
                or table.is_pure_module(name)
                or table.foreign(name)
                or name in table.GENERATORS
            ):
                return True
        return False

    def _may_be_foreign(self, base: ast.expr, depth: int = 0) -> bool:
        """Whether an object may be one of a library: not known to be of the project's own."""
        if isinstance(base, ast.Name) and base in self.names.order and depth < 4:
            if base.id in ("self", "cls"):
                return False
            bindings = self.names.reaching(base)
            return not bindings or any(
                binding.kind not in (BindingKind.CLASS, BindingKind.FUNCTION)
                and (binding.value is None or self._may_be_foreign(binding.value, depth + 1))
                for binding in bindings
            )
        if isinstance(base, ast.Call):
            if isinstance(base.func, ast.Name) and base.func in self.names.order:
                kinds = {binding.kind for binding in self.names.reaching(base.func)}
                return kinds != {BindingKind.CLASS}
            return True
        if isinstance(base, ast.Attribute):
            return self._may_be_foreign(base.value, depth + 1)
        return not isinstance(base, FUNCTIONS)
