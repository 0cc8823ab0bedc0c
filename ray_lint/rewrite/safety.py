"""The preconditions of a batch rewrite: what is proven, what is doubted, what forbids it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ray_lint.program.effects import Effect, EffectKind
from ray_lint.program.facts import Site
from ray_lint.program.names import (
    COMPREHENSIONS,
    DISPLAYS,
    FUNCTIONS,
    TRIES,
    BindingKind,
    ModuleNames,
)
from ray_lint.program.node_index import once_per_module
from ray_lint.program.remotes import CalleeKind
from ray_lint.rewrite.fetching import fetched_at_once, gets_what_is_ready, may_fetch
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.plan import Argument, Declined, Doubts, Strategy
from ray_lint.rewrite.results import OPTION
from ray_lint.rewrite.uses import fetched_whole

_DOUBTFUL = {
    EffectKind.WRITES_OUTSIDE,
    EffectKind.READS_CHANGING_STATE,
    EffectKind.PROCESS_STATE,
    EffectKind.INPUT_OUTPUT,
    EffectKind.UNKNOWN_CALL,
    EffectKind.RAY_CALL,
    EffectKind.INTROSPECTION,
    EffectKind.REDEFINED,
    EffectKind.USES_SELF_NAME,
}
# Options that a batch task can carry over without a change of meaning.
_NEUTRAL_OPTIONS = {
    "num_cpus",
    "memory",
    "resources",
    "max_retries",
    "runtime_env",
    "scheduling_strategy",
    "name",
    "accelerator_type",
    "label_selector",
    "placement_group",
    "placement_group_bundle_index",
    "placement_group_capture_child_tasks",
    "_metadata",
    "enable_task_events",
    "_labels",
    "num_gpus",
}


_OBSERVERS = ("ray.util.state.", "ray.timeline", "ray.experimental.state", "ray.util.metrics.")

_PLAIN_COLLECTIONS = {
    *("builtins.list", "builtins.dict", "builtins.set", "collections.deque"),
    *("collections.defaultdict", "collections.OrderedDict"),
}


# A limit of fewer seconds may be meant to be reached.
_PATIENT = 1.0


@dataclass(frozen=True)
class BodyProof:
    """What the effects of the body mean for a site."""

    may_fail: bool
    fails_on_purpose: bool
    shares_results: bool
    mutates_items: bool

    def joined(self, other: BodyProof) -> BodyProof:
        """Return what holds for a site that calls either of two functions."""
        return BodyProof(
            self.may_fail or other.may_fail,
            self.fails_on_purpose or other.fails_on_purpose,
            self.shares_results or other.shares_results,
            self.mutates_items or other.mutates_items,
        )


def judge_body(
    effects: tuple[Effect, ...], arguments: list[Argument], doubts: Doubts, *, is_method: bool
) -> BodyProof:
    """Weigh the effects of a task's body. Raises Declined for what no batch can express.

    State of the actor itself is no obstacle: its calls keep their order inside a batch.
    """
    varying = {a.parameter for a in arguments if a.varying and a.parameter}
    mutates_items = False
    for effect in effects:
        if effect.kind is EffectKind.YIELDS:
            raise Declined("it is a generator")
        if effect.kind is EffectKind.MUTATES_PARAMETER:
            if is_method and effect.name == "self":
                continue
            if effect.name in varying:
                mutates_items = True
            else:
                doubts.add(effect.reason)
        elif effect.kind in _DOUBTFUL:
            if is_method and effect.name == "self":
                continue
            doubts.add(effect.reason)
    kinds = {e.kind for e in effects}
    return BodyProof(
        may_fail=EffectKind.RAISES in kinds or EffectKind.MAY_RAISE in kinds,
        fails_on_purpose=EffectKind.RAISES in kinds,
        shares_results=EffectKind.RETURNS_SHARED in kinds,
        mutates_items=mutates_items,
    )


def judge_container(names: ModuleNames, shape: Shape) -> None:
    """Decline to fill a collection at once whose class may do more than to keep what it gets.

    A name that is given from outside counts as a plain list, unless a class of this file has
    methods for that.
    """
    container = shape.container
    if container is None or shape.form not in (Form.APPEND, Form.STORE):
        return
    values: list[ast.expr | None] = [None]
    if isinstance(container, ast.Name) and container in names.order:
        values = [binding.value for binding in names.reaching(container)]
    elif isinstance(container, ast.Attribute):
        stores = [n for n in names.attributes(container.attr) if isinstance(n.ctx, ast.Store)]
        values = [getattr(names.parents[store], "value", None) for store in stores] or values
    own = _has_filling_class(names)
    for value in values:
        if isinstance(value, ast.Call):
            if not names.qualified_names(value.func) & _PLAIN_COLLECTIONS:
                raise Declined(f"`{ast.unparse(container)}` may be more than a plain collection")
            limited = value.keywords or len(value.args) > 1
            if shape.lengths and limited and names.stands_for(value.func, "collections.deque"):
                raise Declined(f"`{ast.unparse(container)}` may forget what it gets")
        elif own and not isinstance(value, DISPLAYS):
            raise Declined(f"`{ast.unparse(container)}` may be more than a plain collection")


@once_per_module
def _has_filling_class(names: ModuleNames) -> bool:
    """Whether a class of the module has a method to fill it by."""
    filling = {"append", "extend", "add", "update", "__iadd__", "__setitem__"}
    return any(filling & s.bindings.keys() for s in names.scopes.values() if s.is_class)


def judge_class_body(names: ModuleNames, shape: Shape, arguments: list[Argument]) -> None:
    """Decline to read names of a class body in a comprehension, which cannot see them.

    Loops of a class body can, and become comprehensions; a comprehension there fails already.
    """
    body = names.scope_of(shape.region).frame
    if not body.is_class:
        return
    parts = [r.iterable for r in (shape.repeats or [])[1:]]
    parts += [c for r in shape.repeats or [] for c in r.conditions]
    parts += [a.expression for a in arguments if a.varying or shape.loop is None]
    for node in (n for part in parts if part in names.order for n in names.walk(part)):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        owner = names.owner(node)
        if node.id in body.bindings and (owner is None or owner is body or owner is names.root):
            reaching = names.reaching(node)
            if not all(names.contains(shape.region, b.node) for b in reaching) or not reaching:
                raise Declined(f"a comprehension would not see `{node.id}` of the class body")


def judge_onlookers(names: ModuleNames, site: Site, shape: Shape, doubts: Doubts) -> None:
    """Doubt a task's loop that calls an actor and does more: others may watch its progress."""
    called = site.callee.kind is CalleeKind.ACTOR_METHOD
    if not called or shape.loop is None or shape.repeats is not None:
        return
    for parent in names.ancestors(site.submission.call):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and any(
            names.stands_for(d.func if isinstance(d, ast.Call) else d, "ray.remote")
            for d in parent.decorator_list
        ):
            doubts.add("others may look at the actor while the task's loop runs")


