"""The ledger of what runs left behind, over all generations of workers: by definition and by block type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vwed.monitoring.generations import Generation, read_generations, summed

#: Entries of each list.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """``blocks``: allocated blocks left by ``runs`` runs of a definition, or by the runs that have a block type."""

    name: str
    runs: int
    blocks: int

    @property
    def per_1000(self) -> float:
        """Blocks left by 1,000 runs."""
        return 1000 * self.blocks / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The largest entries first. ``growers``: type, objects, bytes gained since the warm-up of their workers."""

    definitions: list[LedgerEntry]
    kinds: list[LedgerEntry]
    growers: list[tuple[str, int, int]]


def read_ledger(generations: Sequence[Generation] | None = None) -> LedgerView:
    """What the newest generations report, or those given. One query, none when given."""
    found = read_generations() if generations is None else generations
    return LedgerView(
        _entries(row for each in found for row in each.definitions),
        _entries(row for each in found for row in each.kinds),
        [(name, count, size) for name, count, size in summed((r for each in found for r in each.growers), SHOWN)],
    )


def _entries(rows: Iterable[Sequence[Any]]) -> list[LedgerEntry]:
    return [LedgerEntry(*row) for row in summed(rows, SHOWN)]
