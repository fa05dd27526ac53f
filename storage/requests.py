"""The only writer of request rows: submit, grant, consume, give up, withdraw, cancel, prune.

A request is a wait, not a poll: it costs nothing until ``storage.matching`` grants it. All functions run in the
caller's transaction. Lock order: the caller's own record, locations by id, then requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from storage import criteria, locations
from storage.criteria import Criteria, RetryPolicy, Wanted
from storage.errors import TooManyRequests
from storage.models import LaneWait, StorageRequest
from storage.states import ENDED, RequestKind, RequestState

_CANCEL_ROUNDS = 10
_NOBODY_WAITS = {"wait_key": None, "fair_key": None, "match_wanted_at": None}


@dataclass(frozen=True, slots=True)
class StorageValues:
    """The tunable figures, read by the caller."""

    max_retries: int = 1000
    max_pending: int = 20_000
    completed_ttl: timedelta = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Wake:
    """Somebody to be woken: the holder and the key of its wait."""

    holder: str
    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What has to be followed up after the commit: pass it to ``storage.matching.follow_up``.

    ``site_ids`` became free; ``next_keys`` are requests that came to the head of their fair queue.
    """

    site_ids: tuple[str, ...] = ()
    next_keys: tuple[str, ...] = ()
    woken: tuple[Wake, ...] = field(default=())


def submit(
    wanted: Wanted, policy: RetryPolicy, *, values: StorageValues, replaces: StorageRequest | None
) -> StorageRequest:
    """Insert a pending request. ``replaces`` is the ended request of an earlier wait under the same key.

    The bound may be passed by as many as submit in the same instant.

    Raises:
        TooManyRequests: ``values.max_pending`` requests wait already; nothing is written.
    """
    if StorageRequest.objects.filter(state=RequestState.PENDING).count() >= values.max_pending:
        raise TooManyRequests(values.max_pending)
    if replaces is not None:
        _delete([replaces.pk])
    asked = wanted.criteria
    request = StorageRequest.objects.create(
        key=wanted.key,
        holder=wanted.holder,
        lock_for=wanted.lock_name,
        kind=wanted.kind,
        site_id=asked.site_id,
        group_name=asked.group,
        filled=asked.filled,
        content=asked.content,
        type=asked.type,
        locked=asked.locked,
        lane_groups=list(asked.groups) or None,
        lock=wanted.lock,
        fair=wanted.fair,
        descending=wanted.descending,
        priority=wanted.priority,
        rank=criteria.rank(wanted.kind, wanted.priority, policy.first_at),
        wait_key=criteria.wait_key(wanted),
        fair_key=criteria.fair_key(wanted),
        first_at=policy.first_at,
        retry_period_ms=policy.period_ms,
        max_retries=policy.max_retries,
        deadline=policy.deadline,
        due_at=policy.deadline,
        match_wanted_at=Now(),
    )
    _enter_lanes(request)
    return request


def head_of(fair_key: str) -> int | None:
    """The request that may search in this fair queue."""
    queue = StorageRequest.objects.filter(fair_key=fair_key).order_by("rank", "id")
    return queue.values_list("pk", flat=True).first()


def is_behind(wanted: Wanted, policy: RetryPolicy, own: StorageRequest | None) -> bool:
    """Whether a fair wish has to let others of its queue go first. One query for fair wishes, none for the rest."""
    queue_key = criteria.fair_key(wanted)
    if queue_key is None:
        return False
    rank = criteria.rank(wanted.kind, wanted.priority, policy.first_at) if own is None else own.rank
    ahead = Q(rank__lte=rank) if own is None else Q(rank__lt=rank) | Q(rank=rank, pk__lt=own.pk)
    return StorageRequest.objects.filter(ahead, fair_key=queue_key).exists()


# --- Ends ------------------------------------------------------------------------------------------------------------


def grant(request: StorageRequest, site_id: str) -> bool:
    """Pending to granted; false when it was withdrawn or granted meanwhile."""
    granted = _move(
        request.pk,
        RequestState.PENDING,
        state=RequestState.GRANTED,
        granted_at=Now(),
        granted_site=site_id,
        due_at=Now(),
    )
    if granted:
        _leave_lanes(request)
    return granted


