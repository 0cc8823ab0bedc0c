"""What sets the pace of a repeated submission: the calls themselves, or something else.

Many small calls are worth batching when they come in a burst. They do not where each call needs
the result of the one before, where the loop does real work between two calls, or where only every
thousandth run of the loop submits anything. This module finds the loops that make up the burst.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ray_lint.program.costs import Costs, cost_of
from ray_lint.program.counts import Count
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind, ModuleNames
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee
from ray_lint.program.sizes import number_of
from ray_lint.program.submissions import is_map, is_starmap
from ray_lint.program.wording import name_words
from ray_lint.program.work import Cost, Work, verdict

PaceKind = Literal["free", "work", "unknown", "chain"]

_WAITS = frozenset(
    {"ray.get", "ray.wait", "asyncio.gather", "asyncio.wait", "asyncio.as_completed"}
)
_FILLERS = frozenset({"append", "extend", "insert", "add", "appendleft", "put", "push"})
_PASS_THROUGH = frozenset(
    f"builtins.{name}" for name in ("zip", "enumerate", "list", "tuple", "sorted", "reversed")
) | {"tqdm.tqdm", "tqdm.auto.tqdm", "itertools.islice", "itertools.product"}
_REFERENCE_WORDS = frozenset(
    {"ref", "oid", "future", "objectref", "objectid", "objref", "promise", "objectids"}
)
_ROUNDS = 5  # of the propagation through the statements of a loop


@dataclass(frozen=True)
class Pace:
    """What happens between two calls.

    *free*: nothing worth mentioning. *work*: the loop itself works longer than the threshold.
    *unknown*: it does something of unknown cost. *chain*: each call needs the result of an earlier
    one. ``loops`` are those whose runs make up one burst of calls, innermost first: none of them
    waits for the calls of an inner one. ``on_references``: each call gets a reference of its own.
    ``in_turn``: each run of the innermost loop waits for its calls before the next one starts.
    """

    kind: PaceKind
    reason: str
    loops: tuple[ast.AST, ...]
    on_references: bool = False
    in_turn: bool = False


def pace_of(
    project: Project,
    module: Module,
    call: ast.Call,
    loops: tuple[ast.AST, ...],
    *,
    threshold: float = 0.010,
    known_heavy: tuple[str, ...] = (),
    known_tiny: tuple[str, ...] = (),
) -> Pace:
    """Return what sets the pace of ``call`` in its ``loops`` (innermost first)."""
    burst: list[ast.AST] = []
    kind: PaceKind = "free"
    reason = ""
    waits = _waits_at(module, call)
    in_turn = any(_inside_body(module.names, loop, w) for loop in loops[:1] for w in waits)
    for index, loop in enumerate(loops):
        inner = _holder(module.names, loops[index - 1]) if index else None
        if _carried(module, call, loop):
            if not index:
                kind, reason = "chain", "each call needs the result of an earlier one"
            break
        if index and any(module.names.contains(_holder(module.names, loop), w) for w in waits):
            break
        beside = _Beside(project, module, call, loop, threshold, known_heavy, known_tiny)
        cost = beside.cost(inner)
        if cost.kind != "tiny" and index:
            break
        if cost.kind == "heavy":
            kind, reason = "work", f"between two calls the loop {cost.reason}"
        elif cost.kind == "unknown" and not cost.plain:
            kind, reason = "unknown", f"between two calls the loop {cost.reason}"
        burst.append(loop)
        if any(_inside_body(module.names, loop, w) for w in waits):
            break
    return Pace(kind, reason, tuple(burst), takes_references(module, call), in_turn)


def thinned(project: Project, module: Module, call: ast.AST, loop: ast.AST, count: Count) -> Count:
    """Return the count of calls that stand under ``if i % n == 0`` in their loop."""
    for divisor in _divisors(module, call, loop):
        number = number_of(project, module, divisor)
        words = ast.unparse(divisor)
        if number.kind == "known" and number.low >= 1:
            every = int(number.low)
            high = None if count.high is None else -(-count.high // every)
            reason = f"every {every:,} runs of {count.reason}"
            count = replace(count, low=0, high=high, reason=reason)
        else:
            reason = f"every `{words}` runs of {count.reason}"
            count = Count(0, None, "unknown", reason, count.per_worker, count.chunked)
    return count


def _divisors(module: Module, call: ast.AST, loop: ast.AST) -> Iterator[ast.expr]:
    """Yield ``n`` of each ``i % n`` that guards the call in the body of the loop."""
    names = module.names
    child = call
    for parent in names.ancestors(call):
        if parent is loop:
            siblings: list[ast.stmt] = getattr(parent, "body", [])
            for statement in siblings:
                if statement is child:
                    break
                if (
                    isinstance(statement, ast.If)
                    and len(statement.body) == 1
                    and isinstance(statement.body[0], ast.Continue)
                ):
                    yield from _moduli(statement.test, zero=False)
            return
        if isinstance(parent, ast.If) and child in parent.body:
            yield from _moduli(parent.test, zero=True)
        child = parent


def _moduli(test: ast.expr, *, zero: bool) -> Iterator[ast.expr]:
    """Yield the divisors of a test that asks whether a remainder is (or is not) zero."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and zero:
        for part in test.values:
            yield from _moduli(part, zero=zero)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _moduli(test.operand, zero=not zero)
    elif isinstance(test, ast.BinOp) and isinstance(test.op, ast.Mod) and not zero:
        yield test.right
    elif isinstance(test, ast.Compare) and len(test.ops) == 1:
        equal = isinstance(test.ops[0], ast.Eq)
        left = test.left
        if (
            isinstance(left, ast.BinOp)
            and isinstance(left.op, ast.Mod)
            and isinstance(test.ops[0], ast.Eq | ast.NotEq)
            and equal == zero
        ):
            yield left.right


