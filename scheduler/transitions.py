"""The only writer of a record's ``status``, ``token``, ``lease_until`` and ``wake_seq``.

Every move is one conditional update: it names the status (and, for a worker's own run, the token) that it expects and
says whether it hit. Who loses a race changes nothing. Plain SQL, for two reasons: three moves are most of what a short
run costs, and every move must find its rows by primary key (``_table``). Opens no transaction and rings no doorbell:
the caller owns both. Legal moves: ``scheduler.states.TRANSITIONS``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

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
    return bool(_update(columns, f"id = %s AND {where}", [pk, *expected], counted="slices"))


def fence(pk: int, token: str) -> bool:
    """Lock the run's row for this transaction and say whether it is still this worker's."""
    return bool(_update({"token": token}, _OWN, [pk, token]))


def write(pk: int, token: str, columns: Mapping[str, Any]) -> bool:
    """Write columns that are no business of this module (variables, vehicles …) under the fence."""
    return bool(_update(columns, _OWN, [pk, token]))


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
    return bool(_update({**columns, **_LET_GO, "status": status}, _OWN, [pk, token], ranked=ranked))


def _update(
    columns: Mapping[str, Any], where: str, expected: Sequence[Any], *, counted: str = "", ranked: bool = False
) -> int:
    """One conditional update; returns how many rows it hit.

    ``counted``: a column to add one to; ``ranked``: a place in the queue, by age and each row's own priority.
    """
    here = connections[DEFAULT_DB_ALIAS]  # looked up once: the proxy of the same name looks it up at every use
    parts = [f"{name} = %s" for name in columns]
    values = [*columns.values()]
    if counted:
        parts.append(f"{counted} = {counted} + 1")
    if ranked:
        step, least, greatest = conf.values().ageing_s * 1000, *_bounds(here.vendor)
        parts.append(f"{here.ops.quote_name('rank')} = %s - {least}({greatest}(priority, 0), {MAX_PRIORITY}) * %s")
        values += [clock.now_ms(), step]
    values += expected
    adapt = here.ops.adapt_datetimefield_value
    sql = f"UPDATE {_table(here.vendor)} SET {', '.join(parts)} WHERE {where}"  # noqa: S608 - names are ours
    with here.cursor() as cursor:
        cursor.execute(sql, [adapt(value) if isinstance(value, datetime) else value for value in values])
        return int(cursor.rowcount)


def _table(vendor: str) -> str:
    """The table, found by its primary key and nothing else.

    MariaDB would find ``id = … AND status = …`` through an index of the status, which locks the index entry before the
    row. Another writer, coming from the row, locks them in the opposite order: a deadlock.
    """
    table = TaskRecord._meta.db_table
    return f"{table} FORCE INDEX (PRIMARY)" if vendor == "mysql" else table


def _bounds(vendor: str) -> tuple[str, str]:
    """SQL functions for the smaller and the larger of two numbers."""
    return ("MIN", "MAX") if vendor == "sqlite" else ("LEAST", "GREATEST")


# --- Many runs, from any process -------------------------------------------------------------------------------------

_READY: Mapping[str, Any] = {"status": Status.READY, "due_at": None, **_LET_GO}


#: From these a person may start a new attempt.
_DECIDED = frozenset({Status.INTERRUPTED, Status.FAILED, Status.UNRECOVERABLE})
#: What was asked of an attempt, and how it went, is nothing of the next one.
_UNASKED: Mapping[str, Any] = {
    **{"cancel_requested": False, "release_requested": False, "pause_requested": False},
    **{"request_reason": "", "request_actor": "", "ended_reason": "", "error_code": "", "failed_block": ""},
    **{"boot_id": "", "claimed_at": None, "recoveries": 0},
}


def claim(pks: Collection[int], *, boot_id: str, mark: str) -> int:
    """Ready → claimed by ``boot_id``; ``mark`` tells this claim from others'. Returns how many moved."""
    claimed = {"status": Status.CLAIMED, "boot_id": boot_id, "token": mark, "claimed_at": clock.now()}
    return _move(pks, {Status.READY}, claimed)


