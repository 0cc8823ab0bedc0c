"""How long: the cost class of the function that a submission runs.

The body is not executed but summed up: constants for plain operations, the table of known calls,
functions of the project followed, loops multiplied with the number of their runs. Anything heavy
decides; then anything unknown; what is left is *tiny* as long as it stays below the threshold.
"""

from __future__ import annotations

import ast
import fnmatch
import io
import re
import tokenize
from dataclasses import dataclass, field, replace
from typing import Literal

from ray_lint.program import known_costs
from ray_lint.program.counts import Count
from ray_lint.program.functions import arguments_for
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, FunctionNode
from ray_lint.program.project import Project
from ray_lint.program.remote_values import Remotes
from ray_lint.program.remotes import Callee, CalleeKind
from ray_lint.program.size_elements import items_of, loop_values
from ray_lint.program.sizes import Sizes, number_of

_OPERATION = 4e-8  # seconds of one node of plain Python
_DEPTH = 12  # calls followed
_MAX_NODES = 20_000  # looked at for one callee
_UNKNOWN_RUNS = 10  # assumed for a loop whose size is not known
_FEW = 1000  # runs of a loop that may as well be taken as all of them
_PLACES = frozenset({"scheduling_strategy", "placement_group", "label_selector"})


@dataclass(frozen=True)
class Cost:
    """The cost class of one run: ``seconds`` is an estimate where there is one.

    ``line`` is the line of the statement that decides, in the file of the callee's definition
    (or of the helper that it calls), 0 if none does.
    """

    kind: Literal["tiny", "heavy", "unknown"]
    reason: str
    seconds: float | None = None
    line: int = 0
    demands: str = ""
    """What resources a tiny body asks for: it may be more than it seems."""
    doubts: int = 0
    """Number of places of unknown cost: many of them hardly add up to something tiny."""
    plain: bool = False
    """Unknown only for loops of plain Python that end when a number says so, as Euclid's does."""


@dataclass
class Work:
    """What has been summed up of one function."""

    seconds: float = 0.0
    heavy: Cost | None = None
    unknown: Cost | None = None
    slowest: tuple[float, str, int] = (0.0, "", 0)
    doubts: set[str] = field(default_factory=set)
    opaque: bool = False
    """Something of unknown cost is more than a loop of plain Python."""
    plain: dict[float, float] = field(default_factory=dict)
    """Seconds of plain operations, by the number of times they run."""

    def operate(self, runs: float, line: int) -> None:
        """Add one operation of plain Python."""
        seconds = runs * _OPERATION
        self.seconds += seconds
        total = self.plain[runs] = self.plain.get(runs, 0.0) + seconds
        if total > self.slowest[0]:
            what = "plain Python" if runs <= 1 else f"loops {runs:,.0f} times"
            self.slowest = (total, what, line)

    def take(self, seconds: float, reason: str, line: int) -> None:
        """Add work of a known length."""
        self.seconds += seconds
        if seconds > self.slowest[0]:
            self.slowest = (seconds, reason, line)

    def take_heavy(self, reason: str, line: int) -> None:
        """Note that something heavy is done."""
        if self.heavy is None:
            self.heavy = Cost("heavy", reason, None, line)

    def take_unknown(self, reason: str, line: int, *, plain: bool = False) -> None:
        """Note that something is done of which the cost is not known.

        ``plain``: how often plain Python is repeated is all that is not known.
        """
        self.doubts.add(reason)
        self.opaque = self.opaque or not plain
        if self.unknown is None:
            self.unknown = Cost("unknown", reason, None, line)

    def include(self, other: Work, runs: float, line: int, name: str) -> None:
        """Add what a called function does, ``runs`` times."""
        if other.heavy is not None:
            self.take_heavy(f"calls `{name}`, which {other.heavy.reason}", line)
        if other.unknown is not None:
            reason = f"calls `{name}`, which {other.unknown.reason}"
            self.take_unknown(reason, line, plain=not other.opaque)
            self.doubts |= other.doubts
        self.take(other.seconds * runs, f"calls `{name}`", line)


