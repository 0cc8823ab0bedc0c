"""Whether everything that a value is made of is written in this file, and in small numbers.

Where the size of what a task loops over is not known, its origin still tells something: records
that a program builds from literals, ranges and draws are short; what comes from files, the network
or a caller outside may be anything.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence

from ray_lint.program.callers import given_values, visible_calls
from ray_lint.program.functions import (
    argument_of,
    calls_of,
    default_of,
    implicit_parameters,
    loop_of,
)
from ray_lint.program.module import Module
from ray_lint.program.names import FUNCTIONS, Binding, BindingKind, FunctionNode, Scope

_LARGE = 10_000  # a number above is taken for a size that matters
_NO_COUNT = 100_000_000
"""Numbers from here on are values: no loop of Python would run that often, nor an array be held."""
_MAX_NODES = 1_500  # looked at for one value

_TAKES_IN = {
    *("open", "input", "exec", "eval", "compile", "__import__", "globals", "locals", "vars"),
}
_BUILTINS = frozenset(dir(builtins)) - _TAKES_IN
_MAKERS = {
    *("__future__", "abc", "argparse", "array", "base64", "bisect", "calendar", "cmath"),
    *("collections", "csv", "io"),
    *("colorsys", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
    *("hashlib", "heapq", "html", "ipaddress", "itertools", "json", "math", "numbers", "numpy"),
    *("operator", "queue", "random", "ray", "re", "statistics", "string", "struct", "textwrap"),
    *("types", "typing", "typing_extensions", "unicodedata", "uuid", "zlib"),
}
"""Modules whose functions only make new values of those that they are given."""
_READERS = {
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap"),
    *("io.open", "io.FileIO", "io.open_code"),
    *("numpy.lib.format.open_memmap", "ray.data", "ray.train", "ray.workflow", "ray.cloudpickle"),
}
_MULTIPLIERS = (
    *("itertools.permutations", "itertools.product", "itertools.combinations"),
    *("itertools.combinations_with_replacement", "itertools.cycle", "itertools.count"),
    "itertools.repeat",
)
_COUNTING = ("builtins.range", "itertools.islice", "numpy.arange", "numpy.zeros", "numpy.ones")
_GROWS = {
    *("append", "appendleft", "extend", "extendleft", "add", "insert", "update", "setdefault"),
    *("put", "put_nowait", "add_argument"),
}
_SHRINKING_OPERATORS = (ast.Mod, ast.BitAnd, ast.FloorDiv, ast.Div, ast.RShift, ast.BitXor)
_SEQUENCES = (ast.List, ast.Tuple, ast.ListComp, ast.JoinedStr)
_SEEDS = {"seed", "Random", "default_rng", "RandomState", "SeedSequence", "PRNGKey"}
_VALUES = {
    *("round", "pack", "Decimal", "Fraction", "complex", "chr", "hex"),
    *("date", "datetime", "timedelta"),
}
"""Functions whose arguments are values, no sizes."""
_DRAWS = {
    *("randint", "randrange", "uniform", "triangular", "gauss", "normalvariate", "expovariate"),
    *("integers", "normal", "lognormal", "exponential", "poisson", "binomial", "gamma", "beta"),
}
"""Draws whose first two arguments tell what is drawn, not how much."""
_SIZE_KEYWORDS = {"size", "k", "shape"}


class Origins:
    """Where the data comes from that a task gets, as one call in a module ``place`` gives it.

    Without a call nothing is known of the arguments of tasks.
    """

    def __init__(
        self,
        home: Module | None = None,
        task: FunctionNode | None = None,
        place: Module | None = None,
        call: ast.Call | None = None,
    ) -> None:
        self.task = task
        self.given: dict[str, list[tuple[Module, ast.expr]]] = {}
        self._answers: dict[tuple[ast.AST, int], bool] = {}
        if home is None or task is None or place is None or call is None:
            return
        starred = [a.value for a in call.args if isinstance(a, ast.Starred)]
        starred += [k.value for k in call.keywords if k.arg is None]
        skip = implicit_parameters(home, task)
        places = [*task.args.posonlyargs, *task.args.args][skip:]
        certain = next(
            (i for i, a in enumerate(call.args) if isinstance(a, ast.Starred)), len(call.args)
        )
        for parameter in (*task.args.posonlyargs, *task.args.args, *task.args.kwonlyargs):
            argument = argument_of(call, task, parameter.arg, skip)
            if argument is None and parameter in places[:certain]:
                argument = call.args[places.index(parameter)]  # in front of `*more` and `**more`
            default = default_of(task, parameter.arg)
            if argument is not None:
                self.given[parameter.arg] = [(place, argument)]
            elif starred:
                self.given[parameter.arg] = [(place, each) for each in starred]
            elif default is not None:
                self.given[parameter.arg] = [(home, default)]

    def made_here(self, module: Module, loop: ast.AST) -> bool:
        """Whether all that a loop runs over comes from small values in sight."""
        start = getattr(loop, "iter", None)
        starts = [] if start is None else [start]
        if isinstance(loop, ast.While):
            starts = _ends(module, loop)
        return bool(starts) and self.are_made_here(module, starts)

    def are_made_here(
        self, module: Module, values: Sequence[ast.expr], largest: int = _LARGE
    ) -> bool:
        """Whether all that expressions in the body of a task stand for is small and in sight.

        ``largest`` is the largest number that may say how much there is.
        """
        for value in values:
            if (value, largest) not in self._answers:
                frame = module.names.scope_of(value).frame
                search = _Search(frame, self.task, self.given, largest)
                self._answers[value, largest] = search.is_here(module, value)
        return all(self._answers[value, largest] for value in values)


class _Search:
    """Follows a value to all that it is made of."""

    def __init__(
        self,
        frame: Scope,
        task: FunctionNode | None,
        given: Mapping[str, Sequence[tuple[Module, ast.expr]]],
        largest: int,
    ) -> None:
        self.frame = frame
        self.largest = largest
        self.task = task
        self.given = given
        self.left: list[tuple[Module, ast.AST]] = []
        self.seen: set[ast.AST | tuple[ast.AST, str]] = set()
        self.reached: set[ast.AST] = set()
        """Functions whose calls are among what was looked at, and so their arguments."""

    def is_here(self, module: Module, start: ast.expr) -> bool:
        """Whether nothing that the value is made of comes from elsewhere or is large."""
        self.left.append((module, start))
        looked = 0
        while self.left:
            home, node = self.left.pop()
            if node in self.seen:
                continue
            self.seen.add(node)
            nodes = home.names.walk(node)
            looked += len(nodes)
            if looked > _MAX_NODES:
                return False
            self.reached.update(n for n in nodes if isinstance(n, FUNCTIONS))
            if not all(self._take(home, n) for n in nodes):
                return False
        return True

    def _take(self, module: Module, node: ast.AST) -> bool:
        names = module.names
        if isinstance(node, ast.Constant):
            large = isinstance(node.value, int) and self.largest < abs(node.value) < _NO_COUNT
            return not (large and _is_size(node, module))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
            return not (_is_power(node) and _is_size(node, module))
        if isinstance(node, ast.Name):
            return not isinstance(node.ctx, ast.Load) or self._name(module, node)
        if isinstance(node, ast.Attribute):
            return self._attribute(module, node)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
                # What the command line gives is like the default, where there is one.
                return any(keyword.arg in ("default", "action") for keyword in node.keywords)
            multiplies = names.stands_for(node.func, *_MULTIPLIERS) and not _makes_pairs(node)
            return not (multiplies and names.scope_of(node).frame is self.frame)
        return True

    def _name(self, module: Module, name: ast.Name) -> bool:
        owner = module.names.owner(name)
        if owner is None:
            call = module.names.parents.get(name)
            if name.id == "vars" and isinstance(call, ast.Call) and call.func is name:
                return bool(call.args)  # the attributes of an object
            return name.id in _BUILTINS
        key = (owner.node, name.id)
        if key in self.seen:
            return True
        self.seen.add(key)
        for use in owner.uses.get(name.id, [])[:100]:
            self._grow(module, use)
        return all(self._binding(module, b) for b in owner.bindings.get(name.id, []))

    def _binding(self, module: Module, binding: Binding) -> bool:
        kind, names = binding.kind, module.names
        if kind is BindingKind.IMPORT:
            return _only_makes(names.import_target(binding))
        if kind is BindingKind.PARAMETER:
            return self._parameter(module, binding)
        if kind in (BindingKind.FUNCTION, BindingKind.CLASS):
            self.left.append((module, binding.node))
        elif kind in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            self.left.append((module, loop_of(names, binding).iter))
        elif kind is BindingKind.WITH:
            item = next(a for a in names.ancestors(binding.node) if isinstance(a, ast.withitem))
            self.left.append((module, item.context_expr))
        else:
            value = binding.value or getattr(binding.statement, "value", None)
            if value is not None:
                self.left.append((module, value))
        return True

    def _parameter(self, module: Module, binding: Binding) -> bool:
        function = binding.scope.node
        if function is self.task:
            given = self.given.get(binding.name)
            self.left += given or []
            return given is not None or _is_self(module, binding)
        if function in self.reached or _is_self(module, binding):
            return True
        if isinstance(function, ast.Lambda):
            call = module.names.parents.get(function)  # `map(lambda x: …, xs)`
            others = call.args if isinstance(call, ast.Call) else []
            self.left += [(module, other) for other in others if other is not function]
            return len(others) > 1
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
        values = given_values(module, binding)
        if binding.node in (function.args.vararg, function.args.kwarg):
            calls = visible_calls(module, function) or []
            values = [v for c in calls for v in (*c.args, *(k.value for k in c.keywords))]
        if not values:
            skip = implicit_parameters(module, function)
            calls = calls_of(module, function) or []
            for call in calls:
                starred = [a.value for a in call.args if isinstance(a, ast.Starred)]
                one = argument_of(call, function, binding.name, skip)
                one = one or default_of(function, binding.name)
                if one is None and not starred:
                    return False
                values += starred if one is None else [one]
        self.left += [(module, value) for value in values]
        return bool(values)

    def _attribute(self, module: Module, node: ast.Attribute) -> bool:
        names = module.names
        qualified = names.qualified_names(node)
        if qualified:
            return all(_only_makes(name) for name in qualified if "." in name)
        key = (names.tree, f".{node.attr}")
        if key in self.seen:
            return True
        self.seen.add(key)
        for other in names.attributes(node.attr):
            if isinstance(other.ctx, ast.Store):
                value = getattr(names.statement_of(other), "value", None)
                if value is None:
                    return False
                self.left.append((module, value))
            else:
                self._grow(module, other)
        return all(
            self._binding(module, binding)
            for scope in names.scopes.values()
            if scope.is_class
            for binding in scope.bindings.get(node.attr, [])
        )

    def _grow(self, module: Module, use: ast.expr) -> None:
        """Take what is put into a collection through one use of its name."""
        parents = module.names.parents
        node: ast.AST = use
        parent = parents.get(node)
        while isinstance(parent, ast.Subscript | ast.Attribute) and parent.value is node:
            if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                value = getattr(module.names.statement_of(parent), "value", None)
                if value is not None:
                    self.left.append((module, value))
                return
            node, parent = parent, parents.get(parent)
        if not isinstance(parent, ast.Call):
            return
        if parent.func is node:
            if isinstance(node, ast.Attribute) and node.attr in _GROWS:
                self.left += [(module, each) for each in parent.args]
        elif isinstance(parents.get(parent), ast.Expr):
            self.left.append((module, parent))  # `fill(rows)`


def _ends(module: Module, loop: ast.While) -> list[ast.expr]:
    """Return what a ``while`` ends by: a list of work that is used up, or what it is left for."""
    test = loop.test
    left = test.left if isinstance(test, ast.Compare) else None
    if isinstance(left, ast.Call) and module.names.stands_for(left.func, "builtins.len"):
        test = left.args[0]
    if not isinstance(test, ast.Constant):
        return [test]  # numbers and dates that come to a bound, a stack until an operator
    return [
        node.test
        for node in loop.body
        if isinstance(node, ast.If)
        and any(isinstance(s, ast.Break | ast.Return) for s in node.body)
    ]


def _only_makes(qualified: str) -> bool:
    """Whether what a dotted name stands for makes values only of those it is given."""
    if any(qualified == reader or qualified.startswith(f"{reader}.") for reader in _READERS):
        return False
    root, _, rest = qualified.partition(".")
    if qualified.startswith("urllib.parse"):
        return True
    return root in _MAKERS or (root == "builtins" and rest.partition(".")[0] in _BUILTINS)


def _is_self(module: Module, binding: Binding) -> bool:
    function = binding.scope.node
    if isinstance(function, ast.Lambda) or not isinstance(function, FUNCTIONS):
        return False
    first = [*function.args.posonlyargs, *function.args.args][:1]
    return bool(implicit_parameters(module, function)) and binding.node in first


def _makes_pairs(call: ast.Call) -> bool:
    """Whether ``combinations(items, 2)`` is no more than two loops, one inside of the other."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    size = call.args[-1] if call.args else None
    if name == "product":
        return len(call.args) == 2 and not call.keywords
    return isinstance(size, ast.Constant) and size.value == 2 and name != "repeat"


