"""Keys that others choose are compared letter by letter, on every database."""

from __future__ import annotations

import pytest

from scheduler.models import Effect, TaskRecord
from scheduler.states import Status
from scheduler.submission import submit
from tests.db.scheduler import making
from tests.db.scheduler.making import claim_and_execute, definition, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_record_ids_that_differ_in_case_are_two_runs() -> None:
    task = definition(say("x"))
    made = [submit(definition=task, record_id=name, actor="kim", origin="api").created for name in ("Rid1", "rID1")]
    assert made == [True, True]
    assert TaskRecord.objects.filter(record_id="Rid1").count() == 1


def test_labels_that_differ_in_case_or_accent_are_two_definitions() -> None:
    for label in ("dup", "Dup", "dupé"):
        definition(say(label), label=label)
    assert submit(label="Dup", actor="kim", origin="api").record.label == "Dup"


def test_blocks_that_differ_in_case_send_an_order_each() -> None:
    names = ("b1", "B1")
    task = definition(
        *(making.block("ParallelFlowBp", *(making.block("CSelectAgvBp", name=n, keyRoute="R") for n in names)),)
    )
    run = submit(definition=task, actor="kim", origin="api").record
    assert claim_and_execute(run) is Status.WAITING
    assert Effect.objects.filter(record=run, operation="setOrder").count() == 2
