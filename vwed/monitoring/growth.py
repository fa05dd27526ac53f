"""The leak watch: is the memory of a process, of the system, or what runs leave behind growing? Verdicts as rows.

Every verdict rests on a floor (the least of a stretch of time, or blocks after a collection), on pairs within one
process, and on the whole confidence interval: only a growth whose least likely end is above the threshold is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import F, Min
from django.db.models.functions import Coalesce

from scheduler import clock, conf
from vwed.models import Growth, ProcessSample, ProcessSeries
from vwed.models.monitoring import Resolution
from vwed.monitoring.generations import Generation, present, read_generations, summed
from vwed.monitoring.theil_sen import Point, Slope, rise_began, slope, thinned

SYSTEM, RUNS = "system", "runs"
INTERVAL_S = 10.0
#: Series change slowly: they are judged every so many turns.
SERIES_EVERY = 6
DAY_S = 86_400
MB = 1_000_000
#: How far back a series is looked at, and seconds of one stretch whose least counts.
WINDOW_S, STRETCH_S = 26 * 3600, 1800
#: A young series is cut into shorter ones.
YOUNG_S, SHORT_STRETCH_S = 6 * 3600, 300
#: Stretches a verdict about a series needs, the first of each process left out; runs one about runs needs.
NEEDED_STRETCHES, NEEDED_RUNS = 8, 500
#: Points a verdict about runs needs.
NEEDED_POINTS = 5
#: Blocks per 1,000 runs that filling caches may look like in a worker that is replaced before it is warm.
STEEPEST_WARM_UP = 5000.0
_NAMED = 5


class Verdict(StrEnum):
    """What is thought of a subject."""

    WARMING = "warming"
    FLAT = "flat"
    GROWS = "grows"
    ALLOCATOR = "allocator"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict before it is a row; fields as of ``vwed.models.Growth``."""

    verdict: Verdict
    slope: Slope | None = None
    points: int = 0
    needed: int = 0
    since: datetime | None = None
    limit_days: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


# --- What runs leave behind ------------------------------------------------------------------------------------------


def judge_runs(generations: Sequence[Generation], threshold: float) -> Finding:
    """Allocated blocks per 1,000 runs over all generations; ``threshold`` is what they may leave behind.

    Workers that are replaced before they are warm rise all their lives. Of them alone a growth is only believed when
    a trace has shown a block type whose objects survive every run, or when no warm-up rises like that.
    """
    chosen = present(generations, NEEDED_RUNS)
    if sum(each.observed for each in chosen if each.long) >= NEEDED_RUNS:
        chosen = [each for each in chosen if each.long]
    observed = sum(each.observed for each in chosen)
    groups = [[(runs / 1000, float(blocks)) for runs, blocks, _ in each.warm] for each in reversed(chosen)]
    found = slope(groups)
    if observed < NEEDED_RUNS or found is None or sum(map(len, groups)) < NEEDED_POINTS:
        return Finding(Verdict.WARMING, found, observed, NEEDED_RUNS)
    blame = _blamed(chosen)
    proven = any(each.long for each in chosen) or any(kind for kind, *_ in blame) or found.low > STEEPEST_WARM_UP
    if found.low <= threshold or not proven:
        return Finding(Verdict.FLAT, found, observed, NEEDED_RUNS)
    details = {
        "growers": summed((row for each in chosen for row in each.growers), _NAMED),
        "blame": blame,
        "definitions": summed((row for each in chosen for row in each.definitions), _NAMED),
        "kinds": summed((row for each in chosen for row in each.kinds), _NAMED),
        "generations": len(chosen),
    }
    return Finding(Verdict.GROWS, found, observed, NEEDED_RUNS, _runs_since(chosen, threshold), details=details)


def _runs_since(chosen: Sequence[Generation], threshold: float) -> datetime | None:
    """When the rise began: where it bends in the oldest of those generations, back from the newest, that rise alone."""
    began: float | None = None
    for each in chosen:
        own = slope([[(runs / 1000, float(blocks)) for runs, blocks, _ in each.warm]])
        if own is None:
            continue
        if own.middle <= threshold:
            break
        began = rise_began([(float(at), float(blocks)) for _, blocks, at in each.warm])
    return None if began is None else clock.from_ms(int(began * 1000))


def _blamed(chosen: Sequence[Generation]) -> list[list[Any]]:
    """Block type, objects per 1,000 runs as the newest generation that traced it says, and the place in the source."""
    found: dict[tuple[str, str], int] = {}
    for each in chosen:
        for kind, count, site in each.blame:
            found.setdefault((str(kind), str(site)), int(count))
    order = sorted(found.items(), key=lambda row: (not row[0][0], -row[1], row[0]))
    return [[kind, count, site] for (kind, site), count in order[:_NAMED]]


# --- Series ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """The least of one series in one stretch of time while one process sat there; bytes and blocks."""

    at_s: int
    pid: int
    memory: int
    blocks: int | None


def read_stretches(now_s: int) -> dict[int, list[Stretch]]:
    """The floor of every series, by its key. Two queries that group in the database."""
    fine = _stretches(now_s - YOUNG_S, SHORT_STRETCH_S)
    coarse = _stretches(now_s - WINDOW_S, STRETCH_S)
    return {
        key: rows if len(rows := coarse.get(key, [])) > 2 * NEEDED_STRETCHES else fine.get(key, rows)
        for key in fine.keys() | coarse.keys()
    }


