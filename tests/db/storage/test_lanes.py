"""Runs that search dense lanes: found, waiting, woken by any change of the lane, given up, withdrawn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from storage import locations, matching
from storage.errors import NotInALane
from storage.finding import Found, Waiting
from storage.models import LaneWait, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.db.storage.lane_warehouse import change, lane, wait
from tests.db.storage.warehouse import Bell, after, build, find, find_in_lane, holder_of, lock

pytestmark = pytest.mark.django_db


# --- Found -----------------------------------------------------------------------------------------------------------


def test_a_load_is_locked_for_the_run_and_leaves_no_request() -> None:
    lane("-", "x", "y")

    assert find_in_lane("R1", filled=True, content="x") == Found("L_2")
    assert holder_of("L_2") == "R1"
    assert not StorageRequest.objects.exists()
    assert not LaneWait.objects.exists()


def test_a_place_is_found_without_a_lock_when_none_is_asked_for() -> None:
    lane("-", "-", "x")

    assert find_in_lane("R1", filled=False, lock=False) == Found("L_2")
    assert holder_of("L_2") == ""
    lock("R1", "L_2")
    assert find_in_lane("R1", filled=False, lock=False) == Found("L_2", already_held=True)


def test_the_lanes_are_tried_in_the_order_of_the_definition() -> None:
    lane("x", group="A")
    lane("-", group="B")
    lane("-", group="C")

    assert find_in_lane("R1", "A", "C", "B", filled=False) == Found("C_1")


def test_a_location_without_a_number_refuses_the_search_and_is_named() -> None:
    lane("-")
    build("L-extra", group="L")

    with pytest.raises(NotInALane, match="L-extra"):
        find_in_lane("R1", filled=False)


# --- Waiting and being served ----------------------------------------------------------------------------------------


def test_a_lane_that_is_locked_by_another_is_waited_for_and_the_obstacle_named() -> None:
    lane("-", "-")
    lock("R9", "L_1")

    outcome = wait("R1", filled=False)

    assert (outcome.why, outcome.limit) == ("lane", 1000)
    (obstacle,) = outcome.obstacles.items
    assert (obstacle.lane, obstacle.site_id, obstacle.why, obstacle.holder) == ("L", "L_1", "locked", "R9")
    assert (outcome.obstacles.total, outcome.obstacles.eligible, outcome.obstacles.locked) == (1, 0, 1)
    assert LaneWait.objects.count() == 1


def test_another_location_of_the_lane_that_is_freed_serves_the_one_who_waits() -> None:
    lane("-", "-", "-")
    lock("R9", "L_1")
    wait("R1", filled=False)

    bell = change(lambda: locations.unlock("L_1", "R9"), "L_1")

    assert bell.rung == [("R1", "R1:lane")]
    assert holder_of("L_3") == "R1"
    assert not LaneWait.objects.exists()
    assert find_in_lane("R1", filled=False) == Found("L_3")
    assert StorageRequest.objects.get().state == RequestState.COMPLETED
    assert not StorageLocation.objects.filter(match_wanted_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("command", "filled", "content"),
    [
        (lambda: locations.fill("L_2", actor="m"), True, None),
        (lambda: locations.empty("L_1", actor="m"), False, None),
        (lambda: locations.set_content("L_1", "z", actor="m"), True, "z"),
        (lambda: locations.enable("L_1", actor="m"), True, "x"),
        (lambda: locations.set_sync_failed("L_1", False, actor="m"), True, "x"),
    ],
)
def test_every_kind_of_change_in_the_lane_is_seen(command: Callable[[], object], filled: bool, content: str) -> None:
    """Lane: a load before an empty place; the first out of use where that is what changes."""
    lane("x", "-")
    if content == "x":
        with transaction.atomic():
            locations.disable("L_1", actor="m")
            locations.set_sync_failed("L_1", True, actor="m")
            command()
    elif filled and content is None:
        with transaction.atomic():
            locations.empty("L_1", actor="m")
    wait("R1", filled=filled, content=content)
    final = command if content != "x" else lambda: (locations.enable("L_1", actor="m"), locations.set_sync_failed(
        "L_1", False, actor="m"))  # fmt: skip

    bell = change(final, "L_1", "L_2")

    assert bell.holders == ["R1"]


def test_disabling_can_shorten_a_lane_to_what_is_reachable() -> None:
    lane("-", "-", "-")
    lock("R9", "L_3")
    wait("R1", filled=False)

    assert change(lambda: locations.disable("L_2", actor="m"), "L_2").holders == ["R1"]
    assert holder_of("L_1") == "R1"


def test_priority_goes_first_then_age_and_one_at_a_time_gets_a_lock_in_the_lane() -> None:
    lane("-", "-", "-")
    lock("R9", "L_1")
    for holder, priority, second in (("old", 0, 1), ("young", 0, 3), ("urgent", 9, 4)):
        wait(holder, filled=False, priority=priority, first_at=after(second), now=after(second))

    assert change(lambda: locations.unlock("L_1", "R9"), "L_1").holders == ["urgent"]
    assert find_in_lane("urgent", filled=False, first_at=after(4), now=after(5)) == Found("L_3")
    bell = change(lambda: (locations.fill("L_3", actor="m"), locations.unlock("L_3", "urgent")), "L_3")
    assert bell.holders == ["old"]
    assert holder_of("L_2") == "old"


def test_a_request_that_asks_without_a_lock_takes_nothing_from_the_others() -> None:
    lane("-")
    lock("R9", "L_1")
    for number, locking in enumerate((False, False, True, False)):
        wait(f"R{number}", filled=False, lock=locking, first_at=after(number), now=after(number))

    assert change(lambda: locations.unlock("L_1", "R9"), "L_1").holders == ["R0", "R1", "R2"]
    assert LaneWait.objects.get().request.holder == "R3"


def test_a_grant_without_a_lock_is_looked_at_again_when_the_run_comes_to_work() -> None:
    lane("-", "-")
    lock("R9", "L_1")
    wait("R1", filled=False, lock=False)
    change(lambda: locations.unlock("L_1", "R9"), "L_1")
    assert StorageRequest.objects.get().granted_site == "L_2"
    with transaction.atomic():
        locations.fill("L_2", actor="m")

    assert find_in_lane("R1", filled=False, lock=False) == Found("L_1")
    assert StorageRequest.objects.get().state == RequestState.COMPLETED
    assert not LaneWait.objects.exists()


def test_one_who_wants_something_else_does_not_stand_in_the_way() -> None:
    lane("-", "-")
    lock("R9", "L_1")
    wait("R1", filled=True, content="x")
    wait("R2", filled=True, content="y")
    wait("R3", filled=False)

    with transaction.atomic():
        locations.unlock("L_1", "R9")
        locations.fill("L_2", actor="m", content="y")
        locations.disable("L_1", actor="m")
    assert change(lambda: locations.enable("L_1", actor="m"), "L_1").holders == ["R2"]
    assert holder_of("L_2") == "R2"


def test_a_request_for_several_lanes_is_served_by_whichever_comes_first_and_leaves_all_queues() -> None:
    lane("x", group="A")
    lane("x", group="B")
    wait("R1", "A", "B", filled=False)
    assert LaneWait.objects.count() == 2

    assert change(lambda: locations.empty("B_1", actor="m"), "B_1").holders == ["R1"]
    assert (holder_of("B_1"), LaneWait.objects.count()) == ("R1", 0)


def test_a_direct_location_serves_whoever_wants_just_its_content() -> None:
    lane("x")
    build("L_0", group="L", content="k")
    lock("R9", "L_0")
    wait("R1", filled=False)
    wait("R2", filled=False, content="k")

    assert change(lambda: locations.unlock("L_0", "R9"), "L_0").holders == ["R2"]
    assert holder_of("L_0") == "R2"


def test_what_the_run_itself_holds_in_the_lane_is_not_in_its_way_when_it_waits() -> None:
    lane("-", "-", "x")
    lock("R1", "L_1")
    lock("R9", "L_2")
    wait("R2", filled=False)
    wait("R1", filled=False, key="R1:branch")

    assert change(lambda: locations.unlock("L_2", "R9"), "L_2").rung == [("R1", "R1:branch")]
    assert holder_of("L_2") == "R1"


def test_a_run_that_wants_any_location_of_the_group_is_served_before_the_lanes() -> None:
    lane("-")
    lock("R9", "L_1")
    wait("R1", filled=False)
    find("R2", group="L", first_at=after(5), now=after(5))

    assert change(lambda: locations.unlock("L_1", "R9"), "L_1").holders == ["R2"]
    with transaction.atomic():
        locations.unlock("L_1", "R2")
    assert change(lambda: None, "L_1").holders == ["R1"]


def test_a_release_between_the_search_and_the_commit_of_the_wait_is_found_afterwards() -> None:
    lane("-", "-")
    lock("R9", "L_1")
    outcome = find_in_lane("R1", filled=False)
    assert isinstance(outcome, Waiting)
    with transaction.atomic():
        locations.unlock("L_1", "R9")  # whoever did this died before he matched
    bell = Bell()

    matching.match_request(outcome.key, bell)

    assert bell.holders == ["R1"]


def test_the_sweep_repairs_a_match_that_was_missed() -> None:
    lane("-", "-")
    lock("R9", "L_1")
    wait("R1", filled=False)
    with transaction.atomic():
        locations.unlock("L_1", "R9")
    StorageLocation.objects.filter(site_id="L_1").update(match_wanted_at=after(-60))
    bell = Bell()

    swept = matching.sweep(bell, now=after(60))

    assert (swept.granted, bell.holders) == (1, ["R1"])
    assert not StorageLocation.objects.filter(match_wanted_at__isnull=False).exists()


def test_a_mark_stays_until_the_lane_was_matched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lane("-", "-")
    lock("R9", "L_1")
    wait("R1", filled=False)
    find("R2", group="L", filled=True)
    with transaction.atomic():
        locations.unlock("L_1", "R9")

    def dies(group: str) -> None:
        raise KeyboardInterrupt(group)

    monkeypatch.setattr("storage.lane_matching.serve", dies)
    with pytest.raises(KeyboardInterrupt):
        matching.match(["L_1"], Bell())

    assert StorageLocation.objects.get(site_id="L_1").match_wanted_at is not None
