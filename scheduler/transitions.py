"""The only writer of a record's ``status``, ``token``, ``lease_until`` and ``wake_seq``.

Every move is one conditional update: it names the status (and, for a worker's own run, the token) that it expects and
says whether it hit. Who loses a race changes nothing. The moves of a single run are plain SQL, because three of them
are most of what a short run costs; those of many runs go through the ORM. Opens no transaction and rings no doorbell:
the caller owns both. Legal moves: ``scheduler.states.TRANSITIONS``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Least

from scheduler import clock, conf
from scheduler.errors import IllegalTransition
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE, TRANSITIONS, Status

#: Highest priority that still moves a run forward in its queue.
MAX_PRIORITY = 100
_OWN = "id = %s AND token = %s AND status = 'running'"
#: What a run loses when its worker lets it go.
_LET_GO: Mapping[str, Any] = {"token": "", "lease_until": None}


def rank_of(ready_at_ms: int, priority: int) -> int:
    """Place in the queue, lower first: age, moved forward by ``ageing_s`` for each step of priority."""
    return ready_at_ms - min(max(priority, 0), MAX_PRIORITY) * conf.values().ageing_s * 1000


def origins(target: Status) -> frozenset[Status]:
    """The states from which ``target`` can be reached in one move."""
    return frozenset(status for status, targets in TRANSITIONS.items() if target in targets)


# --- One run, by its worker ------------------------------------------------------------------------------------------


def start(pk: int, *, token: str, worker: str, boot_id: str | None, lease_until: datetime) -> bool:
    """Claimed (by ``boot_id``) → running. ``boot_id=None``: ready → running, for a run without a cluster."""
    where, expected = (
        ("status = 'ready'", []) if boot_id is None else ("status = 'claimed' AND boot_id = %s", [boot_id])
    )
    columns = {
        "status": Status.RUNNING,
        "token": token,
        "worker": worker,
        "lease_until": lease_until,
        "due_at": None,
    }
    return _update(columns, f"id = %s AND {where}", [pk, *expected], counted="slices")


def fence(pk: int, token: str) -> bool:
    """Lock the run's row for this transaction and say whether it is still this worker's."""
    return _update({"token": token}, _OWN, [pk, token])


def write(pk: int, token: str, columns: Mapping[str, Any]) -> bool:
    """Write columns that are no business of this module (variables, vehicles …) under the fence."""
    return _update(columns, _OWN, [pk, token])


def suspend(
    pk: int, token: str, *, wake_seq: int, due_at: datetime | None, columns: Mapping[str, Any]
) -> Status | None:
    """Running → waiting, or → ready when a wake or a request of an operator came since ``wake_seq`` was read.

    Returns the new status, or ``None`` when the run is no longer this worker's.
    """
    quiet = f"{_OWN} AND wake_seq = %s AND cancel_requested = %s AND pause_requested = %s"
    waiting = {**columns, **_LET_GO, "status": Status.WAITING, "due_at": due_at}
    if _update(waiting, quiet, [pk, token, wake_seq, False, False]):
        return Status.WAITING
    return Status.READY if hand_back(pk, token, columns) else None


def hand_back(pk: int, token: str, columns: Mapping[str, Any] | None = None) -> bool:
    """Running → ready: the slice is over, or the worker is asked to go. Counts nothing against the run."""
    return _own_move(pk, token, Status.READY, {**(columns or {}), "ready_at": clock.now(), "due_at": None}, ranked=True)


def pause_own(pk: int, token: str, columns: Mapping[str, Any]) -> bool:
    """Running → paused, at a block boundary."""
    return _own_move(pk, token, Status.PAUSED, {**columns, "pause_requested": False})


def interrupt_own(pk: int, token: str, columns: Mapping[str, Any]) -> bool:
    """Running → interrupted: a person decides how it goes on."""
    return _own_move(pk, token, Status.INTERRUPTED, {**columns, "due_at": None})


def end_own(pk: int, token: str, status: Status, columns: Mapping[str, Any]) -> bool:
    """Running → an ended status, by the worker that owns the run."""
    if status not in TRANSITIONS[Status.RUNNING]:
        raise IllegalTransition(f"running → {status}")
    return _own_move(pk, token, status, {**columns, "due_at": None})


def _own_move(pk: int, token: str, status: Status, columns: Mapping[str, Any], *, ranked: bool = False) -> bool:
    return _update({**columns, **_LET_GO, "status": status}, _OWN, [pk, token], ranked=ranked)


def _update(
    columns: Mapping[str, Any], where: str, expected: Sequence[Any], *, counted: str = "", ranked: bool = False
) -> bool:
    """One conditional update of one row. ``counted``: a column to add one to; ``ranked``: place it in its queue."""
    parts = [f"{name} = %s" for name in columns]
    values = [_database_value(value) for value in columns.values()]
    if counted:
        parts.append(f"{counted} = {counted} + 1")
    if ranked:
        step, least, greatest = conf.values().ageing_s * 1000, *_bounds()
        parts.append(
            f"{connection.ops.quote_name('rank')} = %s - {least}({greatest}(priority, 0), {MAX_PRIORITY}) * %s"
        )
        values += [clock.now_ms(), step]
    sql = f"UPDATE {TaskRecord._meta.db_table} SET {', '.join(parts)} WHERE {where}"  # noqa: S608 - names are ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *expected])
        return bool(cursor.rowcount)


def _database_value(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _bounds() -> tuple[str, str]:
    """SQL functions for the smaller and the larger of two numbers."""
    return ("MIN", "MAX") if connection.vendor == "sqlite" else ("LEAST", "GREATEST")


# --- Many runs, from any process -------------------------------------------------------------------------------------


def claim(pks: Sequence[int], *, boot_id: str, mark: str) -> int:
    """Ready → claimed by ``boot_id``; ``mark`` tells this claim from others'. Returns how many moved."""
    if not pks:
        return 0
    marks = ", ".join(["%s"] * len(pks))
    sql = (
        f"UPDATE {TaskRecord._meta.db_table} "  # noqa: S608 - names and marks are ours
        f"SET status = 'claimed', boot_id = %s, token = %s, claimed_at = %s WHERE status = 'ready' AND id IN ({marks})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [boot_id, mark, _database_value(clock.now()), *pks])
        return int(cursor.rowcount)


def unclaim(pks: Collection[int], **expected: Any) -> int:
    """Claimed and not started → ready, at its old place in the queue. Counts nothing against it.

    ``expected`` are further conditions, for example whose claim it must still be.
    """
    return TaskRecord.objects.filter(pk__in=pks, status=Status.CLAIMED, **expected).update(
        status=Status.READY, boot_id="", token="", claimed_at=None
    )


def promote(pks: Collection[int]) -> int:
    """Scheduled or waiting, and due → ready."""
    now = clock.now()
    rows = TaskRecord.objects.filter(pk__in=pks, status__in=(Status.SCHEDULED, Status.WAITING), due_at__lte=now)
    return rows.update(**_ready_columns(now))


def wake(pks: Collection[int]) -> int:
    """Count a wake on every active run, and make those that wait ready. Returns how many became ready."""
    rows = TaskRecord.objects.filter(pk__in=pks)
    # Counting comes first: a run that is being suspended now then sees the wake and goes to ready by itself.
    rows.filter(status__in=ACTIVE).update(wake_seq=F("wake_seq") + 1)
    return rows.filter(status=Status.WAITING).update(**_ready_columns(clock.now()))


def pause(pks: Collection[int]) -> int:
    """Everything that nobody is working on → paused."""
    rows = TaskRecord.objects.filter(pk__in=pks, status__in=origins(Status.PAUSED) - {Status.RUNNING})
    return rows.update(status=Status.PAUSED, token="", boot_id="", claimed_at=None, pause_requested=False)


def resume(pks: Collection[int]) -> int:
    """Paused → ready."""
    rows = TaskRecord.objects.filter(pk__in=pks, status=Status.PAUSED)
    return rows.update(pause_requested=False, **_ready_columns(clock.now()))


def recover(pk: int, token: str, now: datetime) -> bool:
    """Running, but its lease ran out before ``now`` → ready, and one more recovery."""
    rows = TaskRecord.objects.filter(pk=pk, token=token, status=Status.RUNNING, lease_until__lt=now)
    return bool(rows.update(recoveries=F("recoveries") + 1, **_ready_columns(now)))


def renew(leases: Mapping[int, str], lease_until: datetime) -> int:
    """Prolong the leases of runs that are still this process's: ``{pk: token}``. Returns how many are."""
    rows = TaskRecord.objects.filter(pk__in=leases, token__in=leases.values(), status=Status.RUNNING)
    return rows.update(lease_until=lease_until)


def end(pks: Collection[int], status: Status, *, lease_before: datetime | None = None, **columns: Any) -> int:
    """Everything of ``pks`` that nobody works on → an ended status. The caller holds the rows' locks.

    ``lease_before``: a running one too, if its lease ran out before that moment.
    """
    rows = TaskRecord.objects.filter(endable(status, lease_before), pk__in=pks)
    return rows.update(status=status, due_at=None, claimed_at=None, **_LET_GO, **columns)


def endable(status: Status, lease_before: datetime | None = None) -> Q:
    """Which runs ``end`` moves to ``status``."""
    idle = Q(status__in=origins(status) - {Status.RUNNING})
    return idle if lease_before is None else idle | Q(status=Status.RUNNING, lease_until__lt=lease_before)


def _ready_columns(now: datetime) -> dict[str, Any]:
    return {"status": Status.READY, "ready_at": now, "due_at": None, **_LET_GO, "rank": ranked(clock.at_ms(now))}


def ranked(ready_at_ms: int) -> Combinable:
    """``rank_of`` as an expression over each row's own priority."""
    forward = Least(Greatest(F("priority"), Value(0)), Value(MAX_PRIORITY))
    return Value(ready_at_ms) - forward * Value(conf.values().ageing_s * 1000)
