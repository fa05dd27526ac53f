"""A family of runs in a real cluster whose workers are killed: every child is started once and ends once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from scheduler.commands.cancel import cancel
from scheduler.definitions.importing import import_file
from scheduler.models import BlockRecord, TaskDefinition, TaskRecord
from scheduler.states import ACTIVE, Status
from tests.support import workloads
from tests.support.clusters import Cluster, kill
from tests.support.installation import own_database
from tests.support.tasks import block, detail, task_file
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.db]

#: Sub-tasks that the parent waits for one after the other, beside one that it waits for last and one it does not.
ROUNDS = 12
FAMILIES = 2


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("subtasks"):
        workloads.install()
        ids = dict(TaskDefinition.objects.values_list("label", "definition_id"))
        family = detail(
            block(1, f"SubTask::{ids['work']}", ifAsync="true"),
            block(2, "RepeatNumBp", {"default": [block(3, f"SubTask::{ids['short']}")]}, num=str(ROUNDS)),
            block(4, f"SubTask::{ids['delay']}"),
        )
        import_file("family.task", task_file(family=family, long=_long()), actor="t", origin="command")
        long_id = TaskDefinition.objects.get(label="long").definition_id
        busy = detail(block(1, f"SubTask::{long_id}", ifAsync="true"), block(2, f"SubTask::{long_id}"))
        import_file("busy.task", task_file(busy=busy), actor="t", origin="command")
        yield


def _long() -> dict[str, Any]:
    """Work that lasts longer than any cancellation takes."""
    inner = block(2, "RepeatNumBp", {"default": [block(3, "PrintBp", message="='x'")]}, num="500")
    return detail(block(1, "RepeatNumBp", {"default": [inner]}, num="1000"))


def test_workers_die_and_every_child_is_started_once(installation: None, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log") as cluster:
        parents = workloads.start("family", FAMILIES)
        children = TaskRecord.objects.filter(parent__in=[parent.pk for parent in parents])
        for at_least in (4, 12, 20):
            wait_until(lambda at_least=at_least: children.count() >= at_least, 60, f"{at_least} children")
            for pid in cluster.worker_pids():
                kill(pid)
        workloads.wait_finished(parents, 90, "with workers killed")
        family = list(children.order_by("pk"))
        workloads.wait_finished(family, 60, "the asynchronous ones too")
        cluster.wait_complete()

    per_parent = Counter((child.parent_id, child.label) for child in family)
    wanted = {"work": 1, "short": ROUNDS, "delay": 1}
    assert per_parent == {(parent.pk, label): count for parent in parents for label, count in wanted.items()}
    workloads.assert_ended_once([*parents, *family])
    assert workloads.recoveries_of([*parents, *family]) > 0, "nothing was running when the workers died"
    calls = BlockRecord.objects.filter(record__in=parents, block_type__startswith="SubTask::")
    assert sorted(calls.values_list("outputs", flat=True)) == sorted(
        f'{{"taskRecordId":"{child.record_id}"}}' for child in family
    )
    assert {child.status for child in family} == {Status.FINISHED}


def test_a_cancelled_family_is_gone_within_seconds(installation: None, tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster.log") as cluster:
        (parent,) = workloads.start("busy")
        children = TaskRecord.objects.filter(parent=parent)
        wait_until(lambda: children.filter(status=Status.RUNNING).exists(), 20, "a child at work")
        cancel([parent.record_id], actor="t", reason="enough", origin="command")
        alive = TaskRecord.objects.filter(root_record_id=parent.record_id, status__in=ACTIVE)
        wait_until(lambda: not alive.exists(), 10, lambda: f"the end of {list(alive)}")
        assert cluster.census() == cluster.complete

    assert TaskRecord.objects.get(pk=parent.pk).status == Status.CANCELLED
    assert {child.status for child in children} == {Status.CANCELLED}
    workloads.assert_ended_once([parent, *children])
