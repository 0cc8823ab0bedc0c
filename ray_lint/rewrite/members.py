"""Tasks that are no plain names: attributes, and what is made remote where it is submitted."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace

from ray_lint.program.callers import is_program
from ray_lint.program.class_members import class_members
from ray_lint.program.facts import Site
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.remotes import CalleeKind
from ray_lint.rewrite.lent import (
    chosen_names,
    lent_functions,
    made_by_factory,
    source_binding,
    task_of,
)
from ray_lint.rewrite.plan import Declined
from ray_lint.rewrite.targets import (
    Target,
    find_target,
    is_given,
    known_definition,
    lent_target,
    returned_target,
)

# Classes of the standard library that do something with each attribute of those derived from them.
_LOOKING = ("enum.", "ctypes.", "typing.NamedTuple", "typing.TypedDict")
_HARMLESS_DECORATORS = (
    *("dataclasses.dataclass", "ray.remote", "functools.total_ordering", "typing.final"),
)
_READ_PARTS = {"remote", "options"}


def is_no_name(names: ModuleNames, site: Site) -> bool:
    """Whether the task of a site, or the function it was made of, is not just a name."""
    if site.callee.kind is not CalleeKind.TASK or site.callee.module is not site.submission.module:
        return False
    if not isinstance(task_of(site.submission.handle), ast.Name):
        return True
    given = _given(names, site.callee.decorator)
    if isinstance(given, ast.Attribute) or _is_parameter(names, given):
        return True
    return given is not None and _factory_call(site) is not None


def _factory_call(site: Site) -> ast.Call | None:
    """Return the ``return ray.remote(f)`` of the factory that made the task, if there is one."""
    task = task_of(site.submission.handle)
    made = made_by_factory(site.submission.module, task) if isinstance(task, ast.Name) else None
    returned = _without_options(made.returned) if made is not None else None
    return returned if isinstance(returned, ast.Call) else None


def _is_parameter(names: ModuleNames, given: ast.expr | None) -> bool:
    reaching = names.reaching(given) if isinstance(given, ast.Name) else []
    return [b.kind for b in reaching] == [BindingKind.PARAMETER]


def find_member(names: ModuleNames, site: Site) -> Target:
    """Return the target of ``self.task``, ``Class.task``, ``ray.remote(f)`` and the like.

    Raises Declined where it may be something else, or where no other one can stand beside it.
    """
    task = task_of(site.submission.handle)
    _, definition = known_definition(site)
    given = _given(names, site.callee.decorator)
    lent = given if isinstance(given, ast.Name) and _is_parameter(names, given) else None
    if lent is not None and not isinstance(task, ast.Attribute):
        return _made_of_parameter(names, site, task, lent)
    several = bool(site.callee.others or site.callee.lent)
    if not isinstance(task, ast.Attribute):
        returned: ast.expr | None = _factory_call(site)
        if returned is not None:
            return _made_of_plain(names, site, definition, None, returned)
        made = source_binding(names, task).value if isinstance(task, ast.Name) else task
        made = _without_options(made)
        if several or not isinstance(made, ast.Call) or given not in made.args:
            raise Declined("its function is not given by name where it is made remote")
        return _made_of_plain(names, site, definition, None)
    owner = _class_of(names, task.value)
    bindings, stores = _meanings(names, task.attr)
    if len(bindings) + len(stores) != 1:
        raise Declined(f"`{task.attr}` is the name of more than one attribute")
    holder = bindings[0].scope.node if bindings else _class_of(names, stores[0].value)
    if holder not in _line(names, owner):
        raise Declined(f"`{ast.unparse(task)}` may be that of another class")
    by_class = isinstance(task.value, ast.Name) and _is_class(names, task.value)
    if not by_class and not is_program(names):
        raise Declined("a class of another module may have a task of its own by that name")
    if site.submission.through is not None and not _is_receiver(names, site, task.value):
        raise Declined(f"`{ast.unparse(task.value)}` may be another one where the call stands")
    if stores:
        statement = names.parents[stores[0]]
        stored = statement if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        made_in = names.blocks[stored].owner if stored is not None else None
        if not isinstance(made_in, ast.FunctionDef) or made_in.name != "__init__":
            raise Declined(f"`{ast.unparse(task)}` may not be there yet")
        kept = _without_options(stored.value if stored is not None else None)
        if isinstance(kept, ast.Name):
            if _is_parameter(names, kept) and len(names.attributes(task.attr)) > 2:
                raise Declined(f"`{ast.unparse(task)}` has another use")
            return find_target(names, site, kept)
        if lent is not None:
            judge_objects(names, holder)
            return _made_of_parameter(names, site, kept, lent, stored, task)
        chosen = chosen_names(names, kept)
        if chosen and len(names.attributes(task.attr)) == 2:
            return lent_target(names, site, chosen)
        made_here = made_by_factory(site.submission.module, task)
        if made_here is not None and isinstance(made_here.returned, ast.Name):
            return returned_target(names, site, made_here.returned)
        value = kept if isinstance(kept, ast.Call) else None
        if value is None or given not in value.args:
            raise Declined(f"what `{ast.unparse(task)}` stands for changes")
        return _made_of_plain(names, site, definition, task.value)
    assert isinstance(holder, ast.ClassDef)
    return _in_class(names, site, definition, holder, bindings[0], task)


def _in_class(
    names: ModuleNames,
    site: Site,
    definition: ast.FunctionDef | ast.Lambda,
    holder: ast.ClassDef,
    binding: Binding,
    task: ast.Attribute,
) -> Target:
    """Return the target for a task that the body of a class defines."""
    statement, decorator = binding.statement, site.callee.decorator
    if statement is None or names.blocks[statement].owner is not holder:
        raise Declined(f"`{task.attr}` is defined under a condition")
    if isinstance(statement, ast.FunctionDef):
        below = statement.decorator_list[:]
        while below and names.stands_for(below[0], "builtins.staticmethod"):
            below.pop(0)
        if decorator not in below[:1]:
            raise Declined("another decorator stands above the one of Ray")
    elif not is_given(names, binding, definition) or not _is_defined_once(names, definition):
        raise Declined("its function is not given by name where it is made remote")
    for node in names.attributes(task.attr):
        parent = names.parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr not in _READ_PARTS:
            raise Declined(f"line {node.lineno} looks into `{task.attr}`")
    judge_class(names, holder)
    return Target(
        site.submission.module,
        definition,
        site.submission.module,
        statement,
        decorator,
        binding.name,
        is_method=False,
        exclusive=is_program(names) and _only_use(names, binding, task),
        receiver=task.value,
    )


def _is_defined_once(names: ModuleNames, definition: ast.FunctionDef | ast.Lambda) -> bool:
    if isinstance(definition, ast.Lambda):
        return True
    return len(names.scope_of(definition).bindings.get(definition.name, [])) == 1


def _without_options(value: ast.expr | None) -> ast.expr | None:
    """Return the ``ray.remote(f)`` of ``ray.remote(f).options(...)``."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr != "options":
            break
        value = value.func.value
    return value


