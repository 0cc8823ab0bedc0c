"""The report as one self-contained HTML page with pictures (inline SVG, no script)."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ray_lint.measured import seconds
from ray_lint.runtime import pictures
from ray_lint.runtime.report import Report, SiteReport, Verdict
from ray_lint.runtime.table import memory, ratio
from ray_lint.runtime.tune import Tuning

_STYLE = """
:root{color-scheme:light dark;--page:#f6f8fa;--card:#fff;--ink:#1f2328;--soft:#59636e;
--line:#d1d9e0;--before:#bc6414;--after:#2f6fdb;--good:#1a7f37;--bad:#c42b1c;--open:#7d6608;--on:#fff}
@media(prefers-color-scheme:dark){:root{--page:#0d1117;--card:#151b23;--ink:#e6edf3;
--soft:#9198a1;--line:#3d444d;--before:#e08b3c;--after:#6ca6ff;--good:#238636;--bad:#cf3b32;
--open:#8f6a12;--on:#0d1117}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:920px;margin:0 auto;padding:32px 20px 48px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;font-weight:650}
h2{font-size:16px;margin:0;font-weight:600}
h3{font-size:13px;margin:24px 0 6px;font-weight:600;color:var(--soft)}
code,.mono{font-family:ui-monospace,Menlo,"Liberation Mono",monospace;font-size:.92em}
.soft{color:var(--soft)}.command{margin:0 0 20px;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:20px 24px;margin:16px 0}
.head{display:flex;gap:12px;align-items:baseline;justify-content:space-between;flex-wrap:wrap}
.badge{padding:2px 12px;border-radius:99px;color:#fff;font-size:13px;font-weight:600;
white-space:nowrap;background:var(--open)}
.badge.good{background:var(--good)}.badge.bad{background:var(--bad)}
.advice{margin:6px 0 0}
pre{margin:14px 0 0;padding:10px 14px;border-radius:8px;background:var(--page);overflow-x:auto;
border:1px solid var(--line);line-height:1.6}
pre i{font-style:normal;font-weight:700;padding-right:10px}
pre .old i{color:var(--before)}pre .new i{color:var(--after)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:1px;
margin:18px 0 0;background:var(--line);border:1px solid var(--line);border-radius:8px;
overflow:hidden}
.facts div{background:var(--card);padding:10px 14px}
.facts b{display:block;font-size:19px;line-height:1.3;font-weight:650;white-space:nowrap}
.facts span{color:var(--soft);font-size:13px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin-top:16px}
th,td{padding:6px 0 6px 16px;text-align:right;border-top:1px solid var(--line)}
th{font-weight:600;font-size:13px;color:var(--soft);border-top:0}
th:first-child,td:first-child{text-align:left;padding-left:0}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
svg{display:block;width:100%;height:auto}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
fill:var(--ink)}
svg text.soft{fill:var(--soft)}svg text.in{fill:var(--on);font-weight:600}
svg text.big{font-weight:650;font-size:14px}
svg text.halo{paint-order:stroke;stroke:var(--card);stroke-width:4px}
svg .grid{stroke:var(--line)}svg .axis{stroke:var(--soft)}
.before{fill:var(--before);stroke:var(--before)}.after{fill:var(--after);stroke:var(--after)}
svg .none{fill:none}svg .flat{stroke:none}
a{color:inherit}.all{margin:0}.all td:last-child{padding-left:16px}
footer{color:var(--soft);font-size:13px;margin-top:20px}footer p{margin:4px 0}
"""
_GOOD = (Verdict.CONFIRMED,)
_BAD = (Verdict.SLOWER, Verdict.VALUES_DIFFER)


def render(report: Report) -> str:
    """Return the page."""
    body = [f"<h1>{escape(_headline(report))}</h1>"]
    words = command_words(report.command) or "each file by itself"
    body.append(f'<p class="command soft"><code>{escape(words)}</code></p>')
    if report.error:
        body.append(
            '<section class="card"><div class="head"><h2>Nothing was measured</h2>'
            f'<span class="badge bad">failed</span></div><p>{escape(report.error)}</p></section>'
        )
    if len(report.sites) > 1:
        body.append(_overview(report.sites))
    tuned = {(one.path, one.line, one.column): one for one in report.tuning}
    body += [
        _site(number, site, report.cpus, tuned.get((site.path, site.line, site.column)))
        for number, site in enumerate(report.sites)
    ]
    body.append(_footer(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>ray-lint verify: {escape(_headline(report))}</title><style>{_STYLE}</style>"
        "</head><body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def _headline(report: Report) -> str:
    if report.error:
        return "Not measured"
    count, every = sum(site.confirmed for site in report.sites), len(report.sites)
    if every == 1:
        return _single(report.sites[0])
    return f"{count} of {every} fixes confirmed"


def _single(site: SiteReport) -> str:
    gain = site.speedup
    if site.confirmed and gain is not None:
        return f"Confirmed: {gain.estimate:.3g} times faster, with the same values"
    return {
        Verdict.NO_SPEEDUP: "The fix gains nothing",
        Verdict.SLOWER: "The fix makes it slower",
        Verdict.VALUES_DIFFER: "The fix changes the values",
        Verdict.NOT_REACHED: "The site was not reached",
    }.get(site.verdict, "Too noisy to tell")


def command_words(command: Sequence[str]) -> str:
    """Return the command as a person would type it: short names for this Python and for files."""
    here = f"{Path.cwd()}{os.sep}"
    words = ["python" if word == sys.executable else word.removeprefix(here) for word in command]
    return shlex.join(words)


def _footer(report: Report) -> str:
    parts = []
    if report.nodes:
        where = "an embedded cluster" if report.cluster == "embedded" else report.cluster
        nodes = f"{report.nodes} node{'s' * (report.nodes != 1)}"
        day = time.strftime("%Y-%m-%d %H:%M")
        parts.append(
            f"Measured on {where} ({nodes}, {report.cpus:g} CPUs, Ray {report.ray_version}) with "
            f"{report.runs} runs in {report.seconds:.0f} s, {report.discarded} discarded; {day}."
        )
        parts.append(
            "The time in a site goes from its first submission to its last value, without the "
            f"start of workers. Intervals are 95 %. Values: {report.tolerance}."
        )
    parts += [f"Note: {note}." for note in report.notes]
    return "<footer>" + "".join(f"<p>{escape(part)}</p>" for part in parts) + "</footer>"


def _badge(site: SiteReport) -> str:
    kind = "good" if site.verdict in _GOOD else "bad" if site.verdict in _BAD else ""
    return f'<span class="badge {kind}">{site.verdict.value}</span>'


def _overview(sites: Sequence[SiteReport]) -> str:
    """Return one line for each site, with links to the cards below."""
    rows = []
    for number, site in enumerate(sites):
        measured = site.verdict is not Verdict.NOT_REACHED and site.before.submissions
        tasks = f"{site.before.submissions:,} → {site.after.submissions:,}" if measured else "-"
        rows.append(
            f'<tr><td class="mono"><a href="#site{number}">{escape(site.path)}:{site.line}</a> '
            f'<span class="soft">{escape(site.symbol)}</span></td><td>{tasks}</td>'
            f"<td>{ratio(site.speedup)}</td><td>{_badge(site)}</td></tr>"
        )
    head = "<tr><th>site</th><th>tasks</th><th>speedup</th><th></th></tr>"
    return f'<section class="card"><table class="all">{head}{"".join(rows)}</table></section>'


def _site(number: int, site: SiteReport, cpus: float, tuning: Tuning | None) -> str:
    where = f"{site.path}:{site.line}"
    parts = [
        f'<section class="card" id="site{number}"><div class="head">'
        f'<h2 class="mono">{escape(where)} <span class="soft">{escape(site.symbol)}</span></h2>'
        f"{_badge(site)}</div>"
    ]
    reason = f"{site.reason[:1].upper()}{site.reason[1:]}. " if site.reason else ""
    parts.append(f'<p class="advice">{escape(reason + site.advice)}</p>')
    parts.append(_code(site))
    old, new = site.before, site.after
    if site.speedup is not None:  # both were reached, in every run
        parts.append(_facts(site))
        parts.append("<h3>Time from the first submission to the last value</h3>")
        parts.append(pictures.times(old.seconds, new.seconds))
        if old.task_seconds and new.task_seconds:
            parts.append("<h3>Where that time goes: work of the tasks, and overhead</h3>")
            parts.append(pictures.shares(old, new, cpus))
        parts.append(_table(site, cpus))
    if tuning is not None:
        parts.append("<h3>Items per batch: measured, and the model's curve</h3>")
        parts.append(pictures.sizes(tuning, old.parallel(cpus)))
        parts.append(f"<p>{escape(_sentence(tuning.words))}</p>")
    parts.append("</section>")
    return "\n".join(parts)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _code(site: SiteReport) -> str:
    if not (site.code_before and site.code_after):
        return ""
    parts = [
        f'<span class="{kind}"><i>{sign}</i>{escape(line)}</span>'
        for kind, sign, code in (("old", "-", site.code_before), ("new", "+", site.code_after))
        for line in code.splitlines()
    ]
    return f"<pre><code>{chr(10).join(parts)}</code></pre>"


def _facts(site: SiteReport) -> str:
    old, new, gain = site.before, site.after, site.speedup
    interval = f"speedup {ratio(gain).partition(' ')[2]}" if gain else "speedup"
    unit = "calls" if site.code == "RAY102" else "tasks"
    facts = [
        (f"{gain.estimate:.3g}x" if gain else "-", interval),
        (f"{seconds(old.typical_seconds)} → {seconds(new.typical_seconds)}", "time, mean"),
        (f"{old.submissions:,} → {new.submissions:,}", f"{unit} for {old.items:,} items"),
        (site.values, "values"),
    ]
    cells = "".join(f"<div><b>{escape(big)}</b><span>{name}</span></div>" for big, name in facts)
    return f'<div class="facts">{cells}</div>'


def _table(site: SiteReport, cpus: float) -> str:
    old, new = site.before, site.after
    rows = [
        ("items per second", f"{old.items_per_second:,.0f}", f"{new.items_per_second:,.0f}"),
    ]
    if old.task_seconds and new.task_seconds:
        rows.append(("work of one task", seconds(old.task_seconds), seconds(new.task_seconds)))
        ours, theirs = old.overhead_per_task(cpus), new.overhead_per_task(cpus)
        rows.append(("overhead of one task", seconds(ours), seconds(theirs)))
    rows.append(("peak memory of the driver", memory(old.driver_peak), memory(new.driver_peak)))
    cells = "".join(f"<tr><td>{name}</td><td>{a}</td><td>{b}</td></tr>" for name, a, b in rows)
    dots = [f'<span class="dot {side}" style="background:var(--{side})"></span>{word}'
            for side, word in (("before", "as it is"), ("after", "fixed"))]  # fmt: skip
    head = f"<tr><th></th><th>{dots[0]}</th><th>{dots[1]}</th></tr>"
    return f"<table>{head}{cells}</table>"
