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

    num: int | None = param(whole, required=True, help="How many rounds, 0 to 1000.")


@dataclass(slots=True)
class IterateListParams:
    """Parameters of IterateListBp."""

    list: Any = param(list_of, help="The items, also as text with a JSON list; left out: no round.")


@dataclass(slots=True)
class WhileParams:
    """Parameters of WhileBp."""

    loop_condition: Any = param(
        anything, deferred=True, required=True, help="Goes on while its text is ``true`` in any case."
    )
    retry_period: int | None = param(duration, help="Pause between two rounds; left out: 1000, at 0 none.")
    run_once: bool | None = param(flag, help="Whether one round runs before the first look at the condition.")
    print_continuously: bool | None = param(
        flag, help="Whether the log keeps information of every round; left out: of the first 100, then of each 100th."
    )


@block(
    "RepeatNumBp",
    params=RepeatNumParams,
    branches=("default",),
    outputs={"index": "number of the round, from 1; after the loop that of the last"},
    loop=True,
    errors={"loop.rounds": "``num`` is nothing, negative or above 1000"},
    example={"num": 3, "default": [("PrintBp", {"message": "='round ' + blocks.b1.index"})]},
)
def repeat_num(run: Here, params: RepeatNumParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children ``num`` times, at most 1000; a break leaves it.

    With 0 no round runs and there is no ``index``. The number is evaluated once, when the loop begins.
    """
    if params.num is None or not 0 <= params.num <= MAX_ROUNDS:
        given = "empty" if params.num is None else params.num
        raise BlockError(
            "loop.rounds", f"num is {given}; 0 to {MAX_ROUNDS} rounds are possible.", remedy="Give such a number."
        )
    for index in range(at or 1, params.num + 1):
        if (yield RunRound(index, {"index": index})) is not None:
            return


@block(
    "IterateListBp",
    params=IterateListParams,
    branches=("default",),
    outputs={
        "index": "place of the item, from 0; after the loop that of the last",
        "size": "how many items the list has",
        "item": "the item of this round; after the loop the last",
    },
    loop=True,
    example={"list": "=['A-01', 'A-02']", "default": [("PrintBp", {"message": "=blocks.b1.item"})]},
)
def iterate_list(run: Here, params: IterateListParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children for every item of a list; a break leaves it.

    The list is evaluated once, when the loop begins; changing it afterwards changes nothing. An empty list means no
    round and no outputs. A run that waited or was restarted goes on with the item it was at.
    """
    items = params.list or []
    for index in range(at or 0, len(items)):
        outputs = {"index": index, "size": len(items), "item": items[index]}
        if (yield RunRound(index, outputs)) is not None:
            return


@block(
    "WhileBp",
    params=WhileParams,
    branches=("default",),
    loop=True,
    errors={"loop.condition": "the condition gives nothing"},
    example={
        "loopCondition": "=task.variables.loaded != true",
        "retryPeriod": 500,
        "default": [("SetTaskVariableBp", {"varName": "loaded", "varValue": "=true"})],
    },
)
def while_(run: Here, params: WhileParams, at: int | None) -> Generator[Effect, Any, None]:
    """Runs its children while the condition's text is ``true``; waits ``retryPeriod`` ms (1000) between rounds.

    Only the last rounds keep their block records (a setting says how many); the record of the loop itself shows how
    many rounds there were. A loop that never waits is stopped after so many blocks as another setting says.
    """
    period = 1000 if params.retry_period is None else params.retry_period
    kept = run.limits.while_rounds_kept
    number, resumed = at or 1, at is not None
    while True:
        if not resumed and not (number == 1 and params.run_once) and not (yield from _holds()):
            return
        resumed = False
        quiet = not params.print_continuously and number > LOGGED_ROUNDS and number % LOGGED_ROUNDS != 0
        if (yield RunRound(number, quiet=quiet, kept=kept)) is not None or not (yield from _holds()):
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


@block(
    "BreakBp",
    errors={"break.no-loop": "there is no loop around it; **ends the task**"},
    example={},
    within="IterateListBp",
)
def break_(run: Here, params: Any) -> Leave:
    """Leaves the nearest loop around it; without one the task ends with an error.

    A robot selection between it and the loop completes its order first. In a branch of a parallel block it waits until
    the other branches have ended.
    """
    return Leave("break")


@block("ReturnBp", example={})
def return_(run: Here, params: Any) -> Leave:
    """Ends the task as finished (1003), from any depth.

    No block after it runs, and no ``catch``. Other branches stop where they are; a robot selection around it completes
    its order first.
    """
    return Leave("return")
