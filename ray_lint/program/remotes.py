"""What a ``.remote`` call calls: a task, an actor's method, a new actor, or nothing of Ray's.

A small abstract interpreter: ``_values`` gives the Ray-relevant values that an expression may have
(remote function, actor class, actor handle, collection of handles, plain function, instance …),
through assignments, attributes of ``self``, imports, ``.options()``, wrappers and returned values.
It asks only what it needs, remembers every answer, and gives up at a fixed depth.
"""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass, replace

from ray_lint.program.functions import arguments_for, returns_of
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, FunctionNode
from ray_lint.program.project import Definition, Project, final_bindings

_DEPTH = 24
_MAX_VALUES = 8
_HANDLE_TYPES = frozenset({"ray.actor.ActorHandle", "ray.ActorHandle", "ray.ObjectRef"})
_SEQUENCE_WRAPPERS = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "sorted", "reversed", "iter", "filter")
) | {"itertools.cycle", "itertools.islice", "tqdm.tqdm", "tqdm.auto.tqdm", "copy.copy"}
_PICKERS = frozenset({"builtins.next", "random.choice", "numpy.random.choice", "builtins.min"})


class CalleeKind(enum.Enum):
    """What kind of work a ``.remote()`` call starts."""

    TASK = "task"
    ACTOR_METHOD = "actor method"
    ACTOR_CREATION = "actor creation"
    NOT_RAY = "not Ray's"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Callee:
    """What is called at a submission site, as far as the project tells.

    ``name`` is in the user's words (``square``, ``counter.add``). ``definition`` is the function
    that runs, in ``module``; for an actor method the method, for ``f = ray.remote(g)`` it is ``g``.
    ``decorator`` is the ``ray.remote`` or ``ray.remote(...)`` expression that made it remote.
    ``binding_name`` is the name under which the module of the site knows the remote function.
    ``options`` are the ``.options(...)`` calls on the way. ``target`` tells which actor is called:
    "one actor", "loop variable" (a different one per iteration), "pool" (indexed or round-robin),
    "" for tasks. ``reason`` says how this is known, or why not.
    """

    kind: CalleeKind
    name: str
    module: Module | None = None
    definition: FunctionNode | None = None
    class_definition: ast.ClassDef | None = None
    decorator: ast.expr | None = None
    binding_name: str = ""
    options: tuple[ast.Call, ...] = ()
    target: str = ""
    reason: str = ""


class _Kind(enum.Enum):
    FUNCTION = "function"  # plain, not remote
    CLASS = "class"
    INSTANCE = "instance"
    REMOTE_FUNCTION = "remote function"
    ACTOR_CLASS = "actor class"
    HANDLE = "handle"
    METHOD = "method"  # of a handle
    BOUND = "bound"  # method of a plain instance
    COLLECTION = "collection"
    REMOTE_MAKER = "remote maker"  # ray.remote(num_cpus=2), still without a function
    SUBMITTER = "submitter"  # f.remote itself
    FOREIGN = "foreign"  # certainly not Ray's


@dataclass(frozen=True)
class _Value:
    kind: _Kind
    module: Module | None = None
    node: ast.AST | None = None
    decorator: ast.expr | None = None
    options: tuple[ast.Call, ...] = ()
    binding: str = ""
    target: str = ""
    method: FunctionNode | None = None
    reason: str = ""
    items: tuple[_Value, ...] = ()


_Values = tuple[_Value, ...]


def resolve_callee(project: Project, module: Module, call: ast.Call | ast.Attribute) -> Callee:
    """Return what ``X.remote(...)``, or a bare ``X.remote`` as in ``map(f.remote, xs)``, calls."""
    key = (resolve_callee, call)
    if key not in project.memo:
        project.memo[key] = _resolve(project, module, call)
    callee: Callee = project.memo[key]
    return callee


