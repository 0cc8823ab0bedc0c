"""Configuration files: ``[tool.ray-lint]`` in ``pyproject.toml``, or ``ray-lint.toml``.

For each linted file the nearest file upwards that has settings counts, alone: settings of
directories further up are not merged in. Paths and globs are relative to the file they stand in.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ray_lint.config import Config
from ray_lint.errors import UsageError

NAMES = ("ray-lint.toml", "pyproject.toml")
_CODE = re.compile(r"[A-Z]{1,3}[0-9]{0,3}")


@dataclass(frozen=True)
class Key:
    """One setting: its JSON schema, and what it does in a sentence."""

    schema: Mapping[str, Any]
    help: str
    default: Any = None


def _strings(pattern: str = "") -> dict[str, Any]:
    items = {"type": "string", "pattern": pattern} if pattern else {"type": "string"}
    return {"type": "array", "items": items}


_CODES = _strings("^[A-Z]{1,3}[0-9]{0,3}$")
_COUNT = {"type": "integer", "minimum": 1}
_FLAG = {"type": "boolean"}

KEYS: dict[str, Key] = {
    "select": Key(_CODES, "Codes or prefixes of codes to report.", ["RAY"]),
    "ignore": Key(_CODES, "Codes or prefixes to leave out; the longer prefix wins.", []),
    "per-file-ignores": Key(
        {"type": "object", "additionalProperties": _CODES},
        "Codes to leave out, by glob of the files.",
        {},
    ),
    "exclude": Key(_strings(), "Globs of files and directories not to look at.", []),
    "force-exclude": Key(_FLAG, "Exclude files given on the command line as well.", False),
    "respect-gitignore": Key(_FLAG, "Skip what Git ignores.", True),
    "min-items": Key(_COUNT, "Fewer submissions in a loop are fine.", 200),
    "task-threshold": Key(
        {"type": "number", "exclusiveMinimum": 0},
        "Tasks known to take longer (in seconds) are worth a task each.",
        0.01,
    ),
    "strict": Key(_FLAG, "Also report sites where neither number nor cost is known.", False),
    "known-heavy": Key(_strings(), "Functions that take long, as dotted names.", []),
    "known-tiny": Key(_strings(), "Functions that take no time, as dotted names.", []),
    "source-roots": Key(_strings(), "Directories that hold top-level packages.", []),
    "batch-size": Key(_COUNT, "Items per batch in fixes; without it the cluster decides."),
    "unsafe-fixes": Key(_FLAG, "Apply fixes that are not proven safe.", False),
    "output-format": Key(
        {
            "type": "string",
            "enum": [
                "text", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit",
            ],
        },
        "How findings are printed.",
    ),
    "baseline": Key({"type": "string"}, "File of accepted findings."),
    "profile": Key({"type": "string"}, "File of `ray-lint profile` to judge measured sites by."),
}  # fmt: skip


def schema() -> dict[str, Any]:
    """Return the JSON schema of the settings."""
    properties: dict[str, Any] = {}
    for name, key in KEYS.items():
        properties[name] = {"description": key.help, **key.schema}
        if key.default is not None:
            properties[name]["default"] = key.default
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ray-lint settings: ray-lint.toml, or [tool.ray-lint] in pyproject.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


@dataclass(frozen=True)
class Settings:
    """What one configuration file says; without a file, the defaults.

    ``values`` are checked; ``lines`` tell where each key stands.
    """

    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The directory that relative paths start from."""
        return os.path.dirname(self.path) if self.path else os.getcwd()

    def get(self, key: str) -> Any:
        """Return the value of a key or its default."""
        return self.values.get(key, KEYS[key].default)

    @property
    def baseline(self) -> str | None:
        """The absolute path of the baseline file."""
        path = self.get("baseline")
        return None if path is None else os.path.join(self.folder, path)

    @property
    def profile(self) -> str | None:
        """The absolute path of the profile."""
        path = self.get("profile")
        return None if path is None else os.path.join(self.folder, path)

    def excludes(self, path: str, directory: bool) -> bool:
        """Whether ``exclude`` names the path or a directory above it."""
        if not self._exclude:
            return False
        relative = self._relative(path)
        if relative is None:
            return False
        parts = relative.split("/")
        return any(
            regex.fullmatch("/".join(parts[:depth]))
            and (directory or depth < len(parts) or not only)
            for depth in range(1, len(parts) + 1)
            for regex, only in self._exclude
        )

    def config(self, path: str, chosen: Mapping[str, Any]) -> Config:
        """Return what holds for a file; ``chosen`` comes from the options.

        ``chosen`` has fields of Config, and ``profile`` for the path of a profile.
        """
        values: dict[str, Any] = {}
        for name in Config.__dataclass_fields__:
            value = self.values.get(name.replace("_", "-"))
            if value is not None:
                values[name] = tuple(value) if isinstance(value, list) else value
        if "source_roots" in values:
            roots = values["source_roots"]
            values["source_roots"] = tuple(os.path.join(self.folder, root) for root in roots)
        chosen = dict(chosen)
        profile = chosen.pop("profile", None) or self.profile
        if profile is not None:
            from ray_lint.sources.profile import load as load_profile

            values["measured"] = load_profile(profile).of(path)
        config = replace(Config(), **{**values, **chosen})
        if not self._per_file:
            return config
        relative = self._relative(path)
        more = [
            code
            for regex, codes in self._per_file
            if relative is not None and _matches(regex, relative)
            for code in codes
        ]
        return replace(config, ignore=(*config.ignore, *more)) if more else config

    def _relative(self, path: str) -> str | None:
        relative = os.path.relpath(os.path.abspath(path), self.folder).replace(os.sep, "/")
        return None if relative.startswith("../") or relative == "." else relative

    @cached_property
    def _exclude(self) -> list[tuple[re.Pattern[str], bool]]:
        return [(_glob(x), x.endswith("/")) for x in self.values.get("exclude", ())]

    @cached_property
    def _per_file(self) -> list[tuple[re.Pattern[str], list[str]]]:
        return [(_glob(g), codes) for g, codes in self.values.get("per-file-ignores", {}).items()]


