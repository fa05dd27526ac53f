"""How the system did in the hour before a change, and 1, 24, 48 and 72 hours after it, side by side, with a verdict.

The figures come from the samples of the whole system (``vwed.monitoring``); what was not sampled is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean, stdev
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from scheduler import clock
from vwed.models import ChangeSet, Observation, SystemSample

#: Hours after the change at which the hour before is looked at; 0 is the hour before the change.
HOURS = (0, 1, 24, 48, 72)
#: Seconds between two looks of the service.
EVERY_S = 60.0
#: A window may be observed this long after it has ended: minutes are kept for longer.
LATE = timedelta(hours=12)
_WINDOW = timedelta(hours=1)
_MINUTE, _FINE = 60, 5
#: Counts are those of a fine slot, in coarse ones their mean.
_SLOTS_A_MINUTE = _MINUTE // _FINE
#: The last minute is rolled up then.
_READY_AFTER = timedelta(minutes=2)
#: Windows with fewer samples say nothing.
FEWEST = 5
#: A difference below this part of the value is none, however quiet the figure is.
SMALLEST_PART = 0.05
#: And one below so many standard errors of the two means is noise.
ERRORS = 3.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One observed figure. ``better``: -1 less is better, 1 more is better, 0 neither."""

    code: str
    label: Promise | str
    unit: str
    better: int


METRICS = (
    Metric("memory", _("Memory"), "bytes", -1),
    Metric("pool", _("Pool in use"), "connections", -1),
    Metric("throughput", _("Runs finished a minute"), "", 1),
    Metric("latency", _("Submit to first block, p95"), "ms", -1),
    Metric("failures", _("Failure rate"), "%", -1),
)


class Verdict(StrEnum):
    """What became of a figure."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNKNOWN = "unknown"

    @property
    def words(self) -> Promise:
        """For people."""
        return {
            Verdict.BETTER: _("better"),
            Verdict.WORSE: _("worse"),
            Verdict.SAME: _("no difference beyond noise"),
            Verdict.UNKNOWN: _("not enough samples"),
        }[self]


@dataclass(frozen=True, slots=True)
class Column:
    """One window beside the hour before the change; ``at`` is its end, also when it is still to come."""

    hours: int
    at: datetime
    observed: bool
    figures: Mapping[str, float | None]
    verdicts: Mapping[str, Verdict]


def observe_due(now: datetime | None = None) -> dict[str, int]:
    """Fill the windows that have ended. Without any, two queries."""
    moment = now or clock.now()
    earliest = moment - timedelta(hours=max(HOURS)) - LATE
    rows = list(ChangeSet.objects.filter(applied_at__gte=earliest, applied_at__lte=moment).order_by("pk"))
    done = set(Observation.objects.filter(change_set__in=rows).values_list("change_set_id", "hours"))
    made = 0
    for row in rows:
        for hours in HOURS:
            end = window_end(row, hours)
            if (row.pk, hours) in done or not end + _READY_AFTER <= moment <= end + LATE:
                continue
            figures = read_window(end - _WINDOW, end)
            Observation.objects.get_or_create(change_set=row, hours=hours, defaults={"figures": figures, "at": moment})
            made += 1
    return {"observed": made}


def window_end(row: ChangeSet, hours: int) -> datetime:
    """The end of the hour that is looked at."""
    assert row.applied_at is not None  # noqa: S101 - only applied ones are observed
    return row.applied_at + timedelta(hours=hours)


def read_window(start: datetime, end: datetime) -> dict[str, dict[str, float]]:
    """Metric → mean, deviation and number of its samples between two moments: of minutes, else of five seconds."""
    for resolution in (_MINUTE, _FINE):
        samples = SystemSample.objects.filter(
            resolution=resolution, at_s__gte=int(start.timestamp()), at_s__lt=int(end.timestamp())
        )
        figures = list(samples.order_by("at_s").values_list("figures", flat=True))
        if len(figures) >= FEWEST:
            return _summary(figures)
    return {}


def _summary(samples: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for code, values in _series(samples).items():
        if len(values) >= FEWEST:
            found[code] = {"mean": fmean(values), "deviation": stdev(values), "samples": len(values)}
    return found


def _series(samples: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    series: dict[str, list[float]] = {metric.code: [] for metric in METRICS}
    for figures in samples:
        memory = _first(figures, "pss", "uss", "rss")
        pool, latency = _first(figures, "pool_in_use"), _first(figures, "latency_p95", "lat_p95")
        finished, failed = _first(figures, "finished"), _first(figures, "failed")
        for code, value in (("memory", memory), ("pool", pool), ("latency", latency)):
            if value is not None:
                series[code].append(value)
        if finished is not None:
            series["throughput"].append(finished * _SLOTS_A_MINUTE)
            if finished + (failed or 0) > 0:
                series["failures"].append(100 * (failed or 0) / (finished + (failed or 0)))
    return series


def _first(figures: Mapping[str, Any], *names: str) -> float | None:
    """The first figure that is there; of a coarse slot its mean."""
    for name in names:
        value = figures.get(name)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, int | float):
            return float(value)
    return None


def verdict(metric: Metric, before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> Verdict:
    """Whether the mean moved by more than the noise of both windows and by more than a twentieth."""
    if not before or not after or metric.better == 0:
        return Verdict.UNKNOWN
    moved = after["mean"] - before["mean"]
    error = sum(each["deviation"] ** 2 / each["samples"] for each in (before, after)) ** 0.5
    least = max(ERRORS * error, SMALLEST_PART * abs(before["mean"]))
    if abs(moved) <= least:
        return Verdict.SAME
    return Verdict.BETTER if moved * metric.better > 0 else Verdict.WORSE


def columns(row: ChangeSet) -> list[Column]:
    """Every window of an applied change set, observed or still to come. One query."""
    observed = {each.hours: each.figures for each in row.observations.all()}
    before = observed.get(0, {})
    return [_column(row, hours, before, observed.get(hours)) for hours in HOURS]


def _column(row: ChangeSet, hours: int, before: Mapping[str, Any], figures: Mapping[str, Any] | None) -> Column:
    found = figures or {}
    verdicts: Iterable[tuple[str, Verdict]] = (
        (metric.code, verdict(metric, before.get(metric.code), found.get(metric.code))) for metric in METRICS
    )
    return Column(
        hours=hours,
        at=window_end(row, hours),
        observed=figures is not None,
        figures={metric.code: found.get(metric.code, {}).get("mean") for metric in METRICS},
        verdicts=dict(verdicts) if hours and figures is not None else {},
    )
