"""``/metrics``: right figures, bounded labels, few queries, and not for everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from scheduler import clock
from scheduler.definitions.importing import import_file
from scheduler.models import EndedCounter, ServiceRow, TaskRecord
from scheduler.submission import submit
from tests.db.monitoring.making import MB, process
from tests.support.tasks import block, detail, task_file
from vwed.metrics import families
from vwed.models import Alert, Growth

pytestmark = pytest.mark.django_db

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(answer: HttpResponse) -> Samples:
    """Every sample by its name and labels, as a scraper reads it; two of the same are an error."""
    assert answer.status_code == 200, answer.content
    found: Samples = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


@pytest.fixture
def system() -> None:
    """A bit of everything."""
    now = clock.now()
    import_file("x.task", task_file(Hello=detail(block(1, "PrintBp", message="x"))), actor="test", origin="command")
    for _ in range(3):
        submit(label="Hello", actor="test", origin="command")
    TaskRecord.objects.update(ready_at=now - timedelta(seconds=90))
    minute = int(now.timestamp()) // 60
    EndedCounter.objects.create(minute=minute, status="finished", slot=0, count=7, duration_ms=14_000)
    EndedCounter.objects.create(minute=minute, status="finished", slot=1, count=3, duration_ms=6_000)
    EndedCounter.objects.create(minute=minute - 2 * 1440, status="finished", slot=0, count=1000, duration_ms=1)
    sample = {
        "rss": 60 * MB, "uss": 20 * MB, "pss": 30 * MB, "cpu_percent": 12.5, "threads": 2, "fds": 11, "contexts": 1,
        "leaked": 0, "blocks": 5000, "connections": 2,
    }  # fmt: skip
    process("worker-1", seat=1, at=now - timedelta(seconds=2), runs=41, sample=sample)
    pool = {"in_use": 3, "size": 10, "overflow": 1, "waits": 4}
    process("web-1", "web", at=now, sample={"rss": 90 * MB, "pool": pool})
    process("worker-9", seat=9, at=now - timedelta(minutes=5), sample=sample)
    for number, acked in enumerate((None, now)):
        Alert.objects.create(
            rule="queue_age", object_key=str(number), severity="warning", opened_at=now, updated_at=now, acked_at=acked
        )
    Growth.objects.create(subject="system", verdict="grows", low=1, high=2, at=now)
    ServiceRow.objects.create(name="history", interval_s=5, started_at=now - timedelta(seconds=8), error="broken")


def test_the_figures_are_those_of_the_tables(client: Client, system: None) -> None:
    found = read(client.get("/metrics"))
    assert value(found, "vwed_tasks", status="ready") == 3
    assert value(found, "vwed_tasks", status="running") == 0
    assert value(found, "vwed_tasks_ended_total", status="finished") == 10
    assert value(found, "vwed_tasks_ended_total", status="failed") == 0
    assert value(found, "vwed_task_duration_seconds_sum", status="finished") == 20
    assert value(found, "vwed_task_duration_seconds_count", status="finished") == 10
    assert value(found, "vwed_queue_ready", queue="default") == 3
    assert 90 <= (value(found, "vwed_queue_age_seconds", queue="default") or 0) < 120
    worker = {"process": "worker 1", "role": "worker"}
    assert value(found, "vwed_process_memory_bytes", kind="rss", **worker) == 60 * MB
    assert value(found, "vwed_process_memory_bytes", kind="pss", **worker) == 30 * MB
    assert value(found, "vwed_process_cpu_percent", **worker) == 12.5
    assert value(found, "vwed_process_contexts", **worker) == 1
    assert value(found, "vwed_process_runs", **worker) == 41
    # What nobody measured has no sample.
    assert value(found, "vwed_process_memory_bytes", kind="uss", process="web", role="web") is None
    assert not any("worker 9" in str(key) for key in found), "a process that is gone is shown"
    assert value(found, "vwed_processes", role="worker") == 1
    assert 2 <= (value(found, "vwed_sample_age_seconds") or 0) < 30
    assert value(found, "vwed_pool_in_use") == 3
    assert value(found, "vwed_pool_waits_total") == 4
    assert (value(found, "vwed_database_connections") or 0) >= 1
    assert value(found, "vwed_alerts_open", severity="warning") == 2
    assert value(found, "vwed_alerts_open", severity="critical") == 0
    assert value(found, "vwed_alerts_acknowledged") == 1
    assert value(found, "vwed_memory_grows") == 1
    assert value(found, "vwed_service_failed", service="history") == 1
    assert 8 <= (value(found, "vwed_service_age_seconds", service="history") or 0) < 60


def test_an_empty_system_has_zeros_where_it_counts_and_gaps_where_it_measures(client: Client) -> None:
    found = read(client.get("/metrics"))
    assert value(found, "vwed_tasks", status="ready") == 0
    assert value(found, "vwed_tasks_ended_total", status="finished") == 0
    assert value(found, "vwed_monitoring_enabled") == 1
    assert value(found, "vwed_sample_age_seconds") is None
    assert value(found, "vwed_memory_grows") is None


def test_start_latency_has_its_quantiles(client: Client, system: None) -> None:
    now = clock.now()
    TaskRecord.objects.update(created_at=now - timedelta(seconds=2), first_block_at=now - timedelta(seconds=1.5))
    found = read(client.get("/metrics"))
    for quantile in ("0.5", "0.95", "0.99"):
        assert value(found, "vwed_task_start_seconds", quantile=quantile) == 0.5


def test_a_scraper_that_asks_gets_openmetrics(client: Client, system: None) -> None:
    plain = client.get("/metrics")
    assert plain["Content-Type"].startswith("text/plain; version=")
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")
    assert b"vwed_tasks_ended_created" in answer.content  # when the counter began


def test_the_number_of_queries_does_not_grow_and_labels_are_bounded(client: Client, system: None) -> None:
    with CaptureQueriesContext(connection) as few:
        small = read(client.get("/metrics"))
    now = clock.now()
    for number in range(families.PROCESS_LIMIT + 30):
        process(f"worker-x{number}", seat=number + 10, at=now, sample={"rss": MB})
    record = TaskRecord.objects.first()
    assert record is not None
    for number in range(families.QUEUE_LIMIT + 20):
        submit(label="Hello", actor="test", origin="command", queue=f"q{number}", record_id=f"secret-{number}")
    with CaptureQueriesContext(connection) as many:
        answer = client.get("/metrics")
    found = read(answer)
    assert len(many) == len(few) <= 13, [query["sql"] for query in many.captured_queries]
    assert "secret-" not in answer.content.decode()
    names = {dict(labels).get("process") for name, labels in found if name == "vwed_process_memory_bytes"}
    assert len(names - {None}) == families.PROCESS_LIMIT + 1
    assert value(found, "vwed_process_memory_bytes", process="others", role="worker", kind="rss") == 32 * MB
    queues = {dict(labels)["queue"] for name, labels in found if name == "vwed_queue_ready"}
    assert len(queues) == families.QUEUE_LIMIT + 1
    assert sum(n for (name, _), n in found.items() if name == "vwed_queue_ready") == families.QUEUE_LIMIT + 23
    assert len(small) < 150


def test_a_dead_process_whose_row_is_open_does_not_appear_twice(client: Client) -> None:
    now = clock.now()
    process("worker-1", seat=1, at=now - timedelta(seconds=10), sample={"rss": 5 * MB})
    process("worker-2", seat=1, at=now, sample={"rss": 6 * MB})
    found = read(client.get("/metrics"))
    assert value(found, "vwed_process_memory_bytes", process="worker 1", role="worker", kind="rss") == 6 * MB


# --- Who may ---------------------------------------------------------------------------------------------------------

AWAY: dict[str, Any] = {"REMOTE_ADDR": "10.0.0.7"}


def test_without_a_token_this_machine_may_read_and_nobody_else(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    refused = client.get("/metrics", **AWAY)
    assert refused.status_code == 403
    assert "METRICS_TOKEN" in refused.content.decode()
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert client.get("/metrics", headers={header: "10.0.0.7"}).status_code == 403, "a proxy let somebody in"
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer "}, **AWAY).status_code == 403


def test_with_a_token_nothing_else_counts(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret-token"
    assert client.get("/metrics").status_code == 403
    for given in ("Bearer wrong", "Bearer ", "Basic s3cret-token", "s3cret-token"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 403
    for scheme in ("Bearer", "bearer"):
        assert client.get("/metrics", headers={"Authorization": f"{scheme} s3cret-token"}, **AWAY).status_code == 200


def test_people_who_may_see_processes_may_read_from_anywhere(
    as_role: Callable[[str], Client], people: dict[str, User], settings: Any
) -> None:
    settings.METRICS_TOKEN = "s3cret-token"
    assert as_role("Viewer").get("/metrics", **AWAY).status_code == 200
    people["Viewer"].groups.clear()
    assert as_role("Viewer").get("/metrics", **AWAY).status_code == 403


def test_it_only_reads(client: Client) -> None:
    assert client.post("/metrics").status_code == 405


def test_a_database_that_is_away_is_a_failed_scrape(client: Client) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError(2006, "root@secret-host")

    with connection.execute_wrapper(refuse):
        answer = client.get("/metrics")
    assert answer.status_code == 503
    assert b"secret" not in answer.content
