"""What a stored state says about where its run stopped, without bringing the run back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from execution.effects import ChildFailure
from execution.state import load_answer

#: Where in a saved frame's children the mark stands that it puts something right when they fail.
_CLEANUP = 3


class StoppedAt(NamedTuple):
    """A block that failed and was not caught. ``holder``: the outermost block around it that holds something."""

    block: str
    holder: str = ""


def stopped_blocks(state_text: str) -> list[StoppedAt]:
    """The blocks a run stopped at, in the order of their branches, each once.

    Empty for a run that was interrupted between blocks, and for a text that cannot be read.
    """
    try:
        branches = {branch["k"]: branch for branch in json.loads(state_text)["branches"]}
        found: dict[str, StoppedAt] = {}
        for branch in branches.values():
            ended, what = branch.get("e") or (False, [None])
            failure = load_answer(what)
            if ended and isinstance(failure, ChildFailure):
                # A parallel block stands with the failure of one of its branches; that branch knows more.
                holder = _holder(branch, branches)
                if holder or failure.block not in found:
                    found[failure.block] = StoppedAt(failure.block, holder)
    except (ValueError, KeyError, TypeError, IndexError):
        return []
    return list(found.values())


def _holder(branch: Mapping[str, Any], branches: Mapping[str, Mapping[str, Any]]) -> str:
    """Name of the outermost block around a branch's place that holds something; empty without one."""
    name = ""
    current: Mapping[str, Any] | None = branch
    while current is not None:
        name = next((frame["b"] for frame in current["f"][1:] if frame.get("c") and frame["c"][_CLEANUP]), name)
        current = branches[current["o"]] if current["o"] is not None else None
    return name
