"""Branches side by side."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from execution.effects import Effect, RunBranches
from execution.frames import Here
from execution.registry import block


@block(
    "ParallelFlowBp",
    branches=("default",),
    errors={"parallel.refused": "a direct child answered ``success: false``, as SetSiteLockedBp can"},
    example={"default": [("DelayBp", {"timeMillis": 500}), ("PrintBp", {"message": "meanwhile"})]},
)
def parallel_flow(run: Here, params: Any) -> Generator[Effect, Any, None]:
    """Runs each child as a branch of its own and ends when all have ended; the first failure in list order counts.

    Branches share variables and outputs and take turns block by block; only so many are open at once as the setting for
    parallel branches says, and one that waits leaves its place to the next. A failing branch is told in the log at
    once, the others run to their end.
    """
    yield RunBranches()
