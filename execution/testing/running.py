"""A run from start to end in memory: slices, suspensions, crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.errors import ExecutionError
from execution.limits import Limits, RunInfo
from execution.outcome import Cancelled, Failed, Finished, Outcome, SliceEnd, Stopped, Suspended
from execution.plan import Plan
from execution.testing.port import Crash, MemoryPort
from execution.walker import Run


class Stuck(ExecutionError):
    """The run waits for something that does not come, or takes too many slices."""


@dataclass(slots=True)
class Result:
    """How a run ended, its last variables and kept outputs, and the port with all it wrote."""

    outcome: Outcome
    port: MemoryPort
    slices: int
    crashes: int
    variables: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The number of the record's status."""
        if isinstance(self.outcome, Failed):
            return 1004 if self.outcome.final else 1006
        if isinstance(self.outcome, Cancelled):
            return 1001
        return 1003 if isinstance(self.outcome, Finished) else 1000

    @property
    def steps(self) -> list[str]:
        """Names of the blocks in start order, repeated per execution."""
        return [self.port.blocks[seq].name for seq in sorted(self.port.blocks)]


def run_plan(
    plan: Plan,
    inputs: Mapping[str, Any] | None = None,
    *,
    port: MemoryPort | None = None,
    limits: Limits | None = None,
    info: RunInfo | None = None,
    on_slice: Callable[[int, MemoryPort, SliceEnd], None] | None = None,
    max_slices: int = 20_000,
) -> Result:
    """Run a plan to its end. Between slices the clock moves to what is due next and the fleet does a step.

    Every slice begins from the stored text of the state, as in another process. ``on_slice`` is called after each.

    Raises:
        Stuck: the run does not end.
    """
    port = port or MemoryPort()
    info = info or RunInfo(record_id=port.record_id)
    idle = crashes = 0
    result = Result(Finished(), port, 0, 0)
    for number in range(1, max_slices + 1):
        run = _begin(plan, inputs or {}, info, limits, port)
        try:
            with run:
                end = run.advance(port)
                result.variables, result.outputs = dict(run.context.variables), dict(end.outputs)
                port.current = None
                port.commit(end.snapshot, end.outcome)
        except Crash:
            crashes += 1
            died = True  # the world stands still until the run has looked at it again
        else:
            died = False
            if on_slice is not None:
                on_slice(number, port, end)
        if isinstance(port.outcome, Finished | Failed | Cancelled | Stopped):
            result.outcome, result.slices, result.crashes = port.outcome, number, crashes
            return result
        if isinstance(port.outcome, Suspended) and not died:
            idle = 0 if _move_on(port, port.outcome) else idle + 1
            if idle > 200:
                raise Stuck(f"waits without end: {port.outcome.waits}")
    raise Stuck(f"no end after {max_slices} slices")


def _begin(plan: Plan, inputs: Mapping[str, Any], info: RunInfo, limits: Limits | None, port: MemoryPort) -> Run:
    if port.state is not None:
        return Run.restore(plan, port.state, info, limits)
    values, _ = plan.bind_inputs(inputs)
    return Run.start(plan, values, info, limits)


def _move_on(port: MemoryPort, outcome: Suspended) -> bool:
    before = {name: (order.state, dict(order.states)) for name, order in port.fleet.orders.items()}
    moved = port.io()
    moved = moved or before != {name: (order.state, dict(order.states)) for name, order in port.fleet.orders.items()}
    due = [wait.due_ms for wait in outcome.waits if wait.due_ms is not None]
    if not moved and due and min(due) > port.now:
        port.now = min(due)
        moved = True
    return moved
