"""The flake8 plugin. Imports nothing of flake8: the interface is a class and its attributes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ray_lint import __version__

if TYPE_CHECKING:
    import argparse

    from ray_lint.config import Config
    from ray_lint.program.project import Project


class Plugin:
    """Reports the RAY codes inside flake8, which applies ``# noqa``, select and ignore itself."""

    name = "ray-lint"
    version = __version__
    config: Config | None = None
    """What flake8's own options say, set once for the whole run; None: the defaults."""
    profile = ""
    """The file of a profile, if one is to be used."""

    _project: Project | None = None
    """What the files of the run know of one another: reading imported files anew for each linted
    one was most of the plugin's time."""

    def __init__(self, tree: ast.Module, lines: list[str], filename: str) -> None:
        self.tree = tree
        self.lines = lines
        self.filename = filename

    @classmethod
    def add_options(cls, manager: Any) -> None:
        """Register the options; flake8 reads them from its configuration files as well."""
        from ray_lint.option_values import count, seconds

        manager.add_option(
            "--ray-min-items",
            type=count,
            default=200,
            metavar="N",
            parse_from_config=True,
            help="fewer Ray submissions in a loop are not reported (default: 200)",
        )
        manager.add_option(
            "--ray-task-threshold",
            type=seconds,
            default=0.010,
            metavar="SECONDS",
            parse_from_config=True,
            help="Ray tasks that are known to take longer are not reported (default: 0.01)",
        )
        manager.add_option(
            "--ray-strict",
            action="store_true",
            default=False,
            parse_from_config=True,
            help="also report Ray submissions of unknown number and cost",
        )
        manager.add_option(
            "--ray-profile",
            default="",
            parse_from_config=True,
            normalize_paths=True,
            metavar="FILE",
            help="judge what ray-lint profile measured by its FILE",
        )
        manager.add_option(
            "--ray-source-roots",
            default="",
            comma_separated_list=True,
            parse_from_config=True,
            normalize_paths=True,
            metavar="FOLDERS",
            help="folders that hold top-level packages",
        )
        for which, effect in (("heavy", "long"), ("tiny", "no time")):
            manager.add_option(
                f"--ray-known-{which}",
                default="",
                comma_separated_list=True,
                parse_from_config=True,
                metavar="NAMES",
                help=f"functions that are known to take {effect}, as dotted names",
            )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Take over what flake8 has read."""
        from ray_lint.config import Config

        cls._project = None
        cls.profile = options.ray_profile
        if cls.profile:
            from ray_lint.errors import UsageError
            from ray_lint.sources.profile import load

            try:
                load(cls.profile)
            except UsageError as error:  # flake8 shows any other exception as a crash
                print(f"ray-lint: {error}", file=sys.stderr)
                raise SystemExit(2) from None  # as for a wrong option of its own
        cls.config = Config(
            min_items=options.ray_min_items,
            task_threshold=options.ray_task_threshold,
            strict=options.ray_strict,
            known_heavy=tuple(options.ray_known_heavy),
            known_tiny=tuple(options.ray_known_tiny),
            source_roots=tuple(options.ray_source_roots),
        )

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield line (from 1), column (from 0; flake8 adds 1), text and this class."""
        from ray_lint.sources.gate import encode_utf8, worth_parsing

        data = encode_utf8("".join(self.lines))
        if not worth_parsing(data):
            return
        from ray_lint.config import Config
        from ray_lint.core import check
        from ray_lint.errors import SourceError

        config = type(self).config or Config()
        if type(self).profile:
            from dataclasses import replace

            from ray_lint.sources.profile import load

            config = replace(config, measured=load(type(self).profile).of(self.filename))
        if type(self)._project is None:
            from ray_lint.program.project import Project

            type(self)._project = Project(config.source_roots)
        try:
            findings = check(
                data,
                config,
                filename=self.filename,
                tree=self.tree,
                project=type(self)._project,
                fixes=False,
                noqa=False,
            )
        except SourceError:
            return  # flake8 reports what it cannot read by codes of its own
        for finding in findings:
            text = f"{finding.code} {finding.message}"
            yield finding.start.line, finding.start.column, text, type(self)
