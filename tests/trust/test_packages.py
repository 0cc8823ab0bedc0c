"""Fixing what is installed: no crash, all still compiles, a second run is idle."""

from __future__ import annotations

import ast
import importlib.util
import sysconfig
from pathlib import Path

import pytest

from benchmarks.packages import HEAD, UNSAFE, Submit, compiles, is_future
from ray_lint.core import fix, may_use_ray
from ray_lint.errors import SourceError
from ray_lint.sources.gate import worth_parsing


def folder(package: str) -> Path:
    if package == "standard library":
        return Path(sysconfig.get_path("stdlib"))
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent


@pytest.mark.slow
@pytest.mark.parametrize("package", ["standard library", "ray", "numpy", "libcst", "hypothesis"])
def test_fixing_does_no_damage(package: str) -> None:
    fixed = looked_at = 0
    for path in sorted(folder(package).rglob("*.py")):
        if package == "standard library" and "site-packages" in path.parts:
            continue
        if not path.is_file():
            continue
        source = path.read_bytes()
        looked_at += 1
        if not worth_parsing(source):
            continue
        try:
            result = fix(source, UNSAFE, filename=str(path))
        except SourceError:
            assert not compiles(source), path
            continue
        assert result.error == "", path
        if result.source == source:
            assert not result.applied, path
            continue
        fixed += 1
        assert compiles(result.source) or not compiles(source), path
        assert fix(result.source, UNSAFE, filename=str(path)).source == result.source, path
    assert looked_at > 50
    assert fixed > 0 or package != "ray"


@pytest.mark.slow
def test_the_standard_library_as_if_it_were_ray() -> None:
    """Give every loop and comprehension of real code a submission, and fix them all."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::4]
    fixed = 0
    for path in paths:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        if len(path.read_bytes()) > 40_000:
            continue
        tree.body = [s for s in tree.body if not is_future(s)]
        Submit().visit(tree)
        source = (HEAD + ast.unparse(ast.fix_missing_locations(tree)) + "\n").encode()
        if b"submitted.remote" not in source:
            continue
        assert may_use_ray(source)
        result = fix(source, UNSAFE, filename="<stdin>")
        assert result.error == "", path
        assert compiles(result.source) or not compiles(source), path
        fixed += len(result.applied)
    assert fixed > 20
