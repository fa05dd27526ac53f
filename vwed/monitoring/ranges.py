"""The past as charts: one range of time, at most 300 buckets, each with its mean, least and most. Gaps stay gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Max, Min, Model, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import pgettext, pgettext_lazy

from scheduler.errors import Refused
from scheduler.states import ACTIVE, Status
from vwed.models import ProcessSample, ProcessSeries, SystemSample
from vwed.models.monitoring import Resolution
from vwed.monitoring.figures import STATUS

#: Series of one chart; the smaller ones beyond are added up.
SERIES_LIMIT = 24
FINE, MINUTE, HOUR = int(Resolution.FINE), int(Resolution.MINUTE), int(Resolution.HOUR)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time, in seconds. What is not rolled up to ``resolution`` yet is read at ``finer``."""

    name: str
    length: int
    step: int
    resolution: int
    finer: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart of the whole system: the figure it shows, times ``scale``; ``absent``: what none means."""

    name: str
    label: str | Promise
    figure: str
    scale: float = 1.0
    absent: int | None = None


#: Mean, least, most.
Triple = tuple[float, float, float]
#: Start of a bucket in seconds → its figures.
Buckets = dict[int, Triple]

RANGES: Mapping[str, Range] = {
    each.name: each
    for each in (
        Range("live", 300, 5, FINE, None),
        Range("1h", 3600, 15, FINE, None),
        Range("24h", 24 * 3600, 300, MINUTE, FINE),
        Range("10d", 10 * 86_400, 3600, HOUR, MINUTE),
        Range("90d", 90 * 86_400, 8 * 3600, HOUR, MINUTE),
    )
}

#: Runs of one slot of five seconds, as runs a minute.
_PER_MINUTE = 60 / FINE

CHARTS: Mapping[str, tuple[Line, ...]] = {
    "memory": (),  # one line for each series of processes
    "status": tuple(Line(status, status.label, f"{STATUS}{status}", absent=0) for status in Status if status in ACTIVE),
    "throughput": (
        Line("finished", Status.FINISHED.label, "finished", _PER_MINUTE),
        Line("failed", Status.FAILED.label, "failed", _PER_MINUTE),
        Line("cancelled", Status.CANCELLED.label, "cancelled", _PER_MINUTE),
    ),
    "latency": (
        Line("p50", "p50", "latency_p50"),
        Line("p95", "p95", "latency_p95"),
        Line("p99", "p99", "latency_p99"),
    ),
    "pool": (
        Line("in_use", pgettext_lazy("chart", "in use"), "pool_in_use"),
        Line("overflow", pgettext_lazy("chart", "overflow"), "pool_overflow"),
        Line("size", pgettext_lazy("chart", "size"), "pool_size"),
    ),
    "queue_age": (Line("oldest", pgettext_lazy("chart", "oldest ready run"), "queue_age_ms"),),
    "requests": (Line("pending", pgettext_lazy("chart", "waiting for a location"), "requests_pending"),),
    "connections": (
        Line("connections", pgettext_lazy("chart", "connections"), "connections"),
        Line("limit", pgettext_lazy("chart", "limit"), "connection_limit"),
    ),
}


def newest(chart: str, figures: Mapping[str, Any]) -> dict[str, float | None]:
    """The lines of a chart of the whole system at one slot, as ``read_chart`` would tell them."""
    triples = {line.name: (line, as_triple(figures.get(line.figure, line.absent))) for line in CHARTS[chart]}
    return {name: None if found is None else _short(found[0] * line.scale) for name, (line, found) in triples.items()}


def read_chart(chart: str, range_name: str, now: datetime) -> dict[str, Any]:
    """One chart as the browser draws it; at most three queries.

    ``series``: name, label, and for every bucket ``[start in ms, mean, least, most]``, the latter ``null`` in a gap.
    ``last_ms``: start of the newest sample there is, in the range or not; ``null`` without any. Bytes, milliseconds,
    counts; runs a minute.

    Raises:
        Refused: there is no such chart, or no such range.
    """
    lines, chosen = CHARTS.get(chart), RANGES.get(range_name)
    if lines is None:
        raise Refused("unknown_chart", f"There is no chart {chart!r}.", f"Ask for one of {', '.join(CHARTS)}.")
    if chosen is None:
        raise Refused("unknown_range", f"There is no range {range_name!r}.", f"Ask for one of {', '.join(RANGES)}.")
    until = int(now.timestamp()) // chosen.step * chosen.step + chosen.step
    since = until - chosen.length
    model: type[Model] = SystemSample if lines else ProcessSample
    rolled, newest = _watermarks(model, chosen)
    wanted = _wanted(chosen, since, rolled)
    found = _system(lines, wanted, chosen.step) if lines else _memory(wanted, chosen.step)
    starts = range(since, until, chosen.step)
    return {
        "chart": chart,
        "range": chosen.name,
        "from_ms": since * 1000,
        "to_ms": until * 1000,
        "step_ms": chosen.step * 1000,
        "series": [{"name": name, "label": label, "points": _points(starts, line)} for name, label, line in found],
        "last_ms": newest * 1000 if newest is not None else None,
    }


def _points(starts: range, line: Buckets) -> list[list[float | None]]:
    return [[start * 1000, *(map(_short, line[start]) if start in line else (None, None, None))] for start in starts]


def _short(value: float) -> float:
    """Without digits that nobody can see."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) or abs(rounded) >= 1000 else rounded


