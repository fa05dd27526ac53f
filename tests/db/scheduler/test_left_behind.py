"""Locks whose run has ended: found from the locked locations, at a bounded cost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import left_behind
from scheduler.states import ACTIVE, ENDED, Status
from storage.models import StorageLocation
from tests.db.scheduler.making import record
from tests.db.storage.warehouse import build, lock

pytestmark = pytest.mark.django_db


def test_a_lock_is_left_behind_when_its_run_has_ended() -> None:
    build("free", "person", *sorted(status.value for status in Status))
    lock("maria", "person")
    for status in Status:
        lock(record(status=status, token="t").record_id, status.value)

    found = set(left_behind.locations().values_list("site_id", flat=True))

    assert found == {status.value for status in ENDED}
    assert left_behind.count() == len(ENDED)
    assert not found & {status.value for status in ACTIVE}


def test_its_run_is_found_by_a_holder_and_holders_are_told_once() -> None:
    build("A-01", "A-02", "A-03")
    run = record(status=Status.FINISHED)
    for site in ("A-02", "A-01"):
        lock(run.record_id, site)

    assert list(left_behind.holders()) == [run.record_id]
    assert [row.site_id for row in left_behind.held_by(run.record_id)] == ["A-01", "A-02"]
    assert set(left_behind.narrow(StorageLocation.objects.filter(site_id="A-01"))) == {
        StorageLocation.objects.get(site_id="A-01")
    }


def test_the_runs_are_not_read_through() -> None:
    """Found from the locked locations: the database touches no run but those that hold one."""
    if connection.vendor != "sqlite":
        pytest.skip("the plan is read from SQLite's words")
    with CaptureQueriesContext(connection) as queries:
        left_behind.count()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
        plan = " ".join(str(row[3]) for row in cursor.fetchall())

    assert "SCAN" not in plan.replace("SCAN CONSTANT ROW", ""), plan
