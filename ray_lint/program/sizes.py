"""How many: intervals for the number of items of an iterable and of the runs of a loop.

Every answer is an interval with its reason. *known* intervals are sound for programs that do not
change a list behind the analysis' back; what is not known is said to be so, never guessed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import replace

from ray_lint.program import known_sizes as known
from ray_lint.program.counts import (
    ANY,
    INFINITY,
    LARGE,
    NOTHING,
    Count,
    Kind,
    Number,
    amount,
    as_count,
    combined,
    exactly,
    join_counts,
    join_numbers,
    plus,
    power,
    scaled,
    shortest,
    steps,
    times,
    whole,
)
from ray_lint.program.exits import holds, leaves_early, skips_rounds, unconditional
from ray_lint.program.functions import argument_of, calls_of, default_of
from ray_lint.program.module import Module
from ray_lint.program.names import (
    COMPREHENSIONS,
    FUNCTIONS,
    LOOPS,
    Binding,
    BindingKind,
    FunctionNode,
)
from ray_lint.program.project import Definition, Project, final_bindings
from ray_lint.program.wording import (
    is_range,
    iterable_name,
    keyword_of,
    name_evidence,
    target_name,
    words_of,
)

_DEPTH = 30
_MAX_JOINED = 50  # values of one name that are joined
_WIDE_STEP = 10  # of a range: nobody skips so many items


def count_items(project: Project, module: Module, iterable: ast.expr) -> Count:
    """Return how many items the iterable gives when it is evaluated once, and run through."""
    return Sizes(project).items(module, iterable)


def number_of(project: Project, module: Module, expression: ast.expr) -> Number:
    """Return the interval of the numbers that the expression may be."""
    return Sizes(project).number(module, expression)


def count_loops(project: Project, module: Module, loops: list[ast.AST]) -> Count:
    """Return how often the body of nested ``loops`` (innermost first) runs in all.

    The loops are nodes as ``ModuleNames.enclosing_loops`` gives them. Filters and early exits make
    the lower bound 0. No loops: once.
    """
    sizes = Sizes(project)
    total = Count(1, 1, "known", "once")
    for index, loop in enumerate(loops):
        count = sizes.loop(module, loop)
        total = count if index == 0 else times(total, count)
    return total


class Sizes:
    """The evaluator: intervals of item counts and of numbers, remembered in the project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    # -- loops --------------------------------------------------------------------------------

    def loop(self, module: Module, loop: ast.AST) -> Count:
        """Return how often the body of one loop or comprehension generator runs per entry."""
        if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension):
            count = self.items(module, loop.iter)
            worker, chunk = name_evidence(target_name(loop.target))
            count = replace(
                count,
                per_worker=count.per_worker or worker,
                chunked=count.chunked or (chunk and not is_range(loop.iter)),
            )
            filtered = isinstance(loop, ast.comprehension) and bool(loop.ifs)
            if filtered:
                return replace(count, low=0, reason=f"at most {count.reason}")
            if isinstance(loop, ast.For | ast.AsyncFor) and (
                leaves_early(module, loop) or skips_rounds(module, loop)
            ):
                low = 0 if count.kind == "known" else min(count.low, 1)
                return replace(count, low=min(count.low, low))
            return count
        if isinstance(loop, ast.While):
            return self._while(module, loop)
        return NOTHING

    def _while(self, module: Module, loop: ast.While) -> Count:
        early = leaves_early(module, loop)
        if isinstance(loop.test, ast.Constant):
            if not loop.test.value:
                return Count(0, 0, "known", "`while` with a false condition")
            if early:
                left = self._left_by_counter(module, loop)
                if left is not None:
                    return left
                return Count(0, None, "unknown", f"`while {loop.test.value!r}` that is left early")
            return Count(0, None, "unbounded", f"`while {loop.test.value!r}` never ends")
        counted = self._filled(module, loop) or self._counter(module, loop, loop.test)
        if counted is not None:
            skipped = early or skips_rounds(module, loop)
            return replace(counted, low=0) if skipped else counted
        return Count(0, None, "unknown", f"`while {words_of(loop.test)}`")

    def _left_by_counter(self, module: Module, loop: ast.While) -> Count | None:
        """Understand ``while True: ...; i += 1; if i == n: break``."""
        for statement in loop.body:
            if not (isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Break)):
                continue
            test = statement.test
            if not isinstance(test, ast.Compare) or len(test.ops) != 1:
                continue
            stays = ast.Gt() if isinstance(test.ops[0], ast.Lt | ast.LtE) else ast.Lt()
            going = ast.Compare(left=test.left, ops=[stays], comparators=test.comparators)
            count = self._counter(module, loop, going)
            if count is not None:
                return replace(count, low=0)
        return None

    def _filled(self, module: Module, loop: ast.While) -> Count | None:
        """Understand ``while len(xs) < n: ...; xs.append(x)``."""
        test = loop.test
        if not (
            isinstance(test, ast.Compare)
            and isinstance(test.ops[0], ast.Lt | ast.LtE)
            and isinstance(test.left, ast.Call)
            and module.names.stands_for(test.left.func, "builtins.len")
            and test.left.args
        ):
            return None
        filled = ast.dump(test.left.args[0])
        appends = any(
            isinstance(s, ast.Expr)
            and isinstance(s.value, ast.Call)
            and isinstance(s.value.func, ast.Attribute)
            and s.value.func.attr == "append"
            and ast.dump(s.value.func.value) == filled
            for s in loop.body
        )
        limit = self.number(module, test.comparators[0])
        if not appends or limit.kind not in ("known", "data"):
            return None
        words = f"`while {words_of(test)}`"
        if limit.kind == "data":
            return Count(0, None, "data", f"{words}, {limit.reason}", limit.per_worker)
        high = whole(max(limit.high + 1, 0))
        return Count(0, high, "known", f"{amount(0, high)} runs of {words}", limit.per_worker)

    def _counter(self, module: Module, loop: ast.While, test: ast.expr) -> Count | None:
        """Understand ``i = 0; while i < n: ...; i += 1``; ``test`` holds as long as it runs."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return None
        left, operator, right = test.left, test.ops[0], test.comparators[0]
        if not isinstance(left, ast.Name):
            if not isinstance(right, ast.Name):
                return None
            flipped: dict[type[ast.cmpop], ast.cmpop] = {
                ast.Lt: ast.Gt(),
                ast.Gt: ast.Lt(),
                ast.LtE: ast.GtE(),
                ast.GtE: ast.LtE(),
            }
            if type(operator) not in flipped:
                return None
            left, operator, right = right, flipped[type(operator)], left
        if not isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            return None
        names = module.names
        changed = []
        start: list[Number] = []
        for binding in names.reaching(left):
            if names.contains(loop, binding.node):
                changed.append(binding)
            elif binding.kind is BindingKind.ASSIGN and binding.value is not None:
                start.append(self.number(module, binding.value))
            else:
                return None
        if not start:
            # Read behind the change of this round: what it was before the loop counts.
            scope = names.owner(left)
            earlier = scope.bindings.get(left.id, []) if scope is not None else []
            earlier = [b for b in earlier if names.order[b.node] < names.order[loop]]
            if earlier and earlier[-1].kind is BindingKind.ASSIGN and earlier[-1].value:
                start.append(self.number(module, earlier[-1].value))
        if len(changed) != 1 or not start:
            return None
        step = self._step(module, loop, changed[0])
        if step is None or not all(n.kind == "known" for n in start):
            return None
        limit = self.number(module, right)
        if limit.kind == "unknown":
            return None
        descending = isinstance(operator, ast.Gt | ast.GtE)
        if descending:
            step = -step
        if step <= 0:
            return None
        inclusive = isinstance(operator, ast.LtE | ast.GtE)
        first_low, first_high = min(n.low for n in start), max(n.high for n in start)
        if descending:
            spans = (first_low - limit.high, first_high - limit.low)
        else:
            spans = (limit.low - first_high, limit.high - first_low)
        low, high = (steps(span, step, inclusive) for span in spans)
        if limit.kind != "known":
            return Count(
                0, None, "data", f"`while {words_of(test)}`, {limit.reason}", limit.per_worker
            )
        worker, _ = name_evidence(words_of(right))
        reason = f"{amount(low, high)} runs of `while {words_of(test)}`"
        return Count(low or 0, high, "known", reason, limit.per_worker or worker)

    def _step(self, module: Module, loop: ast.While, binding: Binding) -> float | None:
        """Return the constant step of a counter changed once, unconditionally, in the loop."""
        statement = binding.statement
        if statement is None or not any(statement is s for s in loop.body):
            return None
        if isinstance(statement, ast.AugAssign):
            sign = 1 if isinstance(statement.op, ast.Add) else -1
            if not isinstance(statement.op, ast.Add | ast.Sub):
                return None
            amount: ast.expr = statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp):
            operation = statement.value
            if not (isinstance(operation.left, ast.Name) and operation.left.id == binding.name):
                return None
            if not isinstance(operation.op, ast.Add | ast.Sub):
                return None
            sign = 1 if isinstance(operation.op, ast.Add) else -1
            amount = operation.right
        else:
            return None
        for node in module.names.walk(loop):
            if isinstance(node, ast.Continue):
                return None  # the step may be skipped
        number = self.number(module, amount)
        if number.kind != "known" or number.low != number.high:
            return None
        return sign * number.low

    # -- items --------------------------------------------------------------------------------

    def items(self, module: Module, node: ast.expr, depth: int = 0) -> Count:
        """Return how many items an expression has, evaluated once."""
        key = (Sizes.items, node)
        memo = self.project.memo
        if key in memo:
            remembered: Count = memo[key]
            return remembered
        if depth > _DEPTH:
            return NOTHING
        memo[key] = NOTHING  # what a cycle sees
        count = self._items(module, node, depth + 1)
        worker, chunk = name_evidence(iterable_name(node))
        if worker and isinstance(node, ast.Name):
            # `for line in file`: the name is that of one open file, its items are not files.
            reaching = module.names.reaching(node)
            worker = not reaching or any(b.kind is not BindingKind.WITH for b in reaching)
        if (worker and not count.per_worker) or (chunk and not count.chunked):
            chunk = chunk and not is_range(node)
            count = replace(
                count, per_worker=count.per_worker or worker, chunked=count.chunked or chunk
            )
        memo[key] = count
        return count

    def _items(self, module: Module, node: ast.expr, depth: int) -> Count:
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return self._display(module, node, depth)
        if isinstance(node, ast.Dict):
            if all(isinstance(k, ast.Constant) for k in node.keys):
                n = len({k.value for k in node.keys if isinstance(k, ast.Constant)})
                return exactly(n, "a dict display")
            total = len(node.keys)
            low = 1 if total else 0
            return Count(
                low,
                total if None not in node.keys else None,
                "known" if None not in node.keys else "unknown",
                f"at most {total} entries",
            )
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes):
                return exactly(len(node.value), "a literal string")
            return NOTHING
        if isinstance(node, COMPREHENSIONS):
            total_count = count_loops(self.project, module, list(reversed(node.generators)))
            if isinstance(node, ast.SetComp | ast.DictComp):
                total_count = replace(total_count, low=min(total_count.low, 1))
            return total_count
        if isinstance(node, ast.BinOp):
            return self._operation(module, node, depth)
        if isinstance(node, ast.IfExp):
            return join_counts([self.items(module, n, depth) for n in (node.body, node.orelse)])
        if isinstance(node, ast.BoolOp):
            return join_counts([self.items(module, n, depth) for n in node.values])
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
            return self.items(module, node.value, depth)
        if isinstance(node, ast.Call):
            return self._call(module, node, depth)
        if isinstance(node, ast.Subscript):
            return self._subscript(module, node, depth)
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(module, node, depth)
        return NOTHING

    def _display(self, module: Module, node: ast.List | ast.Tuple | ast.Set, depth: int) -> Count:
        plain = [e for e in node.elts if not isinstance(e, ast.Starred)]
        counts = [
            self.items(module, e.value, depth) for e in node.elts if isinstance(e, ast.Starred)
        ]
        low = high = len(plain)
        if isinstance(node, ast.Set):
            constants = {e.value for e in plain if isinstance(e, ast.Constant)}
            low = max(len(constants), min(len(plain), 1))
            high = high if low < high and len(constants) != len(plain) else low
            if len(constants) == len(plain):
                high = low
        kind = (
            "set"
            if isinstance(node, ast.Set)
            else "list"
            if isinstance(node, ast.List)
            else "tuple"
        )
        total = (
            exactly(low, f"a {kind} display")
            if low == high
            else Count(low, high, "known", f"{low:,} to {high:,} items of a set display")
        )
        for count in counts:
            total = plus(total, count)
            if isinstance(node, ast.Set):
                total = replace(total, low=min(total.low, 1))
        return total

    def _operation(self, module: Module, node: ast.BinOp, depth: int) -> Count:
        if isinstance(node.op, ast.Mult):
            for sequence, factor in ((node.left, node.right), (node.right, node.left)):
                if self._is_list(module, sequence):
                    base = self.items(module, sequence, depth)
                    number = self.number(module, factor, depth)
                    return scaled(base, number, words_of(node))
        if isinstance(node.op, ast.Add) and (
            self._is_list(module, node.left) or self._is_list(module, node.right)
        ):
            left, right = (self.items(module, n, depth) for n in (node.left, node.right))
            return plus(left, right)
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow | ast.Mod):
            # Element-wise arithmetic of an array and a number keeps the size.
            if isinstance(node.right, ast.Constant):
                return self._array(module, node.left, depth)
            if isinstance(node.left, ast.Constant):
                return self._array(module, node.right, depth)
        return NOTHING

    def _array(self, module: Module, node: ast.expr, depth: int) -> Count:
        name = module.names.qualified(node.func) if isinstance(node, ast.Call) else None
        if name and name.startswith("numpy."):
            return self.items(module, node, depth)
        return NOTHING

    def _is_list(self, module: Module, node: ast.expr, depth: int = 0) -> bool:
        """Whether the expression is certainly a list, tuple or string."""
        if isinstance(node, ast.List | ast.Tuple | ast.ListComp):
            return True
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str | bytes)
        if isinstance(node, ast.Call):
            lists = ("builtins.list", "builtins.sorted", "builtins.tuple")
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"split", "splitlines"}:
                return True
            return module.names.stands_for(node.func, *lists)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult) and depth < 8:
            return any(self._is_list(module, n, depth + 1) for n in (node.left, node.right))
        if isinstance(node, ast.Name) and depth < 8:
            bindings = module.names.reaching(node)
            return bool(bindings) and all(
                b.value is not None
                and b.kind is BindingKind.ASSIGN
                and self._is_list(module, b.value, depth + 1)
                for b in bindings
                if b.kind is not BindingKind.AUGMENTED
            )
        return False

    def _subscript(self, module: Module, node: ast.Subscript, depth: int) -> Count:
        base = self.items(module, node.value, depth)
        index = node.slice
        if not isinstance(index, ast.Slice):
            if base.kind == "data":
                return replace(base, low=0, high=None)
            return Count(0, None, "unknown", f"an element of `{words_of(node.value)}`")
        step = self.number(module, index.step, depth) if index.step else None
        low, high = base.low, base.high
        reason = f"items of `{words_of(node)}`"
        if index.lower is None and index.upper is not None and step is None:
            upper = self.number(module, index.upper, depth)
            if upper.kind == "known" and upper.low >= 0:
                top = whole(upper.high)
                high = top if high is None else min(high, top) if top is not None else high
                low = min(low, int(upper.low)) if upper.low < INFINITY else low
                kind = base.kind if high is None else "known" if base.kind == "known" else base.kind
                if base.kind != "known":
                    return Count(
                        0,
                        high,
                        base.kind,
                        f"at most {high:,} {reason}" if high is not None else reason,
                        base.per_worker,
                        base.chunked,
                    )
                return Count(
                    low, high, kind, f"{amount(low, high)} {reason}", base.per_worker, base.chunked
                )
        if (
            (
                step is not None
                and step.kind == "known"
                and step.low == step.high
                and abs(step.low) >= 1
            )
            and index.lower is None
            and index.upper is None
            and base.kind == "known"
        ):
            k = abs(int(step.low))
            low, high = -(-low // k), None if high is None else -(-high // k)
            return Count(low, high, "known", f"{amount(low, high)} {reason}", base.per_worker)
        if index.lower is not None and index.upper is not None and step is None:
            both = [self.number(module, n, depth) for n in (index.lower, index.upper)]
            if all(n.kind == "known" and n.low >= 0 for n in both):
                span = whole(max(both[1].high - both[0].low, 0))
                if span is not None:
                    high = span if high is None else min(high, span)
        return replace(base, low=0, high=high, reason=f"at most {base.reason}")

    # -- names --------------------------------------------------------------------------------

    def _named(self, module: Module, node: ast.Name | ast.Attribute, depth: int) -> Count:
        counts = [
            self._defined(definition, module, node, depth)
            for definition in self._meanings(module, node)
        ]
        if counts:
            return join_counts(counts)
        if isinstance(node, ast.Attribute):
            return Count(0, None, "unknown", f"`{words_of(node)}` is not seen here")
        return Count(0, None, "unknown", f"`{node.id}` is not seen here")

    def _meanings(self, module: Module, node: ast.Name | ast.Attribute) -> list[Definition]:
        """Return the definitions of a name, and for ``self.x`` those of the class's attribute."""
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"self", "cls"}
        ):
            owner = class_around(module, node)
            if owner is None:
                return []
            scope = module.names.scopes[owner]
            found = [Definition(module, b) for b in final_bindings(scope, node.attr)]
            for stored in _self_stores(self.project, module, owner).get(node.attr, []):
                statement = module.names.parents.get(stored)
                value = getattr(statement, "value", None)
                if isinstance(statement, ast.Assign | ast.AnnAssign) and value is not None:
                    kind = BindingKind.ASSIGN
                else:
                    kind, value = BindingKind.UNPACKED, None
                found.append(
                    Definition(
                        module,
                        Binding(
                            node.attr, scope, kind, stored, module.names.statement_of(stored), value
                        ),
                    )
                )
            return found
        return list(self.project.definitions(module, node))

    def _defined(self, definition: Definition, module: Module, use: ast.expr, depth: int) -> Count:
        binding, home = definition.binding, definition.module
        if binding is None:
            return NOTHING
        if definition.attributes:
            inner = self._class_attribute(definition)
            if inner is None:
                return self._of_source(home, binding, depth)
            definition = inner
            binding = inner.binding
            assert binding is not None
        kind, value = binding.kind, binding.value
        if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
            count = self.items(home, value, depth)
            if isinstance(
                value, ast.List | ast.ListComp | ast.Call | ast.Dict | ast.Set | ast.BinOp
            ):
                count = self._grown(home, binding, use if home is module else None, count, depth)
            worker, chunk = name_evidence(binding.name)
            return replace(
                count, per_worker=count.per_worker or worker, chunked=count.chunked or chunk
            )
        if kind is BindingKind.PARAMETER:
            return self._parameter(home, binding, depth)
        if kind is BindingKind.AUGMENTED:
            # Growth is counted with the binding that it adds to.
            return Count(0, None, "unknown", f"`{binding.name}` changes")
        if kind is BindingKind.WITH:
            return Count(0, None, "data", f"read from `{binding.name}`")
        if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            return self._element(home, binding, depth)
        if kind is BindingKind.UNPACKED and isinstance(binding.statement, ast.Assign):
            source = self.items(home, binding.statement.value, depth)
            if source.kind == "data":
                return replace(source, low=0, high=None)
        return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")

    def _of_source(self, home: Module, binding: Binding, depth: int) -> Count:
        """Judge an attribute of a value: columns of data are data."""
        if binding.value is not None and binding.kind is BindingKind.ASSIGN:
            base = self.items(home, binding.value, depth)
            if base.kind == "data":
                return replace(base, low=0, high=None)
        if binding.kind is BindingKind.PARAMETER:
            return Count(0, None, "unknown", f"an attribute of the parameter `{binding.name}`")
        return NOTHING

    def _class_attribute(self, definition: Definition) -> Definition | None:
        binding = definition.binding
        if binding is None or not isinstance(binding.node, ast.ClassDef):
            return None
        if len(definition.attributes) != 1:
            return None
        scope = definition.module.names.scopes[binding.node]
        found = final_bindings(scope, definition.attributes[0])
        return Definition(definition.module, found[-1]) if found else None

    def _element(self, home: Module, binding: Binding, depth: int) -> Count:
        """Return the size of a loop variable: items of an item of the iterable."""
        source = binding.value
        if source is None:
            inside = self._dict_values(home, binding, depth)
            if inside is not None:
                return inside
            return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")
        if isinstance(source, ast.Name):
            values = [b.value for b in home.names.reaching(source)]
            if len(values) == 1 and values[0] is not None:
                source = values[0]
        if isinstance(source, ast.List | ast.Tuple) and source.elts:
            counts = [self.items(home, e, depth) for e in source.elts[:50]]
            if all(c.kind == "known" for c in counts):
                return join_counts(counts)
        base = self.items(home, binding.value, depth) if binding.value is not None else NOTHING
        if base.chunked:
            return Count(0, None, "data", f"items of one chunk `{binding.name}`")
        return Count(0, None, "unknown", f"the size of `{binding.name}` is not seen")

    def _dict_values(self, home: Module, binding: Binding, depth: int) -> Count | None:
        """Return the size of ``xs`` in ``for key, xs in table.items()`` over a dict display."""
        names = home.names
        target = names.parents.get(binding.node)
        loop = names.parents.get(target) if target is not None else None
        source = getattr(loop, "iter", None)
        if not (
            isinstance(target, ast.Tuple)
            and target.elts[1:] == [binding.node]
            and isinstance(source, ast.Call)
            and isinstance(source.func, ast.Attribute)
            and source.func.attr == "items"
            and isinstance(source.func.value, ast.Name)
        ):
            return None
        values = [b.value for b in names.reaching(source.func.value)]
        if len(values) != 1 or not isinstance(values[0], ast.Dict) or not values[0].values:
            return None
        counts = [self.items(home, value, depth) for value in values[0].values[:50]]
        return join_counts(counts) if all(c.kind == "known" for c in counts) else None

    def _parameter(self, home: Module, binding: Binding, depth: int) -> Count:
        arguments, complete = self._arguments(home, binding)
        worker, chunk = name_evidence(binding.name)
        if arguments and complete:
            counts = [self.items(m, a, depth) for m, a in arguments]
            count = join_counts(counts)
            if count.kind == "known":
                return replace(
                    count,
                    reason=f"{count.reason} (parameter `{binding.name}`)",
                    per_worker=count.per_worker or worker,
                    chunked=count.chunked or chunk,
                )
        reason = f"the parameter `{binding.name}`"
        return Count(0, None, "data", reason, worker, chunk)

    def _arguments(
        self, home: Module, binding: Binding
    ) -> tuple[list[tuple[Module, ast.expr]], bool]:
        """Return what visible calls and the default give to a parameter, and whether all do."""
        function = binding.scope.node
        if not isinstance(function, FUNCTIONS) or not isinstance(binding.node, ast.arg):
            return [], False
        if function.args.vararg is binding.node or function.args.kwarg is binding.node:
            return [], False
        calls = calls_of(home, function)
        default = default_of(function, binding.name)
        parametrized = _parametrized(home, function, binding.name)
        if parametrized and not calls:
            return [(home, value) for value in parametrized[:20]], len(parametrized) <= 20
        if not calls:
            return ([(home, default)], True) if default is not None else ([], False)
        skip = 1 if home.names.scope_of(function).is_class else 0
        found: list[tuple[Module, ast.expr]] = []
        for call in calls[:20]:
            argument = argument_of(call, function, binding.name, skip) or default
            if argument is None:
                return found, False
            found.append((home, argument))
        return found, len(calls) <= 20

    def _grown(
        self, home: Module, binding: Binding, use: ast.expr | None, count: Count, depth: int
    ) -> Count:
        """Add what ``append``, ``extend`` and ``+=`` put into a collection after its creation."""
        names = home.names
        changes: list[tuple[ast.AST, Count | None, bool]] = []  # place, items added, shrinks
        if isinstance(binding.node, ast.Attribute):
            owner = class_around(home, binding.node)
            loads = _self_loads(self.project, home, owner).get(binding.name, []) if owner else []
            uses: list[ast.Name] | list[ast.Attribute] = loads
        else:
            uses = names.uses(binding)
        for load in uses[:200]:
            change = self._change(home, load, depth)
            if change is not None:
                changes.append((load, *change))
        if not changes:
            return count
        for place, added, shrinks in changes:
            inline = use is not None and names.scope_of(place).frame is names.scope_of(use).frame
            if inline and use is not None and not self._may_precede(home, place, use):
                continue
            if shrinks:
                count = replace(count, low=0)
                continue
            assert added is not None
            loops = [
                loop for loop in names.enclosing_loops(place) if not holds(home, loop, binding.node)
            ]
            certain = (
                inline
                and use is not None
                and names.order[place] < names.order[use]
                and not any(holds(home, loop, use) for loop in loops)
                and unconditional(home, place, loops, binding)
            )
            growth = added
            if loops:
                growth = times(growth, count_loops(self.project, home, loops))
            if not certain or isinstance(binding.value, ast.Set) or growth.kind != "known":
                growth = replace(growth, low=0)
            count = plus(count, growth)
        return count

    def _change(
        self, home: Module, load: ast.Name | ast.Attribute, depth: int
    ) -> tuple[Count | None, bool] | None:
        """Return what a use adds to the collection, or that it may shrink it."""
        names = home.names
        parent = names.parents.get(load)
        if isinstance(parent, ast.AugAssign) and parent.target is load:
            if isinstance(parent.op, ast.Add):
                return self.items(home, parent.value, depth), False
            if isinstance(parent.op, ast.BitOr):
                return replace(self.items(home, parent.value, depth), low=0), False
            return Count(0, None, "unknown", "changed in place"), False
        if isinstance(parent, ast.Subscript) and parent.value is load:
            if isinstance(parent.ctx, ast.Del):
                return None, True
            if isinstance(parent.ctx, ast.Store) and not isinstance(parent.slice, ast.Constant):
                # For a list this changes nothing, for a dict it may add.
                if isinstance(parent.slice, ast.Slice):
                    return Count(0, None, "unknown", "a slice is replaced"), False
                return Count(0, 1, "known", f"items stored in `{words_of(load)}`"), False
            return None
        if not isinstance(parent, ast.Attribute):
            return None
        call = names.parents.get(parent)
        if not (isinstance(call, ast.Call) and call.func is parent):
            return None
        method = parent.attr
        if method in {"append", "appendleft", "insert"}:
            return Count(1, 1, "known", f"items appended to `{words_of(load)}`"), False
        if method in {"add", "setdefault"}:
            return Count(0, 1, "known", f"items added to `{words_of(load)}`"), False
        if method in {"extend", "extendleft"} and call.args:
            return self.items(home, call.args[0], depth), False
        if method == "update" and call.args:
            return replace(self.items(home, call.args[0], depth), low=0), False
        if method in {"pop", "popleft", "popitem", "remove", "clear", "discard"}:
            return None, True
        return None

    def _may_precede(self, home: Module, place: ast.AST, use: ast.AST) -> bool:
        names = home.names
        if names.order[place] < names.order[use]:
            return True
        return any(isinstance(a, LOOPS) and names.contains(a, place) for a in names.ancestors(use))

    # -- calls --------------------------------------------------------------------------------

    def _call(self, module: Module, node: ast.Call, depth: int) -> Count:
        names = module.names.qualified_names(node.func)
        if any(isinstance(a, ast.Starred) for a in node.args):
            name = next(iter(names)) if len(names) == 1 else ""
            return Count(0, None, "unknown", f"`{name.rpartition('.')[2]}` of starred arguments")
        for name in sorted(names):
            count = self._known_call(module, name, node, depth)
            if count is not None:
                return count
        if isinstance(node.func, ast.Attribute):
            count = self._method_call(module, node, node.func, depth)
            if count is not None:
                return count
        returned = self._returned(module, node, depth)
        if returned is not None:
            return returned
        return Count(0, None, "unknown", f"what `{words_of(node.func)}` returns is not seen")

    def _known_call(self, module: Module, name: str, node: ast.Call, depth: int) -> Count | None:
        arguments = node.args
        first = arguments[0] if arguments else None
        short = name.rpartition(".")[2]
        if name in known.RANGES and arguments:
            count = self._range(module, node, depth)
            _, chunk = name_evidence(iterable_name(arguments[0]))
            if chunk and len(arguments) == 1 and count.kind != "known":
                # `range(num_batches)`: the work has been cut into batches before.
                count = replace(count, chunked=True)
            return count
        if name in known.SAME_SIZE:
            return self.items(module, first, depth) if first is not None else exactly(0, "empty")
        if name in known.DISTINCT:
            if first is None:
                return exactly(len(node.keywords), short)
            count = self.items(module, first, depth)
            return replace(count, low=min(count.low, 1))
        if name in {"builtins.zip", "builtins.map"}:
            several = [self.items(module, a, depth) for a in arguments[name == "builtins.map" :]]
            return shortest(several) if several else None
        if name == "itertools.zip_longest" and arguments:
            several = [self.items(module, a, depth) for a in arguments]
            if all(c.kind == "known" for c in several):
                highs = [c.high for c in several]
                high = None if None in highs else max(h for h in highs if h is not None)
                low = max(c.low for c in several)
                return Count(low, high, "known", f"{amount(low, high)} of zip_longest")
            return NOTHING
        if (
            name
            in {
                "builtins.filter",
                "itertools.takewhile",
                "itertools.dropwhile",
                "itertools.filterfalse",
            }
            and len(arguments) > 1
        ):
            count = self.items(module, arguments[1], depth)
            return replace(count, low=0, reason=f"at most {count.reason}")
        if name == "itertools.chain":
            total = exactly(0, "chain")
            for argument in arguments:
                total = plus(total, self.items(module, argument, depth))
            return total
        if name == "itertools.product":
            return self._product(module, node, depth)
        if name == "itertools.repeat":
            times = arguments[1] if len(arguments) > 1 else keyword_of(node, "times")
            if times is None:
                return Count(0, None, "unbounded", "itertools.repeat without a count")
            return as_count(self.number(module, times, depth), f"`{words_of(node)}`")
        if name in {"itertools.count", "itertools.cycle"}:
            return Count(0, None, "unbounded", f"`{name}` never ends")
        if name == "itertools.islice" and len(arguments) > 1:
            return self._islice(module, node, depth)
        if name in {"itertools.combinations", "itertools.permutations"} and len(arguments) == 2:
            count, number = (
                self.items(module, arguments[0], depth),
                self.number(module, arguments[1]),
            )
            exact = count.kind == "known" and count.low == count.high
            if exact and count.low < 10_000 and 0 <= number.low == number.high <= 6:
                function = math.comb if short == "combinations" else math.perm
                return exactly(function(count.low, int(number.low)), f"`{words_of(node)}`")
            return Count(
                0, None, "data" if count.kind == "data" else "unknown", f"`{words_of(node)}`"
            )
        if name in known.CHUNKERS and first is not None:
            count = self.items(module, first, depth)
            size = self.number(module, arguments[1], depth) if len(arguments) > 1 else ANY
            if count.kind == "known" and size.kind == "known" and size.low >= 1:
                low = math.ceil(count.low / size.high)
                high = None if count.high is None else math.ceil(count.high / size.low)
                return Count(low, high, "known", f"chunks of `{words_of(node)}`", False, True)
            return Count(0, None, count.kind, f"chunks of `{words_of(node)}`", False, True)
        if name in known.SPLITTERS:
            return Count(0, None, "unknown", f"parts of `{words_of(node)}`", False, True)
        if name in {"numpy.linspace", "numpy.logspace", "numpy.geomspace"}:
            size_node = arguments[2] if len(arguments) > 2 else keyword_of(node, "num")
            if size_node is None:
                return exactly(50, short)
            return as_count(self.number(module, size_node, depth), f"`{words_of(node)}`")
        if name in known.SHAPED:
            shape = (
                first
                if first is not None
                else keyword_of(node, "shape") or keyword_of(node, "size")
            )
            if shape is None:
                return None
            if isinstance(shape, ast.Tuple | ast.List) and shape.elts:
                shape = shape.elts[0]
            return as_count(self.number(module, shape, depth), f"`{words_of(node)}`")
        if name in known.DIMENSIONS and first is not None:
            return as_count(self.number(module, first, depth), f"`{words_of(node)}`")
        if name in known.SIZED:
            index = known.SIZE_INDEX.get(short, 9)
            size_node = arguments[index] if len(arguments) > index else keyword_of(node, "size")
            if isinstance(size_node, ast.Tuple | ast.List) and size_node.elts:
                size_node = size_node.elts[0]
            if size_node is not None:
                return as_count(self.number(module, size_node, depth), f"`{words_of(node)}`")
            return None
        if name == "random.sample" and (len(arguments) > 1 or keyword_of(node, "k")):
            k = arguments[1] if len(arguments) > 1 else keyword_of(node, "k")
            assert k is not None
            return as_count(self.number(module, k, depth), f"`{words_of(node)}`")
        if name == "random.choices":
            k = keyword_of(node, "k")
            if k is None:
                return exactly(1, "random.choices")
            return as_count(self.number(module, k, depth), f"`{words_of(node)}`")
        if name == "dict.fromkeys" and first is not None:
            count = self.items(module, first, depth)
            return replace(count, low=min(count.low, 1))
        if name in known.FILE_CALLS:
            return Count(0, None, "data", f"files of `{words_of(node)}`", True)
        if name in known.CPU_CALLS:
            return Count(1, 256, "known", f"one per node or CPU: `{words_of(node)}`", True)
        if name in known.DATA_CALLS:
            return Count(0, None, "data", f"data of `{words_of(node)}`")
        return None

    def _method_call(
        self, module: Module, node: ast.Call, function: ast.Attribute, depth: int
    ) -> Count | None:
        method, receiver = function.attr, function.value
        if method in {"items", "keys", "values", "copy", "tolist", "iterrows", "itertuples"}:
            count = self.items(module, receiver, depth)
            if method in {"iterrows", "itertuples"} and count.kind != "known":
                return Count(0, None, "data", f"rows of `{words_of(receiver)}`")
            if count.kind != "unknown" or method not in known.DATA_METHODS:
                return count
        if method in {
            "iter_batches",
            "iter_torch_batches",
            "array_split",
            "chunks",
            "batch",
            "batched",
            "partition",
            "split_at_indices",
            "streaming_split",
        }:
            return Count(0, None, "data", f"chunks of `{words_of(receiver)}`", False, True)
        if method in {"glob", "rglob", "iterdir", "listdir"}:
            return Count(0, None, "data", f"files of `{words_of(node)}`", True)
        literal = receiver.value if isinstance(receiver, ast.Constant) else None
        if method == "split" and isinstance(literal, str) and not node.args:
            return exactly(len(literal.split()), "a split literal")
        if method in known.DATA_METHODS:
            return Count(0, None, "data", f"data of `{words_of(node)}`")
        if method in {"sample", "head", "tail"} and node.args:
            count = as_count(self.number(module, node.args[0], depth), f"`{words_of(node)}`")
            return replace(count, low=0)
        if method in {"from_iterable", "groupby"}:
            return Count(0, None, "data", f"groups of `{words_of(node)}`", method == "groupby")
        return None

    def _returned(self, module: Module, node: ast.Call, depth: int) -> Count | None:
        """Return the size of what a function of the project returns or yields."""
        counts = []
        for definition in self.project.definitions(module, node.func):
            binding = definition.binding
            if binding is None or definition.attributes:
                return None
            function = binding.node
            if not isinstance(function, ast.FunctionDef):
                return None
            home = definition.module
            scope = home.names.scopes[function]
            total: Count | None = None
            for inner in home.names.walk(function):
                if home.names.scope_of(inner) is not scope:
                    continue
                if isinstance(inner, ast.Yield | ast.YieldFrom):
                    yielded = self._yielded(home, function, inner)
                    if yielded is not None:
                        return yielded
                    return Count(
                        0,
                        None,
                        "unknown",
                        f"what `{function.name}` yields",
                        *name_evidence(function.name),
                    )
                if isinstance(inner, ast.Return) and inner.value is not None:
                    count = self.items(home, inner.value, depth)
                    total = count if total is None else join_counts([total, count])
            if total is None:
                return None
            worker, chunk = name_evidence(function.name)
            counts.append(
                replace(
                    total, per_worker=total.per_worker or worker, chunked=total.chunked or chunk
                )
            )
        return join_counts(counts) if counts else None

    def _yielded(
        self, home: Module, function: ast.FunctionDef, place: ast.Yield | ast.YieldFrom
    ) -> Count | None:
        """Return how often the only ``yield`` of a function is reached."""
        names = home.names
        every = [n for n in names.walk(function) if isinstance(n, ast.Yield | ast.YieldFrom)]
        loops = names.enclosing_loops(place)
        if len(every) != 1 or isinstance(place, ast.YieldFrom) or not loops:
            return None
        count = count_loops(self.project, home, loops)
        worker, chunk = name_evidence(function.name)
        flags = count.per_worker or worker, count.chunked or chunk
        return Count(0, count.high, count.kind, count.reason, *flags)

    def _range(self, module: Module, node: ast.Call, depth: int) -> Count:
        numbers = [self.number(module, a, depth) for a in node.args[:3]]
        zero, one = (Number(n, n, "known", str(n)) for n in (0, 1))
        start, stop, step = zero, numbers[0], one
        if len(numbers) > 1:
            start, stop = numbers[0], numbers[1]
        if len(numbers) > 2:
            step = numbers[2]
        words = words_of(node)
        per_worker = (
            stop.per_worker or name_evidence(" ".join(words_of(a) for a in node.args[:2]))[0]
        )
        chunked = (
            len(numbers) > 2
            and module.names.qualified(node.func) != "numpy.arange"
            and _steps_over_chunks(module, node, step)
        )
        if all(n.kind == "known" for n in (start, stop, step)) and step.low * step.high > 0:
            if step.low > 0:
                spans = (stop.low - start.high, stop.high - start.low)
                slow, fast = step.high, step.low
            else:
                spans = (start.low - stop.high, start.high - stop.low)
                slow, fast = -step.low, -step.high
            low = steps(spans[0], slow, inclusive=False)
            high = steps(spans[1], fast, inclusive=False)
            return Count(
                low or 0,
                high,
                "known",
                f"{amount(low, high)} items of `{words}`",
                per_worker,
                chunked,
            )
        kinds = {n.kind for n in (start, stop, step)}
        kind: Kind = "data" if "data" in kinds else "unknown"
        why = next((n.reason for n in (stop, start, step) if n.kind != "known"), "")
        return Count(0, None, kind, f"`{words}`, {why}", per_worker, chunked)

    def _product(self, module: Module, node: ast.Call, depth: int) -> Count:
        total = exactly(1, "product")
        for argument in node.args:
            total = times(total, self.items(module, argument, depth))
        repeat = keyword_of(node, "repeat")
        if repeat is not None:
            number = self.number(module, repeat, depth)
            if number.kind != "known" or number.low != number.high or not 0 <= number.low < 20:
                return Count(0, None, "unknown", f"`{words_of(node)}`")
            power = int(number.low)
            high = None if total.high is None else min(total.high**power, LARGE)
            total = replace(total, low=min(total.low**power, LARGE), high=high)
        return (
            replace(
                total,
                reason=f"{amount(total.low, total.high)} items of `{words_of(node)}`",
                per_worker=False,
                chunked=False,
            )
            if total.kind == "known"
            else total
        )

    def _islice(self, module: Module, node: ast.Call, depth: int) -> Count:
        count = self.items(module, node.args[0], depth)
        if len(node.args) != 2:
            return replace(count, low=0, reason=f"at most {count.reason}")
        stop = self.number(module, node.args[1], depth)
        if stop.kind != "known" or stop.low < 0:
            return replace(count, low=0)
        top = whole(stop.high)
        if count.kind == "unbounded":
            low = whole(stop.low) or 0
            return Count(low, top, "known", f"{amount(low, top)} items of `{words_of(node)}`")
        high = top if count.high is None else count.high if top is None else min(top, count.high)
        low = min(count.low, int(min(stop.low, LARGE)))
        return replace(
            count, low=low, high=high, reason=f"at most {top} items of `{words_of(node)}`"
        )

    # -- numbers ------------------------------------------------------------------------------

    def number(self, module: Module, node: ast.expr, depth: int = 0) -> Number:
        """Return the interval of the numbers that an expression may be."""
        key = (Sizes.number, node)
        memo = self.project.memo
        if key in memo:
            remembered: Number = memo[key]
            return remembered
        if depth > _DEPTH:
            return ANY
        memo[key] = ANY
        number = self._number(module, node, depth + 1)
        if not number.per_worker and name_evidence(iterable_name(node))[0]:
            number = replace(number, per_worker=True)
        memo[key] = number
        return number

    def _number(self, module: Module, node: ast.expr, depth: int) -> Number:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool | int | float):
                value = node.value
                if isinstance(value, int) and abs(value) > LARGE:
                    value = LARGE if value > 0 else -LARGE
                return Number(value, value, "known", f"{value}") if math.isfinite(value) else ANY
            return ANY
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self.number(module, node.operand, depth)
            if isinstance(node.op, ast.USub):
                return replace(number, low=-number.high, high=-number.low)
            return number
        if isinstance(node, ast.BinOp):
            return self._arithmetic(module, node, depth)
        if isinstance(node, ast.IfExp):
            return join_numbers([self.number(module, n, depth) for n in (node.body, node.orelse)])
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.number(module, node.value, depth)
        if isinstance(node, ast.BoolOp):
            return join_numbers([self.number(module, n, depth) for n in node.values])
        if isinstance(node, ast.Call):
            return self._number_call(module, node, depth)
        if isinstance(node, ast.Subscript):
            return self._number_item(module, node, depth)
        if isinstance(node, ast.Name | ast.Attribute):
            numbers = [self._number_defined(d, depth) for d in self._meanings(module, node)]
            if numbers:
                return join_numbers(numbers)
            return replace(ANY, reason=f"`{words_of(node)}` is not known here")
        return ANY

    def _number_defined(self, definition: Definition, depth: int) -> Number:
        binding, home = definition.binding, definition.module
        if binding is None:
            return ANY
        if definition.attributes:
            inner = self._class_attribute(definition)
            if inner is None:
                return self._option(definition, depth)
            binding = inner.binding
            assert binding is not None
        kind, value = binding.kind, binding.value
        reason = f"`{binding.name}`"
        if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
            number = self.number(home, value, depth)
            worker = name_evidence(binding.name)[0]
            return replace(number, per_worker=number.per_worker or worker)
        if kind is BindingKind.PARAMETER:
            arguments, complete = self._arguments(home, binding)
            worker = name_evidence(binding.name)[0]
            if arguments and complete:
                number = join_numbers([self.number(m, a, depth) for m, a in arguments])
                if number.kind == "known":
                    return replace(number, per_worker=number.per_worker or worker)
            return Number(-INFINITY, INFINITY, "data", f"the parameter {reason}", worker)
        if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION) and value is not None:
            return self._range_element(home, value, depth)
        if kind is BindingKind.AUGMENTED:
            return self._augmented(home, binding, depth)
        return replace(ANY, reason=f"{reason} is not known here")

    def _augmented(self, home: Module, binding: Binding, depth: int) -> Number:
        """Return the number after ``n //= 25``, unless that is repeated by a loop."""
        changes = replace(ANY, reason=f"`{binding.name}` changes")
        statement = binding.statement
        names = home.names
        if not isinstance(statement, ast.AugAssign) or depth > _DEPTH:
            return changes
        if not isinstance(binding.node, ast.Name):
            return changes
        key = (Sizes._augmented, binding)
        memo = self.project.memo
        if key in memo:
            remembered: Number = memo[key]
            return remembered
        memo[key] = changes  # what a loop sees
        loops = names.enclosing_loops(binding.node)
        earlier = names.reaching(binding.node)
        plain = (BindingKind.ASSIGN, BindingKind.AUGMENTED)
        if len(earlier) > _MAX_JOINED or any(b.kind not in plain for b in earlier):
            return changes
        if any(x not in names.enclosing_loops(b.node) for x in loops for b in earlier):
            return changes  # repeated by a loop
        right = self.number(home, statement.value, depth)
        results = [
            combined(
                statement.op,
                self._number_defined(Definition(home, b), depth + 1),
                right,
                words_of(statement),
            )
            for b in earlier
        ]
        memo[key] = number = join_numbers(results) if results else changes
        return number

    def _range_element(self, home: Module, iterable: ast.expr, depth: int) -> Number:
        """Return the interval of a loop variable over a range or a display of numbers."""
        if isinstance(iterable, ast.Call) and home.names.stands_for(
            iterable.func, "builtins.range"
        ):
            numbers = [self.number(home, a, depth) for a in iterable.args[:3]]
            if numbers and all(n.kind == "known" for n in numbers):
                start = numbers[0] if len(numbers) > 1 else Number(0, 0, "known", "0")
                stop = numbers[1] if len(numbers) > 1 else numbers[0]
                low, high = min(start.low, stop.low), max(start.high, stop.high)
                return Number(low, high, "known", f"an item of `{words_of(iterable)}`")
        if isinstance(iterable, ast.Name):
            values = [
                b.value for b in home.names.reaching(iterable) if b.kind is BindingKind.ASSIGN
            ]
            if len(values) == 1 and values[0] is not None:
                iterable = values[0]
        if isinstance(iterable, ast.List | ast.Tuple | ast.Set) and iterable.elts:
            return join_numbers([self.number(home, e, depth) for e in iterable.elts[:50]])
        return replace(ANY, reason="an item of an iterable")

    def _option(self, definition: Definition, depth: int) -> Number:
        """Return the default of a command-line option: ``args.n`` of ``add_argument("--n")``."""
        binding, home = definition.binding, definition.module
        if binding is None or len(definition.attributes) != 1:
            return ANY
        value = binding.value
        name = definition.attributes[0]
        parsers = {"parse_args", "parse_known_args"}
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr in parsers
        ):
            default = _option_defaults(self.project, home).get(name)
            worker = name_evidence(name)[0]
            if default is not None:
                number = self.number(home, default, depth)
                if number.kind == "known":
                    reason = f"default of the option `{name}`"
                    return replace(number, reason=reason, per_worker=worker)
            return Number(0, INFINITY, "data", f"the command-line option `{name}`", worker)
        return replace(ANY, reason=f"`{binding.name}.{name}` is not known here")

    def _number_call(self, module: Module, node: ast.Call, depth: int) -> Number:
        name = module.names.qualified(node.func) or ""
        if name == "builtins.len" and len(node.args) == 1:
            count = self.items(module, node.args[0], depth)
            high = INFINITY if count.high is None else count.high
            if count.kind == "known":
                return Number(count.low, high, "known", count.reason, count.per_worker)
            kind: Kind = "unknown" if count.kind == "unbounded" else count.kind
            return Number(0, high, kind, f"the length of {count.reason}", count.per_worker)
        if (
            name
            in {
                "builtins.int",
                "builtins.round",
                "builtins.float",
                "math.ceil",
                "math.floor",
                "numpy.ceil",
                "numpy.floor",
                "math.trunc",
                "builtins.abs",
            }
            and node.args
        ):
            number = self.number(module, node.args[0], depth)
            if number.kind == "known" and "float" not in name:
                low, high = number.low, number.high
                if name.endswith("abs"):
                    low, high = (
                        (0 if low < 0 < high else min(abs(low), abs(high))),
                        max(abs(low), abs(high)),
                    )
                    return replace(number, low=low, high=high)
                floor = low if math.isinf(low) else math.floor(low)
                ceil = high if math.isinf(high) else math.ceil(high)
                if low == high and not math.isinf(low):
                    rounding: dict[str, Callable[[float], int]] = {
                        "int": int,
                        "trunc": int,
                        "ceil": math.ceil,
                        "floor": math.floor,
                    }
                    exact = rounding.get(name.rpartition(".")[2], round)(low)
                    return replace(number, low=exact, high=exact)
                return replace(number, low=floor, high=ceil)
            if number.kind != "known" and isinstance(node.args[0], ast.Call | ast.Subscript):
                inner = node.args[0]
                words = words_of(inner)
                if (
                    "sys.argv" in words
                    or "environ" in words
                    or "getenv" in words
                    or "input(" in words
                ):
                    return Number(0, INFINITY, "data", f"`{words}`", name_evidence(words)[0])
            return number
        if name in {"builtins.min", "builtins.max"} and len(node.args) > 1:
            numbers = [self.number(module, a, depth) for a in node.args]
            pick = min if name.endswith("min") else max
            sure = [n for n in numbers if n.kind == "known"]
            worker = any(n.per_worker for n in numbers)
            if len(sure) == len(numbers):
                return Number(
                    pick(n.low for n in sure),
                    pick(n.high for n in sure),
                    "known",
                    f"`{words_of(node)}`",
                    worker,
                )
            if sure and pick is min:
                rest = next(n for n in numbers if n.kind != "known")
                return replace(
                    rest, low=-INFINITY, high=min(n.high for n in sure), per_worker=worker
                )
            return replace(ANY, per_worker=worker)
        if name in {"builtins.pow", "math.pow"} and len(node.args) == 2:
            return power(*(self.number(module, a, depth) for a in node.args))
        if name in known.CPU_CALLS or (
            isinstance(node.func, ast.Attribute) and node.func.attr == "cpu_count"
        ):
            return Number(1, 256, "known", f"`{words_of(node)}`", True)
        if name in {"builtins.input", "os.getenv", "os.environ.get"}:
            return Number(0, INFINITY, "data", f"`{words_of(node)}`")
        if name in {"random.randint", "random.randrange"} and len(node.args) == 2:
            numbers = [self.number(module, a, depth) for a in node.args]
            return join_numbers(numbers)
        function = next(iter(self.project.definitions(module, node.func)), None)
        if function is not None and function.binding is not None and not function.attributes:
            definition = function.binding.node
            if isinstance(definition, ast.FunctionDef):
                return self._number_returned(function.module, definition, depth)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            base = words_of(node.func.value)
            if "cluster_resources" in base or "available_resources" in base:
                return Number(1, 256, "known", f"`{words_of(node)}`", True)
        return replace(ANY, reason=f"`{words_of(node)}` is not known here")

    def _number_returned(self, home: Module, function: ast.FunctionDef, depth: int) -> Number:
        scope = home.names.scopes[function]
        numbers = [
            self.number(home, inner.value, depth)
            for inner in home.names.walk(function)
            if isinstance(inner, ast.Return)
            and inner.value is not None
            and home.names.scope_of(inner) is scope
        ]
        worker = name_evidence(function.name)[0]
        if not numbers:
            return replace(ANY, per_worker=worker)
        return replace(join_numbers(numbers), per_worker=worker)

    def _number_item(self, module: Module, node: ast.Subscript, depth: int) -> Number:
        """Understand ``x.shape[0]``, ``ray.cluster_resources()["CPU"]`` and ``sys.argv[1]``."""
        base = node.value
        if isinstance(base, ast.Attribute) and base.attr == "shape":
            index = node.slice
            if isinstance(index, ast.Constant) and index.value == 0:
                count = self.items(module, base.value, depth)
                high = INFINITY if count.high is None else count.high
                kind: Kind = "data" if count.kind == "unknown" else count.kind
                return Number(count.low, high, kind, f"rows of {count.reason}", count.per_worker)
        if isinstance(base, ast.Call):
            name = module.names.qualified(base.func)
            if name in known.CPU_CALLS:
                return Number(1, 256, "known", f"`{words_of(node)}`", True)
        if module.names.stands_for(base, "sys.argv", "os.environ"):
            return Number(
                0, INFINITY, "data", f"`{words_of(node)}`", name_evidence(words_of(node))[0]
            )
        if isinstance(base, ast.Name) and isinstance(node.slice, ast.Constant):
            for binding in module.names.reaching(base):
                value = binding.value
                if isinstance(value, ast.Dict) and binding.kind is BindingKind.ASSIGN:
                    for key, item in zip(value.keys, value.values, strict=False):
                        if isinstance(key, ast.Constant) and key.value == node.slice.value:
                            return self.number(module, item, depth)
        return replace(ANY, reason=f"`{words_of(node)}` is not known here")

    def _arithmetic(self, module: Module, node: ast.BinOp, depth: int) -> Number:
        left = self.number(module, node.left, depth)
        right = self.number(module, node.right, depth)
        return combined(node.op, left, right, words_of(node))


