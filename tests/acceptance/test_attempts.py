"""A run that stopped goes on with a real cluster and fleet: nothing done is repeated, nothing is ordered twice."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import transaction

from scheduler.commands import continuing, restarting, sites
from scheduler.definitions.importing import import_file
from scheduler.models import BlockRecord, FleetOrder, JournalEntry, ProcessRow, TaskRecord
from scheduler.q2.parentage import is_running
from storage import areas
from storage.areas import NewLocation
from tests.acceptance.conftest import Plant
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db, pytest.mark.slow]

TOUR = [block(number, "CAgvOperationBp", targetSiteLabel=f"S{number - 1}", scriptName="JackLoad") for number in (2, 3)]
TASKS = {
    "Fills": detail(
        block(1, "SetTaskVariableBp", varName="n", varValue="=1"),
        block(2, "SetSiteFilledBp", siteId="A-01"),
        block(3, "PrintBp", message="done"),
    ),
    "Holds": detail(
        block(1, "CSelectAgvBp", {"default": [TOUR[0], block(3, "SetSiteFilledBp", siteId="A-01")]}, keyRoute="S1"),
    ),
    # The second target can be out of use: then the task ends with 1004 in the middle of its robot order.
    "Tour": detail(
        block(1, "CSelectAgvBp", {"default": TOUR}, keyRoute="S1"),
        block(4, "PrintBp", message="done"),
    ),
}


def prepare(plant: Plant, *site_ids: str, speed: float = 100.0) -> None:
    import_file("attempts.task", task_file(**TASKS), actor="tester", origin="command")
    plant.prepare([{"id": "AMB-01"}, {"id": "AMB-02"}], speed=speed)
    if site_ids:
        with transaction.atomic():
            areas.create(areas.ensure_area("hall"), [NewLocation(one) for one in site_ids], actor="tester")


def go_on(record: TaskRecord) -> None:
    done = continuing.go_on([record.record_id], actor="ann", reason="repaired", origin="command")
    assert done.done == (record.record_id,), done.refused


def journal(record: TaskRecord) -> list[tuple[str, int]]:
    entries = JournalEntry.objects.filter(record=record).order_by("pk")
    return list(entries.values_list("to_status", "attempt"))


def orders(plant: Plant) -> list[str]:
    """States of the fleet's orders, oldest first; every one of them has its row."""
    known = list(FleetOrder.objects.order_by("pk").values_list("order_id", flat=True))
    states = {each["id"]: each["state"] for each in plant.fleet.get("/orders", size=100)["list"]}
    assert set(known) == set(states)
    return [states[order_id] for order_id in known]


def test_an_interrupted_run_is_continued_to_its_end_and_another_starts_again(own_plant: Plant) -> None:
    prepare(own_plant)
    first, second = own_plant.start("Fills", {}), own_plant.start("Fills", {})
    assert [own_plant.ended(run)["code"] for run in (first, second)] == [1006, 1006]
    with transaction.atomic():
        areas.create(areas.ensure_area("hall"), [NewLocation("A-01")], actor="tester")

    go_on(first)
    restarting.restart([second.record_id], actor="ann", reason="all again", origin="command")

    continued, restarted = own_plant.ended(first), own_plant.ended(second)
    assert (continued["code"], continued["attempt"], continued["steps"]) == (1003, 2, ["b1", "b2", "b2", "b3"])
    assert [row["code"] for row in continued["block_records"] if row["name"] == "b2"] == [1002, 1003]
    assert (restarted["code"], restarted["attempt"], restarted["steps"]) == (1003, 2, ["b1", "b2", "b3"])
    assert journal(first) == journal(second) == [("interrupted", 1), ("ready", 2), ("finished", 2)]
    assert not BlockRecord.objects.filter(ended_ms__isnull=True).exists()


def test_a_skipped_block_ends_by_hand_and_the_run_goes_on(own_plant: Plant) -> None:
    prepare(own_plant)
    record = own_plant.start("Fills", {})
    assert own_plant.ended(record)["code"] == 1006

    assert continuing.skip(record.record_id, actor="ann", reason="by hand", origin="command") == "b2"

    document = own_plant.ended(record)
    assert (document["code"], document["attempt"]) == (1003, 2)
    assert [row["code"] for row in document["block_records"] if row["name"] == "b2"] == [1002, 1008]
    assert document["steps"][-1] == "b3"


def test_a_run_that_was_interrupted_with_a_robot_goes_on_with_the_same_order(own_plant: Plant) -> None:
    prepare(own_plant)
    record = own_plant.start("Holds", {})
    assert own_plant.ended(record)["code"] == 1006
    assert FleetOrder.objects.filter(closed=False).count() == 1, "the robot waits for the decision"
    with transaction.atomic():
        areas.create(areas.ensure_area("hall"), [NewLocation("A-01")], actor="tester")

    go_on(record)

    assert own_plant.ended(record)["code"] == 1003
    assert orders(own_plant) == ["FINISHED"]
    assert "terminate" not in {call["call"] for call in own_plant.fleet.calls()}


def test_a_run_that_failed_with_a_robot_orders_once_again_when_it_is_continued(own_plant: Plant) -> None:
    prepare(own_plant, "S2")
    sites.disable(["S2"], actor="ann", origin="command", reason="rack damaged")
    record = own_plant.start("Tour", {})
    assert own_plant.ended(record)["code"] == 1004
    wait_until(lambda: not FleetOrder.objects.filter(closed=False).exists(), 20, "the first order to be terminated")
    sites.enable(["S2"], actor="ann", origin="command")

    go_on(record)

    document = own_plant.ended(record)
    assert (document["code"], document["attempt"]) == (1003, 2)
    assert orders(own_plant) == ["STOPPED", "FINISHED"], "one order for each attempt"
    assert journal(record) == [("failed", 1), ("ready", 2), ("finished", 2)]
    assert not FleetOrder.objects.filter(closed=False).exists()
    assert all(robot["dispatchable"] for robot in own_plant.fleet.get("/robotsStatus")["report"])


def test_killing_the_worker_and_the_cluster_after_the_decision_orders_nothing_twice(own_plant: Plant) -> None:
    prepare(own_plant, "S2", speed=5.0)
    sites.disable(["S2"], actor="ann", origin="command", reason="rack damaged")
    record = own_plant.start("Tour", {})
    assert own_plant.ended(record)["code"] == 1004
    sites.enable(["S2"], actor="ann", origin="command")

    go_on(record)
    workers = list(ProcessRow.objects.filter(role="worker", ended_at__isnull=True).values_list("pid", flat=True))
    for pid in workers:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    own_plant.driving(record)
    own_plant.cluster.kill()
    own_plant.cluster.start()

    document = own_plant.ended(record)
    assert (document["code"], document["attempt"]) == (1003, 2)
    assert orders(own_plant) == ["STOPPED", "FINISHED"]
    assert [status for status, _ in journal(record) if status in ("failed", "finished")] == ["failed", "finished"]