def cost_of(
    project: Project,
    callee: Callee,
    *,
    threshold: float = 0.010,
    known_heavy: tuple[str, ...] = (),
    known_tiny: tuple[str, ...] = (),
) -> Cost:
    """Return the cost class of one run of the callee.

    ``threshold`` is in seconds. ``known_heavy`` and ``known_tiny`` are patterns of names as the
    user writes them (``mylib.*``, ``score``); they win over everything else.
    """
    for patterns, kind in ((known_heavy, "heavy"), (known_tiny, "tiny")):
        for pattern in patterns:
            if _matches(callee, pattern):
                reason = f"`{pattern}` is configured as {kind}"
                return Cost("heavy" if kind == "heavy" else "tiny", reason)
    if callee.kind is CalleeKind.ACTOR_CREATION:
        return Cost("heavy", "starts a process for an actor")
    resources, place = resource_request(project, callee)
    if place:
        return Cost("heavy", place)
    if callee.definition is None or callee.module is None:
        name = callee.name.rpartition(".")[2]
        if name in known_costs.EMPTY_NAMES:
            return Cost("tiny", f"`{name}` says that it does nothing", demands=resources)
        if resources:
            return Cost("heavy", resources)
        return Cost("unknown", "its definition is not in the project")
    costs = Costs(project, known_heavy, known_tiny)
    cost = verdict(costs.function(callee.module, callee.definition), threshold)
    if resources and cost.kind == "unknown":
        return Cost("heavy", resources)
    return replace(cost, demands=resources)


def verdict(work: Work, threshold: float) -> Cost:
    """Return the cost class of what has been summed up."""
    if work.heavy is not None:
        return work.heavy
    seconds, reason, line = work.slowest
    if work.seconds > threshold:
        return Cost("heavy", f"{reason}: about {_time(work.seconds)}", work.seconds, line)
    if work.unknown is not None:
        return replace(work.unknown, doubts=len(work.doubts), plain=not work.opaque)
    if reason.startswith("sleeps"):
        return Cost("tiny", f"{reason}", work.seconds, line)
    what = f"{reason}, " if seconds > 0.5 * work.seconds and reason else ""
    return Cost("tiny", f"{what}about {_time(work.seconds)} of work", work.seconds, line)


def _time(seconds: float) -> str:
    if seconds < 1e-6:
        return "1 µs"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:,.0f} s"


def _matches(callee: Callee, pattern: str) -> bool:
    names = {callee.name, callee.binding_name}
    definition = callee.definition
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        names.add(definition.name)
        if callee.class_definition is not None:
            names.add(f"{callee.class_definition.name}.{definition.name}")
        if callee.module is not None and callee.module.name:
            names.add(f"{callee.module.name}.{definition.name}")
    return any(name and fnmatch.fnmatchcase(name, pattern) for name in names)


def resource_request(project: Project, callee: Callee) -> tuple[str, str]:
    """Return in words the request that speaks of heavy work, and the place that is asked for.

    What an actor asks for is held as long as it lives and says little about one of its methods:
    there only GPUs count. A place of its own (a node, a bundle) is a reason for a task of its own.
    Both are "" if there is none.
    """
    method = callee.kind is CalleeKind.ACTOR_METHOD
    for call in (callee.decorator, *callee.options):
        if not isinstance(call, ast.Call):
            continue
        for keyword in call.keywords:
            value = keyword.value
            none = isinstance(value, ast.Constant) and not value.value
            empty = isinstance(value, ast.Dict) and not value.keys
            if none or empty:
                continue
            if keyword.arg == "num_gpus":
                return f"asks for num_gpus={ast.unparse(value)}", ""
            if method:
                continue
            if keyword.arg in {"resources", "accelerator_type"}:
                words = f"asks for {keyword.arg}={ast.unparse(value)[:40]}"
                # Given call by call, or for one node, it names the place to run at.
                placed = call in callee.options or "node:" in words
                return ("", words) if placed else (words, "")
            if keyword.arg in _PLACES and not isinstance(value, ast.Constant):
                return "", f"asks for a place: {keyword.arg}={ast.unparse(value)[:40]}"
            if keyword.arg == "num_cpus":
                cpus = _number_in(project, callee.module, value)
                if cpus is not None and cpus > 1:
                    return f"asks for {cpus:g} CPUs", ""
    return "", ""


