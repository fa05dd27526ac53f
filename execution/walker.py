"""The interpreter: single-threaded, an explicit stack per branch, branches take turns block by block.

``Run.start`` or ``Run.restore``, then ``advance(port)`` until its outcome is an end. A slice ends when every branch
waits, when its time is used up, when the port asks to stop, or with the run. It never raises for what a definition
does; only ``LeaseLost`` and failures of the port itself leave it, and then the run object is worthless.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution import state
from execution.branches import Branches
from execution.context import ContextRegister, TaskContext
from execution.decision import Decision
from execution.frames import READY, Branch, Frame, Here
from execution.limits import Limits, RunInfo
from execution.outcome import BlockRow, Cancelled, Failed, Finished, Outcome, SliceEnd, Stopped, Suspended
from execution.plan import Plan
from execution.ports import RunPort
from execution.recording import FINISHED, Recording
from execution.resuming import look_at_new_orders, resume_waiting
from execution.rows import EMPTY, object_text
from execution.steps import TAKEN, Steps
from execution.waits import wait_rows

_CLOCK_EVERY = 8
"""Pure blocks take microseconds: so many of them share one look at the clock. Any other block looks anew."""


class Run:
    """One run of a plan, from its start or from its stored state. A context manager: leaving it empties the context."""

    def __init__(self, plan: Plan, inputs: dict[str, Any], info: RunInfo, limits: Limits) -> None:
        self.plan = plan
        self.info = info
        self.limits = limits
        self.context = TaskContext(inputs, info, limits)
        self._recording = Recording(self.context, limits)
        self._branches = Branches(limits.max_parallel_blocks)
        self._steps = Steps(plan, info, limits, self.context, self._recording, self._branches)
        self._here = Here(info, limits)
        self._by_hand: list[Branch] = []
        self._outputs_by_hand: Mapping[str, Any] = {}

    @classmethod
    def start(
        cls,
        plan: Plan,
        inputs: dict[str, Any],
        info: RunInfo,
        limits: Limits | None = None,
        register: ContextRegister | None = None,
    ) -> Run:
        """A new run. ``inputs`` as ``plan.bind_inputs`` gives them; the run takes them over.

        Raises:
            BlockError: the inputs alone are larger than the context may be.
        """
        run = cls(plan, inputs, info, limits or Limits())
        base = Frame(plan.root, None, 0, "", 0)
        base.children = plan.root.branches.get("default", ())
        run._branches.add(Branch("0", None, 0, base))
        if register is not None:
            register.add(run.context)
        return run

    @classmethod
    def restore(
        cls,
        plan: Plan,
        state_text: str,
        info: RunInfo,
        limits: Limits | None = None,
        register: ContextRegister | None = None,
        decision: Decision | None = None,
    ) -> Run:
        """A run as its last checkpoint left it; ``decision`` is what a person decided about one that stopped.

        Raises:
            execution.state.StateError: the text is damaged or belongs to another plan.
            execution.decision.DecisionError: the decision does not fit the state.
        """
        run = cls(plan, {}, info, limits or Limits())
        loaded = state.load(state_text, plan, run.context, run._branches, run._recording, decision)
        run._steps.unwaited, run._by_hand = loaded
        run._outputs_by_hand = decision.outputs if decision is not None else {}
        run._steps.quiet_again()
        if register is not None:
            register.add(run.context)
        return run

    def close(self) -> None:
        """Forget everything; called on every way out."""
        for branch in self._branches.all.values():
            for frame in branch.stack:
                if frame.gen is not None:
                    frame.gen.close()
                if frame.parallel is not None:
                    frame.parallel.branches.clear()
        self._branches.all.clear()
        self._branches.ready.clear()
        self._steps.forget()
        self.context.cleanup()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def advance(self, port: RunPort) -> SliceEnd:
        """Walk until the slice ends.

        Raises:
            LeaseLost: another process owns the run; nothing more may be written.
        """
        steps, branches = self._steps, self._branches
        steps.begin(port)
        while self._by_hand:
            steps.end_by_hand(self._by_hand.pop(0), self._outputs_by_hand)
        resume_waiting(steps, branches)
        while steps.ending is None:
            if not branches.ready:
                if not look_at_new_orders(steps, branches):
                    steps.ending = Suspended(())
                continue
            branch = steps.current = branches.ready.popleft()
            self._turn(branch, port, alone=not branches.ready)
            if branch.status == READY and branch.key in branches.all:
                if steps.ending is not None:
                    branches.ready.appendleft(branch)
                else:
                    branches.ready.append(branch)
        return self._slice_end(steps.ending)

    def _slice_end(self, ending: Outcome) -> SliceEnd:
        over = isinstance(ending, Finished | Cancelled)
        if isinstance(ending, Suspended):
            self._steps.waited()
        snapshot = self._steps.snapshot(ended=over, failed=isinstance(ending, Failed))
        if isinstance(ending, Suspended):
            ending = Suspended(wait_rows(self._branches.waiting()))
        self._recording.written()
        outputs = dict(self.context.outputs) if isinstance(ending, Finished | Failed) else {}
        return SliceEnd(ending, snapshot, outputs)

    def _turn(self, branch: Branch, port: RunPort, *, alone: bool) -> None:
        """Run blocks of one branch until it waits or ends, or, beside others, one block."""
        steps, stack, limits, context = self._steps, branch.stack, self.limits, self.context
        recording, scope, here = self._recording, self.context.scope, self._here
        row_text, flush, new, walked = limits.row_text, limits.flush_rows, tuple.__new__, context.path.append
        look, stop_requested, most_steps, slice_end = steps.look, port.stop_requested, steps.most, steps.slice_end
        now = current = 0
        if branch.heading is not None and not steps.goes_on(branch, branch.heading):
            return
        while True:
            current -= 1
            if current < 0:
                now, current = look(), _CLOCK_EVERY
            if steps.count >= most_steps or (now >= slice_end and steps.count):
                steps.slice_over(branch)
                return
            why = stop_requested()
            if why is not None:
                steps.ending = Stopped(why)
                return
            frame = stack[-1]
            children: Any = frame.children
            position = frame.pos
            if children is None or position >= len(children):
                current = 0
                steps.children_done(branch, frame)
                if branch.status != READY or steps.ending is not None or branch.heading is not None:
                    return
                continue
            frame.pos = position + 1
            block = children[position]
            steps.count += 1
            seq = recording.seq = recording.seq + 1
            walked(block.name)
            params = block.constant
            try:
                params = params if block.bind is None else block.bind(scope)
                if block.plain:
                    outputs = block.handler(here, params)
                    if outputs is not None:
                        outputs = steps.outcome(branch, block, params, seq, now, outputs)
                    if outputs is not TAKEN:
                        row = (
                            seq, block.name, block.type, block.path, frame.inner, FINISHED, now, now,
                            block.params_text or block.encode(params, row_text),
                            object_text(outputs, row_text) if outputs else EMPTY, "",
                        )  # fmt: skip
                        rows = recording.rows
                        rows.append(new(BlockRow, row))
                        if alone and len(rows) < flush:
                            continue
                else:
                    current = 0
                    steps.enter(branch, block, params, seq, now)
            except Exception as error:  # noqa: BLE001 - the block boundary: whatever a block does fails the block
                steps.leaf_failed(branch, block, params, seq, now, error)
            if len(recording.rows) >= flush:
                steps.checkpoint()
            if branch.status != READY or steps.ending is not None or not alone or branch.heading is not None:
                return
