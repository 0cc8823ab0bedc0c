"""``ray-lint rules`` and ``ray-lint explain``: what the rules say about themselves."""

from __future__ import annotations

import inspect

from ray_lint.cli.options import Parser, did_you_mean
from ray_lint.errors import UsageError
from ray_lint.rules import Rule, all_rules


def run(command: str, arguments: list[str]) -> int:
    """Print the list of rules or the page of one and return the exit code."""
    parser = Parser(prog=f"ray-lint {command}")
    if command == "rules":
        parser.description = "List the codes and names of all rules."
        parser.parse_args(arguments)
        width = max(len(rule.name) for rule in all_rules())
        for rule in all_rules():
            print(f"{rule.code}  {rule.name:{width}}  {summary(rule)}")
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


def page(rule: Rule) -> str:
    """Return the page of a rule as Markdown."""
    return f"# {rule.code}: {rule.name}\n\n{inspect.getdoc(type(rule))}\n"