def _resolve(project: Project, module: Module, call: ast.Call | ast.Attribute) -> Callee:
    attribute = call.func if isinstance(call, ast.Call) else call
    if not isinstance(attribute, ast.Attribute) or attribute.attr != "remote":
        return Callee(CalleeKind.NOT_RAY, "", reason="not a `.remote` call")
    subject = attribute.value
    name, binding_name, options = _described(subject)
    if module.names.qualified(attribute) == "ray.remote":
        return Callee(CalleeKind.NOT_RAY, name, reason="`ray.remote` itself, not a submission")
    values = Remotes(project).values(module, subject)
    callees = [_callee_of(value, name, binding_name, subject) for value in values]
    seen = [callee for callee in callees if callee is not None]
    if seen:
        # Of several actors that the name may stand for, the one that has the method.
        return next((callee for callee in seen if callee.definition is not None), seen[0])
    if any(value.kind is _Kind.FOREIGN for value in values):
        reason = next(v.reason for v in values if v.kind is _Kind.FOREIGN)
        return Callee(CalleeKind.NOT_RAY, name, options=options, reason=reason)
    return _unresolved(project, module, subject, values, options)


def _described(subject: ast.expr) -> tuple[str, str, tuple[ast.Call, ...]]:
    """Return the user's words for the callee, its bare name, and the options on the way."""
    options: list[ast.Call] = []
    while isinstance(subject, ast.Call) and isinstance(subject.func, ast.Attribute):
        if subject.func.attr != "options":
            break
        options.insert(0, subject)
        subject = subject.func.value
    words = ast.unparse(subject)
    if len(words) > 60 or "\n" in words:
        words = words[:57].split("\n")[0] + "..."
    return words, subject.id if isinstance(subject, ast.Name) else "", tuple(options)


def _callee_of(value: _Value, name: str, binding_name: str, subject: ast.expr) -> Callee | None:
    binding_name = binding_name or value.binding
    definition = value.node if isinstance(value.node, FUNCTIONS) else None
    class_definition = value.node if isinstance(value.node, ast.ClassDef) else None
    if value.kind is _Kind.REMOTE_FUNCTION:
        return Callee(
            CalleeKind.TASK,
            name,
            value.module,
            definition,
            decorator=value.decorator,
            binding_name=binding_name,
            options=value.options,
            reason=value.reason or "a remote function",
        )
    if value.kind is _Kind.ACTOR_CLASS:
        return Callee(
            CalleeKind.ACTOR_CREATION,
            name,
            value.module,
            class_definition=class_definition,
            decorator=value.decorator,
            binding_name=binding_name,
            options=value.options,
            reason="creates an actor",
        )
    if value.kind is _Kind.METHOD:
        return Callee(
            CalleeKind.ACTOR_METHOD,
            name,
            value.module,
            value.method,
            class_definition,
            value.decorator,
            binding_name,
            value.options,
            value.target or "one actor",
            value.reason or "a method of an actor",
        )
    return None


def _unresolved(
    project: Project,
    module: Module,
    subject: ast.expr,
    values: _Values,
    options: tuple[ast.Call, ...],
) -> Callee:
    """Judge by the shape of the expression when no value is known."""
    name, binding_name, _ = _described(subject)
    while isinstance(subject, ast.Call) and isinstance(subject.func, ast.Attribute):
        if subject.func.attr != "options":
            break
        subject = subject.func.value
    if not imports_ray(module) and not _project_import(project, module, subject):
        reason = "this file does not import ray"
        return Callee(CalleeKind.NOT_RAY, name, options=options, reason=reason)
    unknown = Callee(
        CalleeKind.UNKNOWN,
        name,
        binding_name=binding_name,
        options=options,
        reason=f"what `{name}` is cannot be seen here",
    )
    if not isinstance(subject, ast.Attribute):
        return unknown
    base = subject.value
    root: ast.expr = base
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(base, ast.Name) and base.id in {"self", "cls"}:
        return unknown
    if isinstance(root, ast.Name):
        kinds = {binding.kind for binding in module.names.reaching(root)}
        if kinds == {BindingKind.IMPORT}:
            return unknown  # `module.function.remote`, or something of another package
    return replace(
        unknown,
        kind=CalleeKind.ACTOR_METHOD,
        target=_target_by_shape(module, base),
        reason=f"looks like a method of the actor `{ast.unparse(base)[:60]}`",
    )


