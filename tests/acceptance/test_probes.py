"""Looking into the processes of a real cluster, killing one that was asked, and renewing one that works."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from scheduler import conf
from scheduler.commands.recycling import recycle_worker
from scheduler.models import Probe, ProcessRow
from scheduler.probes.asking import ask
from scheduler.probes.kinds import OPEN, State
from tests.support import workloads
from tests.support.clusters import Cluster, freeze
from tests.support.installation import own_database
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db]


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("probes"):
        workloads.install()
        yield


@pytest.fixture
def cluster(installation: None, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster.log") as started:
        yield started


def ended(probe: Probe, timeout: float = 30) -> Probe:
    def over() -> bool:
        probe.refresh_from_db()
        return probe.state not in OPEN

    wait_until(over, timeout, lambda: f"{probe} to end; it is {probe.state}")
    return probe


def asked(process: str, kind: str) -> Probe:
    return ask(process, kind, actor="tester", origin="command")


def test_every_process_that_can_answers_within_a_few_ticks(cluster: Cluster) -> None:
    able = [row for row in cluster.rows() if row.role in ("worker", "pusher", "io")]
    assert {row.role for row in able} == {"worker", "pusher", "io"}
    probes = [asked(row.name, kind) for row in able for kind in ("snapshot", "collect", "stack")]
    for probe in probes:
        assert (ended(probe).state, probe.error) == (State.DONE, "")
    first = next(probe for probe in probes if probe.kind == "snapshot")
    waited = (first.ended_at - first.asked_at).total_seconds()  # type: ignore[operator]
    assert waited < 3 * conf.values().housekeeping_interval_s, "taken up by one tick, written by the next"
    heap = json.loads(first.result)
    assert heap["frozen"] > 10_000, "what was there before the fork is not walked"
    assert heap["objects"] > 500
    assert sum(1 for row in cluster.rows() if row.sample.get("leaked")) == 0


def test_a_killed_worker_fails_its_probe_and_one_that_works_is_recycled(cluster: Cluster) -> None:
    _kill_one_that_is_asked(cluster)
    _recycle_one_that_works(cluster)


def _kill_one_that_is_asked(cluster: Cluster) -> None:
    victim = cluster.rows("worker")[0]
    freeze(victim.pid)
    probe = asked(victim.name, "snapshot")
    os.kill(victim.pid, signal.SIGKILL)
    assert ended(probe).state == State.FAILED
    assert "killed by SIGKILL" in probe.error
    cluster.wait_complete()


def _recycle_one_that_works(cluster: Cluster) -> None:
    records = workloads.start("work", 4)
    wait_until(lambda: any(row.current_record for row in cluster.rows("worker")), 15, "a worker having a run")
    old = next(row for row in cluster.rows("worker") if row.current_record)
    recycle_worker(old.name, actor="tester", origin="command", reason="trial")
    wait_until(lambda: old.pid not in cluster.processes(), 20, "the drained worker going")
    cluster.wait_complete()
    assert ProcessRow.objects.get(pk=old.pk).cause == "recycled"
    wait_until(lambda: old.seat in {row.seat for row in cluster.rows("worker")}, 10, "its seat being taken again")
    workloads.wait_finished(records, 60)
    workloads.assert_ended_once(records)
    assert workloads.recoveries_of(records) == 0
