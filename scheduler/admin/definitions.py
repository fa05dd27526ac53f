"""Task definitions: the list, one definition with its tree and versions, run, import and export."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from scheduler.admin import definition_actions
from scheduler.admin.definition_import import import_view
from scheduler.admin.tree import tree
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import ACTIVE
from vwed.admin_base import ConsoleAdmin, page
from vwed.console.listing import Filter, Listing, Search, containing
from vwed.console.permit import require_view

#: Versions and runs shown on a definition's page.
SHOWN = 50
_TABS = (("tree", _("Tree")), ("versions", _("Versions")), ("runs", _("Runs")), ("inputs", _("Inputs")))


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
            path("<int:pk>/run/", view(definition_actions.run_view), name="scheduler_taskdefinition_run"),
            *super().get_urls(),
        ]

    def listing(self, request: HttpRequest) -> Listing:
        """By label."""
        return Listing(
            request,
            TaskDefinition.objects.select_related("current").defer("current__detail"),
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
        """Active runs of each definition on the page. One query."""
        # From the few active runs, by their status index: from the definitions it would read every run there ever was.
        active = TaskRecord.objects.filter(status__in=sorted(ACTIVE)).values_list("definition")
        return {
            "active": dict(active.annotate(n=Count("id")).order_by()),
            "may_import": request.user.has_perm("scheduler.add_taskdefinition"),
            "may_run": request.user.has_perm("scheduler.run_taskdefinition"),
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One definition; ``?version=3`` shows an earlier one."""
        require_view(request, self.view_permission)
        if not object_id.isdigit():
            raise Http404
        row = TaskDefinition.objects.select_related("current").filter(pk=int(object_id)).first()
        if row is None:
            raise Http404
        return page(request, "admin/scheduler/taskdefinition/detail.html", _context(request, row))


def _context(request: HttpRequest, row: TaskDefinition) -> dict[str, Any]:
    tab = request.GET.get("tab", "tree")
    if tab not in {name for name, _title in _TABS}:
        tab = "tree"
    version = row.current
    number = request.GET.get("version", "")
    if number.isdigit() and (version is None or int(number) != version.number):
        version = row.versions.filter(number=int(number)).first()
        if version is None:
            raise Http404
    context: dict[str, Any] = {
        "title": row.label,
        "definition": row,
        "version": version,
        "shown_current": version is not None and version.pk == row.current_id,
        "tabs": [(name, title, name == tab) for name, title in _TABS],
        "tab": tab,
        "may_run": request.user.has_perm("scheduler.run_taskdefinition"),
    }
    if tab == "tree":
        context["tree"] = tree(version.detail) if version else []
    elif tab == "versions":
        context["versions"] = row.versions.defer("detail").order_by("-number")[:SHOWN]
    elif tab == "runs":
        runs = row.records.only("record_id", "status", "created_at", "ended_at", "ended_reason", "created_by")
        context["runs"] = runs.order_by("-id")[:SHOWN]
    else:
        context["inputs"] = definition_actions.declared(version) if version else []
    return context
