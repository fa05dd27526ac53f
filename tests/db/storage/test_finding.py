"""Find or wait: what a run's storage blocks see, without concurrency."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from storage import finding, locations, matching, requests
from storage.errors import TooManyRequests, UnknownLocation
from storage.finding import Found, GaveUp, Waiting, Withdrawn
from storage.locations import Freed
from storage.models import StorageLocation, StorageRequest
from storage.requests import StorageValues
from storage.states import RequestState
from tests.db.storage.warehouse import START, Bell, after, build, find, holder_of, lock, release, unlock

pytestmark = pytest.mark.django_db


def state_of(key: str) -> str:
    return StorageRequest.objects.get(key=key).state


def test_the_first_free_location_by_id_is_found_and_locked() -> None:
    build("B-10", "B-02", "B-9")

    assert find("R1") == Found("B-02")
    assert find("R2", descending=True) == Found("B-9")
    assert holder_of("B-02") == "R1"
    assert not StorageRequest.objects.exists()


def test_finding_without_lock_leaves_the_location_free() -> None:
    build("B-01")

    assert find("R1", lock=False) == Found("B-01")
    assert find("R2", lock=False) == Found("B-01")
    assert holder_of("B-01") == ""


def test_only_given_criteria_filter() -> None:
    build("B-01", filled=True, content="X")
    build("B-02", type=1)
    build("C-01", group="C", content="X", filled=False)

    assert find("R1", lock=False, group="B", filled=True) == Found("B-01")
    assert find("R1", lock=False, content="X", filled=False) == Found("C-01")
    assert find("R1", lock=False, type=1) == Found("B-02")
    assert find("R1", lock=False, site_id="C-01") == Found("C-01")


def test_a_disabled_or_locked_first_candidate_starves_nobody() -> None:
    build("B-01", disabled=True)
    build("B-02", sync_failed=True)
    build("B-03", "B-04")
    lock("R9", "B-03")

    assert find("R1") == Found("B-04")


def test_a_search_looks_behind_the_first_eight() -> None:
    build(*(f"B-{n:02}" for n in range(30)))

    found = [find(f"R{n}") for n in range(30)]

    assert [one.site_id for one in found if isinstance(one, Found)] == [f"B-{n:02}" for n in range(30)]


def test_own_locked_locations_are_found_only_when_asked_for() -> None:
    build("B-01")
    lock("R1", "B-01")

    assert isinstance(find("R1"), Waiting)
    assert find("R1", key="other", group="B", locked=True) == Found("B-01", already_held=True)
    assert find("R1", key="third", group="B", locked=None) == Found("B-01", already_held=True)
    assert isinstance(find("R2", group="B", locked=True), Waiting)


def test_nothing_free_names_what_is_in_the_way() -> None:
    build("B-01", filled=True, content="pallet")
    build("B-02", disabled=True, disabled_by="maria", disabled_reason="rack damaged")
    build("B-03", "B-04", filled=False)
    lock("R9", "B-03")
    lock("R8", "B-04")

    waiting = find("R1", now=after(7.4), group="B", filled=False)

    assert isinstance(waiting, Waiting)
    assert (waiting.key, waiting.why, waiting.attempt, waiting.limit) == ("R1:find", "location", 7, 1000)
    assert waiting.deadline == START + timedelta(seconds=1000)
    seen = waiting.obstacles
    assert (seen.total, seen.fill, seen.off, seen.locked, seen.eligible) == (4, 1, 1, 2, 0)
    assert [(item.site_id, item.why, item.holder) for item in seen.items] == [
        ("B-01", "fill", ""),
        ("B-02", "off", "maria"),
        ("B-03", "locked", "R9"),
        ("B-04", "locked", "R8"),
    ]


def test_waiting_again_keeps_one_request_with_its_begin() -> None:
    build("B-01", disabled=True)

    find("R1")
    again = find("R1", now=after(100))

    assert isinstance(again, Waiting)
    assert again.attempt == 100
    assert StorageRequest.objects.get().first_at == START


def test_a_grant_is_consumed_once() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1")
    release("B-01")
    matching.match(["B-01"], Bell())

    assert state_of("R1:find") == RequestState.GRANTED
    assert find("R1") == Found("B-01")
    assert state_of("R1:find") == RequestState.COMPLETED
    assert StorageLocation.objects.get().reservation is None
    assert isinstance(find("R1"), Waiting), "the next iteration under the same key is a new wait"


def test_a_spurious_wake_finds_by_itself_when_something_is_free() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1")
    release("B-01")

    assert find("R1", now=after(3)) == Found("B-01")
    assert state_of("R1:find") == RequestState.COMPLETED


def test_the_deadline_gives_up_with_the_number_of_attempts() -> None:
    build("B-01", disabled=True)
    find("R1", retries=5)

    assert isinstance(find("R1", now=after(4.9), retries=5), Waiting)
    gave_up = find("R1", now=after(5), retries=5)

    assert isinstance(gave_up, GaveUp)
    assert gave_up.attempts == 5
    assert state_of("R1:find") == RequestState.EXPIRED
    assert isinstance(find("R1", now=after(6), retries=5), GaveUp), "asked again: the same answer"


def test_the_default_number_of_retries_is_the_callers_value() -> None:
    build("B-01", disabled=True)

    waiting = find("R1", values=StorageValues(max_retries=3))

    assert isinstance(waiting, Waiting)
    assert (waiting.limit, waiting.deadline) == (3, after(3))


def test_a_last_try_at_the_deadline_still_finds() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1", retries=5)
    release("B-01")

    assert find("R1", now=after(60), retries=5) == Found("B-01")


def test_no_retries_means_one_try() -> None:
    build("B-01", disabled=True)

    gave_up = find("R1", retries=0)

    assert isinstance(gave_up, GaveUp)
    assert gave_up.attempts == 1
    assert not StorageRequest.objects.exists()


def test_a_later_begin_under_the_same_key_is_a_new_wait() -> None:
    build("B-01", disabled=True)
    find("R1", retries=5)
    find("R1", retries=5, now=after(5))

    again = find("R1", retries=5, first_at=after(60), now=after(60))

    assert isinstance(again, Waiting)
    assert again.deadline == after(65)
    assert StorageRequest.objects.count() == 1


def test_too_many_waits_are_refused_and_nothing_is_written() -> None:
    build("B-01", disabled=True)
    values = StorageValues(max_pending=2)
    find("R1", values=values)
    find("R2", values=values)

    with pytest.raises(TooManyRequests, match="2 storage requests"):
        find("R3", values=values)
    assert isinstance(find("R1", values=values), Waiting), "those who wait go on waiting"
    assert StorageRequest.objects.count() == 2


def test_a_withdrawn_wait_says_who_and_why() -> None:
    build("B-01", disabled=True)
    find("R1")

    ended = requests.withdraw("R1:find", actor="maria", reason="wrong group")

    assert [wake.holder for wake in ended.woken] == ["R1"]
    assert find("R1") == Withdrawn("withdrawn by maria: wrong group")
    assert isinstance(find("R1", first_at=after(9), now=after(9)), Waiting)


def test_locking_one_location_is_reentrant_and_waits_for_another() -> None:
    build("B-01")

    assert lock("R1", "B-01") == Found("B-01")
    assert lock("R1", "B-01") == Found("B-01", already_held=True)
    waiting = lock("R2", "B-01")
    assert isinstance(waiting, Waiting)
    assert (waiting.why, waiting.locked_by, waiting.deadline, waiting.limit) == ("lock", "R1", None, None)


def test_a_lock_under_another_name_is_granted_under_that_name() -> None:
    build("B-01")
    lock("R9", "B-01")
    assert isinstance(lock("R1", "B-01", lock_for="robot-7"), Waiting)

    release("B-01")
    bell = Bell()
    matching.match(["B-01"], bell)

    assert bell.rung == [("R1", "R1:lock")]
    assert holder_of("B-01") == "robot-7"
    assert lock("R1", "B-01", lock_for="robot-7") == Found("B-01")


def test_locking_with_a_number_of_tries_gives_up() -> None:
    build("B-01")
    lock("R9", "B-01")
    lock("R1", "B-01", retries=3)

    gave_up = lock("R1", "B-01", retries=3, now=after(6))

    assert isinstance(gave_up, GaveUp)
    assert gave_up.attempts == 3


def test_unlocking_a_free_location_succeeds_with_a_flag() -> None:
    build("B-01")

    assert unlock("R1", "B-01") == Freed("B-01", was_locked=False)
    lock("R1", "B-01")
    assert unlock("R1", "B-01") == Freed("B-01", was_locked=True)


def test_unlocking_what_another_holds_waits_for_its_release() -> None:
    build("B-01")
    lock("R9", "B-01")
    lock("R2", "B-01")
    waiting = unlock("R1", "B-01")
    assert isinstance(waiting, Waiting)
    assert waiting.locked_by == "R9"

    release("B-01")
    bell = Bell()
    matching.match(["B-01"], bell)

    assert bell.holders == ["R1", "R2"], "who waits for the release is told before the next holder takes over"
    assert holder_of("B-01") == "R2"
    assert unlock("R1", "B-01") == Freed("B-01", was_locked=False)
    assert holder_of("B-01") == "R2"
    assert state_of("R1:unlock") == RequestState.COMPLETED


def test_unknown_locations_are_errors() -> None:
    build("B-01")

    with pytest.raises(UnknownLocation):
        lock("R1", "nowhere")
    with pytest.raises(UnknownLocation):
        unlock("R1", "nowhere")
    assert isinstance(find("R1", site_id="nowhere"), Waiting), "a search may be for what is made later"


def test_a_grant_that_was_taken_away_goes_back_to_its_place() -> None:
    build("B-01")
    lock("R9", "B-01")
    find("R1")
    find("R2", now=after(1), first_at=after(1))
    release("B-01")
    matching.match(["B-01"], Bell())
    release("B-01")  # by an operator, before R1 came to work
    lock("R7", "B-01")

    assert isinstance(find("R1"), Waiting)
    assert state_of("R1:find") == RequestState.PENDING
    locations_bell = Bell()
    release("B-01")
    matching.match(["B-01"], locations_bell)
    assert locations_bell.holders == ["R1"]


def test_a_grant_without_lock_is_looked_at_again() -> None:
    build("B-01", disabled=True)
    find("R1", lock=False)
    StorageLocation.objects.update(disabled=False)
    matching.match(["B-01"], Bell())
    lock("R9", "B-01")

    assert isinstance(find("R1", lock=False), Waiting)
    release("B-01")
    assert find("R1", lock=False) == Found("B-01")


def test_named_wishes_carry_their_location() -> None:
    assert finding.named_lock("k", "R1", "B-01", lock_for="x").lock_name == "x"
    assert finding.named_release("k", "R1", "B-01").lock_name == "R1"


def test_a_change_command_leaves_a_waiting_search_alone_until_it_is_matched() -> None:
    build("B-01", filled=True)
    find("R1", group="B", filled=False)

    with transaction.atomic():
        state = locations.empty("B-01", actor="R9")
    bell = Bell()

    assert state.match_now
    matching.match([state.site_id], bell)
    assert bell.holders == ["R1"]


def test_what_a_run_holds_already_is_locked_again_past_the_fair_queue() -> None:
    build("B-01")
    lock("R1", "B-01")
    assert isinstance(lock("R2", "B-01", fair=True), Waiting)

    assert lock("R1", "B-01", fair=True) == Found("B-01", already_held=True)
    assert isinstance(lock("R3", "B-01", fair=True), Waiting)


def test_an_unknown_location_is_an_error_for_a_fair_lock_too() -> None:
    build("B-01")

    with pytest.raises(UnknownLocation):
        lock("R1", "nowhere", fair=True)
    assert not StorageRequest.objects.exists()


def test_finding_at_once_costs_four_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    build(*(f"B-{n:02}" for n in range(50)))

    with django_assert_num_queries(4 + 2):  # and the savepoint that stands for the transaction here
        find("R1")