def _is_power(node: ast.BinOp) -> bool:
    """Whether an expression like ``10**6`` or ``1 << 20`` is a large number."""
    base, exponent = node.left, node.right
    if not (isinstance(base, ast.Constant) and isinstance(exponent, ast.Constant)):
        return False
    if not (isinstance(base.value, int) and isinstance(exponent.value, int)):
        return False
    bits = max(base.value.bit_length(), 1) if isinstance(node.op, ast.Pow) else 1
    if bits * abs(exponent.value) > 2 * _NO_COUNT.bit_length():
        return False
    power = isinstance(node.op, ast.Pow)
    number = base.value**exponent.value if power else base.value << max(exponent.value, 0)
    return bool(_LARGE <= abs(number) < _NO_COUNT)


def _is_size(node: ast.expr, module: Module) -> bool:
    """Whether a number may say how much there is: it is no modulus, no seed, no measured value."""
    inner: ast.AST = node
    computed = False
    for outer in module.names.ancestors(node):
        if isinstance(outer, ast.Assign) and computed:
            return any(_counts_runs(module, target) for target in outer.targets)
        if isinstance(outer, ast.stmt):
            return not isinstance(outer, ast.If | ast.Assert)
        if isinstance(outer, ast.BinOp):
            if isinstance(outer.op, _SHRINKING_OPERATORS):
                return False
            sides = (outer.left, outer.right)
            if any(isinstance(side, _SEQUENCES) for side in sides):
                return True  # `[0] * 50_000`
            computed = computed or not all(isinstance(side, ast.Constant) for side in sides)
        if isinstance(outer, ast.ListComp | ast.SetComp | ast.GeneratorExp) and inner is outer.elt:
            return not computed
        if isinstance(outer, ast.Dict | ast.DictComp) and computed:
            return False
        if isinstance(outer, ast.List | ast.Set):
            return False
        if isinstance(outer, ast.Call):
            function = outer.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            amount = isinstance(inner, ast.keyword) and inner.arg in _SIZE_KEYWORDS
            first = inner in outer.args[:2] or isinstance(inner, ast.keyword)
            if name in _SEEDS or name in _VALUES or (name in _DRAWS and first and not amount):
                return False
            if _is_only_compared(module, outer, inner):
                return False
        if isinstance(outer, ast.comprehension) and inner in outer.ifs:
            return False
        inner = outer
    return True


