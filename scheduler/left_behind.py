"""Locks that runs left behind: the run has ended, its location is still locked in its name.

At a normal end that is meant (the task decides what to free), so nothing frees them but a person or the definition's
rule. They are looked for from the locked locations, of which there are few, never from the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from scheduler.models import TaskRecord
from scheduler.states import ENDED
from storage.models import StorageLocation

#: Holders that one look answers at most.
HOLDERS = 1000


def locations() -> QuerySet[StorageLocation]:
    """Locations whose holder is a run that has ended; one look-up by record id for each locked location."""
    over = TaskRecord.objects.filter(record_id=OuterRef("locked_by"), status__in=sorted(ENDED))
    return StorageLocation.objects.filter(Exists(over), locked_by__gt="")


def narrow(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of ``rows`` (locations) that an ended run left locked."""
    return rows.filter(pk__in=locations().values("pk"))


def holders() -> Sequence[str]:
    """Record ids of ended runs that hold locations, at most ``HOLDERS``. One query."""
    return list(locations().order_by("locked_by").values_list("locked_by", flat=True).distinct()[:HOLDERS])


def held_by(record_id: str) -> list[StorageLocation]:
    """Locations locked in the name of a run, by id. One query on the holder's index."""
    return list(StorageLocation.objects.filter(locked_by=record_id).only("site_id", "locked_at").order_by("site_id"))


def count() -> int:
    """How many locations are left behind. One query."""
    return locations().count()
