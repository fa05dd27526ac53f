"""The document of a run: what run_task and show_task print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from scheduler.commands import cancel, sites
from scheduler.documents import is_over, record_document
from scheduler.explain import explain
from scheduler.models import TaskRecord
from scheduler.states import Status
from scheduler.submission import submit
from tests.db.scheduler import making
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, say
from tests.db.storage import warehouse

pytestmark = pytest.mark.django_db(transaction=True)


def run(*blocks: dict[str, Any], **options: Any) -> TaskRecord:
    """Submit a definition of these blocks and execute one slice."""
    record = submit(definition=definition(*blocks, **options), actor="kim", origin="command").record
    claim_and_execute(record)
    record.refresh_from_db()
    return record


def test_steps_are_block_names_in_start_order_repeated_per_execution() -> None:
    record = run(block("RepeatNumBp", block("PrintBp", message="x", name="inner"), name="outer", num="=2"))
    document = record_document(record)
    assert document["steps"] == ["outer", "inner", "inner"]
    assert document["blocks"] == {"outer": {"index": 2}}
    assert (document["status"], document["code"], document["waits"]) == ("finished", 1003, [])


def test_variables_are_plain_json() -> None:
    document = record_document(run(assign("a", "=1.0"), assign("b", "=[1, 'x']"), assign("c", "=7L")))
    assert json.loads(json.dumps(document["variables"])) == {"a": 1.0, "b": [1, "x"], "c": 7}


def test_a_failed_run_names_block_and_reason() -> None:
    document = record_document(run(block("ThrowExceptionBp", message="no pallet", name="guard")))
    assert (document["code"], document["status"]) == (1004, "failed")
    assert "no pallet" in document["ended_reason"]


def test_details_carry_block_records_and_a_log_in_words() -> None:
    document = record_document(run(say("first"), say("second")), detail=True)
    assert [line["text"] for line in document["log"]] == ["first", "second"]
    assert [row["status"] for row in document["block_records"]] == ["done", "done"]
    assert all(row["ended_ms"] >= row["started_ms"] for row in document["block_records"])


def test_a_waiting_run_says_for_what_since_when_and_who_holds_it() -> None:
    warehouse.build("A-01")
    holder = run(block("SetSiteLockedBp", siteId="A-01"), making.delay(60_000))
    waiting = run(block("SetSiteLockedBp", siteId="A-01", name="want"))
    (wait,) = record_document(waiting)["waits"]
    assert (wait["block"], wait["code"], wait["holder"]) == ("want", "lock", holder.record_id)
    assert wait["chain"] == [holder.record_id]
    assert wait["since"] is not None
    assert "A-01" in wait["for"]


def test_a_deadlock_of_two_is_recognised() -> None:
    warehouse.build("A-01", "A-02", "gate")
    sites.lock(["gate"], "maria", actor="maria", origin="page")
    first = run(*(block("SetSiteLockedBp", siteId=site) for site in ("A-01", "gate", "A-02")))
    second = run(*(block("SetSiteLockedBp", siteId=site) for site in ("A-02", "A-01")))
    sites.release(["gate"], actor="maria", origin="page", reason="open")
    claim_and_execute(first)
    for record in (first, second):
        record.refresh_from_db()
        assert [reason.deadlock for reason in explain(record)] == [True]


def test_a_delay_says_when_the_run_goes_on() -> None:
    (wait,) = record_document(run(making.delay(60_000)))["waits"]
    assert wait["code"] == "time"
    assert wait["args"]["time"] > wait["since"]
    assert wait["for"] == f"Continues at {wait['args']['time']}."


def test_a_ready_run_that_no_cluster_serves_says_so() -> None:
    record = submit(definition=definition(), actor="kim", origin="command", queue="night").record
    (wait,) = record_document(record)["waits"]
    assert (wait["code"], wait["args"]) == ("nobody", {"queue": "night"})


def test_a_paused_run_is_followed_on_and_an_ended_one_is_not() -> None:
    record = making.record(status=Status.PAUSED)
    assert record.code == 1002
    assert not is_over(record)
    cancel.cancel([record.record_id], actor="kim", reason="enough", origin="command")
    record.refresh_from_db()
    assert is_over(record)


def test_the_queries_do_not_grow_with_the_blocks(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    record = run(block("RepeatNumBp", say("x"), num="=200"))
    with django_assert_max_num_queries(6):
        assert len(record_document(record, detail=True)["steps"]) == 201


def test_the_queries_do_not_grow_with_the_sub_tasks(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    record = run(say("x"))
    for _ in range(20):
        making.record(parent=record)
    with django_assert_max_num_queries(7):
        assert len(record_document(record, detail=True)["children"]) == 20
