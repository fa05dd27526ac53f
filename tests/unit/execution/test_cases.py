"""The field's scenarios on the engine alone: order of steps, status, calls to the fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from execution.outcome import Failed, SliceEnd, Stopped
from execution.plan import compile
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site, run_plan

DATA = Path(__file__).parents[2] / "data"
CASES = {case["id"]: case for case in json.loads((DATA / "cases.json").read_text("utf-8"))["cases"]}
LENIENT = {"01d", "03d"}
BY_EVENT = {"01c"}


def _detail(task: str) -> Any:
    data = json.loads((DATA / "tasks" / f"{task}.json").read_text("utf-8"))
    return data.get("detail", data)


def _port(case: dict[str, Any]) -> MemoryPort:
    sites = [Site(site["siteId"], disabled=bool(site.get("disabled"))) for site in case["given"].get("sites", ())]
    fleet = FakeFleet([robot["id"] for robot in case["given"]["robots"]])
    if case["id"] == "01d":
        fleet.fail["LM1"] = (3, "blocked by a pallet")
    if case["id"] == "01e":
        fleet.stop["LM1"] = ("x", ())
    return MemoryPort(FakeSites(sites), fleet)


def _calls(result: Result) -> list[str]:
    """The calls that change something, as the cases write them."""
    said = []
    for operation, body in result.port.fleet.calls:
        if operation == "setOrder":
            said.append(f"setOrder keyRoute=[{','.join(body['keyRoute'])}] externalId={body['externalId']}")
        elif operation == "addBlocks":
            said.append(f"addBlocks location={body['blocks'][0]['location']}")
        elif operation != "dispatchable":
            said.append(operation)
    return said


def _is_call(said: str, expected: str) -> bool:
    words = expected.replace("<record>", "rec-1").split()
    return all(word in said.split() for word in words)


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    if case["id"] in LENIENT:
        return case.get("expect", {}) | case["expect_lenient"]
    return case.get("expect") or case["expect_vendor"]


@pytest.mark.parametrize("case_id", sorted(set(CASES) - BY_EVENT))
def test_the_scenario_ends_as_the_field_expects(case_id: str) -> None:
    case = CASES[case_id]
    expected = _expected(case)
    result = run_plan(compile(_detail(case["task"])), case["inputs"], port=_port(case))
    said = _calls(result)
    assert result.code == expected.get("status", 1003)
    if "steps" in expected:
        assert result.steps == expected["steps"]
    if "fleet" in expected:
        assert len(said) == len(expected["fleet"])
        assert all(map(_is_call, said, expected["fleet"]))
    for call in expected.get("fleet_contains", ()):
        assert any(_is_call(one, call) for one in said), (call, said)
    for call in expected.get("fleet_not_contains", ()):
        assert not any(one.startswith(call) for one in said)
    for operation, count in expected.get("fleet_count", {}).items():
        assert [one.split()[0] for one in said].count(operation) == count
    if "failed_block" in expected:
        assert isinstance(result.outcome, Failed)
        assert result.outcome.block == expected["failed_block"]
    if "endedReason_contains" in expected:
        assert isinstance(result.outcome, Failed)
        assert expected["endedReason_contains"] in result.outcome.message
    if "agvId" in expected:
        assert result.port.vehicles == expected["agvId"]
    for name, outputs in {**expected.get("blocks", {}), **expected.get("blocks_after", {})}.items():
        last = [row for row in result.port.blocks.values() if row.name == name][-1]
        assert outputs.items() <= json.loads(last.outputs).items()


def test_a_failed_order_is_logged_once_and_shown_at_once_until_it_is_redone() -> None:
    case = CASES["01d"]
    seen: list[int] = []

    def look(number: int, port: MemoryPort, end: SliceEnd) -> None:
        seen.extend(row.code for row in port.blocks.values() if row.name == "b2" and row.ended_ms is None)

    result = run_plan(compile(_detail("01")), case["inputs"], port=_port(case), on_slice=look)
    warnings = [line for line in result.port.logs if line.code == "order.failed"]
    assert len(warnings) == 1
    assert json.loads(warnings[0].args)["reason"] == "blocked by a pallet"
    assert warnings[0].level == 4
    assert set(seen) == {1007}


def test_a_cancel_while_the_robot_drives_stops_the_run_at_its_next_block() -> None:
    case = CASES["01c"]

    def cancel(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if any(row.name == "b2" for row in port.blocks.values()):
            port.stop = "cancel"

    result = run_plan(compile(_detail("01")), case["inputs"], port=_port(case), on_slice=cancel)
    assert result.outcome == Stopped("cancel")
    assert "markComplete" not in [operation for operation, _ in result.port.fleet.calls]


def test_the_rounds_of_a_list_show_their_index_size_and_item() -> None:
    case = CASES["03a"]
    result = run_plan(compile(_detail("03")), case["inputs"], port=_port(case))
    shown: list[dict[str, Any]] = []
    for row in result.port.rows_written:
        if row.name == "b2" and json.loads(row.outputs) not in shown:
            shown.append(json.loads(row.outputs))
    assert shown == case["expect"]["during"]
