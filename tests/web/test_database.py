"""The Database page: connections with their processes, pools, the file; who may see statements and kill; full pools."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import MySQLdb
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import AuditEntry, ProcessRow
from tests.architecture.sources import ROOT
from tests.support.installation import database_url
from tests.support.waiting import wait_until
from vwed.database import present
from vwed.database.exhaustion import PoolExhausted
from vwed.database.server import Server, ServerConnection, read_server
from vwed.live.topics import TOPICS

URL = "/admin/database/"
POOL = {"in_use": 6, "size": 10, "overflow": 2, "max_overflow": 20, "waits": 7, "longest_ms": 1400, "timeouts": 1}


def process(name: str, role: str = "worker", **fields: Any) -> ProcessRow:
    now = clock.now()
    values = {"boot_id": "b", "host": "h", "pid": 1, "started_at": now - timedelta(hours=2), "beat_at": now, **fields}
    return ProcessRow.objects.create(name=name, role=role, **values)


@contextmanager
def stranger(database: str | None = None) -> Iterator[Any]:
    """A connection beside those of the test, as the server knows it."""
    login = connection.settings_dict
    with closing(
        MySQLdb.connect(
            host=login["HOST"] or "127.0.0.1",
            port=int(login["PORT"] or 3306),
            user=login["USER"],
            passwd=login["PASSWORD"],
            db=login["NAME"] if database is None else database,
        )
    ) as made:
        yield made


def listed(number: int) -> bool:
    server = read_server()
    return server is not None and any(each.id == number for each in server.connections)


@pytest.fixture
def engineer(as_role: Callable[[str], Client]) -> Client:
    return as_role("Engineer")


def test_pools_and_their_waits_are_shown_and_followed(engineer: Client) -> None:
    web = process("web-1", "web", sample={"connections": 1, "pool": POOL})
    process("worker-1", sample={"connections": 2, "busy_waits": 5})

    page = engineer.get(URL)

    frame = page.context["live"]["database"]
    assert frame["pools"] == {str(web.pk): [6, 10, 2, 20, 7, 1400, 1]}
    assert (frame["open"], frame["busy"]) == (3, 5)
    assert frame == {**TOPICS["database"].reader()(), "at": frame["at"], **_moving(frame)}
    text = page.content.decode()
    if connection.vendor == "mysql":
        assert re.search(rf'data-live="database.pools.{web.pk}.5" data-form="ms" data-value="1400">1.4 s', text)
        assert "At most" in text
    else:
        assert "SQLite has no pool and no process list" in text
        assert frame["size"] > 0
    assert "Rows are estimated" in text


def _moving(frame: dict[str, Any]) -> dict[str, Any]:
    """What other tests beside this one change on the server."""
    moving = ("n", "most", "aborted", "long", "locks", "c", "wal", "size")
    return {name: frame[name] for name in moving if name in frame}


def test_it_costs_few_queries_whatever_there_is(engineer: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert engineer.get(URL).status_code == 200
        return len(asked)

    cost()
    alone = cost()
    for number in range(20):
        process(f"web-{number}", "web", sample={"pool": POOL, "connection_ids": [number]})
    assert cost() == alone <= 20


@pytest.mark.mysql
def test_a_connection_is_matched_with_its_process_and_run(engineer: Client, as_role: Callable[[str], Client]) -> None:
    with stranger() as other:
        number = other.thread_id()
        process("worker-7", seat=7, current_record="r-4711", sample={"connection_ids": [number], "connections": 1})
        page = engineer.get(URL)
        row = next(row for row in page.context["rows"] if row.connection.id == number)
        assert (row.process.name, row.process.record, row.own, row.ours) == ("worker-7", "r-4711", False, True)
        text = page.content.decode()
        assert f"/admin/database/kill/{number}/" in text
        assert "/admin/r/r-4711/" in text
        own = next(row for row in page.context["rows"] if row.own)
        assert f"/admin/database/kill/{own.connection.id}/" not in text
        assert "information_schema.PROCESSLIST" in text, "an engineer sees statements"
        seen = as_role("Operator").get(URL).content.decode()
    assert "information_schema" not in seen
    assert "/admin/database/kill/" not in seen
    assert f'data-connection="{number}"' in seen


@pytest.mark.mysql
def test_the_dialog_says_whose_it_is_and_a_kill_is_effective_and_audited(engineer: Client) -> None:
    with stranger() as other:
        number = other.thread_id()
        process("worker-7", current_record="r-4711", sample={"connection_ids": [number]})
        asked = engineer.get(f"/admin/database/kill/{number}/").content.decode()
        assert "worker-7" in asked
        assert "r-4711" in asked
        assert "goes on from its checkpoint" in asked
        assert engineer.post(f"/admin/database/kill/{number}/", {"reason": ""}).status_code == 422
        assert listed(number)

        answer = engineer.post(f"/admin/database/kill/{number}/", {"reason": "it hangs"})

        assert answer["Location"] == URL
        wait_until(lambda: not listed(number), 10, "the connection ending")
        with pytest.raises(MySQLdb.OperationalError):
            other.cursor().execute("SELECT 1")
    entry = AuditEntry.objects.get(action="kill_connection")
    assert (entry.object_id, entry.reason, entry.refused) == (str(number), "it hangs", False)
    assert entry.before["user"] == connection.settings_dict["USER"]


@pytest.mark.mysql
def test_what_may_not_be_killed_is_refused_in_words(engineer: Client) -> None:
    def said(number: int) -> str:
        return engineer.post(f"/admin/database/kill/{number}/", {"reason": "because"}, follow=True).content.decode()

    server = read_server()
    assert server is not None
    assert "the one that this very request uses" in said(server.own)
    assert "has no connection 4000000000 any more" in said(4_000_000_000)
    with stranger("information_schema") as other:
        assert "It is none of ours" in said(other.thread_id())
        other.cursor().execute("SELECT 1")
    assert not AuditEntry.objects.filter(action="kill_connection").exists()


def test_without_a_server_nothing_can_be_killed(engineer: Client, as_role: Callable[[str], Client]) -> None:
    if connection.vendor != "mysql":
        answer = engineer.post("/admin/database/kill/1/", {"reason": "because"}, follow=True)
        assert "SQLite has no server" in answer.content.decode()
    assert as_role("Operator").post("/admin/database/kill/1/", {"reason": "because"}).status_code == 403
    entry = AuditEntry.objects.get(action="kill_connection")
    assert (entry.refused, entry.object_id) == (True, "1")


@pytest.mark.mysql
def test_the_tabs_show_those_that_hang_and_those_in_locks(engineer: Client) -> None:
    assert "Nobody waits for a lock" in engineer.get(URL + "?show=locks").content.decode() or _others_lock()
    with stranger() as holder, stranger() as waiter:
        table = f"vwed_test_locks_{os.getpid()}"
        holder.autocommit(True)
        holder.cursor().execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
        holder.cursor().execute(f"INSERT INTO {table} VALUES (1, 1)")
        holder.autocommit(False)
        holder.cursor().execute(f"UPDATE {table} SET n = 2 WHERE id = 1")
        waiting, holding = waiter.thread_id(), holder.thread_id()
        thread = threading.Thread(target=_update, args=(waiter, table))
        thread.start()
        try:
            # The server reads its locks anew only when nobody has asked for a tenth of a second.
            page = wait_until(lambda: _page_with(engineer, waiting), 10, "the wait", interval=0.25)
        finally:
            holder.rollback()
            thread.join(10)
            holder.autocommit(True)
            holder.cursor().execute(f"DROP TABLE {table}")
        rows = {row.connection.id: row for row in page.context["rows"]}
        assert rows[waiting].waits_for == (holding,)
        assert holding in rows
        assert f"waits for a lock of {holding}" in page.content.decode()


def test_those_that_hang_have_a_list_of_their_own_and_what_is_hidden_is_said(
    engineer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for five minutes in a test: the server's answer is made, the page is the real one."""
    old, young = (ServerConnection(n, "vwed", "h:1", "vwed", "Sleep", s, "", "") for n, s in ((7, 301), (8, 300)))
    server = Server("10.11", 151, 5, 9, 0, 8, "vwed", (old, young), hidden=3, locks_known=False)
    monkeypatch.setattr(present, "read_server", lambda: server)

    page = engineer.get(URL)
    assert (page.context["live"]["database"]["long"], len(page.context["rows"])) == (1, 2)
    text = page.content.decode()
    assert "3 connections of other logins are not shown" in text
    assert "GRANT PROCESS" in text
    long = engineer.get(URL + "?show=long")
    assert [row.connection.id for row in long.context["rows"]] == [7]
    assert 'data-connection="7" data-level="high"' in long.content.decode()


