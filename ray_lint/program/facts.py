"""Everything the rules want to know about one submission site, gathered in one place."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ray_lint.program.costs import Costs, cost_of
from ray_lint.program.counts import NOTHING, Count, times
from ray_lint.program.effects import types_of
from ray_lint.program.known_sizes import (
    GRAPH_WORDS,
    MADE_CHUNKS,
    SHORT_CHUNK,
    SHORT_TEXT,
    WORKER_WORDS,
)
from ray_lint.program.names import BindingKind, ModuleNames
from ray_lint.program.node_index import once_per_module
from ray_lint.program.pacing import Pace, pace_of, thinned
from ray_lint.program.rehearsed import seen_cost, seen_count, seen_of, seen_total
from ray_lint.program.remotes import Callee, CalleeKind, resolve_callee
from ray_lint.program.size_elements import loop_values
from ray_lint.program.sizes import Sizes, count_loops
from ray_lint.program.submissions import Submission, find_submissions
from ray_lint.program.totals import runs_of_function
from ray_lint.program.wording import iterable_name, name_words
from ray_lint.program.work import Cost, Work, verdict

if TYPE_CHECKING:
    from ray_lint.config import Config
    from ray_lint.measured import MeasuredSite
    from ray_lint.program.module import Module
    from ray_lint.program.profiled import Measurements
    from ray_lint.program.project import Project

_LOOPED = (BindingKind.LOOP, BindingKind.COMPREHENSION)
_STEPPED = 3  # arguments of a range: with a step


@dataclass(frozen=True, eq=False)
class Site:
    """A repeated submission with what it calls, how many there are and how long one takes."""

    submission: Submission
    callee: Callee
    count: Count
    cost: Cost
    pace: Pace
    rounds: Count
    """How often a whole inner loop is repeated within one burst; once if there is one loop."""
    total: Count = NOTHING
    """How many calls the whole run makes, in all bursts, if that is seen."""
    after: Site | None = None
    """The stage before: each call takes a reference that this one made, in a comprehension."""
    beside: Sequence[Site] = field(default=(), repr=False)
    """All sites of the module, this one among them."""
    measured: MeasuredSite | None = None
    """What a profile says of it, if the code is still the one that was measured."""
    visible: bool = True
    """Whether the program itself shows that these are repeated submissions of Ray."""

    @property
    def calls_each_actor(self) -> bool:
        """Whether each run of the innermost loop calls another actor, its loop variable."""
        if self.callee.target != "loop variable" or not self.submission.loops:
            return False
        names = self.submission.module.names
        root: ast.expr = self.submission.handle
        while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
            root = root.func if isinstance(root, ast.Call) else root.value
        target = getattr(self.submission.loops[0], "target", None)
        if not isinstance(root, ast.Name) or target is None:
            return True
        outer = [getattr(loop, "target", None) for loop in self.submission.loops[1:]]
        bound = [binding.node for binding in names.reaching(root)]
        return not any(x is not None and names.contains(x, b) for x in outer for b in bound)


def find_sites(project: Project, module: Module, config: Config) -> list[Site]:
    """Return the repeated submissions of Ray tasks and actor methods, in source order.

    Without a profile, sites are left out that nothing could make a finding: those that are known to
    be few or chunks, those of heavy work, and those of an unknown number of unknown calls unless
    the configuration asks for them. Cheap questions are asked first.
    """
    sites: list[Site] = []
    measured = None
    if config.measured:
        from ray_lint.program.profiled import Measurements

        measured = Measurements(config.measured, module.tree)
    for submission in find_submissions(module):
        if measured is None and _few(project, submission, config):
            seen = seen_of(project, submission) if _may_be_many(project, submission) else None
            if seen is None or seen.total * 2 < config.min_items:
                continue
        direct = submission.call.func is submission.handle
        target = submission.call if direct else submission.handle
        callee = resolve_callee(project, module, target)
        if callee.kind not in (CalleeKind.TASK, CalleeKind.ACTOR_METHOD):
            continue
        if measured is None and callee.target == "loop variable" and len(submission.loops) == 1:
            continue  # one call per actor
        cost = cost_of(
            project,
            callee,
            threshold=config.task_threshold,
            known_heavy=config.known_heavy,
            known_tiny=config.known_tiny,
            site=_call_of(submission),
        )
        if measured is None:
            cost = seen_cost(project, submission, cost, config.task_threshold)
            if _beyond_doubt(project, submission, cost, config):
                continue
        pace = pace_of(
            project,
            module,
            submission.call,
            submission.loops,
            threshold=config.task_threshold,
            known_heavy=config.known_heavy,
            known_tiny=config.known_tiny,
        )
        if isinstance(submission.through, ast.FunctionDef):
            pace = _paced_by(project, submission, submission.through, pace, config)
        loops = list(pace.loops or submission.loops[:1])
        count = _count(project, submission, loops)
        if count.chunked and cost.small and _may_be_short(project, submission, count):
            count = replace(count, chunked=False)
        if submission.is_mapped:
            rounds = count_loops(project, module, loops)
        else:
            rounds = count_loops(project, module, loops[1:])
            count = thinned(project, module, submission.call, submission.loops[0], count)
        known = measured.of(submission.handle, callee.definition) if measured else None
        total = _total(project, submission)
        if measured is None and not (cost.kind == "tiny" and count.kind == "data"):
            if count.low < config.min_items:
                count = seen_count(project, submission, count, config.min_items)
            if count.high is not None and count.high < config.min_items:
                total = seen_total(project, submission, total)
        after = _stage_before(submission, sites) if pace.on_references else None
        sites.append(
            Site(submission, callee, count, cost, pace, rounds, total, after, sites, known)
        )
    if measured is not None:
        sites += _only_measured(project, module, measured, sites)
    return sites


def _stage_before(submission: Submission, sites: list[Site]) -> Site | None:
    """Return the site of ``texts`` for ``[g.remote(text) for text in texts]``."""
    names = submission.module.names
    iterable = getattr(submission.loops[0], "iter", None) if submission.loops else None
    bindings = names.reaching(iterable) if isinstance(iterable, ast.Name) else []
    value = bindings[0].value if len(bindings) == 1 else None
    made = value.elt if isinstance(value, ast.ListComp) else None
    return next((site for site in sites if site.submission.call is made), None)


def _only_measured(
    project: Project, module: Module, measured: Measurements, seen: list[Site]
) -> list[Site]:
    """Return the sites that nothing but a profile knows: their loop or callee is not in sight."""
    handles = {site.submission.handle for site in seen}
    sites = []
    for handle in measured.handles():
        call = measured.module.calls.get(handle)
        if handle in handles or call is None:
            continue
        callee = resolve_callee(project, module, handle)
        known = measured.of(handle, callee.definition)
        if known is None:
            continue
        kind = CalleeKind.ACTOR_METHOD if known.actor else CalleeKind.TASK
        sites.append(
            Site(
                Submission(module, call, handle, ()),
                replace(callee, kind=kind, name=callee.name or known.symbol),
                NOTHING,
                Cost("unknown", ""),
                Pace("free", "", ()),
                NOTHING,
                measured=known,
                visible=False,
            )
        )
    return sites


def _few(project: Project, submission: Submission, config: Config) -> bool:
    """Whether the calls are few or work on chunks, whatever they call."""
    most = _count(project, submission, list(submission.loops))
    if most.chunked or most.high is None or most.high >= config.min_items:
        return most.chunked and not _may_be_short(project, submission, most)
    total = _total(project, submission)
    if total.kind != "known" or total.high is None:
        return True
    return total.high * 2 < config.min_items  # sites of one file may add up


def _may_be_many(project: Project, submission: Submission) -> bool:
    """Whether it is not known how often bursts are repeated that are small alone."""
    if _count(project, submission, list(submission.loops)).chunked:
        return False
    return _total(project, submission).kind != "known"


def _total(project: Project, submission: Submission) -> Count:
    """Count the calls of the whole run, as far as the calls of the function around are seen."""
    most = _count(project, submission, list(submission.loops))
    if most.kind != "known":
        return NOTHING
    return times(most, runs_of_function(project, submission.module, submission.call))


def _beyond_doubt(project: Project, submission: Submission, cost: Cost, config: Config) -> bool:
    """Whether the calls are heavy, or of unknown cost and in no loop that is known to be long."""
    if cost.kind == "heavy":
        return True
    if cost.kind == "tiny" or cost.plain or config.strict:
        return False
    loops = submission.loops
    counts = (_count(project, submission, list(loops[:n])) for n in range(len(loops) + 1))
    return not any(c.kind == "known" and (c.high or config.min_items) > 1 for c in counts)


def _count(project: Project, submission: Submission, loops: list[ast.AST]) -> Count:
    """Count the calls in ``loops``; ``map(f.remote, xs)`` is like a comprehension over ``xs``."""
    if not submission.is_mapped:
        count = count_loops(project, submission.module, loops)
        if count.chunked and _are_short(project, submission):
            count = replace(count, chunked=False)
        if count.per_worker and (
            _are_of_a_graph(submission, count)
            or (count.low == 0 and _are_counted(project, submission, loops))
        ):
            count = replace(count, per_worker=False)
        return count
    target = ast.Name(id="_", ctx=ast.Store())
    items = ast.comprehension(target=target, iter=submission.call.args[1], ifs=[], is_async=0)
    count = count_loops(project, submission.module, [items, *loops])
    if count.chunked and _are_short(project, submission):
        count = replace(count, chunked=False)
    return count


def _are_counted(project: Project, submission: Submission, loops: list[ast.AST]) -> bool:
    """Whether what the loops go over, before any is left out, is a certain number of items."""
    sizes = Sizes(project)
    iterables = [getattr(loop, "iter", None) for loop in loops]
    counts = [sizes.items(submission.module, each) for each in iterables if each is not None]
    exact = all(c.kind == "known" and c.low == c.high for c in counts)
    return exact and len(counts) == len(iterables) > 0


def _are_short(project: Project, submission: Submission) -> bool:
    """Whether what the names call windows, groups and the like has a few items each.

    What is called batch or chunk was made so on purpose, also if it is small.
    """
    if _loop_words(submission) & MADE_CHUNKS:
        return False
    known = _known_lengths(project, submission)
    return bool(known) and all(known)


def _may_be_short(project: Project, submission: Submission, count: Count) -> bool:
    """Whether windows, groups and the like are not known to be long: what they cost will tell."""
    names = submission.module.names
    iterables = [getattr(loop, "iter", None) for loop in submission.loops]
    stepped = any(
        isinstance(each, ast.Call)
        and len(each.args) == _STEPPED
        and names.stands_for(each.func, "builtins.range")
        for each in iterables
    )
    words = _loop_words(submission) | name_words(count.reason)
    made = stepped or words & MADE_CHUNKS
    return not made and all(_known_lengths(project, submission))


def _known_lengths(project: Project, submission: Submission) -> list[bool]:
    """Return whether each argument of known length is short."""
    sizes = Sizes(project)
    call = submission.module.names.parents[submission.handle]  # that of a mapped lambda, too
    if not isinstance(call, ast.Call) or call.func is not submission.handle:
        call = submission.call
    given = [*call.args, *(k.value for k in call.keywords)]
    counts = [sizes.items(submission.module, each) for each in given]
    return [
        count.high is not None
        and (
            count.high <= SHORT_CHUNK
            or (count.high <= SHORT_TEXT and _is_text(project, submission.module, each))
        )
        for each, count in zip(given, counts, strict=True)
        if count.kind == "known"
    ]


def _loop_words(submission: Submission) -> set[str]:
    """Return the words in the names of what the loops run over."""
    named = [
        getattr(loop, field, None) for loop in submission.loops for field in ("iter", "target")
    ]
    return {word for n in named if n is not None for word in name_words(iterable_name(n))}


def _is_text(project: Project, module: Module, value: ast.expr) -> bool:
    kinds = types_of(project, module, value)
    return kinds is not None and kinds <= frozenset({"str", "bytes"})


def _are_of_a_graph(submission: Submission, count: Count) -> bool:
    """Whether the nodes that a loop goes through are those of a graph, not of the cluster.

    And the ranks those of its nodes, not of processes.
    """
    words = _loop_words(submission) | name_words(count.reason)
    spoken = words & WORKER_WORDS
    return (
        bool(spoken) and spoken <= {"node", "rank"} and _speaks_of_graphs(submission.module.names)
    )


@once_per_module
def _speaks_of_graphs(names: ModuleNames) -> bool:
    bound = {name for scope in names.scopes.values() for name in scope.bindings}
    return any(name_words(name) & GRAPH_WORDS for name in bound)


def _call_of(submission: Submission) -> tuple[Module, ast.Call] | None:
    """Return the call ``f.remote(...)`` with its module; None for a bare ``f.remote``."""
    module = submission.module
    if submission.call.func is submission.handle:
        return module, _spread(module, submission.call)
    parent = module.names.parents.get(submission.handle)
    if isinstance(parent, ast.Call) and parent.func is submission.handle:
        return module, _spread(module, parent)
    made = isinstance(parent, ast.Call) and parent.args[:1] == [submission.handle]
    if made and not submission.is_mapped and isinstance(parent, ast.Call):
        # What ``partial(f.remote, …)`` makes is called.
        call = submission.call
        given, named = [*parent.args[1:], *call.args], [*parent.keywords, *call.keywords]
        return module, _spread(module, ast.Call(submission.handle, given, named))
    return None


def _spread(module: Module, call: ast.Call) -> ast.Call:
    """Return a call with the parts of ``*item`` one by one, if one display makes all items."""
    given: list[ast.expr] = []
    for argument in call.args:
        parts: list[ast.expr] = [argument]
        item = argument.value if isinstance(argument, ast.Starred) else None
        bindings = module.names.reaching(item) if isinstance(item, ast.Name) else []
        if len(bindings) == 1 and bindings[0].kind in _LOOPED:
            made = loop_values(module, bindings[0]) or []
            if len(made) == 1 and isinstance(made[0], ast.Tuple):
                parts = made[0].elts
        given += parts
    return call if given == call.args else ast.Call(call.func, given, call.keywords)


def _paced_by(
    project: Project,
    submission: Submission,
    wrapper: ast.FunctionDef,
    pace: Pace,
    config: Config,
) -> Pace:
    """Add to the pace of a loop what the function does that submits for it."""
    around = _Around(project, config.known_heavy, config.known_tiny)
    around.handle = submission.handle
    cost = verdict(around.function(submission.module, wrapper), config.task_threshold)
    reason = f"`{wrapper.name}` besides submitting {cost.reason}"
    if cost.kind == "heavy":
        return replace(pace, kind="work", reason=reason)
    if cost.kind == "unknown" and pace.kind == "free":
        return replace(pace, kind="unknown", reason=reason)
    return pace


class _Around(Costs):
    """Sums up a function without the submissions in it."""

    handle: ast.Attribute

    def _call(self, module: Module, node: ast.Call, runs: float, work: Work, depth: int) -> None:
        names = module.names
        inside = self.handle in names.order and names.contains(self.handle, node)
        submits = isinstance(node.func, ast.Attribute) and node.func.attr == "remote"
        if not inside and not (submits and depth == 0):
            super()._call(module, node, runs, work, depth)
