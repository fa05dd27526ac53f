"""Mails and webhooks arrive at real servers; what fails is tried again a bounded number of times, and said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import override_settings

from scheduler import clock
from scheduler.errors import Refused
from scheduler.models import ProcessRow
from tests.db.alerts.conftest import Turned, open_of, tuned
from tests.support.ports import free_port
from tests.support.receivers import MailServer, WebServer, serving
from vwed.alerts import changing, delivery, outbox
from vwed.models import Alert, AlertDelivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        backend = "django.core.mail.backends.smtp.EmailBackend"
        at = {"EMAIL_URL": "smtp://", "EMAIL_BACKEND": backend, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": server.port}
        with override_settings(**at, INSTALLATION="Plant", CONSOLE_URL="https://vwed.example.com"):
            yield server


@pytest.fixture
def hook() -> Iterator[WebServer]:
    with serving(WebServer()) as server:
        yield server


def open_alert(watch: Turned, receivers: str) -> Alert:
    tuned("*", receivers=receivers)
    ProcessRow.objects.update(draining=True)
    watch.look(3)
    return open_of("no_cluster")[0]


def test_an_alert_arrives_by_mail_and_webhook_when_it_opens_and_when_it_clears(
    watch: Turned, mails: MailServer, hook: WebServer
) -> None:
    alert = open_alert(watch, f"shift@example.com\n{hook.url}")
    assert delivery.run_once(watch.now)["sent"] == 2
    assert delivery.run_once(watch.now) == {"sent": 0, "retry": 0, "failed": 0, "dropped": 0}
    ProcessRow.objects.update(draining=False)
    watch.look(3)
    assert delivery.run_once(watch.now)["sent"] == 2

    opened, cleared = mails.mails
    assert "Subject: [Plant] Critical: Nothing runs: no worker is alive" in opened
    assert "What to do:" in opened
    assert "https://vwed.example.com/admin/alerts/" in opened
    assert "Over: " in cleared
    assert [(each["kind"], each["rule"], each["alert"]) for each in hook.documents] == [
        ("opened", "no_cluster", alert.pk),
        ("cleared", "no_cluster", alert.pk),
    ]
    assert len(hook.documents[0]["advice"]) == 3


@override_settings(ALERT_LANGUAGE="zh-hans")
def test_messages_are_in_the_language_of_the_installation(watch: Turned, hook: WebServer) -> None:
    open_alert(watch, hook.url)
    delivery.run_once(watch.now)
    assert hook.documents[0]["title"] == "全部停止：没有存活的工作进程"


def test_a_failing_receiver_is_tried_a_bounded_number_of_times_and_is_an_alert_itself(
    watch: Turned, hook: WebServer
) -> None:
    open_alert(watch, hook.url)
    hook.status = 503
    at = watch.now
    for _ in range(delivery.TRIES + 3):
        delivery.run_once(at)
        delivery.run_once(at + timedelta(seconds=1))  # the pause is kept
        at += timedelta(hours=1)
    (row,) = AlertDelivery.objects.all()
    assert (row.state, row.tries, row.error) == (outbox.FAILED, delivery.TRIES, "HTTP 503")
    assert len(hook.documents) == delivery.TRIES
    AlertDelivery.objects.update(next_at=watch.now)
    watch.look()
    assert open_of("delivery_failed")[0].args == {"error": "HTTP 503", "target": "127.0.0.1"}


def test_refused_mail_and_silent_ports_are_said(watch: Turned, mails: MailServer) -> None:
    mails.refuse = True
    dead = f"http://127.0.0.1:{free_port()}/"
    open_alert(watch, f"nobody@example.com\n{dead}")
    assert delivery.run_once(watch.now)["retry"] == 2
    errors = dict(AlertDelivery.objects.values_list("channel", "error"))
    assert "no such person" in errors["mail"]
    assert "ConnectError" in errors["webhook"]


def test_without_a_mail_server_a_mail_says_so(watch: Turned) -> None:
    open_alert(watch, "shift@example.com")
    delivery.run_once(watch.now)
    assert "EMAIL_URL is not set" in AlertDelivery.objects.get().error


def test_an_acknowledged_alert_is_not_tried_again(watch: Turned, hook: WebServer) -> None:
    alert = open_alert(watch, hook.url)
    changing.acknowledge([alert.pk], note="", hours=None, actor="li", origin="page")
    assert delivery.run_once(watch.now)["dropped"] == 1
    assert hook.documents == []


def test_a_message_whose_sender_died_is_sent_when_its_claim_has_run_out(watch: Turned, hook: WebServer) -> None:
    open_alert(watch, hook.url)
    AlertDelivery.objects.update(tries=1, next_at=watch.now + timedelta(seconds=delivery.CLAIM_S))
    assert delivery.run_once(watch.now)["sent"] == 0
    assert delivery.run_once(watch.now + timedelta(seconds=delivery.CLAIM_S))["sent"] == 1


def test_a_huge_document_is_cut(watch: Turned, hook: WebServer) -> None:
    alert = open_alert(watch, hook.url)
    Alert.objects.filter(pk=alert.pk).update(args={"text": "仓" * 50_000})
    assert delivery.run_once(watch.now)["sent"] == 1
    assert hook.documents[0]["args"] == {}


def test_a_test_is_sent_once_and_its_outcome_kept(watch: Turned, hook: WebServer) -> None:
    tuned("*", receivers=hook.url)
    changing.test_delivery("*", actor="li", origin="page")
    assert delivery.run_once(clock.now())["sent"] == 1
    assert hook.documents[0]["kind"] == "test"
    hook.status = 500
    changing.test_delivery("disk", actor="li", origin="page")
    assert delivery.run_once(clock.now())["failed"] == 1


@pytest.mark.parametrize("target", ["nobody", "ftp://x", "http://", "a b@c.de", "javascript:alert(1)", "x" * 600])
def test_a_receiver_is_an_address(target: str) -> None:
    with pytest.raises(Refused, match="no mail address"):
        outbox.checked_receivers(target)
