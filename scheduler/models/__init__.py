"""Rows of the scheduler, one module per noun."""

from scheduler.models.definition import DefinitionVersion, TaskDefinition
from scheduler.models.effect import Effect, FleetOrder
from scheduler.models.journal import AuditEntry, EndedCounter, JournalEntry
from scheduler.models.process import ProcessRow, ServiceRow
from scheduler.models.record import BlockRecord, LogLine, RunState, TaskRecord, Wait

__all__ = [
    "AuditEntry",
    "BlockRecord",
    "DefinitionVersion",
    "Effect",
    "EndedCounter",
    "FleetOrder",
    "JournalEntry",
    "LogLine",
    "ProcessRow",
    "RunState",
    "ServiceRow",
    "TaskDefinition",
    "TaskRecord",
    "Wait",
]
