"""``pause_task``, ``resume_task``, ``retry_task``, ``skip_block`` and ``set_priority`` without a cluster."""

from __future__ import annotations

import pytest

from scheduler.definitions.importing import import_file
from scheduler.models import AuditEntry, TaskRecord
from scheduler.states import Status
from tests.commands.invoke import run
from tests.db.storage.warehouse import build
from tests.support.tasks import block, detail, task_file

TASKS = {
    "Hello": detail(block(1, "PrintBp", message="hello")),
    "Fills": detail(block(1, "SetSiteFilledBp", siteId="A-01"), block(2, "PrintBp", message="done")),
    "Parses": detail(
        block(1, "SetTaskVariableBp", varName="text", varValue="{"),
        block(2, "StringToJsonObjectBp", convertString="=task.variables.text"),
        block(3, "SetTaskVariableBp", varName="n", varValue="=blocks.b2.convertObject"),
    ),
}


@pytest.fixture(autouse=True)
def definitions(transactional_db: None) -> None:
    import_file("all.task", task_file(**TASKS), actor="test", origin="command")


def submitted(label: str = "Hello", record_id: str = "r-1") -> TaskRecord:
    run("run_task", label, "--record-id", record_id)
    return TaskRecord.objects.get(record_id=record_id)


def stopped(label: str = "Fills") -> TaskRecord:
    """A run that needs a decision."""
    assert run("run_task", label, "--record-id", "r-1", "--inline").code == 1
    found = TaskRecord.objects.get(record_id="r-1")
    assert found.status == Status.INTERRUPTED
    return found


def status() -> str:
    return str(TaskRecord.objects.get(record_id="r-1").status)


def test_pause_and_resume() -> None:
    submitted()

    paused = run("pause_task", "r-1", "--reason", "lunch", "--json")
    assert (paused.code, paused.json()) == (0, {"paused": ["r-1"], "requested": [], "refused": {}, "unknown": []})
    assert status() == "paused"

    resumed = run("resume_task", "r-1", "--json")
    assert (resumed.code, resumed.json()) == (0, {"resumed": ["r-1"], "refused": {}, "unknown": []})
    assert status() == "ready"
    assert list(AuditEntry.objects.filter(object_id="r-1", origin="command").values_list("action", flat=True)) == [
        "run_task",
        "pause",
        "resume",
    ]


def test_what_cannot_be_paused_or_resumed_is_exit_code_1() -> None:
    run("run_task", "Hello", "--record-id", "r-1", "--inline")

    paused = run("pause_task", "r-1", "--json")
    assert (paused.code, paused.json()["error"]["code"]) == (1, "not_pausable")
    resumed = run("resume_task", "r-1", "--json")
    assert (resumed.code, resumed.json()["error"]["code"]) == (1, "not_paused")
    assert "retry_task" in resumed.err


def test_retry_continues_from_the_failed_block() -> None:
    stopped()
    build("A-01")

    ran = run("retry_task", "r-1", "--reason", "made it", "--json")

    assert (ran.code, ran.json()) == (0, {"continued": ["r-1"], "refused": {}, "unknown": []})
    shown = run("show_task", "r-1", "--json").json()
    assert (shown["code"], shown["attempt"], shown["steps"]) == (1000, 2, ["b1"])
    assert AuditEntry.objects.filter(action="continue", object_id="r-1", reason="made it").count() == 1


def test_retry_from_the_start_begins_anew() -> None:
    stopped()

    ran = run("retry_task", "r-1", "--from-start", "--json")

    assert (ran.code, ran.json()["restarted"]) == (0, ["r-1"])
    assert run("show_task", "r-1", "--json").json()["steps"] == []


def test_retrying_what_goes_on_by_itself_changes_nothing_and_says_so() -> None:
    submitted()

    ran = run("retry_task", "r-1", "--json")

    assert (ran.code, ran.json()["error"]["code"]) == (1, "not_stopped")
    assert "nothing was changed" in ran.err
    assert status() == "ready"


def test_skip_gives_later_blocks_what_they_read() -> None:
    stopped("Parses")

    ran = run("skip_block", "r-1", "--output", 'convertObject={"a": 1}', "--reason", "typed in", "--json")

    assert (ran.code, ran.json()) == (0, {"skipped": ["r-1"], "block": "b2", "outputs": {"convertObject": {"a": 1}}})
    assert status() == "ready"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 1, "convertObject"),
        (("--output", "nonsense=1", "--output", "convertObject=1"), 1, "nonsense"),
        (("--block", "b9"), 1, "b9"),
        (("--output", "convertObject"), 2, "NAME=VALUE"),
        (("--outputs", "[1]"), 2, "JSON object"),
        (("--outputs", "{"), 2, "not JSON"),
    ],
)
def test_a_skip_that_cannot_be_is_told(arguments: tuple[str, ...], code: int, words: str) -> None:
    stopped("Parses")

    ran = run("skip_block", "r-1", *arguments, "--json")

    assert ran.code == code
    assert words in ran.json()["error"]["message"]
    assert status() == "interrupted"


def test_set_priority_changes_active_runs_only() -> None:
    submitted()
    run("run_task", "Hello", "--record-id", "r-2", "--inline")

    ran = run("set_priority", "r-1", "r-2", "nobody", "--priority", "9", "--reason", "urgent", "--json")

    assert ran.code == 1
    document = ran.json()
    assert (document["changed"], list(document["refused"]), document["unknown"]) == (["r-1"], ["r-2"], ["nobody"])
    assert TaskRecord.objects.get(record_id="r-1").priority == 9
    entry = AuditEntry.objects.get(action="set_priority")
    assert (entry.before, entry.after, entry.reason) == ({"priority": 1}, {"priority": 9}, "urgent")


@pytest.mark.parametrize(
    "command",
    [
        ("pause_task",),
        ("resume_task",),
        ("retry_task",),
        ("retry_task", "--from-start"),
        ("set_priority", "--priority", "2"),
    ],
    ids=" ".join,
)
def test_an_empty_list_is_refused_and_never_means_all(command: tuple[str, ...]) -> None:
    submitted()
    before = TaskRecord.objects.filter(record_id="r-1").values().get()

    ran = run(*command, "--json")

    assert (ran.code, ran.json()["error"]["code"]) == (1, "empty_selection")
    assert TaskRecord.objects.filter(record_id="r-1").values().get() == before


@pytest.mark.parametrize(
    "command",
    [("pause_task",), ("resume_task",), ("retry_task",), ("skip_block",), ("set_priority", "--priority", "2")],
    ids=" ".join,
)
def test_an_unknown_run_is_told(command: tuple[str, ...]) -> None:
    name, *rest = command
    ran = run(name, "nobody", *rest, "--json")

    assert ran.code == 1
    assert "nobody" in ran.err


def test_an_out_order_number_twice_is_one_run() -> None:
    run("run_task", "Hello", "--out-order", "4711", "--record-id", "r-1")

    again = run("run_task", "Hello", "--out-order", "4711", "--json")

    assert again.code == 0
    assert (again.json()["record_id"], again.json()["out_order_no"]) == ("r-1", "4711")
    assert "r-1 is already there since" in again.err
    assert TaskRecord.objects.count() == 1
