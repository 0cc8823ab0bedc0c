"""Remote functions and actors of another module.

The batch variant is written beside them there; where the other module must not change, beside the
site.
"""

from __future__ import annotations

import ast

from ray_lint.finding import Role
from ray_lint.program.effects import expression_effects
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.names import TRIES, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.project import Project
from ray_lint.program.remotes import CalleeKind
from ray_lint.rewrite.functions import BatchSignature, BatchWriter, Head, batch_name
from ray_lint.rewrite.insertions import same_code
from ray_lint.rewrite.module_text import ModuleText
from ray_lint.rewrite.naming import ascii_name
from ray_lint.rewrite.plan import Declined, Doubts, Edits, Strategy
from ray_lint.rewrite.targets import Target, actor_method, is_script, known_definition

_WIDEST = 99  # characters of an import on one line
_LITERALS = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp),
    *(ast.operator, ast.unaryop, ast.expr_context),
)


def defined_elsewhere(site: Site) -> bool:
    """Whether another module made the remote function or has the class of the actor."""
    callee, module = site.callee, site.submission.module
    if callee.definition is None or callee.module is module:
        return False
    return callee.kind is CalleeKind.ACTOR_METHOD or callee.decorator not in module.names.order


def find_elsewhere(project: Project, names: ModuleNames, site: Site) -> Target:
    """Return the target of a site in another module. Raises Declined where it cannot be extended.

    ``names`` are those of the module of the site.
    """
    callee = site.callee
    home, definition = known_definition(site)
    if site.submission.through is not None:
        raise Declined("it is defined in another module, and another function submits it")
    local = not project.may_edit(home)
    if callee.kind is CalleeKind.ACTOR_METHOD:
        if local:
            raise Declined(_not_given(home))
        return actor_method(names, site, definition)
    spelling = _spelling(names, site.submission.handle.value)
    found = project.definitions(site.submission.module, spelling)
    if len(found) != 1 or found[0].module is not home or found[0].attributes:
        raise Declined("it is not called by the name that its module gives it")
    binding = found[0].binding
    statement = binding.statement if binding is not None else None
    if binding is None or statement is None or binding.scope is not home.names.root:
        raise Declined("its definition is not a statement")
    if len(binding.scope.bindings[binding.name]) != 1 or _is_replaced(names, binding.name):
        raise Declined(f"`{binding.name}` is defined more than once")
    if home.names.blocks[statement].owner is not home.names.tree:
        raise Declined(f"`{binding.name}` is defined under a condition")
    if isinstance(statement, ast.FunctionDef):
        if callee.decorator in statement.decorator_list[1:]:
            raise Declined("another decorator stands above the one of Ray")
    elif not (isinstance(statement, ast.Assign) and _makes(home, statement, definition)):
        raise Declined("it is not called by the name that its module gives it")
    return Target(
        home,
        definition,
        site.submission.module if local else home,
        statement,
        callee.decorator,
        binding.name,
        is_method=False,
        exclusive=False,  # other modules may use it, too
        spelling=spelling,
        local=local,
    )


def _not_given(home: Module) -> str:
    return f"it is defined in `{home.name}`, which is not among the files to fix"


def _spelling(names: ModuleNames, handle: ast.expr) -> ast.expr:
    """Follow aliases and ``.options`` handles to the name that comes from the other module."""
    for _ in range(10):
        while isinstance(handle, ast.Call) and isinstance(handle.func, ast.Attribute):
            if handle.func.attr != "options":
                break
            handle = handle.func.value
        if not isinstance(handle, ast.Name):
            break
        reaching = names.reaching(handle)
        if len(reaching) != 1:
            break
        (binding,) = reaching
        if binding.kind is not BindingKind.ASSIGN or binding.value is None:
            break
        handle = binding.value
    root = handle
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name):
        reaching = names.reaching(root)
        kinds = {binding.kind for binding in reaching}
        if len(reaching) == 1 and kinds == {BindingKind.IMPORT}:
            if reaching[0].scope.is_class:
                raise Declined("it is imported in a class body")
            return handle
    raise Declined("it is not called by the name that its module gives it")


def _is_replaced(names: ModuleNames, name: str) -> bool:
    """Whether the module of the site stores something under such a name in another module."""
    return any(not isinstance(node.ctx, ast.Load) for node in names.attributes(name))


def _makes(home: Module, statement: ast.Assign, definition: ast.AST) -> bool:
    """Whether the statement is ``f = ray.remote(g)`` with a function of the module, or a lambda."""
    value = statement.value
    if not isinstance(value, ast.Call) or len(value.args) != 1 or definition is value.args[0]:
        return isinstance(value, ast.Call) and definition in value.args
    given = value.args[0]
    if not isinstance(given, ast.Name) or not isinstance(definition, ast.FunctionDef):
        return False
    bindings = home.names.root.bindings.get(definition.name, [])
    return given.id == definition.name and [b.node for b in bindings] == [definition]


# -- how the module of the site names the batch function --------------------------------------


