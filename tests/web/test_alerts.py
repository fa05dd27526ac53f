"""The alerts' pages: what stands there, who may do what, how many queries, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.io.services import tell
from scheduler.models import AuditEntry, TaskRecord
from vwed.alerts import present
from vwed.alerts.rules import RULES
from vwed.alerts.watch import open_key
from vwed.models import Alert, AlertDelivery, AlertRule

AsRole = Callable[[str], Client]
PAGE, RULES_PAGE = "/admin/alerts/", "/admin/alerts/rules/"
HOSTILE = '"><script>alert(1)</script>{{6007*6007}}%(value)s'


@pytest.fixture(autouse=True)
def counted_anew() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def make(rule: str = "queue_age", key: str = "pick", **fields: Any) -> Alert:
    """An open alert."""
    now = clock.now()
    values: dict[str, Any] = {
        "severity": "warning",
        "opened_at": now,
        "updated_at": now,
        "value": 92,
        "threshold": 60,
        "cells": [0, 1, 1],
        "args": {"queue": key, "n": 3},
        "open_key": open_key(rule, key),
        **fields,
    }
    return Alert.objects.create(rule=rule, object_key=key, **values)


def text_of(client: Client, url: str = PAGE) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_worst_stands_first_and_says_what_to_do(as_role: AsRole) -> None:
    make()
    make("no_cluster", "", severity="critical")
    make("queue_age", "taken", severity="critical", acked_at=clock.now(), acked_by="li", ack_note="on it")
    text = text_of(as_role("Viewer"))

    order = [text.index(words) for words in ("No worker of any cluster", "Queue pick: the oldest", "Queue taken:")]
    assert order == sorted(order)
    assert "has waited 1 m 32 s (limit 1 m 00 s)" in text
    assert "Start a cluster: manage.py cluster" in text
    assert "<title>(2) Alerts · VWED</title>" in re.sub(r"\s+", " ", text).replace("<title> ", "<title>").replace(
        " </title>", "</title>"
    )
    assert re.search(r'data-vw-badge="alerts.open"[^>]*>3<', text)
    assert "on it" in text
    assert "Acknowledge…" not in text, "a viewer has no button"
    assert "Queue taken" not in text_of(as_role("Viewer"), f"{PAGE}?show=cleared")


def test_no_open_alert_says_who_watches_and_since_when(as_role: AsRole) -> None:
    viewer = as_role("Viewer")
    assert "no check has been made yet" in text_of(viewer)
    tell(present.SERVICE, interval_s=5, started_at=clock.now())
    text = text_of(viewer)
    assert "No open alert" in text
    assert f"{len(RULES)} rules watch; last check " in text


@pytest.mark.parametrize("url", [PAGE, f"{PAGE}?show=acknowledged", f"{PAGE}?show=cleared", RULES_PAGE])
def test_a_page_costs_at_most_seven_queries(url: str, as_role: AsRole) -> None:
    for number in range(60):
        make(key=f"q{number}", cleared_at=clock.now() if number % 2 else None, acked_at=clock.now())
    engineer = as_role("Engineer")
    with CaptureQueriesContext(connection) as queries:
        text_of(engineer, url)
    asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and "TIMESTAMP" not in query["sql"]]
    assert len(asked) <= 7, asked


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_acknowledging_needs_the_right(role: str, as_role: AsRole) -> None:
    alert = make()
    answer = as_role(role).post(f"{PAGE}ack/", {"id": alert.pk, "reason": "looking", "hours": "2"})
    alert.refresh_from_db()
    entry = AuditEntry.objects.get(action="ack_alert")
    if role == "Viewer":
        assert answer.status_code == 403
        assert (entry.refused, alert.acked_at) == (True, None)
    else:
        assert answer.status_code == 302
        assert (entry.refused, alert.acked_by, alert.ack_note) == (False, "operator", "looking")
        assert alert.acked_until is not None


def test_several_are_acknowledged_at_once_and_get_changes_nothing(as_role: AsRole) -> None:
    alerts = [make(key=key) for key in "abc"]
    operator = as_role("Operator")
    ids = {"id": [alert.pk for alert in alerts]}
    assert "Acknowledge 3 alerts" in operator.get(f"{PAGE}ack/", ids).content.decode()
    assert not Alert.objects.filter(acked_at__isnull=False).exists()
    assert operator.post(f"{PAGE}ack/", {**ids, "hours": "9999"}).status_code == 422
    operator.post(f"{PAGE}ack/", ids)
    assert Alert.objects.filter(acked_by="operator").count() == 3
    assert AuditEntry.objects.filter(action="ack_alert").count() == 3


@pytest.mark.parametrize("rule", [rule.code for rule in RULES])
def test_the_link_of_every_rule_leads_somewhere(
    rule: str, as_role: AsRole, make_record: Callable[..., TaskRecord]
) -> None:
    make_record("run-1")
    alert = make(rule, "run-1")
    url = present.link(alert)
    assert f'href="{url}"' in text_of(as_role("root"))
    assert as_role("root").get(url, follow=True).status_code == 200


def test_an_engineer_changes_a_rule_and_what_is_out_of_bounds_is_refused(as_role: AsRole) -> None:
    engineer = as_role("Engineer")
    good = {"enabled": "on", "threshold": "75", "hold_s": "20", "receivers": "a@b.example", "reason": "too loud"}
    for wrong, words in (
        ({"threshold": "0"}, "from 1 to 100"),
        ({"threshold": "nan"}, "number"),
        ({"hold_s": "-1"}, "from 0 to"),
        ({"clear_margin": "80"}, "from 0 to 75"),
        ({"receivers": "somebody"}, "no mail address"),
        ({"reason": ""}, "required"),
    ):
        answer = engineer.post(f"{RULES_PAGE}disk/", {**good, **wrong})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not AlertRule.objects.filter(threshold__isnull=False).exists()

    assert engineer.post(f"{RULES_PAGE}disk/", good).status_code == 302
    row = AlertRule.objects.get(code="disk")
    assert (row.threshold, row.hold_s, row.clear_margin, row.changed_by) == (75, 20, None, "engineer")
    entry = AuditEntry.objects.get(action="change_alert_rule")
    assert (entry.object_id, entry.reason, entry.after["threshold"]) == ("disk", "too loud", 75)
    assert "75 %" in text_of(engineer, RULES_PAGE)


def test_who_may_not_change_rules_sees_no_address_and_changes_nothing(as_role: AsRole) -> None:
    AlertRule.objects.create(
        code="*", receivers="https://hook.example/a-secret", changed_by="kim", changed_at=clock.now()
    )
    operator = as_role("Operator")
    assert "a-secret" not in text_of(operator, RULES_PAGE)
    assert operator.post(f"{RULES_PAGE}disk/", {"reason": "because"}).status_code == 403
    assert operator.post(f"{RULES_PAGE}every/test/").status_code == 403
    assert AuditEntry.objects.filter(refused=True).count() == 2
    assert as_role("Engineer").get(f"{RULES_PAGE}every/test/").status_code == 405
    assert as_role("Engineer").get(f"{RULES_PAGE}gone/").status_code == 404


def test_a_test_delivery_is_queued_and_shown(as_role: AsRole) -> None:
    engineer = as_role("Engineer")
    assert "no receiver is set" in engineer.post(f"{RULES_PAGE}every/test/", follow=True).content.decode()
    engineer.post(f"{RULES_PAGE}every/", {"receivers": "shift@example.com", "reason": "first"})
    engineer.post(f"{RULES_PAGE}every/test/")
    assert AlertDelivery.objects.get().kind == "test"
    assert "shift@example.com" in text_of(engineer, RULES_PAGE)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_hostile_names_stay_text_and_every_page_is_in_the_language(language: str, as_role: AsRole) -> None:
    root = as_role("root")
    root.cookies["django_language"] = language
    make("process_died", HOSTILE, args={"process": HOSTILE, "cause": HOSTILE}, ack_note=HOSTILE, acked_at=clock.now())
    make("gone_rule", "x", cleared_at=clock.now(), open_key=None)
    for url in (PAGE, f"{PAGE}?show=acknowledged", f"{PAGE}?show=cleared", RULES_PAGE, f"{RULES_PAGE}disk/", "/admin/"):
        text = text_of(root, url)
        assert "<script>alert" not in text
        assert "36084049" not in text
        assert ("告警" in text) == (language == "zh-hans")


def test_the_overview_has_its_line_and_the_topic_needs_the_right(as_role: AsRole) -> None:
    tell(present.SERVICE, interval_s=5, started_at=clock.now())
    viewer = as_role("Viewer")
    assert re.search(r"data-vw-alertline[^>]* hidden", text_of(viewer, "/admin/"))
    cache.clear()
    make("fleet_silent", "", severity="critical")
    text = text_of(viewer, "/admin/")
    assert not re.search(r"data-vw-alertline[^>]* hidden", text)
    assert "Fleet does not answer" in text
    frame = viewer.get("/admin/live/poll/?t=alerts").json()
    assert (frame["t"]["alerts"]["open"], frame["t"]["alerts"]["crit"]) == (1, 1)
