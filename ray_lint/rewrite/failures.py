"""References whose failures a program may see one by one, or in another order than the items'.

A failing item of a batch fails the items behind it as well. Nobody can tell where the first failure
that is fetched, in the order of the items, ends the program; everything else could.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from ray_lint.program.class_members import class_of_receiver
from ray_lint.program.functions import given_back
from ray_lint.program.names import TRIES, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.rewrite.fetching import VARIABLES, hands_on_what_fetches, may_fetch, viewed
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.observers import code_of, methods_of, swallows
from ray_lint.rewrite.plan import Doubts
from ray_lint.rewrite.quiet import all_in_one_quiet_loop
from ray_lint.rewrite.uses import RAY_GET, assigned_name, fetched_whole, is_get

# What runs code, or waits for it, without passing its failure on to who called it.
_APART = {
    *("threading.Thread", "threading.Timer", "_thread.start_new_thread", "atexit.register"),
    *("asyncio.create_task", "asyncio.ensure_future", "asyncio.wait", "asyncio.TaskGroup"),
    *("asyncio.run_coroutine_threadsafe", "concurrent.futures.wait", "weakref.finalize"),
    *("signal.signal", "multiprocessing.Process", "contextlib.ExitStack"),
    "contextlib.AsyncExitStack",
}
_APART_METHODS = {
    *("add_done_callback", "apply_async", "map_async", "starmap_async", "run_in_executor"),
    *("submit", "create_task", "assertRaises", "assertRaisesRegex", "call_soon"),
    *("call_later", "call_soon_threadsafe"),
}
_THREADS = {"threading.Thread", "threading.Timer", "multiprocessing.Process"}
_SHUFFLING = {"reverse", "sort", "pop", "popitem", "remove", "insert", "appendleft"}
_REORDERING = {
    *("builtins.reversed", "builtins.sorted", "builtins.set", "builtins.max", "builtins.min"),
    *("itertools.islice", "itertools.takewhile", "itertools.dropwhile", "itertools.compress"),
    *("random.sample", "random.choice", "random.choices", "random.shuffle", "heapq.heapify"),
    *("heapq.heappush", "builtins.filter", "builtins.next", "builtins.frozenset"),
}
_ORDERING = {"builtins.sorted", "builtins.min", "builtins.max", "heapq.nsmallest"}
_IDENTITIES = {"str", "repr", "hash", "id", "hex", "binary", "format"}
_LISTS = ("builtins.list", "builtins.tuple")
_IMPORTS = {"ImportError", "ModuleNotFoundError"}


def judge_isolation(names: ModuleNames, shape: Shape, doubts: Doubts) -> None:
    """Doubt references of a task that may fail, where the failures may be seen one by one.

    That is so where the program fetches them in code whose failure is not its own end, or in
    another order than that of the items, or only some of them.
    """
    line = _isolates(names) or _takes_out_of_order(names, shape)
    if line is not None:
        doubts.add(
            f"an item that fails takes the rest of its batch along, and line {line} "
            "may see failures one by one"
        )


def judge_order_of_ids(names: ModuleNames, shape: Shape, doubts: Doubts) -> None:
    """Doubt references that are put in the order of their ids: ``sorted(refs, key=str)``."""
    line = _ordered_by_identity(names).get(_collection(names, shape))
    if line is not None:
        doubts.add(f"line {line} puts the references in the order of their ids")


@once_per_module
def _ordered_by_identity(names: ModuleNames) -> dict[str, int]:
    """Return the names that are sorted by what their items are as texts or ids: the line."""
    lines: dict[str, int] = {}
    for call in names.index.every(ast.Call):
        key = next((keyword.value for keyword in call.keywords if keyword.arg == "key"), None)
        func = call.func
        ordered: ast.expr | None = None
        if isinstance(func, ast.Attribute) and func.attr == "sort":
            ordered = func.value
        elif call.args and names.qualified_names(func) & _ORDERING:
            ordered = call.args[0]
        if key is None or ordered is None or not _text(ordered):
            continue
        if any(_text(n) in _IDENTITIES for n in ast.walk(key) if isinstance(n, ast.expr)):
            lines.setdefault(_text(ordered), call.lineno)
    return lines


@once_per_module
def _isolates(names: ModuleNames) -> int | None:
    """Return the first line that may see the failure of an item without passing it on."""
    return next(_isolating(names), None)


def _isolating(names: ModuleNames) -> Iterator[int]:
    hidden = _fetching_attributes(names)
    for node in names.walk(names.tree):
        if isinstance(node, TRIES) and node.handlers:
            if not _imports_only(node) and _may_fetch(names, node, hidden):
                yield node.lineno
        elif isinstance(node, ast.With | ast.AsyncWith):
            if any(swallows(names, item.context_expr) for item in node.items):
                yield node.lineno
        elif isinstance(node, ast.ClassDef):
            if any(names.qualified_names(base) & _THREADS for base in node.bases):
                yield node.lineno
        elif isinstance(node, ast.FunctionDef):
            if node.name == "__del__":
                yield node.lineno
        elif isinstance(node, ast.Call) and _runs_apart(names, node, hidden):
            yield node.lineno


def _runs_apart(names: ModuleNames, call: ast.Call, hidden: set[str]) -> bool:
    known = names.qualified_names(call.func)
    if known & _APART:
        return True
    if hidden and known & {"builtins.hasattr", "builtins.getattr"}:
        return True
    if known & {"asyncio.gather"}:
        return any(keyword.arg is None for keyword in call.keywords)
    if not isinstance(call.func, ast.Attribute):
        return False
    # ``future.exception()`` tells of a failure, ``logger.exception("…")`` is something else.
    asks = call.func.attr in ("exception", "subTest") and not call.args
    apart = bool(call.args) and call.func.attr in _APART_METHODS
    return asks or (apart and not _is_own_method(names, call.func))


def _is_own_method(names: ModuleNames, method: ast.Attribute) -> bool:
    """Whether ``self.submit``, or that of an object, is a method of a class of the module."""
    base = method.value
    if not isinstance(base, ast.Name):
        return False
    owner = class_of_receiver(names, base)
    return owner is not None and method.attr in names.scopes[owner].bindings


def _imports_only(node: ast.Try) -> bool:
    return all(
        handler.type is not None
        and {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)} <= _IMPORTS
        for handler in node.handlers
    )


def _may_fetch(names: ModuleNames, node: ast.Try, hidden: set[str]) -> bool:
    """Whether the body may fetch in a way that no call of a known function shows."""
    for statement in node.body:
        for part in names.walk(statement):
            if isinstance(part, ast.For | ast.comprehension | ast.Yield | ast.YieldFrom):
                # What gives the items, or who takes them, may fetch each one.
                iterable = viewed(names, getattr(part, "iter", None))
                if not isinstance(iterable, ast.Name | ast.Attribute):
                    return True
            elif isinstance(part, ast.Attribute):
                if part.attr in hidden:
                    return True
            elif isinstance(part, ast.Call):
                func = part.func
                if hidden and names.qualified_names(func) & {"builtins.str", "builtins.print"}:
                    return True
                if isinstance(func, ast.Subscript | ast.Call):
                    return True
                if isinstance(func, ast.Name) and names.owner(func) is not None:
                    kinds = {binding.kind for binding in names.reaching(func)}
                    if kinds <= VARIABLES:
                        fetches = hands_on_what_fetches(names)
                    elif kinds <= {BindingKind.IMPORT, BindingKind.CLASS}:
                        fetches = False
                    else:
                        fetches = may_fetch(names, func)
                    if fetches:
                        return True
                given = [*part.args, *(keyword.value for keyword in part.keywords)]
                if any(names.stands_for(argument, *RAY_GET) for argument in given):
                    return True
    return False


@once_per_module
def _fetching_attributes(names: ModuleNames) -> set[str]:
    """Return the properties and special methods of the module that fetch references."""
    found = set()
    for name, functions in methods_of(names).items():
        special = name.startswith("__") and name != "__init__"
        for function in functions:
            if (special or getattr(function, "decorator_list", [])) and any(
                isinstance(node, ast.Await)
                or (isinstance(node, ast.Call) and names.stands_for(node.func, *RAY_GET))
                for node in names.walk(function)
            ):
                found.add(name)
    return found


def _takes_out_of_order(names: ModuleNames, shape: Shape) -> int | None:
    """Return the first line that takes the references in another order, or only some."""
    collections = {_collection(names, shape)} - {""}
    attribute = not isinstance(shape.container, ast.Name) and not _is_variable(names, shape)
    maker = names.scope_of(shape.region).frame.node
    if isinstance(maker, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        given is shape.node or _text(given) in collections or names.contains(shape.region, given)
        for given in given_back(names, maker)
    ):
        collections |= {maker.name, *_results(names).get(maker.name, [])} - {""}
    for _ in range(2):  # handed on as a parameter, also of a function with such a parameter
        collections |= set(_parameters(names, collections))
    uses = [
        node
        for text in collections
        for node in _named(names).get(text, [])
        if not names.contains(shape.region, node)
        and (isinstance(node, ast.Name) or attribute or _is_kept_in(names, text))
        and not _are_values(names, node)
    ]
    found = [node for node in uses if _reorders(names, shape, _made_by(names, node))]
    reading = [n for n in uses if not _is_handed_on(names, n)]
    if found and all_in_one_quiet_loop(names, reading):
        return None
    return min((node.lineno for node in found), default=None)


def _is_handed_on(names: ModuleNames, use: ast.expr) -> bool:
    """Whether a use binds, returns or passes the collection: its other names are looked at, too."""
    made = _made_by(names, use)
    parent = names.parents.get(made)
    func = parent.func if isinstance(parent, ast.Call) and made in parent.args else None
    passed = isinstance(func, ast.Name) and bool(list(code_of(names, func)))
    stored = isinstance(getattr(use, "ctx", None), ast.Store)
    return stored or passed or isinstance(parent, ast.Return)


def _is_variable(names: ModuleNames, shape: Shape) -> bool:
    """Whether the references, or the list of them, get the name of a variable."""
    node = shape.node
    parent = names.parents.get(node)
    while isinstance(parent, ast.Call) and node in parent.args:
        node, parent = parent, names.parents.get(parent)
    targets = parent.targets if isinstance(parent, ast.Assign) else []
    return bool(targets) and all(isinstance(target, ast.Name) for target in targets)


@once_per_module
def _is_kept_in(names: ModuleNames, variable: str) -> bool:
    """Whether an object may keep what a variable stands for under the same name."""
    stored = (
        statement.value
        for statement in names.index.every(ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Attribute) and target.attr == variable
    )
    given = (k.value for k in names.index.every(ast.keyword) if k.arg == variable)
    return any(
        isinstance(part, ast.Name) and part.id == variable
        for value in (*stored, *given)
        for part in ast.walk(value)
    )


def _are_values(names: ModuleNames, node: ast.expr) -> bool:
    """Whether a name stands for what was fetched: ``levels`` after ``levels = ray.get(levels)``."""
    bindings = names.reaching(node) if isinstance(node, ast.Name) else []
    values = [b.value for b in bindings]
    values = [v.elt if isinstance(v, ast.ListComp | ast.SetComp) else v for v in values]
    values = [v.value if isinstance(v, ast.DictComp) else v for v in values]
    return bool(values) and all(
        isinstance(value, ast.Call) and names.stands_for(value.func, *RAY_GET) for value in values
    )


def _text(node: ast.expr) -> str:
    """Return the name, or the name of the attribute, that an expression is; "" for others."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _made_by(names: ModuleNames, node: ast.expr) -> ast.expr:
    """Return the call of a function that is named, or the name itself."""
    parent = names.parents.get(node)
    return parent if isinstance(parent, ast.Call) and parent.func is node else node


