"""Definitions and records in one line; every default is valid. A cluster in miniature runs them in this process."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

from scheduler import clock, executor, queue, transitions
from scheduler.models import DefinitionVersion, TaskDefinition, TaskRecord
from scheduler.process import Process
from scheduler.states import Status
from tests.support.waiting import wait_until

_NUMBERS = itertools.count(1)
#: What a run waits for at most, in seconds, when the next slice is to be its time's.
_SOON_S = 1.0


def param(value: Any) -> dict[str, Any]:
    """A parameter: text starting with ``=`` is an expression."""
    text = str(value)
    return {"type": "Expression", "value": text[1:]} if text.startswith("=") else {"type": "Simple", "value": text}


def block(
    kind: str, *children: dict[str, Any], name: str = "", branch: str = "default", **params: Any
) -> dict[str, Any]:
    """One block; its children go into ``branch``."""
    number = next(_NUMBERS)
    return {
        "id": number,
        "name": name or f"b{number}",
        "blockType": kind,
        "inputParams": {key: param(value) for key, value in params.items()},
        "children": {branch: list(children)} if children else {},
    }


def detail(*blocks: dict[str, Any], inputs: Mapping[str, tuple[str, Any]] | None = None) -> dict[str, Any]:
    """A whole definition. ``inputs``: name → (type, default)."""
    declared = [
        {"name": name, "type": kind, "label": name, "required": False, "defaultValue": default}
        for name, (kind, default) in (inputs or {}).items()
    ]
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "inputParams": {}, "children": {"default": list(blocks)}}
    return {"inputParams": declared, "outputParams": [], "rootBlock": root}


def definition(*blocks: dict[str, Any], label: str = "", inputs: Any = None, **columns: Any) -> TaskDefinition:
    """A definition with one version."""
    name = label or f"task {next(_NUMBERS)}"
    made = TaskDefinition.objects.create(label=name, definition_id=f"id of {name}", **columns)
    text = json.dumps(detail(*(blocks or (say("hello"),)), inputs=inputs))
    digest = hashlib.sha256(text.encode()).hexdigest()
    made.current = DefinitionVersion.objects.create(definition=made, number=1, detail=text, digest=digest)
    made.save()
    return made


def say(text: str) -> dict[str, Any]:
    """A block that prints."""
    return block("PrintBp", message=text)


def delay(milliseconds: int) -> dict[str, Any]:
    """A block that waits."""
    return block("DelayBp", timeMillis=milliseconds)


def assign(name: str, value: Any) -> dict[str, Any]:
    """A block that sets a variable."""
    return block("SetTaskVariableBp", varName=name, varValue=value)


def record(of: TaskDefinition | None = None, status: Status = Status.READY, **columns: Any) -> TaskRecord:
    """A run in any state."""
    task = of or TaskDefinition.objects.first() or definition()
    assert task.current_id is not None
    now = clock.now()
    given: dict[str, Any] = {
        "record_id": f"r-{next(_NUMBERS)}",
        "rank": transitions.rank_of(clock.at_ms(now), columns.get("priority", 1)),
        "created_at": now,
        "ready_at": now,
    }
    return TaskRecord.objects.create(
        definition=task, version_id=task.current_id, label=task.label, status=status, **{**given, **columns}
    )


def process(name: str = "w1", boot_id: str = "boot-1") -> Process:
    """A worker."""
    return Process(name=name, boot_id=boot_id, role="worker")


def claim_and_execute(run: TaskRecord, worker: Process | None = None) -> Status | None:
    """One slice, as the cluster would do it: a run whose time is near is waited for."""
    mine = worker or process()
    _let_its_time_come(run)
    queue.promote()
    assert transitions.claim([run.pk], boot_id=mine.boot_id, mark="m"), f"{run.record_id} is {status_of(run)}"
    return executor.execute(run.pk, mine, boot_id=mine.boot_id)


def _let_its_time_come(run: TaskRecord) -> None:
    due = TaskRecord.objects.filter(pk=run.pk, status=Status.WAITING).values_list("due_at", flat=True).first()
    if due is not None and (due - clock.now()).total_seconds() < _SOON_S:
        wait_until(lambda: clock.now() >= due, 2 * _SOON_S, f"the time of {run.record_id}", interval=0.001)


def status_of(run: TaskRecord) -> Status:
    """The status in the database now."""
    return Status(TaskRecord.objects.values_list("status", flat=True).get(pk=run.pk))
