"""Programs put together at random: fixed, executed before and after on one cluster, compared.

``RAY_LINT_PROGRAMS=500`` asks for a long run; ``RAY_LINT_SEED`` for other programs. A program that
fails belongs into ``fixtures/programs``.
"""

from __future__ import annotations

import os
import random
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ray_lint.config import Config
from ray_lint.core import fix
from tests.programs import Program, Runner, examine, judge, summary
from tests.rewrite import generated
from tests.rewrite.generated import Parts, parts

PROGRAMS = int(os.environ.get("RAY_LINT_PROGRAMS", "40"))
SEED = int(os.environ.get("RAY_LINT_SEED", "0"))
BLOCK = 50


def programs(number: int, seed: int) -> list[Program]:
    """Return different programs, the same ones for the same seed."""
    chance = random.Random(seed)
    chosen: dict[Parts, None] = {}
    calm = [*generated.HAZARDS, *["none"] * len(generated.HAZARDS)]
    while len(chosen) < number:
        made = Parts(
            chance.choice(list(generated.FUNCTIONS)),
            chance.choice(list(generated.ITERABLES)),
            chance.choice(generated.ARGUMENTS),
            chance.choice(list(generated.SITES)),
            chance.choice(list(generated.CONSUMPTIONS)),
            chance.choice(calm),
            chance.choice(generated.PLACES),
        )
        chosen[made] = None
    return [
        Program(Path(f"generated_{seed}_{index}.py"), made.source(), "equal", str(made))
        for index, made in enumerate(chosen)
    ]


@given(parts())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("unsafe", [False, True])
def test_the_fix_of_any_program_is_whole(unsafe: bool, made: Parts) -> None:
    source = made.source()
    config = Config(unsafe_fixes=unsafe)
    result = fix(source, config)
    assert not result.error
    program = Program(Path("generated.py"), source, "equal")
    assert examine(program, result.source, config) == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(300 + 6 * PROGRAMS)
def test_fixed_programs_do_the_same(ray_cluster: object) -> None:
    import ray

    runner = Runner(ray.get_runtime_context().gcs_address)
    chosen = programs(PROGRAMS, SEED)
    verdicts, bad = [], []
    for start in range(0, len(chosen), BLOCK):
        block = chosen[start : start + BLOCK]
        judged = judge(block, runner)
        found = [
            "\n".join([program.reason, *verdict.faults, program.source.decode()])
            for program, verdict in zip(block, judged, strict=True)
            if verdict.faults
        ]
        verdicts += judged
        bad += found
        print(*found, summary(verdicts), sep="\n", flush=True)
    assert not bad, "\n\n".join(bad)
    fixed = [v for v in verdicts if v.fixed and not v.before.exception]
    assert fixed, "no program was fixed"
    assert sum(v.before.submissions for v in fixed) > 5 * sum(v.after.submissions for v in fixed)


def test_every_part_is_used() -> None:
    chosen = programs(400, 0)
    assert all(
        len({program.reason.split(f"{field.name}=")[1].split(", ")[0] for program in chosen}) > 1
        for field in fields(Parts)
    )
