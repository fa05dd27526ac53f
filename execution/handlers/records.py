"""Other runs: looking at them, and starting, stopping or suspending them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import ActOnTask, Effect, FindTasks, Log, ReadTask, ReadTaskInput, TaskExists
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import param, text
from execution.registry import block

_EXAMPLE = {"taskRecordId": "r261123-k7m2p4qd"}
_ERRORS = {"task.empty": "a parameter gives no value"}
_OWN = {"task.own": "the record is this run, or one that it is a sub-task of"}


@dataclass(slots=True)
class RecordParams:
    """Parameters of the blocks that concern one record."""

    task_record_id: str | None = param(text, required=True, help="Id of the record.")


@dataclass(slots=True)
class OutOrderParams:
    """Parameters of GetTaskRecordByOutOrderIdBp."""

    out_order_id: str | None = param(text, required=True, help="The out-order number.")


@dataclass(slots=True)
class InputParams:
    """Parameters of GetTaskInputParamsByTaskRecordAndKeyBp."""

    task_record_id: str | None = param(text, required=True, help="Id of the record.")
    input_params_key: str | None = param(text, required=True, help="Name of one of its inputs.")


@block(
    "StartTaskBp",
    params=RecordParams,
    outputs={"startSuccess": "whether it goes on now"},
    errors=_ERRORS,
    example=_EXAMPLE,
)
def start_task(run: Here, params: RecordParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Lets another run go on that is paused, or that waits for a decision (it tries its failed block again).

    ``startSuccess`` is false when there is no such record or it is in another state.
    """
    return {"startSuccess": (yield ActOnTask(_given(params.task_record_id), "start"))}


@block(
    "StopTaskBp",
    params=RecordParams,
    outputs={"stopSuccess": "whether it ended, or was asked to"},
    errors=_ERRORS | _OWN,
    example=_EXAMPLE,
)
def stop_task(run: Here, params: RecordParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Cancels another run, and its children with it; one that is running stops at its next block.

    ``stopSuccess`` is false when there is no such record or it has ended. A run may stop neither itself nor one that
    it is a sub-task of.
    """
    return {"stopSuccess": (yield ActOnTask(_given(params.task_record_id), "stop"))}


@block(
    "SuspendTaskBp",
    params=RecordParams,
    outputs={"suspendSuccess": "whether it is paused, or was asked to"},
    errors=_ERRORS | _OWN,
    example=_EXAMPLE,
)
def suspend_task(run: Here, params: RecordParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Pauses another run; one that is running pauses at its next block.

    ``suspendSuccess`` is false when there is no such record, it has ended, is paused already or waits for a decision.
    A run may suspend neither itself nor one that it is a sub-task of.
    """
    return {"suspendSuccess": (yield ActOnTask(_given(params.task_record_id), "suspend"))}


@block(
    "CheckTaskRecordIdIsExistBp",
    params=RecordParams,
    outputs={"taskRecordIdIsExist": "true or false"},
    example=_EXAMPLE,
)
def check_task_record_id(run: Here, params: RecordParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Tells whether there is a record of that id."""
    return {"taskRecordIdIsExist": bool(params.task_record_id and (yield TaskExists(params.task_record_id)))}


@block(
    "GetTaskRecordBp", params=RecordParams, outputs={"taskRecord": "the map, or null"}, errors=_ERRORS, example=_EXAMPLE
)
def get_task_record(run: Here, params: RecordParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Reads a record as a map.

    Its keys: id, defId, defLabel, defVersion, status (the code), createdOn, endedOn, endedReason, firstExecutorTime,
    executorTime (seconds), agvId, priority, outOrderNo, stateDescription, inputParams and variables (JSON texts),
    workTypes, workStations, parentTaskRecordId, rootTaskRecordId, ifHaveChildTask, periodicTask. When there is no such
    record, ``taskRecord`` is null; inputParams or variables of more than 262,144 characters are. Both are warnings in
    the log.
    """
    record_id = _given(params.task_record_id)
    found = yield ReadTask(record_id)
    if found is None:
        yield Log("task.unknown", {"id": record_id}, level=4)
    for name in ("inputParams", "variables"):
        if found is not None and found.get(name, "") is None:
            yield Log("task.left-out", {"id": record_id, "name": name}, level=4)
    return {"taskRecord": found}


@block(
    "GetTaskRecordByOutOrderIdBp",
    params=OutOrderParams,
    outputs={"taskRecordIdList": "a list of record ids"},
    errors=_ERRORS,
    example={"outOrderId": "WMS-2031"},
)
def get_task_record_by_out_order_id(run: Here, params: OutOrderParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Lists the ids of the records with that out-order number: one, or none."""
    return {"taskRecordIdList": (yield FindTasks(_given(params.out_order_id, "outOrderId")))}


@block(
    "GetTaskInputParamsByTaskRecordAndKeyBp",
    params=InputParams,
    outputs={"inputParamValue": "the value, or null"},
    errors=_ERRORS,
    example={**_EXAMPLE, "inputParamsKey": "pallet"},
)
def get_task_input(run: Here, params: InputParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Reads one input of a record, with its type; null when there is no such record or no such input."""
    record_id = _given(params.task_record_id)
    return {"inputParamValue": (yield ReadTaskInput(record_id, _given(params.input_params_key, "inputParamsKey")))}


def _given(value: str | None, name: str = "taskRecordId") -> str:
    if not value:
        raise BlockError("task.empty", f"{name} is empty.", remedy="Give it a value.")
    return value
