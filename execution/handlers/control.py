"""Failures made on purpose, and failures caught."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import ChildFailure, Effect, PassOn, RunChildren
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import flag, param, text
from execution.registry import block


@dataclass(slots=True)
class TryCatchParams:
    """Parameters of TryCatchBp; both default to false."""

    swallow_error: bool | None = param(
        flag, help="Whether the failure is forgotten after ``catch``; left out: no, it travels on."
    )
    ignore_abort: bool | None = param(flag, help="Whether ``catch`` is left out when ``try`` fails; left out: no.")


@dataclass(slots=True)
class ThrowParams:
    """Parameters of ThrowExceptionBp."""

    message: str | None = param(text, help="What the record says; left out: a sentence that says there was none.")


@block(
    "TryCatchBp",
    params=TryCatchParams,
    branches=("try", "catch"),
    example={
        "swallowError": True,
        "try": [("ThrowExceptionBp", {"message": "the gate is closed"})],
        "catch": [("PrintBp", {"message": "caught"})],
    },
)
def try_catch(run: Here, params: TryCatchParams) -> Generator[Effect, Any, None]:
    """Runs ``catch`` when ``try`` fails (not with ``ignoreAbort``), then fails itself unless ``swallowError``.

    Every failure of a block inside ``try`` is caught, however deep it stands and also one that would end the task, but
    neither a break, a return nor a cancelled task. A failure inside ``catch`` replaces the one it should deal with.
    An order at the fleet whose robot selection is left by a caught failure is terminated first.
    """
    failure = yield RunChildren("try", catch=True)
    if not isinstance(failure, ChildFailure):
        return
    if not params.ignore_abort:
        yield RunChildren("catch")
    if not params.swallow_error:
        yield PassOn(failure)


@block(
    "ThrowExceptionBp",
    params=ThrowParams,
    errors={"task.thrown": "always; **ends the task**"},
    example={"message": "='No pallet at ' + 'A-01'"},
)
def throw_exception(run: Here, params: ThrowParams) -> None:
    """Fails with the message; when nothing catches it, the task ends with an error."""
    message = params.message or "The task was ended by a ThrowExceptionBp without a message."
    raise BlockError("task.thrown", message, final=True)
