"""Rows of the scheduler, one module per noun."""

from scheduler.models.definition import DefinitionVersion, TaskDefinition
from scheduler.models.effect import Effect, FleetOrder
from scheduler.models.journal import AuditEntry, EndedCounter, JournalEntry
from scheduler.models.probe import Probe
from scheduler.models.process import ProcessRow, ServiceRow
from scheduler.models.record import BlockRecord, LogLine, RunState, TaskRecord, Wait
from scheduler.models.shared import CachedValue, TaskEvent

__all__ = [
    "AuditEntry",
    "BlockRecord",
    "CachedValue",
    "DefinitionVersion",
    "Effect",
    "EndedCounter",
    "FleetOrder",
    "JournalEntry",
    "LogLine",
    "Probe",
    "ProcessRow",
    "RunState",
    "ServiceRow",
    "TaskDefinition",
    "TaskEvent",
    "TaskRecord",
    "Wait",
]
