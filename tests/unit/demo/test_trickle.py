"""What the demo starts next: pallets go round for ever, and every kind of run appears."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from vwed.demo.trickle import CYCLE, choose
from vwed.demo.warehouse import GROUPS

NAMES = [group.name for group in GROUPS]
PLENTY = dict.fromkeys(NAMES, (2, 2))


@pytest.fixture
def chance() -> random.Random:
    return random.Random(7)


def test_within_one_cycle_every_definition_is_started(chance: random.Random) -> None:
    labels = Counter(wish.label for number in range(CYCLE) for wish in choose(number, PLENTY, 0, chance))

    assert set(labels) == {"Move pallet", "Supply tour", "Serve both docks", "Weigh pallet", "Check lane"}
    assert labels["Move pallet"] > CYCLE / 2


def test_a_pallet_moves_on_to_the_next_group_with_room(chance: random.Random) -> None:
    fill = {"GOODS-IN": (3, 1), "BUFFER": (2, 0), "RACK": (1, 7), "GOODS-OUT": (1, 3)}
    (wish,) = choose(0, fill, 0, chance)

    # GOODS-IN has most pallets, but BUFFER has no room.
    assert wish.inputs == {"fromGroup": "BUFFER", "toGroup": "RACK"}


def test_the_ring_closes(chance: random.Random) -> None:
    fill = dict.fromkeys(NAMES, (0, 4)) | {NAMES[-1]: (4, 0)}

    assert choose(0, fill, 0, chance)[0].inputs == {"fromGroup": NAMES[-1], "toGroup": NAMES[0]}


def test_now_and_then_a_run_waits_for_a_location_but_only_one_at_a_time(chance: random.Random) -> None:
    fill = PLENTY | {"RACK": (1, 7)}
    more_than_there_are = choose(11, fill, 0, chance)

    assert [wish.inputs["fromGroup"] for wish in more_than_there_are] == ["RACK", "RACK"]
    assert len(choose(11, fill, 1, chance)) == 1


def test_a_full_or_empty_warehouse_still_gives_a_run(chance: random.Random) -> None:
    for fill in (dict.fromkeys(NAMES, (0, 0)), dict.fromkeys(NAMES, (4, 0)), dict.fromkeys(NAMES, (0, 4))):
        assert choose(0, fill, 0, chance)[0].label == "Move pallet"


def test_a_simulated_year_of_choices_never_stops_the_ring(chance: random.Random) -> None:
    pallets = {group.name: group.pallets for group in GROUPS}
    places = {group.name: group.rows * group.columns for group in GROUPS}
    total, moved = sum(pallets.values()), Counter[str]()
    for number in range(5_000):
        fill = {name: (pallets[name], places[name] - pallets[name]) for name in NAMES}
        (wish,) = choose(number, fill, 1, chance)
        if wish.label == "Move pallet":
            source, target = wish.inputs["fromGroup"], wish.inputs["toGroup"]
            assert pallets[source] > 0
            assert pallets[target] < places[target]
            pallets[source] -= 1
            pallets[target] += 1
            moved[source] += 1

    assert sum(pallets.values()) == total
    assert min(moved[name] for name in NAMES) > 500
