"""The page of storage requests: what is wanted, and withdrawing it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import AuditEntry, TaskRecord, Wait
from scheduler.states import Status
from storage import finding
from storage.models import StorageRequest
from storage.requests import StorageValues
from storage.states import RequestState
from tests.web.conftest import ROLES

LIST = "/admin/storage/storagerequest/"


@pytest.fixture
def waiting(make_record: Callable[..., TaskRecord]) -> TaskRecord:
    """A run that waits for a load in two lanes."""
    run = make_record("run-1", Status.WAITING)
    wanted = finding.named_lanes("run-1/b1", "run-1", ("A", "B"), filled=True, content="milk", lock=True)
    now = clock.now()
    with transaction.atomic():
        finding.find(wanted, first_at=now, now=now, period_ms=1000, retries=None, values=StorageValues())
    items = [{"site_id": "A_1", "why": "locked", "holder": "maria", "lane": "A"}, {"why": "fill", "lane": "B"}]
    args = {"criteria": "–", "n": 2, "items": items, "attempt": 0, "of": 1000}
    Wait.objects.create(
        record=run, branch="0", block="b1", key="site:run-1/b1", code="lane", since_ms=clock.now_ms(), args=args
    )
    return run


def url() -> str:
    return f"{LIST}{StorageRequest.objects.get().pk}/do/withdraw/"


def test_a_request_is_listed_in_words_with_its_action(as_role: Callable[[str], Client], waiting: TaskRecord) -> None:
    operator, viewer = (as_role(role).get(LIST).content.decode() for role in ("Operator", "Viewer"))

    assert "a full location in lane A, B with content milk" in operator
    assert url() in operator
    assert "do/withdraw" not in viewer


@pytest.mark.parametrize("role", ROLES)
def test_withdrawing_is_done_or_refused_and_audited_either_way(
    role: str, as_role: Callable[[str], Client], waiting: TaskRecord
) -> None:
    client, address = as_role(role), url()

    answer = client.post(address, {"reason": "lane is being rebuilt"})

    entry = AuditEntry.objects.get(action="withdraw_request")
    allowed = role != "Viewer"
    assert (answer.status_code, entry.refused, entry.actor) == (302 if allowed else 403, not allowed, role.lower())
    assert StorageRequest.objects.get().state == (RequestState.CANCELLED if allowed else RequestState.PENDING)


def test_it_asks_first_says_what_happens_and_wants_a_reason(
    as_role: Callable[[str], Client], waiting: TaskRecord
) -> None:
    client = as_role("Operator")

    asked, without = client.get(url()), client.post(url(), {"reason": ""})

    assert "Its block fails" in asked.content.decode()
    assert "milk" in asked.content.decode()
    assert without.status_code == 422
    assert StorageRequest.objects.get().state == RequestState.PENDING


def test_a_request_that_has_ended_meanwhile_is_left_alone(
    as_role: Callable[[str], Client], waiting: TaskRecord
) -> None:
    client, address = as_role("Operator"), url()
    client.post(address, {"reason": "first"})

    page = client.post(address, {"reason": "second"}, follow=True).content.decode()

    assert "ended meanwhile" in page
    assert AuditEntry.objects.filter(action="withdraw_request").count() == 1
    assert client.post(f"{LIST}999/do/withdraw/", {"reason": "nothing"}).status_code == 404


def test_why_a_run_waits_names_what_blocks_each_lane(as_role: Callable[[str], Client], waiting: TaskRecord) -> None:
    page = as_role("Viewer").get(f"/admin/scheduler/taskrecord/{waiting.pk}/change/").content.decode()

    assert "Needs a full location in lane A, B with content milk. Lanes that can be used now: none of 2." in page
    assert "A: A_1" in page
    assert "nothing to take" in page


def test_the_overview_counts_those_who_wait_for_lanes(as_role: Callable[[str], Client], waiting: TaskRecord) -> None:
    page = as_role("Viewer").get("/admin/")

    assert [(row["text"], row["count"]) for row in page.context["reasons"]] == [("a location of a dense lane", 1)]


def test_the_list_stays_within_its_query_budget(as_role: Callable[[str], Client], waiting: TaskRecord) -> None:
    client = as_role("Operator")
    client.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST)

    assert len(queries) <= 10, [query["sql"] for query in queries]
