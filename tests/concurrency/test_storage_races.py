"""Races for locations with real connections: one holder at a time, no wake-up lost, nothing left locked.

The same tests run on SQLite (one writer at a time) and on MariaDB (row locks).
"""

from __future__ import annotations

import itertools
import threading

import pytest
from django.db import transaction

from storage import locations, matching, requests
from storage.finding import Found, Waiting
from storage.models import LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.concurrency.storage_threads import holders_over_time, side_by_side
from tests.db.storage.warehouse import Bell, build, find, holder_of, lock, release
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 60


def journal() -> list[tuple[str, str, str, str]]:
    rows = LocationEvent.objects.order_by("id")
    return list(rows.values_list("site_id", "action", "before", "after"))


class Runs:
    """Stands for the scheduler: a wake sets the event of the holder that waits."""

    def __init__(self, holders: list[str]) -> None:
        self._events = {holder: threading.Event() for holder in holders}
        self._turns_waited = itertools.count(1)
        #: Set when 20 had to wait; the first holders keep their location until then, so that there is a crowd.
        self.crowded = threading.Event()

    def wake(self, holder: str, _key: str) -> None:
        self._events[holder].set()

    def take(self, holder: str, key: str) -> str:
        """Find a location, suspended as often as needed; nobody polls and no sweep helps."""
        while True:
            outcome = find(holder, key=key)
            if isinstance(outcome, Found):
                return outcome.site_id
            assert isinstance(outcome, Waiting)
            if next(self._turns_waited) >= 20:
                self.crowded.set()
            matching.match_request(key, self.wake)
            assert self._events[holder].wait(50), f"{holder} was never woken"
            self._events[holder].clear()

    def give_back(self, holder: str, site_id: str) -> None:
        with transaction.atomic():
            assert locations.unlock(site_id, holder).was_locked
        matching.match([site_id], self.wake)


def test_40_runs_share_5_locations_one_holder_each_and_nobody_waits_for_ever() -> None:
    build(*(f"B-{n:02}" for n in range(5)))
    holders = [f"R{n:02}" for n in range(40)]
    runs = Runs(holders)
    busy: set[str] = set()
    guard = threading.Lock()

    def work(holder: str) -> int:
        for turn in range(3):
            site = runs.take(holder, f"{holder}:{turn}")
            with guard:
                assert site not in busy, f"{site} has two holders"
                busy.add(site)
            assert holder_of(site) == holder
            assert runs.crowded.wait(50)
            with guard:
                busy.remove(site)
            runs.give_back(holder, site)
        return 3

    assert sum(side_by_side(*(lambda h=h: work(h) for h in holders))) == 120

    assert holders_over_time(journal()) == {f"B-{n:02}": "" for n in range(5)}
    assert not StorageRequest.objects.filter(state__in=(RequestState.PENDING, RequestState.GRANTED)).exists()
    assert not StorageLocation.objects.exclude(locked_by="").exists()


def test_a_release_between_the_search_and_the_commit_of_the_wait_is_not_lost() -> None:
    build("B-01")
    for number in range(ROUNDS):
        holder = f"R{number}"
        bell = Bell()
        lock("R9", "B-01")

        def wait_for_it(holder: str = holder, bell: Bell = bell) -> None:
            if isinstance(find(holder), Waiting):
                matching.match_request(f"{holder}:find", bell)

        def let_go(bell: Bell = bell) -> None:
            release("B-01")
            matching.match(["B-01"], bell)

        side_by_side(wait_for_it, let_go)

        assert holder_of("B-01") == holder, f"round {number}: the wake-up was lost"
        assert bell.holders in ([], [holder])
        if bell.rung:
            assert find(holder) == Found("B-01")
        release("B-01")


