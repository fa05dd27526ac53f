"""One slice of a run from claim to its one transaction at the end, on real rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf, executor, queue, wakes, worker
from scheduler.models import BlockRecord, EndedCounter, JournalEntry, LogLine, RunState, TaskRecord, Wait
from scheduler.process import CURRENT
from scheduler.states import Status
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

pytestmark = pytest.mark.django_db(transaction=True)


def journal(run: TaskRecord) -> list[tuple[str, str]]:
    return list(JournalEntry.objects.filter(record=run).order_by("pk").values_list("to_status", "reason"))


def test_a_short_run_is_finished_and_recorded() -> None:
    task = definition(assign("a", "=taskInputs.n * 2"), say("=task.variables.a"), inputs={"n": ("Long", "21")})
    run = record(task, inputs=json.dumps({"n": {"$long": 21}}))

    assert claim_and_execute(run) == Status.FINISHED

    run.refresh_from_db()
    assert run.code == 1003
    assert json.loads(run.variables) == {"a": 42}
    assert run.first_block_at is not None
    assert run.ended_at is not None
    assert (run.token, run.lease_until) == ("", None)
    blocks = BlockRecord.objects.filter(record=run).order_by("seq")
    assert [(row.block_type, row.code) for row in blocks] == [("SetTaskVariableBp", 1003), ("PrintBp", 1003)]
    assert list(LogLine.objects.filter(record=run).values_list("code", flat=True)) == ["block.print"]
    assert journal(run) == [("finished", "")]
    counter = EndedCounter.objects.get()
    assert (counter.status, counter.count) == ("finished", 1)


def test_a_short_run_costs_a_handful_of_statements() -> None:
    task = definition(say("a"), say("b"), say("c"))
    mine = process()
    claim_and_execute(record(task), mine)
    run = record(task)
    queue.claim(mine.boot_id, ["default"], 1)

    with CaptureQueriesContext(connection) as queries:
        executor.execute(run.pk, mine, boot_id=mine.boot_id)

    kinds = [query["sql"].split()[0] for query in queries if query["sql"][:5] not in ("BEGIN", "COMMI")]
    # start, read, end; then block records, log, journal and counter
    assert kinds == ["UPDATE", "SELECT", "UPDATE", "INSERT", "INSERT", "INSERT", "INSERT"]


def test_the_number_of_statements_does_not_grow_with_the_number_of_blocks() -> None:
    mine = process()
    counts = []
    for size in (3, 60):
        task = definition(*[assign(f"v{number}", "x") for number in range(size)])
        claim_and_execute(record(task), mine)
        run = record(task)
        queue.claim(mine.boot_id, ["default"], 1)
        with CaptureQueriesContext(connection) as queries:
            executor.execute(run.pk, mine, boot_id=mine.boot_id)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_run_that_waits_is_rows_and_nothing_else() -> None:
    task = definition(assign("a", "1"), delay(60_000), say("done"))
    run, mine = record(task), process()

    assert claim_and_execute(run, mine) == Status.WAITING

    run.refresh_from_db()
    wait = Wait.objects.get(record=run)
    assert (wait.code, wait.key) == ("time", "time")
    assert run.due_at is not None
    assert wait.due_ms is not None
    assert abs(clock.at_ms(run.due_at) - wait.due_ms) <= 1
    assert RunState.objects.filter(record=run).exists()
    assert (mine.contexts.alive(), mine.duty.record_pk) == (0, None)
    assert queue.claim(mine.boot_id, ["default"], 1) == []


def test_a_run_goes_on_where_it_stood_when_its_time_has_come() -> None:
    task = definition(assign("a", "=taskInputs.n"), delay(20), say("=task.variables.a"), inputs={"n": ("Long", "7")})
    run = record(task, inputs='{"n": {"$long": 7}}')
    assert claim_and_execute(run) == Status.WAITING
    TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now())

    # Another worker, which has never seen the run.
    while (status := claim_and_execute(run, process("w2"))) == Status.WAITING:
        TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now())

    assert status == Status.FINISHED
    assert not Wait.objects.filter(record=run).exists()
    assert not RunState.objects.filter(record=run).exists()
    types = BlockRecord.objects.filter(record=run).order_by("seq").values_list("block_type", "code")
    assert list(types) == [("SetTaskVariableBp", 1003), ("DelayBp", 1003), ("PrintBp", 1003)]
    assert journal(run) == [("finished", "")]


def test_pure_work_gives_way_at_the_end_of_its_slice_and_goes_on_later() -> None:
    task = definition(block("RepeatNumBp", assign("i", "=1"), num="200"))
    run = record(task)
    conf.use(lambda: conf.Values(slice_ms=0))
    try:
        assert claim_and_execute(run) == Status.READY
    finally:
        conf.use(None)

    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert (run.slices, run.recoveries) == (2, 0)


def test_a_failing_block_interrupts_the_run_and_keeps_its_state() -> None:
    task = definition(say("ok"), block("IterateListBp", list="=taskInputs.x", name="bad"), inputs={"x": ("String", "")})
    run = record(task, inputs='{"x": "no list"}')

    assert claim_and_execute(run) == Status.INTERRUPTED

    run.refresh_from_db()
    assert (run.code, run.failed_block) == (1006, "bad")
    assert run.ended_reason
    assert run.ended_at is None
    assert RunState.objects.filter(record=run).exists()
    assert [to for to, _ in journal(run)] == ["interrupted"]
    assert not EndedCounter.objects.exists()


def test_a_periodic_run_does_not_wait_for_a_person() -> None:
    run = record(definition(block("IterateListBp", list="=blocks.b0.none")), periodic=True)

    assert claim_and_execute(run) == Status.FAILED
    assert RunState.objects.filter(record=run).exists(), "for a while it can be continued"


def test_a_business_end_fails_the_run() -> None:
    run = record(definition(block("ThrowExceptionBp", message="enough")))

    assert claim_and_execute(run) == Status.FAILED

    run.refresh_from_db()
    assert run.code == 1004
    assert "enough" in run.ended_reason
    assert journal(run) == [("failed", run.ended_reason)]
    assert not BlockRecord.objects.filter(record=run, ended_ms__isnull=True).exists()


def test_a_definition_that_does_not_compile_interrupts_and_says_why() -> None:
    task = definition()
    assert task.current is not None
    type(task.current).objects.update(detail='{"rootBlock": {"blockType": "Nonsense"}}')
    run = record(task)

    assert claim_and_execute(run) == Status.INTERRUPTED
    run.refresh_from_db()
    assert run.error_code == "definition_invalid"


def test_a_state_that_cannot_be_read_makes_the_run_unrecoverable() -> None:
    run = record(definition())
    RunState.objects.create(record=run, text="{broken", updated_at=clock.now())

    assert claim_and_execute(run) == Status.UNRECOVERABLE
    assert "state" in journal(run)[0][1]


def test_a_fault_inside_the_engine_interrupts_the_run_and_not_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, mine = record(definition(delay(1000))), process()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(executor, "_suspend", broken)
        assert claim_and_execute(run, mine) == Status.INTERRUPTED

    run.refresh_from_db()
    assert "ZeroDivisionError: a bug" in run.ended_reason
    assert not Wait.objects.exists()  # what was under way is rolled back
    assert "a bug" in caplog.text
    assert mine.duty.block == ""  # nothing of the run is left
    assert claim_and_execute(record(definition()), mine) == Status.FINISHED


def test_the_clusters_time_out_interrupts_the_run_and_goes_on_to_end_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SoftTimeout(SystemExit):
        """What the cluster raises in the middle of anything."""

    def expire(*_: object, **__: object) -> None:
        raise SoftTimeout

    run, mine = record(definition(delay(1000))), process()
    queue.claim(mine.boot_id, ["default"], 1)
    token = CURRENT.set(mine)
    monkeypatch.setattr(executor, "_suspend", expire)
    try:
        with pytest.raises(SoftTimeout):
            worker.run_claimed(run.pk, mine.boot_id)
    finally:
        CURRENT.reset(token)

    run.refresh_from_db()
    assert run.status == Status.INTERRUPTED
    assert "SoftTimeout" in run.ended_reason
    assert not connection.in_atomic_block


@pytest.mark.parametrize(
    ("why", "status"), [("cancel", Status.CANCELLED), ("pause", Status.PAUSED), ("drain", Status.READY)]
)
def test_what_the_housekeeper_asks_for_happens_at_the_next_block(
    why: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, mine = record(definition(say("a"), say("b"))), process()
    begin = type(mine.duty).begin

    def begin_and_stop(self: object, *args: object) -> None:
        begin(self, *args)  # type: ignore[arg-type]
        mine.duty.stop = why

    monkeypatch.setattr(type(mine.duty), "begin", begin_and_stop)
    TaskRecord.objects.filter(pk=run.pk).update(request_reason="told so", request_actor="ann")

    assert claim_and_execute(run, mine) == status

    run.refresh_from_db()
    assert run.recoveries == 0
    expected = {"cancel": [("cancelled", "told so")], "pause": [("paused", "told so")], "drain": []}[why]
    assert journal(run) == expected


def test_a_worker_that_lost_its_lease_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run, old, new = record(definition(assign("a", "1"), delay(60_000))), process("old"), process("new")
    finish = executor._finish_slice

    def taken_over(*args: object) -> Status | None:
        # The old worker was stopped for minutes: meanwhile the run was rescued and another one works on it.
        TaskRecord.objects.filter(pk=run.pk).update(token="of the new one", worker=new.name)
        return finish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(executor, "_finish_slice", taken_over)
    assert claim_and_execute(run, old) is None

    run.refresh_from_db()
    assert (run.status, run.token, run.worker, run.variables) == (Status.RUNNING, "of the new one", "new", "{}")
    for model in (Wait, BlockRecord, LogLine, RunState, JournalEntry):
        assert not model._default_manager.exists()


def test_a_wake_between_walking_and_suspending_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(definition(delay(60_000)))
    finish = executor._finish_slice

    def woken(*args: object) -> Status | None:
        wakes.wake_record(run.pk)
        return finish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(executor, "_finish_slice", woken)

    assert claim_and_execute(run) == Status.READY


def test_a_run_that_is_not_ours_is_left_alone() -> None:
    run = record(status=Status.CLAIMED, boot_id="other")

    assert executor.execute(run.pk, process(), boot_id="boot-1") is None
    assert executor.execute(run.pk + 99, process(), boot_id="boot-1") is None
    assert status_of(run) == Status.CLAIMED


def test_a_run_can_be_executed_without_a_cluster() -> None:
    run = record(definition(say("a")), queue="inline")

    assert executor.execute(run.pk, process()) == Status.FINISHED


def test_the_lease_lasts_five_housekeeping_intervals() -> None:
    run, mine = record(definition()), process()
    queue.claim(mine.boot_id, ["default"], 1)
    conf.use(lambda: conf.Values(housekeeping_interval_s=4.0))
    try:
        from scheduler.loading import take

        assert take(run.pk, mine, boot_id=mine.boot_id)
    finally:
        conf.use(None)

    run.refresh_from_db()
    assert run.lease_until is not None
    assert timedelta(seconds=19) < run.lease_until - clock.now() <= timedelta(seconds=20)


def test_while_a_run_is_walked_the_process_says_which_block_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    run, mine = record(definition(delay(1000))), process()
    seen: list[str] = []
    suspend = executor._suspend

    def look(*arguments: Any) -> Any:
        seen.append(mine.duty.block)
        return suspend(*arguments)

    monkeypatch.setattr(executor, "_suspend", look)
    assert claim_and_execute(run, mine) == Status.WAITING
    run.refresh_from_db()
    assert seen == [Wait.objects.get(record=run).block]
    assert mine.duty.block == ""
