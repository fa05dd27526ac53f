"""Route table of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from vwed import health
from vwed.metrics.page import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index", permanent=False)),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "vwed.console.errors.unreadable"
handler403 = "vwed.console.errors.forbidden"
handler404 = "vwed.console.errors.not_found"
handler500 = "vwed.console.errors.broken"
