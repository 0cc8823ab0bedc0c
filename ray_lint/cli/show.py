"""``--show-config``: what holds for a file, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ray_lint.settings import KEYS, Settings


def show_config(settings: Settings, path: str, chosen: Mapping[str, Any]) -> str:
    """Return one line of TOML per key, with its origin in a comment."""
    lines = [f"# settings for {path}"]
    for name, key in KEYS.items():
        field = name.replace("-", "_")
        if field in chosen:
            value, origin = chosen[field], "command line"
        elif name in settings.values:
            value, origin = settings.values[name], f"{settings.path}:{settings.lines[name]}"
        else:
            value, origin = key.default, "default"
        text = f"{name} = {_toml(value)}" if value is not None else f"# {name} is not set"
        lines.append(f"{text}  # {origin}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
