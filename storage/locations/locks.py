"""Lock and unlock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models.functions import Now

from storage import journal
from storage.errors import HeldByAnother, InvalidValue, NotLockable
from storage.locations.rows import locked_row, locked_rows, require_transaction, touched, valid_holder
from storage.models import StorageLocation
from storage.states import LocationAction


@dataclass(frozen=True, slots=True)
class Locked:
    """The lock is the holder's; ``already_held`` when it was before."""

    site_id: str
    already_held: bool = False


@dataclass(frozen=True, slots=True)
class Freed:
    """Nobody holds the location; ``was_locked`` is false when nobody did before."""

    site_id: str
    was_locked: bool


def take(location_id: int, site_id: str, holder: str, *, actor: str = "", reservation: int | None = None) -> bool:
    """Lock by one conditional write: only when unlocked, enabled and synced. ``reservation``: the granted request."""
    require_transaction()
    columns = {"locked_by": holder, "locked_at": Now(), **touched()}
    if reservation is not None:
        columns |= {"reservation_id": reservation, "match_wanted_at": None}
    free = StorageLocation.objects.filter(pk=location_id, locked_by="", disabled=False, sync_failed=False)
    taken = free.update(**columns)
    if taken:
        action = LocationAction.LOCKED if reservation is None else LocationAction.GRANTED
        journal.write([journal.entry(site_id, action, actor=actor or holder, holder=holder, after=holder)])
    return bool(taken)


def lock(site_id: str, holder: str, *, actor: str = "") -> Locked:
    """Lock one location for ``holder``; succeeds again for the same holder.

    Raises:
        UnknownLocation, HeldByAnother, NotLockable (disabled, or its sensor state unknown), InvalidValue.
    """
    holder = valid_holder(holder)
    row = locked_row(site_id)
    if row.locked_by == holder:
        return Locked(site_id, already_held=True)
    if row.locked_by:
        raise HeldByAnother(site_id, row.locked_by)
    if not take(row.pk, row.site_id, holder, actor=actor):
        raise NotLockable(site_id, "its sensor state is unknown" if row.sync_failed else "it is disabled")
    return Locked(site_id)


def unlock(site_id: str, holder: str, *, actor: str = "") -> Freed:
    """Free a location that ``holder`` holds; free already: succeeds with ``was_locked`` false.

    Raises:
        UnknownLocation, HeldByAnother.
    """
    row = locked_row(site_id)
    if not row.locked_by:
        return Freed(site_id, was_locked=False)
    if row.locked_by != holder:
        raise HeldByAnother(site_id, row.locked_by)
    _free([row], LocationAction.UNLOCKED, actor=actor or holder)
    return Freed(site_id, was_locked=True)


def force_unlock(site_id: str, *, actor: str, reason: str) -> Freed:
    """Free a location whoever holds it. A grant that was waiting for its run is taken back; the run searches again.

    Raises:
        UnknownLocation, InvalidValue (no reason given).
    """
    if not reason.strip():
        raise InvalidValue("Unlocking by force needs a reason.", "Say why; it is kept in the journal.")
    row = locked_row(site_id)
    if not row.locked_by:
        return Freed(site_id, was_locked=False)
    _free([row], LocationAction.FORCED, actor=actor, reason=reason)
    return Freed(site_id, was_locked=True)


def release_held_by(holder: str, *, actor: str = "", reason: str = "") -> list[str]:
    """Free everything ``holder`` holds, in id order; returns the site ids. Three statements, however many."""
    require_transaction()
    ids = (
        list(StorageLocation.objects.filter(locked_by=holder).order_by("pk").values_list("pk", flat=True))
        if holder
        else []
    )
    rows = [row for row in locked_rows(ids) if row.locked_by == holder]
    _free(rows, LocationAction.RELEASED, actor=actor or holder, reason=reason)
    return [row.site_id for row in rows]


def release_reserved(request_ids: Sequence[int], *, actor: str, reason: str = "") -> list[str]:
    """Free what was granted to these requests and not consumed; returns the site ids."""
    require_transaction()
    ids = list(
        StorageLocation.objects.filter(reservation_id__in=request_ids).order_by("pk").values_list("pk", flat=True)
    )
    rows = [row for row in locked_rows(ids) if row.reservation_id in request_ids]
    _free(rows, LocationAction.RELEASED, actor=actor, reason=reason)
    return [row.site_id for row in rows]


def consume_reservation(request_id: int, holder: str) -> bool:
    """Turn the grant of a request into an ordinary lock; false when the location was taken away meanwhile."""
    require_transaction()
    return bool(StorageLocation.objects.filter(reservation_id=request_id, locked_by=holder).update(reservation_id=None))


def mark_matched(location_id: int, rev: int) -> None:
    """Nobody waits for the location as it was at ``rev``; a later change keeps its mark."""
    StorageLocation.objects.filter(pk=location_id, rev=rev).update(match_wanted_at=None)


def _free(rows: Sequence[StorageLocation], action: LocationAction, *, actor: str, reason: str = "") -> None:
    if not rows:
        return
    StorageLocation.objects.filter(pk__in=[row.pk for row in rows]).update(
        locked_by="", locked_at=None, reservation_id=None, match_wanted_at=Now(), **touched()
    )
    journal.write([journal.entry(r.site_id, action, actor=actor, before=r.locked_by, reason=reason) for r in rows])
