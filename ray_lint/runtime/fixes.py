"""The fixes of some files as one change, and where the fixed sites stand before and after it.

The fix of one file may change another one: a function of another module gets its batch function
there. So a later file is fixed as the earlier ones have left it, and places are told in terms of
the user's files and of the final ones.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from ray_lint.core import AppliedFix, FixResult
from ray_lint.errors import SourceError
from ray_lint.finding import Finding
from ray_lint.runtime.inputs import Inputs
from ray_lint.runtime.measure import Site
from ray_lint.sources.files import read

Place = tuple[str, int, int]
"""Code, line from 1 and column from 1 of a finding."""


@dataclass(frozen=True)
class _Done:
    """A fix, with the file as it found and as it left it."""

    file: Path
    fix: AppliedFix
    before: bytes
    after: bytes


class Fixes:
    """Files as their fixes leave them; nothing is written.

    ``files`` are those that fixes may change, by the names that the user has given them.
    """

    def __init__(self, inputs: Inputs, files: Sequence[Path]) -> None:
        self.inputs = inputs
        self.names = {os.path.abspath(file): file for file in files}  # noqa: PTH100 - keeps links
        self.original: dict[Path, bytes] = {}
        """The changed files as they are."""
        self.fixed: dict[Path, bytes] = {}
        """The changed files as they will be, each after those that its new content needs."""
        self._done: list[_Done] = []

    def content(self, file: Path) -> bytes:
        """Return what a file holds by now. Raises SourceError."""
        return self.fixed[file] if file in self.fixed else read(str(file))

    def fix(
        self,
        file: Path,
        *,
        batch_size: int | None = None,
        chosen: Callable[[Finding], bool] | None = None,
    ) -> FixResult:
        """Fix a file, and change others as that needs. Raises SourceError."""
        before = self.content(file)
        result = self.inputs.fix(
            file,
            before,
            batch_size=batch_size,
            chosen=chosen,
            editable=frozenset(self.names),
            replaced={str(name): content for name, content in self.fixed.items()},
        )
        for other in result.others:
            self._note(self.names[other.filename], other.before, other.after)
            self.fixed.pop(file, None)  # it goes behind what it needs
        if result.applied:
            self._note(file, before, result.source)
            self._done += [_Done(file, one, before, result.source) for one in result.applied]
        return result

    def _note(self, file: Path, before: bytes, after: bytes) -> None:
        self.original.setdefault(file, before)
        self.fixed[file] = after

    @property
    def sites(self) -> list[Site]:
        """The fixed sites, in the order of the fixes."""
        return [self._site(one) for one in self._done]

    def _site(self, one: _Done) -> Site:
        finding = one.fix.finding
        back = _lines(one.before, self.original[one.file])
        on = _lines(one.after, self.fixed[one.file])
        first = back(finding.start.line) or finding.start.line
        return Site(
            file=one.file,
            line=first,
            column=finding.start.column + 1,
            code=finding.code,
            symbol=finding.symbol,
            before=((first, first + finding.end.line - finding.start.line),),
            after=tuple(
                stretch
                for part in one.fix.lines
                for stretch in _stretches(filter(None, map(on, part)))
            ),
        )


def place_of(finding: Finding) -> Place:
    """Return where a finding stands."""
    return finding.code, finding.start.line, finding.start.column + 1


def fix_with_sizes(fixes: Fixes, wanted: Mapping[tuple[Path, Place], int | None]) -> None:
    """Apply the fixes at the wanted places of the user's files, each with its batch size.

    Raises SourceError if one of them is not there.
    """
    places = {key: key[1] for key in wanted}  # where each wanted finding stands by now
    for size in sorted(set(wanted.values()), key=lambda size: size or 0):
        for file in dict.fromkeys(file for file, _ in wanted):
            now = {
                places[key]: key for key, one in wanted.items() if key[0] == file and one == size
            }
            if not now:
                continue
            before = {other: fixes.content(other) for other in (file, *fixes.names.values())}

            def chosen(finding: Finding, now: Mapping[Place, object] = now) -> bool:
                return place_of(finding) in now

            result = fixes.fix(file, batch_size=size, chosen=chosen)
            done = {place_of(one.finding) for one in result.applied}
            if done != set(now):
                raise SourceError(str(file), "changed since it was measured; nothing was written")
            for key in now.values():
                del places[key]
            for other in {key[0] for key in places}:
                if fixes.content(other) == before[other]:
                    continue
                gone = done if other == file else set()
                old = _findings(fixes.inputs, other, before[other])
                left = _findings(fixes.inputs, other, fixes.content(other))
                moved = _moved([place for place in old if place not in gone], left)
                places.update(
                    {key: moved.get(now, now) for key, now in places.items() if key[0] == other}
                )


def _findings(inputs: Inputs, file: Path, source: bytes) -> list[Place]:
    return [place_of(one) for one in inputs.findings(file, source)]


def _moved(old: Sequence[Place], new: Sequence[Place]) -> dict[Place, Place]:
    """Return where findings stand after a change elsewhere: they keep their order, by code."""
    by_code: dict[str, list[Place]] = {}
    for place in new:
        by_code.setdefault(place[0], []).append(place)
    seen: Counter[str] = Counter()
    moved = {}
    for place in old:
        code = place[0]
        if seen[code] < len(by_code.get(code, ())):
            moved[place] = by_code[code][seen[code]]
        seen[code] += 1
    return moved


def _lines(old: bytes, new: bytes) -> Callable[[int], int | None]:
    """Return the function from a line of ``old`` (from 1) to the same line of ``new``, if any."""
    if old == new:
        return lambda line: line
    matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    known = {
        block.a + offset + 1: block.b + offset + 1
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }
    return known.get


def _stretches(lines: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending lines as inclusive ranges."""
    found: list[tuple[int, int]] = []
    for line in lines:
        if found and found[-1][1] + 1 == line:
            found[-1] = found[-1][0], line
        else:
            found.append((line, line))
    return found