def _given(names: ModuleNames, decorator: ast.expr | None) -> ast.expr | None:
    """Return the ``f`` of ``ray.remote(f)`` and of ``ray.remote(num_cpus=2)(f)``."""
    if decorator is None or decorator not in names.order:
        return None
    made = decorator if isinstance(decorator, ast.Call) and decorator.args else None
    if made is None:
        parent = names.parents.get(decorator)
        made = parent if isinstance(parent, ast.Call) and parent.func is decorator else None
    return made.args[0] if made is not None and len(made.args) == 1 and not made.keywords else None


def _made_of_plain(
    names: ModuleNames,
    site: Site,
    definition: ast.FunctionDef | ast.Lambda,
    receiver: ast.expr | None,
    returned: ast.expr | None = None,
) -> Target:
    """Return the target of ``ray.remote(f)``: the plain function stays as it is.

    ``receiver`` is what has the task that was made of it as an attribute; ``returned`` what the
    factory returns that made it.
    """
    decorator, module = site.callee.decorator, site.submission.module
    given = _given(names, decorator)
    if not isinstance(definition, ast.FunctionDef) or not isinstance(
        given, ast.Name | ast.Attribute
    ):
        raise Declined("it is not called by a plain name")
    scope, base = names.scope_of(definition), None
    if isinstance(given, ast.Name):
        if [b.node for b in names.reaching(given)] != [definition] or given.id != definition.name:
            raise Declined(f"`{given.id}` is defined more than once")
        if definition.decorator_list:
            raise Declined(f"`{definition.name}` is decorated")
        named = returned or site.submission.call
        if scope.is_class or scope not in names.scope_of(named).ancestors():
            raise Declined(f"`{definition.name}` is not visible where the batch function would be")
    else:
        base = _base_at_site(names, site, given, definition, receiver)
    assert decorator is not None
    maker = decorator.func if isinstance(decorator, ast.Call) and decorator.args else decorator
    for node in ast.walk(maker):
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
        receiver=base,
        lent=() if returned is None else (returned,),
    )


