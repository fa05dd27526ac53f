"""In and out of use."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from storage.locations.rows import TEXT_LENGTH, LocationState, entry, locked_row, locked_rows, write
from storage.models import StorageLocation
from storage.states import LocationAction


def disable(site_id: str, *, actor: str, reason: str = "", until: datetime | None = None) -> LocationState:
    """Take a location out of use, for good or until a time. Its lock stays with its holder."""
    row = locked_row(site_id)
    columns = {
        "disabled": True,
        "disabled_by": actor[:150],
        "disabled_reason": reason[:TEXT_LENGTH],
        "disabled_until": until,
    }
    if all(getattr(row, name) == value for name, value in columns.items()):
        return write(row, {}, [])
    after = until.isoformat(timespec="minutes") if until else "1"
    return write(row, columns, [entry(row, LocationAction.DISABLED, row.disabled, after, actor, reason)])


def enable(site_id: str, *, actor: str, reason: str = "") -> LocationState:
    """Put a location back into use."""
    row = locked_row(site_id)
    return _enable(row, actor, reason) if row.disabled else write(row, {}, [])


def enable_due(now: datetime, *, limit: int = 100) -> list[str]:
    """Enable what was disabled until a time that has come; returns the site ids. One statement when there is none."""
    due = StorageLocation.objects.filter(disabled_until__lte=now)
    ids = list(due.order_by("disabled_until").values_list("pk", flat=True)[:limit])
    if not ids:
        return []
    with transaction.atomic():
        rows = [row for row in locked_rows(sorted(ids)) if row.disabled_until and row.disabled_until <= now]
        for row in rows:
            _enable(row, "timer", "time reached")
    return [row.site_id for row in rows]


def _enable(row: StorageLocation, actor: str, reason: str) -> LocationState:
    columns = {"disabled": False, "disabled_by": "", "disabled_reason": "", "disabled_until": None}
    return write(row, columns, [entry(row, LocationAction.ENABLED, True, False, actor, reason)])


def set_sync_failed(site_id: str, failed: bool, *, actor: str, reason: str = "") -> LocationState:
    """Say whether the sensor state of a location is unknown."""
    row = locked_row(site_id)
    if row.sync_failed == failed:
        return write(row, {}, [])
    entries = [entry(row, LocationAction.SYNC, row.sync_failed, failed, actor, reason)]
    return write(row, {"sync_failed": failed}, entries)
