"""A worker that is killed is an alert within ten seconds, and none any more when its seat is served again."""

from __future__ import annotations

import os
import signal
import time

import pytest

from scheduler import clock
from tests.acceptance.conftest import Plant
from tests.support.waiting import wait_until
from vwed.models import Alert, AlertRule

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.db]

#: What the operator is promised, and how long the death is shown here.
SEEN_S, SHOWN_S = 10.0, 12.0


def test_a_killed_worker_is_an_alert_within_ten_seconds_and_goes_away(own_plant: Plant) -> None:
    AlertRule.objects.create(code="process_died", hold_s=SHOWN_S, changed_by="tests", changed_at=clock.now())
    found = Alert.objects.filter(rule="process_died")
    victim = own_plant.cluster.rows("worker")[0]
    os.kill(victim.pid, signal.SIGKILL)
    began = time.monotonic()

    wait_until(found.exists, SEEN_S, lambda: f"an alert; the cluster said: {own_plant.cluster.said()}", 0.1)
    seen = time.monotonic() - began
    alert = found.get()
    assert seen <= SEEN_S
    assert alert.args["process"] == victim.name
    assert alert.args["cause"] == "killed by SIGKILL"
    wait_until(lambda: found.get().cleared_at, 40, lambda: f"the alert to clear: {found.values()}", 0.2)
    assert len(own_plant.cluster.rows("worker")) == 2
    assert not Alert.objects.filter(cleared_at__isnull=True, severity="critical").exists()