def takes_references(module: Module, call: ast.Call) -> bool:
    """Whether each call gets an object reference of its own as an argument.

    Such a task runs where its data is: batched references would stay references.
    """
    if is_map(call.func) or is_starmap(call.func):  # `map(f.remote, items)`
        return any(_holds_references(module, items) for items in call.args[1:])
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(_is_own_reference(module, argument) for argument in arguments)


def _is_own_reference(module: Module, node: ast.expr) -> bool:
    names = module.names
    if isinstance(node, ast.Starred):
        node = node.value
    if isinstance(node, ast.Call):
        return _is_submission(node)
    if isinstance(node, ast.Subscript):
        return not isinstance(node.slice, ast.Constant) and _holds_references(module, node.value)
    if not isinstance(node, ast.Name):
        return False
    for binding in names.reaching(node):
        if binding.kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            iterable = _iterable_of(names, binding)
            if iterable is not None and _holds_references(module, iterable):
                return True
        elif (
            isinstance(binding.value, ast.Call)
            and _is_submission(binding.value)
            and any(
                loop in names.enclosing_loops(binding.node) for loop in names.enclosing_loops(node)
            )
        ):
            return True
    return False


def _is_submission(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "remote"
    )


def _is_reference(names: ModuleNames, node: ast.expr) -> bool:
    """Whether an expression is what a submission returned, also one of several returns."""
    if not isinstance(node, ast.Name):
        return _is_submission(node)
    return any(
        isinstance(binding.statement, ast.Assign) and _is_submission(binding.statement.value)
        for binding in names.reaching(node)
    )


def _iterable_of(names: ModuleNames, binding: Binding) -> ast.expr | None:
    """Return the iterable of the loop whose target binds the name, also inside of a tuple."""
    for parent in names.ancestors(binding.node):
        if isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
            return parent.iter
        if not isinstance(parent, ast.Tuple | ast.List | ast.Starred):
            return None
    return None


