"""Twice the sites take twice the work: counted in function calls, which no other load disturbs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.growth import FORMS, calls, sites
from ray_lint.core import check, fix

STEP = len(FORMS)


@pytest.mark.parametrize(
    "job",
    [lambda source: check(source, fixes=False), fix],
    ids=["linting", "fixing"],
)
def test_work_grows_with_the_sites(job: Callable[[bytes], object]) -> None:
    job(sites(STEP))  # what is loaded and remembered once
    one, two, three = (calls(lambda n=n: job(sites(n * STEP))) for n in (1, 2, 3))  # type: ignore[misc]
    # The second difference of n is 0, that of n squared is not. A walk through the whole module for
    # each fix makes it 0.5 % here, which would be half of the time at 1,000 sites.
    assert three - 2 * two + one < 0.002 * two


def test_every_form_is_fixed() -> None:
    result = fix(sites(STEP))
    assert (len(result.applied), result.left, result.error) == (STEP, (), "")
