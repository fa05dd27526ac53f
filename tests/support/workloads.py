"""Runs to be in flight while something is killed, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Count

from scheduler.definitions.importing import import_file
from scheduler.models import BlockRecord, Effect, FleetOrder, JournalEntry, RunState, TaskRecord, Wait
from scheduler.states import ENDED, Status
from scheduler.submission import submit
from storage.models import StorageLocation
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until
from vwed.tuning import store

#: Rounds of the run that locks and unlocks a location.
SITE_ROUNDS = 60
SITE = "K-01"
#: Blocks of the pure-work run: 100 × 400 rounds of one block each, about a second.
WORK_ROUNDS, WORK_INNER = 100, 400


def install() -> None:
    """Import the definitions, and make leases short."""
    short = detail(*(block(n, "PrintBp", message=f"='step {n}'") for n in (1, 2, 3)))
    delay = detail(block(1, "DelayBp", timeMillis="1200"), block(2, "PrintBp", message="='late'"))
    inner = block(2, "RepeatNumBp", {"default": [block(3, "PrintBp", message="='x'")]}, num=f"={WORK_INNER}")
    count = block(4, "SetTaskVariableBp", varName="rounds", varValue="=blocks.b1.index")
    work = detail(block(1, "RepeatNumBp", {"default": [inner, count]}, num=f"={WORK_ROUNDS}"))
    visit = [
        block(2, "SetSiteLockedBp", siteId=SITE, lockedId="=task.taskRecordId"),
        block(3, "SetSiteFilledBp", siteId=SITE),
        block(4, "SetSiteEmptyBp", siteId=SITE),
        block(5, "SetSiteUnlockedBp", siteId=SITE, unLockedId="=task.taskRecordId"),
    ]
    sites = detail(block(1, "RepeatNumBp", {"default": visit}, num=f"={SITE_ROUNDS}"))
    import_file("k.task", task_file(short=short, delay=delay, work=work, sites=sites), actor="t", origin="command")
    for name, value in (("housekeeping_interval", "0.3"), ("lease_min", "3"), ("claim_stale", "4"), ("slice", "300")):
        store.put(name, value, reason="short leases for a test", author="t", origin="command")


def start(label: str, count: int = 1, *, queue: str = "default") -> list[TaskRecord]:
    """Submit runs."""
    return [submit(label=label, queue=queue, actor="t", origin="command").record for _ in range(count)]


def status_of(records: Iterable[TaskRecord]) -> dict[str, int]:
    """How many of these runs have which status. One query."""
    keys = [record.pk for record in records]
    found: dict[str, int] = {}
    for begin in range(0, len(keys), 500):
        rows = TaskRecord.objects.filter(pk__in=keys[begin : begin + 500]).values_list("status")
        for status, count in rows.annotate(count=Count("pk")):
            found[status] = found.get(status, 0) + count
    return found


def wait_finished(records: Sequence[TaskRecord], timeout: float, describe: str = "") -> None:
    """Until all have finished."""
    wait_until(
        lambda: status_of(records) == {Status.FINISHED: len(records)},
        timeout,
        lambda: f"{len(records)} runs finished {describe}; they are {status_of(records)}; {_reasons(records)}",
        interval=0.1,
    )


def _reasons(records: Sequence[TaskRecord]) -> list[str]:
    keys = [record.pk for record in records][:500]
    rows = TaskRecord.objects.filter(pk__in=keys).exclude(status=Status.FINISHED).exclude(ended_reason="")
    return [f"{label}: {reason}" for label, reason in rows.values_list("label", "ended_reason")[:5]]


def running_on(record: TaskRecord) -> str:
    """Name of the worker that interprets the run now, or nothing."""
    found = TaskRecord.objects.filter(pk=record.pk, status=Status.RUNNING).values_list("worker", flat=True)
    return found.first() or ""


def assert_ended_once(records: Sequence[TaskRecord]) -> None:
    """Every run ended exactly once, and nothing of it is left: no lease, claim, wait, state, lock, effect or order."""
    keys = [record.pk for record in records]
    for begin in range(0, len(keys), 500):
        part = keys[begin : begin + 500]
        rows = TaskRecord.objects.filter(pk__in=part)
        assert rows.count() == rows.filter(status__in=ENDED).count()
        terminal = JournalEntry.objects.filter(record_id__in=part, to_status__in=ENDED)
        per_run = dict(terminal.values_list("record_id").annotate(count=Count("pk")))
        assert per_run == dict.fromkeys(part, 1), "one terminal journal entry per run"
        assert not rows.exclude(token="").exists(), "a token is left"
        assert not rows.filter(lease_until__isnull=False).exists(), "a lease is left"
        assert not Wait.objects.filter(record_id__in=part).exists(), "a wait is left"
        assert not RunState.objects.filter(record_id__in=part).exists(), "a state is left"
        assert not BlockRecord.objects.filter(record_id__in=part, code=1000).exists(), "a block record is open"
        assert not Effect.objects.filter(record_id__in=part, status__in=("pending", "sent")).exists()
        assert not FleetOrder.objects.filter(record_id__in=part, closed=False).exists()
    names = {record.record_id for record in records}
    assert not StorageLocation.objects.filter(locked_by__in=names).exists(), "a location is still locked"
    assert not TaskRecord.objects.filter(status__in=(Status.CLAIMED, Status.RUNNING)).exists()


def recoveries_of(records: Sequence[TaskRecord]) -> int:
    """How often these runs were taken over from a dead worker."""
    keys = [record.pk for record in records]
    return sum(TaskRecord.objects.filter(pk__in=keys).values_list("recoveries", flat=True))
