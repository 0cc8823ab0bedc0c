"""The plugin inside of real flake8, and ``# noqa`` as flake8 reads it."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ray_lint.core import check
from tests.doors.conftest import ROOT, Command
from tests.doors.plugin import LOCAL_PLUGIN, flake8, is_installed
from tests.doors.samples import COLUMN, FINDING, LINE

pytest.importorskip("flake8")

Flake8 = Callable[..., str]
OLDEST = "6.0.0"


@pytest.fixture(scope="session")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the oldest flake8 that the plugin supports."""
    packages = tmp_path_factory.mktemp("flake8-oldest")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-warn-script-location",
         "--disable-pip-version-check", "--no-compile", "--target", str(packages),
         f"flake8=={OLDEST}"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return packages


@pytest.fixture(params=["newest", pytest.param("oldest", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest) -> Flake8:
    """Run the installed flake8, and the oldest supported one."""
    if request.param == "newest":
        return flake8
    return partial(flake8, packages=request.getfixturevalue("oldest"))


def test_the_oldest_version_is_the_one_that_is_promised(tmp_path: Path, run: Flake8) -> None:
    version = run(tmp_path, "--version").split()[0]
    assert version == OLDEST or run is flake8
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"flake8>={OLDEST.removesuffix(".0")}"' in project


def test_line_and_column_are_those_of_the_command(
    tmp_path: Path, run: Flake8, command: Command
) -> None:
    (tmp_path / "a.py").write_text("é = 1\n" + FINDING)
    out = run(tmp_path, "a.py")
    assert out.startswith(f"a.py:{LINE + 1}:{COLUMN}: RAY101 `double` is ")
    assert command("a.py").stdout == out


@pytest.mark.parametrize("coding", ["latin-1", "utf-8"])
def test_encodings_and_byte_order_marks(tmp_path: Path, run: Flake8, coding: str) -> None:
    text = f"# coding: {coding}\né = 'é'\n" + FINDING
    (tmp_path / "a.py").write_bytes(text.encode(coding))
    assert f"a.py:{LINE + 2}:{COLUMN}: RAY101" in run(tmp_path, "a.py")
    (tmp_path / "b.py").write_bytes(b"\xef\xbb\xbf" + FINDING.encode())
    assert f"b.py:{LINE}:{COLUMN}: RAY101" in run(tmp_path, "b.py")


def test_standard_input_and_syntax_errors(tmp_path: Path, run: Flake8) -> None:
    out = run(tmp_path, "--stdin-display-name", "x.py", "-", stdin=FINDING)
    assert out.startswith(f"x.py:{LINE}:{COLUMN}: RAY101")
    assert "RAY" not in run(tmp_path, "-", stdin="import ray\nf.remote(\n")


def test_options_in_the_configuration_file(tmp_path: Path, run: Flake8) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    for line, expected in (
        ("ray-min-items = 10000\n", True),
        ("ray-min-items = 10001\n", False),
        ("ray-known-heavy = double\n", False),
        ("per-file-ignores =\n    a.py: RAY101\n", False),
        ("ray-strict = true\nray-task-threshold = 0.02\n", True),
    ):
        (tmp_path / ".flake8.more").write_text(line)
        assert ("RAY101" in run(tmp_path, "a.py")) == expected, line


@pytest.mark.parametrize("file", [".flake8", "setup.cfg", "tox.ini"])
def test_each_of_the_configuration_files_counts(tmp_path: Path, run: Flake8, file: str) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    assert "RAY101" in run(tmp_path, "a.py", file=file)
    (tmp_path / ".flake8.more").write_text("ray-min-items = 10001\n")
    assert run(tmp_path, "a.py", file=file) == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["RAY101", "RAY900"]),
        (["--extend-ignore", "RAY101"], ["RAY900"]),
        (["--select", "RAY9"], ["RAY900"]),
        (["--select", "RAY101"], ["RAY101"]),
        (["--per-file-ignores", "a.py:RAY9"], ["RAY101"]),
    ],
)
def test_selecting_and_ignoring_on_the_command_line(
    tmp_path: Path, run: Flake8, arguments: list[str], expected: list[str]
) -> None:
    (tmp_path / "a.py").write_text(FINDING + "x = 1  # noqa: RAY101\n")
    told = run(tmp_path, *arguments, "a.py").splitlines()
    assert [line.split()[1] for line in told] == expected


