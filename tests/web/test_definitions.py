"""The pages of definitions: problems at their blocks, versions and their difference, the periodic start."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.definitions.importing import import_file
from scheduler.models import AuditEntry, DefinitionVersion, TaskDefinition, TaskRecord
from scheduler.states import Status
from tests.support.tasks import block, detail
from tests.web.conftest import ROLES
from tests.web.test_pages import HOSTILE

LIST = "/admin/scheduler/taskdefinition/"
TABS = ("tree", "versions", "runs", "inputs", "periodic")
CHANGERS = ("Engineer", "Administrator")


def load(label: str, content: dict[str, Any], replace: bool = True, **fields: Any) -> TaskDefinition:
    data = json.dumps([{"label": label, "detail": json.dumps(content), **fields}]).encode()
    import_file("a.task", data, actor="kim", origin="command", replace=replace)
    return TaskDefinition.objects.select_related("current").get(label=label)


def address(row: TaskDefinition, *parts: str, **query: Any) -> str:
    tail = "".join(f"{part}/" for part in parts) or "change/"
    return f"{LIST}{row.pk}/{tail}" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


@pytest.fixture
def engineer(as_role: Callable[[str], Client]) -> Client:
    return as_role("Engineer")


@pytest.fixture
def two(db: None) -> TaskDefinition:
    """A definition with two versions."""
    old = detail(
        block(1, "PrintBp", message="one"), block(2, "PrintBp", message="two"), block(3, "DelayBp", timeMillis="5")
    )
    new = detail(block(3, "DelayBp", timeMillis="5"), block(1, "PrintBp", message="=taskInputs"), block(4, "PrintBp"))
    load("Two", old)
    return load("Two", new)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("tab", TABS)
def test_every_tab_shows_hostile_text_as_text_in_both_languages(language: str, tab: str, engineer: Client) -> None:
    content = detail(
        block(1, "PrintBp", message=HOSTILE),
        block(2, "BreakBp"),
        inputs=[{"name": HOSTILE, "type": HOSTILE, "label": HOSTILE, "defaultValue": HOSTILE}],
    )
    content["rootBlock"]["children"]["default"][0].update(name=HOSTILE, remark=HOSTILE)
    row = load(HOSTILE, content, remark=HOSTILE, periodicTask=1, id=HOSTILE[:60])
    content["rootBlock"]["children"]["default"][0]["inputParams"][HOSTILE] = {"type": HOSTILE, "value": HOSTILE}
    row = load(HOSTILE, content, remark=HOSTILE, periodicTask=1)
    TaskDefinition.objects.filter(pk=row.pk).update(
        periodic_error=HOSTILE, last_periodic_record="run-1", next_start_at=clock.now() - timedelta(hours=1)
    )
    TaskRecord.objects.create(
        record_id="run-1", definition=row, version=row.current, label=row.label, status=Status.RUNNING,
        created_at=clock.now(), ended_reason=HOSTILE, created_by=HOSTILE,
    )  # fmt: skip
    engineer.cookies["django_language"] = language

    page = engineer.get(address(row, tab=tab, old=1, new=2))

    text = page.content.decode()
    assert page.status_code == 200
    assert "<script>alert(1)" not in text
    assert "36084049" not in text
    assert "onload=x" in text


def test_a_problem_stands_at_its_block_with_path_and_remedy(engineer: Client, db: None) -> None:
    row = load("Odd", detail(block(1, "IfBp", {"default": [block(2, "BreakBp")]}, condition="=true")))

    page = engineer.get(address(row))

    (at,) = [each for each in page.context["tree"] if each.problems]
    assert (at.name, [problem.code for problem in at.problems]) == ("b2", ["break.no-loop"])
    assert page.context["elsewhere"] == []
    assert "rootBlock › b1 IfBp › b2 BreakBp" in page.content.decode()


def test_a_version_that_no_longer_compiles_says_so_at_its_block(engineer: Client, two: TaskDefinition) -> None:
    text = json.dumps(detail(block(1, "PrintBp"), block(2, "NoSuchBp")))
    DefinitionVersion.objects.filter(pk=two.current_id).update(detail=text)

    page = engineer.get(address(two))

    (at,) = [each for each in page.context["tree"] if each.problems]
    assert (at.name, at.problems[0].warning) == ("b2", False)


def test_a_call_of_a_definition_that_is_not_there_is_shown_until_it_is(engineer: Client, db: None) -> None:
    row = load("Caller", detail(block(1, "SubTask::other")))
    missing = engineer.get(address(row)).context["tree"][1].problems
    load("Other", detail(block(1, "PrintBp")), id="other")

    assert [problem.code for problem in missing] == ["subtask.unknown"]
    assert engineer.get(address(row)).context["tree"][1].problems == []


def test_the_difference_lists_exactly_what_changed(engineer: Client, two: TaskDefinition) -> None:
    page = engineer.get(address(two, tab="versions", old=1, new=2))

    counts = {kind: n for kind, n in page.context["counts"].items() if n}
    text = page.content.decode()
    assert counts == {"added": 1, "removed": 1, "moved": 1, "parameters": 1}
    lines = {line.block.name: [str(look.word) for look in line.looks] for line in page.context["lines"]}
    (moved,) = [name for name, words in lines.items() if "moved" in words]
    assert moved in ("b1", "b3"), "of two that changed places either one moved"
    assert "changed" in lines["b1"]
    assert (lines["b2"], lines["b4"], lines["-1"]) == (["removed"], ["added"], [])
    for word in ("added", "removed", "moved", "taskInputs", "Expression"):
        assert word in text
    assert "from place" in text
    assert "Nothing differs" in engineer.get(address(two, tab="versions", old=2, new=2)).content.decode()


@pytest.mark.parametrize("query", [{"old": 1, "new": 9}, {"old": "x", "new": 1}, {"old": "9" * 30, "new": 1}])
def test_a_version_that_is_not_there_is_404(query: dict[str, Any], engineer: Client, two: TaskDefinition) -> None:
    assert engineer.get(address(two, tab="versions", **query)).status_code == 404


@pytest.mark.parametrize("number", ["9", "9" * 30])
def test_an_earlier_version_is_viewed_and_exported(number: str, engineer: Client, two: TaskDefinition) -> None:
    page = engineer.get(address(two, version=1))
    exported = json.loads(engineer.get(address(two, "export", "1")).content)

    assert [each.name for each in page.context["tree"]] == ["", "b1", "b2", "b3"]
    assert "What is different?" in page.content.decode()
    assert json.loads(exported[0]["detail"])["rootBlock"]["children"]["default"][0]["name"] == "b1"
    assert exported[0]["version"] == 1
    assert engineer.get(address(two, version=number)).status_code == 404
    assert engineer.get(address(two, "export", number[:9])).status_code == 404


def test_an_earlier_version_comes_back_with_a_reason(engineer: Client, two: TaskDefinition) -> None:
    url = address(two, "restore", "1")

    asked = engineer.get(url)
    refused = engineer.post(url, {"reason": ""})
    done = engineer.post(url, {"reason": "two was wrong"}, follow=True)

    two.refresh_from_db()
    assert "Bring back version 1" in asked.content.decode()
    assert refused.status_code == 422
    assert two.current.number == 3
    assert "Version 3 has the content of version 1." in done.content.decode()


def test_the_periodic_start_is_switched_and_shown(engineer: Client, two: TaskDefinition) -> None:
    url = address(two, "periodic")

    engineer.post(url, {"on": "on", "period_ms": "500", "delay_ms": "0"})
    page = engineer.get(address(two, tab="periodic"))
    two.refresh_from_db()
    assert (two.periodic, two.periodic_enabled, two.period_ms, two.delay_ms) == (True, True, 500, 0)
    assert two.next_start_at is not None
    assert page.context["scheduled"]
    assert "manage.py periodic" in page.content.decode()

    engineer.post(url, {"period_ms": "500", "delay_ms": "0"})
    two.refresh_from_db()
    assert (two.periodic_enabled, two.next_start_at) == (False, None)


@pytest.mark.parametrize(
    "wrong", [{"period_ms": "0"}, {"period_ms": "x"}, {"period_ms": ""}, {"delay_ms": "-1"}, {"delay_ms": "9" * 20}]
)
def test_a_wrong_period_is_shown_at_its_field(wrong: dict[str, str], engineer: Client, two: TaskDefinition) -> None:
    page = engineer.post(address(two, "periodic"), {"on": "on", "period_ms": "1000", "delay_ms": "0", **wrong})

    two.refresh_from_db()
    assert page.status_code == 422
    assert page.context["form"].errors.keys() == wrong.keys()
    assert not two.periodic


def test_a_periodic_run_is_started_now_unless_the_last_is_active(
    as_role: Callable[[str], Client], two: TaskDefinition
) -> None:
    operator = as_role("Operator")
    url = address(two, "start-now")

    first = operator.post(url, follow=True).content.decode()
    second = operator.post(url, follow=True).content.decode()

    assert TaskRecord.objects.get().periodic
    assert "is submitted" in first
    assert "is still" in second
    assert TaskRecord.objects.get().record_id in second


def test_a_disabled_definition_is_not_started_and_can_be_enabled(engineer: Client, two: TaskDefinition) -> None:
    engineer.post(address(two, "disable"), {"reason": "aisle closed"})
    two.refresh_from_db()
    shown = engineer.get(address(two)).content.decode()
    engineer.post(address(two, "enable"), {"reason": ""})

    assert not two.enabled
    assert f"{address(two, 'run')}" not in shown
    two.refresh_from_db()
    assert two.enabled
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "reason"))[-2:] == [
        ("disable_definition", "aisle closed"),
        ("enable_definition", ""),
    ]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("parts", "data", "action", "allowed"),
    [
        (("periodic",), {"on": "on", "period_ms": "1", "delay_ms": "1"}, "change_periodic", CHANGERS),
        (("disable",), {"reason": "because"}, "disable_definition", CHANGERS),
        (("restore", "1"), {"reason": "because"}, "restore_definition", CHANGERS),
        (("start-now",), {}, "run_task", ("Operator", *CHANGERS)),
    ],
)
def test_who_may_change_what(
    role: str,
    parts: tuple[str, ...],
    data: dict[str, str],
    action: str,
    allowed: tuple[str, ...],
    as_role: Callable[[str], Client],
    two: TaskDefinition,
) -> None:
    AuditEntry.objects.all().delete()

    answer = as_role(role).post(address(two, *parts), data)

    entries = list(AuditEntry.objects.values_list("action", "refused"))
    assert (answer.status_code, entries) == ((302, [(action, False)]) if role in allowed else (403, [(action, True)]))
    page = as_role(role).get(address(two, tab="periodic")).content.decode()
    assert ('name="period_ms"' in page) == (role in CHANGERS)


@pytest.mark.parametrize("parts", [("periodic",), ("disable",), ("restore", "1"), ("start-now",)])
def test_nothing_changes_on_get(parts: tuple[str, ...], engineer: Client, two: TaskDefinition) -> None:
    AuditEntry.objects.all().delete()

    engineer.get(address(two, *parts))

    two.refresh_from_db()
    assert (two.enabled, two.periodic, two.current.number) == (True, False, 2)
    assert not AuditEntry.objects.exists()
    assert not TaskRecord.objects.exists()


def test_the_list_tells_of_the_day_and_of_the_schedule(
    engineer: Client, two: TaskDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    for number in range(12):
        status = (Status.FAILED, Status.RUNNING, Status.FINISHED, Status.FINISHED)[number % 4]
        created = now - timedelta(hours=30 if number == 0 else 1)
        TaskRecord.objects.create(
            record_id=f"r{number}", definition=two, version=two.current, label=two.label, status=status,
            created_at=created,
        )  # fmt: skip
    TaskDefinition.objects.update(periodic=True, next_start_at=now, periodic_skipped=3, periodic_error="no")

    page = engineer.get(LIST)
    figures = page.context["figures"][two.pk]
    monkeypatch.setattr("scheduler.admin.definition_figures.COUNTED", 4)
    cut = engineer.get(LIST)

    assert (figures.runs, figures.ended, figures.failed, figures.failed_percent) == (11, 8, 2, "25")
    assert not page.context["at_least"]
    assert "3 skipped" in page.content.decode()
    assert "refused" in page.content.decode()
    assert (cut.context["figures"][two.pk].runs, cut.context["at_least"]) == (4, True)
    assert "4+" in cut.content.decode()


@pytest.mark.parametrize("tab", [*TABS, "list"])
def test_a_page_costs_few_queries(tab: str, engineer: Client, two: TaskDefinition) -> None:
    for number in range(20):
        TaskRecord.objects.create(
            definition=two,
            version_id=two.current_id,
            label=two.label,
            record_id=f"run-{number}",
            created_at=clock.now(),
        )
    url = LIST if tab == "list" else address(two, tab=tab, old=1, new=2)
    engineer.get(url)

    with CaptureQueriesContext(
        connection,
    ) as seen:
        engineer.get(url)

    assert len(seen) <= 14, [each["sql"][:120] for each in seen.captured_queries]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="how MariaDB reads a handful of rows says nothing")
def test_the_list_of_runs_hides_periodic_ones_by_an_index(rf: RequestFactory, two: TaskDefinition) -> None:
    """Nearly all runs may be periodic: reading past them would be reading everything."""
    for number in range(3):
        TaskRecord.objects.create(
            record_id=f"r{number}", definition=two, version=two.current, label=two.label, status=Status.FINISHED,
            created_at=clock.now(), periodic=number != 1,
        )  # fmt: skip

    listing = site._registry[TaskRecord].listing(rf.get("/"))  # type: ignore[attr-defined]

    assert [row.record_id for row in listing.rows] == ["r1"]
    assert "USING INDEX record_periodic" in listing.matching.order_by("-pk")[:51].explain()
