"""Begins to observe a Python process of the measured command: the first thing that is loaded there.

It is loaded by its path at the start of every such process (see ``inject/sitecustomize.py``),
possibly under another Python than ours and without ray-lint: what is loaded from here uses the
standard library only, and never raises an exception into the user's program. It waits until the
program imports ``ray``. Nothing of this reaches the workers.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Calls ``then(module)`` once the module ``name`` has been imported completely."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self.name = name
        self.then = then
        self.inner: Any = None

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        self.inner = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec: Any) -> Any:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.inner
        if module.__spec__ is not None:
            module.__spec__.loader = self.inner
        self.inner.exec_module(module)
        self.then(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def load_beside(name: str) -> ModuleType:
    """Load a module of this folder by its path, under a name of its own."""
    path = Path(__file__).with_name(f"{name}.py")
    full = f"_ray_lint_{name}"
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


def install(settings_path: str) -> None:
    """Begin to observe this process as the JSON file ``settings_path`` says."""
    settings = json.loads(Path(settings_path).read_text())
    if settings["mode"] == "profile":
        start: Callable[[ModuleType], None] = load_beside("sampler").make(
            settings, load_beside("events"), load_beside("hooks")
        )
        sys.meta_path.insert(0, _AfterImport("ray", start))
        return
    _map_paths(settings)
    if settings["linked"]:
        load_beside("guard").protect(settings["original"], settings["copy"])
    parts = {name: load_beside(name) for name in ("values", "events", "warm")}
    tracer = load_beside("tracer").Tracer(settings, **parts)
    hooks = load_beside("hooks")
    sys.meta_path.insert(0, _AfterImport("ray", lambda ray: hooks.patch(ray, tracer)))
    if tracer.mode == "values":
        tracer.watch_names()


def _map_paths(settings: dict[str, Any]) -> None:
    """Point entries of ``sys.path`` inside the user's tree (editable installs) at the copy."""
    original, copy = settings["original"], settings["copy"]
    for index, entry in enumerate(sys.path):
        if entry == original or entry.startswith(original + os.sep):
            sys.path[index] = copy + entry[len(original) :]
