"""Notebooks: cells as one module, positions by cell, edits to the byte."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

import pytest

from ray_lint.core import check, fix
from ray_lint.errors import SourceError
from ray_lint.finding import Applicability, Finding, Fix, Position
from ray_lint.sources.magics import replace_magics
from ray_lint.sources.notebook import Notebook


def notebook(*sources: str | list[str], indent: int | None = 1, **options: Any) -> bytes:
    cells = [
        {
            "cell_type": "code",
            "execution_count": 3,
            "id": f"c{i}",
            "metadata": {"tags": ["é", "cells"]},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["f.remote\n"]}],
            "source": source.splitlines(keepends=True) if isinstance(source, str) else source,
        }
        for i, source in enumerate(sources)
    ]
    cells.insert(1, {"cell_type": "markdown", "metadata": {}, "source": ["# `f.remote`\n"]})
    document = {
        "cells": cells,
        "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(document, indent=indent, ensure_ascii=False, **options) + "\n").encode()


def finding(line: int, column: int, end: int) -> Finding:
    return Finding("RAY101", "n", "m", Position(line, column), Position(line, end))


def place_of(book: Notebook, word: str) -> Position:
    text = book.python.decode()
    return book._lines.position(text.index(word))


def test_the_module_parses_and_keeps_every_line_of_the_code_cells() -> None:
    book = Notebook("a.ipynb", notebook("import ray\n%pip install ray\nx = 1", "y = x\n"))
    text = book.python.decode()
    ast.parse(text)
    assert "import ray\n" in text
    assert "y = x" in text
    assert "%pip" not in text
    assert "# `f.remote`" not in text


def test_positions_are_relative_to_the_code_cell() -> None:
    book = Notebook("a.ipynb", notebook("import ray\n", "%%bash\nls", "x = 1\ny = target"))
    start = place_of(book, "target")
    located = book.locate(finding(start.line, start.column, start.column + 6))
    assert (located.cell, located.start) == (3, Position(2, 4))
    assert book.line(located) == "y = target"


def test_lines_in_the_words_of_a_finding_are_those_of_cells() -> None:
    book = Notebook("a.ipynb", notebook("import ray\n\n", "x = 1\ny = target"))
    line = place_of(book, "target").line
    advice = Fix("t", Applicability.UNSAFE, reason=f"line {line} waits for `line {line}`")
    words = (f"decided on line {line}", f"decided on line {line} of b.py", "`f` on 3 lines")
    located = book.locate(replace(finding(line, 4, 10), evidence=words, fix=advice))
    assert located.evidence == ("decided on line 2 of cell 2", *words[1:])
    assert located.fix is not None
    assert located.fix.reason == f"line 2 of cell 2 waits for `line {line}`"


def test_a_line_after_a_statement_magic_keeps_its_columns() -> None:
    book = Notebook("a.ipynb", notebook("%time y = target"))
    start = place_of(book, "target")
    assert book.locate(finding(start.line, start.column, start.column + 6)).start == Position(1, 10)


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_change_touches_only_the_lines_it_means(indent: int | None, ending: str) -> None:
    before = "é = 1\n!echo 'x\nold = 2\nlast = 3" + ending
    data = notebook("import ray", before, "z = 3", indent=indent)
    book = Notebook("a.ipynb", data)
    fixed = book.rebuild(book.python.replace(b"old = 2\n", b"new = 2\nalso = 'q'\n"))
    assert fixed == notebook(
        "import ray",
        before.replace("old = 2\n", "new = 2\nalso = 'q'\n"),
        "z = 3",
        indent=indent,
    )


def test_nothing_changed_is_the_very_file() -> None:
    data = (
        b'{"metadata":{}, "cells":\t[ {"source":"x = 1\\u0041","cell_type":"code"}],"nbformat":4}'
    )
    book = Notebook("a.ipynb", data)
    assert book.rebuild(book.python) == data
    fixed = book.rebuild(book.python.replace(b"x = 1A", b"y = 2\nz = 3"))
    assert fixed == data.replace(b"x = 1\\u0041", b"y = 2\\nz = 3")


def test_a_byte_order_mark_is_kept() -> None:
    mark = b"\xef\xbb\xbf"
    book = Notebook("a.ipynb", mark + notebook("import ray", "old = 2"))
    fixed = book.rebuild(book.python.replace(b"old", b"new"))
    assert fixed == mark + notebook("import ray", "new = 2")


def test_unusual_line_lists_are_kept() -> None:
    data = notebook(["a = 1\nb", " = 2\n", "c = 3"])
    book = Notebook("a.ipynb", data)
    assert "a = 1\nb = 2\nc = 3\n" in book.python.decode()
    assert json.loads(book.rebuild(book.python.replace(b"c = 3", b"c = 4")))["cells"][0][
        "source"
    ] == ["a = 1\n", "b = 2\n", "c = 4"]


@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        ("%time y = f(1)", "y = f(1)", "y = [\n  1]"),
        ("%%time\nx = 1", "", ""),
        ("!ls\nx = 1", "__ray_lint_magic_1_0_", "pass"),
    ],
)
def test_a_change_of_a_magic_is_refused(cell: str, old: str, new: str) -> None:
    book = Notebook("a.ipynb", notebook(cell))
    text = book.python.decode()
    changed = text.replace(old, new) if old else "import x\n" + text
    with pytest.raises(SourceError, match="not written, the file is unchanged"):
        book.rebuild(changed.encode())


def test_a_cell_boundary_may_not_be_crossed() -> None:
    book = Notebook("a.ipynb", notebook("x = 1", "y = 1"))
    text = book.python.decode()
    marker = next(line for line in text.splitlines() if "cell_2" in line)
    with pytest.raises(SourceError, match="would join cell 1"):
        book.rebuild(text.replace(marker, "").encode())


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("%matplotlib inline\nx = 1", "x = 1"),
        ("files = !ls *.py\nx = 1", "x = 1"),
        ("if a:\n    !echo 'it\"s\nelse:\n    b = 1", "b = 1"),
        ("%%time\nx = 1", "x = 1"),
        ("x?\ny = 1", "y = 1"),
        ("?x\ny = 1", "y = 1"),
        ("!ls \\\n  -l 'x\ny = 1", "y = 1"),
        ("s = '''\n%not a magic\n'''\n%magic\n", "%not a magic"),
        ("s = (1\n  % 2)\n!ls", "  % 2)"),
        ("%timeit -n 3 f()\ny = 1", "y = 1"),
        ("a, b = %magic 'x\ny = 1", "y = 1"),
    ],
)
def test_magics_become_python_line_by_line(cell: str, kept: str) -> None:
    python, placeholders = replace_magics(cell, "__m_")
    ast.parse(python)
    assert python.count("\n") == cell.count("\n")
    assert kept in python
    assert placeholders
    back = python
    for placeholder in placeholders:
        assert back.count(placeholder.stand_in) == 1
        back = back.replace(placeholder.stand_in, placeholder.original)
    assert back == cell


TASK = "import ray\n\n\n@ray.remote\ndef double(x):\n    return x * 2"
REFS = "refs = [double.remote(x) for x in range(10_000)]\nout = ray.get(refs)"


def fixed_text(*cells: str) -> str:
    book = Notebook("a.ipynb", notebook(*cells))
    return book.rebuild(fix(book.python).source).decode()


@pytest.mark.parametrize(
    "cell",
    [
        "%timeit -n1 ray.get(refs)",
        "stats = %timeit -o ray.get(refs)",
        "%time for ref in refs: print(ray.get(ref))",
        "%%timeit -n1 rest = list(refs)\nlen(rest)",
        "!echo {len(refs)}",
        "!echo $refs",
        "%store refs",
        "%cd {refs[0]}",
    ],
)
def test_references_that_a_magic_uses_stay_references(cell: str) -> None:
    fixed = fixed_text(TASK, REFS, cell)
    assert "refs = submit_in_batches(double_batch, range(10_000))" in fixed


def test_a_task_that_a_magic_calls_stays() -> None:
    fixed = fixed_text(TASK, REFS, "%timeit -n1 ray.get(double.remote(1))")
    assert "def double(x):" in fixed and "double_batch.remote(batch)" in fixed


@pytest.mark.parametrize("cell", ["!pip install ray refs", "%pip install refs", "%cd refs"])
def test_words_that_are_no_code_use_nothing(cell: str) -> None:
    fixed = fixed_text(TASK, REFS, cell)
    assert "for result in batch" in fixed


def test_ipython_takes_the_indentation_of_a_cell_away() -> None:
    cells = [TASK, "    # all at once\n    " + REFS.replace("\n", "\n    "), "    # only this", "x"]
    book = Notebook("a.ipynb", notebook(*cells))
    ast.parse(book.python)
    (found,) = check(book.python, fixes=False)
    assert (book.locate(found).cell, book.locate(found).start) == (2, Position(2, 12))
    changed = book.python.replace(b"out = ray.get(refs)", b"out = None")
    cells[1] = cells[1].replace("ray.get(refs)", "None")
    assert book.rebuild(changed) == notebook(*cells)


def test_cells_of_other_languages_are_left_out() -> None:
    book = Notebook("a.ipynb", notebook("%%bash\nfor x in; do f.remote", "x = 1"))
    assert b"do f" not in book.python
    other = notebook("x <- 1").replace(b'"language": "python"', b'"language": "R"')
    assert Notebook("a.ipynb", other).python == b""


def test_an_encoding_comment_means_nothing() -> None:
    book = Notebook("a.ipynb", notebook("# coding: latin-1\nx = 'é'"))
    assert "é" in book.python.decode()
    fixed = book.rebuild(book.python.replace(b"x =", b"y ="))
    assert fixed == notebook("# coding: latin-1\ny = 'é'")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "a.ipynb:1:2: not a notebook"),
        (b"[]", "a.ipynb: not a notebook: it has no cells"),
        (b'{"worksheets": []}', "convert it first"),
        (b'\n"\xff"', "a.ipynb:2:1: not a notebook: not UTF-8"),
        (b"[" * 100_000, "not a notebook"),
    ],
)
def test_a_broken_file_is_said_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        Notebook("a.ipynb", data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_is_told_by_cell() -> None:
    book = Notebook("a.ipynb", notebook("x = 1", "a\nb b"))
    line = place_of(book, "b b").line
    assert str(book.explain(SourceError("a.ipynb", "bad", line, 2))) == "a.ipynb:cell 2:2:3: bad"
