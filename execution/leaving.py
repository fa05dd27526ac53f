"""Questions about leaving blocks: who catches, who loops, and what a failure is called."""

from __future__ import annotations

from execution.effects import ChildFailure
from execution.errors import BlockError, ExpressionError
from execution.frames import Branch
from execution.plan import PlanBlock
from execution.rows import clean


def will_be_caught(branch: Branch) -> bool:
    """Whether some block around catches failures."""
    current: Branch | None = branch
    while current is not None:
        if any(frame.catch for frame in current.stack):
            return True
        current = current.owner
    return False


def has_loop(branch: Branch) -> bool:
    """Whether some block around is a loop."""
    current: Branch | None = branch
    while current is not None:
        if any(frame.block.loop for frame in current.stack):
            return True
        current = current.owner
    return False


def failure_of(block: PlanBlock, error: Exception) -> ChildFailure:
    """What a block failed of, as a value."""
    if isinstance(error, BlockError):
        return ChildFailure(error.code, clean(error.message), clean(error.remedy), error.final, block.name, block.where)
    if isinstance(error, ExpressionError):
        return ChildFailure("block.expression", clean(str(error)), clean(error.hint), False, block.name, block.where)
    return ChildFailure(
        "block.internal",
        clean(f"{block.type} failed: {type(error).__name__}: {error}"),
        "This is a fault of the program; report it with the task file.",
        False,
        block.name,
        block.where,
    )


def refused(block: PlanBlock) -> ChildFailure:
    """A direct child of a parallel block that answered ``success: false``."""
    return ChildFailure(
        "parallel.refused",
        f"{block.name} answered success: false.",
        "See why the block did not succeed.",
        False,
        block.name,
        block.where,
    )
