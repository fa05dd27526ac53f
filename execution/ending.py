"""How blocks end, well or badly, and how a failure, a break or a return leaves the blocks around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution import effects as e
from execution.branches import parallel_of
from execution.checkpoints import NOT_YET, Checkpoints
from execution.frames import Branch, Frame, Parallel
from execution.leaving import failure_of, refused, will_be_caught
from execution.outcome import Cancelled, Failed, Finished
from execution.plan import Plan, PlanBlock
from execution.recording import FAILED, FINISHED, INTERRUPTED, STOPPED


class Endings(Checkpoints):
    """Ends blocks, branches and the run."""

    plan: Plan

    def drive(self, branch: Branch, frame: Frame, answer: Any, *, resumed: bool = False) -> None:
        """Give a handler its answer; see ``steps.Steps``."""
        raise NotImplementedError

    def keep(self, branch: Branch, block: PlanBlock, outputs: Mapping[str, Any]) -> None:
        """Outputs of a block that has ended: kept when some expression can read them."""
        if block.keeps:
            self._context.keep_outputs(block.name, outputs, block.keeps)
        if outputs.get("success") is False and branch.owner is not None:
            base = branch.stack[0]
            if base.children is not None and base.children[0] is block and not parallel_of(branch.owner).copies:
                branch.failure = refused(block)

    def _answer(self, branch: Branch, frame: Frame, answer: Any) -> None:
        frame.children, frame.catch, frame.cleanup = None, False, False
        if frame.block.plain:
            self._finish(branch, frame, None)
        else:
            self.drive(branch, frame, answer, resumed=True)

    def _finish(self, branch: Branch, frame: Frame, outputs: Mapping[str, Any] | None) -> None:
        if outputs:
            self.keep(branch, frame.block, outputs)
        self._recording.close(frame, FINISHED, self.port.now_ms(), outputs)
        branch.stack.pop()

    def _close(self, branch: Branch, code: int) -> None:
        """The top block of a branch ends without its handler."""
        frame = branch.stack.pop()
        self._recording.close(frame, code, self.port.now_ms())
        if frame.gen is not None:
            frame.gen.close()

    def end_by_hand(self, branch: Branch, outputs: Mapping[str, Any]) -> None:
        """The next block of a branch is not executed: a person has ended it, with these outputs."""
        frame, now = branch.stack[-1], self.port.now_ms()
        if not frame.children:
            return
        block = frame.children[frame.pos]
        frame.pos += 1
        try:
            if outputs and block.keeps:
                self._context.keep_outputs(block.name, outputs, block.keeps)
            self._recording.by_hand(block, frame.inner, outputs, now)
        except Exception as error:  # noqa: BLE001 - the block boundary
            self._recording.seq += 1
            self.leaf_failed(branch, block, None, self._recording.seq, now, error)
            self._branches.discard_turn(branch)

    def _drop(self, parallel: Parallel, code: int) -> None:
        """A parallel block is left. Branches that failed were kept to be tried again: their open blocks end now."""
        now = self.port.now_ms()
        for branch in self._branches.drop(parallel):
            for frame in branch.stack[1:]:
                self._recording.close(frame, code, now)

    # --- Failures ---

    def leaf_failed(self, branch: Branch, block: PlanBlock, params: Any, seq: int, now: int, error: Exception) -> None:
        """A block that has no frame fails."""
        frame = Frame(block, params, seq, branch.stack[-1].inner, now)
        self._failed(branch, frame, error)

    def frame_failed(self, branch: Branch, frame: Frame, error: Exception) -> None:
        """The block of a frame fails. Errors of the port are no failures of a block and are raised again."""
        if error is self._port_error:
            raise error
        while branch.stack[-1] is not frame:
            branch.stack.pop()
        branch.stack.pop()
        if frame.gen is not None:
            frame.gen.close()
        self._failed(branch, frame, error)

    def _failed(self, branch: Branch, frame: Frame, error: Exception) -> None:
        if error is self._port_error:
            raise error
        failure = failure_of(frame.block, error)
        code = FAILED if failure.final or will_be_caught(branch) else INTERRUPTED
        self._recording.close(frame, code, self.port.now_ms(), reason=failure.message)
        self._travel(branch, failure)

    # --- On the way out ---

    def _travel(self, branch: Branch, what: e.ChildFailure | e.Left) -> None:
        """A failure, break or return leaves the blocks of a branch from the top until one takes it.

        A skip and a stop do so too, at the branch's next turn.
        """
        if isinstance(what, e.Left) and what.kind in ("skip", "stop"):
            branch.heading = self.plan.jumps.route(what.target) if what.kind == "skip" else what
            return
        failed = isinstance(what, e.ChildFailure)
        returns = isinstance(what, e.Left) and what.kind == "return"
        if returns:
            self._return(branch)
        if isinstance(what, e.ChildFailure) and not will_be_caught(branch):
            branch.stack[-1].pos -= 1
            branch.failure = what
            self._end(branch, what, keep=True)
            return
        branch.heading = None  # what catches a failure goes on from there
        while len(branch.stack) > 1:
            frame = branch.stack[-1]
            if frame.cleanup or (frame.catch if failed else frame.block.loop and not returns):
                self._answer(branch, frame, what)
                return
            self._close(branch, FAILED if failed else FINISHED)
        self._end(branch, what)

    def _pass_on(self, branch: Branch, frame: Frame, effect: e.PassOn) -> Any:
        what = effect.what
        if isinstance(what, e.ChildFailure):
            code, reason = FAILED, what.message
        else:
            code, reason = STOPPED if what.kind == "stop" else FINISHED, ""
        self._recording.close(frame, code, self.port.now_ms(), reason=reason)
        branch.stack.pop()
        self._travel(branch, what)
        return NOT_YET

    # --- Branches and the run ---

    def _end(self, branch: Branch, result: e.ChildFailure | e.Left | bool, *, keep: bool = False) -> None:
        """A branch has ended; with the root branch the run has."""
        self._branches.end(branch, result, keep=keep)
        if isinstance(result, e.ChildFailure):
            self._tell(branch, result)
        if branch.owner is not None:
            return
        if isinstance(result, e.ChildFailure):
            self.ending = Failed(result.block, result.path, result.code, result.message, result.remedy, result.final)
        else:
            self.ending = Finished()

    def _return(self, branch: Branch) -> None:
        """The other branches stop where they are: the run only tidies up on its way out."""
        now = self.port.now_ms()
        for other in self._branches.leave_only(branch):
            for frame in other.stack[1:]:
                code = STOPPED if other.wait is not None and frame is other.stack[-1] else FINISHED
                self._recording.close(frame, code, now)
                if frame.gen is not None:
                    frame.gen.close()

    def _end_run(self, reason: str) -> None:
        """The run ends as cancelled, with everything that is open; settling it tidies up."""
        now, branches = self.port.now_ms(), self._branches
        for branch in branches.all.values():
            for frame in branch.stack[1:]:
                self._recording.close(frame, STOPPED, now, reason=reason)
                if frame.gen is not None:
                    frame.gen.close()
        branches.all.clear()
        branches.ready.clear()
        self.ending = Cancelled(reason)

    def _tell(self, branch: Branch, failure: e.ChildFailure) -> None:
        """A branch has failed beside others, which may go on for long: the log says so at once."""
        if branch.owner is None or len(parallel_of(branch.owner).results) == 1:
            return
        args = {"parallel": branch.owner.stack[-1].block.name, "block": failure.block, "message": failure.message}
        level = 4 if will_be_caught(branch) else 3
        self._recording.log(failure.block, e.Log("parallel.failed", args, level=level), self.port.now_ms())
