"""The console: Django's admin site under the Unfold theme, with pages that belong to no model."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    """The default admin site. Its name stays ``admin``: the theme reverses that namespace."""

    index_title = _("Overview")
    enable_nav_sidebar = True

    def extra_urls(self) -> list[URLPattern]:
        """Routes of pages without a model; each is wrapped by ``admin_view`` (staff only, never cached)."""
        from vwed.console import (
            alert_rules,
            alerts,
            database,
            memory,
            memory_probes,
            pages,
            settings_files,
            settings_history,
            settings_page,
        )
        from vwed.console.history import history
        from vwed.live.poll import keep, poll

        return [
            path("live/poll/", self.admin_view(poll), name="live_poll"),
            path("live/keep/", self.admin_view(keep), name="live_keep"),
            path("monitoring/history/", self.admin_view(history), name="monitoring_history"),
            path("r/<str:record_id>/", self.admin_view(pages.record_by_id), name="record_by_id"),
            path("storage/map/", self.admin_view(pages.storage_map), name="storage_map"),
            path("alerts/", self.admin_view(alerts.alerts), name="alerts"),
            path("alerts/ack/", self.admin_view(alerts.acknowledge), name="alerts_ack"),
            path("alerts/rules/", self.admin_view(alert_rules.index), name="alert_rules"),
            path("alerts/rules/<str:code>/", self.admin_view(alert_rules.change), name="alert_rule"),
            path("alerts/rules/<str:code>/test/", self.admin_view(alert_rules.test), name="alert_test"),
            path("memory/", self.admin_view(memory.memory), name="memory"),
            path("memory/ask/<str:kind>/", self.admin_view(memory_probes.ask_view), name="memory_ask"),
            path("memory/recycle/", self.admin_view(memory_probes.recycle_view), name="memory_recycle"),
            path("memory/probes/<int:pk>/", self.admin_view(memory_probes.probe_view), name="memory_probe"),
            path("memory/compare/", self.admin_view(memory_probes.compare_view), name="memory_compare"),
            path("database/", self.admin_view(database.database), name="database"),
            path("database/kill/<int:number>/", self.admin_view(database.kill), name="database_kill"),
            path("settings/", self.admin_view(settings_page.settings), name="settings"),
            path("settings/projection/", self.admin_view(settings_page.projection), name="settings_projection"),
            path("settings/export/", self.admin_view(settings_files.export), name="settings_export"),
            path("settings/import/", self.admin_view(settings_files.load), name="settings_import"),
            path("settings/clusters/", self.admin_view(settings_history.replace_clusters), name="settings_clusters"),
            path("settings/history/", self.admin_view(settings_history.history), name="settings_history"),
            path("settings/history/<int:number>/", self.admin_view(settings_history.change), name="settings_change"),
            path(
                "settings/history/<int:number>/rollback/",
                self.admin_view(settings_history.roll_back),
                name="settings_rollback",
            ),
            path(
                "settings/history/<int:number>/cancel/",
                self.admin_view(settings_history.cancel),
                name="settings_cancel",
            ),
            path("services/", self.admin_view(pages.services), name="services"),
        ]

    def extra_context(self, context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
        """What every page of the frame needs beside the theme's own."""
        from vwed.alerts.present import counts_for
        from vwed.console.browser_texts import browser_texts

        return {**context, "vw_i18n": browser_texts(), "vw_critical": counts_for(request).critical}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The Overview: every number is already in the page; the socket only keeps it fresh."""
        from vwed.console.overview import overview_context

        answer: TemplateResponse = super().index(request, {**overview_context(request), **(extra_context or {})})
        return answer

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The command palette. Never cached: what a person may see depends on rights, language and state."""
        from vwed.console.palette import palette

        return palette(self, request)
