"""Gives locations to those who wait for them.

Called after the commit of whatever made a location eligible or left a request behind, never inside a transaction: each
location is matched in a transaction of its own, and its winners are woken after that commit. Whoever is about to call
and dies leaves ``match_wanted_at`` behind; ``sweep`` looks at those rows only, so that thousands of waits cost nothing
at rest.

Why no wake-up is lost: a release commits and then looks at the requests; a wait commits and then looks at the
locations. Whichever commits second sees the other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from storage import lane_matching, locations, requests, search
from storage.criteria import fits, wait_keys
from storage.models import LaneWait, StorageLocation, StorageRequest
from storage.requests import Ended, Wake
from storage.states import RequestKind, RequestState

#: Called after the commit, outside every transaction, with the holder and the key of the wait that was granted.
WakeUp = Callable[[str, str], None]

log = logging.getLogger(__name__)

_BATCH = 50
_NUDGE_AFTER = timedelta(seconds=5)
#: A marker younger than this belongs to somebody who is about to match by himself.
_MISSED_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Grant:
    """One request that was served."""

    holder: str
    key: str
    site_id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep repaired; all zero when there was nothing to do."""

    enabled: int = 0
    expired: int = 0
    nudged: int = 0
    matched_locations: int = 0
    matched_requests: int = 0
    granted: int = 0


def match(site_ids: Iterable[str], wake: WakeUp) -> list[Grant]:
    """Serve who waits for these locations: who waits for a release first, then by priority and age.

    Raises:
        RuntimeError: called inside a transaction.
    """
    return _Matching(wake, sites=site_ids).run()


def match_request(key: str, wake: WakeUp) -> list[Grant]:
    """Look for a location for one request that was just committed; others with a better claim are served first.

    Raises:
        RuntimeError: called inside a transaction.
    """
    return _Matching(wake, keys=(key,)).run()


def follow_up(ended: Ended, wake: WakeUp) -> list[Grant]:
    """After the commit that ended requests: match what became free and who came to the head of a queue."""
    return _Matching(wake, sites=ended.site_ids, keys=ended.next_keys).run()


def sweep(wake: WakeUp, *, now: datetime, limit: int = 100) -> Sweep:
    """Repair what a crash left behind, at most ``limit`` of each kind. Five queries when there is nothing.

    Enables what was disabled until now, expires what is overdue, wakes again who did not consume a grant, and matches
    what was marked and never matched.
    """
    enabled = locations.enable_due(now, limit=limit)
    ended = requests.expire_due(now, limit=limit)
    nudged = requests.nudge_due(now - _NUDGE_AFTER, limit=limit)
    for one in (*ended.woken, *nudged):
        _wake_isolated(wake, one)
    missed = Q(match_wanted_at__lte=now - _MISSED_AFTER)
    sites = StorageLocation.objects.filter(missed).order_by("match_wanted_at").values_list("site_id", flat=True)[:limit]
    waits = StorageRequest.objects.filter(missed, state=RequestState.PENDING).order_by("match_wanted_at")
    todo_sites = list(dict.fromkeys([*enabled, *sites]))
    todo_keys = list(dict.fromkeys([*ended.next_keys, *waits.values_list("key", flat=True)[:limit]]))
    granted = sum(_isolated(_Matching(wake, sites=(site_id,))) for site_id in todo_sites)
    granted += sum(_isolated(_Matching(wake, keys=(key,))) for key in todo_keys)
    return Sweep(len(enabled), len(ended.woken), len(nudged), len(todo_sites), len(todo_keys), granted)


def _wake_isolated(wake: WakeUp, one: Wake) -> None:
    try:
        wake(one.holder, one.key)
    except DatabaseError:
        log.warning("a wake failed; the next sweep or the run's own deadline repeats it", exc_info=True)


def _isolated(matching: _Matching) -> int:
    """One location or request of a sweep: a database error there (a deadlock, a lost connection) stops no other."""
    try:
        return len(matching.run())
    except DatabaseError:
        log.warning("a match failed; its mark stays, the next sweep tries again", exc_info=True)
        return 0


