"""How settings look: sources, states of changes and acknowledgements, figures of projections and observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vwed.console import formats
from vwed.console.chips import Look
from vwed.models import ChangeSet, ChangeState
from vwed.tuning import stored
from vwed.tuning.acknowledgement import State
from vwed.tuning.observation import METRICS, Column, Verdict
from vwed.tuning.parameter import Parameter, TakesEffect
from vwed.tuning.parameters import PARAMETERS
from vwed.tuning.projection import Line
from vwed.tuning.units import unit_word

#: When a change takes effect, as short as a chip.
EFFECTS: Mapping[TakesEffect, Look] = {
    TakesEffect.NOW: Look("bolt", "good", gettext_lazy("at once")),
    TakesEffect.NEXT_SLICE: Look("skip_next", "active", gettext_lazy("next step")),
    TakesEffect.NEW: Look("add_circle", "active", gettext_lazy("new starts")),
    TakesEffect.CLUSTER: Look("autorenew", "wait", gettext_lazy("clusters replaced")),
    TakesEffect.POOL: Look("bolt", "good", gettext_lazy("at once, new pool")),
}
STATES: Mapping[str, Look] = {
    ChangeState.SCHEDULED: Look("schedule", "idle", pgettext_lazy("change of settings", "scheduled")),
    ChangeState.APPLIED: Look("check", "good", pgettext_lazy("change of settings", "applied")),
    ChangeState.CANCELLED: Look("do_not_disturb_on", "off", pgettext_lazy("change of settings", "cancelled")),
    ChangeState.SUPERSEDED: Look("error", "bad", pgettext_lazy("change of settings", "superseded")),
    ChangeState.ROLLED_BACK: Look("undo", "off", pgettext_lazy("change of settings", "rolled back")),
}
ACKNOWLEDGED: Mapping[State, Look] = {
    State.APPLIED: Look("check", "good", gettext_lazy("has it")),
    State.WAITING: Look("hourglass_top", "wait", gettext_lazy("not yet")),
    State.NEEDS_REPLACEMENT: Look("autorenew", "wait", gettext_lazy("to be replaced")),
    State.CANNOT: Look("remove", "off", gettext_lazy("cannot tell")),
}
VERDICTS: Mapping[Verdict, Look] = {
    Verdict.BETTER: Look("trending_up", "good", Verdict.BETTER.words),
    Verdict.WORSE: Look("trending_down", "bad", Verdict.WORSE.words),
    Verdict.SAME: Look("drag_handle", "idle", Verdict.SAME.words),
    Verdict.UNKNOWN: Look("question_mark", "off", Verdict.UNKNOWN.words),
}
#: Of a window, by the hours after the change.
_WINDOWS: Mapping[int, Promise] = {
    0: gettext_lazy("1 h before"),
    1: gettext_lazy("after 1 h"),
    24: gettext_lazy("after 24 h"),
    48: gettext_lazy("after 48 h"),
    72: gettext_lazy("after 72 h"),
}
_NAMES: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}


@dataclass(frozen=True, slots=True)
class Move:
    """One setting of a difference, in words. ``effect``: nothing for one that does not exist any more."""

    name: str
    unit: str | Promise
    before: str
    after: str
    effect: Look | None


def figure(value: float | None, unit: str) -> str:
    """A projected or observed figure."""
    if value is None:
        return _("–")
    if unit == "bytes":
        return formats.megabytes(value)
    if unit == "%":
        return formats.percent(value)
    if unit == "ms":
        return formats.duration(value / 1000)
    return formats.count(value) if value >= 100 or float(value).is_integer() else f"{value:.1f}"


def projected(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """The lines of a projection as the page shows them."""
    return [
        {
            "line": line,
            "before": figure(line.before, line.unit),
            "after": figure(line.after, line.unit),
            "limit": figure(line.limit, line.unit) if line.limit is not None else "",
            "percent": min(100, round(100 * line.after / line.limit)) if line.limit else None,
        }
        for line in lines
    ]


def moves(row: ChangeSet) -> list[Move]:
    """The difference of a change set, where nothing is stored the first value of now."""
    given = stored.environment()

    def word(name: str, text: str | None) -> str:
        if text is not None:
            return text
        parameter = _NAMES.get(name)
        if parameter is None:
            return _("first value")
        first = parameter.format(given.get(name, parameter.default))
        return _("first value (%(value)s)") % {"value": first}

    found = []
    for name, each in row.difference.items():
        parameter = _NAMES.get(name)
        unit = unit_word(parameter.unit) if parameter else ""
        effect = EFFECTS[parameter.effect] if parameter else None
        found.append(Move(name, unit, word(name, each["before"]), word(name, each["after"]), effect))
    return found


def outcome(row: ChangeSet) -> str:
    """What became of a change set that is over, in words; empty while there is nothing to say."""
    told = row.outcome or {}
    words = {
        "rolled_back": _("Change %(by)s brought back earlier values."),
        "cancelled": _("Cancelled before its time: %(reason)s"),
        "changed_meanwhile": _("At its time %(name)s had been changed by somebody else; nothing of it was applied."),
        "not_allowed": _("At its time these values were not allowed any more: %(names)s. Nothing of it was applied."),
    }.get(str(told.get("code", "")), "")
    names = ", ".join(told.get("names", ()))
    return words % {"by": "?", "reason": "", "name": "?", **told, "names": names} if words else ""


def observed(columns: list[Column]) -> list[dict[str, Any]]:
    """A line for each figure: its value in every window, with the verdict."""
    return [
        {
            "label": metric.label,
            "cells": [
                {
                    "text": figure(column.figures.get(metric.code), metric.unit),
                    "look": VERDICTS[column.verdicts[metric.code]] if metric.code in column.verdicts else None,
                }
                for column in columns
            ],
        }
        for metric in METRICS
    ]


def window_word(hours: int) -> str | Promise:
    """The head of a window."""
    return _WINDOWS[hours]


def verdict_sentence(columns: list[Column]) -> str:
    """The latest window that was observed, in one sentence."""
    seen = [column for column in columns if column.hours and column.observed]
    if not seen:
        return _("Nothing can be said yet: the first hour after the change is not over.")
    last = seen[-1]
    parts = [f"{metric.label}: {last.verdicts[metric.code].words}" for metric in METRICS]
    return _("%(hours)d h after the change: %(parts)s.") % {"hours": last.hours, "parts": "; ".join(parts)}
