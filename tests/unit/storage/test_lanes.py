"""What is reachable in a dense lane, judged beside a reference, and what a group offers to those who wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.effects import AcquireLaneSite
from execution.testing import Site
from execution.testing.lanes import reachable as in_memory
from storage import lanes
from storage.criteria import lane_keys
from storage.errors import InvalidValue, NotInALane
from storage.finding import named_lanes
from storage.lanes import Blocked, LaneSite, LaneWish
from tests.support.lane_reference import Place, reachable


def site(name: str, *, filled: bool = False, content: str = "", locked_by: str = "", off: bool = False) -> LaneSite:
    group, _, _number = name.rpartition("_")
    return LaneSite(hash(name), name, group, filled, content, locked_by, off)


def full(name: str, content: str = "") -> LaneSite:
    return site(name, filled=True, content=content)


def take(content: str | None = None, *groups: str, lock: bool = True, holder: str = "R1") -> LaneWish:
    return LaneWish(groups or ("A",), filled=True, content=content, lock=lock, holder=holder)


def put(*groups: str, content: str | None = None, lock: bool = True, holder: str = "R1") -> LaneWish:
    return LaneWish(groups or ("A",), filled=False, content=content, lock=lock, holder=holder)


def chosen(wish: LaneWish, *sites: LaneSite) -> str | None:
    found = lanes.choose(lanes.arrange(sites), wish)
    return None if found is None else found.site_id


# --- Taking ----------------------------------------------------------------------------------------------------------


def test_the_first_load_from_the_aisle_is_taken_by_number_not_by_text() -> None:
    assert chosen(take(), full("A_10"), full("A_9"), site("A_1")) == "A_9"


def test_only_the_first_load_counts_and_its_content_has_to_match() -> None:
    assert chosen(take("x"), full("A_1", "y"), full("A_2", "x")) is None
    assert chosen(take("y"), full("A_1", "y"), full("A_2", "x")) == "A_1"
    assert chosen(take(None), full("A_1", "y")) == "A_1"
    assert chosen(take(""), full("A_1", "y")) is None


@pytest.mark.parametrize("blocking", [site("A_1", off=True), site("A_1", locked_by="R2")])
def test_what_is_off_or_locked_by_another_stops_the_lane(blocking: LaneSite) -> None:
    assert chosen(take(), blocking, full("A_2")) is None


def test_a_lock_of_the_run_itself_is_not_in_its_way_but_is_not_given_twice() -> None:
    assert chosen(take(), site("A_1", locked_by="R1"), full("A_2")) == "A_2"
    held = site("A_1", filled=True, locked_by="R1")
    assert chosen(take(), held, full("A_2")) is None
    assert chosen(take(lock=False), held, full("A_2")) == "A_1"


def test_an_empty_lane_has_nothing_to_take() -> None:
    assert chosen(take(), site("A_1"), site("A_2")) is None
    assert chosen(take()) is None


# --- Putting ---------------------------------------------------------------------------------------------------------


def test_the_place_before_the_first_load_is_filled_or_the_last_one() -> None:
    assert chosen(put(), site("A_1"), site("A_2"), full("A_3")) == "A_2"
    assert chosen(put(), site("A_1"), site("A_2"), site("A_3", off=True), site("A_4")) == "A_2"
    assert chosen(put(), site("A_1"), site("A_2")) == "A_2"
    assert chosen(put(), full("A_1"), site("A_2")) is None
    assert chosen(put(), site("A_1", off=True), site("A_2")) is None


def test_a_lock_of_another_on_the_way_or_right_behind_makes_the_lane_unusable() -> None:
    assert chosen(put(), site("A_1", locked_by="R2"), site("A_2")) is None
    assert chosen(put(), site("A_1"), site("A_2", filled=True, locked_by="R2")) is None
    assert chosen(put(), site("A_1"), site("A_2", off=True, locked_by="R2")) is None
    assert chosen(put(), site("A_1"), full("A_2"), site("A_3", locked_by="R2")) == "A_1"


# --- Direct locations, several groups --------------------------------------------------------------------------------


def test_number_0_goes_first_when_its_content_is_equal() -> None:
    assert chosen(take("x"), full("A_0", "x"), full("A_1", "x")) == "A_0"
    assert chosen(take(None), full("A_0", "x"), full("A_1", "x")) == "A_1"
    assert chosen(put(content="x"), site("A_0"), site("A_1")) == "A_1"
    assert chosen(put(), site("A_0"), site("A_1")) == "A_0"
    assert chosen(put(), site("A_0", locked_by="R1"), site("A_1")) == "A_1"
    assert chosen(put(), site("A_0", off=True), site("A_1")) == "A_1"


def test_groups_are_tried_in_the_order_given_direct_locations_of_all_first() -> None:
    sites = site("A_1"), site("B_1"), site("B_0")
    assert chosen(put("A", "B"), *sites) == "B_0"
    assert chosen(put("B", "A"), *sites[:2]) == "B_1"
    assert chosen(put("A", "B"), full("A_1"), site("B_1")) == "B_1"


# --- Against the reference -------------------------------------------------------------------------------------------

_CONTENTS = st.sampled_from(["", "x", "y"])
_ANY_SITE = st.tuples(
    st.sampled_from(["A", "B"]), st.integers(0, 4), st.booleans(), _CONTENTS, st.sampled_from(["", "", "R1", "R2"]),
    st.sampled_from([False, False, True]),
)  # fmt: skip
_SITES = st.lists(_ANY_SITE, max_size=10, unique_by=lambda one: one[:2])
_WISHES = st.builds(
    LaneWish,
    groups=st.sampled_from([("A",), ("A", "B"), ("B", "A"), ("B", "C")]),
    filled=st.booleans(),
    content=st.none() | _CONTENTS,
    lock=st.booleans(),
    holder=st.sampled_from(["R1", "R3"]),
)


def _both(found: list[tuple[str, int, bool, str, str, bool]]) -> tuple[list[LaneSite], dict[str, list[Place]]]:
    sites, places = [], {group: list[Place]() for group in "ABC"}
    for group, number, filled, content, locked_by, off in found:
        name = f"{group}_{number}"
        sites.append(site(name, filled=filled, content=content, locked_by=locked_by, off=off))
        places[group].append(Place(name, filled, content, locked_by, off))
    return sites, places


@given(_SITES, _WISHES)
def test_every_choice_is_that_of_the_reference(
    found: list[tuple[str, int, bool, str, str, bool]], wish: LaneWish
) -> None:
    sites, places = _both(found)
    expected = reachable(
        wish.groups, places, filled=wish.filled, content=wish.content, lock=wish.lock, holder=wish.holder
    )

    assert chosen(wish, *sites) == expected
    if expected is None:
        assert len(lanes.obstacles(lanes.arrange(sites), wish)) == len(wish.groups)


@given(_SITES, _WISHES)
def test_the_world_in_memory_chooses_alike(found: list[tuple[str, int, bool, str, str, bool]], wish: LaneWish) -> None:
    sites, _places = _both(found)
    fakes = [Site(one.site_id, one.group, one.filled, one.content, one.locked_by, one.off) for one in sites]
    asked = AcquireLaneSite(wish.groups, wish.filled, wish.content, wish.lock)

    fake = in_memory(fakes, asked, wish.holder)

    assert (None if fake is None else fake.site_id) == chosen(wish, *sites)


@given(_SITES, _WISHES)
def test_a_group_offers_exactly_what_somebody_without_locks_would_get_there(
    found: list[tuple[str, int, bool, str, str, bool]], wish: LaneWish
) -> None:
    sites, _places = _both(found)
    groups = lanes.arrange(sites)
    anybody = LaneWish(wish.groups, wish.filled, wish.content, lock=True, holder="R9")
    offered: set[str] = set()
    for group in wish.groups:
        offered.update(*lanes.offers(group, groups.get(group, ())))
    keys = {key for group in wish.groups for key in lane_keys(group, wish.filled, wish.content)}

    assert bool(offered & keys) == (lanes.choose(groups, anybody) is not None)


# --- Refusals and reasons --------------------------------------------------------------------------------------------


def test_a_location_without_a_number_is_named() -> None:
    with pytest.raises(NotInALane, match=r"A-7.*ends in no number"):
        lanes.check([site("A_1"), LaneSite(7, "A-7", "A", False, "", "", False)])
    assert chosen(put(), site("A_1"), LaneSite(7, "A-7", "A", True, "", "", False)) == "A_1"


@pytest.mark.parametrize("groups", [(), tuple(f"G{n}" for n in range(101))])
def test_a_wish_names_one_to_a_hundred_groups(groups: tuple[str, ...]) -> None:
    with pytest.raises(InvalidValue, match="lanes are named"):
        lanes.wish(named_lanes("k", "R1", groups, filled=True))


def test_what_blocks_a_lane_is_named() -> None:
    held = site("A_2", filled=True, locked_by="R2")
    lane = lanes.arrange([site("A_1"), held, full("B_1", "y"), site("C_1", off=True)])

    found = lanes.obstacles(lane, take("x", "A", "B", "C", "D"))

    assert [(one.group, one.why, one.site.site_id if one.site else "") for one in found] == [
        ("A", "locked", "A_2"),
        ("B", "content", "B_1"),
        ("C", "off", "C_1"),
        ("D", "fill", ""),
    ]
    assert lanes.walk([full("A_1")], put()) == Blocked("A", "fill", full("A_1"))
