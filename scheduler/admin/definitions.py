"""Task definitions: the list, one definition with its tree and versions, run, import and export."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from scheduler.admin import (
    definition_actions,
    definition_figures,
    definition_page,
    definition_switching,
    definition_versions,
)
from scheduler.admin.definition_import import import_view
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import ACTIVE
from vwed.admin_base import ConsoleAdmin
from vwed.console.listing import Filter, Listing, Search, containing
from vwed.console.permit import require_view

_PK = "<int:pk>/"


@admin.register(TaskDefinition)
class TaskDefinitionAdmin(ConsoleAdmin):
    """Definitions come from files; here they are read, run, imported and exported."""

    list_template = "admin/scheduler/taskdefinition/list.html"

    def get_urls(self) -> list[URLPattern]:
        """The actions beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("import/", view(import_view), name="scheduler_taskdefinition_import"),
            path("export/", view(definition_actions.export_view), name="scheduler_taskdefinition_export"),
            path(f"{_PK}run/", view(definition_actions.run_view), name="scheduler_taskdefinition_run"),
            path(
                f"{_PK}export/<int:number>/",
                view(definition_actions.export_version_view),
                name="scheduler_taskdefinition_export_version",
            ),
            path(
                f"{_PK}restore/<int:number>/",
                view(definition_versions.restore_view),
                name="scheduler_taskdefinition_restore",
            ),
            path(f"{_PK}periodic/", view(definition_switching.change_view), name="scheduler_taskdefinition_periodic"),
            path(f"{_PK}start-now/", view(definition_switching.start_view), name="scheduler_taskdefinition_start_now"),
            path(
                f"{_PK}enable/",
                view(definition_switching.switch_view),
                {"enabled": True},
                name="scheduler_taskdefinition_enable",
            ),
            path(
                f"{_PK}disable/",
                view(definition_switching.switch_view),
                {"enabled": False},
                name="scheduler_taskdefinition_disable",
            ),
            *super().get_urls(),
        ]

    def listing(self, request: HttpRequest) -> Listing:
        """By label."""
        return Listing(
            request,
            TaskDefinition.objects.select_related("current").defer("current__detail", "current__calls", "extra"),
            order="label",
            filters=(
                Filter(
                    "kind",
                    _("Kind"),
                    (("periodic", _("Periodic")), ("plain", _("On request"))),
                    lambda rows, value: rows.filter(periodic=value == "periodic"),
                ),
                Filter(
                    "enabled",
                    _("State"),
                    (("1", _("Enabled")), ("0", _("Disabled"))),
                    lambda rows, value: rows.filter(enabled=value == "1"),
                ),
            ),
            search=Search(_("Part of the label"), lambda rows, text: containing(rows, "label", text)),
        )

    def list_context(self, request: HttpRequest, listing: Listing) -> dict[str, Any]:
        """Active runs of each definition on the page, and the figures of a day. Three queries."""
        # From the few active runs, by their status index: from the definitions it would read every run there ever was.
        active = TaskRecord.objects.filter(status__in=sorted(ACTIVE)).values_list("definition")
        figures, at_least = definition_figures.of_a_day()
        return {
            "figures": figures,
            "at_least": at_least,
            "counted": definition_figures.COUNTED,
            "active": dict(active.annotate(n=Count("id")).order_by()),
            "may_import": request.user.has_perm("scheduler.add_taskdefinition"),
            "may_run": request.user.has_perm("scheduler.run_taskdefinition"),
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One definition; ``?version=3`` shows an earlier one."""
        require_view(request, self.view_permission)
        if not object_id.isdecimal():
            raise Http404
        return definition_page.render(request, definition_page.find(object_id))
