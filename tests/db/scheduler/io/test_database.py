"""The database thread of the io process: its connection, its answers to conflicts and outages."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from django.db import DatabaseError, OperationalError, connections

from scheduler.io.database import CONFLICT_TRIES, DatabaseThread
from scheduler.models import ServiceRow

T = TypeVar("T")


def call(*functions: Callable[[], T]) -> list[T]:
    async def run() -> list[T]:
        async with DatabaseThread("under-test") as database:
            return [await database(function) for function in functions]

    return asyncio.run(run())


class Failing:
    """Raises the given errors one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.django_db(transaction=True)
def test_everything_runs_in_one_thread_with_one_connection_that_is_closed_at_the_end() -> None:
    seen: list[object] = []

    def look() -> int:
        seen.append(connections["default"])
        return threading.get_ident() if ServiceRow.objects.count() == 0 else 0

    first, second = call(look, look)
    assert first == second != threading.get_ident()
    assert seen[0].connection is None  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1205, 1213])
def test_a_lost_conflict_is_tried_again_at_once(number: int) -> None:
    function = Failing(*[OperationalError(number, "try restarting transaction")] * (CONFLICT_TRIES - 1))
    assert call(function) == ["done"]
    assert function.calls == CONFLICT_TRIES


@pytest.mark.django_db(transaction=True)
def test_an_outage_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    gone = Failing(*[OperationalError(2006, "server has gone away")] * 3)

    async def run() -> list[str]:
        async with DatabaseThread("under-test") as database:
            said = []
            for _ in range(4):
                try:
                    said.append(await database(gone))
                except DatabaseError:
                    said.append("gone")
            return said

    with caplog.at_level(logging.WARNING, "scheduler.io"):
        assert asyncio.run(run()) == ["gone"] * 3 + ["done"]
    assert [record.getMessage().split("(")[0].strip() for record in caplog.records] == [
        "under-test: the database does not answer",
        "under-test: the database answers again",
    ]