def _glob(pattern: str) -> re.Pattern[str]:
    from ray_lint.sources.gitignore import translate

    return re.compile(translate(pattern.removeprefix("./")), re.DOTALL)


def _matches(regex: re.Pattern[str], relative: str) -> bool:
    """Whether the glob names the file or a directory that it is in."""
    parts = relative.split("/")
    return any(regex.fullmatch("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))


class SettingsFinder:
    """Finds the settings for files; each configuration file is read once.

    ``only`` is a file to use for everything; ``isolated`` reads none.
    """

    def __init__(self, only: str | None = None, *, isolated: bool = False) -> None:
        self._by_folder: dict[str, Settings] = {}
        self._fixed: Settings | None = None
        if isolated:
            self._fixed = Settings()
        elif only is not None:
            found = load(only)
            if found is None:
                raise UsageError(f"{only}: no [tool.ray-lint] section")
            self._fixed = found

    def for_file(self, path: str) -> Settings:
        """Return the settings that hold for a file. Raises UsageError if they are wrong."""
        return self.for_folder(os.path.dirname(os.path.abspath(path)))

    def for_folder(self, folder: str) -> Settings:
        """Return the settings that hold for the files of a directory (absolute)."""
        if self._fixed is not None:
            return self._fixed
        known = self._by_folder.get(folder)
        if known is None:
            known = next(
                (s for name in NAMES if (s := load(os.path.join(folder, name))) is not None), None
            )
            if known is None:
                above = os.path.dirname(folder)
                known = Settings() if above == folder else self.for_folder(above)
            self._by_folder[folder] = known
        return known


def load(path: str) -> Settings | None:
    """Return the settings of a file; None if it is missing or has none.

    Raises UsageError with file and line for what is wrong in it.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    in_pyproject = os.path.basename(path) == "pyproject.toml"
    if in_pyproject and b"ray-lint" not in data:
        return None
    text, document = _parse(path, data)
    if in_pyproject:
        tool = document.get("tool")
        if not isinstance(tool, dict) or "ray-lint" not in tool:
            return None
        document = tool["ray-lint"]
    section = "tool.ray-lint" if in_pyproject else ""
    lines = {key: _line_of(text, section, key) for key in document}
    for key, value in document.items():
        _check(path, lines[key], key, value)
    return Settings(os.path.abspath(path), document, lines)


def _parse(path: str, data: bytes) -> tuple[str, dict[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = data.decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at line (\d+), column (\d+)\)", message)
        where = f":{place[1]}:{place[2]}" if place else ""
        if message.endswith(" (at end of document)"):
            where = f":{text.count(chr(10)) + 1}"
        what = message.partition(" (at ")[0]
        raise UsageError(f"{path}{where}: {what}") from None


def _check(path: str, line: int, key: str, value: Any) -> None:
    where = f"{path}:{line}" if line else path
    if key not in KEYS:
        from ray_lint.cli.options import did_you_mean

        near = did_you_mean(key.replace("_", "-"), list(KEYS))
        raise UsageError(f"{where}: unknown key {key!r}{near}")
    wrong = _wrong(KEYS[key].schema, value)
    if wrong:
        raise UsageError(f"{where}: {key} must be {wrong}")


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "boolean": (lambda v: isinstance(v, bool), "true or false"),
    "integer": (lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number"),
    "number": (lambda v: isinstance(v, int | float) and not isinstance(v, bool), "a number"),
    "string": (lambda v: isinstance(v, str), "a string"),
    "array": (lambda v: isinstance(v, list), "a list of strings"),
    "object": (lambda v: isinstance(v, dict), "a table of lists of codes"),
}


def _wrong(schema: Mapping[str, Any], value: Any) -> str:
    """Return what the value must be instead, "" if it is right."""
    fits, kind = _KINDS[schema["type"]]
    if not fits(value):
        return f"{kind}, not {value!r}"
    if "minimum" in schema and value < schema["minimum"]:
        return f"at least {schema['minimum']}, not {value!r}"
    if "exclusiveMinimum" in schema and not schema["exclusiveMinimum"] < value < float("inf"):
        return f"above {schema['exclusiveMinimum']}, not {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"one of {', '.join(schema['enum'])}, not {value!r}"
    if "pattern" in schema and not _CODE.fullmatch(value):
        return f"a code such as RAY101 or RAY1, not {value!r}"
    inner = schema.get("items") or schema.get("additionalProperties")
    if inner:
        for item in value.values() if isinstance(value, dict) else value:
            wrong = _wrong(inner, item)
            if wrong:
                return wrong if isinstance(value, dict) else f"a list; each entry {wrong}"
    return ""


def _line_of(text: str, section: str, key: str) -> int:
    """Return the line (from 1) where a key of the section is set, 0 if it cannot be told."""
    inside = not section
    name = rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')"
    for number, line in enumerate(text.split("\n"), 1):
        header = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line)
        if header:
            table = header[1].replace('"', "").replace("'", "")
            inside = table == section
            if table == (f"{section}.{key}" if section else key):
                return number
        elif inside and re.match(rf"\s*{name}\s*[=.]", line):
            return number
    return 0
