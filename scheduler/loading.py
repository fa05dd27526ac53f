"""Taking a run over: claimed → running under a fresh token, and what the engine needs of it, in two statements."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from execution.limits import RunInfo
from execution.outcome import Snapshot
from execution.values import load_tagged
from scheduler import clock, conf, transitions
from scheduler.models import TaskRecord
from scheduler.process import Process
from scheduler.settlement import EndedRun
from scheduler.states import Status

_FIELDS = (
    *("pk", "record_id", "version_id", "definition_id", "definition__definition_id", "label", "priority", "inputs"),
    *("wake_seq", "attempt", "slices", "recoveries", "cancel_requested", "pause_requested", "release_requested"),
    *("request_reason", "request_actor", "created_at", "first_block_at", "parent_id", "periodic", "state__text"),
)


@dataclass(slots=True)
class StartedRun:
    """A run that this process is running. ``touched``: it may have left rows behind that its end has to look for."""

    token: str
    pk: int
    record_id: str
    version_id: int
    definition_pk: int
    definition_id: str
    label: str
    priority: int
    inputs: str
    wake_seq: int
    attempt: int
    slices: int
    recoveries: int
    cancel_requested: bool
    pause_requested: bool
    release_requested: bool
    request_reason: str
    request_actor: str
    created_at: datetime
    first_block_at: datetime | None
    parent_id: int | None
    periodic: bool
    state: str | None
    touched: bool = False

    def __post_init__(self) -> None:
        self.touched = self.touched or self.slices > 1 or self.recoveries > 0 or self.state is not None

    def info(self) -> RunInfo:
        """The facts of the record as the engine takes them."""
        return RunInfo(
            record_id=self.record_id,
            definition_id=self.definition_id,
            label=self.label,
            created_on=f"{self.created_at:%Y-%m-%d %H:%M:%S}",
            priority=self.priority,
            attempt=self.attempt,
        )

    def bound_inputs(self) -> dict[str, Any]:
        """The inputs with their types."""
        values: dict[str, Any] = load_tagged(json.loads(self.inputs))
        return values

    def as_ended(self) -> EndedRun:
        """What settling needs of it."""
        return EndedRun(
            pk=self.pk,
            record_id=self.record_id,
            attempt=self.attempt,
            was=Status.RUNNING.value,
            definition_id=self.definition_pk,
            parent_id=self.parent_id,
            created_at=self.created_at,
            release=self.release_requested,
        )

    def columns_of(self, snapshot: Snapshot) -> dict[str, Any]:
        """The record's own columns that a snapshot brings; only those that changed."""
        given: Mapping[str, Any] = {
            "variables": snapshot.variables,
            "state_description": snapshot.state_text,
            "agv_id": snapshot.vehicles,
            "priority": snapshot.priority,
        }
        columns = {name: value for name, value in given.items() if value is not None}
        if snapshot.first_block_ms is not None and self.first_block_at is None:
            columns["first_block_at"] = clock.from_ms(snapshot.first_block_ms)
        if snapshot.priority is not None:
            self.priority = snapshot.priority
        return columns


def take(record_pk: int, process: Process, *, boot_id: str | None) -> StartedRun | None:
    """Start a run here; ``None`` when it was not (or is no longer) ours to start. Two statements.

    ``boot_id`` names the cluster it was handed to; ``None`` takes a ready run, without a cluster.
    """
    token = secrets.token_hex(16)
    lease_until = clock.now() + timedelta(seconds=conf.values().lease_s)
    process.duty.begin(record_pk, token, clock.now_ms())
    if not transitions.start(record_pk, token=token, worker=process.name, boot_id=boot_id, lease_until=lease_until):
        process.duty.end()
        return None
    row = TaskRecord.objects.filter(pk=record_pk).values_list(*_FIELDS).first()
    if row is None:  # deleted by hand in this instant
        process.duty.end()
        return None
    run = StartedRun(token, *row)
    process.duty.record_id = run.record_id
    return run
