"""``manage.py probe`` and ``recycle_worker``: the Memory page's questions, from a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from scheduler import clock, conf
from scheduler.housekeeping import Housekeeper, rows
from scheduler.models import AuditEntry, Probe, ProcessRow
from scheduler.probes.kinds import State
from scheduler.process import Process, new_boot_id
from tests.commands.invoke import run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A process whose housekeeper turns, quickly."""
    quick = replace(conf.values(), housekeeping_interval_s=0.2)
    monkeypatch.setattr(conf, "values", lambda: quick)
    process = Process(name="worker-1", boot_id=new_boot_id(), role="worker")
    with Housekeeper(process):
        wait_until(lambda: ProcessRow.objects.filter(name=process.name).exists(), 10, "the process to register")
        yield process.name
    assert process.background.join(5) == []


def test_each_kind_is_answered_in_words_and_as_a_document(worker: str) -> None:
    words = {
        "collect": "objects freed",
        "snapshot": "more from before the fork",
        "map": "mapping",
        "stack": "MainThread",
    }
    for kind, expected in words.items():
        assert expected in run("probe", worker, "--kind", kind).out
    document = run("probe", worker, "--json", "--reason", "trial").json()
    assert (document["state"], document["kind"], document["process"]) == ("done", "snapshot", worker)
    assert document["result"]["types"][0][1] > 0
    assert AuditEntry.objects.filter(action="probe_snapshot", reason="trial", origin="command").count() == 1


def test_without_waiting_it_only_asks() -> None:
    now = clock.now()
    ProcessRow.objects.create(name="io-1", role="io", boot_id="b", host="h", pid=1, started_at=now, beat_at=now)
    ran = run("probe", "io-1", "--kind", "map", "--wait", "0", "--json")
    assert (ran.code, ran.json()["state"], ran.json()["result"]) == (0, "asked", None)


def test_a_process_that_dies_meanwhile_is_a_failure_with_its_cause() -> None:
    now = clock.now()
    row = ProcessRow.objects.create(
        name="w-1", role="worker", boot_id="b", host="h", pid=1, started_at=now, beat_at=now
    )
    assert run("probe", "w-1", "--wait", "0").code == 0
    rows.retire([row.pk], "killed by SIGKILL")
    ran = run("probe", "w-1", "--json")
    assert (ran.code, ran.json()["error"]["code"]) == (1, "process_ended")
    assert "killed by SIGKILL" in ran.err
    assert Probe.objects.get().state == State.FAILED


def test_a_worker_is_recycled_and_nothing_else() -> None:
    now = clock.now()
    ProcessRow.objects.create(name="w-1", role="worker", boot_id="b", host="h", pid=1, started_at=now, beat_at=now)
    ran = run("recycle_worker", "w-1", "--reason", "grows", "--json")
    assert (ran.code, ran.json()["draining"]) == (0, True)
    assert ProcessRow.objects.get().draining
    assert run("recycle_worker", "w-1", "--json").json()["error"]["code"] == "already_draining"
    assert run("recycle_worker", "nobody").code == 1
