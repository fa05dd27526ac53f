"""The cluster as an operator meets it: it starts, says what is wrong, serves what it should, and ends when asked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task
from pytest_django import DjangoDbBlocker

from scheduler.models import ProcessRow, TaskRecord
from scheduler.states import Status
from tests.support import workloads
from tests.support.clusters import Cluster
from tests.support.installation import own_database
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from vwed.env import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.db]


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("cluster"):
        workloads.install()
        yield


@pytest.fixture(scope="module")
def cluster(installation: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster") / "cluster.log", queues="fast,default") as started:
        yield started


def run_command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "vwed.settings"}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "cluster", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_process_has_a_row_and_a_parent(cluster: Cluster) -> None:
    assert cluster.census() == cluster.complete
    pids = {row.role: row.pid for row in cluster.rows() if row.role != "worker"}
    assert cluster.process is not None
    assert pids["main"] == cluster.process.pid
    parents = {(row.role, row.parent_pid) for row in cluster.rows() if row.role != "main"}
    assert parents == {
        ("sentinel", pids["main"]),
        ("io", pids["main"]),
        ("pusher", pids["sentinel"]),
        ("monitor", pids["sentinel"]),
        ("worker", pids["sentinel"]),
    }
    threads = {row.role: row.sample["threads"] for row in cluster.rows() if row.sample}
    assert threads["main"] == threads["sentinel"] == threads["monitor"] == 1, "processes that fork have no threads"
    assert all(row.sample["rss"] > 0 for row in cluster.rows())


def test_processes_that_fork_have_no_database_connection(cluster: Cluster) -> None:
    def connections_of(role: str) -> list[str]:
        opened = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{cluster.pid(role)}/fd")]
        return [name for name in opened if ".sqlite3" in name]

    assert connections_of("sentinel") == []
    assert connections_of("monitor") == []
    wait_until(lambda: connections_of("main") == [], 5, "a moment between two looks of the main process")


def test_a_run_starts_within_a_fraction_of_a_second(cluster: Cluster) -> None:
    workloads.wait_finished(workloads.start("short"), 10)
    (record,) = workloads.start("short")
    workloads.wait_finished([record], 10)
    row = TaskRecord.objects.get(pk=record.pk)
    assert row.first_block_at is not None
    assert (row.first_block_at - row.created_at).total_seconds() < 0.5


def test_a_delayed_block_frees_the_worker_and_goes_on_when_it_is_due(cluster: Cluster) -> None:
    records = workloads.start("delay", 10)
    began = time.monotonic()
    workloads.wait_finished(records, 20, "all at the same time on two workers")
    assert time.monotonic() - began < 6, "ten delays of 1.2 s one after the other would take 6 s on two workers"
    workloads.assert_ended_once(records)


def test_only_the_named_queues_are_served(cluster: Cluster) -> None:
    (other,) = workloads.start("short", queue="elsewhere")
    (fast,) = workloads.start("short", queue="fast")
    workloads.wait_finished([fast], 10)
    workloads.wait_finished(workloads.start("short"), 10)
    assert TaskRecord.objects.get(pk=other.pk).status == Status.READY
    TaskRecord.objects.filter(pk=other.pk).delete()


def test_other_small_tasks_keep_working_beside_runs(cluster: Cluster, tmp_path: Path) -> None:
    made = [tmp_path / f"by-a-task-{number}" for number in range(5)]
    for path in made:
        async_task("os.mkdir", str(path))
    records = workloads.start("short", 20)
    wait_until(lambda: all(path.is_dir() for path in made), 15, "five small tasks done")
    workloads.wait_finished(records, 20)
    wait_until(lambda: not OrmQ.objects.exists(), 10, "their packages being acknowledged")


def test_a_small_task_that_fails_is_recorded_and_not_repeated(cluster: Cluster, tmp_path: Path) -> None:
    async_task("os.mkdir", str(tmp_path))
    failure = wait_until(lambda: Failure.objects.first(), 15, "the failure being recorded")
    assert "FileExistsError" in failure.result
    wait_until(lambda: not OrmQ.objects.exists(), 10, "the package being acknowledged")
    failure.delete()


def test_a_large_argument_reaches_its_worker(cluster: Cluster, tmp_path: Path) -> None:
    target = tmp_path / "large"
    async_task("pathlib.Path.write_text", target, "x" * 3_000_000)
    wait_until(lambda: target.is_file() and target.stat().st_size == 3_000_000, 15, "three megabytes written")


def test_an_idle_cluster_ends_within_five_seconds_and_closes_its_rows(installation: None, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log", workers=1, queues="own") as other:
        mine = {row.pk for row in other.rows()}
        began = time.monotonic()
        assert other.stop() == 0
        assert time.monotonic() - began < 5
        assert not ProcessRow.objects.filter(pk__in=mine, ended_at__isnull=True).exists()
        assert other.said().strip().endswith("Cluster has stopped.")


def test_a_busy_cluster_hands_its_runs_back_when_it_ends(installation: None, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log", queues="own") as other:
        records = workloads.start("work", 6, queue="own")
        wait_until(lambda: workloads.status_of(records).get(Status.RUNNING), 15, "the work having begun")
        began = time.monotonic()
        assert other.stop() == 0
        assert time.monotonic() - began < 8
        assert not set(workloads.status_of(records)) & {Status.CLAIMED, Status.RUNNING}
        assert workloads.recoveries_of(records) == 0
        other.start()
        workloads.wait_finished(records, 60)
    workloads.assert_ended_once(records)


def test_two_clusters_share_the_work_and_no_run_is_done_twice(installation: None, tmp_path: Path) -> None:
    records = workloads.start("short", 200, queue="shared")
    with (
        Cluster(tmp_path / "one.log", queues="shared") as one,
        Cluster(tmp_path / "two.log", queues="shared") as two,
    ):
        records += workloads.start("short", 200, queue="shared")
        workloads.wait_finished(records, 60)
        workloads.assert_ended_once(records)
        boots = {each.rows("sentinel")[0].boot_id for each in (one, two)}
        keys = [record.pk for record in records]
        assert set(TaskRecord.objects.filter(pk__in=keys).values_list("boot_id", flat=True)) == boots


# --- What can be wrong at the start ----------------------------------------------------------------------------------


def test_a_database_that_is_not_migrated_is_refused_with_the_remedy(tmp_path: Path) -> None:
    ended = run_command(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert ended.returncode == 1
    assert "manage.py migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_does_not_answer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = run_command(f"mysql://root@127.0.0.1:{free_port()}/vwed", "--wait-database", "2")
    assert ended.returncode == 1
    assert "Waiting for the database" in ended.stderr
    assert "DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert 2 <= time.monotonic() - began < 40


@pytest.mark.parametrize("arguments", [("--workers", "0"), ("--workers", "many"), ("--recycle", "-1")])
def test_impossible_numbers_are_wrong_usage(arguments: tuple[str, str]) -> None:
    ended = run_command("sqlite:///nowhere.sqlite3", *arguments)
    assert ended.returncode == 2
    assert arguments[0] in ended.stderr
