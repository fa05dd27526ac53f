"""Blocks that speak about the task itself, or wait."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import Effect, Log, SetStateText, Sleep
from execution.frames import Here
from execution.parameters import duration, param, text
from execution.registry import block


@dataclass(slots=True)
class PrintParams:
    """Parameters of PrintBp."""

    message: str | None = param(text, help="The words; left out: an empty line.")


@dataclass(slots=True)
class TaskStateParams:
    """Parameters of TaskStateBp."""

    state_msg: str | None = param(text, help="The description, cut at 500 characters; left out: it stays as it is.")


@dataclass(slots=True)
class DelayParams:
    """Parameters of DelayBp."""

    time_millis: int | None = param(duration, help="How long; left out or 0: it does not wait. At most ten years.")


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
