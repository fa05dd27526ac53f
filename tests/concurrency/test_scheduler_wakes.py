"""Suspending races with waking, on two real connections: no wake is lost, whoever is first."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import transaction

from execution.outcome import WaitRow
from scheduler import clock, rows, transitions, wakes
from scheduler.models import Effect, TaskRecord
from scheduler.states import Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler.making import block, claim_and_execute, definition, process, record, status_of

pytestmark = pytest.mark.django_db(transaction=True)

#: On each of the two databases; together 10,000.
ROUNDS, GROUP = 5000, 50


def suspend(pk: int, token: str, wake_seq: int, key: str) -> Status | None:
    """As the executor does it: the move, then the waits, in one transaction."""
    with transaction.atomic():
        moved = transitions.suspend(pk, token, wake_seq=wake_seq, due_at=None, columns={})
        rows.replace_waits(pk, [WaitRow("0", "b1", key, "effect", {}, 1, None, None)], had_waits=True)
    return moved


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thousands_of_suspensions_race_with_a_wake_and_none_is_lost() -> None:
    definition()
    lease = clock.now() + timedelta(hours=1)
    runs = [record(status=Status.RUNNING, token="t", lease_until=lease) for _ in range(GROUP)]
    pks = [run.pk for run in runs]
    begin, end = threading.Barrier(2), threading.Barrier(2)
    lost: list[tuple[int, int, str]] = []
    answers: dict[Status | None, int] = {}

    def suspender() -> None:
        for turn in range(ROUNDS // GROUP):
            TaskRecord.objects.filter(pk__in=pks).update(status=Status.RUNNING, token="t")
            seen = dict(TaskRecord.objects.filter(pk__in=pks).values_list("pk", "wake_seq"))
            begin.wait(60)
            for pk in pks:
                moved = suspend(pk, "t", seen[pk], "effect:none")
                answers[moved] = answers.get(moved, 0) + 1
            end.wait(60)
            for pk, status in (
                TaskRecord.objects.filter(pk__in=pks).exclude(status=Status.READY).values_list("pk", "status")
            ):
                lost.append((turn, pk, status))

    def waker() -> None:
        for _ in range(ROUNDS // GROUP):
            begin.wait(60)
            for pk in pks:
                wakes.wake_record(pk)
            end.wait(60)

    side_by_side(suspender, waker)

    assert lost == []
    assert sum(answers.values()) == ROUNDS
    assert None not in answers
    assert len(answers) == 2, f"the race was never one: {answers}"


def test_an_answer_that_comes_while_its_run_is_being_suspended_wakes_it() -> None:
    task = definition(block("CSelectAgvBp", keyRoute="LM1"))
    for number in range(40):
        run = record(task)
        assert claim_and_execute(run, process()) == Status.WAITING
        effect = Effect.objects.get(record=run)
        TaskRecord.objects.filter(pk=run.pk).update(status=Status.RUNNING, token="t")
        seq = TaskRecord.objects.values_list("wake_seq", flat=True).get(pk=run.pk)

        side_by_side(
            lambda run=run, seq=seq, effect=effect: suspend(run.pk, "t", seq, f"effect:{effect.key}"),  # type: ignore[misc]
            lambda effect=effect: wakes.wake([f"effect:{effect.key}"]),  # type: ignore[misc]
        )

        assert status_of(run) == Status.READY, number
