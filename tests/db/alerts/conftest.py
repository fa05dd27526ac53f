"""Rows that make rules speak, and a watch whose clock the test turns."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache

from scheduler import clock
from scheduler.definitions.importing import import_file
from scheduler.models import ProcessRow, TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.support.tasks import block, detail, task_file
from vwed.alerts.readers import Readers
from vwed.alerts.watch import LOOK_S, Watch
from vwed.models import Alert, AlertRule

HOST = socket.gethostname()[:128]


class Turned(Watch):
    """A watch whose looks are five seconds apart without waiting."""

    def __init__(self) -> None:
        self.at = 0.0
        self.now = clock.now()
        super().__init__(Readers(), lambda: self.at)

    def look(self, times: int = 1) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for _ in range(times):
            self.at += LOOK_S
            self.now += timedelta(seconds=LOOK_S)
            said = dict(self.run_once(self.now))
        return said


@pytest.fixture
def watch(db: None) -> Iterator[Turned]:
    """Watching, with one live worker, so that nothing is wrong."""
    cache.clear()
    process("w-1", seat=1)
    yield Turned()
    cache.clear()


def process(name: str, role: str = "worker", *, ahead_s: float = 3600, **fields: Any) -> ProcessRow:
    """A process that beats; its beat is ahead, as the watch's clock goes on while the row does not."""
    now = clock.now()
    values: dict[str, Any] = {
        "role": role,
        "boot_id": "boot",
        "host": HOST,
        "pid": 1,
        "started_at": now,
        "beat_at": now + timedelta(seconds=ahead_s),
        **fields,
    }
    return ProcessRow.objects.create(name=name, **values)


def tuned(code: str, **fields: Any) -> AlertRule:
    """What somebody changed about a rule."""
    return AlertRule.objects.create(code=code, changed_by="kim", changed_at=clock.now(), **fields)


def open_of(code: str) -> list[Alert]:
    """Open alerts of a rule."""
    return list(Alert.objects.filter(rule=code, cleared_at__isnull=True).order_by("object_key"))


@pytest.fixture
def make_run(db: None) -> Callable[..., TaskRecord]:
    """Runs in any state."""
    made: list[TaskDefinition] = []

    def make(record_id: str, status: Status, **fields: Any) -> TaskRecord:
        if not made:
            content = task_file(watched=detail(block(1, "PrintBp", message="x")))
            import_file("watched.task", content, actor="tests", origin="command")
            made.append(TaskDefinition.objects.select_related("current").get(label="watched"))
        at: datetime = fields.pop("created_at", clock.now())
        return TaskRecord.objects.create(
            record_id=record_id,
            definition=made[0],
            version=made[0].current,
            label="watched",
            status=status,
            created_at=at,
            **fields,
        )

    return make
