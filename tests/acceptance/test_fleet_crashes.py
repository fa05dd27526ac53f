"""Nothing is ordered twice, whatever dies between the order and its end; what is repeated is said."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Sequence

import pytest

from scheduler.commands.cancel import cancel
from scheduler.models import Effect, FleetOrder, LogLine, ProcessRow, TaskRecord
from scheduler.q2.parentage import is_running
from scheduler.states import ENDED, EffectStatus
from tests.acceptance.conftest import Plant
from tests.support.simulator import SimulatorProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db, pytest.mark.slow]

ROBOTS = [{"id": f"AMB-{number:02d}"} for number in range(1, 5)]
RUNS = 12


def start_all(plant: Plant) -> list[TaskRecord]:
    plant.prepare(ROBOTS, speed=10.0)
    return [plant.start("03", {"keyRoute": "S1"}) for _ in range(RUNS)]


def check_each_once(plant: Plant, records: Sequence[TaskRecord]) -> None:
    """Every run finished, every order and action exists once, nothing is open, every repeat is in the log."""
    for record in records:
        assert plant.ended(record)["code"] == 1003
    page = plant.fleet.post("/orders", {"ids": [order.order_id for order in FleetOrder.objects.all()], "size": 100})
    assert page["total"] == plant.fleet.get("/orders")["total"] == RUNS
    for order in page["list"]:
        assert (order["state"], len(order["blocks"])) == ("FINISHED", 3), order
        assert [block["location"] for block in order["blocks"]] == ["S1", "S2", "S3"]
    assert not Effect.objects.exclude(status=EffectStatus.DONE).exists()
    assert not FleetOrder.objects.filter(closed=False).exists()
    assert all(robot["dispatchable"] for robot in plant.fleet.get("/robotsStatus")["report"])
    sent = Counter(
        (call["call"], call["body"]["id"], str(call["body"].get("blocks", ""))) for call in plant.fleet.calls()
    )
    repeats = sum(count - 1 for count in sent.values())
    logged = LogLine.objects.filter(code="effect_repeated").values_list("args", flat=True)
    assert sum(json.loads(args)["times"] for args in logged) >= repeats
    assert "terminate" not in {name for name, _, _ in sent}


def live_io() -> ProcessRow | None:
    return ProcessRow.objects.filter(role="io", ended_at__isnull=True).order_by("-pk").first()


def test_killing_the_io_process_again_and_again_orders_nothing_twice(own_plant: Plant) -> None:
    records = start_all(own_plant)
    killed: set[int] = set()
    for number in range(1, 4):
        enough = 4 * number
        wait_until(
            lambda enough=enough: len(own_plant.fleet.calls()) >= enough and (io := live_io()) and io.pid not in killed,
            20,
            "an io process that is at work",
        )
        io = live_io()
        assert io is not None
        killed.add(io.pid)
        os.kill(io.pid, signal.SIGKILL)
    check_each_once(own_plant, records)
    assert len(killed) == 3


def test_a_frozen_io_process_is_replaced_and_orders_nothing_twice(own_plant: Plant) -> None:
    records = start_all(own_plant)
    wait_until(lambda: len(own_plant.fleet.calls()) >= 10 and live_io(), 20, "the fleet to be at work")
    frozen = live_io()
    assert frozen is not None
    os.kill(frozen.pid, signal.SIGSTOP)
    calls = len(own_plant.fleet.calls())
    wait_until(lambda: len(own_plant.fleet.calls()) > calls + 3, 30, "another io process to go on with the orders")
    check_each_once(own_plant, records)
    assert not is_running(frozen.pid)


def test_cancelling_at_any_moment_leaves_no_order_open_and_every_robot_in_service(own_plant: Plant) -> None:
    own_plant.prepare(ROBOTS, speed=30.0)
    records = [own_plant.start("03", {"keyRoute": "S1"}) for _ in range(24)]
    for number, record in enumerate(records):
        moment = 3 * number  # from before the first call to long after it
        wait_until(
            lambda moment=moment: len(own_plant.fleet.calls()) >= moment or not active(records), 20, "the next moment"
        )
        cancel([record.record_id], actor="tester", reason="any moment", origin="command")
    wait_until(lambda: not active(records), 20, "all runs to end")
    unsent = Effect.objects.filter(status__in=(EffectStatus.PENDING, EffectStatus.SENT))
    wait_until(lambda: not unsent.exists(), 20, lambda: f"the last call to be answered: {list(unsent.values())}")
    wait_until(lambda: not FleetOrder.objects.filter(closed=False).exists(), 20, "every order to be over")
    assert own_plant.fleet.get("/orders", state="open")["total"] == 0
    report = own_plant.fleet.get("/robotsStatus")["report"]
    assert all(robot["dispatchable"] and not robot["procBusiness"] for robot in report)
    known = {order["id"] for order in own_plant.fleet.get("/orders", size=1000)["list"]}
    assert known == set(FleetOrder.objects.values_list("order_id", flat=True)), "an order that no row knows"


def active(records: Sequence[TaskRecord]) -> bool:
    return TaskRecord.objects.filter(pk__in=[record.pk for record in records]).exclude(status__in=ENDED).exists()


def test_without_a_fleet_a_run_waits_and_says_so_with_a_remedy_until_the_fleet_is_there(own_plant: Plant) -> None:
    own_plant.fleet.kill()
    record = own_plant.start("01", {"keyRoute": "PP51"})
    document = own_plant.until(
        record,
        lambda document: any("does not answer" in wait["for"] for wait in document["waits"]),
        "the wait to name the silent fleet",
    )
    (wait,) = document["waits"]
    assert (document["code"], wait["code"], wait["block"]) == (1000, "effect", "b1")
    assert own_plant.fleet.url in wait["for"]
    assert "Check that it runs, and FLEET_URL" in wait["for"]
    with SimulatorProcess(robots=1, speed=100, port=own_plant.fleet.port):
        assert own_plant.ended(record)["code"] == 1003


def test_killing_the_whole_cluster_in_the_middle_orders_nothing_twice(own_plant: Plant) -> None:
    records = start_all(own_plant)
    wait_until(lambda: len(own_plant.fleet.calls()) >= 10, 20, "the fleet to be at work")
    own_plant.cluster.kill()
    own_plant.cluster.start()
    check_each_once(own_plant, records)
