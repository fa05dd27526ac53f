"""Gives locations of dense lanes to those who wait for them: the part of ``storage.matching`` that knows lanes.

What a group has to offer is looked at once; its keys lead to the requests that want just that, by priority and age.
So a change in a lane costs the same however many wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage import lane_search, lanes, locations, requests
from storage.lanes import LaneWish
from storage.models import LaneWait, StorageRequest
from storage.states import RequestKind, RequestState

_BATCH = 50


def usable_group(request: StorageRequest) -> str | None:
    """The group that can serve a request now. One query."""
    wanted = lanes.wish_of(request)
    choice = lanes.choose(lane_search.read(wanted.groups), wanted)
    return None if choice is None else choice.group


def serve(group: str) -> list[tuple[StorageRequest, str]]:
    """Serve the first requests of a group, in the caller's transaction; who, and with which location.

    After a lock the lane looks different, so that ends the round. Empty: the group has nothing to give.
    """
    served = []
    vain: set[LaneWish] = set()
    for row in _first(group):
        wanted = lanes.wish_of(row)
        choice = None if wanted in vain else lane_search.choose(wanted, strict=False)
        if choice is None:
            vain.add(wanted)
        if choice is None or not requests.grant(row, choice.site_id):
            continue
        served.append((row, choice.site_id))
        if row.lock:
            if not locations.take(choice.id, choice.site_id, row.lock_for, actor=row.holder, reservation=row.pk):
                raise RuntimeError(f"{choice.site_id} changed under its row lock")
            break
    return served


def _first(group: str) -> Sequence[StorageRequest]:
    """The first pending requests that the group can serve, by priority and age. Two to five queries."""
    sites = lane_search.read([group]).get(group, ())
    lane, direct = lanes.offers(group, sites)
    ids: set[int] = set()
    for column, keys in (("wants__in", lane), ("wants_direct__in", direct)):
        if keys:
            rows = LaneWait.objects.filter(**{column: keys}).order_by("rank", "request_id")
            ids.update(rows.values_list("request_id", flat=True)[:_BATCH])
    holders = {site.locked_by for site in sites if site.locked_by}
    if holders:  # what they hold themselves is not in their way
        own = StorageRequest.objects.filter(lock_for__in=holders, wait_key__isnull=False, kind=RequestKind.LANE)
        ids.update(row.pk for row in own.order_by("rank", "id")[:_BATCH] if group in (row.lane_groups or ()))
    if not ids:
        return ()
    waiting = StorageRequest.objects.filter(pk__in=ids, state=RequestState.PENDING)
    return list(waiting.order_by("rank", "id"))
