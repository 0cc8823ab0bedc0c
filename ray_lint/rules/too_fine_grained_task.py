"""RAY101: one Ray task per item."""

from __future__ import annotations

from typing import ClassVar

from ray_lint.config import Config
from ray_lint.finding import Applicability
from ray_lint.program.facts import Site
from ray_lint.program.remotes import CalleeKind
from ray_lint.rules._granularity import describe_count, evidence, is_too_fine


class TooFineGrainedTask:
    """Submitting one Ray task per item of a large iterable.

    ## What it does
    Reports `.remote()` on a Ray task that runs once per item of a large or data-sized iterable,
    in a comprehension, a generator expression, a loop, `map(f.remote, items)` or
    `starmap(f.remote, pairs)`, when the body of the task is not known to be worth a task of its
    own.

    ## Why it is slow
    Submitting, scheduling and fetching one task costs about 0.1 to 1 ms before the task does
    anything. If the body takes less than that, the parallel program is slower than a plain loop.

    ## Example
    ```python
    @ray.remote
    def double(number):
        return number * 2


    results = ray.get([double.remote(number) for number in range(10_000)])
    ```

    ## Use instead
    ```python
    @ray.remote
    def double_batch(numbers):
        return [number * 2 for number in numbers]


    batches = [range(start, start + 1_000) for start in range(0, 10_000, 1_000)]
    results = [
        result
        for batch in ray.get([double_batch.remote(batch) for batch in batches])
        for result in batch
    ]
    ```

    ## When it is right to ignore it
    If one call really takes more than about 10 ms, if the tasks themselves are what is measured
    (a benchmark of Ray, a probe of the cluster), or if each task must run on its own for its side
    effects.

    ## Fix safety
    The fix is *safe* if every precondition below is proven. If one is not, the finding names it and
    the fix is *unsafe* (`--unsafe-fixes`); if no batch could keep the meaning, it is advice only.

    - *Definition*: the remote function is defined once, by a statement that the call sees, and is
      neither asynchronous nor a generator. If it stands in another module, that file is among the
      given ones, and its batch function is added there. An attribute (`self.task`, `Class.task`)
      is given its value once, in one class, which does not look at what it has. Where calls hand
      over tasks or functions, a factory returns them or a table holds them, all uses are seen.
    - *Module*: where a longer body of another module becomes a plain function, which workers import
      by name, importing does nothing else, and the body reads no variable that may be different
      there.
    - *Body*: it has no side effects, reads nothing that the program changes later, does not ask for
      its process, its own name or the identity of objects, and calls only what is known to do the
      same. What it changes among its arguments, the next item of the batch must not see.
    - *Failures*: no item can fail, nor the task whose result it is, or none did in a dry run of the
      whole program, which needs nothing from outside; or nothing handles the failure,
      also no future, thread or task of its own, and no item behind a failed one is fetched on its
      own or before it; or one loop fetches all items and shows nothing before it fails.
    - *Items*: finite, not used up or changed by a first pass over them, not changed by the loop;
      ObjectRefs among them stay top-level arguments, as do arguments of one item that may share
      an object which is equal to itself only. What gives them does not look at the references
      collected so far. Items that are starred (`*item`) fit the parameters.
    - *Loop*: it ends only at its end; between two submissions it neither waits, yields, awaits nor
      handles failures, nor ends a `with` block that may change an item; its arguments do not depend
      on the iteration before, also not by another name of the same object. None of them may fail
      where the loop before it leaves a trace, or be computed from what the loop sets: a variable,
      an attribute, the context of `decimal`.
    - *References*: the collection is a plain list, set or dict of which every use is known. Nothing
      waits with a timeout that a batch could reach (shorter than a second, or than ten times the
      largest batch), cancels tasks or looks at the tasks of the cluster.
    - *Program*: it does not look at its own names, lines, frames or text, puts nothing in the place
      of functions of Ray, does not give the built-in functions that the fix calls another meaning
      and does not count how often its objects are pickled, or see when they are given up.
    - *Options*: written out, the same for all items, and none that would mean something else for a
      batch. A task of several results (`num_returns=2`) returns tuples that are written out.

    ## References
    - [Anti-pattern: Over-parallelizing with too fine-grained tasks harms
      speedup](https://docs.ray.io/en/latest/ray-core/patterns/too-fine-grained-tasks.html)
    """

    code: ClassVar[str] = "RAY101"
    name: ClassVar[str] = "too-fine-grained-task"
    fixes: ClassVar[tuple[Applicability, ...]] = tuple(Applicability)

    def message(self, site: Site, config: Config) -> str | None:
        """Return the sentence to report for this site, or None if it is no finding."""
        if site.callee.kind is not CalleeKind.TASK or not is_too_fine(site, config):
            return None
        because = "; ".join(evidence(site))
        tasks = describe_count(site, "task", config)
        return (
            f"`{site.callee.name}` is submitted as {tasks} ({because}), and "
            "each task costs Ray 0.1 to 1 ms before it does anything: submit one task per batch of "
            "items instead."
        )


RULE = TooFineGrainedTask
