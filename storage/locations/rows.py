"""What all commands on locations have in common: rows locked in one order, marked for a match, journalled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from storage import journal
from storage.errors import InvalidValue, UnknownLocation
from storage.models import LocationEvent, StorageLocation
from storage.states import LocationAction

HOLDER_LENGTH = 128
TEXT_LENGTH = 255


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


def read(site_id: str) -> LocationState | None:
    """One location as it is, or ``None``; takes no lock."""
    row = StorageLocation.objects.filter(site_id=site_id).first()
    return None if row is None else state_of(row, changed=False)


def require_transaction() -> None:
    """Refuse to run in autocommit mode: a command and its journal entry belong together."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Storage commands run in the caller's transaction; open one.")


def locked_row(site_id: str) -> StorageLocation:
    """One row, locked by this transaction.

    Raises:
        UnknownLocation.
    """
    require_transaction()
    row = StorageLocation.objects.select_for_update().filter(site_id=site_id).first()
    if row is None:
        raise UnknownLocation(site_id)
    return row


def locked_rows(ids: Sequence[int]) -> list[StorageLocation]:
    """Lock rows in id order: the order everywhere, so that two transactions cannot wait for each other."""
    return list(StorageLocation.objects.select_for_update().filter(pk__in=ids).order_by("pk")) if ids else []


def touched() -> dict[str, Any]:
    """What every change writes: a new revision and its time."""
    return {"rev": F("rev") + 1, "changed_at": Now()}


def write(row: StorageLocation, columns: dict[str, Any], entries: list[LocationEvent]) -> LocationState:
    """Write columns of a locked row with their journal entries, and mark it for a match; nothing without an entry."""
    if entries:
        StorageLocation.objects.filter(pk=row.pk).update(match_wanted_at=Now(), **columns, **touched())
        for name, value in columns.items():
            setattr(row, name, value)
        journal.write(entries)
    return state_of(row, changed=bool(entries))


def write_many(ids: Collection[int], columns: dict[str, Any], entries: list[LocationEvent]) -> None:
    """Write the same columns to many locked rows, as ``write`` does to one."""
    if entries:
        rows = StorageLocation.objects.filter(pk__in=list(ids))
        rows.update(match_wanted_at=Now(), **columns, **touched())
        journal.write(entries)


def state_of(row: StorageLocation, *, changed: bool) -> LocationState:
    """What callers are told of a row."""
    return LocationState(
        row.site_id, row.filled, row.content, row.locked_by, row.disabled, row.sync_failed, changed=changed
    )


def entry(
    row: StorageLocation, action: LocationAction, before: object, after: object, actor: str, reason: str = ""
) -> LocationEvent:
    """One journal entry about a row."""
    return journal.entry(
        row.site_id, action, actor=actor, holder=row.locked_by, before=before, after=after, reason=reason
    )


def valid_holder(holder: str) -> str:
    """The holder without outer blanks.

    Raises:
        InvalidValue: nothing is left, or it is too long.
    """
    text = fitting(holder, "holder", HOLDER_LENGTH).strip()
    if not text:
        raise InvalidValue("A lock needs a holder.", "Name the run or the person it belongs to.")
    return text


def fitting(value: str, what: str, length: int = TEXT_LENGTH) -> str:
    """The text, if it fits its column.

    Raises:
        InvalidValue: it is longer.
    """
    if len(value) > length:
        raise InvalidValue(f"The {what} has {len(value)} characters.", f"At most {length} are kept.")
    return value
