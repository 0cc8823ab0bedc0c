"""How the batch variant of a task or an actor's method is written beside it."""

from __future__ import annotations

import ast

from ray_lint.finding import Role
from ray_lint.rewrite.functions import (
    BatchSignature,
    BatchWriter,
    Head,
    batch_name,
    indented,
    return_expression,
)
from ray_lint.rewrite.insertions import same_code
from ray_lint.rewrite.kept_code import kept_code
from ray_lint.rewrite.module_text import ModuleText
from ray_lint.rewrite.naming import ascii_name
from ray_lint.rewrite.plan import Argument, Declined, Edits, Strategy
from ray_lint.rewrite.results import without_number
from ray_lint.rewrite.source_map import SourceMap
from ray_lint.rewrite.targets import Target


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
        results: int = 1,
    ) -> str:
        """Add the batch function (or find it) and return its name.

        The site may stand in another module.
        """
        definition = target.definition
        inlined = self._inlined(target, signature, arguments)
        annotations, returns = self._types(edits, target, signature, strategy)
        if results > 1:
            returns = _each_result(definition, self.source) if returns else ""
        if target.called is not None:
            item = f"{self.called}({signature.call})"
        elif inlined is not None or not isinstance(definition, ast.FunctionDef):
            item = inlined or ""
        elif target.is_method:
            item = f"{definition.args.args[0].arg}.{definition.name}({signature.call})"
        else:
            item = f"{definition.name}({signature.call})"
        separate = (
            inlined is None
            and target.statement is definition
            and not target.is_method
            and not target.exclusive
            and not target.is_plain
        )
        plain = definition.name if isinstance(definition, ast.FunctionDef) else ""
        if separate:
            plain = f"_{ascii_name(plain, 'task').lstrip('_')}"
            plain = self.supply.fresh(plain, f"{plain}_one")
            item = f"{plain}({signature.call})"
        if not item and isinstance(definition, ast.Lambda):
            item = self._called_lambda(definition, signature)
        if not item:
            raise Declined("its body cannot be called for one item")
        bound = ""
        if inlined is None and target.called is None and not target.is_method:
            # A function cannot see the names of a class body around it.
            here = definition in self.names.order
            bound = plain if here and self.names.scope_of(definition).is_class else ""
        needed = self.called.partition(".")[0] or bound
        if needed in (
            *signature.loop_names,
            signature.batch_name,
            *dict(signature.shared).values(),
        ):
            raise Declined(f"`{needed}` is also the name of a parameter")
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
                bound=bound,
                annotations=annotations,
                returns=returns,
                several=results > 1,
            )
            if name not in self.supply.used:
                break
            if self._exists(target, site, name, text):
                self._drop_unused(edits, target)
                return name
        if target.only_called and target.receiver is not None:
            statement = target.statement
            assert isinstance(statement, ast.Assign | ast.AnnAssign)
            place = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            holder = self.source.code(place).rpartition(".")[0]
            text += f"{self.source.newline * 2}{indent}{holder}.{name} = {name}"
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
        if target.is_method or target.is_plain or target.called is not None:
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
            if self._is_decorated_else(definition) or first == last:
                return None
            decorated = definition.decorator_list[-1].end_lineno or definition.lineno
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

    def _called_lambda(self, definition: ast.Lambda, signature: BatchSignature) -> str:
        """Return a call of a lambda where it stands; "" if another place would change it."""
        spec = definition.args
        defaults = [*spec.defaults, *(d for d in spec.kw_defaults if d is not None)]
        code = self.source.code(definition)
        if "\n" in code or "\r" in code or any(kept_code(self.names, definition.body)):
            return ""
        if not all(isinstance(default, ast.Constant) for default in defaults):
            return ""
        return f"({code})({signature.call})"

    def _is_decorated_else(self, definition: ast.FunctionDef) -> bool:
        """Whether a task has a decorator besides that of Ray and ``@staticmethod``."""
        return len(definition.decorator_list) - len(self._static(definition)) != 1

    def _static(self, definition: ast.FunctionDef) -> list[ast.expr]:
        decorators = definition.decorator_list
        return [d for d in decorators if self.names.stands_for(d, "builtins.staticmethod")]

    def _passes_on(self, definition: ast.FunctionDef, expression: ast.expr) -> bool:
        """Whether a function only calls another one that has the very same parameters."""
        spec = definition.args
        if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
            return False
        if expression.keywords or spec.vararg or spec.kwarg or spec.kwonlyargs or spec.posonlyargs:
            return False
        given = [a.id if isinstance(a, ast.Name) else "" for a in expression.args]
        if given != [a.arg for a in spec.args] or self._is_decorated_else(definition):
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
        target: Target,
        signature: BatchSignature,
        strategy: Strategy,
    ) -> tuple[dict[str, str], str]:
        """Return the annotations of the parameters and of the result, as text."""
        definition = target.definition
        if not isinstance(definition, ast.FunctionDef) or definition.returns is None:
            return {}, ""
        if definition not in self.names.order or target.only_called:
            return {}, ""  # its annotations mean something elsewhere only
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
        numbered = without_number(decorator) is not decorator
        if (
            isinstance(statement, ast.FunctionDef)
            and decorator in statement.decorator_list
            and not numbered
        ):
            first, last = decorator.lineno, decorator.end_lineno or decorator.lineno
            lines = [self.source.line(n) for n in range(first, last + 1)]
            indent = self.source.indent(statement)
            moves = target.exclusive or not self.source.has_comment(first, last)
            static = [f"@{self.source.code(d)}" for d in self._static(statement)]
            if all(line.startswith(indent) or not line.strip() for line in lines) and moves:
                lines = [*static, *(line[len(indent) :].rstrip() for line in lines)]
                return self.source.newline.join(lines)
        if isinstance(decorator, ast.Call) and decorator.args:
            decorator = decorator.func  # ``ray.remote(g)``, ``ray.remote(num_cpus=2)(g)``
        if numbered:
            return f"@{ast.unparse(without_number(decorator))}"
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
        first, last = source.first_line(statement), statement.end_lineno or statement.lineno
        if target.ahead or (target.only_called and target.exclusive):
            # In the place of ``task = ray.remote(f)`` if nothing else needs that.
            stays = target.ahead or source.has_comment(first, last)
            begin, end = source.line_start(first), source.line_start(last + 1)
            edits.replace(begin, begin if stays else end, text + newline * 2, Role.FUNCTION)
            return
        if target.is_method or target.is_plain or statement is not target.definition:
            self.insertions.after(edits, statement, text, blank_lines=blank, role=Role.FUNCTION)
            return
        assert isinstance(statement, ast.FunctionDef)
        if inlined and target.exclusive:
            ending = newline if source.line_start(last + 1) > source.end(statement) else ""
            edits.replace(
                source.line_start(first), source.line_start(last + 1), text + ending, Role.FUNCTION
            )
            return
        if separate and self.names.scope_of(statement).is_class:
            assert target.decorator is not None
            maker = ast.unparse(target.decorator)
            made = f"{source.indent(statement)}{statement.name} = {maker}({plain})"
            text = made + newline * (blank + 1) + text
        elif separate:
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
        for static in self._static(statement) if name else []:
            # What is made remote in the class body must be the function itself.
            line = source.line_start(static.lineno)
            edits.replace(line, source.line_start(static.lineno + 1), "", Role.FUNCTION)
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


def _each_result(definition: ast.FunctionDef | ast.Lambda, source: SourceMap) -> str:
    """Return the type of each item of the tuple that a function returns, "" if not written out."""
    returns = definition.returns if isinstance(definition, ast.FunctionDef) else None
    items = returns.slice if isinstance(returns, ast.Subscript) else None
    if not isinstance(items, ast.Tuple):
        return ""
    types = list(dict.fromkeys(source.code(item) for item in items.elts))
    plain = all(isinstance(item, ast.Name | ast.Attribute | ast.Subscript) for item in items.elts)
    return " | ".join(types) if plain or len(types) == 1 else ""