def test_without_a_selection_all_rules_are_on(tmp_path: Path, run: Flake8) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    config = tmp_path / "none.cfg"
    config.write_text("" if is_installed() else LOCAL_PLUGIN.replace("select = RAY\n", ""))
    assert "RAY101" in run(tmp_path, "--config", str(config), "a.py")
    assert run(tmp_path, "--config", str(config), "--extend-ignore", "RAY", "a.py") == ""


OFF_BY_DEFAULT = """\
class Plugin:
    name, version = "off", "1"

    def __init__(self, tree):
        pass

    @staticmethod
    def add_options(manager):
        manager.extend_default_ignore(["RAY1"])

    def run(self):
        return iter(())
"""


def test_another_plugin_can_extend_the_default_ignore(tmp_path: Path, run: Flake8) -> None:
    (tmp_path / "a.py").write_text(FINDING + "x = 1  # noqa: RAY102\n")
    (tmp_path / "off.py").write_text(OFF_BY_DEFAULT)
    local = "[flake8:local-plugins]\npaths = .\nextension =\n    OFF = off:Plugin\n"
    ours = "" if is_installed() else "    RAY = ray_lint.flake8:Plugin\n"
    (tmp_path / "off.cfg").write_text(local + ours)

    def codes(*arguments: str) -> set[str]:
        told = run(tmp_path, "--config", "off.cfg", *arguments, "a.py").splitlines()
        return {line.split()[1] for line in told if " RAY" in line}

    assert codes() == {"RAY900"}
    assert codes("--extend-select", "RAY101") == {"RAY101", "RAY900"}
    assert codes("--select", "RAY") == {"RAY101", "RAY900"}


def test_the_help_names_the_options_and_their_defaults(tmp_path: Path, run: Flake8) -> None:
    words = run(tmp_path, "--help").split()
    for option in ("--ray-min-items", "--ray-task-threshold", "--ray-strict", "--ray-known-heavy"):
        assert option in words
    assert {"200)", "0.01)"} <= {word.rstrip(".") for word in words}


def test_several_processes(tmp_path: Path, run: Flake8) -> None:
    for name in "abc":
        (tmp_path / f"{name}.py").write_text(FINDING)
    (tmp_path / ".flake8.more").write_text("ray-min-items = 10001\n")
    assert run(tmp_path, "-j", "2", ".") == ""
    assert run(tmp_path, "-j", "2", "--ray-min-items", "5", ".").count("RAY101") == 3


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ("", []),
        ("extend-ignore = RAY101\n", ["--ignore", "RAY101"]),
        ("per-file-ignores = a.py: RAY1\n", ["--ignore", "RAY1"]),
        ("ray-min-items = 10001\n", ["--min-items", "10001"]),
        ("ray-strict = yes\n", ["--strict"]),
    ],
)
def test_the_command_gives_the_same_under_the_same_options(
    tmp_path: Path, run: Flake8, command: Command, more: str, options: list[str]
) -> None:
    line = FINDING.splitlines()[-1]
    unknown = "def g(items):\n    return [double.remote(x) for x in items]\n"
    (tmp_path / "a.py").write_text(
        f"{FINDING}{line}  # noqa: RAY101\nx = 1  # noqa: RAY101\ny = 2  # noqa: RAY102\n{unknown}"
    )
    (tmp_path / ".flake8.more").write_text(more)
    told = command("-q", "--no-cache", *options, "a.py").stdout
    assert run(tmp_path, "a.py") == told != ""


def test_source_roots_hold_the_imported_packages(tmp_path: Path, run: Flake8) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tasks.py").write_text(FINDING.partition("\n\n\nresults")[0] + "\n")
    text = "import ray\nfrom tasks import double\nxs = [double.remote(x) for x in range(900)]\n"
    (tmp_path / "a.py").write_text(text)
    assert run(tmp_path, "a.py") == ""
    (tmp_path / ".flake8.more").write_text("ray-source-roots =\n    src,\n    lib\n")
    assert "a.py:3:7: RAY101" in run(tmp_path, "a.py")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ray-min-items = 0", "--ray-min-items: expected a whole number of at least 1, not '0'"),
        ("ray-task-threshold = -1", "--ray-task-threshold: expected a positive number of seconds"),
        ("ray-profile = none.json", "none.json"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, run: Flake8, line: str, message: str) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / ".flake8.more").write_text(f"{line}\n")
    assert message in run(tmp_path, "a.py", error=True)


