"""SQLite's write lock: who waits for it gets it soon after it is free, and gives up in the end."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from scheduler.models import EndedCounter
from scheduler.process import CURRENT, current
from tests.concurrency.storage_threads import side_by_side

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's lock: MariaDB has rows to lock"),
]


def count(minute: int) -> None:
    EndedCounter.objects.create(minute=minute, status="finished", slot=0)


def test_statements_and_transactions_wait_for_the_lock_and_get_it_soon_after() -> None:
    held, asking, freed = threading.Event(), threading.Semaphore(0), []
    waited: list[float] = []
    mine = current()
    before = mine.busy_waits

    def holder() -> None:
        with transaction.atomic():
            count(1)
            held.set()
            for _ in range(2):
                asking.acquire(timeout=10)
        freed.append(time.monotonic())

    def statement() -> None:
        held.wait(10)
        CURRENT.set(mine)
        asking.release()
        count(2)
        waited.append(time.monotonic())

    def in_transaction() -> None:
        held.wait(10)
        CURRENT.set(mine)
        asking.release()
        with transaction.atomic():
            count(3)
        waited.append(time.monotonic())

    side_by_side(holder, statement, in_transaction)

    assert EndedCounter.objects.count() == 3
    assert max(waited) - freed[0] < 1.0
    assert mine.busy_waits > before, "the Database page tells who had to wait"


def test_a_lock_that_is_never_free_is_given_up_with_the_databases_own_error() -> None:
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic():
            count(1)
            held.set()
            done.wait(30)

    def impatient() -> None:
        held.wait(10)
        connection.connection.patience_s = 0.05
        try:
            with pytest.raises(OperationalError, match="locked"):
                count(2)
            with pytest.raises(OperationalError, match="locked"), transaction.atomic():
                count(3)
        finally:
            done.set()

    side_by_side(holder, impatient)

    assert list(EndedCounter.objects.values_list("minute", flat=True)) == [1]


def test_many_writers_all_get_their_turn() -> None:
    def writer(number: int) -> None:
        for turn in range(25):
            if turn % 2:
                count(number * 1000 + turn)
            else:
                with transaction.atomic():
                    count(number * 1000 + turn)

    side_by_side(*[lambda number=number: writer(number) for number in range(6)])  # type: ignore[misc]

    assert EndedCounter.objects.count() == 150
