"""Runs that put into and take from the same lanes at once, with real connections, beside an operator.

The journal is played back into the reference: each lock that was given has to be the choice that the reference makes in
that lane as it was at that moment. (Which lane, is decided by a look that locks nothing: the one before may just have
become usable.)
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from scheduler import conflicts
from storage import locations, matching, requests
from storage.finding import Found, Waiting
from storage.models import LaneWait, LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.concurrency.storage_threads import side_by_side
from tests.db.storage.lane_warehouse import lane
from tests.db.storage.warehouse import Bell, find_in_lane, holder_of, lock
from tests.support.lane_reference import Place, reachable

pytestmark = pytest.mark.django_db(transaction=True)

GROUPS = ("A", "B")
ROUNDS = 40


class Crew:
    """Runs that carry one load at a time. Their holders tell what they are about: ``put-3-7`` and ``take-3-7``."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}

    def wake(self, holder: str, _key: str) -> None:
        self._events[holder].set()

    def carry(self, number: int, turns: int) -> int:
        for turn in range(turns):
            for what in ("put", "take"):
                holder = f"{what}-{number}-{turn}"
                site = self._acquire(holder, filled=what == "take")
                self._use(site, holder, filled=what == "put")
        return turns

    def operate(self, seed: int, steps: int) -> int:
        """An operator who is in the way, and goes out of it again."""
        some = random.Random(seed)
        for _ in range(steps):
            site = f"{some.choice(GROUPS)}_{some.randint(1, 5)}"
            self._command(lambda site=site: locations.disable(site, actor="m"), site)
            self._command(lambda site=site: locations.enable(site, actor="m"), site)
        return steps

    def _acquire(self, holder: str, *, filled: bool) -> str:
        woken = self._events[holder] = threading.Event()
        while True:
            outcome = conflicts.repeated(lambda: find_in_lane(holder, *GROUPS, filled=filled))
            if isinstance(outcome, Found):
                return outcome.site_id
            assert isinstance(outcome, Waiting)
            conflicts.repeated(partial(matching.match_request, outcome.key, self.wake))
            assert woken.wait(50), f"{holder} was never woken"
            woken.clear()

    def _use(self, site: str, holder: str, *, filled: bool) -> None:
        assert holder_of(site) == holder
        self._command(lambda: locations.change(site, actor=holder, filled=filled, content=""), site)
        self._command(lambda: locations.unlock(site, holder), site)

    def _command(self, command: Callable[[], object], site: str) -> None:
        def change() -> None:
            with transaction.atomic():
                command()

        conflicts.repeated(change)
        conflicts.repeated(lambda: matching.match([site], self.wake))


def replay() -> int:
    """Play the journal back; returns how many locks were judged."""
    places = {group: [Place(f"{group}_{number}") for number in range(1, 6)] for group in GROUPS}
    by_id = {place.site_id: place for group in places.values() for place in group}
    judged = 0
    for site, action, holder in LocationEvent.objects.order_by("id").values_list("site_id", "action", "after"):
        place = by_id[site]
        if action in ("locked", "granted"):
            wish = {"filled": holder.startswith("take"), "content": None, "lock": True, "holder": holder}
            group = site.partition("_")[0]
            assert reachable([group], places, **wish) == site, f"{holder} was given {site}: {places}"  # type: ignore[arg-type]
            place.locked_by = holder
            judged += 1
        elif action in ("filled", "emptied"):
            place.filled = action == "filled"
        elif action in ("disabled", "enabled"):
            place.off = action == "disabled"
        elif action == "unlocked":
            place.locked_by = ""
    return judged


def test_every_lock_is_the_choice_of_the_reference_and_nobody_waits_for_ever() -> None:
    for group in GROUPS:
        lane(*"-----", group=group)
    crew = Crew()

    side_by_side(
        *(lambda n=n: crew.carry(n, turns=6) for n in range(8)),
        lambda: crew.operate(seed=1, steps=40),
    )

    assert replay() == 8 * 6 * 2
    assert not StorageRequest.objects.filter(state__in=(RequestState.PENDING, RequestState.GRANTED)).exists()
    assert not LaneWait.objects.exists()
    assert not StorageLocation.objects.exclude(locked_by="").exists()
    assert not StorageLocation.objects.filter(filled=True).exists()


def test_two_that_put_into_one_lane_at_once_do_not_stand_before_each_other() -> None:
    lane("-", "-", "-", group="A")
    for number in range(ROUNDS):
        first, second = f"R{number}", f"S{number}"

        outcomes = side_by_side(*(partial(find_in_lane, one, "A", filled=False) for one in (first, second)))

        assert sorted(type(one).__name__ for one in outcomes) == ["Found", "Waiting"], f"round {number}"
        winner = holder_of("A_3")
        assert winner in (first, second)
        with transaction.atomic():
            locations.release_held_by(winner)
            requests.cancel_for(first)
            requests.cancel_for(second)


def overtaken(change: Callable[[], object]) -> object:
    """What a run that puts finds while somebody else changes its lane and has not committed yet."""
    changed, done = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            change()
            changed.set()
            # The run cannot be done before this commits; a wrong one is done at once.
            done.wait(0.5)

    def put() -> object:
        assert changed.wait(20)
        outcome = find_in_lane("R1", "A", filled=False)
        done.set()
        return outcome

    return side_by_side(slow, put)[1]


@pytest.mark.mysql
def test_a_place_is_not_taken_behind_one_that_is_locked_in_the_same_moment() -> None:
    lane("-", "-", group="A")

    assert isinstance(overtaken(lambda: locations.lock("A_1", "m")), Waiting)
    assert holder_of("A_2") == ""


@pytest.mark.mysql
def test_the_choice_is_made_anew_when_the_lane_changes_under_it() -> None:
    lane("-", "-", "-", group="A")

    assert overtaken(lambda: locations.fill("A_2", actor="m")) == Found("A_1")


def test_a_release_between_the_search_and_the_commit_of_the_wait_is_not_lost() -> None:
    lane("-", "-", group="A")
    for number in range(ROUNDS):
        holder, bell = f"R{number}", Bell()
        lock("R-9", "A_1")

        def wait_for_it(holder: str = holder, bell: Bell = bell) -> None:
            if isinstance(find_in_lane(holder, "A", filled=False), Waiting):
                matching.match_request(f"{holder}:lane", bell)

        def let_go(bell: Bell = bell) -> None:
            with transaction.atomic():
                locations.unlock("A_1", "R-9")
            matching.match(["A_1"], bell)

        side_by_side(wait_for_it, let_go)

        assert holder_of("A_2") == holder, f"round {number}: the wake-up was lost"
        if bell.rung:
            assert find_in_lane(holder, "A", filled=False) == Found("A_2")
        with transaction.atomic():
            locations.release_held_by(holder)
