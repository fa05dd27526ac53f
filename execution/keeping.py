"""Which block records of a loop that may run for ever are kept: those of its last rounds."""

from __future__ import annotations

from typing import Any

_PARTS = 10
"""Rounds are forgotten a tenth of the bound at a time, so that the database is not asked in every round."""


class Rounds:
    """Counts the rounds of one execution of a loop; knows where in the records the kept ones begin.

    ``marks`` are (round, sequence number of its first block), oldest first, at most twice ``_PARTS`` of them.
    """

    __slots__ = ("count", "marks")

    def __init__(self, count: int = 0, marks: list[list[int]] | None = None) -> None:
        self.count = count
        self.marks: list[list[int]] = marks if marks is not None else []

    def begin(self, number: int, seq: int, kept: int) -> tuple[int, int] | None:
        """Round ``number`` begins, its first block will be ``seq``; answers the first and last one to forget."""
        marks = self.marks
        self.count = number
        if not marks or number - marks[-1][0] >= max(1, kept // _PARTS):
            marks.append([number, seq])
        first = marks[0][1]
        while len(marks) > 1 and number - marks[1][0] >= kept:
            del marks[0]
        return (first, marks[0][1] - 1) if marks[0][1] > first else None

    def outputs(self) -> dict[str, Any]:
        """What the block record of the loop shows."""
        return {"rounds": self.count, "recorded": self.count - self.marks[0][0] + 1 if self.marks else 0}
