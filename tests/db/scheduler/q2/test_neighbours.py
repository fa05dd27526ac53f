"""The supervisor and its other programs are sampled by the cluster that it started, and by nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from scheduler.models import ProcessRow
from scheduler.q2.census import Census
from scheduler.q2.neighbours import Neighbours
from scheduler.q2.parentage import PROGRAM

WAITS = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def siblings() -> Iterator[list[int]]:
    """Children of this process, which stands for the supervisor: a simulator, a demo, web pages, something else."""
    named = [{PROGRAM: name} for name in ("fleet simulator", "demo", "web")]
    started = [subprocess.Popen(WAITS, env={**os.environ, **each}) for each in (*named, {})]
    yield [each.pid for each in started]
    for each in started:
        each.kill()
        each.wait()


def test_the_console_and_the_programs_that_are_mute_are_found(siblings: list[int]) -> None:
    found = Neighbours(str(os.getpid()), os.getpid()).living()
    assert [(each.role, each.pid, each.parent_pid) for each in found] == [
        ("console", os.getpid(), os.getppid()),
        ("simulator", siblings[0], os.getpid()),
        ("demo", siblings[1], os.getpid()),
    ]


@pytest.mark.parametrize("told", ["", "1", "nonsense"])
def test_a_cluster_that_no_supervisor_started_has_none(told: str) -> None:
    assert Neighbours(told, os.getpid()).living() == []


@pytest.mark.django_db(transaction=True)
def test_they_have_rows_while_they_live(
    siblings: list[int], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CONSOLE_PID = str(os.getpid())
    monkeypatch.setattr(os, "getppid", os.getpid)
    census = Census(("default",), dict)
    monkeypatch.undo()
    census.look()
    row = ProcessRow.objects.get(role="simulator")
    assert (row.pid, row.parent_pid, row.queues) == (siblings[0], os.getpid(), "")
    assert row.sample["uss"] > 0
    assert row.started_at < row.beat_at
    assert ProcessRow.objects.filter(role="console", ended_at=None).exists()

    os.kill(siblings[0], 9)
    os.waitpid(siblings[0], 0)
    census._beat_from_outside()
    assert ProcessRow.objects.get(role="simulator").cause == "ended"

    census.leave()
    assert ProcessRow.objects.get(role="demo").cause == "not looked at any more: its cluster has ended"
    assert ProcessRow.objects.get(role="main").cause == "stopped"
