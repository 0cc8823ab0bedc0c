"""How long: the cost class of the function that a submission runs.

The body is not executed but summed up: constants for plain operations, the table of known calls,
functions of the project followed, loops multiplied with the number of their runs. Anything heavy
decides; then anything unknown; what is left is *tiny* as long as it stays below the threshold.
"""

from __future__ import annotations

import ast
import fnmatch
import math
from dataclasses import replace

from ray_lint.program import known_costs
from ray_lint.program.class_members import class_members
from ray_lint.program.cost_arrays import Arrays
from ray_lint.program.cost_hints import (
    calls_itself_often,
    divides_the_number,
    ends_at_root,
    ends_by_number,
    is_argument,
    is_short_text,
    makes_record,
    rooted_numbers,
    stands_for_work,
)
from ray_lint.program.cost_requests import resource_request
from ray_lint.program.counts import Count
from ray_lint.program.functions import argument_of, arguments_for, implicit_parameters
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, FunctionNode
from ray_lint.program.project import Project
from ray_lint.program.provenance import Origins
from ray_lint.program.remote_kinds import PICKERS, Values
from ray_lint.program.remote_values import Remotes
from ray_lint.program.remotes import Callee, CalleeKind
from ray_lint.program.size_elements import entries_of, items_of, loop_values
from ray_lint.program.sizes import Sizes, number_of
from ray_lint.program.work import Cost, Work, duration, verdict

_DEPTH = 12  # calls followed
_MAX_NODES = 20_000  # looked at for one callee
_MAX_HELPERS = 20  # calls looked at one by one
_UNKNOWN_RUNS = 10  # assumed for a loop whose size is not known
_SOME_RUNS = 30  # assumed for a loop over data that the file itself makes of small numbers
_LARGE_ROW, _LARGE_SIDE = 1_000, 250  # numbers in sight of a matrix that is multiplied
_LARGE_DECOMPOSED = 100  # of one whose eigenvalues and the like are computed
_FEW = 1000  # runs of a loop that may as well be taken as all of them
_ROOT_RUNS = 1_000.0  # assumed up to the square root of a number: it has six digits then


def cost_of(
    project: Project,
    callee: Callee,
    *,
    threshold: float = 0.010,
    known_heavy: tuple[str, ...] = (),
    known_tiny: tuple[str, ...] = (),
    site: tuple[Module, ast.Call] | None = None,
) -> Cost:
    """Return the cost class of one run of the callee; of several callees, the highest.

    ``threshold`` is in seconds. ``known_heavy`` and ``known_tiny`` are patterns of names as the
    user writes them (``mylib.*``, ``score``); they win over everything else. ``site`` is the call
    ``f.remote(...)`` with its module: functions and objects among its arguments tell what the body
    calls.
    """
    costs = [
        _cost_of_one(
            project,
            each,
            threshold=threshold,
            known_heavy=known_heavy,
            known_tiny=known_tiny,
            site=site,
        )
        for each in (callee, *callee.others)
    ]
    cost = max(costs, key=lambda cost: ("tiny", "unknown", "heavy").index(cost.kind))
    return replace(cost, lent=True) if callee.lent else cost


def _cost_of_one(
    project: Project,
    callee: Callee,
    *,
    threshold: float,
    known_heavy: tuple[str, ...],
    known_tiny: tuple[str, ...],
    site: tuple[Module, ast.Call] | None,
) -> Cost:
    for patterns, kind in ((known_heavy, "heavy"), (known_tiny, "tiny")):
        for pattern in patterns:
            if _matches(callee, pattern):
                reason = f"`{pattern}` is configured as {kind}"
                return Cost("heavy" if kind == "heavy" else "tiny", reason)
    if callee.kind is CalleeKind.ACTOR_CREATION:
        return Cost("heavy", "starts a process for an actor")
    resources, place = resource_request(project, callee)
    if place:
        if _changes_in_loop(callee, site):
            return Cost("heavy", place)
        resources = resources or place
    if callee.definition is None or callee.module is None:
        name = callee.name.rpartition(".")[2]
        if name in known_costs.EMPTY_NAMES:
            return Cost("tiny", f"`{name}` says that it does nothing", demands=resources)
        if resources:
            return Cost("heavy", resources)
        return Cost("unknown", "its definition is not in the project")
    costs = Costs(project, known_heavy, known_tiny)
    if site is not None:
        costs.called_from(callee.module, callee.definition, *site)
    cost = verdict(costs.function(callee.module, callee.definition), threshold)
    if resources and cost.kind == "unknown":
        return Cost("heavy", resources)
    return replace(cost, demands=resources)


