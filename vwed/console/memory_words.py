"""The words of the Memory page: verdicts, and what each probe does and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler.probes.kinds import KIND_LABELS, Kind, State
from vwed.console import chips
from vwed.console.chips import Look
from vwed.models import Growth
from vwed.monitoring import processes
from vwed.monitoring.growth import RUNS, SYSTEM, Verdict

#: How a verdict looks, by its code.
VERDICTS: Mapping[str, Look] = {
    Verdict.WARMING: Look("hourglass_empty", "idle", gettext_lazy("warming up")),
    Verdict.FLAT: Look("check", "good", gettext_lazy("flat")),
    Verdict.GROWS: Look("trending_up", "bad", gettext_lazy("grows")),
    Verdict.ALLOCATOR: Look("info", "wait", gettext_lazy("kept by the allocator")),
}
#: How a process looks, by its state.
PROCESS_LOOKS: Mapping[str, Look] = {
    processes.ALIVE: chips.ALIVE,
    processes.LATE: chips.LATE,
    processes.DRAINING: chips.DRAINING,
    processes.GONE: chips.GONE,
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


def verdict_word(code: str | None) -> str:
    """The word of a verdict by its code; empty before the first one."""
    return str(VERDICTS.get(code, UNKNOWN).word) if code else ""


def subject_word(subject: str) -> str:
    """What a verdict is about."""
    return {SYSTEM: _("Whole system"), RUNS: _("Runs")}.get(subject, subject)
