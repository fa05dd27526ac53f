"""Taking a run over: claimed → running under a fresh token, and what the engine needs of it, in two statements."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from execution.limits import RunInfo
from execution.outcome import Snapshot
from execution.values import load_tagged
from scheduler import clock, conf, transitions
from scheduler.models import RunState, TaskDefinition, TaskRecord
from scheduler.process import Process
from scheduler.settlement import ESCAPED, EndedRun
from scheduler.states import Status

#: In the order of ``StartedRun``. Through the driver: this is read for every slice of every run.
_COLUMNS = (
    *("r.id", "r.record_id", "r.version_id", "r.definition_id", "d.definition_id", "r.label", "r.priority"),
    *("r.inputs", "r.wake_seq", "r.attempt", "r.slices", "r.recoveries", "r.cancel_requested", "r.pause_requested"),
    *("r.release_requested", "r.created_at", "r.first_block_at", "r.parent_id", "r.periodic"),
    *("r.history_attempt", "r.attempt_at", "s.text", "s.decision"),
)
_SQL = (
    f"SELECT {', '.join(_COLUMNS)} FROM {TaskRecord._meta.db_table} r "  # noqa: S608 - names are ours
    f"JOIN {TaskDefinition._meta.db_table} d ON d.id = r.definition_id "
    f"LEFT JOIN {RunState._meta.db_table} s ON s.record_id = r.id WHERE r.id = %s"
)


@dataclass(slots=True)
class StartedRun:
    """A run that this process is running, and what its end has to look for.

    ``decision``: what a person decided about the state (``execution.decision``); ``error_code``: what it failed of.
    ``stored``: it may have a state row; ``touched``: it may have waits, requests, locks, effects or orders.
    """

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
    created_at: datetime
    first_block_at: datetime | None
    parent_id: int | None
    periodic: bool
    history_attempt: int
    attempt_at: datetime | None
    state: str | None
    decision: str | None
    stored: bool = False
    touched: bool = False
    error_code: str = ""

    def __post_init__(self) -> None:
        self.stored = self.state is not None
        self.touched = self.slices > 1 or self.recoveries > 0 or self.stored

    def info(self) -> RunInfo:
        """The facts of the record as the engine takes them."""
        return RunInfo(
            record_id=self.record_id,
            definition_id=self.definition_id,
            label=self.label,
            created_on=f"{self.created_at:%Y-%m-%d %H:%M:%S}",
            priority=self.priority,
            attempt=self.attempt,
            time_zone=settings.TIME_ZONE,
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
            attempt_at=self.attempt_at,
            by_rule=self.error_code not in ESCAPED,
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
        columns |= snapshot.facts
        if snapshot.blocks_run:
            columns["blocks_run"] = snapshot.blocks_run
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
    run = _read(record_pk, token)
    if run is None:  # deleted by hand in this instant
        process.duty.end()
        return None
    duty = process.duty
    duty.record_id, duty.label, duty.version_id = run.record_id, run.label, run.version_id
    return run


def _read(record_pk: int, token: str) -> StartedRun | None:
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [record_pk])
        row = cursor.fetchone()
    if row is None:
        return None
    run = StartedRun(token, *row)
    run.created_at = _moment(run.created_at)
    run.first_block_at = None if run.first_block_at is None else _moment(run.first_block_at)
    run.attempt_at = None if run.attempt_at is None else _moment(run.attempt_at)
    return run


def _moment(value: datetime | str) -> datetime:
    """A time as the driver gives it (SQLite: text), in UTC."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).replace(tzinfo=UTC)
