"""One block of a run: entering it, carrying out what its handler yields, ending it well or badly.

A handler is a generator; what it was answered so far is its memo. In a restored run it is made anew and given the
memo again, so it stands where it stood. Local effects are done here in memory, storage effects inside a checkpoint
that also saves the answer, everything that takes time becomes a wait of the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from execution import effects as e
from execution import waits
from execution.branches import Branches, first_fault, parallel_of
from execution.checkpoints import NOT_YET, Checkpoints
from execution.context import TaskContext
from execution.errors import BlockError
from execution.frames import WAITING, Branch, Frame, Here
from execution.keys import execution_key, inner_iteration
from execution.leaving import failure_of, has_loop, refused, will_be_caught
from execution.limits import Limits, RunInfo
from execution.local import LocalActs
from execution.outcome import Failed, Finished
from execution.plan import PlanBlock
from execution.recording import FAILED, FINISHED, INTERRUPTED, NOT_RUN, STOPPED, Recording

TAKEN = object()
"""Answer of ``Steps.act``: the row of the block is taken care of."""


class Returned:
    """A handler has ended with these outputs."""

    __slots__ = ("outputs",)

    def __init__(self, outputs: Mapping[str, Any] | None) -> None:
        self.outputs = outputs


def _send(gen: Any, answer: Any) -> Any:
    try:
        return gen.send(answer)
    except StopIteration as stop:
        return Returned(stop.value)


class Steps(Checkpoints):
    """Does the steps of one slice; ``ending`` is set when the slice is over."""

    def __init__(
        self, info: RunInfo, limits: Limits, context: TaskContext, recording: Recording, branches: Branches
    ) -> None:
        super().__init__(info, limits, context, recording, branches)
        self._acts = LocalActs(context, recording)
        self.new_orders: list[Branch] = []
        self._carry: Mapping[type, Callable[[Branch, Frame, Any], Any]] = {
            e.RunChildren: self._run_children,
            e.RunRound: self._run_round,
            e.RunBranches: self._run_branches,
            e.Evaluate: self._evaluate,
            e.Leave: self._leave,
            e.PassOn: self._pass_on,
            e.SetStateText: self._state_text,
            e.Sleep: self._wait,
            e.AwaitOrder: self._wait,
            e.FleetCall: self._wait,
        }

    def forget(self) -> None:
        """Let go of its own methods: without this cycle the run is gone at once, not with the next collection."""
        self._carry = {}
        self._port_error = None

    def quiet_again(self) -> None:
        """In a restored run: rounds whose information lines are not kept are still going on."""
        for branch in self._branches.all.values():
            for frame in branch.stack:
                if frame.quiet:
                    self._acts.quiet(True)

    # --- Entering and driving ---

    def keep(self, branch: Branch, block: PlanBlock, outputs: Mapping[str, Any]) -> None:
        """Outputs of a block that has ended: kept when some expression can read them."""
        if block.keeps:
            self._context.keep_outputs(block.name, outputs, block.keeps)
        if outputs.get("success") is False and branch.owner is not None:
            base = branch.stack[0]
            if base.children is not None and base.children[0] is block:
                branch.failure = refused(block)

    def outcome(self, branch: Branch, block: PlanBlock, params: Any, seq: int, now: int, effect: Any) -> Any:
        """What a plain handler returned: outputs, or its only act. ``TAKEN``: the row is written otherwise or later."""
        kind = type(effect)
        if kind is e.SetVariable:
            self._context.set_variable(effect.name, effect.value, block.name)
            self._recording.variables_changed = True
            return None
        if kind is e.Log:
            self._acts.do(branch, block.name, effect, now)
            return None
        if not isinstance(effect, e.Effect):
            if effect:
                self.keep(branch, block, effect)
            return effect
        frame = Frame(block, params, seq, branch.stack[-1].inner, now)
        if kind is e.Skip:
            self._recording.close(frame, NOT_RUN, now)
            return TAKEN
        if isinstance(effect, e.RunChildren):
            self._deep(block)
            self._run_children(branch, frame, effect)
            branch.stack.append(frame)
            return TAKEN
        if not isinstance(effect, e.Leave):
            raise TypeError(f"{block.type} may not do {kind.__name__} as its only act")
        if effect.kind == "break" and not has_loop(branch):
            raise BlockError("break.no-loop", "There is no loop around this break.", final=True)
        self._recording.close(frame, FINISHED, now)
        self._travel(branch, e.Left(effect.kind))
        return TAKEN

    def enter(self, branch: Branch, block: PlanBlock, params: Any, seq: int, now: int) -> None:
        """A generator handler begins."""
        self._deep(block)
        frame = Frame(block, params, seq, branch.stack[-1].inner, now)
        frame.attempt = self._info.attempt
        if block.bind is not None:
            others = sum(open_.held for each in self._branches.all.values() for open_ in each.stack)
            values = [getattr(params, item.field) for item in block.spec.parameters]
            frame.held = self._context.room_for(values, others, block.name)
        branch.stack.append(frame)
        frame.gen = self._generator(branch, frame)
        self.drive(branch, frame, None)

    def _deep(self, block: PlanBlock) -> None:
        """Refuse a block whose children are too deep: blocks without children need no look of their own then."""
        if block.depth + bool(block.branches) > self._limits.max_block_depth:
            raise BlockError(
                "block.too-deep",
                f"{block.name} holds blocks nested deeper than {self._limits.max_block_depth} blocks.",
                remedy="Flatten the task, or raise the depth limit.",
            )

    def _generator(self, branch: Branch, frame: Frame) -> Any:
        here = Here(self._info, self._limits, branch, frame)
        if frame.block.loop:
            return frame.block.handler(here, frame.params, frame.round)
        return frame.block.handler(here, frame.params)

    def reenter(self, branch: Branch, frame: Frame) -> Any:
        """Make the handler anew and bring it to where it stood; answers the effect it stands at, or ``Returned``."""
        gen = frame.gen = self._generator(branch, frame)
        effect = _send(gen, None)
        for answer in frame.memo:
            effect = _send(gen, answer)
        return effect

    def drive(self, branch: Branch, frame: Frame, answer: Any, *, resumed: bool = False) -> None:
        """Give a handler its answer and carry out what it yields, until it waits, runs children or ends."""
        carry, memo = self._carry, frame.memo
        try:
            effect = self.reenter(branch, frame) if frame.gen is None else None
            if resumed:
                memo.append(answer)
                effect = None
            while True:
                if effect is None:
                    effect = _send(frame.gen, answer)
                if type(effect) is Returned:
                    self._finish(branch, frame, effect.outputs)
                    return
                act = carry.get(type(effect))
                if act is not None:
                    answer = act(branch, frame, effect)
                elif isinstance(effect, e.Transacted):
                    answer = self.store(branch, frame, effect)
                else:
                    answer = self._acts.in_frame(branch, frame, effect, self.port.now_ms())
                if answer is NOT_YET:
                    return
                if type(effect) is not e.SetStateText and not isinstance(effect, e.Transacted):
                    memo.append(answer)
                effect = None
        except Exception as error:  # noqa: BLE001 - the block boundary: whatever a block does fails the block
            self.frame_failed(branch, frame, error)

    def children_done(self, branch: Branch, frame: Frame) -> None:
        """The children of the top frame have ended well, its branches have come together, or it was saved between."""
        if frame.children is None:
            self.drive(branch, frame, None)
            return
        if len(branch.stack) == 1:
            if branch.failure is not None:
                frame.pos = 0
                self._end(branch, branch.failure, keep=not will_be_caught(branch))
            else:
                self._end(branch, True)
            return
        frame.children = None
        parallel, frame.parallel = frame.parallel, None
        fault = first_fault(parallel) if parallel is not None else None
        if parallel is None or fault is None:
            self._answer(branch, frame, None)
        elif isinstance(fault, e.ChildFailure) and not will_be_caught(branch):
            frame.parallel = parallel
            branch.failure = fault
            self._end(branch, fault, keep=True)
        else:
            self._branches.drop(parallel)
            self._recording.close(frame, FAILED if isinstance(fault, e.ChildFailure) else FINISHED, self.port.now_ms())
            branch.stack.pop()
            self._travel(branch, fault)

    def _answer(self, branch: Branch, frame: Frame, answer: Any) -> None:
        frame.children, frame.catch, frame.cleanup = None, False, False
        if frame.block.plain:
            self._finish(branch, frame, None)
        else:
            self.drive(branch, frame, answer, resumed=True)

    # --- Ending ---

    def _finish(self, branch: Branch, frame: Frame, outputs: Mapping[str, Any] | None) -> None:
        if outputs:
            self.keep(branch, frame.block, outputs)
        self._recording.close(frame, FINISHED, self.port.now_ms(), outputs)
        branch.stack.pop()

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

    def _travel(self, branch: Branch, what: e.ChildFailure | e.Left) -> None:
        """A failure, break or return leaves the blocks of a branch from the top until one takes it."""
        failed = isinstance(what, e.ChildFailure)
        returns = isinstance(what, e.Left) and what.kind == "return"
        if returns:
            self._return(branch)
        if failed and not will_be_caught(branch):
            branch.stack[-1].pos -= 1
            branch.failure = what if isinstance(what, e.ChildFailure) else None
            self._end(branch, what, keep=True)
            return
        while len(branch.stack) > 1:
            frame = branch.stack[-1]
            if frame.cleanup or (frame.catch if failed else frame.block.loop and not returns):
                self._answer(branch, frame, what)
                return
            self._recording.close(frame, FAILED if failed else FINISHED, self.port.now_ms())
            if frame.gen is not None:
                frame.gen.close()
            branch.stack.pop()
        self._end(branch, what)

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

    def _tell(self, branch: Branch, failure: e.ChildFailure) -> None:
        """A branch has failed beside others, which may go on for long: the log says so at once."""
        if branch.owner is None or len(parallel_of(branch.owner).children) == 1:
            return
        args = {"parallel": branch.owner.stack[-1].block.name, "block": failure.block, "message": failure.message}
        level = 4 if will_be_caught(branch) else 3
        self._recording.log(failure.block, e.Log("parallel.failed", args, level=level), self.port.now_ms())

    # --- Effects of frames ---

    def _run_children(self, branch: Branch, frame: Frame, effect: e.RunChildren) -> Any:
        frame.branch, frame.catch, frame.cleanup = effect.branch, effect.catch, effect.cleanup
        frame.children, frame.pos = frame.block.branches.get(effect.branch, ()), 0
        return NOT_YET

    def _run_round(self, branch: Branch, frame: Frame, effect: e.RunRound) -> Any:
        self.count += 1
        frame.memo.clear()
        number = frame.round = effect.number
        frame.inner = inner_iteration(frame.iteration, number)
        if effect.quiet != frame.quiet:
            frame.quiet = effect.quiet
            self._acts.quiet(effect.quiet)
        if effect.outputs is not None:
            frame.outputs, frame.written = effect.outputs, 0
            self._context.keep_outputs(frame.block.name, effect.outputs, frame.block.keeps)
        frame.branch, frame.children, frame.pos = effect.branch, frame.block.branches.get(effect.branch, ()), 0
        return NOT_YET

    def _run_branches(self, branch: Branch, frame: Frame, effect: e.RunBranches) -> Any:
        children = frame.block.branches.get(effect.branch, ())
        if not children:
            return None
        frame.branch = effect.branch
        if self._branches.fork(branch, frame, children):
            args = {"count": len(children), "at_once": self._limits.max_parallel_blocks}
            self.said(frame, e.Log("parallel.window", args, level=4))
        return NOT_YET

    def _evaluate(self, branch: Branch, frame: Frame, effect: e.Evaluate) -> Any:
        return frame.block.deferred[effect.parameter](self._context.scope)

    def _leave(self, branch: Branch, frame: Frame, effect: e.Leave) -> Any:
        if effect.kind == "break" and not has_loop(branch):
            raise BlockError("break.no-loop", "There is no loop around this break.", final=True)
        return self._pass_on(branch, frame, e.PassOn(e.Left(effect.kind)))

    def _pass_on(self, branch: Branch, frame: Frame, effect: e.PassOn) -> Any:
        failed = isinstance(effect.what, e.ChildFailure)
        reason = effect.what.message if isinstance(effect.what, e.ChildFailure) else ""
        self._recording.close(frame, FAILED if failed else FINISHED, self.port.now_ms(), reason=reason)
        branch.stack.pop()
        self._travel(branch, effect.what)
        return NOT_YET

    def _state_text(self, branch: Branch, frame: Frame, effect: e.SetStateText) -> Any:
        self._recording.state_text(effect.text)
        frame.memo.append(None)
        self.checkpoint()
        return None

    # --- Waiting ---

    def _wait(self, branch: Branch, frame: Frame, effect: e.Effect) -> Any:
        if isinstance(effect, e.Sleep) and effect.milliseconds <= 0:
            return None
        key = waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration, frame.attempt))
        if isinstance(effect, e.External):
            self._recording.effects.append(waits.external_row(effect, key, frame.block.name))
        branch.wait = waits.wait_for(effect, key, self.port.now_ms())
        self._branches.rest(branch)
        branch.status = WAITING
        if isinstance(effect, e.AwaitOrder):
            self.new_orders.append(branch)
        return NOT_YET
