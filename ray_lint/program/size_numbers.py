"""Intervals of numbers: constants, arithmetic, lengths, options, parameters."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program import known_sizes as known
from ray_lint.program.counts import (
    ANY,
    INFINITY,
    LARGE,
    Kind,
    Number,
    combined,
    join_numbers,
    power,
)
from ray_lint.program.functions import given_back
from ray_lint.program.module import Module
from ray_lint.program.names import Binding, BindingKind
from ray_lint.program.project import Definition, Project
from ray_lint.program.size_elements import (
    SAME_ITEMS,
    items_of,
    loop_values,
    packed_size,
    values_under,
)
from ray_lint.program.size_names import class_attribute, meanings, parameter_values
from ray_lint.program.wording import keyword_of, name_evidence, words_of

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes

_DEPTH = 30
_MAX_JOINED = 50  # values of one name that are joined


def number_of_expression(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> Number:
    """Return the interval of an expression's values, by its form."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool | int | float):
            value = node.value
            if isinstance(value, int) and abs(value) > LARGE:
                value = LARGE if value > 0 else -LARGE
            return Number(value, value, "known", f"{value}") if math.isfinite(value) else ANY
        return ANY
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = sizes.number(module, node.operand, depth)
        if isinstance(node.op, ast.USub):
            return replace(number, low=-number.high, high=-number.low)
        return number
    if isinstance(node, ast.BinOp):
        return _arithmetic(sizes, module, node, depth)
    if isinstance(node, ast.IfExp):
        return join_numbers([sizes.number(module, n, depth) for n in (node.body, node.orelse)])
    if isinstance(node, ast.NamedExpr | ast.Await):
        return sizes.number(module, node.value, depth)
    if isinstance(node, ast.BoolOp):
        return join_numbers([sizes.number(module, n, depth) for n in node.values])
    if isinstance(node, ast.Call):
        return _called(sizes, module, node, depth)
    if isinstance(node, ast.Subscript):
        return _item(sizes, module, node, depth)
    if isinstance(node, ast.Attribute) and node.attr == "size":
        packed = packed_size(module, node)
        if packed is not None:
            return Number(packed, packed, "known", f"`{words_of(node)}`")
    if isinstance(node, ast.Name | ast.Attribute):
        numbers = [number_of_definition(sizes, d, depth) for d in meanings(sizes, module, node)]
        if numbers:
            return join_numbers(numbers)
        return replace(ANY, reason=f"`{words_of(node)}` is not known here")
    return ANY


def number_of_definition(sizes: Sizes, definition: Definition, depth: int) -> Number:
    """Return the interval of the numbers that a definition gives a name."""
    binding, home = definition.binding, definition.module
    if binding is None:
        return ANY
    if definition.attributes:
        inner = class_attribute(sizes, definition)
        if inner is None:
            return _option(sizes, definition, depth)
        binding = inner.binding
        assert binding is not None
    kind, value = binding.kind, binding.value
    reason = f"`{binding.name}`"
    if kind in (BindingKind.ASSIGN, BindingKind.WALRUS) and value is not None:
        number = sizes.number(home, value, depth)
        worker = name_evidence(binding.name)[0]
        return replace(number, per_worker=number.per_worker or worker)
    if kind is BindingKind.PARAMETER:
        arguments, complete = parameter_values(sizes, home, binding)
        worker = name_evidence(binding.name)[0]
        if arguments and complete:
            number = join_numbers([x.number(m, a, depth) for x, m, a in arguments])
            if number.kind == "known":
                return replace(number, per_worker=number.per_worker or worker)
        return Number(-INFINITY, INFINITY, "data", f"the parameter {reason}", worker)
    if kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
        number = ANY if value is None else _range_element(sizes, home, value, depth)
        if number.kind != "known":
            values = loop_values(home, binding) or []
            seen = [sizes.number(home, v, depth) for v in values]
            if seen and all(n.kind == "known" for n in seen):
                return join_numbers(seen)
        return number
    if kind is BindingKind.AUGMENTED:
        return _augmented(sizes, home, binding, depth)
    return replace(ANY, reason=f"{reason} is not known here")