def _is_only_compared(module: Module, call: ast.Call, argument: ast.AST) -> bool:
    """Whether a function of the module does nothing with an argument but to compare it."""
    names = module.names
    bindings = names.reaching(call.func) if isinstance(call.func, ast.Name) else []
    function = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(function, ast.FunctionDef):
        return False
    spec = [*function.args.posonlyargs, *function.args.args]
    place = call.args.index(argument) if argument in call.args else len(spec)
    name = argument.arg if isinstance(argument, ast.keyword) else None
    name = spec[place].arg if name is None and place < len(spec) else name
    uses = names.scopes[function].uses.get(name or "", [])
    return bool(uses) and all(
        isinstance(names.parents.get(use), ast.Compare)
        and not any(
            isinstance(outer, ast.While) and names.contains(outer.test, use)
            for outer in names.ancestors(use)
        )
        for use in uses
    )


def _counts_runs(module: Module, target: ast.expr) -> bool:
    """Whether a name is used to say how often something is done, or may be."""
    names = module.names
    if not isinstance(target, ast.Name):
        return True
    owner = names.scope_of(target)
    return any(
        (isinstance(outer, ast.Call) and names.stands_for(outer.func, *_COUNTING))
        or (
            isinstance(outer, ast.BinOp)
            and any(isinstance(s, _SEQUENCES) for s in (outer.left, outer.right))
        )
        or isinstance(outer, ast.While)
        for use in owner.uses.get(target.id, [])
        for outer in names.ancestors(use)
        if not isinstance(outer, ast.While) or names.contains(outer.test, use)
    )
