"""Checkpoints of a slice, and the storage effects that happen inside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from execution import effects as e
from execution import state, waits
from execution.branches import Branches
from execution.context import TaskContext
from execution.errors import BlockError
from execution.frames import READY, WAITING, Branch, Frame, Wait
from execution.keys import execution_key
from execution.limits import Limits, RunInfo
from execution.outcome import Failed, Outcome, SliceOver, Snapshot
from execution.ports import RunPort
from execution.recording import Recording

NOT_YET = object()
"""Instead of an answer: the handler gets its answer later."""


class Checkpoints:
    """What a slice writes before its end. ``ending`` is set when the slice is over, ``current`` has the turn.

    ``count`` are the blocks and rounds of this slice, ``most`` those it may have; ``unwaited`` those of the slices
    before it since the run last waited.
    """

    port: RunPort

    def __init__(
        self, info: RunInfo, limits: Limits, context: TaskContext, recording: Recording, branches: Branches
    ) -> None:
        self.ending: Outcome | None = None
        self.current: Branch | None = None
        self.count = self.unwaited = 0
        self.most = 0
        self.slice_end = 0
        self._info, self._limits = info, limits
        self._context, self._recording, self._branches = context, recording, branches
        self._port_error: BaseException | None = None

    def begin(self, port: RunPort) -> None:
        """A new slice begins."""
        self.port = port
        self.ending = self.current = None
        self.count = 0
        self.most = min(self._limits.slice_steps, max(0, self._limits.max_steps - self.unwaited))
        now = port.now_ms()
        self.slice_end = now + self._limits.slice_ms
        if self._recording.seq == 0:
            self._recording.started(now)

    def snapshot(self, *, ended: bool = False, failed: bool = False) -> Snapshot:
        """What is to be written now."""
        return self._recording.snapshot(
            self._branches.all,
            None
            if ended
            else lambda: state.dump(
                self._context,
                self._branches,
                self._recording,
                current=self.current,
                failed=failed,
                steps=self.unwaited + self.count,
            ),
        )

    def waited(self) -> None:
        """Every branch waits: what was done without waiting is counted anew."""
        self.unwaited = -self.count

    def slice_over(self, branch: Branch) -> None:
        """The slice has done what it may; so has the run, when it never waits. Nothing catches that."""
        most = self._limits.max_steps
        if self.unwaited + self.count < most:
            self.ending = SliceOver()
            return
        frame = branch.stack[-1]
        children = frame.children or ()
        block = children[frame.pos] if frame.pos < len(children) else frame.block
        self.ending = Failed(
            block.name,
            block.where,
            "run.too-many-steps",
            f"The run has done {most:,} blocks and rounds without ever waiting; it was stopped before {block.name}.",
            "Let the loop around it wait or end, or raise the limit max_steps.",
            final=True,
        )

    def look(self) -> int:
        """The time. Log lines of blocks whose records are not kept are written before they fill the memory."""
        if len(self._recording.logs) >= self._limits.flush_rows:
            self.checkpoint()
        return self.port.now_ms()

    def checkpoint(self) -> None:
        """Write what has come together, and the state."""
        with self.port_errors(), self.port.checkpoint() as tx:
            tx.save(self.snapshot())
        self._recording.written()

    @contextmanager
    def port_errors(self) -> Iterator[None]:
        """What fails in here is no failure of a block, but for a refusal."""
        try:
            yield
        except BlockError:
            raise
        except Exception as error:
            self._port_error = error
            raise

    def store(self, branch: Branch, frame: Frame, effect: e.Transacted) -> Any:
        """A transacted effect: its result, the memo that holds it and everything unwritten commit together."""
        wait, branch.wait = branch.wait, None
        key = waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration, frame.attempt))
        now = self.port.now_ms()
        since = now if wait is None else wait.since
        before, branch.status = branch.status, READY
        current, self.current = self.current, branch
        try:
            with self.port_errors(), self.port.checkpoint() as tx:
                answer = tx.apply(effect, key, since)
                if not isinstance(answer, e.Pending):
                    frame.memo.append(answer)
                    tx.save(self.snapshot())
        except BlockError:
            branch.wait, branch.status = wait, before
            raise
        finally:
            self.current = current
        if not isinstance(answer, e.Pending):
            self._recording.written()
            branch.wait, branch.status = wait, before
            return answer
        branch.wait = wait or Wait(effect, key, answer.code, {}, since)
        self.said(frame, waits.adopt(branch.wait, answer, effect, since))
        if before == READY:
            self._branches.rest(branch)
        branch.status = WAITING
        return NOT_YET

    def said(self, frame: Frame, log: e.Log | None) -> None:
        """Log a line of a frame's block, when there is one."""
        if log is not None:
            self._recording.log(frame.block.name, log, self.port.now_ms())
