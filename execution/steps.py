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
from execution.branches import Branches, first_fault
from execution.checkpoints import NOT_YET
from execution.context import TaskContext
from execution.errors import BlockError
from execution.frames import READY, WAITING, Branch, Frame, Here, Parallel
from execution.jumps import Route
from execution.keys import execution_key, inner_iteration
from execution.leaving import has_loop, will_be_caught
from execution.limits import Limits, RunInfo
from execution.local import LocalActs
from execution.plan import Plan, PlanBlock
from execution.recording import FAILED, FINISHED, NOT_RUN, Recording
from execution.stopping import Stops

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


class Steps(Stops):
    """Does the steps of one slice; ``ending`` is set when the slice is over."""

    def __init__(
        self, plan: Plan, info: RunInfo, limits: Limits, context: TaskContext, recording: Recording, branches: Branches
    ) -> None:
        super().__init__(info, limits, context, recording, branches)
        self.plan = plan
        self._acts = LocalActs(context, recording)
        self.new_orders: list[Branch] = []
        self._carry: Mapping[type, Callable[[Branch, Frame, Any], Any]] = {
            e.RunChildren: self._run_children,
            e.RunRound: self._run_round,
            e.RunBranches: self._run_branches,
            e.RunCopies: self._run_branches,
            e.EndRun: self._cancelled,
            e.Evaluate: self._evaluate,
            e.Leave: self._break,
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
        if isinstance(effect, e.RunChildren):
            self._deep(block)
            self._run_children(branch, frame, effect)
            branch.stack.append(frame)
        else:
            self._only_act(branch, frame, effect)
        return TAKEN

    def _only_act(self, branch: Branch, frame: Frame, effect: e.Effect) -> None:
        now = frame.started
        frame.attempt = self._info.attempt
        if isinstance(effect, e.StopOthers):
            self.stop_others(branch, frame)
        elif isinstance(effect, e.Skip):
            self._recording.close(frame, NOT_RUN, now)
        elif isinstance(effect, e.SkipTo):
            self.skip_to(branch, frame, effect.target)
            self._recording.close(frame, FINISHED, now)
        elif isinstance(effect, e.Leave):
            if effect.kind == "break" and not has_loop(branch):
                raise BlockError("break.no-loop", "There is no loop around this break.", final=True)
            self._recording.close(frame, FINISHED, now)
            self._travel(branch, e.Left(effect.kind))
        else:
            raise TypeError(f"{frame.block.type} may not do {type(effect).__name__} as its only act")

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
        """Refuse a block whose children are too deep."""
        if self.too_deep(block):
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

    def goes_on(self, branch: Branch, heading: Route | e.Left) -> bool:
        """Bring a branch to where it goes instead of to its next block; answers whether it can go on from there."""
        if isinstance(heading, Route):
            self.forward(branch, heading)
        else:
            self.leave_stopped(branch, heading)
        return branch.status == READY and self.ending is None

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
        if parallel is not None:
            branch.heading = None  # its branches had it
        if parallel is None or fault is None:
            self._answer(branch, frame, None)
        elif isinstance(fault, e.ChildFailure) and not will_be_caught(branch):
            frame.parallel = parallel
            branch.failure = fault
            self._end(branch, fault, keep=True)
        elif isinstance(fault, e.ChildFailure) or not self.leave_failed(branch, frame, parallel):
            self._drop(parallel, FAILED)
            self._recording.close(frame, FAILED if isinstance(fault, e.ChildFailure) else FINISHED, self.port.now_ms())
            branch.stack.pop()
            self._travel(branch, fault)

    # --- Effects of frames ---

    def _run_children(self, branch: Branch, frame: Frame, effect: e.RunChildren) -> Any:
        frame.branch, frame.catch, frame.cleanup = effect.branch, effect.catch, effect.cleanup
        frame.children, frame.pos = frame.block.branches.get(effect.branch, ()), 0
        return NOT_YET

    def _run_round(self, branch: Branch, frame: Frame, effect: e.RunRound) -> Any:
        self.count += 1
        frame.memo.clear()
        frame.passed = branch.heading is not None
        number = frame.round = effect.number
        frame.inner = inner_iteration(frame.iteration, number)
        if effect.quiet != frame.quiet:
            frame.quiet = effect.quiet
            self._acts.quiet(effect.quiet)
        if effect.kept is not None:
            self._recording.round(frame, number, effect.kept)
        if effect.outputs is not None:
            frame.outputs, frame.written = effect.outputs, 0
            self._context.keep_outputs(frame.block.name, effect.outputs, frame.block.keeps)
        frame.branch, frame.children, frame.pos = effect.branch, frame.block.branches.get(effect.branch, ()), 0
        return NOT_YET

    def _run_branches(self, branch: Branch, frame: Frame, effect: e.RunBranches | e.RunCopies) -> Any:
        children = frame.block.branches.get(effect.branch, ())
        copies = isinstance(effect, e.RunCopies)
        count = effect.count if isinstance(effect, e.RunCopies) else len(children)
        if not children or not count:
            return None
        most = self._limits.max_branches
        if self._branches.begun() + count > most:
            words = f"With {count} more branches this run would have more than {most} open at once."
            remedy = "Nest fewer parallel blocks, or raise the limit max_branches."
            raise BlockError("parallel.too-many", words, remedy=remedy)
        frame.branch = effect.branch
        parallel = Parallel(children, count, copies=copies)
        route = branch.heading
        if isinstance(route, Route) and not copies:
            parallel.results = [
                None if child.name in route.ends or child.name in route.via else True for child in children
            ]
        if self._branches.fork(branch, frame, parallel):
            args = {"count": count, "at_once": self._limits.max_parallel_blocks}
            self.said(frame, e.Log("parallel.window", args, level=4))
        return NOT_YET

    def _evaluate(self, branch: Branch, frame: Frame, effect: e.Evaluate) -> Any:
        return frame.block.deferred[effect.parameter](self._context.scope)

    def _cancelled(self, branch: Branch, frame: Frame, effect: e.EndRun) -> Any:
        self._end_run(effect.reason)
        return NOT_YET

    def _break(self, branch: Branch, frame: Frame, effect: e.Leave) -> Any:
        if effect.kind == "break" and not has_loop(branch):
            raise BlockError("break.no-loop", "There is no loop around this break.", final=True)
        return self._pass_on(branch, frame, e.PassOn(e.Left(effect.kind)))

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