def _made_of_parameter(
    names: ModuleNames,
    site: Site,
    task: ast.expr | None,
    given: ast.Name,
    kept: ast.stmt | None = None,
    attribute: ast.Attribute | None = None,
) -> Target:
    """Return the target of ``ray.remote(f)`` where ``f`` is a parameter: a local batch function.

    All that the calls pass must be seen, and each must be fit for a batch. ``kept`` is the
    statement that stores the ``task`` in an object, ``attribute`` what the site calls.
    """
    module, call = site.submission.module, site.submission.call
    functions = lent_functions(module, given)
    binding = source_binding(names, task) if isinstance(task, ast.Name) else None
    value = task if binding is None else binding.value
    statement = kept or (names.statement_of(call) if binding is None else binding.statement)
    fits = isinstance(value, ast.Call) and given in value.args and not site.callee.options
    if statement is None or not fits or (site.submission.through is not None and kept is None):
        raise Declined(f"`{given.id}` is not made remote where it is submitted")
    if kept is None and names.scope_of(statement) not in names.scope_of(call).ancestors():
        raise Declined(f"what `{given.id}` stands for is not known where the call stands")
    ahead = binding is None and kept is None
    owner = names.blocks[statement].owner
    while ahead and isinstance(owner, ast.stmt) and not isinstance(owner, FUNCTIONS):
        statement, owner = owner, names.blocks[owner].owner
    alone = binding is not None and names.uses(binding) == [task]
    name = given.id if binding is None else binding.name
    targets = [
        Target(
            module,
            definition,
            module,
            statement,
            site.callee.decorator,
            name if attribute is None else attribute.attr,
            is_method=False,
            exclusive=alone and len(names.blocks[statement].statements) > 1,
            called=given,
            only_called=True,
            ahead=ahead,
            receiver=None if attribute is None else attribute.value,
        )
        for definition in functions
    ]
    return replace(targets[0], others=tuple(targets[1:]))


def _base_at_site(
    names: ModuleNames,
    site: Site,
    given: ast.Attribute,
    definition: ast.FunctionDef,
    receiver: ast.expr | None,
) -> ast.expr:
    """Return what the site reaches the class of ``ray.remote(Class.f)`` by."""
    bindings, stores = _meanings(names, given.attr)
    if stores or [b.node for b in bindings] != [definition]:
        raise Declined(f"`{given.attr}` is the name of more than one attribute")
    holder = names.parents.get(definition)
    if not isinstance(holder, ast.ClassDef) or holder not in _line(
        names, _class_of(names, given.value)
    ):
        raise Declined(f"`{ast.unparse(given)}` may be that of another class")
    static = [names.stands_for(d, "builtins.staticmethod") for d in definition.decorator_list]
    by_class = isinstance(given.value, ast.Name) and _is_class(names, given.value)
    if not all(static) or not (static or by_class):
        raise Declined(f"`{definition.name}` is decorated, or belongs to an object")
    judge_class(names, holder)
    assert isinstance(given.value, ast.Name)  # as ``_class_of`` knows it
    if by_class or is_program(names):
        visible = names.owner_of_name(given.value.id, names.scope_of(site.submission.call))
        if visible is names.owner(given.value):
            return given.value
        if receiver is not None and holder in _line(names, _class_of(names, receiver)):
            return receiver
    raise Declined(f"`{ast.unparse(given.value)}` may be another one where the call stands")


def _is_receiver(names: ModuleNames, site: Site, base: ast.expr) -> bool:
    """Whether a base inside of the function that submits means the same at the call of that."""
    function = site.submission.call.func
    if isinstance(base, ast.Name) and _is_class(names, base):
        return names.owner_of_name(base.id, names.scope_of(site.submission.call)) is names.root
    return (
        isinstance(base, ast.Name)
        and isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == base.id == "self"
    )


def _is_class(names: ModuleNames, name: ast.Name) -> bool:
    owner = names.owner(name)
    bindings = owner.bindings.get(name.id, []) if owner is not None else []
    return len(bindings) == 1 and isinstance(bindings[0].node, ast.ClassDef)


