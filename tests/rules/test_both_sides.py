"""Every form that the program model knows has fixtures on both sides: flagged, and left in peace.

The table names the forms by what they look like. A form is covered by a site if it stands in the
smallest function or top-level statement around the submission, or in what that statement reads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.rules.test_rule_fixtures import FILES, expectations

FORMS = {
    # what is called
    "a decorator with arguments": r"@ray\.remote\(",
    "ray.remote(f)": r"= ray\.remote\(\w",
    "an alias": r"^\s*\w+ = \w+\.remote$",
    "functools.partial": r"partial\(",
    ".options()": r"\.options\(",
    "an attribute of self": r"self\.\w+\.\w+\.remote\(",
    "a pool": r"\w+\[[^\]]*\]\.\w+\.remote\(",
    ".bind": r"\.(bind|remote)\(i\) for i in range\(10_000\)",
    "another file": r"^(from|import) (?!ray|numpy|pandas|time|random|itertools|math)\w+",
    # how many
    "range": r"\brange\(",
    "len": r"\blen\(",
    "repetition": r"\] \* ",
    "a numpy constructor": r"(np|numpy)\.(arange|zeros|ones|linspace|random\.\w+)\(",
    "enumerate": r"\benumerate\(",
    "zip": r"\bzip\(",
    "tqdm": r"\btqdm\(",
    "sorted or reversed": r"\b(sorted|reversed)\(",
    "map": r"\bmap\(",
    "filter": r"\bfilter\(| if .* for | for .* in .* if ",
    "product": r"\bproduct\(",
    "repeat": r"\brepeat\(",
    "chain": r"\bchain\(",
    "islice": r"\bislice\(",
    "an append loop": r"\.append\(",
    "nested loops": r"for .*[\s\S]*\bfor ",
    "while": r"\bwhile \w",
    "while True": r"\bwhile True",
    "branches": r"\bif .*:\n",
    "a parameter": r"def \w+\(\w",
    "an option of the command line": r"add_argument|argv",
    "data": r"iterrows|read_csv|open\(",
    "chunks of a library": r"\b(chunked|batched|array_split|iter_batches)\(",
    # how long
    "a helper": r"return \w+\(\w+\)",
    "a loop in the body": r"def [\s\S]*for ",
    "sleep": r"\bsleep\(",
    "standard library": r"\b(math|json|re|random|hashlib)\.",
    "numpy": r"\bnp\.",
    "resources": r"resources=|num_gpus=|num_cpus=",
    # where the references go
    "ray.get around all": r"ray\.get\(\[",
    "ray.get in the loop": r"= ray\.get\(\w+\.|\(ray\.get\(\w+\.",
    "ray.wait": r"ray\.wait\(",
    "await": r"\bawait ",
    "into other submissions": r"\.remote\([^)]*\.remote\(|\.remote\(\*?ref",
    # what the loop does besides
    "messages now and then": r"% ",
    "break or continue": r"\b(break|continue)\b",
    "a value of the run before": r"(\w+) = [\w.()]*\.remote\(.*\b\1\b",
}


def sites() -> Iterator[tuple[bool, str]]:
    """Yield whether a site is flagged, and the code that it stands in and reads."""
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        tree = ast.parse(source)
        named: dict[str, list[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                text = "\n".join(lines[first - 1 : node.end_lineno])
                named.setdefault(node.name, []).append(text)
            elif isinstance(node, ast.Assign | ast.Import | ast.ImportFrom):
                names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
                names += [(a.asname or a.name) for a in getattr(node, "names", [])]
                text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                for name in names:
                    named.setdefault(name, []).append(text)
        expected, silent = expectations(source)
        for line in (*expected, *silent):
            around = [
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.stmt)
                and node.lineno <= line <= (node.end_lineno or 0)
                and (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node in tree.body)
            ]
            inner = max(around, key=lambda node: node.lineno)
            own = "\n".join(lines[inner.lineno - 1 : inner.end_lineno])
            read = [text for word in set(re.findall(r"\w+", own)) for text in named.get(word, [])]
            yield line in expected, "\n".join([own, *read])


SITES = list(sites())


@pytest.mark.parametrize("form", FORMS)
def test_form_is_flagged_and_left_in_peace(form: str) -> None:
    sides = [flagged for flagged, code in SITES if re.search(FORMS[form], code, re.MULTILINE)]
    assert True in sides, "no fixture where it is a finding"
    assert False in sides, "no near miss"
