"""Stopping the other branches of a run, as ``StopOtherBranch`` asks for it.

A stopped branch has a ``Left("stop")`` as its heading: at its next turn it leaves all its blocks. One that holds
something at another system is shown why and tidies up first; a call that makes such a thing is waited for.
"""

from __future__ import annotations

from typing import Any

from execution import effects as e
from execution import waits
from execution.branches import parallel_of
from execution.frames import JOINING, WAITING, Branch, Frame, Parallel
from execution.keys import execution_key
from execution.recording import FINISHED, STOPPED
from execution.skipping import Skips

_STOP = e.Left("stop")


class Stops(Skips):
    """Stops branches."""

    def reenter(self, branch: Branch, frame: Frame) -> Any:
        """Make a handler anew; see ``steps.Steps``."""
        raise NotImplementedError

    def stop_others(self, branch: Branch, frame: Frame) -> None:
        """End every other branch, but for those above; their waiting requests are withdrawn with the same commit.

        Raises:
            BlockError: the withdrawal is refused; nothing has changed.
        """
        others = self._branches.beside(branch)
        keys = tuple(key for other in others if (key := self._request_of(other)) is not None)
        if not keys:
            self._recording.close(frame, FINISHED, self.port.now_ms())
            self._stop(others)
            return
        key = waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration, frame.attempt))
        with self.port_errors(), self.port.checkpoint() as tx:
            tx.apply(e.Withdraw(keys), key, self.port.now_ms())
            self._recording.close(frame, FINISHED, self.port.now_ms())
            self._stop(others)
            tx.save(self.snapshot())
        self._recording.written()

    def _request_of(self, branch: Branch) -> str | None:
        if branch.wait is None or not isinstance(branch.wait.effect, e.Storage):
            return None
        frame = branch.stack[-1]
        return waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration, frame.attempt))

    def _stop(self, others: list[Branch]) -> None:
        self._branches.begin_no_more()
        for other in others:
            other.heading = _STOP
            making = other.wait is not None and isinstance(other.wait.effect, e.FleetCall) and other.wait.effect.holds
            if other.status == WAITING and not making:
                self._branches.wake(other)

    def leave_failed(self, owner: Branch, frame: Frame, parallel: Parallel) -> bool:
        """A parallel block is left although branches of it failed, which were kept to be tried again.

        What these hold at other systems is put right first, as if they were stopped; answers whether there is any.
        """
        kept = self._branches.below(parallel)
        if not any(open_.cleanup for each in kept for open_ in each.stack):
            return False
        frame.parallel, owner.status = parallel, JOINING
        for each in kept:
            each.failure, each.heading, each.status = None, _STOP, JOINING
            if each.owner is not None:
                parallel_of(each.owner).results[each.index] = None
        for each in kept:
            inner = each.stack[-1].parallel
            if inner is None or not inner.branches:
                self._branches.wake(each)
        return True

    def answered_too_late(self, branch: Branch, frame: Frame, answer: Any) -> None:
        """The answer that a stopped branch still waited for: it leaves its blocks at its next turn."""
        frame.memo.append(answer)
        if frame.gen is not None:
            frame.gen.close()
            frame.gen = None

    def leave_stopped(self, branch: Branch, left: e.Left) -> None:
        """Leave all blocks of a stopped branch, until one has to tidy up; the last of them ends it, well."""
        branch.heading = None
        while len(branch.stack) > 1:
            frame = branch.stack[-1]
            if frame.parallel is not None:
                self._drop(frame.parallel, STOPPED)
            elif frame.cleanup or (frame.children is None and self._tidies(branch, frame)):
                self._answer(branch, frame, left)
                return
            self._close(branch, STOPPED)
        self._end(branch, True)

    def _tidies(self, branch: Branch, frame: Frame) -> bool:
        """Whether a handler that stands at an effect wants to know that it is stopped there."""
        if frame.gen is not None:
            frame.gen.close()
        try:
            effect = self.reenter(branch, frame)
        except Exception:  # noqa: BLE001 - its block would fail; it is left instead
            return False
        return isinstance(effect, e.AwaitOrder | e.RunChildren) and effect.cleanup
