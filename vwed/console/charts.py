"""The cards with charts: what each shows, in which unit, and how it is drawn. ``ui/panel.js`` fills them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from vwed.monitoring.ranges import CHARTS, RANGES

LIVE = "live"


@dataclass(frozen=True, slots=True)
class ChartCard:
    """One chart. ``name``: of ``ranges.CHARTS``; ``note``: what is counted; ``form``: of its numbers (``panel.js``).

    ``stacked``: areas on top of each other at first; ``either``: a button draws lines instead. ``log``: logarithmic.
    ``ranges``: has buttons of its own; otherwise those of the page are meant. ``url``: what is behind the figures.
    """

    name: str
    title: str
    note: str
    form: str = "number"
    stacked: bool = False
    either: bool = False
    log: bool = False
    ranges: bool = False
    wide: bool = False
    url: str = ""

    @property
    def lines(self) -> str:
        """Names and labels of its lines as JSON; none where the data bring their own."""
        return json.dumps({line.name: str(line.label) for line in CHARTS[self.name]}, ensure_ascii=False)


def memory_card(*, stacked: bool, ranges: bool = False, wide: bool = False, url: str = "") -> ChartCard:
    """Memory of every process, live and past; the same on the Overview and on the Memory page."""
    title, note = _("Memory per process (MB)"), _("proportional set")
    return ChartCard("memory", title, note, "bytes", stacked=stacked, either=True, ranges=ranges, wide=wide, url=url)


def overview_cards(*, pooled: bool, stacked: bool, database_url: str) -> list[ChartCard]:
    """The charts of the Overview in their order. ``pooled``: there is a pool to show."""
    runs = reverse("admin:scheduler_taskrecord_changelist")
    per_slot, last_minute = _("per minute, in slots of 5 s"), _("runs of the last minute, logarithmic")
    ready = f"{runs}?status=ready"
    cards = [
        memory_card(stacked=stacked, wide=True, url=reverse("admin:memory")),
        ChartCard("status", _("Runs by status"), _("number"), url=f"{runs}?status=active"),
        ChartCard("throughput", _("Runs that ended"), per_slot, url=f"{runs}?status=ended"),
        ChartCard("latency", _("Submit to first block"), last_minute, "ms", log=True),
        ChartCard("queue_age", _("Oldest ready run"), _("how long it has been ready"), "ms", url=ready),
        ChartCard(
            "requests",
            _("Requests for locations"),
            _("number that wait"),
            url=reverse("admin:storage_storagerequest_changelist"),
        ),
    ]
    if pooled:
        cards.append(ChartCard("pool", _("Connection pool"), _("connections of all web processes"), url=database_url))
    # Fills the last row where there is no pool beside it.
    cards.append(ChartCard("connections", _("Database connections"), _("number"), wide=not pooled, url=database_url))
    return cards


def chosen_range(request: HttpRequest) -> str:
    """The range of time that the address names; live for none or an unknown one."""
    name = request.GET.get("range", LIVE)
    return name if name in RANGES else LIVE


def range_names() -> list[str]:
    """The ranges of the past, the shortest first."""
    return [name for name in RANGES if name != LIVE]
