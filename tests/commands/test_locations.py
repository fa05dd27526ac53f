"""``manage.py locations``."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from scheduler.models import AuditEntry
from scheduler.states import Status
from storage.models import LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.commands.invoke import Ran, run
from tests.db.scheduler import making
from tests.db.storage.warehouse import find

pytestmark = pytest.mark.django_db


def locations(*arguments: str) -> Ran:
    return run("locations", *arguments)


@pytest.fixture
def shelf() -> None:
    locations("create", "B-01", "--area", "Hall", "--group", "B", "--row", "1", "--column", "2")
    AuditEntry.objects.all().delete()


@pytest.fixture
def active_run() -> str:
    return making.record(status=Status.WAITING).record_id


def row() -> StorageLocation:
    return StorageLocation.objects.get(site_id="B-01")


def test_create_places_a_location_and_is_audited() -> None:
    ran = locations("create", "B-01", "--area", "Hall", "--group", "B", "--row", "1", "--column", "2", "--json")

    assert (ran.code, ran.json()) == (0, {"created": ["B-01"]})
    assert (row().area.name, row().group_name, row().row, row().column) == ("Hall", "B", 1, 2)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.origin, entry.after["group"]) == (
        "create_location",
        "B-01",
        "command",
        "B",
    )


def test_create_makes_a_grid() -> None:
    assert locations("create", "P", "--area", "Hall", "--group", "PICK", "--grid", "2x3").code == 0
    assert list(StorageLocation.objects.values_list("site_id", "row", "column"))[-1] == ("P-02-03", 2, 3)


@pytest.mark.usefixtures("shelf")
def test_a_second_location_of_that_id_is_refused_and_nothing_is_created() -> None:
    ran = locations("create", "B-02", "B-01", "--area", "Hall", "--group", "B", "--json")

    assert ran.code == 1
    assert ran.json()["error"]["code"] == "location_exists"
    assert StorageLocation.objects.count() == 1


@pytest.mark.usefixtures("shelf")
def test_list_prints_all_fields() -> None:
    locations("lock", "B-01", "--holder", "maria")

    (listed,) = locations("list", "--json").json()["locations"]

    assert (listed["site_id"], listed["locked"], listed["locked_by"], listed["area"]) == ("B-01", True, "maria", "Hall")
    stored = {field.attname for field in StorageLocation._meta.concrete_fields}
    internal = {"id", "area_id", "group_name", "reservation_id", "match_wanted_at"}
    assert stored - internal <= set(listed)
    assert "locked by maria" in locations("list").out
    assert locations("list", "--group", "C", "--json").json() == {"locations": []}
    assert "locations create" in locations("list", "--area", "Yard").out


@pytest.mark.usefixtures("shelf")
def test_set_changes_what_is_given() -> None:
    ran = locations("set", "B-01", "--filled", "--content", "pallet 7", "--disabled", "--reason", "leak", "--json")

    assert ran.code == 0
    (state,) = ran.json()["locations"]
    assert (state["filled"], state["content"], state["disabled"], state["disabled_reason"]) == (
        True,
        "pallet 7",
        True,
        "leak",
    )
    locations("set", "B-01", "--empty", "--enabled")
    assert (row().filled, row().content, row().disabled) == (False, "", False)
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "fill_location",
        "disable_location",
        "empty_location",
        "enable_location",
    }


@pytest.mark.usefixtures("shelf")
def test_a_block_can_be_timed() -> None:
    assert locations("set", "B-01", "--disabled", "--until", "2031-05-01T18:00").code == 0

    assert row().disabled_until is not None
    assert row().disabled_until.isoformat() == "2031-05-01T18:00:00+00:00"


@pytest.mark.usefixtures("shelf")
def test_set_is_all_or_nothing() -> None:
    ran = locations("set", "B-01", "nowhere", "--filled", "--json")

    assert ran.code == 1
    assert ran.json()["error"]["code"] == "location_unknown"
    assert not row().filled


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "B-01"), "Nothing to set"),
        (("set", "B-01", "--empty", "--content", "X"), "contradict"),
        (("set", "B-01", "--enabled", "--until", "2031-05-01"), "--disabled"),
        (("set", "B-01", "--disabled", "--until", "soon"), "not a time"),
        (("set", "B-01", "--disabled", "--until", "2031-13-01T00:00"), "month"),
        (("unlock", "B-01", "--force"), "--reason"),
        (("create", "X", "Y", "--area", "A", "--group", "G", "--row", "1"), "one SITE"),
        (("create", "X", "--area", "A", "--group", "G", "--grid", "axb"), "4x6"),
    ],
)
def test_contradictions_are_wrong_usage(arguments: tuple[str, ...], words: str) -> None:
    ran = locations(*arguments)

    assert ran.code == 2
    assert words in ran.err


def test_missing_and_exclusive_options_are_wrong_usage() -> None:
    for arguments in (("create", "X"), ("lock", "X"), ("set", "X", "--filled", "--empty"), ()):
        with pytest.raises(CommandError):
            call_command("locations", *arguments)


@pytest.mark.usefixtures("shelf")
def test_lock_and_unlock_by_name() -> None:
    assert locations("lock", "B-01", "--holder", "maria").code == 0
    assert locations("lock", "B-01", "--holder", "maria").code == 0
    refused = locations("lock", "B-01", "--holder", "li", "--json")
    assert refused.code == 1
    assert "maria" in refused.json()["error"]["message"]
    assert locations("unlock", "B-01", "--holder", "li").code == 1
    assert row().locked_by == "maria"
    assert locations("unlock", "B-01").code == 0
    assert row().locked_by == ""
    assert "was not locked" in locations("unlock", "B-01").out


@pytest.mark.usefixtures("shelf")
def test_the_lock_of_a_live_run_needs_force_and_a_reason(active_run: str) -> None:
    locations("lock", "B-01", "--holder", active_run)

    refused = locations("unlock", "B-01")
    assert refused.code == 1
    assert active_run in refused.err
    assert "--force" in refused.err
    assert row().locked_by == active_run

    assert locations("unlock", "B-01", "--force", "--reason", "truck broke down").code == 0
    assert row().locked_by == ""
    assert AuditEntry.objects.filter(action="release_location", reason="truck broke down").count() == 1
    assert LocationEvent.objects.filter(action="forced", reason="truck broke down").count() == 1


@pytest.mark.usefixtures("shelf")
def test_unknown_locations_are_named() -> None:
    for arguments in (("lock", "X", "--holder", "m"), ("unlock", "X"), ("unlock", "X", "--force", "--reason", "why")):
        ran = locations(*arguments)
        assert ran.code == 1
        assert "'X'" in ran.err


@pytest.mark.django_db(transaction=True)
def test_what_becomes_free_goes_to_who_waits_for_it() -> None:
    locations("create", "B-01", "--area", "Hall", "--group", "B")
    locations("lock", "B-01", "--holder", "maria")
    find("R1")

    assert locations("unlock", "B-01").code == 0

    assert row().locked_by == "R1"
    assert StorageRequest.objects.get().state == RequestState.GRANTED
    assert transaction.get_autocommit()


def test_locks_left_behind_are_those_of_runs_that_have_ended() -> None:
    locations("create", "B-01", "B-02", "B-03", "--area", "Hall", "--group", "B")
    assert "No lock was left behind" in locations("list", "--left-behind").out
    over, live = making.record(status=Status.FINISHED).record_id, making.record(status=Status.WAITING).record_id
    for site, holder in (("B-01", over), ("B-02", live), ("B-03", "maria")):
        locations("lock", site, "--holder", holder)

    (found,) = locations("list", "--left-behind", "--json").json()["locations"]

    assert (found["site_id"], found["locked_by"]) == ("B-01", over)
    assert locations("unlock", "B-01").code == 0, "nobody needs it: no force is needed"


def test_withdraw_ends_the_wait_of_a_run_and_names_the_one_that_waits_for_nothing(shelf: None, active_run: str) -> None:
    locations("lock", "B-01", "--holder", "maria")
    find(active_run, group="B")
    key = StorageRequest.objects.get().key
    AuditEntry.objects.all().delete()

    without = locations("withdraw", active_run, "--json")
    ran = locations("withdraw", active_run, "nobody", "--reason", "rack is being rebuilt", "--json")

    assert without.code != 0
    assert without.json()["error"]["code"] == "reason_missing"
    assert (ran.json()["withdrawn"], ran.json()["idle"]) == ([key], ["nobody"])
    assert ran.code != 0
    assert "nobody waits for no location" in ran.err
    assert StorageRequest.objects.get().state == RequestState.CANCELLED
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.origin) == ("withdraw_request", key, "command")