PIECES = [
    "# noqa", "#noqa", "# NOQA", "# NoQa:RAY101", "# noqa: RAY101", "# noqa:RAY1", "# noqa: RAY",
    "# noqa: ray101", "# noqa : RAY101", "# noqa: E501, RAY101", "# noqa: E501 RAY102",
    "# noqa:  RAY101", "# noqa: E501", "# noqa RAY102", "# x # noqa: RAY101 # y", "# noqa:E5,RAY1x",
    "# type: ignore # noqa: W1,,RAY101", "# noqa-RAY102", "# noqa: RAY101: reason", "# noqa:RAY900",
    "# noqa: RAY102", "# noqa: RAY101, RAY102",
]  # fmt: skip
SHAPES = [
    "refs = [double.remote(x) for x in range(10_000)]  {0}\n",
    "refs = [\n    double.remote(x)  {0}\n    for x in range(10_000)  {1}\n]  {2}\n",
    "refs = [double.remote(x) \\\n    for x in range(10_000)]  {0}\n",
    "s = '''{0}\n'''; refs = [double.remote(x) for x in range(10_000)]  {1}\n",
    "s = '''\n{0}\n'''  {1}\nrefs = [double.remote(x) for x in range(10_000)]\n",
    "for x in range(10_000):  {0}\n\tdouble.remote(  {1}\n\t\tx)  {2}\n",
    "{0}\nrefs = [double.remote(x) for x in range(10_000)]\n{1}\n",
    "if 1:\n    if 1:\n        refs = [double.remote(x) for x in range(10_000)]  {0}",
    "x = '{0}'; refs = [double.remote(x) for x in range(10_000)]\n",
]
FILE_LEVEL = [
    "# flake8: noqa\n", "  # flake8:noqa\n", "x = 1  # flake8: noqa\n", "# flake8: noqa: E501\n",
    "# FLAKE8= NOQA\n", "s = '''\n# flake8: noqa\n'''\n", "# flake8 : noqa\n",
]  # fmt: skip


def generated(seed: int, number: int) -> list[str]:
    rng = random.Random(seed)
    head = FINDING.partition("results")[0]
    sources = [head + line + "refs = [double.remote(x) for x in range(10_000)]\n"
               for line in FILE_LEVEL]  # fmt: skip
    for _ in range(number):
        shapes = rng.choices(SHAPES, k=3)
        bodies = [s.format(*rng.choices(["", *PIECES], k=3)) for s in shapes]
        text = head + "".join(b if b.endswith("\n") else b + "\n" for b in bodies[:-1]) + bodies[-1]
        sources.append(rng.choice([text, text, text.replace("\n", "\r\n")]))
    return sources


def test_noqa_agrees_with_flake8(tmp_path: Path, run: Flake8) -> None:
    sources = generated(7, 150)
    expected = []
    for number, text in enumerate(sources):
        (tmp_path / f"f{number:03}.py").write_bytes(text.encode())
        found = check(text.encode(), filename=f"f{number:03}.py", fixes=False)
        expected += [
            f"./f{number:03}.py:{f.start.line}:{f.start.column + 1}: {f.code}" for f in found
        ]
    told = [" ".join(line.split(" ")[:2])
            for line in run(tmp_path, ".").splitlines()]  # fmt: skip
    assert sorted(told) == sorted(expected)
    assert len(expected) > 100
    assert {line.split()[1] for line in told} == {"RAY101", "RAY900"}


def test_added_comments_silence_both(tmp_path: Path, command: Command) -> None:
    sources = [text for text in generated(11, 60) if "flake8" not in text.lower()]
    for number, text in enumerate(sources):
        (tmp_path / f"f{number:03}.py").write_bytes(text.encode())

    def reported() -> int:
        told = flake8(tmp_path, ".").splitlines()
        return sum(line.split()[1].startswith("RAY1") for line in told)

    before = reported()
    assert before > 50
    done = command("--add-noqa", "--no-cache", ".")
    # Where a string says "# noqa" first, flake8 reads that; a program is never changed for it.
    impossible = done.stderr.count("not suppressed: a string on this line says `# noqa`")
    assert 0 < impossible < 20
    assert done.returncode == 2
    assert done.stderr.endswith(f"\nSuppressed {before - impossible} findings.\n")
    assert reported() == impossible
    for number, text in enumerate(sources):
        after = (tmp_path / f"f{number:03}.py").read_bytes().decode()
        assert ast.dump(ast.parse(after)) == ast.dump(ast.parse(text))