@once_per_module
def _results(names: ModuleNames) -> dict[str, list[str]]:
    """Return the names and attributes that get what each function, or method, returns."""
    found: dict[str, list[str]] = {}
    for node in names.index.every(ast.Assign):
        value = node.value
        if isinstance(value, ast.Call) and value.args and names.stands_for(value.func, *_LISTS):
            value = value.args[0]
        if isinstance(value, ast.Await):
            value = value.value
        if isinstance(value, ast.Call):
            texts = [_text(target) for target in node.targets]
            found.setdefault(_text(value.func), []).extend(texts)
    return found


def _parameters(names: ModuleNames, collections: set[str]) -> Iterator[str]:
    """Yield the parameters of functions of the module that get such a collection."""
    for text in collections:
        yield from _passed(names).get(text, ())


@once_per_module
def _named(names: ModuleNames) -> dict[str, list[ast.expr]]:
    """Return the places of each name and attribute, but not the views of dictionaries."""
    found: dict[str, list[ast.expr]] = {}
    views = {"keys", "values", "items"} - {f.name for f in names.index.every(ast.FunctionDef)}
    for kind in (ast.Name, ast.Attribute):
        for node in names.index.every(kind):
            parent = names.parents.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            if not (called and isinstance(node, ast.Attribute) and node.attr in views):
                found.setdefault(_text(node), []).append(node)
    return found


