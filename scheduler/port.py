"""The engine's port on rows: one run during one slice.

A checkpoint is one transaction that begins with the fencing update: when the run is no longer this worker's, nothing
is written and ``LeaseLost`` is raised. Inside a slice the clock and the stop flag cost no query.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from execution.effects import EffectAnswer, OrderView, Pending, Storage, Transacted
from execution.errors import LeaseLost
from execution.outcome import Snapshot
from scheduler import clock, doorbell, rows, transitions
from scheduler.effects import gateway, storage
from scheduler.effects.asking import Asking
from scheduler.loading import StartedRun
from scheduler.models import Effect, FleetOrder
from scheduler.process import Duty
from scheduler.states import EffectStatus

_ANSWERED = (EffectStatus.DONE, EffectStatus.FAILED, EffectStatus.UNKNOWN, EffectStatus.ABANDONED)
#: Not worth a statement of its own: written with the next move at the latest.
_COUNTED = frozenset({"blocks_run"})


class Port:
    """What the walker of one run sees of the world (``execution.ports.RunPort``)."""

    def __init__(self, run: StartedRun, duty: Duty) -> None:
        self._run = run
        self._duty = duty
        # A slice lasts two seconds: the difference of the clocks does not change under it.
        self._offset_ms = clock.now_ms() - int(time.time() * 1000)

    def now_ms(self) -> int:
        """Epoch milliseconds on the database's clock."""
        return int(time.time() * 1000) + self._offset_ms

    def stop_requested(self) -> str | None:
        """What the housekeeper wants of this worker; also the sign of life that its lease depends on."""
        self._duty.progress += 1
        return self._duty.stop

    @contextmanager
    def checkpoint(self) -> Iterator[Checkpoint]:
        """Open a checkpoint; see ``execution.ports.RunPort``."""
        run = self._run
        with transaction.atomic():
            if not transitions.fence(run.pk, run.token):
                raise LeaseLost(run.record_id)
            yield Checkpoint(run)

    def effect_answers(self, keys: Sequence[str]) -> Mapping[str, EffectAnswer]:
        """Answers of those effects that have ended, in one query."""
        found = Effect.objects.filter(key__in=keys, status__in=_ANSWERED)
        return {
            key: EffectAnswer(status, result, attempts)
            for key, status, result, attempts in found.values_list("key", "status", "result", "attempts")
        }

    def orders(self, order_ids: Sequence[str]) -> Mapping[str, OrderView]:
        """The fleet orders as last seen, in one query."""
        found = FleetOrder.objects.filter(order_id__in=order_ids)
        fields = ("order_id", "state", "vehicle", "blocks", "container_names", "reason", "error_codes")
        return {
            row[0]: OrderView(*row[:6], error_codes=tuple(row[6]))  # type: ignore[misc]
            for row in found.values_list(*fields)
        }


class Checkpoint:
    """An open checkpoint (``execution.ports.CheckpointTx``)."""

    def __init__(self, run: StartedRun) -> None:
        self._run = run

    def apply(self, effect: Transacted, key: str, since_ms: int) -> Any | Pending:
        """Carry out an effect in this transaction."""
        run = self._run
        run.touched = True
        asking = Asking(run.pk, run.record_id, run.priority, key, since_ms)
        return storage.carry_out(effect, asking) if isinstance(effect, Storage) else gateway.carry_out(effect, asking)

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot of a run that goes on."""
        run = self._run
        columns = run.columns_of(snapshot)
        if columns.keys() - _COUNTED:
            transitions.write(run.pk, run.token, columns)
        write_rows(run, snapshot)


def write_rows(run: StartedRun, snapshot: Snapshot, *, goes_on: bool = True) -> None:
    """Everything of a snapshot but the record's own columns. In the caller's transaction, after its fence.

    ``goes_on``: the run will need its state again, or may.
    """
    rows.save(run.pk, run.history_attempt, snapshot)
    if goes_on and snapshot.state is not None:
        run.stored = True
        rows.save_state(run.pk, snapshot.state)
    if snapshot.effects:
        run.touched = True
        doorbell.ring(doorbell.EFFECTS)
