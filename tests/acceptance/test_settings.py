"""Settings in real processes: acknowledged everywhere in time, clusters replaced under load, a pool under requests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from scheduler.models import ProcessRow
from scheduler.q2 import renewal
from tests.support import workloads
from tests.support.clusters import Cluster
from tests.support.installation import database_url, own_database
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from vwed.env import ROOT
from vwed.tuning import acknowledgement, changes, stored
from vwed.tuning.acknowledgement import State

pytestmark = [pytest.mark.acceptance, pytest.mark.db]

WHO = {"reason": "seen in real processes", "author": "li", "origin": "page"}
#: The promise: in force everywhere after so many seconds. A little more where the machine is busy with other tests.
PROMISE_S = 5.0


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("settings"):
        workloads.install()
        changes.commit({"workers": "1"}, **WHO)
        yield


@pytest.fixture
def clusters(installation: None, tmp_path: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """Two, with one worker each, as the settings say."""
    one, two = (Cluster(tmp_path / f"{name}.log", workers=1, sized=False) for name in ("one", "two"))
    one.start(wait=False)
    with contextlib.ExitStack() as stack:
        stack.callback(one.destroy)
        stack.enter_context(two)
        one.wait_complete()
        yield one, two
        assert one.stop() == 0


@pytest.fixture(scope="module")
def web(installation: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a web process."""
    port, log = free_port(), tmp_path_factory.mktemp("web") / "web.log"
    command = [sys.executable, "-m", "uvicorn", "vwed.asgi:application", "--port", str(port), "--lifespan", "on"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vwed.settings", "DATABASE_URL": database_url()}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: ProcessRow.objects.filter(role="web", ended_at=None).exists(), 30, log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(5)


def test_every_process_has_a_change_in_force_and_proves_it(installation: None, web: str, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log", workers=1, sized=False):
        _forward_and_back()


def _forward_and_back() -> None:
    first = changes.commit({"max_retries": "777", "pool_size": "11"}, **WHO)
    _wait_acknowledged(first.version or 0)

    back = changes.roll_back(first.pk - 1, **WHO)
    _wait_acknowledged(back.version or 0)

    assert stored.get("max_retries") == 1000


def _wait_acknowledged(version: int) -> None:
    """Every process that can has it, with the digest of exactly the values that are stored."""
    expected = stored.as_values(stored.overrides()).digest()

    def all_have() -> bool:
        found = acknowledgement.read(version)
        able = [each for each in found if each.state is not State.CANNOT]
        roles = {each.role for each in able}
        assert roles >= {"worker", "pusher", "io", "web"}
        assert {each.role for each in found} - roles <= {"main", "sentinel", "monitor"}
        return all(each.state is State.APPLIED and each.digest == expected for each in able)

    wait_until(all_have, PROMISE_S, lambda: f"all with {expected}: {acknowledgement.read(version)}")


def test_clusters_are_replaced_under_load_one_after_another_and_nothing_is_lost(
    clusters: tuple[Cluster, Cluster],
) -> None:
    row = changes.commit({"workers": "2"}, **WHO)
    mains = {cluster.pid("main") for cluster in clusters}
    before = {row.pid for cluster in clusters for row in cluster.rows("sentinel")}
    records = [*workloads.start("short", 150), *workloads.start("delay", 10), *workloads.start("work", 6)]
    assert _needing() == 2

    assert renewal.request(actor="li", reason="two workers each", origin="page") == 2

    def done() -> bool:
        free = ProcessRow.objects.filter(role="main", ended_at=None, draining=False).exists()
        assert free or len(renewal.waiting()) == 2, "one of them is whole at every moment"
        whole = [cluster.census().get("worker", 0) for cluster in clusters]
        assert any(whole), "somebody works at every moment"
        return not renewal.waiting()

    wait_until(done, 60, lambda: f"both replaced: {renewal.waiting()}")
    for cluster in clusters:
        cluster.workers = 2
        cluster.wait_complete()
    wait_until(lambda: _needing() == 0, 5, "the mains telling that they have replaced their processes")
    workloads.wait_finished(records, 60)

    workloads.assert_ended_once(records)
    assert workloads.recoveries_of(records) == 0
    assert {cluster.pid("main") for cluster in clusters} == mains
    assert not before & {row.pid for cluster in clusters for row in cluster.rows("sentinel")}
    _wait_applied(row.version or 0)


def _needing() -> int:
    return sum(each.state is State.NEEDS_REPLACEMENT for each in acknowledgement.read(stored.version()))


def _wait_applied(version: int) -> None:
    wait_until(
        lambda: all(
            each.state in (State.APPLIED, State.CANNOT) for each in acknowledgement.read(version) if each.role != "web"
        ),
        PROMISE_S,
        lambda: f"applied: {acknowledgement.read(version)}",
    )


@pytest.mark.mysql
def test_the_pool_is_replaced_without_dropping_a_request(web: str) -> None:
    def ask(number: int) -> str:
        return str(client.get(f"{web}/readyz").json()["checks"].get("database"))

    sizes = ("4", "9", "6")
    with httpx.Client(timeout=20) as client, ThreadPoolExecutor(8) as threads:
        for size in sizes:
            row = changes.commit({"pool_size": size, "pool_overflow": "5"}, **WHO)
            answers: list[str] = []
            while not _pool_is(int(size), row.version or 0):
                answers += threads.map(ask, range(40))
            answers += threads.map(ask, range(40))
            assert set(answers) == {"ok"}, f"with {size} of {len(answers)}"

    wait_until(lambda: _server_connections() <= _allowed(), 10, lambda: f"{_server_connections()} are open")


def _pool_is(size: int, version: int) -> bool:
    row = ProcessRow.objects.get(role="web", ended_at=None)
    return row.settings_version >= version and (row.sample.get("pool") or {}).get("size") == size


def _server_connections() -> int:
    """Connections of the web process that the server knows: none of an old pool is left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
        return int(cursor.fetchone()[0])


def _allowed() -> int:
    others = ProcessRow.objects.filter(ended_at=None).exclude(role__in=("web", "sentinel", "monitor")).count()
    return 6 + 2 + 3 * others + 2