def _holds_references(module: Module, node: ast.expr, depth: int = 0) -> bool:
    """Whether the items of a collection are object references, by its making or its name."""
    names = module.names
    if depth > 5:
        return False
    if isinstance(node, ast.Subscript):
        return _holds_references(module, node.value, depth + 1)
    if isinstance(node, ast.List | ast.Tuple):
        return any(_is_submission(item) for item in node.elts)
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return _is_submission(node.elt)
    if isinstance(node, ast.BinOp):
        return any(_holds_references(module, side, depth + 1) for side in (node.left, node.right))
    if isinstance(node, ast.Call):
        if _is_submission(node):
            return True  # a generator task: it gives one reference for each value it yields
        if names.stands_for(node.func, "ray.get") and node.args:
            return _gives_dynamic_generator(module, node.args[0])
        if names.qualified_names(node.func) & _PASS_THROUGH:
            return any(_holds_references(module, a, depth + 1) for a in node.args)
        if (is_map(node.func) or is_starmap(node.func)) and node.args:
            first = node.args[0]
            return isinstance(first, ast.Attribute) and first.attr == "remote"
        return False
    if isinstance(node, ast.Attribute):
        return bool(name_words(node.attr) & _REFERENCE_WORDS)
    if not isinstance(node, ast.Name):
        return False
    if name_words(node.id) & _REFERENCE_WORDS:
        return True
    for binding in names.reaching(node):
        if binding.value is not None and binding.kind is BindingKind.ASSIGN:
            if _holds_references(module, binding.value, depth + 1):
                return True
            for use in names.uses(binding):
                filled = _filled_with(names, use)
                if filled is not None and _is_reference(names, filled):
                    return True
    return False


def _gives_dynamic_generator(module: Module, node: ast.expr) -> bool:
    """Whether ``ray.get`` of the expression gives a generator of references, not of values."""
    names = module.names
    if isinstance(node, ast.Name):
        values = [binding.value for binding in names.reaching(node)]
        return any(v is not None and _gives_dynamic_generator(module, v) for v in values[:1])
    asked: list[ast.AST] = []
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call):
            asked.append(node)
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        for binding in names.reaching(node):
            asked += getattr(binding.node, "decorator_list", [])
    return any(
        keyword.arg == "num_returns"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value == "dynamic"
        for call in asked
        if isinstance(call, ast.Call)
        for keyword in call.keywords
    )


def _filled_with(names: ModuleNames, use: ast.Name) -> ast.expr | None:
    """Return ``x`` where the name is used as in ``name.append(x)``."""
    attribute = names.parents.get(use)
    call = names.parents.get(attribute) if attribute is not None else None
    if (
        isinstance(attribute, ast.Attribute)
        and attribute.attr in _FILLERS
        and isinstance(call, ast.Call)
        and call.func is attribute
        and call.args
    ):
        return call.args[-1]
    return None


# -- chains ---------------------------------------------------------------------------------------


def _carried(module: Module, call: ast.Call, loop: ast.AST) -> bool:
    """Whether an argument of the call comes from the result of a run before.

    Follows the result through the assignments in the body of the loop. Lists that only collect
    results and are not read by the call do not count, neither does their length.
    """
    if not isinstance(loop, ast.For | ast.AsyncFor | ast.While):
        return False
    names = module.names
    reads = [
        node
        for argument in (*call.args, *(k.value for k in call.keywords))
        for node in names.walk(argument)
        if _is_read(names, node)
    ]
    if not reads:
        return False
    statement = names.statement_of(call)
    if statement is None:
        return False
    tainted: set[int] = set()
    attributes: set[str] = set()
    # What is stored in the item of one run is not seen by the next, which has another one.
    own = {id(node) for node in names.walk(loop.target)} if hasattr(loop, "target") else set()
    _taint(names, statement, call, tainted, attributes)
    tainted -= own
    for _ in range(_ROUNDS):
        before = len(tainted) + len(attributes)
        for node in names.walk(loop):
            if isinstance(node, ast.stmt) and node is not loop:
                for source in _sources(node):
                    if _reads_any(names, source, tainted, attributes):
                        _taint(names, node, source, tainted, attributes)
                        tainted -= own
            elif isinstance(node, ast.comprehension) and _reads_any(
                names, node.iter, tainted, attributes
            ):
                tainted.update(id(n) for n in names.walk(node.target))
        if len(tainted) + len(attributes) == before:
            break
    return any(_is_tainted(names, node, tainted, attributes) for node in reads)


