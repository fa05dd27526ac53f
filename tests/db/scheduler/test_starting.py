"""A person starts a run: the run and its audit entry, together or not at all."""

from __future__ import annotations

import pytest

from scheduler import audit
from scheduler.commands.starting import start
from scheduler.errors import Refused
from scheduler.models import AuditEntry, TaskRecord
from tests.db.scheduler.making import definition

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_started_run_leaves_one_audit_entry() -> None:
    record = start(definition=definition(label="move"), priority=7, actor="kim", origin="command").record
    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.object_id, entry.origin) == (
        "kim",
        "run_task",
        record.record_id,
        "command",
    )
    assert entry.after == {"definition": "move", "priority": 7}


def test_the_same_id_again_starts_nothing_and_is_not_audited() -> None:
    task = definition()
    made = [start(definition=task, record_id="r1", actor="kim", origin="page").created for _ in range(2)]
    assert made == [True, False]
    assert AuditEntry.objects.count() == 1


def test_without_its_audit_entry_no_run_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise OSError("disk full")

    task = definition()
    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(OSError, match="disk full"):
        start(definition=task, actor="kim", origin="page")
    assert not TaskRecord.objects.exists()


def test_an_id_of_another_definitions_run_is_refused_instead_of_answered_with_that_run() -> None:
    start(definition=definition(label="weigh"), record_id="r1", actor="kim", origin="command")
    with pytest.raises(Refused, match="r1 belongs to a run of weigh"):
        start(definition=definition(label="check"), record_id="r1", actor="kim", origin="command")
    assert TaskRecord.objects.count() == 1
