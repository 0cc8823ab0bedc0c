"""The report as one self-contained HTML page with pictures (inline SVG, no script)."""

from __future__ import annotations

import math
from html import escape

from ray_lint.measured import seconds
from ray_lint.runtime.report import Report, Side, SiteReport
from ray_lint.runtime.stats import geometric
from ray_lint.runtime.table import memory, ratio

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2rem auto;padding:0 1rem;
color:#1b1f24}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:2rem 0 .3rem;font-family:ui-monospace,monospace}
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem 1rem .2rem 0;text-align:right}
td:first-child,th:first-child{text-align:left}
.v{display:inline-block;padding:.1rem .6rem;border-radius:1rem;color:#fff;background:#a4510a}
.confirmed{background:#1a7f37}.slower,.differ{background:#b42318}
.note{color:#57606a}svg text{font:12px system-ui,sans-serif;fill:#1b1f24}
"""
_BEFORE, _AFTER = "#b65b12", "#1f6feb"
_LEFT, _WIDTH = 90, 560


def render(report: Report) -> str:
    """Return the page."""
    body = [f"<h1>ray-lint verify: {escape(_headline(report))}</h1>"]
    if report.command:
        body.append(f"<p><code>{escape(' '.join(report.command))}</code></p>")
    body += [_site(site) for site in report.sites]
    where = "an embedded cluster" if report.cluster == "embedded" else report.cluster
    body.append(
        f'<p class="note">Measured on {escape(where)}: {report.nodes} node(s), '
        f"{report.cpus:g} CPUs, Ray {escape(report.ray_version)}, {report.runs} runs in "
        f"{report.seconds:.0f} s, {report.discarded} discarded. Intervals are 95 %; "
        f"{escape(report.tolerance)}.</p>"
    )
    body += [f'<p class="note">{escape(note)}.</p>' for note in report.notes]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>ray-lint verify</title><style>{_STYLE}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def _headline(report: Report) -> str:
    if report.error:
        return f"not measured: {report.error}"
    count = sum(site.confirmed for site in report.sites)
    return f"{count} of {len(report.sites)} sites confirmed"


def _site(site: SiteReport) -> str:
    kind = site.verdict.value.split()[-1]
    rows = [
        ("tasks", f"{site.before.submissions:,}", f"{site.after.submissions:,}"),
        ("time", seconds(site.before.typical_seconds), seconds(site.after.typical_seconds)),
        ("items/s", f"{site.before.items_per_second:,.0f}", f"{site.after.items_per_second:,.0f}"),
        ("driver memory", memory(site.before.driver_peak), memory(site.after.driver_peak)),
    ]
    parts = [
        f"<h2>{escape(site.path)}:{site.line} {escape(site.symbol)}</h2>",
        f'<p><span class="v {kind}">{site.verdict.value}</span> '
        f"{escape(site.reason or site.advice)}</p>",
    ]
    if site.before.seconds and site.after.seconds:
        cells = "".join(
            f"<tr><td>{name}</td><td>{old}</td><td>{new}</td></tr>" for name, old, new in rows
        )
        parts.append(f"<table><tr><th></th><th>before</th><th>after</th></tr>{cells}</table>")
        parts.append(f"<p>Speedup {ratio(site.speedup)}, values {escape(site.values)}.</p>")
        parts.append(_times(site))
        parts.append(_overhead(site))
    return "\n".join(parts)


def _times(site: SiteReport) -> str:
    """Draw the time in the site with its interval and every run, on a logarithmic axis."""
    every = [*site.before.seconds, *site.after.seconds]
    low = 10 ** math.floor(math.log10(min(every)))
    high = 10 ** math.ceil(math.log10(max(every) * 1.001))

    def x(value: float) -> float:
        share = math.log(value / low) / math.log(high / low)
        return _LEFT + _WIDTH * min(1.0, max(0.0, share))

    parts = [f'<svg viewBox="0 0 760 130" role="img" aria-label="{_words(site)}">']
    tick = low
    while tick <= high * 1.01:
        parts.append(
            f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="10" y2="95" stroke="#d0d7de"/>'
            f'<text x="{x(tick):.1f}" y="112" text-anchor="middle">{seconds(tick)}</text>'
        )
        tick *= 10
    for side, name, y, colour in (
        (site.before, "before", 32, _BEFORE),
        (site.after, "after", 72, _AFTER),
    ):
        parts.append(_row(side, name, y, colour, x))
    parts.append('<text x="90" y="127">time in the site (log scale); dots are runs</text></svg>')
    return "".join(parts)


def _words(site: SiteReport) -> str:
    old, new = seconds(site.before.typical_seconds), seconds(site.after.typical_seconds)
    return f"time in the site: {old} before, {new} after"


def _row(side: Side, name: str, y: int, colour: str, x) -> str:  # type: ignore[no-untyped-def]
    interval = geometric(side.seconds)
    parts = [f'<text x="0" y="{y + 4}">{name}</text>']
    if interval.low > 0:
        start, end = x(interval.low), x(interval.high)
        parts.append(
            f'<rect x="{start:.1f}" y="{y - 9}" width="{max(end - start, 1):.1f}" height="18" '
            f'fill="{colour}" opacity="0.25"/>'
        )
    middle = x(interval.estimate)
    parts.append(
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - 12}" y2="{y + 12}" '
        f'stroke="{colour}" stroke-width="3"/>'
    )
    parts += [f'<circle cx="{x(s):.1f}" cy="{y}" r="3" fill="{colour}"/>' for s in side.seconds]
    return "".join(parts)


def _overhead(site: SiteReport) -> str:
    """Draw the time per item, before and after: the difference is the overhead removed."""
    count = max(site.before.items, 1)
    old, new = site.before.typical_seconds / count, site.after.typical_seconds / count
    if old <= 0 or new >= old:
        return ""
    width = _WIDTH * new / old
    return (
        '<svg viewBox="0 0 760 62" role="img" aria-label="time per item and overhead">'
        f'<text x="0" y="24">per item</text>'
        f'<rect x="{_LEFT}" y="10" width="{width:.1f}" height="20" fill="{_AFTER}"/>'
        f'<rect x="{_LEFT + width:.1f}" y="10" width="{_WIDTH - width:.1f}" height="20" '
        f'fill="{_BEFORE}" opacity="0.6"/>'
        f'<text x="{_LEFT}" y="48">{seconds(new)} remains (work and what chunks cost); '
        f"{seconds(old - new)} was the overhead of one task per item "
        f"({100 * (1 - new / old):.0f} %)</text></svg>"
    )
