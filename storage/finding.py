"""Find or wait: what a run's storage blocks do, inside the caller's transaction.

Each function tries at once. When that fails it leaves a pending request and answers ``Waiting``; the caller commits and
then calls ``storage.matching.match_request(key, wake)``, which closes the gap between the failed search and the commit.
Called again with the same key after a wake, the function consumes the grant, or waits on, or gives up at the deadline.

``first_at`` begins a wait and must be the same in all calls of it; a later one under the same key is a new wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from storage import lane_search, lanes, locations, requests, search
from storage.criteria import Criteria, RetryPolicy, Wanted
from storage.errors import HeldByAnother, NotLockable, UnknownLocation
from storage.locations import Freed
from storage.models import StorageLocation, StorageRequest
from storage.requests import StorageValues
from storage.search import Candidate, Obstacles
from storage.states import RequestKind, RequestState


@dataclass(frozen=True, slots=True)
class Found:
    """The location; locked for the run when that was asked."""

    site_id: str
    already_held: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not now. ``why`` is ``location`` or ``lane`` (no candidate) or ``lock`` (one named location is not free).

    ``attempt`` of ``limit`` is where a polling block would be; ``limit`` and ``deadline`` are ``None`` when endless.
    """

    key: str
    why: str
    first_at: datetime
    deadline: datetime | None
    attempt: int
    limit: int | None
    obstacles: Obstacles
    site_id: str = ""
    locked_by: str = ""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The deadline is reached. The caller decides whether that is a failure."""

    attempts: int
    obstacles: Obstacles


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An operator ended the wait; ``reason`` says who and why."""

    reason: str


Outcome = Found | Waiting | GaveUp | Withdrawn
_WHY = {RequestKind.FIND: "location", RequestKind.LANE: "lane"}


def named_lock(
    key: str, holder: str, site_id: str, *, lock_for: str = "", fair: bool = False, priority: int = 0
) -> Wanted:
    """The wish to lock one location, for ``lock_site``."""
    criteria = Criteria(site_id=site_id, locked=None)
    return Wanted(key, holder, RequestKind.LOCK, criteria, lock_for=lock_for, lock=True, fair=fair, priority=priority)


def named_release(key: str, holder: str, site_id: str, *, lock_for: str = "") -> Wanted:
    """The wish to free one location, for ``unlock_site``."""
    return Wanted(key, holder, RequestKind.RELEASED, Criteria(site_id=site_id, locked=None), lock_for=lock_for)


def named_lanes(
    key: str,
    holder: str,
    groups: tuple[str, ...],
    *,
    filled: bool,
    content: str | None = None,
    lock: bool = False,
    priority: int = 0,
) -> Wanted:
    """The wish to take from dense lanes (``filled``), or to put into them; the groups in the order given."""
    criteria = Criteria(filled=filled, content=content, groups=groups)
    return Wanted(key, holder, RequestKind.LANE, criteria, lock=lock, priority=priority)


def find(
    wanted: Wanted, *, first_at: datetime, now: datetime, period_ms: int, retries: int | None, values: StorageValues
) -> Outcome:
    """Find a location that fits and lock it if ``wanted.lock``; ``retries`` ``None`` takes ``values.max_retries``.

    Raises:
        TooManyRequests: nothing is free and too many wait already.
        NotInALane, InvalidValue: a dense lane is searched that is none.
    """
    limit = values.max_retries if retries is None else retries
    return _find_or_wait(wanted, RetryPolicy(first_at, period_ms, limit), now, values)


def lock_site(
    wanted: Wanted, *, first_at: datetime, now: datetime, period_ms: int, retries: int | None, values: StorageValues
) -> Outcome:
    """Lock the location ``wanted.criteria.site_id``; ``retries`` ``None`` waits for ever.

    Raises:
        UnknownLocation, TooManyRequests.
    """
    if wanted.fair:  # who has to queue does not look at the location itself
        _known(wanted)
    return _find_or_wait(wanted, RetryPolicy(first_at, period_ms, retries), now, values)


