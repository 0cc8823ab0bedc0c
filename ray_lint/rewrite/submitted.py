"""What a submission passes to its task: arguments and options."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ray_lint.config import Config
from ray_lint.program.effects import (
    immutable_entries,
    is_immutable,
    may_misfit,
    mutates,
    types_of,
)
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.names import BindingKind
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee
from ray_lint.program.size_elements import items_of
from ray_lint.program.sizes import count_loops
from ray_lint.program.work import SHORT_SECONDS
from ray_lint.rewrite.arguments import bind_arguments, binds_inside, passed_on
from ray_lint.rewrite.forms import Shape
from ray_lint.rewrite.module_text import ModuleText
from ray_lint.rewrite.naming import names_in
from ray_lint.rewrite.plan import Argument, Declined, Doubts
from ray_lint.rewrite.results import judge_several, results_per_task
from ray_lint.rewrite.safety import judge_options
from ray_lint.rewrite.source_map import SourceMap
from ray_lint.rewrite.spread import fills_otherwise
from ray_lint.rewrite.targets import Target


def _is_short(project: Project, site: Site, config: Config) -> bool:
    """Whether a share of the items for each CPU is soon done, however uneven they are."""
    cost, most = site.cost, site.count.high
    if cost.seen and not site.submission.is_mapped:
        loops: list[ast.AST] = list(site.submission.loops[:1])
        burst = count_loops(project, site.submission.module, loops)
        if burst.kind == "known" and burst.high is not None and burst.high < config.min_items:
            return True  # one of many small bursts
    if cost.kind != "tiny" or cost.seconds is None:
        return False
    if cost.seconds <= SHORT_SECONDS:
        return True
    known = site.count.kind == "known" and most is not None
    return known and cost.seconds * (most or 0) <= config.task_threshold


class Submitted:
    """Reads the submissions of one module: ``sites`` are those that are reported there."""

    def __init__(
        self, project: Project, module: Module, config: Config, sites: Sequence[Site]
    ) -> None:
        self.project, self.module, self.config = project, module, config
        self.names, self.sites = module.names, sites
        self.short = all(_is_short(project, site, config) for site in sites)
        self._texts: dict[Module, ModuleText] = {}

    def _text(self, module: Module) -> ModuleText:
        """Return a module of the project as something to write into."""
        if module not in self._texts:
            text = ModuleText(self.project, module, self.config, short=self.short)
            self._texts[module] = text
        return self._texts[module]

    @property
    def _source(self) -> SourceMap:
        return self._text(self.module).source

    def _constant_dict(self, expression: ast.expr) -> list[ast.keyword] | None:
        return self._text(self.module).constant_dict(expression)

    def _arguments(self, site: Site, target: Target, shape: Shape) -> list[Argument]:
        submission = site.submission
        call = submission.call
        if submission.is_mapped and isinstance(call.args[0], ast.Lambda):
            assert isinstance(call.args[0].body, ast.Call)
            call = call.args[0].body
        elif submission.through is not None:
            call = passed_on(self.names, submission)
        elif submission.is_mapped:
            assert shape.repeats is not None
            goal = shape.repeats[0].target
            elements = goal.elts if isinstance(goal, ast.Tuple) else [goal]
            if submission.is_starmapped:
                elements = [ast.Starred(goal, ast.Load())]
            partial = call.args[0] if isinstance(call.args[0], ast.Call) else None
            if partial is not None and not self.names.stands_for(partial.func, "functools.partial"):
                raise Declined("what is mapped is not known to be a task")
            bound = bind_arguments(
                self.names,
                elements if partial is None else [*partial.args[1:], *elements],
                [] if partial is None else partial.keywords,
                target.definition,
                shape.region,
                skip_first=target.is_method,
            )
            own = [e.value if isinstance(e, ast.Starred) else e for e in elements]
            return [replace(a, varying=a.expression in own) for a in bound]
        sources = names_in(*(r.iterable for r in shape.repeats or []))
        return bind_arguments(
            self.names,
            call.args,
            self._spelled_out(call.keywords),
            target.definition,
            shape.region,
            skip_first=target.is_method,
            sources=frozenset(sources),
        )

    def _spelled_out(self, keywords: list[ast.keyword]) -> list[ast.keyword]:
        """Return the keywords with those of ``**CONSTANT`` one by one, if they are literals."""
        found: list[ast.keyword] = []
        for keyword in keywords:
            items = None if keyword.arg else self._constant_dict(keyword.value)
            made = [] if keyword.arg else self._made_for_call(keyword.value)
            if items is not None and all(isinstance(i.value, ast.Constant) for i in items):
                found += items
            elif made:
                found += made
            else:
                found.append(keyword)
        return found

    def _made_for_call(self, given: ast.expr) -> list[ast.keyword]:
        """Return the keywords of ``options = dict(k=x)`` for ``f.remote(**options)`` right behind.

        Nothing if the name has another use, or is given somewhere else.
        """
        bindings = self.names.reaching(given) if isinstance(given, ast.Name) else []
        made = bindings[0].value if len(bindings) == 1 else None
        if not isinstance(made, ast.Call) or not self.names.stands_for(made.func, "builtins.dict"):
            return []
        (binding,) = bindings
        statement, site = binding.statement, self.names.statement_of(given)
        if statement is None or site is None or self.names.uses(binding) != [given]:
            return []
        here, there = self.names.blocks[site], self.names.blocks[statement]
        beside = here.statements is there.statements and here.index == there.index + 1
        plain = not made.args and all(
            keyword.arg and isinstance(keyword.value, ast.Name | ast.Constant)
            for keyword in made.keywords
        )  # they are evaluated there, too
        return list(made.keywords) if beside and plain else []

    def _merged(
        self, site: Site, target: Target, shape: Shape, arguments: list[Argument]
    ) -> list[Argument]:
        """Take in the other submissions of the same function that fill the same list.

        Returns the arguments of the site, varying where they differ from those of the others.
        """
        shape.merged = []
        several = target.dealt is not None or target.others
        if not shape.siblings or shape.aliases or several:
            return arguments
        found: list[tuple[ast.Expr, list[Argument]]] = []
        for statement in shape.siblings:
            assert isinstance(statement.value, ast.Call)
            call = statement.value.args[0]
            first, last = statement.lineno, statement.end_lineno or statement.lineno
            if (
                not isinstance(call, ast.Call)
                or ast.dump(call.func) != ast.dump(site.submission.handle)
                or resolve_callee(self.project, self.module, call).definition
                is not site.callee.definition
                or any("noqa" in c.lower() for c in self._source.comments(first, last))
            ):
                return arguments
            others = bind_arguments(
                self.names,
                call.args,
                self._spelled_out(call.keywords),
                target.definition,
                shape.region,
                skip_first=target.is_method,
            )
            found.append((statement, others))
        every = [arguments, *(others for _, others in found)]
        kinds = [[(a.star, a.keyword, a.parameter) for a in one] for one in every]
        if any(kind != kinds[0] for kind in kinds) or any(a.star for a in arguments):
            return arguments
        varying = [
            any(a.varying for a in column) or len({ast.dump(a.expression) for a in column}) > 1
            for column in zip(*every, strict=True)
        ]

        def marked(one: list[Argument]) -> list[Argument]:
            return [replace(a, varying=v) for a, v in zip(one, varying, strict=True)]

        shape.merged = [(statement, marked(others)) for statement, others in found]
        return marked(arguments)

    def _passed(
        self, shape: Shape, arguments: list[Argument]
    ) -> tuple[tuple[str, Module, ast.expr], ...]:
        """Return what each parameter gets, as far as it stands in the source."""
        every = [*arguments, *(a for _, others in shape.merged for a in others)]
        return tuple(
            (a.parameter, self.module, a.expression)
            for a in every
            if a.parameter and a.expression in self.names.order
        )

    def _misfit(self, target: Target, arguments: list[Argument]) -> str:
        """Return what the task does that fails for arguments of another type than expected."""
        spec = target.definition.args
        kinds: dict[str, frozenset[str]] = {}
        pairs = [
            *zip(reversed([*spec.posonlyargs, *spec.args]), reversed(spec.defaults), strict=False),
            *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
        ]
        given = {argument.parameter: argument.expression for argument in arguments}
        for parameter, default in pairs:
            if default is not None:
                given.setdefault(parameter.arg, default)
        for name, expression in given.items():
            known = None
            if name and hasattr(expression, "lineno"):
                known = types_of(self.project, self.module, expression)
            if known:
                kinds[name] = known
        return may_misfit(self.project, target.home, target.definition, kinds)

    def _is_plain(self, expression: ast.expr) -> bool:
        return hasattr(expression, "lineno") and is_immutable(self.project, self.module, expression)

    def _immutable_parameters(
        self, target: Target, shape: Shape, arguments: list[Argument]
    ) -> frozenset[str]:
        """Return the parameters that provably get numbers, strings and the like."""
        found = set(self._immutable_parts(target, shape, arguments))
        for argument in arguments:
            expression = argument.expression
            if argument.star == "**" and expression in self.names.order:
                found |= immutable_entries(self.project, self.module, expression)
            if not argument.parameter:
                continue
            if not hasattr(expression, "lineno"):
                continue
            if is_immutable(self.project, self.module, expression):
                found.add(argument.parameter)
        return frozenset(found)

    def _immutable_parts(
        self, target: Target, shape: Shape, arguments: list[Argument]
    ) -> Iterator[str]:
        """Yield the parameters that a starred item fills with numbers, texts and the like."""
        stars = [a for a in arguments if a.star == "*"]
        expression = stars[0].expression if len(stars) == 1 else None
        if not isinstance(expression, ast.Name):
            return
        spec = target.definition.args
        places = [a.arg for a in [*spec.posonlyargs, *spec.args]][int(target.is_method) :]
        filled = places[arguments.index(stars[0]) :]
        for repeat in shape.repeats or []:
            named = isinstance(repeat.target, ast.Name) and repeat.target.id == expression.id
            if not named or fills_otherwise(self.names, repeat.iterable):
                continue
            for number, parameter in enumerate(filled):
                parts = items_of(self.module, repeat.iterable, (number,)) or []
                if parts and all(is_immutable(self.project, self.module, p) for p in parts):
                    yield parameter

    def _options(
        self, site: Site, target: Target, shape: Shape, doubts: Doubts
    ) -> tuple[list[ast.keyword], int]:
        """Return the keywords of ``.options(...)``, and the number of results of one task.

        Those of the decorator are carried over.
        """
        made = target.decorator
        if isinstance(made, ast.Call) and made.args:
            made = made.func
        maker = target.home if target.spelling is not None else target.written
        constant = self._text(maker).constant_dict
        decorated = [made] if isinstance(made, ast.Call) else []
        judge_options(decorated, doubts, constant)
        given = list(site.callee.options)
        if any(call not in self.names.order for call in given):
            raise Declined("its options stand in another module")
        if target.is_method:
            # The options of an actor were used up when it was made.
            at_site = set(ast.walk(site.submission.handle))
            given = [call for call in given if call in at_site]
        options = judge_options(given, doubts, self._constant_dict)
        at_site = set(self.names.walk(site.submission.handle))
        if site.submission.through is not None:
            at_site.clear()  # they stand in another function
        for keyword in options:
            for node in ast.walk(keyword.value):
                if isinstance(node, ast.Name):
                    owner = self.names.owner(node)
                    here = node in at_site and not binds_inside(self.names, node, shape.region)
                    once = owner is self.names.root and len(owner.bindings[node.id]) == 1
                    if owner is not None and not once and not here:
                        raise Declined("its options are not the same for all items")
                    changed = (
                        mutates(self.project, self.module, shape.region, binding)
                        for binding in self.names.reaching(node)
                        if binding.kind is BindingKind.ASSIGN
                    )
                    if any(changed):
                        raise Declined("its options are not the same for all items")
                elif isinstance(node, ast.Call):
                    doubts.add("its options are computed")
        results = results_per_task(decorated, constant)
        results = results_per_task(given, self._constant_dict, results)
        if results > 1:
            judge_several(target, results)
        return options, results
