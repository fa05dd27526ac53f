"""Skipping to a block further on, as ``SkipToComponent`` asks for it.

A branch that skips has a ``Route`` as its heading. At each of its turns it goes forward from where it stands: blocks
that are not on the way get the record "not executed", blocks around the target are entered, blocks that hold it no
further on are left. A block with a handler of its own (a loop, a robot selection, a parallel block) runs as usual;
the branch goes on skipping among its children.
"""

from __future__ import annotations

from execution import effects as e
from execution.ending import Endings
from execution.errors import BlockError
from execution.frames import Branch, Frame
from execution.jumps import Route
from execution.plan import PlanBlock
from execution.recording import FINISHED, NOT_RUN


class Skips(Endings):
    """Moves branches that skip."""

    def skip_to(self, branch: Branch, frame: Frame, target: str) -> None:
        """The block of ``frame`` has asked to skip; the branch does so at its next turn."""
        if not target:
            raise BlockError(
                "skip.no-target", "skipComponentId is empty.", remedy="Give it the name or the id of a block."
            )
        branch.heading = self.plan.jumps.route(target)
        current: Branch | None = branch
        while current is not None:
            for open_ in current.stack:
                open_.passed = False
            current = current.owner
        self.said(frame, e.Log("skip.begun", {"block": frame.block.name, "target": target[:200]}))

    def forward(self, branch: Branch, route: Route) -> None:
        """Go on towards the target until a block has to run as usual, or the branch has ended."""
        while True:
            frame = branch.stack[-1]
            children = frame.children
            if children is None or frame.parallel is not None:  # its handler has the word
                return
            place = self._skip(frame, children, route)
            if place is not None:
                frame.pos = place
                child = children[place]
                if child.name in route.ends:
                    branch.heading = None
                    args = {"block": child.name}
                    self._recording.log(child.name, e.Log("skip.reached", args), self.port.now_ms())
                    return
                if not child.plain or not self._enter_on_the_way(branch, child, route.via[child.name]):
                    return
            elif frame.block.loop and frame.block.name in route.via and not frame.passed:
                return  # it may come in the next round; where it did not come in a whole one it never will
            elif not self._leave(branch, frame, route):
                return

    def _skip(self, frame: Frame, children: tuple[PlanBlock, ...], route: Route) -> int | None:
        """Pass over what is not on the way; answers the place of what is."""
        now = -1
        for place in range(frame.pos, len(children)):
            child = children[place]
            if child.name in route.ends or child.name in route.via:
                return place
            now = self.port.now_ms() if now < 0 else now
            self._recording.seq += 1
            self._recording.close(Frame(child, None, self._recording.seq, frame.inner, now), NOT_RUN, now)
        frame.pos = len(children)
        return None

    def _enter_on_the_way(self, branch: Branch, block: PlanBlock, inside: str) -> bool:
        """Enter a block that only chooses among its branches, whatever it would choose. Too deep: it fails as usual."""
        if self.too_deep(block):
            return False
        branch.stack[-1].pos += 1
        self.count += 1
        self._recording.seq += 1
        self._context.path.append(block.name)
        frame = Frame(block, block.constant, self._recording.seq, branch.stack[-1].inner, self.port.now_ms())
        frame.branch, frame.children = inside, block.branches[inside]
        branch.stack.append(frame)
        return True

    def _leave(self, branch: Branch, frame: Frame, route: Route) -> bool:
        """Leave the top block, which does not hold the target further on; answers whether to go on at once."""
        left = e.Left("skip", route.target)
        if len(branch.stack) == 1:
            if branch.owner is None:
                args = {"target": route.target[:200]}
                self._recording.log("", e.Log("skip.missed", args, level=4), self.port.now_ms())
            self._end(branch, True if branch.owner is None else left)
            return False
        if frame.cleanup:
            branch.heading = None
            self._answer(branch, frame, left)
            return False
        self._close(branch, FINISHED)
        return True

    def too_deep(self, block: PlanBlock) -> bool:
        """Whether the children of a block are nested deeper than the limit. Blocks without children need no look."""
        return block.depth + bool(block.branches) > self._limits.max_block_depth