def unlock_site(
    wanted: Wanted, *, first_at: datetime, now: datetime, period_ms: int, values: StorageValues
) -> Freed | Waiting | Withdrawn:
    """Free the location; free already succeeds (``was_locked`` false); held by another waits until it is released.

    Raises:
        UnknownLocation, TooManyRequests.
    """
    policy = RetryPolicy(first_at, period_ms, None)
    own = _own_request(wanted.key)
    withdrawn = _withdrawn(own, first_at)
    if withdrawn is not None:
        return withdrawn
    site_id = _site(wanted)
    try:
        freed = locations.unlock(site_id, wanted.lock_name, actor=wanted.holder)
    except HeldByAnother as held:
        if own is not None and own.state == RequestState.GRANTED and requests.complete(own, site_id):
            # It was released and taken by a third one before this run came to work: released all the same.
            return Freed(site_id, was_locked=False)
        if own is None or own.state != RequestState.PENDING:
            requests.submit(wanted, policy, values=values, replaces=own)
        return _waiting(wanted, policy, now, locked_by=held.holder)
    if own is not None and own.state in (RequestState.PENDING, RequestState.GRANTED):
        _complete_any(own, site_id)
    return freed


def _find_or_wait(wanted: Wanted, policy: RetryPolicy, now: datetime, values: StorageValues) -> Outcome:
    own = _own_request(wanted.key)
    withdrawn = _withdrawn(own, policy.first_at)
    if withdrawn is not None:
        return withdrawn
    if own is not None and own.state == RequestState.GRANTED:
        found = _consume(own)
        if found is not None:
            return found
        own = _own_request(wanted.key)
    expired = own is not None and own.state == RequestState.EXPIRED and own.first_at >= policy.first_at
    if expired:
        return _give_up(wanted, policy)
    pending = own if own is not None and own.state == RequestState.PENDING else None
    if pending is not None:
        wanted = replace(wanted, priority=pending.priority)
    found = _try_now(wanted, policy, pending)
    if found is not None:
        return found
    if policy.is_over(now):
        if pending is not None and not requests.expire(pending):
            return _find_or_wait(wanted, policy, now, values)  # granted in this very moment
        requests.next_heads([pending] if pending is not None else [])
        return _give_up(wanted, policy)
    if pending is None:
        requests.submit(wanted, policy, values=values, replaces=own)
    return _waiting(wanted, policy, now)


def _try_now(wanted: Wanted, policy: RetryPolicy, pending: StorageRequest | None) -> Found | None:
    if requests.is_behind(wanted, policy, pending):
        if wanted.criteria.locked is False:
            return None
        # What the run holds already takes nothing from the queue.
        wanted = replace(wanted, kind=RequestKind.FIND, criteria=replace(wanted.criteria, locked=True))
    if pending is None:
        return _take_one(wanted, first=True)
    try:
        # Location before request, as everywhere: what was taken is given back if a match granted the request meanwhile.
        with transaction.atomic():
            found = _take_one(wanted, first=False)
            if found is not None and not requests.complete(pending, found.site_id):
                raise _GrantedMeanwhile
    except _GrantedMeanwhile:
        granted = _own_request(wanted.key)
        return _consume(granted) if granted is not None and granted.state == RequestState.GRANTED else None
    if found is not None:
        requests.next_heads([pending])
    return found


class _GrantedMeanwhile(Exception):
    """A match was faster."""


def _take_one(wanted: Wanted, *, first: bool) -> Found | None:
    if wanted.kind == RequestKind.LOCK:
        return _take_named(wanted)
    if wanted.kind == RequestKind.LANE:
        return _take_in_lane(wanted, strict=first)
    after: str | None = None
    while True:
        round_ = search.candidates(wanted.criteria, wanted.lock_name, descending=wanted.descending, after=after)
        for candidate in round_:
            if _take(candidate, wanted):
                return Found(candidate.site_id, already_held=candidate.held)
        if len(round_) < search.CANDIDATES:
            return None
        after = round_[-1].site_id


