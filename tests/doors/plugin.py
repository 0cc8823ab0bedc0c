"""Real flake8 with the plugin, installed or taken from this working tree."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tests.doors.conftest import environment
from tests.doors.forked import Parent

LOCAL_PLUGIN = """\
[flake8]
select = RAY
[flake8:local-plugins]
extension =
    RAY = ray_lint.flake8:Plugin
"""


def is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(e.name == "RAY" for e in entry_points(group="flake8.extension"))


def flake8(
    folder: Path,
    *arguments: str,
    stdin: str | None = None,
    file: str = ".flake8",
    packages: Path | None = None,
    error: bool = False,
) -> str:
    """Run flake8 in a folder and return what it prints; ``packages`` go before the installed ones.

    Options in ``.flake8.more`` are added to the configuration file; ``error`` expects that flake8
    refuses to run, and returns what it says.
    """
    config = LOCAL_PLUGIN.partition("[flake8:")[0] if is_installed() else LOCAL_PLUGIN
    extra = folder / ".flake8.more"
    config = config.replace("select = RAY\n", "select = RAY\n" + _read(extra))
    (folder / file).write_text(config)
    done = _forks_of(packages).run(
        "flake8", arguments, cwd=folder, env=_environment(packages), stdin=stdin
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2 if error else done.returncode in (0, 1), done.stderr
    return done.stderr if error else done.stdout


def _environment(packages: Path | None) -> dict[str, str]:
    env = environment()
    if packages is not None:
        env["PYTHONPATH"] = os.pathsep.join((str(packages), env["PYTHONPATH"]))
    return env


@cache
def _forks_of(packages: Path | None) -> Parent:
    modules = ["flake8.main.cli", "flake8.plugins.pycodestyle", "pyflakes.checker"]
    return Parent([*modules, "ray_lint.flake8"], _environment(packages))


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
