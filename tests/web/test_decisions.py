"""Decisions on pages: continue, skip, start again, priority, attempts, and the locks that ended runs left behind."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

from scheduler import clock
from scheduler.commands.starting import start
from scheduler.definitions.importing import import_file
from scheduler.models import AuditEntry, RunState, TaskDefinition, TaskRecord
from scheduler.states import BlockCode, Status
from storage import locations
from storage.models import StorageLocation
from tests.db.scheduler.making import claim_and_execute
from tests.support.tasks import block, detail, task_file
from tests.web.conftest import ROLES, add_block

DO = "/admin/scheduler/taskrecord/do"
TASKS = {
    "Fills": detail(block(1, "SetSiteFilledBp", siteId="B-03"), block(2, "PrintBp", message="done")),
    "Parses": detail(
        block(1, "SetTaskVariableBp", varName="text", varValue="{"),
        block(2, "StringToJsonObjectBp", convertString="=task.variables.text"),
        block(3, "SetTaskVariableBp", varName="n", varValue="=blocks.b2.convertObject"),
    ),
}


@pytest.fixture
def operator(as_role: Callable[[str], Client]) -> Client:
    return as_role("Operator")


@pytest.fixture
def stopped(transactional_db: None) -> Callable[[str], TaskRecord]:
    """Make a run of a task stop at a block."""

    def make(label: str = "Fills", **columns: object) -> TaskRecord:
        import_file("all.task", task_file(**TASKS), actor="test", origin="command", replace=True)
        run = start(label=label, record_id="run-1", actor="test", origin="command").record
        TaskRecord.objects.filter(pk=run.pk).update(**columns)
        claim_and_execute(run)
        run.refresh_from_db()
        assert run.status in (Status.INTERRUPTED, Status.FAILED)
        AuditEntry.objects.all().delete()
        return run

    return make


def page_of(client: Client, run: TaskRecord, query: str = "") -> str:
    return html.unescape(client.get(f"/admin/scheduler/taskrecord/{run.pk}/change/{query}").content.decode())


def test_the_card_of_a_stopped_run_offers_the_three_ways_out(
    operator: Client, stopped: Callable[..., TaskRecord]
) -> None:
    run = stopped()

    text = page_of(operator, run)

    card = text[text.index("data-vw-decide") :]
    assert f'{DO}/continue/?id={run.pk}"' in card
    assert f'{DO}/skip/?id={run.pk}&block=b1"' in card
    assert f'{DO}/cancel/?id={run.pk}"' in card
    assert "Continue, skip the block, or cancel?" in text


def test_continuing_says_version_and_block_and_does_it_once(
    operator: Client, stopped: Callable[..., TaskRecord], site: StorageLocation
) -> None:
    run = stopped("Parses")
    url = f"{DO}/continue/"

    question = html.unescape(operator.get(url, {"id": run.pk}, headers={"X-Vwed-Dialog": "1"}).content.decode())
    assert "Continue from b2" in question
    assert "Version 1, as it was started." in question
    assert 'manage.py retry_task run-1 --reason "…"' in question
    assert TaskRecord.objects.get(pk=run.pk).status == Status.INTERRUPTED, "nothing changes on GET"

    said = operator.post(url, {"id": run.pk, "reason": "repaired"}, follow=True).content.decode()
    again = operator.post(url, {"id": run.pk, "reason": "repaired"}, follow=True).content.decode()

    assert "1 run goes on." in said
    assert "Nothing was changed" in again
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.READY, 2)
    assert AuditEntry.objects.get().action == "continue"


def test_what_a_failed_run_lost_is_told_before_it_goes_on(operator: Client, stopped: Callable[..., TaskRecord]) -> None:
    run = stopped(periodic=True)
    TaskDefinition.objects.update(release_sites=True)

    question = operator.get(f"{DO}/continue/", {"id": run.pk}).content.decode()

    assert "a robot selection begins anew" in question
    assert "Its locations were released at its end" in question


def test_a_failed_run_whose_state_is_gone_shows_why_it_cannot_go_on(
    operator: Client, stopped: Callable[..., TaskRecord]
) -> None:
    run = stopped(periodic=True)
    assert f"{DO}/continue/" in page_of(operator, run)
    RunState.objects.all().delete()

    text = page_of(operator, run)

    assert f"{DO}/continue/" not in text
    assert 'disabled title="Nothing of it is kept any more' in text
    assert f"{DO}/restart/" in text
    said = operator.post(f"{DO}/continue/", {"id": run.pk}, follow=True).content.decode()
    assert "Nothing of run run-1 is kept any more" in said


# --- Skip ------------------------------------------------------------------------------------------------------------


def test_skipping_asks_for_what_later_blocks_read_and_takes_json(
    operator: Client, stopped: Callable[..., TaskRecord]
) -> None:
    run = stopped("Parses")
    url = f"{DO}/skip/"

    question = html.unescape(operator.get(url, {"id": run.pk, "block": "b2"}).content.decode())
    assert "Later blocks read convertObject" in question
    assert 'name="output_convertObject"' in question

    given = {"id": run.pk, "block": "b2", "output_convertObject": '{"a": 7}', "reason": "typed in"}
    operator.post(url, given)
    assert claim_and_execute(run) == Status.FINISHED
    run.refresh_from_db()
    assert '"n": {"a": 7}' in run.variables
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["block"], entry.reason) == ("skip", "b2", "typed in")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"output_convertObject": "", "reason": "typed in"}, "Give its value."),
        ({"output_convertObject": "1", "reason": ""}, "Give a reason"),
    ],
)
def test_a_missing_output_or_reason_is_refused_at_its_field(
    given: dict[str, str], says: str, operator: Client, stopped: Callable[..., TaskRecord]
) -> None:
    run = stopped("Parses")

    answer = operator.post(f"{DO}/skip/", {"id": run.pk, "block": "b2", **given})

    assert answer.status_code == 422
    assert says in answer.content.decode()
    if given["output_convertObject"]:
        assert 'value="1"' in answer.content.decode(), "what was typed stays"
    run.refresh_from_db()
    assert run.status == Status.INTERRUPTED


@pytest.mark.parametrize("name", ["b9", '"><script>alert(1)</script>', "{{x}}"])
def test_a_block_that_it_did_not_stop_at_is_told_as_text(
    name: str, operator: Client, stopped: Callable[..., TaskRecord]
) -> None:
    run = stopped("Parses")

    page = operator.get(f"{DO}/skip/", {"id": run.pk, "block": name}, follow=True).content.decode()

    assert "did not stop at block" in page
    assert "<script>alert(1)" not in page


def test_a_hostile_value_stays_text(operator: Client, stopped: Callable[..., TaskRecord]) -> None:
    run = stopped("Parses")
    hostile = '"><script>alert(1)</script>{{x}}'

    refused = operator.post(f"{DO}/skip/", {"id": run.pk, "block": "b2", "output_convertObject": hostile})
    assert refused.status_code == 422
    assert "<script>alert(1)" not in refused.content.decode()

    operator.post(f"{DO}/skip/", {"id": run.pk, "block": "b2", "output_convertObject": hostile, "reason": "by hand"})
    assert claim_and_execute(run) == Status.FINISHED
    for tab in ("blocks", "values", "log"):
        assert (
            "<script>alert(1)"
            not in operator.get(f"/admin/scheduler/taskrecord/{run.pk}/change/?tab={tab}").content.decode()
        )


# --- Start again, priority -------------------------------------------------------------------------------------------


def test_starting_again_needs_a_reason_and_shows_the_earlier_attempt_too(
    operator: Client, stopped: Callable[..., TaskRecord], site: StorageLocation
) -> None:
    run = stopped("Parses")
    url = f"{DO}/restart/"

    assert "Locks of this run stay its own." in operator.get(url, {"id": run.pk}).content.decode()
    assert operator.post(url, {"id": run.pk}).status_code == 422
    operator.post(url, {"id": run.pk, "reason": "once more"})
    claim_and_execute(run)

    text = page_of(operator, run)
    assert 'attempt=1">Attempt 1</a>' in text
    assert 'attempt=2" aria-current="page">Attempt 2</a>' in text
    first = page_of(operator, run, "?attempt=1")
    assert 'attempt=1" aria-current="page">Attempt 1</a>' in first
    assert "failed, then decided" in first
    assert "?tab=values&attempt=1" in first


def test_attempts_that_were_continued_are_one_history(operator: Client, stopped: Callable[..., TaskRecord]) -> None:
    run = stopped("Parses")
    operator.post(f"{DO}/continue/", {"id": run.pk})
    claim_and_execute(run)

    text = page_of(operator, run)

    assert "Attempt 1" not in text
    assert text.count("failed, then decided") == 1
    assert text.count("failed, waits for a decision") == 1


@pytest.mark.parametrize("asked", ["7", "-1", "x", "9" * 30, "<script>"])
def test_an_attempt_that_never_was_shows_the_present_one(
    asked: str, operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    run = make_record("run-1", Status.RUNNING, attempt=3, history_attempt=2, attempt_at=clock.now())
    add_block(run, 1, "old", attempt=1)
    add_block(run, 1, "new", attempt=2)

    text = page_of(operator, run, f"?attempt={asked}")

    assert "Attempts 2 to 3</a>" in text
    assert ">new<" in text
    assert ">old<" not in text


def test_the_priority_is_set_from_the_list(operator: Client, make_record: Callable[..., TaskRecord]) -> None:
    ready, over = make_record("run-1", Status.READY), make_record("run-2", Status.FINISHED)
    url = f"{DO}/priority/"

    for wrong in ("", "high", "101", "-1"):
        assert operator.post(url, {"id": ready.pk, "priority": wrong}).status_code == 422
    said = operator.post(url, {"id": [ready.pk, over.pk], "priority": "9"}, follow=True).content.decode()

    assert "1 run has the new priority." in said
    ready.refresh_from_db()
    over.refresh_from_db()
    assert (ready.priority, over.priority) == (9, 1)
    assert AuditEntry.objects.get(action="set_priority").object_id == "run-1"


# --- Rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("continue", {}),
        ("restart", {"reason": "once more"}),
        ("skip", {"block": "b1", "reason": "by hand"}),
        ("priority", {"priority": "9"}),
    ],
)
def test_each_decision_is_for_those_who_may_and_leaves_one_entry(
    verb: str,
    given: dict[str, str],
    role: str,
    as_role: Callable[[str], Client],
    stopped: Callable[..., TaskRecord],
) -> None:
    run = stopped()
    client = as_role(role)
    offered = page_of(client, run)

    answer = client.post(f"{DO}/{verb}/", {"id": run.pk, **given})

    (entry,) = AuditEntry.objects.filter(object_id="run-1")
    may = role != "Viewer"
    assert (f"{DO}/{verb}/" in offered, answer.status_code, entry.refused) == (may, 302 if may else 403, not may)


# --- Locks left behind -----------------------------------------------------------------------------------------------


@pytest.fixture
def left(make_record: Callable[..., TaskRecord], site: StorageLocation) -> TaskRecord:
    """A run that ended well and still holds a location."""
    run = make_record("run-1", Status.FINISHED, ended_at=clock.now())
    with transaction.atomic():
        locations.lock(site.site_id, run.record_id, actor="test")
    return run


def test_an_ended_run_shows_what_it_still_holds_and_lets_it_go(
    operator: Client, left: TaskRecord, site: StorageLocation
) -> None:
    text = page_of(operator, left)
    assert "1 location is still locked by this run." in text
    assert "B-03" in text

    question = operator.get(f"{DO}/release/", {"id": left.pk}).content.decode()
    assert "Release 1 location" in question
    assert operator.post(f"{DO}/release/", {"id": left.pk}).status_code == 422
    said = operator.post(f"{DO}/release/", {"id": left.pk, "reason": "forgotten"}, follow=True).content.decode()

    assert "1 location is released." in said
    site.refresh_from_db()
    assert site.locked_by == ""
    entry = AuditEntry.objects.get(object_type="location")
    assert (entry.action, entry.object_id, entry.reason) == ("unlock_location", "B-03", "forgotten")
    assert "data-vw-left-behind" not in page_of(operator, left)


def test_a_run_that_holds_nothing_has_nothing_to_release(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    run = make_record("run-1", Status.FINISHED, ended_at=clock.now())

    said = operator.post(f"{DO}/release/", {"id": run.pk, "reason": "forgotten"}, follow=True).content.decode()

    assert "holds no location" in said


def test_the_lists_and_the_palette_find_them(
    operator: Client, left: TaskRecord, make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-2", Status.FINISHED, attempt=2, attempt_at=clock.now())
    records, places = "/admin/scheduler/taskrecord/", "/admin/storage/storagelocation/"

    def rows(url: str) -> list[str]:
        return [str(row) for row in operator.get(url).context["listing"].rows]

    assert rows(f"{records}?locks=left") == ["run-1"]
    assert rows(f"{records}?attempt=more") == ["run-2"]
    assert rows(f"{places}?state=left") == ["B-03"]
    found = operator.get("/admin/search/?s=left behind&extended=1").content.decode()
    assert "Locks left behind" in found
    assert f'{places}?state=left"' in found


def test_failures_of_a_run_that_was_cancelled_wait_for_nobody(
    operator: Client, make_record: Callable[..., TaskRecord]
) -> None:
    run = make_record("run-1", Status.CANCELLED, ended_at=clock.now())
    add_block(run, 1, "b1", code=BlockCode.INTERRUPTED)

    assert "waits for a decision" not in page_of(operator, run)
