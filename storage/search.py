"""Which locations can be taken now, and why the others cannot.

Differs from the ancestor on purpose: its first hit was the only candidate of a round, so that one disabled or locked
location starved everybody behind it. Here a location that cannot be taken is no hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When

from storage.criteria import Criteria, RequestLike, fits
from storage.models import Location

#: Candidates looked at in one round of a search; the next round looks at those behind.
CANDIDATES = 8
#: Locations named on the why card.
SHOWN = 12

_ELIGIBLE, _OFF, _LOCKED, _FILL, _CONTENT = "eligible", "off", "locked", "fill", "content"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A location that fits; ``held`` when its lock is the searcher's already."""

    id: int
    site_id: str
    held: bool


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why one location cannot be taken: ``off`` (disabled, or sensor unknown), ``locked``, ``fill`` or ``content``."""

    site_id: str
    why: str
    holder: str = ""
    since: datetime | None = None
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Obstacles:
    """The candidates of a search by what is in the way, and the first of them by site id.

    ``fill`` counts those that are full when an empty one is wanted, or empty when a full one is.
    """

    total: int = 0
    eligible: int = 0
    off: int = 0
    locked: int = 0
    fill: int = 0
    content: int = 0
    items: tuple[Obstacle, ...] = ()


def candidates(wanted: Criteria, holder: str, *, descending: bool, after: str | None = None) -> list[Candidate]:
    """Up to ``CANDIDATES`` locations that fit now, by site id (plain text order). One query.

    ``after`` continues behind the last one of the round before.
    """
    rows = _eligible(wanted, holder)
    if after is not None:
        rows = rows.filter(site_id__lt=after) if descending else rows.filter(site_id__gt=after)
    rows = rows.order_by("-site_id" if descending else "site_id")
    found = rows.values_list("pk", "site_id", "locked_by")[:CANDIDATES]
    return [Candidate(pk, site_id, held=bool(locked_by)) for pk, site_id, locked_by in found]


def still_fits(granted: RequestLike, site_id: str) -> bool:
    """Whether a location that was granted without a lock can still be taken. One query."""
    row = Location.objects.filter(site_id=site_id).first()
    return row is not None and fits(row, granted)


def obstacles(wanted: Criteria, holder: str, *, shown: int = SHOWN) -> Obstacles:
    """Count what is in the way of a search and name the first ``shown`` locations. Two queries."""
    rows = _static(wanted).annotate(why=_why(wanted, holder))
    counts: Mapping[str, int] = dict(rows.order_by().values_list("why").annotate(Count("pk")))
    named = (
        rows.exclude(why=_ELIGIBLE)
        .order_by("site_id")
        .values_list(
            "site_id", "why", "locked_by", "locked_at", "content", "disabled_by", "disabled_reason", "disabled_until"
        )[:shown]
    )
    return Obstacles(
        total=sum(counts.values()),
        eligible=counts.get(_ELIGIBLE, 0),
        off=counts.get(_OFF, 0),
        locked=counts.get(_LOCKED, 0),
        fill=counts.get(_FILL, 0),
        content=counts.get(_CONTENT, 0),
        items=tuple(_obstacle(*row) for row in named),
    )


def _static(wanted: Criteria) -> QuerySet[Location]:
    """What a location cannot change by being used: id, group, type."""
    rows = Location.objects.all()
    if wanted.site_id is not None:
        rows = rows.filter(site_id=wanted.site_id)
    if wanted.group is not None:
        rows = rows.filter(group_name=wanted.group)
    if wanted.type is not None:
        rows = rows.filter(type=wanted.type)
    return rows


def _eligible(wanted: Criteria, holder: str) -> QuerySet[Location]:
    rows = _static(wanted).filter(disabled=False, sync_failed=False)
    if wanted.filled is not None:
        rows = rows.filter(filled=wanted.filled)
    if wanted.content is not None:
        rows = rows.filter(content=wanted.content)
    return rows.filter(locked_by__in=_usable_locks(wanted, holder))


def _usable_locks(wanted: Criteria, holder: str) -> tuple[str, ...]:
    """The values of ``locked_by`` that do not stand in the way."""
    if wanted.locked is None:
        return ("", holder)
    return (holder,) if wanted.locked else ("",)


def _why(wanted: Criteria, holder: str) -> Case:
    cases = [
        When(Q(disabled=True) | Q(sync_failed=True), then=Value(_OFF)),
        When(~Q(locked_by__in=_usable_locks(wanted, holder)), then=Value(_LOCKED)),
    ]
    if wanted.filled is not None:
        cases.append(When(~Q(filled=wanted.filled), then=Value(_FILL)))
    if wanted.content is not None:
        cases.append(When(~Q(content=wanted.content), then=Value(_CONTENT)))
    return Case(*cases, default=Value(_ELIGIBLE), output_field=CharField())


def _obstacle(
    site_id: str,
    why: str,
    locked_by: str,
    locked_at: datetime | None,
    content: str,
    disabled_by: str,
    disabled_reason: str,
    disabled_until: datetime | None,
) -> Obstacle:
    if why == _OFF:
        return Obstacle(site_id, why, holder=disabled_by, detail=disabled_reason, until=disabled_until)
    if why == _LOCKED:
        return Obstacle(site_id, why, holder=locked_by, since=locked_at)
    return Obstacle(site_id, why, detail=content)
