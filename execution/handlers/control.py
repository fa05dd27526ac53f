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

    swallow_error: bool | None = param(flag)
    ignore_abort: bool | None = param(flag)


@dataclass(slots=True)
class ThrowParams:
    """Parameters of ThrowExceptionBp."""

    message: str | None = param(text)


@block("TryCatchBp", params=TryCatchParams, branches=("try", "catch"))
def try_catch(run: Here, params: TryCatchParams) -> Generator[Effect, Any, None]:
    """Runs ``catch`` when ``try`` fails (not with ``ignoreAbort``), then fails itself unless ``swallowError``."""
    failure = yield RunChildren("try", catch=True)
    if not isinstance(failure, ChildFailure):
        return
    if not params.ignore_abort:
        yield RunChildren("catch")
    if not params.swallow_error:
        yield PassOn(failure)


@block("ThrowExceptionBp", params=ThrowParams)
def throw_exception(run: Here, params: ThrowParams) -> None:
    """Fails with the message; when nothing catches it, the task ends with an error."""
    message = params.message or "The task was ended by a ThrowExceptionBp without a message."
    raise BlockError("task.thrown", message, final=True)
