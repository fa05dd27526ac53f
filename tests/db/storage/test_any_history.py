"""Whatever happens in whatever order, nobody waits for what he could have, and the rows agree with the journal."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.db import transaction

from storage import locations, matching, requests
from storage.criteria import fits
from storage.finding import Waiting
from storage.models import LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestKind, RequestState
from tests.concurrency.storage_threads import holders_over_time
from tests.db.storage.warehouse import Bell, after, build, find, lock, unlock

pytestmark = pytest.mark.django_db

SITES = ["B-01", "B-02", "B-03", "C-01"]
HOLDERS = [f"R{n}" for n in range(8)]


class History:
    """Random commands, each followed by what its caller owes: a match after the commit."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._clock = 0
        self._bell = Bell()
        build(*SITES[:3])
        build(SITES[3], group="C", filled=True)

    def step(self) -> None:
        """One command of a run or of an operator."""
        self._clock += 1
        often: list[Callable[[], None]] = [self._search, self._search, self._resume]
        rare: list[Callable[[], None]] = [self._lock, self._unlock, self._settle, self._operate]
        self._random.choice([*often, *rare])()

    def _holder(self) -> str:
        return self._random.choice(HOLDERS)

    def _search(self) -> None:
        holder, some = self._holder(), self._random
        wishes = [{"group": "B"}, {"group": "C"}, {"site_id": some.choice(SITES)}, {"filled": some.random() < 0.5}]
        outcome = find(
            holder,
            first_at=after(self._clock),
            now=after(self._clock),
            lock=some.random() < 0.8,
            fair=some.random() < 0.4,
            priority=some.choice([0, 0, 5]),
            **some.choice([*wishes, {"group": "B", "locked": None}, {"group": "B", "type": 0}]),
        )
        self._owe(outcome, f"{holder}:find")

    def _lock(self) -> None:
        holder = self._holder()
        self._owe(lock(holder, self._random.choice(SITES), fair=self._random.random() < 0.3), f"{holder}:lock")

    def _unlock(self) -> None:
        holder, site = self._holder(), self._random.choice(SITES)
        self._owe(unlock(holder, site), f"{holder}:unlock")
        matching.match([site], self._bell)

    def _settle(self) -> None:
        holder = self._holder()
        with transaction.atomic():
            freed = locations.release_held_by(holder)
            ended = requests.cancel_for(holder)
        matching.match(freed, self._bell)
        matching.follow_up(ended, self._bell)

    def _operate(self) -> None:
        site = self._random.choice(SITES)
        commands: list[Callable[[], object]] = [
            lambda: locations.disable(site, actor="m"),
            lambda: locations.enable(site, actor="m"),
            lambda: locations.fill(site, actor="m"),
            lambda: locations.empty(site, actor="m"),
            lambda: locations.force_unlock(site, actor="m", reason="test"),
        ]
        with transaction.atomic():
            self._random.choice(commands)()
        matching.match([site], self._bell)

    def _resume(self) -> None:
        """A woken run comes back with the same wish."""
        row = StorageRequest.objects.filter(state=RequestState.GRANTED, kind=RequestKind.FIND).first()
        if row is None:
            return
        outcome = find(
            row.holder,
            key=row.key,
            first_at=row.first_at,
            now=row.first_at,
            lock=row.lock,
            fair=row.fair,
            priority=row.priority,
            **{"site_id": row.site_id, "group": row.group_name, "filled": row.filled, "locked": row.locked},
        )
        self._owe(outcome, row.key)

    def _owe(self, outcome: object, key: str) -> None:
        if isinstance(outcome, Waiting):
            matching.match_request(key, self._bell)


def nobody_waits_for_what_he_could_have() -> list[str]:
    rows = list(StorageLocation.objects.all())
    missed = []
    for request in StorageRequest.objects.filter(state=RequestState.PENDING):
        head = request.fair_key is None or requests.head_of(request.fair_key) == request.pk
        missed += [f"{request.key} and {row.site_id}" for row in rows if head and fits(row, request)]
    return missed


@pytest.mark.parametrize("seed", range(12))
def test_after_every_step_the_warehouse_is_consistent(seed: int) -> None:
    history = History(seed)
    for number in range(60):
        history.step()

        assert nobody_waits_for_what_he_could_have() == [], f"step {number}"
        for row in StorageLocation.objects.filter(reservation__isnull=False).select_related("reservation"):
            assert row.reservation is not None
            assert (row.reservation.state, row.reservation.granted_site) == (RequestState.GRANTED, row.site_id)
            assert row.locked_by == row.reservation.lock_for

    entries = list(LocationEvent.objects.order_by("id").values_list("site_id", "action", "before", "after"))
    held = holders_over_time(entries)
    assert {site: held.get(site, "") for site in SITES} == dict(
        StorageLocation.objects.values_list("site_id", "locked_by")
    )


def test_the_queries_of_a_match_do_not_grow_with_those_who_wait(
    django_assert_max_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    build("B-01", "B-02")
    for site in SITES[:2]:
        lock("X", site)
    for n in range(300):
        find(f"R{n}", first_at=after(n), now=after(n))
    with transaction.atomic():
        locations.force_unlock("B-01", actor="m", reason="test")
    bell = Bell()

    with django_assert_max_num_queries(13):  # two of them are the savepoint that stands for the transaction here
        matching.match(["B-01"], bell)

    assert bell.holders == ["R0"]
