"""Many short runs of one definition with several block types on a real cluster, for tests of the leak watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.models import Sum

from scheduler.definitions.importing import import_file
from scheduler.models import EndedCounter
from scheduler.submission import submit
from tests.support.clusters import Cluster
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until
from vwed.models import Growth
from vwed.monitoring.growth import RUNS, LeakWatch

LABEL = "leakwatch"
#: Runs that are submitted ahead of those that have ended.
_AHEAD = 500
#: Recycling off: the most a worker may do, and no worker of a test does.
NEVER = 10_000


def install() -> None:
    """Import the definition: a variable, a line in the log, a condition."""
    inner = block(4, "SetTaskVariableBp", varName="b", varValue="2")
    blocks = (
        block(1, "SetTaskVariableBp", varName="a", varValue="1"),
        block(2, "PrintBp", message="x"),
        block(3, "IfBp", {"default": [inner]}, condition="=1 > 0"),
    )
    import_file("leak.task", task_file(**{LABEL: detail(*blocks)}), actor="t", origin="command")


@contextmanager
def cluster(log: Path, *, planted: bool, recycle: int, url: str | None = None) -> Iterator[Cluster]:
    """A cluster of two workers, with the planted leak or without."""
    environment = {"DJANGO_SETTINGS_MODULE": "tests.support.planted"} if planted else {}
    with Cluster(log, recycle=recycle, url=url, environment=environment) as started:
        yield started


def run(count: int, timeout: float) -> None:
    """Submit so many runs and wait until all have ended."""
    begun = ended()
    for number in range(count):
        submit(label=LABEL, actor="t", origin="command")
        if number % _AHEAD == _AHEAD - 1:
            wait_until(lambda least=begun + number - _AHEAD: ended() >= least, timeout, "runs ended", interval=0.1)
    wait_until(
        lambda: ended() >= begun + count, timeout, lambda: f"{count} runs ended: {ended() - begun}", interval=0.1
    )


def ended() -> int:
    """Runs that have ended so far."""
    return EndedCounter.objects.aggregate(total=Sum("count"))["total"] or 0


def verdict() -> Growth:
    """What the leak watch says of the runs now."""
    LeakWatch().run_once()
    return Growth.objects.get(subject=RUNS)
