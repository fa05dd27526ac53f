"""Faults, stops, resets and the list of calls; and what a hostile body gets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.simulator.conftest import Bench
from vwed.simulator import engine


def drive(bench: Bench, order_id: str = "o1", location: str = "LM1") -> None:
    bench.set_order(order_id)
    bench.pass_time(0.3)
    assert bench.add_block(order_id, f"{order_id}-b1", location)[1]["code"] == 0


@pytest.mark.parametrize("victim", [{"vehicle": "AMB-01"}, {"order": "o1"}, {"location": "LM1"}])
def test_an_injected_failure_shows_its_code_and_words_until_the_action_is_redone(
    bench: Bench, victim: dict[str, str]
) -> None:
    bench.post("/sim/fail", {**victim, "times": 1, "code": 52111, "message": "fork blocked"})
    drive(bench)
    bench.pass_time(engine.ACTION_S)
    order = bench.order("o1")
    assert (order["state"], order["blocks"][0]["state"]) == ("FAILED", "FAILED")
    assert order["errors"][0] == {"code": 52111, "desc": "fork blocked", "times": 1}
    bench.pass_time(1_000)
    assert bench.order("o1")["state"] == "FAILED"

    bench.post("/redoFailedOrder", {"vehicles": ["AMB-01"]})
    assert (bench.order("o1")["state"], bench.order("o1")["errors"]) == ("RUNNING", [])
    bench.pass_time(engine.ACTION_S)
    assert bench.order("o1")["blocks"][0]["state"] == "FINISHED"


def test_a_failure_ordered_while_the_robot_drives_comes_at_once(bench: Bench) -> None:
    drive(bench)
    bench.post("/sim/fail", {"vehicle": "AMB-01"})
    assert bench.order("o1")["state"] == "FAILED"


def test_a_failure_for_another_location_does_not_hit(bench: Bench) -> None:
    bench.post("/sim/fail", {"location": "elsewhere", "times": 5})
    drive(bench)
    bench.pass_time(engine.ACTION_S)
    assert bench.order("o1")["blocks"][0]["state"] == "FINISHED"


def test_times_counts_how_often_an_action_fails(bench: Bench) -> None:
    bench.post("/sim/fail", {"order": "o1", "times": 2})
    drive(bench)
    for _ in range(2):
        bench.pass_time(engine.ACTION_S)
        assert bench.order("o1")["state"] == "FAILED"
        bench.post("/redoFailedOrder", {"vehicles": ["AMB-01"]})
    bench.pass_time(engine.ACTION_S)
    assert bench.order("o1")["state"] == "WAITING"


def test_a_failed_action_can_be_finished_by_hand(bench: Bench) -> None:
    bench.post("/sim/fail", {"order": "o1"})
    drive(bench)
    bench.pass_time(engine.ACTION_S)
    bench.post("/manualFinished", {"vehicles": ["AMB-01"]})
    order = bench.order("o1")
    assert (order["state"], order["blocks"][0]["state"]) == ("WAITING", "MANUAL_FINISHED")


def test_a_stop_at_the_fleet_carries_its_reason_and_leaves_the_robot_in_dispatch(bench: Bench) -> None:
    drive(bench)
    bench.post("/sim/stop", {"order": "o1", "message": "x"})
    order = bench.order("o1")
    assert (order["state"], order["errors"][0]["desc"]) == ("STOPPED", "x")
    assert bench.get("/robotsStatus")[1]["report"][0]["dispatchable"] is True


def test_faults_and_stops_find_an_order_by_its_external_id_too(bench: Bench) -> None:
    bench.set_order("o1", externalId="run-7")
    bench.pass_time(0.3)
    bench.add_block("o1", "b1")
    bench.post("/sim/fail", {"order": "run-7"})
    assert bench.order("o1")["state"] == "FAILED"
    assert bench.post("/sim/stop", {"order": "run-7"})[0] == 200
    assert bench.order("o1")["state"] == "STOPPED"
    assert bench.post("/sim/stop", {"order": "run-8"})[0] == 404


def test_the_calls_list_holds_every_mutating_call_in_order_with_body_time_and_answer(bench: Bench) -> None:
    drive(bench)
    bench.get("/orderDetails/o1")
    bench.add_block("o1", "o1-b1")
    bench.post("/sim/speed", {"factor": 2})
    calls = bench.get("/sim/calls")[1]
    assert [(call["call"], call["code"]) for call in calls] == [("setOrder", 0), ("addBlocks", 0), ("addBlocks", 50001)]
    assert calls[0]["body"] == {"id": "o1"}
    assert calls[1]["time"] == pytest.approx(1_000.3)
    assert bench.get("/sim/calls", after="2")[1] == calls[2:]


def test_reset_forgets_orders_calls_and_faults_and_gives_the_robots_back(bench: Bench) -> None:
    bench.post("/sim/robots", [{"id": "R1", "group": "A"}, {"id": "R2", "dispatchable": False}])
    bench.post("/sim/fail", {"vehicle": "R1", "times": 9})
    bench.set_order("o1", group="A")
    bench.pass_time(0.3)
    bench.post("/terminate", {"id": "o1", "disableVehicle": True})
    bench.post("/sim/reset", None)
    assert bench.get("/sim/calls")[1] == []
    assert bench.get("/orders")[1]["total"] == 0
    robots = bench.get("/robotsStatus")[1]["report"]
    assert [(r["vehicle_id"], r["dispatchable"], r["procBusiness"]) for r in robots] == [
        ("R1", True, False),
        ("R2", False, False),
    ]
    drive(bench)
    bench.pass_time(engine.ACTION_S)
    assert bench.order("o1")["state"] == "WAITING"


def test_the_order_of_a_robot_that_is_removed_is_stopped(bench: Bench) -> None:
    drive(bench)
    bench.post("/sim/robots", [])
    assert bench.order("o1")["state"] == "STOPPED"
    assert "removed" in bench.order("o1")["errors"][0]["desc"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/setOrder", None),
        ("/setOrder", []),
        ("/setOrder", {"id": ""}),
        ("/setOrder", {"id": 5}),
        ("/setOrder", {"id": "x", "priority": "high"}),
        ("/setOrder", {"id": "x", "blocks": [{"blockId": "b"}]}),
        ("/setOrder", {"id": "x", "blocks": [{"blockId": "b", "location": "A"}] * 2}),
        ("/addBlocks", {"id": "o1", "blocks": "all"}),
        ("/terminate", {"idList": []}),
        ("/dispatchable", {"vehicles": ["AMB-01"], "type": "maybe"}),
        ("/sim/fail", {"times": 1}),
        ("/sim/fail", {"vehicle": "AMB-01", "times": float("inf")}),
        ("/sim/speed", {"factor": float("nan")}),
        ("/sim/speed", {"factor": 0}),
        ("/sim/robots", {"id": "R1"}),
        ("/orders", {"size": 10**9}),
        ("/orders", {"ids": [1]}),
    ],
)
def test_a_malformed_body_is_refused_with_a_sentence_and_changes_nothing(bench: Bench, path: str, body: Any) -> None:
    bench.set_order("o1")
    status, document = bench.post(path, body)
    assert (status, document["code"]) == (400, 50000)
    assert len(document["msg"]) > 10
    assert bench.get("/orders")[1]["total"] == 1


def test_unknown_paths_and_methods_say_so(bench: Bench) -> None:
    assert bench.get("/nowhere")[0] == 404
    assert bench.get("/setOrder")[0] == 405
