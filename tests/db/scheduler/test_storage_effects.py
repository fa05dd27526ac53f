"""Blocks that take, wait for and free locations, through the port, on real rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution.effects import SiteCriteria
from scheduler import clock, conf, queue
from scheduler.commands import sites
from scheduler.effects.storage import in_words
from scheduler.models import BlockRecord, LogLine, TaskRecord, Wait
from scheduler.states import Status
from storage.models import StorageLocation, StorageRequest
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, record, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)

FIND = {"groupName": "B", "lock": "true", "retryPeriod": "1000"}


def find(**params: str) -> dict[str, object]:
    return block("GetIdleSiteBp", name="find", **{**FIND, **params})


def outputs(run: TaskRecord, name: str) -> str:
    return BlockRecord.objects.values_list("outputs", flat=True).get(record=run, name=name)


def test_a_free_location_is_taken_for_the_run() -> None:
    build("B-01", "B-02")
    run = record(definition(find(), assign("site", "=blocks.find.siteId")))

    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert run.variables == '{"site": "B-01"}'
    assert StorageLocation.objects.get(site_id="B-01").locked_by == run.record_id
    assert not StorageRequest.objects.exists()


def test_a_run_that_finds_nothing_waits_and_says_for_what_and_who_is_in_the_way() -> None:
    build("B-01")
    lock("maria", "B-01")
    run = record(definition(find()))

    assert claim_and_execute(run) == Status.WAITING

    wait = Wait.objects.get(record=run)
    request = StorageRequest.objects.get()
    assert (wait.code, wait.key) == ("location", f"site:{request.key}")
    assert (wait.args["criteria"], wait.args["n"]) == ("a location in group B", 1)
    assert wait.args["items"][0]["holder"] == "maria"
    assert (wait.args["attempt"], wait.args["of"]) == (0, 1000)
    assert wait.deadline_ms == wait.since_ms + 1_000_000
    run.refresh_from_db()
    assert run.due_at is not None
    assert clock.at_ms(run.due_at) == wait.deadline_ms


def test_a_released_location_wakes_the_run_that_waits_for_it_and_no_other() -> None:
    build("B-01")
    lock("maria", "B-01")
    task = definition(find())
    first, second = record(task), record(task)
    assert [claim_and_execute(run) for run in (first, second)] == [Status.WAITING] * 2

    sites.unlock(["B-01"], "maria", actor="maria", origin="page")

    assert [status_of(run) for run in (first, second)] == [Status.READY, Status.WAITING]
    assert claim_and_execute(first) == Status.FINISHED
    assert outputs(first, "find") == '{"siteId":"B-01"}'


def test_a_location_that_a_block_frees_goes_to_the_run_that_waits_for_it() -> None:
    build("B-01")
    holder = record(definition(find(), block("DelayBp", timeMillis="1"), block("SetSiteUnlockedBp", siteId="B-01")))
    assert claim_and_execute(holder) == Status.WAITING
    waiting = record(definition(find(), label="other"))
    assert claim_and_execute(waiting) == Status.WAITING

    TaskRecord.objects.filter(pk=holder.pk).update(due_at=clock.now())
    while status_of(holder) != Status.FINISHED:
        queue.promote()
        claim_and_execute(holder)

    assert status_of(waiting) == Status.READY
    assert claim_and_execute(waiting) == Status.FINISHED


def test_at_the_deadline_the_block_fails_and_says_how_often_it_tried() -> None:
    build("B-01")
    lock("maria", "B-01")
    conf.use(lambda: conf.Values(max_retries=3))
    try:
        run = record(definition(find(retryPeriod="1")))
        status = claim_and_execute(run)
        while status == Status.WAITING:
            TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now() - timedelta(seconds=1))
            status = claim_and_execute(run)
    finally:
        conf.use(None)

    run.refresh_from_db()
    assert (status, run.failed_block) == (Status.INTERRUPTED, "find")
    assert "3 attempts" in run.ended_reason


def test_a_given_number_of_tries_that_is_used_up_goes_on_without_a_location() -> None:
    build("B-01")
    lock("maria", "B-01")
    run = record(definition(find(retryPeriod="1", retryTimes="1"), assign("none", "=blocks.find.siteId == null")))

    status = claim_and_execute(run)
    while status == Status.WAITING:
        TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now() - timedelta(seconds=1))
        status = claim_and_execute(run)

    run.refresh_from_db()
    assert (status, run.variables) == (Status.FINISHED, '{"none": true}')


def test_unlocking_what_is_free_succeeds_with_a_warning() -> None:
    build("B-01")
    run = record(definition(block("SetSiteUnlockedBp", siteId="B-01")))

    assert claim_and_execute(run) == Status.FINISHED
    assert LogLine.objects.get(record=run).level == 4


def test_filling_and_emptying_write_only_their_own_columns() -> None:
    build("B-01")
    lock("maria", "B-01")
    fill, empty = (block(f"SetSite{kind}Bp", siteId="B-01") for kind in ("Filled", "Empty"))

    assert claim_and_execute(record(definition(fill))) == Status.FINISHED
    assert StorageLocation.objects.values_list("filled", "locked_by").get() == (True, "maria")
    assert claim_and_execute(record(definition(empty, label="empty"))) == Status.FINISHED
    assert StorageLocation.objects.values_list("filled", "content", "locked_by").get() == (False, "", "maria")


def test_an_unknown_location_fails_the_block_and_nothing_of_its_checkpoint_stays() -> None:
    run = record(definition(block("SetSiteFilledBp", siteId="nowhere", name="bad")))

    assert claim_and_execute(run) == Status.INTERRUPTED
    run.refresh_from_db()
    assert (run.failed_block, run.error_code) == ("bad", "location_unknown")
    assert "nowhere" in run.ended_reason


def test_a_wait_for_a_lock_names_the_holder_once_in_the_log() -> None:
    build("B-01")
    lock("maria", "B-01")
    run = record(definition(block("SetSiteLockedBp", siteId="B-01")))

    assert claim_and_execute(run) == Status.WAITING
    wait = Wait.objects.get(record=run)
    assert (wait.code, wait.args["site"], wait.args["holder"]) == ("lock", "B-01", "maria")
    assert LogLine.objects.filter(record=run, level=4).count() == 1


def test_criteria_in_words_say_only_what_was_asked_for() -> None:
    assert in_words(SiteCriteria()) == "a location"
    assert in_words(SiteCriteria(filled=False, group="B")) == "an empty location in group B"
    assert in_words(SiteCriteria(site_id="X", content="c", type=1)) == "a location X with content c of type 1"
