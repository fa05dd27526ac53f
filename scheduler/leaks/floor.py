"""The floor under a worker's allocations: blocks after a collection, at few points that span its life."""

from __future__ import annotations

from array import array
from statistics import median
from typing import NamedTuple

#: Points kept; when there are more, the older half is thinned.
KEPT = 32
#: Runs between two points, at first and at most.
GAP, WIDEST_GAP = 50, 1000
#: Runs that fill caches; what they leave is no leak.
WARM_UP = 100
#: Points after the warm-up that a suspicion needs, and those it looks at.
_NEEDED, _LOOKED_AT = 4, 16


class Point(NamedTuple):
    """After so many runs so many blocks were allocated; ``at_s``: seconds since the epoch."""

    runs: int
    blocks: int
    at_s: int


class Floor:
    """Points in the order of their runs, in arrays that never grow: the floor must not be raised by its own points."""

    def __init__(self) -> None:
        self._columns = tuple(array("q", bytes(8 * (KEPT + 1))) for _ in Point._fields)
        self._count = 0
        self._gap = GAP

    @property
    def points(self) -> list[Point]:
        """The points that are kept."""
        return [Point(*row) for row in list(zip(*self._columns, strict=True))[: self._count]]

    @property
    def points_kept(self) -> int:
        """How many there are."""
        return self._count

    def due(self, runs: int) -> bool:
        """Whether enough runs have ended since the last point."""
        return runs >= (self._columns[0][self._count - 1] + self._gap if self._count else GAP // 2)

    def add(self, point: Point) -> None:
        """One more point; the older half is thinned when there are too many."""
        self._put(self._count, point)
        self._count += 1
        if self._count > KEPT:
            points, half = self.points, KEPT // 2
            for number, kept in enumerate(points[:half:2] + points[half:]):
                self._put(number, kept)
            self._count -= half // 2
            self._gap = min(WIDEST_GAP, 2 * self._gap)

    def _put(self, number: int, point: Point) -> None:
        for column, value in zip(self._columns, point, strict=True):
            column[number] = value

    def rises(self, blocks_per_run: float) -> bool:
        """A suspicion, not a verdict: every newer point lies above every older one, and by how much it matters."""
        warm = [point for point in self.points if point.runs >= WARM_UP][-_LOOKED_AT:]
        if len(warm) < _NEEDED:
            return False
        older, newer = warm[: len(warm) // 2], warm[len(warm) // 2 :]
        if min(point.blocks for point in newer) <= max(point.blocks for point in older):
            return False
        risen = median(point.blocks for point in newer) - median(point.blocks for point in older)
        ran = median(point.runs for point in newer) - median(point.runs for point in older)
        return risen > blocks_per_run * ran
