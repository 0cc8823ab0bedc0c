"""The command: exit codes, streams, options, bad input."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.cli import main
from ray_lint.cli.lint import run as lint
from ray_lint.core import check
from ray_lint.finding import Applicability
from ray_lint.rules import all_rules
from tests.doors.conftest import ROOT, Command, environment
from tests.doors.samples import CLEAN, COLUMN, FINDING, LINE

UNUSED = "x = 1  # noqa: RAY101\n"


def test_a_finding_is_printed_as_flake8_prints_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    done = command("a.py")
    assert done.returncode == 1
    assert done.stdout.startswith(f"a.py:{LINE}:{COLUMN}: RAY101 `double` is ")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("Found 1 finding.\n")


def test_nothing_to_say_is_said_by_silence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CLEAN)
    for arguments in (["a.py"], ["."], [], ["--output-format", "text"]):
        done = command(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_path_without_any_file_is_told(command: Command, tmp_path: Path) -> None:
    done = command(".")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "No Python file or notebook found.\n"
    assert command("-q", ".").stderr == ""


def test_a_defect_of_ours_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(arguments: list[str]) -> int:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("ray_lint.cli.lint.run", broken)
    assert main(["--fix"]) == 2
    told = "ray-lint: internal error, please report it: ZeroDivisionError: two lines\n"
    assert capsys.readouterr().err == told


def test_help_and_errors_come_without_the_extras(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(ray=None, pygls=None, lsprotocol=None)\n"
        "from ray_lint.cli import main\n"
        "for args in (['server'], ['verify', 'a.py'], ['profile', '--', 'x'], ['server', '-h']):\n"
        "    print(main(args))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("2\n2\n2\nusage: ray-lint server")
    assert done.stderr.splitlines() == [
        "ray-lint: the server needs pygls: pip install 'ray-lint[server]'",
        *["ray-lint: Ray is not installed; install it with: pip install 'ray-lint[ray]'"] * 2,
    ]


def test_exit_codes_can_be_chosen(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    assert command("--exit-zero", "a.py").returncode == 0
    (tmp_path / "b.py").write_text(UNUSED)
    assert command("--fix", "--exit-non-zero-on-fix", "b.py").returncode == 1
    (tmp_path / "b.py").write_text(UNUSED)
    assert command("--fix", "b.py").returncode == 0
    assert (tmp_path / "b.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outptu", "a.py"], "unknown option --outptu, did you mean --output-f"),
        (["--output-format", "sarf"], "invalid choice 'sarf', did you mean sarif? (choose from"),
        (["completion", "bsh"], "invalid choice 'bsh', did you mean bash?"),
        (["--min-items", "0"], "at least 1"),
        (["--task-threshold", "-1"], "positive number"),
        (["--fix", "--diff"], "exclude each other"),
        (["-", "a.py"], "cannot be combined"),
        (["--stdin-filename", "x.py", "a.py"], "needs -"),
        (["explain", "RAY110"], "unknown rule RAY110, did you mean RAY10"),
        (["verfy", "a.py"], "verfy: no such file, directory or command, did you mean verify?"),
        (["verify", "--repaet", "3", "a.py"], "unknown option --repaet, did you mean --repeat?"),
        (["profile", "--num-cpu", "3"], "did you mean --num-cpus?"),
        (["--config", "nowhere.toml"], "nowhere.toml: no such file"),
        (["explain", "too-fine"], "unknown rule too-fine, did you mean too-fine-grained-task?"),
        (["--output"], "unknown option --output, did you mean --output-f"),
        (["--baseline", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("ray-lint: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_bad_input_is_told_and_the_rest_goes_on(command: Command, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(FINDING)
    (tmp_path / "syntax.py").write_text("import ray\nfor x in y: f.remote(\n")
    (tmp_path / "bytes.py").write_bytes(b"import ray\nx = '\xff'; f.remote\n")
    (tmp_path / "null.py").write_bytes(b"import ray\n\0 f.remote")
    (tmp_path / "cookie.py").write_bytes(b"# coding: klingon\nimport ray; f.remote\n")
    (tmp_path / "book.ipynb").write_text("{ .remote")
    (tmp_path / "empty.py").write_text("")
    done = command(".", "missing.py")
    assert done.returncode == 2
    assert done.stdout.startswith(f"./good.py:{LINE}:{COLUMN}: RAY101")
    lines = [line for line in done.stderr.splitlines() if line.startswith("ray-lint: ")]
    told = {line.split(": ")[1] for line in lines}
    assert told == {
        "./syntax.py:2:21",
        "./bytes.py:2:1",
        "./null.py:2:1",
        "./cookie.py:1:1",
        "./book.ipynb:1:3",
        "missing.py",
    }
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_file_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    (tmp_path / "a.py").chmod(0)
    done = command("a.py")
    assert done.returncode == 2
    assert "cannot be read: Permission denied" in done.stderr


def test_a_read_only_file_is_not_fixed(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(UNUSED)
    path.chmod(0o444)
    done = command("--fix", "a.py")
    assert done.returncode == 2
    assert "not written, the file is unchanged: the file is read-only" in done.stderr
    assert path.read_text() == UNUSED
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_standard_input(command: Command) -> None:
    done = command("-", "--stdin-filename", "x/y.py", stdin=FINDING)
    assert done.returncode == 1
    assert done.stdout.startswith(f"x/y.py:{LINE}:{COLUMN}: RAY101")
    assert command("-", stdin=FINDING).stdout.startswith(f"<stdin>:{LINE}:")
    fixed = command("-", "--fix", stdin=UNUSED)
    assert (fixed.returncode, fixed.stdout) == (0, "x = 1\n")
    assert command("-", "--fix", stdin=CLEAN).stdout == CLEAN
    broken = command("-", "--fix", stdin="import ray; f.remote(\n")
    assert (broken.returncode, broken.stdout) == (2, "import ray; f.remote(\n")


def test_a_diff_changes_nothing_and_applies(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "a b.py"
    path.write_text("\n" + UNUSED.rstrip("\n"))
    done = command("--diff", path.name)
    assert done.returncode == 1
    assert path.read_text() == "\n" + UNUSED.rstrip("\n")
    subprocess.run(
        ["patch", "-p0", path.name], cwd=tmp_path, input=done.stdout.encode(), check=True
    )
    assert path.read_text() == "\nx = 1"


def test_processes_give_the_same_as_one(command: Command, tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"m{i}.py").write_text(FINDING if i % 2 else "import ray; f.remote(\n")
    one, two = command("-j", "1", "."), command("-j", "2", ".")
    assert one.returncode == 2
    assert one.stdout.count("RAY101") == 6
    assert (one.stdout, one.stderr) == (two.stdout, two.stderr)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_run_shows_progress_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        (tmp_path / f"m{i}.py").write_text(CLEAN + "f.remote()\n")
    monkeypatch.setattr("ray_lint.cli.lint._PATIENCE", -1.0)  # every run is a long one
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    lint(["-j", "1", "--isolated", str(tmp_path)])
    assert terminal.getvalue() == "1/3 files\r\033[K2/3 files\r\033[K"
    monkeypatch.setattr(sys, "stderr", quiet := Terminal())
    lint(["-j", "1", "--isolated", "--quiet", str(tmp_path)])
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    lint(["-j", "1", "--isolated", str(tmp_path)])
    assert (quiet.getvalue(), pipe.getvalue(), capsys.readouterr().out) == ("", "", "")


def test_the_batch_size_can_be_a_constant(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    assert "cluster_resources" in command("--diff", "a.py").stdout
    shown = command("--diff", "--batch-size", "123", "a.py").stdout
    assert "123" in shown
    assert "cluster_resources" not in shown


def test_what_git_ignores_can_be_seen(command: Command, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("made.py\n")
    (tmp_path / "made.py").write_text(FINDING)
    assert command(".").stdout == ""
    assert "made.py:9:20: RAY101" in command("--no-gitignore", ".").stdout


def test_select_and_ignore(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING + UNUSED)
    assert command("a.py").stdout.count(": RAY") == 2
    assert "RAY101 `" not in command("--ignore", "RAY1", "a.py").stdout
    assert "RAY900" not in command("--select", "RAY101", "a.py").stdout
    assert command("--min-items", "10001", "--ignore", "RAY9", "a.py").returncode == 0


def test_the_json_has_the_keys_of_ruff(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING + UNUSED)
    rows = json.loads(command("--output-format", "json", "a.py").stdout)
    first, second = rows
    assert {"code", "message", "filename", "location", "end_location", "cell", "fix"} <= set(first)
    assert first["location"] == {"row": LINE, "column": COLUMN}
    assert first["filename"] == str(tmp_path / "a.py")
    assert second["fix"]["applicability"] == "safe"
    assert second["fix"]["edits"] == [
        {
            "content": "",
            "location": {"row": 10, "column": 6},
            "end_location": {"row": 10, "column": 22},
        }
    ]
    lines = command("--output-format", "jsonl", "a.py").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_the_text_points_at_the_place(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    done = command("--output-format", "text", "a.py")
    source, caret = done.stdout.splitlines()[2:4]
    at = caret.index("^")
    assert source[at:].startswith("double.remote(x)")
    assert caret.count("^") == len("double.remote(x)")
    assert "\033" not in done.stdout
    assert "\033[" in command("--output-format", "text", "a.py", FORCE_COLOR="1").stdout


def test_the_help_fits_a_screen(command: Command) -> None:
    done = command("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 70
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_version_names_what_is_involved(command: Command) -> None:
    assert command("--version").stdout.startswith("ray-lint 0.")
    assert "LibCST" in command("--version").stdout


def test_rules_and_pages(command: Command) -> None:
    listed = command("rules").stdout.splitlines()
    assert [line.split()[:3] for line in listed] == [
        ["RAY101", "too-fine-grained-task", "safe/unsafe/advice"],
        ["RAY102", "too-fine-grained-actor-call", "safe/unsafe/advice"],
        ["RAY900", "unused-suppression", "safe"],
    ]
    for code in ("RAY101", "RAY102", "RAY900"):
        assert "## What it does" in command("explain", code).stdout
    assert command("explain", "too-fine-grained-task").stdout == command("explain", "ray101").stdout


def test_a_file_name_that_no_encoding_has(command: Command, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 x.py")
    try:
        (tmp_path / name).write_text(FINDING)
    except OSError:
        pytest.skip("the file system has Unicode names only")
    for output_format in ("text", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit"):
        done = command("--output-format", output_format, ".")
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr


def test_a_file_without_a_candidate_costs_no_imports(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CLEAN)
    code = (
        "import sys; before = set(sys.modules); from ray_lint.cli import main;"
        "assert main(['a.py']) == 0; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "__future__",
        "ray_lint",
        "ray_lint.cli",
        "ray_lint.cli.quick",
        "ray_lint.sources",
        "ray_lint.sources.gate",
    ]


def test_without_findings_nothing_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CLEAN + "x = [y.remote for y in z]\n")
    code = (
        "import sys; from ray_lint.cli import main; assert main(['a.py', '--no-cache']) == 0;"
        "print(*(m for m in ('libcst', 'ray', 'multiprocessing', 'json', 'logging') "
        "if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


def test_a_broken_setting_is_told_even_if_no_file_needs_it(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(CLEAN)
    (tmp_path / "ray-lint.toml").write_text("min-itms = 3\n")
    done = command("a.py")
    assert done.returncode == 2
    assert "ray-lint.toml:1: unknown key 'min-itms', did you mean min-items?" in done.stderr


def test_the_output_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING)
    done = command("a.py", "--output-file", "out.txt", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "out.txt").read_text().startswith("a.py:9:20: RAY101")
    done = command("a.py", "--diff", "-o", "out.diff")
    assert (done.returncode, done.stdout) == (1, "")
    assert (tmp_path / "out.diff").read_text() == command("a.py", "--diff").stdout != ""


def test_statistics_are_the_result(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING + FINDING.splitlines()[-1] + "\n" + UNUSED)
    done = command("--statistics", "a.py")
    counted = "      2  RAY101  too-fine-grained-task\n      1  RAY900  unused-suppression\n"
    assert (done.returncode, done.stdout) == (1, counted)
    assert done.stderr.startswith("Found 3 findings.\n")
    command("--statistics", "a.py", "-q", "-o", "counts.txt")
    assert (tmp_path / "counts.txt").read_text() == counted
    rows = json.loads(command("--statistics", "a.py", "--output-format", "json").stdout)
    assert rows[1] == {
        "code": "RAY900",
        "name": "unused-suppression",
        "count": 1,
        "fixable": 1,
    }
    before = (tmp_path / "a.py").read_text()
    for more in (["--output-format", "sarif", "--fix", "-o", "counts.txt"], ["--diff"]):
        done = command("--statistics", "a.py", *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--statistics" in done.stderr
    assert (tmp_path / "a.py").read_text() == before
    assert (tmp_path / "counts.txt").read_text() == counted
    assert command("--statistics", "a.py", "--ignore", "RAY").stdout == ""


def test_the_reader_may_stop_early(tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"a{i}.py").write_text(FINDING * 3)
    done = subprocess.run(
        f"{sys.executable} -m ray_lint -q . | head -n 1",
        shell=True,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_the_package_runs_as_a_module() -> None:
    assert (ROOT / "ray_lint" / "__main__.py").is_file()


@pytest.mark.parametrize("name", ["verify", "profile"])
def test_the_commands_that_need_ray_have_help_without_it(command: Command, name: str) -> None:
    done = command(name, "--help")
    assert done.returncode == 0
    assert f"ray-lint {name}" in done.stdout
    wrong = command(name, "--repaet", "3", "a.py")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("ray-lint: ")


def test_the_marks_of_the_rules_are_what_their_fixes_can_be() -> None:
    seen: dict[str, set[Applicability]] = {}
    for path in (ROOT / "fixtures").rglob("*.py"):
        if b"class " in path.read_bytes():
            for finding in check(path.read_bytes(), filename=str(path)):
                assert finding.fix is not None
                seen.setdefault(finding.code, set()).add(finding.fix.applicability)
    (unused,) = check(b"x = 1  # noqa: RAY101\n")
    assert unused.fix is not None
    seen[unused.code] = {unused.fix.applicability}
    assert seen == {rule.code: set(rule.fixes) for rule in all_rules()}


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_notebook_is_fixed_cell_by_cell(
    command: Command, tmp_path: Path, indent: int | None, ending: str
) -> None:
    def book(cells: list[str]) -> bytes:
        document = {
            "nbformat_minor": 5,
            "cells": [
                {"source": ["# é `f.remote`\n"], "cell_type": "markdown", "metadata": {"z": 1}},
                *(
                    {
                        "outputs": [{"text": ["old 😀\n"], "output_type": "stream"}],
                        "execution_count": 7,
                        "source": cell.splitlines(keepends=True),
                        "metadata": {"b": 1, "a": {}},
                        "cell_type": "code",
                    }
                    for cell in cells
                ),
            ],
            "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
            "nbformat": 4,
        }
        return (json.dumps(document, indent=indent, ensure_ascii=False) + ending).encode()

    timed = "%time ray.get([double.remote(x) for x in range(10_000)])"
    before = [
        "%matplotlib inline\n!pip install ray\nimport ray\nray.init()",
        "@ray.remote\ndef double(x):\n    return x * 2",
        "%%time\nrefs = [double.remote(x) for x in range(10_000)]\nvalues = ray.get(refs)",
        timed,
        "%%bash\nfor f in *; do echo $f.remote; done",
        "values?\nprint(values)\n",
    ]
    path = tmp_path / "é b.ipynb"
    path.write_bytes(book(before))
    done = command("--fix", ".")
    assert done.returncode == 1
    assert done.stdout.startswith("./é b.ipynb:cell 4:1:16: RAY101")
    assert done.stderr == "Fixed 1 finding; 1 left.\n"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    after = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert path.read_bytes() == book(after)
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, False, *[True] * 3]
    assert after[1].startswith("def split_into_batches(items):\n")
    assert after[1].endswith("def double_batch(xs):\n    return [x * 2 for x in xs]")
    assert after[2].startswith("%%time\nrefs = [double_batch.remote(batch) for batch in split")
    left = command(".", "--output-format", "text")
    assert f"1 | {timed}\n" in left.stdout
    assert "no fix: it would change a line with a magic in cell 4" in left.stdout
    assert "1 fixable" not in left.stderr


def test_comments_come_into_every_cell_but_not_into_magics(
    command: Command, tmp_path: Path
) -> None:
    call = "ray.get([double.remote(x) for x in range(10_000)])"
    cells = [FINDING, f"%%time\n{call}", f"%time {call}"]
    rows = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": rows}))
    done = command("--add-noqa", "a.ipynb")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "ray-lint: a.ipynb:cell 3:1:1: not suppressed: "
        "it would change a line with a magic in cell 3",
        "Suppressed 2 findings.",
    ]
    after = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    head = FINDING.rstrip("\n")
    assert after == [f"{head}  # noqa: RAY101\n", f"%%time\n{call}  # noqa: RAY101", cells[2]]


def test_warnings_of_the_parser_are_left_to_other_tools(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINDING + 'escape = "\\d"\nempty = 0in []\n')
    done = command("a.py", PYTHONWARNINGS="error::SyntaxWarning,error::DeprecationWarning")
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "Warning" not in done.stderr
