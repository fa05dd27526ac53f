"""One slice of one run: take it over, let the engine walk, write how the slice ended in one transaction.

Called by the cluster's entry (``scheduler.worker``) and by ``run_task --inline``. Nothing of a run is kept anywhere
but in the frames of these functions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, transaction

from execution.decision import Decision, DecisionError
from execution.errors import BlockError, LeaseLost, PlanErrors
from execution.outcome import Cancelled, Failed, Finished, SliceEnd, SliceOver, Snapshot, Stopped, Suspended
from execution.state import StateError
from execution.walker import Run
from scheduler import clock, conf, conflicts, doorbell, loading, rows, settlement, transitions
from scheduler.loading import StartedRun
from scheduler.models import TaskRecord
from scheduler.port import Port, write_rows
from scheduler.process import Process
from scheduler.states import ENDED, Status

logger = logging.getLogger(__name__)


def execute(record_pk: int, process: Process, *, boot_id: str | None = None) -> Status | None:
    """Run one slice; returns the status the run has now, ``None`` when it was not ours (any more).

    ``boot_id`` names the cluster the run was handed to; ``None`` takes a ready one. A fault of the engine or of the
    definition interrupts the run; a fault of the database hands it back, or leaves it to its lease.

    Raises:
        BaseException: whatever asked this process to stop (the cluster's time-out), after the run was interrupted.
    """
    run = loading.take(record_pk, process, boot_id=boot_id)
    if run is None:
        return None
    try:
        return _slice(run, process)
    except LeaseLost:
        logger.warning("lost the run to another worker", extra={"record_id": run.record_id, "worker": process.name})
        return None
    except (OperationalError, InterfaceError) as error:
        if not conflicts.is_passing(error):
            return _interrupt_broken(run, error)
        logger.warning("the database failed, the run is handed back: %s", error, extra={"record_id": run.record_id})
        return _hand_back_after_failure(run)
    except Exception as error:
        logger.exception("a run failed inside the engine", extra={"record_id": run.record_id})
        return _interrupt_broken(run, error)
    except BaseException as error:
        _interrupt_broken(run, error)
        raise
    finally:
        process.duty.end()


# --- The slice -------------------------------------------------------------------------------------------------------


def _slice(run: StartedRun, process: Process) -> Status | None:
    stopped = "cancel" if run.cancel_requested else "pause" if run.pause_requested else process.duty.stop
    if stopped is not None:
        return _write(run, Snapshot(state=None), lambda columns: _stop(run, columns, stopped))
    try:
        walk = _open(run, process)
    except PlanErrors as error:
        return _interrupt(run, "definition_invalid", f"The definition cannot run: {error.problems[0]}")
    except BlockError as error:
        return _interrupt(run, error.code, error.message)
    except DecisionError as error:
        return _interrupt(run, "decision_invalid", str(error))
    except StateError as error:
        text = f"The stored state cannot be read: {error}"
        return _write(run, Snapshot(state=None), lambda columns: _end(run, columns, Status.UNRECOVERABLE, text))
    duty = process.duty
    with walk:
        duty.path = walk.context.path
        try:
            end = walk.advance(Port(run, duty))
            return _finish_slice(run, end)
        except BaseException:
            duty.path = (duty.block,)  # the engine empties its list; whoever logs this wants to know where it was
            raise


def _open(run: StartedRun, process: Process) -> Run:
    plan = process.plans.get(run.version_id)
    limits = conf.values().limits()
    if run.state is None:
        return Run.start(plan, run.bound_inputs(), run.info(), limits, process.contexts)
    decision = Decision.from_text(run.decision or "")
    return Run.restore(plan, run.state, run.info(), limits, process.contexts, decision=decision)


def _finish_slice(run: StartedRun, end: SliceEnd) -> Status | None:
    """Write the end of a slice in one transaction; returns the new status."""
    outcome = end.outcome
    match outcome:
        case Finished(reason=reason):
            return _write(run, end.snapshot, lambda columns: _end(run, columns, Status.FINISHED, reason))
        case Cancelled(reason=reason):
            return _write(run, end.snapshot, lambda columns: _end(run, columns, Status.CANCELLED, reason))
        case Failed():
            status = _write(run, end.snapshot, lambda columns: _fail(run, columns, outcome))
            logger.warning(
                "block %s failed (%s): %s", outcome.block or "-", outcome.error_code, outcome.message,
                extra={"record_id": run.record_id, "block_id": outcome.block, "status": str(status)},
            )  # fmt: skip
            return status
        case Suspended():
            return _write(run, end.snapshot, lambda columns: _suspend(run, columns, outcome))
        case SliceOver():
            return _write(run, end.snapshot, lambda columns: _hand_back(run, columns))
        case Stopped(why=why):
            return _write(run, end.snapshot, lambda columns: _stop(run, columns, why))
    raise TypeError(f"{outcome!r} is no end of a slice")


class Moved(NamedTuple):
    """Where a fenced move has brought the run, and why: for the journal."""

    status: Status
    reason: str = ""
    actor: str = ""


def _write(run: StartedRun, snapshot: Snapshot, move: Callable[[dict[str, Any]], Moved | None]) -> Status:
    """One transaction: the move (which is the fence), what the slice brought, then what the new status brings.

    Raises:
        LeaseLost: the run is no longer ours; nothing is written.
    """
    with transaction.atomic():
        if snapshot.effects:
            run.touched = True
        moved = move(run.columns_of(snapshot))
        if moved is None:
            raise LeaseLost(run.record_id)
        write_rows(run, snapshot, goes_on=moved.status not in _FORGOTTEN)
        if moved.status in ENDED:
            _clean_up(run, moved)
        elif moved.status in _JOURNALLED:
            rows.save_journal([(run.pk, Status.RUNNING, moved.status, run.attempt, moved.actor, moved.reason)])
        elif moved.status == Status.READY:
            doorbell.ring(doorbell.RUNS)
    return moved.status


def _clean_up(run: StartedRun, moved: Moved) -> None:
    # One that ended well and never touched anything outside can have left nothing behind: it is not searched for it.
    touched = run.touched or moved.status != Status.FINISHED
    if run.stored and moved.status in _FORGOTTEN:
        rows.drop_state(run.pk)
    settlement.clean_up([run.as_ended()], moved.status, reason=moved.reason, actor=moved.actor, touched=touched)


_JOURNALLED = frozenset({Status.PAUSED, Status.INTERRUPTED})
#: After these nobody can go on: the state goes at once. A failed run keeps it for a while.
_FORGOTTEN = ENDED - {Status.FAILED}


# --- The moves: each is fenced, and answers where it led, or None ----------------------------------------------------


def _end(run: StartedRun, columns: dict[str, Any], status: Status, reason: str, actor: str = "") -> Moved | None:
    ended = {**columns, "ended_at": clock.now(), "ended_reason": reason[:1000]}
    return Moved(status, reason, actor) if transitions.end_own(run.pk, run.token, status, ended) else None


def _fail(run: StartedRun, columns: dict[str, Any], failure: Failed) -> Moved | None:
    columns |= {"failed_block": failure.block[:190], "error_code": failure.error_code[:64]}
    run.error_code = failure.error_code
    reason = f"{failure.message} {failure.remedy}".strip()
    if failure.final or run.periodic:
        return _end(run, columns, Status.FAILED, reason)
    if not transitions.interrupt_own(run.pk, run.token, {**columns, "ended_reason": reason[:1000]}):
        return None
    if run.touched:
        rows.replace_waits(run.pk, (), had_waits=True)
    return Moved(Status.INTERRUPTED, reason)


def _suspend(run: StartedRun, columns: dict[str, Any], outcome: Suspended) -> Moved | None:
    due = [wait.due_ms for wait in outcome.waits if wait.due_ms is not None]
    due_at = clock.from_ms(min(due)) if due else None
    status = transitions.suspend(run.pk, run.token, wake_seq=run.wake_seq, due_at=due_at, columns=columns)
    if status is None:
        return None
    rows.replace_waits(run.pk, outcome.waits, had_waits=run.touched)
    return Moved(status)


def _hand_back(run: StartedRun, columns: dict[str, Any]) -> Moved | None:
    return Moved(Status.READY) if transitions.hand_back(run.pk, run.token, columns) else None


def _stop(run: StartedRun, columns: dict[str, Any], why: str) -> Moved | None:
    if why == "drain":
        return _hand_back(run, columns)
    if not transitions.fence(run.pk, run.token):
        return None
    # The request may be younger than what was read at the start of the slice.
    asked = TaskRecord.objects.filter(pk=run.pk).values_list("request_reason", "request_actor", "release_requested")
    reason, actor, run.release_requested = asked.get()
    if why == "pause":
        return Moved(Status.PAUSED, reason, actor) if transitions.pause_own(run.pk, run.token, columns) else None
    return _end(run, columns, Status.CANCELLED, reason, actor)


# --- When something is broken ----------------------------------------------------------------------------------------


def _interrupt(run: StartedRun, code: str, message: str) -> Status | None:
    """Interrupt a run that cannot be walked: a person decides (periodic ones fail)."""
    failure = Failed(block="", path="", error_code=code, message=message)
    return _write(run, Snapshot(state=None), lambda columns: _fail(run, columns, failure))


def _interrupt_broken(run: StartedRun, error: BaseException) -> Status | None:
    """Interrupt a run under which something broke; it goes on from its last checkpoint when a person says so."""
    text = f"{type(error).__name__}: {error}".strip(": ")
    if not isinstance(error, Exception):
        text = f"Stopped from outside ({type(error).__name__}): the slice took longer than the cluster allows."
    try:
        return _interrupt(run, "engine_error", text[:1000])
    except LeaseLost:
        return None


def _hand_back_after_failure(run: StartedRun) -> Status | None:
    """Give the run back at once if the database answers again; otherwise its lease runs out by itself."""
    connection = transaction.get_connection()
    connection.close_if_unusable_or_obsolete()
    try:
        return _write(run, Snapshot(state=None), lambda columns: _hand_back(run, columns))
    except LeaseLost:
        return None
    except (OperationalError, InterfaceError):
        connection.close()
        return None