def _augmented(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Number:
    """Return the number after ``n //= 25``, unless that is repeated by a loop."""
    changes = replace(ANY, reason=f"`{binding.name}` changes")
    statement = binding.statement
    names = home.names
    if not isinstance(statement, ast.AugAssign) or depth > _DEPTH:
        return changes
    if not isinstance(binding.node, ast.Name):
        return changes
    key = (_augmented, binding)
    memo = sizes.memo
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
    right = sizes.number(home, statement.value, depth)
    results = [
        combined(
            statement.op,
            number_of_definition(sizes, Definition(home, b), depth + 1),
            right,
            words_of(statement),
        )
        for b in earlier
    ]
    memo[key] = number = join_numbers(results) if results else changes
    return number


def _range_element(sizes: Sizes, home: Module, iterable: ast.expr, depth: int) -> Number:
    """Return the interval of a loop variable over a range or a display of numbers."""
    if isinstance(iterable, ast.Call) and home.names.stands_for(iterable.func, "builtins.range"):
        numbers = [sizes.number(home, a, depth) for a in iterable.args[:3]]
        if numbers and all(n.kind == "known" for n in numbers):
            start = numbers[0] if len(numbers) > 1 else Number(0, 0, "known", "0")
            stop = numbers[1] if len(numbers) > 1 else numbers[0]
            low, high = min(start.low, stop.low), max(start.high, stop.high)
            return Number(low, high, "known", f"an item of `{words_of(iterable)}`")
    values = []
    if isinstance(iterable, ast.Name):
        values = [b.value for b in home.names.reaching(iterable) if b.kind is BindingKind.ASSIGN]
    elif isinstance(iterable, ast.Call) and home.names.qualified_names(iterable.func) & SAME_ITEMS:
        values = list(iterable.args[:1])
    if len(values) == 1 and values[0] is not None and depth < _DEPTH:
        return _range_element(sizes, home, values[0], depth + 1)
    if isinstance(iterable, ast.List | ast.Tuple | ast.Set) and iterable.elts:
        return join_numbers([sizes.number(home, e, depth) for e in iterable.elts[:50]])
    return replace(ANY, reason="an item of an iterable")


def _option(sizes: Sizes, definition: Definition, depth: int) -> Number:
    """Return the default of a command-line option: ``args.n`` of ``add_argument("--n")``."""
    binding, home = definition.binding, definition.module
    if binding is None or len(definition.attributes) != 1:
        return ANY
    value = binding.value
    name = definition.attributes[0]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        found = sizes.project.definitions(home, value.func)
        maker = found[0].binding.node if len(found) == 1 and found[0].binding else None
        given = given_back(found[0].module.names, maker) if maker is not None else []
        if len(given) == 1 and isinstance(maker, ast.FunctionDef):
            value, home = given[0], found[0].module
    if isinstance(value, ast.Name):
        reaching = home.names.reaching(value)
        value = reaching[0].value if len(reaching) == 1 else None
    parsers = {"parse_args", "parse_known_args"}
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in parsers
    ):
        default = _option_defaults(sizes.project, home).get(name)
        worker = name_evidence(name)[0]
        if default is not None:
            number = sizes.number(home, default, depth)
            if number.kind == "known":
                reason = f"default of the option `{name}`"
                return replace(number, reason=reason, per_worker=worker)
        return Number(0, INFINITY, "data", f"the command-line option `{name}`", worker)
    return replace(ANY, reason=f"`{binding.name}.{name}` is not known here")


