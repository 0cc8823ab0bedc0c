"""Unsafe fixes of programs in other layouts compile, keep every comment and are stable."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_lint.config import Config
from ray_lint.core import fix
from tests.programs import Program, examine, load
from tests.rewrite.layouts import laid_out

PROGRAMS = [
    program
    for program in load(Path(__file__).resolve().parents[2] / "fixtures" / "programs")
    if b"\r" not in program.source and not program.source.startswith((b"\xef\xbb\xbf", b"# -*-"))
]
UNSAFE = Config(unsafe_fixes=True)


def faults(program: Program, seed: int) -> list[str]:
    """Return what is wrong with the unsafe fixes of a program in layouts chosen by ``seed``."""
    source = laid_out(program.source.decode(), Random(seed)).encode()
    result = fix(source, UNSAFE, filename=program.path.name)
    found = examine(Program(program.path, source, program.expect), result.source, UNSAFE)
    if source.count(b"\r\n") == source.count(b"\n") and b"\r\n" in source:
        found += ["line ends"] if result.source.count(b"\r\n") < result.source.count(b"\n") else []
    return found


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PROGRAMS), st.integers(0, 2**32))
def test_unsafe_fixes_in_any_layout(program: Program, seed: int) -> None:
    assert faults(program, seed) == []


def test_layouts_change_and_compile() -> None:
    changed = 0
    for seed in range(40):
        program = PROGRAMS[seed % len(PROGRAMS)]
        source = program.source.decode()
        changed += laid_out(source, Random(seed)) != source
    assert changed > 25
