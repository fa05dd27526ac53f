"""What a stored state says about where its run stopped, without bringing the run back."""

from __future__ import annotations

import json

from execution.effects import ChildFailure
from execution.state import load_answer


def stopped_blocks(state_text: str) -> list[str]:
    """Names of the blocks that failed and were not caught, in the order of their branches, each once.

    Empty for a run that was interrupted between blocks, and for a text that cannot be read.
    """
    try:
        ends = [branch["e"] for branch in json.loads(state_text)["branches"] if "e" in branch]
        failures = [load_answer(what) for ended, what in ends if ended]
    except (ValueError, KeyError, TypeError, IndexError):
        return []
    return list(dict.fromkeys(failure.block for failure in failures if isinstance(failure, ChildFailure)))
