"""Branches side by side."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from execution.effects import Effect, RunBranches
from execution.frames import Here
from execution.registry import block


@block("ParallelFlowBp", branches=("default",))
def parallel_flow(run: Here, params: Any) -> Generator[Effect, Any, None]:
    """Runs each child as a branch of its own and ends when all have ended; the first failure in list order counts."""
    yield RunBranches()
