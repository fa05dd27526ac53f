"""Continue and skip: a new attempt from the kept state, once, whoever decides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction

from execution.decision import Decision
from scheduler import clock, queue, wakes
from scheduler.commands import cancel, continuing
from scheduler.errors import Refused
from scheduler.models import AuditEntry, BlockRecord, Effect, EndedCounter, JournalEntry, RunState, TaskRecord
from scheduler.states import Status
from storage import locations
from storage.models import StorageRequest
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import (
    assign,
    block,
    claim_and_execute,
    definition,
    delay,
    process,
    record,
    say,
    status_of,
)
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)

#: Fails until location A-01 is known.
_FILL = "SetSiteFilledBp"


def go_on(*ids: str, reason: str = "repaired") -> continuing.AttemptResult:
    return continuing.go_on(ids, actor="ann", reason=reason, origin="command")


def fails_then_works(*after: dict[str, Any], **columns: Any) -> TaskRecord:
    """A run that is interrupted at ``fill`` until its location exists."""
    task = definition(assign("n", "=1"), block(_FILL, name="fill", siteId="A-01"), *after or (say("done"),))
    return record(task, **columns)


def refusal(result: continuing.AttemptResult, run: TaskRecord) -> str:
    assert not result.done
    return result.refused[run.record_id].code


def steps(run: TaskRecord) -> list[tuple[str, int]]:
    return list(BlockRecord.objects.filter(record=run).order_by("attempt", "seq").values_list("name", "code"))


def test_an_interrupted_run_goes_on_at_the_failed_block() -> None:
    run = fails_then_works()
    assert claim_and_execute(run) == Status.INTERRUPTED
    build("A-01")

    assert go_on(run.record_id).done == (run.record_id,)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.history_attempt) == (Status.READY, 2, 1)
    assert (run.ended_reason, run.failed_block, run.error_code) == ("", "", "")
    assert claim_and_execute(run) == Status.FINISHED
    assert [name for name, _ in steps(run)][1:] == ["fill", "fill", steps(run)[-1][0]]
    assert [code for name, code in steps(run) if name == "fill"] == [1002, 1003], "the history goes on"
    assert not BlockRecord.objects.filter(record=run, ended_ms__isnull=True).exists()
    journal = JournalEntry.objects.filter(record=run).order_by("pk").values_list("to_status", "attempt", "actor")
    assert list(journal) == [("interrupted", 1, ""), ("ready", 2, "ann"), ("finished", 2, "")]
    entry = AuditEntry.objects.get(object_id=run.record_id)
    assert (entry.action, entry.reason, entry.after["attempt"], entry.after["block"]) == (
        "continue",
        "repaired",
        2,
        "fill",
    )


def test_a_failed_run_keeps_its_state_and_goes_on() -> None:
    run = fails_then_works(periodic=True)
    assert claim_and_execute(run) == Status.FAILED
    build("A-01")

    assert go_on(run.record_id).done == (run.record_id,)
    run.refresh_from_db()
    assert run.ended_at is None

    assert claim_and_execute(run) == Status.FINISHED
    terminal = JournalEntry.objects.filter(record=run, to_status__in=("failed", "finished")).order_by("pk")
    assert list(terminal.values_list("to_status", "attempt")) == [("failed", 1), ("finished", 2)]
    counted = dict(EndedCounter.objects.values_list("status", "count"))
    assert counted == {"failed": 1, "finished": 1}, "each attempt that ended counts"
    assert not RunState.objects.filter(record=run).exists()


def test_blocks_that_were_closed_with_the_run_are_open_again() -> None:
    around = block("IfBp", block(_FILL, siteId="A-01"), delay(60_000), name="around", condition="true")
    run, mine = record(definition(around), periodic=True), process()
    assert claim_and_execute(run, mine) == Status.FAILED
    assert BlockRecord.objects.get(record=run, name="around").code == 1004
    build("A-01")

    go_on(run.record_id)

    assert claim_and_execute(run, mine) == Status.WAITING
    row = BlockRecord.objects.get(record=run, name="around")
    assert (row.code, row.ended_ms, row.reason) == (1000, None, "")


def test_a_run_that_fails_again_can_be_continued_again() -> None:
    run = fails_then_works()
    mine = process()
    claim_and_execute(run, mine)

    go_on(run.record_id)
    assert claim_and_execute(run, mine) == Status.INTERRUPTED
    build("A-01")
    go_on(run.record_id)

    assert claim_and_execute(run, mine) == Status.FINISHED
    run.refresh_from_db()
    assert run.attempt == 3


@pytest.mark.parametrize("status", [Status.READY, Status.CLAIMED, Status.RUNNING, Status.WAITING, Status.PAUSED])
def test_a_run_that_goes_on_by_itself_is_not_touched_and_that_is_said(status: Status) -> None:
    run = record(status=status, token="t", boot_id="boot-1")
    before = TaskRecord.objects.filter(pk=run.pk).values().get()

    assert refusal(go_on(run.record_id), run) == "not_stopped"

    assert TaskRecord.objects.filter(pk=run.pk).values().get() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("status", [Status.FINISHED, Status.CANCELLED, Status.UNRECOVERABLE])
def test_what_ended_in_another_way_is_refused(status: Status) -> None:
    run = record(status=status)

    assert refusal(go_on(run.record_id), run) == "has_ended"
    assert status_of(run) == status


def test_a_failed_run_whose_state_is_gone_is_refused() -> None:
    run = record(status=Status.FAILED)

    assert refusal(go_on(run.record_id), run) == "state_gone"


def test_an_empty_list_is_refused_and_unknown_ids_are_named() -> None:
    with pytest.raises(Refused, match="never means all"):
        go_on()
    assert go_on("nobody").unknown == ("nobody",)


def test_two_who_continue_at_once_start_it_once() -> None:
    run = fails_then_works()
    claim_and_execute(run)

    results = side_by_side(*[lambda: go_on(run.record_id) for _ in range(4)])

    assert sorted(len(each.done) for each in results) == [0, 0, 0, 1]
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.READY, 2)
    assert JournalEntry.objects.filter(record=run, to_status="ready").count() == 1
    assert AuditEntry.objects.count() == 1


def test_continue_and_cancel_at_once_leave_one_story() -> None:
    run = fails_then_works()
    claim_and_execute(run)

    side_by_side(
        lambda: go_on(run.record_id),
        lambda: cancel.cancel([run.record_id], actor="bob", reason="no", origin="command"),
    )

    assert status_of(run) == Status.CANCELLED, "whoever came first, the cancellation finds it"
    entries = JournalEntry.objects.filter(record=run).order_by("pk").values_list("to_status", "attempt")
    assert list(entries) in (
        [("interrupted", 1), ("cancelled", 1)],
        [("interrupted", 1), ("ready", 2), ("cancelled", 2)],
    )
    assert not RunState.objects.filter(record=run).exists()


def test_a_wait_after_a_continue_is_a_new_wait() -> None:
    """The location request of the first attempt expired; the second one waits its full time again."""
    find = block("GetIdleSiteBp", name="find", groupName="B", retryPeriod="60000")
    run, mine = record(definition(find)), process()
    build("B-1", group="B")
    lock("somebody", "B-1")
    assert claim_and_execute(run, mine) == Status.WAITING
    first = StorageRequest.objects.get()
    StorageRequest.objects.update(state="expired", wait_key=None, fair_key=None, ended_at=clock.now())
    wakes.wake_record(run.pk)
    assert claim_and_execute(run, mine) == Status.INTERRUPTED
    decided = clock.now()

    go_on(run.record_id)
    assert claim_and_execute(run, mine) == Status.WAITING

    second = StorageRequest.objects.get(state="pending")
    assert second.first_at >= decided > first.first_at
    with transaction.atomic():
        locations.unlock("B-1", "somebody", actor="test")
    wakes.wake_record(run.pk)
    assert claim_and_execute(run, mine) == Status.FINISHED


def test_a_call_under_way_is_waited_for_before_a_run_that_ended_goes_on() -> None:
    run = fails_then_works(periodic=True)
    claim_and_execute(run)
    now = clock.now()
    call = Effect.objects.create(
        key="k",
        record=run,
        kind="fleet",
        target="fleet",
        operation="setOrder",
        status="sent",
        due_at=now,
        created_at=now,
    )

    assert refusal(go_on(run.record_id), run) == "call_under_way"

    # The termination of an old order has no answer that anybody waits for.
    Effect.objects.filter(pk=call.pk).update(operation="terminate")
    assert go_on(run.record_id).done


def test_that_a_run_had_ended_is_not_forgotten_before_it_was_told() -> None:
    """Continued after its end, it stops again before its first checkpoint: the next decision says so again."""
    run = fails_then_works(periodic=True)
    claim_and_execute(run)
    go_on(run.record_id)
    TaskRecord.objects.filter(pk=run.pk).update(status=Status.INTERRUPTED)

    go_on(run.record_id)

    assert json.loads(RunState.objects.get(record=run).decision)[-1] is True


def test_a_decision_that_does_not_fit_its_state_stops_the_run_again_and_says_why() -> None:
    run = fails_then_works(periodic=False)
    claim_and_execute(run)
    go_on(run.record_id)
    RunState.objects.update(decision=Decision("skip", "b77").to_text())

    assert claim_and_execute(run) == Status.INTERRUPTED

    run.refresh_from_db()
    assert run.error_code == "decision_invalid"
    assert "b77" in run.ended_reason
    build("A-01")
    go_on(run.record_id)
    assert claim_and_execute(run) == Status.FINISHED


# --- Skip ------------------------------------------------------------------------------------------------------------


def parses() -> TaskRecord:
    """Fails at a text that is no JSON; a later block reads what it gave."""
    parse = block("StringToJsonObjectBp", name="parse", convertString="=task.variables.text")
    return record(definition(assign("text", "{"), parse, assign("n", "=blocks.parse.convertObject")))


def skip(run: TaskRecord, outputs: dict[str, Any] | None = None, name: str = "") -> str:
    return continuing.skip(run.record_id, name, outputs, actor="ann", reason="by hand", origin="command")


def test_a_skipped_block_ends_by_hand_with_what_later_blocks_read() -> None:
    run = parses()
    assert claim_and_execute(run) == Status.INTERRUPTED

    assert skip(run, {"convertObject": {"a": 7}}) == "parse"
    assert claim_and_execute(run) == Status.FINISHED

    run.refresh_from_db()
    assert json.loads(run.variables) == {"text": "{", "n": {"a": 7}}
    by_hand = BlockRecord.objects.get(record=run, code=1008)
    assert (by_hand.name, json.loads(by_hand.outputs)) == ("parse", {"convertObject": {"a": 7}})
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["block"], entry.reason) == ("skip", "parse", "by hand")


@pytest.mark.parametrize(
    ("outputs", "wrong"),
    [({}, {"convertObject"}), ({"convertObject": 1, "nonsense": 2}, {"nonsense"}), ({"x": 1}, {"convertObject", "x"})],
)
def test_outputs_that_are_missing_or_unknown_are_refused_by_name(outputs: dict[str, Any], wrong: set[str]) -> None:
    run = parses()
    claim_and_execute(run)

    with pytest.raises(continuing.OutputsRefused) as refused:
        skip(run, outputs)

    assert set(refused.value.fields) == wrong
    assert status_of(run) == Status.INTERRUPTED
    assert not AuditEntry.objects.exists()


def test_only_a_block_that_the_run_stopped_at_can_be_skipped() -> None:
    run = fails_then_works()
    claim_and_execute(run)

    with pytest.raises(Refused, match="did not stop at block b7") as refused:
        skip(run, name="b7")
    assert "fill" in refused.value.remedy

    skip(run, name="fill")
    assert claim_and_execute(run) == Status.FINISHED


def test_outputs_larger_than_their_limit_are_refused() -> None:
    run = parses()
    claim_and_execute(run)

    with pytest.raises(Refused, match="longer than") as refused:
        skip(run, {"convertObject": "x" * continuing.MAX_OUTPUTS})
    assert refused.value.code == "outputs_too_large"


def test_a_run_that_stopped_between_blocks_has_nothing_to_skip() -> None:
    run = record(status=Status.INTERRUPTED)

    with pytest.raises(Refused, match="did not stop at a block"):
        skip(run)
    with pytest.raises(Refused, match="no task record"):
        continuing.skip("nobody", actor="a", reason="r", origin="command")
    assert queue.claim("boot", ["default"], 10) == []


def test_what_a_person_types_is_json_or_text() -> None:
    assert [continuing.value_of(text) for text in ("A-03", "12", '"12"', "[1]", "true", "")] == [
        "A-03",
        12,
        "12",
        [1],
        True,
        "",
    ]
