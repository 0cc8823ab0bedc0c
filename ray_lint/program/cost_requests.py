"""What a remote function asks for: resources speak of heavy work, places of a reason."""

from __future__ import annotations

import ast

from ray_lint.program.module import Module
from ray_lint.program.project import Project
from ray_lint.program.remotes import Callee, CalleeKind
from ray_lint.program.sizes import number_of

_PLACES = frozenset({"scheduling_strategy", "placement_group", "label_selector"})


def resource_request(project: Project, callee: Callee) -> tuple[str, str]:
    """Return in words the request that speaks of heavy work, and the place that is asked for.

    What an actor asks for is held as long as it lives and says little about one of its methods:
    there only GPUs count. A place of its own (a node, a bundle) is a reason for a task of its own.
    Both are "" if there is none.
    """
    method = callee.kind is CalleeKind.ACTOR_METHOD
    for call in (callee.decorator, *callee.options):
        if not isinstance(call, ast.Call):
            continue
        for keyword in call.keywords:
            value = keyword.value
            none = isinstance(value, ast.Constant) and not value.value
            empty = isinstance(value, ast.Dict) and not value.keys
            if none or empty:
                continue
            if keyword.arg == "num_gpus":
                return f"asks for num_gpus={ast.unparse(value)}", ""
            if method:
                continue
            if keyword.arg in {"resources", "accelerator_type"}:
                words = f"asks for {keyword.arg}={ast.unparse(value)[:40]}"
                # Given call by call, or for one node, it names the place to run at.
                placed = call in callee.options or "node:" in words
                return ("", words) if placed else (words, "")
            if keyword.arg in _PLACES and not isinstance(value, ast.Constant):
                return "", f"asks for a place: {keyword.arg}={ast.unparse(value)[:40]}"
            if keyword.arg == "num_cpus":
                cpus = _number_in(project, callee.module, value)
                if cpus is not None and cpus > 1:
                    return f"asks for {cpus:g} CPUs", ""
    return "", ""


def _number_in(project: Project, module: Module | None, value: ast.expr) -> float | None:
    """Return a known number; the expression may stand in another module than ``module``."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, int | float) else None
    if module is None or value not in module.names.order:
        return None
    number = number_of(project, module, value)
    return number.low if number.kind == "known" else None
