"""One change of settings and the history: who has it, how it went, the ways back, and who may take them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from scheduler import clock
from scheduler.housekeeping import rows
from scheduler.models import AuditEntry, ProcessRow
from vwed.models import ChangeSet, ChangeState, Observation
from vwed.tuning import changes, stored
from vwed.tuning.observation import HOURS, METRICS

pytestmark = pytest.mark.django_db

PAGE = "/admin/settings/"
WHO = {"reason": "more trucks", "author": "li", "origin": "page"}


def _text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def process(role: str, version: int = 0, **sample: object) -> None:
    key = rows.register(f"{role}-1", role, "boot", sample=sample)
    ProcessRow.objects.filter(pk=key).update(settings_version=version)


def test_the_page_of_a_change_names_who_has_it_who_has_not_and_who_cannot(as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"workers": "3"}, **WHO)
    process("worker", 1, settings_at=1_772_000_000_000, settings_digest="abc123")
    process("io", 0)
    process("main", generation_version=0)
    for role in ("sentinel", "monitor", "demo", "simulator", "console"):
        process(role)
    client = as_role("Engineer")

    answer = client.get(f"/admin/settings/history/{row.pk}/")
    text = answer.content.decode()

    states = {each.role: str(each.state) for each, _look in answer.context["acknowledged"]}
    assert states == {
        "worker": "applied",
        "io": "waiting",
        "main": "needs_replacement",
        **dict.fromkeys(("sentinel", "monitor", "demo", "simulator", "console"), "cannot"),
    }
    assert (answer.context["have"], answer.context["able"]) == (1, 3)
    assert "abc123" in text
    assert "It has not looked since the change." in text
    assert answer.context["every"] < 2000
    assert f"/admin/settings/clusters/?change={row.pk}" in text

    asked = client.post("/admin/settings/clusters/", {"change": str(row.pk), "reason": "take the workers"})

    assert asked["Location"] == f"/admin/settings/history/{row.pk}/"
    assert ProcessRow.objects.get(role="main").draining
    entry = AuditEntry.objects.get(action="replace_clusters")
    assert (entry.actor, entry.reason) == ("engineer", "take the workers")
    progress = client.get(f"/admin/settings/history/{row.pk}/")
    assert progress.context["replacing"] == ["main-1"]
    assert "is being replaced or waits for its turn" in progress.content.decode()


def test_without_a_cluster_a_replacement_is_refused_with_a_remedy(as_role: Callable[[str], Client]) -> None:
    client = as_role("Engineer")

    answer = client.post("/admin/settings/clusters/", {"reason": "take the workers"}, follow=True)

    assert "no_cluster" in answer.content.decode()
    assert as_role("Operator").post("/admin/settings/clusters/", {"reason": "me too"}).status_code == 403
    assert AuditEntry.objects.get(refused=True).action == "replace_clusters"


def test_a_roll_back_is_a_new_change_shown_before_it_is_made(as_role: Callable[[str], Client]) -> None:
    first = changes.commit({"max_retries": "5"}, **WHO)
    second = changes.commit({"max_retries": "9", "pool_size": "12"}, **WHO)
    client, url = as_role("Administrator"), f"/admin/settings/history/{first.pk}/rollback/"
    assert url in _text(client, "/admin/settings/history/")

    question = client.get(url, headers={"X-Vwed-Dialog": "1"})
    assert {"max_retries: 9 → 5", "pool_size: 12 → 10"} <= set(question.context["named"])

    done = client.post(url, {"reason": "was better", "based_on": str(second.version)})

    row = ChangeSet.objects.first()
    assert row is not None
    assert done["Location"] == f"/admin/settings/history/{row.pk}/"
    assert (row.restores, stored.get("max_retries"), stored.get("pool_size")) == (first.version, 5, 10)
    second.refresh_from_db()
    assert second.state == ChangeState.ROLLED_BACK
    assert f"Change {row.pk} brought back earlier values." in _text(client, f"/admin/settings/history/{second.pk}/")
    assert f"/admin/settings/history/{second.pk}/rollback/" in _text(client, f"/admin/settings/history/{row.pk}/")

    assert client.post("/admin/settings/history/0/rollback/", {"reason": "all of it"}).status_code == 302
    assert stored.overrides() == {}


def test_a_roll_back_tells_that_somebody_was_first(as_role: Callable[[str], Client]) -> None:
    first = changes.commit({"max_retries": "5"}, **WHO)
    changes.commit({"max_retries": "9"}, **WHO)
    changes.commit({"pool_size": "12"}, reason="r e a", author="kim", origin="page")
    url = f"/admin/settings/history/{first.pk}/rollback/"

    refused = as_role("Administrator").post(url, {"reason": "was better", "based_on": "2"})

    assert refused.status_code == 422
    assert "changed_meanwhile" in refused.content.decode()
    assert "by kim came first" in refused.content.decode()
    assert 'name="based_on" value="3"' in refused.content.decode(), "who says it again has seen it"
    assert stored.get("max_retries") == 9


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Engineer"])
def test_only_administrators_roll_back(role: str, as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"max_retries": "5"}, **WHO)
    changes.commit({"max_retries": "6"}, **WHO)
    client, url = as_role(role), f"/admin/settings/history/{row.pk}/rollback/"

    assert client.get(url).status_code == 403
    answer = client.post(url, {"reason": "was better"})

    assert answer.status_code == 403
    assert "not_permitted" in answer.content.decode()
    assert AuditEntry.objects.get(refused=True).action == "rollback_setting"
    assert url not in _text(client, "/admin/settings/history/")
    assert stored.get("max_retries") == 6


def test_what_cannot_be_rolled_back_to_says_why(as_role: Callable[[str], Client]) -> None:
    client = as_role("Administrator")
    later = changes.commit({"max_retries": "5"}, **WHO, effective_at=clock.now() + timedelta(hours=1))
    now = changes.commit({"max_retries": "6"}, **WHO)

    texts = [
        client.get(f"/admin/settings/history/{number}/rollback/", follow=True).content.decode()
        for number in (later.pk, 999, now.pk)
    ]

    for text, words in zip(texts, ("never_applied", "unknown_change", "in force already"), strict=True):
        assert words in text
    assert client.get("/admin/settings/history/999/").status_code == 404
    assert client.get("/admin/settings/history/999/cancel/").status_code == 404


def test_the_history_has_pages_and_a_filter(as_role: Callable[[str], Client]) -> None:
    for number in range(1, 56):
        changes.commit({"max_retries": str(number)}, **WHO)
    changes.commit({"pool_size": "12"}, **WHO, effective_at=clock.now() + timedelta(hours=1))
    client = as_role("Viewer")

    first = client.get("/admin/settings/history/")
    second = client.get("/admin/settings/history/" + first.context["listing"].next_url)
    scheduled = client.get("/admin/settings/history/?state=scheduled")

    assert [len(page.context["lines"]) for page in (first, second, scheduled)] == [50, 6, 1]
    assert len({row.pk for page in (first, second) for row, *_ in page.context["lines"]}) == 56


def test_observations_stand_side_by_side_with_a_verdict_in_words(as_role: Callable[[str], Client]) -> None:
    row = changes.commit({"pool_size": "12"}, **WHO)
    for hours, mean in ((0, 200e6), (1, 150e6)):
        figures = {"memory": {"mean": mean, "deviation": 1e6, "samples": 60}}
        Observation.objects.create(change_set=row, hours=hours, figures=figures, at=clock.now())

    answer = as_role("Viewer").get(f"/admin/settings/history/{row.pk}/")

    assert [column.hours for _word, column in answer.context["columns"]] == list(HOURS)
    assert len(answer.context["observed"]) == len(METRICS)
    memory = answer.context["observed"][0]["cells"]
    assert [each["text"] for each in memory] == ["200 MB", "150 MB", "–", "–", "–"]
    assert answer.context["verdict"].startswith("1 h after the change: Memory: better;")


@pytest.mark.parametrize(
    ("url", "most"), [(PAGE, 9), ("/admin/settings/history/", 4), ("/admin/settings/history/1/", 9)]
)
def test_a_page_costs_a_bounded_number_of_queries(
    url: str, most: int, as_role: Callable[[str], Client], django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 31):
        row = changes.commit({"max_retries": str(number)}, **WHO)
    url = url.replace("/1/", f"/{row.pk}/")
    client = as_role("Administrator")
    client.get(url)

    with django_assert_max_num_queries(most + 6):  # the frame: session, login, rights, signs of alerts
        assert client.get(url).status_code == 200


@pytest.mark.parametrize(("seconds", "soon"), [(10, True), (3600, False)])
def test_a_scheduled_change_is_looked_at_often_when_its_time_is_near(
    seconds: int, soon: bool, as_role: Callable[[str], Client]
) -> None:
    row = changes.commit({"max_retries": "5"}, **WHO, effective_at=clock.now() + timedelta(seconds=seconds))

    every = as_role("Viewer").get(f"/admin/settings/history/{row.pk}/").context["every"]

    assert (every < 2000) is soon
    assert every <= 10_000
