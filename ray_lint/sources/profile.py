"""Reading the file that ``ray-lint profile`` wrote."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from ray_lint.errors import UsageError
from ray_lint.measured import MeasuredSite

VERSION = 1
_NUMBERS = ("ordinal", "line", "tasks", "median_seconds", "p95_seconds", "overhead_share")


@dataclass(frozen=True, eq=False)
class Profile:
    """The measured sites of a run, by the resolved path of their file."""

    sites: dict[str, tuple[MeasuredSite, ...]]

    def of(self, path: str) -> tuple[MeasuredSite, ...]:
        """Return the measured sites of one file."""
        return self.sites.get(os.path.realpath(path), ())


def load(path: str) -> Profile:
    """Read a profile; one that has not changed is read once. Raises UsageError."""
    try:
        return _load(path, os.stat(path).st_mtime_ns)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=8)
def _load(path: str, _changed: int) -> Profile:
    with open(path, "rb") as file:
        data = file.read()
    try:
        document = json.loads(data)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise UsageError(f"{path}:{line}: not a profile: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("sites"), list):
        raise UsageError(f"{path}: not a profile of ray-lint")
    if document.get("version") != VERSION:
        version = document.get("version")
        raise UsageError(f"{path}: a profile of version {version!r}, not {VERSION}; profile again")
    folder = os.path.dirname(os.path.abspath(path))
    found: dict[str, list[MeasuredSite]] = {}
    for number, entry in enumerate(document["sites"]):
        site = _site(entry)
        if site is None:
            raise UsageError(f"{path}: site {number} is not as ray-lint profile writes it")
        place = os.path.realpath(os.path.join(folder, entry["path"]))
        found.setdefault(place, []).append(site)
    return Profile({place: tuple(sites) for place, sites in found.items()})


def _site(entry: Any) -> MeasuredSite | None:
    """Return a site of the file, None if it is not one."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return None
    try:
        values = {field.name: entry[field.name] for field in fields(MeasuredSite)}
    except KeyError:
        return None
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in _NUMBERS:
            optional = name not in ("ordinal", "line", "tasks")
            if not (number or (value is None and optional)):
                return None
        elif not isinstance(value, bool if name == "actor" else str):
            return None
    return MeasuredSite(**values)
