"""Blocks about the task itself and about other runs, in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.errors import PlanErrors
from execution.outcome import Failed
from execution.plan import compile
from execution.testing import MemoryPort, Result
from execution.testing.tasks import FakeTask, FakeTasks
from tests.unit.execution.trees import block, detail, expr, run, set_


def beside(*runs: FakeTask) -> MemoryPort:
    port = MemoryPort()
    port.tasks = FakeTasks(list(runs))
    return port


def logged(result: Result) -> list[tuple[str, dict[str, Any]]]:
    return [(line.code, json.loads(line.args)) for line in result.port.logs]


def error(result: Result) -> str:
    assert isinstance(result.outcome, Failed), result.outcome
    return result.outcome.error_code


# --- About itself ----------------------------------------------------------------------------------------------------


def test_work_that_is_not_there_yet_takes_its_time_and_says_so() -> None:
    result = run(block("b1", "MockTimeCostBp", timeMillis=1500))
    assert (result.code, result.slices) == (1003, 2)
    assert result.port.blocks[1].ended_ms == result.port.blocks[1].started_ms + 1500  # type: ignore[operator]
    assert logged(result) == [("task.mock-time", {"ms": 1500})]
    assert run(block("b1", "MockTimeCostBp")).slices == 1


def test_an_out_order_number_is_the_run_s_own() -> None:
    port = beside()
    assert run(block("b1", "SetOutOrderNoBp", orderNo="W-1"), block("b2", "SetOutOrderNoBp", orderNo="W-1"), port=port)
    assert port.tasks.numbers == {"rec-1": "W-1"}
    port.tasks.numbers["other"] = "W-2"
    result = run(block("b1", "SetOutOrderNoBp", orderNo="W-2"), port=port)
    assert error(result) == "key_taken"
    assert "other" in str(result.outcome)
    assert error(run(block("b1", "SetOutOrderNoBp", orderNo=expr("null")))) == "task.empty"
    assert error(run(block("b1", "SetOutOrderNoBp", orderNo="x" * 129))) == "key_invalid"


def test_marks_are_the_moments_of_their_blocks() -> None:
    port = MemoryPort()
    start = port.now
    blocks = [block("b1", "MarkTaskStartBp"), block("b2", "DelayBp", timeMillis=700), block("b3", "MarkTaskEndBp")]
    result = run(*blocks, port=port)
    assert port.facts == {"marked_start_ms": start, "marked_end_ms": start + 700}
    assert logged(result) == [("task.marked-start", {}), ("task.marked-end", {})]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("picker, driver ,", "picker,driver"), (expr('["a", " b ", 3]'), "a,b,3"), ('["a","b"]', "a,b"), ("[x", "[x"),
        (expr('"" + 1'), "1"), (expr("[]"), ""),
    ],
)  # fmt: skip
def test_posts_come_as_a_list_or_as_text_with_commas(given: Any, stored: str) -> None:
    port = MemoryPort()
    assert run(block("b1", "WorkTypesBp", workTypes=given, workStations="gate 1"), port=port).code == 1003
    assert port.facts == {"work_types": stored, "work_stations": "gate 1"}


def test_posts_that_are_left_out_stay_and_too_many_are_refused() -> None:
    port = MemoryPort()
    run(block("b1", "WorkTypesBp"), block("b2", "WorkTypesBp", workStations="x"), port=port)
    assert port.facts == {"work_stations": "x"}
    with pytest.raises(PlanErrors, match="190 printable characters"):
        run(block("b1", "WorkTypesBp", workTypes="x" * 191))
    assert error(run(block("b1", "WorkTypesBp", workTypes=expr('"a\\u0000b"')))) == "block.parameter"


def test_an_event_has_its_data_as_text() -> None:
    port = beside()
    event = block("b1", "TriggerTaskEventBp", eventName="ready", eventData=expr('["pallet": "P-1", "n": 2]'))
    result = run(event, block("b2", "TriggerTaskEventBp", eventName="done", eventData="as it is"), port=port)
    assert port.tasks.events == [("ready", '{"pallet":"P-1","n":2}'), ("done", "as it is")]
    assert logged(result) == [("task.event", {"name": "ready"}), ("task.event", {"name": "done"})]
    assert error(run(block("b1", "TriggerTaskEventBp", eventName=expr("null")))) == "task.empty"


def test_a_response_has_a_code_and_a_body_of_any_kind() -> None:
    for given, stored in (("text", "text"), (expr('["a": [1, null]]'), {"a": [1, None]}), (expr("null"), None)):
        port = MemoryPort()
        assert run(block("b1", "SetResponseBp", body=given, code="409"), port=port).code == 1003
        assert json.loads(port.facts["response"]) == {"code": 409, "body": stored}
    port = MemoryPort()
    run(block("b1", "SetResponseBp"), port=port)
    assert json.loads(port.facts["response"]) == {"code": 200, "body": None}
    assert error(run(block("b1", "SetResponseBp", body="x" * 65_535))) == "response.too-large"


# --- About others ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "output", "effects"),
    [
        ("StartTaskBp", "startSuccess", {1002: 1000, 1006: 1000, 1000: None, 1003: None}),
        ("StopTaskBp", "stopSuccess", {1000: 1001, 1002: 1001, 1006: 1001, 1001: None, 1003: None, 1004: None}),
        ("SuspendTaskBp", "suspendSuccess", {1000: 1002, 1002: None, 1006: None, 1003: None}),
    ],
)
def test_another_run_is_changed_when_it_is_in_a_fitting_state(
    kind: str, output: str, effects: dict[int, int | None]
) -> None:
    for before, after in effects.items():
        port = beside(FakeTask("other", before))
        result = run(block("b1", kind, taskRecordId="other"), set_("b2", "ok", f"blocks.b1.{output}"), port=port)
        assert (result.code, result.variables) == (1003, {"ok": after is not None})
        assert port.tasks.records["other"].code == (before if after is None else after)
    nobody = run(block("b1", kind, taskRecordId="nobody"), set_("b2", "ok", f"blocks.b1.{output}"))
    assert nobody.variables == {"ok": False}
    assert error(run(block("b1", kind, taskRecordId=expr("null")))) == "task.empty"


def test_whether_a_record_exists() -> None:
    for given, there in (("other", True), ("nobody", False), (expr("null"), False)):
        check = block("b1", "CheckTaskRecordIdIsExistBp", taskRecordId=given)
        result = run(check, set_("b2", "there", "blocks.b1.taskRecordIdIsExist"), port=beside(FakeTask("other")))
        assert result.variables == {"there": there}


def test_a_record_is_read_as_a_map_and_an_unknown_one_is_a_warning() -> None:
    read = block("b1", "GetTaskRecordBp", taskRecordId="other")
    result = run(read, set_("b2", "code", "blocks.b1.taskRecord.status"), port=beside(FakeTask("other", 1006)))
    assert result.variables == {"code": 1006}
    result = run(read, set_("b2", "none", "blocks.b1.taskRecord == null"))
    assert result.variables == {"none": True}
    (line,) = result.port.logs
    assert (line.code, line.level) == ("task.unknown", 4)


def test_what_is_too_long_of_a_record_is_left_out_and_said() -> None:
    class Long(FakeTasks):
        def _fields(self, record_id: str) -> dict[str, Any]:
            return {"id": record_id, "variables": None, "inputParams": "[]"}

    port = MemoryPort()
    port.tasks = Long()
    result = run(block("b1", "GetTaskRecordBp", taskRecordId="other"), port=port)
    assert logged(result) == [("task.left-out", {"id": "other", "name": "variables"})]


def test_records_are_found_by_out_order_number() -> None:
    port = beside()
    port.tasks.numbers["other"] = "W-1"
    for number, found in (("W-1", ["other"]), ("W-2", [])):
        find = block("b1", "GetTaskRecordByOutOrderIdBp", outOrderId=number)
        result = run(find, set_("b2", "found", "blocks.b1.taskRecordIdList"), port=port)
        assert result.variables == {"found": found}


def test_one_input_of_a_record_keeps_its_type() -> None:
    other = FakeTask("other", inputs={"count": 3, "map": {"a": [1]}})
    for key, value in (("count", 3), ("map", {"a": [1]}), ("nope", None)):
        read = block("b1", "GetTaskInputParamsByTaskRecordAndKeyBp", taskRecordId="other", inputParamsKey=key)
        result = run(read, set_("b2", "got", '"" + blocks.b1.inputParamValue'), port=beside(other))
        assert result.port.blocks[1].outputs == json.dumps({"inputParamValue": value}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("StartTaskBp", "taskRecordId"), ("StopTaskBp", "taskRecordId"), ("SuspendTaskBp", "taskRecordId"),
        ("CheckTaskRecordIdIsExistBp", "taskRecordId"), ("GetTaskRecordBp", "taskRecordId"),
        ("GetTaskRecordByOutOrderIdBp", "outOrderId"), ("SetOutOrderNoBp", "orderNo"),
        ("GetTaskInputParamsByTaskRecordAndKeyBp", "inputParamsKey"), ("TriggerTaskEventBp", "eventName"),
    ],
)  # fmt: skip
def test_what_a_block_cannot_do_without_is_asked_for_beforehand(kind: str, missing: str) -> None:
    with pytest.raises(PlanErrors) as raised:
        compile(detail(block("b1", kind, other="x")))
    assert any(problem.path.endswith(f"› {missing}") for problem in raised.value.problems)
