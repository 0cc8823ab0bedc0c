"""Whatever the bytes: findings or a documented error, and a fix keeps the syntax."""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ray_lint.config import Config
from ray_lint.core import check, fix
from ray_lint.errors import SourceError

UNSAFE = Config(unsafe_fixes=True)
HEAD = b"import ray\n@ray.remote\ndef f(x):\n    return x + 1\n"
SITE = b"ray.get([f.remote(i) for i in range(10_000)])\n"

CASES = {
    "nothing": b"",
    "null": HEAD + b"\0" + SITE,
    "null in a file without a candidate": b"x = 1\0",
    "not UTF-8": HEAD + b"s = '\xff\xfe'\n" + SITE,
    "an unknown encoding": b"# coding: klingon\n" + HEAD + SITE,
    "an encoding that makes no text": b"# coding: base64\n" + HEAD + SITE,
    "UTF-16": (HEAD + SITE).decode().encode("utf-16"),
    "a byte order mark and another encoding": b"\xef\xbb\xbf# coding: latin-1\n" + HEAD + SITE,
    "UTF-7": b"# coding: utf-7\n" + HEAD + SITE,
    "an escaped surrogate": HEAD + b"s = '\\ud800'\n" + SITE,
    "an encoded surrogate": HEAD + b"s = '\xed\xa0\x80'\n" + SITE,
    "form feeds": HEAD + b"\f\n" + SITE + b"\f",
    "old line ends": (HEAD + SITE).replace(b"\n", b"\r"),
    "mixed line ends": HEAD.replace(b"\n", b"\r\n") + SITE,
    "other separators of lines": HEAD + "s = '\x0b\x1c\x85\u2028'\n".encode() + SITE,
    "no last line end": HEAD + SITE.rstrip(),
    "a continuation at the end": HEAD + SITE + b"\\",
    "deep brackets": HEAD + b"x = " + b"(" * 10_000 + b")" * 10_000 + b"\n" + SITE,
    "deep lists": HEAD + b"x = " + b"[" * 90 + b"]" * 90 + b"\n" + SITE,
    "deep attributes": HEAD + b"x" + b".remote" * 5_000 + b"\n" + SITE,
    "deep calls": HEAD + b"x" + b"()" * 5_000 + b"\n" + SITE,
    "a long sum": HEAD + b"x = 1" + b" + 1" * 5_000 + b"\n" + SITE,
    "many signs": HEAD + b"x = " + b"-" * 5_000 + b"1\n" + SITE,
    "many signs in a task": HEAD + b"    x = " + b"-" * 5_000 + b"1\n" + SITE,
    "deep patterns": HEAD
    + b"match x:\n    case "
    + b"{1: " * 30
    + b"x"
    + b"}" * 30
    + b":\n        pass\n"
    + SITE,
    "deep sequences in a pattern": HEAD
    + b"match x:\n    case "
    + b"(" * 60
    + b",)" * 60
    + b":\n        pass\n"
    + SITE,
    "mapped into an unknown argument": HEAD
    + b"xs = list(range(300))\nprint(ray.get(lis=t(map(f.remote, xs, [x % 3 for x in xs]))))\n",
    "many else branches": HEAD + b"if x: pass\n" + b"elif x: pass\n" * 2_000 + SITE,
    "deep blocks": HEAD + b"".join(b" " * i + b"if x:\n" for i in range(99)) + b" " * 99 + SITE,
    "a huge number": HEAD + b"n = " + b"9" * 5_000 + b"\n" + SITE,
    "a long line": HEAD + b"s = '" + b"x" * 1_000_000 + b"'\n" + SITE,
    "a long line with a site": HEAD + b"x = 1; " * 10_000 + SITE,
    "a loop over the length of nothing": HEAD
    + b"while len(refs) < 400:\n    refs.append(f.remote(1))\nray.get(refs)\n",
    "a target that LibCST refuses": HEAD + b"[f.remote(i) for* i in range(999)]\n" + SITE,
    "very many comments": HEAD + b"# noqa: RAY101\n" * 5_000 + SITE,
}


def answer(source: bytes) -> None:
    """Check and fix the source; the outcome is one of those that are documented."""
    try:
        check(source, fixes=False)
        result = fix(source, UNSAFE)
    except SourceError as error:
        assert error.message
        assert "\n" not in str(error)
        return
    if result.source != source:
        ast.parse(result.source)
        assert fix(result.source, UNSAFE).source == result.source
    else:
        assert not result.applied


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_odd_sources(source: bytes) -> None:
    answer(source)


NEWER = {
    (3, 11): b"try:\n    pass\nexcept* ValueError:\n    pass\n",
    (3, 12): b"type X = int\n",
    (3, 13): b"class A[T = int]:\n    pass\n",
    (3, 14): b"t'{x}'\n",
}


@pytest.mark.parametrize(("version", "source"), NEWER.items(), ids=str)
def test_code_for_a_newer_python(version: tuple[int, int], source: bytes) -> None:
    """It is linted if this Python reads it, else refused by the name of this Python."""
    if sys.version_info >= version:
        assert check(HEAD + SITE + source, fixes=False)
        return
    with pytest.raises(SourceError) as caught:
        check(HEAD + SITE + source)
    assert "syntax error for Python {}.{}: ".format(*sys.version_info[:2]) in str(caught.value)
    assert caught.value.line > 5


PIECES = st.sampled_from(
    [
        HEAD,
        SITE,
        b"import ray\n",
        b"ray",
        b".remote(",
        b"f.remote",
        b"for x in range(9999):\n",
        b"    f.remote(x)\n",
        b"    xs.append(f.remote(x))\n",
        b"xs = []\n",
        b"ray.get(xs)\n",
        b"map(f.remote, range(9999))\n",
        b"lambda x: f.remote(x)",
        b"[f.remote(x) for x in y]\n",
        b"async def g():\n",
        b"    yield ",
        b"class A:\n",
        b"    @ray.remote\n",
        b"# noqa: RAY101\n",
        b"# coding: latin-1\n",
        b"\xef\xbb\xbf",
        b"\r",
        b"\f",
        b"\\\n",
        b"'''",
        b"f'{f.remote(x) for x in xs}'",
        b"(",
        b")",
        b"\t",
        b"\xc3\xa9",
        b"match x:\n",
        b"    case [f, *xs]:\n",
        b"n = 10**10**10\n",
        b";",
        b"if True:\n",
        b"    ",
        b"\n",
    ]
)
SOURCES = st.lists(st.one_of(PIECES, PIECES, st.binary(max_size=4)), max_size=20).map(b"".join)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOURCES)
def test_any_bytes(source: bytes) -> None:
    answer(source)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3)), max_size=4))
def test_damaged_programs(damage: list[tuple[int, bytes]]) -> None:
    data = HEAD + b"xs = []\nfor i in range(1_000):\n    xs.append(f.remote(i))\n" + SITE
    for place, piece in damage:
        at = place % len(data)
        data = data[:at] + piece + data[at + 1 :]
    answer(data)
