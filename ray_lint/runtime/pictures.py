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
    """Draw the time in the site as bars from zero, with its interval and every run as a dot."""
    most = max(
        *before,
        *after,
        *(min(one.high, 4 * one.estimate) for one in map(geometric, (before, after))),
    )
    step = _round_step(most / 5)

    def x(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT - 110) * min(value / most, 1.0)

    parts = []
    for number in range(math.floor(most / step) + 1):
        at, words = x(number * step), seconds(number * step) if number else "0"
        parts.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="106"/>'
            f'<text class="soft" x="{at:.1f}" y="123" text-anchor="middle">{words}</text>'
        )
    for runs, kind, word, y in ((before, "before", "as it is", 30), (after, "after", "fixed", 80)):
        parts += _row(runs, kind, word, y, x)
    parts.append(
        f'<text class="soft" x="{_LEFT}" y="143">bars: mean; line: its 95 % interval; '
        f"dots: the {len(before)} runs</text>"
    )
    typical = [seconds(geometric(runs).estimate) for runs in (before, after)]
    return _picture(148, f"time in the site: {typical[0]} before, {typical[1]} after", parts)


def _round_step(value: float) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) that is next above ``value``."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _row(runs: Sequence[float], kind: str, word: str, y: int, x: Scale) -> list[str]:
    interval = geometric(runs)
    end = x(interval.estimate)
    last = max(end, *(x(one) for one in runs))
    parts = [
        f'<text x="0" y="{y + 4}">{word}</text>',
        f'<rect class="{kind} flat" x="{_LEFT}" y="{y - 15}" width="{max(end - _LEFT, 2):.1f}" '
        'height="30" rx="3" fill-opacity="0.4"/>',
    ]
    if interval.low > 0:
        low, high = x(interval.low), x(interval.high)
        last = max(last, high)
        parts.append(
            f'<path class="{kind} none" stroke-width="2" d="M{low:.1f} {y - 6}v12M{low:.1f} {y}'
            f'H{high:.1f}M{high:.1f} {y - 6}v12"/>'
        )
    parts += [f'<circle class="{kind} flat" cx="{x(one):.1f}" cy="{y}" r="3.5"/>' for one in runs]
    parts.append(
        f'<text class="big" x="{last + 10:.1f}" y="{y + 5}">{seconds(interval.estimate)}</text>'
    )
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
        f'<text class="soft" x="{_LEFT}" y="94">for one task: full colour is work, spread over '
        f"{cpus:g} CPUs; pale is overhead, what Ray needs to run it</text>"
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
            f'stroke-width="1"/><text class="halo" x="{_LEFT + 6}" y="{level - 6:.1f}">'
            f"size from the cluster: {seconds(tuning.default_seconds)}</text>"
        )
    for size, one in measured.items():
        bounds = (one.low, one.high) if one.low > 0 else (one.estimate, one.estimate)
        chosen = size == tuning.chosen
        best = " (best)" if chosen else ""
        parts.append(
            f'<line class="before" x1="{x(size):.1f}" x2="{x(size):.1f}" '
            f'y1="{y(bounds[0]):.1f}" y2="{y(bounds[1]):.1f}" stroke-width="1.5"/>'
            f'<circle class="before" cx="{x(size):.1f}" cy="{y(one.estimate):.1f}" '
            f'r="{6 if chosen else 4}"/>'
            f'<text class="halo{" big" if chosen else ""}" x="{x(size):.1f}" '
            f'y="{y(one.estimate) - 12:.1f}" text-anchor="middle">'
            f"{size:,}: {seconds(one.estimate)}{best}</text>"
        )
    parts.append(f'<text class="soft" x="{_LEFT}" y="214">items per batch (both axes log)</text>')
    return _picture(220, "time by batch size", parts)
