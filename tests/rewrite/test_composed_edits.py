"""Edits that are applied one set after the other come to the same as their composition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ray_lint.finding import Edit
from ray_lint.rewrite.edits import EditSet, apply_edits, composed

TEXTS = st.text(alphabet="abc\n", max_size=30)


@st.composite
def edits_of(draw: st.DrawFn, text: str) -> list[Edit]:
    """Draw ordered edits of a text that do not overlap."""
    chosen = EditSet()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        new = draw(st.text(alphabet="xyz", max_size=6))
        if new or start < end:
            chosen.try_add([Edit(start, end, new)])
    return list(chosen.edits)


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[str, list[Edit], list[Edit]]:
    """Draw a text, edits of it and edits of what they make."""
    text = draw(TEXTS)
    first = draw(edits_of(text))
    return text, first, draw(edits_of(apply_edits(text, first).content))


@given(two_sets())
def test_composed_edits_come_to_the_same(drawn: tuple[str, list[Edit], list[Edit]]) -> None:
    text, first, second = drawn
    once = composed(text, first, second)
    if once or not (first or second):
        expected = apply_edits(apply_edits(text, first).content, second).content
        assert apply_edits(text, once).content == expected


def test_edits_of_other_places_keep_their_text() -> None:
    text = "one two three"
    first = [Edit(4, 7, "2")]
    second = [Edit(0, 3, "1"), Edit(6, 11, "3")]
    assert composed(text, first, second) == [Edit(0, 3, "1"), Edit(4, 7, "2"), Edit(8, 13, "3")]
    assert apply_edits(text, composed(text, first, [Edit(2, 5, "-")])).content == "on- three"


def test_an_edit_over_two_others_is_refused() -> None:
    assert composed("a b c", [Edit(0, 1, "xx"), Edit(4, 5, "yy")], [Edit(1, 6, "-")]) == []