def _is_read(names: ModuleNames, node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        parent = names.parents.get(node)
        counted = (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Name)
            and parent.func.id == "len"
        )
        return isinstance(node.ctx, ast.Load) and not counted
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)


def _sources(statement: ast.stmt) -> list[ast.expr]:
    """Return the expressions whose value the statement stores."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return [statement.value] if statement.value is not None else []
    if isinstance(statement, ast.For | ast.AsyncFor):
        return [statement.iter]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return list(statement.value.args)
    return []


def _taint(
    names: ModuleNames,
    statement: ast.stmt,
    source: ast.AST,
    tainted: set[int],
    attributes: set[str],
) -> None:
    """Mark what a statement stores the value of ``source`` in."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor):
        targets = [statement.target]
    elif isinstance(statement, ast.Expr):
        value = statement.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            if value.func.attr not in _FILLERS:
                return
            if isinstance(value.func.value, ast.Name):
                for binding in names.reaching(value.func.value):
                    tainted.add(id(binding.node))
            elif isinstance(value.func.value, ast.Attribute):
                attributes.add(ast.unparse(value.func.value))
        return
    if isinstance(statement, ast.For | ast.AsyncFor) and not names.contains(statement.iter, source):
        return
    for target in targets:
        base = target
        while isinstance(base, ast.Subscript):
            base = base.value  # `table[key] = ...` changes the table, not the key
        for node in names.walk(base):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                tainted.add(id(node))
            elif isinstance(node, ast.Name) and node is base:
                tainted.update(id(b.node) for b in names.reaching(node))
            elif isinstance(node, ast.Attribute) and (
                node is base or isinstance(node.ctx, ast.Store)
            ):
                attributes.add(ast.unparse(node))


def _reads_any(
    names: ModuleNames, expression: ast.AST, tainted: set[int], attributes: set[str]
) -> bool:
    return any(
        _is_tainted(names, node, tainted, attributes)
        for node in names.walk(expression)
        if _is_read(names, node)
    )


def _is_tainted(names: ModuleNames, node: ast.AST, tainted: set[int], attributes: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return any(id(binding.node) in tainted for binding in names.reaching(node))
    return bool(attributes) and isinstance(node, ast.Attribute) and ast.unparse(node) in attributes


# -- waiting --------------------------------------------------------------------------------------


def _waits_at(module: Module, call: ast.Call) -> list[ast.AST]:
    """Return the places that wait for the result of the call, or for the list that holds it."""
    names = module.names
    found: list[ast.AST] = []
    for parent in names.ancestors(call):
        if _is_wait(module, parent):
            found.append(parent)
        if isinstance(parent, ast.stmt):
            break
    statement = names.statement_of(call)
    collected: list[Binding] = []
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            collected = [
                b
                for b in names.scope_of(target).frame.bindings.get(target.id, [])
                if b.node is target
            ]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in _FILLERS
            and isinstance(function.value, ast.Name)
        ):
            collected = names.reaching(function.value)
    for binding in collected:
        for use in names.uses(binding):
            if binding not in names.reaching(use):
                continue
            for parent in names.ancestors(use):
                if _is_wait(module, parent):
                    # The list is made anew where it is bound: the wait ends that burst.
                    loops = names.enclosing_loops(binding.node)
                    around = names.enclosing_loops(parent)
                    same = all(loop in loops for loop in around)
                    if same or (loops and around[-len(loops) :] == loops):
                        found.append(parent)
                if isinstance(parent, ast.stmt):
                    break
    return found


