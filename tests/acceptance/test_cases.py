"""The scenarios of the block language's field, through a real cluster and the simulated fleet over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db import transaction

from scheduler.commands import sites
from scheduler.commands.cancel import cancel
from scheduler.models import FleetOrder, TaskDefinition, TaskRecord
from storage import areas
from storage.areas import NewLocation
from storage.models import StorageLocation
from tests.acceptance.conftest import Plant
from tests.acceptance.scenario import Case, cases, matches, rounds
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db]

CASES = {case.id: case for case in cases()}
WORDS = "fork blocked by a pallet"


def test_no_scenario_is_missing() -> None:
    assert len(CASES) == 17


@pytest.fixture
def site(plant: Plant, request: pytest.FixtureRequest) -> Iterator[None]:
    """The locations that a scenario gives, for as long as it runs."""
    given = CASES[request.getfixturevalue("case_id")].given.get("sites", ())
    names = [site["siteId"] for site in given]
    if given:
        with transaction.atomic():
            areas.create(areas.ensure_area("A"), [NewLocation(name) for name in names], actor="tester")
        disabled = [site["siteId"] for site in given if site.get("disabled")]
        sites.disable(disabled, actor="tester", origin="command", reason="scenario")
        assert StorageLocation.objects.filter(site_id__in=names, disabled=True).count() == len(disabled)
    yield
    StorageLocation.objects.filter(site_id__in=names).delete()


@pytest.mark.parametrize("case_id", [name for name, case in CASES.items() if not case.event])
@pytest.mark.usefixtures("site")
def test_a_scenario_ends_as_expected(plant: Plant, case_id: str) -> None:
    case = CASES[case_id]
    plant.prepare(case.given["robots"])
    record = plant.start(case.label, case.inputs)
    check(plant, case, record, plant.ended(record))


def test_a_run_that_is_terminated_while_its_robot_drives_stops_its_order_and_keeps_the_robot_in_service(
    plant: Plant,
) -> None:
    case = CASES["01c"]
    plant.prepare(case.given["robots"], speed=1.0)
    record = plant.start(case.label, case.inputs)
    plant.driving(record)
    cancel([record.record_id], actor="tester", reason="enough", origin="command")
    document = plant.ended(record)
    wait_until(lambda: FleetOrder.objects.get(record=record).closed, 10, "the fleet's end of the order to be seen")
    check(plant, case, record, document)
    assert FleetOrder.objects.get(record=record).state == "STOPPED"
    assert plant.fleet.get("/robotsStatus")["report"][0]["dispatchable"] is True


def test_a_failed_order_is_shown_at_once_with_one_warning_and_goes_on_after_a_redo(plant: Plant) -> None:
    case = CASES["01d"]
    plant.prepare(case.given["robots"])
    plant.fleet.post("/sim/fail", {"location": "LM1", "code": 52111, "message": WORDS})
    record = plant.start(case.label, case.inputs)
    # The order moves on while the failure is written, so the run may be woken for a moment: look at it when it waits.
    during = plant.until(
        record,
        lambda document: document["status"] == "waiting" and warnings(document),
        "the failure to be in the log of a run that waits",
    )
    assert during["code"] == case.expect["during_failure"]["task_status"]
    assert rounds(during["block_records"], "b2")[-1]["code"] == case.expect["b2_block_status"]
    plant.fleet.post("/redoFailedOrder", {"vehicles": ["AMB-01"]})
    document = plant.ended(record)
    assert document["code"] == case.expect["status"]
    assert [line["args"]["reason"] for line in warnings(document)] == [WORDS]
    assert WORDS in warnings(document)[0]["text"]


def test_an_order_that_the_fleet_stops_fails_the_run_with_the_fleets_reason(plant: Plant) -> None:
    case = CASES["01e"]
    plant.prepare(case.given["robots"], speed=1.0)
    record = plant.start(case.label, case.inputs)
    plant.driving(record)
    plant.fleet.post("/sim/stop", {"order": FleetOrder.objects.get(record=record).order_id, "message": "x"})
    check(plant, case, record, plant.ended(record))


def test_the_minimal_definition_was_imported_with_the_defaults(plant: Plant) -> None:
    definition = TaskDefinition.objects.get(label="demo_task")
    shown = (definition.periodic, definition.periodic_enabled, definition.period_ms, definition.delay_ms)
    assert shown == (False, False, 3000, 1000)
    assert definition.category_id == 0


# --- What a scenario may expect --------------------------------------------------------------------------------------


def warnings(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line for line in document["log"] if line["level"] == 4 and "reason" in line["args"]]


def check(plant: Plant, case: Case, record: TaskRecord, document: Mapping[str, Any]) -> None:
    """Compare a run that is over with everything that its scenario expects."""
    expect = case.expect
    assert document["code"] == expect["status"], document["ended_reason"]
    if "steps" in expect:
        assert document["steps"] == expect["steps"]
    if "agvId" in expect:
        assert document["agv_id"] == expect["agvId"]
    assert expect.get("endedReason_contains", "") in document["ended_reason"]
    if "failed_block" in expect:
        assert TaskRecord.objects.get(pk=record.pk).failed_block == expect["failed_block"]
    for name, outputs in {**expect.get("blocks", {}), **expect.get("blocks_after", {})}.items():
        assert document["blocks"][name].items() >= outputs.items()
    if "b2_block_status" in expect:
        assert rounds(document["block_records"], "b2")[-1]["code"] == expect["b2_block_status"]
    check_rounds(expect, document)
    check_fleet(plant, expect, record)


def check_rounds(expect: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """What each round of a loop saw, by what its inner block was given."""
    rows = document["block_records"]
    if "during" in expect:
        given = [row["inputs"]["targetSiteLabel"] for row in rounds(rows, "b3")]
        assert given == [seen["item"] for seen in expect["during"]]
        assert [row["iteration"] for row in rounds(rows, "b3")] == [str(seen["index"]) for seen in expect["during"]]
    if "index_values" in expect:
        assert [row["iteration"] for row in rounds(rows, "b2")] == [str(index) for index in expect["index_values"]]


def check_fleet(plant: Plant, expect: Mapping[str, Any], record: TaskRecord) -> None:
    """What the fleet was told, in order; polling and the dispatchable call are left out."""
    calls = plant.fleet.calls()
    first = next((call["body"]["id"] for call in calls if call["call"] == "setOrder"), "")

    def is_said(text: str, call: Mapping[str, Any]) -> bool:
        return matches(text, call, record_id=record.record_id, first_order=first)

    if "fleet" in expect:
        assert len(calls) == len(expect["fleet"]), calls
        for text, call in zip(expect["fleet"], calls, strict=True):
            assert is_said(text, call), (text, call)
    for text in expect.get("fleet_contains", ()):
        assert any(is_said(text, call) for call in calls), (text, calls)
    for text in expect.get("fleet_not_contains", ()):
        assert not any(is_said(text, call) for call in calls), (text, calls)
    for name, count in expect.get("fleet_count", {}).items():
        assert sum(call["call"] == name for call in calls) == count
    ordered = [call["body"]["id"] for call in calls if call["call"] == "setOrder"]
    assert len(ordered) == len(set(ordered)), "an order was sent twice"
    assert all(not call["body"].get("disableVehicle", False) for call in calls if call["call"] == "terminate")
