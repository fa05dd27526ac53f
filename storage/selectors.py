"""What the console reads about locations and requests: frozen values, a stated number of queries each, no writes.

Who a holder is (a live run, an ended one, a person) is not known here; callers add it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from storage import lane_search, lanes, requests, search
from storage.criteria import Criteria, wait_keys
from storage.models import Area, LaneWait, LocationEvent, StorageLocation, StorageRequest
from storage.search import Obstacles
from storage.states import RequestKind, RequestState

#: Rows of one page; candidate counts are computed for these only.
PAGE = 50


@dataclass(frozen=True, slots=True)
class AreaCounts:
    """How an area's locations stand; a location counts in every column it fits."""

    id: int
    name: str
    title: str
    total: int
    filled: int
    locked: int
    disabled: int
    timed: int
    sync_failed: int

    @property
    def empty(self) -> int:
        """Locations without goods."""
        return self.total - self.filled


@dataclass(frozen=True, slots=True)
class Cell:
    """One location on the map. ``rev`` grows with every change."""

    id: int
    site_id: str
    group_name: str
    row: int | None
    column: int | None
    level: int | None
    filled: bool
    content: str
    locked_by: str
    locked_at: datetime | None
    disabled: bool
    disabled_until: datetime | None
    sync_failed: bool
    rev: int


@dataclass(frozen=True, slots=True)
class LockedRow:
    """One lock: where, whose, since when."""

    site_id: str
    area: str
    holder: str
    since: datetime
    filled: bool
    content: str


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """The candidates of a request by what is in the way (see ``storage.search.Obstacles``)."""

    total: int
    eligible: int
    fill: int
    locked: int
    off: int


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One waiting request in order of grants; ``queue`` is equal for requests with the same criteria."""

    key: str
    holder: str
    kind: RequestKind
    criteria: Criteria
    lock: bool
    fair: bool
    priority: int
    first_at: datetime
    deadline: datetime | None
    queue: str
    candidates: CandidateCounts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands among those with the same criteria; counted from 1."""

    number: int
    of: int


def counts_by_area() -> list[AreaCounts]:
    """Every area with its numbers, by name. One query."""
    rows = Area.objects.annotate(
        total=Count("locations"),
        filled=Count("locations", filter=Q(locations__filled=True)),
        locked=Count("locations", filter=~Q(locations__locked_by="")),
        disabled=Count("locations", filter=Q(locations__disabled=True)),
        timed=Count("locations", filter=Q(locations__disabled_until__isnull=False)),
        sync_failed=Count("locations", filter=Q(locations__sync_failed=True)),
    )
    return [
        AreaCounts(a.pk, a.name, a.title, a.total, a.filled, a.locked, a.disabled, a.timed, a.sync_failed)
        for a in rows.order_by("name")
    ]


def cells(area_id: int, *, group: str | None = None, level: int | None = None) -> list[Cell]:
    """The locations of an area by group and id. One query."""
    rows = StorageLocation.objects.filter(area_id=area_id)
    if group is not None:
        rows = rows.filter(group_name=group)
    if level is not None:
        rows = rows.filter(level=level)
    return _cells(rows.order_by("group_name", "site_id"))


def changed_cells(area_id: int, since: datetime) -> list[Cell]:
    """Cells of an area that changed at ``since`` or later. One query."""
    rows = StorageLocation.objects.filter(area_id=area_id, changed_at__gte=since)
    return _cells(rows.order_by("pk"))


def _cells(rows: QuerySet[StorageLocation]) -> list[Cell]:
    columns = ["pk" if column.name == "id" else column.name for column in fields(Cell)]
    return [Cell(*values) for values in rows.values_list(*columns)]


def locked_rows(*, holders: Sequence[str] | None = None, after: str = "", limit: int = 1000) -> list[LockedRow]:
    """Locks by site id, of these holders or of all; ``after`` continues behind a site id. One query."""
    rows = StorageLocation.objects.exclude(locked_by="").filter(site_id__gt=after)
    if holders is not None:
        rows = rows.filter(locked_by__in=holders)
    values = rows.order_by("site_id").values_list(
        "site_id", "area__name", "locked_by", "locked_at", "filled", "content"
    )
    return [
        LockedRow(site_id, area_name, holder, since, filled, content)
        for site_id, area_name, holder, since, filled, content in values[:limit]
        if since is not None  # the database has no lock without its time
    ]


def held_by(holder: str) -> list[str]:
    """Ids of the locations that a holder has locked, in order. One query."""
    held = StorageLocation.objects.filter(locked_by=holder).order_by("site_id")
    return list(held.values_list("site_id", flat=True)) if holder else []


