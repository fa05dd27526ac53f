"""Logs of real processes as JSON: a block that fails is told with its run, and every line of everybody is an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from scheduler import doorbell
from scheduler.definitions.importing import import_file
from scheduler.models import TaskRecord
from scheduler.states import Status
from scheduler.submission import submit
from tests.support.console import Console
from tests.support.installation import ClusterProcess, own_database
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance]


@pytest.fixture
def cluster(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterProcess]:
    monkeypatch.setenv("LOG_FORMAT", "json")
    with django_db_blocker.unblock(), own_database("logs"):
        doorbell.ring_now()
        with ClusterProcess(tmp_path, workers=1) as started:
            yield started


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.db
def test_a_block_that_fails_in_a_worker_is_a_line_with_its_record_and_block(cluster: ClusterProcess) -> None:
    failing = detail(block(1, "PrintBp", message="fine"), block(2, "PrintBp", message="=nothing.at.all()"))
    import_file("x.task", task_file(Fails=failing), actor="tester", origin="command")
    submit(label="Fails", record_id="r-fails", actor="tester", origin="command")
    wait_until(
        lambda: TaskRecord.objects.filter(record_id="r-fails", status=Status.INTERRUPTED).exists(),
        30,
        lambda: f"the run to be interrupted; {cluster.said()}",
    )
    wait_until(
        lambda: any(line.get("record_id") == "r-fails" for line in lines(cluster.said())),
        10,
        lambda: f"a line about it; {cluster.said()}",
    )
    told = next(line for line in lines(cluster.said()) if line.get("record_id") == "r-fails")
    record = TaskRecord.objects.get(record_id="r-fails")
    assert (told["block_id"], told["level"], told["logger"]) == (record.failed_block, "WARNING", "scheduler.executor")
    assert told["block_id"] == "b2"
    assert told["process"].startswith("worker-")
    assert told["pid"] in {row.pid for row in cluster.rows("worker")}
    # And everything else that any process of the cluster said is an object as well.
    assert any("starts" in line["message"] for line in lines(cluster.said()))


@pytest.mark.slow
def test_every_line_of_a_whole_console_is_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    console = Console(tmp_path)
    try:
        # Without the demo: two that look for a simulator's port at once may find the same, and a refusal is plain text.
        console.start("--prepare", "--workers", "1")
        console.wait_for(r"VWED is running\.")
        web = next(each for each in console.family() if "uvicorn" in " ".join(each.cmdline()))
        web.kill()
        console.wait_for(r"web was ended by SIGKILL; it is started again")
        assert console.ctrl_c() <= 5
    finally:
        console.end()
    said = lines(console.text())
    assert {"level", "logger", "message", "process", "time", "pid"} <= set.intersection(*map(set, said))
    messages = " ".join(line["message"] for line in said)
    for words in ("Starting", "Cluster with 1 workers", "VWED is running", "has stopped"):
        assert words in messages