def _called(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Number:
    name = module.names.qualified(node.func) or ""
    if name == "builtins.len" and len(node.args) == 1:
        count = sizes.items(module, node.args[0], depth)
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
        number = sizes.number(module, node.args[0], depth)
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
            if "sys.argv" in words or "environ" in words or "getenv" in words or "input(" in words:
                return Number(0, INFINITY, "data", f"`{words}`", name_evidence(words)[0])
        return number
    if name in {"builtins.min", "builtins.max"} and len(node.args) > 1:
        numbers = [sizes.number(module, a, depth) for a in node.args]
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
            return replace(rest, low=-INFINITY, high=min(n.high for n in sure), per_worker=worker)
        return replace(ANY, per_worker=worker)
    if name in {"math.sqrt", "math.isqrt", "numpy.sqrt"} and len(node.args) == 1:
        number = sizes.number(module, node.args[0], depth)
        if number.kind == "known" and number.high >= 0:
            return replace(number, low=max(number.low, 0) ** 0.5 // 1, high=number.high**0.5)
        return number
    if name in {"builtins.pow", "math.pow"} and len(node.args) == 2:
        return power(*(sizes.number(module, a, depth) for a in node.args))
    if name in known.CPU_CALLS or (
        isinstance(node.func, ast.Attribute) and node.func.attr == "cpu_count"
    ):
        return Number(1, 256, "known", f"`{words_of(node)}`", True)
    if name in {"builtins.input", "os.getenv", "os.environ.get"}:
        return Number(0, INFINITY, "data", f"`{words_of(node)}`")
    drawn = _drawn(sizes, module, node, depth)
    if drawn is not None:
        return drawn
    function = next(iter(sizes.project.definitions(module, node.func)), None)
    if function is not None and function.binding is not None and not function.attributes:
        definition = function.binding.node
        if isinstance(definition, ast.FunctionDef):
            called = sizes.within(function.module, definition, module, node)
            return _returned(called, function.module, definition, depth)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        base = words_of(node.func.value)
        if "cluster_resources" in base or "available_resources" in base:
            return Number(1, 256, "known", f"`{words_of(node)}`", True)
    return replace(ANY, reason=f"`{words_of(node)}` is not known here")


def _drawn(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Number | None:
    """Return the bounds of one random number: ``rng.randint(3, 9)``, ``rng.choice((4, 8))``."""
    if not isinstance(node.func, ast.Attribute) or not node.args or len(node.args) > 2:
        return None
    if node.keywords:  # `size=`
        return None
    if node.func.attr in ("randint", "randrange", "integers"):
        bounds = [sizes.number(module, a, depth) for a in node.args]
        if len(bounds) == 1:
            bounds.append(Number(0, 0, "known", "0"))
        return join_numbers(bounds)
    if node.func.attr == "choice" and len(node.args) == 1:
        values = items_of(module, node.args[0]) or []
        numbers = [sizes.number(module, value, depth) for value in values]
        if numbers and all(number.kind == "known" for number in numbers):
            return join_numbers(numbers)
    return None


def _returned(sizes: Sizes, home: Module, function: ast.FunctionDef, depth: int) -> Number:
    scope = home.names.scopes[function]
    numbers = [
        sizes.number(home, inner.value, depth)
        for inner in home.names.walk(function)
        if isinstance(inner, ast.Return)
        and inner.value is not None
        and home.names.scope_of(inner) is scope
    ]
    worker = name_evidence(function.name)[0]
    if not numbers:
        return replace(ANY, per_worker=worker)
    return replace(join_numbers(numbers), per_worker=worker)


def _item(sizes: Sizes, module: Module, node: ast.Subscript, depth: int) -> Number:
    """Understand ``x.shape[0]``, ``ray.cluster_resources()["CPU"]`` and ``sys.argv[1]``."""
    base = node.value
    if isinstance(base, ast.Attribute) and base.attr == "shape":
        index = node.slice
        if isinstance(index, ast.Constant) and index.value == 0:
            count = sizes.items(module, base.value, depth)
            high = INFINITY if count.high is None else count.high
            kind: Kind = "data" if count.kind == "unknown" else count.kind
            return Number(count.low, high, kind, f"rows of {count.reason}", count.per_worker)
    if isinstance(base, ast.Call):
        name = module.names.qualified(base.func)
        if name in known.CPU_CALLS:
            return Number(1, 256, "known", f"`{words_of(node)}`", True)
    if module.names.stands_for(base, "sys.argv", "os.environ"):
        return Number(0, INFINITY, "data", f"`{words_of(node)}`", name_evidence(words_of(node))[0])
    if isinstance(base, ast.Name) and isinstance(node.slice, ast.Constant):
        for binding in module.names.reaching(base):
            value = binding.value
            if isinstance(value, ast.Dict) and binding.kind is BindingKind.ASSIGN:
                for key, item in zip(value.keys, value.values, strict=False):
                    if isinstance(key, ast.Constant) and key.value == node.slice.value:
                        return sizes.number(module, item, depth)
    held = values_under(module, base, node.slice) or []
    numbers = [sizes.number(module, value, depth) for value in held]
    if numbers and all(n.kind == "known" for n in numbers):
        return join_numbers(numbers)
    return replace(ANY, reason=f"`{words_of(node)}` is not known here")


def _arithmetic(sizes: Sizes, module: Module, node: ast.BinOp, depth: int) -> Number:
    left = sizes.number(module, node.left, depth)
    right = sizes.number(module, node.right, depth)
    return combined(node.op, left, right, words_of(node))


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
