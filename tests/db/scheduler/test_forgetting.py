"""Block records that a run does not keep: deleted by range, and nothing else is."""

from __future__ import annotations

import json

import pytest
from django.test.utils import CaptureQueriesContext

from execution.outcome import BlockRow, Forgotten, LogRow, Snapshot
from scheduler import conf, rows
from scheduler.models import BlockRecord, LogLine
from scheduler.states import Status
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, record, say

pytestmark = pytest.mark.django_db
#: Runs of many slices commit each: InnoDB takes minutes to roll thousands of changes of one row back.
committed = pytest.mark.django_db(transaction=True)


def row(seq: int, path: str, ended: int | None = 1, iteration: str = "") -> BlockRow:
    return BlockRow(seq, path.rsplit("/", 1)[-1], "PrintBp", path, iteration, 1003, 1, ended, "{}", "{}", "")


def kept(pk: int, attempt: int = 1) -> list[int]:
    return list(BlockRecord.objects.filter(record_id=pk, attempt=attempt).order_by("seq").values_list("seq", flat=True))


@pytest.mark.parametrize(
    ("path", "gone"),
    [("", {3, 4, 5, 6, 7, 8}), ("w", {3}), ("W", {4}), ("w_", {5}), ("w%", {6}), ("日/w", {8}), ("w/a", set())],
)
def test_what_has_ended_below_exactly_this_path_is_forgotten(path: str, gone: set[int]) -> None:
    run, other = record(), record()
    paths = ["w", "w/a", "w/a", "W/a", "w_/a", "w%/a", "ww/a", "日/w/a", "日本/w/a", "w/a"]
    turns = ["1"] * 8 + ["", "1"]  # the ninth stands in no round
    blocks = [
        row(seq, each, iteration=turn) for seq, (each, turn) in enumerate(zip(paths, turns, strict=True), start=1)
    ]
    blocks.append(row(11, "w/b", None, iteration="1"))
    for pk, attempt in ((run.pk, 1), (run.pk, 2), (other.pk, 1)):
        rows.save_blocks(pk, attempt, blocks)

    rows.save(run.pk, 1, Snapshot(state=None, forget=[Forgotten(3, 9, path), Forgotten(11, 11, path)]))

    assert set(range(1, 12)) - set(kept(run.pk)) == gone
    assert kept(run.pk, 2) == kept(other.pk) == list(range(1, 12))


def test_copies_forget_the_rounds_of_their_own_loop_alone() -> None:
    run = record()
    rounds = ["1.1", "2.1", "1.2.1", "11.1", "1"]
    rows.save_blocks(run.pk, 1, [row(seq, "p/w/a", iteration=turn) for seq, turn in enumerate(rounds, start=1)])

    rows.save(run.pk, 1, Snapshot(state=None, forget=[Forgotten(1, 5, "p/w", "1")]))

    assert kept(run.pk) == [2, 4, 5]


def test_forgetting_is_one_statement_for_each_range(django_assert_num_queries: type[CaptureQueriesContext]) -> None:
    run = record()
    rows.save_blocks(run.pk, 1, [row(number, "w/a", iteration="1") for number in range(1, 100)])

    with django_assert_num_queries(2):
        rows.save(run.pk, 1, Snapshot(state=None, forget=[Forgotten(1, 50, "w"), Forgotten(0, 60)]))

    assert kept(run.pk) == list(range(61, 100))


def test_what_is_written_and_forgotten_at_once_is_gone() -> None:
    run = record()
    rows.save(run.pk, 1, Snapshot(state=None, blocks=[row(1, "w/a"), row(2, "w/a")], forget=[Forgotten(1, 1, "w")]))

    assert kept(run.pk) == [2]


@committed
def test_a_long_loop_leaves_its_last_rounds_and_counts_them() -> None:
    more = "=task.variables.n == null || task.variables.n < 60"
    step = assign("n", "=task.variables.n == null ? 1 : task.variables.n + 1")
    run = record(
        definition(block("WhileBp", step, say("x"), name="w", loopCondition=more, retryPeriod="0"), say("end"))
    )
    conf.use(lambda: conf.Values(while_rounds_kept=5, slice_ms=0))
    try:
        while (status := claim_and_execute(run)) == Status.READY:
            assert BlockRecord.objects.filter(record=run).count() < 20
    finally:
        conf.use(None)

    assert status == Status.FINISHED
    run.refresh_from_db()
    assert run.blocks_run == 1 + 2 * 60 + 1
    loop = BlockRecord.objects.get(record=run, name="w")
    recorded = json.loads(loop.outputs)["recorded"]
    assert json.loads(loop.outputs) == {"rounds": 60, "recorded": recorded}
    rounds = BlockRecord.objects.filter(record=run, path__startswith="w/").values_list("iteration", flat=True)
    assert set(rounds) == {str(number) for number in range(61 - recorded, 61)}
    assert 5 <= recorded <= 6


@committed
def test_a_run_keeps_its_newest_records_and_those_of_open_blocks() -> None:
    inner = block("RepeatNumBp", *(say("x") for _ in range(9)), num="100")
    run = record(definition(block("RepeatNumBp", inner, num="3", name="r")))
    conf.use(lambda: conf.Values(block_rows=1000, slice_ms=5))
    try:
        while claim_and_execute(run) == Status.READY:
            found = BlockRecord.objects.filter(record=run)
            assert found.count() <= 1000 + 100 + 10
            assert found.filter(seq=1, ended_ms__isnull=True).exists()
    finally:
        conf.use(None)

    run.refresh_from_db()
    assert run.blocks_run == 1 + 3 * (1 + 900)
    assert kept(run.pk)[-1] == run.blocks_run
    assert len(kept(run.pk)) <= 1001
    assert BlockRecord.objects.get(record=run, name="r").outputs == '{"index":3}'


def lines(pk: int) -> list[str]:
    return list(LogLine.objects.filter(record_id=pk).order_by("id").values_list("code", flat=True))


def test_a_log_is_shortened_to_its_newest_lines_and_another_runs_is_not() -> None:
    run, other = record(), record()
    for pk in (run.pk, other.pk):
        rows.save_logs(pk, [LogRow(1, 1, "a", f"old{number}", "{}") for number in range(10)])

    rows.save(run.pk, 1, Snapshot(state=None, logs=[LogRow(2, 1, "a", "new", "{}")], logs_kept=3))

    assert lines(run.pk) == ["old8", "old9", "new"]
    assert len(lines(other.pk)) == 10


def test_a_log_that_is_not_too_long_stays() -> None:
    run = record()

    rows.save(run.pk, 1, Snapshot(state=None, logs=[LogRow(2, 1, "a", "new", "{}")], logs_kept=1))

    assert lines(run.pk) == ["new"]


@committed
def test_a_run_that_prints_for_ever_keeps_its_last_lines() -> None:
    run = record(definition(block("RepeatNumBp", block("RepeatNumBp", say("x"), num="100"), num="13")))
    conf.use(lambda: conf.Values(log_lines=1000, slice_ms=5))
    try:
        while (status := claim_and_execute(run)) == Status.READY:
            pass
    finally:
        conf.use(None)
    assert status == Status.FINISHED
    kept = lines(run.pk)
    assert len(kept) == 1000
    assert "log.shortened" in kept
