"""The simulated fleet's order state machine."""

from __future__ import annotations

import pytest

from tests.unit.simulator.conftest import Bench
from vwed.simulator import engine
from vwed.simulator.model import Robot


def test_an_order_goes_from_created_over_waiting_and_running_to_finished(bench: Bench) -> None:
    bench.set_order("o1", keyRoute=["PP51"], externalId="run-1")
    assert bench.order("o1")["state"] == "CREATED"
    assert "vehicle" not in bench.order("o1")
    bench.pass_time(0.3)
    assert bench.order("o1")["state"] == "WAITING"
    assert bench.order("o1")["vehicle"] == "AMB-01"

    assert bench.add_block("o1", "b1")[1]["code"] == 0
    assert bench.order("o1")["state"] == "RUNNING"
    assert bench.order("o1")["blocks"][0]["state"] == "RUNNING"
    bench.pass_time(engine.ACTION_S)
    assert bench.order("o1")["state"] == "WAITING"
    assert bench.order("o1")["blocks"][0]["state"] == "FINISHED"

    bench.post("/markComplete", {"id": "o1"})
    final = bench.order("o1")
    assert (final["state"], final["complete"], final["terminalTime"]) == ("FINISHED", True, 1004)
    assert bench.get("/robotsStatus")[1]["report"][0]["procBusiness"] is False


def test_without_an_idle_robot_an_order_waits_to_be_dispatched(bench: Bench) -> None:
    bench.set_order("first")
    bench.set_order("second")
    bench.pass_time(0.3)
    assert bench.order("second")["state"] == "TOBEDISPATCHED"
    bench.post("/markComplete", {"id": "first"})
    assert bench.order("second")["state"] == "WAITING"


def test_the_highest_priority_gets_the_robot_then_the_oldest(bench: Bench) -> None:
    bench.set_order("holder")
    bench.pass_time(0.3)
    for order_id, priority in (("low", 1), ("old", 5), ("young", 5)):
        bench.set_order(order_id, priority=priority)
    bench.pass_time(0.3)
    served = []
    for _ in range(4):
        current = bench.get("/robotsStatus")[1]["report"][0]["current_order"]["id"]
        served.append(current)
        bench.post("/markComplete", {"id": current})
    assert served == ["holder", "old", "young", "low"]


@pytest.mark.parametrize(
    ("wish", "robot"),
    [({"vehicle": "R2"}, "R2"), ({"group": "lift"}, "R3"), ({"label": "heavy"}, "R4"), ({}, "R1")],
)
def test_only_a_robot_that_fits_vehicle_group_and_label_is_taken(
    bench: Bench, wish: dict[str, str], robot: str
) -> None:
    bench.fleet.set_robots([Robot("R1"), Robot("R2"), Robot("R3", "lift"), Robot("R4", "", "heavy")])
    bench.set_order("o1", **wish)
    bench.pass_time(0.3)
    assert bench.order("o1")["vehicle"] == robot


def test_a_robot_out_of_dispatch_is_not_taken_until_it_is_put_back(bench: Bench) -> None:
    bench.post("/dispatchable", {"vehicles": ["AMB-01"], "type": "undispatchable_unignore"})
    bench.set_order("o1")
    bench.pass_time(5)
    assert bench.order("o1")["state"] == "TOBEDISPATCHED"
    bench.post("/dispatchable", {"vehicles": ["AMB-01"], "type": "dispatchable"})
    assert bench.order("o1")["state"] == "WAITING"


def test_the_same_order_id_again_changes_nothing(bench: Bench) -> None:
    bench.set_order("o1", priority=3)
    status, document = bench.post("/setOrder", {"id": "o1", "priority": 9})
    assert (status, document["code"]) == (200, 0)
    assert "already exist" in document["msg"]
    assert bench.order("o1")["priority"] == 3
    assert bench.get("/orders")[1]["total"] == 1


def test_an_action_id_is_carried_out_once_and_the_second_request_says_50001(bench: Bench) -> None:
    bench.set_order("o1")
    bench.pass_time(0.3)
    bench.add_block("o1", "b1")
    status, document = bench.add_block("o1", "b1")
    assert (status, document["code"]) == (400, 50001)
    assert "already exist" in document["msg"]
    assert len(bench.order("o1")["blocks"]) == 1


