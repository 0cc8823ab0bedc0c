"""RAY102: one actor call per item."""

from __future__ import annotations

from typing import ClassVar

from ray_lint.config import Config
from ray_lint.finding import Applicability
from ray_lint.program.facts import Site
from ray_lint.program.remotes import CalleeKind
from ray_lint.rules._granularity import describe_count, evidence, is_too_fine


class TooFineGrainedActorCall:
    """Calling an actor method once per item of a large iterable.

    ## What it does
    Reports `actor.method.remote()` on one actor (or on a pool, in turn) that runs once per item of
    a large or data-sized iterable. One call per actor of a pool is never reported.

    ## Why it is slow
    Each call is a message to the actor's process and a result in the object store: about 0.1 to
    1 ms. The calls of one actor run one after the other, so nothing is gained by sending many.

    ## Example
    ```python
    counter = Counter.remote()
    refs = [counter.add.remote(number) for number in range(10_000)]
    ```

    ## Use instead
    ```python
    @ray.remote
    class Counter:
        def add(self, number): ...

        def add_batch(self, numbers):
            return [self.add(number) for number in numbers]


    batches = [range(start, start + 1_000) for start in range(0, 10_000, 1_000)]
    refs = [counter.add_batch.remote(batch) for batch in batches]
    ```

    ## When it is right to ignore it
    If the calls are spread over time by what the loop does besides, if other callers must get a
    turn between two items, or if one call really takes more than about 10 ms.

    ## Fix safety
    A batch method is added to the class; items keep their order, so state needs no proof. Beside
    the preconditions of [RAY101](too-fine-grained-task.md) for items, loop, failures, references,
    program and options, the fix is *safe* only if

    - the class is defined once and by a statement that the calls see, and the method in the class
      itself, without a decorator;
    - the actor runs one call at a time (`max_concurrency`, `async` and concurrency groups do not);
    - calls that are dealt out to several actors go to items of one list that is made of actors of
      one class and never changed;
    - calls through the `map` of an `ActorPool` leave the state of the actor alone, return no object
      that another result may hold, too, and the pool is used by `map` only;
    - the loop does not talk to actors between two calls, but for fetching each result at once,
      nor does what it calls, and no other task may watch the actor while a task's loop runs;
    - the calls are made at once, not one by one as an iterator of them is read;
    - the actor keeps no object that all items have in common, and does not notice which of its
      methods are read (`__getattribute__`).

    ## References
    - [Ray: actors](https://docs.ray.io/en/latest/ray-core/actors.html)
    """

    code: ClassVar[str] = "RAY102"
    name: ClassVar[str] = "too-fine-grained-actor-call"
    fixes: ClassVar[tuple[Applicability, ...]] = tuple(Applicability)

    def message(self, site: Site, config: Config) -> str | None:
        """Return the sentence to report for this site, or None if it is no finding."""
        if site.callee.kind is not CalleeKind.ACTOR_METHOD or not is_too_fine(site, config):
            return None
        rounds = site.count.per_worker and len(site.pace.loops) > 1
        if site.calls_each_actor and not rounds:
            return None
        because = "; ".join(evidence(site))
        calls = describe_count(site, "actor call", config)
        return (
            f"`{site.callee.name}` is called as {calls} ({because}), "
            "and each call costs Ray 0.1 to 1 ms before it does anything: send one call per batch "
            "of items instead."
        )


RULE = TooFineGrainedActorCall
