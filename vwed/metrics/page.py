"""The view behind ``/metrics``."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from vwed.health import unlogged
from vwed.metrics.access import may_read
from vwed.metrics.families import Families, read_facts

_REFUSED = (
    "Metrics are read on this machine, with the token (METRICS_TOKEN in the environment of the web process, sent as "
    "'Authorization: Bearer …'), or by people who may see processes.\n"
)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures, as Prometheus text or, when asked for, OpenMetrics. A dozen queries, whatever the system holds.

    503 when the database does not answer: a scrape that failed shows as ``up == 0``.
    """
    try:
        if not may_read(request):
            refused = HttpResponse(_REFUSED, status=403, content_type="text/plain; charset=utf-8")
            refused["Cache-Control"] = "no-store"
            return refused
        facts = read_facts()
    except (DatabaseError, InterfaceError):
        return unlogged(HttpResponse("The database does not answer.\n", status=503, content_type="text/plain"))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    response = HttpResponse(encode(Families(facts)), content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response