def named_here(
    project: Project, text: ModuleText, edits: Edits, site: Site, target: Target, batch: str
) -> str:
    """Return the expression for the batch function at the site, with an import if it needs one."""
    names, source, spelling = text.names, text.source, target.spelling
    assert spelling is not None
    root = spelling
    while isinstance(root, ast.Attribute):
        root = root.value
    assert isinstance(root, ast.Name)
    (binding,) = names.reaching(root)
    if isinstance(spelling, ast.Attribute):
        owners = project.definitions(text.module, spelling.value)
        if [(o.module, o.binding) for o in owners] == [(target.written, None)]:
            return f"{source.code(spelling.value)}.{batch}"
    statement, alias = binding.statement, binding.node
    assert isinstance(statement, ast.Import | ast.ImportFrom) and isinstance(alias, ast.alias)
    known = _imported_beside(project, text, statement, target.written, batch)
    if known is not None:
        return known
    local = text.supply.fresh(batch)
    new = batch if local == batch else f"{batch} as {local}"
    if isinstance(statement, ast.ImportFrom):
        module = names.imported_module(statement)
        direct = alias.name == target.name
        if direct and project.find_module(text.module, module) is target.written:
            _extend(text, edits, site, statement, binding, new)
            return local
    module = target.written.name
    if not module or project.find_module(text.module, module) is not target.written:
        raise Declined("its own module cannot be imported by name here")
    _import_behind(text, edits, statement, f"from {module} import {new}")
    return local


def _imported_beside(
    project: Project, text: ModuleText, statement: ast.stmt, module: Module, batch: str
) -> str | None:
    """Return the name under which a statement of the same block imports the batch function."""
    for other in text.names.blocks[statement].statements:
        if isinstance(other, ast.ImportFrom):
            dotted = text.names.imported_module(other)
            for alias in other.names:
                same = alias.name == batch and project.find_module(text.module, dotted) is module
                if same:
                    return alias.asname or alias.name
    return None


def _extend(
    text: ModuleText,
    edits: Edits,
    site: Site,
    statement: ast.ImportFrom,
    binding: Binding,
    new: str,
) -> None:
    """Import the batch function by the statement that imports the remote function.

    It comes in place of the remote function if nothing else uses that.
    """
    source, names, alias = text.source, text.names, binding.node
    assert isinstance(alias, ast.alias)
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    comments = source.comments(first, last)
    only = len(names.uses(binding)) == 1 and len(binding.scope.bindings[binding.name]) == 1
    if only and is_script(names, site, statement) and not any("noqa" in c for c in comments):
        edits.replace(source.start(alias), source.end(alias), new)
        return
    if first == last and len(source.line(first)) + len(f", {new}") > _WIDEST:
        written = "." * statement.level + (statement.module or "")
        _import_behind(text, edits, statement, f"from {written} import {new}")
        return
    on_its_own = first != last and source.line(alias.lineno).strip().rstrip(",") == source.slice(
        alias
    )
    line = source.line(alias.lineno)
    joint = ", "
    if on_its_own:
        joint = f",{source.newline}{line[: len(line) - len(line.lstrip())]}"
    edits.insert(source.end(alias), joint + new, Role.HELPER)


def _import_behind(text: ModuleText, edits: Edits, statement: ast.stmt, line: str) -> None:
    """Add an import on a line of its own behind another one."""
    source = text.source
    if not source.stands_alone(statement):
        raise Declined("the import of its module shares its line with another statement")
    offset = source.line_start((statement.end_lineno or statement.lineno) + 1)
    opening = "" if source.text[:offset].endswith(("\n", "\r")) else source.newline
    edits.insert(offset, opening + source.indent(statement) + line + source.newline, Role.HELPER)


# -- a batch function beside the site ---------------------------------------------------------


def write_here(
    text: ModuleText,
    edits: Edits,
    site: Site,
    target: Target,
    signature: BatchSignature,
    strategy: Strategy,
    doubts: Doubts,
    *,
    several: bool,
) -> str:
    """Add a batch function where the other module must not change, and return its name.

    ``several``: each task has several results, with an ObjectRef of its own each.
    Ray keeps the function of a task as ``task.remote.__wrapped__`` (``functools.wraps``, Ray 2).
    """
    doubts.add(f"{_not_given(target.home)}: its function is taken out of the task")
    names, source = text.names, text.source
    assert target.spelling is not None
    task = source.code(target.spelling)
    root = next(n for n in ast.walk(target.spelling) if isinstance(n, ast.Name))
    (binding,) = names.reaching(root)
    anchor = text.insertions.before_action(site.submission.call)
    if binding.scope is not names.root or names.order[binding.node] > names.order[anchor]:
        raise Declined("it is imported where the batch function would not see it")
    taken = f"{task}.remote.__wrapped__"
    plain = next(
        (
            statement.targets[0].id
            for statement in names.tree.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and ast.unparse(statement.value) == taken
        ),
        "",
    )
    newline = source.newline
    opening = ""
    if not plain:
        plain = text.supply.fresh(f"_{ascii_name(target.name, 'task').lstrip('_')}")
        opening = f"{plain} = {taken}" + newline * 3
    ray = text.insertions.import_name(edits, "ray", "")
    if ray is None:
        raise Declined("the name `ray` stands for something else in this module")
    decorator = f"@{ray}.remote" + _constant_options(target.decorator)
    writer = BatchWriter(source)
    attempt = 0
    while True:
        name = batch_name(target.name, attempt)
        attempt += 1
        head = Head(decorator, name, "", source.step, newline)
        code = writer.function(
            head, signature, f"{plain}({signature.call})", strategy, several=several
        )
        if name not in text.supply.used:
            break
        if any(
            isinstance(s, ast.FunctionDef) and s.name == name and same_code(code, s)
            for s in names.tree.body
        ):
            return name
    text.insertions.block(edits, anchor, opening + code, Role.FUNCTION)
    return name


