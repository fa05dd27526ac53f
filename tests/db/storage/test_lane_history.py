"""Whatever happens in lanes, nobody waits for what he could have, and a search finds what the reference finds."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from storage import lane_matching, locations, matching, requests
from storage.finding import Found, Waiting
from storage.models import LaneWait, StorageLocation, StorageRequest
from storage.states import RequestKind, RequestState
from tests.db.storage.warehouse import Bell, after, build, find_in_lane, lock
from tests.support.lane_reference import Place, reachable

pytestmark = pytest.mark.django_db

GROUPS = ("A", "B")
SITES = [f"{group}_{number}" for group in GROUPS for number in range(4)]
HOLDERS = [f"R{n}" for n in range(6)]


class History:
    """Random commands, each followed by what its caller owes: a match after the commit."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._clock = 0
        self._bell = Bell()
        for group in GROUPS:
            build(*(site for site in SITES if site.startswith(group)), group=group)

    def step(self) -> None:
        self._clock += 1
        self.random.choice([self._search, self._search, self._resume, self._operate, self._operate, self._settle])()

    def _search(self) -> None:
        some, holder = self.random, self.random.choice(HOLDERS)
        wish = {
            "filled": some.random() < 0.5,
            "content": some.choice([None, None, "x", "y"]),
            "lock": some.random() < 0.8,
        }
        groups = some.choice([("A",), ("A", "B"), ("B", "A")])
        key = f"{holder}:{self._clock}"
        places = warehouse()
        outcome = find_in_lane(
            holder,
            *groups,
            key=key,
            first_at=after(self._clock),
            now=after(self._clock),
            priority=some.choice([0, 5]),
            **wish,  # type: ignore[arg-type]
        )
        expected = reachable(groups, places, holder=holder, **wish)  # type: ignore[arg-type]
        assert (outcome.site_id if isinstance(outcome, Found) else None) == expected
        if isinstance(outcome, Waiting):
            matching.match_request(key, self._bell)

    def _resume(self) -> None:
        row = StorageRequest.objects.filter(state=RequestState.GRANTED, kind=RequestKind.LANE).first()
        if row is None:
            return
        outcome = find_in_lane(
            row.holder,
            *(row.lane_groups or ()),
            key=row.key,
            first_at=row.first_at,
            now=row.first_at,
            filled=bool(row.filled),
            content=row.content,
            lock=row.lock,
            priority=row.priority,
        )
        assert isinstance(outcome, Found) or not row.lock, "what was granted and locked is there"
        if isinstance(outcome, Waiting):
            matching.match_request(row.key, self._bell)

    def _operate(self) -> None:
        site, some = self.random.choice(SITES), self.random
        commands: list[Callable[[], object]] = [
            partial(locations.disable, site, actor="m"),
            partial(locations.enable, site, actor="m"),
            partial(locations.fill, site, actor="m", content=some.choice(["x", "y"])),
            partial(locations.empty, site, actor="m"),
            partial(locations.set_content, site, some.choice(["", "x", "y"]), actor="m"),
            partial(locations.set_sync_failed, site, some.random() < 0.3, actor="m"),
            partial(locations.force_unlock, site, actor="m", reason="test"),
            partial(lock, some.choice(HOLDERS), site, retries=0),
        ]
        with transaction.atomic():
            done = some.choice(commands)()
        # A change under a lock is left to the sweep, as the callers do: for the others the lock stays in the way.
        if getattr(done, "match_now", True):
            matching.match([site], self._bell)

    def _settle(self) -> None:
        holder = self.random.choice(HOLDERS)
        with transaction.atomic():
            freed = locations.release_held_by(holder)
            ended = requests.cancel_for(holder)
        matching.match(freed, self._bell)
        matching.follow_up(ended, self._bell)


def warehouse() -> dict[str, list[Place]]:
    places: dict[str, list[Place]] = {group: [] for group in GROUPS}
    for row in StorageLocation.objects.all():
        off = row.disabled or row.sync_failed
        places[row.group_name].append(Place(row.site_id, row.filled, row.content, row.locked_by, off))
    return places


@pytest.mark.parametrize("seed", range(12))
def test_after_every_step_nobody_waits_for_what_a_lane_could_give_him(seed: int) -> None:
    history = History(seed)
    for number in range(60):
        history.step()

        pending = StorageRequest.objects.filter(state=RequestState.PENDING)
        holding = set(StorageLocation.objects.exclude(locked_by="").values_list("locked_by", flat=True))
        missed = [row for row in pending if lane_matching.usable_group(row) is not None]
        # Only a change under the own lock of the one who waits is left over, for the sweep.
        assert [row.key for row in missed if row.lock_for not in holding] == [], f"step {number}"
        if missed:
            matching.match(SITES, Bell())
            pending = StorageRequest.objects.filter(state=RequestState.PENDING)
            assert [row.key for row in pending if lane_matching.usable_group(row) is not None] == [], f"step {number}"
        queued = {(wait.request_id, wait.group_name) for wait in LaneWait.objects.all()}
        assert queued == {(row.pk, group) for row in pending for group in row.lane_groups or ()}
        for row in StorageLocation.objects.filter(reservation__isnull=False).select_related("reservation"):
            assert row.reservation is not None
            assert (row.reservation.state, row.reservation.granted_site) == (RequestState.GRANTED, row.site_id)
