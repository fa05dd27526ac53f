"""The tree of processes: who belongs to whom, who is late or gone, and what each weighs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.db.monitoring.making import MB, NOON, process, series
from vwed.monitoring.processes import GONE_SHOWN, read_processes

pytestmark = pytest.mark.django_db


def test_processes_stand_below_their_parents_with_what_they_do_and_weigh() -> None:
    process("io-1", "io", pid=31, parent_pid=30)
    process("main-1", "main", pid=30, parent_pid=20)
    process("console-1", "console", pid=20, parent_pid=1)
    process("sentinel-1", "sentinel", pid=40, parent_pid=30)
    process("worker-2", seat=2, pid=42, parent_pid=40)
    sample = {"rss": 3 * MB, "uss": MB, "pss": 2 * MB, "gc": [1, 2, 3], "background_open": 2, "recycle_at": 500}
    process("worker-1", seat=1, pid=41, parent_pid=40, runs=120, current_record="r1", current_block="b7", sample=sample)
    process("web-1", "web", pid=21, parent_pid=20, host="beta")
    with CaptureQueriesContext(connection) as captured:
        views = read_processes(NOON)
    assert len(captured) == 2
    assert [(view.series, view.depth) for view in views] == [
        ("console", 0),
        ("main", 1),
        ("sentinel", 2),
        ("worker 1", 3),
        ("worker 2", 3),
        ("io", 2),
        ("web", 0),  # of another host: the same number is another process there
    ]
    worker = views[3]
    assert (worker.parent, worker.runs, worker.record, worker.block) == ("sentinel-1", 120, "r1", "b7")
    assert (worker.size, worker.gc, worker.background_open, worker.recycle_in) == (2 * MB, (1, 2, 3), 2, 380)
    assert views[4].rss is None


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "alive"),
        ({"draining": True}, "draining"),
        ({"beat_at": NOON - timedelta(seconds=6)}, "late"),
        ({"beat_at": NOON - timedelta(seconds=31)}, "gone"),
        ({"ended_at": NOON, "cause": "killed by SIGKILL"}, "gone"),
    ],
)
def test_the_state_follows_from_beat_drain_and_end(fields: dict[str, object], state: str) -> None:
    process("worker-1", **fields)
    (view,) = read_processes(NOON)
    assert view.state == state
    assert view.alive == (state != "gone")
    assert view.cause == fields.get("cause", "")


def test_gone_processes_stay_for_ten_minutes() -> None:
    ended = NOON - GONE_SHOWN - timedelta(seconds=1)
    process("worker-1", beat_at=ended, ended_at=ended)
    process("worker-2", beat_at=ended + timedelta(seconds=2), ended_at=ended + timedelta(seconds=2))
    assert [view.name for view in read_processes(NOON)] == ["worker-2"]


def test_a_number_that_came_back_belongs_to_the_live_process() -> None:
    process("sentinel-2", "sentinel", pid=40, parent_pid=1)
    process("sentinel-1", "sentinel", pid=40, parent_pid=1, ended_at=NOON)
    process("worker-1", pid=41, parent_pid=40)
    worker = next(view for view in read_processes(NOON) if view.role == "worker")
    assert worker.parent == "sentinel-2"


def test_parents_that_form_a_ring_are_all_shown() -> None:
    process("worker-1", pid=41, parent_pid=42)
    process("worker-2", pid=42, parent_pid=41)
    assert {(view.name, view.depth) for view in read_processes(NOON)} == {("worker-1", 0), ("worker-2", 0)}


# --- Names of series -------------------------------------------------------------------------------------------------


def names() -> dict[str, str]:
    return {view.name: view.series for view in read_processes(NOON)}


def test_the_host_is_named_where_a_role_lives_on_several_and_the_first_keeps_its_line() -> None:
    series("worker 1", host="beta")
    process("worker-a", seat=1, host="alpha")
    process("worker-b", seat=1, host="beta")
    process("web-a", "web", host="alpha")
    assert names() == {"worker-a": "alpha/worker 1", "worker-b": "worker 1", "web-a": "web"}


def test_a_host_that_replaces_another_goes_on_with_its_line() -> None:
    series("worker 1", host="old-container")
    process("worker-a", seat=1, host="new-container")
    assert names() == {"worker-a": "worker 1"}


def test_a_host_keeps_the_line_of_its_own_while_the_first_is_away() -> None:
    series("worker 1", host="alpha")
    series("beta/worker 1", host="beta")
    process("worker-b", seat=1, host="beta")
    assert names() == {"worker-b": "beta/worker 1"}


def test_several_processes_of_one_seat_are_numbered_and_a_dead_one_beside_its_successor_is_not() -> None:
    process("web-1", "web", boot_id="w1", pid=1)
    process("web-2", "web", boot_id="w2", pid=2)
    process("worker-1", seat=1, pid=3, boot_id="c1")
    process("worker-2", seat=1, pid=4, boot_id="c1")
    found = names()
    assert (found["web-1"], found["web-2"]) == ("web", "web #2")
    assert found["worker-2"] == "worker 1"