def _page_with(client: Client, number: int) -> Any:
    """The page of locks as soon as a connection is listed there."""
    page = client.get(URL + "?show=locks")
    return page if number in {row.connection.id for row in page.context["rows"]} else None


def _update(waiter: Any, table: str) -> None:
    waiter.cursor().execute(f"UPDATE {table} SET n = 3 WHERE id = 1")
    waiter.commit()


def _waiting() -> dict[int, tuple[int, ...]]:
    server = read_server()
    return dict(server.waiting) if server is not None else {}


def _others_lock() -> bool:
    """Other tests use the same server."""
    return bool(_waiting())


# --- No connection left ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (PoolExhausted("All 30 connections of the pool were in use for 30 s."), "pool_exhausted", "are in use"),
        (OperationalError(1040, "Too many connections"), "server_full", "takes no more connections"),
        (OperationalError(2006, "Server has gone away"), "database_unreachable", "does not answer"),
    ],
)
def test_pages_and_scripts_are_told_to_come_back(engineer: Client, error: Exception, code: str, says: str) -> None:
    engineer.raise_request_exception = False

    def refuse(*_: object) -> None:
        raise error

    with connection.execute_wrapper(refuse):
        page = engineer.get("/admin/scheduler/taskrecord/")
        script = engineer.get("/admin/live/poll/?t=overview")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert says in page.content.decode()
    assert "Tasks that are running go on" in page.content.decode()
    assert "Traceback" not in page.content.decode()
    assert (script.status_code, script["Retry-After"]) == (503, "5")
    assert script.json()["error"]["code"] == code


