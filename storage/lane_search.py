"""Reads the rows of dense lanes, and makes a choice that stays right: the lane's rows are locked and looked at again.

Two runs that choose in one lane at once come one after the other, and the second sees what the first has done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q

from storage import lanes
from storage.lanes import Blocked, Group, LaneSite, LaneWish
from storage.models import StorageLocation
from storage.search import SHOWN, Obstacle, Obstacles

#: How often a choice is made anew when others change the lane between the look and the lock.
_ROUNDS = 5
_COLUMNS = ("pk", "site_id", "group_name", "filled", "content", "locked_by", "disabled", "sync_failed")


def read(groups: Sequence[str]) -> dict[str, Group]:
    """The lanes of these groups. One query."""
    return lanes.arrange(_read(Q(group_name__in=groups)))


def choose(wanted: LaneWish, *, strict: bool) -> LaneSite | None:
    """The location for a wish now. When it is going to be locked, all rows of its lane are locked by this transaction.

    One query when there is none. ``strict`` refuses groups with a location that has no number.

    Raises:
        NotInALane.
    """
    for _ in range(_ROUNDS):
        sites = _read(Q(group_name__in=wanted.groups))
        if strict:
            lanes.check(sites)
        choice = lanes.choose(lanes.arrange(sites), wanted)
        if choice is None or not wanted.lock:
            return choice
        ids = [site.id for site in sites if site.group == choice.group]
        group = lanes.arrange(_read(Q(pk__in=ids), lock=True))
        if lanes.choose(group, wanted) == choice:
            return choice
    return None


def obstacles(wanted: LaneWish, *, shown: int = SHOWN) -> Obstacles:
    """What is in the way in each lane, counted by lane. One query."""
    found = lanes.obstacles(read(wanted.groups), wanted)
    ids = [one.site.id for one in found if one.site is not None][:shown]
    rows = StorageLocation.objects.filter(pk__in=ids) if ids else ()
    details = {row.pk: row for row in rows}
    count = {why: sum(one.why == why for one in found) for why in ("off", "locked", "fill", "content")}
    return Obstacles(
        total=len(wanted.groups),
        eligible=len(wanted.groups) - len(found),
        items=tuple(_obstacle(one, details) for one in found[:shown]),
        **count,
    )


def _obstacle(blocked: Blocked, details: Mapping[int, StorageLocation]) -> Obstacle:
    row = None if blocked.site is None else details.get(blocked.site.id)
    if row is None:
        return Obstacle("", blocked.why, lane=blocked.group)
    if blocked.why == "off":
        return Obstacle(
            row.site_id,
            blocked.why,
            holder=row.disabled_by,
            detail=row.disabled_reason,
            until=row.disabled_until,
            lane=blocked.group,
        )
    if blocked.why == "locked":
        return Obstacle(row.site_id, blocked.why, holder=row.locked_by, since=row.locked_at, lane=blocked.group)
    return Obstacle(row.site_id, blocked.why, detail=row.content, lane=blocked.group)


def _read(which: Q, *, lock: bool = False) -> list[LaneSite]:
    rows = StorageLocation.objects.filter(which).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    return [
        LaneSite(pk, site_id, group, filled, content, locked_by, disabled or sync_failed)
        for pk, site_id, group, filled, content, locked_by, disabled, sync_failed in rows.values_list(*_COLUMNS)
    ]
