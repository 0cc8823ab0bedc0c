"""What the form of a body says about its cost: loops that end soon, bodies that stand for work."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize

from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind, FunctionNode
from ray_lint.program.size_elements import is_formatted

_RECORDS = (
    *("collections.namedtuple", "typing.NamedTuple", "typing.NewType"),
    *("dataclasses.make_dataclass", "enum.Enum", "enum.IntEnum"),
)
_SAME_TEXT = {
    *("lower", "upper", "casefold", "title", "capitalize", "swapcase", "strip", "lstrip", "rstrip"),
    *("replace", "translate", "removeprefix", "removesuffix", "expandtabs"),
}
_WORDS = (
    *("re.findall", "re.finditer", "re.split", "nltk.word_tokenize", "nltk.sent_tokenize"),
    *("nltk.tokenize.word_tokenize", "nltk.tokenize.sent_tokenize"),
)
_FEW = ("urllib.parse.parse_qs", "urllib.parse.parse_qsl", "http.cookies.SimpleCookie")
_DRAWS = {"randint", "randrange", "random", "choice", "getrandbits", "uniform", "gauss"}
_OF_VALUES = {
    *("weekday", "isoweekday", "bit_length", "is_integer", "startswith", "endswith", "isdigit"),
    *("isalpha", "isspace", "isalnum", "count", "find", "strip"),
}
"""Methods of dates, numbers and texts."""
_SAME_ITEMS = tuple(
    f"builtins.{name}" for name in ("reversed", "enumerate", "sorted", "list", "tuple", "set")
)
_WRAPPED = 4  # `enumerate(reversed(digits))`
_ROOTS = ("math.sqrt", "math.isqrt", "numpy.sqrt", "cmath.sqrt")


def is_short_text(module: Module, loop: ast.AST) -> bool:
    """Whether a loop runs over the digits of a number or the words of one item's text."""
    iterable = getattr(loop, "iter", None)
    names = module.names
    for _ in range(_WRAPPED):
        if isinstance(iterable, ast.Call) and names.stands_for(iterable.func, *_SAME_ITEMS):
            iterable = iterable.args[0] if iterable.args else None
        elif isinstance(iterable, ast.Name):  # `words = line.split()`
            values = [binding.value for binding in names.reaching(iterable)]
            iterable = values[0] if len(values) == 1 else None
    if iterable is not None and is_formatted(module, iterable):
        return True
    if not isinstance(iterable, ast.Call):
        return False
    if isinstance(iterable.func, ast.Attribute) and iterable.func.attr in ("items", "values"):
        held = iterable.func.value  # `parse_qs(query).items()`
        if isinstance(held, ast.Call) and names.stands_for(held.func, *_FEW):
            return True
    if names.stands_for(iterable.func, "builtins.str", "builtins.repr", *_WORDS, *_FEW):
        return True
    function = iterable.func
    if not isinstance(function, ast.Attribute) or function.attr not in {"split", "rsplit"}:
        return False
    text = function.value
    while (  # `text.lower().split()`
        isinstance(text, ast.Call)
        and isinstance(text.func, ast.Attribute)
        and text.func.attr in _SAME_TEXT
    ):
        text = text.func.value
    return not isinstance(text, ast.Call)


def is_argument(module: Module, loop: ast.AST) -> bool:
    """Whether a loop runs over a parameter itself: one item of the caller, perhaps short."""
    iterable = getattr(loop, "iter", None)
    wrappers = ("builtins.enumerate", "builtins.zip")
    if isinstance(iterable, ast.Call) and module.names.stands_for(iterable.func, *wrappers):
        iterable = iterable.args[0] if iterable.args else None
    if not isinstance(iterable, ast.Name):
        return False
    kinds = {binding.kind for binding in module.names.reaching(iterable)}
    return kinds == {BindingKind.PARAMETER}


def makes_record(module: Module, function: ast.expr) -> bool:
    """Whether a call makes a small object of a class that is made by ``namedtuple("P", "x y")``."""
    names = module.names
    if not isinstance(function, ast.Name):
        return False
    values = [binding.value for binding in names.reaching(function)]
    return bool(values) and all(
        isinstance(value, ast.Call) and names.stands_for(value.func, *_RECORDS) for value in values
    )


def ends_at_root(module: Module, loop: ast.AST) -> bool:
    """Whether a loop tries numbers up to a square root: ``while i * i <= n``, ``int(n**0.5)``."""
    names = module.names
    if isinstance(loop, ast.While):
        sides = [side for side in ast.walk(loop.test) if isinstance(side, ast.BinOp)]
        return any(
            (isinstance(side.op, ast.Mult) and ast.dump(side.left) == ast.dump(side.right))
            or (isinstance(side.op, ast.Pow) and _number(side.right) == 2)
            for side in sides
        ) or _counts_to_root(module, loop.test)
    iterable = getattr(loop, "iter", None)
    if not (isinstance(iterable, ast.Call) and names.stands_for(iterable.func, "builtins.range")):
        return False
    if not iterable.args:
        return False
    stop = iterable.args[0 if len(iterable.args) == 1 else 1]
    return _takes_root(module, stop)


