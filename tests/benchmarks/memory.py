"""What a run holds: peak memory as ratios, for what grows with branches, with rounds, with outputs nobody reads.

Run: ``python -m tests.benchmarks.memory [--rounds N]``. The engine walks as a worker lets it; what it hands over at a
checkpoint is counted and let go, as rows are. Peaks are Python's allocations while walking (``tracemalloc``); the
plan and the inputs are there before.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from execution.limits import Limits, RunInfo
from execution.outcome import Finished, Outcome, SliceOver, Snapshot, Suspended
from execution.plan import Plan, compile
from execution.testing import MemoryPort
from execution.walker import Run
from tests.benchmarks.base import answering_block
from tests.benchmarks.measuring import say, table
from tests.support.tasks import block, detail

#: Rounds that one counted loop may have.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """What one run held at most: bytes of Python, of its context, characters of its state, rows kept in the end."""

    peak: int
    context: int
    state: int
    rows: int


class Letting(MemoryPort):
    """Takes what a checkpoint brings, counts it and lets it go."""

    def __init__(self, most_rows: int) -> None:
        super().__init__()
        self.state_characters = 0
        self._kept = bytearray(most_rows)

    def _write(self, snapshot: Snapshot) -> None:
        self.state_characters = max(self.state_characters, len(snapshot.state or ""))
        for row in snapshot.blocks:
            self._kept[row.seq] = 1
        for first, last, *_ in snapshot.forget:
            self._kept[first : last + 1] = bytes(len(self._kept[first : last + 1]))

    def wait(self, outcome: Suspended) -> None:
        """The clock moves to when the run is due."""
        self.now = max(self.now, *(wait.due_ms or 0 for wait in outcome.waits))

    @property
    def rows(self) -> int:
        """Block records that are kept."""
        return sum(self._kept)


def held_by(plan: Plan, most_rows: int) -> Held:
    """Walk the plan to its end, slice by slice."""
    port, text, context = Letting(most_rows), None, 0
    values, _ = plan.bind_inputs({})
    info, limits = RunInfo("rec-1"), Limits()
    gc.collect()
    tracemalloc.start()
    try:
        outcome: Outcome | None = None
        while not isinstance(outcome, Finished):
            run = Run.start(plan, dict(values), info, limits) if text is None else Run.restore(plan, text, info, limits)
            with run:
                end = run.advance(port)
                port.commit(end.snapshot)
                context = max(context, run.context.bytes)
            outcome, text = end.outcome, end.snapshot.state
            if isinstance(outcome, Suspended):
                port.wait(outcome)
            elif not isinstance(outcome, Finished | SliceOver):
                raise SystemExit(f"the benchmark's task did not finish: {outcome}")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return Held(peak, context, port.state_characters, port.rows)


# --- What is compared ------------------------------------------------------------------------------------------------


def branches(number: int) -> tuple[Plan, int]:
    """So many branches side by side, each in a loop that writes more rows than one checkpoint takes, all together."""
    rounds = 300
    loop = block(3, "RepeatNumBp", {"default": [block(4, "PrintBp", message="x" * 200)]}, num=str(rounds))
    plan = compile(detail(block(2, "ParallelRepeatNBp", {"default": [loop]}, num=str(number))))
    return plan, 10 + number * (rounds + 2)


def repeated(rounds: int) -> tuple[Plan, int]:
    """Counted loops, one in another, whose children write a variable, read an output and log."""
    children = [
        block(3, "SetTaskVariableBp", varName="round", varValue="=blocks.b2.index"),
        block(4, "PrintBp", message='="round " + task.variables.round'),
    ]
    inner = block(2, "RepeatNumBp", {"default": children}, num=str(min(rounds, MOST_COUNTED)))
    outer = block(1, "RepeatNumBp", {"default": [inner]}, num=str(max(1, rounds // MOST_COUNTED)))
    return compile(detail(outer)), 10 + 3 * rounds


def waited(rounds: int) -> tuple[Plan, int]:
    """A while loop that waits between its rounds: each is a slice of its own."""
    count = block(2, "SetTaskVariableBp", varName="n", varValue="=task.variables.n + 1")
    loop = block(1, "WhileBp", {"default": [count]}, loopCondition=f"=task.variables.n < {rounds}", retryPeriod="10")
    return compile(detail(block(3, "SetTaskVariableBp", varName="n", varValue="=0"), loop)), 10 + 4 * rounds


def answered(blocks: int, *, read: bool) -> tuple[Plan, int]:
    """So many blocks with 1 KB outputs, which the last expression reads, or nobody."""
    answering = [block(number, "BenchOutputBp") for number in range(1, blocks + 1)]
    reader = " + ".join(f"blocks.b{number}.data.length()" for number in range(1, blocks + 1)) if read else "1"
    last = block(blocks + 1, "PrintBp", message=f"={reader}")
    return compile(detail(*answering, last)), blocks + 10


def compare(title: str, names: tuple[str, str], made: Callable[[], tuple[tuple[Plan, int], tuple[Plan, int]]]) -> None:
    """Print what two runs held, and the ratios of the second to the first."""
    first, second = (held_by(*each) for each in made())
    rows = []
    for name, label in (
        ("peak", "peak, bytes"),
        ("context", "context, bytes"),
        ("state", "state, characters"),
        ("rows", "block records kept"),
    ):
        small, large = getattr(first, name), getattr(second, name)
        rows.append([label, f"{small:,}", f"{large:,}", f"{large / small:.2f}" if small else "-"])
    say()
    table([title, *names, "ratio"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100_000, help="of the long counted loop")
    long = parser.parse_args().rounds
    short, waits = max(1, long // 100), max(20, long // 10)
    with answering_block():
        measures: list[tuple[str, tuple[str, str], Any]] = [
            ("branches side by side", ("10", "100"), lambda: (branches(10), branches(100))),
            ("rounds of counted loops", (f"{short:,}", f"{long:,}"), lambda: (repeated(short), repeated(long))),
            ("rounds that wait", (f"{waits // 10:,}", f"{waits:,}"), lambda: (waited(waits // 10), waited(waits))),
            (
                "outputs of 500 blocks, 1 KB each",
                ("nobody reads", "all read"),
                lambda: (answered(500, read=False), answered(500, read=True)),
            ),
        ]
        for title, names, made in measures:
            compare(title, names, made)


if __name__ == "__main__":
    main()
