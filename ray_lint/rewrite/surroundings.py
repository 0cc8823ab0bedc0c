"""What happens between and around the submissions of a site, and whether a batch respects it."""

from __future__ import annotations

import ast
from functools import cached_property

from ray_lint.program.effects import (
    EffectKind,
    expression_effects,
    is_immutable,
    kinds_of,
    may_be_iterator,
)
from ray_lint.program.effects.state import changing_uses
from ray_lint.program.facts import Site
from ray_lint.program.names import FUNCTIONS, TRIES, BindingKind
from ray_lint.program.rehearsed import never_fails, no_task_fails
from ray_lint.program.remotes import CalleeKind
from ray_lint.rewrite.aliases import Aliases
from ray_lint.rewrite.ambient import judge_ambient
from ray_lint.rewrite.arguments import binds_inside
from ray_lint.rewrite.entries import fills_beside
from ray_lint.rewrite.forms import Form, Shape
from ray_lint.rewrite.interruptions import judge_interruptions, judge_one_by_one
from ray_lint.rewrite.introspection import introspection, sees_lifetimes
from ray_lint.rewrite.kept_code import judge_late
from ray_lint.rewrite.observers import (
    judge_actor_order,
    judge_half_filled,
    judge_other_views,
    reachable,
    takes_out,
)
from ray_lint.rewrite.overlap import Overlap
from ray_lint.rewrite.plan import Argument, Declined, Doubts
from ray_lint.rewrite.safety import (
    judge_class_body,
    judge_container,
    judge_onlookers,
)
from ray_lint.rewrite.sharing import Sharing
from ray_lint.rewrite.spread import judge_starred
from ray_lint.rewrite.submitted import Submitted
from ray_lint.rewrite.targets import Target
from ray_lint.rewrite.uses import is_get, is_reference

_BUILTINS_WRITTEN = {
    *(
        "dict",
        "enumerate",
        "getattr",
        "int",
        "iter",
        "len",
        "list",
        "max",
        "min",
        "next",
        "range",
        "set",
        "tuple",
        "zip",
    )
}
_HARMLESS_MANAGERS = (
    *("builtins.open", "contextlib.suppress", "contextlib.nullcontext", "decimal.", "io."),
    *("numpy.errstate", "threading.", "tempfile.", "warnings.", "zipfile.", "gzip."),
)
_PICKED_FROM = frozenset({"dict", "list", "tuple", "defaultdict"})