@once_per_module
def _passed(names: ModuleNames) -> dict[str, list[str]]:
    """Return the parameters that get what each name, or function, stands for."""
    found: dict[str, list[str]] = {}
    for call in names.index.every(ast.Call):
        if not isinstance(call.func, ast.Name):
            continue
        for place, given in enumerate(call.args):
            text = _text(given.func if isinstance(given, ast.Call) else given)
            for function in code_of(names, call.func) if text else ():
                spec = getattr(function, "args", None)
                every = [*spec.posonlyargs, *spec.args] if spec is not None else []
                if place < len(every):
                    found.setdefault(text, []).append(every[place].arg)
    return found


def _collection(names: ModuleNames, shape: Shape) -> str:
    """Return the name, or attribute, of the collection of the references; "" if it has none."""
    container = shape.container
    if isinstance(container, ast.Name):
        return container.id
    if isinstance(container, ast.Attribute):
        return container.attr
    if not isinstance(shape.node, ast.expr):
        return ""
    node = shape.node
    parent = names.parents.get(node)
    while isinstance(parent, ast.Call) and parent.args == [node]:
        if not names.stands_for(parent.func, *_LISTS):
            return ""
        node, parent = parent, names.parents.get(parent)
    binding = assigned_name(names, node)
    if binding is not None:
        return binding.name
    targets = parent.targets if isinstance(parent, ast.Assign) else []
    return next((t.attr for t in targets if isinstance(t, ast.Attribute)), "")


