"""Starting a run again from its first block, as a new attempt of the same record.

Its requests, orders, waits and unsent calls of the last attempt are ended as at any end; its locks, its out-order
number and its inputs stay its own; variables, robots and texts begin empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from scheduler import settlement
from scheduler.commands import attempts
from scheduler.commands.attempts import AttemptResult, Command
from scheduler.states import Status

#: From these a run can start again. One that ended well, or was cancelled, stays as it is: a copy is started instead.
RESTARTABLE = frozenset({Status.INTERRUPTED, Status.FAILED, Status.UNRECOVERABLE})
_EMPTY: dict[str, Any] = {
    **{"variables": "{}", "agv_id": "", "state_description": "", "response": "", "work_types": "", "work_stations": ""},
    **{"marked_start_ms": None, "marked_end_ms": None, "blocks_run": 0},
}


def restart(record_ids: Sequence[str], *, actor: str, reason: str, origin: str) -> AttemptResult:
    """Start the named runs again from the beginning; active and well-ended ones are refused and unharmed.

    Raises:
        Refused: ``empty_selection``.
    """
    command = Command("restart", actor, reason, origin)
    return attempts.each(record_ids, partial(_restart, command=command))


def _restart(pk: int, *, command: Command) -> None:
    run = attempts.locked(pk, RESTARTABLE, "start again")
    attempts.require_quiet(run)
    settlement.begin_anew(run.pk, run.record_id, reason="started again from the beginning", actor=command.actor)
    attempts.begin(run, command, {**_EMPTY, "history_attempt": run.attempt + 1})
