"""What a run asks for, as a value: criteria, keys of the waiting queues, rank and retry arithmetic. No database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import product
from typing import Protocol

from storage.states import RequestKind

#: Rank distance between two priorities: more milliseconds than a wait can last (3,000 years).
_PRIORITY_STEP = 10**14
_MAX_PRIORITY = 100
#: A retry policy may be arbitrarily large; a deadline must stay a date.
_LONGEST_WAIT_MS = 3650 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """Filters of a search; ``None`` means "not asked for". ``locked`` defaults to unlocked locations only.

    ``groups`` are the lanes of a lane request, in the order in which they are tried.
    """

    site_id: str | None = None
    group: str | None = None
    filled: bool | None = None
    content: str | None = None
    type: int | None = None
    locked: bool | None = False
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One wish: what, for whom, how urgent. ``holder`` waits and is woken; the lock gets the name ``lock_for``."""

    key: str
    holder: str
    kind: RequestKind
    criteria: Criteria
    lock_for: str = ""
    lock: bool = False
    fair: bool = False
    descending: bool = False
    priority: int = 0

    @property
    def lock_name(self) -> str:
        """Whose name the lock gets."""
        return self.lock_for or self.holder


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts are arithmetic, not wake-ups. ``max_retries`` ``None``: endless."""

    first_at: datetime
    period_ms: int
    max_retries: int | None

    def __post_init__(self) -> None:
        """A period below 1 ms would divide by zero; one above the column's range would not be stored."""
        object.__setattr__(self, "period_ms", min(max(int(self.period_ms), 1), 2**31 - 1))
        if self.max_retries is not None:
            object.__setattr__(self, "max_retries", min(max(int(self.max_retries), 0), 2**31 - 1))

    @property
    def deadline(self) -> datetime | None:
        """First wait + period x retries."""
        if self.max_retries is None:
            return None
        return self.first_at + timedelta(milliseconds=min(self.period_ms * self.max_retries, _LONGEST_WAIT_MS))

    def attempt(self, now: datetime) -> int:
        """The attempt that a polling block would be at: floor((now - first) / period), within the limit."""
        waited_ms = max(0, (now - self.first_at) // timedelta(milliseconds=1))
        number = waited_ms // self.period_ms
        return number if self.max_retries is None else min(number, self.max_retries)

    def is_over(self, now: datetime) -> bool:
        """Whether the deadline is reached."""
        deadline = self.deadline
        return deadline is not None and now >= deadline


class LocationLike(Protocol):
    """The columns of a location that decide whether it fits."""

    site_id: str
    group_name: str
    filled: bool
    content: str
    type: int
    locked_by: str
    disabled: bool
    sync_failed: bool


class RequestLike(Protocol):
    """The columns of a request that decide what fits it."""

    kind: str
    holder: str
    lock_for: str
    lock: bool
    site_id: str | None
    group_name: str | None
    filled: bool | None
    content: str | None
    type: int | None
    locked: bool | None
    lane_groups: list[str] | None


def fits(location: LocationLike, request: RequestLike) -> bool:
    """Whether ``request`` can be served with ``location`` as both are now.

    A lane request depends on the whole lane: ``storage.lanes`` judges it.
    """
    if request.kind == RequestKind.LANE:
        return False
    if request.kind == RequestKind.RELEASED:
        return location.site_id == request.site_id and location.locked_by in ("", request.lock_for)
    if location.disabled or location.sync_failed:
        return False
    if request.kind == RequestKind.LOCK:
        return location.site_id == request.site_id and location.locked_by in ("", request.lock_for)
    return _lock_fits(location.locked_by, request) and all(
        wanted is None or wanted == actual
        for wanted, actual in (
            (request.site_id, location.site_id),
            (request.group_name, location.group_name),
            (request.filled, location.filled),
            (request.content, location.content),
            (request.type, location.type),
        )
    )


def _lock_fits(locked_by: str, request: RequestLike) -> bool:
    if request.locked is None:
        return locked_by in ("", request.lock_for)
    return locked_by == (request.lock_for if request.locked else "")


def wait_key(wanted: Wanted) -> str:
    """The queue in which ``wanted`` waits: equal for all requests with the same criteria."""
    c = wanted.criteria
    if wanted.kind == RequestKind.LANE:
        return _digest("lane", c.groups, c.filled, c.content)
    if wanted.kind != RequestKind.FIND:
        return _digest(wanted.kind.value, c.site_id)
    return _digest("find", c.site_id, c.group, c.filled, c.content, c.type)


def wait_keys(location: LocationLike) -> Iterator[str]:
    """Every queue that ``location`` could serve: each criterion is either not asked for or equal to its value.

    34 keys, so that finding who waits for a location is a handful of index look-ups, however many wait for others.
    """
    yield _digest(RequestKind.LOCK.value, location.site_id)
    yield _digest(RequestKind.RELEASED.value, location.site_id)
    values = (location.site_id, location.group_name, bool(location.filled), location.content, location.type)
    for combination in product(*((None, value) for value in values)):
        yield _digest("find", *combination)


def lane_keys(group: str, filled: bool, content: str | None) -> tuple[str, str]:
    """What a lane request wants of one group: of its lane, and of its direct locations.

    Goods are put into a lane whatever lies there, and taken by content; a direct location has to have that content.
    """
    lane = _digest("take", group, content) if filled else _digest("put", group)
    return lane, _digest("direct", group, bool(filled), content or "")


def fair_key(wanted: Wanted) -> str | None:
    """The fair queue of ``wanted``: by location or by group, with content and fill; ``None`` when it does not queue."""
    c = wanted.criteria
    queues = wanted.fair and (wanted.lock or wanted.kind == RequestKind.LOCK)
    if not queues or (c.site_id is None and c.group is None):
        return None
    by = ("site", c.site_id) if c.site_id is not None else ("group", c.group)
    return _digest("fair", *by, c.content, c.filled)


def rank(kind: RequestKind, priority: int, first_at: datetime) -> int:
    """Priority first, age second, as one number: smaller is served earlier.

    Who waits for a release is told before the location is given away, whatever the priority.
    """
    age = int(first_at.timestamp() * 1000)
    if kind == RequestKind.RELEASED:
        return age - _PRIORITY_STEP
    return (_MAX_PRIORITY - min(max(priority, 0), _MAX_PRIORITY)) * _PRIORITY_STEP + age


def _digest(*parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