def judge_options(
    calls: list[ast.Call],
    doubts: Doubts,
    constant: Callable[[ast.expr], list[ast.keyword] | None],
) -> list[ast.keyword]:
    """Return the options of ``@ray.remote(...)`` and ``.options(...)``, the later ones winning.

    ``constant`` gives the items of a dictionary that never changes. Raises Declined for options
    that a batch task cannot have.
    """
    options: dict[str, ast.keyword] = {}
    for call in calls:
        given: list[ast.keyword] = []
        for keyword in call.keywords:
            if keyword.arg is not None:
                given.append(keyword)
                continue
            known = constant(keyword.value)
            if known is None:
                raise Declined("its options are computed (`**`)")
            given += known
        for keyword in given:
            if keyword.arg not in _NEUTRAL_OPTIONS and keyword.arg != OPTION:
                doubts.add(f"the option `{keyword.arg}` would hold for a whole batch")
            options[keyword.arg or ""] = keyword
    if len(calls) == 1 and OPTION not in options:
        return list(calls[0].keywords)  # as written: ``**NAME`` stays what it is
    return [keyword for name, keyword in options.items() if name != OPTION]


def judge_failures(
    names: ModuleNames,
    shape: Shape,
    proof: BodyProof,
    strategy: Strategy,
    doubts: Doubts,
    misfits: Callable[[], str],
    *,
    is_method: bool,
) -> None:
    """Doubt a batch whose failing item the program would notice.

    An uncaught failure ends the program at the same ``ray.get`` as before, and references keep the
    results of the items before it. A caught one would take the items behind it along. A program
    that handles failures may have items of another type than the others: ``misfits`` tells what
    such an item would break, "" if nothing.
    """
    catcher = _catches_failures(names, strategy, is_method=is_method)
    if catcher is not None and (proof.may_fail or misfits()):
        doubts.add(
            f"an item that fails takes the rest of its batch along, and line {catcher.lineno} "
            "handles failures"
        )
    elif proof.fails_on_purpose and (
        is_method or (strategy is Strategy.REFERENCES and not fetched_at_once(names, shape))
    ):
        doubts.add("an item that fails takes the rest of its batch along")


