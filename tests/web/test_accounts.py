"""Logins and roles: what a migration leaves alone, and the trace of every change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from scheduler.models import AuditEntry
from vwed.roles import ROLES

AsRole = Callable[[str], Client]
USERS = "/admin/auth/user"
GROUPS = "/admin/auth/group"


def _held(role: str) -> set[str]:
    rows = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in rows}


def _entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action))


def test_a_migration_gives_back_no_permission_that_was_taken_away(db: None) -> None:
    taken = Permission.objects.get(content_type__app_label="storage", codename="operate_storagelocation")
    Group.objects.get(name="Operator").permissions.remove(taken)
    auditor = Group.objects.get(name="Engineer")
    auditor.permissions.clear()

    call_command("migrate", verbosity=0)

    assert _held("Operator") == set(ROLES["Operator"]) - {"storage.operate_storagelocation"}
    assert _held("Engineer") == set()


def test_a_migration_gives_each_role_a_permission_that_is_new(db: None) -> None:
    Permission.objects.filter(content_type__app_label="scheduler", codename="bulk_taskrecord").delete()
    assert "scheduler.bulk_taskrecord" not in _held("Operator")

    call_command("migrate", verbosity=0)

    assert _held("Operator") == set(ROLES["Operator"])
    assert "scheduler.bulk_taskrecord" not in _held("Viewer")


def test_what_changes_of_a_login_is_audited_without_its_password(as_role: AsRole, people: dict[str, User]) -> None:
    viewer = people["Viewer"]
    operator = Group.objects.get(name="Operator")
    data = {"username": "viewer", "is_active": "on", "is_staff": "on", "groups": [operator.pk]}

    answer = as_role("root").post(f"{USERS}/{viewer.pk}/change/", {**data, **_dates(viewer)})

    assert answer.status_code == 302, answer.content[:3000]
    [entry] = _entries("change_user")
    assert (entry.actor, entry.object_type, entry.object_id, entry.origin) == ("root", "user", "viewer", "page")
    assert entry.before == {"groups": ["Viewer"]}
    assert entry.after == {"groups": ["Operator"]}
    assert not LogEntry.objects.exists(), "Django's own log has no retention: what it says stands in the audit log"


def test_a_new_password_is_audited_but_never_told(as_role: AsRole, people: dict[str, User]) -> None:
    url = f"{USERS}/{people['Viewer'].pk}/password/"
    data = {"password1": "Correct-Horse-7", "password2": "Correct-Horse-7", "usable_password": "true"}

    answer = as_role("Administrator").post(url, data)

    assert answer.status_code == 302, answer.content[:3000]
    [entry] = _entries("change_password")
    assert (entry.actor, entry.object_id, entry.before, entry.after) == ("administrator", "viewer", {}, {})


def test_what_changes_of_a_role_is_audited(as_role: AsRole, people: dict[str, User]) -> None:
    viewer = Group.objects.get(name="Viewer")
    kept = viewer.permissions.exclude(codename="view_fleetorder").values_list("pk", flat=True)

    answer = as_role("Administrator").post(
        f"{GROUPS}/{viewer.pk}/change/", {"name": "Viewer", "permissions": list(kept)}
    )

    assert answer.status_code == 302
    [entry] = _entries("change_role")
    assert (entry.before, entry.after) == (
        {"permissions": ["scheduler.view_fleetorder"]},
        {"permissions": None},
    )


def test_a_new_login_may_open_the_console_and_is_asked_for_its_role(
    as_role: AsRole, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.INSTALLATION", "Demo")
    client = as_role("root")
    viewer = Group.objects.get(name="Viewer")
    page = client.get(f"{USERS}/add/", headers={"Accept-Language": "zh-hans"})
    form = page.context["adminform"].form
    data = {"username": "li", "password1": "Correct-Horse-7", "password2": "Correct-Horse-7"}

    answer = client.post(f"{USERS}/add/", {**data, "is_staff": "on", "groups": [viewer.pk]})

    assert form.get_initial_for_field(form.fields["is_staff"], "is_staff") is True
    assert "· VWED</title>" in page.content.decode()
    assert "演示" in page.content.decode()
    assert answer.status_code == 302, answer.content[:3000]
    made = User.objects.get(username="li")
    assert (made.is_staff, list(made.groups.all())) == (True, [viewer])
    [entry] = _entries("add_user")
    assert (entry.before.get("groups"), entry.after["groups"], entry.after["is_staff"]) == (None, ["Viewer"], True)
    assert "Correct-Horse-7" not in str(entry.after)


@pytest.mark.parametrize("bulk", [False, True])
def test_deleting_a_login_is_audited(bulk: bool, as_role: AsRole, people: dict[str, User]) -> None:
    viewer = people["Viewer"]
    data = {"action": "delete_selected", "_selected_action": [viewer.pk], "post": "yes"} if bulk else {"post": "yes"}

    answer = as_role("root").post(f"{USERS}/" if bulk else f"{USERS}/{viewer.pk}/delete/", data)

    assert answer.status_code == 302
    assert not User.objects.filter(pk=viewer.pk).exists()
    [entry] = _entries("delete_user")
    assert (entry.actor, entry.object_id, entry.before["groups"]) == ("root", "viewer", ["Viewer"])


def _dates(user: User) -> dict[str, str]:
    joined = user.date_joined
    return {"date_joined_0": joined.strftime("%Y-%m-%d"), "date_joined_1": joined.strftime("%H:%M:%S")}


def test_who_signs_in_without_having_asked_for_a_page_begins_on_the_overview(people: dict[str, User]) -> None:
    client = Client()

    answer = client.post("/admin/login/", {"username": "viewer", "password": "role-password-1"}, follow=True)

    assert answer.redirect_chain[-1][0] == "/admin/"
    assert answer.status_code == 200
