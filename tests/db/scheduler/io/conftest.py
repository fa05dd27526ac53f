"""Runs and effects as the io process finds them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock
from scheduler.models import DefinitionVersion, Effect, TaskDefinition, TaskRecord, Wait
from scheduler.states import EffectStatus, Status


class World:
    """Rows made in one line, and the wakes that were asked for."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self._definition: TaskDefinition | None = None

    def wake(self, keys: Sequence[str]) -> int:
        self.woken += keys
        return len(keys)

    def run(self, record_id: str = "run-1", status: Status = Status.WAITING) -> TaskRecord:
        if self._definition is None:
            self._definition = TaskDefinition.objects.create(definition_id="d", label="drive")
            self._version = DefinitionVersion.objects.create(
                definition=self._definition, number=1, detail="{}", digest="0"
            )
        return TaskRecord.objects.create(
            record_id=record_id,
            definition=self._definition,
            version=self._version,
            label="drive",
            status=status,
            created_at=clock.now(),
        )

    def effect(self, record: TaskRecord | None, operation: str = "setOrder", **columns: Any) -> Effect:
        order_id = columns.pop("order_id", f"{record.record_id if record else 'nobody'}~b1")
        body = {"id": order_id}
        if operation == "addBlocks":
            body["blocks"] = [{"blockId": f"{order_id}~1", "location": "LM1"}]  # type: ignore[assignment]
        now = clock.now()
        values: dict[str, Any] = {
            "key": f"{order_id}:{operation}",
            "record": record,
            "kind": "fleet",
            "target": "fleet",
            "operation": operation,
            "order_id": order_id,
            "block": "b1",
            "request": {"operation": operation, "order_id": order_id, "body": body},
            "due_at": now - timedelta(milliseconds=1),
            "created_at": now,
        }
        return Effect.objects.create(**{**values, **columns})

    def wait(self, record: TaskRecord, key: str) -> Wait:
        return Wait.objects.create(
            record=record, branch="0", block="b1", key=key, code="effect", args={}, since_ms=clock.now_ms()
        )


@pytest.fixture
def world(db: None) -> World:
    return World()


def status_of(effect: Effect) -> EffectStatus:
    return EffectStatus(Effect.objects.values_list("status", flat=True).get(pk=effect.pk))
