"""``/healthz`` (this process is alive) and ``/readyz`` (and can do its work, and a cluster consumes)."""

from __future__ import annotations

from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

#: A process whose last beat is older is not counted as alive.
BEAT_LIMIT = timedelta(seconds=15)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, is migrated and a cluster consumes; else 503 with the failing checks."""
    checks: dict[str, str] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checks["database"] = "ok"
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        checks["migrations"] = f"{len(missing)} missing: run manage.py migrate" if missing else "ok"
        if not missing:
            checks["cluster"] = "ok" if cluster_alive() else "no cluster alive: run manage.py cluster"
    except DatabaseError:
        # What exactly is wrong may name hosts and users; it belongs into the log, not into an open answer.
        checks["database"] = "does not answer"
    ready = bool(checks) and all(value == "ok" for value in checks.values())
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def cluster_alive() -> bool:
    """Whether a worker of some cluster has reported lately. One query."""
    from scheduler import clock
    from scheduler.models import ProcessRow

    return ProcessRow.objects.filter(
        role="worker", ended_at__isnull=True, beat_at__gte=clock.now() - BEAT_LIMIT
    ).exists()
