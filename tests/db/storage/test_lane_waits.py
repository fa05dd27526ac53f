"""Waits for dense lanes: how they end, what they cost, how they are shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from storage import locations, matching, requests, selectors
from storage.errors import TooManyRequests
from storage.finding import GaveUp, Waiting, Withdrawn
from storage.models import LaneWait, StorageRequest
from storage.requests import StorageValues
from storage.states import RequestState
from tests.db.storage.lane_warehouse import change, lane, wait
from tests.db.storage.warehouse import Bell, after, build, find, find_in_lane, holder_of, lock, release

pytestmark = pytest.mark.django_db


# --- The end of a wait -----------------------------------------------------------------------------------------------


def test_at_the_deadline_it_gives_up_and_leaves_its_queues() -> None:
    lane("x")
    wait("R1", filled=False, retries=3)

    outcome = find_in_lane("R1", filled=False, retries=3, now=after(3))

    assert isinstance(outcome, GaveUp)
    assert outcome.attempts == 3
    assert (outcome.obstacles.items[0].lane, outcome.obstacles.items[0].why) == ("L", "fill")
    assert StorageRequest.objects.get().state == RequestState.EXPIRED
    assert not LaneWait.objects.exists()


def test_a_search_without_retry_answers_at_once() -> None:
    lane("x")

    assert isinstance(find_in_lane("R1", filled=False, retries=0), GaveUp)
    assert not StorageRequest.objects.exists()


def test_an_overdue_wait_is_expired_by_the_sweep() -> None:
    lane("x")
    wait("R1", filled=False, retries=3)

    assert requests.expire_due(after(10)).woken[0].holder == "R1"
    assert not LaneWait.objects.exists()


def test_an_operator_ends_a_wait_and_the_block_is_told() -> None:
    lane("x")
    outcome = wait("R1", filled=False)
    with transaction.atomic():
        requests.withdraw(outcome.key, actor="maria", reason="lane is being rebuilt")

    told = find_in_lane("R1", filled=False)

    assert isinstance(told, Withdrawn)
    assert "maria" in told.reason
    assert not LaneWait.objects.exists()


def test_a_settled_run_gives_back_what_it_was_granted_and_the_next_is_served() -> None:
    lane("-", "-")
    lock("R9", "L_1")
    wait("R1", filled=False)
    wait("R2", filled=False, first_at=after(1), now=after(1))
    change(lambda: locations.unlock("L_1", "R9"), "L_1")
    with transaction.atomic():
        ended = requests.cancel_for("R1")
    bell = Bell()

    matching.follow_up(ended, bell)

    assert (bell.holders, holder_of("L_2")) == (["R2"], "R2")


def test_a_grant_that_is_taken_away_by_force_waits_again_in_all_its_lanes() -> None:
    lane("-", "x", group="A")
    lane("x", group="B")
    lock("R9", "A_1")
    wait("R1", "A", "B", filled=False)
    change(lambda: locations.unlock("A_1", "R9"), "A_1")
    release("A_1")
    lock("R9", "A_1")

    assert isinstance(find_in_lane("R1", "A", "B", filled=False), Waiting)
    assert LaneWait.objects.count() == 2
    assert change(lambda: locations.empty("B_1", actor="m"), "B_1").holders == ["R1"]


def test_stopping_a_branch_ends_its_waits_and_no_other() -> None:
    lane("-", "-", "x")
    lock("R9", "L_1")
    first = wait("R1", filled=False, key="R1:a")
    wait("R1", filled=False, key="R1:b", first_at=after(1), now=after(1))
    change(lambda: locations.unlock("L_1", "R9"), "L_1")
    with transaction.atomic():
        assert requests.stop([first.key], "R2").site_ids == ()
        ended = requests.stop([first.key], "R1")
        assert requests.stop([], "R1").site_ids == ()
    bell = Bell()

    matching.follow_up(ended, bell)

    assert ended.site_ids == ("L_2",)
    assert bell.rung == [("R1", "R1:b")]


def test_a_new_priority_moves_a_request_in_its_lanes() -> None:
    lane("-")
    lock("R9", "L_1")
    wait("R1", filled=False)
    wait("R2", filled=False, first_at=after(1), now=after(1))
    with transaction.atomic():
        assert requests.reprioritise("R2", 50) == 1

    assert change(lambda: locations.unlock("L_1", "R9"), "L_1").holders == ["R2"]


def test_the_new_head_of_a_fair_queue_is_matched_after_a_change_of_priority() -> None:
    build("B-01", "B-02", filled=True, content="x")
    lock("R9", "B-01")
    find("R1", site_id="B-01", fair=True)
    find("R2", site_id="B-01", fair=True, type=0, first_at=after(1), now=after(1))
    StorageRequest.objects.update(match_wanted_at=None)
    with transaction.atomic():
        requests.reprioritise("R2", 50)

    assert StorageRequest.objects.get(match_wanted_at__isnull=False).holder == "R2"


def test_a_location_without_a_number_that_comes_later_stands_in_no_lane() -> None:
    lane("x")
    wait("R1", filled=False)
    build("L-extra", group="L")

    assert isinstance(find_in_lane("R1", filled=False), Waiting)
    assert change(lambda: locations.empty("L_1", actor="m"), "L_1", "L-extra").holders == ["R1"]


def crowd(template: StorageRequest, size: int) -> None:
    """Many others who wait for just the same, behind it."""
    waits = list(LaneWait.objects.filter(request=template))
    last = template.pk
    columns = {field.attname: getattr(template, field.attname) for field in template._meta.concrete_fields}
    copies = []
    for n in range(1, size + 1):
        mine = {"id": last + n, "key": f"M{n}:lane", "holder": f"M{n}", "lock_for": f"M{n}", "rank": template.rank + n}
        copies.append(StorageRequest(**{**columns, **mine}))
    StorageRequest.objects.bulk_create(copies, batch_size=500)
    LaneWait.objects.bulk_create(
        (
            LaneWait(
                request_id=copy.pk,
                group_name=wait.group_name,
                wants=wait.wants,
                wants_direct=wait.wants_direct,
                rank=copy.rank,
            )
            for copy in copies
            for wait in waits
        ),
        batch_size=500,
    )


# --- Cost ------------------------------------------------------------------------------------------------------------


def test_a_failed_search_is_a_bounded_number_of_statements(
    django_assert_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    for group in "ABCDE":
        lane("x", *"-" * 30, group=group)

    with django_assert_num_queries(9):  # two of them are the savepoint that stands for the transaction here
        assert isinstance(find_in_lane("R1", *"ABCDE", filled=False), Waiting)


def test_one_release_costs_the_same_however_many_wait(
    django_assert_max_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    lane("-", "-")
    lock("R9", "L_1")
    for number in range(30):
        wait(f"N{number}", filled=False, first_at=after(number), now=after(number))
    crowd(StorageRequest.objects.get(holder="N29"), 5000)
    with transaction.atomic():
        locations.unlock("L_1", "R9")
    bell = Bell()

    with django_assert_max_num_queries(24):  # four of them are savepoints that stand for transactions here
        matching.match(["L_1"], bell)

    assert bell.holders == ["N0"]


def test_nothing_is_asked_for_those_who_wait_when_nothing_happens(
    django_assert_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    lane("x")
    wait("N1", filled=False, priority=1)
    crowd(StorageRequest.objects.get(), 1000)

    StorageRequest.objects.update(match_wanted_at=None)

    with django_assert_num_queries(5):
        assert matching.sweep(Bell(), now=after(10)) == matching.Sweep()


def test_a_change_that_serves_nobody_costs_the_same_however_many_wait_for_something_else(
    django_assert_max_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    lane("x", "-")
    lock("R9", "L_1")
    for number in range(3):
        wait(f"N{number}", filled=True, content=f"pallet {number}")
    crowd(StorageRequest.objects.get(holder="N2"), 1000)
    with transaction.atomic():
        locations.unlock("L_1", "R9")

    with django_assert_max_num_queries(7):  # two of them are the savepoint that stands for the transaction here
        assert matching.match(["L_1"], Bell()) == []


def test_a_change_where_nobody_waits_costs_no_query_more_than_before(
    django_assert_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    lane("-", group="A")
    lane("x", group="B")
    wait("R1", "B", filled=False)
    with transaction.atomic():
        locations.fill("A_1", actor="m")

    with django_assert_num_queries(3):
        matching.match(["A_1"], Bell())


def test_the_number_of_those_who_wait_is_bounded_for_lanes_too() -> None:
    lane("x")
    wait("R1", filled=False)

    with pytest.raises(TooManyRequests):
        find_in_lane("R2", filled=False, values=StorageValues(max_pending=1))


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_a_lane_request_is_listed_with_what_is_in_its_way() -> None:
    lane("x", "-", group="A")
    wait("R1", "A", filled=False)

    (row,) = selectors.queue()
    request = StorageRequest.objects.get()

    assert row.criteria.groups == ("A",)
    assert (row.candidates.total, row.candidates.fill) == (2, 1)
    assert selectors.obstacles(request).items[0].site_id == "A_1"
    assert [one.holder for one in selectors.who_wants("A_2")] == ["R1"]
