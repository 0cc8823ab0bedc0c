"""The output formats, read back by what they are made for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ray_lint.finding import Applicability, Edit, Finding, Fix, Position
from ray_lint.report import FORMATS, Options, file_report, renderer
from ray_lint.sources.notebook import Notebook
from ray_lint.sources.source import PlainSource
from tests.doors.conftest import Command
from tests.doors.samples import FINDING

MESSAGE = 'a "b" <c> & 100%, d: e\n\x01\u2028'


def plain(fix: Fix | None = None) -> Finding:
    return Finding("RAY101", "n", MESSAGE, Position(1, 4), Position(1, 7), "s", ("e",), fix)


def render(name: str, finding: Finding, text: str = "é = bad\n") -> str:
    report = file_report(PlainSource("a,b:%.py", text.encode()), [finding])
    return "".join(renderer(name)([report], Options()))


@pytest.mark.parametrize("name", FORMATS)
def test_no_findings_and_odd_text(name: str) -> None:
    "".join(renderer(name)([], Options()))
    assert "RAY101" in render(name, plain())


def test_json_has_edits_in_characters() -> None:
    fix = Fix("Do", Applicability.UNSAFE, (Edit(4, 7, "good"),), "because")
    (row,) = json.loads(render("json", plain(fix)))
    assert row["fix"]["edits"][0]["location"] == {"row": 1, "column": 5}
    assert row["fix"]["applicability"] == "unsafe"
    assert row["fix"]["reason"] == "because"


def test_text_tells_the_evidence_when_asked() -> None:
    report = file_report(PlainSource("a.py", b"x = bad\n"), [plain()])
    assert "= because: e\n" in "".join(renderer("text")([report], Options(evidence=True)))
    assert "because" not in "".join(renderer("text")([report], Options()))


def test_notebook_edits_name_their_cell() -> None:
    cells = [{"cell_type": "code", "source": [line]} for line in ("a = 1", "b = 2")]
    book = Notebook("a.ipynb", json.dumps({"cells": cells}).encode())
    text = book.python.decode()
    offset = text.index("b = 2")
    place = book._lines.position(offset)
    fix = Fix("Do", Applicability.SAFE, (Edit(0, 1, "x"), Edit(offset, offset + 1, "y")))
    report = file_report(book, [Finding("RAY101", "n", "m", place, place, fix=fix)])
    (row,) = json.loads("".join(renderer("json")([report], Options())))
    assert (row["cell"], row["location"]) == (2, {"row": 1, "column": 1})
    assert [edit["cell"] for edit in row["fix"]["edits"]] == [1, 2]


def test_sarif_fits_its_schema(command: Command, tmp_path: Path) -> None:
    model = pytest.importorskip("pydantic_sarif.model")  # generated from the official schema
    (tmp_path / "é a.py").write_text(FINDING + "x = 1  # noqa: RAY101\n")
    log = json.loads(command("--output-format", "sarif", ".").stdout)
    model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(log)
    (run,) = log["runs"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "%C3%A9%20a.py", "uriBaseId": "ROOT"}
    assert place["region"]["startLine"] == 9
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "RAY101"
    assert second["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {
        "text": ""
    }


def test_sarif_says_what_consumers_need() -> None:
    log = json.loads(render("sarif", plain()))
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["columnKind"] == "unicodeCodePoints"
    assert log["runs"][0]["results"][0]["partialFingerprints"]


def test_sarif_says_why_a_fix_is_not_safe() -> None:
    fix = Fix("Do", Applicability.UNSAFE, (Edit(4, 7, "good"),), "because")
    properties = json.loads(render("sarif", plain(fix)))["runs"][0]["results"][0]["properties"]
    assert properties == {
        "symbol": "s",
        "evidence": ["e"],
        "fixApplicability": "unsafe",
        "fixReason": "because",
    }


def test_github_commands_are_escaped() -> None:
    (line,) = render("github", plain()).split("\n")[:-1]
    assert line.startswith("::warning title=ray-lint (RAY101),file=a%2Cb%3A%25.py,line=1,col=5,")
    assert "100%25" in line
    assert "%0A" in line


def test_gitlab_fingerprints_are_stable_and_distinct() -> None:
    finding = plain()
    report = file_report(PlainSource("a.py", b"x = bad\n"), [finding, finding])
    rows = json.loads("".join(renderer("gitlab")([report], Options())))
    assert len({row["fingerprint"] for row in rows}) == 2
    assert rows[0]["location"]["positions"]["begin"] == {"line": 1, "column": 5}
    moved = Finding("RAY101", "n", MESSAGE, Position(2, 4), Position(2, 7), "s")
    again = file_report(PlainSource("a.py", b"\nx = bad\n"), [moved])
    (row,) = json.loads("".join(renderer("gitlab")([again], Options())))
    assert row["fingerprint"] == rows[0]["fingerprint"]


GITLAB = {
    # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "positions"],
                "properties": {
                    "path": {"type": "string", "not": {"pattern": r"^(/|\./|\.\./)"}},
                    "positions": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": {
                            "type": "object",
                            "required": ["line", "column"],
                            "additionalProperties": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            },
        },
    },
}


def test_gitlab_finds_what_it_requires(command: Command, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    (tmp_path / "é a.py").write_text(FINDING + "x = 1  # noqa: RAY101\n")
    rows = json.loads(command("--output-format", "gitlab", ".").stdout)
    jsonschema.validate(rows, GITLAB)
    assert [row["location"]["path"] for row in rows] == ["é a.py"] * 2
    assert json.loads(command("--output-format", "gitlab", "--isolated", "no.py").stdout) == []


def test_github_reads_the_commands_as_its_runner_does(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a,b:100% é.py").write_text(FINDING)
    (line,) = command("--output-format", "github", ".").stdout.splitlines()
    # actions/runner: src/Runner.Common/ActionCommand.cs
    command_line, _, data = line.removeprefix("::").partition("::")
    name, _, fields = command_line.partition(" ")
    pairs = dict(field.split("=", 1) for field in fields.split(","))

    def plain(text: str) -> str:
        escapes = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
        for escaped, character in escapes:
            text = text.replace(escaped, character)
        return text

    assert name == "warning"
    assert {key: plain(value) for key, value in pairs.items()} == {
        "title": "ray-lint (RAY101)",
        "file": "a,b:100% é.py",
        "line": "9",
        "col": "20",
        "endLine": "9",
        "endColumn": "36",
    }
    assert plain(data).startswith("./a,b:100% é.py:9:20: RAY101 `double` is submitted as")


def test_junit_is_read_by_a_consumer(command: Command, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    (tmp_path / "é a.py").write_text(FINDING + "x = 1  # noqa: RAY101\n")
    (tmp_path / "b.py").write_text(FINDING)
    for arguments, failures in ((["."], [1, 2]), (["b.py", "--min-items", "20000"], [0])):
        command("--output-format", "junit", "-o", "report.xml", *arguments)
        report = junitparser.JUnitXml.fromfile(str(tmp_path / "report.xml"))
        assert [suite.failures for suite in report] == failures
        assert report.failures == sum(failures)
        counted = [len([case for case in suite if case.result]) for suite in report]
        assert counted == failures
        assert all(suite.tests == len(list(suite)) >= 1 for suite in report)


def test_junit_is_xml() -> None:
    root = ET.fromstring(render("junit", plain()).encode())
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["type"] == "RAY101"


def test_the_caret_knows_wide_characters_and_tabs() -> None:
    text = '\tx = "日本", bad\n'
    start = text.index("bad")
    finding = Finding("RAY101", "n", "m", Position(1, start), Position(1, start + 3))
    lines = render("text", finding, text).splitlines()
    assert lines[2] == '1 |     x = "日本", bad'
    assert lines[3] == "  | " + " " * (4 + len('x = "') + 4 + len('", ')) + "^^^"


def test_generated_pages_are_up_to_date() -> None:
    import subprocess
    import sys

    from tests.doors.conftest import ROOT, environment

    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
