"""Old samples become fewer: 5 s → 1 min → 1 h; and go: after 24 h, 10 days and 90 days, or when they are too many.

A coarse slot is made when it is over, from the finer samples that are there, in one insert: whoever comes second
finds it taken. After a pause the oldest slots come first, a bounded number with each run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import Count, Max, Min, Model

from scheduler import clock, conf
from scheduler.flags import Pace
from vwed.models import ProcessSample, ProcessSeries, SystemSample
from vwed.models.monitoring import Resolution
from vwed.monitoring.figures import STATUS
from vwed.monitoring.ranges import as_triple

FINE, MINUTE, HOUR = int(Resolution.FINE), int(Resolution.MINUTE), int(Resolution.HOUR)
#: Samples of each resolution are kept this long.
KEPT: Mapping[int, timedelta] = {FINE: timedelta(hours=24), MINUTE: timedelta(days=10), HOUR: timedelta(days=90)}
#: Their share of the rows: as many as they are when every process lives as long as all are kept.
SHARES: Mapping[int, float] = {FINE: 0.51, MINUTE: 0.425, HOUR: 0.065}
#: A slot is rolled up this long after its end: a late writer has written then.
AFTER_S = 15
#: Coarse slots of one kind made by one call, and batches of one kind deleted by one.
SLOTS_AT_ONCE = 60
BATCHES_AT_ONCE = 20
#: Series kept at most, those that were heard of last.
SERIES_KEPT = 500
#: Counting rows reads an index: no more often than this, in seconds.
COUNT_EVERY_S = 600.0

Combine = Callable[[int, int, Sequence[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Rolled:
    """Coarse slots that one call made."""

    minutes: int
    hours: int

    def as_json(self) -> dict[str, int]:
        """For the service's result row."""
        return asdict(self)


def roll_up(now: datetime | None = None) -> Rolled:
    """Make what is over and not made yet, minutes before hours. Eight queries when there is nothing to do."""
    until = int((now or clock.now()).timestamp()) - AFTER_S
    minutes = hours = 0
    kinds: tuple[tuple[type[Model], Combine], ...] = ((ProcessSample, _processes), (SystemSample, _system))
    for model, combine in kinds:
        made = _roll(model, combine, FINE, MINUTE, until)
        minutes += made
        if made < SLOTS_AT_ONCE:  # else there may be minutes missing in the hour
            hours += _roll(model, combine, MINUTE, HOUR, until)
    return Rolled(minutes, hours)


def _roll(model: type[Model], combine: Combine, source: int, target: int, until: int) -> int:
    """Make the oldest missing slots of ``target`` that ended before ``until``; how many."""
    rows: Any = model._default_manager
    last = rows.filter(resolution=target).aggregate(last=Max("at_s"))["last"]
    after = last + target if last is not None else 0
    for made in range(SLOTS_AT_ONCE):
        first = rows.filter(resolution=source, at_s__gte=after).aggregate(first=Min("at_s"))["first"]
        slot = first // target * target if first is not None else until
        if slot + target > until:
            return made
        finer = list(rows.filter(resolution=source, at_s__gte=slot, at_s__lt=slot + target).order_by("at_s"))
        rows.bulk_create(combine(target, slot, finer), ignore_conflicts=True)
        after = slot + target
    return SLOTS_AT_ONCE


_MEANS = (
    *("rss", "uss", "pss", "vms", "threads", "fds", "contexts", "background", "asyncio_tasks", "connections"),
    *("blocks", "runs"),
)


def _processes(resolution: int, slot: int, finer: Sequence[ProcessSample]) -> list[ProcessSample]:
    """One sample for each series: means, the least and most memory, and who sat there last."""
    made = []
    of_series = attrgetter("series_id")
    for series, group in groupby(sorted(finer, key=of_series), key=of_series):
        samples = list(group)
        means = {name: _mean(getattr(each, name) for each in samples) for name in _MEANS}
        made.append(
            ProcessSample(
                series_id=series,
                resolution=resolution,
                at_s=slot,
                pid=samples[-1].pid,
                least=min((each.least for each in samples if each.least is not None), default=None),
                most=max((each.most for each in samples if each.most is not None), default=None),
                cpu_percent=_mean(each.cpu_percent for each in samples),
                **{name: round(mean) if mean is not None else None for name, mean in means.items()},
            )
        )
    return made


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None


