"""The past of a chart by HTTP: for those who may see it, never cached, and wrong questions answered in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from tests.db.monitoring.making import samples, series

URL = "/admin/monitoring/history/"


def test_a_chart_is_answered_with_its_points_and_not_cached(as_role: Callable[[str], Client]) -> None:
    now_s = int(clock.now().timestamp()) // 5 * 5
    samples(series("worker 1"), [now_s - 5])
    client = as_role("Viewer")
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(f"{URL}?range=live&chart=memory")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    chart = answer.json()
    assert [each["name"] for each in chart["series"]] == ["worker 1"]
    assert [(now_s - 5) * 1000, 10_000_000, 10_000_000, 10_000_000] in chart["series"][0]["points"]
    assert chart["last_ms"] == (now_s - 5) * 1000
    assert len(captured) <= 3 + 4, "three of the chart, the rest for session and rights"


@pytest.mark.parametrize("query", ["", "?range=24h", "?chart=memory&range=1y", "?chart=<script>&range=24h"])
def test_a_wrong_question_is_answered_in_words(as_role: Callable[[str], Client], query: str) -> None:
    answer = as_role("Viewer").get(URL + query)
    assert answer.status_code == 400
    assert answer.json()["error"]["remedy"].startswith("Ask for one of ")


def test_it_is_for_those_who_may_see_runs(people: dict[str, User], client: Client) -> None:
    assert client.get(f"{URL}?range=live&chart=memory").status_code == 302
    User.objects.create_user("guest", password="guest-password-1", is_staff=True)
    client.login(username="guest", password="guest-password-1")
    assert client.get(f"{URL}?range=live&chart=memory").status_code == 403


def test_it_only_answers_questions(as_role: Callable[[str], Client]) -> None:
    assert as_role("root").post(f"{URL}?range=live&chart=memory").status_code == 405
