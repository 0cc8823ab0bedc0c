"""Whatever happens while a file is written, it is the old or the new one, whole."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ray_lint.errors import SourceError
from ray_lint.sources import files
from ray_lint.sources.files import write
from tests.doors.conftest import Command, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")

PROGRAM = "import ray\n\n\n@ray.remote\ndef f(x):\n    return x + 1\n\n\n"
SITE = "ray.get([f.remote(i) for i in range(10_000)])\n"

KILLS = """
import os, random, signal, sys, time
from ray_lint.errors import SourceError
from ray_lint.sources import files
from ray_lint.sources.files import write
path, tries = sys.argv[1], int(sys.argv[2])
old, new = b"a" * 300_000, b"b" * 200_000
rng = random.Random(5)
seen = set()
for _ in range(tries):
    child = os.fork()
    if child == 0:
        while True:
            now = open(path, "rb").read()
            write(path, now, old if now == new else new)
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    content = open(path, "rb").read()
    assert content in (old, new), (len(content), content[:1], content[-1:])
    assert os.stat(path).st_mode & 0o777 == 0o640
    seen.add(content)
assert seen == {old, new}
"""


def run(code: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_killed_200_times(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"a" * 300_000)
    path.chmod(0o640)
    run(KILLS, path, "200")
    left = [p for p in tmp_path.iterdir() if p != path]
    assert not [p for p in left if p.suffix != ".tmp"]


def test_killed_while_fixing(tmp_path: Path) -> None:
    """The whole command, killed at any time: each file is whole, fixed or not."""
    names = [f"f{number}.py" for number in range(12)]
    before = (PROGRAM + SITE).encode()
    command = [sys.executable, "-m", "ray_lint", "--fix", "--no-cache", "-j2", "."]
    for name in names:
        (tmp_path / name).write_bytes(before)
    subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True)
    after = (tmp_path / names[0]).read_bytes()
    assert after != before
    for attempt in range(8):
        for name in names:
            (tmp_path / name).write_bytes(before)
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(0.3 + attempt * 0.15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
        assert {(tmp_path / name).read_bytes() for name in names} <= {before, after}


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A disk of 256 KiB; only the superuser may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount")
    if done.returncode:
        pytest.skip("may not mount a disk")
    yield disk  # type: ignore[misc]
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path, command: Command) -> None:
    path = small_disk / "a.py"
    before = (PROGRAM + SITE + "# " + "x" * 100_000 + "\n").encode()
    path.write_bytes(before)
    (small_disk / "ballast").write_bytes(b"x" * 130_000)
    done = command("--fix", path)
    assert done.returncode == 2
    assert f"{path}: not written, the file is unchanged: No space left" in done.stderr
    assert path.read_bytes() == before
    assert sorted(p.name for p in small_disk.iterdir()) == ["a.py", "ballast"]
    (small_disk / "ballast").unlink()
    assert command("--fix", path).returncode == 0
    assert path.read_bytes() != before


def test_a_limit_of_file_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    before = (PROGRAM + SITE + "# " + "x" * 100_000 + "\n").encode()
    path.write_bytes(before)
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from ray_lint.cli import main\n"
        "assert main(['--fix', '--no-cache', sys.argv[1]]) == 2\n"
    )
    run(code, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_a_read_only_directory(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a.py"
    path.write_text(PROGRAM + SITE)
    path.chmod(0o666)
    folder.chmod(0o555)
    code = (
        "import os, sys\n"
        "from ray_lint.core import fix\n"
        "fix(b'import ray\\nfrom x import f\\n[f.remote(i) for i in range(999)]\\n')\n"
        "from ray_lint.errors import SourceError\n"
        "from ray_lint.sources.files import read, write\n"
        "path = sys.argv[1]\n"
        "os.chdir(os.path.dirname(path))\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "before = read('a.py')\n"
        "try: write('a.py', before, b'new')\n"
        "except SourceError as error:\n"
        "    assert 'not written, the file is unchanged: Permission denied' in str(error), error\n"
        "else: raise AssertionError('written')\n"
        "assert read('a.py') == before\n"
    )
    run(code, path)
    folder.chmod(0o755)


def test_a_read_only_file(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "a.py"
    path.write_text(PROGRAM + SITE)
    path.chmod(0o444)
    done = command("--fix", "a.py")
    assert done.returncode == 2
    assert "a.py: not written, the file is unchanged: the file is read-only" in done.stderr
    assert path.read_text() == PROGRAM + SITE


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o4755)
    write(str(path), b"old", b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)
    assert stat.S_IMODE(status.st_mode) == 0o4755


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes of Linux")
def test_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("no extended attributes here")
    write(str(path), b"old", b"new")
    assert os.getxattr(path, "user.note") == b"mine"


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path, command: Command) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.py").write_text(PROGRAM + SITE)
    (inside / "link.py").symlink_to(outside / "a.py")
    (inside / "folder").symlink_to(outside)
    (inside / "own.py").write_text(PROGRAM + SITE)
    done = command("--fix", "in")
    assert done.returncode == 0
    assert (inside / "own.py").read_text() != PROGRAM + SITE
    assert (outside / "a.py").read_text() == PROGRAM + SITE
    assert sorted(p.name for p in outside.iterdir()) == ["a.py"]
    assert (inside / "link.py").is_symlink()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_what_is_not_fixed_stays_to_the_byte(
    tmp_path: Path, command: Command, ending: str, encoding: str
) -> None:
    head = "# -*- coding: latin-1 -*-\n" if encoding == "latin-1" else ""
    text = head + "# caf\u00e9\n" + PROGRAM + SITE + "x = 1  # no end of line"
    before = text.replace("\n", ending).encode(encoding)
    path = tmp_path / "a.py"
    path.write_bytes(before)
    done = command("--fix", "a.py")
    after = path.read_bytes()
    if encoding == "utf-16":
        assert done.returncode == 2
        assert after == before
        return
    assert done.returncode == 0, done.stderr
    kept = after.decode(encoding)
    assert kept.startswith((head + "# caf\u00e9\n").replace("\n", ending))
    assert kept.endswith(ending + "x = 1  # no end of line")
    assert set(kept.replace(ending, "")) & {"\r", "\n"} == set()


def test_what_cannot_be_taken_back_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third file was changed meanwhile, and then the disk is full for the first one."""
    paths = [tmp_path / name for name in ("a.py", "b.py", "c.py")]
    for path in paths:
        path.write_bytes(b"old")
    stage, room = files._stage, 4

    def staging(target: str, content: bytes, status: os.stat_result | None) -> str:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        if room == 1:
            paths[2].write_bytes(b"of someone else")
        return stage(target, content, status)

    monkeypatch.setattr(files, "_stage", staging)
    with pytest.raises(SourceError) as caught:
        files.write_together([(str(path), b"old", b"new") for path in paths])
    assert str(caught.value) == (
        f"{paths[2]}: not written, the file is unchanged: someone else changed the file meanwhile;"
        f" {paths[0]} could not get the old content back"
    )
    assert [path.read_bytes() for path in paths] == [b"new", b"old", b"of someone else"]
    assert sorted(tmp_path.iterdir()) == paths