def _constant_options(decorator: ast.expr | None) -> str:
    """Return the options of the decorator in another module, as text; "" for none."""
    if not isinstance(decorator, ast.Call):
        return ""
    call = decorator
    if call.args and isinstance(call.func, ast.Call):
        call = call.func  # ``ray.remote(num_cpus=2)(g)``
    if not all(k.arg and _is_literal(k.value) for k in call.keywords):
        raise Declined("its options are computed in another module")
    options = ", ".join(f"{k.arg}={ast.unparse(k.value)}" for k in call.keywords)
    return f"({options})" if options else ""


# -- what changes when workers import the module ----------------------------------------------


def judge_moved(project: Project, module: Module, target: Target, doubts: Doubts) -> None:
    """Doubt a body that moves into a plain function of a module.

    Ray sends a remote function by value, with the values of the global variables that it reads at
    its first call. The functions that it calls go by name: the workers import their module, and
    read its variables as they are there.
    """
    home, names = target.written, target.written.names
    imported = False
    for node in names.walk(target.definition):
        if not isinstance(node, ast.Name) or names.owner(node) is not names.root:
            continue
        bindings = names.root.bindings[node.id]
        kinds = {binding.kind for binding in bindings}
        if kinds <= {BindingKind.FUNCTION, BindingKind.CLASS}:
            imported = imported or not any(
                getattr(binding.node, "decorator_list", ()) for binding in bindings
            )
        elif kinds != {BindingKind.IMPORT} and not (
            len(bindings) == 1
            and _is_literal(bindings[0].value)
            and not _is_replaced(module.names, node.id)
        ):
            doubts.add(f"the workers would read `{node.id}` as they import `{home.name}` anew")
    if imported:
        return
    line = _busy_line(project, home, set())
    if line:
        doubts.add(f"the workers would import `{home.name}`, which does something: {line}")
    if _joins_a_cluster(module.names) or _joins_a_cluster(names):
        doubts.add(f"the workers would import `{home.name}`, which may not be on every node")


def _is_literal(value: ast.expr | None) -> bool:
    return value is not None and all(isinstance(node, _LITERALS) for node in ast.walk(value))


def _busy_line(project: Project, module: Module, seen: set[Module]) -> str:
    """Return which line does something when the module is imported, "" if none does."""
    seen.add(module)
    pending = list(module.names.tree.body)
    while pending:
        statement = pending.pop(0)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name in imported_modules(module, statement):
                other = project.find_module(module, name)
                found = _busy_line(project, other, seen) if other and other not in seen else ""
                if found:
                    return found
        elif isinstance(statement, TRIES):
            pending += [*statement.body, *statement.orelse, *statement.finalbody]
        elif isinstance(statement, ast.If):
            if not {"__name__", "TYPE_CHECKING"} & {
                getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(statement.test)
            }:
                pending += [*statement.body, *statement.orelse]
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
            value = statement.value
            plain = value is None or _is_literal(value)
            if not _binds_names(statement) or (
                not plain and value is not None and expression_effects(project, module, value)
            ):
                return f"line {statement.lineno} of `{module.name}`"
        elif not isinstance(
            statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass
        ):
            return f"line {statement.lineno} of `{module.name}`"
    return ""


def _binds_names(statement: ast.stmt) -> bool:
    """Whether a statement changes nothing but names of the module."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return not any(
        isinstance(node, ast.Attribute | ast.Subscript)
        for target in targets
        if target is not None
        for node in ast.walk(target)
    )


def imported_modules(module: Module, statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted names of what an import statement may load."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    base = module.names.imported_module(statement)
    separator = "" if base.endswith(".") else "."
    return [base, *(f"{base}{separator}{alias.name}" for alias in statement.names)]


@once_per_module
def _joins_a_cluster(names: ModuleNames) -> bool:
    """Whether the program joins a cluster that was there before, without sending its files."""
    for node in names.index.every(ast.Call):
        if not names.stands_for(node.func, "ray.init"):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        address = node.args[0] if node.args else given.get("address")
        local = isinstance(address, ast.Constant) and address.value in (None, "", "local")
        if address is not None and not local and "runtime_env" not in given:
            return True
    return False