def class_around(module: Module, node: ast.AST) -> ast.ClassDef | None:
    """Return the class whose method holds the node."""
    return next((a for a in module.names.ancestors(node) if isinstance(a, ast.ClassDef)), None)


def _self_stores(
    project: Project, module: Module, owner: ast.ClassDef
) -> dict[str, list[ast.Attribute]]:
    from ray_lint.program.remotes import Remotes

    return Remotes(project).stored(module, owner)


def _self_loads(
    project: Project, module: Module, owner: ast.ClassDef
) -> dict[str, list[ast.Attribute]]:
    from ray_lint.program.remotes import Remotes

    return Remotes(project).loaded(module, owner)


def _parametrized(home: Module, function: FunctionNode, name: str) -> list[ast.expr]:
    """Return the values of ``@pytest.mark.parametrize("name", [...])``."""
    if isinstance(function, ast.Lambda):
        return []
    for decorator in function.decorator_list:
        if not (isinstance(decorator, ast.Call) and len(decorator.args) >= 2):
            continue
        if not home.names.stands_for(decorator.func, "pytest.mark.parametrize"):
            continue
        which, values = decorator.args[:2]
        if isinstance(which, ast.Constant) and which.value == name:
            return list(values.elts) if isinstance(values, ast.List | ast.Tuple) else []
    return []


