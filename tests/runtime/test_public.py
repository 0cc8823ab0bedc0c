"""The public names, whatever was imported before."""

from __future__ import annotations

import importlib

import ray_lint.runtime


def test_public_names_are_no_modules() -> None:
    for name in ("api", "measure", "callables", "table", "html", "cli"):
        importlib.import_module(f"ray_lint.runtime.{name}")
    for name in ray_lint.runtime.__all__:
        assert callable(getattr(ray_lint.runtime, name)), name
