"""Run the quick tests on every supported Python that this machine has.

    python3 .ci/versions.py [ROW …]

The rows: every Python of pyproject.toml with the newest LibCST and flake8; the first and the last
also with the oldest ones; the running one, where the whole suite runs anyway, without any extra.
Each gets a virtual environment ``.venv-versions/ROW`` and runs tests that take seconds, two rows at
a time. Python is looked for as ``pythonX.Y``, then among the versions of pyenv; one that is missing
is named and left out. The exit code is 1 if a row failed or no Python was found.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/test_fixtures.py",
    "tests/rules",
    "tests/rewrite",
    "tests/trust/test_bytes.py",
    "tests/trust/test_cache.py",
    "tests/doors/test_agreement.py",
    "tests/doors/test_flake8.py",
)
"""What depends on the version of Python, LibCST or flake8 rather than on the machine."""
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
OLDEST = ("libcst", "flake8")
MINUTES = 20
"""What a row may take."""


def declared() -> tuple[list[str], dict[str, str]]:
    """Return the supported Pythons and the lower bounds of the packages in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()  # tomllib is newer than the oldest Python
    pythons = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)
    if f'requires-python = ">={pythons[0]}"' not in text:
        raise SystemExit(f"requires-python does not begin with {pythons[0]}, the oldest tested")
    return pythons, dict(re.findall(r'"(\w+)>=([\d.]+)"', text))


def rows() -> dict[str, tuple[str, list[str]]]:
    """Return, by name, the Python of each row and what is installed there."""
    pythons, bounds = declared()
    oldest = [".", *(f"{name}=={bounds[name]}" for name in OLDEST)]
    own = "{}.{}".format(*sys.version_info)
    found: dict[str, tuple[str, list[str]]] = {}
    for python in pythons:
        if python in (pythons[0], pythons[-1]):
            found[f"{python}-oldest"] = python, oldest
        if python == own:  # the whole suite runs there, with the newest of everything
            found[f"{python}-bare"] = python, ["."]
        else:
            found[f"{python}-newest"] = python, [".[flake8,server]"]
    return found


def find(version: str) -> str | None:
    """Return the path of a Python that runs and has the version, or None."""
    candidates = [shutil.which(f"python{version}")]
    if pyenv := shutil.which("pyenv"):
        # Its shims exist for every version, but run only the chosen one.
        names = output(pyenv, "whence", f"python{version}").split()
        candidates += [f"{output(pyenv, 'prefix', name).strip()}/bin/python" for name in names]
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    return next((c for c in candidates if c and output(c, "-c", code).strip() == version), None)


def output(*command: str) -> str:
    """Return what a command prints, nothing if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def run(name: str, python: str, packages: list[str]) -> tuple[bool, str]:
    """Install and test one row; return whether all went well, and what to print."""
    start = time.monotonic()
    venv = ROOT / ".venv-versions" / name
    here = str(venv / "bin" / "python")
    steps = [
        [python, "-m", "venv", "--clear", str(venv)],
        [here, "-m", "pip", "install", "--quiet", "--editable", *packages, *TOOLS],
        [here, "-m", "pytest", "-q", "-x", "-m", "not ray and not slow", "-p", "no:cacheprovider"],
    ]
    steps[-1] += TESTS
    printed = ""
    for step in steps:
        left = MINUTES * 60 - (time.monotonic() - start)
        try:
            done = subprocess.run(
                step,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=left,
            )
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
            said = said.decode(errors="replace") if isinstance(said, bytes) else said
            return False, f"{said[-4000:]}\nstopped after {MINUTES} minutes: {' '.join(step)}"
        printed = done.stdout
        if done.returncode:
            return False, printed[-8000:]
    frozen = output(here, "-m", "pip", "list", "--format=freeze").split()
    used = [p for p in frozen if p.lower().startswith((*(f"{n}==" for n in OLDEST), "pygls=="))]
    seconds = time.monotonic() - start
    return True, f"{' '.join(used)}: {printed.splitlines()[-1]} ({seconds:.0f} s in all)"


def main() -> int:
    """Run the rows and print a line for each."""
    chosen = {name: row for name, row in rows().items() if not sys.argv[1:] or name in sys.argv[1:]}
    found = {version: find(version) for version in {version for version, _ in chosen.values()}}
    for version in sorted(v for v, python in found.items() if python is None):
        print(f"Python {version}: not on this machine, left out")
    here = {n: (p, packages) for n, (v, packages) in chosen.items() if (p := found[v])}
    failed = not here
    with ThreadPoolExecutor(2) as pool:
        waiting = {name: pool.submit(run, name, *row) for name, row in here.items()}
        for name, result in waiting.items():
            well, text = result.result()
            failed |= not well
            print(f"{name}: {'' if well else 'FAILED'}{text}", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
