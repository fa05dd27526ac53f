"""The floor under a worker's allocations: blocks after a collection, at few points that span its life."""

from __future__ import annotations

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
    """Points in the order of their runs."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._gap = GAP

    def due(self, runs: int) -> bool:
        """Whether enough runs have ended since the last point."""
        return runs >= (self.points[-1].runs + self._gap if self.points else GAP // 2)

    def add(self, point: Point) -> None:
        """One more point; the older half is thinned when there are too many."""
        points = self.points
        points.append(point)
        if len(points) > KEPT:
            half = KEPT // 2
            self.points = points[:half:2] + points[half:]
            self._gap = min(WIDEST_GAP, 2 * self._gap)

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
