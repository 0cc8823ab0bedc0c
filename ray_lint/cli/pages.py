"""``ray-lint rules`` and ``ray-lint explain``: what the rules say about themselves."""

from __future__ import annotations

import inspect

from ray_lint.cli.options import Parser, did_you_mean
from ray_lint.errors import UsageError
from ray_lint.finding import Applicability
from ray_lint.rules import Rule, all_rules


def run(command: str, arguments: list[str]) -> int:
    """Print the list of rules or the page of one and return the exit code."""
    parser = Parser(prog=f"ray-lint {command}")
    if command == "rules":
        parser.description = "List code and name of all rules, and how safe their fixes are."
        parser.parse_args(arguments)
        rows = [(rule.code, rule.name, fix_mark(rule), summary(rule)) for rule in all_rules()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return 0
    parser.description = "Print the page of a rule."
    parser.add_argument("rule", metavar="CODE", help="code or name, such as RAY101")
    wanted = parser.parse_args(arguments).rule
    rules = {key: rule for rule in all_rules() for key in (rule.code, rule.name)}
    chosen = rules.get(wanted.upper()) or rules.get(wanted.lower())
    if chosen is None:
        raise UsageError(f"unknown rule {wanted}{did_you_mean(wanted, list(rules))}")
    print(page(chosen), end="")
    return 0


def summary(rule: Rule) -> str:
    """Return the first line of the docstring."""
    return (inspect.getdoc(type(rule)) or "").partition("\n")[0]


def fix_mark(rule: Rule) -> str:
    """Return how safe the fixes of a rule can be; ``advice`` is none at all."""
    words = {Applicability.SAFE: "safe", Applicability.UNSAFE: "unsafe"}
    return "/".join(words.get(fix, "advice") for fix in rule.fixes)


def page(rule: Rule) -> str:
    """Return the page of a rule as Markdown."""
    first, _, rest = (inspect.getdoc(type(rule)) or "").partition("\n")
    levels = fix_mark(rule).split("/")
    by_case = f"By case, its fix is {', '.join(levels[:-1])} or {levels[-1]} only."
    fix = by_case if len(levels) > 1 else f"Its fix is always {levels[0]}."
    return f"# {rule.code}: {rule.name}\n\n{first} {fix}\n{rest}\n"