def _take(candidate: Candidate, wanted: Wanted) -> bool:
    if candidate.held or not wanted.lock:
        return True
    return locations.take(candidate.id, candidate.site_id, wanted.lock_name, actor=wanted.holder)


def _take_named(wanted: Wanted) -> Found | None:
    try:
        locked = locations.lock(_site(wanted), wanted.lock_name, actor=wanted.holder)
    except (HeldByAnother, NotLockable):
        return None
    return Found(locked.site_id, already_held=locked.already_held)


def _take_in_lane(wanted: Wanted, *, strict: bool) -> Found | None:
    # Who waits already is not refused for a location that came later: a refusal would leave his request behind.
    choice = lane_search.choose(lanes.wish(wanted), strict=strict)
    if choice is None:
        return None
    if wanted.lock and not locations.take(choice.id, choice.site_id, wanted.lock_name, actor=wanted.holder):
        raise RuntimeError(f"{choice.site_id} changed under its row lock")
    return Found(choice.site_id, already_held=bool(choice.locked_by))


def _consume(own: StorageRequest) -> Found | None:
    """Take over what was granted; ``None`` when it was taken away meanwhile: the request is pending again."""
    takes_lock = own.lock or own.kind == RequestKind.LOCK
    if takes_lock:
        reserved = locations.consume_reservation(own.pk, own.lock_for)
        holds = reserved or StorageLocation.objects.filter(site_id=own.granted_site, locked_by=own.lock_for).exists()
    else:
        reserved = False
        # A lane may look different by now: it is searched again.
        holds = own.kind != RequestKind.LANE and search.still_fits(own, own.granted_site)
    if holds and requests.complete(own, own.granted_site):
        return Found(own.granted_site, already_held=takes_lock and not reserved)
    requests.reopen(own)
    return None


def _complete_any(own: StorageRequest, site_id: str) -> None:
    """End the request whether it was granted meanwhile or not; a release reserves nothing."""
    if not requests.complete(own, site_id):
        current = _own_request(own.key)
        if current is not None and current.state in (RequestState.PENDING, RequestState.GRANTED):
            requests.complete(current, site_id)


def _own_request(key: str) -> StorageRequest | None:
    return StorageRequest.objects.filter(key=key).first()


def _withdrawn(own: StorageRequest | None, first_at: datetime) -> Withdrawn | None:
    ended = own is not None and own.state == RequestState.CANCELLED and own.first_at >= first_at
    return Withdrawn(own.ended_reason) if own is not None and ended else None


def _site(wanted: Wanted) -> str:
    if wanted.criteria.site_id is None:
        raise ValueError(f"{wanted.kind} without a location")
    return wanted.criteria.site_id


def _known(wanted: Wanted) -> None:
    if not StorageLocation.objects.filter(site_id=_site(wanted)).exists():
        raise UnknownLocation(_site(wanted))


def _give_up(wanted: Wanted, policy: RetryPolicy) -> GaveUp:
    attempts = max(1, policy.max_retries or 0)
    return GaveUp(attempts, _obstacles(wanted))


def _obstacles(wanted: Wanted) -> Obstacles:
    if wanted.kind == RequestKind.LANE:
        return lane_search.obstacles(lanes.wish(wanted))
    return search.obstacles(wanted.criteria, wanted.lock_name)


def _waiting(wanted: Wanted, policy: RetryPolicy, now: datetime, locked_by: str = "") -> Waiting:
    found = _obstacles(wanted)
    named = wanted.criteria.site_id is not None and wanted.kind != RequestKind.FIND
    if named and not locked_by:
        locked_by = next((item.holder for item in found.items if item.why == "locked"), "")
    return Waiting(
        key=wanted.key,
        why=_WHY.get(wanted.kind, "lock"),
        first_at=policy.first_at,
        deadline=policy.deadline,
        attempt=policy.attempt(now),
        limit=policy.max_retries,
        obstacles=found,
        site_id=wanted.criteria.site_id or "",
        locked_by=locked_by,
    )
