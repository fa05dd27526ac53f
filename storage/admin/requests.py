"""Storage requests: who waits for which location, in the order in which they are served."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from scheduler.admin.waits import criteria
from scheduler.models import TaskRecord
from storage.admin import request_actions
from storage.admin.location_actions import OPERATE
from storage.models import StorageRequest
from storage.states import LIVE, REQUEST_TONES, RequestState
from vwed.admin_base import ConsoleAdmin
from vwed.console.listing import Filter, Listing, Search

_ICONS = {
    RequestState.PENDING: "hourglass_top",
    RequestState.GRANTED: "play_arrow",
    RequestState.COMPLETED: "check",
    RequestState.EXPIRED: "error",
    RequestState.CANCELLED: "do_not_disturb_on",
}


@admin.register(StorageRequest)
class StorageRequestAdmin(ConsoleAdmin):
    """Waits for locations. Written by the runs; a wait ends with its run."""

    list_template = "admin/storage/storagerequest/list.html"

    def get_urls(self) -> list[URLPattern]:
        """The command beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/do/withdraw/", view(request_actions.withdraw), name="storage_storagerequest_withdraw"),
            *super().get_urls(),
        ]

    def listing(self, request: HttpRequest) -> Listing:
        """Newest first; only waiting ones when asked for."""
        return Listing(
            request,
            StorageRequest.objects.all(),
            filters=(Filter("state", _("State"), RequestState.choices, lambda rows, value: rows.filter(state=value)),),
            search=Search(_("Run that waits"), lambda rows, text: rows.filter(holder=text)),
        )

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Links to the runs. One query."""
        holders = {row.holder for row in listing.rows}
        may = request.user.has_perm(OPERATE)
        return {
            "wants": {row.pk: criteria(row) for row in listing.rows},
            "withdrawable": {row.pk for row in listing.rows if may and row.state in LIVE},
            "runs": dict(TaskRecord.objects.filter(record_id__in=holders).values_list("record_id", "pk")),
            "looks": {
                row.pk: (
                    RequestState(row.state).label,
                    _ICONS[RequestState(row.state)],
                    REQUEST_TONES[RequestState(row.state)],
                )
                for row in listing.rows
            },
        }
