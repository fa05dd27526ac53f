"""What a person decided, applied to the branches of a run that stopped."""

from __future__ import annotations

from execution.branches import Branches, parallel_of
from execution.decision import Decision, DecisionError
from execution.frames import ENDED, READY, WAITING, Branch


def try_again(branches: Branches, decision: Decision) -> list[Branch]:
    """Let failed branches go on at the block that failed; answers those whose block ends by hand.

    What branches waited for was given up when the run stopped: they ask for it anew.

    Raises:
        DecisionError: the block that is to be skipped has not failed, or is inside one that begins anew.
    """
    by_hand = _skipped(branches, decision) if decision.kind == "skip" else []
    if decision.anew:
        untouched = _begin_anew(branches)
        if not untouched.issuperset(branch.key for branch in by_hand):
            raise DecisionError(f"The block {decision.block!r} is inside one that begins anew.")
        _open_again(branches)
    for branch in branches.all.values():
        if branch.status == ENDED:
            branch.failure, branch.status = None, READY
            if branch.owner is not None:
                parallel_of(branch.owner).results[branch.index] = None
        elif branch.status == WAITING:
            branch.wait, branch.status = None, READY
    return by_hand


def _skipped(branches: Branches, decision: Decision) -> list[Branch]:
    found = []
    for branch in branches.all.values():
        frame = branch.stack[-1]
        if branch.status != ENDED or branch.failure is None or frame.parallel is not None or not frame.children:
            continue
        if decision.block in (branch.failure.block, frame.children[frame.pos].name):
            found.append(branch)
    if not found:
        raise DecisionError(f"The run did not stop at a block {decision.block!r}.")
    return found


def _begin_anew(branches: Branches) -> set[str]:
    """Take back every outermost block that held something at another system; answers the branches without one."""
    untouched = set()
    for branch in list(branches.all.values()):
        if branch.key not in branches.all:  # it was inside one
            continue
        untouched.add(branch.key)
        for position, frame in enumerate(branch.stack):
            if frame.cleanup or (frame is branch.stack[-1] and _waits_outside(branch)):
                _take_back(branches, branch, position)
                untouched.discard(branch.key)
                break
    return untouched


def _open_again(branches: Branches) -> None:
    """The records of open blocks were closed with the run: they are written anew."""
    for branch in branches.all.values():
        for frame in branch.stack:
            frame.written = 0


def _waits_outside(branch: Branch) -> bool:
    """Whether the top block waits for what it asked another system for, which was given up with the run."""
    return branch.wait is not None and branch.wait.key.startswith(("effect:", "order:"))


def _take_back(branches: Branches, branch: Branch, position: int) -> None:
    below = [key for key in branches.all if key.startswith(f"{branch.key}.")]
    for key in below:
        del branches.all[key]
    del branch.stack[position:]
    branch.stack[-1].pos -= 1
    if branch.status == ENDED and branch.owner is not None:
        parallel_of(branch.owner).results[branch.index] = None
    branch.failure, branch.wait, branch.status = None, None, READY