def _is_wait(module: Module, node: ast.AST) -> bool:
    if isinstance(node, ast.Await):
        return True
    return isinstance(node, ast.Call) and bool(module.names.qualified_names(node.func) & _WAITS)


def _holder(names: ModuleNames, loop: ast.AST) -> ast.AST:
    """Return the node that stands for a loop: for a generator, its comprehension."""
    return names.parents[loop] if isinstance(loop, ast.comprehension) else loop


def _inside_body(names: ModuleNames, loop: ast.AST, node: ast.AST) -> bool:
    holder = _holder(names, loop)
    return node is not holder and names.contains(holder, node)


# -- work besides ---------------------------------------------------------------------------------


class _Beside(Costs):
    """Sums up what one run of a loop does besides submitting the call."""

    def __init__(
        self,
        project: Project,
        module: Module,
        call: ast.Call,
        loop: ast.AST,
        threshold: float,
        known_heavy: tuple[str, ...],
        known_tiny: tuple[str, ...],
    ) -> None:
        super().__init__(project, known_heavy, known_tiny)
        self.module = module
        self.call = call
        self.loop = loop
        self.threshold = threshold

    def cost(self, inner: ast.AST | None) -> Cost:
        """Return the cost of one run; ``inner`` is the loop within that holds the call."""
        names = self.module.names
        loop = self.loop
        parts: list[ast.AST]
        if isinstance(loop, ast.comprehension):
            holder = names.parents[loop]
            if inner is holder:
                return Cost("tiny", "")  # an earlier generator of the same comprehension
            parts = [*loop.ifs]
            if isinstance(holder, ast.DictComp):
                parts += [holder.key, holder.value]
            elif isinstance(holder, ast.ListComp | ast.SetComp | ast.GeneratorExp):
                parts.append(holder.elt)
        elif isinstance(loop, ast.While):
            parts = [loop.test, *loop.body]
        elif isinstance(loop, ast.For | ast.AsyncFor):
            parts = list(loop.body)
        else:
            return Cost("tiny", "")
        work = Work()
        for part in parts:
            for node in names.walk(part):
                if work.heavy is not None:
                    return verdict(work, self.threshold)
                skipped = inner is not None and names.contains(inner, node)
                skipped = skipped or names.contains(self.call.func, node)
                if not skipped and names.scope_of(node).frame is names.scope_of(loop).frame:
                    self.visit(self.module, node, work, 0)
        return verdict(work, self.threshold)

    def enclosing_loops(self, module: Module, node: ast.AST) -> list[ast.AST]:
        """Return the loops around a node, up to the loop whose single run is summed up."""
        loops = module.names.enclosing_loops(node)
        if module is self.module and self.loop in loops:
            return loops[: loops.index(self.loop)]
        return loops

    def _call(self, module: Module, node: ast.Call, runs: float, work: Work, depth: int) -> None:
        if node is self.call:
            return None
        if _is_submission(node):
            parent = module.names.parents.get(node)
            if parent is not None and _is_wait(module, parent):
                return self._waited(module, node, work)
            return None
        if _is_wait(module, node):
            return None
        if isinstance(node.func, ast.Attribute) and _is_submission(node.func.value):
            return None  # a method of the reference: ``f.remote(x).future()``
        return super()._call(module, node, runs, work, depth)

    def _waited(self, module: Module, node: ast.Call, work: Work) -> None:
        """Include a call that is waited for at once."""
        callee = resolve_callee(self.project, module, node)
        cost = cost_of(
            self.project,
            callee,
            threshold=self.threshold,
            known_heavy=self.known_heavy,
            known_tiny=self.known_tiny,
        )
        if cost.kind == "heavy":
            work.take_heavy(f"waits for `{callee.name}`, which {cost.reason}", node.lineno)
        elif cost.kind == "unknown":
            work.take_unknown(f"waits for `{callee.name}`", node.lineno)