def test_a_complete_order_takes_no_more_actions(bench: Bench) -> None:
    bench.set_order("o1")
    bench.post("/markComplete", {"id": "o1"})
    assert bench.add_block("o1", "b1")[1]["code"] == 50003


def test_an_order_with_actions_and_complete_needs_nothing_more(bench: Bench) -> None:
    blocks = [{"blockId": "b1", "location": "A"}, {"blockId": "b2", "location": "B"}]
    bench.set_order("o1", blocks=blocks, complete=True)
    bench.pass_time(0.3)
    assert bench.order("o1")["state"] == "RUNNING"
    bench.pass_time(2 * engine.ACTION_S)
    assert bench.order("o1")["state"] == "FINISHED"


@pytest.mark.parametrize(("said", "dispatchable"), [({}, False), ({"disableVehicle": False}, True)])
def test_terminate_stops_the_order_and_takes_the_robot_out_only_unless_told_not_to(
    bench: Bench, said: dict[str, bool], dispatchable: bool
) -> None:
    bench.set_order("o1")
    bench.pass_time(0.3)
    bench.add_block("o1", "b1")
    assert bench.post("/terminate", {"id": "o1", **said})[1]["code"] == 0
    order = bench.order("o1")
    assert (order["state"], order["blocks"][0]["state"]) == ("STOPPED", "STOPPED")
    assert bench.get("/robotsStatus")[1]["report"][0]["dispatchable"] is dispatchable
    assert bench.post("/terminate", {"idList": ["o1"], **said})[1]["code"] == 0


def test_an_unknown_order_is_404_with_50002(bench: Bench) -> None:
    for status, document in (
        bench.get("/orderDetails/nobody"),
        bench.get("/blockDetailsById/nobody"),
        bench.get("/orderDetailsByExternalId/nobody"),
        bench.post("/markComplete", {"id": "nobody"}),
        bench.add_block("nobody", "b1"),
    ):
        assert (status, document["code"]) == (404, 50002)
        assert set(document) == {"code", "msg", "create_on"}


def test_orders_are_found_by_action_external_id_and_in_one_call_by_many_ids(bench: Bench) -> None:
    for number in range(3):
        bench.set_order(f"o{number}", externalId=f"run-{number}")
    bench.add_block("o1", "o1/b7")
    assert bench.get("/orderDetailsByBlockId/o1/b7")[1]["id"] == "o1"
    assert bench.get("/blockDetailsById/o1/b7")[1]["orderId"] == "o1"
    assert bench.get("/orderDetailsByExternalId/run-2")[1]["id"] == "o2"
    page = bench.post("/orders", {"ids": ["o2", "nobody", "o0"], "size": 100})[1]
    assert ([order["id"] for order in page["list"]], page["total"]) == (["o2", "o0"], 2)
    assert [o["id"] for o in bench.get("/orders", page="2", size="2")[1]["list"]] == ["o0"]
    bench.post("/terminate", {"id": "o2"})
    assert {o["id"] for o in bench.get("/orders", state="open")[1]["list"]} == {"o0", "o1"}


def test_ended_orders_are_forgotten_beyond_the_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "KEPT_ORDERS", 3)
    for number in range(5):
        bench.set_order(f"o{number}")
        bench.post("/terminate", {"id": f"o{number}", "disableVehicle": False})
    assert [o["id"] for o in bench.get("/orders")[1]["list"]] == ["o4", "o3", "o2"]


def test_speed_makes_simulated_time_pass_faster(bench: Bench) -> None:
    bench.post("/sim/speed", {"factor": 100})
    bench.set_order("o1", blocks=[{"blockId": "b", "location": "A"}], complete=True)
    assert bench.fleet.seconds_to_next() == pytest.approx(engine.ACCEPT_S / 100)
    bench.pass_time((engine.ACCEPT_S + engine.ACTION_S) / 100)
    assert bench.order("o1")["state"] == "FINISHED"
    assert bench.fleet.seconds_to_next() is None
