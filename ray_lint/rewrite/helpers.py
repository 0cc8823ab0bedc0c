"""The two small driver functions that fixed programs share, as text.

They are written into the fixed module once: a fixed program needs no import of ray-lint.
"""

from __future__ import annotations

from dataclasses import dataclass

SPLIT = "split_into_batches"
SUBMIT = "submit_in_batches"
SUBMIT_UNPACKED = "submit_unpacked_in_batches"
SUBMIT_FLATTENED = "submit_flattened_in_batches"
SUBMIT_SEVERAL = "submit_for_several_results"
SUBMIT_SEVERAL_UNPACKED = "submit_unpacked_for_several_results"
SUBMIT_SEVERAL_FLATTENED = "submit_flattened_for_several_results"
SUBMIT_TO_ACTORS = "submit_to_actors_in_batches"
SUBMIT_UNPACKED_TO_ACTORS = "submit_unpacked_to_actors_in_batches"
SUBMIT_FLATTENED_TO_ACTORS = "submit_flattened_to_actors_in_batches"

# A task should get no more items than this, so that one batch stays small in memory.
LARGEST_BATCH = 1000
LARGEST_SHORT_BATCH = 5000
"""The same where an item is known to take at most SHORT_SECONDS; fewer tasks are faster there."""
SMALLEST_SHORT_BATCH = 100

_SPLIT_BY_CLUSTER = '''\
def {split}(items):
    """Yield slices of items for the CPUs of the Ray cluster, the largest first."""
{init}    cpus = max(1, int({ray}.cluster_resources().get("CPU", 1)))
    start = 0
    while start < len(items):
        size = max((len(items) - start) // (2 * cpus), len(items) // (32 * cpus), 1)
        size = min(size, {largest})
        yield items[start : start + size]
        start += size
'''

_SPLIT_EQUALLY = '''\
def {split}(items):
    """Yield slices of items, an equal one for each CPU of the Ray cluster."""
{init}    cpus = max(1, int({ray}.cluster_resources().get("CPU", 1)))
    size = min(max(len(items) // cpus + 1, {smallest}), {largest})
    for start in range(0, len(items), size):
        yield items[start : start + size]
'''

_INIT = """\
    if not {ray}.is_initialized():
        {ray}.init()
"""

_SPLIT_BY_SIZE = '''\
def {split}(items, size={size}):
    """Yield slices of items, each of the given size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
'''

_SUBMIT = '''\
def {submit}(remote_function, items, *args, **options):
    """Submit remote_function once per batch of items; return one ObjectRef per item."""
    refs = []
    for batch in {split}(items):
        batch_function = remote_function.options(num_returns=len(batch), **options)
        batch_refs = batch_function.remote({arguments})
        refs.extend(batch_refs if len(batch) > 1 else [batch_refs])
    return refs
'''

_SUBMIT_SEVERAL = '''\
def {submit}(remote_function, items, results, *args, **options):
    """Submit remote_function once per batch of items; return a list of ObjectRefs per item.

    Each item has the given number of results, at least two.
    """
    refs = []
    for batch in {split}(items):
        batch_function = remote_function.options(num_returns=results * len(batch), **options)
        batch_refs = batch_function.remote({arguments})
        refs.extend(batch_refs[i : i + results] for i in range(0, len(batch_refs), results))
    return refs
'''

_SUBMIT_TO_ACTORS = '''\
def {submit}(method, items, *args, **options):
    """Call a method once per batch of an actor's items; return one ObjectRef per item.

    Each item comes with its actor: (actor, item).
    """
    places = {{}}
    for place, (actor, _) in enumerate(items):
        places.setdefault(actor, []).append(place)
    refs = [None] * len(items)
    for actor, own in places.items():
        size = {size}
        for start in range(0, len(own), size):
            batch = own[start : start + size]
            batch_method = getattr(actor, method).options(num_returns=len(batch), **options)
            values = [{values}]
            batch_refs = batch_method.remote({passed})
            for place, ref in zip(batch, batch_refs if len(batch) > 1 else [batch_refs]):
                refs[place] = ref
    return refs
'''


@dataclass(frozen=True)
class HelperNames:
    """What the helpers are called in one module."""

    split: str = SPLIT
    submit: str = SUBMIT


def split_helper(
    names: HelperNames, ray: str, *, batch_size: int | None, initialize: bool, short: bool
) -> str:
    """Return the text of the function that cuts items into batches.

    The size follows the cluster. For ``short`` items, of at most SHORT_SECONDS each, there is one
    batch per CPU: another task costs more than what an uneven share makes a CPU wait. Else a
    batch is a quarter of what is left for two CPUs, at least a 32nd of an equal share, so that
    uneven items still fill every CPU at the end; about seven batches per CPU. With ``batch_size``
    it is a constant. ``initialize`` starts Ray first, as the first submission would have done.
    """
    if batch_size is not None:
        return _SPLIT_BY_SIZE.format(split=names.split, size=batch_size)
    init = _INIT.format(ray=ray) if initialize else ""
    return (_SPLIT_EQUALLY if short else _SPLIT_BY_CLUSTER).format(
        split=names.split,
        ray=ray,
        init=init,
        smallest=SMALLEST_SHORT_BATCH,
        largest=LARGEST_SHORT_BATCH if short else LARGEST_BATCH,
    )


def submit_helper(names: HelperNames, *, unpacked: int, several: bool) -> str:
    """Return the text of the function that submits batches and returns references per item.

    ``unpacked`` is the number of top-level arguments that each item becomes; 0 passes the batch
    as one list. ``several`` references for each item, or one.
    """
    spread = "*batch" if unpacked == 1 else "*[value for item in batch for value in item]"
    return (_SUBMIT_SEVERAL if several else _SUBMIT).format(
        submit=names.submit,
        split=names.split,
        arguments=f"*args, {spread}" if unpacked else "batch, *args",
    )


def submit_to_actors_helper(name: str, *, batch_size: int | None, unpacked: int = 0) -> str:
    """Return the text of the function that submits batches to the actors that items come with.

    An actor runs its calls one after the other: about four batches for each are enough. With
    ``unpacked`` values to an item, each value is an argument of its own, behind the others.
    """
    size = f"min(max(len(own) // 4, 1), {LARGEST_BATCH})" if batch_size is None else str(batch_size)
    values, passed = "items[place][1] for place in batch", "values, *args"
    if unpacked:
        passed = "*args, *values"
    if unpacked > 1:
        values = "value for place in batch for value in items[place][1]"
    return _SUBMIT_TO_ACTORS.format(submit=name, size=size, values=values, passed=passed)
