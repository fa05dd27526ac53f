"""The cluster's entry function and its connection: trusted for a moment, renewed when it is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.db import OperationalError, close_old_connections, connections

from execution.context import TaskContext
from execution.limits import Limits, RunInfo
from scheduler import loading, queue, worker
from scheduler.leaks import Meter
from scheduler.process import CURRENT, Process
from scheduler.states import Status
from tests.db.scheduler.making import definition, process, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mine() -> Iterator[Process]:
    made = process()
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time somebody asks whether the server is still there."""
    asked: list[str] = []

    def is_usable() -> bool:
        asked.append("?")
        return True

    here = connections["default"]
    here.ensure_connection()
    monkeypatch.setattr(here, "is_usable", is_usable)
    monkeypatch.setattr(here, "health_check_enabled", True)
    return asked


def run_next(mine: Process) -> None:
    """As the cluster does: every task begins with a look at the connections."""
    run = record(definition())
    queue.claim(mine.boot_id, ["default"], 1)
    close_old_connections()
    worker.run_claimed(run.pk, mine.boot_id)
    run.refresh_from_db()
    assert run.status == Status.FINISHED


def test_a_connection_that_worked_a_moment_ago_is_not_asked(mine: Process, questions: list[str]) -> None:
    run_next(mine)
    questions.clear()
    run_next(mine)
    assert questions == []


def test_one_that_was_idle_for_a_while_is_asked(mine: Process, questions: list[str]) -> None:
    run_next(mine)
    questions.clear()
    mine.duty.ended -= worker.TRUSTED_S
    run_next(mine)
    assert questions == ["?"]


def test_a_connection_that_is_gone_before_the_run_starts_is_renewed_and_the_run_starts(
    mine: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, failures = loading.take, [OperationalError(2006, "Server has gone away")]

    def gone_once(*args: object, **options: object) -> object:
        if failures:
            raise failures.pop()
        return take(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "take", gone_once)
    run_next(mine)
    assert not failures


class Holder:
    """Keeps a context, as a careless handler would."""


def test_a_context_that_outlives_its_run_is_reported_with_its_holders(mine: Process) -> None:
    holder = Holder()
    context = TaskContext({}, RunInfo("rec"), Limits())
    context.cleanup()
    mine.contexts.add(context)
    holder.kept = [context]  # type: ignore[attr-defined]
    del context
    run_next(mine)

    assert mine.duty.leaked == 1
    assert "list" in mine.duty.leaked_by

    del holder
    run_next(mine)
    assert (mine.duty.leaked, mine.duty.leaked_by) == (0, ())


def test_the_meter_counts_what_runs_leave(mine: Process) -> None:
    mine.meter = Meter(patience=0)
    for _ in range(80):
        run_next(mine)

    told = json.loads(mine.meter.published)
    assert told["points"]
    assert {"PrintBp", "RootBp"} <= {row[0] for row in told["kinds"]}
