"""Cost of typical expressions, in nanoseconds each. Run: python -m tests.benchmarks.expressions."""

from __future__ import annotations

import sys
import timeit

from execution.expressions import compile
from execution.values import Long

SCOPE = {
    "taskInputs": {"qty": Long(5), "from": "A-01", "n": 3},
    "blocks": {"b1": {"siteId": "A-01"}, "b2": {"index": 0, "size": 3, "item": "S1"}},
    "task": {"variables": {"stop": False, "n": 3}},
}
EXPRESSIONS = (
    '"LM1"',
    "5",
    "taskInputs.qty",
    "blocks.b1.siteId",
    "task.variables.missing",
    "blocks.b1.siteId == 'A-01'",
    "blocks.b1.siteId != null",
    '"pre-" + blocks.b1.siteId',
    "blocks.b2.index < blocks.b2.size - 1",
    "task.variables.n + 1",
    'blocks.b1.siteId != null && blocks.b1.siteId != ""',
    '"{\\"target\\":\\"" + blocks.b2.item + "\\"}"',
    "taskInputs.qty / 2",
    'StringUtils.substringBefore(taskInputs.from, "-")',
    'taskInputs.from.split("-")[1]',
)


def main() -> None:
    """Print one line per expression: nanoseconds to evaluate, microseconds to compile."""
    for text in EXPRESSIONS:
        expression = compile(text)
        timer = timeit.Timer(lambda: expression.evaluate(SCOPE))  # noqa: B023  (used up in this round)
        count, _ = timer.autorange()
        evaluation = min(timer.repeat(3, max(count // 4, 1))) / max(count // 4, 1)
        compilation = timeit.timeit(lambda: compile(text), number=50) / 50  # noqa: B023
        sys.stdout.write(f"{evaluation * 1e9:8.0f} ns   {compilation * 1e6:7.0f} us to compile   {text}\n")


if __name__ == "__main__":
    main()
