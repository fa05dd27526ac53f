"""A record as other runs read it: a map with the field names that definitions already use."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from execution.cached import stored_text
from execution.errors import PlanErrors
from execution.inputs import InputDeclaration
from execution.values import load_tagged
from scheduler import clock, process
from scheduler.models import TaskRecord

#: Characters of one text field; a longer one is not given (null).
MAX_TEXT = 262_144


def fields_of(record: TaskRecord) -> dict[str, Any]:
    """The public fields. Three queries at most, with the definition and the parent already there.

    ``inputParams`` and ``variables`` are JSON texts, ``None`` when they are longer than ``MAX_TEXT``.
    """
    started, ended = record.first_block_at, record.ended_at
    return {
        "id": record.record_id,
        "defId": record.definition.definition_id,
        "defLabel": record.label,
        "defVersion": record.version.number,
        "status": record.code,
        "createdOn": _time(record.created_at),
        "endedOn": _time(ended),
        "endedReason": record.ended_reason,
        "firstExecutorTime": _time(started),
        "executorTime": 0 if started is None else max(0, int(((ended or clock.now()) - started).total_seconds())),
        "agvId": record.agv_id,
        "priority": record.priority,
        "outOrderNo": record.out_order_no,
        "stateDescription": record.state_description,
        "inputParams": _bounded(_inputs(record)),
        "variables": _bounded(record.variables),
        "workTypes": record.work_types,
        "workStations": record.work_stations,
        "parentTaskRecordId": record.parent.record_id if record.parent is not None else None,
        "rootTaskRecordId": record.root_record_id,
        "ifHaveChildTask": record.children.exists(),
        "periodicTask": record.periodic,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _bounded(text: str) -> str | None:
    return text if len(text) <= MAX_TEXT else None


def _inputs(record: TaskRecord) -> str:
    """The declared inputs, with the values of this run as their defaults."""
    values = load_tagged(json.loads(record.inputs))
    try:
        declared = {item.name: item for item in process.current().plans.get(record.version_id).inputs}
    except PlanErrors:
        declared = {}
    rows = [_input(name, value, declared.get(name)) for name, value in values.items()]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _input(name: str, value: Any, declared: InputDeclaration | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": "String" if declared is None else declared.type,
        "label": name if declared is None else declared.label,
        "required": declared is not None and declared.required,
        "defaultValue": stored_text(value),
    }
