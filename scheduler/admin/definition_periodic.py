"""The periodic start of a definition as its page shows it."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from scheduler import clock
from scheduler.definitions import periodic
from scheduler.models import TaskDefinition


class PeriodicForm(forms.Form):
    """Switch, period and delay."""

    on = forms.BooleanField(label=gettext_lazy("Start it periodically"), required=False)
    period_ms = forms.IntegerField(
        label=gettext_lazy("Period (ms)"),
        min_value=1,
        max_value=periodic.LONGEST_MS,
        help_text=gettext_lazy("From start to start. While the last run is active, a start is skipped and counted."),
    )
    delay_ms = forms.IntegerField(
        label=gettext_lazy("Delay (ms)"),
        min_value=0,
        max_value=periodic.LONGEST_MS,
        help_text=gettext_lazy("From switching on to the first start."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            if name != "on":
                field.widget.attrs["class"] = "vw-field"
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"


def context(request: HttpRequest, row: TaskDefinition) -> dict[str, Any]:
    """State of the schedule, and the form with its present values."""
    return {
        "scheduled": periodic.is_scheduled(row),
        "active_run": periodic.active_run(row),
        "late_s": (clock.now() - row.next_start_at).total_seconds() if row.next_start_at else 0,
        "short": row.period_ms < periodic.INTERVAL_S * 1000,
        "command": f"manage.py periodic {shlex.quote(row.label)} --on --period {row.period_ms} --delay {row.delay_ms}",
        "interval_ms": int(periodic.INTERVAL_S * 1000),
        "form": PeriodicForm(
            initial={
                "on": row.periodic and row.periodic_enabled,
                "period_ms": row.period_ms,
                "delay_ms": row.delay_ms,
            }
        ),
    }