def judge_partial_reads(names: ModuleNames, proof: BodyProof, doubts: Doubts) -> None:
    """Doubt references of which a program fetches only some, if an item may fail.

    The failure of an item that nobody fetches goes unseen; in a batch it reaches its neighbours.
    """
    line = _partial_read(names) if proof.may_fail else None
    if line is not None:
        doubts.add(
            f"an item that fails takes the rest of its batch along, and line {line} "
            "fetches only some"
        )


@once_per_module
def _partial_read(names: ModuleNames) -> int | None:
    """Return the first line that fetches only some references."""
    for node in names.index.every(ast.Call):
        if (
            node.args
            and names.stands_for(node.func, "ray.get")
            and (
                _picks_one(names, node.args[0])
                or (_under_condition(names, node) and not gets_what_is_ready(names, node))
            )
            and not fetched_whole(names, node)
        ):
            return node.lineno
    return None


def _picks_one(names: ModuleNames, argument: ast.expr) -> bool:
    """Whether the argument is one reference by a fixed index or key: ``refs[3]``."""
    if not isinstance(argument, ast.Subscript) or not isinstance(argument.value, ast.Name):
        return False
    if isinstance(argument.slice, ast.Slice):
        return True
    from_wait = any(
        isinstance(b.statement, ast.Assign)
        and isinstance(b.statement.value, ast.Call)
        and names.stands_for(b.statement.value.func, "ray.wait")
        for b in names.reaching(argument.value)
    )
    return not from_wait and isinstance(argument.slice, ast.Constant | ast.UnaryOp)


def _under_condition(names: ModuleNames, call: ast.Call) -> bool:
    """Whether a fetch inside of a loop or comprehension happens for some items only."""
    child: ast.AST = call
    condition = False
    for parent in names.ancestors(call):
        if isinstance(parent, ast.If | ast.IfExp) and child is not parent.test:
            condition = True
        if isinstance(parent, ast.BoolOp) and child is not parent.values[0]:
            condition = True
        if isinstance(parent, ast.comprehension):
            condition = condition or child in parent.ifs[1:]
        if isinstance(parent, COMPREHENSIONS):
            before = parent.generators
            if isinstance(child, ast.comprehension):
                before = before[: before.index(child)]
            return condition or any(generator.ifs for generator in before)
        if isinstance(parent, ast.For):
            return condition
        if isinstance(parent, FUNCTIONS):
            return False
        child = parent
    return False


@once_per_module
def _catches_failures(
    names: ModuleNames, strategy: Strategy, *, is_method: bool
) -> ast.stmt | None:
    """Return a statement that handles failures of what it fetches, if there is one."""
    for node in names.walk(names.tree):
        if isinstance(node, TRIES) and node.handlers and _fetches(names, node.body):
            unseen = all(handler.name is None for handler in node.handlers)
            if strategy is Strategy.VALUES and unseen and not is_method:
                continue
            return node
        if isinstance(node, ast.With) and any(
            isinstance(i.context_expr, ast.Call)
            and ast.unparse(i.context_expr.func).endswith(("suppress", "raises"))
            for i in node.items
        ):
            return node
        if isinstance(node, ast.Call) and any(k.arg == "return_exceptions" for k in node.keywords):
            return names.statement_of(node)
    return None


def _fetches(names: ModuleNames, body: list[ast.stmt]) -> bool:
    """Whether statements fetch results, or call something of this module that may."""
    for statement in body:
        for node in names.walk(statement):
            if isinstance(node, ast.Await):
                return True
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name):
                if names.stands_for(node.func, "ray.get", "ray.wait"):
                    return True
                owner = names.owner(node.func)
                if (
                    owner is not None
                    and any(
                        isinstance(b.node, FUNCTIONS) for b in owner.bindings.get(node.func.id, [])
                    )
                    and may_fetch(names, node.func)
                ):
                    return True
                if node.func.id == "next" and owner is None:
                    return True
            elif isinstance(node.func, ast.Attribute):
                if names.stands_for(node.func, "ray.get", "ray.wait"):
                    return True
                if (
                    names.qualified(node.func) is None
                    and _is_method_here(names, node.func.attr)
                    and may_fetch(names, node.func)
                ):
                    return True
    return False


def _is_method_here(names: ModuleNames, attribute: str) -> bool:
    return attribute in _class_names(names) or attribute in ("result", "exception")


@once_per_module
def _class_names(names: ModuleNames) -> set[str]:
    """Return the names that classes of the module bind."""
    return {name for s in names.scopes.values() if s.is_class for name in s.bindings}


