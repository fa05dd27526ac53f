"""P1: the engine alone. Pure blocks per second on one core, beside an empty asyncio loop in the same process.

Run: ``python -m tests.benchmarks.engine [--seconds N]``. Every block is recorded (block record and log line as they
would be written) into the port in memory; nothing is skipped that a real run does before its rows reach a database.
Seconds are seconds of this process on its core, so that a busy machine measures the same.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from typing import Any

from execution.limits import Limits, RunInfo
from execution.outcome import Finished
from execution.plan import Plan, compile
from execution.testing import MemoryPort
from execution.walker import Run
from tests.benchmarks.measuring import Rounds, Taken, rate_row, table

BLOCKS = 200


class _Clock(MemoryPort):
    """The port in memory with a real clock."""

    def now_ms(self) -> int:
        return int(time.time() * 1000)


def _block(number: int, kind: str, children: list[Any] | None = None, **params: tuple[str, Any]) -> dict[str, Any]:
    given = {name: {"type": kind_of, "value": value} for name, (kind_of, value) in params.items()}
    tree = {"default": children} if children else {}
    return {"id": number, "name": f"b{number}", "blockType": kind, "inputParams": given, "children": tree}


def mixed_plan() -> Plan:
    """200 block executions: 20 rounds of a loop of 8 (with an If), the rest in a row; variables, prints, conditions."""
    loop = [
        _block(10, "SetTaskVariableBp", varName=("Simple", "round"), varValue=("Expression", "blocks.b1.index")),
        _block(11, "PrintBp", message=("Simple", "a line in the log")),
        _block(
            12,
            "IfBp",
            [_block(13, "SetTaskVariableBp", varName=("Simple", "kept"), varValue=("Expression", "taskInputs.site"))],
            condition=("Expression", "task.variables.round > 0"),
        ),
        _block(14, "PrintBp", message=("Expression", '"site " + taskInputs.site')),
        _block(15, "SetTaskVariableBp", varName=("Simple", "text"), varValue=("Simple", "constant")),
        _block(16, "IfBp", condition=("Expression", "taskInputs.flag")),
    ]
    rounds = 20
    blocks = [_block(1, "RepeatNumBp", loop, num=("Simple", str(rounds)))]
    for number in range(100, 100 + BLOCKS - 1 - rounds * 7):
        blocks.append(_block(number, "SetTaskVariableBp", varName=("Simple", "n"), varValue=("Simple", str(number))))
    detail = {
        "inputParams": [
            {"name": "site", "type": "String", "defaultValue": "A-01"},
            {"name": "flag", "type": "Boolean", "defaultValue": "false"},
        ],
        "rootBlock": {"blockType": "RootBp", "children": {"default": blocks}},
    }
    return compile(detail)


def run_once(plan: Plan) -> int:
    """One run; answers how many block records it made."""
    port = _Clock()
    values, _ = plan.bind_inputs({})
    with Run.start(plan, values, RunInfo("rec-1"), Limits()) as run:
        end = run.advance(port)
    if not isinstance(end.outcome, Finished):
        raise SystemExit(f"the benchmark's task did not finish: {end.outcome}")
    return len(end.snapshot.blocks)


def engine_rate(plan: Plan, seconds: float) -> float:
    """Blocks per second."""
    blocks, begun = 0, time.process_time()
    while time.process_time() - begun < seconds:
        blocks += run_once(plan)
    return blocks / (time.process_time() - begun)


def asyncio_rate(seconds: float) -> float:
    """Empty coroutines per second, 200 gathered at a time."""

    async def empty() -> None:
        return None

    async def round_() -> None:
        await asyncio.gather(*(empty() for _ in range(BLOCKS)))

    async def rounds() -> float:
        done, begun = 0, time.process_time()
        while time.process_time() - begun < seconds:
            await round_()
            done += BLOCKS
        return done / (time.process_time() - begun)

    return asyncio.run(rounds())


def compare(*, rounds: int, seconds: float = 0.5) -> tuple[Rounds, Rounds]:
    """The engine and the empty loop in turns, in seconds of this process."""
    plan = mixed_plan()
    if run_once(plan) != BLOCKS:
        raise SystemExit(f"the benchmark's task has {run_once(plan)} blocks, not {BLOCKS}")
    engine, empty = Rounds(), Rounds()
    turns = ((engine, lambda: engine_rate(plan, seconds)), (empty, lambda: asyncio_rate(seconds)))
    gc.collect()
    for number in range(rounds + 1):
        for found, measure in turns:
            rate = measure()
            if number:  # the first is the warm-up
                found.add(rate, Taken(wall=1.0, cpu=1.0))
    return engine, empty


def main() -> None:
    """Measure in turns, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one measurement")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    engine, empty = compare(rounds=options.turns, seconds=options.seconds)
    rows = [rate_row("P1, the engine alone", engine, [empty]), rate_row("empty asyncio loop", empty, [empty])]
    table(["one core, no database", "min", "median", "max", "CPU µs", "÷ asyncio"], rows)


if __name__ == "__main__":
    main()
