"""Branches side by side."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import Effect, RunBranches, RunCopies, StopOthers
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import param, text, whole
from execution.registry import block

MAX_COPIES = 100


@dataclass(slots=True)
class RepeatParams:
    """Parameters of ParallelRepeatNBp."""

    num: int | None = param(whole, required=True, help="How many copies, 0 to 100.")


@dataclass(slots=True)
class StopParams:
    """Parameters of StopOtherBranch."""

    work_area: str | None = param(text, help="Written by editors, not used.")


@block(
    "ParallelFlowBp",
    branches=("default",),
    errors={
        "parallel.refused": "a direct child answered ``success: false``, as SetSiteLockedBp can",
        "parallel.too-many": "the run would have more branches open at once than a setting allows",
    },
    example={"default": [("DelayBp", {"timeMillis": 500}), ("PrintBp", {"message": "meanwhile"})]},
)
def parallel_flow(run: Here, params: Any) -> Generator[Effect, Any, None]:
    """Runs each child as a branch of its own and ends when all have ended; the first failure in list order counts.

    Branches share variables and outputs and take turns block by block; only so many are open at once as the setting for
    parallel branches says, and one that waits leaves its place to the next. A failing branch is told in the log at
    once, the others run to their end.
    """
    yield RunBranches()


@block(
    "ParallelRepeatNBp",
    params=RepeatParams,
    branches=("default",),
    errors={
        "parallel.copies": "``num`` is nothing, negative or above 100",
        "parallel.too-many": "the run would have more branches open at once than a setting allows",
    },
    example={"num": 3, "default": [("DelayBp", {"timeMillis": 500})]},
)
def parallel_repeat(run: Here, params: RepeatParams) -> Generator[Effect, Any, None]:
    """Runs its children ``num`` times side by side, each copy all of them in order; ends when all copies have ended.

    There is no index: the copies do the same, as several robots that each take what is free. Otherwise they behave as
    the branches of a ParallelFlowBp.
    """
    if params.num is None or not 0 <= params.num <= MAX_COPIES:
        given = "empty" if params.num is None else params.num
        words = f"num is {given}; 0 to {MAX_COPIES} copies are possible."
        raise BlockError("parallel.copies", words, remedy="Give such a number.")
    yield RunCopies(params.num)


@block(
    "StopOtherBranch",
    params=StopParams,
    example={},
    within="ParallelFlowBp",
)
def stop_other_branch(run: Here, params: StopParams) -> StopOthers:
    """Stops every other branch of the task; the parallel blocks around them go on as if those had ended well.

    Their open blocks end as stopped (1001), what they wait for at locations is withdrawn, and orders at the fleet that
    they hold are terminated. What was sent before stays as it is. Branches that have failed before stay failed.
    """
    return StopOthers()
