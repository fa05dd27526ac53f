"""Operators change locations: journal, audit, and a chance for those who wait."""

from __future__ import annotations

import pytest

from scheduler.commands import sites
from scheduler.errors import Refused
from scheduler.models import AuditEntry
from scheduler.states import Status
from scheduler.submission import submit
from storage.errors import HeldByAnother, UnknownLocation
from storage.models import StorageLocation
from tests.db.scheduler.making import block, claim_and_execute, definition, status_of
from tests.db.storage import warehouse

pytestmark = pytest.mark.django_db(transaction=True)
WHO = {"actor": "kim", "origin": "page"}


def test_each_changed_location_leaves_one_audit_entry_with_before_and_after() -> None:
    warehouse.build("A-01", "A-02")
    result = sites.fill(["A-02", "A-01", "A-02"], content="pallet", **WHO)
    assert sorted(result.done) == ["A-01", "A-02"]
    entries = AuditEntry.objects.filter(action="fill_location").order_by("object_id")
    assert [(e.object_id, e.actor, e.before, e.after) for e in entries] == [
        ("A-01", "kim", {"filled": False, "content": ""}, {"filled": True, "content": "pallet"}),
        ("A-02", "kim", {"filled": False, "content": ""}, {"filled": True, "content": "pallet"}),
    ]


def test_one_refused_location_does_not_stop_the_others_and_is_named() -> None:
    warehouse.build("A-01", "A-02")
    sites.lock(["A-01"], "maria", **WHO)
    result = sites.lock(["A-01", "A-02", "nowhere"], "kim", **WHO)
    assert result.done == ("A-02",)
    assert {site: type(error) for site, error in result.refused.items()} == {
        "A-01": HeldByAnother,
        "nowhere": UnknownLocation,
    }
    assert AuditEntry.objects.filter(object_id="A-01").count() == 1


def test_an_empty_selection_never_means_all() -> None:
    warehouse.build("A-01")
    with pytest.raises(Refused, match="empty list never means all"):
        sites.empty([], **WHO)


def test_releasing_a_location_starts_the_run_that_waits_for_it() -> None:
    warehouse.build("A-01")
    sites.lock(["A-01"], "maria", **WHO)
    run = submit(definition=definition(block("SetSiteLockedBp", siteId="A-01")), actor="kim", origin="page").record
    assert claim_and_execute(run) is Status.WAITING
    sites.release(["A-01"], reason="gone home", **WHO)
    assert status_of(run) is Status.READY
    assert claim_and_execute(run) is Status.FINISHED
    assert StorageLocation.objects.get(site_id="A-01").locked_by == run.record_id


def test_a_location_put_back_into_use_is_offered_at_once() -> None:
    warehouse.build("A-01", disabled=True)
    task = definition(block("GetIdleSiteBp", groupName="B", lock="true"))
    run = submit(definition=task, actor="kim", origin="page").record
    assert claim_and_execute(run) is Status.WAITING
    sites.enable(["A-01"], reason="repaired", **WHO)
    assert claim_and_execute(run) is Status.FINISHED