class Surroundings(Submitted):
    """Judges the loops around the submissions of one module, and the arguments."""

    @cached_property
    def _sharing(self) -> Sharing:
        return Sharing(self.project, self.module)

    @cached_property
    def _overlap(self) -> Overlap:
        return Overlap(self.project, self.module)

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.project, self.module, self._overlap)

    def judge_region(
        self, site: Site, target: Target, shape: Shape, arguments: list[Argument], doubts: Doubts
    ) -> None:
        """Weigh what happens while a loop submits. Raises Declined for what no batch respects."""
        names, region = self.names, shape.region
        judge_container(names, shape)
        judge_class_body(names, shape, arguments)
        judge_other_views(names, shape)
        judge_actor_order(names, site, shape)
        found = Doubts()
        judge_half_filled(names, shape, found)
        judge_interruptions(self.project, self.module, shape, arguments, found)
        if found.reasons and not never_fails(self.project, site.submission):
            doubts.include(found)
        self._judge_starred(site, target, shape, arguments, doubts)
        self._judge_surroundings(site, target, shape, arguments, doubts)
        self._judge_values(arguments, doubts)
        judge_late(self.project, self.module, arguments, region)
        for node in names.walk(region):
            own = shape.form is Form.YIELD and names.parents[node] is shape.node
            if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await) and (
                shape.form is not Form.NEXT and not own
            ):
                raise Declined("the loop yields or awaits between two submissions")
            if isinstance(node, ast.Return) and shape.loop is not None:
                raise Declined("the loop may return in between")
        measured: set[ast.AST | None] = {call.args[0] for call in shape.lengths}
        # What these keep was judged with the method that submits.
        measured |= {shape.receiver, shape.taker.receiver if shape.taker else None}
        self._overlap.judge(shape, arguments, doubts)
        self._aliases.judge(shape, arguments, doubts)
        judge_ambient(self.project, self.module, shape, arguments, doubts)
        for argument in arguments:
            self._sharing.judge_argument(shape, argument)
            if (
                shape.form is not Form.NEXT
                and argument.varying
                and argument.expression in names.order
                and is_immutable(self.project, self.module, argument.expression)
            ):
                continue  # a value of its own, taken at the same moment as before
            if shape.form is not Form.NEXT and is_reference(names, argument.expression):
                continue
            for node in ast.walk(argument.expression):
                if isinstance(node, ast.Name) and node in names.order and node not in measured:
                    self._judge_argument(shape, node, argument)

    def _judge_surroundings(
        self, site: Site, target: Target, shape: Shape, arguments: list[Argument], doubts: Doubts
    ) -> None:
        """Weigh what stands between and around the submissions."""
        names, region = self.names, shape.region
        call = site.submission.call
        for parent in names.ancestors(call):
            if isinstance(parent, TRIES) and parent.handlers and parent is not region:
                if names.contains(region, parent):
                    raise Declined("failures of single submissions are handled in the loop")
                if shape.loop is not None and names.contains(parent, region):
                    doubts.add("a failure inside the loop is handled around it")
            if isinstance(parent, FUNCTIONS):
                break
        if site.callee.kind is CalleeKind.ACTOR_METHOD:
            for node in names.walk(region):
                if (
                    node is not call
                    and isinstance(node, ast.Call)
                    and node.func is not site.submission.handle
                    and not is_get(names, node, call)
                    and (
                        names.stands_for(node.func, "ray.get", "ray.wait")
                        or (isinstance(node.func, ast.Attribute) and node.func.attr == "remote")
                    )
                ):
                    raise Declined("the loop talks to actors between two calls")
        judge_onlookers(names, site, shape, doubts)
        self._judge_classes(shape, arguments)
        lazy = shape.form is Form.EXPRESSION and shape.collection == "iterator"
        lazy = lazy and not target.pooled  # which takes all its items at once
        taker = getattr(names.parents.get(shape.node), "func", None)
        at_once = isinstance(taker, ast.Attribute) and taker.attr == "extend"
        ends = site.count.kind == "known" and not site.count.taken
        if lazy and not ends and not at_once:
            raise Declined("its items may be infinite, and are taken one by one")
        if lazy and site.callee.kind is CalleeKind.ACTOR_METHOD:
            raise Declined("its calls reach the actor one by one, as they are taken")
        if lazy:
            self._sharing.judge_lazy(shape, arguments)
            judge_one_by_one(self.project, self.module, shape, arguments)
        line = sees_lifetimes(names)
        if line:
            doubts.add(f"line {line} sees when objects are given up")
        for module in dict.fromkeys((self.module, target.written)):
            line = introspection(module.names)
            if line:
                where = (
                    f"line {line}" if module is self.module else f"line {line} of `{module.name}`"
                )
                doubts.add(f"{where} looks at the names or the text of the program")
        self._judge_managers(shape, arguments)
        for node in ast.walk(site.submission.handle):
            inside = isinstance(node, ast.Name) and binds_inside(names, node, region)
            if inside and target.dealt is None and not target.pooled:
                assert isinstance(node, ast.Name)
                raise Declined(f"what `{node.id}` stands for changes in the loop")
        self._judge_builtins(site, target)
        for repeat in shape.repeats or []:
            self._sharing.judge_iterable(repeat.iterable)

    def _judge_starred(
        self, site: Site, target: Target, shape: Shape, arguments: list[Argument], doubts: Doubts
    ) -> None:
        """Doubt starred items that may not fit, unless a dry run saw that all of them do."""
        found = Doubts()
        judge_starred(self.module, target, shape, arguments, found)
        if found.reasons and not no_task_fails(self.project, site.submission):
            doubts.include(found)

    def _judge_classes(self, shape: Shape, arguments: list[Argument]) -> None:
        """Decline a loop that changes a class, which objects are sent with as it is then."""
        if all(self._is_plain(a.expression) for a in arguments if a.varying):
            return
        classes = [
            binding
            for scope in self.names.scopes.values()
            for bindings in scope.bindings.values()
            for binding in bindings
            if binding.kind is BindingKind.CLASS
        ]
        places = [shape.region, *reachable(self.names, [shape.region])]
        for place in places:
            for made in classes:
                if changing_uses(self.module, made.scope, made.name, place):
                    raise Declined(f"the class `{made.name}` is changed while the loop runs")
            for node in self.names.walk(place):
                stored = isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
                if stored and self._is_class(node.value):  # type: ignore[attr-defined]
                    raise Declined("a class is changed while the loop runs")

    def _is_class(self, base: ast.expr) -> bool:
        """Whether an expression is ``cls``, ``type(x)`` or ``x.__class__``."""
        if isinstance(base, ast.Call):
            return self.names.stands_for(base.func, "builtins.type")
        if isinstance(base, ast.Attribute):
            return base.attr == "__class__"
        return isinstance(base, ast.Name) and base.id == "cls"

    def _judge_managers(self, shape: Shape, arguments: list[Argument]) -> None:
        """Decline items that the end of a `with` block around the submission may change."""
        for parent in self.names.ancestors(shape.node):
            if parent is shape.region or isinstance(parent, FUNCTIONS):
                return
            if not isinstance(parent, ast.With | ast.AsyncWith):
                continue
            for manager in (item.context_expr for item in parent.items):
                func = manager.func if isinstance(manager, ast.Call) else manager
                if (self.names.qualified(func) or "").startswith(_HARMLESS_MANAGERS):
                    continue
                if not all(self._is_plain(a.expression) for a in arguments if a.varying):
                    shown = ast.unparse(manager)
                    raise Declined(f"the end of `with {shown}` may change what is submitted")

    def _judge_builtins(self, site: Site, target: Target) -> None:
        """Decline where a built-in function that the generated code calls has another meaning."""
        names = self.names
        scopes = {names.root, *names.scope_of(site.submission.call).ancestors()}
        scopes |= {target.written.names.root}
        for scope in scopes:
            shadowed = _BUILTINS_WRITTEN & scope.bindings.keys()
            if shadowed:
                raise Declined(f"`{min(shadowed)}` is not the built-in function here")

    def _judge_values(self, arguments: list[Argument], doubts: Doubts) -> None:
        """Doubt arguments whose evaluation changes something: items may then share an object."""
        for argument in arguments:
            expression = argument.expression
            if not argument.varying or expression not in self.names.order:
                continue
            if is_immutable(self.project, self.module, expression):
                continue
            if is_reference(self.names, expression):
                continue  # the next one of those that an earlier fix submits ahead
            receiver = getattr(getattr(expression, "func", None), "value", None)
            if isinstance(receiver, ast.Name) and takes_out(self.names, receiver, argument):
                continue
            for effect in expression_effects(self.project, self.module, expression):
                if effect.kind in (EffectKind.WRITES_OUTSIDE, EffectKind.UNKNOWN_CALL):
                    doubts.add(f"an argument {effect.reason}")

    def _judge_argument(self, shape: Shape, name: ast.Name, argument: Argument) -> None:
        """Decline arguments that change between their submission and the end of the loop."""
        names = self.names
        if is_immutable(self.project, self.module, name):
            return
        owner = names.owner(name)
        if owner is None:
            return
        if not argument.varying and may_be_iterator(self.project, self.module, name):
            raise Declined(f"`{name.id}` is used up by the first item that reads it")
        for binding in names.reaching(name):
            if binding.kind in (BindingKind.IMPORT, BindingKind.FUNCTION, BindingKind.CLASS):
                continue
            fresh = names.contains(shape.region, binding.node)
            if fresh and binding.kind is BindingKind.AUGMENTED:
                raise Declined(f"`{name.id}` is changed while the loop runs")
            if fresh and binding.kind in (BindingKind.COMPREHENSION, BindingKind.LOOP):
                regions: list[ast.AST] = list(self._after(shape, name))
            elif fresh:
                regions = list(self._after(shape, name))
            else:
                regions = [shape.region]
            for region in regions:
                changed = changing_uses(self.module, binding.scope, binding.name, region)
                if shape.form is not Form.NEXT and (
                    takes_out(names, name, argument) or self._picks(name, argument)
                ):
                    # What was taken out of a collection does not change with it.
                    changed = [use for use in changed if not self._sharing.is_shallow(use)]
                if any(not fills_beside(names, name, use) for use in changed):
                    raise Declined(f"`{name.id}` is changed while the loop runs")

    def _picks(self, name: ast.Name, argument: Argument) -> bool:
        """Whether the argument is ``name[key]``: an entry, which is no view as in an array."""
        entry = argument.expression
        if not argument.varying or not isinstance(entry, ast.Subscript) or entry.value is not name:
            return False
        kinds = kinds_of(self.project, self.module, name) or frozenset({"unknown"})
        return kinds <= _PICKED_FROM

    def _after(self, shape: Shape, name: ast.Name) -> list[ast.stmt]:
        """Return the statements of the innermost loop body that follow the submission."""
        statement = self.names.statement_of(name)
        found: list[ast.stmt] = []
        while statement is not None and statement is not shape.region:
            block = self.names.blocks[statement]
            found += block.statements[block.index + 1 :]
            owner = block.owner
            if isinstance(owner, TRIES) and block.statements is not owner.finalbody:
                found += [
                    *(owner.orelse if block.statements is owner.body else ()),
                    *owner.finalbody,
                ]
            if not isinstance(owner, ast.stmt) or isinstance(owner, ast.For | ast.While):
                break
            statement = owner
        if shape.loop is None:
            return []
        return [s for s in found if self.names.contains(shape.region, s)]
