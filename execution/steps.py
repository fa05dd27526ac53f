"""One block of a run: entering it, carrying out what its handler yields, ending it well or badly.

A handler is a generator; what it was answered so far is its memo. In a restored run it is made anew and given the
memo again, so it stands where it stood. Local effects are done here in memory, storage effects inside a checkpoint
that also saves the answer, everything that takes time becomes a wait of the branch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from execution import effects as e
from execution import state, waits
from execution.branches import Branches, first_fault
from execution.context import TaskContext
from execution.errors import BlockError
from execution.frames import ENDED, READY, WAITING, Branch, Frame, Here
from execution.keys import execution_key
from execution.leaving import failure_of, has_loop, refused, will_be_caught
from execution.limits import Limits, RunInfo
from execution.local import LocalActs
from execution.outcome import Failed, Finished, Outcome, Snapshot
from execution.plan import Plan, PlanBlock
from execution.ports import RunPort
from execution.recording import FAILED, FINISHED, INTERRUPTED, STOPPED, Recording

TAKEN = object()
"""Answer of ``Steps.act``: the row of the block is taken care of."""
_NOT_YET = object()


class Steps:
    """Does the steps of one slice; ``ending`` is set when the slice is over."""

    def __init__(
        self, plan: Plan, info: RunInfo, limits: Limits, context: TaskContext, recording: Recording, branches: Branches
    ) -> None:
        self.ending: Outcome | None = None
        self.current: Branch | None = None
        self.count = 0
        self.slice_end = 0
        self._info, self._limits = info, limits
        self._context, self._recording, self._branches = context, recording, branches
        self._acts = LocalActs(context, recording)
        self._new_orders: list[Branch] = []
        self._port_error: BaseException | None = None
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

    def begin(self, port: RunPort) -> None:
        """A new slice begins."""
        self.port = port
        self.ending = self.current = None
        self.count = 0
        self.slice_end = port.now_ms() + self._limits.slice_ms

    # --- Checkpoints ---

    def snapshot(self, *, ended: bool = False, failed: bool = False) -> Snapshot:
        """What is to be written now."""
        return self._recording.snapshot(
            self._branches.all,
            None
            if ended
            else lambda: state.dump(
                self._context, self._branches, self._recording, current=self.current, failed=failed
            ),
        )

    def checkpoint(self) -> None:
        """Write what has come together, and the state."""
        try:
            with self.port.checkpoint() as tx:
                tx.save(self.snapshot())
        except Exception as error:
            self._port_error = error
            raise
        self._recording.written()

    def _store(self, branch: Branch, frame: Frame, effect: e.Storage) -> Any:
        """A storage effect: its result, the memo that holds it and everything unwritten commit together."""
        wait, branch.wait = branch.wait, None
        key = waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration))
        now = self.port.now_ms()
        since = now if wait is None else wait.since
        before, branch.status = branch.status, READY
        current, self.current = self.current, branch
        try:
            with self.port.checkpoint() as tx:
                answer = tx.apply(effect, key, since)
                if not isinstance(answer, e.Pending):
                    frame.memo.append(answer)
                    tx.save(self.snapshot())
        except BlockError:
            branch.wait, branch.status = wait, before
            raise
        except Exception as error:
            self._port_error = error
            raise
        finally:
            self.current = current
        if not isinstance(answer, e.Pending):
            self._recording.written()
            branch.wait, branch.status = wait, before
            return answer
        branch.wait = wait or waits.Wait(effect, key, answer.code, {}, since)
        self._said(frame, waits.adopt(branch.wait, answer, effect, since))
        if before == READY:
            self._branches.rest(branch)
        branch.status = WAITING
        return _NOT_YET

    # --- Entering and driving ---

    def keep(self, branch: Branch, block: PlanBlock, outputs: Mapping[str, Any]) -> None:
        """Outputs of a block that has ended: kept when some expression can read them."""
        if block.keeps:
            self._context.keep_outputs(block.name, outputs, block.keeps)
        if outputs.get("success") is False and branch.owner is not None:
            base = branch.stack[0]
            if base.children is not None and base.children[0] is block:
                branch.failure = refused(block)

    def act(self, branch: Branch, block: PlanBlock, params: Any, seq: int, now: int, effect: e.Effect) -> Any:
        """The only act of a plain handler; ``TAKEN`` when the block's row is written otherwise or later."""
        kind = type(effect)
        if kind is e.Log or kind is e.SetVariable:
            self._acts.do(branch, block.name, effect, now)
            return None
        frame = Frame(block, params, seq, branch.stack[-1].inner, now)
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
        branch.stack.append(frame)
        frame.gen = self._generator(branch, frame)
        self._drive(branch, frame, None)

    def _deep(self, block: PlanBlock) -> None:
        if block.depth > self._limits.max_block_depth:
            raise BlockError(
                "block.too-deep",
                f"{block.name} is nested deeper than {self._limits.max_block_depth} blocks.",
                remedy="Flatten the task, or raise the depth limit.",
            )

    def _generator(self, branch: Branch, frame: Frame) -> Any:
        here = Here(self._info, self._limits, branch, frame)
        if frame.block.loop:
            return frame.block.handler(here, frame.params, frame.round)
        return frame.block.handler(here, frame.params)

    def _reenter(self, branch: Branch, frame: Frame) -> e.Effect:
        """Make the handler anew and bring it to where it stood; answers the effect it stands at."""
        gen = self._generator(branch, frame)
        effect = gen.send(None)
        for answer in frame.memo:
            effect = gen.send(answer)
        frame.gen = gen
        return effect

    def _drive(self, branch: Branch, frame: Frame, answer: Any, *, resumed: bool = False) -> None:
        """Give a handler its answer and carry out what it yields, until it waits, runs children or ends."""
        carry, memo = self._carry, frame.memo
        try:
            if frame.gen is None:
                self._reenter(branch, frame)
            if resumed:
                memo.append(answer)
            gen: Any = frame.gen
            while True:
                try:
                    effect = gen.send(answer)
                except StopIteration as stop:
                    self._finish(branch, frame, stop.value)
                    return
                act = carry.get(type(effect))
                if act is not None:
                    answer = act(branch, frame, effect)
                elif isinstance(effect, e.Storage):
                    answer = self._store(branch, frame, effect)
                    if answer is not _NOT_YET:
                        continue
                else:
                    answer = self._acts.in_frame(branch, frame, effect, self.port.now_ms())
                if answer is _NOT_YET:
                    return
                if type(effect) is not e.SetStateText:
                    memo.append(answer)
        except Exception as error:  # noqa: BLE001 - the block boundary: whatever a block does fails the block
            self._frame_failed(branch, frame, error)

    def children_done(self, branch: Branch, frame: Frame) -> None:
        """The children of the top frame have ended well, or its branches have come together."""
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
            self._drive(branch, frame, answer, resumed=True)

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

    def _frame_failed(self, branch: Branch, frame: Frame, error: Exception) -> None:
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
        if isinstance(what, e.Left) and what.kind == "return":
            self._return()
            return
        if failed and not will_be_caught(branch):
            branch.stack[-1].pos -= 1
            branch.failure = what if isinstance(what, e.ChildFailure) else None
            self._end(branch, what, keep=True)
            return
        while len(branch.stack) > 1:
            frame = branch.stack[-1]
            if frame.cleanup or (frame.catch if failed else frame.block.loop):
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
        if branch.owner is not None:
            return
        if isinstance(result, e.ChildFailure):
            self.ending = Failed(result.block, result.path, result.code, result.message, result.remedy, result.final)
        else:
            self.ending = Finished()

    def _return(self) -> None:
        now = self.port.now_ms()
        for branch in self._branches.all.values():
            for frame in branch.stack[1:]:
                code = STOPPED if branch.wait is not None and frame is branch.stack[-1] else FINISHED
                self._recording.close(frame, code, now)
            branch.status = ENDED
            branch.stack = branch.stack[:1]
        self.ending = Finished("return")

    # --- Effects of frames ---

    def _run_children(self, branch: Branch, frame: Frame, effect: e.RunChildren) -> Any:
        frame.branch, frame.catch, frame.cleanup = effect.branch, effect.catch, effect.cleanup
        frame.children, frame.pos = frame.block.branches.get(effect.branch, ()), 0
        return _NOT_YET

    def _run_round(self, branch: Branch, frame: Frame, effect: e.RunRound) -> Any:
        self.count += 1
        frame.memo.clear()
        number = frame.round = effect.number
        frame.inner = f"{frame.iteration}.{number}" if frame.iteration else str(number)
        if effect.quiet != frame.quiet:
            frame.quiet = effect.quiet
            self._acts.quiet(effect.quiet)
        if effect.outputs is not None:
            frame.outputs = effect.outputs
            self._context.keep_outputs(frame.block.name, effect.outputs, frame.block.keeps)
        frame.branch, frame.children, frame.pos = effect.branch, frame.block.branches.get(effect.branch, ()), 0
        return _NOT_YET

    def _run_branches(self, branch: Branch, frame: Frame, effect: e.RunBranches) -> Any:
        children = frame.block.branches.get(effect.branch, ())
        if not children:
            return None
        frame.branch = effect.branch
        if self._branches.fork(branch, frame, children):
            args = {"count": len(children), "at_once": self._limits.max_parallel_blocks}
            self._said(frame, e.Log("parallel.window", args, level=4))
        return _NOT_YET

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
        return _NOT_YET

    def _state_text(self, branch: Branch, frame: Frame, effect: e.SetStateText) -> Any:
        self._recording.state_text(effect.text)
        frame.memo.append(None)
        self.checkpoint()
        return None

    def _said(self, frame: Frame, log: e.Log | None) -> None:
        if log is not None:
            self._recording.log(frame.block.name, log, self.port.now_ms())

    # --- Waiting ---

    def _wait(self, branch: Branch, frame: Frame, effect: e.Effect) -> Any:
        if isinstance(effect, e.Sleep) and effect.milliseconds <= 0:
            return None
        key = waits.key_of(frame, execution_key(self._info, frame.block.name, frame.iteration))
        if isinstance(effect, e.External):
            self._recording.effects.append(waits.external_row(effect, key, frame.block.name))
        branch.wait = waits.wait_for(effect, key, self.port.now_ms())
        self._branches.rest(branch)
        branch.status = WAITING
        if isinstance(effect, e.AwaitOrder):
            self._new_orders.append(branch)
        return _NOT_YET

    def resume_waiting(self) -> None:
        """At the begin of a slice: look, in bulk, which waits are over."""
        waiting = self._branches.waiting()
        for branch in waiting:
            if branch.wait is not None and branch.wait.effect is None:
                try:
                    branch.wait.effect = self._reenter(branch, branch.stack[-1])
                except Exception as error:  # noqa: BLE001 - the block boundary
                    self._branches.wake(branch)
                    self._frame_failed(branch, branch.stack[-1], error)
                    self._branches.discard_turn(branch)
        self._look(waiting)

    def look_at_new_orders(self) -> bool:
        """Before suspending: orders that were first waited for in this slice may be there already."""
        new, self._new_orders = self._new_orders, []
        self._look([branch for branch in new if branch.status == WAITING])
        return bool(self._branches.ready) or self.ending is not None

    def _look(self, waiting: list[Branch]) -> None:
        found = [(branch, branch.wait.effect, branch.wait) for branch in waiting if branch.wait is not None]
        keys = [wait.key.removeprefix("effect:") for _, effect, wait in found if isinstance(effect, e.External)]
        orders = [effect.order_id for _, effect, _ in found if isinstance(effect, e.AwaitOrder)]
        answers = waits.Answers(
            self.port.effect_answers(keys) if keys else {}, self.port.orders(orders) if orders else {}
        )
        now = self.port.now_ms()
        for branch, effect, wait in found:
            if branch.status != WAITING or self.ending is not None:
                continue
            frame = branch.stack[-1]
            if isinstance(effect, e.Storage):
                self._retry(branch, frame, effect)
                continue
            if isinstance(effect, e.AwaitOrder) and (order := answers.orders.get(effect.order_id)) is not None:
                self._said(frame, waits.follow_order(wait, order))
            over, answer = answers.of(wait, now)
            if over:
                self._deliver(branch, frame, answer, memoised=False)

    def _retry(self, branch: Branch, frame: Frame, effect: e.Storage) -> None:
        try:
            answer = self._store(branch, frame, effect)
        except BlockError as error:
            self._branches.wake(branch)
            self._frame_failed(branch, frame, error)
            self._branches.discard_turn(branch)
            return
        if answer is not _NOT_YET:
            self._deliver(branch, frame, answer, memoised=True)

    def _deliver(self, branch: Branch, frame: Frame, answer: Any, *, memoised: bool) -> None:
        self._branches.wake(branch)
        self._drive(branch, frame, answer, resumed=not memoised)
        if branch.status != READY:
            self._branches.discard_turn(branch)
