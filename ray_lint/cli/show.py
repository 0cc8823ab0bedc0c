"""``--show-config``: what holds for a file, and where each value comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ray_lint.settings import KEYS, Settings, json_key


def show_config(settings: Settings, path: str, chosen: Mapping[str, Any]) -> str:
    """Return one line of TOML per key, with its origin in a comment, and what that comes to."""
    lines = [f"# settings for {path}"]
    for name, key in KEYS.items():
        field = name.replace("-", "_")
        if field in chosen:
            value, origin = chosen[field], "command line"
        elif name in settings.values:
            value, origin = settings.values[name], f"{settings.path}:{settings.line(name)}"
        else:
            value, origin = key.default, "default"
        text = f"{name} = {_toml(value)}" if value is not None else f"# {name} is not set"
        lines.append(f"{text}  # {origin}")
    return "\n".join([*lines, *_effect(settings, path, chosen)]) + "\n"


def _effect(settings: Settings, path: str, chosen: Mapping[str, Any]) -> list[str]:
    """Return what the settings mean for this very file, as comments."""
    from ray_lint.rules import all_rules

    if os.path.isdir(path):
        return []
    config = settings.config(path, {k: v for k, v in chosen.items() if k != "profile"})
    on = [rule.code for rule in all_rules() if config.selects(rule.code)]
    lines = [f"# rules for this file: {', '.join(on) or 'none'}"]
    for glob in settings.per_file(path):
        place = settings.line("per-file-ignores", glob)
        lines.append(f"# {json_key(glob)} of per-file-ignores holds  # {settings.path}:{place}")
    excluding = settings.excluding(path, False)
    if excluding is not None:
        entry = settings.values["exclude"].index(excluding)
        line = settings.line("exclude", entry) or settings.line("exclude")
        lines.append(f"# excluded by {json.dumps(excluding)}  # {settings.path}:{line}")
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json_key(k)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
