"""What the generations of workers say of themselves: their rows stay for a day, so that recycling hides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.models import ProcessRow

#: Rows of workers that are read, the newest.
ROWS = 200
#: Runs at the start of a generation that fill its caches; of one that is replaced before that shows, a third of them.
WARM_UP = 500
#: A generation with so many runs is a long one.
LONG = 800


@dataclass(frozen=True, slots=True)
class Generation:
    """One worker from its fork on, by its own last sample. ``points``: runs, blocks, seconds since the epoch."""

    boot_id: str
    started_at: datetime
    alive: bool
    points: Sequence[tuple[int, int, int]]
    growers: Sequence[Sequence[Any]]
    blame: Sequence[Sequence[Any]]
    definitions: Sequence[Sequence[Any]]
    kinds: Sequence[Sequence[Any]]

    @property
    def long(self) -> bool:
        """Whether its points reach far beyond the warm-up."""
        return bool(self.points) and self.points[-1][0] >= LONG

    @property
    def warm(self) -> list[tuple[int, int, int]]:
        """The points after the warm-up."""
        if not self.points:
            return []
        start = WARM_UP if self.long else self.points[-1][0] // 3
        return [point for point in self.points if point[0] >= start]

    @property
    def observed(self) -> int:
        """Runs between the first and the last warm point."""
        warm = self.warm
        return warm[-1][0] - warm[0][0] if warm else 0


def read_generations() -> list[Generation]:
    """The newest generations, the newest first. One query."""
    rows = ProcessRow.objects.filter(role="worker").order_by("-pk")
    columns = rows.values_list("boot_id", "started_at", "ended_at", "sample")[:ROWS]
    return [
        Generation(
            boot_id,
            started_at,
            ended_at is None,
            [(int(runs), int(blocks), int(at)) for runs, blocks, at in heap.get("points", ())],
            *(heap.get(name, ()) for name in ("growers", "blame", "definitions", "kinds")),
        )
        for boot_id, started_at, ended_at, sample in columns
        if (heap := sample.get("heap"))
    ]


def present(generations: Sequence[Generation], runs: int) -> list[Generation]:
    """The generations of the clusters that live; older ones, newest first, while those have not observed ``runs``."""
    boots = {each.boot_id for each in generations if each.alive} or {each.boot_id for each in generations[:1]}
    chosen = [each for each in generations if each.boot_id in boots]
    observed = sum(each.observed for each in chosen)
    for each in generations:
        if observed >= runs:
            break
        if each.boot_id not in boots:
            chosen.append(each)
            observed += each.observed
    return chosen


def summed(rows: Iterable[Sequence[Any]], most: int) -> list[list[Any]]:
    """Rows of a name and figures, summed by name; the largest second figure first."""
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for name, one, two in rows:
        first[name] += int(one)
        second[name] += int(two)
    order = sorted(first, key=lambda name: (-second[name], name))
    return [[name, first[name], second[name]] for name in order[:most]]
