"""Figures of the list of definitions, whose cost does not grow with the number of runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count

from scheduler import clock
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE, Status

#: Newest runs that are counted; beyond them the figures say "at least".
COUNTED = 10_000
DAY = timedelta(hours=24)
_FAILED = frozenset({Status.FAILED, Status.UNRECOVERABLE})


@dataclass(slots=True)
class Figures:
    """Runs of one definition that were created in the last 24 h."""

    runs: int = 0
    ended: int = 0
    failed: int = 0

    @property
    def failed_percent(self) -> str:
        """Failed ones among those that ended; one decimal below ten, nothing when none has ended."""
        if not self.ended:
            return ""
        share = 100 * self.failed / self.ended
        return f"{share:.1f}" if 0 < share < 10 else f"{share:.0f}"


def of_a_day() -> tuple[Mapping[int, Figures], bool]:
    """Figures by definition, and whether there were more runs than are counted. Two queries over an index."""
    since = clock.now() - DAY
    runs = TaskRecord.objects.order_by("-pk")
    oldest = runs.values_list("pk", "created_at")[COUNTED - 1 : COUNTED].first()
    bounded = oldest is not None and oldest[1] > since
    counted = runs.filter(pk__gte=oldest[0]) if bounded and oldest else runs.filter(created_at__gte=since)
    found: defaultdict[int, Figures] = defaultdict(Figures)
    rows = counted.order_by().values_list("definition", "status").annotate(n=Count("pk"))
    for definition, status, n in rows:
        figures = found[definition]
        figures.runs += n
        figures.ended += n if status not in ACTIVE else 0
        figures.failed += n if status in _FAILED else 0
    return found, bounded