def complete(request: StorageRequest, site_id: str) -> bool:
    """Pending or granted, as ``request`` says, to completed; false when it is no longer so."""
    return _end(request, RequestState.COMPLETED, granted_site=site_id)


def expire(request: StorageRequest, reason: str = "deadline") -> bool:
    """Pending to expired."""
    return _end(request, RequestState.EXPIRED, ended_reason=reason)


def reopen(request: StorageRequest) -> bool:
    """Granted to pending: the location was taken away before the run consumed it. Place and deadline stay."""
    wanted = _wanted(request)
    reopened = _move(
        request.pk,
        RequestState.GRANTED,
        state=RequestState.PENDING,
        granted_at=None,
        granted_site="",
        due_at=request.deadline,
        wait_key=criteria.wait_key(wanted),
        fair_key=criteria.fair_key(wanted),
        match_wanted_at=Now(),
    )
    if reopened:
        _enter_lanes(request)
    return reopened


def cancel_for(holder: str, *, reason: str = "run ended") -> Ended:
    """End every wait of a run that is being settled, and free what was granted and not consumed."""
    return _cancel(Q(holder=holder), actor=holder, reason=reason)


def withdraw(key: str, *, actor: str, reason: str) -> Ended:
    """An operator ends one wait; its block fails. ``Ended.woken`` is the run, empty when nothing was waiting."""
    return _cancel(Q(key=key), actor=actor, reason=f"withdrawn by {actor}: {reason}"[:255])


def stop(keys: Collection[str], holder: str) -> Ended:
    """End the waits of a run that were made under these keys: the branches that made them are stopped."""
    return _cancel(Q(holder=holder, key__in=keys), actor=holder, reason="branch stopped") if keys else Ended()


def reprioritise(holder: str, priority: int) -> int:
    """Move the pending requests of a run to their new place; returns how many.

    Whoever comes to the head of a fair queue by that is matched by the next sweep.
    """
    moved = 0
    queues: set[str | None] = set()
    for row in StorageRequest.objects.filter(holder=holder, state=RequestState.PENDING).exclude(priority=priority):
        rank = criteria.rank(RequestKind(row.kind), priority, row.first_at)
        if _move(row.pk, RequestState.PENDING, priority=priority, rank=rank):
            moved += 1
            queues.add(row.fair_key)
            if row.kind == RequestKind.LANE:
                LaneWait.objects.filter(request_id=row.pk).update(rank=rank)
    for fair_key in queues - {None}:
        head = head_of(str(fair_key))
        if head is not None:
            _move(head, RequestState.PENDING, match_wanted_at=Now())
    return moved


def expire_due(now: datetime, *, limit: int = 100) -> Ended:
    """Expire pending requests whose deadline has come; their runs are to be woken. One query when there is none."""
    due = StorageRequest.objects.filter(state=RequestState.PENDING, due_at__lte=now).order_by("due_at")[:limit]
    gone = [row for row in due if expire(row)]
    return Ended(next_keys=next_heads(gone), woken=tuple(Wake(row.holder, row.key) for row in gone))


def nudge_due(granted_before: datetime, *, limit: int = 100) -> tuple[Wake, ...]:
    """Granted requests that nobody consumed for a while: their wake may be lost. One query when there is none."""
    late = StorageRequest.objects.filter(state=RequestState.GRANTED, due_at__lte=granted_before)
    rows = list(late.order_by("due_at").values_list("pk", "holder", "key")[:limit])
    if rows:
        StorageRequest.objects.filter(pk__in=[pk for pk, *_ in rows], state=RequestState.GRANTED).update(due_at=Now())
    return tuple(Wake(holder, key) for _, holder, key in rows)


def mark_matched(request: StorageRequest) -> None:
    """A match has looked at the request as it was read; a mark made since then stays."""
    if request.match_wanted_at is None:
        return
    marked = StorageRequest.objects.filter(pk=request.pk, match_wanted_at__lte=request.match_wanted_at)
    marked.update(match_wanted_at=None)


