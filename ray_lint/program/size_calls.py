"""How many items a call gives: wrappers, constructors, methods, functions of the project."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ray_lint.program import known_sizes as known
from ray_lint.program.callers import only_value
from ray_lint.program.counts import (
    ANY,
    LARGE,
    NOTHING,
    Count,
    amount,
    as_count,
    exactly,
    join_counts,
    plus,
    scaled,
    shortest,
    times,
    whole,
)
from ray_lint.program.functions import argument_of, called_by, given_back
from ray_lint.program.module import Module
from ray_lint.program.names import TRIES, Binding, BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.records import method_called
from ray_lint.program.size_arrays import array_names, reshaped_rows
from ray_lint.program.size_elements import items_of as elements_of
from ray_lint.program.size_elements import packed_size
from ray_lint.program.size_ranges import range_items
from ray_lint.program.wording import (
    is_one_chunk,
    iterable_name,
    keyword_of,
    name_evidence,
    words_of,
)

if TYPE_CHECKING:
    from ray_lint.program.sizes import Sizes

_COLLECTIONS = ("builtins.list", "builtins.dict", "builtins.set", "collections.deque")
_NAMES = 4  # by which lists are handed on
_FACTORS = 20  # of a product
_EXPANDED = 18  # characters that Unicode may make of one, at most (UAX #15)
_SHORT_TEXT = 200
"""Characters of a text whose pieces are surely few; how many a longer one has, its data tell."""


def items_of_call(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count:
    """Return how many items a call gives."""
    names = array_names(module, node.func)
    if "builtins.zip" in names and len(node.args) == 1 and isinstance(node.args[0], ast.Starred):
        rows = elements_of(module, node.args[0].value)
        counts = [sizes.items(module, row, depth) for row in rows or []]
        if counts and all(c.kind == "known" for c in counts):
            return join_counts(counts)  # as many columns as a row has items
    if names == {"itertools.product"} and len(node.args) == 1:
        count = _product_of_all(sizes, module, node.args[0], depth)
        if count is not None:
            return count
    if any(isinstance(a, ast.Starred) for a in node.args):
        name = next(iter(names)) if len(names) == 1 else ""
        return Count(0, None, "unknown", f"`{name.rpartition('.')[2]}` of starred arguments")
    for name in sorted(names):
        count = _known_call(sizes, module, name, node, depth)
        if count is not None:
            return count
    if isinstance(node.func, ast.Attribute):
        count = _method_call(sizes, module, node, node.func, depth)
        if count is not None:
            return count
    returned = _returned(sizes, module, node, depth)
    if returned is not None:
        return returned
    return Count(0, None, "unknown", f"what `{words_of(node.func)}` returns is not seen")


def _known_call(
    sizes: Sizes, module: Module, name: str, node: ast.Call, depth: int
) -> Count | None:
    arguments = node.args
    first = arguments[0] if arguments else None
    short = name.rpartition(".")[2]
    if name in known.RANGES and arguments:
        count = range_items(sizes, module, node, depth)
        _, chunk = name_evidence(iterable_name(arguments[0]))
        if chunk and len(arguments) == 1 and count.kind != "known":
            # `range(num_batches)`: the work has been cut into batches before.
            count = replace(count, chunked=True)
        return count
    if name in {"builtins.bytes", "builtins.bytearray"} and first is not None:
        number = sizes.number(module, first, depth)
        if number.kind == "known":  # `bytes(1000)` are as many zeros
            return as_count(number, f"`{words_of(node)}`")
    if name in known.QUEUES:
        return exactly(0, "empty")
    if name == "dataclasses.field":
        made = keyword_of(node, "default_factory")
        if made is not None and module.names.stands_for(made, *_COLLECTIONS):
            return exactly(0, "empty")
        default = keyword_of(node, "default")
        return NOTHING if default is None else sizes.items(module, default, depth)
    if name in known.SAME_SIZE:
        return sizes.items(module, first, depth) if first is not None else exactly(0, "empty")
    if name in known.ELEMENTWISE and arguments:
        several = [sizes.items(module, a, depth) for a in arguments]
        several = [count for count in several if count.kind == "known"]
        return max(several, key=lambda count: count.high or 0, default=NOTHING)
    if name in known.DISTINCT:
        if first is None:
            return exactly(len(node.keywords), short)
        count = sizes.items(module, first, depth)
        return replace(count, low=min(count.low, 1))
    if name in {"builtins.zip", "builtins.map", "itertools.starmap"}:
        several = [sizes.items(module, a, depth) for a in arguments[name != "builtins.zip" :]]
        return shortest(several) if several else None
    if name == "itertools.zip_longest" and arguments:
        several = [sizes.items(module, a, depth) for a in arguments]
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
        count = sizes.items(module, arguments[1], depth)
        return replace(count, low=0, reason=f"at most {count.reason}")
    if name == "itertools.chain":
        total = exactly(0, "chain")
        for argument in arguments:
            total = plus(total, sizes.items(module, argument, depth))
        return total
    if name == "itertools.product":
        return _product(sizes, module, node, depth)
    if name == "itertools.repeat":
        times = arguments[1] if len(arguments) > 1 else keyword_of(node, "times")
        if times is None:
            return Count(0, None, "unbounded", "itertools.repeat without a count")
        return as_count(sizes.number(module, times, depth), f"`{words_of(node)}`")
    if name in {"itertools.count", "itertools.cycle"}:
        return Count(0, None, "unbounded", f"`{name}` never ends")
    if name == "itertools.islice" and len(arguments) > 1:
        return _islice(sizes, module, node, depth)
    if name in {"itertools.combinations", "itertools.permutations"} and len(arguments) == 2:
        count, number = (
            sizes.items(module, arguments[0], depth),
            sizes.number(module, arguments[1]),
        )
        exact = count.kind == "known" and count.low == count.high
        if exact and count.low < 10_000 and 0 <= number.low == number.high <= 6:
            function = math.comb if short == "combinations" else math.perm
            return exactly(function(count.low, int(number.low)), f"`{words_of(node)}`")
        return Count(0, None, "data" if count.kind == "data" else "unknown", f"`{words_of(node)}`")
    if name == "itertools.groupby" and first is not None:
        count = sizes.items(module, first, depth)
        if count.kind == "known":
            return replace(count, low=min(count.low, 1), reason=f"at most {count.reason}")
    if name in known.CHUNKERS and first is not None:
        count = sizes.items(module, first, depth)
        size = sizes.number(module, arguments[1], depth) if len(arguments) > 1 else ANY
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
        return as_count(sizes.number(module, size_node, depth), f"`{words_of(node)}`")
    if name in known.SHAPED:
        shape = (
            first if first is not None else keyword_of(node, "shape") or keyword_of(node, "size")
        )
        if shape is None:
            return None
        if isinstance(shape, ast.Tuple | ast.List) and shape.elts:
            shape = shape.elts[0]
        return as_count(sizes.number(module, shape, depth), f"`{words_of(node)}`")
    if name in known.DIMENSIONS and first is not None:
        return as_count(sizes.number(module, first, depth), f"`{words_of(node)}`")
    if name in known.SIZED:
        index = known.SIZE_INDEX.get(short, 9)
        size_node = arguments[index] if len(arguments) > index else keyword_of(node, "size")
        if isinstance(size_node, ast.Tuple | ast.List) and size_node.elts:
            size_node = size_node.elts[0]
        if size_node is not None:
            return as_count(sizes.number(module, size_node, depth), f"`{words_of(node)}`")
        return None
    if name == "builtins.chr":
        return exactly(1, "one character")
    if name == "unicodedata.normalize" and len(arguments) == 2:
        count = sizes.items(module, arguments[1], depth)
        if count.kind == "known" and count.high is not None:
            return replace(count, high=_EXPANDED * count.high)
        return None
    if name == "random.sample" and (len(arguments) > 1 or keyword_of(node, "k")):
        k = arguments[1] if len(arguments) > 1 else keyword_of(node, "k")
        assert k is not None
        return as_count(sizes.number(module, k, depth), f"`{words_of(node)}`")
    if name == "random.choice" and first is not None:
        picked = [sizes.items(module, item, depth) for item in elements_of(module, first) or []]
        if picked and all(c.kind == "known" for c in picked):
            return join_counts(picked)
        return None
    if name == "random.choices":
        k = keyword_of(node, "k")
        if k is None:
            return exactly(1, "random.choices")
        return as_count(sizes.number(module, k, depth), f"`{words_of(node)}`")
    if name == "dict.fromkeys" and first is not None:
        count = sizes.items(module, first, depth)
        return replace(count, low=min(count.low, 1))
    if name in known.FILE_CALLS:
        return Count(0, None, "data", f"files of `{words_of(node)}`", True)
    if name in known.CPU_CALLS:
        return Count(1, 256, "known", f"one per node or CPU: `{words_of(node)}`", True)
    if name in known.DATA_CALLS:
        return Count(0, None, "data", f"data of `{words_of(node)}`")
    return None


def _method_call(
    sizes: Sizes, module: Module, node: ast.Call, function: ast.Attribute, depth: int
) -> Count | None:
    method, receiver = function.attr, function.value
    array = reshaped_rows(sizes, module, node, function, depth)
    if array is not None:
        return array
    if method in {"items", "keys", "values", "copy", "tolist", "iterrows", "itertuples"}:
        count = sizes.items(module, receiver, depth)
        if method in {"iterrows", "itertuples"} and count.kind != "known":
            return Count(0, None, "data", f"rows of `{words_of(receiver)}`")
        if count.kind != "unknown" or method not in known.DATA_METHODS:
            return count
    packed = packed_size(module, function) if method == "pack" else None
    if packed is not None:
        return exactly(packed, f"`{words_of(node.func)}`")
    if method == "to_bytes" and node.args:
        return as_count(sizes.number(module, node.args[0], depth), f"`{words_of(node)}`")
    if method in known.IN_THREE and node.args and isinstance(node.args[0], ast.Constant):
        return exactly(3, "a text in three parts")
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
    text = _of_text(sizes, module, node, function, depth)
    if text is not None:
        return text
    if method in known.DATA_METHODS:
        return Count(0, None, "data", f"data of `{words_of(node)}`")
    if method in {"sample", "head", "tail"} and node.args:
        count = as_count(sizes.number(module, node.args[0], depth), f"`{words_of(node)}`")
        return replace(count, low=0)
    if method in {"from_iterable", "groupby"}:
        return Count(0, None, "data", f"groups of `{words_of(node)}`", method == "groupby")
    return None


def _of_text(
    sizes: Sizes, module: Module, node: ast.Call, function: ast.Attribute, depth: int
) -> Count | None:
    """Return how long a text is that a method makes, or how many pieces it has if it is short."""
    method, receiver = function.attr, function.value
    if method in known.SAME_LENGTH:
        count = sizes.items(module, receiver, depth)
        return replace(count, low=0) if count.kind == "known" else None
    if method == "join" and len(node.args) == 1:
        return _joined(sizes, module, receiver, node.args[0], depth)
    parts = _cut_again(sizes, module, node, function, depth)
    if parts is not None:
        return parts
    if method in known.PIECES:
        whole_text = receiver if method in known.PIECES_OF_RECEIVER else [receiver, *node.args][-1]
        count = sizes.items(module, whole_text, depth)
        if count.kind == "known" and count.high is not None and count.high <= _SHORT_TEXT:
            return Count(0, count.high + 1, "known", f"at most {count.high + 1:,} pieces of a text")
    return None


def _cut_again(
    sizes: Sizes, module: Module, node: ast.Call, function: ast.Attribute, depth: int
) -> Count | None:
    """Return the number of pieces of a text that was joined from them, or repeats a literal."""
    method, text = function.attr, function.value
    if method not in ("split", "splitlines") or node.keywords or len(node.args) > 1:
        return None
    if isinstance(text, ast.Name) and text in module.names.order:
        bindings = module.names.reaching(text)
        if len(bindings) != 1 or bindings[0].kind is not BindingKind.ASSIGN:
            return None
        text = bindings[0].value or text
    separator = node.args[0] if node.args else None
    if (
        isinstance(text, ast.Call)
        and isinstance(text.func, ast.Attribute)
        and text.func.attr == "join"
        and isinstance(text.func.value, ast.Constant)
        and len(text.args) == 1
    ):
        between = text.func.value.value
        own = separator.value if isinstance(separator, ast.Constant) else None
        if between == (("\n" if method == "splitlines" else " ") if separator is None else own):
            return sizes.items(module, text.args[0], depth)
    if method == "split" and separator is None and isinstance(text, ast.BinOp):
        literal = text.left.value if isinstance(text.left, ast.Constant) else None
        if isinstance(text.op, ast.Mult) and isinstance(literal, str):
            words = exactly(len(literal.split()), "a split literal")
            return scaled(words, sizes.number(module, text.right, depth), words_of(node))
    return None


def _joined(
    sizes: Sizes, module: Module, separator: ast.expr, parts: ast.expr, depth: int
) -> Count | None:
    """Return how long ``separator.join(parts)`` is."""
    one = isinstance(separator, ast.Constant) and len(str(separator.value)) <= 1
    cut = parts.func if isinstance(parts, ast.Call) and not parts.args else None
    if one and isinstance(cut, ast.Attribute) and cut.attr == "split":
        whole_text = sizes.items(module, cut.value, depth)  # each space becomes one, at most
        return replace(whole_text, low=0) if whole_text.kind == "known" else None
    count, between = (sizes.items(module, n, depth) for n in (parts, separator))
    each = [sizes.items(module, part, depth) for part in elements_of(module, parts) or []]
    if not each or any(c.kind != "known" for c in (count, between, *each)):
        return None
    part = join_counts(each)
    low = count.low * part.low
    if count.high is None or part.high is None or between.high is None:
        return None
    high = min(count.high * (part.high + between.high), LARGE)
    return Count(low, high, "known", f"{amount(low, high)} characters of a joined text")


def _returned(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count | None:
    """Return the size of what a function of the project returns or yields, also as a task."""
    called = called_by(node)
    method = method_called(module, called)
    if method is not None:
        return _size_given_back(sizes, module, method, module, node, depth)
    counts = []
    for definition in sizes.project.definitions(module, called):
        binding = definition.binding
        if binding is None or definition.attributes:
            return None
        if not isinstance(binding.node, ast.FunctionDef):
            return None
        count = _size_given_back(sizes, definition.module, binding.node, module, node, depth)
        if count is None:
            return None
        counts.append(count)
    return join_counts(counts) if counts else None


def _size_given_back(
    sizes: Sizes,
    home: Module,
    function: ast.FunctionDef,
    module: Module,
    call: ast.Call,
    depth: int,
) -> Count | None:
    """Return the size of what one call of a function returns or yields."""
    names = home.names
    scope = names.scopes[function]
    batched = _submitted_in_batches(names, function)
    given = argument_of(call, function, batched, 0) if batched else None
    if given is not None:
        return replace(sizes.items(module, given, depth), chunked=False)
    called = sizes.within(home, function, module, call)
    inside = [node for node in names.walk(function) if names.scope_of(node) is scope]
    worker, chunk = name_evidence(function.name)
    yields = [node for node in inside if isinstance(node, ast.Yield | ast.YieldFrom)]
    if yields:
        return _yielded(called, home, function, yields, depth)
    counts = [called.items(home, value, depth) for value in given_back(names, function)]
    if not counts:
        return None
    total = join_counts(counts)
    chunk = chunk and not (total.kind == "known" and is_one_chunk(function.name))
    return replace(total, per_worker=total.per_worker or worker, chunked=total.chunked or chunk)


def unpacked_result(sizes: Sizes, home: Module, binding: Binding, depth: int) -> Count | None:
    """Return the size of ``faces`` in ``points, faces = mesh()`` of a function of the module."""
    statement = binding.statement
    call = statement.value if isinstance(statement, ast.Assign) else None
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(call, ast.Call) or not isinstance(target, ast.Tuple):
        return None
    if binding.node not in target.elts or any(isinstance(e, ast.Starred) for e in target.elts):
        return None
    place = next(i for i, each in enumerate(target.elts) if each is binding.node)
    functions = [d.node for d in sizes.project.definitions(home, call.func) if not d.attributes]
    function = functions[0] if len(functions) == 1 else method_called(home, call.func)
    if not isinstance(function, ast.FunctionDef) or function not in home.names.order:
        return None
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in home.names.walk(function)):
        return None
    inner = sizes.within(home, function, home, call)
    counts = []
    for value in given_back(home.names, function):
        if not isinstance(value, ast.Tuple) or len(value.elts) != len(target.elts):
            return None
        counts.append(inner.items(home, value.elts[place], depth))
    return join_counts(counts) if counts else None


@once_per_module
def _submitted_in_batches(names: ModuleNames, function: ast.FunctionDef) -> str:
    """Return the parameter for each of whose items a function returns a reference, "" if none.

    It cuts them into batches and asks for as many results as a batch has items, as fixes do.
    """
    for loop in names.walk(function):
        if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
            continue
        cut = loop.iter.args[:1] if isinstance(loop.iter, ast.Call) else []
        results = f"len({loop.target.id})"
        asked = any(
            isinstance(node, ast.keyword)
            and node.arg == "num_returns"
            and ast.unparse(node.value) == results
            for node in names.walk(loop)
        )
        parameters = {a.arg for a in function.args.args}
        if asked and cut and isinstance(cut[0], ast.Name) and cut[0].id in parameters:
            return cut[0].id
    return ""


def _yielded(
    sizes: Sizes,
    home: Module,
    function: ast.FunctionDef,
    yields: list[ast.Yield | ast.YieldFrom],
    depth: int,
) -> Count:
    """Return how many items a generator function yields: what each ``yield`` adds."""
    total = exactly(0, "")
    for place in yields:
        loops = home.names.enclosing_loops(place)
        added = sizes.loops(home, loops) if loops else exactly(1, "a generator")
        if isinstance(place, ast.YieldFrom):
            added = times(sizes.items(home, place.value, depth), added)
        total = plus(total, added)
    worker, chunk = name_evidence(function.name)
    flags = total.per_worker or worker, total.chunked or chunk
    if total.kind == "unknown":
        return Count(0, None, "unknown", f"what `{function.name}` yields", *flags)
    branching = (ast.If, ast.Match, ast.While, ast.Return, ast.Raise, ast.Break, ast.Continue)
    straight = not any(isinstance(n, (*branching, *TRIES)) for n in home.names.walk(function))
    low = total.low if straight and total.kind == "known" else 0
    return Count(low, total.high, total.kind, total.reason, *flags)


def _product(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count:
    total = exactly(1, "product")
    for argument in node.args:
        total = times(total, sizes.items(module, argument, depth))
    repeat = keyword_of(node, "repeat")
    if repeat is not None:
        number = sizes.number(module, repeat, depth)
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


def _product_of_all(sizes: Sizes, module: Module, node: ast.expr, depth: int) -> Count | None:
    """Return the size of ``product(*lists)`` over a list or dict of lists that is written out."""
    if not isinstance(node, ast.Starred):
        return None
    lists: ast.expr | None = node.value
    if isinstance(lists, ast.Call) and isinstance(lists.func, ast.Attribute) and not lists.args:
        lists = lists.func.value if lists.func.attr == "values" else None
    for _ in range(_NAMES):
        if not isinstance(lists, ast.Name):
            break
        bindings = module.names.reaching(lists)
        if len(bindings) != 1 or _is_changed(module, bindings[0]):
            break
        lists = only_value(module, lists)
    if isinstance(lists, ast.ListComp | ast.GeneratorExp) and len(lists.generators) == 1:
        number = sizes.loops(module, [lists.generators[0]])
        if number.kind != "known" or number.low != number.high or number.low > _FACTORS:
            return None
        each = sizes.items(module, lists.elt, depth)
        total = exactly(1, "product")
        for _ in range(number.low):
            total = times(total, each)
        return total
    if isinstance(lists, ast.Dict):
        parts: list[ast.expr] = lists.values
    elif isinstance(lists, ast.List | ast.Tuple):
        parts = lists.elts
    else:
        return None
    if any(isinstance(part, ast.Starred) for part in parts):
        return None
    total = exactly(1, "product")
    for part in parts:
        total = times(total, sizes.items(module, part, depth))
    if total.kind != "known":
        return total
    reason = f"{amount(total.low, total.high)} items of `product` of {len(parts)} lists"
    return replace(total, reason=reason, per_worker=False, chunked=False)


def _is_changed(module: Module, binding: Binding) -> bool:
    """Whether a list or dict may be changed in place: a method is called, an item stored."""
    parents = module.names.parents
    for use in module.names.uses(binding):
        parent = parents.get(use)
        read = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)
        if isinstance(parent, ast.Subscript | ast.AugAssign) and not read:
            return True
        if isinstance(parent, ast.Attribute) and parent.attr not in {"keys", "values", "items"}:
            return True
    return False


def _islice(sizes: Sizes, module: Module, node: ast.Call, depth: int) -> Count:
    count = sizes.items(module, node.args[0], depth)
    if len(node.args) != 2:
        return replace(count, low=0, reason=f"at most {count.reason}")
    stop = sizes.number(module, node.args[1], depth)
    if stop.kind != "known" or stop.low < 0:
        return replace(count, low=0)
    top = whole(stop.high)
    if count.kind == "unbounded":
        low = whole(stop.low) or 0
        return Count(low, top, "known", f"{amount(low, top)} items of `{words_of(node)}`")
    high = top if count.high is None else count.high if top is None else min(top, count.high)
    low = min(count.low, int(min(stop.low, LARGE)))
    return replace(count, low=low, high=high, reason=f"at most {top} items of `{words_of(node)}`")
