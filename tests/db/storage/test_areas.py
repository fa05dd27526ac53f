"""Areas and locations are created one by one or as a grid, all or nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from storage import areas
from storage.areas import NewLocation
from storage.errors import DuplicateLocation, InvalidValue, StorageError
from storage.models import Area, LocationEvent, StorageLocation

pytestmark = pytest.mark.django_db


def test_an_area_is_made_once() -> None:
    assert areas.ensure_area("Hall", title="Main hall") == areas.ensure_area("Hall")
    assert str(Area.objects.get()) == "Main hall"
    assert areas.ensure_area("hall") != areas.ensure_area("Hall")


def test_a_location_is_created_with_all_it_was_given() -> None:
    new = NewLocation("B-01", name="first", group="B", filled=True, content="X", row=1, column=-2, level=3, no="7")

    assert areas.create(areas.ensure_area("Hall"), [new], actor="maria") == ["B-01"]

    row = StorageLocation.objects.get()
    assert (row.name, row.group_name, row.filled, row.content, row.row, row.column, row.level, row.no) == (
        "first",
        "B",
        True,
        "X",
        1,
        -2,
        3,
        "7",
    )
    assert row.match_wanted_at is not None, "somebody may be waiting for it"
    assert LocationEvent.objects.get().actor == "maria"


def test_a_grid_is_named_so_that_text_order_is_its_order() -> None:
    new = areas.grid("P", group="PICK", rows=2, columns=120)

    ids = [one.site_id for one in new]
    assert (ids[0], ids[-1], len(ids)) == ("P-01-001", "P-02-120", 240)
    assert ids == sorted(ids)
    assert len(areas.create(areas.ensure_area("Hall"), new, actor="m")) == 240


def test_duplicates_are_named_and_nothing_is_created() -> None:
    area = areas.ensure_area("Hall")
    areas.create(area, [NewLocation("B-01")], actor="m")

    with pytest.raises(DuplicateLocation, match="B-01"):
        areas.create(area, [NewLocation("B-02"), NewLocation("B-01")], actor="m")
    with pytest.raises(DuplicateLocation, match="B-03"):
        areas.create(area, [NewLocation("B-03"), NewLocation("B-03")], actor="m")
    assert list(StorageLocation.objects.values_list("site_id", flat=True)) == ["B-01"]


@pytest.mark.parametrize(
    "new",
    [
        NewLocation(""),
        NewLocation(" B-01"),
        NewLocation("x" * 129),
        NewLocation("B-01", content="x" * 256),
        NewLocation("B-01", row=2**31),
    ],
)
def test_unusable_values_are_refused(new: NewLocation) -> None:
    with pytest.raises(InvalidValue) as refused:
        areas.create(areas.ensure_area("Hall"), [new], actor="m")
    assert refused.value.remedy
    assert not StorageLocation.objects.exists()


@pytest.mark.parametrize(("rows", "columns"), [(0, 5), (5, -1), (101, 100)])
def test_impossible_grids_are_refused(rows: int, columns: int) -> None:
    with pytest.raises(InvalidValue):
        areas.grid("P", group="PICK", rows=rows, columns=columns)


@pytest.mark.parametrize("name", ["", "  ", "x" * 129])
def test_an_area_needs_a_name(name: str) -> None:
    with pytest.raises(StorageError):
        areas.ensure_area(name)


@pytest.mark.django_db(transaction=True)
def test_creating_needs_a_transaction() -> None:
    area = areas.ensure_area("Hall")

    with pytest.raises(transaction.TransactionManagementError):
        areas.create(area, [NewLocation("B-01")], actor="m")