def _changes_in_loop(callee: Callee, site: tuple[Module, ast.Call] | None) -> bool:
    """Whether the options of a call depend on the run of the loop: another place for each item."""
    if site is None:
        return bool(callee.options)
    names = site[0].names
    loops = names.enclosing_loops(site[1])
    for options in callee.options:
        for node in names.walk(options) if options in names.order else ():
            if isinstance(node, ast.Call) and names.stands_for(node.func, *PICKERS):
                return True
            if isinstance(node, ast.Name) and any(
                names.contains(loop, binding.node)
                for binding in names.reaching(node)
                for loop in loops
            ):
                return True
    return False


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
        self.root: FunctionNode | None = None
        self.given: dict[str, tuple[Module, ast.expr]] = {}
        self._origins = Origins()
        self._arrays = Arrays(self)
        self._helpers = 0

    def called_from(
        self, module: Module, function: FunctionNode, place: Module, call: ast.Call
    ) -> None:
        """Take the arguments of one call of ``function`` for what its parameters are."""
        skip = implicit_parameters(module, function)
        signature = function.args
        for parameter in (*signature.posonlyargs, *signature.args, *signature.kwonlyargs):
            argument = argument_of(call, function, parameter.arg, skip)
            if argument is not None and not isinstance(argument, ast.Constant):
                self.given[parameter.arg] = (place, argument)
        self._origins = Origins(module, function, place, call)
        if self.given:
            self.root = function

    def function(self, module: Module, node: FunctionNode, depth: int = 0) -> Work:
        """Sum up one run of a function."""
        key = (type(self), node, self.known_heavy, self.known_tiny)
        memo = self.project.memo if node is not self.root else {}
        if key in memo:
            known: Work = memo[key]
            return known
        if depth > _DEPTH:
            return Work(unknown=Cost("unknown", "is deeply nested"))
        memo[key] = Work(
            unknown=Cost("unknown", "calls itself", None, node.lineno),
            opaque=calls_itself_often(module, node),
        )
        work = Work()
        self._sum(module, node, work, depth)
        memo[key] = work
        return work

    def _sum(self, module: Module, function: FunctionNode, work: Work, depth: int) -> None:
        names = module.names
        if not isinstance(function, ast.Lambda):
            stub = stands_for_work(module, function)
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
            if work.heavy is not None:
                return  # nothing else can change that
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
        some = _SOME_RUNS
        for loop in self.enclosing_loops(module, node):
            count = self.sizes.loop(module, loop)
            certain = self._certain(module, count, loop)
            if certain is not None:
                runs *= certain
            elif self._origins.made_here(module, loop):
                runs *= self._assumed(module, count, loop, work, seen=some)
                some = _UNKNOWN_RUNS  # loops in loops over small data have less to do each
            else:
                runs *= self._assumed(module, count, loop, work)
            if runs > 1e15:
                break
        return runs

    def _certain(self, module: Module, count: Count, loop: ast.AST) -> float | None:
        """Return how often a loop runs if its size, or what ends it, tells; None if not."""
        if count.kind == "known" and count.high is not None:
            return (count.low + count.high) / 2
        if count.high is not None and count.high <= _FEW:
            return float(count.high)  # at most the items of a short slice or list
        if is_short_text(module, loop):
            return float(_UNKNOWN_RUNS)
        if ends_at_root(module, loop):
            return self._up_to_root(module, loop)
        if divides_the_number(module, loop):
            return 1.0  # for each run of the loop around it, at most
        return None

    def _assumed(
        self, module: Module, count: Count, loop: ast.AST, work: Work, *, seen: int = 0
    ) -> float:
        """Return how often a loop of unknown size is taken to run, and note what is not known.

        ``seen`` runs if it goes over data that the file itself makes of small numbers.
        """
        line = getattr(loop, "lineno", 0) or getattr(getattr(loop, "iter", None), "lineno", 0)
        if count.kind == "unbounded":
            work.take_heavy(f"loops without end ({count.reason})", line)
        elif seen:
            reason = f"loops a number of times that its data says ({count.reason})"
            work.take_unknown(reason, line, seen=True)
            return float(max(count.low, seen))
        elif count.kind == "data" and is_argument(module, loop):
            work.take_unknown(f"loops over its argument: {count.reason}", line)
        elif count.kind == "data":
            work.take_heavy(f"loops over data: {count.reason}", line, by_data=True)
        else:
            reason = f"loops an unknown number of times ({count.reason})"
            work.take_unknown(reason, line, plain=ends_by_number(module, loop))
        return float(max(count.low, _UNKNOWN_RUNS))

    def _up_to_root(self, module: Module, loop: ast.AST) -> float:
        """Return how often a loop runs that tries numbers up to a square root."""
        numbers = [
            self.sizes.bound(module, binding)
            for name in rooted_numbers(module, loop)
            for binding in module.names.reaching(name)
            if binding.kind is not BindingKind.AUGMENTED  # divided by what was found
        ]
        if not numbers or any(number.kind != "known" for number in numbers):
            return _ROOT_RUNS
        return min(math.sqrt(max(0.0, *(number.high for number in numbers))), _ROOT_RUNS)

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
        values = self._lent(module, function)
        work.lent = work.lent or bool(values)
        values = values or self.remotes.values(module, function)
        followed = [v for v in values if v.module is not None and v.node is not None]
        if followed and depth < _DEPTH:
            for value in followed:
                self._follow(value.module, value.node, module, node, runs, work, depth)  # type: ignore[arg-type]
            return None
        for name in sorted(names):
            if self._known(module, name, node, runs, work):
                return None
        chosen = self._passed(module, function) or chosen_functions(module, function)
        if chosen and self._each(module, chosen, node, runs, work, depth):
            return None
        if isinstance(function, ast.Attribute):
            own = self._only_method(module, function)
            if own is not None and depth < _DEPTH:
                return self._follow(module, own, module, node, runs, work, depth)
            return self._method(module, function, node, runs, work)
        if makes_record(module, function):
            return work.take(1e-6 * runs, f"creates `{words}`", line)
        return work.take_unknown(f"calls `{words}`, which is not known here", line)

    def _only_method(self, module: Module, function: ast.Attribute) -> ast.FunctionDef | None:
        """Return the only method of the module by a name that no known type has."""
        known = known_costs.TINY_METHODS | known_costs.HEAVY_METHODS.keys()
        found = [b.node for bs in class_members(module.names, function.attr) for b in bs]
        if function.attr in known or len(found) != 1:
            return None
        return found[0] if isinstance(found[0], ast.FunctionDef) else None

    def _passed(self, module: Module, function: ast.expr) -> list[ast.expr]:
        """Return the functions that are passed for a parameter, nothing if not all are seen."""
        passed: list[ast.expr] = []
        for binding in module.names.reaching(function) if isinstance(function, ast.Name) else ():
            maker = binding.scope.node
            if binding.kind is not BindingKind.PARAMETER or not isinstance(maker, ast.FunctionDef):
                return []
            for argument in arguments_for(module, maker, binding.name):
                found = passed_functions(module, argument)
                if found is None:
                    return []
                passed += found
        return passed

    def _each(
        self,
        module: Module,
        functions: list[ast.expr],
        node: ast.Call,
        runs: float,
        work: Work,
        depth: int,
    ) -> bool:
        """Take a call as one of each of several functions; whether all are known."""
        if depth >= _DEPTH:
            return False
        for expression in functions:
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
                self._follow(value.module, value.node, module, node, runs, work, depth)  # type: ignore[arg-type]
        return True

    def _lent(self, module: Module, function: ast.expr) -> Values:
        """Return what is called if it is an argument of the call that is looked at."""
        base = function.value if isinstance(function, ast.Attribute) else function
        if self.root is not None and isinstance(base, ast.Name) and base.id in self.given:
            bindings = module.names.reaching(base)
            if [b.node for b in bindings if b.scope.node is self.root] == [
                b.node for b in bindings if b.kind is BindingKind.PARAMETER
            ]:
                values = self.remotes.values(*self.given[base.id])
                if isinstance(function, ast.Attribute):
                    return self.remotes.members(values, function.attr)
                return values
        return ()

    def _follow(
        self,
        home: Module,
        definition: ast.AST,
        module: Module,
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
            if inner.unknown is not None and isinstance(definition, ast.FunctionDef):
                inner = self._as_called(home, definition, module, node, depth) or inner
            work.include(inner, runs, node.lineno, _name(node.func))

    def _as_called(
        self, home: Module, function: ast.FunctionDef, module: Module, call: ast.Call, depth: int
    ) -> Work | None:
        """Sum up a helper with the sizes that one call gives it, None if they tell nothing more."""
        sizes = self.sizes.within(home, function, module, call)
        if sizes is self.sizes or self._helpers >= _MAX_HELPERS:
            return None
        self._helpers += 1
        general, self.sizes, work = self.sizes, sizes, Work()
        try:
            self._sum(home, function, work, depth + 1)
        finally:
            self.sizes = general
        return work if work.unknown is None else None

    def _known(self, module: Module, name: str, node: ast.Call, runs: float, work: Work) -> bool:
        line, words = node.lineno, _name(node.func)
        if name in known_costs.SLEEPS:
            self._sleep(module, node, runs, work)
            return True
        if name in known_costs.PER_ELEMENT:
            elements = self._arrays.made(module, node)
            if elements is None:
                seen = self._origins.are_made_here(module, node.args)
                size = "small" if seen else "unknown"
                work.take_unknown(f"makes an array of {size} size with `{words}`", line, seen=seen)
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
            if len(node.args) > 1 and name in ("builtins.min", "builtins.max"):
                items = len(node.args)  # they are compared themselves: ``min(a, b)``
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
            linear = name.startswith(known_costs.LINEAR)
            seen = linear and self._origins.are_made_here(module, node.args)
            work.take_unknown(f"calls `{words}`, which {value}", line, seen=seen)
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
        words, line = _name(node.func) if isinstance(node, ast.Call) else "@", node.lineno
        largest = max((self._arrays.size(module, x) or 0 for x in operands), default=0)
        if not largest:
            rows = [self._arrays.is_row(module, x) for x in operands]
            if len(operands) == 2 and all(rows):
                seconds = known_costs.ROW_SECONDS * runs
                work.take(seconds, f"multiplies rows with `{words}`", node.lineno)
                return True
            decomposed = words.rpartition(".")[2] in known_costs.DECOMPOSING
            largest_number = _LARGE_DECOMPOSED if decomposed else _LARGE_SIDE
            largest_number = _LARGE_ROW if any(rows) else largest_number
            if self._origins.are_made_here(module, operands, largest_number):
                work.take_unknown(f"multiplies small matrices with `{words}`", line, seen=True)
                return True
            return False
        seconds = 2e-6 + known_costs.MATRIX_SECONDS * largest**1.5
        work.take(seconds * runs, f"multiplies matrices with `{words}`", node.lineno)
        return True

    def _sleep(self, module: Module, node: ast.Call, runs: float, work: Work) -> None:
        number = number_of(self.project, module, node.args[0]) if node.args else None
        if number is None or number.kind != "known":
            work.take_heavy("sleeps", node.lineno)
            return
        seconds = max((number.low + number.high) / 2, 0)
        work.take(seconds * runs, f"sleeps {duration(seconds * runs)}", node.lineno)

    def _is_small_object(self, module: Module, node: ast.expr) -> bool:
        """Whether an object is made by a class like ``Decimal`` or ``StringIO``."""
        if isinstance(node, ast.Name):
            values = [binding.value for binding in module.names.reaching(node)]
        else:
            values = [node]
        for value in values:
            if not isinstance(value, ast.Call):
                return False
            name = module.names.qualified(value.func) or ""
            found = _lookup(name)
            small = name.partition(".")[0] in known_costs.SMALL_OBJECTS
            if not small or found is None or found[0] != "tiny":
                return False
        return bool(values)

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
        small = isinstance(root, ast.Constant | ast.JoinedStr)
        if small or self._is_small_object(module, function.value):
            return work.take(1e-6 * runs, f"calls `{_name(function)}`", line)
        return work.take_unknown(f"calls `{_name(function)}`, which is not known here", line)


def chosen_functions(module: Module, function: ast.expr) -> list[ast.expr]:
    """Return what ``OPERATIONS[sign]`` and ``OPERATIONS.get(sign)`` may stand for."""
    if isinstance(function, ast.Name):
        values = [b.value for b in module.names.reaching(function)]
        if len(values) != 1 or values[0] is None or isinstance(values[0], ast.Name):
            return []
        return chosen_functions(module, values[0])
    if isinstance(function, ast.Subscript):
        return entries_of(module, function.value) or items_of(module, function.value) or []
    if isinstance(function, ast.Call) and isinstance(function.func, ast.Attribute):
        table = entries_of(module, function.func.value) if function.func.attr == "get" else None
        return [*table, *function.args[1:]] if table else []
    return []


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


def _is_false(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and not test.value


def _body(function: FunctionNode) -> list[ast.stmt] | list[ast.expr]:
    return [function.body] if isinstance(function, ast.Lambda) else function.body


def _name(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else text[:37] + "..."
