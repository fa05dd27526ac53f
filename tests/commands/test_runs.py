"""``run_task``, ``show_task`` and ``cancel_task`` without a cluster."""

from __future__ import annotations

import json

import pytest

from scheduler.definitions.importing import import_file
from scheduler.models import AuditEntry, TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.commands.invoke import run
from tests.support.tasks import block, detail, task_file

WEIGHT = [{"name": "weight", "type": "Long", "label": "Weight", "required": True, "defaultValue": "5"}]
TASKS = {
    "Hello": detail(
        block(1, "PrintBp", message="hello"),
        block(2, "SetTaskVariableBp", varName="double", varValue="=taskInputs.weight * 2"),
        inputs=WEIGHT,
    ),
    "Fails": detail(block(1, "ThrowExceptionBp", message="no such pallet")),
    "Waits": detail(block(1, "DelayBp", timeMillis="60000")),
    "Naps": detail(block(1, "DelayBp", timeMillis="150"), block(2, "TaskStateBp", stateMsg="rested")),
}
KEYS = {
    *("record_id", "label", "version", "status", "code", "ended_reason", "steps", "blocks", "variables", "agv_id"),
    *("state_description", "out_order_no", "attempt", "duration_ms", "waits", "parent", "root", "children"),
    *("response", "work_types", "work_stations", "marked_start_ms", "marked_end_ms", "blocks_run"),
}


@pytest.fixture
def definitions(transactional_db: None) -> None:
    import_file("all.task", task_file(**TASKS), actor="test", origin="command")


pytestmark = pytest.mark.usefixtures("definitions")


def test_without_wait_the_run_is_submitted_and_the_document_has_its_contract() -> None:
    ran = run("run_task", "Hello", "--record-id", "r-1", "--json")

    assert ran.code == 0
    document = ran.json()
    assert set(document) == KEYS
    assert (document["record_id"], document["status"], document["code"]) == ("r-1", "ready", 1000)


def test_the_same_record_id_twice_is_one_run() -> None:
    run("run_task", "Hello", "--record-id", "r-1")
    again = run("run_task", "Hello", "--record-id", "r-1")

    assert again.code == 0
    assert "already there since" in again.err
    assert TaskRecord.objects.count() == 1


def test_inline_runs_it_here_and_now() -> None:
    ran = run("run_task", "Hello", "--inline", "--input", "weight=21", "--json")

    assert ran.code == 0
    document = ran.json()
    assert (document["code"], document["steps"], document["variables"]) == (1003, ["b1", "b2"], {"double": 42})


def test_inline_runs_its_sub_tasks_too_and_leaves_the_rest_to_a_cluster() -> None:
    ids = dict(TaskDefinition.objects.values_list("label", "definition_id"))
    calls = detail(
        block(1, f"SubTask::{ids['Hello']}", weight="21"),
        block(2, f"SubTask::{ids['Waits']}", ifAsync="true"),
        block(3, "SetResponseBp", body="=blocks.b1.taskRecordId"),
    )
    import_file("calls.task", task_file(Calls=calls), actor="test", origin="command")

    ran = run("run_task", "Calls", "--inline", "--wait", "30", "--json")

    document = ran.json()
    hello, waits = document["children"]
    assert (document["code"], hello["label"], hello["code"], waits["label"]) == (1003, "Hello", 1003, "Waits")
    assert document["response"] == {"code": 200, "body": hello["record_id"]}
    assert TaskRecord.objects.get(record_id=waits["record_id"]).queue == "default"
    shown = run("show_task", hello["record_id"], "--json").json()
    assert (shown["parent"], shown["root"], shown["variables"]) == (
        document["record_id"],
        document["record_id"],
        {"double": 42},
    )
    assert document["record_id"] in run("show_task", hello["record_id"]).out
    assert hello["record_id"] in run("show_task", document["record_id"]).out


def test_inputs_as_one_object_and_one_by_one() -> None:
    ran = run("run_task", "Hello", "--inline", "--inputs", '{"weight": 3}', "--input", "weight=4", "--json")

    assert ran.json()["variables"] == {"double": 8}


