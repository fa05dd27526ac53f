"""``/healthz`` and ``/readyz``: alive needs nothing, ready needs everything, and every reason is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import ProcessRow
from tests.db.monitoring.making import process
from vwed import diagnosis, health
from vwed.database.exhaustion import PoolExhausted


@pytest.fixture(autouse=True)
def unknown() -> Iterator[None]:
    """Nobody has looked at the migrations yet."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def cluster(db: None) -> dict[str, ProcessRow]:
    """One that consumes."""
    now = clock.now()
    return {
        role: process(f"{role}-1", role, at=now, boot_id="boot", pid=number)
        for number, role in enumerate(("worker", "pusher", "io"), 1)
    }


def asked(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    document = answer.json()
    assert document["ready"] is (answer.status_code == 200)
    assert [reason["check"] for reason in document["reasons"]] == [
        name for name, said in document["checks"].items() if said != "ok"
    ]
    assert all(reason["message"] and reason["remedy"] for reason in document["reasons"])
    return answer.status_code, document


def test_healthz_needs_no_database(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


def test_ready_is_a_cluster_that_consumes_on_a_migrated_database(
    client: Client, cluster: dict[str, ProcessRow]
) -> None:
    code, document = asked(client)
    assert code == 200
    assert document["checks"] == dict.fromkeys(("database", "migrations", "workers", "pusher", "io"), "ok")
    with CaptureQueriesContext(connection) as captured:
        asked(client)
    assert len(captured) <= 3, captured.captured_queries


def test_without_a_cluster_every_part_is_missing(client: Client, db: None, caplog: pytest.LogCaptureFixture) -> None:
    code, document = asked(client)
    assert not caplog.records, "whoever probes every few seconds fills the log"
    assert code == 503
    assert [reason["check"] for reason in document["reasons"]] == ["workers", "pusher", "io"]
    assert all("manage.py cluster" in reason["remedy"] for reason in document["reasons"])


@pytest.mark.parametrize(("role", "check"), [("worker", "workers"), ("pusher", "pusher"), ("io", "io")])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ended_at": "now"}, "no "),
        ({"beat_at": "long ago"}, "not heard of for 6"),
        ({"draining": True}, "draining"),
    ],
    ids=["ended", "silent", "draining"],
)
def test_each_part_that_is_away_is_the_reason(
    role: str, check: str, change: dict[str, Any], says: str, client: Client, cluster: dict[str, ProcessRow]
) -> None:
    times = {"now": clock.now(), "long ago": clock.now() - timedelta(seconds=60)}
    values = {name: times.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    ProcessRow.objects.filter(pk=cluster[role].pk).update(**values)
    code, document = asked(client)
    assert code == 503
    assert [reason["check"] for reason in document["reasons"]] == [check]
    assert says in document["reasons"][0]["message"]


def test_a_pusher_whose_workers_are_gone_consumes_nothing(client: Client, cluster: dict[str, ProcessRow]) -> None:
    ProcessRow.objects.filter(pk=cluster["worker"].pk).update(boot_id="another")
    code, document = asked(client)
    assert code == 503
    assert [reason["check"] for reason in document["reasons"]] == ["workers"]
    # Another generation that is complete will do.
    process("pusher-2", "pusher", at=clock.now(), boot_id="another")
    assert asked(client)[0] == 200


def test_a_database_that_is_not_migrated_is_the_reason(
    client: Client, cluster: dict[str, ProcessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "pending_migrations", lambda: ["vwed.0009_x", "vwed.0010_y"])
    code, document = asked(client)
    assert code == 503
    assert document["checks"] == {"database": "ok", "migrations": "2 missing: run manage.py migrate"}
    monkeypatch.setattr(diagnosis, "pending_migrations", lambda: [])
    assert asked(client)[0] == 200
    # Believed for a while: finding it out reads every migration.
    monkeypatch.setattr(diagnosis, "pending_migrations", lambda: ["vwed.0009_x"])
    assert asked(client)[0] == 200


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OperationalError(2006, "root@secret-host has gone away"), "does not answer"),
        (InterfaceError(0, "secret-host"), "does not answer"),
        (PoolExhausted("All 30 connections to secret-host were in use"), "no connection of the pool"),
    ],
)
def test_a_database_that_is_away_is_the_reason_without_naming_hosts(
    error: Exception, says: str, client: Client, db: None
) -> None:
    def refuse(*_: object) -> None:
        raise error

    with connection.execute_wrapper(refuse):
        code, document = asked(client)
    assert code == 503
    assert list(document["checks"]) == ["database"]
    assert says in document["reasons"][0]["message"]
    assert "secret" not in str(document)


def test_the_limit_of_a_beat_is_longer_than_a_heartbeat() -> None:
    from scheduler import conf

    assert health.BEAT_LIMIT.total_seconds() > 3 * conf.values().housekeeping_interval_s