def journal(site_id: str, *, limit: int = 10) -> list[LocationEvent]:
    """The last entries of a location, newest first. One query."""
    return list(LocationEvent.objects.filter(site_id=site_id).order_by("-id")[:limit])


def request_counts() -> Mapping[RequestState, int]:
    """Requests by state, every state named. One query."""
    found = dict(StorageRequest.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: found.get(state.value, 0) for state in RequestState}


def queue(*, after: tuple[int, int] | None = None, limit: int = PAGE) -> list[QueueRow]:
    """Pending requests in order of grants, with the candidates of each. Two queries; ``limit`` is at most ``PAGE``.

    ``after`` is the (rank, id) of the last row seen.
    """
    rows = StorageRequest.objects.filter(state=RequestState.PENDING).order_by("rank", "id")
    if after is not None:
        rows = rows.filter(Q(rank__gt=after[0]) | Q(rank=after[0], pk__gt=after[1]))
    page = list(rows[: min(limit, PAGE)])
    counts = _candidate_counts(page)
    return [_queue_row(row, counts[_question(row)]) for row in page]


def ended_requests(since: datetime, *, limit: int = PAGE) -> list[StorageRequest]:
    """Requests that expired or were cancelled since then, newest first. One query."""
    states = (RequestState.EXPIRED, RequestState.CANCELLED)
    return list(StorageRequest.objects.filter(state__in=states, due_at__gte=since).order_by("-due_at")[:limit])


def who_wants(site_id: str, *, limit: int = 12) -> list[StorageRequest]:
    """Pending requests that this location, or its lane, could serve by its values, in order of grants. Two queries."""
    row = StorageLocation.objects.filter(site_id=site_id).first()
    if row is None:
        return []
    lane = LaneWait.objects.filter(group_name=row.group_name).values("request_id")
    waits = StorageRequest.objects.filter(Q(wait_key__in=list(wait_keys(row))) | Q(pk__in=lane))
    return list(waits.order_by("rank", "id")[:limit])


def place(request: StorageRequest) -> Place | None:
    """Where a pending request stands; ``None`` when it does not wait. One query."""
    if request.wait_key is None:
        return None
    ahead = Q(rank__lt=request.rank) | Q(rank=request.rank, pk__lt=request.pk)
    counted = StorageRequest.objects.filter(wait_key=request.wait_key).aggregate(
        ahead=Count("pk", filter=ahead), of=Count("pk")
    )
    return Place(number=counted["ahead"] + 1, of=max(counted["of"], counted["ahead"] + 1))


def obstacles(request: StorageRequest) -> Obstacles:
    """What is in the way of a request right now, with the first 12 locations and their holders. Two queries."""
    if request.kind == RequestKind.LANE:
        return lane_search.obstacles(lanes.wish_of(request))
    return search.obstacles(requests.criteria_of(request), request.lock_for)


_Question = tuple[Criteria, str]


def _question(row: StorageRequest) -> _Question:
    """Requests with the same question share one count; the holder matters only where own locks are usable."""
    asked = requests.criteria_of(row)
    return asked, (row.lock_for if asked.locked is not False else "")


def _candidate_counts(page: Sequence[StorageRequest]) -> dict[_Question, CandidateCounts]:
    questions = list(dict.fromkeys(_question(row) for row in page))
    if not questions:
        return {}
    columns: dict[str, Count] = {}
    for number, (asked, holder) in enumerate(questions):
        want = search.conditions(asked, holder)
        usable = want.fixed & ~want.off & ~want.locked
        columns |= {
            f"total{number}": Count("pk", filter=want.fixed),
            f"off{number}": Count("pk", filter=want.fixed & want.off),
            f"locked{number}": Count("pk", filter=want.fixed & ~want.off & want.locked),
            f"fill{number}": Count("pk", filter=usable & want.fill),
            f"eligible{number}": Count("pk", filter=usable & ~want.fill & ~want.content),
        }
    found = StorageLocation.objects.aggregate(**columns)
    return {
        question: CandidateCounts(*(found[f"{name}{n}"] for name in ("total", "eligible", "fill", "locked", "off")))
        for n, question in enumerate(questions)
    }


def _queue_row(row: StorageRequest, counts: CandidateCounts) -> QueueRow:
    return QueueRow(
        key=row.key,
        holder=row.holder,
        kind=RequestKind(row.kind),
        criteria=requests.criteria_of(row),
        lock=row.lock,
        fair=row.fair,
        priority=row.priority,
        first_at=row.first_at,
        deadline=row.deadline,
        queue=row.wait_key or "",
        candidates=counts,
    )
