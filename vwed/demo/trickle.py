"""A run every few seconds, so that every page of the demo shows life. Supervised as ``python -m vwed.demo``.

Bounded: never more than ``MAX_ACTIVE`` runs of its own at a time. Of the runs that need a decision only a few are kept,
and pallets that were lost that way come back, so that the demo goes on for ever.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, close_old_connections
from django.db.models import Count, Q

from scheduler.commands import sites
from scheduler.commands.cancel import cancel
from scheduler.errors import Refused
from scheduler.models import TaskRecord, Wait
from scheduler.states import ENDED, Status
from scheduler.submission import submit
from storage.models import StorageLocation
from vwed.demo.warehouse import ACTOR, GROUPS, ORIGIN

logger = logging.getLogger(__name__)

INTERVAL_S = (2.0, 5.0)
MAX_ACTIVE = 7
#: Runs that need a decision, kept for people to look at; older ones are cancelled.
KEPT_UNDECIDED = 3
#: Of this many runs, one each is of a special kind; all others move pallets.
CYCLE = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """A run to be started."""

    label: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 1


def choose(number: int, fill: Mapping[str, tuple[int, int]], waiting: int, chance: random.Random) -> list[Wish]:
    """What the ``number``-th turn starts. ``fill``: group → (pallets free to move, empty places that are free)."""
    match number % CYCLE:
        case 2:
            stops = chance.sample(["IN-01", "IN-03", "BUF-02", "RACK-05", "OUT-02", "OUT-04"], 3)
            return [Wish("Supply tour", {"stops": stops, "firstStop": stops[0], "pauseMillis": 1500})]
        case 5:
            return [Wish("Serve both docks", {"leftDock": "OUT-01", "rightDock": "OUT-04"}, priority=2)]
        case 7:
            return [Wish("Weigh pallet", {"weight": chance.randint(400, 1600), "limit": 1000})]
        case 9:
            return [Wish("Check lane", {"laneClear": chance.random() > 0.25})]
        case 4 | 11 if waiting == 0:
            # One more than there are pallets, so that the console shows a run that waits, and why.
            scarce = min(fill, key=lambda name: fill[name][0])
            return [_move(scarce, _next_group(scarce))] * (fill[scarce][0] + 1)
    return [_fullest_onwards(fill)]


def _fullest_onwards(fill: Mapping[str, tuple[int, int]]) -> Wish:
    """A move from the group with most free pallets among those whose next group has room."""
    possible = [name for name, (pallets, _places) in fill.items() if pallets and fill[_next_group(name)][1]]
    source = max(possible or [GROUPS[0].name], key=lambda name: fill[name][0])
    return _move(source, _next_group(source))


def _next_group(name: str) -> str:
    names = [group.name for group in GROUPS]
    return names[(names.index(name) + 1) % len(names)]


def _move(source: str, target: str) -> Wish:
    return Wish("Move pallet", {"fromGroup": source, "toGroup": target})


def fill_of_groups() -> dict[str, tuple[int, int]]:
    """Free pallets and free empty places of each group. One query."""
    free = Q(locked_by="", disabled=False, sync_failed=False)
    counted = StorageLocation.objects.values("group_name").annotate(
        pallets=Count("id", filter=free & Q(filled=True)), places=Count("id", filter=free & Q(filled=False))
    )
    found = {row["group_name"]: (row["pallets"], row["places"]) for row in counted}
    return {group.name: found.get(group.name, (0, 0)) for group in GROUPS}


def start_next(number: int, chance: random.Random) -> list[str]:
    """Start what comes next unless enough runs are under way; returns the record ids.

    Raises:
        Refused: a definition of the demo was deleted or disabled.
        DatabaseError: the database is away.
    """
    own = TaskRecord.objects.filter(created_by=ACTOR)
    active = own.exclude(status__in=(*ENDED, Status.INTERRUPTED)).order_by()[: MAX_ACTIVE + 1].count()
    if active >= MAX_ACTIVE:
        return []
    waiting = Wait.objects.filter(record__created_by=ACTOR, code="location").count()
    return [
        submit(
            label=wish.label, inputs=wish.inputs, priority=wish.priority, actor=ACTOR, origin=ORIGIN
        ).record.record_id
        for wish in choose(number, fill_of_groups(), waiting, chance)[: MAX_ACTIVE - active]
    ]


def tidy() -> None:
    """Cancel what nobody decides, and bring back pallets that such runs lost on the way.

    Raises:
        DatabaseError: the database is away.
    """
    undecided = TaskRecord.objects.filter(created_by=ACTOR, status=Status.INTERRUPTED).order_by("-id")
    too_many = list(undecided.values_list("record_id", flat=True)[KEPT_UNDECIDED : KEPT_UNDECIDED + 50])
    if too_many:
        cancel(too_many, actor=ACTOR, reason="Nobody decided in the demo.", origin=ORIGIN, release_sites=True)
    on_the_way = TaskRecord.objects.filter(created_by=ACTOR, label="Move pallet").exclude(status__in=ENDED).count()
    pallets = StorageLocation.objects.filter(group_name__in=[group.name for group in GROUPS], filled=True).count()
    if pallets + on_the_way < sum(group.pallets for group in GROUPS):
        free = (
            StorageLocation.objects.filter(group_name=GROUPS[0].name, filled=False, locked_by="")
            .order_by("site_id")
            .first()
        )
        if free is not None:
            sites.fill([free.site_id], actor=ACTOR, origin=ORIGIN)


def run(stop: threading.Event, chance: random.Random) -> None:
    """Start runs until ``stop`` is set. A database that is away, or a deleted definition, only skips a turn."""
    number = TaskRecord.objects.filter(created_by=ACTOR).count()
    while not stop.wait(chance.uniform(*INTERVAL_S)):
        close_old_connections()
        try:
            tidy()
            number += bool(start_next(number, chance))
        except (Refused, DatabaseError) as error:
            logger.warning("The demo could not start a run: %s", error)
            number += 1