def _number_in(project: Project, module: Module | None, value: ast.expr) -> float | None:
    """Return a known number; the expression may stand in another module than ``module``."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, int | float) else None
    if module is None or value not in module.names.order:
        return None
    number = number_of(project, module, value)
    return number.low if number.kind == "known" else None


class Costs:
    """Sums up functions, each at most once per project and set of configured names."""

    def __init__(
        self, project: Project, known_heavy: tuple[str, ...], known_tiny: tuple[str, ...]
    ) -> None:
        self.project = project
        self.known_heavy = known_heavy
        self.known_tiny = known_tiny
        self.sizes = Sizes(project)
        self.remotes = Remotes(project)

    def function(self, module: Module, node: FunctionNode, depth: int = 0) -> Work:
        """Sum up one run of a function."""
        key = (type(self), node, self.known_heavy, self.known_tiny)
        memo = self.project.memo
        if key in memo:
            known: Work = memo[key]
            return known
        if depth > _DEPTH:
            return Work(unknown=Cost("unknown", "is deeply nested"))
        memo[key] = Work(
            unknown=Cost("unknown", "calls itself", None, node.lineno),
            opaque=_calls_itself_often(module, node),
        )
        work = Work()
        self._sum(module, node, work, depth)
        memo[key] = work
        return work

    def _sum(self, module: Module, function: FunctionNode, work: Work, depth: int) -> None:
        names = module.names
        if not isinstance(function, ast.Lambda):
            stub = _stands_for_work(module, function)
            if stub:
                work.take_heavy(stub, function.lineno)
                return
        scope = names.scopes[function]
        nodes = names.walk(function)
        if len(nodes) > _MAX_NODES:
            work.take_heavy("is a very long function", function.lineno)
            return
        body = {id(n) for n in _body(function)}
        started = False
        dead = -1  # the last node of a branch that is never taken
        for node in nodes:
            if id(node) in body:
                started = True
            if isinstance(node, ast.If) and _is_false(node.test) and node.body:
                dead = max(dead, names.last[node.body[-1]])
            if started and names.scope_of(node).frame is scope and names.order[node] > dead:
                self.visit(module, node, work, depth)

    def visit(self, module: Module, node: ast.AST, work: Work, depth: int) -> None:
        """Add what one node does, without the nodes below it."""
        if not isinstance(node, ast.expr | ast.stmt) or isinstance(node, ast.Constant):
            return
        runs = self._runs(module, node, work)
        if isinstance(node, ast.Call):
            self._call(module, node, runs, work, depth)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            if not self._matrix(module, [node.left, node.right], node, runs, work):
                work.take_unknown("multiplies matrices of unknown size", node.lineno)
        else:
            work.operate(runs, node.lineno)

    def enclosing_loops(self, module: Module, node: ast.AST) -> list[ast.AST]:
        """Return the loops whose runs multiply what the node does."""
        return module.names.enclosing_loops(node)

    def _runs(self, module: Module, node: ast.AST, work: Work) -> float:
        """Return how often a node runs per call of its function."""
        runs = 1.0
        for loop in self.enclosing_loops(module, node):
            count = self.sizes.loop(module, loop)
            runs *= self._estimate(module, count, loop, work)
            if runs > 1e15:
                break
        return runs

    def _estimate(self, module: Module, count: Count, loop: ast.AST, work: Work) -> float:
        line = getattr(loop, "lineno", 0) or getattr(getattr(loop, "iter", None), "lineno", 0)
        if count.kind == "known" and count.high is not None:
            return (count.low + count.high) / 2
        if count.high is not None and count.high <= _FEW:
            return float(count.high)  # at most the items of a short slice or list
        if self._is_short_text(module, loop):
            return float(_UNKNOWN_RUNS)
        if count.kind == "unbounded":
            work.take_heavy(f"loops without end ({count.reason})", line)
        elif count.kind == "data" and self._is_argument(module, loop):
            work.take_unknown(f"loops over its argument: {count.reason}", line)
        elif count.kind == "data":
            work.take_heavy(f"loops over data: {count.reason}", line)
        else:
            reason = f"loops an unknown number of times ({count.reason})"
            work.take_unknown(reason, line, plain=_ends_by_number(module, loop))
        return float(max(count.low, _UNKNOWN_RUNS))

    def _is_short_text(self, module: Module, loop: ast.AST) -> bool:
        """Whether a loop runs over the digits of a number or the words of one item's text."""
        iterable = getattr(loop, "iter", None)
        names = module.names
        if isinstance(iterable, ast.Call) and names.stands_for(iterable.func, "builtins.reversed"):
            iterable = iterable.args[0] if iterable.args else None
        if isinstance(iterable, ast.Name):
            values = [binding.value for binding in names.reaching(iterable)]
            iterable = values[0] if len(values) == 1 else None
        if not isinstance(iterable, ast.Call):
            return False
        written = (f"builtins.{name}" for name in ("str", "repr", "bin", "hex", "oct"))
        if names.stands_for(iterable.func, *written, "re.findall", "re.finditer", "re.split"):
            return True
        function = iterable.func
        return isinstance(function, ast.Attribute) and (
            function.attr in {"split", "rsplit"} and not isinstance(function.value, ast.Call)
        )

    def _is_argument(self, module: Module, loop: ast.AST) -> bool:
        """Whether a loop runs over a parameter itself: one item of the caller, perhaps short."""
        iterable = getattr(loop, "iter", None)
        wrappers = ("builtins.enumerate", "builtins.zip")
        if isinstance(iterable, ast.Call) and module.names.stands_for(iterable.func, *wrappers):
            iterable = iterable.args[0] if iterable.args else None
        if not isinstance(iterable, ast.Name):
            return False
        kinds = {binding.kind for binding in module.names.reaching(iterable)}
        return kinds == {BindingKind.PARAMETER}

    # -- calls --------------------------------------------------------------------------------

    def _call(self, module: Module, node: ast.Call, runs: float, work: Work, depth: int) -> None:
        function = node.func
        line = node.lineno
        names = module.names.qualified_names(function)
        words = _name(function)
        for name in (*names, words):
            if any(fnmatch.fnmatchcase(name, p) for p in self.known_heavy):
                return work.take_heavy(f"calls `{words}`, configured as heavy", line)
            if any(fnmatch.fnmatchcase(name, p) for p in self.known_tiny):
                return work.take(1e-6 * runs, f"calls `{words}`", line)
        if isinstance(function, ast.Attribute) and function.attr == "remote":
            return work.take_heavy("submits tasks of its own", line)
        for name in sorted(names):
            if name.startswith("ray.") and self._known(module, name, node, runs, work):
                return None  # also where Ray itself is the project
        values = self.remotes.values(module, function)
        followed = [v for v in values if v.module is not None and v.node is not None]
        if followed and depth < _DEPTH:
            for value in followed:
                self._follow(value.module, value.node, node, runs, work, depth)  # type: ignore[arg-type]
            return None
        for name in sorted(names):
            if self._known(module, name, node, runs, work):
                return None
        if isinstance(function, ast.Name) and self._passed(
            module, function, node, runs, work, depth
        ):
            return None
        if isinstance(function, ast.Attribute):
            return self._method(module, function, node, runs, work)
        return work.take_unknown(f"calls `{words}`, which is not known here", line)

    def _passed(
        self,
        module: Module,
        function: ast.Name,
        node: ast.Call,
        runs: float,
        work: Work,
        depth: int,
    ) -> bool:
        """Take the calls of a parameter as those of the functions that are passed for it."""
        passed: list[ast.expr] = []
        for binding in module.names.reaching(function):
            maker = binding.scope.node
            if binding.kind is not BindingKind.PARAMETER or not isinstance(maker, ast.FunctionDef):
                return False
            for argument in arguments_for(module, maker, binding.name):
                found = passed_functions(module, argument)
                if found is None:
                    return False
                passed += found
        if not passed or depth >= _DEPTH:
            return False
        for expression in passed:
            known = sorted(module.names.qualified_names(expression))
            if any(self._known(module, name, node, runs, work) for name in known):
                continue
            values = [
                v
                for v in self.remotes.values(module, expression)
                if v.module is not None and v.node is not None
            ]
            if not values:
                return False
            for value in values:
                self._follow(value.module, value.node, node, runs, work, depth)  # type: ignore[arg-type]
        return True

    def _follow(
        self,
        home: Module,
        definition: ast.AST,
        node: ast.Call,
        runs: float,
        work: Work,
        depth: int,
    ) -> None:
        """Include what a function or the constructor of a class of the project does."""
        if isinstance(definition, ast.ClassDef):
            initializer = next(
                (
                    s
                    for s in definition.body
                    if isinstance(s, ast.FunctionDef) and s.name == "__init__"
                ),
                None,
            )
            work.take(1e-6 * runs, f"creates `{definition.name}`", node.lineno)
            if initializer is not None:
                inner = self.function(home, initializer, depth + 1)
                work.include(inner, runs, node.lineno, definition.name)
            return
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = self.function(home, definition, depth + 1)
            work.include(inner, runs, node.lineno, _name(node.func))

    def _known(self, module: Module, name: str, node: ast.Call, runs: float, work: Work) -> bool:
        line, words = node.lineno, _name(node.func)
        if name in known_costs.SLEEPS:
            self._sleep(module, node, runs, work)
            return True
        if name in known_costs.PER_ELEMENT:
            elements = self._elements(module, node)
            if elements is None:
                work.take_unknown(f"makes an array of unknown size with `{words}`", line)
            else:
                seconds = 2e-6 + elements * known_costs.PER_ELEMENT[name]
                work.take(seconds * runs, f"calls `{words}`", line)
            return True
        if name.startswith(known_costs.MATRIX) and self._matrix(
            module, node.args, node, runs, work
        ):
            return True
        if name in known_costs.PER_ITEM and node.args:
            count = self.sizes.items(module, node.args[0])
            items = known_costs.ASSUMED_ITEMS if count.high is None else count.high
            seconds = 3e-7 + items * known_costs.PER_ITEM[name]
            work.take(seconds * runs, f"calls `{words}`", line)
            return True
        if name.startswith("builtins.") and name not in known_costs.HEAVY:
            seconds = known_costs.TINY.get(name, known_costs.TINY["builtins.*"])
            if name in known_costs.UNKNOWN:
                work.take_unknown(f"calls `{words}`, which {known_costs.UNKNOWN[name]}", line)
            else:
                work.take(seconds * runs, f"calls `{words}`", line)
            return True
        found = _lookup(name)
        if found is None:
            return False
        kind, value = found
        if kind == "heavy":
            work.take_heavy(f"calls `{words}`, which {value}", line)
        elif kind == "unknown":
            work.take_unknown(f"calls `{words}`, which {value}", line)
        else:
            assert isinstance(value, float)
            work.take(value * runs, f"calls `{words}`", line)
        return True

    def _matrix(
        self,
        module: Module,
        operands: list[ast.expr],
        node: ast.expr,
        runs: float,
        work: Work,
    ) -> bool:
        """Take matrix arithmetic on arrays that are made here; whether their size is known."""
        largest = max((self._size_of_array(module, x) or 0 for x in operands), default=0)
        if not largest:
            return False
        seconds = 2e-6 + known_costs.MATRIX_SECONDS * largest**1.5
        words = _name(node.func) if isinstance(node, ast.Call) else "@"
        work.take(seconds * runs, f"multiplies matrices with `{words}`", node.lineno)
        return True

    def _size_of_array(self, module: Module, node: ast.expr) -> float | None:
        """Return the number of elements of an array that is made in this function."""
        if isinstance(node, ast.Name):
            values = [binding.value for binding in module.names.reaching(node)]
            if len(values) != 1 or not isinstance(values[0], ast.Call):
                return None
            node = values[0]
        if not isinstance(node, ast.Call):
            return None
        if module.names.qualified(node.func) not in known_costs.PER_ELEMENT:
            return None
        return self._elements(module, node)

    def _sleep(self, module: Module, node: ast.Call, runs: float, work: Work) -> None:
        number = number_of(self.project, module, node.args[0]) if node.args else None
        if number is None or number.kind != "known":
            work.take_heavy("sleeps", node.lineno)
            return
        seconds = max((number.low + number.high) / 2, 0)
        work.take(seconds * runs, f"sleeps {_time(seconds * runs)}", node.lineno)

    def _elements(self, module: Module, node: ast.Call) -> float | None:
        """Return the number of elements of the array that a constructor call makes."""
        name = (module.names.qualified(node.func) or "").rpartition(".")[2]
        keywords = {k.arg: k.value for k in node.keywords}
        arguments: list[ast.expr]
        if name in {"rand", "randn"} or (name in {"zeros", "ones", "empty"} and len(node.args) > 1):
            arguments = [a for a in node.args if not isinstance(a, ast.Attribute)]
        elif name in {"uniform", "normal", "randint"}:
            arguments = node.args[2:3] or ([keywords["size"]] if "size" in keywords else [])
        elif name == "choice":
            arguments = node.args[1:2] or ([keywords["size"]] if "size" in keywords else [])
        elif name == "linspace":
            arguments = node.args[2:3] or [keywords.get("num", ast.Constant(50))]
        elif name in {"arange", "permutation"}:
            count = self.sizes.items(module, node)
            return None if count.high is None else float(count.high)
        elif name in {"eye", "identity"}:
            arguments = [*node.args[:1], *node.args[:1]]
        else:
            size = keywords.get("size") or keywords.get("shape")
            arguments = node.args[:1] or ([size] if size is not None else [])
        total = 1.0
        flat: list[ast.expr] = []
        for argument in arguments:
            flat += argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]
        for argument in flat:
            number = number_of(self.project, module, argument)
            if number.kind != "known" or number.high == float("inf"):
                return None
            total *= max(number.high, 0)
        return total

    def _method(
        self, module: Module, function: ast.Attribute, node: ast.Call, runs: float, work: Work
    ) -> None:
        """Judge the method of an object that is not known by its name."""
        method, line = function.attr, node.lineno
        root = function.value
        while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
            root = root.func if isinstance(root, ast.Call) else root.value
        if method in known_costs.HEAVY_METHODS:
            reason = known_costs.HEAVY_METHODS[method]
            return work.take_heavy(f"calls `{_name(function)}`, which {reason}", line)
        if method in known_costs.TINY_METHODS:
            return work.take(1e-6 * runs, f"calls `{_name(function)}`", line)
        if isinstance(root, ast.Constant | ast.JoinedStr):
            return work.take(1e-6 * runs, f"calls `{_name(function)}`", line)
        return work.take_unknown(f"calls `{_name(function)}`, which is not known here", line)