def _reorders(names: ModuleNames, shape: Shape, use: ast.expr) -> bool:
    """Whether a use of the collection changes its order, or takes some of its references."""
    parent = names.parents.get(use)
    if isinstance(parent, ast.Attribute):
        call = names.parents.get(parent)
        if parent.attr in _SHUFFLING and isinstance(call, ast.Call) and call.func is parent:
            first = parent.attr == "pop" and [ast.unparse(a) for a in call.args] == ["0"]
            return not first
        return False
    if isinstance(parent, ast.Call):
        if use not in parent.args:
            return False
        known = names.qualified_names(parent.func)
        if "builtins.zip" in known:
            return not all(
                _holds(names, a, _text(use)) or _as_many(names, shape, a) for a in parent.args
            )
        if "builtins.sorted" in known and not parent.keywords and _is_counted(shape):
            return False
        return bool(known & _REORDERING)
    if isinstance(parent, ast.Subscript) and parent.value is use:
        if isinstance(parent.ctx, ast.Del):
            return True
        if isinstance(parent.slice, ast.Slice):
            step = parent.slice.step
            return isinstance(step, ast.UnaryOp)
        if is_get(names, names.parents[parent], parent):
            get = names.parents[parent]
            assert isinstance(get, ast.Call)
            if fetched_whole(names, get):
                return False
        return not isinstance(parent.ctx, ast.Store) and _any_place(names, shape, parent.slice)
    if isinstance(parent, ast.Assign) and parent.value is use:
        return any(isinstance(n, ast.Starred) for t in parent.targets for n in ast.walk(t))
    return False