def _waits_for_all(names: ModuleNames, call: ast.Call) -> bool:
    """Whether the call is ``done, refs = ray.wait(refs, …)`` in ``while refs:``."""
    statement = names.parents[call]
    if not isinstance(statement, ast.Assign) or not call.args:
        return False
    target, refs = statement.targets[0], call.args[0]
    loop = names.blocks[statement].owner
    return (
        isinstance(refs, ast.Name)
        and isinstance(target, ast.Tuple)
        and len(target.elts) == 2
        and isinstance(target.elts[1], ast.Name)
        and target.elts[1].id == refs.id
        and isinstance(loop, ast.While)
        and isinstance(loop.test, ast.Name)
        and loop.test.id == refs.id
        and not any(isinstance(n, ast.Break | ast.Return | ast.Raise) for n in names.walk(loop))
    )


def judge_waiting(names: ModuleNames, doubts: Doubts, batch_seconds: float | None) -> None:
    """Doubt references that a program waits for with a time limit, or cancels.

    ``batch_seconds`` is how long the largest batch takes, None if that is not known. A limit far
    beyond that is there for what hangs: what is done in batches is done earlier than before.
    """
    for patience, reason in _impatience(names):
        if batch_seconds is None or patience < max(_PATIENT, 10 * batch_seconds):
            doubts.add(reason)


def judge_late_inputs(names: ModuleNames, doubts: Doubts) -> None:
    """Doubt items that are references, where one may get its value only once the program goes on.

    Its batch would not start before, and the program may wait for others of that batch.
    """
    line = _waits_inside(names)
    if line is not None:
        doubts.add(f"an input may wait for the program in line {line}, and its batch with it")


@once_per_module
def _waits_inside(names: ModuleNames) -> int | None:
    """Return the first line of an actor that can wait while it goes on answering others."""
    actors = _actor_classes(names)
    methods = [
        node.lineno
        for node in names.index.every(ast.AsyncFunctionDef)
        if getattr(names.parents.get(node), "name", "") in actors
    ]
    options = [
        node.value.lineno
        for node in names.index.every(ast.keyword)
        if node.arg in ("max_concurrency", "concurrency_groups", "concurrency_group")
    ]
    return min([*methods, *options], default=None)


@once_per_module
def _actor_classes(names: ModuleNames) -> set[str]:
    """Return the names of the classes that are made actors, and of those that they derive from."""
    classes = names.index.every(ast.ClassDef)
    given = [
        argument
        for call in names.index.every(ast.Call)
        if "remote" in ast.unparse(call.func)
        for argument in call.args
    ]
    found = {n.id for n in given if isinstance(n, ast.Name)}
    found |= {c.name for c in classes if any("remote" in ast.unparse(d) for d in c.decorator_list)}
    for _ in classes:
        bases = {
            b.id for c in classes if c.name in found for b in c.bases if isinstance(b, ast.Name)
        }
        if bases <= found:
            break
        found |= bases
    return found


@once_per_module
def _impatience(names: ModuleNames) -> list[tuple[float, str]]:
    """Return the reasons why a program would notice batches, each with the seconds it waits."""
    return list(_limits(names))


def _limits(names: ModuleNames) -> Iterator[tuple[float, str]]:
    for node in names.index.every(ast.Call):
        if any(known.startswith(_OBSERVERS) for known in names.qualified_names(node.func)):
            yield 0, f"line {node.lineno} looks at the tasks of the cluster"
        elif names.stands_for(node.func, "ray.cancel"):
            yield 0, f"line {node.lineno} cancels tasks, which would hit whole batches"
        elif _waits_for_all(names, node):
            continue
        elif names.stands_for(node.func, "ray.wait", "ray.get"):
            for keyword in node.keywords:
                limit = _constant(names, keyword.value)
                if keyword.arg == "timeout" and not (limit and limit.value is None):
                    seconds = limit.value if limit else 0
                    known = isinstance(seconds, int | float) and not isinstance(seconds, bool)
                    yield (
                        float(seconds) if known else 0,  # type: ignore[arg-type]
                        f"line {node.lineno} waits with a timeout, and a batch takes longer",
                    )


def _constant(names: ModuleNames, expression: ast.expr) -> ast.Constant | None:
    """Return the constant that an expression, or a name bound once, stands for."""
    if isinstance(expression, ast.Name):
        owner = names.owner(expression)
        bindings = owner.bindings.get(expression.id, []) if owner is not None else []
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN:
            return None
        value = bindings[0].value
    else:
        value = expression
    return value if isinstance(value, ast.Constant) else None
