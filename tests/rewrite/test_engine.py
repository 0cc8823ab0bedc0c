"""What every fix must keep, whatever it rewrites; none of this needs Ray."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import pytest

from ray_lint.config import Config
from ray_lint.core import fix
from ray_lint.finding import Applicability, Edit, Finding, Fix, Position
from ray_lint.rewrite.engine import fix_in_rounds

PAIRS = Path(__file__).resolve().parents[2] / "fixtures" / "fixes"
DEFAULT = Config()
TASK = """import ray


@ray.remote
def square(x):
    y = x * x  # the work
    return y


"""
SITE = "print(ray.get([square.remote(x) for x in range(1000)]))\n"
PROGRAM = TASK + SITE


def fixed(text: str, config: Config = DEFAULT) -> str:
    """Return the fixed text; the fix must have been stable and must be so the second time."""
    result = fix(text.encode(), config)
    assert not result.error
    assert fix(result.source, config).source == result.source
    ast.parse(result.source)
    return result.source.decode()


@pytest.mark.parametrize("path", sorted(PAIRS.glob("*.fixed.py")), ids=lambda p: p.stem)
def test_golden_pairs(path: Path) -> None:
    before = path.with_name(path.name.replace(".fixed.py", ".py")).read_text("utf-8")
    after = fixed(before)
    assert after == path.read_text("utf-8")
    assert max(map(len, after.splitlines())) <= 100


def test_every_golden_source_has_its_fixed_form() -> None:
    sources = {p.name for p in PAIRS.glob("*.py") if not p.name.endswith(".fixed.py")}
    assert sources == {p.name.replace(".fixed.py", ".py") for p in PAIRS.glob("*.fixed.py")}
    assert len(sources) >= 12


def test_crlf_is_kept() -> None:
    result = fix(PROGRAM.replace("\n", "\r\n").encode()).source
    assert result.decode() == fixed(PROGRAM).replace("\n", "\r\n")


def test_byte_order_mark_is_kept() -> None:
    result = fix(b"\xef\xbb\xbf" + PROGRAM.encode()).source
    assert result == b"\xef\xbb\xbf" + fixed(PROGRAM).encode()


def test_encoding_cookie_is_obeyed() -> None:
    text = "# -*- coding: latin-1 -*-\n# Grüße\n" + PROGRAM
    result = fix(text.encode("latin-1"))
    assert result.applied
    assert "# Grüße".encode("latin-1") in result.source
    assert result.source.decode("latin-1").startswith("# -*- coding: latin-1 -*-\n# Grüße\n")


def test_missing_final_newline_stays_missing() -> None:
    assert fixed(PROGRAM.rstrip("\n")) == fixed(PROGRAM).rstrip("\n")


def test_tabs_are_used_where_the_file_uses_them() -> None:
    result = fixed(PROGRAM.replace("    ", "\t"))
    assert "square_batch" in result
    assert not [line for line in result.splitlines() if line.startswith("  ")]


def test_other_lines_are_untouched() -> None:
    odd = "x  =  {  'a' :1 }   \n\n\n\n\ny=( 1,\n   2 )\n"
    before, after = TASK + odd + SITE, fixed(TASK + odd + SITE)
    assert odd in after
    removed = [
        line[2:]
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line.startswith("- ")
    ]
    assert set(removed) <= {"@ray.remote", SITE.rstrip()}


def test_suppressed_finding_is_not_fixed() -> None:
    text = TASK + SITE.rstrip() + "  # noqa: RAY101\n"
    assert fix(text.encode()).source == text.encode()
    assert "square_batch" in fixed(text + SITE)
    assert SITE.rstrip() + "  # noqa: RAY101\n" in fixed(text + SITE)


def test_chosen_decides() -> None:
    text = (PROGRAM + SITE).encode()
    last = text.decode().count("\n")
    assert fix(text, chosen=lambda finding: False).source == text
    result = fix(text, chosen=lambda finding: finding.start.line == last)
    assert [a.finding.start.line for a in result.applied] == [last]
    assert SITE in result.source.decode()
    assert result.source.decode().count("square_batch.remote") == 1
    assert len(result.left) == 1


def test_applied_lines_show_the_new_code() -> None:
    result = fix(PROGRAM.encode())
    lines = result.source.decode().splitlines()
    (applied,) = result.applied
    written = "\n".join(lines[n - 1] for span in applied.lines for n in span)
    assert "square_batch.remote" in written
    assert "def split_into_batches" in written
    assert applied.finding.start.line == PROGRAM.count("\n")


@pytest.mark.parametrize("config", [Config(batch_size=64), Config(batch_size=1)])
def test_constant_batch_size(config: Config) -> None:
    result = fixed(PROGRAM, config)
    assert str(config.batch_size) in result
    assert "cluster_resources" not in result


def test_several_fixes_share_function_and_helper() -> None:
    result = fixed(PROGRAM + SITE)
    assert result.count("def square_batch") == 1
    assert result.count("def split_into_batches") == 1
    assert result.count("square_batch.remote") == 2


def test_other_argument_patterns_have_functions_of_their_own() -> None:
    text = PROGRAM.replace("def square(x)", "def square(x, k=2)")
    result = fixed(text + SITE.replace("(x)", "(x, k=x)"))
    assert len(fix(text.encode()).applied) == 1
    definitions = [n.name for n in ast.walk(ast.parse(result)) if isinstance(n, ast.FunctionDef)]
    assert len(definitions) == len(set(definitions))
    assert len([name for name in definitions if name.startswith("square")]) >= 2


def test_a_helper_for_items_of_another_length_is_used_too() -> None:
    uneven = (PAIRS / "uneven_cost.py").read_text("utf-8").partition("ray.init()\n")[2]
    both = fixed(PROGRAM + uneven)
    assert "the largest first" in both, "not all of the items are known to be short"
    later = fixed(fixed(PROGRAM) + uneven)
    assert "an equal one for each CPU" in later
    for text in (both, later):
        assert text.count("def split_into_batches") == 1
        assert "split_into_batches_2" not in text


def test_a_later_round_uses_the_helper_that_is_there() -> None:
    first = fixed(PROGRAM)
    more = TASK.replace("square", "cube").replace("import ray\n", "") + SITE.replace(
        "square", "cube"
    )
    result = fixed(first + "\n\n" + more.lstrip("\n"))
    assert "cube_batch" in result
    assert result.count("def split_into_batches") == 1


@pytest.mark.parametrize("name", ["square_batch", "split_into_batches"])
def test_names_that_are_taken(name: str) -> None:
    before = TASK + f"{name} = 'mine'\n" + SITE + f"print({name})\n"
    after = fixed(before)
    assert after != before
    stores = [
        n
        for n in ast.walk(ast.parse(after))
        if (isinstance(n, ast.FunctionDef) and n.name == name)
        or (isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id == name)
    ]
    assert len(stores) == 1


def test_a_per_item_function_that_is_still_used_stays() -> None:
    result = fixed(PROGRAM + "print(ray.get(square.remote(3)))\n")
    assert "square.remote(3)" in result
    assert "@ray.remote\ndef square(" in result or "square = ray.remote(" in result


def test_unsafe_fix_needs_permission() -> None:
    text = (
        PROGRAM.replace("y = x * x", "y = x * len(SEEN)")
        .replace("@ray.remote", "SEEN = []\n\n\n@ray.remote")
        .replace("return y", "SEEN.append(y)\n    return y")
    )
    result = fix(text.encode())
    assert result.source == text.encode()
    (finding,) = result.left
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert finding.fix.reason
    assert "square_batch" in fixed(text, Config(unsafe_fixes=True))


def finding(start: int, *edits: Edit) -> Finding:
    """Return a finding at an offset in the first line, with a fix of these edits."""
    return Finding(
        "RAY101",
        "made-up",
        "m",
        Position(1, start),
        Position(1, start + 1),
        "f",
        (),
        Fix("t", Applicability.SAFE, edits, ""),
    )


def rounds(content: str, look: object) -> tuple[str, str, int]:
    outcome = fix_in_rounds(content, look, lambda f: True, max_rounds=10)  # type: ignore[arg-type]
    return outcome.content, outcome.error, len(outcome.applied)


def test_overlapping_fix_waits_for_the_next_round() -> None:
    seen: list[str] = []

    def look(text: str) -> list[Finding]:
        seen.append(text)
        return [
            finding(at, Edit(0, 1, "xy"[text[0] == "x"]), Edit(at, at + 3, "1.0"))
            for name in ("one", "two")
            if (at := text.find(name)) >= 0
        ]

    content, error, _ = rounds("x = one, two\n", look)
    assert (content, error) == ("x = 1.0, 1.0\n", "")
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("replacement", "why"),
    [
        ("x = (\n", "parse"),
        ("x = [1 for _ in (y := [1])]  # c\n", "compile"),
        ("x = 1\n", "lose the comment"),
        ("a = b = 1  # c\n", "finding"),
    ],
)
def test_a_broken_round_is_taken_back(replacement: str, why: str) -> None:
    before = "x = one  # c\n"

    def look(text: str) -> list[Finding]:
        if text == before:
            return [finding(4, Edit(0, len(text), replacement))]
        return [finding(0)]

    content, error, applied = rounds(before, look)
    assert (content, applied) == (before, 0)
    assert why in error


def test_what_needed_others_like_it_is_fixed_behind_them() -> None:
    def look(text: str, *, closer: bool = False) -> list[Finding]:
        both = text.count("small") > 1
        return [
            finding(at, Edit(0, 1, "x"), Edit(at, at + 5, "1"))
            for at in (text.find("small"), text.rfind("small"))
            if at >= 0 and (both or closer)
        ]

    assert rounds("x = small, small\n", look) == ("x = 1, 1\n", "", 2)
    assert rounds("x = small\n", look) == ("x = small\n", "", 0)


def test_a_fix_that_never_ends_is_taken_back() -> None:
    def look(text: str) -> list[Finding]:
        return [finding(4, Edit(0, 0, "x = 1\n"))]

    content, error, applied = rounds("y = one\n", look)
    assert (content, applied) == ("y = one\n", 0)
    assert error


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_items_that_take_several_lines_stay_as_they_are(newline: str) -> None:
    site = """
NAMES = list(range(1000))
references_of_the_names = []
for the_name_of_an_item in NAMES:
    references_of_the_names.append(square.remote((the_name_of_an_item, len(NAMES
    ))))
ray.wait(references_of_the_names)
"""
    config = Config(unsafe_fixes=True, strict=True, min_items=1)
    after = fixed((TASK + site).replace("\n", newline), config)
    assert "for the_name_of_an_item in NAMES]" in after
    assert f"len(NAMES{newline}" in after