def _holds(
    names: ModuleNames, expression: ast.expr, collection: str, *, follow: bool = True
) -> bool:
    """Whether an expression has an item for each one of a collection: ``list(refs.values())``."""
    while isinstance(expression, ast.Call):
        method = isinstance(expression.func, ast.Attribute) and not expression.args
        if method and isinstance(expression.func, ast.Attribute):
            if expression.func.attr not in ("keys", "values", "items", "copy"):
                return False
            expression = expression.func.value
        elif len(expression.args) == 1 and names.stands_for(expression.func, *RAY_GET, *_LISTS):
            expression = expression.args[0]
        else:
            return False
    if isinstance(expression, ast.ListComp) and len(expression.generators) == 1:
        (clause,) = expression.generators
        return not clause.ifs and _holds(names, clause.iter, collection, follow=follow)
    if isinstance(expression, ast.Name) and expression.id != collection and follow:
        values = [b.value for b in names.reaching(expression)]  # `values = ray.get(refs)`
        value = values[0] if len(values) == 1 else None
        return isinstance(value, ast.Call) and _holds(names, value, collection, follow=False)
    return isinstance(expression, ast.Name | ast.Attribute) and _text(expression) == collection


def _is_counted(shape: Shape) -> bool:
    """Whether the keys of a dictionary of references are 0, 1, 2, … and sorted by themselves."""
    first = shape.repeats[0] if shape.repeats else None
    if first is None or len(shape.repeats or []) != 1 or shape.key is None:
        return False
    target = first.target
    if isinstance(target, ast.Tuple) and ast.unparse(first.iterable).startswith("enumerate("):
        target = target.elts[0]
    elif not ast.unparse(first.iterable).startswith("range("):
        return False
    return ast.unparse(target) == ast.unparse(shape.key)


def _as_many(names: ModuleNames, shape: Shape, other: ast.expr) -> bool:
    """Whether what is paired with the references is, or was made of, what they were made of."""
    text = ast.unparse(other)
    iterables = {ast.unparse(repeat.iterable) for repeat in shape.repeats or []}
    if not iterables and isinstance(shape.loop, ast.For):
        iterables = {ast.unparse(shape.loop.iter)}
    if text in iterables or any(f"({text})" in iterable for iterable in iterables):
        return True
    if isinstance(other, ast.Name) and _is_filled_beside(names, shape, other):
        return True
    bindings = names.reaching(other) if isinstance(other, ast.Name) else []
    made = bindings[0].value if len(bindings) == 1 else None
    while isinstance(made, ast.Call) and made.args:
        # fetched, or submitted in batches by an earlier fix
        parts = [a for a in made.args if isinstance(a, ast.ListComp)]
        made = parts[0] if parts else made.args[0]
    clauses = made.generators if isinstance(made, ast.ListComp) else []
    return len(clauses) == 1 and not clauses[0].ifs and ast.unparse(clauses[0].iter) in iterables


def _is_filled_beside(names: ModuleNames, shape: Shape, other: ast.Name) -> bool:
    """Whether a list gets an item each time that the one of the references does.

    The function around the loop may have returned both.
    """
    frame, statement = names.scope_of(shape.region).frame, names.statement_of(shape.node)
    if statement is None or shape.form is not Form.APPEND or not isinstance(shape.loop, ast.For):
        return False
    name = other.id
    if names.scope_of(other).frame is not frame:
        name = _returned_as(names, frame.node, other)
    bindings = frame.bindings.get(name, [])
    made = bindings[0].value if len(bindings) == 1 else None
    if not isinstance(made, ast.List) or made.elts:
        return False
    filling = [n for n in frame.uses.get(name, []) if isinstance(names.parents[n], ast.Attribute)]
    filled = names.statement_of(filling[0]) if len(filling) == 1 else None
    block = names.blocks[statement]
    if not isinstance(filled, ast.Expr) or names.blocks[filled].statements is not block.statements:
        return False
    call = filled.value
    appends = isinstance(call, ast.Call) and call.func is names.parents[filling[0]]
    first, last = sorted((block.index, names.blocks[filled].index))
    between = [n for s in block.statements[first:last] for n in names.walk(s)]
    return (
        appends
        and names.parents[filling[0]].attr == "append"  # type: ignore[attr-defined]
        and not any(isinstance(n, ast.Continue | ast.Break | ast.Return) for n in between)
    )


