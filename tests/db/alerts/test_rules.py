"""Each rule opens and clears on rows that say so, and has no value where there is nothing to measure."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from scheduler import clock
from scheduler.housekeeping.rows import NOT_LOOKED_AT
from scheduler.io.services import tell
from scheduler.models import EndedCounter, ProcessRow, TaskRecord
from scheduler.states import Status
from tests.db.alerts.conftest import HOST, Turned, open_of, process, tuned
from vwed.alerts import facts, readers, rules
from vwed.models import Alert, AlertDelivery, Growth

pytestmark = pytest.mark.django_db
MakeRun = Callable[..., TaskRecord]


def opened(watch: Turned, code: str, looks: int = 1) -> Alert:
    """The one alert of a rule after so many looks, none before them."""
    if looks > 1:
        watch.look(looks - 1)
        assert open_of(code) == [], "too early"
    watch.look()
    (alert,) = open_of(code)
    return alert


def cleared(watch: Turned, code: str, looks: int = 1) -> None:
    if looks > 1:
        watch.look(looks - 1)
        assert open_of(code), "too early"
    watch.look()
    assert open_of(code) == []


def test_nothing_is_wrong_with_a_worker_that_lives(watch: Turned) -> None:
    said = watch.look(20)
    assert list(Alert.objects.all()) == []
    assert said["rules"] == len(rules.RULES)


def test_no_cluster(watch: Turned) -> None:
    ProcessRow.objects.update(draining=True)
    assert opened(watch, "no_cluster", 3).severity == "critical"
    ProcessRow.objects.update(draining=False)
    cleared(watch, "no_cluster", 3)


def test_fleet_silent(watch: Turned) -> None:
    tell("fleet_orders", interval_s=1, result={"open": 12}, error="connection refused")
    alert = opened(watch, "fleet_silent", 3)
    assert alert.args == {"error": "connection refused", "n": 12}
    tell("fleet_orders", interval_s=1, result={"open": 12}, error="")
    cleared(watch, "fleet_silent", 3)


def test_service_failed(watch: Turned) -> None:
    tell("retention", interval_s=1, error="disk is full")
    alert = opened(watch, "service_failed", 4)
    assert (alert.object_key, alert.args["error"]) == ("retention", "disk is full")
    tell("retention", interval_s=1, error="")
    cleared(watch, "service_failed", 4)


def test_disk(watch: Turned, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    present = [usage(100_000_000, 95_000_000, 5_000_000)]
    monkeypatch.setattr(readers.shutil, "disk_usage", lambda _path: present[0])
    alert = opened(watch, "disk", 7)
    assert alert.object_key.startswith(f"{HOST}:/")
    assert (alert.value, alert.args["free"]) == (95, 5)
    present[0] = usage(100_000_000, 89_000_000, 11_000_000)
    watch.look(20)
    assert open_of("disk"), "89 % is above the threshold minus the margin"
    present[0] = usage(100_000_000, 50_000_000, 50_000_000)
    cleared(watch, "disk", 7)


def test_the_disk_of_another_host_is_its_watchers_business_while_it_lives(watch: Turned) -> None:
    key = "elsewhere:/data"
    fields = {"rule": "disk", "object_key": key, "open_key": key, "severity": "critical", "threshold": 90, "value": 95}
    Alert.objects.create(opened_at=watch.now, updated_at=watch.now, **fields)
    other = process("io-elsewhere", "io", host="elsewhere")
    watch.look(20)
    assert open_of("disk")
    other.delete()
    cleared(watch, "disk", 7)


@pytest.mark.mysql
def test_server_connections(watch: Turned) -> None:
    tuned("server_connections", threshold=1, clear_margin=0, hold_s=0)
    connection.cursor().execute("SELECT 1")
    before, readings = readers.Readers().read(watch.now, rules.in_force())
    found = readings["server_connections"]
    assert before
    assert found is not None
    assert 0 < found[""].args["n"] <= found[""].args["of"]
    assert found[""].value == 100 * found[""].args["n"] / found[""].args["of"]


def test_a_killed_worker_is_told_at_once_and_clears_some_minutes_after_its_seat_is_served(watch: Turned) -> None:
    tuned("process_died", hold_s=60)
    process("main-1", "main")
    dead = process("w-2", seat=2, ended_at=watch.now, cause="killed by SIGKILL")
    alert = opened(watch, "process_died")
    assert alert.object_key == f"{HOST}/worker 2"
    assert alert.args["cause"] == "killed by SIGKILL"
    watch.look(20)
    assert open_of("process_died"), "nobody sits there"
    process("w-3", seat=2)
    cleared(watch, "process_died")

    again = process("w-4", seat=2, ended_at=watch.now, cause="died")
    assert opened(watch, "process_died").args["n"] == 2
    watch.look(10)
    assert open_of("process_died"), "its seat is served, but the death is not a minute old"
    watch.look(3)
    assert open_of("process_died") == []
    assert dead.name != again.name


@pytest.mark.parametrize("cause", ["recycled", "ended", "stopped", NOT_LOOKED_AT])
def test_who_goes_in_order_is_no_death(watch: Turned, cause: str) -> None:
    process("main-1", "main")
    process("w-2", seat=2, ended_at=watch.now, cause=cause)
    watch.look(3)
    assert open_of("process_died") == []


def test_a_cluster_that_was_replaced_is_one_death(watch: Turned) -> None:
    process("main-1", "main")
    for number, role in enumerate(("worker", "worker", "pusher", "sentinel")):
        process(f"p-{number}", role, seat=number, ended_at=watch.now, cause="replaced: the pusher stands still")
    assert opened(watch, "process_died").object_key == f"{HOST}/cluster"


def test_a_host_that_died_as_a_whole_is_one_death(watch: Turned) -> None:
    process("main-old", "main", host="b", ended_at=watch.now, cause="not heard of any more")
    process("w-old", host="b", seat=1, ended_at=watch.now, cause="not heard of any more")
    process("io-old", "io", host="b", ended_at=watch.now, cause="not heard of any more")
    assert opened(watch, "process_died").object_key == "b/main"


def test_queue_age(watch: Turned, make_run: MakeRun) -> None:
    run = make_run("r", Status.READY, queue="pick", ready_at=watch.now - timedelta(seconds=92))
    alert = opened(watch, "queue_age", 3)
    assert alert.object_key == "pick"
    assert alert.value is not None
    assert alert.value > 92
    TaskRecord.objects.filter(pk=run.pk).update(status=Status.CLAIMED)
    cleared(watch, "queue_age", 3)


def test_failure_rate_needs_a_number_of_runs(watch: Turned) -> None:
    minute = int(watch.now.timestamp() // 60)
    tuned("failure_rate", hold_s=0)
    EndedCounter.objects.create(minute=minute, status=Status.FAILED, slot=1, count=5)
    EndedCounter.objects.create(minute=minute, status=Status.CANCELLED, slot=1, count=500)
    watch.look()
    assert open_of("failure_rate") == [], "five runs say nothing"
    EndedCounter.objects.create(minute=minute, status=Status.FINISHED, slot=1, count=15)
    alert = opened(watch, "failure_rate")
    assert (alert.value, alert.args) == (25, {"n": 5, "of": 20})
    EndedCounter.objects.filter(status=Status.FINISHED).update(count=95)
    cleared(watch, "failure_rate")


def test_stuck_run(watch: Turned) -> None:
    worker = process("w-2", seat=2, current_record="run-9", current_block="b7")
    ProcessRow.objects.filter(pk=worker.pk).update(current_since=watch.now - timedelta(seconds=590))
    watch.look()
    assert open_of("stuck_run") == []
    watch.look()
    (alert,) = open_of("stuck_run") or [opened(watch, "stuck_run")]
    assert alert.args == {"record": "run-9", "block": "b7", "process": "w-2"}
    ProcessRow.objects.filter(pk=worker.pk).update(current_record="", current_since=None)
    cleared(watch, "stuck_run")


def test_overdue_run(watch: Turned, make_run: MakeRun) -> None:
    run = make_run("late-1", Status.WAITING, due_at=watch.now - timedelta(seconds=120))
    make_run("fine", Status.WAITING, due_at=watch.now + timedelta(hours=5))
    assert opened(watch, "overdue_run", 3).object_key == "late-1"
    TaskRecord.objects.filter(pk=run.pk).update(status=Status.READY)
    cleared(watch, "overdue_run", 3)


def test_undecided_run(watch: Turned, make_run: MakeRun) -> None:
    make_run("a", Status.INTERRUPTED, ended_at=watch.now - timedelta(hours=1))
    make_run("b", Status.INTERRUPTED, created_at=watch.now - timedelta(minutes=1))
    assert opened(watch, "undecided_run").args == {"n": 2}
    TaskRecord.objects.filter(record_id="a").update(status=Status.CANCELLED)
    cleared(watch, "undecided_run")


def test_memory_total(watch: Turned) -> None:
    process("w-2", seat=2, sample={"pss": 900_000_000, "rss": 2_000_000_000})
    other = process("w-3", seat=3, sample={"rss": 300_000_000})
    alert = opened(watch, "memory_total", 13)
    assert (alert.value, alert.args["processes"]) == (1200, 2)
    other.delete()
    cleared(watch, "memory_total", 13)


def test_memory_growth(watch: Turned) -> None:
    details = {"growers": [["dict", 500], {"type": "Frame", "n": 3}], "blame": ["PrintBp"]}
    row = {"low": 2e6, "high": 5e6, "at": clock.now(), "details": details}
    Growth.objects.create(subject="io", verdict="grows", **row)
    Growth.objects.create(subject="web", verdict="flat", **row)
    alert = opened(watch, "memory_growth", 4)
    assert (alert.object_key, alert.value, alert.args["high"]) == ("io", 2, 5)
    assert (alert.args["growers"], alert.args["blame"]) == ("dict, Frame", "PrintBp")
    Growth.objects.update(verdict="flat")
    cleared(watch, "memory_growth", 4)


def test_runs_growth(watch: Turned) -> None:
    Growth.objects.create(subject="runs", verdict="grows", low=40, high=60, at=clock.now())
    assert opened(watch, "runs_growth", 4).value == 40
    assert open_of("memory_growth") == []
    Growth.objects.update(verdict="flat")
    cleared(watch, "runs_growth", 4)


def test_context_alive_also_of_a_worker_that_has_just_ended(watch: Turned) -> None:
    ProcessRow.objects.update(sample={"leaked": 0})
    sample = {"leaked": 2, "leaked_by": ["list", "Frame"]}
    process("w-2", seat=2, sample=sample, ended_at=watch.now, cause="recycled")
    alert = opened(watch, "context_alive")
    assert (alert.object_key, alert.value, alert.args["types"]) == ("w-2", 2, "list, Frame")
    watch.look(59)
    assert open_of("context_alive")
    cleared(watch, "context_alive")


def test_pool_in_use_and_waits(watch: Turned) -> None:
    pool: dict[str, Any] = {"in_use": 29, "size": 10, "max_overflow": 20, "waits": 3}
    web = process("web-1", "web", sample={"pool": pool})
    tuned("pool_waits", hold_s=0)
    alert = opened(watch, "pool_in_use", 7)
    assert (alert.args["n"], alert.args["of"]) == (29, 30)
    assert open_of("pool_waits") == [], "what was counted before is not of this minute"
    ProcessRow.objects.filter(pk=web.pk).update(sample={"pool": {**pool, "in_use": 3, "waits": 13}})
    assert opened(watch, "pool_waits").value == 10
    cleared(watch, "pool_in_use", 6)
    cleared(watch, "pool_waits", 6)


def test_delivery_failed_is_shown_and_itself_not_sent(watch: Turned) -> None:
    tuned("*", receivers="shift@example.com")
    fields = {"channel": "mail", "target": "a@b.example", "error": "refused", "created_at": watch.now}
    AlertDelivery.objects.create(kind="opened", state="failed", next_at=watch.now, **fields)
    assert opened(watch, "delivery_failed").args == {"target": "a@b.example", "error": "refused"}
    assert AlertDelivery.objects.count() == 1
    watch.look(720)
    assert open_of("delivery_failed") == []


def test_what_is_not_measured_has_no_value_and_changes_nothing(watch: Turned) -> None:
    ProcessRow.objects.update(sample={})
    _, readings = readers.Readers().read(watch.now, rules.in_force())
    unknown = {"memory_total", "memory_growth", "runs_growth", "context_alive", "pool_in_use", "pool_waits"}
    if connection.vendor == "sqlite":
        unknown.add("server_connections")
    assert {code for code, found in readings.items() if found is None} == {*unknown, "fleet_silent"}

    at = {"opened_at": watch.now, "updated_at": watch.now}
    Alert.objects.create(rule="memory_total", open_key="m", severity="warning", value=5, threshold=1, **at)
    watch.look(30)
    assert open_of("memory_total"), "unknown is not quiet"


def test_one_rule_that_cannot_be_read_does_not_blind_the_others(watch: Turned, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: object) -> None:
        raise PermissionError("no entry")

    monkeypatch.setattr(readers.shutil, "disk_usage", broken)
    ProcessRow.objects.update(draining=True)
    for _ in range(3):
        with pytest.raises(Exception, match="disk: PermissionError: no entry"):
            watch.look()
    assert open_of("no_cluster")


def test_a_number_of_a_sample_is_a_number() -> None:
    assert [facts.number({"a": value}, "a") for value in (1, 2.5, True, "3", None)] == [1, 2.5, None, None, None]
    assert facts.number({}, "a") is None
