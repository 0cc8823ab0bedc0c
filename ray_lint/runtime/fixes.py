"""The fixes of several files, some of which change other files, too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from pathlib import Path

from ray_lint.core import AppliedFix, FixResult
from ray_lint.runtime.inputs import Inputs
from ray_lint.sources.files import read


@dataclass
class Fixes:
    """Files before and after, and what was fixed where; by path, as the user gave it.

    ``beside`` names the other files that have to be fixed with a file; ``results`` has what came
    of every file that was looked at.
    """

    original: dict[Path, bytes] = field(default_factory=dict)
    fixed: dict[Path, bytes] = field(default_factory=dict)
    applied: dict[Path, tuple[AppliedFix, ...]] = field(default_factory=dict)
    beside: dict[Path, list[Path]] = field(default_factory=dict)
    results: dict[Path, FixResult] = field(default_factory=dict)

    def around(self, files: Sequence[Path]) -> list[Path]:
        """Return the files and those that have to be fixed with them."""
        others = (other for file in files for other in self.beside.get(file, ()))
        return list(dict.fromkeys((*files, *others)))

    def _add(self, file: Path, source: bytes, result: FixResult, names: dict[str, Path]) -> None:
        self.results[file] = result
        if not result.applied:
            return
        self.original[file], self.fixed[file] = source, result.source
        self.applied[file] = result.applied
        for changed in result.others:
            other = names.get(changed.filename, Path(changed.filename))
            self.original.setdefault(other, changed.before)
            self.fixed[other] = changed.after
            self.applied[other] = _moved(self.applied.get(other, ()), changed.before, changed.after)


def fix_files(inputs: Inputs, files: Sequence[Path], batch_size: int | None = None) -> Fixes:
    """Fix files together: those whose fixes change others come last and see what came before.

    Raises SourceError for a file that cannot be read or parsed.
    """
    names = {os.path.abspath(file): file for file in files}  # noqa: PTH100 - links stay
    fixes = Fixes()
    later: list[tuple[Path, bytes]] = []
    for file in files:
        source = read(str(file))
        result = inputs.fix(file, source, batch_size=batch_size)
        if result.others:
            later.append((file, source))
        else:
            fixes._add(file, source, result, names)
    for file, source in later:
        pending = {str(path): content for path, content in fixes.fixed.items()}
        now = fixes.fixed.get(file, source)
        result = inputs.fix(file, now, batch_size=batch_size, pending=pending)
        fixes._add(file, fixes.original.get(file, source), result, names)
        # It may call what an earlier fix has added to another file.
        fixes.beside[file] = [path for path in fixes.fixed if path != file]
    return fixes


def _moved(applied: tuple[AppliedFix, ...], before: bytes, after: bytes) -> tuple[AppliedFix, ...]:
    """Return fixes with their lines where they stand after another change of their file."""
    if not applied:
        return applied
    old, new = before.splitlines(), after.splitlines()
    place: dict[int, int] = {}
    for a, b, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        place.update((a + i + 1, b + i + 1) for i in range(size))
    return tuple(
        replace(one, lines=tuple(_shifted(lines, place) for lines in one.lines)) for one in applied
    )


def _shifted(lines: range, place: dict[int, int]) -> range:
    known = [place[line] for line in lines if line in place]
    return range(min(known), max(known) + 1) if known else range(0)
