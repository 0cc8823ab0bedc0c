"""What does knowing the other files cost? Whole-project analysis against file by file.

``python -m benchmarks.project [FOLDER] [--limit RATIO]`` checks every Python file of a folder
(default: the installed Ray) twice, in turns and three times over: each file for itself, without any
look at its imports, and all in one project that follows them. Printed are processor times, their
ratio and the numbers of findings.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

from ray_lint.core import check
from ray_lint.errors import SourceError
from ray_lint.program.project import Project

ROUNDS = 3


def run(files: list[tuple[Path, bytes]], project: Project | None) -> tuple[float, int]:
    """Return the seconds for checking all files, and the number of findings."""
    findings = 0
    start = time.process_time()
    for path, source in files:
        try:
            # A file without a path has no neighbours.
            name = str(path) if project is not None else "<alone>"
            used = project or Project()
            findings += len(check(source, filename=name, project=used, fixes=False))
        except SourceError:
            continue
    return time.process_time() - start, findings


def main() -> int:
    """Print the ratio; exit 1 above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, nargs="?", help="default: the installed Ray")
    parser.add_argument("--limit", type=float, default=0.0, help="exit 1 above this ratio")
    options = parser.parse_args()
    folder = options.folder
    if folder is None:
        spec = importlib.util.find_spec("ray")
        if spec is None or spec.origin is None:
            parser.error("Ray is not installed: name a folder")
        folder = Path(spec.origin).parent
    files = [(path, path.read_bytes()) for path in sorted(folder.rglob("*.py"))]
    alone, together = [], []
    for _ in range(ROUNDS):
        seconds, single = run(files, None)
        alone.append(seconds)
        seconds, whole = run(files, Project())
        together.append(seconds)
    ratio = min(together) / min(alone)
    print(f"files            {len(files):,}")
    print(f"each for itself  {min(alone):.2f} s, {single} findings")
    print(f"as one project   {min(together):.2f} s, {whole} findings")
    print(f"ratio            {ratio:.2f}")
    return int(bool(options.limit) and ratio > options.limit)


if __name__ == "__main__":
    raise SystemExit(main())
