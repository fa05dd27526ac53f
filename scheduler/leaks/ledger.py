"""Allocated blocks that runs left behind, by name; what a collection takes back is shared out among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Names kept; further ones share one entry.
NAMES = 64
OTHER = "…"
_LONGEST = 48


@dataclass(slots=True)
class _Entry:
    runs: int = 0
    left: float = 0.0
    unsettled: int = 0


class Ledger:
    """Runs and blocks by name. The sums telescope: nothing is counted twice, garbage is taken back when it goes."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._unsettled = 0

    def add(self, names: Iterable[str], blocks: int) -> None:
        """A run that counts under each of ``names`` left ``blocks`` (fewer than none when it freed older ones)."""
        self._unsettled += 1
        for name in names:
            entry = self._entry(name[:_LONGEST])
            entry.runs += 1
            entry.unsettled += 1
            entry.left += blocks

    def settle(self, blocks: int) -> None:
        """A collection changed the allocations by ``blocks``: in equal parts to the runs since the last one."""
        if not self._unsettled:
            return
        share = blocks / self._unsettled
        for entry in self._entries.values():
            entry.left += share * entry.unsettled
            entry.unsettled = 0
        self._unsettled = 0

    def top(self, count: int) -> list[tuple[str, int, int]]:
        """Name, runs and blocks left, the largest first."""
        rows = [(name, entry.runs, round(entry.left)) for name, entry in self._entries.items()]
        return sorted(rows, key=lambda row: (-row[2], row[0]))[:count]

    def _entry(self, name: str) -> _Entry:
        found = self._entries.get(name)
        if found is None:
            name = name if len(self._entries) < NAMES else OTHER
            found = self._entries.setdefault(name, _Entry())
        return found