def test_a_run_that_does_not_finish_well_is_exit_code_1_with_its_reason() -> None:
    ran = run("run_task", "Fails", "--inline", "--json")

    assert ran.code == 1
    assert ran.json()["code"] == 1004
    assert "no such pallet" in ran.err


def test_an_inline_run_waits_for_time_as_any_run_does() -> None:
    ran = run("run_task", "Naps", "--inline", "--wait", "30", "--json")

    assert (ran.code, ran.json()["code"], ran.json()["state_description"]) == (0, 1003, "rested")


def test_an_inline_run_that_is_given_up_is_cancelled_for_nobody_else_has_it() -> None:
    ran = run("run_task", "Waits", "--inline", "--wait", "0.2", "--json")

    assert ran.code == 1
    assert ran.json()["status"] == "cancelled"
    assert TaskRecord.objects.get().status == Status.CANCELLED


def test_waiting_without_a_cluster_ends_at_the_deadline_and_says_where_to_look() -> None:
    ran = run("run_task", "Hello", "--wait", "0.1", "--json")

    assert ran.code == 1
    assert ran.json()["code"] == 1000
    assert "doctor" in ran.err
    assert TaskRecord.objects.get().status == Status.READY


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("Nobody",), 1, "Nobody"),
        (("Hello", "--inputs", "{"), 2, "not JSON"),
        (("Hello", "--inputs", "[1]"), 2, "JSON object"),
        (("Hello", "--input", "weight"), 2, "NAME=VALUE"),
        (("Hello", "--record-id", " "), 1, "record id"),
    ],
)
def test_what_cannot_be_started_is_told(arguments: tuple[str, ...], code: int, words: str) -> None:
    ran = run("run_task", *arguments, "--json")

    assert ran.code == code
    assert words in ran.json()["error"]["message"]
    assert not TaskRecord.objects.exists()


def test_an_input_of_the_wrong_type_is_noted() -> None:
    ran = run("run_task", "Hello", "--input", "weight=heavy", "--record-id", "r-1")

    assert ran.code == 0
    assert "weight" in ran.err


def test_show_tells_blocks_and_log() -> None:
    run("run_task", "Hello", "--inline", "--record-id", "r-1")
    document = run("show_task", "r-1", "--json").json()

    assert set(document) == KEYS | {"block_records", "log"}
    assert [each["name"] for each in document["block_records"] if each["type"] != "RootBp"] == ["b1", "b2"]
    assert any(line["text"] == "hello" for line in document["log"])
    text = run("show_task", "r-1").out
    assert "finished (1003)" in text
    assert "hello" in text


def test_show_of_an_unknown_record_has_a_remedy() -> None:
    ran = run("show_task", "nobody", "--json")

    assert ran.code == 1
    assert ran.json()["error"]["code"] == "unknown_record"


def test_cancel_ends_a_run_that_nobody_works_on_with_audit() -> None:
    run("run_task", "Hello", "--record-id", "r-1")
    ran = run("cancel_task", "r-1", "--reason", "not needed", "--json")

    assert ran.code == 0
    assert ran.json() == {"cancelled": ["r-1"], "requested": [], "ended": [], "refused": {}, "unknown": []}
    assert TaskRecord.objects.get().status == Status.CANCELLED
    assert AuditEntry.objects.filter(object_id="r-1", reason="not needed").exists()


def test_cancelling_again_changes_nothing() -> None:
    run("run_task", "Hello", "--record-id", "r-1")
    run("cancel_task", "r-1")

    assert run("cancel_task", "r-1", "--json").json()["ended"] == ["r-1"]


def test_an_empty_list_is_refused_and_never_means_all() -> None:
    run("run_task", "Hello")
    ran = run("cancel_task", "--json")

    assert ran.code == 1
    assert "error" in json.loads(ran.out)
    assert TaskRecord.objects.get().status == Status.READY


def test_an_unknown_id_among_known_ones_is_told_and_the_known_are_cancelled() -> None:
    run("run_task", "Hello", "--record-id", "r-1")
    ran = run("cancel_task", "r-1", "nobody", "--json")

    assert ran.code == 1
    assert (ran.json()["cancelled"], ran.json()["unknown"]) == (["r-1"], ["nobody"])
    assert "nobody" in ran.err