def _watermarks(model: type[Model], chosen: Range) -> tuple[int | None, int | None]:
    """Start of the newest sample of the range's resolution, and of any. One query, of the ends of an index."""
    table = connection.ops.quote_name(model._meta.db_table)
    newest = f"(SELECT MAX(at_s) FROM {table} WHERE resolution = %s)"  # noqa: S608 - the name is ours
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {newest}, {newest}, {newest}", [chosen.resolution, FINE, MINUTE])
        rolled, *others = cursor.fetchone()
    return rolled, max((at for at in (rolled, *others) if at is not None), default=None)


def _wanted(chosen: Range, since: int, rolled: int | None) -> Q:
    """Samples of the resolution, and finer ones for what is newer than the last of those."""
    if chosen.finer is None:
        return Q(resolution=chosen.resolution, at_s__gte=since)
    end = since if rolled is None else max(since, rolled + chosen.resolution)
    tail = Q(resolution=chosen.finer, at_s__gte=end)
    return tail if end == since else Q(resolution=chosen.resolution, at_s__gte=since, at_s__lt=end) | tail


# --- Memory of processes: added up by the database -------------------------------------------------------------------


def _memory(wanted: Q, step: int) -> list[tuple[str, str, Buckets]]:
    """Buckets of each series, the largest first. Two queries."""
    names = dict(ProcessSeries.objects.values_list("pk", "name"))
    weight = ExpressionWrapper(F("size") * F("resolution"), output_field=BigIntegerField())
    rows = (
        ProcessSample.objects.filter(wanted)
        .annotate(size=Coalesce("pss", "uss", "rss"), bucket=F("at_s") - F("at_s") % step)
        .exclude(size=None)
        .values_list("series_id", "bucket")
        .annotate(total=Sum(weight), seconds=Sum("resolution"), low=Min("least"), high=Max("most"), n=Count("id"))
        .order_by("bucket")
    )
    lines: dict[int, Buckets] = {}
    for series, bucket, total, seconds, low, high, _n in rows:
        mean = float(total) / float(seconds)
        lines.setdefault(series, {})[bucket] = (mean, _either(low, mean), _either(high, mean))
    ordered = sorted(lines.items(), key=lambda item: (-_last(item[1]), names.get(item[0], "")))
    shown = [(names.get(key, str(key)), names.get(key, str(key)), line) for key, line in ordered[:SERIES_LIMIT]]
    rest = [line for _, line in ordered[SERIES_LIMIT:]]
    if rest:
        shown.append(("others", pgettext("chart", "others, %(n)d") % {"n": len(rest)}, _added(rest)))
    return shown


def _either(value: int | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _last(line: Buckets) -> float:
    return line[max(line)][0]


def _added(lines: list[Buckets]) -> Buckets:
    total: Buckets = {}
    for line in lines:
        for bucket, figures in line.items():
            mean, low, high = total.get(bucket, (0.0, 0.0, 0.0))
            total[bucket] = (mean + figures[0], low + figures[1], high + figures[2])
    return total


# --- Figures of the whole system -------------------------------------------------------------------------------------


def _system(lines: tuple[Line, ...], wanted: Q, step: int) -> list[tuple[str, str, Buckets]]:
    """Buckets of each line, in the chart's order; a line without a sample is empty. One query."""
    slots = list(SystemSample.objects.filter(wanted).order_by("at_s").values_list("resolution", "at_s", "figures"))
    return [(line.name, str(line.label), _buckets(_values(line, slots), step)) for line in lines]


def _values(line: Line, slots: list[tuple[int, int, dict[str, Any]]]) -> Iterator[tuple[int, int, Triple]]:
    for resolution, at_s, figures in slots:
        triple = as_triple(figures.get(line.figure, line.absent))
        if triple is not None:
            mean, low, high = (value * line.scale for value in triple)
            yield resolution, at_s, (mean, low, high)


def as_triple(figure: Any) -> Triple | None:
    """A figure of a sample as mean, least and most: one that did not change in its slot is kept as one number."""
    if figure is None:
        return None
    if isinstance(figure, list):
        mean, low, high = figure
        return float(mean), float(low), float(high)
    return float(figure), float(figure), float(figure)


def _buckets(values: Iterable[tuple[int, int, Triple]], step: int) -> Buckets:
    seconds: dict[int, int] = {}
    found: Buckets = {}
    for resolution, at_s, (mean, low, high) in values:
        bucket = at_s - at_s % step
        before = seconds.get(bucket, 0)
        if before:
            old = found[bucket]
            mean = (old[0] * before + mean * resolution) / (before + resolution)
            low, high = min(old[1], low), max(old[2], high)
        seconds[bucket] = before + resolution
        found[bucket] = (mean, low, high)
    return found
