"""Start to observe a measured program, whatever command runs it.

Python imports ``sitecustomize`` at start-up from the first folder of its path that has one. The
runtime check puts this folder first, so every Python process of the measured command comes here,
even one of another virtual environment without ray-lint. Afterwards the environment's own
``sitecustomize`` is run, as if this one did not exist.
"""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _observe() -> None:
    settings = os.environ.get("RAY_LINT_TRACE")
    # Ray's own worker processes may inherit the environment; only drivers are watched.
    arguments = getattr(sys, "orig_argv", [])
    if not settings or any("ray/_private/workers" in word for word in arguments):
        return
    path = _HERE.parent / "install.py"
    spec = importlib.util.spec_from_file_location("_ray_lint_install", path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["_ray_lint_install"] = module
    spec.loader.exec_module(module)
    module.install(settings)


def _run_shadowed() -> None:
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
_observe()
_run_shadowed()
