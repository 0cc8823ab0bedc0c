"""The cost class of a body, with the statement that decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cost_classes import CASES, judge
from ray_lint.core import check
from ray_lint.program.costs import cost_of
from ray_lint.program.project import Project
from ray_lint.program.remotes import resolve_callee
from ray_lint.program.work import Cost
from tests.program.support import last_cost, module_of, remote_calls, write_tree

TINY = {
    "arithmetic": "return x * x + 1",
    "early return": "if x: return 1\n    return 2",
    "short sleep": "time.sleep(0.001)",
    "known short loop": "return sum(i * x for i in range(100))",
    "words of an argument": "return [w for w in x.split() if w]",
    "docstring and pass": '"""Do nothing."""\n    pass',
    "numpy on a few": "return np.sqrt(x) + np.zeros(3)",
    "helper": "return helper(x)",
    "print": "print(x)",
    "json": "return json.loads(x)['a']",
}
HEAVY = {
    "long sleep": "time.sleep(1)",
    "sleep of unknown length": "time.sleep(x)",
    "sleeps that add up": "for i in range(100): time.sleep(0.001)",
    "sleep in a branch": "if x:\n        time.sleep(2)",
    "file": "return open(x).read()",
    "network": "return requests.get(x).text",
    "process": "subprocess.check_call(x)",
    "training": "model.fit(x)",
    "inference": "return model.predict(x)",
    "frame": "return pd.read_csv(x)",
    "rows": "for row in x.iterrows(): use(row)",
    "long loop": "for i in range(10**7): x += i",
    "never ends": "while True: x += 1",
    "waits for other tasks": "return ray.get(x)",
    "submits tasks": "return other.remote(x)",
    "slow helper": "return slow(x)",
    "stands for work": "pass  # simulate the docking of a molecule",
    "large array": "return np.random.rand(5000, 5000)",
}
UNKNOWN = {
    "loop over the argument": "for item in x: y = item + 1",
    "not seen": "return lib.work(x)",
    "method of an unknown object": "return x.process()",
    "recursion": "return f(x - 1)",
    "its own callable": "return x()",
    "until a day": "while x.weekday() >= 5: x += step",
}
HEAD = """
import json, time, subprocess, requests, ray, lib
import numpy as np
import pandas as pd
def helper(y): return y + 1
def slow(y):
    for i in range(10_000_000): y += i
    return y
