"""Flow blocks on rows: what stopped branches asked the storage for, skips, runs that never wait."""

from __future__ import annotations

import json

import pytest

from scheduler import conf
from scheduler.models import BlockRecord, LogLine, Wait
from scheduler.sentences import log_sentence
from scheduler.states import Status
from storage.models import StorageLocation, StorageRequest
from tests.db.scheduler.making import block, claim_and_execute, definition, record, say
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db


def codes(pk: int) -> dict[str, int]:
    return dict(BlockRecord.objects.filter(record_id=pk).values_list("name", "code"))


def test_what_stopped_branches_waited_for_is_withdrawn_and_the_run_goes_on() -> None:
    build("A-1")
    lock("kim", "A-1")
    stop = block("SerialFlowBp", block("DelayBp", timeMillis="1"), block("StopOtherBranch"), say("stopped"), name="s")
    held = block("SetSiteLockedBp", siteId="A-1", name="w")
    run = record(definition(block("ParallelFlowBp", held, stop, name="p"), say("after")))

    assert claim_and_execute(run) == Status.WAITING
    assert list(StorageRequest.objects.values_list("state", flat=True)) == ["pending"]
    while (status := claim_and_execute(run)) in (Status.READY, Status.WAITING):
        pass

    assert status == Status.FINISHED
    assert {name: codes(run.pk)[name] for name in ("w", "p", "s")} == {"w": 1001, "p": 1003, "s": 1003}
    assert list(StorageRequest.objects.values_list("state", flat=True)) == ["cancelled"]
    assert not Wait.objects.filter(record=run).exists()
    assert StorageLocation.objects.get(site_id="A-1").locked_by == "kim"


def test_a_skip_leaves_rows_and_two_lines() -> None:
    run = record(definition(block("SkipToComponent", skipComponentId="T"), say("a"), {**say("x"), "name": "t"}))

    assert claim_and_execute(run) == Status.FINISHED

    assert sorted(BlockRecord.objects.filter(record=run).values_list("code", flat=True)) == [1003, 1003, 1005]
    lines = LogLine.objects.filter(record=run, code__startswith="skip.").order_by("pk")
    said = [log_sentence(line.code, json.loads(line.args)) for line in lines]
    assert said[0].endswith("skips to T.")
    assert said[1:] == ["The skip has reached t."]


def test_a_run_that_never_waits_is_stopped() -> None:
    endless = block("WhileBp", say("x"), name="w", loopCondition="true", retryPeriod="0")
    caught = {**block("TryCatchBp", endless, branch="try"), "name": "c"}
    run = record(definition(caught, say("never")))
    conf.use(lambda: conf.Values(max_steps=1000))
    try:
        while (status := claim_and_execute(run)) == Status.READY:
            pass
    finally:
        conf.use(None)

    assert status == Status.FAILED
    run.refresh_from_db()
    assert (run.code, run.error_code) == (1004, "run.too-many-steps")
    assert "max_steps" in run.ended_reason
    assert BlockRecord.objects.filter(record=run).count() <= 120
