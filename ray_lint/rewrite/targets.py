"""The remote function or actor method of a site, and how its batch variant is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ray_lint.finding import Role
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.program.remotes import CalleeKind
from ray_lint.program.scopes import is_handed_ray
from ray_lint.rewrite.functions import (
    BatchSignature,
    BatchWriter,
    Head,
    batch_name,
    indented,
    return_expression,
)
from ray_lint.rewrite.insertions import same_code
from ray_lint.rewrite.items import is_program
from ray_lint.rewrite.kept_code import kept_code
from ray_lint.rewrite.lent import lent_names, source_binding, task_of
from ray_lint.rewrite.module_text import ModuleText
from ray_lint.rewrite.naming import ascii_name
from ray_lint.rewrite.plan import Argument, Declined, Edits, Strategy
from ray_lint.rewrite.pools import dealt_actor


@dataclass(eq=False)
class Target:
    """What the site calls, as far as a rewrite has to know.

    ``definition`` is the function that runs, in module ``home``. ``statement`` is where the remote
    function comes into being: the decorated ``def``, the assignment ``f = ray.remote(g)``, or the
    method of an actor; the batch variant is added beside it, in the module ``written``.
    ``exclusive`` holds if this site is the only use of the remote function in a script.
    """

    home: Module
    definition: ast.FunctionDef | ast.Lambda
    written: Module
    statement: ast.stmt
    decorator: ast.expr | None
    name: str
    is_method: bool
    exclusive: bool
    is_plain: bool = False
    """The definition is a plain function, made remote where it is submitted."""
    spelling: ast.expr | None = None
    """How the module of the site names a remote function of another module."""
    local: bool = False
    """The other module stays as it is: the batch function stands in the module of the site."""
    dealt: ast.expr | None = None
    """The actor of one call, if the calls go to several actors of one class in turn."""
    lent: tuple[ast.Name, ...] = ()
    """What the calls pass, if the site calls a parameter: each passes the same function."""
    called: ast.expr | None = None
    """How the module of the site names a plain function of another module that it made remote."""


def known_definition(site: Site) -> tuple[Module, ast.FunctionDef | ast.Lambda]:
    """Return the function that runs, with its module. Raises Declined for what cannot be a task."""
    definition, home = site.callee.definition, site.callee.module
    if definition is None or home is None:
        raise Declined("its definition is not known")
    if isinstance(definition, ast.AsyncFunctionDef):
        raise Declined("it is asynchronous")
    return home, definition


def find_target(names: ModuleNames, site: Site) -> Target:
    """Return the target of a site. Raises Declined where its definition cannot be extended."""
    callee = site.callee
    home, definition = known_definition(site)
    module = site.submission.module
    if _made_by_handed_ray(home.names, callee.decorator):
        raise Declined("`ray` is handed over: it may be a client with a cluster of its own")
    if callee.kind is CalleeKind.ACTOR_METHOD:
        return actor_method(names, site, definition)
    handle = task_of(site.submission.handle)
    if isinstance(handle, ast.Call):
        return _made_at_the_call(names, site, handle, definition)
    if not isinstance(handle, ast.Name):
        raise Declined("it is not called by a plain name")
    lent = lent_names(module, handle)
    binding = source_binding(names, lent[0] if lent else handle)
    if any(source_binding(names, other) is not binding for other in lent[1:]):
        raise Declined(f"what `{handle.id}` stands for changes")
    statement = binding.statement
    assert statement is not None  # a function or an assignment
    if home is module and definition is not statement and not _is_given(names, binding, definition):
        raise Declined("its function is not given by name where it is made remote")
    called = None
    if home is not module:
        called = _imported(names, callee.decorator, statement)
    elif isinstance(definition, ast.FunctionDef) and definition is not statement:
        owner = names.scope_of(definition)
        if definition.name not in owner.bindings:
            raise Declined("its definition is not known by name")
        if len(owner.bindings[definition.name]) > 1:
            raise Declined(f"`{definition.name}` is defined more than once")
    scope = names.scope_of(statement)
    if scope.is_class:
        raise Declined("the remote function belongs to a class")
    if scope not in names.scope_of(site.submission.call).ancestors():
        raise Declined("the remote function is not visible at the call by its own name")
    if isinstance(statement, ast.FunctionDef) and callee.decorator in statement.decorator_list[1:]:
        raise Declined("another decorator stands above the one of Ray")
    exclusive = (
        site.submission.through is None
        and is_script(names, site, statement)
        and _only_use(names, binding, handle)
    )
    return Target(
        home,
        definition,
        module,
        statement,
        callee.decorator,
        binding.name,
        is_method=False,
        exclusive=exclusive,
        called=called,
        lent=lent,
    )


def _made_by_handed_ray(names: ModuleNames, decorator: ast.expr | None) -> bool:
    """Whether the ``ray`` of ``@ray.remote`` is a parameter, not the imported module."""
    while isinstance(decorator, ast.Call | ast.Attribute):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    if not isinstance(decorator, ast.Name) or decorator not in names.order:
        return False
    return any(is_handed_ray(binding) for binding in names.reaching(decorator))


def _imported(names: ModuleNames, decorator: ast.expr | None, statement: ast.stmt) -> ast.expr:
    """Return how ``f = ray.remote(module.g)`` names the plain function of another module."""
    made = decorator if isinstance(decorator, ast.Call) else None
    parent = names.parents.get(made) if made is not None else None
    if isinstance(parent, ast.Call) and parent.func is made:
        made = parent  # ``ray.remote(num_cpus=2)(g)``
    elif made is None and decorator is not None:
        parent = names.parents.get(decorator)
        made = parent if isinstance(parent, ast.Call) else None
    given = made.args[0] if made is not None and len(made.args) == 1 else None
    base = given
    while isinstance(base, ast.Attribute):
        base = base.value
    if given is None or not isinstance(base, ast.Name):
        raise Declined("its definition is not known by name")
    reaching = names.reaching(base)
    if len(reaching) != 1 or len(reaching[0].scope.bindings[base.id]) != 1:
        raise Declined(f"`{base.id}` is defined more than once")
    (binding,) = reaching
    scope = binding.scope
    if binding.kind is not BindingKind.IMPORT or scope.is_class:
        raise Declined(f"`{base.id}` is not visible where the batch function would be")
    if scope not in names.scope_of(statement).ancestors():
        raise Declined(f"`{base.id}` is not visible where the batch function would be")
    return given


def _is_given(
    names: ModuleNames, binding: Binding, definition: ast.FunctionDef | ast.Lambda
) -> bool:
    """Whether ``f = ray.remote(g)`` makes the function itself remote, by name or as a lambda.

    What ``ray.remote(make(3))`` or ``f if c else g`` stand for cannot be called in its place.
    """
    value = binding.value
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr != "options":
            break
        value = value.func.value
    given = value.args[0] if isinstance(value, ast.Call) and len(value.args) == 1 else None
    if isinstance(given, ast.Name):
        reaching = names.reaching(given)
        return len(reaching) == 1 and definition in (reaching[0].node, reaching[0].value)
    return given is definition


def _made_at_the_call(
    names: ModuleNames,
    site: Site,
    maker: ast.Call,
    definition: ast.FunctionDef | ast.Lambda,
) -> Target:
    """Return the target of ``ray.remote(f).remote(x)``: the plain function stays as it is."""
    decorator, module = site.callee.decorator, site.submission.module
    given = maker.args[0] if len(maker.args) == 1 and not maker.keywords else None
    if not isinstance(given, ast.Name) or not isinstance(definition, ast.FunctionDef):
        raise Declined("it is not called by a plain name")
    if decorator is not maker and decorator is not maker.func:
        raise Declined("it is not called by a plain name")
    if site.callee.module is not module:
        raise Declined("it is defined in another module, and made remote at the call")
    bindings = names.reaching(given)
    if [b.node for b in bindings] != [definition] or given.id != definition.name:
        raise Declined(f"`{given.id}` is defined more than once")
    scope = names.scope_of(definition)
    if scope.is_class or scope not in names.scope_of(maker).ancestors():
        raise Declined(f"`{definition.name}` is not visible where the batch function would be")
    for node in ast.walk(maker.func):
        # The decorator of the batch function is evaluated where the plain function is defined.
        if isinstance(node, ast.Name) and not all(
            b.scope is names.root and names.order[b.node] < names.order[definition]
            for b in names.reaching(node)
        ):
            raise Declined(f"`{node.id}` is not known where the batch function would be")
    return Target(
        module,
        definition,
        module,
        definition,
        decorator,
        definition.name,
        is_method=False,
        exclusive=False,
        is_plain=True,
    )


def is_script(names: ModuleNames, site: Site, statement: ast.stmt) -> bool:
    """Whether nothing outside of this file is likely to use its functions."""
    if "__all__" in names.root.bindings:
        return False
    if names.scope_of(statement) is not names.root:
        return True
    if names.scope_of(site.submission.call).frame is names.root:
        return True
    return is_program(names)


def _only_use(names: ModuleNames, binding: Binding, handle: ast.Name) -> bool:
    uses = names.uses(binding)
    return uses == [handle] and len(binding.scope.bindings[binding.name]) == 1


def actor_method(
    names: ModuleNames, site: Site, definition: ast.FunctionDef | ast.Lambda
) -> Target:
    """Return an actor's method as a target. Raises Declined where a batch method could not be.

    ``names`` are those of the module of the site.
    """
    home = site.callee.module
    assert home is not None
    dealt = None if site.callee.target == "one actor" else dealt_actor(names, site)
    if site.callee.others or (dealt is None and not _is_one_handle(names, site.submission.handle)):
        raise Declined("the actor is not always of one class")
    if site.submission.through is not None:
        raise Declined("another function calls the actor")
    if isinstance(definition, ast.Lambda) or not definition.args.args:
        raise Declined("the method takes no instance")
    if definition.decorator_list:
        raise Declined("the method is decorated")
    owner = home.names.parents[definition]
    if not isinstance(owner, ast.ClassDef):
        raise Declined("the method is not defined in the class itself")
    if any(isinstance(s, ast.AsyncFunctionDef) for s in owner.body):
        raise Declined("the actor is asynchronous")
    made = [*site.callee.options]
    if site.callee.class_definition is not None:
        made += [d for d in site.callee.class_definition.decorator_list if isinstance(d, ast.Call)]
    for call in made:
        for keyword in call.keywords:
            if keyword.arg in ("max_concurrency", "concurrency_groups", None):
                raise Declined("the actor may run several calls at once")
    return Target(
        home,
        definition,
        home,
        definition,
        None,
        definition.name,
        is_method=True,
        exclusive=False,
        dealt=dealt,
    )


def _is_one_handle(names: ModuleNames, handle: ast.expr) -> bool:
    """Whether the name of the actor, if it has one, stands for what one statement made."""
    while isinstance(handle, ast.Call) and isinstance(handle.func, ast.Attribute):
        handle = handle.func.value
    actor = handle.value if isinstance(handle, ast.Attribute) else handle
    if isinstance(actor, ast.Attribute) and actor.attr == "remote":
        actor = actor.value
    if not isinstance(actor, ast.Name):
        return True
    reaching = names.reaching(actor)
    return len(reaching) <= 1 and not any(
        isinstance(binding.value, ast.IfExp | ast.BoolOp) for binding in reaching
    )


class TargetWriter:
    """Adds the batch variant of a target to the module that its statement stands in.

    ``called`` is the text that names the definition there, if that is in another module.
    """

    def __init__(self, text: ModuleText, called: str = "") -> None:
        self.names, self.source, self.supply = text.names, text.source, text.supply
        self.insertions, self.writer = text.insertions, BatchWriter(text.source)
        self.called = called
        self.moved = False
        """Whether the body of the target was moved into a plain function."""

    def write(
        self,
        edits: Edits,
        target: Target,
        site: ast.expr,
        signature: BatchSignature,
        arguments: list[Argument],
        strategy: Strategy,
    ) -> str:
        """Add the batch function (or find it) and return its name.

        The site may stand in another module.
        """
        definition = target.definition
        inlined = self._inlined(target, signature, arguments)
        annotations, returns = self._types(edits, definition, signature, strategy)
        if inlined is not None or not isinstance(definition, ast.FunctionDef):
            item = inlined or ""
        elif target.is_method:
            item = f"{definition.args.args[0].arg}.{definition.name}({signature.call})"
        else:
            item = f"{self.called or definition.name}({signature.call})"
        separate = (
            inlined is None
            and target.statement is definition
            and not target.is_method
            and not target.exclusive
            and not target.is_plain
        )
        plain = definition.name if isinstance(definition, ast.FunctionDef) else ""
        if separate:
            plain = self.supply.fresh(f"_{ascii_name(plain, 'task').lstrip('_')}")
            item = f"{plain}({signature.call})"
        if not item:
            raise Declined("its body cannot be called for one item")
        indent = self.source.indent(target.statement)
        here = definition in self.names.order
        body_owner = definition if here and isinstance(definition, ast.FunctionDef) else None
        decorator = self._decorator(target)
        attempt = 0
        while True:
            name = batch_name(target.name, attempt)
            attempt += 1
            head = Head(decorator, name, indent, self.writer.step(body_owner), self.source.newline)
            text = self.writer.function(
                head,
                signature,
                item,
                strategy,
                receiver=definition.args.args[0].arg if target.is_method else "",
                annotations=annotations,
                returns=returns,
            )
            if name not in self.supply.used:
                break
            if self._exists(target, site, name, text):
                self._drop_unused(edits, target)
                return name
        self._insert(edits, target, text, plain, inlined=inlined is not None, separate=separate)
        return name

    def _drop_unused(self, edits: Edits, target: Target) -> None:
        """Remove a remote function whose last use goes, if nothing but code goes with it."""
        statement = target.statement
        first, last = self.source.first_line(statement), statement.end_lineno or 0
        if not target.exclusive or self.source.has_comment(first, last):
            return
        if return_expression(target.definition) is None:
            return
        while last < len(self.source.starts) and not self.source.line(last + 1).strip():
            last += 1
        edits.replace(
            self.source.line_start(first), self.source.line_start(last + 1), "", Role.FUNCTION
        )

    def _exists(self, target: Target, site: ast.expr, name: str, text: str) -> bool:
        """Whether the batch function stands beside the target, and before the site."""
        block = self.names.blocks[target.statement].statements
        bindings = self.names.scope_of(target.statement).bindings.get(name, [])
        return any(
            isinstance(s, ast.FunctionDef)
            and self.names.blocks[s].statements is block
            and (
                target.is_method
                or site not in self.names.order
                or self.names.order[s] < self.names.order[site]
            )
            and same_code(text, s)
            for s in (b.node for b in bindings)
        )

    def _inlined(
        self, target: Target, signature: BatchSignature, arguments: list[Argument]
    ) -> str | None:
        """Return the text of the one returned expression, if it can stand in the batch itself."""
        definition = target.definition
        if target.is_method or target.is_plain:
            return None
        if isinstance(definition, ast.FunctionDef) and definition is not target.statement:
            return None
        expression = return_expression(definition)
        if expression is None or any(a.star for a in arguments):
            return None
        if isinstance(definition, ast.FunctionDef) and self._passes_on(definition, expression):
            assert isinstance(expression, ast.Call)
            return f"{self.source.code(expression.func)}({signature.call})"
        spec = definition.args
        every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        bound = [a.parameter for a in arguments]
        if spec.vararg or spec.kwarg or not all(bound) or {a.arg for a in every} != set(bound):
            return None
        if isinstance(definition, ast.FunctionDef):
            first, last = self.source.first_line(definition), definition.end_lineno or 0
            if len(definition.decorator_list) != 1 or first == last:
                return None
            decorated = definition.decorator_list[0].end_lineno or definition.lineno
            if self.source.has_comment(decorated + 1, last) and target.exclusive:
                return None
        if any(
            isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await)
            for n in ast.walk(expression)
        ):
            return None
        if any(kept_code(self.names, expression)):
            return None
        code = self.source.enclosed(expression)
        return None if "\n" in code or "\r" in code else code

    def _passes_on(self, definition: ast.FunctionDef, expression: ast.expr) -> bool:
        """Whether a function only calls another one that has the very same parameters."""
        spec = definition.args
        if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
            return False
        if expression.keywords or spec.vararg or spec.kwarg or spec.kwonlyargs or spec.posonlyargs:
            return False
        given = [a.id if isinstance(a, ast.Name) else "" for a in expression.args]
        if given != [a.arg for a in spec.args] or len(definition.decorator_list) != 1:
            return False
        bindings = self.names.reaching(expression.func)
        other = bindings[0].node if len(bindings) == 1 else None
        return (
            isinstance(other, ast.FunctionDef)
            and not other.decorator_list
            and len(bindings[0].scope.bindings[other.name]) == 1
            and self.names.blocks[other].owner is self.names.blocks[definition].owner
            and ast.dump(other.args) == ast.dump(spec)
        )

    def _types(
        self,
        edits: Edits,
        definition: ast.FunctionDef | ast.Lambda,
        signature: BatchSignature,
        strategy: Strategy,
    ) -> tuple[dict[str, str], str]:
        """Return the annotations of the parameters and of the result, as text."""
        if not isinstance(definition, ast.FunctionDef) or definition.returns is None:
            return {}, ""
        if definition not in self.names.order:
            return {}, ""  # its annotations mean something in another module only
        spec = definition.args
        notes = {
            a.arg: self.source.code(a.annotation)
            for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
            if a.annotation is not None
        }
        if any("\n" in note for note in notes.values()):
            return {}, ""
        wanted = ["Iterator"] if strategy is Strategy.REFERENCES else []
        if any(name in notes for name in signature.loop_names) and not signature.unpacked:
            wanted.append("Sequence")
        if wanted and not self.insertions.import_names(edits, "collections.abc", *wanted):
            return {}, ""
        return notes, self.source.code(definition.returns)

    def _decorator(self, target: Target) -> str:
        """Return the decorator line of the batch function, with the comment that stands there."""
        if target.is_method:
            return ""
        decorator = target.decorator
        assert decorator is not None
        statement = target.statement
        if isinstance(statement, ast.FunctionDef) and decorator in statement.decorator_list:
            first, last = decorator.lineno, decorator.end_lineno or decorator.lineno
            lines = [self.source.line(n) for n in range(first, last + 1)]
            indent = self.source.indent(statement)
            moves = target.exclusive or not self.source.has_comment(first, last)
            if all(line.startswith(indent) or not line.strip() for line in lines) and moves:
                return self.source.newline.join(line[len(indent) :].rstrip() for line in lines)
        if isinstance(decorator, ast.Call) and decorator.args:
            decorator = decorator.func  # ``ray.remote(g)``, ``ray.remote(num_cpus=2)(g)``
        code = self.source.code(decorator)
        if "\n" in code or "\r" in code:
            code = ast.unparse(decorator)
        return f"@{code}"

    def _insert(
        self,
        edits: Edits,
        target: Target,
        text: str,
        plain: str,
        *,
        inlined: bool,
        separate: bool,
    ) -> None:
        statement, source = target.statement, self.source
        top_level = self.names.blocks[statement].owner is self.names.tree
        blank = 2 if top_level else 1
        newline = source.newline
        if target.is_method or target.is_plain or statement is not target.definition:
            self.insertions.after(edits, statement, text, blank_lines=blank, role=Role.FUNCTION)
            return
        assert isinstance(statement, ast.FunctionDef)
        if inlined and target.exclusive:
            first = source.first_line(statement)
            last = statement.end_lineno or statement.lineno
            ending = newline if source.line_start(last + 1) > source.end(statement) else ""
            edits.replace(
                source.line_start(first), source.line_start(last + 1), text + ending, Role.FUNCTION
            )
            return
        if separate:
            text = self._wrapper(statement, plain) + newline * (blank + 1) + text
        if not inlined:
            self.moved = True
            self._make_plain(edits, statement, target.decorator, plain if separate else "")
        self.insertions.after(edits, statement, text, blank_lines=blank, role=Role.FUNCTION)

    def _make_plain(
        self, edits: Edits, statement: ast.FunctionDef, decorator: ast.expr | None, name: str
    ) -> None:
        """Turn the remote function into a plain one: without the decorator, with a new name."""
        source = self.source
        assert decorator is not None
        first, last = decorator.lineno, decorator.end_lineno or decorator.lineno
        kept = ""
        if name and source.has_comment(first, last):
            kept = "".join(
                source.indent(statement) + comment + source.newline
                for comment in source.comments(first, last)
            )
        edits.replace(source.line_start(first), source.line_start(last + 1), kept, Role.FUNCTION)
        if name:
            start = source.start(statement)
            column = source.text.index(statement.name, start + len("def"))
            edits.replace(column, column + len(statement.name), name, Role.FUNCTION)

    def _wrapper(self, statement: ast.FunctionDef, plain: str) -> str:
        """Return the per-item remote function, now calling the plain one."""
        source, newline = self.source, self.source.newline
        decorator = next(d for d in statement.decorator_list if "remote" in ast.unparse(d))
        spec = statement.args
        passed = [a.arg for a in [*spec.posonlyargs, *spec.args]]
        if spec.vararg:
            passed.append(f"*{spec.vararg.arg}")
        passed += [f"{a.arg}={a.arg}" for a in spec.kwonlyargs]
        if spec.kwarg:
            passed.append(f"**{spec.kwarg.arg}")
        parameters = source.parameters(statement)
        if "\n" in parameters or "#" in parameters:
            parameters = ast.unparse(spec)
        returns = f" -> {source.code(statement.returns)}" if statement.returns else ""
        lines = [
            f"@{ast.unparse(decorator)}",
            f"def {statement.name}({parameters}){returns}:",
            f"{self.writer.step(statement)}return {plain}({', '.join(passed)})",
        ]
        return indented(newline.join(lines), source.indent(statement), newline)
