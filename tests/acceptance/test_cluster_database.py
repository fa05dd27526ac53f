"""The database goes away under a working cluster and comes back: the tests' own MariaDB, killed and started again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from scheduler.states import Status
from tests.support import workloads
from tests.support.clusters import Cluster
from tests.support.installation import own_database
from tests.support.mariadb import MariaDb
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.mysql, pytest.mark.slow]

#: How long the server stays away, and how soon afterwards runs are consumed again (seconds).
AWAY_S, AFTER_S = 4.0, 30.0


@pytest.fixture
def server(django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[MariaDb]:
    """A server of our own, with the test's connection pointed at a migrated database in it."""
    before = dict(connection.settings_dict)
    with django_db_blocker.unblock(), MariaDb(tmp_path / "mariadb") as started:
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT=started.port, USER="root", PASSWORD="")
        try:
            with own_database("restart"):
                workloads.install()
                yield started
        finally:
            connection.close()
            connection.settings_dict.update(before)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_work_goes_on_after_the_database_was_away(server: MariaDb, tmp_path: Path, how: str) -> None:
    with Cluster(tmp_path / "cluster.log") as cluster:
        assert cluster.process is not None
        records = [*workloads.start("work", 3), *workloads.start("delay", 6), *workloads.start("short", 20)]
        wait_until(lambda: workloads.status_of(records).get(Status.RUNNING), 15, "the work having begun")
        connection.close()
        getattr(server, how)()
        gone_at = time.monotonic()
        wait_until(lambda: time.monotonic() - gone_at > AWAY_S, AWAY_S + 1, "the server staying away")
        assert cluster.process.poll() is None, f"the cluster ended: {cluster.said()}"
        server.start()
        (probe,) = workloads.start("short")
        workloads.wait_finished([probe], AFTER_S, f"after the server came back; the cluster said: {cluster.said()}")
        workloads.wait_finished(records, 60)
        workloads.assert_ended_once([probe, *records])
        cluster.wait_complete()
        assert cluster.pid("main") == cluster.process.pid
        assert "replacing" not in cluster.said(), "a cluster without a database is not a frozen one"