@ray.remote
def other(x): pass
"""


def cost_of_body(body: str, decorator: str = "@ray.remote") -> tuple[str, str, int]:
    cost = last_cost(f"{HEAD}def f(x):\n    {body}\nf = ray.remote(f)\nf.remote(1)\n")
    return cost.kind, cost.reason, cost.line


@pytest.mark.parametrize("body", TINY.values(), ids=TINY.keys())
def test_tiny(body: str) -> None:
    assert cost_of_body(body)[0] == "tiny", cost_of_body(body)


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY.keys())
def test_heavy_with_its_line(body: str) -> None:
    kind, reason, line = cost_of_body(body)
    assert kind == "heavy", reason
    assert reason
    assert line > HEAD.count("\n")


def test_a_known_number_of_rounds_is_never_taken_for_an_assumed_one() -> None:
    nested = "\n    ".join(["for i in range(30):", "  for j in range({}):", "    x += j"])
    for rounds in (29, 30, 31):
        assert f"loops {30 * rounds} times" in cost_of_body(nested.format(rounds))[1]


@pytest.mark.parametrize("body", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown(body: str) -> None:
    assert cost_of_body(body)[0] == "unknown", cost_of_body(body)


def evident(cost: Cost) -> bool:
    """Whether the request is seen: as a demand beside the cost, or as the cost itself."""
    return bool(cost.demands) or cost.kind == "heavy"


@pytest.mark.parametrize(
    ("options", "speaks_of_work"),
    [
        ("num_gpus=1", True),
        ("num_gpus=0", False),
        ("resources={'tpu': 1}", True),
        ("resources={}", False),
        ("num_cpus=8", True),
        ("num_cpus=1", False),
        ("max_retries=0", False),
    ],
)
def test_resource_requests(options: str, speaks_of_work: bool) -> None:
    body = f"import ray\n@ray.remote({options})\ndef f(x): return x\nf.remote(1)"
    assert evident(last_cost(body)) == speaks_of_work
    options_call = f"import ray\n@ray.remote\ndef f(x): return x\nf.options({options}).remote(1)"
    assert evident(last_cost(options_call)) == speaks_of_work


def test_the_threshold_decides() -> None:
    source = "import ray, time\n@ray.remote\ndef f(x): time.sleep(0.02)\nf.remote(1)"
    project = Project()
    module = module_of(source, project=project)
    callee = resolve_callee(project, module, remote_calls(module)[-1])
    assert cost_of(project, callee).kind == "heavy"
    assert cost_of(project, callee, threshold=0.05).kind == "tiny"
    assert cost_of(project, callee, threshold=0.05, known_heavy=("f",)).kind == "heavy"
    assert cost_of(project, callee, known_tiny=("f*",)).kind == "tiny"


def test_work_is_followed_into_other_files(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "settings.py": "DELAY = 0.5\nSMALL = 0.0001\n",
            "work.py": "import time\nfrom settings import DELAY\n"
            "def slow(x): time.sleep(DELAY)\ndef quick(x): return x + 1\n",
        },
    )
    for helper, kind in (("slow", "heavy"), ("quick", "tiny")):
        source = f"import ray, work\n@ray.remote\ndef f(x): return work.{helper}(x)\nf.remote(1)"
        project = Project()
        module = module_of(source, str(tmp_path / "main.py"), project)
        callee = resolve_callee(project, module, remote_calls(module)[-1])
        assert cost_of(project, callee).kind == kind


def test_most_functions_of_the_benchmark_get_an_answer() -> None:
    """The benchmark measures whether the answers are right; this keeps them coming."""
    import benchmarks.cost_classes

    text = Path(benchmarks.cost_classes.__file__).read_text(encoding="utf-8")
    costs = judge(text, [function.__name__ for function, _ in CASES])
    assert len(costs) == len(CASES) >= 60
    assert sum(cost.kind == "unknown" for cost in costs.values()) <= 3


@pytest.mark.parametrize(
    ("items", "loop"),
    [
        ("f.remote(''.join(['ab', 'cde']))", "for c in x.lower()"),
        ("for p in itertools.product('abc', repeat=3): f.remote(''.join(p))", "for c in x"),
        ("f.remote(f'{n}' * 3)", "for c in x.strip()"),
        ("[f.remote(a + b) for a in ['Ro', 'La'] for b in ('bert', 'mson')]", "for c in x[1:]"),
        ("def lines():\n    yield f'{n}'\n[f.remote(x) for x in lines()]", "for c in x.split(',')"),
        ("[f.remote(p) for p in zip([1, 2], [3, 4])]", "for c in x"),
        ("f.remote(f'{n}')", "for c, run in itertools.groupby(x)"),
        ("f.remote(f'{n}')", "for word in re.findall('[a-z]+', x)"),
        ("task = ray.remote(f)\ntask.remote(f'{n}')", "for c in x"),
        ("[f.remote(i) for i in range(700)]", "p = 2\n    while p * p <= x"),
        ("f.remote(f'{n}')", "for k in urllib.parse.parse_qs(x).items()"),
        ("f.remote(f'{n}')", "for part in x.partition('=')"),
        ("f.remote(n)", "for r in range(x - 1, x + 2)"),
        ("f.remote((1, 2, 3))", "for c in halves(x)"),
        ("f.remote(''.join(random.choice('ACGT') for _ in range(60)))", "for c in x"),
        ("f.remote('AT' + ''.join(rng.choices('ACGT', k=60)))", "for i in range(0, len(x), 3)"),
        ("[f.remote(r['n']) for r in [{'n': 5 + i % 30} for i in range(9)]]", "for i in range(x)"),
        ("f.remote(string.digits)", "for c in x"),
        ("[f.remote(r) for r in [g.remote(1), g.remote(2)]]", "for c in x"),
    ],
)
def test_what_is_submitted_tells_how_long_a_loop_over_it_is(items: str, loop: str) -> None:
    body = f"    found = 0\n    {loop}:\n        found += 1\n    return found"
    remote = "" if "ray.remote" in items else "@ray.remote\n"
    helper = "rng = random.Random(1)\n@ray.remote\ndef g(n): return [n, n]\n"
    helper += "def halves(v): return [c / 2 for c in v]\nhalves(load())\n"
    head = f"import itertools, random, ray, re, string, urllib.parse\nn = 3\n{helper}"
    source = f"{head}{remote}def f(x):\n{body}\n{items}"
    assert last_cost(source).kind == "tiny"


def test_what_map_submits_tells_how_long_a_loop_over_it_is() -> None:
    source = (
        "import ray\n@ray.remote\ndef f(x): return [c for c in x]\n"
        "xs = [f'{i}' for i in range(400)]\nray.get(list(map(f.remote, xs)))\n"
    )
    assert [finding.code for finding in check(source.encode())] == ["RAY101"]
    assert not check(source.replace("f'{i}'", "load(i)").encode())
