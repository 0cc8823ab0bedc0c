"""RAY900: a suppression comment without effect."""

from __future__ import annotations

from typing import ClassVar

from ray_lint.config import Config
from ray_lint.finding import Applicability
from ray_lint.program.facts import Site


class UnusedSuppression:
    """A `# noqa` comment that names a RAY code and suppresses nothing.

    ## What it does
    Reports codes of ray-lint in `# noqa: …` comments on lines where that code does not occur.
    Blanket comments (`# noqa`) and the codes of other linters are never reported.

    ## Why it is bad
    A leftover comment says that something is wrong where nothing is, and hides the next finding.

    ## Example
    ```python
    total = sum(values)  # noqa: RAY101
    ```

    ## Use instead
    ```python
    total = sum(values)
    ```

    ## Fix safety
    The fix removes the code, and the comment if no other code is left in it. It is always safe:
    comments have no effect on the program.

    ## When it is right to ignore it
    If a line is only reported under other settings than the current ones.

    ## References
    - [flake8: in-line ignoring of errors](https://flake8.pycqa.org/en/stable/user/violations.html)
    """

    code: ClassVar[str] = "RAY900"
    name: ClassVar[str] = "unused-suppression"
    fixes: ClassVar[tuple[Applicability, ...]] = (Applicability.SAFE,)

    def message(self, site: Site, config: Config) -> str | None:
        """Return None: the comments of a file are judged, not its submissions."""
        return None


RULE = UnusedSuppression