def passed_functions(module: Module, argument: ast.expr) -> list[ast.expr] | None:
    """Return the expressions that an argument may stand for: itself, or items of a collection."""
    if isinstance(argument, ast.Subscript):
        return items_of(module, argument.value)
    if isinstance(argument, ast.Name) and argument in module.names.order:
        loops = (BindingKind.LOOP, BindingKind.COMPREHENSION)
        found = [b for b in module.names.reaching(argument) if b.kind in loops]
        if found:
            values = [loop_values(module, b) for b in found]
            if any(v is None for v in values):
                return None
            return [e for v in values for e in v or []]
    return [argument]


def _lookup(name: str) -> tuple[str, str | float] | None:
    """Return class and value of the longest pattern that matches a dotted name."""
    tables: tuple[tuple[str, dict[str, str] | dict[str, float]], ...] = (
        ("heavy", known_costs.HEAVY),
        ("unknown", known_costs.UNKNOWN),
        ("tiny", known_costs.TINY),
    )
    for kind, table in tables:
        if name in table:
            return kind, table[name]
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        pattern = ".".join(parts[:length]) + ".*"
        for kind, table in tables:
            if pattern in table:
                return kind, table[pattern]
    return None


def _calls_itself_often(module: Module, node: FunctionNode) -> bool:
    """Whether a function calls itself in several places: the calls may multiply."""
    if isinstance(node, ast.Lambda):
        return True
    names = module.names
    calls = [
        n
        for n in names.walk(node)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == node.name
    ]
    return len(calls) != 1 or bool(names.enclosing_loops(calls[0]))