def unclaim(pks: Collection[int], *, boot_id: str | None = None, claimed_before: datetime | None = None) -> int:
    """Claimed and not started → ready, at its old place in the queue. Counts nothing against it.

    ``boot_id`` and ``claimed_before`` are what must still hold.
    """
    also = ""
    values: list[Any] = []
    if boot_id is not None:
        also, values = f"{also} AND boot_id = %s", [*values, boot_id]
    if claimed_before is not None:
        also, values = f"{also} AND claimed_at < %s", [*values, claimed_before]
    back = {"status": Status.READY, "boot_id": "", "token": "", "claimed_at": None}
    return _move(pks, {Status.CLAIMED}, back, also, values)


def promote(pks: Collection[int]) -> int:
    """Scheduled or waiting, and due → ready."""
    now = clock.now()
    timed = {Status.SCHEDULED, Status.WAITING}
    return _move(pks, timed, {**_READY, "ready_at": now}, " AND due_at <= %s", [now], ranked=True)


def wake(pks: Collection[int]) -> int:
    """Count a wake on every active run, and make those that wait ready. Returns how many became ready."""
    # Counting comes first: a run that is being suspended now then sees the wake and goes to ready by itself.
    _move(pks, ACTIVE, {}, counted="wake_seq")
    return _move(pks, {Status.WAITING}, {**_READY, "ready_at": clock.now()}, ranked=True)


def pause(pks: Collection[int]) -> int:
    """Everything that nobody is working on → paused."""
    paused = {"status": Status.PAUSED, "token": "", "boot_id": "", "claimed_at": None, "pause_requested": False}
    return _move(pks, origins(Status.PAUSED) - {Status.RUNNING}, paused)


def resume(pks: Collection[int]) -> int:
    """Paused → ready."""
    return _move(pks, {Status.PAUSED}, {**_READY, "ready_at": clock.now(), "pause_requested": False}, ranked=True)


def reschedule(pks: Collection[int]) -> int:
    """Paused before it was due → scheduled, with the time that it has."""
    return _move(pks, {Status.PAUSED}, {"status": Status.SCHEDULED, "pause_requested": False})


def begin_attempt(pk: int, origin: Status, columns: Mapping[str, Any]) -> bool:
    """Interrupted, failed or unrecoverable → ready, as a new attempt: its end, its deaths and requests are forgotten.

    ``columns``: what else of the record begins anew.
    """
    if origin not in _DECIDED:
        raise IllegalTransition(f"{origin} → a new attempt")
    now = clock.now()
    fresh = {**columns, **_READY, **_UNASKED, "ready_at": now, "attempt_at": now, "ended_at": None}
    return bool(_move([pk], {origin}, fresh, counted="attempt", ranked=True))


def recover(pk: int, token: str, now: datetime) -> bool:
    """Running, but its lease ran out before ``now`` → ready, and one more recovery."""
    expired = " AND token = %s AND lease_until < %s"
    ready = {**_READY, "ready_at": now}
    return bool(_move([pk], {Status.RUNNING}, ready, expired, [token, now], counted="recoveries", ranked=True))


def renew(leases: Mapping[int, str], lease_until: datetime) -> int:
    """Prolong the leases of runs that are still this process's: ``{pk: token}``. Returns how many are."""
    tokens = ", ".join(["%s"] * len(leases))
    also = f" AND token IN ({tokens})"
    return _move(list(leases), {Status.RUNNING}, {"lease_until": lease_until}, also, list(leases.values()))


def end(pks: Collection[int], status: Status, *, lease_before: datetime | None = None, **columns: Any) -> int:
    """Everything of ``pks`` that nobody works on → an ended status. The caller holds the rows' locks.

    ``lease_before``: a running one too, if its lease ran out before that moment.
    """
    ended = {**columns, "status": status, "due_at": None, "claimed_at": None, **_LET_GO}
    moved = _move(pks, origins(status) - {Status.RUNNING}, ended)
    if lease_before is not None:
        moved += _move(pks, {Status.RUNNING}, ended, " AND lease_until < %s", [lease_before])
    return moved


def _move(
    pks: Collection[int],
    origin: Collection[Status],
    columns: Mapping[str, Any],
    also: str = "",
    values: Sequence[Any] = (),
    *,
    counted: str = "",
    ranked: bool = False,
) -> int:
    """Move those of ``pks`` that are in one of the ``origin`` states; in key order, so that movers do not deadlock."""
    if not pks or not origin:
        return 0
    keys, states = sorted(pks), sorted(origin)
    where = f"id IN ({', '.join(['%s'] * len(keys))}) AND status IN ({', '.join(['%s'] * len(states))}){also}"
    return _update(columns, where, [*keys, *states, *values], counted=counted, ranked=ranked)