class _Matching:
    """One call's work list: locations to match, and requests to look for a location for."""

    def __init__(self, wake: WakeUp, *, sites: Iterable[str] = (), keys: Iterable[str] = ()) -> None:
        self._wake = wake
        self._sites = deque(dict.fromkeys(sites))
        self._keys = deque(dict.fromkeys(keys))
        #: Lanes that have changed, and the marks to be cleared when they are matched: key and revision of a location.
        self._lanes: dict[str, list[tuple[int, int]]] = {}
        self._grants: list[Grant] = []

    def run(self) -> list[Grant]:
        """Work until nothing is left. Ends, because only a grant adds work."""
        while self._sites or self._lanes or self._keys:
            if self._sites:
                self._match_location(self._sites.popleft())
            elif self._lanes:
                self._match_lanes(*self._lanes.popitem())
            else:
                self._match_request(self._keys.popleft())
        return self._grants

    def _match_request(self, key: str) -> None:
        row = StorageRequest.objects.filter(key=key, state=RequestState.PENDING).first()
        if row is None:
            return
        look = self._look_for_lane if row.kind == RequestKind.LANE else self._look_for_location
        progress = True
        while progress:
            before = len(self._grants)
            look(row)
            if any(grant.key == key for grant in self._grants[before:]):
                return
            progress = len(self._grants) > before
        requests.mark_matched(row)

    def _look_for_location(self, row: StorageRequest) -> None:
        before = len(self._grants)
        for site_id in _sites_for(row):
            self._match_location(site_id)
            if any(grant.key == row.key for grant in self._grants[before:]):
                return

    def _look_for_lane(self, row: StorageRequest) -> None:
        group = lane_matching.usable_group(row)
        if group is not None:
            self._match_lanes(group, [])

    def _match_location(self, site_id: str) -> None:
        """Serve the waits for one location, in batches, until it is taken or nobody is left; wake after each commit."""
        lane = LaneWait.objects.filter(group_name=OuterRef("group_name"))
        seen = StorageLocation.objects.annotate(lane_is_wanted=Exists(lane)).filter(site_id=site_id).first()
        if seen is None:
            return
        if seen.lane_is_wanted:
            # Its mark stays until the lane was matched too.
            self._lanes.setdefault(seen.group_name, []).append((seen.pk, seen.rev))
        if not _waits_for(seen).exists():
            # Whoever starts to wait from here on sees the location as it is; only a later change marks it again.
            if seen.match_wanted_at is not None and not seen.lane_is_wanted:
                locations.mark_matched(seen.pk, seen.rev)
            return
        batch = _Batch(keeps_mark=seen.lane_is_wanted)
        while batch.more:
            with transaction.atomic(durable=True):
                heads = batch.serve(StorageLocation.objects.select_for_update().get(pk=seen.pk))
            self._keys.extend(heads)
            self._tell(batch.grants)

    def _match_lanes(self, group: str, marks: Sequence[tuple[int, int]]) -> None:
        """Serve the waits for the lanes of a group, a bounded number per transaction, until it has no more to give."""
        while True:
            with transaction.atomic(durable=True):
                served = lane_matching.serve(group)
            if not served:
                break
            self._tell([Grant(row.holder, row.key, site_id) for row, site_id in served])
        for pk, rev in marks:
            locations.mark_matched(pk, rev)

    def _tell(self, grants: Sequence[Grant]) -> None:
        for grant in grants:
            self._wake(grant.holder, grant.key)
        self._grants += grants


class _Batch:
    """The match of one location, a bounded number of requests at a time, in order of rank."""

    def __init__(self, *, keeps_mark: bool) -> None:
        self.more = True
        self.grants: list[Grant] = []
        self._keeps_mark = keeps_mark
        self._after: tuple[int, int] | None = None
        #: Fair queues whose head does not fit: nobody behind it may be served.
        self._blocked: set[str] = set()

    def serve(self, location: StorageLocation) -> tuple[str, ...]:
        """Serve the next requests of a location whose row is locked; returns the new heads of fair queues."""
        rows = self._next_rows(location)
        self.grants = []
        served: list[StorageRequest] = []
        for row in rows:
            self._after = (row.rank, row.pk)
            # Whom a locked location fits holds it already; that takes nothing from his queue.
            if fits(location, row) and (location.locked_by or self._is_turn(row)) and _serve(location, row):
                served.append(row)
                self.grants.append(Grant(row.holder, row.key, location.site_id))
        self.more = len(rows) == _BATCH
        if not self.more and location.match_wanted_at is not None and not self._keeps_mark:
            locations.mark_matched(location.pk, location.rev)
        return requests.next_heads(served)

    def _next_rows(self, location: StorageLocation) -> list[StorageRequest]:
        rows = _waits_for(location)
        if self._blocked:
            rows = rows.exclude(fair_key__in=self._blocked)
        if self._after is not None:
            rank, pk = self._after
            rows = rows.filter(Q(rank__gt=rank) | Q(rank=rank, pk__gt=pk))
        return list(rows.order_by("rank", "id")[:_BATCH])

    def _is_turn(self, row: StorageRequest) -> bool:
        """Whether no other of its fair queue goes before; otherwise the queue is out of this match."""
        if row.fair_key is None:
            return True
        if row.fair_key not in self._blocked and requests.head_of(row.fair_key) == row.pk:
            return True
        self._blocked.add(row.fair_key)
        return False


def _serve(location: StorageLocation, row: StorageRequest) -> bool:
    """Grant one request; a locking one takes the location, once. False when it was withdrawn meanwhile."""
    if not requests.grant(row, location.site_id):
        return False
    locks = row.lock or row.kind == RequestKind.LOCK
    if locks and not location.locked_by:
        if not locations.take(location.pk, location.site_id, row.lock_for, actor=row.holder, reservation=row.pk):
            raise RuntimeError(f"{location.site_id} changed under its row lock")
        location.locked_by = row.lock_for
        location.match_wanted_at = None
    return True


def _sites_for(row: StorageRequest) -> list[str]:
    """Locations worth a match for this request: those that fit it now."""
    if row.kind != RequestKind.FIND:
        return [row.site_id] if row.site_id is not None else []
    found = search.candidates(requests.criteria_of(row), row.lock_for, descending=row.descending)
    return [candidate.site_id for candidate in found]


def _waits_for(location: StorageLocation) -> QuerySet[StorageRequest]:
    """Pending requests whose criteria this location meets by its values; its lock is looked at by ``fits``.

    A locked location can serve its own holder, a disabled one who waits for its release.
    """
    rows = StorageRequest.objects.filter(wait_key__in=list(wait_keys(location)))
    if location.locked_by:
        return rows.filter(lock_for=location.locked_by)
    if location.disabled or location.sync_failed:
        return rows.filter(kind=RequestKind.RELEASED)
    return rows
