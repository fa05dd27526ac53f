"""The cache that all runs share: texts by key. The only writer of its rows.

``read``, ``write`` and ``clear`` are for runs, in the caller's transaction; the others are commands of people, each in
a transaction of its own with its audit entry. Rows are written by primary key, new ones by one statement that inserts
or updates: two writers of one key wait for each other, and the one that commits last wins.

Nothing is pushed out. A value may say that a task was started already; if it went silently, the task would start twice.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import IntegrityError, connection, transaction

from execution.cached import key_fault
from scheduler import audit, clock, conf, conflicts, process
from scheduler.errors import Refused
from scheduler.models import CachedValue

#: Characters of a value that the audit log keeps.
_AUDITED = 200


# --- For runs, in the caller's transaction ---


def read(key: str) -> str | None:
    """The text under ``key``, or ``None``. One query."""
    return CachedValue.objects.filter(key=key).order_by().values_list("value", flat=True).first()


def write(key: str, value: str, *, by: str) -> None:
    """Store ``value``; what was under ``key`` is gone. Two queries.

    Raises:
        Refused: the key is none, the value is too long, or a new key finds no room.
    """
    _check(key, value)
    changes = _changes(value, by)
    pk = _pk(key)
    if pk is not None and CachedValue.objects.filter(pk=pk).update(**changes):
        return
    _need_room()
    # Waits for another writer of the same new key, and then replaces its value. Should that one take its transaction
    # back, MariaDB takes back all but one of those who waited: a conflict, and their runs go on from the checkpoint.
    target = ("key",) if connection.features.supports_update_conflicts_with_target else None
    CachedValue.objects.bulk_create(
        [CachedValue(key=key, **changes)],
        update_conflicts=True,
        update_fields=tuple(changes),
        unique_fields=target,
    )


def clear(key: str) -> bool:
    """Remove ``key``; false when it was not there. Two queries."""
    pk = _pk(key)
    return pk is not None and CachedValue.objects.filter(pk=pk).delete()[0] > 0


# --- For people ---


def fingerprint(value: str) -> str:
    """Says which value a person has seen, so that a change of another one is noticed."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def add(key: str, value: str, *, actor: str, origin: str, reason: str = "") -> CachedValue:
    """Store a value under a new key.

    Raises:
        Refused: as ``write``, or the key is there already.
    """
    _check(key, value)

    def act() -> CachedValue:
        _need_room()
        try:
            with transaction.atomic():
                row = CachedValue.objects.create(key=key, **_changes(value, actor))
        except IntegrityError:
            raise Refused(
                "cache_key_taken", f"There is a value under {key!r} already; nothing was changed.", "Change that one."
            ) from None
        audit.record(
            actor=actor,
            action="add_cached_value",
            object_type="cached_value",
            object_id=key,
            after={"value": _audited(value)},
            reason=reason,
            origin=origin,
        )
        return row

    return conflicts.retried(act)


def change(pk: int, value: str, *, seen: str, actor: str, origin: str, reason: str = "") -> None:
    """Store another value under a key. ``seen``: fingerprint of the value that the person wants to replace.

    Raises:
        Refused: the value is too long, the key is gone, or its value is not the one that was seen.
    """

    def act() -> None:
        row = _seen(pk, seen)
        _check(row.key, value)
        if row.value == value:
            return
        CachedValue.objects.filter(pk=pk).update(**_changes(value, actor))
        audit.record(
            actor=actor,
            action="change_cached_value",
            object_type="cached_value",
            object_id=row.key,
            before={"value": _audited(row.value)},
            after={"value": _audited(value)},
            reason=reason,
            origin=origin,
        )

    conflicts.retried(act)


def remove(pk: int, *, seen: str, actor: str, origin: str, reason: str = "") -> None:
    """Remove a key with its value; see ``change``.

    Raises:
        Refused: the key is gone, or its value is not the one that was seen.
    """

    def act() -> None:
        row = _seen(pk, seen)
        CachedValue.objects.filter(pk=pk).delete()
        audit.record(
            actor=actor,
            action="remove_cached_value",
            object_type="cached_value",
            object_id=row.key,
            before={"value": _audited(row.value)},
            reason=reason,
            origin=origin,
        )

    conflicts.retried(act)


def _seen(pk: int, seen: str) -> CachedValue:
    row = CachedValue.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise Refused("cache_gone", "The value is not there any more: somebody removed it.", "Add it again if need be.")
    if fingerprint(row.value) != seen:
        raise Refused(
            "cache_changed",
            f"{row.changed_by or 'Somebody'} has changed the value of {row.key!r} meanwhile; nothing was done.",
            "Look at the new value and decide again.",
        )
    return row


# --- Both ---


def _check(key: str, value: str) -> None:
    fault = key_fault(key)
    if fault:
        raise Refused("cache_key", fault, "Correct the key.")
    longest = conf.values().cache_text
    if len(value) > longest:
        raise Refused(
            "cache_value_too_long",
            f"The value of {key!r} has {len(value):,} characters; the limit is {longest:,}.",
            "Store a reference instead of the data; the limit is a setting (cache_text).",
        )


def _need_room() -> None:
    if not process.current().cache_room.take():
        raise Refused(
            "cache_full",
            f"The cache holds {conf.values().cache_entries:,} values, which is the limit; nothing was stored.",
            "Remove keys that nobody needs (cached values); the limit is a setting (cache_entries).",
        )


def _pk(key: str) -> int | None:
    return CachedValue.objects.filter(key=key).order_by().values_list("pk", flat=True).first()


def _changes(value: str, by: str) -> dict[str, Any]:
    return {"value": value, "changed_at": clock.now(), "changed_by": by[:150]}


def _audited(value: str) -> str:
    return value if len(value) <= _AUDITED else f"{value[:_AUDITED]}… ({len(value):,})"
