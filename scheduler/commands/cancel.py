"""Cancelling runs: what nobody works on ends at once; a running one is asked, and its worker ends it.

Asking is one row update that the worker's housekeeper carries to it, so a running run stops within one housekeeping
interval at its next block. Every command leaves one audit entry per run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from scheduler import audit, conflicts, settlement
from scheduler.commands.selection import Found, find
from scheduler.models import TaskRecord
from scheduler.states import ENDED, Status

#: A run may change hands between the two halves of a cancellation; looked at this often before giving up.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class CancelResult:
    """Record ids by what became of them. ``requested``: a worker is running it and has been asked."""

    cancelled: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def cancel(
    record_ids: Sequence[str], *, actor: str, reason: str, origin: str | None, release_sites: bool = False
) -> CancelResult:
    """Cancel the named runs; their open fleet orders are terminated, their children end with them.

    ``release_sites`` frees their locks too, whatever the definition says. Runs that had ended are left as they are.
    ``origin=None``: it is no person who asks, but a run; the journal says so, the audit log does not.

    Raises:
        Refused: ``empty_selection``; an empty list never means all.
    """
    found, unknown = find(record_ids)
    over = [run.record_id for run in found if run.status in ENDED]
    open_runs = {run.pk: run for run in found if run.status not in ENDED}
    done: dict[int, str] = {}
    for _ in range(_ROUNDS):
        left = [pk for pk in open_runs if pk not in done]
        if not left:
            break
        step = partial(_round, left, open_runs, actor=actor, reason=reason, origin=origin, release_sites=release_sites)
        done |= conflicts.retried(step)
    # Whoever is in neither list now ended by itself meanwhile.
    over += [run.record_id for pk, run in open_runs.items() if pk not in done]
    return CancelResult(
        cancelled=tuple(open_runs[pk].record_id for pk, how in done.items() if how == "cancelled"),
        requested=tuple(open_runs[pk].record_id for pk, how in done.items() if how == "requested"),
        ended=tuple(over),
        unknown=tuple(unknown),
    )


def _round(
    left: Sequence[int],
    runs: Mapping[int, Found],
    *,
    actor: str,
    reason: str,
    origin: str | None,
    release_sites: bool,
) -> dict[int, str]:
    """Try each run once; what became of those that could be ended or asked."""
    done: dict[int, str] = {}
    ended = settlement.settle(left, Status.CANCELLED, reason=reason, actor=actor, release_sites=release_sites)
    rest = [pk for pk in left if pk not in set(ended)]
    locked = TaskRecord.objects.filter(pk__in=rest).select_for_update().order_by("pk").values_list("pk", "status")
    asked = [pk for pk, status in locked if status == Status.RUNNING]
    if asked:
        settlement.request_stop(asked, reason=reason, actor=actor, release_sites=release_sites)
    for pks, how in ((ended, "cancelled"), (asked, "requested")):
        for pk in pks:
            done[pk] = how
            if origin is None:
                continue
            audit.record(
                actor=actor,
                action="cancel",
                object_type="record",
                object_id=runs[pk].record_id,
                before={"status": runs[pk].status},
                after={"status": Status.CANCELLED.value if how == "cancelled" else "cancel requested"},
                reason=reason,
                origin=origin,
            )
    return done
