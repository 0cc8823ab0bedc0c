"""``python -m ray_lint``."""

from __future__ import annotations

import os
import sys

import ray_lint

# ``python -m`` looks for modules in the current directory first, and what is linted often lies
# there: a file ``enum.py`` of its own must not be run. Our own checkout may stay.
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(ray_lint.__file__)))  # noqa: PTH100, PTH120
if sys.path and sys.path[0] in ("", os.getcwd()) and sys.path[0] != _HOME:  # noqa: PTH109
    del sys.path[0]

from ray_lint.cli import main  # noqa: E402

raise SystemExit(main())
