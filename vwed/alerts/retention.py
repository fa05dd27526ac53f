"""Bounds of what alerts leave behind: cleared alerts and sent messages, by time and number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet

from scheduler import clock
from vwed.alerts.outbox import PENDING
from vwed.models import Alert, AlertDelivery

KEPT = timedelta(days=30)
KEPT_ROWS = 10_000
#: Rows of one table that one call deletes at most.
BATCH = 1000
EVERY_S = 60.0


def run_once(now: datetime | None = None) -> Mapping[str, Any]:
    """Delete one batch of each table of what is too old or too many; how many. Four statements when nothing is."""
    moment = now or clock.now()
    alerts = Alert.objects.filter(cleared_at__isnull=False)
    deliveries = AlertDelivery.objects.exclude(state=PENDING)
    return {
        "alerts": _prune(alerts, alerts.filter(cleared_at__lt=moment - KEPT)),
        "deliveries": _prune(deliveries, deliveries.filter(created_at__lt=moment - KEPT)),
    }


def _prune(rows: QuerySet[Any], old: QuerySet[Any]) -> int:
    pks = set(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
    newest_too_many = rows.order_by("-pk").values_list("pk", flat=True)[KEPT_ROWS : KEPT_ROWS + 1].first()
    if newest_too_many is not None and len(pks) < BATCH:
        many = rows.filter(pk__lte=newest_too_many).exclude(pk__in=pks).order_by("pk")
        pks |= set(many.values_list("pk", flat=True)[: BATCH - len(pks)])
    model: type[Model] = rows.model
    # Messages name their alert without a constraint and have bounds of their own.
    return int(model._default_manager.filter(pk__in=pks)._raw_delete("default")) if pks else 0
