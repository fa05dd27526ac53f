"""Two connections, one key of the cache: one row, the value of whoever commits last, and nobody is turned away."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction

from scheduler import cache
from scheduler.errors import Refused
from scheduler.models import AuditEntry, CachedValue, TaskRecord
from scheduler.states import Status
from tests.concurrency.storage_threads import side_by_side
from tests.db.scheduler import making
from tests.db.scheduler.making import claim_and_execute, definition, record, status_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 100


def store(key: str, value: str) -> str:
    with transaction.atomic():
        cache.write(key, value, by=value)
    return value


def drop(key: str) -> bool:
    with transaction.atomic():
        return cache.clear(key)


@pytest.mark.parametrize("there", [True, False])
def test_writers_of_one_key_leave_one_row_with_a_value_of_one_of_them(there: bool) -> None:
    for number in range(ROUNDS):
        key = f"k{number}"
        if there:
            store(key, "old")

        side_by_side(*(lambda name=name, key=key: store(key, name) for name in ("a", "b", "c")))

        row = CachedValue.objects.get(key=key)
        assert row.value == row.changed_by
        assert row.value in "abc"


def test_writers_of_a_key_that_is_just_removed_do_not_lock_each_other_out() -> None:
    for number in range(ROUNDS):
        key = f"k{number}"
        store(key, "old")

        side_by_side(
            lambda key=key: drop(key), *(lambda name=name, key=key: store(key, name) for name in ("a", "b", "c"))
        )

        assert CachedValue.objects.filter(key=key).count() <= 1


def test_neighbouring_keys_are_written_side_by_side() -> None:
    def writer(name: str) -> int:
        for number in range(ROUNDS):
            store(f"k{number}{name}", name)
            if number % 3 == 0:
                drop(f"k{number}{name}")
        return ROUNDS

    assert sum(side_by_side(*(lambda name=name: writer(name) for name in "abc"))) == 3 * ROUNDS
    assert CachedValue.objects.count() == 3 * (ROUNDS - len(range(0, ROUNDS, 3)))


@pytest.mark.parametrize("there", [True, False])
def test_who_commits_last_wins_even_when_it_began_to_write_first_elsewhere(there: bool) -> None:
    if there:
        store("k", "old")
    first_wrote, seen = threading.Event(), []

    def first() -> None:
        with transaction.atomic():
            cache.write("k", "first", by="first")
            first_wrote.set()
            if connection.vendor == "mysql":
                # The other is held at the row until this one commits.
                assert not second_done.wait(0.3)

    second_done = threading.Event()

    def second() -> None:
        assert first_wrote.wait(20)
        began = time.monotonic()
        store("k", "second")
        seen.append(time.monotonic() - began)
        second_done.set()

    side_by_side(first, second)

    assert cache.read("k") == "second"
    assert CachedValue.objects.count() == 1


def waiting_for_locks() -> int:
    """Transactions of this database that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
            "ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.mysql
def test_runs_that_wait_for_a_writer_that_gives_up_finish_all_the_same() -> None:
    for number in range(5):
        key, wrote = f"k{number}", threading.Event()
        task = definition(making.block("CacheDataBp", key=key, value="=task.taskRecordId"))
        runs = [record(task), record(task)]

        def gives_up(key: str = key, wrote: threading.Event = wrote) -> None:
            with transaction.atomic():
                cache.write(key, "never", by="never")
                wrote.set()
                # The server looks anew only when nobody has asked for 0.1 s.
                wait_until(lambda: waiting_for_locks() >= 2, 20, "two runs wait for the first", interval=0.15)
                transaction.set_rollback(True)

        def runs_to_its_end(run: TaskRecord, wrote: threading.Event = wrote) -> None:
            assert wrote.wait(20)
            while claim_and_execute(run) != Status.FINISHED:
                assert status_of(run) == Status.READY, "a conflict hands the run back"

        side_by_side(gives_up, *(lambda run=run: runs_to_its_end(run) for run in runs))

        assert cache.read(key) in {run.record_id for run in runs}


def test_of_a_person_and_a_run_the_person_is_told_or_both_are_kept_in_order() -> None:
    for number in range(ROUNDS):
        key = f"k{number}"
        row = cache.add(key, "old", actor="kim", origin="page")
        seen = cache.fingerprint("old")

        def person(pk: int = row.pk, seen: str = seen) -> str:
            try:
                cache.change(pk, "by hand", seen=seen, actor="kim", origin="page")
            except Refused as refusal:
                return refusal.code
            return "done"

        outcome = side_by_side(person, lambda key=key: store(key, "by run"))[0]

        assert outcome in ("done", "cache_changed")
        changes = AuditEntry.objects.filter(action="change_cached_value", object_id=key).count()
        assert changes == (outcome == "done")
        assert cache.read(key) == "by run"


def test_of_two_people_who_add_one_key_one_is_told() -> None:
    def add(name: str) -> str:
        try:
            cache.add("k", name, actor=name, origin="page")
        except Refused as refusal:
            return refusal.code
        return "done"

    outcomes = side_by_side(lambda: add("a"), lambda: add("b"))
    assert sorted(outcomes) == ["cache_key_taken", "done"]
    assert AuditEntry.objects.count() == 1
