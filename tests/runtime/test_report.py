"""The three forms of a report: for every verdict, complete and readable."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from ray_lint.runtime import Report, Side, SiteReport, Verdict
from ray_lint.runtime.html import command_words, render
from ray_lint.runtime.report import ADVICE
from ray_lint.runtime.stats import speedup

SLOW, FAST = (9.9, 9.1, 11.2), (0.38, 0.36, 0.41)


def site(verdict: Verdict, before: tuple[float, ...], after: tuple[float, ...]) -> SiteReport:
    reached = bool(before) and min(*before, *after) > 0
    return SiteReport(
        path="a<b.py",
        line=7,
        column=3,
        code="RAY101",
        symbol="double",
        verdict=verdict,
        before=Side(10_000, 10_000, before, (183_000_000,), 220e-6),
        after=Side(17, 10_000, after, (96_000_000,), 41.2e-3),
        speedup=speedup(before, after) if reached else None,
        values="equal",
        code_before="refs = [double.remote(x) for x in xs if x < 3]",
        code_after="refs = [double_batch.remote(b) for b in bs]",
    )


def report(*sites: SiteReport) -> Report:
    return Report(
        sites=sites, command=(sys.executable, "a.py"), cluster="embedded", nodes=1, cpus=2.0
    )


CASES = {
    Verdict.CONFIRMED: (SLOW, FAST, "Confirmed: 26.2 times faster, with the same values"),
    Verdict.NO_SPEEDUP: ((1.0, 1.01, 1.0), (1.0, 1.0, 1.01), "The fix gains nothing"),
    Verdict.SLOWER: (FAST, SLOW, "The fix makes it slower"),
    Verdict.VALUES_DIFFER: ((), (), "The fix changes the values"),
    Verdict.NOT_REACHED: (SLOW, (0.0, 0.0, 0.0), "The site was not reached"),
    Verdict.TOO_NOISY: (SLOW[:1], FAST[:1], "Too noisy to tell"),
}


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_page_a_table_and_data(verdict: Verdict) -> None:
    before, after, headline = CASES[verdict]
    result = report(site(verdict, before, after))
    page = render(result)
    assert f"<h1>{headline}</h1>" in page
    assert "a&lt;b.py:7" in page
    assert "a<b.py" not in page
    assert "if x &lt; 3]" in page
    assert page.count("<svg") == (2 if result.sites[0].speedup else 0)
    assert "http" not in page.split("<body>")[1], "self-contained"
    for tag in ("section", "div", "table", "tr", "td", "span", "pre", "svg", "p"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
    assert re.search(r'(?:x|y|cx|cy|width|height)="(?:nan|inf|-)', page) is None
    text = str(result)
    assert f"a<b.py:7:3: RAY101 double: {verdict.value}" in text
    assert ADVICE[verdict] in text
    assert ADVICE[verdict].replace("'", "&#x27;") in page
    (data,) = json.loads(result.to_json())["sites"]
    assert data["verdict"] == verdict.value


def test_the_speedup_is_the_ratio_of_the_times() -> None:
    one = site(Verdict.CONFIRMED, SLOW, FAST)
    assert one.speedup is not None
    ratio = one.before.typical_seconds / one.after.typical_seconds
    assert ratio == pytest.approx(one.speedup.estimate)
    assert Side(3, 3, (0.0, 0.0)).typical_seconds == 0.0


def test_many_sites_begin_with_an_overview() -> None:
    one, other = site(Verdict.CONFIRMED, SLOW, FAST), site(Verdict.SLOWER, FAST, SLOW)
    page = render(report(one, other))
    assert "<h1>1 of 2 fixes confirmed</h1>" in page
    for number in range(2):
        assert page.count(f'href="#site{number}"') == page.count(f'id="site{number}"') == 1


def test_a_command_is_shown_as_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = (sys.executable, f"{tmp_path}/a b.py", "--x")
    assert command_words(words) == "python 'a b.py' --x"
