"""How blocks look in their run: survived failures, blocks that stand still, and the sentence that asks for a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from scheduler.models import TaskRecord
from scheduler.sentences import wait_sentence
from scheduler.states import BlockCode, Status
from tests.web.conftest import add_block
from vwed.console.chips import BLOCKS, CAUGHT, NOT_ENDED, Look

MakeRecord = Callable[..., TaskRecord]
AsRole = Callable[[str], Client]
FAILED = BLOCKS[BlockCode.FAILED]


def _looks(client: Client, record: TaskRecord) -> dict[str, Look]:
    page = client.get(f"/admin/scheduler/taskrecord/{record.pk}/change/")
    return {row.record.name: row.look for row in page.context["blocks"]}


def test_a_failure_is_caught_once_the_catch_branch_runs(as_role: AsRole, make_record: MakeRecord) -> None:
    record = make_record("run-1", Status.WAITING)
    add_block(record, 1, "b1", code=BlockCode.RUNNING, ended_ms=None)
    add_block(record, 2, "b2", path="b1/try/b2", code=BlockCode.FAILED)
    before = _looks(as_role("Viewer"), record)
    add_block(record, 3, "b3", path="b1/catch/b3", code=BlockCode.SUSPENDED, ended_ms=None)

    after = _looks(as_role("Viewer"), record)

    assert (before["b2"], after["b2"]) == (FAILED, CAUGHT)


def test_a_failure_in_a_finished_run_or_below_a_block_that_ended_well_is_caught(
    as_role: AsRole, make_record: MakeRecord
) -> None:
    finished, failed = make_record("run-1", Status.FINISHED), make_record("run-2", Status.FAILED)
    add_block(finished, 1, "b1", code=BlockCode.FAILED)
    add_block(failed, 1, "b1", code=BlockCode.DONE)
    add_block(failed, 2, "b2", path="b1/b2", code=BlockCode.FAILED, ended_ms=0)
    add_block(failed, 3, "b3", code=BlockCode.FAILED)

    assert _looks(as_role("Viewer"), finished) == {"b1": CAUGHT}
    assert _looks(as_role("Viewer"), failed) == {"b1": BLOCKS[BlockCode.DONE], "b2": CAUGHT, "b3": FAILED}


def test_a_good_round_of_a_loop_does_not_excuse_the_failure_of_the_next(
    as_role: AsRole, make_record: MakeRecord
) -> None:
    record = make_record("run-1", Status.FAILED)
    add_block(record, 1, "b2", path="b1/b2", iteration="0")
    add_block(record, 2, "b3", path="b1/b2/b3", iteration="1", code=BlockCode.FAILED)

    assert _looks(as_role("Viewer"), record)["b3"] == FAILED


def test_blocks_around_one_that_waits_for_a_decision_do_not_run(as_role: AsRole, make_record: MakeRecord) -> None:
    record = make_record("run-1", Status.INTERRUPTED)
    add_block(record, 1, "b1", code=BlockCode.RUNNING, ended_ms=None)
    add_block(record, 2, "b2", path="b1/b2", code=BlockCode.INTERRUPTED)

    assert _looks(as_role("Viewer"), record) == {"b1": NOT_ENDED, "b2": BLOCKS[BlockCode.INTERRUPTED]}


@pytest.mark.parametrize("error", ["No such location", "No such location.", "No such location.."])
def test_a_stopped_run_says_what_a_person_can_do(error: str) -> None:
    said = wait_sentence("decision", {"block": "b2", "error": error})

    assert said == "Stopped at b2: No such location. Continue, skip the block, or cancel?"


def test_the_short_address_of_a_run_keeps_its_tab(as_role: AsRole, make_record: MakeRecord) -> None:
    record = make_record("run-1")

    answer = as_role("Viewer").get("/admin/r/run-1/?tab=log")

    assert answer["Location"] == f"/admin/scheduler/taskrecord/{record.pk}/change/?tab=log"


def test_a_long_run_shows_its_newest_blocks_with_those_around_them_and_says_how_many(
    as_role: AsRole, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.admin.record_page.BLOCK_LIMIT", 3)
    record = make_record("run-1", Status.FINISHED)
    add_block(record, 1, "before")
    add_block(record, 2, "w")
    for number in range(3, 9):
        add_block(record, number, "b", path="w/b")
    TaskRecord.objects.filter(pk=record.pk).update(blocks_run=2000)

    page = as_role("Viewer").get(f"/admin/scheduler/taskrecord/{record.pk}/change/")

    assert [(row.record.name, row.record.seq) for row in page.context["blocks"]] == [
        ("w", 2),
        ("b", 6),
        ("b", 7),
        ("b", 8),
    ]
    assert "The newest 4 of 8 kept block records; 2\u202f000 blocks were run." in page.content.decode()


def test_a_run_that_is_shown_whole_says_no_number(as_role: AsRole, make_record: MakeRecord) -> None:
    record = make_record("run-1", Status.FINISHED)
    add_block(record, 1, "b1")
    TaskRecord.objects.filter(pk=record.pk).update(blocks_run=1)

    assert b"data-vw-shown" not in as_role("Viewer").get(f"/admin/scheduler/taskrecord/{record.pk}/change/").content