def _stretches(since_s: int, length_s: int) -> dict[int, list[Stretch]]:
    rows = (
        ProcessSample.objects.filter(resolution=Resolution.MINUTE, at_s__gte=since_s)
        .annotate(start=F("at_s") - F("at_s") % length_s)
        .values_list("series_id", "start", "pid")
        .annotate(memory=Min(Coalesce("least", "uss", "rss")), blocks_left=Min("blocks"))
        .order_by("start", "series_id", "pid")
    )
    found: defaultdict[int, list[Stretch]] = defaultdict(list)
    for series, start, pid, memory, blocks in rows:
        if memory is not None:
            found[series].append(Stretch(start, pid, memory, blocks))
    return found


def judge_series(stretches: Sequence[Stretch], bytes_per_day: float, room: float) -> Finding:
    """One series. ``room``: bytes that are left to the whole system."""
    groups = _by_process(stretches)
    memory = [[(each.at_s / DAY_S, float(each.memory)) for each in group] for group in groups]
    finding = _judge(memory, bytes_per_day, room)
    if finding.verdict is not Verdict.GROWS:
        return finding
    blocks = slope([[(s.at_s / DAY_S, float(s.blocks)) for s in group if s.blocks is not None] for group in groups])
    if blocks is not None and blocks.low <= 0:
        return replace(finding, verdict=Verdict.ALLOCATOR)
    return finding


def judge_system(
    series: Mapping[int, Sequence[Stretch]], workers: frozenset[int], threshold: float, room: float
) -> Finding:
    """The sum. What replaces a worker gives its memory back, so only the other processes divide the time."""
    groups: defaultdict[tuple[tuple[int, int], ...], list[Point]] = defaultdict(list)
    stretches: defaultdict[int, dict[int, Stretch]] = defaultdict(dict)
    for key, rows in series.items():
        for each in _steady(rows):
            stretches[each.at_s][key] = each
    for at_s, present_ in sorted(stretches.items()):
        who = tuple(sorted((key, 0 if key in workers else each.pid) for key, each in present_.items()))
        groups[who].append((at_s / DAY_S, float(sum(each.memory for each in present_.values()))))
    return _judge(list(groups.values()), threshold, room)


def _steady(rows: Sequence[Stretch]) -> list[Stretch]:
    """Stretches with one process in them: of one in which a seat changed hands, the sum is not known."""
    times: defaultdict[int, int] = defaultdict(int)
    for each in rows:
        times[each.at_s] += 1
    return [each for each in rows if times[each.at_s] == 1]


def _by_process(stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """By pid, without the first stretch of each: its warm-up."""
    groups: defaultdict[int, list[Stretch]] = defaultdict(list)
    for each in stretches:
        groups[each.pid].append(each)
    return [group[1:] for group in groups.values()]


def _judge(groups: Sequence[Sequence[Point]], threshold: float, room: float) -> Finding:
    """Warming, flat or growing. Points: days and bytes."""
    count = sum(map(len, groups))
    found = slope(groups)
    if count < NEEDED_STRETCHES or found is None:
        return Finding(Verdict.WARMING, found, count, NEEDED_STRETCHES)
    if found.low <= threshold:
        return Finding(Verdict.FLAT, found, count, NEEDED_STRETCHES)
    newest = max((group for group in groups if group), key=lambda group: group[-1][0])
    began = rise_began(thinned(newest, NEEDED_STRETCHES * 4))
    since = None if began is None else clock.from_ms(int(began * DAY_S * 1000))
    return Finding(Verdict.GROWS, found, count, NEEDED_STRETCHES, since, room / found.middle)


# --- Rows ------------------------------------------------------------------------------------------------------------


class LeakWatch:
    """The service: judges what runs leave behind each time, the series every ``SERIES_EVERY`` times."""

    def __init__(self) -> None:
        self._turn = 0

    def run_once(self) -> Mapping[str, int]:
        """Judge and write; how many verdicts were written, and how many of them say that something grows."""
        values, now = conf.values(), clock.now()
        found = {RUNS: judge_runs(read_generations(), float(values.leak_blocks_per_1000))}
        if self._turn % SERIES_EVERY == 0:
            found |= judge_all_series(now, values.growth_mb_per_day * MB, float(values.memory_limit_mb * MB))
            Growth.objects.exclude(subject__in=list(found)).delete()
        self._turn += 1
        write(found.items(), now)
        return {"grows": sum(each.verdict is Verdict.GROWS for each in found.values())}


def judge_all_series(now: datetime, threshold: float, limit: float) -> dict[str, Finding]:
    """Every series that was heard of within the window, and the system. Three queries."""
    since = now - timedelta(seconds=WINDOW_S)
    known = {
        key: (name, role)
        for key, name, role in ProcessSeries.objects.filter(last_at__gte=since).values_list("pk", "name", "role")
    }
    stretches = {key: rows for key, rows in read_stretches(int(now.timestamp())).items() if key in known}
    room = max(0.0, limit - sum(rows[-1].memory for rows in stretches.values()))
    found = {known[key][0]: judge_series(rows, threshold, room) for key, rows in stretches.items()}
    if stretches:
        workers = frozenset(key for key, (_, role) in known.items() if role == "worker")
        found[SYSTEM] = judge_system(stretches, workers, threshold, room)
    return found


def write(findings: Iterable[tuple[str, Finding]], now: datetime) -> None:
    """Write verdicts, each over the last one about its subject. One statement each, two for a new subject."""
    for subject, finding in findings:
        Growth.objects.update_or_create(
            subject=subject,
            defaults={
                "verdict": finding.verdict.value,
                "low": finding.slope.low if finding.slope else None,
                "high": finding.slope.high if finding.slope else None,
                "points": finding.points,
                "needed": finding.needed,
                "since": finding.since,
                "limit_days": finding.limit_days,
                "details": dict(finding.details),
                "at": now,
            },
        )
