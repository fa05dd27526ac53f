"""Runs that search dense lanes, through the port, on real rows; branches that are stopped; waits that are withdrawn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import clock, submission
from scheduler.commands import priority, sites
from scheduler.effects.storage import lanes_in_words
from scheduler.errors import Refused
from scheduler.explain import explain
from scheduler.models import AuditEntry, BlockRecord, TaskRecord, Wait
from scheduler.states import Status
from storage.models import LaneWait, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, record, status_of
from tests.db.storage.lane_warehouse import lane
from tests.db.storage.warehouse import lock

pytestmark = pytest.mark.django_db(transaction=True)
WHO = {"actor": "kim", "origin": "page"}


def search(**params: str) -> dict[str, object]:
    given = {"groupName": '["L"]', "filled": "false", "lock": "true", **params}
    return block("GetIdleCrowdedSiteBp", name="find", **given)


def outputs(run: TaskRecord, name: str = "find") -> str:
    return BlockRecord.objects.values_list("outputs", flat=True).get(record=run, name=name)


def overdue(run: TaskRecord) -> Status | None:
    """Let the time pass until what the run waits for is due, and go on."""
    TaskRecord.objects.filter(pk=run.pk).update(due_at=clock.now() - timedelta(seconds=1))
    return claim_and_execute(run)


def test_a_place_is_locked_for_the_run() -> None:
    lane("-", "-", "x")
    run = record(definition(search(), assign("site", "=blocks.find.siteId")))

    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert run.variables == '{"site": "L_2"}'
    assert StorageLocation.objects.get(site_id="L_2").locked_by == run.record_id


def test_a_run_that_waits_for_a_lane_says_who_blocks_it_and_is_woken_by_the_change() -> None:
    lane("-", "-")
    lock("maria", "L_1")
    run = record(definition(search()))
    assert claim_and_execute(run) == Status.WAITING

    wait = Wait.objects.get(record=run)
    assert (wait.code, wait.key) == ("lane", f"site:{StorageRequest.objects.get().key}")
    assert wait.args["items"] == [
        {"site_id": "L_1", "why": "locked", "holder": "maria", "since": wait.args["items"][0]["since"], "lane": "L"}
    ]
    (reason,) = explain(TaskRecord.objects.get(pk=run.pk))
    assert reason.sentence == "Needs a place in lane L. Lanes that can be used now: none of 1."
    assert (reason.holder, reason.chain) == ("maria", ("maria",))

    sites.unlock(["L_1"], "maria", **WHO)
    assert status_of(run) == Status.READY
    assert claim_and_execute(run) == Status.FINISHED
    assert outputs(run) == '{"siteId":"L_2"}'


def test_lanes_that_several_block_name_no_single_holder() -> None:
    lane("-", group="A")
    lane("-", group="B")
    lock("maria", "A_1")
    lock("kim", "B_1")
    run = record(definition(search(groupName="A,B")))

    assert claim_and_execute(run) == Status.WAITING
    wait = Wait.objects.get(record=run)
    assert (wait.args["holder"], [item["holder"] for item in wait.args["items"]]) == ("", ["maria", "kim"])


def test_a_block_of_another_run_that_fills_the_lane_serves_the_one_who_waits() -> None:
    lane("-", "-")
    taker = record(definition(search(filled="true", content="milk")))
    assert claim_and_execute(taker) == Status.WAITING

    fills = block("BatchSettingSiteBp", siteIds="L_2", filled="true", content="milk")
    assert claim_and_execute(record(definition(fills, label="fills"))) == Status.FINISHED

    assert status_of(taker) == Status.READY
    assert claim_and_execute(taker) == Status.FINISHED
    assert outputs(taker) == '{"siteId":"L_2"}'


def test_without_retry_or_with_attempts_used_up_it_goes_on_with_an_empty_text() -> None:
    lane("x")
    once = record(definition(search(retry="false")))
    assert claim_and_execute(once) == Status.FINISHED
    assert outputs(once) == '{"siteId":""}'
    assert not StorageRequest.objects.exists()

    thrice = record(definition(search(retryNum="3", retryPeriod="1"), label="thrice"))
    status = claim_and_execute(thrice)
    while status == Status.WAITING:
        status = overdue(thrice)
    assert (status, outputs(thrice)) == (Status.FINISHED, '{"siteId":""}')
    assert not LaneWait.objects.exists()


def test_a_location_without_a_number_fails_the_block_and_is_named() -> None:
    lane("-")
    StorageLocation.objects.update(site_id="L-1")
    run = record(definition(search()))

    assert claim_and_execute(run) == Status.INTERRUPTED
    run.refresh_from_db()
    assert run.error_code == "location_no_lane"
    assert "L-1" in run.ended_reason


def test_lanes_in_words() -> None:
    assert lanes_in_words(["A"], False, "x") == "a place in lane A"
    assert lanes_in_words(["A", "B"], True, "x") == "a load with content x in the lanes A, B"


# --- Ends from outside -----------------------------------------------------------------------------------------------


def test_a_stopped_branch_withdraws_its_request_and_the_others_go_on() -> None:
    lane("-", "-")
    lock("maria", "L_1")
    stops = block("SerialFlowBp", block("DelayBp", timeMillis="1"), block("StopOtherBranch"))
    run = record(definition(block("ParallelFlowBp", search(), stops), assign("done", "yes")))
    assert claim_and_execute(run) == Status.WAITING
    assert LaneWait.objects.count() == 1

    while status_of(run) == Status.WAITING:
        overdue(run)

    assert status_of(run) == Status.FINISHED
    assert StorageRequest.objects.get().state == RequestState.CANCELLED
    assert not LaneWait.objects.exists()


def test_a_withdrawn_request_fails_its_block_and_is_audited() -> None:
    lane("x")
    run = submission.submit(definition=definition(search()), **WHO).record
    assert claim_and_execute(run) == Status.WAITING
    key = StorageRequest.objects.get().key
    AuditEntry.objects.all().delete()

    result = sites.withdraw_request([key, "nothing"], reason="lane is being rebuilt", **WHO)

    assert (result.done, result.gone) == ((key,), ("nothing",))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_type, entry.object_id, entry.reason) == (
        *("withdraw_request", "request", key, "lane is being rebuilt"),
    )
    assert entry.after == {"state": "cancelled", "holder": run.record_id}
    assert status_of(run) == Status.READY
    assert claim_and_execute(run) == Status.INTERRUPTED
    run.refresh_from_db()
    assert run.error_code == "wait_withdrawn"
    assert "lane is being rebuilt" in run.ended_reason
    assert sites.withdraw_request([key], reason="again", **WHO).gone == (key,)


def test_what_was_granted_to_a_withdrawn_request_goes_to_the_next() -> None:
    lane("-", "-")
    lock("maria", "L_1")
    first, second = (record(definition(search(), label=label)) for label in ("first", "second"))
    assert [claim_and_execute(run) for run in (first, second)] == [Status.WAITING] * 2
    sites.unlock(["L_1"], "maria", **WHO)
    assert StorageLocation.objects.get(site_id="L_2").locked_by == first.record_id

    sites.withdraw_request([StorageRequest.objects.get(holder=first.record_id).key], reason="not now", **WHO)

    assert StorageLocation.objects.get(site_id="L_2").locked_by == second.record_id
    assert status_of(second) == Status.READY


@pytest.mark.parametrize(("keys", "reason", "code"), [([], "why", "empty_selection"), (["k"], " ", "reason_missing")])
def test_withdrawing_nothing_or_without_a_reason_is_refused(keys: list[str], reason: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        sites.withdraw_request(keys, reason=reason, **WHO)
    assert refused.value.code == code


def test_a_new_priority_of_a_run_counts_among_those_who_wait_for_its_lane() -> None:
    lane("-")
    lock("maria", "L_1")
    first, second = (record(definition(search(), label=label)) for label in ("first", "second"))
    assert [claim_and_execute(run) for run in (first, second)] == [Status.WAITING] * 2

    priority.set_priority([second.record_id], 50, actor="kim", origin="page")
    sites.unlock(["L_1"], "maria", **WHO)

    assert [status_of(run) for run in (first, second)] == [Status.WAITING, Status.READY]
