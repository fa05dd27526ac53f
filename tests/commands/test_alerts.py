"""``manage.py alerts``: the same as on the pages, from a terminal."""

from __future__ import annotations

import pytest

from scheduler import clock
from scheduler.models import AuditEntry
from tests.commands.invoke import run
from tests.support.receivers import WebServer, serving
from vwed.alerts.rules import RULES
from vwed.models import Alert

pytestmark = pytest.mark.django_db


def make() -> Alert:
    now = clock.now()
    return Alert.objects.create(
        rule="no_cluster", open_key="x", severity="critical", opened_at=now, updated_at=now, value=1, threshold=0
    )


def test_open_alerts_are_listed_and_acknowledged() -> None:
    assert "No open alert" in run("alerts", "list").out
    alert = make()
    assert "No worker of any cluster" in run("alerts", "list").out
    assert run("alerts", "list", "--json").json()["alerts"][0]["id"] == alert.pk
    done = run("alerts", "ack", str(alert.pk), "--note", "on it", "--json")
    assert (done.code, done.json()["acknowledged"]) == (0, [alert.pk])
    assert AuditEntry.objects.get().origin == "command"
    assert run("alerts", "ack", "999999").code == 1
    Alert.objects.update(cleared_at=clock.now(), open_key=None)
    assert run("alerts", "ack", str(alert.pk)).code == 1
    assert "cleared" in run("alerts", "list", "--all").out


def test_rules_are_listed_changed_and_go_back() -> None:
    assert len(run("alerts", "rules", "--json").json()["rules"]) == len(RULES)
    changed = run("alerts", "set", "disk", "--threshold", "70", "--off", "--reason", "moving house", "--json").json()
    assert (changed["threshold"], changed["enabled"]) == (70, False)
    assert run("alerts", "set", "disk", "--on", "--reason", "moved in", "--json").json()["threshold"] == 70
    assert run("alerts", "set", "disk", "--defaults", "--reason", "as before", "--json").json()["threshold"] == 90
    assert "disk" in run("alerts", "rules").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("disk", "--threshold", "0", "--reason", "because"), 1),
        (("gone", "--threshold", "5", "--reason", "because"), 1),
        (("disk", "--reason", "because"), 2),
        (("every", "--threshold", "5", "--reason", "because"), 2),
        (("disk", "--threshold", "5", "--reason", "x"), 1),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], code: int) -> None:
    assert run("alerts", "set", *arguments).code == code


def test_a_test_tells_its_outcome_at_once() -> None:
    assert run("alerts", "test").code == 1
    with serving(WebServer()) as hook:
        run("alerts", "set", "every", "--receivers", hook.url, "--reason", "first")
        assert "sent" in run("alerts", "test").out
        hook.status = 500
        failed = run("alerts", "test", "disk", "--json")
        assert (failed.code, failed.json()["deliveries"][0]["error"]) == (1, "HTTP 500")
