"""The words of the Memory page: verdicts, and what each probe does and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler.probes.kinds import KIND_LABELS, Kind, State
from vwed.console.chips import Look
from vwed.models import Growth
from vwed.monitoring.memory import RUNS, SYSTEM

#: How a verdict looks, by its code.
VERDICTS: Mapping[str, Look] = {
    "warming": Look("hourglass_empty", "idle", gettext_lazy("warming up")),
    "flat": Look("check", "good", gettext_lazy("flat")),
    "grows": Look("trending_up", "bad", gettext_lazy("grows")),
    "allocator": Look("info", "wait", gettext_lazy("kept by the allocator")),
}
PROBE_STATES: Mapping[str, Look] = {
    State.ASKED: Look("schedule", "idle", gettext_lazy("asked")),
    State.RUNNING: Look("play_arrow", "active", gettext_lazy("running")),
    State.DONE: Look("check", "good", gettext_lazy("done")),
    State.FAILED: Look("error", "bad", gettext_lazy("failed")),
    State.EXPIRED: Look("timer_off", "off", gettext_lazy("expired")),
}
UNKNOWN = Look("question_mark", "off", gettext_lazy("unknown"))


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to ask a process: its button, and the cost that its dialog states."""

    kind: Kind
    icon: str
    cost: Promise

    @property
    def label(self) -> str | Promise:
        """The word on the button."""
        return KIND_LABELS[self.kind]


ACTIONS: tuple[Action, ...] = (
    Action(
        Kind.COLLECT,
        "delete_sweep",
        gettext_lazy("Everything in %(process)s stands still for about 100 ms while garbage is collected."),
    ),
    Action(
        Kind.SNAPSHOT,
        "photo_camera",
        gettext_lazy(
            "Collects garbage (about 100 ms of standstill in %(process)s) and counts every object by type; while it "
            "counts, for up to a second, the process works more slowly and holds some MB more."
        ),
    ),
    Action(
        Kind.TRACE,
        "timer",
        gettext_lazy(
            "While it traces, allocations in %(process)s are up to 13 times slower. One worker is traced at a time."
        ),
    ),
    Action(
        Kind.MAP, "segment", gettext_lazy("Reads what the kernel knows of %(process)s; costs it a few milliseconds.")
    ),
    Action(
        Kind.STACK,
        "format_list_bulleted",
        gettext_lazy("Notes where each thread of %(process)s is; costs it a few milliseconds. No values are read."),
    ),
)
BY_KIND: Mapping[str, Action] = {action.kind: action for action in ACTIONS}


def verdict_look(growth: Growth | None) -> Look | None:
    """Icon, tone and word of a verdict; nothing without one."""
    return VERDICTS.get(growth.verdict, UNKNOWN) if growth is not None else None


def sentence(growth: Growth) -> str:
    """A verdict in one sentence with its figures."""
    if growth.verdict == "warming":
        return _("Warming up: %(points)s of %(needed)s points.") % {"points": growth.points, "needed": growth.needed}
    if growth.verdict == "allocator":
        return _("The allocator keeps freed pages: objects do not grow, resident memory does. This is no leak.")
    low, high = growth.low or 0.0, growth.high or 0.0
    widest = max(abs(low), abs(high))
    if growth.subject == RUNS:
        if growth.verdict == "flat":
            return _("Runs leave nothing behind: within ±%(n)s blocks per 1,000 runs.") % {"n": round(widest)}
        figures = {"low": round(low), "high": round(high)}
        return _("1,000 runs leave %(low)s to %(high)s blocks of memory behind.") % figures
    if growth.verdict == "flat":
        return _("Flat: within ±%(n)s MB a day.") % {"n": f"{widest / 1e6:.1f}"}
    text = _("Grows by %(low)s to %(high)s MB a day.") % {"low": f"{low / 1e6:.1f}", "high": f"{high / 1e6:.1f}"}
    if growth.limit_days is not None:
        text += " " + _("At this pace the limit is reached in %(n)s days.") % {"n": f"{growth.limit_days:.1f}"}
    return text


def subject_word(subject: str) -> str:
    """What a verdict is about."""
    return {SYSTEM: _("Whole system"), RUNS: _("Runs")}.get(subject, subject)
