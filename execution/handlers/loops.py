"""Loops. What a loop remembers is the number of its round alone, however often it runs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import Effect, Evaluate, Leave, RunRound, Sleep
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import anything, duration, flag, is_true, list_of, param, whole
from execution.registry import block

MAX_ROUNDS = 1000
LOGGED_ROUNDS = 100


@dataclass(slots=True)
class RepeatNumParams:
    """Parameters of RepeatNumBp."""

    num: int | None = param(whole, required=True)


@dataclass(slots=True)
class IterateListParams:
    """Parameters of IterateListBp."""

    list: Any = param(list_of)  # noqa: RUF009 - only declares a field


@dataclass(slots=True)
class WhileParams:
    """Parameters of WhileBp."""

    loop_condition: Any = param(anything, deferred=True, required=True)  # noqa: RUF009 - only declares a field
    retry_period: int | None = param(duration)
    run_once: bool | None = param(flag)
    print_continuously: bool | None = param(flag)


@block("RepeatNumBp", params=RepeatNumParams, branches=("default",), outputs=("index",), loop=True)
def repeat_num(run: Here, params: RepeatNumParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children ``num`` times (at most 1000); ``index`` counts 1 to num and stays. A break leaves it."""
    if params.num is None or not 0 <= params.num <= MAX_ROUNDS:
        given = "empty" if params.num is None else params.num
        raise BlockError(
            "loop.rounds", f"num is {given}; 0 to {MAX_ROUNDS} rounds are possible.", remedy="Give such a number."
        )
    for index in range(at or 1, params.num + 1):
        if (yield RunRound(index, {"index": index})) is not None:
            return


@block("IterateListBp", params=IterateListParams, branches=("default",), outputs=("index", "size", "item"), loop=True)
def iterate_list(run: Here, params: IterateListParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children for every item; ``index`` (from 0), ``size`` and ``item`` stay as they were last."""
    items = params.list or []
    for index in range(at or 0, len(items)):
        outputs = {"index": index, "size": len(items), "item": items[index]}
        if (yield RunRound(index, outputs)) is not None:
            return


@block("WhileBp", params=WhileParams, branches=("default",), outputs=(), loop=True)
def while_(run: Here, params: WhileParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children while the condition's text is ``true``; waits ``retryPeriod`` ms (1000) between rounds."""
    period = 1000 if params.retry_period is None else params.retry_period
    number, resumed = at or 1, at is not None
    while True:
        if not resumed and not (number == 1 and params.run_once) and not (yield from _holds()):
            return
        resumed = False
        quiet = not params.print_continuously and number > LOGGED_ROUNDS and number % LOGGED_ROUNDS != 0
        if (yield RunRound(number, quiet=quiet)) is not None or not (yield from _holds()):
            return
        yield Sleep(period, "condition", {"period": period, "value": "true", "round": number})
        number += 1


def _holds() -> Generator[Effect, Any, bool]:
    value = yield Evaluate("loopCondition")
    if value is None:
        raise BlockError(
            "loop.condition", "loopCondition gives no value.", remedy="Write a condition that is true or false."
        )
    return is_true(value)


@block("BreakBp")
def break_(run: Here, params: Any) -> Leave:
    """Leaves the nearest loop around it; without one the task ends with an error."""
    return Leave("break")


@block("ReturnBp")
def return_(run: Here, params: Any) -> Leave:
    """Ends the task as finished."""
    return Leave("return")
