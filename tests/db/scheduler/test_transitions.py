"""The one writer of a record's status: every move names what it expects, and who loses changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import clock, transitions
from scheduler.errors import IllegalTransition
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE, ENDED, TRANSITIONS, Status
from tests.db.scheduler.making import record, status_of

pytestmark = pytest.mark.django_db


def started(token: str = "t1", **columns: object) -> TaskRecord:
    run = record(status=Status.CLAIMED, boot_id="boot-1", **columns)
    lease = clock.now() + timedelta(seconds=10)
    assert transitions.start(run.pk, token=token, worker="w1", boot_id="boot-1", lease_until=lease)
    run.refresh_from_db()
    return run


def test_a_claimed_run_starts_under_its_token_and_lease() -> None:
    run = started()

    assert (run.status, run.token, run.worker, run.slices) == (Status.RUNNING, "t1", "w1", 1)
    assert run.lease_until is not None
    assert run.lease_until > clock.now()


def test_a_run_that_another_cluster_claimed_is_not_started() -> None:
    run = record(status=Status.CLAIMED, boot_id="boot-2")

    assert not transitions.start(run.pk, token="t", worker="w", boot_id="boot-1", lease_until=clock.now())
    assert status_of(run) == Status.CLAIMED


def test_the_same_claim_starts_only_once() -> None:
    run = started("t1")

    assert not transitions.start(run.pk, token="t2", worker="w", boot_id="boot-1", lease_until=clock.now())
    run.refresh_from_db()
    assert run.token == "t1"


@pytest.mark.parametrize("move", ["fence", "hand_back", "pause_own", "interrupt_own", "end_own", "suspend", "write"])
def test_a_writer_with_an_old_token_changes_nothing(move: str) -> None:
    run = started("new")
    before = TaskRecord.objects.filter(pk=run.pk).values().get()
    calls = {
        "fence": lambda: transitions.fence(run.pk, "old"),
        "hand_back": lambda: transitions.hand_back(run.pk, "old"),
        "pause_own": lambda: transitions.pause_own(run.pk, "old", {}),
        "interrupt_own": lambda: transitions.interrupt_own(run.pk, "old", {}),
        "end_own": lambda: transitions.end_own(run.pk, "old", Status.FINISHED, {}),
        "suspend": lambda: transitions.suspend(run.pk, "old", wake_seq=run.wake_seq, due_at=None, columns={}),
        "write": lambda: transitions.write(run.pk, "old", {"variables": "{}"}),
    }

    assert not calls[move]()
    assert TaskRecord.objects.filter(pk=run.pk).values().get() == before


def test_suspending_makes_it_waiting_when_nothing_happened_meanwhile() -> None:
    run = started()
    due = clock.now() + timedelta(minutes=1)

    assert transitions.suspend(run.pk, "t1", wake_seq=run.wake_seq, due_at=due, columns={}) == Status.WAITING
    run.refresh_from_db()
    assert (run.status, run.token, run.lease_until, run.due_at) == (Status.WAITING, "", None, due)


@pytest.mark.parametrize("event", ["wake", "cancel", "pause"])
def test_suspending_makes_it_ready_when_something_came_meanwhile(event: str) -> None:
    run = started()
    if event == "wake":
        assert transitions.wake([run.pk]) == 0
    else:
        TaskRecord.objects.filter(pk=run.pk).update(**{f"{event}_requested": True})

    assert transitions.suspend(run.pk, "t1", wake_seq=run.wake_seq, due_at=None, columns={}) == Status.READY
    run.refresh_from_db()
    assert (run.status, run.token, run.due_at) == (Status.READY, "", None)


def test_a_wake_makes_waiting_runs_ready_and_is_counted_on_every_active_one() -> None:
    runs = {status: record(status=status) for status in Status}

    assert transitions.wake([run.pk for run in runs.values()]) == 1

    for status, run in runs.items():
        run.refresh_from_db()
        assert run.status == (Status.READY if status == Status.WAITING else status)
        assert run.wake_seq == (1 if status in ACTIVE else 0), status


def test_becoming_ready_gives_a_place_by_age_and_priority() -> None:
    low, high, absurd = (record(status=Status.WAITING, priority=priority) for priority in (-5, 3, 10_000))
    before_ms = clock.now_ms()
    transitions.wake([low.pk, high.pk, absurd.pk])
    after_ms = clock.now_ms()
    for run in (low, high, absurd):
        run.refresh_from_db()

    assert low.rank - high.rank == 3 * 60_000
    assert low.rank - absurd.rank == 100 * 60_000
    assert low.ready_at is not None
    # The rank is the moment of its own statement's clock, a little after the row's.
    assert before_ms <= low.rank <= after_ms
    assert transitions.rank_of(low.rank, -5) == low.rank


def test_a_worker_and_the_many_agree_on_ranks() -> None:
    run = started(priority=7)
    transitions.hand_back(run.pk, "t1")
    run.refresh_from_db()

    assert run.ready_at is not None
    assert abs(run.rank - transitions.rank_of(clock.at_ms(run.ready_at), 7)) < 1000


@pytest.mark.parametrize("target", [Status.CANCELLED, Status.FAILED])
def test_ending_many_moves_only_those_that_may_and_that_nobody_works_on(target: Status) -> None:
    runs = {status: record(status=status, token="t") for status in Status}

    transitions.end([run.pk for run in runs.values()], target, ended_reason="why")

    for status, run in runs.items():
        allowed = target in TRANSITIONS[status] and status != Status.RUNNING
        assert status_of(run) == (target if allowed else status), status


def test_ending_takes_running_ones_only_after_their_lease() -> None:
    now = clock.now()
    dead = record(status=Status.RUNNING, lease_until=now - timedelta(seconds=1))
    alive = record(status=Status.RUNNING, lease_until=now + timedelta(seconds=9))

    assert transitions.end([dead.pk, alive.pk], Status.UNRECOVERABLE, lease_before=now) == 1
    assert (status_of(dead), status_of(alive)) == (Status.UNRECOVERABLE, Status.RUNNING)


def test_a_renewal_counts_only_leases_that_are_still_ours() -> None:
    mine, lost = started("t1"), started("t2")
    later = clock.now() + timedelta(seconds=99)

    assert transitions.renew({mine.pk: "t1", lost.pk: "old"}, later) == 1
    mine.refresh_from_db()
    lost.refresh_from_db()
    assert mine.lease_until == later
    assert lost.lease_until != later


def test_recovering_counts_and_needs_an_expired_lease() -> None:
    run = started()
    now = clock.now()

    assert not transitions.recover(run.pk, "t1", now)
    assert transitions.recover(run.pk, "t1", now + timedelta(minutes=1))
    run.refresh_from_db()
    assert (run.status, run.recoveries, run.token) == (Status.READY, 1, "")


def test_a_move_that_the_state_machine_does_not_have_is_a_fault_of_the_program() -> None:
    run = started()

    with pytest.raises(IllegalTransition):
        transitions.end_own(run.pk, "t1", Status.CLAIMED, {})


def test_ended_runs_do_not_move_by_themselves() -> None:
    for status in ENDED:
        run = record(status=status)
        pks = [run.pk]
        moved = [
            transitions.claim(pks, boot_id="b", mark="m"),
            transitions.promote(pks),
            transitions.wake(pks),
            transitions.pause(pks),
            transitions.resume(pks),
            transitions.end(pks, Status.CANCELLED),
        ]
        assert not any(moved)
        assert status_of(run) == status
