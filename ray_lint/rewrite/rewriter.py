"""From the facts of a site to its fix."""

from __future__ import annotations

from ray_lint.config import Config
from ray_lint.finding import Fix
from ray_lint.program.facts import Site
from ray_lint.program.module import Module
from ray_lint.program.project import Project


class Rewriter:
    """Builds the fixes of one module."""

    def __init__(self, project: Project, module: Module, config: Config) -> None:
        self.project, self.module, self.config = project, module, config

    def fix(self, site: Site) -> Fix | None:
        """Return the fix of a site."""
        return None
