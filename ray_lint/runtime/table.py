"""The report for a terminal."""

from __future__ import annotations

from ray_lint.measured import seconds
from ray_lint.runtime.report import Report, SiteReport, Verdict
from ray_lint.runtime.stats import Interval


def ratio(interval: Interval | None) -> str:
    """Return a speedup with its interval."""
    if interval is None:
        return "-"
    if not interval.low > 0:
        return f"{interval.estimate:.3g}x"
    return f"{interval.estimate:.3g}x [{interval.low:.3g}, {interval.high:.3g}]"


def memory(count: int) -> str:
    """Return a number of bytes in MB."""
    return f"{count / 1e6:.0f} MB" if count else "-"


def render(report: Report) -> str:
    """Return the report as text without a final newline."""
    lines: list[str] = []
    for site in report.sites:
        lines += _site(site, report.cpus)
    if report.nodes:
        where = "embedded cluster" if report.cluster == "embedded" else f"cluster {report.cluster}"
        plural = "s" if report.nodes != 1 else ""
        lines.append(
            f"Measured on the {where} ({report.nodes} node{plural}, {report.cpus:g} CPUs, "
            f"Ray {report.ray_version}) with {report.runs} runs in {report.seconds:.0f} s; "
            f"{report.tolerance}; intervals are 95 %."
        )
    if report.discarded:
        lines.append(f"Discarded runs, because a node joined or died: {report.discarded}.")
    lines += [f"Note: {note}." for note in report.notes]
    for tuned in report.tuning:
        lines.append(str(tuned))
    if report.error:
        lines.append(f"Not measured: {report.error}")
    elif report.sites:
        count = sum(site.confirmed for site in report.sites)
        lines.append(f"{count} of {len(report.sites)} sites confirmed.")
    return "\n".join(lines)


def _site(site: SiteReport, cpus: float) -> list[str]:
    head = f"{site.path}:{site.line}:{site.column}: {site.code} {site.symbol}"
    lines = [f"{head.rstrip()}: {site.verdict.value}"]
    if site.reason:
        lines.append(f"    {site.reason}")
    if site.verdict is not Verdict.NOT_REACHED and site.before.submissions:
        rows = [("", "before", "after")]
        rows.append(("tasks", f"{site.before.submissions:,}", f"{site.after.submissions:,}"))
        if site.before.seconds:
            old, new = site.before, site.after
            rows.append(("time", seconds(old.typical_seconds), seconds(new.typical_seconds)))
            rows.append(("items/s", f"{old.items_per_second:,.0f}", f"{new.items_per_second:,.0f}"))
            if old.task_seconds and new.task_seconds:
                ours, theirs = old.overhead_per_task(cpus), new.overhead_per_task(cpus)
                rows.append(("work/task", seconds(old.task_seconds), seconds(new.task_seconds)))
                rows.append(("overhead/task", seconds(ours), seconds(theirs)))
            rows.append(("driver memory", memory(old.driver_peak), memory(new.driver_peak)))
        lines += [f"    {name:<14}{old:>12}{new:>12}" for name, old, new in rows]
        if site.speedup is not None:
            lines.append(f"    {'speedup':<14}{ratio(site.speedup)}")
        lines.append(f"    {'values':<14}{site.values}")
    lines.append(f"    {site.advice}")
    lines.append("")
    return lines
