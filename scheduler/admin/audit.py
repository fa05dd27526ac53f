"""The audit log: read only, for everybody with the right to see it; an operator sees their own entries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from scheduler.models import AuditEntry
from vwed.admin_base import ConsoleAdmin
from vwed.console.listing import Filter, Listing, Search, begins_with

_ORIGINS: tuple[tuple[str, Any], ...] = (
    ("page", _("Console")),
    ("command", _("Command")),
    ("api", _("Interface")),
    ("service", _("Service")),
    ("demo", _("Demo")),
)


@admin.register(AuditEntry)
class AuditAdmin(ConsoleAdmin):
    """Who did what, when and why; refused attempts too."""

    list_template = "admin/scheduler/auditentry/list.html"

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Words for the origins."""
        return {"origins": dict(_ORIGINS)}

    def listing(self, request: HttpRequest) -> Listing:
        """Newest first."""
        return Listing(
            request,
            AuditEntry.objects.all(),
            filters=(
                Filter(
                    "refused",
                    _("Outcome"),
                    (("1", _("Refused")), ("0", _("Carried out"))),
                    lambda rows, value: rows.filter(refused=value == "1"),
                ),
                Filter(
                    "origin",
                    _("Origin"),
                    _ORIGINS,
                    lambda rows, value: rows.filter(origin=value),
                ),
            ),
            search=Search(_("Object id, or who:name"), _search),
        )


def _search(rows: Any, text: str) -> Any:
    prefix, _sep, rest = text.partition(":")
    if prefix == "who" and rest:
        return rows.filter(actor=rest.strip())
    return rows.filter(begins_with("object_id", text))
