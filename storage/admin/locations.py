"""Locations: the list, one location with its journal, and the operator's commands on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler import left_behind
from scheduler.models import TaskRecord
from storage.admin import location_actions
from storage.models import Area, LocationEvent, StorageLocation, StorageRequest
from storage.states import RequestState
from vwed.admin_base import ConsoleAdmin, page
from vwed.console.listing import Filter, Listing, Search, begins_with
from vwed.console.permit import require_view

#: Journal entries on the page of a location.
EVENTS = 20


@admin.register(StorageLocation)
class LocationAdmin(ConsoleAdmin):
    """Locations. Their rows are written by the storage commands alone."""

    list_template = "admin/storage/location/list.html"

    def get_urls(self) -> list[URLPattern]:
        """The commands beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/do/<slug:command>/", view(location_actions.command), name="storage_storagelocation_command"),
            *super().get_urls(),
        ]

    def listing(self, request: HttpRequest) -> Listing:
        """By site id."""
        return Listing(
            request,
            StorageLocation.objects.select_related("area"),
            order="site_id",
            filters=(
                Filter("state", _("State"), _STATES, _by_state),
                Filter("area", _("Area"), _areas(), lambda rows, value: rows.filter(area__name=value)),
            ),
            search=Search(_("Site id, group:… or holder:…"), _search),
        )

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Runs that hold locations of the page. One query."""
        holders = {row.locked_by for row in listing.rows if row.locked_by}
        return {"holders": dict(TaskRecord.objects.filter(record_id__in=holders).values_list("record_id", "pk"))}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One location."""
        require_view(request, self.view_permission)
        if not object_id.isdigit():
            raise Http404
        row = StorageLocation.objects.select_related("area").filter(pk=int(object_id)).first()
        if row is None:
            raise Http404
        wanted = StorageRequest.objects.filter(state=RequestState.PENDING, site_id=row.site_id).order_by("rank", "id")
        context = {
            "title": gettext("Location %(id)s") % {"id": row.site_id},
            "location": row,
            "holder": TaskRecord.objects.filter(record_id=row.locked_by).only("record_id", "status", "label").first()
            if row.locked_by
            else None,
            "events": list(LocationEvent.objects.filter(site_id=row.site_id).order_by("-id")[:EVENTS]),
            "wanted": list(wanted[:EVENTS]),
            "commands": location_actions.offered(request, row),
        }
        return page(request, "admin/storage/location/detail.html", context)


_STATES = (
    ("empty", _("Empty")),
    ("full", _("Full")),
    ("locked", _("Locked")),
    ("left", _("Left behind by an ended run")),
    ("disabled", _("Out of use")),
    ("unknown", _("Sensor unknown")),
)


def _areas() -> list[tuple[str, str]]:
    return [(name, title or name) for name, title in Area.objects.values_list("name", "title")[:200]]


def _by_state(rows: Any, value: str) -> Any:
    match value:
        case "empty":
            return rows.filter(filled=False)
        case "full":
            return rows.filter(filled=True)
        case "locked":
            return rows.exclude(locked_by="")
        case "left":
            return left_behind.narrow(rows)
        case "disabled":
            return rows.filter(disabled=True)
        case _:
            return rows.filter(sync_failed=True)


def _search(rows: Any, text: str) -> Any:
    prefix, separator, rest = text.partition(":")
    known = {"group": "group_name", "holder": "locked_by", "content": "content"}
    if separator and prefix in known and rest.strip():
        return rows.filter(**{known[prefix]: rest.strip()})
    return rows.filter(begins_with("site_id", text))
