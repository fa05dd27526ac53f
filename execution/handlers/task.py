"""Blocks that speak about the task itself, or wait."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.cached import stored_text
from execution.effects import Effect, Log, Now, PublishEvent, SetFacts, SetOutOrderNo, SetStateText, Sleep
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import anything, duration, param, shown, text, whole32
from execution.registry import block
from execution.rows import json_text

MAX_LIST = 190
MAX_BODY = 65_536
"""Characters of a response's body as JSON."""


@dataclass(slots=True)
class PrintParams:
    """Parameters of PrintBp."""

    message: str | None = param(text, help="The words; left out: a dash.")


@dataclass(slots=True)
class TaskStateParams:
    """Parameters of TaskStateBp."""

    state_msg: str | None = param(text, help="The description, cut at 500 characters; left out: it stays as it is.")


@dataclass(slots=True)
class DelayParams:
    """Parameters of DelayBp."""

    time_millis: int | None = param(duration, help="How long; left out or 0: it does not wait. At most ten years.")


def comma_list(value: Any) -> str | None:
    """List, or text with commas."""
    if value is None:
        return None
    items: Any = value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            items = json.loads(value)
        except (ValueError, RecursionError):
            items = value
    if not isinstance(items, list | tuple):
        items = (text(items) or "").split(",")
    words = ",".join(name for name in ((text(item) or "").strip() for item in items) if name)
    if len(words) > MAX_LIST or not words.isprintable():
        raise ValueError(f"names of at most {MAX_LIST} printable characters together are wanted, not {shown(words)}")
    return words


@dataclass(slots=True)
class MockTimeCostParams:
    """Parameters of MockTimeCostBp."""

    time_millis: int | None = param(duration, help="How long; left out or 0: it does not wait. At most ten years.")


@dataclass(slots=True)
class OutOrderNoParams:
    """Parameters of SetOutOrderNoBp."""

    order_no: str | None = param(text, required=True, help="The number: 1 to 128 printable characters.")


@dataclass(slots=True)
class WorkTypesParams:
    """Parameters of WorkTypesBp."""

    work_types: str | None = param(comma_list, help="The posts; left out: they stay as they are.")
    work_stations: str | None = param(comma_list, help="The stations; left out: they stay as they are.")


@dataclass(slots=True)
class EventParams:
    """Parameters of TriggerTaskEventBp."""

    event_name: str | None = param(text, required=True, help="The name, at most 190 characters.")
    event_data: str | None = param(
        stored_text, help="What goes with it: text as it is, a list or map as JSON; at most 65,536 characters."
    )


@dataclass(slots=True)
class ResponseParams:
    """Parameters of SetResponseBp."""

    body: Any = param(anything, help="Any value; as JSON at most 65,536 characters long. Left out: null.")
    code: int | None = param(whole32, help="The status of the answer; left out: 200.")


@block("PrintBp", params=PrintParams, example={"message": "='priority ' + task.priority"})
def print_(run: Here, params: PrintParams) -> Log:
    """Writes a line of level information to the task's log; a long one is cut and says how long it was."""
    return Log("block.print", {"message": params.message})


@block("TaskStateBp", params=TaskStateParams, example={"stateMsg": "driving to the gate"})
def task_state(run: Here, params: TaskStateParams) -> Generator[Effect, Any, None]:
    """Stores the text as the record's state description, visible at once.

    It stays until another one is stored, also after the task has ended.
    """
    if params.state_msg is not None:
        yield SetStateText(params.state_msg)


@block("DelayBp", params=DelayParams, example={"timeMillis": 1500})
def delay(run: Here, params: DelayParams) -> Generator[Effect, Any, None]:
    """Waits; no process is occupied meanwhile.

    The time counts from the moment the block is reached; a restart of the system neither shortens nor lengthens it.
    """
    yield Sleep(params.time_millis or 0)


@block("MockTimeCostBp", params=MockTimeCostParams, example={"timeMillis": 1500})
def mock_time_cost(run: Here, params: MockTimeCostParams) -> Generator[Effect, Any, None]:
    """Waits like DelayBp, and says so in the log: it stands for work that is not there yet."""
    milliseconds = params.time_millis or 0
    yield Log("task.mock-time", {"ms": milliseconds})
    yield Sleep(milliseconds)


@block(
    "SetOutOrderNoBp",
    params=OutOrderNoParams,
    errors={
        "task.empty": "orderNo gives no value",
        "key_invalid": "the number is too long, or has blanks around it or characters that cannot be printed",
        "key_taken": "another record has the number; the message names it",
    },
    example={"orderNo": "WMS-2031"},
)
def set_out_order_no(run: Here, params: OutOrderNoParams) -> Generator[Effect, Any, None]:
    """Gives the record its out-order number, by which other systems find it.

    No two records have the same number. Setting the one it has already changes nothing; another one replaces it.
    """
    if not params.order_no:
        raise BlockError("task.empty", "orderNo is empty.", remedy="Give it a value.")
    yield SetOutOrderNo(params.order_no)


@block("MarkTaskStartBp", example={})
def mark_task_start(run: Here, params: Any) -> Generator[Effect, Any, None]:
    """Marks on the record and in the log that the work itself starts now; the last mark counts."""
    yield SetFacts({"marked_start_ms": (yield Now())})
    yield Log("task.marked-start")


@block("MarkTaskEndBp", example={})
def mark_task_end(run: Here, params: Any) -> Generator[Effect, Any, None]:
    """Marks on the record and in the log that the work itself has ended; the last mark counts."""
    yield SetFacts({"marked_end_ms": (yield Now())})
    yield Log("task.marked-end")


@block("WorkTypesBp", params=WorkTypesParams, example={"workTypes": "picker,driver", "workStations": "gate 1"})
def work_types(run: Here, params: WorkTypesParams) -> Generator[Effect, Any, None]:
    """Names the posts and stations that the record concerns; each list at most 190 characters long."""
    given = {"work_types": params.work_types, "work_stations": params.work_stations}
    facts = {name: value for name, value in given.items() if value is not None}
    if facts:
        yield SetFacts(facts)


@block(
    "TriggerTaskEventBp",
    params=EventParams,
    errors={
        "task.empty": "eventName gives no value",
        "event_name": "the name is too long, or has blanks around it or characters that cannot be printed",
        "event_too_long": "the data are longer than 65,536 characters",
    },
    example={"eventName": "pallet ready", "eventData": {"pallet": "P-17"}},
)
def trigger_task_event(run: Here, params: EventParams) -> Generator[Effect, Any, None]:
    """Publishes an event for other systems and scripts, and says so in the log. Events are kept for a while."""
    if not params.event_name:
        raise BlockError("task.empty", "eventName is empty.", remedy="Give it a value.")
    yield PublishEvent(params.event_name, params.event_data or "")
    yield Log("task.event", {"name": params.event_name})


@block(
    "SetResponseBp",
    params=ResponseParams,
    errors={"response.too-large": "the body is longer than 65,536 characters as JSON"},
    example={"code": 200, "body": {"accepted": "true"}},
)
def set_response(run: Here, params: ResponseParams) -> Generator[Effect, Any, None]:
    """Stores the answer of a task that another system waits for; the last one counts."""
    body = json_text(params.body)
    if len(body) > MAX_BODY:
        words = f"body is {len(body)} characters long as JSON; at most {MAX_BODY} are possible."
        raise BlockError("response.too-large", words, remedy="Answer with a reference instead of the data.")
    code = 200 if params.code is None else params.code
    yield SetFacts({"response": f'{{"code":{code},"body":{body}}}'})
