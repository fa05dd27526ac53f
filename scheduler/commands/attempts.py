"""What every new attempt of a run has in common: who may begin one, and what is written when it begins.

A run is locked, judged and moved in one transaction, so of two people who decide at once one does it and the other is
told that it goes on already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scheduler import audit, conf, conflicts, doorbell, process, rows, transitions
from scheduler.commands.selection import find
from scheduler.errors import Refused
from scheduler.models import Effect, TaskRecord
from scheduler.states import ENDED, EffectStatus, Status
from scheduler.submission import PRIVATE_QUEUE

_COLUMNS = ("record_id", "status", "attempt", "queue", "definition_id", "version_id", "failed_block")


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Record ids by what became of them; those that were refused with the refusal."""

    done: tuple[str, ...] = ()
    refused: Mapping[str, Refused] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """Who does what, and why: for journal and audit. ``origin=None``: a run does it, which is nothing for the audit."""

    action: str
    actor: str
    reason: str
    origin: str | None


def each(record_ids: Sequence[str], act: Callable[[int], None]) -> AttemptResult:
    """Do ``act`` to the named runs one by one, each in a transaction of its own.

    Raises:
        Refused: ``empty_selection``; an empty list never means all.
    """
    found, unknown = find(record_ids)
    done: list[str] = []
    refused: dict[str, Refused] = {}
    for run in found:
        try:
            conflicts.retried(partial(act, run.pk))
        except Refused as refusal:
            refused[run.record_id] = refusal
        else:
            done.append(run.record_id)
    return AttemptResult(tuple(done), refused, tuple(unknown))


def locked(pk: int, allowed: frozenset[Status], verb: str) -> TaskRecord:
    """The run, with its row locked, if its status is one of ``allowed``. ``verb``: "be continued".

    Raises:
        Refused: ``not_stopped`` for an active run, ``has_ended`` for one that ended in another way.
    """
    found = TaskRecord.objects.select_for_update().filter(pk=pk)
    run = found.only(*_COLUMNS).get()
    status = Status(run.status)
    if status in allowed:
        return run
    if status not in ENDED:
        remedy = "Wait for it, or cancel it first."
        raise Refused("not_stopped", f"Run {run.record_id} is {status}: nothing was changed.", remedy)
    if status in (Status.FAILED, Status.UNRECOVERABLE):
        remedy = "Start it again from the beginning."
    else:
        remedy = "Start a copy with its inputs."
    raise Refused("has_ended", f"Run {run.record_id} has ended as {status} and cannot {verb}.", remedy)


def begin(run: TaskRecord, command: Command, columns: Mapping[str, Any], **told: Any) -> None:
    """Make a locked run ready as its next attempt, with journal and audit; ``told`` is kept in the audit entry.

    Raises:
        Refused: ``queue_full``, for a run that had ended.
    """
    before = Status(run.status)
    if before in ENDED and process.current().active_runs.is_full():
        raise Refused("queue_full", "As many runs as allowed are active already.", "Wait for some to end.")
    attempt = run.attempt + 1
    if run.queue.startswith(PRIVATE_QUEUE):  # of a process that ran it by itself and is gone
        columns = {**columns, "queue": run.definition.queue or conf.values().default_queue}
    if not transitions.begin_attempt(run.pk, before, columns):
        raise AssertionError(f"{run.record_id} moved under its lock")
    rows.save_journal([(run.pk, before, Status.READY, attempt, command.actor, command.reason)])
    if command.origin is not None:
        audit.record(
            actor=command.actor,
            action=command.action,
            object_type="record",
            object_id=run.record_id,
            before={"status": before.value, "attempt": run.attempt},
            after={"status": Status.READY.value, "attempt": attempt, **told},
            reason=command.reason,
            origin=command.origin,
        )
    doorbell.ring(doorbell.RUNS)


def require_quiet(run: TaskRecord) -> None:
    """Return when no call of the last attempt is under way: its answer would be taken for the next attempt's.

    Raises:
        Refused: ``call_under_way``.
    """
    under_way = Effect.objects.filter(record_id=run.pk, status=EffectStatus.SENT).exclude(operation="terminate")
    if under_way.exists():
        raise Refused(
            "call_under_way",
            f"A call of run {run.record_id} to another system is still under way.",
            "Try again in a few seconds.",
        )
