"""The cache: findings of earlier runs, found again by content.

One small file per linted file. An entry counts only if the content of the file, the configuration
and everything that its findings rest on in other files are as they were; its directory stands for
ray-lint's own code, Python's version and LibCST's. Entries come into place in one step and carry a
checksum, so that runs side by side, a kill or a damaged disk cost a second look, never a wrong
answer. They are JSON: reading one executes nothing, whoever has put it there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ray_lint import __version__
from ray_lint.cli.quick import CACHE
from ray_lint.finding import Applicability, Edit, FileEdits, Finding, Fix, Position, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_lint.config import Config
    from ray_lint.program.project import Project

NAME = CACHE
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds the cache of ray-lint; it can be deleted at any time.\n"
)


class Cache:
    """The entries below one directory. Whatever goes wrong with it is a miss."""

    def __init__(self, folder: str, *, given: bool = False) -> None:
        """Use ``folder``; one that was ``given`` by the user may be a symbolic link."""
        self.folder = folder
        self.given = given

    def find(
        self, filename: str, data: bytes, config: Config, project: Project, *, fixes: bool
    ) -> list[Finding] | None:
        """Return the findings of a file as ``check`` did with ``fixes``; None if not known."""
        if not self._usable:
            return None
        try:
            with open(self._entry(filename), "rb") as file:
                check, _, body = file.read().partition(b"\n")
            if check.decode() != _hash(body):
                return None
            import json

            entry = json.loads(body)
            if entry["key"] != _key(filename, data, config):
                return None
            if entry["findings"] and entry["fixes"] is not fixes:
                return None
            if not project.still_holds(entry["answers"]):
                return None
            return [_finding(row) for row in entry["findings"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def keep(
        self,
        filename: str,
        data: bytes,
        config: Config,
        findings: Sequence[Finding],
        project: Project,
        *,
        fixes: bool,
    ) -> None:
        """Remember the findings of a file that ``project`` has just helped to find."""
        answers = project.answers(filename)
        if answers is None or not self._usable:
            return
        import json

        entry = {
            "key": _key(filename, data, config),
            "fixes": fixes,
            "findings": [_row(finding) for finding in findings],
            "answers": answers,
        }
        body = json.dumps(entry, separators=(",", ":")).encode()
        path = self._entry(filename)
        temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        try:
            self._prepare()
            try:
                with open(temporary, "xb") as file:
                    file.write(_hash(body).encode() + b"\n" + body)
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError:
            self._usable = False  # no room, no right: this run goes on without

    def note(self, name: str) -> None:
        """Put an empty file into the directory: what its name says is so."""
        if self._usable:
            with suppress(OSError):
                self._prepare()
                with open(os.path.join(self.folder, name), "xb"):
                    pass

    def _entry(self, filename: str) -> str:
        name = os.path.abspath(filename).encode(errors="surrogateescape")
        return os.path.join(self._version_folder, _hash(name))

    @cached_property
    def _usable(self) -> bool:
        """Whether the directory is ours: nobody may lead our writing elsewhere by a link."""
        if self.given:
            return True
        if os.path.islink(self.folder) or os.path.islink(self._version_folder):
            return False
        return not os.path.exists(self.folder) or os.path.isfile(
            os.path.join(self.folder, "CACHEDIR.TAG")
        )

    @cached_property
    def _version_folder(self) -> str:
        return os.path.join(self.folder, f"{__version__}-{_program()}")

    def _prepare(self) -> None:
        if os.path.isdir(self._version_folder):
            return
        os.makedirs(self.folder, exist_ok=True)
        for name, content in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            with (
                suppress(FileExistsError),
                open(os.path.join(self.folder, name), "x", encoding="ascii") as file,
            ):
                file.write(content)
        os.makedirs(self._version_folder, exist_ok=True)


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()


def _key(filename: str, data: bytes, config: Config) -> str:
    asked = repr((filename, os.getcwd(), config)).encode(errors="backslashreplace")
    return _hash(data) + _hash(asked)


def _program() -> str:
    """Return a hash of all that turns sources into findings: our code, Python's and LibCST's."""
    digest = blake2b(sys.version.encode(), digest_size=10)
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, folders, names in os.walk(package):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(name.encode() + b"\0" + file.read())
    libcst = find_spec("libcst")
    if libcst is not None and libcst.origin is not None:
        with (
            suppress(OSError),
            open(os.path.join(os.path.dirname(libcst.origin), "_version.py"), "rb") as file,
        ):
            digest.update(file.read())
    return digest.hexdigest()


# -- findings as JSON -------------------------------------------------------------------------


def _row(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        "start": [finding.start.line, finding.start.column],
        "end": [finding.end.line, finding.end.column],
        "symbol": finding.symbol,
        "evidence": finding.evidence,
        "fix": fix
        and {
            "title": fix.title,
            "applicability": fix.applicability.value,
            "edits": [_edit_row(edit) for edit in fix.edits],
            "reason": fix.reason,
            "others": [
                {
                    "filename": other.filename,
                    "edits": [_edit_row(edit) for edit in other.edits],
                    "spans": [[a.line, a.column, b.line, b.column] for a, b in other.spans],
                }
                for other in fix.others
            ],
        },
    }


def _finding(row: dict[str, Any]) -> Finding:
    fix = row["fix"]
    return Finding(
        code=row["code"],
        name=row["name"],
        message=row["message"],
        start=Position(*row["start"]),
        end=Position(*row["end"]),
        symbol=row["symbol"],
        evidence=tuple(row["evidence"]),
        fix=fix
        and Fix(
            fix["title"],
            Applicability(fix["applicability"]),
            _edits(fix["edits"]),
            fix["reason"],
            tuple(
                FileEdits(
                    other["filename"],
                    _edits(other["edits"]),
                    tuple((Position(a, b), Position(c, d)) for a, b, c, d in other["spans"]),
                )
                for other in fix["others"]
            ),
        ),
    )


def _edit_row(edit: Edit) -> list[Any]:
    return [edit.start, edit.end, edit.content, int(edit.role)]


def _edits(rows: list[list[Any]]) -> tuple[Edit, ...]:
    return tuple(Edit(a, b, content, Role(role)) for a, b, content, role in rows)