def prune(now: datetime, ttl: timedelta, *, limit: int = 500) -> int:
    """Delete up to ``limit`` requests that ended longer than ``ttl`` ago, by primary key; returns how many."""
    old = StorageRequest.objects.filter(state__in=ENDED, due_at__lte=now - ttl)
    ids = list(old.values_list("pk", flat=True)[:limit])
    return _delete(ids)


def next_heads(gone: Iterable[StorageRequest]) -> tuple[str, ...]:
    """Mark and return those who came to the head of a fair queue and want something else than the one who left.

    With the same criteria there is nothing to try: what did not fit the old head does not fit the new one.
    """
    left = {row.fair_key: row.wait_key for row in gone if row.fair_key is not None}
    keys: list[str] = []
    for fair_key, wait_key in left.items():
        head = StorageRequest.objects.filter(fair_key=fair_key).order_by("rank", "id").first()
        if head is not None and head.wait_key != wait_key:
            _move(head.pk, RequestState.PENDING, match_wanted_at=Now())
            keys.append(head.key)
    return tuple(keys)


# --- Rows ------------------------------------------------------------------------------------------------------------


def _cancel(which: Q, *, actor: str, reason: str) -> Ended:
    """Cancel live requests; repeated when a match granted one of them between the look and the update."""
    gone: list[StorageRequest] = []
    freed: list[str] = []
    for _ in range(_CANCEL_ROUNDS):
        live = list(StorageRequest.objects.filter(which, state__in=(RequestState.PENDING, RequestState.GRANTED)))
        if not live:
            break
        granted = [row.pk for row in live if row.state == RequestState.GRANTED]
        if granted:
            freed += locations.release_reserved(granted, actor=actor, reason=reason)
        gone += [row for row in live if _end(row, RequestState.CANCELLED, ended_reason=reason)]
    return Ended(tuple(freed), next_heads(gone), tuple(Wake(row.holder, row.key) for row in gone))


def _end(request: StorageRequest, state: RequestState, **columns: object) -> bool:
    before = RequestState(request.state)
    ended = _move(request.pk, before, state=state, ended_at=Now(), due_at=Now(), **_NOBODY_WAITS, **columns)
    if ended and before == RequestState.PENDING:
        _leave_lanes(request)
    return ended


def _enter_lanes(request: StorageRequest) -> None:
    """Queue a pending lane request in each of its groups."""
    if request.kind != RequestKind.LANE:
        return
    entries = []
    for group in request.lane_groups or ():
        wants, direct = criteria.lane_keys(group, bool(request.filled), request.content)
        entries.append(LaneWait(request=request, group_name=group, wants=wants, wants_direct=direct, rank=request.rank))
    LaneWait.objects.bulk_create(entries)


def _leave_lanes(request: StorageRequest) -> None:
    if request.kind == RequestKind.LANE:
        rows = LaneWait.objects.filter(request_id=request.pk)
        rows._raw_delete(using=rows.db)


def _move(pk: int, expected: RequestState, **columns: object) -> bool:
    if columns.get("state") == RequestState.GRANTED:
        columns = {**_NOBODY_WAITS, **columns}
    return bool(StorageRequest.objects.filter(pk=pk, state=expected).update(**columns))


def _delete(ids: Sequence[int]) -> int:
    # The ORM's delete() would read the rows again to look for dependants; the database refuses the ones there are.
    rows = StorageRequest.objects.filter(pk__in=ids)
    return int(rows._raw_delete(using=rows.db)) if ids else 0


def criteria_of(request: StorageRequest) -> Criteria:
    """The wish of a request as a value."""
    return Criteria(
        request.site_id,
        request.group_name,
        request.filled,
        request.content,
        request.type,
        request.locked,
        tuple(request.lane_groups or ()),
    )


def _wanted(request: StorageRequest) -> Wanted:
    return Wanted(
        key=request.key,
        holder=request.holder,
        kind=RequestKind(request.kind),
        criteria=criteria_of(request),
        lock_for=request.lock_for,
        lock=request.lock,
        fair=request.fair,
        descending=request.descending,
        priority=request.priority,
    )
