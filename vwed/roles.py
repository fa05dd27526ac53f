"""The four roles: groups with the permissions they start with. An administrator may change them afterwards."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

_VIEW = (
    "scheduler.view_taskrecord",
    "scheduler.view_taskdefinition",
    "scheduler.view_definitionversion",
    "scheduler.view_processrow",
    "scheduler.view_servicerow",
    "scheduler.view_fleetorder",
    "storage.view_area",
    "storage.view_storagelocation",
    "storage.view_storagerequest",
)
_OPERATE = (
    "scheduler.operate_taskrecord",
    "scheduler.decide_taskrecord",
    "scheduler.bulk_taskrecord",
    "scheduler.run_taskdefinition",
    "storage.operate_storagelocation",
)
_ENGINEER = (
    "scheduler.add_taskdefinition",
    "scheduler.change_taskdefinition",
    "scheduler.view_auditentry",
    "storage.force_release_storagelocation",
)
_ADMINISTER = tuple(
    f"auth.{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in ("user", "group")
)

#: Permissions of the console on rows of packages that know no users: model → codename → name.
_OWN = {
    "storage.storagelocation": {
        "operate_storagelocation": "Can fill, empty, lock, release and disable locations",
        "force_release_storagelocation": "Can release a location that a live run holds",
    }
}

#: Role name → permissions. Each role can do what the one before it can.
ROLES: dict[str, tuple[str, ...]] = {
    "Viewer": _VIEW,
    "Operator": _VIEW + _OPERATE,
    "Engineer": _VIEW + _OPERATE + _ENGINEER,
    "Administrator": _VIEW + _OPERATE + _ENGINEER + _ADMINISTER,
}


def connect() -> None:
    """Make the roles after every migration, when Django has made the permissions."""
    post_migrate.connect(_after_migrate, dispatch_uid="vwed.roles")


def _after_migrate(app_config: AppConfig, using: str, **_: Any) -> None:
    """Give each role the permissions of the app that was just migrated. Never takes any away."""
    label = app_config.label
    wanted = {name: {p.split(".")[1] for p in perms if p.startswith(f"{label}.")} for name, perms in ROLES.items()}
    if not any(wanted.values()):
        return
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    _make_own(label, using)
    existing = {
        p.codename: p for p in Permission.objects.using(using).filter(content_type__app_label=label).only("codename")
    }
    for name, codenames in wanted.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        group.permissions.add(*[existing[code] for code in sorted(codenames) if code in existing])


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
