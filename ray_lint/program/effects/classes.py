"""Instances, attributes and methods of the classes of the project."""

from __future__ import annotations

import ast

from ray_lint.program.effects import table
from ray_lint.program.effects.machine import (
    CALL_DEPTH,
    Machine,
    is_function,
)
from ray_lint.program.effects.state import changes_object
from ray_lint.program.effects.values import (
    COLLECTIONS,
    FRESH,
    NOTHING,
    Arguments,
    Cell,
    Token,
    Value,
    of_type,
    union,
)
from ray_lint.program.module import Module
from ray_lint.program.names import ModuleNames
from ray_lint.program.node_index import once_per_module


class Classes(Machine):
    """Classes of the project: their members, instances and attributes."""

    def find_member(
        self, kind: str, name: str, depth: int = 0
    ) -> tuple[Module, ast.AST] | str | None:
        """Find a member of a class: its node, or "?" if a base is not known."""
        module, node = self.nodes[kind]
        assert isinstance(node, ast.ClassDef)
        bindings = module.names.scopes[node].bindings.get(name, [])
        if bindings:
            return module, bindings[-1].node
        if depth > CALL_DEPTH:
            return "?"
        unknown = False
        for base in self.bases_of(kind):
            if base.startswith("class:"):
                found = self.find_member(base, name, depth + 1)
                if isinstance(found, tuple):
                    return found
                unknown = unknown or found == "?"
            elif not table.is_harmless_base(base.removeprefix("lib:")):
                unknown = True
        return "?" if unknown else None

    def bases_of(self, kind: str) -> list[str]:
        """Return the kinds of the base classes, "?" for each that is not known."""
        module, node = self.nodes[kind]
        assert isinstance(node, ast.ClassDef)
        found: list[str] = []
        here, self.module = self.module, module
        self.silent += 1
        try:
            for base in node.bases:
                plain = base.value if isinstance(base, ast.Subscript) else base
                found.extend(sorted(self.value(plain).types or ("?",)))
        finally:
            self.module = here
            self.silent -= 1
        return found

    def project_method(
        self, kind: str, owner: Value, name: str, node: ast.AST, args: Arguments
    ) -> Value | None:
        """Call a method of a class of the project, None if it is not known to have it."""
        prefix, _, rest = kind.partition(":")
        bound = prefix != "class"
        if prefix == "super":
            for base in self.bases_of(rest):
                if base.startswith("class:"):
                    member = self.find_member(base, name)
                    if isinstance(member, tuple):
                        break
                elif table.is_harmless_base(base.removeprefix("lib:")):
                    member = None
                else:
                    member = "?"
                    break
            else:
                return FRESH
            owner = Value(frozenset({f"instance:{rest}"}), owner.refs)
        else:
            member = self.find_member(kind if prefix == "class" else rest, name)
        if isinstance(member, tuple):
            module, found = member
            if is_function(found):
                return self._call_member(module, found, owner, name, args, bound=bound)
            value = self._class_attribute(module, found, name)
            return self.call(value, node, args, name)
        attributes = [
            self.heap[t].attributes[name]
            for t in owner.refs
            if t in self.heap and name in self.heap[t].attributes
        ]
        if attributes:
            return self.call(union(attributes), node, args, name)
        if member is None and name in {"_replace", "_asdict", "_make"}:
            return Value(None, self.held(owner).refs)
        if member is None and name in {"__init__", "__init_subclass__", "__post_init__"}:
            return of_type("none")
        return None

    def _call_member(
        self,
        module: Module,
        found: ast.AST,
        owner: Value,
        name: str,
        args: Arguments,
        *,
        bound: bool,
    ) -> Value:
        given = [owner, *args.positional] if bound else args.positional
        for decorator in getattr(found, "decorator_list", []):
            known = module.names.qualified(decorator)
            if known == "builtins.staticmethod":
                given = args.positional
            elif known == "builtins.classmethod":
                given = [owner, *args.positional]
            elif known not in table.HARMLESS_DECORATORS | table.CACHES:
                self.unknown_call(NOTHING, ast.unparse(decorator))
        return self.call_function(module, found, given, args.keywords, name, loose=args.loose)

    def _class_attribute(self, module: Module, node: ast.AST, name: str) -> Value:
        scope = module.names.scope_of(node)
        return self.outer_value(module, scope, name)

    def methods(self, value: Value, name: str) -> list[tuple[Module, ast.AST]]:
        """Return the methods of that name which the value may have."""
        found: list[tuple[Module, ast.AST]] = []
        if value.types is None:
            if not value.refs and name.startswith("__"):
                return []
            members = _members(self.module.names).get(name, [])
            return [(self.module, member) for member in members]
        for kind in value.types:
            if kind.startswith("instance:"):
                member = self.find_member(kind.partition(":")[2], name)
                if isinstance(member, tuple) and is_function(member[1]):
                    found.append(member)
        return found

    def dunder(self, name: str, owner: Value, *arguments: Value) -> Value | None:
        """Run an operator method that a class of the project defines."""
        if owner.immutable:
            return None
        found = [
            self.call_function(module, method, [owner, *arguments], {}, name)
            for module, method in self.methods(owner, name)
        ]
        return union(found) if found else None

    def construct(self, kind: str, node: ast.AST, args: Arguments) -> Value:
        """Make an instance of a class of the project."""
        module, definition = self.nodes[kind]
        assert isinstance(definition, ast.ClassDef)
        for decorator in definition.decorator_list:
            plain = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.names.qualified(plain) not in table.HARMLESS_DECORATORS:
                self.unknown_call(NOTHING, ast.unparse(plain))
        bases = self.bases_of(kind)
        if any(b.startswith("lib:enum.") for b in bases):
            self.may_raise("looks up a member of an enumeration", ("ValueError",))
            return of_type("atom")
        made = self.make("new", node)
        instance = Value(frozenset({f"instance:{kind}"}), made.refs)
        for name in ("__new__", "__init__"):
            member = self.find_member(kind, name)
            if isinstance(member, tuple) and is_function(member[1]):
                self.call_function(
                    member[0], member[1], [instance, *args.positional], args.keywords, name,
                    loose=args.loose,
                )  # fmt: skip
                return instance
            if member == "?":
                unknown = [b for b in bases if not b.startswith("class:")]
                shown = (unknown or ["lib:object"])[0].removeprefix("lib:")
                self.unknown_call(NOTHING, f"{definition.name}({shown})")
                break
        fields = [
            s.target.id
            for s in definition.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]
        cell = self.heap[next(iter(made.refs))]
        for name, value in [*zip(fields, args.positional, strict=False), *args.keywords.items()]:
            cell.attributes[name] = cell.attributes.get(name, NOTHING) | value
        for statement in definition.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
                if name not in cell.attributes and isinstance(statement.value, ast.Call):
                    cell.attributes[name] = self._field_default(module, statement.value)
        if args.loose is not None:
            cell.entries = {}
            cell.contents |= args.loose
        cell.contents |= union(args.every)
        member = self.find_member(kind, "__del__")
        if isinstance(member, tuple):
            self.call_function(member[0], member[1], [instance], {}, "__del__")
        member = self.find_member(kind, "__post_init__")
        if isinstance(member, tuple):
            self.call_function(member[0], member[1], [instance], {}, "__post_init__")
        return instance

    def _field_default(self, module: Module, call: ast.Call) -> Value:
        """Return what ``field(default_factory=…)`` gives each instance."""
        here, self.module = self.module, module
        try:
            for keyword in call.keywords:
                if keyword.arg == "default_factory":
                    return self.call(self.value(keyword.value), call, Arguments([]), "factory")
                if keyword.arg == "default":
                    return self.value(keyword.value)
            return FRESH
        finally:
            self.module = here

    def plain_attribute(self, value: Value, name: str) -> Value:
        """Return an attribute by name."""
        if value.types is None:
            if name in table.PLAIN_ATTRIBUTES:
                return FRESH
            if name in {"__name__", "__qualname__", "__module__", "__doc__"}:
                return of_type("str")
            found = [
                self.call_function(m, f, [value], {}, name)
                for m, f in self.methods(value, name)
                if _is_property(m.names, f)
            ]
            for method in ("__getattr__", "__getattribute__"):
                self.dunder(method, value, of_type("str"))
            return union([*found, Value(None, value.refs)])
        parts: list[Value] = []
        for kind in value.types:
            prefix, _, rest = kind.partition(":")
            if prefix == "lib":
                parts.append(self.dotted(self.module, f"{rest}.{name}"))
            elif prefix == "instance":
                parts.append(self._instance_attribute(kind, value, name))
            elif prefix == "class":
                parts.append(self._static_attribute(kind, value, name))
            elif kind in table.IMMUTABLE:
                parts.append(
                    of_type("atom") if not self.has_method(kind, name) else of_type(f"bound:{name}")
                )
            elif self.has_method(kind, name):
                parts.append(Value(frozenset({f"bound:{name}"}), value.refs))
            elif kind in COLLECTIONS and name == "__getitem__":  # ``key=xs.__getitem__``
                self.may_raise("takes an item that may not exist", ("IndexError", "KeyError"))
                parts.append(of_type("lib:operator.getitem"))
            elif kind == "array":
                parts.append(FRESH if name in table.PLAIN_ATTRIBUTES else Value(None, value.refs))
            else:
                parts.append(Value(None, value.refs))
        return union(parts)

    def _instance_attribute(self, kind: str, value: Value, name: str) -> Value:
        key = kind.partition(":")[2]
        member = self.find_member(key, name)
        found = []
        for token in value.refs:
            if token in self.heap and token.kind == "new":
                if name in self.heap[token].attributes:
                    found.append(self.heap[token].attributes[name])
            elif token.kind != "new":
                found.append(self._annotated_field(key, name, token))
        if isinstance(member, tuple):
            module, node = member
            if is_function(node):
                if _is_property(module.names, node):
                    return self.call_function(module, node, [value], {}, name)
                return Value(frozenset({f"bound:{name}"}), value.refs)
            if not found or not isinstance(module.names.parents.get(node), ast.AnnAssign):
                found.append(self._class_attribute(module, node, name))
        if not found:
            held = self.held(value)
            return held if held.refs else FRESH
        return union(found)

    def _annotated_field(self, key: str, name: str, token: Token) -> Value:
        """Return the field of an older instance, immutable if its annotation says so."""
        module, node = self.nodes[key]
        assert isinstance(node, ast.ClassDef)
        for statement in node.body:
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and statement.target.id == name
            ):
                here, self.module = self.module, module
                promised = self.annotation(statement.annotation, frozenset({token}))
                self.module = here
                if promised is not None:
                    return promised
        if token.kind == "parameter":
            return self._assigned_field(key, name, token)
        return Value(None, frozenset({token}))

    def _assigned_field(self, key: str, name: str, token: Token) -> Value:
        """Return what the methods of a class assign to a field of ``self``."""
        memo = (key, name)
        if memo not in self.fields:
            self.fields[memo] = FRESH
            here = self.module
            self.module, node = self.nodes[key]
            try:
                found = [
                    self.before_call(lambda n=n: self._field_value(n))  # type: ignore[misc]
                    for n in self.names.attributes(name, node)
                    if isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)
                ]
            finally:
                self.module = here
            self.fields[memo] = union(found) if found else FRESH
        value = self.fields[memo]
        if self.plain(value) and value is not NOTHING:
            return value
        cells = [self.heap[t] for t in value.refs if t in self.heap]
        known = value.types is not None and value.types <= COLLECTIONS and bool(cells)
        if (
            known
            and len(cells) == len(value.refs)
            and self._keeps_plain(self.nodes[key][0], name, cells)
        ):
            held = Token(token.kind, token.name, name)
            keys = union([cell.keys for cell in cells])
            keys = keys if self.plain(keys) else Value(keys.types, frozenset({token}))
            self.heap[held] = Cell(union([cell.contents for cell in cells]), keys)
            return Value(value.types, frozenset({held}))
        return Value(value.types, frozenset({token}))

    def _keeps_plain(self, module: Module, name: str, cells: list[Cell]) -> bool:
        """Whether collections under a field hold numbers, texts and the like, and stay as made."""
        return all(self.plain(cell.contents) for cell in cells) and not any(
            isinstance(node.ctx, ast.Load) and changes_object(module, node)
            for node in module.names.attributes(name)
        )

    def _field_value(self, target: ast.Attribute) -> Value:
        """Return what one assignment gives an attribute."""
        parent = self.names.parents.get(target)
        if isinstance(parent, ast.Assign) and target in parent.targets:
            return self.value(parent.value)
        if isinstance(parent, ast.AnnAssign) and parent.value is not None:
            return self.value(parent.value)
        if isinstance(parent, ast.AugAssign):
            right = self.value(parent.value)
            return right if right.immutable else FRESH
        return FRESH

    def _static_attribute(self, kind: str, value: Value, name: str) -> Value:
        member = self.find_member(kind, name)
        if isinstance(member, tuple):
            module, node = member
            if is_function(node):
                return self.function_value(module, node)
            if any(b.startswith("lib:enum.") for b in self.bases_of(kind)):
                return of_type("atom")
            return self._class_attribute(module, node, name)
        if any(b.startswith("lib:enum.") for b in self.bases_of(kind)):
            return of_type("atom")
        if name in {"__name__", "__qualname__", "__doc__"}:
            return of_type("str")
        return Value(None, frozenset({Token("outside", self.shown(kind))}))

    def super_value(self, node: ast.Call) -> Value:
        """Return ``self`` as its base classes see it."""
        function = next((n for n in self.names.ancestors(node) if is_function(n)), None)
        scope = self.names.scopes.get(function) if function is not None else None
        holder = next((n for n in self.names.ancestors(node) if isinstance(n, ast.ClassDef)), None)
        if scope is None or holder is None or not isinstance(function, ast.FunctionDef):
            return FRESH
        first = (*function.args.posonlyargs, *function.args.args)[:1]
        value = self.env.get((scope, first[0].arg), FRESH) if first else FRESH
        key = next(iter(self.class_value(self.module, holder).types or ()))
        return Value(frozenset({f"super:{key}"}), value.refs)


def _is_property(names: ModuleNames, function: ast.AST) -> bool:
    return any(
        (names.qualified(d) or "").endswith("property")
        for d in getattr(function, "decorator_list", [])
    )


@once_per_module
def _members(names: ModuleNames) -> dict[str, list[ast.AST]]:
    """Return all methods of the classes of a module by name, without mere stubs."""
    index: dict[str, list[ast.AST]] = {}
    for scope in names.scopes.values():
        for name, bindings in scope.bindings.items() if scope.is_class else ():
            nodes = [b.node for b in bindings if is_function(b.node)]
            index.setdefault(name, []).extend(n for n in nodes if not _is_stub(n))
    return index


def _is_stub(function: ast.AST) -> bool:
    """Whether the body only says that derived classes must define it."""
    body = getattr(function, "body", None)
    return (
        isinstance(body, list)
        and isinstance(body[-1], ast.Raise)
        and all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body[:-1])
        and "NotImplementedError" in ast.unparse(body[-1])
    )
