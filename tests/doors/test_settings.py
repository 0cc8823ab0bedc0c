"""Settings: where they are found, what is wrong with them, what they change."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from ray_lint.errors import UsageError
from ray_lint.settings import KEYS, SettingsFinder, load, schema
from tests.doors.conftest import ROOT, Command
from tests.doors.samples import FINDING

UNUSED = "x = 1  # noqa: RAY101\n"


def write(folder: Path, text: str, name: str = "ray-lint.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min-itms = 3", ":1: unknown key 'min-itms', did you mean min-items?"),
        ("strict = true\nmin_items = 3", ":2: unknown key 'min_items', did you mean min-items?"),
        ("MIN-ITEMS = 3", ":1: unknown key 'MIN-ITEMS', did you mean min-items?"),
        ("\nmin-items = 'x'", ':2: min-items must be a whole number, not "x"'),
        ("min-items = true", ":1: min-items must be a whole number, not true"),
        ("min-items = 0", ":1: min-items must be at least 1, not 0"),
        ("task-threshold = 0", ":1: task-threshold must be above 0, not 0"),
        ("select = 'RAY'", ':1: select must be a list of strings, not "RAY"'),
        ("select = [3]", ":1: each entry of select must be a string, not 3"),
        ("select = ['RAY',\n'ray101']", ":2: each entry of select must be a code (RAY101, RAY102"),
        ("ignore = [ # RAY55\n'RAY55']", ":2: each entry of ignore must be a code (RAY101, RAY102"),
        ("output-format = 'xml'", ":1: output-format must be one of text, concise"),
        ("output-format = 'txt'", 'not "txt", did you mean text?'),
        ("[per-file-ignores]\n'a' = 3", ":2: per-file-ignores.a must be a list of strings, not 3"),
        (
            "per-file-ignores.'a*' = ['E5']",
            ':1: each entry of per-file-ignores."a*" must be a code',
        ),
        ("\n[tool.ray-lint]\n", ":2: the heading [tool.ray-lint] belongs in pyproject.toml only"),
        ("x = ", ":1:"),
        ("x = 1\nx = 2", ":2:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project]\nname = 'x'\n[tool.ray-lint]\nselect = 3", ":4: select must be"),
        ("[tool.other]\nselect = 3\n[tool.ray-lint]\n'select' = 3", ":4: select must be"),
        ("[tool.'ray-lint'.select]\nx = 3", ":1: select must be"),
        ("[tool]\nray-lint.min-itms = 3", ":2: unknown key 'min-itms', did you mean min-items?"),
        ("\ntool.ray-lint.strict = 3", ":2: strict must be true or false, not 3"),
        ("[tool]\n\nray-lint = {min-itms = 3}", ":3: unknown key 'min-itms'"),
        ("x = '''\nselect = 3'''\n[tool.ray-lint]\nselect = 3", ":4: select must be"),
        ("[[tool.ray-lint]]\nx = 3", ':1: tool.ray-lint must be a table, not [{"x": 3}]'),
        ("[tool]\nray-lint = 3", ":2: tool.ray-lint must be a table, not 3"),
        ("[tool.ray_lint]", ":1: unknown section [tool.ray_lint], did you mean [tool.ray-lint]?"),
        ("[tool.raylint]", ":1: unknown section [tool.raylint], did you mean [tool.ray-lint]?"),
    ],
)
def test_lines_in_a_pyproject_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text, "pyproject.toml")
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert str(caught.value).startswith(f"{path}{message}")


def test_other_tables_are_none_of_our_business(tmp_path: Path) -> None:
    text = "tool = 3\nray_lint = 4\n"
    assert load(str(write(tmp_path, text, "pyproject.toml"))) is None
    text = "[project]\ndependencies = ['ray-lint', 'ray_lint']\n[tool.ruff]\nx = 'raylint'\n"
    assert load(str(write(tmp_path, text, "pyproject.toml"))) is None


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_code_that_no_rule_has_is_refused(command: Command, tmp_path: Path, option: str) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    done = command(option, "RAY102,RAY7", "a.py")
    assert done.returncode == 2
    assert "expected a code (RAY101, RAY102, RAY900) or the first letters of one" in done.stderr


def test_the_nearest_file_counts_alone(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path, "[tool.ray-lint]\nmin-items = 3\nstrict = true\n", "pyproject.toml")
    write(tmp_path / "a", "min-items = 4\n")
    write(tmp_path / "a" / "b", "[tool.other]\nx = 'ray-lint'\n", "pyproject.toml")
    finder = SettingsFinder()

    def at(name: str) -> tuple[int, bool]:
        path = str(tmp_path / name)
        config = finder.for_file(path).config(path, {})
        return config.min_items, config.strict

    assert at("x.py") == (3, True)
    assert at("a/x.py") == (4, False)
    assert at("a/b/x.py") == (4, False)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        "exclude = ['gen/', '/top.py', '*_pb2.py']\nsource-roots = ['lib']\n"
        "[per-file-ignores]\n'tests/' = ['RAY101']\n'/one.py' = ['RAY9']\n",
    )
    settings = SettingsFinder().for_file(str(tmp_path / "x.py"))

    def excluded(name: str, *, directory: bool = False) -> bool:
        return settings.excludes(str(tmp_path / name), directory)

    assert excluded("gen", directory=True)
    assert excluded("a/gen/x.py")
    assert not excluded("gen")
    assert excluded("top.py")
    assert not excluded("a/top.py")
    assert excluded("a/x_pb2.py")

    def selects(name: str, code: str) -> bool:
        path = str(tmp_path / name)
        return settings.config(path, {}).selects(code)

    assert not selects("a/tests/x.py", "RAY101")
    assert selects("a/tests/x.py", "RAY102")
    assert not selects("one.py", "RAY900")
    assert selects("a/one.py", "RAY900")
    assert settings.config("x.py", {}).source_roots == (str(tmp_path / "lib"),)


def test_settings_reach_the_command(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text(FINDING)
    write(tmp_path / "sub", "min-items = 20000\n")
    assert command(".").stdout.count("RAY101") == 1
    assert command("--isolated", ".").stdout.count("RAY101") == 2
    assert command("--config", "sub/ray-lint.toml", ".").stdout == ""
    assert command("--min-items", "5", ".").stdout.count("RAY101") == 2
    write(tmp_path, "exclude = ['a.py']\n")
    assert command(".").stdout == ""
    assert command("a.py").stdout.count("RAY101") == 1
    assert command("--force-exclude", "a.py").stdout == ""
    assert command("--force-exclude", "-", "--stdin-filename", "a.py", stdin=FINDING).stdout == ""


def test_what_holds_is_shown_with_its_origin(command: Command, tmp_path: Path) -> None:
    text = (
        "[tool]\nray-lint.min-items = 7\nray-lint.exclude = [\n  'x',\n  'gen/',\n]\n"
        "[tool.ray-lint.per-file-ignores]\n'tests/*.py' = ['RAY101']\n"
    )
    path = write(tmp_path, text, "pyproject.toml")
    shown = command("--show-config", "--strict", "a.py").stdout.splitlines()
    assert f"min-items = 7  # {path}:2" in shown
    assert f'per-file-ignores = {{ "tests/*.py" = ["RAY101"] }}  # {path}:7' in shown
    assert "strict = true  # command line" in shown
    assert "task-threshold = 0.01  # default" in shown
    assert shown[0] == "# settings for a.py"
    assert shown[len(KEYS) + 1 :] == ["# rules for this file: RAY101, RAY102, RAY900"]
    everything = "# rules for this file: RAY101, RAY102, RAY900"
    shown = command("--show-config", "gen/tests/b.py").stdout.splitlines()
    assert shown[len(KEYS) + 1 :] == [everything, f'# excluded by "gen/"  # {path}:5']
    shown = command("--show-config", "--ignore", "RAY102", "tests/b.py").stdout.splitlines()
    holds = f'# "tests/*.py" of per-file-ignores holds  # {path}:8'
    assert shown[len(KEYS) + 1 :] == ["# rules for this file: RAY900", holds]
    assert tomllib.loads(command("--show-config", ".").stdout)["min-items"] == 7


def test_the_schema_says_what_is_checked() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    published = json.loads((ROOT / "docs" / "ray-lint.schema.json").read_text())
    assert published == schema()
    validator = jsonschema.Draft7Validator(published)
    jsonschema.Draft7Validator.check_schema(published)
    for good in ({"min-items": 3, "per-file-ignores": {"a": ["RAY1"]}}, {"select": []}, {}):
        assert validator.is_valid(good)
    for bad in ({"min-itms": 3}, {"min-items": 0}, {"select": "RAY"}, {"select": ["x"]}):
        assert not validator.is_valid(bad)
    assert {key: value.default for key, value in KEYS.items() if value.default is not None} == {
        key: value["default"]
        for key, value in published["properties"].items()
        if "default" in value
    }


def test_the_baseline_accepts_what_moves_and_reports_what_is_new(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text(FINDING)
    assert command("--write-baseline", "b.json", ".").returncode == 0
    path.write_text("# a new line\n" + FINDING.replace("results = ", "    # x\nresults = "))
    assert command("--baseline", "b.json", ".").returncode == 0
    line = FINDING.splitlines()[-1]
    path.write_text(FINDING + line + "\n")
    done = command("--baseline", "b.json", ".")
    assert done.stdout.startswith("./a.py:10:20: RAY101")
    assert done.stdout.count("\n") == 1
    write(tmp_path, "baseline = 'b.json'\n")
    assert command("a.py").stdout.count("\n") == 1
    (tmp_path / "b.json").write_text("[]")
    done = command("a.py")
    assert done.returncode == 2
    assert "b.json: not a baseline" in done.stderr


def test_accepted_findings_are_not_fixed(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(UNUSED)
    command("--write-baseline", "b.json", ".")
    assert command("--baseline", "b.json", "--fix", "a.py").returncode == 0
    assert (tmp_path / "a.py").read_text() == UNUSED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{0}\n", "{0}  # noqa: RAY101\n"),
        ("{0}", "{0}  # noqa: RAY101"),
        ("{0}  # why\r\n", "{0}  # why  # noqa: RAY101\r\n"),
        ("{0}  # noqa: E501\n", "{0}  # noqa: E501, RAY101\n"),
        ("{0}; s = '''\n'''\n", "{0}; s = '''\n'''  # noqa: RAY101\n"),
    ],
)
def test_suppressions_are_written_where_they_hold(
    command: Command, tmp_path: Path, before: str, after: str
) -> None:
    head, _, line = FINDING.rstrip("\n").rpartition("\n")
    path = tmp_path / "a.py"
    path.write_bytes(f"{head}\n{before.format(line)}".encode())
    assert command("--add-noqa", "a.py").returncode == 0
    assert path.read_bytes() == f"{head}\n{after.format(line)}".encode()
    assert command("a.py").returncode == 0
    assert command("--add-noqa", "a.py").stderr == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # noqa: RAY101\n", "x = 1\n"),
        ("x = 1  # noqa: RAY101, E501\n", "x = 1  # noqa: E501\n"),
        ("x = 1  # noqa:RAY101,RAY102\r\n", "x = 1\r\n"),
        ("x = 1  # why  # noqa: RAY101\n", "x = 1  # why\n"),
        ("x = 1  # noqa: RAY101 # why\n", "x = 1  # why\n"),
        ("x = 1  # noqa: RAY101 why\n", "x = 1  # why\n"),
        ("x = 1  # noqa\n", None),
        ("x = '# noqa: RAY101'\n", None),
        ("x = 1  # noqa: RAY900, RAY101\n", None),
        ("x = 1  # noqa: RAYX1, E501\n", None),
    ],
)
def test_unused_suppressions_are_removed(
    command: Command, tmp_path: Path, before: str, after: str | None
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(before.encode())
    assert command("a.py").returncode == (0 if after is None else 1)
    assert command("--fix", "a.py").returncode == 0
    assert path.read_bytes() == (after or before).encode()
