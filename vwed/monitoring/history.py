"""Every five seconds: what each process weighs and the whole system does becomes a sample that stays.

Several io processes may do this at once: a slot belongs to whoever writes it first. A process that has not beaten
within the slot gets no sample: a gap stays a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduler import clock
from scheduler.models import ProcessRow
from scheduler.selectors import BEAT_GONE_S
from vwed.models import ProcessSample, ProcessSeries, SystemSample
from vwed.models.monitoring import COUNT_LIMIT, Resolution
from vwed.monitoring import series
from vwed.monitoring.figures import Endings, read_figures

#: Seconds of a slot, and after its end before it is copied: the beats of its last moment are there then.
SLOT_S = int(Resolution.FINE)
AFTER_S = 0.3
#: The series' own time is written no more often than this.
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Copied:
    """Samples that one run wrote."""

    processes: int
    system: int

    def as_json(self) -> dict[str, int]:
        """For the service's result row."""
        return asdict(self)


class History:
    """The service. Remembers what had ended at its last look."""

    def __init__(self) -> None:
        self._endings = Endings()

    def pause_s(self) -> float:
        """Seconds until the present slot has ended, so that no slot is missed and none is copied twice."""
        return SLOT_S - clock.now().timestamp() % SLOT_S + AFTER_S

    def run_once(self, now: datetime | None = None) -> Copied:
        """Copy the slot that ended last. A dozen queries, whatever the system holds."""
        moment = now or clock.now()
        slot = int(moment.timestamp()) // SLOT_S * SLOT_S - SLOT_S
        heard = list(ProcessRow.objects.filter(beat_at__gte=moment - timedelta(seconds=BEAT_GONE_S)).order_by("pk"))
        live = [row for row in heard if row.ended_at is None]
        named = _fresh(heard, live, slot)
        known = _known(named, moment)
        ProcessSample.objects.bulk_create(
            [_sample(known[name].pk, slot, row) for name, row in named.items()], ignore_conflicts=True
        )
        figures = {**read_figures(moment, live), **self._endings.since_last_look(moment)}
        SystemSample.objects.bulk_create(
            [SystemSample(resolution=SLOT_S, at_s=slot, figures=figures)], ignore_conflicts=True
        )
        return Copied(len(named), 1)


def _fresh(heard: Iterable[ProcessRow], live: Iterable[ProcessRow], slot: int) -> dict[str, ProcessRow]:
    """Series' name → the process that beat in the slot and told its weight; a live one before one that has ended."""
    known = series.known_series()
    names = series.assign(live, known)
    fresh: dict[str, ProcessRow] = {}
    for row in sorted(heard, key=lambda row: (row.ended_at is None, row.pk)):
        name = names.get(row.pk) if row.ended_at is None else series.name_of_gone(row, known)
        if name is not None and row.beat_at.timestamp() >= slot and row.sample.get("rss"):
            fresh[name] = row
    return fresh


def _known(named: Mapping[str, ProcessRow], now: datetime) -> dict[str, ProcessSeries]:
    """The series of these names, made where there are none. One query; up to three when something is new."""
    known = {each.name: each for each in ProcessSeries.objects.filter(name__in=named)}
    missing = [
        ProcessSeries(name=name, role=row.role, host=row.host, seat=row.seat, last_at=now)
        for name, row in named.items()
        if name not in known
    ]
    if missing:
        ProcessSeries.objects.bulk_create(missing, ignore_conflicts=True)
        known = {each.name: each for each in ProcessSeries.objects.filter(name__in=named)}
    old = [each.pk for each in known.values() if now - each.last_at > _TOUCH_EVERY]
    if old:
        ProcessSeries.objects.filter(pk__in=old).update(last_at=now)
    for name, each in known.items():
        if each.host != named[name].host:  # the line goes on, on another host
            ProcessSeries.objects.filter(pk=each.pk).update(host=named[name].host, last_at=now)
    return known


_FIGURES = ("rss", "uss", "pss", "vms", "cpu_percent")
_COUNTS = ("threads", "fds", "contexts", "asyncio_tasks", "connections")


def _sample(series_pk: int, slot: int, row: ProcessRow) -> ProcessSample:
    told: Mapping[str, Any] = row.sample
    size = next((told[kind] for kind in ("pss", "uss", "rss") if told.get(kind)), None)
    return ProcessSample(
        series_id=series_pk,
        resolution=SLOT_S,
        at_s=slot,
        pid=row.pid,
        least=size,
        most=size,
        background=_count(told.get("background_open")),
        blocks=told.get("blocks"),
        runs=row.runs,
        **{figure: told.get(figure) for figure in _FIGURES},
        **{figure: _count(told.get(figure)) for figure in _COUNTS},
    )


def _count(value: int | None) -> int | None:
    return None if value is None else min(value, COUNT_LIMIT)
