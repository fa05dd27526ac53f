"""Changes of logins and roles in the audit log: who may do what is never changed without a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from scheduler import audit

#: What is kept of a login. Never its password.
_FIELDS = ("username", "is_active", "is_staff", "is_superuser")
#: Where the form's first half leaves what the row was, for the entry after the second.
_BEFORE = "_vwed_before"


class AuditedAccounts:
    """Mixed into the pages of users and groups: one audit entry per changed row, in the place of Django's own log."""

    def save_form(self, request: HttpRequest, form: ModelForm[Any], change: bool) -> Any:
        """Remember the row as it is in the database, before anything of it is saved."""
        obj = super().save_form(request, form, change)  # type: ignore[misc]
        setattr(obj, _BEFORE, _state(type(obj)._default_manager.get(pk=obj.pk)) if change else {})
        return obj

    # Django's own log is left out: the audit log says the same, has a bound, and cannot be edited.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """A login or role was made."""
        _record(request, "add", obj, {}, _state(obj))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """A login or role was changed; the page for passwords saves no form of the row."""
        before = getattr(obj, _BEFORE, None)
        if before is None:
            _record(request, "change_password", obj, {}, {})
        else:
            _record(request, "change", obj, before, _state(type(obj)._default_manager.get(pk=obj.pk)))

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any] | Iterable[Any]) -> Any:
        """Logins or roles are about to be deleted."""
        for obj in queryset:
            _record(request, "delete", obj, _state(obj), {})


def _kind(obj: User | Group) -> str:
    return "user" if isinstance(obj, User) else "role"


def _state(obj: User | Group) -> dict[str, Any]:
    """What matters of a row; sets of names are sorted lists."""
    if isinstance(obj, Group):
        return {"name": obj.name, "permissions": _names(obj.permissions)}
    return {
        **{name: getattr(obj, name) for name in _FIELDS},
        "groups": sorted(obj.groups.values_list("name", flat=True)),
        "permissions": _names(obj.user_permissions),
    }


def _names(permissions: Any) -> list[str]:
    found = permissions.values_list("content_type__app_label", "codename")
    return sorted(f"{label}.{codename}" for label, codename in found)


def _record(
    request: HttpRequest, verb: str, obj: User | Group, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    old, new = _difference(before, after)
    audit.record(
        actor=request.user.get_username(),
        action=verb if verb == "change_password" else f"{verb}_{_kind(obj)}",
        object_type=_kind(obj),
        object_id=str(obj),
        before=old,
        after=new,
        origin="page",
    )


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what changed; of a list, only the names that went and came."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if was == now or (not was and not now):
            continue
        if isinstance(was or now, list):
            gone, come = was or [], now or []
            was = [value for value in gone if value not in come] or None
            now = [value for value in come if value not in gone] or None
        old[name], new[name] = was, now
    return old, new
