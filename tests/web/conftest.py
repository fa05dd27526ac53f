"""People with each role, and rows for pages to show."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from scheduler import clock
from scheduler.definitions.importing import import_file
from scheduler.models import BlockRecord, LogLine, TaskDefinition, TaskRecord
from scheduler.states import BlockCode, Status
from storage import areas
from storage.areas import NewLocation
from storage.models import StorageLocation
from vwed.alerts import present

ROLES = ("Viewer", "Operator", "Engineer", "Administrator")

DETAIL: dict[str, Any] = {
    "inputParams": [
        {"name": "target", "type": "String", "label": "Target", "required": True, "defaultValue": "B-03"},
        {"name": "pallets", "type": "Long", "label": "Pallets", "required": False, "defaultValue": "2"},
        {"name": "careful", "type": "Boolean", "label": "Careful", "required": False, "defaultValue": "true"},
        {"name": "extra", "type": "JSONObject", "label": "Extra", "required": False, "defaultValue": ""},
    ],
    "outputParams": [],
    "rootBlock": {
        "id": -1,
        "name": "-1",
        "blockType": "RootBp",
        "inputParams": {},
        "children": {
            "default": [
                {
                    "id": 1,
                    "name": "b1",
                    "blockType": "IfElseBp",
                    "inputParams": {"condition": {"type": "Expression", "value": "taskInputs.pallets > 1"}},
                    "children": {
                        "if": [
                            {
                                "id": 2,
                                "name": "b2",
                                "blockType": "PrintBp",
                                "inputParams": {"message": {"type": "Simple", "value": "many"}},
                                "children": {},
                            }
                        ],
                        "else": [
                            {
                                "id": 3,
                                "name": "b3",
                                "blockType": "PrintBp",
                                "inputParams": {"message": {"type": "Simple", "value": "one"}},
                                "children": {},
                            }
                        ],
                    },
                }
            ]
        },
    },
}


def task_file(label: str) -> bytes:
    """A ``.task`` file with one definition."""
    return json.dumps([{"label": label, "detail": json.dumps(DETAIL)}]).encode()


@pytest.fixture(autouse=True)
def counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The badge of alerts is counted with a test's first page only: each second of a slow test would cost a query."""
    monkeypatch.setattr(present, "_COUNTS_S", 3600)
    present.forget_counts()


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """One login per role, and ``root`` who may everything."""
    made = {"root": User.objects.create_superuser("root", password="root-password-1")}
    for role in ROLES:
        made[role] = User.objects.create_user(role.lower(), password="role-password-1", is_staff=True)
        made[role].groups.set([Group.objects.get(name=role)])
    return made


@pytest.fixture
def as_role(people: dict[str, User]) -> Callable[[str], Client]:
    """A client signed in with a role."""

    def client(role: str) -> Client:
        signed_in = Client()
        signed_in.force_login(people[role])
        return signed_in

    return client


@pytest.fixture
def definition(db: None) -> TaskDefinition:
    """A definition with four inputs and a branch."""
    import_file("transport.task", task_file("Transport A→B"), actor="tests", origin="command")
    return TaskDefinition.objects.select_related("current").get(label="Transport A→B")


@pytest.fixture
def make_record(definition: TaskDefinition) -> Callable[..., TaskRecord]:
    """Make runs in any state, as rows."""

    def make(record_id: str, status: Status = Status.RUNNING, **fields: Any) -> TaskRecord:
        now = clock.now()
        return TaskRecord.objects.create(
            record_id=record_id,
            definition=definition,
            version=definition.current,
            label=fields.pop("label", definition.label),
            status=status,
            created_at=fields.pop("created_at", now),
            ready_at=now,
            **fields,
        )

    return make


@pytest.fixture
def site(db: None) -> StorageLocation:
    """One free location."""
    with transaction.atomic():
        areas.create(areas.ensure_area("hall", "Hall A"), [NewLocation("B-03", group="B", row=1, column=1)], actor="t")
    return StorageLocation.objects.get(site_id="B-03")


def add_block(record: TaskRecord, seq: int, name: str, **fields: Any) -> BlockRecord:
    """A finished block execution."""
    now = clock.now_ms()
    values = {"block_type": "PrintBp", "path": name, "code": BlockCode.DONE, "started_ms": now, "ended_ms": now + 5}
    return BlockRecord.objects.create(record=record, seq=seq, name=name, **{**values, **fields})


def add_log(record: TaskRecord, code: str, level: int = 1, **args: Any) -> LogLine:
    """A log line."""
    return LogLine.objects.create(record=record, at_ms=clock.now_ms(), level=level, code=code, args=json.dumps(args))
