"""Every process of the system as a tree by parent, the ones that ended lately too: for pages and for the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from scheduler.housekeeping.rows import NOT_LOOKED_AT
from scheduler.models import ProcessRow
from scheduler.selectors import BEAT_GONE_S, BEAT_LATE_S
from vwed.monitoring import series

#: How long a process that has ended is still shown.
GONE_SHOWN = timedelta(minutes=10)
#: Processes read at most: the live ones first.
PROCESS_LIMIT = 500

#: Causes of an end that nobody needs to know of.
ENDED_IN_ORDER = ("ended", "stopped", "recycled", NOT_LOOKED_AT, "")

ALIVE, LATE, DRAINING, GONE = "alive", "late", "draining", "gone"

#: Siblings stand in this order; other roles follow.
_ORDER = ("console", "web", "main", "sentinel", "pusher", "monitor", "worker", "io", "simulator", "demo")


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process. Memory in bytes, ``cpu_percent`` of one core; a figure that nobody measured is ``None``.

    ``parent``: name of its parent, empty when that is none of ours; ``depth``: 0 for those. ``recycle_in``: runs until
    a worker is renewed. ``background_open``: threads and tasks that run in it now, of those in ``background``.
    """

    key: int
    name: str
    series: str
    role: str
    host: str
    seat: int
    boot_id: str
    pid: int
    parent_pid: int
    parent: str
    depth: int
    started_at: datetime
    beat_at: datetime
    ended_at: datetime | None
    cause: str
    state: str
    runs: int
    record: str
    block: str
    since: datetime | None
    rss: int | None = None
    uss: int | None = None
    pss: int | None = None
    vms: int | None = None
    percent: float | None = None
    cpu_percent: float | None = None
    threads: int | None = None
    fds: int | None = None
    blocks: int | None = None
    gc: tuple[int, ...] | None = None
    contexts: int | None = None
    leaked: int | None = None
    leaked_by: tuple[str, ...] = ()
    asyncio_tasks: int | None = None
    connections: int | None = None
    connection_ids: tuple[int, ...] = ()
    busy_waits: int | None = None
    background_open: int | None = None
    recycle_in: int | None = None
    background: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] | None = None
    heap: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it lives, as far as its row tells."""
        return self.state != GONE

    @property
    def size(self) -> int | None:
        """What it weighs: its proportional share where the kernel tells, else its own pages, else all of them."""
        return next((figure for figure in (self.pss, self.uss, self.rss) if figure is not None), None)

    @property
    def up(self) -> timedelta:
        """How long it has been running, or ran."""
        return (self.ended_at or self.beat_at) - self.started_at


def read_processes(now: datetime) -> list[ProcessView]:
    """Live processes and those gone within ``GONE_SHOWN``, parents before their children. Two queries."""
    recent = Q(ended_at=None, beat_at__gte=now - GONE_SHOWN) | Q(ended_at__gte=now - GONE_SHOWN)
    rows = list(ProcessRow.objects.filter(recent).order_by("-beat_at")[:PROCESS_LIMIT])
    known = series.known_series()
    live = [row for row in rows if _state(row, now) != GONE]
    names = series.assign(live, known)
    parents = {row.pk: _parent(row, rows, now) for row in rows}
    return [
        _view(row, depth, parents[row.pk], names.get(row.pk) or series.name_of_gone(row, known), now)
        for row, depth in _tree(rows, parents)
    ]


def _state(row: ProcessRow, now: datetime) -> str:
    age = (now - row.beat_at).total_seconds()
    if row.ended_at is not None or age > BEAT_GONE_S:
        return GONE
    if age > BEAT_LATE_S:
        return LATE
    return DRAINING if row.draining else ALIVE


def _parent(row: ProcessRow, rows: Sequence[ProcessRow], now: datetime) -> ProcessRow | None:
    """The row of its parent: of several with that process id the live one, else the newest."""
    found = [each for each in rows if each.pid == row.parent_pid and each.host == row.host and each.pk != row.pk]
    return max(found, key=lambda each: (_state(each, now) != GONE, each.pk), default=None)


def _tree(rows: Sequence[ProcessRow], parents: Mapping[int, ProcessRow | None]) -> list[tuple[ProcessRow, int]]:
    """Depth first. Process ids come back, so parents may form a ring: such rows stand alone at the end."""
    children: dict[int | None, list[ProcessRow]] = defaultdict(list)
    for row in rows:
        parent = parents[row.pk]
        children[parent.pk if parent is not None else None].append(row)
    ordered: list[tuple[ProcessRow, int]] = []
    open_rows = [(row, 0) for row in sorted(children[None], key=_place, reverse=True)]
    while open_rows:
        row, depth = open_rows.pop()
        ordered.append((row, depth))
        open_rows += [(child, depth + 1) for child in sorted(children[row.pk], key=_place, reverse=True)]
    placed = {row.pk for row, _ in ordered}
    return ordered + [(row, 0) for row in rows if row.pk not in placed]


def _place(row: ProcessRow) -> tuple[Any, ...]:
    order = _ORDER.index(row.role) if row.role in _ORDER else len(_ORDER)
    return row.host, order, row.seat, row.ended_at is not None, -row.pk


def _view(row: ProcessRow, depth: int, parent: ProcessRow | None, name: str, now: datetime) -> ProcessView:
    sample: Mapping[str, Any] = row.sample or {}
    background: Mapping[str, Any] = sample.get("background") or {}
    limit = _whole(sample, "recycle_at")
    return ProcessView(
        key=row.pk,
        name=row.name,
        series=name,
        role=row.role,
        host=row.host,
        seat=row.seat,
        boot_id=row.boot_id,
        pid=row.pid,
        parent_pid=row.parent_pid,
        parent=parent.name if parent is not None else "",
        depth=depth,
        started_at=row.started_at,
        beat_at=row.beat_at,
        ended_at=row.ended_at,
        cause=row.cause,
        state=_state(row, now),
        runs=row.runs,
        record=row.current_record,
        block=row.current_block,
        since=row.current_since,
        percent=_share(sample, "percent"),
        cpu_percent=_share(sample, "cpu_percent"),
        gc=tuple(sample["gc"]) if sample.get("gc") else None,
        leaked_by=tuple(sample.get("leaked_by") or ()),
        connection_ids=tuple(sample.get("connection_ids") or ()),
        busy_waits=sample.get("busy_waits"),
        recycle_in=max(0, limit - row.runs) if limit else None,
        background=background,
        background_open=_whole(sample, "background_open"),
        pool=sample.get("pool"),
        heap=sample.get("heap") or {},
        **{figure: _whole(sample, figure) for figure in _WHOLE},
    )


_WHOLE = ("rss", "uss", "pss", "vms", "threads", "fds", "blocks", "contexts", "leaked", "asyncio_tasks", "connections")


def _whole(sample: Mapping[str, Any], name: str) -> int | None:
    value = sample.get(name)
    return int(value) if value is not None else None


def _share(sample: Mapping[str, Any], name: str) -> float | None:
    value = sample.get(name)
    return float(value) if value is not None else None
