"""Peak memory of the engine: branches side by side, and rounds of a loop.

Run: ``python -m tests.benchmarks.memory``. Every slice begins from the stored text of the state, as in another process;
what was written is thrown away, as the database takes it. Bytes are those of Python objects (tracemalloc), above what
was there before the slice.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

from execution.limits import Limits, RunInfo
from execution.outcome import Finished
from execution.plan import Plan, compile
from execution.testing import MemoryPort
from execution.walker import Run

TEXT = "x" * 100_000


def _block(name: str, kind: str, children: list[Any] | None = None, **params: str) -> dict[str, Any]:
    given = {
        key: {"type": "Expression" if text.startswith("=") else "Simple", "value": text.removeprefix("=")}
        for key, text in params.items()
    }
    return {"name": name, "blockType": kind, "inputParams": given, "children": {"default": children or []}}


def _plan(*blocks: dict[str, Any]) -> Plan:
    return compile({"rootBlock": {"blockType": "RootBp", "children": {"default": list(blocks)}}})


def branches(count: int) -> Plan:
    """So many branches of ten blocks, which print a long text."""
    made = []
    for number in range(count):
        inside = [_block(f"p{number}x{step}", "PrintBp", message="=taskInputs.text") for step in range(9)]
        made.append(_block(f"s{number}", "SerialFlowBp", inside))
    return _plan(_block("p", "ParallelFlowBp", made))


def copies(count: int) -> Plan:
    """The same as copies of one branch."""
    inside = [_block(f"p{step}", "PrintBp", message="=taskInputs.text") for step in range(9)]
    return _plan(_block("p", "ParallelRepeatNBp", inside, num=str(count)))


def rounds(count: int) -> Plan:
    """A while loop of so many rounds, three blocks each."""
    step = "=task.variables.n == null ? 1 : task.variables.n + 1"
    inside = [
        _block("n", "SetTaskVariableBp", varName="n", varValue=step),
        _block("t", "SetTaskVariableBp", varName="t", varValue="=taskInputs.text"),
        _block("i", "IfBp", [_block("m", "PrintBp", message="=task.variables.n")], condition="true"),
    ]
    more = f"=task.variables.n == null || task.variables.n < {count}"
    return _plan(_block("w", "WhileBp", inside, loopCondition=more, retryPeriod="0"))


def measure(plan: Plan, slice_steps: int) -> dict[str, int]:
    """Run it; answers the largest peak of a slice, the longest state and the most records kept."""
    port, state, info = MemoryPort(), "", RunInfo("rec-1")
    limits = Limits(slice_ms=10**9, slice_steps=slice_steps)
    peak = longest = most = 0
    while state is not None:
        gc.collect()
        tracemalloc.start()
        run = Run.restore(plan, state, info, limits) if state else Run.start(plan, {"text": TEXT}, info, limits)
        with run:
            end = run.advance(port)
            peak = max(peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        port.commit(end.snapshot, end.outcome)
        port.rows_written.clear()
        port.logs.clear()
        most = max(most, len(port.blocks))
        longest = max(longest, len(port.state or ""))
        state = port.state  # type: ignore[assignment]
    if not isinstance(port.outcome, Finished):
        raise SystemExit(f"the run did not finish: {port.outcome}")
    return {"peak_bytes": peak, "state_characters": longest, "block_records": most}


def main() -> None:
    """Measure and print."""
    result = {
        "10 branches": measure(branches(10), 50),
        "100 branches": measure(branches(100), 50),
        "10 copies": measure(copies(10), 50),
        "100 copies": measure(copies(100), 50),
        "1,000 rounds": measure(rounds(1_000), 20_000),
        "100,000 rounds": measure(rounds(100_000), 20_000),
    }
    print(json.dumps(result, indent=2))  # noqa: T201 - this is the output


if __name__ == "__main__":
    main()
