"""The Theil-Sen slope with a confidence interval: the median of the slopes of all pairs. Pure and deterministic.

Points come in groups (a process, a generation of workers): a pair never spans two groups, so that a replacement is
not taken for a fall. The interval is Sen's, from Kendall's variance summed over the groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

#: 95 % of the normal distribution lie within so many deviations.
Z = 1.96
#: Points of one group that pairs are made of; of more, every n-th (the first and the last are kept).
MOST_POINTS = 64
#: Groups that are looked at, the last ones given.
MOST_GROUPS = 256

Point = tuple[float, float]


class Slope(NamedTuple):
    """Change of y for each unit of x: the most likely, and the interval it lies in with 95 %. ``pairs``: how many."""

    middle: float
    low: float
    high: float
    pairs: int


def slope(groups: Sequence[Sequence[Point]]) -> Slope | None:
    """The slope that all groups share; ``None`` without a pair of different x.

    Every point of a group has an x of its own, in rising order; of equal ones only the first pair partner counts.
    """
    slopes: list[float] = []
    variance = 0.0
    for group in groups[-MOST_GROUPS:]:
        points = thinned(group, MOST_POINTS)
        slopes += [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :] if x2 != x1]
        n = len(points)
        variance += n * (n - 1) * (2 * n + 5) / 18
    if not slopes:
        return None
    slopes.sort()
    reach = Z * math.sqrt(variance)
    count = len(slopes)
    lower = max(0, math.floor((count - reach) / 2))
    upper = min(count - 1, math.ceil((count + reach) / 2))
    return Slope(median(slopes), slopes[lower], slopes[upper], count)


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` points, evenly chosen, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(number * step)] for number in range(most)]


def rise_began(points: Sequence[Point]) -> float | None:
    """The x at which a line that was level until then begins to rise: the best fit of the two; ``None`` without points.

    The level before is free, the rise after it is straight: least squares over every place where it can have begun.
    """
    chosen = thinned(points, MOST_POINTS)
    if not chosen:
        return None
    best = (math.inf, chosen[0][0])
    for x0, _ in chosen[:-1]:
        best = min(best, (_misfit(chosen, x0), x0))
    return best[1]


def _misfit(points: Sequence[Point], x0: float) -> float:
    """Sum of squares left by y = a + b·max(0, x - x0), rounded so that equal fits choose the earliest beginning."""
    bent = [max(0.0, x - x0) for x, _ in points]
    values = [y for _, y in points]
    mean_x, mean_y = sum(bent) / len(bent), sum(values) / len(values)
    spread = sum((x - mean_x) ** 2 for x in bent)
    steep = sum((x - mean_x) * (y - mean_y) for x, y in zip(bent, values, strict=True)) / spread if spread else 0.0
    left = sum((y - mean_y - steep * (x - mean_x)) ** 2 for x, y in zip(bent, values, strict=True))
    return float(f"{left:.6g}")
