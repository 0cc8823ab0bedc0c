"""From the facts of a site to its fix: choose a strategy, weigh the doubts, write the edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from ray_lint.finding import Applicability, FileEdits, Fix
from ray_lint.program.effects import (
    effects_of,
    has_value,
)
from ray_lint.program.facts import Site
from ray_lint.program.rehearsed import no_task_fails
from ray_lint.program.sizes import count_loops
from ray_lint.rewrite.failures import judge_isolation, judge_order_of_ids
from ray_lint.rewrite.foreign import (
    defined_elsewhere,
    find_elsewhere,
    judge_moved,
    named_here,
    write_here,
)
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.functions import BatchSignature, signature_for
from ray_lint.rewrite.helpers import LARGEST_BATCH, LARGEST_SHORT_BATCH
from ray_lint.rewrite.identity import judge_identity, may_share_identity, tells_objects_apart
from ray_lint.rewrite.inputs import Makers, keywords_are_plain
from ray_lint.rewrite.items import ItemWriter, holds_references
from ray_lint.rewrite.lent import Made, made_by_factory, task_of
from ray_lint.rewrite.members import find_member, is_no_name
from ray_lint.rewrite.observers import (
    judge_documentation,
    judge_kept,
    judge_replaced_parts,
    judge_task_ids,
)
from ray_lint.rewrite.pickling import judge_pickling, judge_sending, returns_unsendable
from ray_lint.rewrite.plan import Argument, Declined, Doubts, Edits, Strategy
from ray_lint.rewrite.pooled import judge_pool
from ray_lint.rewrite.pools import actor_of
from ray_lint.rewrite.safety import (
    BodyProof,
    judge_body,
    judge_failures,
    judge_late_inputs,
    judge_partial_reads,
    judge_waiting,
)
from ray_lint.rewrite.shapes import broader_shapes, find_shape, in_fstring
from ray_lint.rewrite.site_text import Call
from ray_lint.rewrite.sites import SiteWriter
from ray_lint.rewrite.surroundings import Surroundings
from ray_lint.rewrite.target_writer import TargetWriter
from ray_lint.rewrite.targets import Target, find_target
from ray_lint.rewrite.uses import Uses, assigned_name, is_empty_list, is_get, uses_of
from ray_lint.sources.source import Lines

_LATER = "it is fixed after"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Plan:
    """A form of a site that can be written. ``further`` are what it may call besides."""

    site: Site
    target: Target
    shape: Shape
    arguments: list[Argument]
    further: list[tuple[Target, list[Argument]]]
    signature: BatchSignature
    strategy: Strategy
    uses: Uses
    unpacked: bool
    options: list[ast.keyword]
    results: int
    """How many ObjectRefs the program gets for each item."""


class Rewriter(Surroundings):
    """Builds the fixes of one module. LibCST parses the module when the first fix is built."""

    @cached_property
    def _fixes(self) -> dict[Site, Fix]:
        return {}

    def fix(self, site: Site) -> Fix:
        """Return the fix of a site; where none is possible, a display fix with the reason."""
        if site not in self._fixes:
            self._fixes[site] = self._fix(site)
        return self._fixes[site]

    def _fix(self, site: Site) -> Fix:
        title = f"Submit `{site.callee.name}` in batches"
        try:
            group = self._of_one_factory(site)
            if len(group) > 1:
                return self._fix_together(title, group)
            target = self._target(site)
            found = find_shape(site.submission)
            self._leave_to_next_stage(site, found)
        except Declined as declined:
            return Fix(title, Applicability.DISPLAY, (), str(declined))
        for broad in self._broader(site, found):
            doubts = Doubts()
            try:
                edits = self._edits(site, target, broad, doubts)
            except (Declined, RecursionError):
                continue
            if not doubts.reasons:
                return self._done(title, edits, target, doubts)
        try:
            edits, doubts = self._widest(found, partial(self._edits, site, target))
        except Declined as declined:
            return Fix(title, Applicability.DISPLAY, (), str(declined))
        return self._done(title, edits, target, doubts)

    def _widest(self, shape: Shape, attempt: Callable[[Shape, Doubts], T]) -> tuple[T, Doubts]:
        """Return what succeeds for the widest form of a site, with its doubts.

        Dealing the references out later is better if there are no doubts about that. Raises
        Declined with the reason of the first form if none does.
        """
        reason = ""
        doubtful: tuple[T, Doubts] | None = None
        narrower: Shape | None = shape
        while narrower is not None:
            doubts = Doubts()
            try:
                found = attempt(narrower, doubts), doubts
                if not doubts.reasons and (doubtful is None or narrower.form is Form.DEAL):
                    return found
                doubtful = doubtful or found
            except Declined as declined:
                reason = reason or str(declined)
            except RecursionError:
                reason = reason or "its code is too deeply nested to be rewritten"
            narrower = narrower.narrower
        if doubtful is not None:
            return doubtful
        raise Declined(reason)

    def _target(self, site: Site) -> Target:
        """Return what the site calls. Raises Declined where it cannot be extended."""
        if defined_elsewhere(site):
            return find_elsewhere(self.project, self.names, site)
        if is_no_name(self.names, site):
            return find_member(self.names, site)
        return find_target(self.names, site)

    def _of_one_factory(self, site: Site) -> list[Site]:
        """Return the sites that submit what one factory made: it can return one kind of task.

        Raises Declined if one of its tasks has another use.
        """
        made = self._made(site)
        if made is None or made.calls == made.every:
            return [site]
        group: list[Site] = []
        calls: set[ast.Call] = set()
        for other in self.sites:
            try:
                own = self._made(other)
            except Declined:
                continue
            if own is not None and own.factory is made.factory:
                group.append(other)
                calls |= own.calls
        if calls != made.every:
            raise Declined(f"`{made.factory.name}` has another use")
        return group

    def _made(self, site: Site) -> Made | None:
        task = task_of(site.submission.handle)
        if site.submission.through is not None or not isinstance(task, ast.Name | ast.Attribute):
            return None
        return made_by_factory(self.module, task)

    def _fix_together(self, title: str, group: list[Site]) -> Fix:
        """Return the one fix of several sites. Raises Declined if one of them cannot be fixed."""
        edits, doubts = Edits(), Doubts()
        target: Target | None = None
        first: _Plan | None = None
        for site in group:
            target = self._target(site)
            shape = find_shape(site.submission)
            plan, own = self._widest(shape, partial(self._plan, site, target))
            doubts.include(own)
            first = first or plan
            if (plan.strategy, plan.signature) != (first.strategy, first.signature):
                raise Declined("tasks of one factory are submitted in several ways")
            self._write(edits, plan, doubts)
        assert target is not None
        return self._done(title, edits, target, doubts)

    def _leave_to_next_stage(self, site: Site, shape: Shape) -> None:
        """Decline until the task is fixed that takes the result in the same run of the loop.

        That one is then filled from a collection, for which a form without ``next`` fits this one.
        """
        statement = self.names.statement_of(site.submission.call)
        if shape.form is not Form.NEXT or not isinstance(statement, ast.Assign):
            return
        for other in self.sites:
            call = other.submission.call
            if self.names.order[call] < self.names.order[site.submission.call]:
                continue
            if other.submission.loops[:1] != site.submission.loops[:1]:
                continue
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            taken = {n.id for g in given for n in ast.walk(g) if isinstance(n, ast.Name)}
            targets = [n for target in statement.targets for n in ast.walk(target)]
            result = {
                n.id for n in targets if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            if not taken & result:
                continue
            fix = self.fix(other)
            if fix.applicability is Applicability.SAFE or fix.reason.startswith(_LATER):
                raise Declined(f"{_LATER} `{other.callee.name}`, which takes its results")

    def _done(self, title: str, edits: Edits, target: Target, doubts: Doubts) -> Fix:
        """Return a fix with its edits, also those in other files."""
        others = tuple(self._others(edits, target))
        changed = ", ".join(Path(one.filename).name for one in others)
        title += f", with a change of {changed}" if changed else ""
        reason = "; ".join(doubts.reasons)
        return Fix(title, doubts.applicability, edits.done(), reason, others)

    def _broader(self, site: Site, shape: Shape) -> list[Shape]:
        """Return forms that take in outer loops, if each run of the inner ones makes few calls."""
        loops = site.pace.loops
        inner = [loop for loop in loops if self.names.contains(shape.region, loop)]
        if len(inner) == len(loops) or not inner:
            return []
        count = count_loops(self.project, self.module, inner)
        few = count.high is not None and count.high < self.config.min_items
        return broader_shapes(site.submission, shape) if few else []

    def _others(self, edits: Edits, target: Target) -> Iterator[FileEdits]:
        """Yield the edits in the module of the target, with their places."""
        for filename, other in edits.others.items():
            lines, done = Lines(target.written.text), other.done()
            spans = tuple((lines.position(e.start), lines.position(e.end)) for e in done)
            if done:
                yield FileEdits(filename, done, spans)

    def _edits(self, site: Site, target: Target, shape: Shape, doubts: Doubts) -> Edits:
        edits = Edits()
        self._write(edits, self._plan(site, target, shape, doubts), doubts)
        return edits

    def _plan(self, site: Site, target: Target, shape: Shape, doubts: Doubts) -> _Plan:
        """Weigh a form of a site and choose its strategy."""
        names = self.names
        arguments = self._merged(site, target, shape, self._arguments(site, target, shape))
        proof = self._judge_task(site, target, shape, arguments, doubts)
        keeps = judge_kept(target, arguments, self._is_plain, doubts)
        further = [(other, self._arguments(site, other, shape)) for other in target.others]
        if target.pooled:
            judge_pool(self.names, shape, proof, doubts)
        numbers: set[int] = set()
        for other, passed in further:
            proof = proof.joined(self._judge_task(site, other, shape, passed, doubts))
            numbers.add(self._options(site, other, shape, doubts)[1])
            self._judge_starred(site, other, shape, passed, doubts)
        options, results = self._options(site, target, shape, doubts)
        if numbers - {results}:
            raise Declined("its tasks have different numbers of results (`num_returns`)")
        every = [*arguments, *(a for _, others in shape.merged for a in others)]
        # What the loop assigns first is computed ahead with the arguments that need it.
        every += [Argument(r.iterable, varying=True) for r in shape.repeats or [] if r.single]
        self.judge_region(site, target, shape, every, doubts)

        strategy, uses = self._strategy(
            shape,
            returns_shared=proof.shares_results or results > 1,
            dealt=target.dealt is not None,
        )
        if target.pooled:
            strategy = Strategy.VALUES
        apart = proof.mutates_items or keeps or self._may_share_identity(every)
        unpacked = self._unpacked(shape, every, doubts, mutates=apart)
        if unpacked and not proof.may_fail and self._inputs_may_fail(site, every):
            proof = replace(proof, may_fail=True)
        for one, passed in [(target, arguments), *further]:
            misfits = partial(self._misfit_of, site, one, passed)
            judge_failures(names, shape, proof, strategy, doubts, misfits, is_method=one.is_method)
            if not one.is_method and not one.exclusive:
                judge_documentation(names, one.name, doubts)
        seconds = site.cost.seconds if site.cost.kind == "tiny" else None
        largest = self.config.batch_size or (LARGEST_SHORT_BATCH if self.short else LARGEST_BATCH)
        judge_waiting(names, doubts, None if seconds is None else seconds * largest)
        judge_replaced_parts(names, doubts)
        if strategy is Strategy.REFERENCES:
            computed = [a.expression for a in arguments if a.star == "**" and not a.varying]
            # What submits the batches takes keywords for options: they go into a dictionary.
            if not all(keywords_are_plain(self.project, self.module, c) for c in computed):
                raise Declined("its keyword arguments are computed (`**`)")
            judge_task_ids(names, doubts)
            judge_order_of_ids(names, shape, doubts)
            judge_partial_reads(names, proof, doubts)
            if proof.may_fail and not doubts.reasons:
                judge_isolation(names, shape, doubts)
        if unpacked:  # an item that is not there yet keeps its batch from starting
            judge_waiting(names, doubts, None)
            judge_late_inputs(names, doubts)
        signature = signature_for(
            arguments,
            target.definition,
            unpacked=unpacked,
            counted=strategy is Strategy.VALUES,
            gathered=strategy is Strategy.REFERENCES,
        )
        return _Plan(
            site,
            target,
            shape,
            arguments,
            further,
            signature,
            strategy,
            uses,
            unpacked,
            options,
            results,
        )

    def _write(self, edits: Edits, plan: _Plan, doubts: Doubts) -> None:
        """Write the edits of a plan: the batch functions and the site."""
        site, target, strategy = plan.site, plan.target, plan.strategy
        batch = self._batch(
            edits, site, target, plan.signature, plan.arguments, strategy, doubts, plan.results
        )
        for other, passed in plan.further:
            if not other.only_called:
                fitting = signature_for(
                    passed,
                    other.definition,
                    unpacked=plan.unpacked,
                    counted=strategy is Strategy.VALUES,
                    gathered=strategy is Strategy.REFERENCES,
                )
                name = self._batch(
                    edits, site, other, fitting, passed, strategy, doubts, plan.results
                )
                self._pass(edits, other, name)
        self._site(edits, plan, batch)

    def _inputs_may_fail(self, site: Site, arguments: list[Argument]) -> bool:
        """Whether a task may fail whose references may be items here.

        Whatever fails in the place of one item is what a batch gets for all of its items.
        """
        items = [a.expression for a in arguments if a.varying]
        found = self._makers.of(items)
        if found is None:
            return self._some_task_may_fail
        return any(self._task_may_fail(other) for other in found if other is not site)

    @cached_property
    def _makers(self) -> Makers:
        return Makers(self.names, self.sites)

    @cached_property
    def _some_task_may_fail(self) -> bool:
        return any(map(self._task_may_fail, self.sites))

    def _task_may_fail(self, site: Site) -> bool:
        try:
            target, shape = self._target(site), find_shape(site.submission)
            arguments = self._arguments(site, target, shape)
            return self._judge_task(site, target, shape, arguments, Doubts()).may_fail
        except (Declined, RecursionError):
            return True

    def _misfit_of(self, site: Site, target: Target, arguments: list[Argument]) -> str:
        found = self._misfit(target, arguments)
        return "" if found and no_task_fails(self.project, site.submission) else found

    def _judge_task(
        self, site: Site, target: Target, shape: Shape, arguments: list[Argument], doubts: Doubts
    ) -> BodyProof:
        """Weigh what the function of a target does, in all of its calls of the site."""
        loop_values = self._immutable_parameters(target, shape, arguments)
        for _, others in shape.merged:
            loop_values &= self._immutable_parameters(target, shape, others)
        effects = effects_of(
            self.project,
            target.home,
            target.definition,
            immutable=loop_values,
            passed=self._passed(shape, arguments),
        )
        # Which actor of a pool runs a call depends on which is free: its state is like any other.
        ordered = target.is_method and not target.pooled
        proof = judge_body(effects, arguments, doubts, is_method=ordered)
        if returns_unsendable(target.home.names, target.definition):
            proof = replace(proof, may_fail=True)
        elif (proof.may_fail or proof.fails_on_purpose) and no_task_fails(
            self.project, site.submission
        ):
            proof = replace(proof, may_fail=False, fails_on_purpose=False)
        judge_identity(target.home.names, target.definition, doubts)
        judge_pickling(self.project, self.module, target.definition, arguments, doubts)
        judge_sending(self.module, shape, arguments, doubts)
        return proof

    def _pass(self, edits: Edits, target: Target, batch: str) -> None:
        """Let the calls pass the batch function of a target instead of its task."""
        for given in target.lent:
            edits.replace(self._source.start(given), self._source.end(given), batch)

    def _batch(
        self,
        edits: Edits,
        site: Site,
        target: Target,
        signature: BatchSignature,
        arguments: list[Argument],
        strategy: Strategy,
        doubts: Doubts,
        results: int = 1,
    ) -> str:
        """Add the batch variant of the target; return how the module of the site names it."""
        if target.local:
            text = self._text(self.module)
            several = results > 1
            return write_here(
                text, edits, site, target, signature, strategy, doubts, several=several
            )
        called = self._source.code(target.called) if target.called is not None else ""
        writer = TargetWriter(self._text(target.written), called)
        call = site.submission.call
        if target.written is self.module:
            return writer.write(edits, target, call, signature, arguments, strategy, results)
        there = edits.elsewhere(self.project.path_of(target.written))
        name = writer.write(there, target, call, signature, arguments, strategy, results)
        if target.is_method:
            return name
        if writer.moved:
            judge_moved(self.project, self.module, target, doubts)
        return named_here(self.project, self._text(self.module), edits, site, target, name)

    # -- strategy -----------------------------------------------------------------------------

    def _strategy(
        self, shape: Shape, *, returns_shared: bool, dealt: bool
    ) -> tuple[Strategy, Uses]:
        names = self.names
        nothing = Uses([], only_gets=False)
        if dealt:
            return Strategy.REFERENCES, nothing
        if shape.form is Form.DROP:
            return Strategy.VALUES, nothing
        in_class = names.scope_of(shape.region).frame.is_class
        apart = in_class or in_fstring(names, shape.node) or tells_objects_apart(names)
        # No comprehension may go over something that assigns: ``[… for b in f([(n := x)])]``.
        apart = apart or any(isinstance(n, ast.NamedExpr) for n in names.walk(shape.region))
        if returns_shared or apart:
            return Strategy.REFERENCES, nothing
        if shape.form is Form.EXPRESSION and shape.collection == "list":
            node = shape.node
            assert isinstance(node, ast.expr)
            parent = names.parents[node]
            if is_get(names, parent, node):
                assert isinstance(parent, ast.Call)
                return Strategy.VALUES, Uses([parent], only_gets=True)
            binding = assigned_name(names, node)
            if binding is not None:
                uses = uses_of(names, binding)
                if uses.only_gets:
                    return Strategy.VALUES, uses
        in_tuple = shape.beside is not None or len(shape.merged) < len(shape.siblings)
        if shape.form is Form.APPEND and isinstance(shape.container, ast.Name) and not in_tuple:
            reaching = names.reaching(shape.container)
            if len(reaching) == 1 and is_empty_list(reaching[0].value):
                uses = uses_of(names, reaching[0], ignore=shape.region)
                if uses.only_gets and all(
                    names.order[g] > names.order[shape.region] for g in uses.gets
                ):
                    return Strategy.VALUES, uses
        return Strategy.REFERENCES, nothing

    def _may_share_identity(self, arguments: list[Argument]) -> bool:
        def valued(expression: ast.expr) -> bool:
            known = expression in self.names.order
            return known and has_value(self.project, self.module, expression)

        return may_share_identity(self.names, arguments, valued)

    def _unpacked(
        self, shape: Shape, arguments: list[Argument], doubts: Doubts, *, mutates: bool
    ) -> bool:
        """Whether items must be top-level arguments: they may be ObjectRefs, or are changed."""
        varying = [a for a in arguments if a.varying]
        answers = [
            holds_references(self.project, self.module, shape, argument) for argument in varying
        ]
        if not mutates and all(answer == "no" for answer in answers):
            return False
        if not any(argument.star for argument in varying):
            return True
        if mutates:
            doubts.add("the task changes its arguments")
        else:
            doubts.add("the items may hold ObjectRefs, which Ray resolves only at the top level")
        return False

    # -- text ---------------------------------------------------------------------------------

    def _site(self, edits: Edits, plan: _Plan, batch: str) -> None:
        source, site, target = self._source, plan.site, plan.target
        arguments, signature = plan.arguments, plan.signature
        remote = batch
        if target.is_method:
            actor = actor_of(site.submission.handle)
            if target.dealt is None and not isinstance(actor, ast.Name | ast.Attribute):
                raise Declined("the actor is not called by name")
            remote = f"{source.code(actor)}.{batch}" if target.dealt is None else f'"{batch}"'
        if target.receiver is not None:
            remote = f"{source.code(target.receiver)}.{batch}"
        if target.lent:
            remote = source.code(task_of(site.submission.handle))
            self._pass(edits, target, batch)
        by_name = dict(
            zip(
                [name for _, name in self._ordered(arguments, signature)],
                [a for a in arguments if not a.varying],
                strict=True,
            )
        )
        shared = [star + source.code(by_name[name].expression) for star, name in signature.shared]
        call = Call(
            remote=remote,
            shared=tuple(shared),
            options=tuple(
                f"{k.arg}={source.code(k.value)}" if k.arg else f"**{source.code(k.value)}"
                for k in plan.options
            ),
            signature=signature,
            results=plan.results,
            name=site.callee.name.rpartition(".")[2] if target.is_method else target.name,
        )
        items = ItemWriter(self.project, self.module, source)
        items.actor = target.dealt
        text = self._text(self.module)
        anchor = target.statement
        if target.written is not self.module or target.local:
            anchor = text.insertions.before_action(site.submission.call)
        writer = SiteWriter(self.names, source, text.supply, text.insertions, items, anchor)
        writer.write(edits, plan.shape, site, arguments, call, plan.strategy, plan.uses)

    def _ordered(
        self, arguments: list[Argument], signature: BatchSignature
    ) -> list[tuple[str, str]]:
        """Return the shared parameters in the order of the arguments of the call."""
        names = [part.split("=")[-1].lstrip("*") for part in signature.call.split(", ") if part]
        return [
            (argument.star, name)
            for argument, name in zip(arguments, names, strict=True)
            if not argument.varying
        ]
