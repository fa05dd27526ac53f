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

    message: str | None = param(text)


@dataclass(slots=True)
class TaskStateParams:
    """Parameters of TaskStateBp."""

    state_msg: str | None = param(text)


@dataclass(slots=True)
class DelayParams:
    """Parameters of DelayBp."""

    time_millis: int | None = param(duration)


@block("PrintBp", params=PrintParams)
def print_(run: Here, params: PrintParams) -> Log:
    """Writes a line to the task's log."""
    return Log("block.print", {"message": params.message})


@block("TaskStateBp", params=TaskStateParams)
def task_state(run: Here, params: TaskStateParams) -> Generator[Effect, Any, None]:
    """Stores the text as the record's state description, visible at once."""
    if params.state_msg is not None:
        yield SetStateText(params.state_msg)


@block("DelayBp", params=DelayParams)
def delay(run: Here, params: DelayParams) -> Generator[Effect, Any, None]:
    """Waits ``timeMillis``; costs nothing while it waits."""
    yield Sleep(params.time_millis or 0)
