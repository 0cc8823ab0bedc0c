"""What a ``.remote`` call calls: each bullet of real code, with near misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ray_lint.program.project import Project
from ray_lint.program.remotes import CalleeKind
from tests.program.support import callees, last_callee, write_tree

ACTOR = """
import ray
@ray.remote
class Counter:
    def add(self, n): return n
"""

TASKS = {
    "decorator": "@ray.remote\ndef f(x): pass\nf.remote(1)",
    "decorator with options": "@ray.remote(num_cpus=2)\ndef f(x): pass\nf.remote(1)",
    "assignment": "def g(x): pass\nf = ray.remote(g)\nf.remote(1)",
    "assignment with options": "def g(x): pass\nf = ray.remote(num_cpus=2)(g)\nf.remote(1)",
    "inline": "def g(x): pass\nray.remote(g).remote(1)",
    "options": "@ray.remote\ndef f(x): pass\nf.options(num_cpus=1).remote(1)",
    "options kept": "@ray.remote\ndef f(x): pass\ng = f.options(num_cpus=1)\ng.remote(1)",
    "alias": "@ray.remote\ndef f(x): pass\ng = f\nh = g\nh.remote(1)",
    "remote imported": "from ray import remote\n@remote\ndef f(x): pass\nf.remote(1)",
    "remote renamed": "from ray import remote as r\n@r(num_cpus=1)\ndef f(x): pass\nf.remote(1)",
    "maker kept": "gpu = ray.remote(num_cpus=1)\n@gpu\ndef f(x): pass\nf.remote(1)",
    "partial of remote": (
        "import functools\nmake = functools.partial(ray.remote, num_cpus=1)\n"
        "@make\ndef f(x): pass\nf.remote(1)"
    ),
    "conditional": "if c:\n    @ray.remote\n    def f(x): pass\nf.remote(1)",
    "in a function": "def main():\n    @ray.remote\n    def f(x): pass\n    f.remote(1)",
    "attribute of self": (
        "@ray.remote\ndef f(x): pass\nclass P:\n"
        "    def __init__(self): self.work = f\n    def go(self): self.work.remote(1)"
    ),
    "class attribute": (
        "class P:\n    @ray.remote\n    def f(x): pass\n    def go(self): self.f.remote(1)"
    ),
    "static": ("class P:\n    @staticmethod\n    @ray.remote\n    def f(x): pass\nP.f.remote(1)"),
    "made by a function": (
        "def make():\n    @ray.remote\n    def f(x): pass\n    return f\nmake().remote(1)"
    ),
    "parameter": "@ray.remote\ndef f(x): pass\ndef go(g): g.remote(1)\ngo(f)",
    "lambda": "f = ray.remote(lambda x: x)\nf.remote(1)",
    "conditional expression": (
        "@ray.remote\ndef f(x): pass\n@ray.remote\ndef g(x): pass\nh = f if c else g\nh.remote(1)"
    ),
}


@pytest.mark.parametrize("source", TASKS.values(), ids=TASKS.keys())
def test_tasks(source: str) -> None:
    callee = last_callee("import ray\n" + source)
    assert callee.kind is CalleeKind.TASK
    assert callee.definition is not None
    assert callee.decorator is not None


METHODS = {
    "one actor": ("c = Counter.remote()\nc.add.remote(1)", "one actor"),
    "options": ("c = Counter.options(name='x').remote()\nc.add.remote(1)", "one actor"),
    "method options": ("c = Counter.remote()\nc.add.options(num_returns=1).remote(1)", "one actor"),
    "attribute": (
        "class P:\n    def __init__(self): self.c = Counter.remote()\n"
        "    def go(self): self.c.add.remote(1)",
        "one actor",
    ),
    "loop variable": (
        "cs = [Counter.remote() for _ in range(3)]\nfor c in cs: c.add.remote(1)",
        "loop variable",
    ),
    "enumerated": (
        "cs = [Counter.remote() for _ in range(3)]\nfor i, c in enumerate(cs): c.add.remote(i)",
        "loop variable",
    ),
    "zipped": (
        "cs = [Counter.remote() for _ in range(3)]\n[c.add.remote(x) for x, c in zip(xs, cs)]",
        "loop variable",
    ),
    "appended": (
        "cs = []\nfor i in range(3): cs.append(Counter.remote())\nfor c in cs: c.add.remote(1)",
        "loop variable",
    ),
    "values of a dict": (
        "cs = {}\nfor k in ks: cs[k] = Counter.remote()\nfor c in cs.values(): c.add.remote(1)",
        "loop variable",
    ),
    "indexed": (
        "cs = [Counter.remote() for _ in range(3)]\nfor i in range(9): cs[i % 3].add.remote(i)",
        "pool",
    ),
    "round-robin": (
        "import itertools\ncs = itertools.cycle([Counter.remote(), Counter.remote()])\n"
        "for i in range(9): next(cs).add.remote(i)",
        "pool",
    ),
    "annotated": ("def go(c: Counter): c.add.remote(1)", "one actor"),
    "made by a function": (
        "def make(): return Counter.remote()\nc = make()\nc.add.remote(1)",
        "one actor",
    ),
    "class made remote": (
        "class Plain:\n    def add(self, n): pass\nc = ray.remote(Plain).remote()\nc.add.remote(1)",
        "one actor",
    ),
    "inherited": (
        "class Base:\n    def add(self, n): pass\n@ray.remote\nclass Sub(Base): pass\n"
        "s = Sub.remote()\ns.add.remote(1)",
        "one actor",
    ),
}


@pytest.mark.parametrize(("source", "target"), METHODS.values(), ids=METHODS.keys())
def test_actor_methods(source: str, target: str) -> None:
    callee = last_callee(ACTOR + source)
    assert (callee.kind, callee.target) == (CalleeKind.ACTOR_METHOD, target)
    assert callee.definition is not None
    assert getattr(callee.definition, "name", "") == "add"


def test_actor_creation() -> None:
    callee = last_callee(ACTOR + "[Counter.remote() for i in range(9)]")
    assert callee.kind is CalleeKind.ACTOR_CREATION
    assert callee.class_definition is not None


OTHERS = {
    "serve": "from ray import serve\nh = serve.get_app_handle('a')\nh.remote(1)",
    "serve method": "from ray import serve\nh = serve.run(app)\nh.predict.remote(1)",
    "deployment": "from ray import serve\n@serve.deployment\nclass D: pass\nD.bind().go.remote(1)",
    "mock": "import ray\nfrom unittest.mock import Mock\nf = Mock()\nf.remote(1)",
    "no ray": "import fabric\nc = fabric.Connection()\nc.run.remote(1)",
    "own class": "class R:\n    def remote(self, x): pass\nR().remote(1)",
}


@pytest.mark.parametrize("source", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_not_a_submission_to_ray(source: str) -> None:
    assert last_callee(source).kind is CalleeKind.NOT_RAY


UNKNOWN = {
    "parameter": "import ray\ndef go(f): f.remote(1)",
    "getattr": "import ray\ngetattr(x, 'f').remote(1)",
    "module path": "import ray\nfrom lib import linalg\nlinalg.qr.remote(1)",
    "loop variable": "import ray\nfor f in load(): f.remote(1)",
    "import": "import ray\nfrom lib import f\nf.remote(1)",
}


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_seen_stays_unknown(source: str) -> None:
    assert last_callee(source).kind is CalleeKind.UNKNOWN


def test_the_definition_that_reaches_the_site_counts() -> None:
    source = """
    import ray
    @ray.remote
    def f(x): return 1
    f.remote(1)
    @ray.remote
    def f(x): return 2
    f.remote(2)
    """
    first, second = callees(source)
    assert first.definition is not None and second.definition is not None
    assert first.definition is not second.definition
    assert getattr(first.definition, "lineno", 0) < getattr(second.definition, "lineno", 0)


def test_options_on_the_way_are_kept_in_order() -> None:
    source = (
        "import ray\n@ray.remote\ndef f(x): pass\n"
        "g = f.options(num_cpus=1)\ng.options(name='a').remote(1)"
    )
    callee = last_callee(source)
    assert [call.keywords[0].arg for call in callee.options] == ["num_cpus", "name"]
    assert callee.binding_name == "g"


FILES = {
    "pkg/__init__.py": "from .work import square as sq\nfrom pkg.deep import *\n",
    "pkg/work.py": "import ray\n@ray.remote\ndef square(x): return x * x\nSIZE = 10_000\n",
    "pkg/deep/__init__.py": "from ..work import SIZE\nfrom .actors import Worker\n",
    "pkg/deep/actors.py": (
        "import ray\nfrom pkg import sq\n@ray.remote\nclass Worker:\n    def step(self): pass\n"
    ),
    "other.py": "from pkg.work import square\n",
    "broken.py": "def (:\n",
    "pkg/main.py": "",
}
IMPORTS = {
    "absolute": "from pkg.work import square\nsquare.remote(1)",
    "module": "import pkg.work\npkg.work.square.remote(1)",
    "module renamed": "import pkg.work as w\nw.square.remote(1)",
    "re-exported": "from pkg import sq\nsq.remote(1)",
    "relative": "from .work import square\nsquare.remote(1)",
    "relative module": "from . import work\nwork.square.remote(1)",
    "star": "from pkg.work import *\nimport ray\nsquare.remote(1)",
    "through another file": "from other import square\nsquare.remote(1)",
    "inside a function": "def go():\n    from .work import square\n    square.remote(1)",
}


@pytest.mark.parametrize("source", IMPORTS.values(), ids=IMPORTS.keys())
def test_remote_functions_of_other_files(tmp_path: Path, source: str) -> None:
    write_tree(tmp_path, FILES)
    (tmp_path / "pyproject.toml").write_text("")
    callee = last_callee(source, str(tmp_path / "pkg" / "main.py"))
    assert callee.kind is CalleeKind.TASK
    assert callee.module is not None
    assert callee.module.name == "pkg.work"


def test_actors_of_other_files_through_a_cycle_of_imports(tmp_path: Path) -> None:
    write_tree(tmp_path, FILES)
    source = "from pkg import Worker\nw = Worker.remote()\nw.step.remote()"
    callee = last_callee(source, str(tmp_path / "pkg" / "main.py"))
    assert (callee.kind, callee.target) == (CalleeKind.ACTOR_METHOD, "one actor")
    assert getattr(callee.definition, "name", "") == "step"


@pytest.mark.parametrize("name", ["broken", "missing", "pkg.missing", "numpy"])
def test_modules_that_cannot_be_had_are_unknown(tmp_path: Path, name: str) -> None:
    write_tree(tmp_path, FILES)
    source = f"import ray\nfrom {name} import square\nsquare.remote(1)"
    callee = last_callee(source, str(tmp_path / "pkg" / "main.py"))
    assert callee.kind is CalleeKind.UNKNOWN


def test_each_file_is_read_once_per_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, FILES)
    read: list[str] = []
    original = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda self: (read.append(self.name), original(self))[1]
    )
    project = Project()
    for index in range(3):
        source = "from pkg.work import square\nfrom pkg import sq\nsquare.remote(1)\nsq.remote(2)"
        callees(source, str(tmp_path / "pkg" / f"user{index}.py"), project)
    assert sorted(read) == sorted(set(read))
    assert "work.py" in read


def test_installed_packages_are_not_read(tmp_path: Path) -> None:
    write_tree(
        tmp_path / "site-packages",
        {
            "lib/__init__.py": "",
            "lib/a.py": "",
            "lib/work.py": FILES["pkg/work.py"],
            "rival/__init__.py": FILES["pkg/work.py"],
        },
    )
    home = str(tmp_path / "site-packages" / "lib" / "a.py")
    own = last_callee("import ray\nfrom lib.work import square\nsquare.remote(1)", home)
    foreign = last_callee("import ray\nfrom rival import square\nsquare.remote(1)", home)
    assert (own.kind, foreign.kind) == (CalleeKind.TASK, CalleeKind.UNKNOWN)


def test_source_roots_are_searched(tmp_path: Path) -> None:
    write_tree(tmp_path, {"lib/tasks.py": FILES["pkg/work.py"], "app/run.py": ""})
    source = "import ray\nfrom tasks import square\nsquare.remote(1)"
    home = str(tmp_path / "app" / "run.py")
    assert last_callee(source, home).kind is CalleeKind.UNKNOWN
    project = Project((str(tmp_path / "lib"),))
    assert last_callee(source, home, project).kind is CalleeKind.TASK
