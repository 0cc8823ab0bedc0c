"""The pictures of the HTML report, as inline SVG. Colours come from the classes of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ray_lint.measured import seconds
from ray_lint.runtime.report import Side
from ray_lint.runtime.stats import geometric
from ray_lint.runtime.tune import Tuning

_LEFT, _RIGHT, _WIDTH = 70, 860, 872
Scale = Callable[[float], float]


def _picture(height: int, label: str, parts: Sequence[str]) -> str:
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{inner}</svg>'


def _log_scale(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """Return a scale that holds positive ``values`` between two pixels, and its round ticks."""
    low, high = min(values) / 1.15, max(values) * 1.15
    if high / low < 4:
        middle = math.sqrt(low * high)
        low, high = middle / 2, middle * 2

    def scale(value: float) -> float:
        share = math.log(max(value, 1e-12) / low) / math.log(high / low)
        return start + (end - start) * min(1.0, max(0.0, share))

    steps: tuple[float, ...] = (1, 2, 5) if high / low < 200 else (1,)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 8 else steps
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**exponent for exponent in exponents for step in steps]
    return scale, [tick for tick in ticks if low <= tick <= high]


def times(before: Sequence[float], after: Sequence[float]) -> str:
    """Draw the time in the site with its interval and every run, on a logarithmic axis."""
    x, ticks = _log_scale([*before, *after], _LEFT, _RIGHT)
    parts = [
        f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="92"/>'
        f'<text class="soft" x="{x(tick):.1f}" y="110" text-anchor="middle">{seconds(tick)}</text>'
        for tick in ticks
    ]
    for runs, kind, word, y in ((before, "before", "as it is", 28), (after, "after", "fixed", 70)):
        parts += _row(runs, kind, word, y, x)
    typical = [seconds(geometric(runs).estimate) for runs in (before, after)]
    return _picture(118, f"time in the site: {typical[0]} before, {typical[1]} after", parts)


def _row(runs: Sequence[float], kind: str, word: str, y: int, x: Scale) -> list[str]:
    interval = geometric(runs)
    parts = [f'<text x="0" y="{y + 4}">{word}</text>']
    middle = x(interval.estimate)
    if interval.low > 0:
        start, end = x(interval.low), x(interval.high)
        parts.append(
            f'<rect class="{kind}" x="{start:.1f}" y="{y - 11}" stroke="none" rx="3" '
            f'width="{max(end - start, 2):.1f}" height="22" fill-opacity="0.22" '
            'stroke-opacity="0"/>'
        )
    parts.append(
        f'<line class="{kind}" x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - 13}" y2="{y + 13}" '
        'stroke-width="2.5"/>'
    )
    parts += [
        f'<circle class="{kind}" cx="{x(one):.1f}" cy="{y}" r="3" stroke-width="0"/>'
        for one in runs
    ]
    return parts


def shares(before: Side, after: Side, cpus: float) -> str:
    """Draw for both programs which part of a task's share of the time is its own work."""
    parts = []
    for side, kind, word, y in ((before, "before", "as it is", 6), (after, "after", "fixed", 50)):
        total = side.typical_seconds
        work = side.work_seconds(cpus) / total if total else 0.0
        count = max(side.submissions, 1)
        width = (_RIGHT - _LEFT) * work
        parts.append(
            f'<text x="0" y="{y + 17}">{word}</text>'
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{_RIGHT - _LEFT}" height="26" '
            'rx="3" fill-opacity="0.18" stroke-opacity="0"/>'
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{max(width, 2):.1f}" height="26" '
            'rx="3" stroke-opacity="0"/>'
        )
        words = f"work {seconds(side.work_seconds(cpus) / count)} ({100 * work:.0f} %)"
        rest = f"overhead {seconds(side.overhead_per_task(cpus))} ({100 * (1 - work):.0f} %)"
        room = _RIGHT - _LEFT - width > 190
        if width > 330 and not room:
            words = f"{words} · {rest}"
        inside = width > 190
        if inside:
            parts.append(f'<text class="in" x="{_LEFT + 8}" y="{y + 17}">{words}</text>')
        else:
            rest = f"{words} · {rest}"
        if room:
            parts.append(f'<text x="{_LEFT + width + 8:.1f}" y="{y + 17}">{rest}</text>')
    parts.append(
        f'<text class="soft" x="{_LEFT}" y="94">time in the site for one task; work is spread over '
        f"{cpus:g} CPUs</text>"
    )
    return _picture(100, "work and overhead of one task, before and after", parts)


def sizes(tuning: Tuning, parallel: float) -> str:
    """Draw the measured time by batch size over the curve of the model; both axes logarithmic."""
    measured = {one.size: geometric(one.seconds) for one in tuning.trials}

    def model(size: float) -> float:
        items, work = tuning.items, tuning.item_seconds
        tasks = tuning.overhead_seconds * items / size
        return tasks + work * items / parallel + work * size

    first = max(1.0, min([*measured, tuning.proposed]) / 3)
    last = min(float(tuning.items), max([*measured, tuning.proposed]) * 3)
    last = max(last, first * 4)
    steps = [first * (last / first) ** (n / 40) for n in range(41)]
    points = [(size, model(size)) for size in steps]
    every = [time for _, time in points if time > 0]
    every += [time for one in measured.values() for time in (one.estimate,)]
    x, across = _log_scale([first, last], _LEFT, _RIGHT - 10)
    y, up = _log_scale([*every, tuning.default_seconds or every[0]], 176, 10)
    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text class="soft" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">'
        f"{seconds(tick)}</text>"
        for tick in up
    ]
    parts += [
        f'<text class="soft" x="{x(tick):.1f}" y="196" text-anchor="middle">{tick:,.0f}</text>'
        for tick in across
    ]
    line = " ".join(f"{x(size):.1f},{y(time):.1f}" for size, time in points)
    parts.append(f'<polyline class="none axis" points="{line}" stroke-dasharray="4 4"/>')
    if tuning.default_seconds:
        level = y(tuning.default_seconds)
        parts.append(
            f'<line class="after" x1="{_LEFT}" x2="{_RIGHT}" y1="{level:.1f}" y2="{level:.1f}" '
            f'stroke-width="1"/><text x="{_RIGHT - 4}" y="{level - 6:.1f}" text-anchor="end">'
            f"size from the cluster: {seconds(tuning.default_seconds)}</text>"
        )
    for size, one in measured.items():
        bounds = (one.low, one.high) if one.low > 0 else (one.estimate, one.estimate)
        chosen = size == tuning.chosen
        parts.append(
            f'<line class="before" x1="{x(size):.1f}" x2="{x(size):.1f}" '
            f'y1="{y(bounds[0]):.1f}" y2="{y(bounds[1]):.1f}" stroke-width="1.5"/>'
            f'<circle class="before" cx="{x(size):.1f}" cy="{y(one.estimate):.1f}" '
            f'r="{6 if chosen else 4}"/>'
            f'<text x="{x(size) + 10:.1f}" y="{y(one.estimate) + 4:.1f}">'
            f"{size:,}: {seconds(one.estimate)}{' (best)' if chosen else ''}</text>"
        )
    parts.append(f'<text class="soft" x="{_LEFT}" y="214">items per batch (both axes log)</text>')
    return _picture(220, "time by batch size", parts)
