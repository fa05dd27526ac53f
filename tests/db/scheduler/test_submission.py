"""Starting runs: one INSERT in the caller's transaction; the same id twice is one run."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from execution.values import Long
from scheduler import clock, conf, doorbell, submission
from scheduler.errors import Refused
from scheduler.loading import take
from scheduler.models import TaskRecord
from scheduler.process import CURRENT
from scheduler.states import Status
from scheduler.submission import Submitted
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import definition, process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    heard: list[tuple[str, ...]] = []
    monkeypatch.setattr(doorbell, "ring", lambda *topics: transaction.on_commit(lambda: heard.append(topics)))
    return heard


def submit(**given: Any) -> Submitted:
    return submission.submit(**{"label": "job", "actor": "ann", "origin": "command", **given})


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"deeper": value}
    return value


def test_a_submitted_run_is_ready_and_rings_after_the_commit(rings: list[tuple[str, ...]]) -> None:
    definition(label="job")

    with transaction.atomic():
        made = submit(priority=4)
        assert not rings

    run = TaskRecord.objects.get(pk=made.record.pk)
    assert made.created
    assert (run.status, run.priority, run.queue, run.created_by) == (Status.READY, 4, "default", "ann")
    assert run.root_record_id == run.record_id
    assert rings == [(doorbell.RUNS,)]


def test_submitting_is_one_insert(django_assert_num_queries: Any) -> None:
    task = definition(label="job")
    submit()

    with CaptureQueriesContext(connection) as queries:
        submit(definition=task)

    assert [query["sql"].split()[0] for query in queries] == ["INSERT"]


def test_a_rolled_back_submission_leaves_nothing(rings: list[tuple[str, ...]]) -> None:
    definition(label="job")

    with transaction.atomic():
        assert submit().created
        transaction.set_rollback(True)

    assert not TaskRecord.objects.exists()
    assert not rings


@pytest.mark.parametrize("key", ["record_id", "out_order_no"])
def test_the_same_id_twice_is_one_run(key: str) -> None:
    definition(label="job")
    first = submit(**{key: "order-1"})

    again = submit(**{key: "order-1"}, priority=9)

    assert (first.created, again.created) == (True, False)
    assert again.record.pk == first.record.pk
    assert TaskRecord.objects.count() == 1


def test_the_same_id_twice_leaves_the_callers_transaction_usable() -> None:
    definition(label="job")
    submit(record_id="x")

    with transaction.atomic():
        assert not submit(record_id="x").created
        assert submit(record_id="y").created

    assert TaskRecord.objects.count() == 2


def test_two_keys_of_two_runs_start_nothing() -> None:
    definition(label="job")
    submit(record_id="x")
    submit(out_order_no="4711")

    with pytest.raises(Refused, match="belongs to one run") as refused:
        submit(record_id="x", out_order_no="4711")

    assert refused.value.code == "keys_differ"
    assert TaskRecord.objects.count() == 2


@pytest.mark.parametrize("key", ["record_id", "out_order_no"])
def test_the_same_id_at_the_same_moment_is_one_run(key: str) -> None:
    definition(label="job")

    results = side_by_side(*[lambda: submit(**{key: "same"}) for _ in range(4)])

    assert sorted(result.created for result in results) == [False, False, False, True]
    assert len({result.record.pk for result in results}) == 1
    assert TaskRecord.objects.count() == 1


def test_a_run_for_later_is_scheduled_and_does_not_ring(rings: list[tuple[str, ...]]) -> None:
    definition(label="job")
    due = clock.now() + timedelta(hours=1)

    run = submit(due_at=due).record

    assert (run.status, run.due_at, run.ready_at) == (Status.SCHEDULED, due, None)
    assert not rings
    assert submit(due_at=clock.now() - timedelta(hours=1)).record.status == Status.READY


def test_inputs_replace_defaults_and_keep_their_types() -> None:
    definition(label="job", inputs={"n": ("Long", "5"), "name": ("String", "x"), "on": ("Boolean", None)})

    made = submit(inputs={"n": "9223372036854775807", "other": 1})

    worker = process()
    run = take(made.record.pk, worker, boot_id=None)
    assert run is not None
    values = run.bound_inputs()
    assert values == {"n": 9223372036854775807, "name": "x", "on": False}
    assert type(values["n"]) is Long
    assert [note.code for note in made.notes] == ["input.unknown"]


def test_a_child_knows_its_family() -> None:
    definition(label="job")
    root = submit().record
    child = submit(parent=root).record
    grandchild = submit(parent=child).record

    assert child.parent_id == root.pk
    assert grandchild.root_record_id == root.record_id


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"label": "unknown"}, "definition_unknown"),
        ({"label": None}, "definition_missing"),
        ({"label": "off"}, "definition_disabled"),
        ({"label": "broken"}, "definition_invalid"),
        ({"record_id": ""}, "key_invalid"),
        ({"record_id": "x" * 129}, "key_invalid"),
        ({"record_id": "a\nb"}, "key_invalid"),
        ({"record_id": "r1 "}, "key_invalid"),
        ({"out_order_no": " "}, "key_invalid"),
        ({"out_order_no": " r1"}, "key_invalid"),
        ({"priority": 99_999_999_999}, "priority_invalid"),
        ({"priority": -(2**31) - 1}, "priority_invalid"),
        ({"priority": "high"}, "priority_invalid"),
        ({"queue": "q" * 65}, "key_invalid"),
        ({"inputs": {"text": "x" * 1_000_001}}, "input_too_large"),
        ({"inputs": {"text": nested(300)}}, "input_invalid"),
        ({"inputs": {"text": nested(150)}}, "input_invalid"),
    ],
)
def test_a_refusal_has_a_code_and_a_remedy_and_changes_nothing(given: dict[str, Any], code: str) -> None:
    definition(label="job", inputs={"text": ("JSONObject", None)})
    definition(label="off", enabled=False)
    broken = definition(label="broken")
    assert broken.current is not None
    type(broken.current).objects.filter(pk=broken.current.pk).update(detail=json.dumps({"rootBlock": {"id": 1}}))

    with pytest.raises(Refused) as refused:
        submit(**given)

    assert refused.value.code == code
    assert refused.value.message
    assert refused.value.remedy
    assert not TaskRecord.objects.exists()


def test_the_queue_has_an_end() -> None:
    definition(label="job")
    token = CURRENT.set(process())
    conf.use(lambda: conf.Values(max_queued=2))
    try:
        submit(record_id="1")
        submit(record_id="2")
        CURRENT.set(process())  # another process looks at once
        with pytest.raises(Refused, match="2 runs are active"):
            submit(record_id="3")
    finally:
        conf.use(None)
        CURRENT.reset(token)


def test_record_ids_are_short_readable_and_different() -> None:
    ids = {submission.new_record_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(len(each) == 16 and each.isascii() for each in ids)
