"""Waking runs: something they wait for has happened.

A run that is being suspended at this very moment has no wait rows yet, so a key leads to its run through what it names
(the effect, the order, the storage request, the child), not through the waits alone. A wake that finds the run not
waiting is counted on it, and the compare-and-set of its suspension sees that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from scheduler import conflicts, doorbell, transitions
from scheduler.models import Effect, FleetOrder, TaskRecord, Wait
from storage.models import StorageRequest

EFFECT, ORDER, SITE, SUBTASK = "effect:", "order:", "site:", "subtask:"
#: Keys looked up in one statement.
_BATCH = 500


def wake(keys: Sequence[str]) -> int:
    """Wake the runs that wait for ``keys``; returns how many became ready. Rings the doorbell after the commit.

    A handful of statements for any number of keys up to 500.
    """
    found: set[int] = set()
    for start in range(0, len(keys), _BATCH):
        found |= _records_of(keys[start : start + _BATCH])
    return wake_records(found)


def wake_record(record_pk: int) -> bool:
    """Wake one run; whether it became ready."""
    return wake_records([record_pk]) > 0


def wake_holders(record_ids: Iterable[str]) -> int:
    """Wake runs by record id (what the storage calls a holder); ids that are no run's are passed over."""
    ids = set(record_ids)
    if not ids:
        return 0
    return wake_records(TaskRecord.objects.filter(record_id__in=ids).values_list("pk", flat=True))


def wake_records(pks: Iterable[int]) -> int:
    """Wake runs by key; returns how many became ready."""
    found: Collection[int] = sorted(set(pks))
    if not found:
        return 0
    ready = conflicts.retried(partial(transitions.wake, found))
    if ready:
        doorbell.ring(doorbell.RUNS)
    return ready


def _records_of(keys: Sequence[str]) -> set[int]:
    pks = set(Wait.objects.filter(key__in=keys).values_list("record_id", flat=True))
    effects, orders, sites, children = (_tails(keys, prefix) for prefix in (EFFECT, ORDER, SITE, SUBTASK))
    if effects:
        pks.update(_known(Effect.objects.filter(key__in=effects).values_list("record_id", flat=True)))
    if orders:
        pks.update(_known(FleetOrder.objects.filter(order_id__in=orders).values_list("record_id", flat=True)))
    if sites:
        holders = set(StorageRequest.objects.filter(key__in=sites).values_list("holder", flat=True))
        pks.update(TaskRecord.objects.filter(record_id__in=holders).values_list("pk", flat=True))
    if children:
        pks.update(_known(TaskRecord.objects.filter(record_id__in=children).values_list("parent_id", flat=True)))
    return pks


def _tails(keys: Sequence[str], prefix: str) -> list[str]:
    return [key[len(prefix) :] for key in keys if key.startswith(prefix)]


def _known(pks: Iterable[int | None]) -> Iterable[int]:
    return (pk for pk in pks if pk is not None)
