"""Task records: the list, one run, and the actions on runs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from scheduler import left_behind
from scheduler.admin import record_actions
from scheduler.admin.record_page import record_context
from scheduler.admin.record_verbs import DECIDE, OPERATE
from scheduler.admin.waits import requests_of, sentence
from scheduler.models import DefinitionVersion, ProcessRow, TaskDefinition, TaskRecord, Wait
from scheduler.states import ACTIVE, Status
from vwed.admin_base import ConsoleAdmin, page
from vwed.console.listing import Filter, Listing, Search, begins_with
from vwed.console.permit import require_view

Rows = QuerySet[TaskRecord]

#: Definitions that one search for a label covers.
LABELS = 200

#: More than one attempt: found by an index, as the number of attempts is not.
_AGAIN = Q(attempt_at__isnull=False)

#: Columns of the list; texts of a run can be megabytes.
_COLUMNS = (
    "record_id",
    "label",
    "status",
    "priority",
    "attempt",
    "agv_id",
    "created_at",
    "first_block_at",
    "ended_at",
    "ended_reason",
    "state_description",
    "cancel_requested",
    "due_at",
    "queue",
    "version",
)


@admin.register(TaskRecord)
class TaskRecordAdmin(ConsoleAdmin):
    """Runs. Their rows are written by the scheduler alone."""

    list_template = "admin/scheduler/taskrecord/list.html"

    def get_urls(self) -> list[URLPattern]:
        """The actions beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("do/<slug:verb>/", view(record_actions.act), name="scheduler_taskrecord_action"),
            *super().get_urls(),
        ]

    def listing(self, request: HttpRequest) -> Listing:
        """Newest first; periodic runs hidden unless asked for."""
        # No join: with one, MariaDB begins at the few versions and sorts all their runs.
        numbers = Prefetch("version", DefinitionVersion.objects.only("number"))
        rows = TaskRecord.objects.only(*_COLUMNS).prefetch_related(numbers)
        if request.GET.get("periodic") != "1":
            # Not ``periodic=False``: "NOT periodic" has no index on SQLite, and nearly all rows may be periodic.
            rows = rows.filter(periodic__in=[False])
        return Listing(
            request, rows, filters=_filters(), search=Search(_("Record id, definition, order number, robot:…"), _search)
        )

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Where each run stands: two queries for the whole page."""
        return {
            "places": _places(listing.rows),
            "status": listing.chosen.get("status", ""),
            "may_run": request.user.has_perm("scheduler.run_taskdefinition"),
            "may_operate": request.user.has_perm(OPERATE),
            "may_decide": request.user.has_perm(DECIDE),
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One run."""
        require_view(request, self.view_permission)
        row = TaskRecord.objects.select_related("version", "definition", "parent").filter(pk=_key(object_id)).first()
        if row is None:
            raise Http404
        return page(request, "admin/scheduler/taskrecord/detail.html", record_context(request, row))


def _key(object_id: str) -> int:
    try:
        return int(object_id)
    except ValueError:
        raise Http404 from None


def _filters() -> tuple[Filter, ...]:
    statuses = [("active", _("All active")), ("ended", _("All ended")), *Status.choices]
    return (
        Filter("status", _("Status"), statuses, _by_status),
        Filter("attempt", _("Attempts"), (("more", _("More than one")),), lambda rows, value: rows.filter(_AGAIN)),
        Filter("locks", _("Locks"), (("left", _("Left behind")),), _by_locks),
        Filter("periodic", _("Periodic hidden"), (("1", _("Periodic too")),), lambda rows, value: rows),
    )


def _by_locks(rows: Rows, value: str) -> Rows:
    """Ended runs in whose name locations are locked: found from the locks, of which there are few."""
    return rows.filter(record_id__in=left_behind.holders())


def _by_status(rows: Rows, value: str) -> Rows:
    """One status, or a group. Nearly all rows have ended: those are read in key order, not from an index and sorted."""
    if value == "ended":
        return rows.exclude(status__in=sorted(ACTIVE))
    return rows.filter(status__in=sorted(ACTIVE)) if value == "active" else rows.filter(status=value)


def _search(rows: Rows, text: str) -> Rows:
    """Map each word to an indexed look-up: exact, or by its beginning."""
    known = {"robot": "agv_id", "order": "out_order_no", "queue": "queue", "id": "record_id", "label": "label"}
    prefix, separator, rest = text.partition(":")
    if separator and prefix in known and rest.strip():
        return rows.filter(begins_with(known[prefix], rest.strip()))
    if separator and prefix == "state" and rest.strip():
        return rows.filter(status__in=sorted(ACTIVE), state_description__contains=rest.strip().strip('"'))
    # One index at a time: an OR over three columns makes a database read every row when nothing matches.
    for column in ("record_id", "out_order_no"):
        if TaskRecord.objects.filter(begins_with(column, text)).exists():
            return rows.filter(begins_with(column, text))
    labels = list(TaskDefinition.objects.filter(begins_with("label", text)).values_list("label", flat=True)[:LABELS])
    return rows.filter(label=labels[0]) if len(labels) == 1 else rows.filter(label__in=labels)


def _places(rows: list[TaskRecord]) -> dict[int, str]:
    """For each row: what it waits for, the block that runs, or why it ended."""
    waiting = [row.pk for row in rows if row.status == Status.WAITING]
    running = [row.record_id for row in rows if row.status == Status.RUNNING]
    places = {row.pk: row.ended_reason or row.state_description for row in rows}
    if waiting:
        waits = list(Wait.objects.filter(record__in=waiting).order_by("-since_ms"))
        requests = requests_of(waits)
        for wait in waits:
            places[wait.record_id] = sentence(wait.code, wait.args, requests.get(wait.key), wait.due_ms)
    if running:
        blocks = dict(
            ProcessRow.objects.filter(current_record__in=running).values_list("current_record", "current_block")
        )
        places.update({row.pk: blocks[row.record_id] for row in rows if blocks.get(row.record_id)})
    return places
