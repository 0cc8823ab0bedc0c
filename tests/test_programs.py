"""The programs of ``fixtures`` are fixed, executed before and after, and compared."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from ray_lint.program.dryrun import dry_run
from ray_lint.program.project import Project
from tests.programs import (
    NOT_RUN,
    Program,
    Runner,
    Verdict,
    compare,
    judge,
    load,
    load_projects,
    parse,
)

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "programs"
PROGRAMS = {program.path.relative_to(FOLDER).as_posix(): program for program in load(FOLDER)}
PROGRAMS |= {
    f"projects/{program.path.stem}": program
    for program in load_projects(FOLDER.parent / "projects")
}

Verdicts = dict[tuple[str, bool], Verdict]


def cases() -> list[object]:
    """Return name and mode of every run: safe fixes always, unsafe ones where they are wanted."""
    params = []
    for name, program in PROGRAMS.items():
        for unsafe in (False, True):
            if not unsafe or program.expect in ("fixed", "unsafe"):
                marks = [pytest.mark.xfail(reason=program.gap, strict=False)] if program.gap else []
                mode = "unsafe" if unsafe else "safe"
                params.append(pytest.param(name, unsafe, id=f"{name}-{mode}", marks=marks))
    return params


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, ray_cluster: object, tmp_path_factory: pytest.TempPathFactory
) -> Verdicts:
    """Judge all programs that this test run selected, in few processes."""
    import ray

    # With unsafe fixes most programs are what they were without: those need not run again.
    outcomes = tmp_path_factory.mktemp("outcomes")
    runner = Runner(ray.get_runtime_context().gcs_address, outcomes)
    chosen: dict[bool, list[str]] = {False: [], True: []}
    for item in request.session.items:
        params = getattr(item, "callspec", None)
        if item.path == Path(__file__) and params and "unsafe" in params.params:
            chosen[params.params["unsafe"]].append(params.params["name"])
    found: Verdicts = {}
    for unsafe, names in chosen.items():
        # What no fix changes cannot differ; ``python -m tests.programs`` runs it, too.
        judged = judge([PROGRAMS[n] for n in names], runner, unsafe=unsafe, unchanged=False)
        found.update({(name, unsafe): verdict for name, verdict in zip(names, judged, strict=True)})
    return found


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(3000)  # seconds; the first one waits for the runs of all
@pytest.mark.parametrize(("name", "unsafe"), cases())
def test_fix_keeps_the_meaning(name: str, unsafe: bool, verdicts: Verdicts) -> None:
    verdict = verdicts[name, unsafe]
    assert not verdict.faults, "\n".join([*verdict.faults, *verdict.notes])
    if verdict.before != NOT_RUN:
        assert printed_in_a_dry_run(PROGRAMS[name]) in (None, verdict.before.printed)


def printed_in_a_dry_run(program: Program) -> str | None:
    """Return what a dry run says that a program prints, None if it says nothing certain."""
    if program.beside or b"logging" in program.source:  # what is logged is not followed
        return None
    project = Project()
    try:
        module = project.add(program.source.decode(), ast.parse(program.source), "<program>")
    except ValueError:  # another encoding
        return None
    run = dry_run(project, module)
    return replace(NOT_RUN, stdout=run.printed).printed if run.complete and run.exact else None


@pytest.mark.ray
def test_a_broken_fix_is_seen(ray_cluster: object) -> None:
    import ray

    text = "# expect: fixed\nimport ray\n\n\n@ray.remote\ndef f(x):\n    return x + {}\n\n\n"
    text += "print(sum(ray.get([f.remote(i) for i in range(300)])))\n"
    good, bad = (parse(Path("sum.py"), text.format(n).encode()) for n in (1, 2))
    before, after = Runner(ray.get_runtime_context().gcs_address).run([good, bad])
    assert (before.stdout, before.submissions, before.status) == ("45150\n", 300, 0)
    faults = compare(good, True, before, after, unsafe=False)
    assert faults == ["differs: line 1 '45150' became '45450'", "only 300 to 300 submissions"]


def test_a_program_without_an_expectation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"none\.py: the header must say what to expect"):
        parse(Path("none.py"), b"print(1)\n")


def test_header_is_read_behind_a_byte_order_mark() -> None:
    program = parse(
        Path("bom.py"), b"\xef\xbb\xbf# expect: unsafe the item is mutated\n# count: none\n"
    )
    assert program == Program(
        path=Path("bom.py"),
        source=program.source,
        expect="unsafe",
        reason="the item is mutated",
        counted=False,
    )
