"""Run small Ray programs one after another in one driver process, each as ``__main__``.

Starting a cluster takes seconds, the programs take a fraction of one; so one process connects once
and ``ray.init`` and ``ray.shutdown`` only keep the books. Called by ``tests.programs`` as
``python -m tests.program_driver JOBS RESULTS ADDRESS``: JOBS is a JSON list of
``[key, program name, source file, files beside it]``, RESULTS gets one JSON object a line as each
program ends.
An ADDRESS of ``local`` starts a cluster that ends with the process.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import linecache
import os
import random
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorMethod
from ray.remote_function import RemoteFunction

TIMEOUT = 40  # seconds for one program; the slowest good one takes three


class TimedOutError(BaseException):
    """Raised in a program that runs too long; no ``except Exception`` of it can catch this."""


class Bookkeeping:
    """What ``ray.init`` would refuse or allow, and how many tasks were submitted."""

    def __init__(self) -> None:
        self.initialized = False
        self.submissions = 0

    def init(self, *_args: Any, ignore_reinit_error: bool = False, **_options: Any) -> Any:
        """Stand in for ``ray.init``: connect on paper, and refuse a second time as Ray does."""
        if self.initialized and not ignore_reinit_error:
            raise RuntimeError("Maybe you called ray.init twice by accident?")
        self.initialized = True
        return Context(self)

    def shutdown(self, *_args: Any, **_options: Any) -> None:
        """Stand in for ``ray.shutdown``."""
        self.initialized = False

    def counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a ``_remote`` method so that its calls are counted."""

        def counted(*args: Any, **options: Any) -> Any:
            self.submissions += 1
            return method(*args, **options)

        return counted

    def install(self) -> None:
        """Put the stand-ins in place; every call that connects by itself goes through them too."""
        ray.init = self.init  # type: ignore[assignment]
        ray.shutdown = self.shutdown  # type: ignore[assignment]
        ray.is_initialized = lambda: self.initialized  # type: ignore[assignment]
        RemoteFunction._remote = self.counting(RemoteFunction._remote)
        ActorMethod._remote = self.counting(ActorMethod._remote)


class Context(dict):  # type: ignore[type-arg]
    """What ``ray.init`` returns, as far as small programs use it."""

    def __init__(self, books: Bookkeeping) -> None:
        super().__init__()
        self.dashboard_url = ""
        self._books = books

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._books.shutdown()


def execute(path: Path, books: Bookkeeping) -> dict[str, Any]:
    """Run the file ``path`` as ``__main__``; return its output, exit status and submissions."""
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=str(path), __builtins__=__builtins__)
    kept_modules = {
        name: sys.modules[name] for name in ("__main__", "__mp_main__") if name in sys.modules
    }
    kept = (sys.stdout, sys.stderr, sys.argv, list(sys.path), dict(os.environ))
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    sys.modules["__main__"] = module
    sys.stdout, sys.stderr, sys.argv = out, err, [str(path)]
    known_modules = set(sys.modules)
    random.seed()
    linecache.clearcache()
    importlib.invalidate_caches()
    books.initialized = False
    books.submissions = 0
    status, exception = 0, ""
    began = time.monotonic()
    signal.alarm(TIMEOUT)
    try:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException as error:
        status, exception = 1, type(error).__name__
        traceback.print_exc(limit=-4)
    finally:
        signal.alarm(0)
        seconds = time.monotonic() - began
        sys.stdout, sys.stderr, sys.argv, sys.path[:], environment = kept
        os.environ.clear()
        os.environ.update(environment)
        sys.modules.update(kept_modules)
        for name in set(sys.modules) - known_modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(path.parent)):
                del sys.modules[name]
    module.__dict__.clear()  # actors end with their handles
    del module
    gc.collect()
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "replace"))
    return {
        "stdout": texts[0],
        "stderr": texts[1][-3000:],
        "status": status,
        "exception": exception,
        "submissions": books.submissions,
        "seconds": round(seconds, 3),
    }


def on_alarm(_signal: int, _frame: object) -> None:
    """End a program that hangs."""
    raise TimedOutError


def main(jobs: str, results: str, address: str) -> int:
    """Run every job; stop after a program that hung, since its tasks may still hold the CPUs."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == "local":
        options.update(num_cpus=2, include_dashboard=False)
    folder = Path(results).parent
    # Workers look for modules where the programs do.
    sys.argv = [str(folder / "program.py")]
    sys.path.insert(0, str(folder))
    ray.init(address=address, **options)
    books = Bookkeeping()
    books.install()
    signal.signal(signal.SIGALRM, on_alarm)
    with Path(results).open("a", encoding="utf-8") as stream:
        for key, name, source, beside in json.loads(Path(jobs).read_text(encoding="utf-8")):
            # Both versions of a program run from one path, so that what they say of it is equal.
            path = folder / name
            path.write_bytes(Path(source).read_bytes())
            for relative, content in beside:
                (folder / relative).parent.mkdir(exist_ok=True)
                (folder / relative).write_bytes(content.encode())
            outcome = execute(path, books)
            stream.write(json.dumps({"key": key, **outcome}) + "\n")
            stream.flush()
            if outcome["exception"] == TimedOutError.__name__:
                break
    return 0


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    sys.exit(code)
