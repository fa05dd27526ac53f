"""The four roles: groups with the permissions they start with. An administrator may change them afterwards.

A migration gives a role only what is new: permissions that did not exist before it. What was taken away stays away.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

_VIEW = (
    "scheduler.view_taskrecord",
    "scheduler.view_taskdefinition",
    "scheduler.view_definitionversion",
    "scheduler.view_cachedvalue",
    "scheduler.view_processrow",
    "scheduler.view_servicerow",
    "scheduler.view_fleetorder",
    "scheduler.view_probe",
    "storage.view_area",
    "storage.view_storagelocation",
    "storage.view_storagerequest",
    "vwed.view_alert",
    "vwed.view_alertrule",
    "vwed.view_growth",
    "vwed.view_settingchange",
)
_OPERATE = (
    "scheduler.operate_taskrecord",
    "scheduler.decide_taskrecord",
    "scheduler.bulk_taskrecord",
    "scheduler.run_taskdefinition",
    "storage.operate_storagelocation",
    "vwed.ack_alert",
)
_ENGINEER = (
    "scheduler.add_taskdefinition",
    "scheduler.change_taskdefinition",
    "scheduler.view_auditentry",
    "scheduler.add_cachedvalue",
    "scheduler.change_cachedvalue",
    "scheduler.delete_cachedvalue",
    "storage.force_release_storagelocation",
    "scheduler.probe_processrow",
    "scheduler.view_connection_sql",
    "scheduler.kill_connection",
    "vwed.change_alertrule",
    "vwed.tune_settingchange",
)
_ADMINISTER = (
    *(f"auth.{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in ("user", "group")),
    "vwed.schedule_settingchange",
    "vwed.rollback_settingchange",
)

#: Permissions of the console on rows of packages that know no users: model → codename → name.
_OWN = {
    # Of no role: an administrator gives it to the login of a display.
    "scheduler.processrow": {"wall_display": "Can keep a wall display signed in"},
    "storage.storagelocation": {
        "operate_storagelocation": "Can fill, empty, lock, release and disable locations",
        "force_release_storagelocation": "Can release a location that a live run holds",
    },
}

#: Role name → permissions. Each role can do what the one before it can.
ROLES: dict[str, tuple[str, ...]] = {
    "Viewer": _VIEW,
    "Operator": _VIEW + _OPERATE,
    "Engineer": _VIEW + _OPERATE + _ENGINEER,
    "Administrator": _VIEW + _OPERATE + _ENGINEER + _ADMINISTER,
}


def connect() -> None:
    """Make the roles with the first migration, and give them the permissions that later ones make."""
    grants = _Grants()
    pre_migrate.connect(grants.before, dispatch_uid="vwed.roles.before", weak=False)
    post_migrate.connect(grants.after, dispatch_uid="vwed.roles", weak=False)


class _Grants:
    """Remembers, between the beginning and the end of one migration, which permissions existed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[str]] = {}

    def before(self, app_config: AppConfig, using: str, **_: Any) -> None:
        """Note the permissions of an app that is going to be migrated."""
        if not _wanted(app_config.label):
            return
        tables = set(connections[using].introspection.table_names())
        present = {"auth_permission", "django_content_type"} <= tables
        self._known[using, app_config.label] = set(_permissions(app_config.label, using)) if present else set()

    def after(self, app_config: AppConfig, using: str, **_: Any) -> None:
        """Give each role what is new of the app that was just migrated. Never takes any away."""
        label = app_config.label
        known = self._known.pop((using, label), None)
        Group = apps.get_model("auth", "Group")
        if not _wanted(label):
            return
        _make_own(label, using)
        existing = _permissions(label, using)
        for name, codenames in _wanted(label).items():
            group, _created = Group.objects.using(using).get_or_create(name=name)
            if known is None:
                # The database was emptied, not migrated: a role that holds nothing of this app was just made.
                old = set(existing) if group.permissions.filter(content_type__app_label=label).exists() else set()
            else:
                old = known
            group.permissions.add(*[existing[code] for code in sorted(codenames - old) if code in existing])


def _wanted(label: str) -> dict[str, set[str]]:
    """Role → codenames of the app that it starts with; empty when no role has any."""
    wanted = {name: {p.split(".")[1] for p in perms if p.startswith(f"{label}.")} for name, perms in ROLES.items()}
    return wanted if any(wanted.values()) else {}


def _permissions(label: str, using: str) -> dict[str, Any]:
    """Codename → permission of one app, as the database has them."""
    Permission = apps.get_model("auth", "Permission")
    found = Permission.objects.using(using).filter(content_type__app_label=label).only("codename")
    return {permission.codename: permission for permission in found}


def _make_own(label: str, using: str) -> None:
    Permission = apps.get_model("auth", "Permission")
    ContentType = apps.get_model("contenttypes", "ContentType")
    for model, permissions in _OWN.items():
        if not model.startswith(f"{label}."):
            continue
        content_type = ContentType.objects.db_manager(using).get_for_model(apps.get_model(model))
        for codename, name in permissions.items():
            Permission.objects.using(using).get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
