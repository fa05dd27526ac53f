"""Who gets a location: order, fairness, batches, follow-ups, and the sweep that repairs what a crash left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storage import locations, matching, requests
from storage.finding import Found, Waiting
from storage.matching import Sweep
from storage.models import LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestState
from tests.db.storage.warehouse import Bell, after, build, find, holder_of, lock, release

pytestmark = pytest.mark.django_db


def free(site_id: str) -> Bell:
    """Release and match, as every caller does; returns who was woken."""
    release(site_id)
    bell = Bell()
    matching.match([site_id], bell)
    return bell


def wait(holder: str, seconds: float = 0, **wish: object) -> None:
    outcome = find(holder, first_at=after(seconds), now=after(seconds), **wish)  # type: ignore[arg-type]
    assert isinstance(outcome, Waiting)


def test_priority_goes_first_and_age_second() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("old", 0)
    wait("young", 5)
    wait("urgent", 9, priority=7)

    assert [free("B-01").holders for _ in range(3)] == [["urgent"], ["old"], ["young"]]
    assert free("B-01").holders == []


def test_one_release_serves_one_lock_and_names_it_in_the_journal() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1")
    wait("R2", 1)

    assert free("B-01").rung == [("R1", "R1:find")]

    assert holder_of("B-01") == "R1"
    event = LocationEvent.objects.latest("id")
    assert (event.action, event.holder, event.actor) == ("granted", "R1", "R1")
    assert StorageRequest.objects.get(key="R2:find").state == RequestState.PENDING


def test_only_those_whom_the_location_fits_are_served() -> None:
    build("B-01", filled=True, content="X", type=1)
    lock("R9", "B-01")
    wait("other group", 0, group="C")
    wait("wants empty", 1, group="B", filled=False)
    wait("other goods", 2, group="B", content="Y")
    wait("other type", 3, group="B", type=0)
    wait("other site", 4, site_id="B-02")
    wait("fits", 5, group="B", filled=True, content="X", type=1)

    assert free("B-01").holders == ["fits"]


def test_searches_without_lock_are_all_served_before_the_lock_behind_them() -> None:
    build("B-01")
    lock("R9", "B-01")
    for n in range(120):
        wait(f"looker{n:03}", n, lock=False)
    wait("taker", 200)
    wait("late looker", 300, lock=False)

    assert free("B-01").holders == [f"looker{n:03}" for n in range(120)] + ["taker"]
    assert StorageRequest.objects.get(key="late looker:find").state == RequestState.PENDING


def test_every_change_that_helps_is_matched() -> None:
    build("B-01", disabled=True, filled=True, content="X")
    wait("R1", group="B", filled=False)
    steps = [
        lambda: locations.enable("B-01", actor="m"),
        lambda: locations.set_sync_failed("B-01", True, actor="m"),
        lambda: locations.empty("B-01", actor="m"),
        lambda: locations.set_sync_failed("B-01", False, actor="m"),
    ]
    woken = []
    for step in steps:
        with transaction.atomic():
            state = step()
        bell = Bell()
        matching.match([state.site_id], bell)
        woken.append(bell.holders)

    assert woken == [[], [], [], ["R1"]]


def test_a_new_location_is_matched() -> None:
    wait("R1", group="B")
    build("B-01")
    bell = Bell()

    matching.match(["B-01"], bell)

    assert bell.holders == ["R1"]


def test_only_the_head_of_a_fair_queue_is_served() -> None:
    build("B-01", type=0)
    lock("R9", "B-01")
    wait("head", 0, fair=True, group="B", type=1)
    wait("second", 1, fair=True, group="B", type=0)
    wait("not fair", 2, group="B", type=0)

    assert free("B-01").holders == ["not fair"]
    assert free("B-01").holders == []


def test_a_fair_newcomer_does_not_overtake_its_queue_but_priority_does() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("first", 0, fair=True)
    release("B-01")

    wait("newcomer", 1, fair=True)
    assert find("urgent", priority=3, fair=True, first_at=after(2), now=after(2)) == Found("B-01")


def test_whoever_comes_to_the_head_is_tried_when_the_head_is_cancelled() -> None:
    build("B-01", type=0)
    lock("R9", "B-01")
    wait("head", 0, fair=True, group="B", type=1)
    wait("second", 1, fair=True, group="B", type=0)
    free("B-01")

    with transaction.atomic():
        ended = requests.cancel_for("head")
    bell = Bell()
    matching.follow_up(ended, bell)

    assert ended.next_keys == ("second:find",)
    assert bell.holders == ["second"]


def test_settling_frees_what_was_granted_and_not_consumed() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1")
    wait("R2", 1)
    free("B-01")

    with transaction.atomic():
        ended = requests.cancel_for("R1")
    bell = Bell()
    matching.follow_up(ended, bell)

    assert ended.site_ids == ("B-01",)
    assert bell.holders == ["R2"]
    assert holder_of("B-01") == "R2"
    assert StorageRequest.objects.get(key="R1:find").state == RequestState.CANCELLED


def test_settling_keeps_what_was_consumed() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1")
    free("B-01")
    find("R1")

    with transaction.atomic():
        assert requests.cancel_for("R1").site_ids == ()
    assert holder_of("B-01") == "R1"


def test_a_request_committed_after_the_release_was_matched_finds_it_itself() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1")
    release("B-01")  # and its match ran before the request was there to be seen

    bell = Bell()
    matching.match_request("R1:find", bell)

    assert bell.holders == ["R1"]
    assert find("R1") == Found("B-01")


def test_match_request_serves_a_better_claim_first() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1", 5)
    wait("R2", 0)
    release("B-01")

    bell = Bell()
    matching.match_request("R1:find", bell)

    assert bell.holders == ["R2"]
    assert StorageRequest.objects.get(key="R1:find").match_wanted_at is None


def test_a_new_priority_changes_the_place() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1", 0)
    wait("R2", 1)

    assert requests.reprioritise("R2", 50) == 1
    assert free("B-01").holders == ["R2"]


@pytest.mark.django_db(transaction=True)
def test_matching_refuses_to_run_inside_a_transaction() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1")
    release("B-01")

    with pytest.raises(RuntimeError), transaction.atomic():
        matching.match(["B-01"], Bell())
    assert matching.match(["B-01", "nowhere"], Bell())


# --- Sweep -----------------------------------------------------------------------------------------------------------


def sweep(bell: Bell, seconds: float = 10) -> Sweep:
    return matching.sweep(bell, now=timezone.now() + timedelta(seconds=seconds))


def test_a_sweep_of_a_warehouse_at_rest_is_five_queries_however_many_wait() -> None:
    build(*(f"B-{n:02}" for n in range(20)), disabled=True)
    for n in range(30):
        wait(f"R{n}", (timezone.now() - after(0)).total_seconds())
        matching.match_request(f"R{n}:find", Bell())
    bell = Bell()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        result = sweep(bell)

    assert result == Sweep()
    assert len(queries) == 5
    assert bell.rung == []


def test_the_sweep_repairs_a_match_that_was_never_made() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1", (timezone.now() - after(0)).total_seconds())
    matching.match_request("R1:find", Bell())
    release("B-01")  # and the process dies here
    bell = Bell()

    assert sweep(bell, seconds=0).matched_locations == 0, "whoever changed it is about to match it himself"
    assert sweep(bell).granted == 1
    assert bell.holders == ["R1"]


def test_the_sweep_repairs_a_request_that_was_never_matched() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1", (timezone.now() - after(0)).total_seconds())
    release("B-01")
    StorageLocation.objects.update(match_wanted_at=None)  # the release was matched before the request was committed
    bell = Bell()

    assert sweep(bell).matched_requests == 1
    assert bell.holders == ["R1"]


def test_the_sweep_wakes_again_who_did_not_consume_a_grant() -> None:
    build("B-01")
    lock("R9", "B-01")
    wait("R1", (timezone.now() - after(0)).total_seconds())
    free("B-01")
    bell = Bell()

    assert sweep(bell, seconds=1).nudged == 0
    assert sweep(bell).nudged == 1
    assert bell.rung == [("R1", "R1:find")]


def test_the_sweep_expires_what_is_overdue_and_wakes_it() -> None:
    build("B-01", disabled=True)
    wait("R1", 0, retries=5)
    wait("R2", (timezone.now() - after(0)).total_seconds())
    bell = Bell()

    assert sweep(bell).expired == 1
    assert bell.holders == ["R1"]
    assert StorageRequest.objects.get(key="R1:find").state == RequestState.EXPIRED


def test_the_sweep_enables_what_was_disabled_until_now() -> None:
    build("B-01", disabled=True, disabled_until=timezone.now() + timedelta(seconds=5))
    wait("R1", (timezone.now() - after(0)).total_seconds())
    bell = Bell()

    assert sweep(bell, seconds=0).enabled == 0
    assert sweep(bell).enabled == 1
    assert bell.holders == ["R1"]


def test_a_sweep_is_bounded_and_the_next_one_goes_on() -> None:
    build("B-01", disabled=True)
    for n in range(5):
        wait(f"R{n}", n, retries=1)
    bell = Bell()
    now = timezone.now()

    assert [matching.sweep(bell, now=now, limit=2).expired for _ in range(4)] == [2, 2, 1, 0]
    assert len(bell.rung) == 5


def test_a_database_error_at_one_location_stops_no_other() -> None:
    build("B-01", "B-02")
    for site in ("B-01", "B-02"):
        lock("R9", site)
    wait("R1", (timezone.now() - after(0)).total_seconds(), site_id="B-01")
    wait("R2", (timezone.now() - after(0)).total_seconds(), site_id="B-02")
    for row in StorageRequest.objects.all():
        requests.mark_matched(row)
    release("B-01")
    release("B-02")
    woken: list[str] = []

    def wake(holder: str, _key: str) -> None:
        if holder == "R1":
            raise DatabaseError("deadlock")
        woken.append(holder)

    assert matching.sweep(wake, now=timezone.now() + timedelta(seconds=10)).granted == 1
    assert woken == ["R2"]


def test_a_change_during_a_match_keeps_its_mark() -> None:
    build("B-01")
    seen = StorageLocation.objects.get()
    with transaction.atomic():
        locations.fill("B-01", actor="m")

    locations.mark_matched(seen.pk, seen.rev)

    assert StorageLocation.objects.get().match_wanted_at is not None


def test_the_database_refuses_one_location_for_two_grants_and_a_grant_without_lock() -> None:
    build("B-01", "B-02")
    for site in ("B-01", "B-02"):
        lock("R9", site)
    wait("R1")
    request = StorageRequest.objects.get()
    StorageLocation.objects.filter(site_id="B-01").update(reservation=request)

    with pytest.raises(DatabaseError), transaction.atomic():
        StorageLocation.objects.filter(site_id="B-02").update(reservation=request)
    with pytest.raises(DatabaseError), transaction.atomic():
        StorageLocation.objects.filter(site_id="B-01").update(locked_by="", locked_at=None)
    with pytest.raises(DatabaseError), transaction.atomic():
        StorageRequest.objects.update(state=RequestState.GRANTED, granted_at=Now(), granted_site="B-01")
