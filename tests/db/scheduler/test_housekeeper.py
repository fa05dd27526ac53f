"""The housekeeper: one bounded round of statements per tick, whatever the process and the system have to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf, queue, transitions
from scheduler.conf import Values
from scheduler.flags import Flag
from scheduler.housekeeping import Housekeeper, housekeeper, rows
from scheduler.models import ProcessRow, TaskRecord
from scheduler.process import Process, new_boot_id
from scheduler.states import Status
from tests.support import workloads
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

FAST = Values(housekeeping_interval_s=0.2, lease_min_s=10)


@pytest.fixture
def process() -> Process:
    return Process(name="worker-test-1", boot_id=new_boot_id(), role="worker")


@pytest.fixture
def keeper(process: Process) -> Iterator[Housekeeper]:
    """A housekeeper whose thread is not started: the test makes its ticks."""
    clock.now()  # measure the database's clock, which is asked once a minute
    made = Housekeeper(process, settings_version=lambda: 7)
    yield made
    made.stop()


@pytest.fixture
def running(process: Process) -> TaskRecord:
    """A run that the process interprets."""
    workloads.install()
    (record,) = workloads.start("short")
    _run(record, process, "token-1")
    return record


def _run(record: TaskRecord, process: Process, token: str) -> None:
    queue.claim(process.boot_id, ("default",), 1)
    lease = clock.now() + timedelta(seconds=1)
    assert transitions.start(record.pk, token=token, worker=process.name, boot_id=process.boot_id, lease_until=lease)
    process.duty.begin(record.pk, token, clock.now_ms())


def statements(keeper: Housekeeper) -> int:
    with CaptureQueriesContext(connection) as captured:
        keeper.tick()
    return len(captured)


def lease_of(record: TaskRecord) -> float:
    """Seconds the lease still has."""
    until = TaskRecord.objects.values_list("lease_until", flat=True).get(pk=record.pk)
    return (until - clock.now()).total_seconds()


def test_a_tick_costs_the_same_whatever_the_system_holds(keeper: Housekeeper, running: TaskRecord) -> None:
    keeper.tick()  # registers
    keeper._process.duty.progress += 1
    alone = statements(keeper)
    workloads.start("short", 100)
    keeper._process.duty.runs += 10_000
    keeper._process.duty.progress += 1
    assert statements(keeper) == alone == housekeeper.STATEMENTS - 1  # the settings' version came from memory here


def test_an_idle_process_sends_less(keeper: Housekeeper) -> None:
    keeper.tick()
    assert statements(keeper) == 2


def test_the_lease_is_renewed_while_the_main_thread_moves_and_lapses_when_it_hangs(
    keeper: Housekeeper, running: TaskRecord, process: Process
) -> None:
    keeper.tick()
    assert lease_of(running) > conf.values().lease_s - 2
    TaskRecord.objects.filter(pk=running.pk).update(lease_until=clock.now())
    keeper.tick()
    assert lease_of(running) <= 0, "nothing has moved: the lease runs out"
    process.duty.progress += 1
    keeper.tick()
    assert lease_of(running) > conf.values().lease_s - 2


def test_a_lease_that_went_to_another_worker_is_left_alone(
    keeper: Housekeeper, running: TaskRecord, process: Process
) -> None:
    before = clock.now()
    TaskRecord.objects.filter(pk=running.pk).update(token="another", lease_until=before)
    process.duty.progress += 1
    keeper.tick()
    assert lease_of(running) <= 0


@pytest.mark.parametrize(("column", "word"), [("cancel_requested", "cancel"), ("pause_requested", "pause")])
def test_requests_reach_the_run_they_are_meant_for(
    keeper: Housekeeper, running: TaskRecord, process: Process, column: str, word: str
) -> None:
    keeper.tick()
    assert process.duty.stop is None
    TaskRecord.objects.filter(pk=running.pk).update(**{column: True})
    keeper.tick()
    assert process.duty.stop == word
    process.duty.end()
    keeper.tick()
    assert process.duty.stop is None, "the next run is not concerned"


def test_a_row_marked_draining_lets_the_process_go(keeper: Housekeeper, running: TaskRecord, process: Process) -> None:
    keeper.tick()
    ProcessRow.objects.update(draining=True)
    keeper.tick()
    assert process.duty.draining
    assert process.duty.stop == "drain"


def test_the_heartbeat_tells_what_the_process_does_and_weighs(
    keeper: Housekeeper, running: TaskRecord, process: Process
) -> None:
    process.duty.record_id, process.duty.path = running.record_id, ("b6", "b7")
    process.background.thread("reader", lambda: None).join()
    keeper.tick()
    row = ProcessRow.objects.get(name=process.name)
    assert (row.role, row.boot_id, row.current_record, row.current_block) == (
        "worker",
        process.boot_id,
        running.record_id,
        "b7",
    )
    assert row.current_since is not None
    assert row.settings_version == 7
    assert row.sample["rss"] > row.sample["uss"] > 1_000_000
    assert row.sample["threads"] >= 1
    assert row.sample["background"]["reader"]["done"] == 1
    assert {"fds", "contexts", "leaked", "connections", "vms", "blocks", "percent"} <= row.sample.keys()
    assert len(row.sample["gc"]) == 3
    assert row.sample["asyncio_tasks"] is None
    assert row.sample["runs"] == row.runs
    assert row.sample["background_open"] == 0


def test_the_connections_are_told_by_the_numbers_that_the_server_lists(keeper: Housekeeper) -> None:
    keeper.tick()
    told = ProcessRow.objects.get().sample["connection_ids"]
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID()")
            assert told == [cursor.fetchone()[0]]
    else:
        assert told == []


def test_the_tasks_of_the_event_loop_are_counted_from_the_housekeepers_thread(
    keeper: Housekeeper, process: Process
) -> None:
    async def scenario() -> None:
        process.loop = asyncio.get_running_loop()
        waiting = [process.background.task("waits", asyncio.sleep(60)) for _ in range(3)]
        sample = await asyncio.to_thread(lambda: keeper._sample())
        assert sample["asyncio_tasks"] >= len(waiting)
        assert sample["background_open"] == len(waiting)
        assert not await process.background.cancel_tasks()

    asyncio.run(scenario())


@override_settings(MONITORING=False)
def test_nothing_is_measured_where_nobody_wants_to_know(keeper: Housekeeper, process: Process) -> None:
    keeper.tick()
    row = ProcessRow.objects.get(name=process.name)
    assert row.sample == {}
    assert row.ended_at is None, "its heartbeat goes on"


def test_a_row_that_was_pruned_is_written_again(keeper: Housekeeper, process: Process) -> None:
    keeper.tick()
    ProcessRow.objects.all().delete()
    keeper.tick()
    keeper.tick()
    assert ProcessRow.objects.filter(name=process.name).exists()


# --- The thread ------------------------------------------------------------------------------------------------------


def test_a_broken_connection_is_replaced_and_said_once(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conf.use(lambda: FAST)
    real, left = rows.beat, [3]

    def flaky(key: int, **fields: object) -> bool:
        if left[0]:
            left[0] -= 1
            raise OperationalError(2013, "Lost connection to server")
        return real(key, **fields)

    monkeypatch.setattr(rows, "beat", flaky)
    with Housekeeper(process):
        wait_until(
            lambda: not left[0] and ProcessRow.objects.filter(name=process.name, sample__has_key="rss").exists(),
            10,
            "a heartbeat after three failures",
        )
    assert caplog.text.count("lost its connection") == 1


def test_the_row_is_closed_with_the_process_and_the_thread_is_gone(process: Process) -> None:
    keeper = Housekeeper(process)
    keeper.start()
    wait_until(lambda: ProcessRow.objects.filter(name=process.name).exists(), 10, "the process being registered")
    keeper.stop("recycled")
    keeper.stop()
    row = ProcessRow.objects.get(name=process.name)
    assert row.ended_at is not None
    assert row.cause == "recycled"


def test_the_last_figures_of_a_process_that_lives_shorter_than_a_tick_are_kept(process: Process) -> None:
    conf.use(lambda: Values(housekeeping_interval_s=60))
    with Housekeeper(process, figures={"recycle_at": lambda: 500}) as keeper:
        wait_until(lambda: ProcessRow.objects.filter(name=process.name).exists(), 10, "the first tick")
        process.duty.runs = 17
        keeper.stop("recycled")
    row = ProcessRow.objects.get(name=process.name)
    assert (row.runs, row.sample["runs"], row.sample["recycle_at"], row.cause) == (17, 17, 500, "recycled")
    assert row.sample["uss"] > 0


def test_a_last_sample_that_fails_does_not_keep_the_row_open(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    def figure() -> int:
        raise ValueError("no figure")

    keeper = Housekeeper(process, figures={"unread": figure})
    keeper.start()
    wait_until(lambda: ProcessRow.objects.filter(name=process.name).exists(), 10, "the process being registered")
    keeper.stop("recycled")
    assert ProcessRow.objects.get(name=process.name).cause == "recycled"
    assert "the last sample of worker-test-1 is missing" in caplog.text


def test_a_drain_is_passed_on_at_once_and_not_with_the_next_tick(process: Process) -> None:
    drain = Flag()
    conf.use(lambda: Values(housekeeping_interval_s=60))
    process.duty.begin(1, "token", clock.now_ms())
    with Housekeeper(process, drain=drain):
        wait_until(lambda: ProcessRow.objects.filter(name=process.name).exists(), 10, "the first tick")
        drain.set()
        wait_until(lambda: process.duty.draining, 2, "the drain reaching the process")
        assert process.duty.stop == "drain"
    drain.close()


def test_a_fault_of_a_figure_does_not_silence_the_process(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    conf.use(lambda: FAST)
    calls: list[int] = []

    def figure() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no figure")
        return 42

    with Housekeeper(process, figures={"unread": figure}):
        wait_until(
            lambda: ProcessRow.objects.filter(name=process.name, sample__unread=42).exists(), 10, "the next heartbeat"
        )
    assert "stumbled" in caplog.text


# --- Rows ------------------------------------------------------------------------------------------------------------


def test_processes_nobody_has_heard_of_are_closed_and_live_ones_are_not() -> None:
    silent = rows.register("worker-a", "worker", new_boot_id(), pid=1)
    alive = rows.register("worker-b", "worker", new_boot_id())
    ProcessRow.objects.filter(pk=silent).update(beat_at=clock.now() - timedelta(seconds=rows.SILENT_S + 1))
    assert rows.retire_silent() == 1
    assert ProcessRow.objects.get(pk=silent).cause == "not heard of any more"
    assert ProcessRow.objects.get(pk=alive).ended_at is None


def test_a_dead_process_of_this_host_is_noticed_earlier() -> None:
    dead = rows.register("worker-a", "worker", new_boot_id(), pid=2**22 - 1)
    ProcessRow.objects.filter(pk=dead).update(beat_at=clock.now() - timedelta(seconds=rows.SILENT_S / 2))
    assert rows.retire_silent() == 1


def test_the_end_of_a_cluster_closes_its_processes_and_no_others() -> None:
    boot = new_boot_id()
    rows.register("worker-a", "worker", boot)
    rows.register("pusher-a", "pusher", boot)
    rows.register("worker-b", "worker", new_boot_id())
    assert rows.retire_boot(boot, "replaced") == 2
    assert list(ProcessRow.objects.filter(ended_at__isnull=True).values_list("name", flat=True)) == ["worker-b"]
    assert TaskRecord.objects.filter(status=Status.RUNNING).count() == 0
