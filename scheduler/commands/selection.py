"""The runs that a command names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.errors import Refused
from scheduler.models import TaskRecord

#: Runs looked up in one statement.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Found:
    """One run that was named."""

    pk: int
    record_id: str
    status: str


def find(record_ids: Sequence[str]) -> tuple[list[Found], list[str]]:
    """The named runs, in the order of their keys, and the ids that are no run's.

    Raises:
        Refused: ``empty_selection``.
    """
    wanted = list(dict.fromkeys(record_ids))
    if not wanted:
        raise Refused("empty_selection", "No run was named.", "Name at least one; an empty list never means all.")
    found: list[Found] = []
    for start in range(0, len(wanted), _BATCH):
        rows = TaskRecord.objects.filter(record_id__in=wanted[start : start + _BATCH])
        found += [Found(*row) for row in rows.order_by("pk").values_list("pk", "record_id", "status")]
    known = {run.record_id for run in found}
    return found, [record_id for record_id in wanted if record_id not in known]