def _class_of(names: ModuleNames, base: ast.expr) -> ast.ClassDef:
    """Return the class that ``self``, ``cls``, a class by its name, or an object of one is of."""
    reaching = names.reaching(base) if isinstance(base, ast.Name) else []
    if len(reaching) == 1:
        (binding,) = reaching
        if (
            isinstance(binding.node, ast.ClassDef)
            and len(binding.scope.bindings[binding.name]) == 1
        ):
            return binding.node
        function = binding.scope.node
        if binding.kind is BindingKind.PARAMETER and isinstance(
            function, ast.FunctionDef | ast.AsyncFunctionDef
        ):
            first = [*function.args.posonlyargs, *function.args.args][:1]
            around = names.parents.get(function)
            static = any(
                names.stands_for(d, "builtins.staticmethod", "ray.remote")
                for d in function.decorator_list
            )
            if isinstance(around, ast.ClassDef) and first == [binding.node] and not static:
                return around
        if binding.kind is BindingKind.ASSIGN and isinstance(binding.value, ast.Call):
            made = binding.value.func
            if isinstance(made, ast.Name) and _is_class(names, made):
                return _class_of(names, made)
    raise Declined(f"what `{ast.unparse(base)}` is an object of is not known")


def _meanings(names: ModuleNames, name: str) -> tuple[list[Binding], list[ast.Attribute]]:
    """Return what gives a name to an attribute: in the bodies of classes, and by assignment.

    Raises Declined where that may happen unseen.
    """
    bindings = [binding for found in class_members(names, name) for binding in found]
    stores = [n for n in names.attributes(name) if not isinstance(n.ctx, ast.Load)]
    if names.attributes("__dict__"):
        raise Declined("the program looks into the attributes of its objects")
    for call in _setters(names):
        wanted = call.args[1] if len(call.args) > 1 else None
        if not isinstance(wanted, ast.Constant) or wanted.value == name:
            raise Declined(f"line {call.lineno} may set `{name}`")
    return bindings, stores


@once_per_module
def _setters(names: ModuleNames) -> list[ast.Call]:
    """Return the calls that set or delete an attribute by a computed name."""
    return [
        node
        for node in names.index.every(ast.Call)
        if names.stands_for(node.func, "builtins.setattr", "builtins.delattr")
    ]


def _line(names: ModuleNames, owner: ast.ClassDef) -> list[ast.ClassDef]:
    """Return a class and those that it derives from, up to the first that is not seen."""
    found = [owner]
    for base in owner.bases:
        if not isinstance(base, ast.Name) or not _is_class(names, base):
            if names.qualified(base) not in ("builtins.object", "abc.ABC"):
                break
            continue
        found += _line(names, _class_of(names, base))
    return found


def judge_class(names: ModuleNames, owner: ast.ClassDef) -> None:
    """Decline to give a class another attribute that may notice that."""
    for part in _line(names, owner):
        own = {s.name for s in part.body if isinstance(s, ast.FunctionDef)}
        if part.keywords or own & {"__init_subclass__", "__getattribute__", "__class_getitem__"}:
            raise Declined(f"`{part.name}` may look at its attributes")
        for decorator in part.decorator_list:
            made = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not names.stands_for(made, *_HARMLESS_DECORATORS):
                raise Declined(f"what decorates `{part.name}` may look at its attributes")
        for base in part.bases:
            if isinstance(base, ast.Name) and _is_class(names, base):
                continue
            known = names.qualified(base.value if isinstance(base, ast.Subscript) else base) or ""
            library = known.partition(".")[0] in {*sys.stdlib_module_names, "builtins"}
            if not library or known.startswith(_LOOKING):
                raise Declined(f"what `{part.name}` derives from may look at its attributes")


@once_per_module
def _reads_by_computed_name(names: ModuleNames) -> bool:
    """Whether some code may read an attribute whose name nobody sees."""
    readers = ("builtins.getattr", "builtins.hasattr", "operator.attrgetter")
    return any(
        names.stands_for(call.func, *readers)
        and not all(isinstance(given, ast.Constant) for given in call.args[1:] or call.args[:1])
        for call in names.index.every(ast.Call)
    )


def judge_objects(names: ModuleNames, owner: ast.AST) -> None:
    """Decline to give the objects of a class another attribute that may notice that."""
    assert isinstance(owner, ast.ClassDef)
    looking = {"__slots__", "__setattr__", "__getattribute__", "__getstate__", "__reduce__"}
    for part in _line(names, owner):
        if looking & names.scopes[part].bindings.keys():
            raise Declined(f"objects of `{part.name}` may look at their attributes")


def _only_use(names: ModuleNames, binding: Binding, task: ast.Attribute) -> bool:
    """Whether nothing but the site reads the attribute, also by its name as a string."""
    if names.uses(binding) or _reads_by_computed_name(names) or "__all__" in names.root.bindings:
        return False
    return list(names.attributes(task.attr)) == [task] and binding.name not in _texts(names)


@once_per_module
def _texts(names: ModuleNames) -> frozenset[object]:
    """Return the constants of a module: an attribute may be asked for by a text."""
    return frozenset(constant.value for constant in names.index.every(ast.Constant))
