"""The frame of the console as the theme wants it: sidebar, colours, files. Loaded by the settings: no models here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


def _active(*prefixes: str, without: str = "") -> Callable[[HttpRequest], bool]:
    """The theme finds the active entry by substring, which lights up two; this compares whole prefixes."""

    def active(request: HttpRequest) -> bool:
        path = request.path
        return path.startswith(prefixes) and not (without and path.startswith(without))

    return active


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return allowed


def _item(title: Any, icon: str, url: str, permission: str, *prefixes: str, without: str = "") -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(url),
        "permission": _may(permission),
        "active": _active(*prefixes, without=without),
    }


def _sees_audit(request: HttpRequest) -> bool:
    from scheduler.admin.audit import sees_audit

    return sees_audit(request.user)


def environment(request: HttpRequest) -> list[str] | None:
    """Label beside the title: what the installation is called."""
    from django.conf import settings

    known = {"Demo": gettext("Demo")}
    return [known.get(settings.INSTALLATION, settings.INSTALLATION), "info"] if settings.INSTALLATION else None


_SCHEDULER = "/admin/scheduler"

NAVIGATION: list[dict[str, Any]] = [
    {
        "title": _("Operations"),
        "items": [
            {
                "title": _("Overview"),
                "icon": "dashboard",
                "link": reverse_lazy("admin:index"),
                "active": lambda request: request.path == "/admin/",
            },
            _item(
                _("Task records"),
                "list_alt",
                "admin:scheduler_taskrecord_changelist",
                "scheduler.view_taskrecord",
                f"{_SCHEDULER}/taskrecord/",
            ),
            _item(
                _("Storage map"),
                "grid_view",
                "admin:storage_map",
                "storage.view_storagelocation",
                "/admin/storage/map/",
            ),
            _item(
                _("Locations"),
                "shelves",
                "admin:storage_storagelocation_changelist",
                "storage.view_storagelocation",
                "/admin/storage/storagelocation/",
            ),
            _item(
                _("Storage requests"),
                "move_to_inbox",
                "admin:storage_storagerequest_changelist",
                "storage.view_storagerequest",
                "/admin/storage/storagerequest/",
            ),
            {
                **_item(_("Alerts"), "notifications", "admin:alerts", "vwed.view_alert", "/admin/alerts/"),
                "badge": "vwed.alerts.present.badge",
                "badge_live": "alerts.open",
            },
        ],
    },
    {
        "title": _("Definitions"),
        "items": [
            _item(
                _("Task definitions"),
                "account_tree",
                "admin:scheduler_taskdefinition_changelist",
                "scheduler.view_taskdefinition",
                f"{_SCHEDULER}/taskdefinition/",
            ),
            _item(
                _("Cached values"),
                "inventory",
                "admin:scheduler_cachedvalue_changelist",
                "scheduler.view_cachedvalue",
                f"{_SCHEDULER}/cachedvalue/",
            ),
        ],
    },
    {
        "title": _("System"),
        "items": [
            _item(_("Memory"), "memory", "admin:memory", "scheduler.view_processrow", "/admin/memory/"),
            _item(_("Database"), "database", "admin:database", "scheduler.view_processrow", "/admin/database/"),
            _item(_("Settings"), "tune", "admin:settings", "vwed.view_settingchange", "/admin/settings/"),
            _item(_("Services"), "dns", "admin:services", "scheduler.view_processrow", "/admin/services/"),
        ],
    },
    {
        "title": _("Administration"),
        "items": [
            {
                **_item(
                    _("Audit log"),
                    "history",
                    "admin:scheduler_auditentry_changelist",
                    "scheduler.view_auditentry",
                    f"{_SCHEDULER}/auditentry/",
                ),
                "permission": _sees_audit,
            },
            _item(_("Users"), "person", "admin:auth_user_changelist", "auth.view_user", "/admin/auth/user/"),
            _item(_("Roles"), "groups", "admin:auth_group_changelist", "auth.view_group", "/admin/auth/group/"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "VWED",
    "SITE_HEADER": "VWED",
    "SITE_SUBHEADER": _("Operations console"),
    "SITE_URL": None,
    "SITE_SYMBOL": "conveyor_belt",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": False,
    "ENVIRONMENT": "vwed.navigation.environment",
    "BORDER_RADIUS": "6px",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("vwed/icon.svg")},
    ],
    "STYLES": [lambda request: static("vwed/console.css")],
    "SCRIPTS": [lambda request: static("vwed/js/boot.js")],
    "LOGIN": {"form": "vwed.console.sign_in.SignInForm"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": NAVIGATION},
    "COLORS": {
        # A blue around hue 260: the theme's violet is too near the tone that says "a person is needed".
        "primary": {
            "50": "oklch(97% .014 258)",
            "100": "oklch(93.2% .032 258)",
            "200": "oklch(88.2% .059 258)",
            "300": "oklch(80.9% .105 259)",
            "400": "oklch(70.7% .165 259)",
            "500": "oklch(62.3% .19 260)",
            "600": "oklch(51% .2 261)",
            "700": "oklch(45% .19 262)",
            "800": "oklch(39% .16 263)",
            "900": "oklch(34% .13 264)",
            "950": "oklch(26% .09 266)",
        },
    },
}