def _target_by_shape(module: Module, base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return "pool"
    if isinstance(base, ast.Name):
        kinds = {binding.kind for binding in module.names.reaching(base)}
        if kinds & {BindingKind.LOOP, BindingKind.COMPREHENSION}:
            return "loop variable"
        for binding in module.names.reaching(base):
            if isinstance(binding.value, ast.Subscript):
                return "pool"
            if isinstance(binding.value, ast.Call) and _is_picker(module, binding.value):
                return "pool"
    if isinstance(base, ast.Call) and _is_picker(module, base):
        return "pool"
    return "one actor"


def _is_picker(module: Module, call: ast.Call) -> bool:
    return not module.names.qualified_names(call.func).isdisjoint(_PICKERS)


def imports_ray(module: Module) -> bool:
    """Whether the file imports Ray's core in any way (``ray``, ``ray.util`` …), or by ``*``."""
    for scope in module.names.scopes.values():
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.kind is BindingKind.IMPORT:
                    target = module.names.import_target(binding)
                    if target == "ray" or target.startswith("ray."):
                        return True
    return bool(module.names.star_imports)


def _project_import(project: Project, module: Module, subject: ast.expr) -> bool:
    """Whether the name comes from a module of the project that may import ray itself."""
    while isinstance(subject, ast.Attribute):
        subject = subject.value
    if not isinstance(subject, ast.Name):
        return False
    return any(
        d.module is not module and imports_ray(d.module)
        for d in project.definitions(module, subject)
    )


class Remotes:
    """Ray-relevant values of expressions, remembered in the project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def values(self, module: Module, expression: ast.expr, depth: int = 0) -> _Values:
        """Return the known values that ``expression`` may have; nothing if nothing is known."""
        key = (Remotes, expression)
        memo = self.project.memo
        if key in memo:
            known: _Values = memo[key]
            return known
        if depth > _DEPTH:
            return ()
        memo[key] = ()  # what a cycle sees
        found = tuple(dict.fromkeys(self._values(module, expression, depth + 1)))[:_MAX_VALUES]
        memo[key] = found
        return found

    def _values(self, module: Module, node: ast.expr, depth: int) -> list[_Value]:
        found: list[_Value] = []
        if isinstance(node, ast.Name):
            found += self._named(module, node, depth)
        elif isinstance(node, ast.Attribute):
            found += self._attribute(module, node, depth)
        elif isinstance(node, ast.Call):
            found += self._called(module, node, depth)
        elif isinstance(node, ast.Lambda):
            found.append(_Value(_Kind.FUNCTION, module, node))
        elif isinstance(node, ast.IfExp):
            found += self.values(module, node.body, depth)
            found += self.values(module, node.orelse, depth)
        elif isinstance(node, ast.BoolOp):
            for part in node.values:
                found += self.values(module, part, depth)
        elif isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
            found += self.values(module, node.value, depth)
        elif isinstance(node, ast.Subscript):
            found += _items(self.values(module, node.value, depth), "pool")
            if isinstance(node.slice, ast.Slice):
                found = list(self.values(module, node.value, depth))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            items = [v for e in node.elts[:20] for v in self.values(module, e, depth)]
            found += self._collected(module, items)
        elif isinstance(node, ast.Dict):
            items = [v for e in node.values[:20] for v in self.values(module, e, depth)]
            found += self._collected(module, items)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            found += self._collected(module, self.values(module, node.elt, depth))
        elif isinstance(node, ast.DictComp):
            found += self._collected(module, self.values(module, node.value, depth))
        elif isinstance(node, ast.BinOp):
            for part in (node.left, node.right):
                found += [v for v in self.values(module, part, depth) if _is_collection(v)]
        return found

    def _collected(self, module: Module, items: list[_Value] | _Values) -> list[_Value]:
        if not items:
            return []
        return [_Value(_Kind.COLLECTION, module, items=tuple(dict.fromkeys(items))[:_MAX_VALUES])]

    # -- names --------------------------------------------------------------------------------

    def _named(self, module: Module, node: ast.Name, depth: int) -> list[_Value]:
        found: list[_Value] = []
        for definition in self.project.definitions(module, node):
            found += self.defined(definition, depth)
        if not found and node.id not in module.names.root.bindings:
            names = module.names.qualified_names(node)
            if "ray.remote" in names:
                found.append(_Value(_Kind.REMOTE_MAKER, module, node, node))
        return found

    def defined(self, definition: Definition, depth: int) -> list[_Value]:
        """Return the values of a definition, its attributes followed."""
        binding = definition.binding
        if binding is None:
            return []
        values: list[_Value] = list(self.bound(definition.module, binding, depth))
        for attribute in definition.attributes:
            values = [v for x in values for v in self._member(x, attribute, depth)]
        return values

    def bound(self, module: Module, binding: Binding, depth: int) -> _Values:
        """Return the values that a binding may give to its name."""
        key = (Remotes, binding)
        memo = self.project.memo
        if key in memo:
            known: _Values = memo[key]
            return known
        if depth > _DEPTH:
            return ()
        memo[key] = ()
        found = tuple(dict.fromkeys(self._bound(module, binding, depth + 1)))[:_MAX_VALUES]
        memo[key] = found
        return found

    def _bound(self, module: Module, binding: Binding, depth: int) -> list[_Value]:
        node, value = binding.node, binding.value
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self._decorated(module, node, depth)
        kind = binding.kind
        if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
            found = list(self.values(module, value, depth))
            return found + self._filled(module, binding, value, depth)
        if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            return self._iterated(module, binding, depth)
        if kind is BindingKind.UNPACKED:
            statement = binding.statement
            if isinstance(statement, ast.Assign):
                return _items(self.values(module, statement.value, depth), "one actor")
        if kind is BindingKind.WITH and isinstance(binding.statement, ast.With):
            for item in binding.statement.items:
                if item.optional_vars is node:
                    return list(self.values(module, item.context_expr, depth))
        if isinstance(node, ast.arg):
            return self._parameter(module, binding, node, depth)
        return []

    def _decorated(
        self,
        module: Module,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        depth: int,
    ) -> list[_Value]:
        is_class = isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list:
            if self._is_remote_maker(module, decorator, depth):
                kind = _Kind.ACTOR_CLASS if is_class else _Kind.REMOTE_FUNCTION
                return [_Value(kind, module, node, decorator, binding=node.name)]
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = module.names.qualified(called) or ""
            if name.startswith("ray.serve."):
                return [_Value(_Kind.FOREIGN, module, node, reason="a Ray Serve deployment")]
        kind = _Kind.CLASS if is_class else _Kind.FUNCTION
        return [_Value(kind, module, node, binding=node.name)]

    def _is_remote_maker(self, module: Module, decorator: ast.expr, depth: int) -> bool:
        names = module.names
        if names.stands_for(decorator, "ray.remote"):
            return True
        if isinstance(decorator, ast.Call) and names.stands_for(decorator.func, "ray.remote"):
            return True
        return any(v.kind is _Kind.REMOTE_MAKER for v in self.values(module, decorator, depth))

    def _filled(
        self, module: Module, binding: Binding, value: ast.expr, depth: int
    ) -> list[_Value]:
        """Return the collection that ``append`` calls and item assignments fill."""
        empty = (isinstance(value, ast.List | ast.Tuple) and not value.elts) or (
            isinstance(value, ast.Dict) and not value.keys
        )
        call = isinstance(value, ast.Call) and not value.args
        if not empty and not call and not isinstance(value, ast.BinOp | ast.List):
            return []
        return self._fillings(module, module.names.uses(binding)[:60], depth)

    def _fillings(
        self, module: Module, uses: list[ast.Name] | list[ast.Attribute], depth: int
    ) -> list[_Value]:
        items: list[_Value] = []
        parents = module.names.parents
        for use in uses:
            parent = parents.get(use)
            if isinstance(parent, ast.Attribute) and parent.attr in {"append", "add", "appendleft"}:
                call = parents.get(parent)
                if isinstance(call, ast.Call) and call.func is parent and call.args:
                    items += self.values(module, call.args[0], depth)
            elif isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                statement = parents.get(parent)
                if isinstance(statement, ast.Assign):
                    items += self.values(module, statement.value, depth)
        return self._collected(module, items)

    def _iterated(self, module: Module, binding: Binding, depth: int) -> list[_Value]:
        """Return what a loop variable may be: the items of its iterable."""
        node = binding.node
        loop: ast.AST | None = module.names.parents.get(node)
        target: ast.AST = node
        path: list[int] = []
        while isinstance(loop, ast.Tuple | ast.List):
            path.insert(0, loop.elts.index(target))  # type: ignore[arg-type]
            target, loop = loop, module.names.parents.get(loop)
        if not isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
            return []
        return self._elements(module, loop.iter, path, depth)

    def _elements(
        self, module: Module, iterable: ast.expr, path: list[int], depth: int
    ) -> list[_Value]:
        if isinstance(iterable, ast.Call):
            name = module.names.qualified(iterable.func) or ""
            if name == "builtins.enumerate" and iterable.args:
                if path[:1] != [1]:
                    return []
                return self._elements(module, iterable.args[0], path[1:], depth)
            if name in {"builtins.zip", "itertools.product", "itertools.zip_longest"} and path:
                if path[0] < len(iterable.args):
                    return self._elements(module, iterable.args[path[0]], path[1:], depth)
                return []
            if name in _SEQUENCE_WRAPPERS and iterable.args:
                argument = iterable.args[1 if name == "builtins.filter" else 0 :][:1]
                return self._elements(module, argument[0], path, depth) if argument else []
            if isinstance(iterable.func, ast.Attribute) and not iterable.args:
                if iterable.func.attr == "items" and path[:1] == [1]:
                    return self._elements(module, iterable.func.value, path[1:], depth)
                if iterable.func.attr == "values":
                    return self._elements(module, iterable.func.value, path, depth)
        values = _items(self.values(module, iterable, depth), "loop variable")
        for index in path:
            values = (
                [v for x in values for v in _items((x,), "loop variable")] if index >= 0 else []
            )
        return values

    def _parameter(
        self, module: Module, binding: Binding, node: ast.arg, depth: int
    ) -> list[_Value]:
        names = module.names
        function = binding.scope.node
        owner = names.parents.get(function)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*function.args.posonlyargs, *function.args.args]
            first = arguments[:1] == [node]
            if first and isinstance(owner, ast.ClassDef):
                static = any(
                    names.stands_for(d, "builtins.staticmethod") for d in function.decorator_list
                )
                if not static:
                    return [_Value(_Kind.INSTANCE, module, owner)]
        if node.annotation is not None:
            found = self._annotated(module, node.annotation, depth)
            if found:
                return found
        found = []
        if isinstance(function, FUNCTIONS):
            for argument in arguments_for(module, function, node.arg):
                found += self.values(module, argument, depth)
        return found

    def _annotated(self, module: Module, annotation: ast.expr, depth: int) -> list[_Value]:
        """Return the handle that an annotation promises."""
        if isinstance(annotation, ast.Subscript):
            inner = annotation.slice
            values = self._annotated(module, inner, depth) if isinstance(inner, ast.expr) else []
            handles = [v for v in values if v.kind is _Kind.HANDLE]
            name = ast.unparse(annotation.value).rpartition(".")[2]
            return (
                handles if name in {"Optional", "ActorProxy"} else self._collected(module, handles)
            )
        if isinstance(annotation, ast.BinOp):
            return self._annotated(module, annotation.left, depth) or self._annotated(
                module, annotation.right, depth
            )
        if isinstance(annotation, ast.Name | ast.Attribute):
            if not module.names.qualified_names(annotation).isdisjoint(_HANDLE_TYPES):
                return [_Value(_Kind.HANDLE, module)]
            found = []
            for value in self.values(module, annotation, depth):
                if value.kind is _Kind.ACTOR_CLASS:
                    found.append(replace(value, kind=_Kind.HANDLE))
                elif value.kind is _Kind.CLASS:
                    found.append(replace(value, kind=_Kind.INSTANCE))
            return found
        return []

    # -- attributes ---------------------------------------------------------------------------

    def _attribute(self, module: Module, node: ast.Attribute, depth: int) -> list[_Value]:
        if module.names.stands_for(node, "ray.remote"):
            return [_Value(_Kind.REMOTE_MAKER, module, node, node)]
        names = module.names.qualified_names(node)
        if any(name.startswith("ray.serve.") for name in names):
            return [_Value(_Kind.FOREIGN, module, node, reason="belongs to Ray Serve")]
        found: list[_Value] = []
        for definition in self.project.definitions(module, node):
            if definition.module is not module or definition.attributes == ():
                found += self.defined(definition, depth)
        if found:
            return found
        for base in self.values(module, node.value, depth):
            found += self._member(base, node.attr, depth)
        return found

    def _member(self, base: _Value, attribute: str, depth: int) -> list[_Value]:
        if base.kind is _Kind.HANDLE:
            home, method = self._method(base, attribute, depth) or (base.module, None)
            return [replace(base, kind=_Kind.METHOD, method=method, module=home)]
        if base.kind in (_Kind.REMOTE_FUNCTION, _Kind.METHOD) and attribute == "remote":
            return [replace(base, kind=_Kind.SUBMITTER, items=(base,))]
        if base.kind is _Kind.ACTOR_CLASS and attribute == "remote":
            return [replace(base, kind=_Kind.SUBMITTER, items=(base,))]
        if base.kind is _Kind.FOREIGN:
            return [base]
        if base.kind not in (_Kind.INSTANCE, _Kind.CLASS) or not isinstance(
            base.node, ast.ClassDef
        ):
            return []
        if base.module is None or depth > _DEPTH:
            return []
        key = (Remotes, base.node, attribute)
        memo = self.project.memo
        if key not in memo:
            memo[key] = ()
            memo[key] = tuple(self._class_member(base.module, base.node, attribute, depth + 1))
        return list(memo[key])

    def _class_member(
        self, module: Module, node: ast.ClassDef, attribute: str, depth: int
    ) -> list[_Value]:
        found: list[_Value] = []
        scope = module.names.scopes[node]
        for binding in final_bindings(scope, attribute):
            for value in self.bound(module, binding, depth):
                bound = value.kind is _Kind.FUNCTION
                found.append(replace(value, kind=_Kind.BOUND) if bound else value)
        for stored in self.stored(module, node).get(attribute, ()):
            statement = module.names.parents.get(stored)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                found += self.values(module, statement.value, depth)
        if not any(v.kind is _Kind.COLLECTION for v in found):
            found += self._fillings(
                module, self.loaded(module, node).get(attribute, [])[:60], depth
            )
        if not found:
            for base_class in self.bases(module, node, depth):
                assert base_class.module is not None
                found += self._member(replace(base_class, kind=_Kind.INSTANCE), attribute, depth)
        return found

    def bases(self, module: Module, node: ast.ClassDef, depth: int = 0) -> list[_Value]:
        """Return the classes of the project that the class derives from."""
        return [
            value
            for expression in node.bases
            for value in self.values(module, expression, depth + 1)
            if value.kind in (_Kind.CLASS, _Kind.ACTOR_CLASS) and value.node is not node
        ]

    def stored(self, module: Module, node: ast.ClassDef) -> dict[str, list[ast.Attribute]]:
        """Return the places that assign ``self.x`` in the methods of a class, by name."""
        return self._self_attributes(module, node)[0]

    def loaded(self, module: Module, node: ast.ClassDef) -> dict[str, list[ast.Attribute]]:
        """Return the places that read ``self.x`` in the methods of a class, by name."""
        return self._self_attributes(module, node)[1]

    def _self_attributes(
        self, module: Module, node: ast.ClassDef
    ) -> tuple[dict[str, list[ast.Attribute]], dict[str, list[ast.Attribute]]]:
        key = (Remotes._self_attributes, node)
        if key not in self.project.memo:
            stored: dict[str, list[ast.Attribute]] = {}
            loaded: dict[str, list[ast.Attribute]] = {}
            for inner in module.names.walk(node):
                if (
                    isinstance(inner, ast.Attribute)
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == "self"
                ):
                    places = loaded if isinstance(inner.ctx, ast.Load) else stored
                    places.setdefault(inner.attr, []).append(inner)
            self.project.memo[key] = (stored, loaded)
        found: tuple[dict[str, list[ast.Attribute]], dict[str, list[ast.Attribute]]]
        found = self.project.memo[key]
        return found

    def _method(
        self, handle: _Value, attribute: str, depth: int
    ) -> tuple[Module, FunctionNode] | None:
        """Return the definition of an actor's method and the module that it stands in."""
        if handle.module is None or not isinstance(handle.node, ast.ClassDef):
            return None
        scope = handle.module.names.scopes[handle.node]
        for binding in reversed(final_bindings(scope, attribute)):
            if isinstance(binding.node, FUNCTIONS):
                return handle.module, binding.node
        if depth < _DEPTH:
            for base in self.bases(handle.module, handle.node, depth):
                method = self._method(base, attribute, depth + 1)
                if method is not None:
                    return method
        return None

    # -- calls --------------------------------------------------------------------------------

    def _called(self, module: Module, node: ast.Call, depth: int) -> list[_Value]:
        names = module.names
        function = node.func
        dotted = names.qualified_names(function)
        if "ray.remote" in dotted:
            if node.args:
                return self._made_remote(module, node.args[0], node, depth)
            return [_Value(_Kind.REMOTE_MAKER, module, node, node)]
        if dotted & {"ray.get_actor", "ray.util.get_actor"}:
            return [_Value(_Kind.HANDLE, module, reason="a named actor")]
        if any(name.startswith("ray.serve.") for name in dotted):
            return [_Value(_Kind.FOREIGN, module, node, reason="a Ray Serve handle")]
        if any(n.startswith(("unittest.mock.", "mock.")) for n in dotted):
            return [_Value(_Kind.FOREIGN, module, node, reason="a mock object")]
        if "functools.partial" in dotted and node.args:
            return list(self.values(module, node.args[0], depth))
        if dotted & _SEQUENCE_WRAPPERS and node.args:
            return list(
                self.values(module, node.args[-1 if "builtins.filter" in dotted else 0], depth)
            )
        if dotted & _PICKERS and node.args:
            return _items(self.values(module, node.args[0], depth), "pool")
        if isinstance(function, ast.Attribute):
            if function.attr == "options":
                return [
                    replace(v, options=(*v.options, node))
                    for v in self.values(module, function.value, depth)
                ]
            if function.attr == "remote":
                return self._submitted(self.values(module, function.value, depth), node)
            if function.attr in {"bind", "get_handle"}:
                return [_Value(_Kind.FOREIGN, module, node, reason="a Serve or DAG node")]
            if function.attr in {"pop", "popleft", "get", "choice"}:
                base = self.values(module, function.value, depth)
                found = _items(base, "pool")
                if found:
                    return found
            if function.attr == "values" and not node.args:
                return [v for v in self.values(module, function.value, depth) if _is_collection(v)]
        if len(dotted) == 1 and next(iter(dotted)).startswith("builtins."):
            return []
        found = []
        for value in self.values(module, function, depth):
            found += self._result(module, value, node, depth)
        return found

    def _made_remote(
        self, module: Module, argument: ast.expr, maker: ast.expr, depth: int
    ) -> list[_Value]:
        found: list[_Value] = []
        for value in self.values(module, argument, depth):
            if value.kind in (_Kind.FUNCTION, _Kind.BOUND):
                found.append(replace(value, kind=_Kind.REMOTE_FUNCTION, decorator=maker))
            elif value.kind is _Kind.CLASS:
                found.append(replace(value, kind=_Kind.ACTOR_CLASS, decorator=maker))
        if found:
            return [replace(value, binding="") for value in found]
        # Something that is not seen is made remote: a class by its name, else a function.
        words = ast.unparse(argument).rpartition(".")[2]
        kind = _Kind.ACTOR_CLASS if words[:1].isupper() else _Kind.REMOTE_FUNCTION
        reason = f"`{words[:40]}` made remote; its definition is not in the project"
        return [_Value(kind, module, None, maker, reason=reason)]

    def _submitted(self, values: _Values, node: ast.Call) -> list[_Value]:
        return [
            replace(value, kind=_Kind.HANDLE, target="one actor")
            for value in values
            if value.kind is _Kind.ACTOR_CLASS
        ]

    def _result(self, module: Module, value: _Value, call: ast.Call, depth: int) -> list[_Value]:
        """Return what calling ``value`` gives."""
        if value.kind is _Kind.REMOTE_MAKER and call.args:
            return self._made_remote(module, call.args[0], value.decorator or call.func, depth)
        if value.kind is _Kind.CLASS:
            return [replace(value, kind=_Kind.INSTANCE)]
        if value.kind is _Kind.SUBMITTER:
            return self._submitted(value.items, call)
        if value.kind is _Kind.FOREIGN:
            return [value]
        if value.kind in (_Kind.FUNCTION, _Kind.BOUND) and value.module is not None:
            if isinstance(value.node, ast.Lambda):
                return list(self.values(value.module, value.node.body, depth))
            return [
                result
                for statement in returns_of(value.module, value.node)
                if statement.value is not None
                for result in self.values(value.module, statement.value, depth)
            ]
        return []


def _is_collection(value: _Value) -> bool:
    return value.kind is _Kind.COLLECTION


def _items(values: _Values | list[_Value], target: str) -> list[_Value]:
    """Return the items of the collections among ``values``, reached as ``target``."""
    return [
        replace(item, target=target) if item.kind in (_Kind.HANDLE, _Kind.METHOD) else item
        for value in values
        if value.kind is _Kind.COLLECTION
        for item in value.items
    ]
