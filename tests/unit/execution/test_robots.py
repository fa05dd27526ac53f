"""Robot blocks: what is sent to the fleet, and what the fleet can do to a run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.limits import Limits
from execution.outcome import Failed, SliceEnd, Suspended
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site, run_plan
from tests.unit.execution.trees import block, expr, go, plan, robot, run, say, simple, throw, try_


def calls(result: Result, operation: str) -> list[dict[str, Any]]:
    return [dict(body) for name, body in result.port.fleet.calls if name == operation]


def test_an_order_carries_what_was_given_and_no_nulls() -> None:
    tree = robot("b1", "S1, S2 ,", group="forks", tag="fast", priority="7", keyTask="load", vehicle="AMB-01")
    result = run(tree)
    assert calls(result, "setOrder") == [
        {
            "id": "rec-1~b1",
            "priority": 7,
            "vehicle": "AMB-01",
            "group": "forks",
            "label": "fast",
            "keyRoute": ["S1", "S2"],
            "keyTask": "load",
            "externalId": "rec-1",
            "complete": False,
        }
    ]
    assert (result.port.priority, result.port.vehicles) == (7, "AMB-01")


def test_a_priority_that_is_not_given_is_one_and_seen_by_expressions() -> None:
    result = run(robot("b1", "S1", say("b2", expr("task.priority"))))
    assert result.port.priority == 1
    assert json.loads(result.port.logs[0].args) == {"message": "1"}


def test_an_empty_key_route_ends_the_task_before_any_order_unless_the_setting_allows_it() -> None:
    refused = run(robot("b1", " , "))
    assert (refused.code, refused.port.effects) == (1004, {})
    assert "keyRoute" in refused.outcome.message  # type: ignore[attr-defined]
    allowed = run(robot("b1", ""), limits=Limits(require_key_route=False))
    assert allowed.code == 1003
    assert "keyRoute" not in calls(allowed, "setOrder")[0]


ACTIONS = [
    ({}, {}),
    ({"scriptName": "none"}, {}),
    ({"scriptName": "binTask", "var_binTask": "load"}, {"binTask": "load"}),
    ({"scriptName": "JackLoad"}, {"operation": "JackLoad"}),
    ({"scriptName": "ForkLoad", "var_height": "1.2"}, {"operation": "ForkLoad", "operationArgs": '{"height": "1.2"}'}),
    ({"scriptName": "lift.py", "var_x": "1"}, {"scriptName": "lift.py", "scriptArgs": '{"x": "1"}'}),
    ({"goodsId": "G", "postAction": "P"}, {"goodsId": "G", "postAction": {"configId": "P"}}),
    ({"max_speed": "1.5", "spin": "true"}, {"robotMotionProfile": {"max_speed": 1.5, "spin": True}}),
]


@pytest.mark.parametrize(("given", "sent"), ACTIONS)
def test_an_action_says_what_the_robot_does_at_its_target(given: dict[str, str], sent: dict[str, Any]) -> None:
    action = block(
        "b2", "CAgvOperationBp", targetSiteLabel="LM1", **{key: simple(value) for key, value in given.items()}
    )
    result = run(robot("b1", "S1", action))
    assert calls(result, "addBlocks") == [
        {"id": "rec-1~b1", "complete": False, "blocks": [{"blockId": "rec-1~b2", "location": "LM1", **sent}]}
    ]
    assert calls(result, "dispatchable") == [{"vehicles": ["AMB-01"], "type": "dispatchable"}]


def test_action_parameters_that_json_does_not_have_are_sent_as_text() -> None:
    result = run(
        robot("b1", "S1", block("b2", "CAgvOperationBp", targetSiteLabel="S1", scriptName="x", var_a=expr("0.0 / 0")))
    )
    assert calls(result, "addBlocks")[0]["blocks"][0]["scriptArgs"] == '{"a": "NaN"}'


def test_orders_and_actions_of_each_round_have_ids_of_their_own() -> None:
    loop = block("b1", "RepeatNumBp", robot("b2", "S1", go("b3", "LM1"), go("b4", "LM2")), num="2")
    result = run(loop)
    assert [body["id"] for body in calls(result, "setOrder")] == ["rec-1~b2~1", "rec-1~b2~2"]
    actions = [body["blocks"][0]["blockId"] for body in calls(result, "addBlocks")]
    assert actions == ["rec-1~b3~1", "rec-1~b4~1", "rec-1~b3~2", "rec-1~b4~2"]


@pytest.mark.parametrize("target", ["null", '""', "taskInputs.nothing"])
def test_an_empty_target_ends_the_task_and_sends_no_action(target: str) -> None:
    inputs = [{"name": "nothing", "type": "String"}]
    result = run(robot("b1", "S1", go("b2", expr(target))), inputs=inputs)
    assert (result.code, calls(result, "addBlocks")) == (1004, [])


def test_a_disabled_location_is_no_target() -> None:
    port = MemoryPort(FakeSites([Site("LM1", disabled=True)]))
    result = run(robot("b1", "S1", go("b2", "LM1")), port=port)
    assert (result.code, calls(result, "addBlocks")) == (1004, [])


def test_the_target_is_readable_as_an_input_afterwards() -> None:
    result = run(robot("b1", "S1", go("b2", "LM7"), say("b3", expr("taskInputs.targetSiteLabel"))))
    assert json.loads(result.port.logs[-1].args) == {"message": "LM7"}


def test_what_the_fleet_refuses_fails_the_block_in_the_fleets_words() -> None:
    fleet = FakeFleet()
    fleet.refuse["setOrder"] = "key route unknown"
    result = run(robot("b1", "S1"), port=MemoryPort(fleet=fleet))
    assert (result.code, "key route unknown" in result.outcome.message) == (1006, True)  # type: ignore[attr-defined]


def test_an_order_that_the_fleet_does_not_complete_is_waited_for_and_its_work_is_not_repeated() -> None:
    fleet = FakeFleet()
    fleet.refuse["markComplete"] = "not now"
    waited: list[str] = []

    def completed_at_the_fleet(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if port.logs and port.logs[-1].code == "order.not-completed" and isinstance(end.outcome, Suspended):
            waited.append(end.outcome.waits[0].code)
            (order,) = fleet.orders.values()
            order.complete = True

    compiled = plan(robot("b1", "S1", go("b2", "LM1")))
    result = run_plan(compiled, port=MemoryPort(fleet=fleet), on_slice=completed_at_the_fleet)

    assert (result.code, waited) == (1003, ["order"])
    assert [line.code for line in result.port.logs].count("order.not-completed") == 1
    assert (len(calls(result, "setOrder")), len(calls(result, "addBlocks"))) == (1, 1)


def test_an_order_stopped_at_the_fleet_ends_the_task_with_its_reason() -> None:
    fleet = FakeFleet()
    fleet.stop["LM1"] = ("operator pressed stop", ())
    result = run(robot("b1", "S1", go("b2", "LM1")), port=MemoryPort(fleet=fleet))
    assert isinstance(result.outcome, Failed)
    assert (result.code, result.outcome.block) == (1004, "b2")
    assert "operator pressed stop" in result.outcome.message


def test_a_change_of_vehicle_or_destination_is_followed_with_a_new_order() -> None:
    fleet = FakeFleet()
    fleet.stop["LM1"] = ("vehicle changed", (60019,))
    result = run(robot("b1", "S1", go("b2", "LM1"), go("b3", "LM2")), port=MemoryPort(fleet=fleet))
    assert result.code == 1003
    assert [body["id"] for body in calls(result, "setOrder")] == ["rec-1~b1", "rec-1~b2-c1"]
    assert [body["id"] for body in calls(result, "addBlocks")] == ["rec-1~b1", "rec-1~b2-c1", "rec-1~b2-c1"]
    assert calls(result, "markComplete") == [{"id": "rec-1~b2-c1"}]
    assert [line.code for line in result.port.logs] == ["order.changed"]


def test_a_failure_that_is_caught_outside_ends_the_order_without_taking_the_robot_out_of_service() -> None:
    result = run(try_("b0", [robot("b1", "S1", throw("b2", "x"))], []), robot("b3", "S1", go("b4", "LM1")))
    assert calls(result, "terminate") == [{"id": "rec-1~b1", "disableVehicle": False}]
    assert result.code == 1003


def test_a_break_completes_the_order_it_leaves() -> None:
    loop = block("b0", "RepeatNumBp", robot("b1", "S1", go("b2", "LM1"), block("b3", "BreakBp")), num="3")
    result = run(loop, say("b4", "after"))
    assert (result.code, calls(result, "markComplete")) == (1003, [{"id": "rec-1~b1~1"}])
    assert result.port.fleet.orders["rec-1~b1~1"].state == "FINISHED"


@pytest.mark.parametrize("limits", [Limits(), Limits(slice_steps=1)])
def test_a_return_completes_the_order_it_leaves_and_lets_nothing_else_go_on(limits: Limits) -> None:
    leaving = block("b5", "IfBp", block("b6", "ReturnBp"), condition=expr("true"))
    forked = block("b2", "ParallelFlowBp", block("b3", "SerialFlowBp", go("b4", "LM1"), leaving), robot("b7", "S2"))
    result = run(robot("b1", "S1", forked, say("b8", "x")), say("b9", "x"), limits=limits)
    assert (result.code, getattr(result.outcome, "reason", None)) == (1003, "")
    assert [body["id"] for body in calls(result, "markComplete")] == ["rec-1~b1"]
    assert not calls(result, "terminate")
    assert result.port.fleet.orders["rec-1~b1"].state == "FINISHED"
    codes = {row.name: row.code for row in result.port.blocks.values()}
    assert codes == {"b1": 1003, "b2": 1003, "b3": 1003, "b4": 1003, "b5": 1003, "b6": 1003, "b7": 1001}


def test_waiting_says_whether_it_is_for_a_robot_an_order_or_an_answer() -> None:
    seen: list[tuple[str, str, Any]] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        port.fleet.robots = ["AMB-01"] if number > 3 else []
        if isinstance(end.outcome, Suspended):
            (wait,) = end.outcome.waits
            seen.append((wait.block, wait.code, wait.args.get("group") or wait.args.get("robot")))
            assert wait.key in ("order:rec-1~b1", *(f"effect:{key}" for key in port.effects))

    fleet = FakeFleet([])
    fleet.fail["LM1"] = (4, "blocked")
    run(robot("b1", "S1", go("b2", "LM1"), group="forks"), port=MemoryPort(fleet=fleet), on_slice=look)
    kinds = list(dict.fromkeys(seen))
    assert kinds[:2] == [("b1", "effect", None), ("b1", "robot", "forks")]
    assert ("b2", "order", "AMB-01") in kinds


def test_a_robot_action_outside_of_a_selection_fails_its_block() -> None:
    result = run(go("b1", "LM1"))
    assert (result.code, result.outcome.error_code) == (1006, "robot.no-order")  # type: ignore[attr-defined]