def _system(resolution: int, slot: int, finer: Sequence[SystemSample]) -> list[SystemSample]:
    """Of each figure mean, least and most, over the samples that tell it (a status that is left out: none); one number
    when they are the same."""
    figures: dict[str, Any] = {}
    for name in sorted({name for each in finer for name in each.figures}):
        absent = 0 if name.startswith(STATUS) else None
        triples = [triple for each in finer if (triple := as_triple(each.figures.get(name, absent))) is not None]
        if triples:
            means, lows, highs = zip(*triples, strict=True)
            low, high = _short(min(lows)), _short(max(highs))
            figures[name] = low if low == high else [_short(sum(means) / len(means)), low, high]
    return [SystemSample(resolution=resolution, at_s=slot, figures=figures)]


def _short(value: float) -> float:
    return int(value) if value == int(value) or abs(value) >= 1000 else round(value, 2)


# --- Bounds ----------------------------------------------------------------------------------------------------------


class Retention:
    """Deletes what is too old or too much, in bounded batches by primary key."""

    def __init__(self) -> None:
        self._count = Pace(COUNT_EVERY_S)

    def run_once(self, now: datetime | None = None) -> dict[str, int]:
        """Prune once; rows deleted by table. Seven queries when nothing is over its bound and nobody counts."""
        moment = now or clock.now()
        over = _over_bound() if self._count.due() else {}
        gone = {"process_samples": 0, "system_samples": 0}
        for name, model in (("process_samples", ProcessSample), ("system_samples", SystemSample)):
            for resolution, kept in KEPT.items():
                before = int((moment - kept).timestamp())
                gone[name] += _prune(model, resolution, before, over.get((name, resolution), 0))
        return {**gone, "series": _prune_series(moment)}


def _over_bound() -> dict[tuple[str, int], int]:
    """By table and resolution, rows beyond their share of ``sample_rows``. One query."""
    limit = conf.values().sample_rows
    counts = ProcessSample.objects.values_list("resolution").annotate(n=Count("id")).order_by()
    return {
        ("process_samples", resolution): max(0, count - int(limit * SHARES.get(resolution, 0)))
        for resolution, count in counts
    }


def _prune(model: type[Model], resolution: int, before: int, over: int) -> int:
    """Delete samples older than ``before``, and the ``over`` oldest; at most ``BATCHES_AT_ONCE`` batches."""
    rows: Any = model._default_manager
    gone, batch = 0, conf.values().prune_batch
    for _ in range(BATCHES_AT_ONCE):
        oldest = rows.filter(resolution=resolution).order_by("at_s", "pk")
        oldest = oldest if gone < over else oldest.filter(at_s__lt=before)
        most = min(batch, over - gone) if gone < over else batch
        deleted = _delete(model, list(oldest.values_list("pk", flat=True)[:most]))
        gone += deleted
        if not deleted or (deleted < batch and gone >= over):
            break
    return gone


def _prune_series(now: datetime) -> int:
    """Series that no sample can be left of, and the oldest when they are too many."""
    rows = ProcessSeries.objects.order_by("-last_at")
    gone = list(rows.filter(last_at__lt=now - KEPT[HOUR]).values_list("pk", flat=True)[:SERIES_KEPT])
    gone += list(rows.values_list("pk", flat=True)[SERIES_KEPT : 2 * SERIES_KEPT])
    return _delete(ProcessSeries, set(gone))


def _delete(model: type[Model], pks: Collection[int]) -> int:
    if not pks:
        return 0
    rows: Any = model._default_manager
    # Nothing hangs on a sample, and a series without its row is a line without a name until its samples are gone.
    return int(rows.filter(pk__in=pks)._raw_delete(using="default"))
