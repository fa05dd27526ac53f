"""Which locations can be taken now, and why the others cannot.

Differs from the ancestor on purpose: its first hit was the only candidate of a round, so that one disabled or locked
location starved everybody behind it. Here a location that cannot be taken is no hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When

from storage.criteria import Criteria, RequestLike, fits
from storage.models import StorageLocation

#: Candidates looked at in one round of a search; the next round looks at those behind.
CANDIDATES = 8
#: Locations named on the why card.
SHOWN = 12

_NEVER = Q(pk__isnull=True)
_ELIGIBLE, _OFF, _LOCKED, _FILL, _CONTENT = "eligible", "off", "locked", "fill", "content"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A location that fits; ``held`` when its lock is the searcher's already."""

    id: int
    site_id: str
    held: bool


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why one location cannot be taken: ``off`` (disabled, or sensor unknown), ``locked``, ``fill`` or ``content``.

    ``lane``: the location blocks that lane; without a ``site_id`` the lane holds nothing to take, or has no place.
    """

    site_id: str
    why: str
    holder: str = ""
    since: datetime | None = None
    detail: str = ""
    until: datetime | None = None
    lane: str = ""


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
    row = StorageLocation.objects.filter(site_id=site_id).first()
    return row is not None and fits(row, granted)


def look(wanted: Criteria, *, descending: bool) -> StorageLocation | None:
    """The first location that fits, whoever holds it when ``locked`` is asked for; with its area. One query."""
    rows = StorageLocation.objects.filter(_values(wanted), disabled=False, sync_failed=False)
    if wanted.locked is not None:
        rows = rows.exclude(locked_by="") if wanted.locked else rows.filter(locked_by="")
    return rows.select_related("area").order_by("-site_id" if descending else "site_id").first()


def obstacles(wanted: Criteria, holder: str, *, shown: int = SHOWN) -> Obstacles:
    """Count what is in the way of a search and name the first ``shown`` locations. Two queries."""
    asked = conditions(wanted, holder)
    why = Case(
        When(asked.off, then=Value(_OFF)),
        When(asked.locked, then=Value(_LOCKED)),
        When(asked.fill, then=Value(_FILL)),
        When(asked.content, then=Value(_CONTENT)),
        default=Value(_ELIGIBLE),
        output_field=CharField(),
    )
    rows = StorageLocation.objects.filter(asked.fixed).annotate(why=why)
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


@dataclass(frozen=True, slots=True)
class Conditions:
    """A search as conditions: ``fixed`` is what use does not change, the rest is what can be in the way."""

    fixed: Q
    off: Q
    locked: Q
    fill: Q
    content: Q


def conditions(wanted: Criteria, holder: str) -> Conditions:
    """Translate criteria; what is not asked for is in nobody's way."""
    fixed: dict[str, Any] = {
        column: value
        for column, value in (("site_id", wanted.site_id), ("group_name", wanted.group), ("type", wanted.type))
        if value is not None
    }
    if wanted.groups:
        fixed["group_name__in"] = wanted.groups
    return Conditions(
        fixed=Q(**fixed) if fixed else Q(pk__isnull=False),
        off=Q(disabled=True) | Q(sync_failed=True),
        locked=~Q(locked_by__in=_usable_locks(wanted, holder)),
        fill=_NEVER if wanted.filled is None else ~Q(filled=wanted.filled),
        content=_NEVER if wanted.content is None else ~Q(content=wanted.content),
    )


def _eligible(wanted: Criteria, holder: str) -> QuerySet[StorageLocation]:
    usable = _usable_locks(wanted, holder)
    return StorageLocation.objects.filter(_values(wanted), disabled=False, sync_failed=False, locked_by__in=usable)


def _values(wanted: Criteria) -> Q:
    asked = {
        "site_id": wanted.site_id,
        "group_name": wanted.group,
        "type": wanted.type,
        "filled": wanted.filled,
        "content": wanted.content,
    }
    return Q(**{column: value for column, value in asked.items() if value is not None})


def _usable_locks(wanted: Criteria, holder: str) -> tuple[str, ...]:
    """The values of ``locked_by`` that do not stand in the way."""
    if wanted.locked is None:
        return ("", holder)
    return (holder,) if wanted.locked else ("",)


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
