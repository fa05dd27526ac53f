"""The demo warehouse: made once, through the real importer; made again, it leaves everything as it is."""

from __future__ import annotations

import json
import random

import pytest

from scheduler.definitions.exporting import export
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import Status
from storage.models import Area, StorageLocation
from vwed.demo import trickle, warehouse

pytestmark = pytest.mark.django_db


def test_it_has_two_areas_24_locations_and_five_definitions() -> None:
    made = warehouse.prepare()

    assert made == warehouse.Prepared(locations=24, definitions=5)
    assert Area.objects.count() == 2
    assert StorageLocation.objects.filter(filled=True).count() == sum(group.pallets for group in warehouse.GROUPS)
    cells = StorageLocation.objects.values_list("area", "row", "column")
    assert len(set(cells)) == 24, "two locations share a cell of the map"


def test_the_definitions_cover_storage_a_tour_a_parallel_run_and_a_caught_failure() -> None:
    warehouse.prepare()
    text = {row.label: row.current.detail for row in TaskDefinition.objects.select_related("current")}

    assert {"GetIdleSiteBp", "CSelectAgvBp", "CAgvOperationBp", "SetSiteFilledBp"} <= _types(text["Move pallet"])
    assert "IterateListBp" in _types(text["Supply tour"])
    assert "ParallelFlowBp" in _types(text["Serve both docks"])
    assert {"TryCatchBp", "ThrowExceptionBp"} <= _types(text["Weigh pallet"])


def test_no_definition_has_a_warning_and_all_of_them_export() -> None:
    warehouse.prepare()

    for row in TaskDefinition.objects.select_related("current"):
        assert row.current.warnings == [], row.label
    assert len(json.loads(export(None))) == 5


def test_made_again_it_keeps_pallets_that_moved_and_definitions_that_were_edited() -> None:
    warehouse.prepare()
    StorageLocation.objects.filter(site_id="IN-01").update(filled=False, content="")
    TaskDefinition.objects.filter(label="Check lane").update(label="Check the lane", remark="edited")

    assert warehouse.prepare() == warehouse.Prepared(locations=0, definitions=0)
    assert not StorageLocation.objects.get(site_id="IN-01").filled
    assert TaskDefinition.objects.get(label="Check the lane").remark == "edited"


def test_a_location_that_was_deleted_comes_back() -> None:
    warehouse.prepare()
    StorageLocation.objects.filter(site_id="OUT-04").delete()

    assert warehouse.prepare() == warehouse.Prepared(locations=1, definitions=0)


def test_the_trickle_starts_runs_up_to_its_bound() -> None:
    warehouse.prepare()
    chance = random.Random(3)
    started = [trickle.start_next(number, chance) for number in range(trickle.MAX_ACTIVE + 3)]

    assert sum(len(each) for each in started) == trickle.MAX_ACTIVE
    assert started[-1] == []
    assert TaskRecord.objects.filter(created_by=warehouse.ACTOR).count() == trickle.MAX_ACTIVE


def test_a_deleted_definition_is_a_refusal_that_the_trickle_survives() -> None:
    with pytest.raises(Refused, match="Move pallet"):
        trickle.start_next(0, random.Random(3))


def test_undecided_runs_beyond_a_few_are_cancelled_and_their_pallets_come_back() -> None:
    warehouse.prepare()
    chance = random.Random(3)
    ids = [trickle.start_next(0, chance)[0] for _ in range(trickle.KEPT_UNDECIDED + 2)]
    TaskRecord.objects.filter(record_id__in=ids).update(status=Status.INTERRUPTED)
    StorageLocation.objects.filter(group_name="RACK").update(filled=False)

    trickle.tidy()

    statuses = list(TaskRecord.objects.order_by("id").values_list("status", flat=True))
    assert statuses == [Status.CANCELLED] * 2 + [Status.INTERRUPTED] * trickle.KEPT_UNDECIDED
    before = StorageLocation.objects.filter(filled=True).count()
    StorageLocation.objects.filter(group_name="BUFFER").update(filled=False)
    trickle.tidy()
    assert StorageLocation.objects.filter(filled=True).count() == before - 2 + 1


def _types(detail: str) -> set[str]:
    found: set[str] = set()
    stack = [json.loads(detail)["rootBlock"]]
    while stack:
        block = stack.pop()
        found.add(block["blockType"])
        stack += [child for branch in block["children"].values() for child in branch]
    return found
