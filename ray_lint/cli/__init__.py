"""The command line. ``main`` decides what must be imported before anything is."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run ray-lint and return its exit code.

    0: nothing to report; 1: findings; 2: wrong usage, a file that could not be processed, or an
    internal error.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    from ray_lint.cli.quick import Quick

    quick = Quick(arguments)
    if quick.over:
        return 0
    from ray_lint.cli.command import run

    code = run(arguments)
    if code == 0:
        quick.remember()
    return code