def _counts_to_root(module: Module, test: ast.expr) -> bool:
    """Whether a condition compares a counter to a root: ``while d <= math.isqrt(n)``."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Lt | ast.LtE)
        and isinstance(test.left, ast.Name)
        and _takes_root(module, test.comparators[0])
    )


def divides_the_number(module: Module, loop: ast.AST) -> bool:
    """Whether a loop takes a factor out of the number up to whose root the loop around it runs.

    ``while d * d <= n: while n % d == 0: n //= d``: all its runs together are few.
    """
    around = next((n for n in module.names.enclosing_loops(loop) if n is not loop), None)
    if not isinstance(loop, ast.While) or around is None or not ends_at_root(module, around):
        return False
    numbers = {name.id for name in rooted_numbers(module, around)}
    return any(
        isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.FloorDiv | ast.Div)
        and isinstance(node.target, ast.Name)
        and node.target.id in numbers
        for node in module.names.walk(loop)
    )


def rooted_numbers(module: Module, loop: ast.AST) -> list[ast.Name]:
    """Return the names of numbers up to whose square root a loop may run: ``n``."""
    place = loop.test if isinstance(loop, ast.While) else getattr(loop, "iter", None)
    if place is None:
        return []
    squared = {
        n.id
        for side in ast.walk(place)
        if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult | ast.Pow)
        for n in (ast.walk(side) if isinstance(loop, ast.While) else ())
        if isinstance(n, ast.Name)
    }
    names = (n for n in ast.walk(place) if isinstance(n, ast.Name))
    return [n for n in names if n.id not in squared and module.names.owner(n) is not None]


def _takes_root(module: Module, node: ast.expr, *, follow: bool = True) -> bool:
    """Whether an expression is made from a square root, at most one name away."""
    names = module.names
    for part in names.walk(node):
        if isinstance(part, ast.Call) and names.stands_for(part.func, *_ROOTS):
            return True
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow):
            if _number(part.right) == 0.5:
                return True
        elif isinstance(part, ast.Name) and follow:
            values = [binding.value for binding in names.reaching(part)]
            value = values[0] if len(values) == 1 else None
            if value is not None and _takes_root(module, value, follow=False):
                return True
    return False


def _number(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) else None


_NOTHING_WORDS = re.compile(
    r"\bno[- ]?op\b|\bnothing\b|\bempty\b|\btiny\b|\bsmall\b|\btrivial\b|noqa|type:", re.I
)


def stands_for_work(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
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
        readline = io.StringIO(textwrap.dedent(text)).readline
        found.extend(
            token.string.lstrip("# ")
            for token in tokenize.generate_tokens(readline)
            if token.type == tokenize.COMMENT
        )
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def calls_itself_often(module: Module, node: FunctionNode) -> bool:
    """Whether a function calls itself in several places: the calls may multiply.

    Not if each call takes another part of an argument, as a walk over a tree does.
    """
    if isinstance(node, ast.Lambda):
        return True
    names = module.names
    calls = [
        n
        for n in names.walk(node)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == node.name
    ]
    if len(calls) == 1 and not names.enclosing_loops(calls[0]):
        return False
    statements = [names.statement_of(call) for call in calls]
    if len(set(statements)) == len(calls) and all(isinstance(s, ast.Return) for s in statements):
        return not calls  # each way through the function has at most one
    return not calls or not all(_takes_part(module, node, call) for call in calls)


def _takes_part(module: Module, function: FunctionNode, call: ast.Call) -> bool:
    """Whether a call gets an item, a slice or an attribute of a parameter, or what a loop takes."""
    names = module.names
    scope = names.scopes[function]
    for argument in call.args:
        part = argument
        while isinstance(part, ast.Subscript | ast.Attribute):
            part = part.value
        if not isinstance(part, ast.Name):
            continue
        for binding in names.reaching(part):
            if binding.kind is BindingKind.PARAMETER and binding.scope is scope:
                if part is not argument:
                    return True
            elif names.contains(function, binding.node) and binding.kind in (
                BindingKind.LOOP,
                BindingKind.COMPREHENSION,
            ):
                return True
    return False


def _leaves(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Break | ast.Return)


def ends_by_number(module: Module, loop: ast.AST) -> bool:
    """Whether a ``while`` ends when the values it computes say so: no clock, no data, no queue."""
    if not isinstance(loop, ast.While):
        return False
    names = module.names
    nodes = names.walk(loop)
    changed = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    changed |= {
        n.func.value.id
        for n in nodes
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and isinstance(n.func.value, ast.Name)
        and n.func.attr in ("append", "add")
    }
    tests: list[ast.expr] = [loop.test]
    if isinstance(loop.test, ast.Constant):  # left by ``if …: break``
        leaving = (n for n in loop.body if isinstance(n, ast.If) and _leaves(n.body[-1]))
        tests = [statement.test for statement in leaving]
    test = [node for one in tests for node in names.walk(one)]
    read = {n.id for n in test if isinstance(n, ast.Name)}
    called = [n.func for n in test if isinstance(n, ast.Call)]
    drawn = any(isinstance(f, ast.Attribute) and f.attr in _DRAWS for f in called)
    known = {"abs", "len", "min", "max", "int", "sum", "str"}
    methods = _DRAWS | _OF_VALUES
    return (drawn or bool(changed & read)) and not any(
        isinstance(n, ast.Await)
        or (isinstance(n, ast.Attribute) and n.attr not in methods)
        or (isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id not in known)
        or (isinstance(n, ast.Call) and not isinstance(n.func, ast.Name | ast.Attribute))
        for n in test
    )