@pytest.mark.mysql
def test_a_release_that_is_matched_while_the_wait_is_not_committed_yet_is_found_afterwards() -> None:
    build("B-01")
    lock("R9", "B-01")
    bell = Bell()
    searched, released = threading.Event(), threading.Event()

    def wait_for_it() -> None:
        with transaction.atomic():
            assert isinstance(find("R1"), Waiting)
            searched.set()
            assert released.wait(20)
        assert bell.rung == [], "the match could not see the wait"
        matching.match_request("R1:find", bell)

    def let_go() -> None:
        assert searched.wait(20)
        release("B-01")
        matching.match(["B-01"], bell)
        released.set()

    side_by_side(wait_for_it, let_go)

    assert bell.holders == ["R1"]
    assert holder_of("B-01") == "R1"


def test_a_run_that_looks_again_while_it_is_granted_ends_with_one_location() -> None:
    build("B-01", "B-02")
    for number in range(ROUNDS):
        holder = f"R{number}"
        lock("R9", "B-01")
        lock("R9", "B-02")
        find(holder)
        with transaction.atomic():
            locations.release_held_by("R9")

        results = side_by_side(lambda holder=holder: find(holder), lambda: matching.match(["B-02", "B-01"], Bell()))

        outcome = results[0] if isinstance(results[0], Found) else find(holder)
        assert isinstance(outcome, Found)
        assert list(StorageLocation.objects.filter(locked_by=holder).values_list("site_id", flat=True)) == [
            outcome.site_id
        ]
        assert not StorageLocation.objects.filter(reservation__isnull=False).exists()
        with transaction.atomic():
            locations.release_held_by(holder)


def test_a_run_that_is_settled_while_it_is_granted_keeps_nothing() -> None:
    build("B-01")
    for number in range(ROUNDS):
        holder = f"R{number}"
        lock("R9", "B-01")
        find(holder)
        release("B-01")

        def settle(holder: str = holder) -> requests.Ended:
            with transaction.atomic():
                return requests.cancel_for(holder)

        side_by_side(settle, lambda: matching.match(["B-01"], Bell()))

        assert holder_of("B-01") == ""
        assert StorageRequest.objects.get(key=f"{holder}:find").state == RequestState.CANCELLED


def test_two_locations_that_become_free_together_serve_one_wait_once() -> None:
    build("B-01", "B-02")
    for number in range(ROUNDS):
        holder = f"R{number}"
        lock("R9", "B-01")
        lock("R9", "B-02")
        find(holder)
        with transaction.atomic():
            locations.release_held_by("R9")

        bell = Bell()
        side_by_side(lambda bell=bell: matching.match(["B-01"], bell), lambda bell=bell: matching.match(["B-02"], bell))

        assert bell.holders == [holder]
        assert StorageLocation.objects.filter(locked_by=holder).count() == 1
        find(holder)
        with transaction.atomic():
            locations.release_held_by(holder)


def test_a_location_that_is_wanted_by_many_at_once_goes_to_one() -> None:
    build("B-01")

    outcomes = side_by_side(*(lambda n=n: find(f"R{n}") for n in range(12)))

    assert sum(isinstance(one, Found) for one in outcomes) == 1
    assert StorageRequest.objects.filter(state=RequestState.PENDING).count() == 11


def test_two_bulk_commands_in_opposite_order_do_not_block_each_other() -> None:
    sites = [f"B-{n:02}" for n in range(20)]
    build(*sites)

    def bulk(order: list[str], filled: bool) -> int:
        with transaction.atomic():
            done = locations.for_each(order, lambda site: locations.change(site, actor="m", filled=filled)).done
        return len(done)

    for _ in range(10):
        assert side_by_side(lambda: bulk(sites, True), lambda: bulk(sites[::-1], False)) == [20, 20]


def test_the_search_that_waits_on_a_row_lock_sees_the_row_as_it_is_afterwards() -> None:
    build("B-01", "B-02")
    taken = threading.Event()

    def slow() -> None:
        with transaction.atomic():
            locations.lock("B-01", "R1")
            taken.set()
            # On MariaDB the other one may have read B-01 as free and stand at its row lock; on SQLite it cannot begin.
            wait_until(lambda: another.is_set(), 20, "the second search to be on its way")

    another = threading.Event()

    def second() -> object:
        assert taken.wait(20)
        another.set()
        return find("R2")

    _none, outcome = side_by_side(slow, second)

    assert outcome == Found("B-02")
