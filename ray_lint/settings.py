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

    ``values`` are checked; ``text`` is the file, to tell where each key stands.
    """

    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def line(self, *place: str | int) -> int:
        """Return the line (from 1) of a key, or of what is deeper in its value; 0 if unknown."""
        from ray_lint.sources.toml_places import line_of

        return line_of(self.text, (*section_of(self.path), *place))

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
        return self.excluding(path, directory) is not None

    def excluding(self, path: str, directory: bool) -> str | None:
        """Return the glob of ``exclude`` that names the path or a directory above it."""
        relative = self._relative(path) if self._exclude else None
        if relative is None:
            return None
        parts = relative.split("/")
        for depth in range(1, len(parts) + 1):
            for glob, regex in self._exclude:
                only = glob.endswith("/") and not directory and depth == len(parts)
                if not only and regex.fullmatch("/".join(parts[:depth])):
                    return glob
        return None

    def per_file(self, path: str) -> list[str]:
        """Return the globs of ``per-file-ignores`` that name the path or a directory above it."""
        relative = self._relative(path) if self._per_file else None
        if relative is None:
            return []
        return [glob for glob, regex in self._per_file if _matches(regex, relative)]

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
        ignores = self.values.get("per-file-ignores", {})
        more = [code for glob in self.per_file(path) for code in ignores[glob]]
        return replace(config, ignore=(*config.ignore, *more)) if more else config

    def _relative(self, path: str) -> str | None:
        relative = os.path.relpath(os.path.abspath(path), self.folder).replace(os.sep, "/")
        return None if relative.startswith("../") or relative == "." else relative

    @cached_property
    def _exclude(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(glob, _glob(glob)) for glob in self.values.get("exclude", ())]

    @cached_property
    def _per_file(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(glob, _glob(glob)) for glob in self.values.get("per-file-ignores", {})]


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
                exists = os.path.exists(only)
                reason = "no [tool.ray-lint] section" if exists else "no such file"
                raise UsageError(f"{only}: {reason}")
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


def may_hold_settings(pyproject: bytes) -> bool:
    """Whether a ``pyproject.toml`` may have a table of ours, by its right name or a wrong one."""
    return any(name in pyproject for name in (b"ray-lint", b"ray_lint", b"raylint"))


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
    in_pyproject = bool(section_of(path))
    if in_pyproject and not may_hold_settings(data):
        return None
    text, document = _parse(path, data)
    if in_pyproject:
        tools = document.get("tool")
        if not isinstance(tools, dict):
            return None
        _check_headings(path, text, tools)
        if "ray-lint" not in tools:
            return None
        document = tools["ray-lint"]
        if not isinstance(document, dict):
            where = _where(path, text, ("tool", "ray-lint"))
            raise UsageError(f"{where}: tool.ray-lint must be a table, not {_shown(document)}")
    for key, value in document.items():
        _check(path, text, key, value)
    return Settings(os.path.abspath(path), document, text)


def section_of(path: str) -> tuple[str, ...]:
    """Return the names of the table that holds the settings in a configuration file."""
    return ("tool", "ray-lint") if os.path.basename(path) == "pyproject.toml" else ()


def _check_headings(path: str, text: str, tools: Mapping[str, Any]) -> None:
    """Raise UsageError for a table that was meant to be ours, such as ``[tool.ray_lint]``."""
    for name in tools:
        if name != "ray-lint" and re.sub("[-_. ]", "", name).lower() == "raylint":
            where = _where(path, text, ("tool", name))
            raise UsageError(
                f"{where}: unknown section [tool.{name}], did you mean [tool.ray-lint]?"
            )


def _where(path: str, text: str, place: tuple[str | int, ...]) -> str:
    """Return ``file:line`` of a place in the document, or of the nearest one around it."""
    from ray_lint.sources.toml_places import line_of

    while place:
        line = line_of(text, place)
        if line:
            return f"{path}:{line}"
        place = place[:-1]
    return path


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


def _check(path: str, text: str, key: str, value: Any) -> None:
    section = section_of(path)
    if key not in KEYS:
        from ray_lint.cli.options import did_you_mean

        where = _where(path, text, (*section, key))
        if key == "tool" and not section:
            raise UsageError(f"{where}: the heading [tool.ray-lint] belongs in pyproject.toml only")
        near = did_you_mean(key.replace("_", "-").lower(), list(KEYS))
        raise UsageError(f"{where}: unknown key {key!r}{near}")
    wrong = _wrong(KEYS[key].schema, value, (key,))
    if wrong is not None:
        place, must = wrong
        where = _where(path, text, (*section, *place))
        name = ".".join(json_key(str(part)) for part in place if isinstance(part, str))
        entry = "each entry of " if isinstance(place[-1], int) else ""
        raise UsageError(f"{where}: {entry}{name} must be {must}")


def json_key(name: str) -> str:
    """Return a key as TOML wants it: bare if it can be, else in quotes."""
    import json

    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "boolean": (lambda v: isinstance(v, bool), "true or false"),
    "integer": (lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number"),
    "number": (lambda v: isinstance(v, int | float) and not isinstance(v, bool), "a number"),
    "string": (lambda v: isinstance(v, str), "a string"),
    "array": (lambda v: isinstance(v, list), "a list of strings"),
    "object": (lambda v: isinstance(v, dict), "a table of lists of codes"),
}
Place = tuple[str | int, ...]


def _wrong(schema: Mapping[str, Any], value: Any, place: Place) -> tuple[Place, str] | None:
    """Return where a value is wrong and what must stand there instead, None if it is right."""
    fits, kind = _KINDS[schema["type"]]
    must = ""
    if not fits(value):
        must = kind
    elif "minimum" in schema and value < schema["minimum"]:
        must = f"at least {schema['minimum']}"
    elif "exclusiveMinimum" in schema and not schema["exclusiveMinimum"] < value < float("inf"):
        must = f"above {schema['exclusiveMinimum']}"
    elif "enum" in schema and value not in schema["enum"]:
        from ray_lint.cli.options import did_you_mean

        must = f"one of {', '.join(schema['enum'])}"
        return place, f"{must}, not {_shown(value)}{did_you_mean(value, schema['enum'])}"
    elif "pattern" in schema:
        must = _not_a_code(value)
    if must:
        return place, f"{must}, not {_shown(value)}"
    inner = schema.get("items") or schema.get("additionalProperties")
    if inner:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            wrong = _wrong(inner, item, (*place, key))
            if wrong is not None:
                return wrong
    return None


def _not_a_code(value: str) -> str:
    """Return what must stand where ``value`` is no code of a rule, "" if it is one."""
    from ray_lint.rules import expected_code

    return expected_code(value)


def _shown(value: Any) -> str:
    """Return a wrong value as it is written in TOML, cut if it is long."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
