"""Blocks that read and set locations without waiting, through the port, on real rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler.commands import sites
from scheduler.models import BlockRecord, TaskRecord
from scheduler.states import Status
from storage.models import LocationEvent, StorageLocation
from tests.db.scheduler.making import block, claim_and_execute, definition, record, status_of
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db(transaction=True)


def finished(*blocks: dict[str, Any], label: str = "") -> TaskRecord:
    run = record(definition(*blocks, label=label))
    assert claim_and_execute(run) == Status.FINISHED
    return run


def output(run: TaskRecord, name: str) -> Any:
    return json.loads(BlockRecord.objects.values_list("outputs", flat=True).get(record=run, name=name))


def failed(*blocks: dict[str, Any]) -> str:
    run = record(definition(*blocks))
    assert claim_and_execute(run) == Status.INTERRUPTED
    run.refresh_from_db()
    return run.error_code


def test_a_look_answers_all_public_fields_and_takes_no_lock() -> None:
    build("B-01", filled=True, content="milk", row=3)
    run = finished(block("QueryIdleSiteBp", name="look", groupName="B", filled="true"))

    site = output(run, "look")["site"]
    assert {name: site[name] for name in ("siteId", "area", "filled", "content", "locked", "lockedBy", "rowNum")} == {
        **{"siteId": "B-01", "area": "Hall", "filled": 1, "content": "milk", "locked": 0, "lockedBy": "", "rowNum": 3}
    }
    assert StorageLocation.objects.get().locked_by == ""
    assert output(finished(block("QueryIdleSiteBp", name="look", groupName="C"), label="none"), "look") == {"site": ""}


def test_content_tags_and_attributes_are_written_by_the_run_and_read_back() -> None:
    build("B-01")
    run = finished(
        block("SetSiteContentBp", siteId="B-01", content="milk"),
        block("SetSiteTagsBp", siteId="B-01", tags="cold"),
        block("SetSiteAttrBp", siteId="B-01", attrName="height", attrValue="1.80"),
        block("SetSiteAttrBp", siteId="B-01", attrName="LEVEL", attrValue="2"),
        *(block("GetSiteAttrBp", name=name, siteId="B-01", attrName=name) for name in ("content", "tags", "height")),
        block("GetSiteAttrBp", name="level", siteId="B-01", attrName="level"),
    )

    read = [output(run, name)["attrValue"] for name in ("content", "tags", "height", "level")]
    assert read == ["milk", "cold", "1.80", 2]
    events = LocationEvent.objects.exclude(action="created").order_by("id")
    assert list(events.values_list("action", "actor")) == [
        (action, run.record_id) for action in ("content", "tags", "attribute", "attribute")
    ]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("SetSiteAttrBp", {"attrName": "lockedBy", "attrValue": "me"}), "location_value"),
        (("SetSiteAttrBp", {"attrName": "rowNum", "attrValue": "one"}), "location_value"),
        (("SetSiteAttrBp", {"siteId": "nowhere", "attrName": "x", "attrValue": "1"}), "location_unknown"),
        (("GetSiteAttrBp", {"siteId": "nowhere", "attrName": "x"}), "location_unknown"),
        (("SetSiteContentBp", {"siteId": "nowhere", "content": "x"}), "location_unknown"),
        (("BatchSettingSiteBp", {"siteIds": "B-01,nowhere", "filled": "true"}), "location_unknown"),
        (("BatchSettingSiteBp", {"groupNames": "B,Z", "filled": "true"}), "group_unknown"),
        (("BatchSettingSiteBp", {"siteIds": "B-01"}), "location_value"),
    ],
)
def test_a_refused_block_changes_nothing(given: tuple[str, dict[str, str]], code: str) -> None:
    build("B-01")
    kind, params = given

    assert failed(block(kind, **{**({} if kind.startswith("Batch") else {"siteId": "B-01"}), **params})) == code
    assert not LocationEvent.objects.exclude(action="created").exists()


@pytest.mark.parametrize(
    "change",
    [
        block("SetSiteContentBp", siteId="B-01", content="milk"),
        block("SetSiteAttrBp", siteId="B-01", attrName="content", attrValue="milk"),
        block("BatchSettingSiteBp", groupNames='["B"]', content="milk"),
    ],
    ids=lambda change: str(change["blockType"]),
)
def test_a_change_wakes_the_run_that_waits_for_just_that(change: dict[str, Any]) -> None:
    build("B-01")
    waits = record(definition(block("GetIdleSiteBp", groupName="B", content="milk", lock="true"), label="waits"))
    assert claim_and_execute(waits) == Status.WAITING

    finished(change, label="changes")

    assert status_of(waits) == Status.READY
    assert claim_and_execute(waits) == Status.FINISHED
    assert StorageLocation.objects.get().locked_by == waits.record_id


def test_the_locks_of_a_run_are_listed() -> None:
    build("B-02", "B-01", "B-03")
    lock("maria", "B-03")
    run = finished(
        block("SetSiteLockedBp", siteId="B-02"),
        block("SetSiteLockedBp", siteId="B-01"),
        block("GetLockedSitesByTaskRecordIdBp", name="mine", taskRecordId="=task.taskRecordId"),
        block("GetLockedSitesByTaskRecordIdBp", name="hers", taskRecordId="maria"),
    )

    assert output(run, "mine") == {"lockedSiteIdList": ["B-01", "B-02"]}
    assert output(run, "hers") == {"lockedSiteIdList": ["B-03"]}
    sites.unlock(["B-01"], run.record_id, actor="kim", origin="page")


def test_the_type_of_many_is_set_at_once() -> None:
    build("B-01", "B-02")
    finished(block("BatchSettingSiteBp", siteIds="B-01", groupNames="B", type="true"))
    assert list(StorageLocation.objects.values_list("type", flat=True)) == [1, 1]