def _ends_by_number(module: Module, loop: ast.AST) -> bool:
    """Whether a ``while`` ends when the numbers it computes say so: no clock, no data, no queue."""
    if not isinstance(loop, ast.While) or isinstance(loop.test, ast.Constant):
        return False
    names = module.names
    changed = {
        n.id for n in names.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    read = {n.id for n in names.walk(loop.test) if isinstance(n, ast.Name)}
    known = {"abs", "len", "min", "max", "int", "sum"}
    return bool(changed & read) and not any(
        isinstance(n, ast.Attribute | ast.Await)
        or (isinstance(n, ast.Call) and not (isinstance(n.func, ast.Name) and n.func.id in known))
        for n in names.walk(loop.test)
    )


def _is_false(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and not test.value


def _body(function: FunctionNode) -> list[ast.stmt] | list[ast.expr]:
    return [function.body] if isinstance(function, ast.Lambda) else function.body


_NOTHING_WORDS = re.compile(
    r"\bno[- ]?op\b|\bnothing\b|\bempty\b|\btiny\b|\bsmall\b|\btrivial\b|noqa|type:", re.I
)


def _stands_for_work(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return why an empty body stands for real work: a comment or docstring describes it."""
    doc = ""
    for statement in function.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            if isinstance(statement.value.value, str):
                doc = statement.value.value
            continue
        if isinstance(statement, ast.Return) and (
            statement.value is None
            or (isinstance(statement.value, ast.Constant) and statement.value.value is None)
        ):
            continue
        if isinstance(statement, ast.Raise):
            return "is not implemented here"
        if not isinstance(statement, ast.Pass):
            return ""
    lines = module.text.splitlines()[function.lineno - 1 : function.end_lineno]
    comment = " ".join(_comments("\n".join(lines))) or doc
    if re.search(r"[A-Za-z]{3}", comment) and not _NOTHING_WORDS.search(comment):
        return f"has an empty body whose comment stands for work (“{comment.strip()[:40]}”)"
    return ""


def _comments(text: str) -> list[str]:
    if "#" not in text:
        return []
    found: list[str] = []
    try:
        import textwrap

        readline = io.StringIO(textwrap.dedent(text)).readline
        found.extend(
            token.string.lstrip("# ")
            for token in tokenize.generate_tokens(readline)
            if token.type == tokenize.COMMENT
        )
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def _name(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else text[:37] + "..."
