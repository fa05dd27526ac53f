"""The branches of a run: who is ready, the sliding window of parallel blocks, and how branches come together again.

A branch counts as active while it, or any branch below it, can do something now; one that waits does not, so a
branch behind the window that frees what the others wait for still gets its turn.
"""

from __future__ import annotations

from collections import deque

from execution.effects import ChildFailure, Left
from execution.frames import ENDED, JOINING, READY, WAITING, Branch, Frame, Parallel
from execution.jumps import Route
from execution.keys import inner_iteration


class Branches:
    """All live branches by key, and those that are ready in the order they take turns."""

    def __init__(self, window: int) -> None:
        self.all: dict[str, Branch] = {}
        self.ready: deque[Branch] = deque()
        self._window = window

    def add(self, branch: Branch) -> None:
        """Add a branch that is ready."""
        self.all[branch.key] = branch
        self.ready.append(branch)

    def fork(self, owner: Branch, frame: Frame, parallel: Parallel) -> bool:
        """Begin a parallel block; answers whether some of its branches have to wait for a place in the window.

        Branches whose result is there already do not begin. One that skips gives its way on to them.
        """
        frame.parallel = parallel
        owner.status = JOINING
        self._fill(owner, parallel)
        return parallel.following < len(parallel.results)

    def _fill(self, owner: Branch, parallel: Parallel) -> None:
        frame, results = owner.stack[-1], parallel.results
        while parallel.following < len(results) and parallel.active < self._window:
            index = parallel.following
            parallel.following += 1
            if results[index] is not None:
                continue
            parallel.active += 1
            branch = Branch(f"{owner.key}.{frame.seq}.{index}", owner, index, base_frame(frame, parallel, index))
            if isinstance(owner.heading, Route):
                branch.heading = owner.heading
            parallel.branches[index] = branch
            self.add(branch)

    def begun(self) -> int:
        """The branches of all parallel blocks that are open, those behind the window too."""
        parallels = [branch.stack[-1].parallel for branch in self.all.values()]
        return sum(len(parallel.results) for parallel in parallels if parallel is not None)

    def rest(self, branch: Branch) -> None:
        """The branch waits now: its place in the window is free."""
        self._deactivate(branch)

    def _deactivate(self, branch: Branch) -> None:
        """Take a branch off the active ones, and the branches above whose last active one it was."""
        current: Branch | None = branch
        while current is not None and current.active:
            current.active = False
            owner = current.owner
            if owner is None:
                return
            parallel = parallel_of(owner)
            parallel.active -= 1
            self._fill(owner, parallel)
            current = owner if parallel.active == 0 else None

    def wake(self, branch: Branch) -> None:
        """The branch goes on."""
        branch.wait = None
        branch.status = READY
        self.ready.append(branch)
        current: Branch | None = branch
        while current is not None and not current.active:
            current.active = True
            current = current.owner
            if current is not None:
                parallel_of(current).active += 1

    def end(self, branch: Branch, result: ChildFailure | Left | bool, *, keep: bool = False) -> None:
        """A branch has ended; the last one gives its owner the turn. ``keep``: its stack is needed to go on later."""
        branch.status = ENDED
        if not keep:
            del self.all[branch.key]
        owner = branch.owner
        if owner is None:
            return
        parallel = parallel_of(owner)
        parallel.results[branch.index] = result
        if not keep:
            del parallel.branches[branch.index]
        self._deactivate(branch)
        if all(answer is not None for answer in parallel.results):
            owner.stack[-1].children = ()
            owner.stack[-1].pos = 0
            self.wake(owner)

    def leave_only(self, branch: Branch) -> list[Branch]:
        """Take out all branches but this one and those above it, which come together as soon as it ends."""
        kept = {branch.key}
        below = branch
        while below.owner is not None:
            parallel = parallel_of(below.owner)
            parallel.following = len(parallel.results)
            parallel.results = [None if index == below.index else True for index in range(len(parallel.results))]
            parallel.branches = {below.index: below}
            parallel.active = 1
            below = below.owner
            kept.add(below.key)
        gone = [other for other in self.all.values() if other.key not in kept]
        for other in gone:
            other.status = ENDED
            del self.all[other.key]
            self.discard_turn(other)
        return gone

    def beside(self, branch: Branch) -> list[Branch]:
        """The branches that have not ended, but for this one and those above it."""
        kept = {branch.key}
        above = branch.owner
        while above is not None:
            kept.add(above.key)
            above = above.owner
        return [other for other in self.all.values() if other.key not in kept and other.status != ENDED]

    def begin_no_more(self) -> None:
        """Branches that still wait for a place in their window have ended well, as if they had nothing to do."""
        for each in self.all.values():
            parallel = each.stack[-1].parallel
            if parallel is not None:
                begun = parallel.branches
                parallel.results = [
                    True if result is None and index not in begun else result
                    for index, result in enumerate(parallel.results)
                ]
                parallel.following = len(parallel.results)

    def discard_turn(self, branch: Branch) -> None:
        """The branch cannot go on after all: take it out of those that are ready."""
        if branch in self.ready:
            self.ready.remove(branch)

    def below(self, parallel: Parallel) -> list[Branch]:
        """The branches of a parallel block, and those below them."""
        found: list[Branch] = []
        for branch in parallel.branches.values():
            inner = branch.stack[-1].parallel
            found += [branch, *(self.below(inner) if inner is not None else ())]
        return found

    def drop(self, parallel: Parallel) -> list[Branch]:
        """Forget the branches of a parallel block that is left, and those below them; answers them."""
        gone: list[Branch] = []
        for branch in parallel.branches.values():
            self.all.pop(branch.key, None)
            below = branch.stack[-1].parallel
            gone += self.drop(below) if below is not None else []
            gone.append(branch)
        parallel.branches.clear()
        return gone

    def waiting(self) -> list[Branch]:
        """The branches that wait, in a fixed order."""
        return sorted((branch for branch in self.all.values() if branch.status == WAITING), key=lambda item: item.key)


def parallel_of(owner: Branch) -> Parallel:
    """The parallel block at the top of a branch."""
    parallel = owner.stack[-1].parallel
    if parallel is None:
        raise LookupError(f"branch {owner.key} is not at a parallel block")
    return parallel


def base_frame(frame: Frame, parallel: Parallel, index: int) -> Frame:
    """The bottom of a branch's stack: runs a child of the parallel block, or a copy; has no block record of its own."""
    base = Frame(frame.block, None, 0, frame.iteration, 0)
    base.inner = inner_iteration(frame.inner, index + 1) if parallel.copies else frame.inner
    base.children = parallel.children if parallel.copies else (parallel.children[index],)
    return base


def first_fault(parallel: Parallel) -> ChildFailure | Left | None:
    """The first result in list order that is not good."""
    for result in parallel.results:
        if isinstance(result, ChildFailure | Left):
            return result
    return None
