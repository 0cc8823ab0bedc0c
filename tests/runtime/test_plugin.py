"""The plugin for pytest, inside of pytest."""

from __future__ import annotations

import re

import pytest

from tests.doors.conftest import ROOT

pytest_plugins = ["pytester"]

TESTS = """
    import pytest
    import ray

    @ray.remote
    def triple(x):
        return x * 3

    @ray.remote
    def triple_batch(xs):
        return [x * 3 for x in xs]

    @ray.remote
    def wrong_batch(xs):
        return [x * 3 + (x == 5) for x in xs]

    def test_right(ray_lint_compare):
        report = ray_lint_compare(triple, triple_batch, range(100), repeat=3)
        assert report.sites[0].values == "equal", report

    def test_wrong(ray_lint_compare):
        assert ray_lint_compare(triple, wrong_batch, range(20)).confirmed

    @pytest.mark.ray_lint_verify
    def test_marked():
        pass

    def test_other():
        pass
"""
PLUGIN = ("-p", "ray_lint.runtime.pytest_plugin", "-p", "no:cacheprovider", "--strict-markers")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.ray
def test_measuring_tests_run_when_asked_for(project: pytest.Pytester, ray_cluster: str) -> None:
    result = project.runpytest_inprocess(*PLUGIN, "--ray-lint-verify")
    result.assert_outcomes(passed=3, failed=1)
    # A failed assertion shows the verdict itself.
    result.stdout.fnmatch_lines(["*Report: *triple: values differ (item 5: 15 became 16)*"])


def test_measuring_tests_are_skipped_else(project: pytest.Pytester) -> None:
    pytest.importorskip("ray")
    result = project.runpytest_inprocess(*PLUGIN, "-rs")
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["*measures on Ray: run with --ray-lint-verify*"])


def test_the_marker_is_documented(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(*PLUGIN, "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.ray_lint_verify: measures on a Ray cluster*"])


@pytest.mark.ray
def test_the_example_of_the_documentation(pytester: pytest.Pytester, ray_cluster: str) -> None:
    page = (ROOT / "docs" / "runtime-check.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    pytester.makepyfile(example.replace("range(2_000)", "range(300)"))
    result = pytester.runpytest_inprocess(*PLUGIN, "--ray-lint-verify", "-k", "batching")
    outcomes = result.parseoutcomes()
    # A loaded machine may honestly be too noisy to tell.
    assert outcomes.get("passed") == 1 or "too noisy to tell" in result.stdout.str()
    assert outcomes["deselected"] == 1
