"""Changing the priority of active runs: their place in the queue and among those who wait for a location, at once.

Orders that the fleet has keep theirs; the next selection of a robot sends its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from scheduler import audit, clock, conflicts, transitions
from scheduler.commands.selection import Found, find
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE, Status
from scheduler.submission import check_priority
from storage import requests

#: These stand in the queue; any other gets its place when it comes there.
_QUEUED = frozenset({Status.READY, Status.CLAIMED})


@dataclass(frozen=True, slots=True)
class PriorityResult:
    """Record ids by what became of them. ``same``: they had it already; ``ended``: nothing of theirs waits any more."""

    done: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def set_priority(
    record_ids: Sequence[str], priority: int, *, actor: str, reason: str = "", origin: str
) -> PriorityResult:
    """Give the named runs a priority; ended ones are left as they are.

    Raises:
        Refused: ``empty_selection``, ``priority_invalid``.
    """
    check_priority(priority)
    found, unknown = find(record_ids)
    done: dict[str, list[str]] = {"done": [], "same": [], "ended": []}
    for run in found:
        became = conflicts.retried(partial(_set, run, priority, actor=actor, reason=reason, origin=origin))
        done[became].append(run.record_id)
    return PriorityResult(tuple(done["done"]), tuple(done["same"]), tuple(done["ended"]), tuple(unknown))


def _set(found: Found, priority: int, *, actor: str, reason: str, origin: str) -> str:
    held = TaskRecord.objects.select_for_update().filter(pk=found.pk)
    run = held.only("record_id", "status", "priority", "ready_at").get()
    if run.status not in ACTIVE:
        return "ended"
    if run.priority == priority:
        return "same"
    columns: dict[str, int] = {"priority": priority}
    if run.status in _QUEUED and run.ready_at is not None:
        columns["rank"] = transitions.rank_of(clock.at_ms(run.ready_at), priority)
    TaskRecord.objects.filter(pk=run.pk).update(**columns)
    requests.reprioritise(run.record_id, priority)
    audit.record(
        actor=actor,
        action="set_priority",
        object_type="record",
        object_id=run.record_id,
        before={"priority": run.priority},
        after={"priority": priority},
        reason=reason,
        origin=origin,
    )
    return "done"
