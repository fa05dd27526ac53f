"""Pages without a model of their own: the map, the services, and the short address of a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from scheduler import clock, selectors
from scheduler.models import ProcessRow, ServiceRow, TaskRecord
from storage.models import Area, StorageLocation
from vwed.admin_base import page
from vwed.console import chips
from vwed.console.permit import require_view

#: Locations drawn at once.
MAP_LIMIT = 3000
#: A group wider than this flows instead of standing in its columns.
COLUMN_LIMIT = 24
#: How long a process that has ended stays on the page.
GONE_SHOWN = timedelta(minutes=10)
PROCESS_LIMIT = 200


def record_by_id(request: HttpRequest, record_id: str) -> HttpResponse:
    """``/admin/r/<record id>/`` leads to the page of the run; its query (a tab) goes along."""
    require_view(request, "scheduler.view_taskrecord")
    pk = TaskRecord.objects.filter(record_id=record_id).values_list("pk", flat=True).first()
    if pk is None:
        raise Http404
    query = request.META.get("QUERY_STRING", "")
    url = reverse("admin:scheduler_taskrecord_change", args=(pk,))
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def storage_map(request: HttpRequest) -> HttpResponse:
    """The locations of one area by group, in their rows and columns. Three queries."""
    require_view(request, "storage.view_storagelocation")
    areas = list(Area.objects.annotate(n=Count("locations")).order_by("name"))
    wanted = request.GET.get("area", "")
    area = next((a for a in areas if a.name == wanted), areas[0] if areas else None)
    cells = (
        list(
            StorageLocation.objects.filter(area=area)
            .order_by("group_name", "level", "row", "column", "site_id")
            .defer("match_wanted_at", "fleet_holder")[:MAP_LIMIT]
        )
        if area
        else []
    )
    holders = {cell.locked_by for cell in cells if cell.locked_by}
    runs = (
        set(TaskRecord.objects.filter(record_id__in=holders).values_list("record_id", flat=True)) if holders else set()
    )
    context = {
        "title": _("Storage map"),
        "areas": areas,
        "area": area,
        "groups": _groups(cells, runs),
        "counts": {
            "empty": sum(not cell.filled for cell in cells),
            "full": sum(cell.filled for cell in cells),
            "run": sum(cell.locked_by in runs for cell in cells if cell.locked_by),
            "person": sum(cell.locked_by not in runs for cell in cells if cell.locked_by),
            "off": sum(cell.disabled for cell in cells),
            "unknown": sum(cell.sync_failed for cell in cells),
        },
    }
    return page(request, "vwed/pages/storage_map.html", context)


def _groups(cells: list[StorageLocation], runs: set[str]) -> list[dict[str, Any]]:
    groups: dict[str, list[StorageLocation]] = {}
    for cell in cells:
        groups.setdefault(cell.group_name, []).append(cell)
    return [_group(name, members, runs) for name, members in groups.items()]


def _group(name: str, members: list[StorageLocation], runs: set[str]) -> dict[str, Any]:
    columns = [cell.column for cell in members if cell.column is not None]
    rows = [cell.row for cell in members if cell.row is not None]
    placed = len(columns) == len(rows) == len(members) and max(columns) - min(columns) < COLUMN_LIMIT
    # Two locations on one spot (levels) would hide each other.
    placed = placed and len({(cell.row, cell.column) for cell in members}) == len(members)
    left, top = (min(columns), min(rows)) if placed else (0, 0)
    return {
        "name": name,
        "size": len(members),
        "empty": sum(not cell.filled and not cell.locked_by and not cell.disabled for cell in members),
        "columns": max(columns) - left + 1 if placed else 0,
        "cells": [
            {
                "row": cell,
                "by_run": cell.locked_by in runs,
                "place": f"grid-row:{cell.row - top + 1};grid-column:{cell.column - left + 1}"
                if placed and cell.row is not None and cell.column is not None
                else "",
            }
            for cell in members
        ],
    }


def services(request: HttpRequest) -> HttpResponse:
    """Processes, periodic services and queues. Five queries."""
    require_view(request, "scheduler.view_processrow")
    now = clock.now()
    rows = [
        *ProcessRow.objects.filter(ended_at__isnull=True).order_by("boot_id", "role", "name")[:PROCESS_LIMIT],
        *ProcessRow.objects.filter(ended_at__gte=now - GONE_SHOWN).order_by("-ended_at")[:20],
    ]
    served = selectors.serving_queues(now)
    context = {
        "title": _("Services"),
        "processes": [(row, _look(row, (now - row.beat_at).total_seconds())) for row in rows],
        "services": list(ServiceRow.objects.order_by("name")[:PROCESS_LIMIT]),
        "queues": [(age, age.queue in served) for age in selectors.queue_ages()],
        "served": sorted(served),
    }
    return page(request, "vwed/pages/services.html", context)


def _look(row: ProcessRow, age_s: float) -> chips.Look:
    if row.ended_at is not None or age_s > selectors.BEAT_GONE_S:
        return chips.GONE
    if age_s > selectors.BEAT_LATE_S:
        return chips.LATE
    return chips.DRAINING if row.draining else chips.ALIVE
