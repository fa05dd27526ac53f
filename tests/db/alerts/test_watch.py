"""One alert per rule and object, whoever watches; acknowledged ones are silent and shown; statements are counted."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import AuditEntry, ProcessRow
from tests.db.alerts.conftest import Turned, open_of, process, tuned
from vwed.alerts import changing, outbox, present, retention
from vwed.alerts.watch import CELLS, OPEN_LIMIT, Watch, open_key
from vwed.live import frames
from vwed.models import Alert, AlertDelivery

pytestmark = pytest.mark.django_db


def no_cluster(watch: Turned) -> Alert:
    """An open alert."""
    ProcessRow.objects.update(draining=True)
    watch.look(3)
    (alert,) = open_of("no_cluster")
    return alert


def test_a_look_that_changes_nothing_costs_few_statements(watch: Turned) -> None:
    no_cluster(watch)
    with CaptureQueriesContext(connection) as queries:
        watch.look()
    statements = [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    assert len(statements) <= 15, statements


def test_the_row_keeps_the_last_sixty_looks_and_counts_crossings(watch: Turned) -> None:
    no_cluster(watch)
    for draining in (False, True, False, True):
        ProcessRow.objects.update(draining=draining)
        watch.look()
    watch.look(70)
    (alert,) = open_of("no_cluster")
    assert Alert.objects.count() == 1
    assert (alert.count, alert.cells) == (3, [1] * CELLS)


def test_a_rule_opens_a_bounded_number_of_alerts(watch: Turned) -> None:
    for number in range(OPEN_LIMIT + 5):
        process(f"w-{number + 2}", seat=number + 2, sample={"leaked": 1})
    assert watch.look()["more"] == 5
    assert len(open_of("context_alive")) == OPEN_LIMIT


def test_names_that_differ_only_in_case_are_two_objects(watch: Turned) -> None:
    at = {"severity": "warning", "opened_at": watch.now, "updated_at": watch.now}
    for name in ("pick", "Pick"):
        Alert.objects.create(rule="queue_age", object_key=name, open_key=open_key("queue_age", name), **at)
    assert Alert.objects.count() == 2


def test_a_rule_that_is_switched_off_clears_what_it_opened(watch: Turned) -> None:
    no_cluster(watch)
    tuned("no_cluster", enabled=False)
    watch.look()
    assert open_of("no_cluster") == []


def test_an_acknowledged_alert_is_silent_and_shown_and_told_again_when_the_time_is_over(watch: Turned) -> None:
    tuned("*", receivers="shift@example.com")
    alert = no_cluster(watch)
    assert list(AlertDelivery.objects.values_list("kind", "target")) == [("opened", "shift@example.com")]
    changing.acknowledge([alert.pk], note="on my way", hours=1, actor="li", origin="page")
    assert present.open_alerts()[0].acked_by == "li"
    assert AuditEntry.objects.get().reason == "on my way"

    Alert.objects.update(acked_until=watch.now)
    watch.look()
    assert open_of("no_cluster")[0].acked_at is None
    assert list(AlertDelivery.objects.values_list("kind", flat=True)) == ["opened", "opened"]

    changing.acknowledge([alert.pk], note="", hours=None, actor="li", origin="page")
    ProcessRow.objects.update(draining=False)
    watch.look(3)
    assert open_of("no_cluster") == []
    assert AlertDelivery.objects.filter(kind=outbox.CLEARED).count() == 0
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_two_watchers_open_and_clear_one_alert_and_tell_of_it_once(watch: Turned) -> None:
    tuned("no_cluster", hold_s=0)
    tuned("*", receivers="shift@example.com")
    for draining, open_now, messages in ((True, 1, 1), (False, 0, 2)):
        ProcessRow.objects.update(draining=draining)
        _side_by_side(4)
        assert len(open_of("no_cluster")) == open_now
        assert Alert.objects.count() == 1
        assert AlertDelivery.objects.count() == messages


def _side_by_side(number: int) -> None:
    """So many watchers look at the same moment, each on a connection of its own."""
    begin, faults = threading.Barrier(number), []

    def look() -> None:
        try:
            mine = Watch()
            begin.wait(30)
            mine.run_once()
        except Exception as fault:  # noqa: BLE001 - told by the test
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


def test_the_frame_is_bounded(watch: Turned) -> None:
    at = {"severity": "critical", "opened_at": watch.now, "updated_at": watch.now, "cells": [1] * 60, "value": 1 / 3}
    for number in range(60):
        Alert.objects.create(rule="queue_age", object_key="仓" * 180 + str(number), **at)
    frame = present.frame()
    assert len(frames.dumps(frame).encode()) <= present.FRAME_BYTES
    assert (frame["open"], frame["crit"]) == (60, 60)
    assert frame["rows"]


def test_what_has_cleared_is_kept_for_a_bounded_time_and_number(watch: Turned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_ROWS", 3)
    now = clock.now()
    at = {"rule": "disk", "severity": "warning", "opened_at": now, "updated_at": now}
    for days in (40, 5, 4, 3, 2):
        Alert.objects.create(cleared_at=now - timedelta(days=days), **at)
    Alert.objects.create(open_key="x", **at)
    for state, days in (("sent", 40), ("pending", 40), ("failed", 1)):
        made = now - timedelta(days=days)
        AlertDelivery.objects.create(kind="test", channel="mail", target="a@b.c", state=state, created_at=made)
    assert dict(retention.run_once(now)) == {"alerts": 2, "deliveries": 1}
    assert Alert.objects.filter(cleared_at__isnull=False).count() == 3
    assert Alert.objects.filter(cleared_at__isnull=True).count() == 1
