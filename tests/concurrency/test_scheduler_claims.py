"""Clusters race for runs, and ends race with each other: every run once, and exactly one end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from scheduler import clock, executor, queue, recovery, settlement, transitions
from scheduler.commands import cancel
from scheduler.models import EndedCounter, JournalEntry, TaskRecord
from scheduler.states import Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import assign, definition, process, record, status_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_four_claimers_share_the_runs_and_each_is_handed_over_once() -> None:
    definition()
    runs = {record().pk for _ in range(200)}

    def claimer(boot: str) -> list[int]:
        mine: list[int] = []
        while got := queue.claim(boot, ["default"], 7):
            mine += got
        return mine

    claimed = side_by_side(*[lambda boot=f"boot-{n}": claimer(boot) for n in range(4)])  # type: ignore[misc]

    everything = [pk for mine in claimed for pk in mine]
    # Rows that another claimer holds at this moment are skipped, so somebody may stop a little early: not lost.
    rest = queue.claim("last", ["default"], 1000)
    assert max(Counter(everything + rest).values()) == 1
    assert set(everything + rest) == runs


def test_a_claim_that_two_workers_got_is_started_by_one() -> None:
    task = definition(assign("a", "1"))
    for _ in range(10):
        run = record(task)
        assert queue.claim("boot-1", ["default"], 1) == [run.pk]

        results = side_by_side(
            *[partial(executor.execute, run.pk, process(f"w{n}"), boot_id="boot-1") for n in range(2)]
        )

        assert sorted(map(str, results)) == ["None", "finished"]
        assert JournalEntry.objects.filter(record=run).count() == 1


def test_finishing_races_with_giving_up_and_there_is_one_end() -> None:
    """A worker ends its run at the moment at which a rescuer takes it for dead."""
    definition()
    ends: Counter[str] = Counter()
    for _ in range(40):
        now = clock.now()
        run = record(status=Status.RUNNING, token="t", lease_until=now - timedelta(seconds=1), recoveries=99)

        def finish(pk: int = run.pk) -> bool:
            with transaction.atomic():
                ended = transitions.end_own(pk, "t", Status.FINISHED, {"ended_at": clock.now()})
                if ended:
                    settlement.clean_up([_ended(pk)], Status.FINISHED, reason="", actor="")
                return ended

        side_by_side(finish, lambda: bool(recovery.rescue().unrecoverable))

        entries = list(JournalEntry.objects.filter(record=run).values_list("to_status", flat=True))
        assert len(entries) == 1
        assert entries[0] == status_of(run)
        ends[entries[0]] += 1

    assert sum(EndedCounter.objects.values_list("count", flat=True)) == 40


def _ended(pk: int) -> settlement.EndedRun:
    run = TaskRecord.objects.get(pk=pk)
    return settlement.EndedRun(
        pk, run.record_id, run.attempt, "running", run.definition_id, None, run.created_at, False
    )


def test_cancelling_races_with_starting_and_is_never_lost() -> None:
    task = definition(assign("a", "1"))
    for _ in range(30):
        run = record(task)
        queue.claim("boot-1", ["default"], 1)

        side_by_side(
            lambda run=run: executor.execute(run.pk, process(), boot_id="boot-1"),  # type: ignore[misc]
            lambda run=run: cancel.cancel([run.record_id], actor="a", reason="", origin="command"),  # type: ignore[misc]
        )

        run.refresh_from_db()
        # Ended by either; one that was running when it was asked may have finished before its next look.
        assert run.status in (Status.CANCELLED, Status.FINISHED)
        assert JournalEntry.objects.filter(record=run).count() == 1
