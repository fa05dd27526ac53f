"""Pausing and resuming runs. A pause is a state of the record, so it survives every restart.

What nobody works on is paused at once; a running one at its next block. A robot goes on with what it is doing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from scheduler import audit, clock, conflicts, doorbell, rows, transitions
from scheduler.commands.selection import Found, find
from scheduler.models import TaskRecord
from scheduler.states import Status


@dataclass(frozen=True, slots=True)
class PauseResult:
    """Record ids by what became of them. ``requested``: a worker is running it and has been asked."""

    done: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def pause(record_ids: Sequence[str], *, actor: str, reason: str, origin: str | None) -> PauseResult:
    """Pause the named runs; those that have ended or wait for a decision are ``refused``.

    ``origin=None``: it is no person who asks, but a run; the journal says so, the audit log does not.

    Raises:
        Refused: ``empty_selection``.
    """
    found, unknown = find(record_ids)
    paused, asked = conflicts.retried(partial(_pause, found, actor, reason, origin))
    return _result(found, paused, asked, unknown)


def _pause(
    found: Sequence[Found], actor: str, reason: str, origin: str | None
) -> tuple[Sequence[Found], Sequence[Found]]:
    """Those that are paused now, and those that were asked."""
    idle = transitions.origins(Status.PAUSED) - {Status.RUNNING}
    now = _locked(found)
    paused = _move(found, now, idle, transitions.pause, Status.PAUSED, actor, reason)
    asked = [run for run in found if now.get(run.pk) == Status.RUNNING]
    mine = TaskRecord.objects.filter(pk__in=[run.pk for run in (*paused, *asked)])
    mine.update(request_reason=reason[:200], request_actor=actor[:150])
    mine.filter(status=Status.RUNNING).update(pause_requested=True)
    _audit([*paused, *asked], now, "pause", Status.PAUSED, actor, reason, origin)
    return paused, asked


def resume(record_ids: Sequence[str], *, actor: str, reason: str = "", origin: str | None) -> PauseResult:
    """Let paused runs go on, and take back a pause that has not happened yet; others are ``refused``.

    ``origin`` as in ``pause``.

    One that was paused before its time keeps that time: it is scheduled again.

    Raises:
        Refused: ``empty_selection``.
    """
    found, unknown = find(record_ids)
    return _result(found, conflicts.retried(partial(_resume, found, actor, reason, origin)), [], unknown)


def _resume(found: Sequence[Found], actor: str, reason: str, origin: str | None) -> Sequence[Found]:
    """Those that go on."""
    now = _locked(found)
    early = _before_their_time(found)
    later = [run for run in found if run.pk in early]
    rest = [run for run in found if run.pk not in early]
    planned = _move(later, now, {Status.PAUSED}, transitions.reschedule, Status.SCHEDULED, actor, reason)
    resumed = _move(rest, now, {Status.PAUSED}, transitions.resume, Status.READY, actor, reason)
    running = [run for run in found if now.get(run.pk) == Status.RUNNING]
    asked = TaskRecord.objects.filter(pk__in=[run.pk for run in running], pause_requested=True)
    taken_back = set(asked.values_list("pk", flat=True))
    asked.update(pause_requested=False)
    doorbell.ring(doorbell.RUNS)
    back = [run for run in running if run.pk in taken_back]
    _audit([*resumed, *back], now, "resume", Status.READY, actor, reason, origin)
    _audit(planned, now, "resume", Status.SCHEDULED, actor, reason, origin)
    return [*planned, *resumed, *back]


def _before_their_time(found: Sequence[Found]) -> set[int]:
    """Those that have never run and whose time is still to come."""
    waiting = TaskRecord.objects.filter(pk__in=[run.pk for run in found], slices=0, due_at__gt=clock.now())
    return set(waiting.values_list("pk", flat=True))


def _locked(found: Sequence[Found]) -> dict[int, str]:
    """The statuses now, with the rows locked."""
    held = TaskRecord.objects.filter(pk__in=[run.pk for run in found]).select_for_update().order_by("pk")
    return dict(held.values_list("pk", "status"))


def _move(
    found: Sequence[Found],
    now: dict[int, str],
    origins: Collection[Status],
    move: Callable[[Collection[int]], int],
    target: Status,
    actor: str,
    reason: str,
) -> list[Found]:
    chosen = [run for run in found if now.get(run.pk) in origins]
    if chosen:
        move([run.pk for run in chosen])
        attempts = dict(TaskRecord.objects.filter(pk__in=[run.pk for run in chosen]).values_list("pk", "attempt"))
        rows.save_journal((run.pk, now[run.pk], target, attempts[run.pk], actor, reason) for run in chosen)
    return chosen


def _audit(
    runs: Sequence[Found], now: dict[int, str], action: str, target: Status, actor: str, reason: str, origin: str | None
) -> None:
    if origin is None:
        return
    for run in runs:
        audit.record(
            actor=actor,
            action=action,
            object_type="record",
            object_id=run.record_id,
            before={"status": now[run.pk]},
            after={"status": target.value},
            reason=reason,
            origin=origin,
        )


def _result(
    found: Sequence[Found], done: Sequence[Found], asked: Sequence[Found], unknown: Sequence[str]
) -> PauseResult:
    moved = {run.pk for run in (*done, *asked)}
    return PauseResult(
        done=tuple(run.record_id for run in done),
        requested=tuple(run.record_id for run in asked),
        refused=tuple(run.record_id for run in found if run.pk not in moved),
        unknown=tuple(unknown),
    )