#: Threads that hold every connection of a real pool; then a person opens a page.
_EXHAUST = """
import threading, time, django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["POOL_OPTIONS"].update(POOL_SIZE=2, MAX_OVERFLOW=1, TIMEOUT=1)
from django.db import connection
from django.test import Client
from vwed.tuning.web_pool import local_figures
held, go = threading.Barrier(4), threading.Event()
def hold():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        held.wait(20)
        go.wait(20)
    connection.close()
threads = [threading.Thread(target=hold) for _ in range(3)]
for thread in threads: thread.start()
held.wait(20)
client = Client(raise_request_exception=False, HTTP_HOST="localhost", HTTP_ACCEPT_LANGUAGE="zh-hans")
began = time.monotonic()
answer = client.get("/admin/login/", headers={"cookie": "sessionid=" + 32 * "a"})
print("took", round(time.monotonic() - began, 1))
print("status", answer.status_code, answer["Retry-After"])
print("words", "数据库" in answer.content.decode(), "Traceback" in answer.content.decode())
ready = client.get("/readyz")
print("ready", ready.status_code, ready.json()["reasons"][0]["message"])
figures = local_figures()
print("figures", figures["in_use"], figures["waits"] > 0, figures["timeouts"] > 0, figures["longest_ms"] >= 1000)
go.set()
for thread in threads: thread.join()
print("after", client.get("/admin/login/").status_code, local_figures()["in_use"])
"""


@pytest.mark.mysql
def test_a_real_pool_that_is_exhausted_gives_a_page_within_the_time_out(db: None) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "vwed.settings",
        "VWED_PROCESS": "web",
        "DATABASE_URL": database_url(),
    }
    done = subprocess.run(
        [sys.executable, "-c", _EXHAUST], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = dict(line.split(" ", 1) for line in done.stdout.strip().splitlines())
    assert 1 <= float(said["took"]) < 10
    assert said["status"] == "503 5"
    assert said["words"] == "True False"
    assert said["ready"] == "503 no connection of the pool became free in time"
    assert said["figures"] == "3 True True True"
    assert said["after"] == "200 0"
