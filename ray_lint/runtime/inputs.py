"""What ``verify`` is to work on: files, their settings and their fixes, as the linter has them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ray_lint.config import Config
from ray_lint.core import FixResult, check, fix
from ray_lint.errors import SourceError, UsageError
from ray_lint.finding import Finding
from ray_lint.program.project import Project
from ray_lint.settings import SettingsFinder
from ray_lint.sources.discovery import find_sources
from ray_lint.sources.files import read
from ray_lint.sources.gate import worth_parsing


@dataclass(frozen=True)
class Inputs:
    """Where settings come from; ``chosen`` (see ``Settings.config``) wins over them.

    ``tiny`` are functions taken for tiny, as in ``known-tiny``, beside those of the settings.
    """

    finder: SettingsFinder = field(default_factory=SettingsFinder)
    chosen: Mapping[str, Any] = field(default_factory=dict)
    tiny: tuple[str, ...] = ()

    def config(self, file: Path) -> Config:
        """Return what holds for a file."""
        config = self.finder.for_file(str(file)).config(str(file), self.chosen)
        heavy = tuple(name for name in config.known_heavy if name not in self.tiny)
        return replace(config, known_tiny=(*self.tiny, *config.known_tiny), known_heavy=heavy)

    def files(self, paths: Sequence[Path | str]) -> list[Path]:
        """Return the Python files to fix: given ones, and those below given folders.

        Raises UsageError for a path that is missing or a notebook.
        """
        given = [str(path) for path in paths]
        return [
            Path(name) for name in self._names(given) if name in given or worth_parsing(read(name))
        ]

    def editable(self, paths: Sequence[Path | str]) -> list[Path]:
        """Return the files that the fix of one of them may change: all Python files of ``paths``.

        Raises UsageError as ``files`` does.
        """
        return [Path(name) for name in self._names([str(path) for path in paths])]

    def _names(self, given: list[str]) -> Iterator[str]:
        def fail(error: SourceError) -> None:
            raise UsageError(str(error))

        def excluded(path: str, directory: bool) -> bool:
            return self.finder.for_file(path).excludes(path, directory)

        gitignore = True
        if given:
            first = self.finder.for_file(given[0])
            gitignore = bool(first.get("respect-gitignore"))
        for name in find_sources(given, fail, excluded, gitignore=gitignore):
            if not name.endswith(".ipynb"):
                yield name
            elif name in given:
                raise UsageError(f"{name}: a notebook cannot be run; give a Python file")

    def findings(self, file: Path, source: bytes) -> list[Finding]:
        """Return the findings of a file in source order. Raises SourceError."""
        config = self.config(file)
        return check(source, config, filename=str(file), fixes=False)

    def fix(
        self,
        file: Path,
        source: bytes,
        *,
        batch_size: int | None = None,
        chosen: Callable[[Finding], bool] | None = None,
        editable: Container[str] = frozenset(),
        replaced: Mapping[str, bytes] | None = None,
    ) -> FixResult:
        """Return the fixed file; ``batch_size`` wins over the settings. Raises SourceError.

        ``editable`` are the absolute names of the files that the fix may change as well;
        ``replaced`` has the contents of files that are not what is on the disk.
        """
        config = self.config(file)
        if batch_size is not None:
            config = replace(config, batch_size=batch_size)
        project = Project(config.source_roots, editable)
        for name, content in (replaced or {}).items():
            project.replace(name, content)
        return fix(source, config, filename=str(file), project=project, chosen=chosen)
