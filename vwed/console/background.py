"""What processes do besides their work, as the Memory page shows it: read from their newest samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from scheduler.background import CANCELLED, DONE, FAILED
from vwed.console.chips import Look
from vwed.monitoring.processes import ProcessView

LIMIT = 200
_RUNNING = Look("play_arrow", "active", _("running"))
_OUTCOMES = {
    DONE: Look("check", "good", _("done")),
    FAILED: Look("error", "bad", _("failed")),
    CANCELLED: Look("stop", "off", _("stopped")),
}
_UNKNOWN = Look("question_mark", "off", _("unknown"))


@dataclass(frozen=True, slots=True)
class Row:
    """The jobs of one name in one process. ``now``: context and start of some of those that run."""

    process: str
    name: str
    look: Look
    now: tuple[tuple[str, datetime], ...]
    more: int
    counts: Mapping[str, int]
    error: str


def rows(processes: Iterable[ProcessView]) -> list[Row]:
    """The background jobs of processes that live, in their order; at most ``LIMIT``. A sample may be of any age."""
    found: list[Row] = []
    for process in processes:
        if process.alive:
            found.extend(_of(process))
    return found[:LIMIT]


def _of(process: ProcessView) -> Iterator[Row]:
    told = process.background
    for name, figures in sorted(told.items()) if isinstance(told, Mapping) else ():
        running = _number(figures, "running")
        now = tuple((str(context), process.beat_at - timedelta(seconds=age)) for context, age in figures.get("now", ()))
        yield Row(
            process=process.name,
            name=name,
            look=_RUNNING if running else _OUTCOMES.get(figures.get("last"), _UNKNOWN),
            now=now,
            more=max(0, running - len(now)),
            counts={key: _number(figures, key) for key in ("running", "started", DONE, FAILED, CANCELLED)},
            error=str(figures.get("error", "")),
        )


def _number(figures: Mapping[str, Any], key: str) -> int:
    return int(figures.get(key) or 0)
