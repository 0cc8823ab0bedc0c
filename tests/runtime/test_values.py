"""Values written down in one process and compared in another."""

from __future__ import annotations

import dataclasses
import math

import pytest

from ray_lint.runtime.values import HoldsReference, Tolerance, difference, dump, load, plain

numpy = pytest.importorskip("numpy")


@dataclasses.dataclass
class Point:
    x: float
    y: float


def differs(first: object, second: object) -> bool:
    return bool(difference(load(dump(first)), load(dump(second)), Tolerance()))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1),
        (0.1 + 0.2, 0.3),
        (math.nan, math.nan),
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}),
        ({"x", "y"}, {"y", "x"}),
        ([1, (2, [3])], [1, (2, [3])]),
        (Point(1.0, 2.0), Point(1.0, 2.0 + 1e-13)),
        (numpy.arange(5) / 3, numpy.arange(5) / 3 + 1e-14),
        (numpy.float64(1), numpy.float64(1 + 1e-15)),
        (ValueError("no"), ValueError("no")),
    ],
)
def test_equal(first: object, second: object) -> None:
    assert not differs(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 2),
        (1, 1.0),
        (True, 1),
        ([1], (1,)),
        ([1, 2], [2, 1]),
        ([[1], [2]], [1, 2]),
        (1.0, 1.0 + 1e-6),
        (math.nan, 0.0),
        (math.inf, -math.inf),
        (Point(1.0, 2.0), Point(1.0, 3.0)),
        (numpy.arange(3), numpy.arange(4)),
        (numpy.arange(3), numpy.arange(3.0)),
        (numpy.zeros(3), numpy.array([0.0, 0.0, 1e-3])),
        (ValueError("no"), ValueError("yes")),
        (None, 0),
    ],
)
def test_different(first: object, second: object) -> None:
    assert differs(first, second)


def test_a_cycle_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert plain(loop) == ["list", ("cut", "list")]


def test_references_are_refused() -> None:
    reference = type("ObjectRef", (), {})()
    with pytest.raises(HoldsReference):
        plain([1, reference])


def test_classes_are_never_looked_up() -> None:
    import pickle

    with pytest.raises(pickle.UnpicklingError):
        load(pickle.dumps(Point(1.0, 2.0)))
