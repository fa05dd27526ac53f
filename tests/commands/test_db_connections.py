"""``manage.py db_connections``: the same figures as the page, for people and for programs; a kill needs a reason."""

from __future__ import annotations

import pytest
from django.db import connection

from scheduler import clock
from scheduler.models import AuditEntry, ProcessRow
from tests.commands.invoke import run
from tests.support.waiting import wait_until
from tests.web.test_database import listed, stranger

pytestmark = pytest.mark.django_db

POOL = {"in_use": 6, "size": 10, "overflow": 2, "max_overflow": 20, "waits": 7, "longest_ms": 1400, "timeouts": 1}


@pytest.fixture
def web() -> ProcessRow:
    now = clock.now()
    return ProcessRow.objects.create(
        name="web-1", role="web", boot_id="b", host="h", pid=1, started_at=now, beat_at=now,
        sample={"connections": 2, "busy_waits": 3, "pool": POOL},
    )  # fmt: skip


def test_it_tells_pools_and_connections(web: ProcessRow) -> None:
    told = run("db_connections", "--json").json()

    assert told["vendor"] == connection.vendor
    assert told["open"] == 2
    assert told["pools"] == [{"process": "web-1", **POOL}]
    assert told["processes"] == [{"name": "web-1", "connections": 2, "busy_waits": 3}]
    words = run("db_connections").out
    if connection.vendor == "mysql":
        assert told["server"]["limit"] >= told["server"]["connected"] > 0
        assert "pool of web-1: 6/10 + 2/20, waits 7 (longest 1400 ms, in vain 1)" in words
        assert "sql" not in told["connections"][0]
        assert "PROCESSLIST" in str(run("db_connections", "--sql", "--json").json()["connections"])
    else:
        assert told["file"]["size"] > 0
        assert "SQLite has no pool and no process list" in words
        assert "2 connections open, 3 waits for the write lock" in words


def test_wrong_usage_is_told() -> None:
    refused = run("db_connections", "--kill", "7", "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (2, "wrong_usage")
    assert "--reason" in refused.err


def test_what_is_not_there_cannot_be_killed() -> None:
    refused = run("db_connections", "--kill", "4000000000", "--reason", "because", "--json")
    expected = "connection_gone" if connection.vendor == "mysql" else "no_server"
    assert (refused.code, refused.json()["error"]["code"]) == (1, expected)


@pytest.mark.mysql
def test_a_kill_is_effective_and_audited() -> None:
    with stranger() as other:
        number = other.thread_id()
        assert f"{number} " in run("db_connections").out
        assert "No connection has been" in run("db_connections", "--longer-than", "86400").out
        assert run("db_connections", "--kill", str(number), "--reason", "it hangs", "--json").json()["killed"] == number
        wait_until(lambda: not listed(number), 10, "the connection ending")
    assert AuditEntry.objects.get(action="kill_connection").origin == "command"
