"""The only writer of location rows (``storage.areas`` creates them).

Every command runs in the caller's transaction (it refuses to run without one), writes nothing but its own columns, and
leaves a journal entry. Commands that can make a location eligible mark it (``match_wanted_at``); after the commit the
caller passes its id to ``storage.matching.match``, and the sweep does so if the caller died.

Times are the database's. Refusals are ``StorageError``; ordinary outcomes are values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from storage import journal
from storage.errors import HeldByAnother, InvalidValue, NotLockable, StorageError, UnknownLocation
from storage.models import LocationAttribute, LocationEvent, StorageLocation
from storage.states import LocationAction

_HOLDER_LENGTH = 128
_TEXT_LENGTH = 255


@dataclass(frozen=True, slots=True)
class LocationState:
    """A location after a command."""

    site_id: str
    filled: bool
    content: str
    locked_by: str
    disabled: bool
    sync_failed: bool
    changed: bool = True

    @property
    def match_now(self) -> bool:
        """Whether others may be waiting for just this change: then call ``match`` after the commit.

        A change under a lock concerns only other branches of the holder; for those the sweep is soon enough.
        """
        return self.changed and not self.locked_by


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


@dataclass(frozen=True, slots=True)
class Bulk:
    """Result of a command on many locations: states of those done, refusals by site id."""

    done: tuple[LocationState | Locked | Freed, ...]
    refused: tuple[StorageError, ...]


# --- Lock and unlock -------------------------------------------------------------------------------------------------


def take(location_id: int, site_id: str, holder: str, *, actor: str = "", reservation: int | None = None) -> bool:
    """Lock by one conditional write: only when unlocked, enabled and synced. ``reservation``: the granted request."""
    _require_transaction()
    columns = {"locked_by": holder, "locked_at": Now(), **_touched()}
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
    holder = _valid_holder(holder)
    row = _row(site_id)
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
    row = _row(site_id)
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
    row = _row(site_id)
    if not row.locked_by:
        return Freed(site_id, was_locked=False)
    _free([row], LocationAction.FORCED, actor=actor, reason=reason)
    return Freed(site_id, was_locked=True)


def release_held_by(holder: str, *, actor: str = "", reason: str = "") -> list[str]:
    """Free everything ``holder`` holds, in id order; returns the site ids. Three statements, however many."""
    _require_transaction()
    ids = (
        list(StorageLocation.objects.filter(locked_by=holder).order_by("pk").values_list("pk", flat=True))
        if holder
        else []
    )
    rows = [row for row in _rows(ids) if row.locked_by == holder]
    _free(rows, LocationAction.RELEASED, actor=actor or holder, reason=reason)
    return [row.site_id for row in rows]


def release_reserved(request_ids: Sequence[int], *, actor: str, reason: str = "") -> list[str]:
    """Free what was granted to these requests and not consumed; returns the site ids."""
    _require_transaction()
    ids = list(
        StorageLocation.objects.filter(reservation_id__in=request_ids).order_by("pk").values_list("pk", flat=True)
    )
    rows = [row for row in _rows(ids) if row.reservation_id in request_ids]
    _free(rows, LocationAction.RELEASED, actor=actor, reason=reason)
    return [row.site_id for row in rows]


def consume_reservation(request_id: int, holder: str) -> bool:
    """Turn the grant of a request into an ordinary lock; false when the location was taken away meanwhile."""
    _require_transaction()
    return bool(StorageLocation.objects.filter(reservation_id=request_id, locked_by=holder).update(reservation_id=None))


def mark_matched(location_id: int, rev: int) -> None:
    """Nobody waits for the location as it was at ``rev``; a later change keeps its mark."""
    StorageLocation.objects.filter(pk=location_id, rev=rev).update(match_wanted_at=None)


def _free(rows: Sequence[StorageLocation], action: LocationAction, *, actor: str, reason: str = "") -> None:
    if not rows:
        return
    StorageLocation.objects.filter(pk__in=[row.pk for row in rows]).update(
        locked_by="", locked_at=None, reservation_id=None, match_wanted_at=Now(), **_touched()
    )
    journal.write([journal.entry(r.site_id, action, actor=actor, before=r.locked_by, reason=reason) for r in rows])


# --- Goods -----------------------------------------------------------------------------------------------------------


def fill(site_id: str, *, actor: str, content: str | None = None) -> LocationState:
    """Mark a location as occupied, and with ``content`` say by what."""
    return change(site_id, actor=actor, filled=True, content=content)


def empty(site_id: str, *, actor: str) -> LocationState:
    """Mark a location as empty; its content goes with the goods."""
    return change(site_id, actor=actor, filled=False, content="")


def set_content(site_id: str, content: str, *, actor: str) -> LocationState:
    """Say what lies there, without touching the fill state."""
    return change(site_id, actor=actor, content=content)


def change(
    site_id: str, *, actor: str, filled: bool | None = None, content: str | None = None, reason: str = ""
) -> LocationState:
    """Write only the columns given; what is so already is neither written nor journalled.

    Raises:
        UnknownLocation, InvalidValue.
    """
    row = _row(site_id)
    columns: dict[str, Any] = {}
    entries: list[LocationEvent] = []
    if filled is not None and filled != row.filled:
        columns["filled"] = filled
        action = LocationAction.FILLED if filled else LocationAction.EMPTIED
        entries.append(_entry(row, action, row.filled, filled, actor, reason))
    if content is not None and _text(content, "content") != row.content:
        columns["content"] = content
        entries.append(_entry(row, LocationAction.CONTENT, row.content, content, actor, reason))
    return _write(row, columns, entries)


def set_tags(site_id: str, tags: str, *, actor: str) -> LocationState:
    """Replace the free text of a location."""
    row = _row(site_id)
    if _text(tags, "tags") == row.tags:
        return _write(row, {}, [])
    return _write(row, {"tags": tags}, [_entry(row, LocationAction.TAGS, row.tags, tags, actor)])


def set_attribute(site_id: str, name: str, value: str, *, actor: str) -> LocationState:
    """Set one extension attribute."""
    if not _text(name, "attribute name", _HOLDER_LENGTH).strip():
        raise InvalidValue("An attribute needs a name.", "Give one.")
    row = _row(site_id)
    old = LocationAttribute.objects.filter(location=row, name=name).first()
    if old is not None and old.value == _text(value, "attribute"):
        return _write(row, {}, [])
    LocationAttribute.objects.update_or_create(location=row, name=name, defaults={"value": _text(value, "attribute")})
    before = "" if old is None else f"{name}={old.value}"
    return _write(row, {}, [_entry(row, LocationAction.ATTRIBUTE, before, f"{name}={value}", actor)])


# --- In and out of use -----------------------------------------------------------------------------------------------


def disable(site_id: str, *, actor: str, reason: str = "", until: datetime | None = None) -> LocationState:
    """Take a location out of use, for good or until a time. Its lock stays with its holder."""
    row = _row(site_id)
    columns = {
        "disabled": True,
        "disabled_by": actor[:150],
        "disabled_reason": reason[:_TEXT_LENGTH],
        "disabled_until": until,
    }
    if all(getattr(row, name) == value for name, value in columns.items()):
        return _write(row, {}, [])
    after = until.isoformat(timespec="minutes") if until else "1"
    return _write(row, columns, [_entry(row, LocationAction.DISABLED, row.disabled, after, actor, reason)])


def enable(site_id: str, *, actor: str, reason: str = "") -> LocationState:
    """Put a location back into use."""
    row = _row(site_id)
    return _enable(row, actor, reason) if row.disabled else _write(row, {}, [])


def enable_due(now: datetime, *, limit: int = 100) -> list[str]:
    """Enable what was disabled until a time that has come; returns the site ids. One statement when there is none."""
    due = StorageLocation.objects.filter(disabled_until__lte=now)
    ids = list(due.order_by("disabled_until").values_list("pk", flat=True)[:limit])
    if not ids:
        return []
    with transaction.atomic():
        rows = [row for row in _rows(sorted(ids)) if row.disabled_until and row.disabled_until <= now]
        for row in rows:
            _enable(row, "timer", "time reached")
    return [row.site_id for row in rows]


def _enable(row: StorageLocation, actor: str, reason: str) -> LocationState:
    columns = {"disabled": False, "disabled_by": "", "disabled_reason": "", "disabled_until": None}
    return _write(row, columns, [_entry(row, LocationAction.ENABLED, True, False, actor, reason)])


def set_sync_failed(site_id: str, failed: bool, *, actor: str, reason: str = "") -> LocationState:
    """Say whether the sensor state of a location is unknown."""
    row = _row(site_id)
    if row.sync_failed == failed:
        return _write(row, {}, [])
    entries = [_entry(row, LocationAction.SYNC, row.sync_failed, failed, actor, reason)]
    return _write(row, {"sync_failed": failed}, entries)


# --- Many ------------------------------------------------------------------------------------------------------------


def for_each(site_ids: Iterable[str], command: Callable[[str], LocationState | Locked | Freed]) -> Bulk:
    """Apply a command to many locations in one transaction; a refusal of one does not stop the others.

    Rows are locked in id order first, so that two bulk commands cannot block each other.
    """
    _require_transaction()
    wanted = list(dict.fromkeys(site_ids))
    ids = dict(StorageLocation.objects.filter(site_id__in=wanted).values_list("site_id", "pk"))
    _rows(sorted(ids.values()))
    done, refused = [], []
    for site_id in sorted(wanted, key=lambda one: ids.get(one, 0)):
        try:
            done.append(command(site_id))
        except StorageError as error:
            refused.append(error)
    return Bulk(tuple(done), tuple(refused))


# --- Rows ------------------------------------------------------------------------------------------------------------


def read(site_id: str) -> LocationState | None:
    """One location as it is, or ``None``; takes no lock."""
    row = StorageLocation.objects.filter(site_id=site_id).first()
    return None if row is None else _state(row, changed=False)


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Storage commands run in the caller's transaction; open one.")


def _row(site_id: str) -> StorageLocation:
    _require_transaction()
    row = StorageLocation.objects.select_for_update().filter(site_id=site_id).first()
    if row is None:
        raise UnknownLocation(site_id)
    return row


def _rows(ids: Sequence[int]) -> list[StorageLocation]:
    """Lock rows in id order: the order everywhere, so that two transactions cannot wait for each other."""
    return list(StorageLocation.objects.select_for_update().filter(pk__in=ids).order_by("pk")) if ids else []


def _touched() -> dict[str, Any]:
    return {"rev": F("rev") + 1, "changed_at": Now()}


def _write(row: StorageLocation, columns: dict[str, Any], entries: list[LocationEvent]) -> LocationState:
    if entries:
        StorageLocation.objects.filter(pk=row.pk).update(match_wanted_at=Now(), **columns, **_touched())
        for name, value in columns.items():
            setattr(row, name, value)
        journal.write(entries)
    return _state(row, changed=bool(entries))


def _state(row: StorageLocation, *, changed: bool) -> LocationState:
    return LocationState(
        row.site_id, row.filled, row.content, row.locked_by, row.disabled, row.sync_failed, changed=changed
    )


def _entry(
    row: StorageLocation, action: LocationAction, before: object, after: object, actor: str, reason: str = ""
) -> LocationEvent:
    return journal.entry(
        row.site_id, action, actor=actor, holder=row.locked_by, before=before, after=after, reason=reason
    )


def _valid_holder(holder: str) -> str:
    text = _text(holder, "holder", _HOLDER_LENGTH).strip()
    if not text:
        raise InvalidValue("A lock needs a holder.", "Name the run or the person it belongs to.")
    return text


def _text(value: str, what: str, length: int = _TEXT_LENGTH) -> str:
    if len(value) > length:
        raise InvalidValue(f"The {what} has {len(value)} characters.", f"At most {length} are kept.")
    return value
