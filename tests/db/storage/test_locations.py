"""Commands on locations: own columns only, a journal entry each, refusals that leave the transaction usable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from storage import locations
from storage.errors import HeldByAnother, InvalidValue, NotLockable, UnknownLocation
from storage.models import LocationAttribute, LocationEvent, StorageLocation
from tests.db.storage.warehouse import build, holder_of

pytestmark = pytest.mark.django_db


def entries(site_id: str) -> list[tuple[str, str, str, str, str]]:
    rows = LocationEvent.objects.filter(site_id=site_id).exclude(action="created").order_by("id")
    return list(rows.values_list("action", "holder", "actor", "before", "after"))


def test_locking_writes_holder_time_revision_and_journal() -> None:
    build("B-01")

    assert locations.lock("B-01", "R1") == locations.Locked("B-01")

    row = StorageLocation.objects.get(site_id="B-01")
    assert (row.locked_by, row.rev) == ("R1", 2)
    assert row.locked_at is not None
    assert abs(row.locked_at - timezone.now()) < timedelta(minutes=1)
    assert entries("B-01") == [("locked", "R1", "R1", "", "R1")]


def test_locking_again_for_the_same_holder_changes_nothing() -> None:
    build("B-01")
    locations.lock("B-01", "R1")

    assert locations.lock("B-01", "R1") == locations.Locked("B-01", already_held=True)
    assert len(entries("B-01")) == 1


def test_holders_are_compared_exactly() -> None:
    build("B-01", "b-01")
    locations.lock("B-01", "run-a")

    with pytest.raises(HeldByAnother, match="run-a"):
        locations.lock("B-01", "RUN-A")
    assert holder_of("b-01") == ""


@pytest.mark.parametrize("state", [{"disabled": True}, {"sync_failed": True}])
def test_what_is_out_of_use_cannot_be_locked(state: dict[str, bool]) -> None:
    build("B-01", **state)

    with pytest.raises(NotLockable):
        locations.lock("B-01", "R1")
    assert entries("B-01") == []


@pytest.mark.parametrize("holder", ["", "   ", "x" * 129])
def test_a_lock_needs_a_usable_holder(holder: str) -> None:
    build("B-01")

    with pytest.raises(InvalidValue):
        locations.lock("B-01", holder)


def test_unlocking_needs_the_holder_and_is_content_with_a_free_location() -> None:
    build("B-01")
    locations.lock("B-01", "R1")

    with pytest.raises(HeldByAnother):
        locations.unlock("B-01", "R2")
    assert locations.unlock("B-01", "R1") == locations.Freed("B-01", was_locked=True)
    assert locations.unlock("B-01", "R1") == locations.Freed("B-01", was_locked=False)
    assert entries("B-01")[1:] == [("unlocked", "", "R1", "R1", "")]


def test_force_needs_a_reason_and_keeps_it() -> None:
    build("B-01")
    locations.lock("B-01", "R1")

    with pytest.raises(InvalidValue):
        locations.force_unlock("B-01", actor="maria", reason=" ")
    assert locations.force_unlock("B-01", actor="maria", reason="run is gone").was_locked
    assert LocationEvent.objects.filter(action="forced", actor="maria", reason="run is gone", before="R1").count() == 1


def test_releasing_all_of_a_holder_leaves_the_others() -> None:
    build("B-01", "B-02", "B-03")
    for site, holder in (("B-03", "R1"), ("B-01", "R1"), ("B-02", "R2")):
        locations.lock(site, holder)

    assert locations.release_held_by("R1") == ["B-01", "B-03"]
    assert locations.release_held_by("R1") == []
    assert locations.release_held_by("") == []
    assert holder_of("B-02") == "R2"


def test_emptying_clears_the_content_and_leaves_the_lock() -> None:
    build("B-01", filled=True, content="pallet")
    locations.lock("B-01", "R1")

    state = locations.empty("B-01", actor="R1")

    assert (state.filled, state.content, state.locked_by, state.changed) == (False, "", "R1", True)
    assert [entry[0] for entry in entries("B-01")] == ["locked", "emptied", "content"]


def test_what_is_so_already_is_neither_written_nor_journalled() -> None:
    build("B-01", filled=True)

    assert locations.fill("B-01", actor="R1").changed is False
    assert StorageLocation.objects.get(site_id="B-01").rev == 1
    assert entries("B-01") == []


def test_a_change_of_a_free_location_asks_for_a_match() -> None:
    build("B-01", "B-02")
    locations.lock("B-02", "R1")

    assert locations.fill("B-01", actor="R1", content="box").match_now
    assert not locations.fill("B-02", actor="R1").match_now
    assert StorageLocation.objects.get(site_id="B-01").match_wanted_at is not None


def test_content_tags_and_attributes_are_set() -> None:
    build("B-01")

    assert locations.set_content("B-01", "托盘", actor="m").content == "托盘"
    locations.set_tags("B-01", "LM1", actor="m")
    locations.set_attribute("B-01", "height", "2", actor="m")
    locations.set_attribute("B-01", "height", "3", actor="m")
    assert locations.set_attribute("B-01", "height", "3", actor="m").changed is False

    assert LocationAttribute.objects.get().value == "3"
    assert [entry[4] for entry in entries("B-01")] == ["托盘", "LM1", "height=2", "height=3"]
    with pytest.raises(InvalidValue):
        locations.set_content("B-01", "x" * 256, actor="m")


def test_a_timed_block_ends_by_itself_and_not_before() -> None:
    build("B-01", "B-02")
    until = timezone.now() + timedelta(hours=1)
    locations.disable("B-01", actor="maria", reason="rack damaged", until=until)
    locations.disable("B-02", actor="maria")

    assert locations.enable_due(until - timedelta(seconds=1)) == []
    assert locations.enable_due(until) == ["B-01"]

    row = StorageLocation.objects.get(site_id="B-01")
    assert (row.disabled, row.disabled_until, row.disabled_reason) == (False, None, "")
    assert StorageLocation.objects.get(site_id="B-02").disabled


def test_disabling_keeps_the_lock_and_enabling_twice_is_one_change() -> None:
    build("B-01")
    locations.lock("B-01", "R1")

    assert locations.disable("B-01", actor="maria", reason="leak").locked_by == "R1"
    assert locations.enable("B-01", actor="maria").changed
    assert not locations.enable("B-01", actor="maria").changed


def test_a_failed_sensor_is_journalled() -> None:
    build("B-01")

    assert locations.set_sync_failed("B-01", True, actor="fleet").sync_failed
    assert not locations.set_sync_failed("B-01", True, actor="fleet").changed
    assert [entry[0] for entry in entries("B-01")] == ["sync"]


@pytest.mark.parametrize(
    "command",
    [
        lambda: locations.lock("X", "R1"),
        lambda: locations.unlock("X", "R1"),
        lambda: locations.fill("X", actor="a"),
        lambda: locations.disable("X", actor="a"),
    ],
)
def test_an_unknown_location_is_named_and_the_transaction_goes_on(command: Callable[[], object]) -> None:
    build("B-01")

    with pytest.raises(UnknownLocation, match="'X'"):
        command()
    assert locations.lock("B-01", "R1")


def test_many_at_once_do_what_can_be_done_and_name_the_rest() -> None:
    build("B-01", "B-02", "B-03")
    locations.lock("B-02", "R2")

    result = locations.for_each(["B-03", "B-02", "nowhere", "B-01"], lambda site: locations.lock(site, "maria"))

    assert {one.site_id for one in result.done} == {"B-01", "B-03"}
    assert {error.code for error in result.refused} == {HeldByAnother.code, UnknownLocation.code}


def test_the_database_refuses_a_lock_without_a_time_and_a_time_without_a_lock() -> None:
    build("B-01")

    for columns in ({"locked_by": "R1"}, {"locked_at": timezone.now()}, {"disabled_until": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            StorageLocation.objects.filter(site_id="B-01").update(**columns)


@pytest.mark.django_db(transaction=True)
def test_commands_refuse_to_run_without_a_transaction() -> None:
    build("B-01")

    with pytest.raises(transaction.TransactionManagementError):
        locations.lock("B-01", "R1")
