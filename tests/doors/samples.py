"""Sources that the tests of the doors share."""

from __future__ import annotations

FINDING = """\
import ray


@ray.remote
def double(x):
    return x * 2


results = ray.get([double.remote(x) for x in range(10_000)])
"""
LINE, COLUMN = 9, 20
CLEAN = "import ray\n\nprint(ray.__version__)\n"