def _returned_as(names: ModuleNames, function: ast.AST, given: ast.Name) -> str:
    """Return ``a`` of ``return a, b`` for ``x`` of ``x, y = function()``; "" for others."""
    bindings = names.reaching(given)
    target = bindings[0].node if len(bindings) == 1 else None
    pair = names.parents.get(target) if target is not None else None
    statement = names.parents.get(pair) if isinstance(pair, ast.Tuple) else None
    call = statement.value if isinstance(statement, ast.Assign) else None
    if not isinstance(call, ast.Call) or not isinstance(pair, ast.Tuple):
        return ""
    if not isinstance(call.func, ast.Name) or function not in code_of(names, call.func):
        return ""
    returned = given_back(names, function) if isinstance(function, ast.FunctionDef) else []
    value = returned[0] if len(returned) == 1 else None
    if not isinstance(value, ast.Tuple) or len(value.elts) != len(pair.elts):
        return ""
    element = value.elts[pair.elts.index(target)]  # type: ignore[arg-type]
    return element.id if isinstance(element, ast.Name) else ""


def _counts_alike(names: ModuleNames, shape: Shape, key: ast.expr) -> bool:
    """Whether a key is read in the same nested loops over ranges as it was stored in.

    The loop variables may have other names.
    """
    if shape.key is None:
        return False
    stored, read = _loops_of(names, shape.key), _loops_of(names, key)
    if stored is None or read is None or stored.texts != read.texts:
        return False
    bounds = zip(stored.bounds, read.bounds, strict=True)
    return not any(names.reaching(a) != names.reaching(b) for a, b in bounds)


@dataclass(frozen=True)
class _Loops:
    """A key and the loops over ranges around it, outermost first, with numbered variables."""

    texts: list[str]
    bounds: list[ast.Name]
    """The names in their ranges that are no loop variables."""


def _loops_of(names: ModuleNames, key: ast.expr) -> _Loops | None:
    numbers: dict[str, str] = {}
    texts: list[str] = []
    bounds: list[ast.Name] = []
    for loop in reversed(names.enclosing_loops(key)):
        if not isinstance(loop, ast.For | ast.comprehension):
            continue
        ranged = (
            isinstance(loop.iter, ast.Call)
            and len(loop.iter.args) < 3
            and names.stands_for(loop.iter.func, "builtins.range")
        )
        if not ranged or not isinstance(loop.target, ast.Name):
            return None
        used = [n for n in ast.walk(loop.iter) if isinstance(n, ast.Name)]
        bounds += [n for n in used if n.id not in numbers]
        texts.append(_numbered(loop.iter, numbers))
        numbers[loop.target.id] = f"_{len(texts)}"
    return _Loops([*texts, _numbered(key, numbers)], bounds)


def _numbered(expression: ast.expr, numbers: dict[str, str]) -> str:
    """Return the source of an expression with other names for its loop variables."""
    renamed = copy.deepcopy(expression)
    for node in ast.walk(renamed):
        if isinstance(node, ast.Name):
            node.id = numbers.get(node.id, node.id)
    return ast.unparse(renamed)


def _any_place(names: ModuleNames, shape: Shape, key: ast.expr) -> bool:
    """Whether a place is computed, or runs through the places in another order than theirs."""
    if not isinstance(key, ast.Name) or key not in names.order:
        parts = key.elts if isinstance(key, ast.Tuple) else [key]
        constant = all(isinstance(part, ast.Constant) for part in parts)
        return not constant and not _counts_alike(names, shape, key)
    for binding in names.reaching(key):
        if binding.kind not in (BindingKind.LOOP, BindingKind.COMPREHENSION):
            continue
        loop = binding.statement
        iterables = [loop.iter] if isinstance(loop, ast.For) else []
        iterables += [
            generator.iter
            for parent in names.ancestors(key)
            for generator in getattr(parent, "generators", ())
            if names.contains(generator.target, binding.node)
        ]
        for iterable in iterables:
            for node in ast.walk(iterable):
                if isinstance(node, ast.Call) and node.func in names.order:
                    known = names.qualified_names(node.func)
                    steps = "builtins.range" in known and len(node.args) > 2
                    if steps or (known & _REORDERING and not _is_counted(shape)):
                        return True
    return False
