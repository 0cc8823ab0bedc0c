"""Writes what the documentation repeats from the code: rule pages, settings, schema, help.

``python docs/generate.py`` writes; with ``--check`` it only tells what is stale (exit code 1).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "https://github.com/ray-lint/ray-lint"
"""Where the hooks will be taken from: a placeholder until the first release (getting started)."""
sys.path.insert(0, str(ROOT))

from ray_lint import __version__  # noqa: E402
from ray_lint.cli.options import build  # noqa: E402
from ray_lint.cli.pages import fix_mark, page, summary  # noqa: E402
from ray_lint.rules import all_rules  # noqa: E402
from ray_lint.settings import KEYS, schema  # noqa: E402


def rule_table(link: str) -> str:
    """Return a Markdown table of the rules; ``link`` leads to the folder of their pages."""
    rows = [
        f"| [{rule.code}]({link}{rule.name}.md) | `{rule.name}` | {fix_mark(rule)} "
        f"| {summary(rule)} |"
        for rule in all_rules()
    ]
    return "\n".join(["| code | name | fix | what it finds |", "|---|---|---|---|", *rows])


def settings_table() -> str:
    """Return a Markdown table of the settings."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, key in KEYS.items():
        default = "" if key.default is None else f"`{json.dumps(key.default)}`"
        rows.append(f"| `{name}` | {default} | {key.help} |")
    return "\n".join(rows)


def between(text: str, mark: str, content: str) -> str:
    """Return ``text`` with ``content`` between the comments that name ``mark``."""
    pattern = rf"(<!-- {mark}: [^>]*-->\n).*?(<!-- end of {mark} -->)"
    new, count = re.subn(pattern, lambda m: m[1] + content + "\n" + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"expected one place for {mark!r}, found {count}")
    return new


def hooks(text: str) -> str:
    """Return a page with our repository and version where it shows the hooks of pre-commit."""
    pattern = r"repo: \S+\n( +)rev: \S+(?=\n +hooks:\n +- id: ray-lint)"
    return re.sub(pattern, rf"repo: {REPOSITORY}\n\1rev: v{__version__}", text)


def pages() -> dict[Path, str]:
    """Return the content of every file that is generated, wholly or in part."""
    docs = ROOT / "docs"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    config = (docs / "configuration.md").read_text(encoding="utf-8")
    usage = (docs / "command.md").read_text(encoding="utf-8")
    made = {docs / "rules" / f"{rule.name}.md": page(rule) for rule in all_rules()}
    made[docs / "rules" / "index.md"] = f"# Rules\n\n{rule_table('')}\n"
    made[docs / "ray-lint.schema.json"] = json.dumps(schema(), indent=2) + "\n"
    made[ROOT / "README.md"] = between(hooks(readme), "rules", rule_table("docs/rules/"))
    made[docs / "ci.md"] = hooks((docs / "ci.md").read_text(encoding="utf-8"))
    made[docs / "configuration.md"] = between(config, "settings", settings_table())
    made[docs / "command.md"] = between(usage, "help", f"```text\n{build().format_help()}```")
    return made


def main() -> int:
    """Write or check; return the exit code."""
    made = pages()
    stale = {
        path
        for path, content in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    }
    stale |= set((ROOT / "docs" / "rules").glob("*.md")) - set(made)
    for path in sorted(stale):
        print(f"out of date: {path.relative_to(ROOT)}", file=sys.stderr)
        if "--check" not in sys.argv[1:]:
            if path in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(made[path], encoding="utf-8")
            else:
                path.unlink()
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    raise SystemExit(main())
