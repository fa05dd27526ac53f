"""Built-in and extension attributes, and columns set on many locations at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from storage import areas, locations, search
from storage.criteria import Criteria
from storage.errors import InvalidValue, UnknownGroup, UnknownLocation
from storage.finding import Found
from storage.locations.attributes import BUILT_IN
from storage.models import LocationEvent, StorageLocation
from tests.db.storage.lane_warehouse import change, lane, wait
from tests.db.storage.warehouse import build, find_in_lane, lock

pytestmark = pytest.mark.django_db

#: Attribute → a value to write, what is read afterwards, and the journal's action.
WRITABLE = {
    "siteName": ("Ramp 1", "Ramp 1", "attribute"),
    "TYPE": ("1", 1, "attribute"),
    "groupName": ("C", "C", "attribute"),
    "area": ("Yard", "Yard", "attribute"),
    "filled": ("true", 1, "filled"),
    "content": ("pallet", "pallet", "content"),
    "tags": ("hot", "hot", "tags"),
    "disabled": ("1", 1, "disabled"),
    "syncfailed": ("True", 1, "sync"),
    "agvId": ("AMB-01", "AMB-01", "attribute"),
    "rowNum": ("3", 3, "attribute"),
    "colNum": ("-4", -4, "attribute"),
    "level": ("+1", 1, "attribute"),
    "depth": ("", None, None),
    "no": ("17", "17", "attribute"),
    "height": ("1.80", "1.80", "attribute"),
}


def put(name: str, value: str, site: str = "B-01") -> locations.LocationState:
    with transaction.atomic():
        return locations.set_attribute(site, name, value, actor="m")


@pytest.mark.parametrize("name", WRITABLE)
def test_an_attribute_is_read_as_it_was_written_and_the_change_is_journalled(name: str) -> None:
    build("B-01")
    areas.ensure_area("Yard")
    value, expected, action = WRITABLE[name]
    before = StorageLocation.objects.get().rev

    state = put(name, value)

    assert locations.read_attribute("B-01", name) == expected
    events = list(LocationEvent.objects.exclude(action="created").values_list("action", flat=True))
    assert events == ([action] if action else [])
    row = StorageLocation.objects.get()
    assert (row.rev > before, row.match_wanted_at is not None, state.changed) == (bool(action),) * 3
    assert put(name, value).changed is False


def test_every_attribute_that_can_be_written_is_tested() -> None:
    writable = {name for name, item in BUILT_IN.items() if item.write is not None}

    assert writable == {name.lower() for name in WRITABLE} - {"height"}


@pytest.mark.parametrize("name", ["siteId", "locked", "LOCKEDBY", "holder"])
def test_the_id_the_lock_and_what_the_fleet_sets_are_not_written(name: str) -> None:
    build("B-01")

    with pytest.raises(InvalidValue, match="cannot be set") as refused:
        put(name, "x")
    assert refused.value.remedy
    assert locations.read_attribute("B-01", name) in ("B-01", 0, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filled", "perhaps"),
        ("disabled", ""),
        ("type", "2"),
        ("rowNum", "3.5"),
        ("level", "2147483648"),
        ("depth", "9" * 400),
        ("no", "x" * 65),
        ("content", "x" * 256),
        ("tags", "x" * 256),
        ("groupName", "x" * 129),
        ("area", "nowhere"),
        ("height", "x" * 256),
        ("x" * 129, "1"),
        (" ", "1"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_nothing_is_written(name: str, value: str) -> None:
    build("B-01")

    with pytest.raises(InvalidValue):
        put(name, value)
    assert LocationEvent.objects.exclude(action="created").count() == 0


def test_an_unknown_location_is_refused_and_an_unknown_attribute_is_nothing() -> None:
    build("B-01")

    for name in ("content", "groupName", "height", "siteId", "area"):
        with pytest.raises(UnknownLocation):
            put(name, "1", site="nowhere")
        with pytest.raises(UnknownLocation):
            locations.read_attribute("nowhere", name)
    assert locations.read_attribute("B-01", "height") is None


def test_setting_an_attribute_leaves_the_lock_alone() -> None:
    build("B-01")
    lock("R1", "B-01")
    for name in ("filled", "disabled", "groupName", "rowNum"):
        put(name, "1")

    assert StorageLocation.objects.get().locked_by == "R1"


def test_a_location_that_leaves_a_lane_makes_room_for_who_waits_there() -> None:
    lane("x", "-", "-")
    build("C-1", group="C")
    wait("R1", filled=False)

    bell = change(lambda: locations.set_attribute("L_1", "groupName", "C", actor="m"), "L_2")

    assert StorageLocation.objects.filter(match_wanted_at__isnull=False).exists()  # left for the sweep: it moved
    assert bell.rung == [("R1", "R1:lane")]
    assert find_in_lane("R1", filled=False) == Found("L_3")


def test_a_location_that_stays_is_marked_when_its_neighbour_leaves_the_lane() -> None:
    lane("x", "-")

    put("groupName", "C", site="L_1")

    assert StorageLocation.objects.get(site_id="L_2").match_wanted_at is not None


def test_what_is_public_of_a_location_has_the_names_of_the_definitions() -> None:
    build("B-01", content="pallet", filled=True)
    lock("R1", "B-01")

    found = search.look(Criteria(locked=True), descending=False)

    assert found is not None
    public = locations.public(found)
    assert list(public) == [
        *("siteId", "siteName", "type", "groupName", "area", "filled", "locked", "lockedBy", "content", "tags"),
        *("disabled", "syncFailed", "holder", "agvId", "rowNum", "colNum", "level", "depth", "no"),
    ]
    assert [public[name] for name in ("siteId", "filled", "locked", "lockedBy", "area", "rowNum")] == [
        *("B-01", 1, 1, "R1", "Hall", None)
    ]


def test_a_look_sees_only_what_can_be_had() -> None:
    build("B-01", "B-02", "B-03", "B-04")
    lock("R1", "B-01")
    with transaction.atomic():
        locations.disable("B-02", actor="m")

    def seen(descending: bool = False, **asked: object) -> str | None:
        row = search.look(Criteria(**asked), descending=descending)  # type: ignore[arg-type]
        return None if row is None else row.site_id

    assert (seen(), seen(descending=True)) == ("B-03", "B-04")
    assert (seen(locked=None), seen(locked=True)) == ("B-01", "B-01")
    assert (seen(group="C"), seen(filled=True), seen(site_id="B-02")) == (None, None, None)


# --- Many at once ----------------------------------------------------------------------------------------------------


def set_many(*sites: str, groups: tuple[str, ...] = (), **columns: object) -> list[locations.LocationState]:
    with transaction.atomic():
        return locations.set_many(sites, groups, actor="m", **columns)  # type: ignore[arg-type]


def test_many_locations_and_whole_groups_are_set_and_only_changes_are_journalled() -> None:
    build("B-01", "B-02", filled=True, content="x")
    build("C-01", "C-02", "D-01", group="C")

    done = set_many("B-01", "B-01", groups=("C",), filled=True, content="x", type=1)

    assert [state.site_id for state in done] == ["B-01", "C-01", "C-02", "D-01"]
    assert StorageLocation.objects.filter(filled=True, content="x", type=1).count() == 4
    entries = LocationEvent.objects.exclude(action="created").values_list("site_id", "action")
    assert list(entries.filter(site_id="B-01")) == [("B-01", "attribute")]
    assert entries.count() == 1 + 3 * 3
    assert set_many("B-01", groups=("C",), filled=True, content="x", type=1) == []


def test_one_unknown_name_refuses_all_of_it() -> None:
    build("B-01")

    with pytest.raises(UnknownLocation, match="nowhere"):
        set_many("B-01", "nowhere", filled=True)
    with pytest.raises(UnknownGroup, match="'Z'"):
        set_many("B-01", groups=("Z",), filled=True)
    assert StorageLocation.objects.get().filled is False


def test_nothing_named_nothing_given_and_too_much_are_refused() -> None:
    build("B-01")
    build(*(f"C-{n}" for n in range(1001)), group="C")

    with pytest.raises(InvalidValue, match="No location and no group"):
        set_many(filled=True)
    with pytest.raises(InvalidValue, match="Nothing to set"):
        set_many("B-01")
    for sites, groups in (((), ("C",)), (tuple(f"X{n}" for n in range(1001)), ())):
        with pytest.raises(InvalidValue, match="too many"):
            set_many(*sites, groups=groups, filled=True)
    with pytest.raises(InvalidValue, match="256 characters"):
        set_many("B-01", content="x" * 256)


def test_setting_many_costs_the_same_however_many(
    django_assert_max_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    build(*(f"B-{n}" for n in range(300)))

    with django_assert_max_num_queries(8):  # two of them are the savepoint that stands for the transaction here
        assert len(set_many(groups=("B",), filled=True)) == 300


def test_a_bulk_change_serves_who_waits() -> None:
    lane("-", "-")
    wait("R1", filled=True, content="x")

    assert change(lambda: locations.set_many(["L_2"], [], actor="m", filled=True, content="x"), "L_2").holders == ["R1"]
