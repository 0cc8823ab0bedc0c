"""Choosing and tracking edits gives what the plain definition says, also for very many of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ray_lint.core import fix
from ray_lint.finding import Edit, Role
from ray_lint.rewrite.edits import EditSet, apply_edits

EDITS = st.builds(
    lambda start, length, content, role: Edit(start, start + length, content, role),
    st.integers(0, 8),
    st.integers(0, 2),
    st.sampled_from(["", "a", "bc"]),
    st.sampled_from(Role),
)


def conflict(known: list[Edit], new: list[Edit]) -> bool:
    for first, second in pairwise(sorted([*known, *new])):
        if second.start < first.end:
            return True
        same_place = (first.start, first.end) == (second.start, second.end)
        strangers = (first in known) != (second in known)
        if same_place and strangers and not (first.role is second.role is Role.HELPER):
            return True
    return False


@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), max_size=8))
def test_edits_are_taken_as_one_or_not_at_all(fixes: list[list[Edit]]) -> None:
    chosen, known = EditSet(), list[Edit]()
    for edits in fixes:
        new = [e for e in dict.fromkeys(edits) if e not in known]
        shared = bool(new) and any(e.role is Role.SITE for e in edits if e in known)
        wanted = not shared and not conflict(known, new)
        assert chosen.try_add(edits) is wanted
        if wanted:
            known = sorted([*known, *new])
        assert list(chosen.edits) == known


@given(st.lists(EDITS, max_size=8))
def test_places_move_with_the_text(edits: list[Edit]) -> None:
    chosen = EditSet()
    for edit in edits:
        chosen.try_add([edit])
    text = "0123456789"
    applied = apply_edits(text, chosen.edits)
    for offset in range(len(text)):
        moved = applied.moved(offset)
        replaced = any(e.start <= offset < e.end for e in chosen.edits)
        assert (moved is None) is replaced
        if moved is not None:
            assert applied.content[moved] == text[offset]
            assert applied.origin(moved) == offset
    kept = sum(applied.moved(offset) is not None for offset in range(len(text)))
    places = [applied.origin(offset) for offset in range(len(applied.content))]
    assert sum(place is not None for place in places) == kept


def test_a_generated_file_with_very_many_sites() -> None:
    site = "def g{0}(xs):\n    return ray.get([f.remote(x) for x in range(10_000)])\n"
    head = "import ray\n\n\n@ray.remote\ndef f(x):\n    return x + 1\n\n\n"
    source = head + "".join(site.format(number) for number in range(1_000))
    result = fix(source.encode())
    assert len(result.applied) == 1_000
    assert result.left == ()
