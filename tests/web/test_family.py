"""The page of a run with its sub-tasks, and of a run that waits for one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler.models import TaskRecord, Wait
from scheduler.states import Status

MakeRecord = Callable[..., TaskRecord]
AsRole = Callable[[str], Client]


def page(client: Client, record: TaskRecord, tab: str = "blocks") -> str:
    return client.get(f"/admin/scheduler/taskrecord/{record.pk}/change/?tab={tab}").content.decode()


def waits(record: TaskRecord, code: str, **args: str) -> None:
    Wait.objects.create(record=record, branch="0", block="b1", key=code, code=code, args=args, since_ms=1)


@pytest.fixture
def family(make_record: MakeRecord) -> list[TaskRecord]:
    """A run that waits for one that waits for one that waits for a location which a fourth holds."""
    top = make_record("top", Status.WAITING, root_record_id="top")
    middle = make_record("middle", Status.WAITING, parent=top, root_record_id="top", depth=1)
    leaf = make_record("leaf", Status.WAITING, parent=middle, root_record_id="top", depth=2)
    make_record("holder", Status.RUNNING)
    waits(top, "child", id="middle")
    waits(middle, "child", id="leaf")
    waits(leaf, "lock", site="A-01", holder="holder")
    return [top, middle, leaf]


def test_the_card_says_which_sub_task_and_what_is_at_the_end(as_role: AsRole, family: list[TaskRecord]) -> None:
    text = page(as_role("Viewer"), family[0])
    assert "Waits for sub-task middle: Waiting." in text
    assert "There: Location A-01 is locked by holder." in text
    chain = text[text.index("Root cause:") :]
    assert chain.index(">middle<") < chain.index(">leaf<") < chain.index(">holder<")


def test_the_family_tab_leads_up_and_down(as_role: AsRole, family: list[TaskRecord]) -> None:
    top, middle, leaf = family
    client = as_role("Viewer")
    TaskRecord.objects.filter(pk=leaf.pk).update(
        status=Status.FAILED, ended_reason="no pallet", ended_at=top.created_at
    )

    assert ">middle</a>" in page(client, top, "family")
    in_the_middle = page(client, middle, "family")
    assert ">top</a>" in in_the_middle
    assert ">leaf</a>" in in_the_middle
    assert "no pallet" in in_the_middle
    assert "Started with:" not in in_the_middle, "the parent is enough"
    below = page(client, leaf, "family")
    assert ">middle</a>" in below
    assert "Started with:" in below
    assert ">top</a>" in below


def test_what_a_run_said_of_itself_is_with_its_values(as_role: AsRole, make_record: MakeRecord) -> None:
    plain, told = (
        make_record("plain"),
        make_record(
            "told",
            response='{"code":201,"body":{"ok":true}}',
            work_types="picker,driver",
            marked_start_ms=1_700_000_000_000,
            blocks_run=12_345,
        ),
    )
    text = page(as_role("Viewer"), told, "values")
    for shown in ("picker,driver", "&quot;code&quot;: 201", "12\u202f345", "What the task says of itself"):
        assert shown in text
    assert "What the task says of itself" not in page(as_role("Viewer"), plain, "values")


def test_a_list_names_the_sub_task_without_a_status_that_may_be_old(as_role: AsRole, family: list[TaskRecord]) -> None:
    text = as_role("Viewer").get("/admin/scheduler/taskrecord/").content.decode()
    assert "Waits for sub-task middle." in text


def test_the_family_tab_costs_the_same_for_one_sub_task_and_for_thirty(
    as_role: AsRole, make_record: MakeRecord
) -> None:
    top, client = make_record("top", Status.WAITING, root_record_id="top"), as_role("Viewer")
    costs = []
    for first, last in ((0, 1), (1, 30)):
        for number in range(first, last):
            make_record(f"sub-{number}", parent=top, root_record_id="top", depth=1)
        page(client, top, "family")
        with CaptureQueriesContext(connection) as seen:
            assert f"sub-{last - 1}" in page(client, top, "family")
        costs.append(len(seen))
    assert costs[0] == costs[1]
