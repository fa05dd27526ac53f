"""What every page of the console is built on: read-only model pages with their own list and detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from vwed.console.listing import Listing
from vwed.console.permit import require_view


def page(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> TemplateResponse:
    """A page in the frame of the console."""
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context}, status=status)


class ConsoleAdmin(ModelAdmin):
    """A model shown by pages of ours. Rows are changed by commands, never by a form of the admin."""

    list_template = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """No form adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """No form changes rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are pruned by retention."""
        return False

    @property
    def view_permission(self) -> str:
        """What a person needs to see these pages."""
        return f"{self.opts.app_label}.view_{self.opts.model_name}"

    def require_list(self, request: HttpRequest) -> None:
        """Return when the person may see the list.

        Raises:
            PermissionDenied: otherwise.
        """
        require_view(request, self.view_permission)

    def listing(self, request: HttpRequest) -> Listing:
        """The list that is shown."""
        raise NotImplementedError

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """What the list's template needs besides the rows."""
        return {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        self.require_list(request)
        listing = self.listing(request)
        context = {"title": self.opts.verbose_name_plural, "listing": listing, **self.list_context(request, listing)}
        return page(request, self.list_template, context)
