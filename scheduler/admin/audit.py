"""The audit log: read only, for everybody with the right to see it; who acts sees their own entries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from scheduler.admin.audit_words import ORIGINS, action_word, differences
from scheduler.models import AuditEntry
from vwed.admin_base import ConsoleAdmin
from vwed.console.listing import Filter, Listing, Search, begins_with

#: Who may act may read what they did, without the right to read what others did.
_ACTS = ("scheduler.operate_taskrecord", "scheduler.run_taskdefinition", "storage.operate_storagelocation")


def sees_audit(user: Any) -> bool:
    """Whether the person sees the audit log, or at least their own entries."""
    return user.has_perm("scheduler.view_auditentry") or any(user.has_perm(right) for right in _ACTS)


@admin.register(AuditEntry)
class AuditAdmin(ConsoleAdmin):
    """Who did what, when and why; refused attempts too."""

    list_template = "admin/scheduler/auditentry/list.html"

    def require_list(self, request: HttpRequest) -> None:
        """Everybody who acts; ``listing`` decides which entries."""
        if not sees_audit(request.user):
            raise PermissionDenied

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Words for actions, fields and origins."""
        origins = dict(ORIGINS)
        return {
            "entries": [
                (row, action_word(row.action), differences(row), origins.get(row.origin, row.origin))
                for row in listing.rows
            ],
        }

    def listing(self, request: HttpRequest) -> Listing:
        """Newest first; only their own without the right to see all."""
        rows = AuditEntry.objects.all()
        if not request.user.has_perm(self.view_permission):
            rows = rows.filter(actor=request.user.get_username())
        return Listing(
            request,
            rows,
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
                    ORIGINS,
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
