"""When the locks of a run are freed by its definition's rule: at 1001 and 1004, and at no other end."""

from __future__ import annotations

import pytest

from scheduler import clock, settlement
from scheduler.commands import cancel
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import Status
from storage.models import StorageLocation
from tests.db.scheduler.making import block, claim_and_execute, definition, delay, record, say
from tests.db.storage.warehouse import build

pytestmark = pytest.mark.django_db(transaction=True)


def task(*blocks: object, release: bool = True) -> TaskDefinition:
    """Locks A-01, then does ``blocks``."""
    build("A-01")
    return definition(block("SetSiteLockedBp", siteId="A-01"), *blocks, release_sites=release)  # type: ignore[arg-type]


def holder() -> str:
    return StorageLocation.objects.get(site_id="A-01").locked_by


def ended(run: TaskRecord) -> Status:
    status = claim_and_execute(run)
    assert status is not None
    return status


def failing() -> object:
    return block("SetSiteFilledBp", siteId="nowhere")


@pytest.mark.parametrize(
    ("blocks", "periodic", "status", "freed"),
    [
        pytest.param((block("ThrowExceptionBp", message="no"),), False, Status.FAILED, True, id="1004 by the task"),
        pytest.param((failing(),), True, Status.FAILED, True, id="1004 of a periodic run"),
        pytest.param((failing(),), False, Status.INTERRUPTED, False, id="1006 waits for a person"),
        pytest.param((say("done"),), False, Status.FINISHED, False, id="1003 is the task's own job"),
        pytest.param((block("ReturnBp"), say("no")), False, Status.FINISHED, False, id="1003 by a return"),
        pytest.param((block("BreakBp"),), False, Status.FAILED, False, id="a break outside a loop escapes to the root"),
    ],
)
def test_each_end_has_its_rule(blocks: tuple[object, ...], periodic: bool, status: Status, freed: bool) -> None:
    run = record(task(*blocks), periodic=periodic)

    assert ended(run) == status

    assert holder() == ("" if freed else run.record_id)


def test_without_the_rule_nothing_is_freed() -> None:
    run = record(task(block("ThrowExceptionBp", message="no"), release=False))

    assert ended(run) == Status.FAILED
    assert holder() == run.record_id


@pytest.mark.parametrize(("blocks", "status"), [((delay(60_000),), Status.WAITING), ((failing(),), Status.INTERRUPTED)])
def test_a_cancelled_run_frees_its_locks(blocks: tuple[object, ...], status: Status) -> None:
    run = record(task(*blocks))
    assert ended(run) == status

    cancel.cancel([run.record_id], actor="ann", reason="enough", origin="command")

    assert holder() == ""


def test_what_died_too_often_keeps_its_locks_for_a_person_to_look_at() -> None:
    run = record(task(delay(60_000)))
    assert ended(run) == Status.WAITING
    TaskRecord.objects.filter(pk=run.pk).update(status=Status.RUNNING, lease_until="2020-01-01T00:00:00Z", token="t")

    settlement.settle([run.pk], Status.UNRECOVERABLE, reason="died", lease_before=clock.now())

    assert holder() == run.record_id