def _option_defaults(project: Project, module: Module) -> dict[str, ast.expr]:
    """Return the defaults of the command-line options that the module declares."""
    key = (_option_defaults, module)
    if key not in project.memo:
        defaults: dict[str, ast.expr] = {}
        for node in module.names.walk(module.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "add_argument":
                continue
            default = keyword_of(node, "default")
            destination = keyword_of(node, "dest")
            words = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if isinstance(destination, ast.Constant):
                words = [destination.value]
            for word in words:
                if isinstance(word, str) and default is not None:
                    defaults[word.lstrip("-").replace("-", "_")] = default
        project.memo[key] = defaults
    found: dict[str, ast.expr] = project.memo[key]
    return found


def _steps_over_chunks(module: Module, node: ast.Call, step: Number) -> bool:
    """Whether `range(start, stop, step)` walks over chunks: by a slice, or by a wide step."""
    if step.kind != "known" or max(abs(step.low), abs(step.high)) >= _WIDE_STEP:
        return True
    names = module.names
    for loop in names.ancestors(node):
        if isinstance(loop, ast.stmt | ast.comprehension):
            break
    else:
        return False
    target = getattr(loop, "target", None)
    if not isinstance(target, ast.Name):
        return False
    holder = names.parents[loop] if isinstance(loop, ast.comprehension) else loop
    width = ast.dump(node.args[2])
    for inner in names.walk(holder):
        if isinstance(inner, ast.Slice) and inner.lower is not None and inner.upper is not None:
            words = {n.id for n in names.walk(inner) if isinstance(n, ast.Name)}
            if target.id in words:
                return True
        elif isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add):
            sides = (inner.left, inner.right)
            if any(isinstance(x, ast.Name) and x.id == target.id for x in sides) and any(
                ast.dump(x) == width for x in sides
            ):
                return True
    return False
