"""The pool of a web process counts who waits, for how long, and in vain; its successor goes on counting."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest

from tests.support.waiting import wait_until
from vwed.database.exhaustion import PoolExhausted, server_is_full
from vwed.pooling import CountingPool

OPTIONS = {"POOL_SIZE": 3, "MAX_OVERFLOW": 1, "RECYCLE": 600, "TIMEOUT": 5}


class Wire:
    """What a driver calls a connection."""

    numbers = itertools.count(100)

    def __init__(self) -> None:
        self.number = next(self.numbers)

    def thread_id(self) -> int:
        return self.number

    def rollback(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is held."""


def pool(**options: Any) -> CountingPool:
    return CountingPool(Wire, **{"pool_size": 1, "max_overflow": 1, "timeout": 0.05, **options})


def test_nobody_waits_as_long_as_there_is_room() -> None:
    made = pool()
    one, two = made.take(), made.take()
    assert (made.tally.waits, made.checkedout(), made.overflow()) == (0, 2, 1)
    assert made.tally.ids == {one.driver_connection.number, two.driver_connection.number}
    one.close(), two.close()
    assert len(made.tally.ids) == 1, "what was beyond the size is closed, and known no more"
    made.dispose()
    assert made.tally.ids == set()


def test_a_wait_in_vain_is_counted_and_said_in_words() -> None:
    made = pool()
    held = [made.take(), made.take()]
    with pytest.raises(PoolExhausted, match=r"All 2 connections of the pool were in use for 0\.05 s"):
        made.take()
    assert (made.tally.waits, made.tally.timeouts, made.tally.waiting) == (1, 1, 0)
    assert made.tally.longest_s >= 0.05
    for each in held:
        each.close()
    made.take().close()
    assert made.tally.waits == 1, "a free one is taken without waiting"
    made.dispose()


def test_a_wait_that_ends_well_is_no_time_out() -> None:
    made = pool(max_overflow=0, timeout=20)
    held = made.take()
    got: list[Any] = []
    waiter = threading.Thread(target=lambda: got.append(made.take()))
    waiter.start()
    wait_until(lambda: made.tally.waiting == 1, 10, "somebody waiting")
    held.close()
    waiter.join(10)
    assert (len(got), made.tally.waits, made.tally.timeouts, made.tally.waiting) == (1, 1, 0, 0)
    assert made.tally.longest_s > 0
    got[0].close()
    made.dispose()


def test_its_successor_has_the_new_figures_and_the_same_tally() -> None:
    old = pool(max_overflow=0)
    held = old.take()
    with pytest.raises(PoolExhausted):
        old.take()
    new = old.successor(OPTIONS)
    other = new.take()
    assert (new.size(), new.most_overflow, new.timeout()) == (3, 1, 5)
    assert new.tally is old.tally
    assert new.tally.timeouts == 1
    assert new.tally.ids == {held.driver_connection.number, other.driver_connection.number}
    held.close(), other.close()
    old.dispose(), new.dispose()


@pytest.mark.parametrize("code", [1040, 1203, 1226])
def test_a_server_that_is_full_is_told_from_one_that_is_away(code: int) -> None:
    from django.db import OperationalError

    assert server_is_full(OperationalError(code, "Too many connections"))
    assert not server_is_full(OperationalError(2006, "Server has gone away"))
    assert not server_is_full(ValueError(code))
