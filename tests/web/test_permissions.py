"""Every page and every action against every role; a refused action is written down."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from scheduler import audit
from scheduler.commands import sites
from scheduler.models import AuditEntry, TaskDefinition, TaskRecord
from scheduler.states import Status
from storage.models import StorageLocation
from tests.web.conftest import ROLES, task_file

PAGES = {
    "/admin/": ROLES,
    "/admin/?wall=1&range=24h": ROLES,
    "/admin/scheduler/taskrecord/": ROLES,
    "/admin/scheduler/taskdefinition/": ROLES,
    "/admin/scheduler/cachedvalue/": ROLES,
    "/admin/scheduler/cachedvalue/add/": ("Engineer", "Administrator"),
    "/admin/storage/storagelocation/": ROLES,
    "/admin/storage/map/": ROLES,
    "/admin/storage/storagerequest/": ROLES,
    "/admin/services/": ROLES,
    "/admin/alerts/": ROLES,
    "/admin/alerts/?show=cleared": ROLES,
    "/admin/alerts/rules/": ROLES,
    "/admin/alerts/rules/disk/": ("Engineer", "Administrator"),
    "/admin/memory/": ROLES,
    "/admin/database/": ROLES,
    "/admin/database/?show=long": ROLES,
    "/admin/live/poll/?t=database": ROLES,
    "/admin/settings/": ROLES,
    "/admin/settings/history/": ROLES,
    "/admin/settings/export/": ROLES,
    "/admin/settings/import/": ("Engineer", "Administrator"),
    "/admin/settings/clusters/": ("Engineer", "Administrator"),
    "/admin/live/poll/?t=memory": ROLES,
    "/admin/live/poll/?t=overview": ROLES,
    "/admin/scheduler/auditentry/": ("Operator", "Engineer", "Administrator"),
    "/admin/auth/user/": ("Administrator",),
    "/admin/auth/group/": ("Administrator",),
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_pages_and_no_other(role: str, as_role: Callable[[str], Client]) -> None:
    client = as_role(role)

    answers = {url: client.get(url).status_code for url in PAGES}

    assert answers == {url: 200 if role in allowed else 403 for url, allowed in PAGES.items()}


@pytest.mark.parametrize(
    ("role", "seen"),
    [("Operator", {"operator"}), ("Engineer", {"operator", "kim"}), ("Administrator", {"operator", "kim"})],
)
def test_an_operator_reads_their_own_audit_entries_and_the_others_all(
    role: str, seen: set[str], as_role: Callable[[str], Client]
) -> None:
    for actor in ("operator", "kim"):
        audit.record(actor=actor, action="cancel", object_type="record", object_id="run-1", origin="page")
    client = as_role(role)

    for query in ("", "?q=run-1", "?q=who:kim" if role == "Operator" else "?refused=0"):
        page = client.get(f"/admin/scheduler/auditentry/{query}")
        actors = {row.actor for row in page.context["listing"].rows}
        assert actors <= seen
    assert {row.actor for row in client.get("/admin/scheduler/auditentry/").context["listing"].rows} == seen
    assert 'href="/admin/scheduler/auditentry/"' in page.content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_nobody_sees_a_page_without_signing_in(url: str, db: None, client: Client) -> None:
    answer = client.get(url)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def _actions(
    record: TaskRecord, definition: TaskDefinition, site: StorageLocation
) -> dict[str, tuple[str, dict, str, tuple]]:
    run = {"in_target": "X", "in_pallets": "1", "priority": "5"}
    location = f"/admin/storage/storagelocation/{site.pk}/do"
    operators = ("Operator", "Engineer", "Administrator")
    return {
        "cancel": (
            "/admin/scheduler/taskrecord/do/cancel/",
            {"id": record.pk, "reason": "in the way"},
            "cancel",
            operators,
        ),
        "pause": ("/admin/scheduler/taskrecord/do/pause/", {"id": record.pk, "reason": ""}, "pause", operators),
        "run": (f"/admin/scheduler/taskdefinition/{definition.pk}/run/", run, "run_task", operators),
        "fill": (f"{location}/fill/", {"reason": ""}, "fill_location", operators),
        "disable": (f"{location}/disable/", {"reason": "rack damaged"}, "disable_location", operators),
        "import": (
            "/admin/scheduler/taskdefinition/import/",
            {"step": "import"},
            "import_definition",
            ("Engineer", "Administrator"),
        ),
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["cancel", "pause", "run", "fill", "disable", "import"])
def test_a_posted_action_is_done_or_refused_and_audited_either_way(
    name: str,
    role: str,
    as_role: Callable[[str], Client],
    make_record: Callable[..., TaskRecord],
    definition: TaskDefinition,
    site: StorageLocation,
) -> None:
    record = make_record("run-1", Status.WAITING)
    url, data, action, allowed = _actions(record, definition, site)[name]
    if name == "import":
        data = {**data, "file": SimpleUploadedFile("new.task", task_file("New task"))}
    AuditEntry.objects.all().delete()

    answer = as_role(role).post(url, data)

    entries = list(AuditEntry.objects.filter(actor=role.lower()).values_list("action", "refused", "origin"))
    if role in allowed:
        assert answer.status_code == 302, answer.content[:2000]
        assert (action, True, "page") not in entries
        assert entries, "an action leaves its entry"
    else:
        assert answer.status_code == 403
        assert entries == [(action, True, "page")]


def test_an_operator_may_not_release_the_lock_of_a_live_run(
    as_role: Callable[[str], Client], make_record: Callable[..., TaskRecord], site: StorageLocation
) -> None:
    make_record("run-1", Status.WAITING)
    sites.lock(["B-03"], "run-1", actor="tests", origin="command")
    url = f"/admin/storage/storagelocation/{site.pk}/do/release/"

    refused = as_role("Operator").post(url, {"reason": "let me through"})
    done = as_role("Engineer").post(url, {"reason": "let me through"})

    assert (refused.status_code, done.status_code) == (403, 302)
    site.refresh_from_db()
    assert site.locked_by == ""


@pytest.mark.parametrize("name", ["cancel", "pause", "run", "fill", "disable"])
def test_nothing_changes_on_get(
    name: str,
    as_role: Callable[[str], Client],
    make_record: Callable[..., TaskRecord],
    definition: TaskDefinition,
    site: StorageLocation,
) -> None:
    record = make_record("run-1", Status.WAITING)
    url, data, _action, _allowed = _actions(record, definition, site)[name]
    before = (TaskRecord.objects.count(), AuditEntry.objects.count(), site.rev)

    answer = as_role("root").get(url, data)

    record.refresh_from_db()
    site.refresh_from_db()
    assert answer.status_code == 200
    assert (TaskRecord.objects.count(), AuditEntry.objects.count(), site.rev) == before
    assert record.status == Status.WAITING


def test_a_login_without_a_role_is_told_what_to_do(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("nobody", password="role-password-1", is_staff=True))

    overview, records = client.get("/admin/"), client.get("/admin/scheduler/taskrecord/")

    assert overview.status_code == 200
    assert "Your login has no role yet" in overview.content.decode()
    assert records.status_code == 403


def test_an_administrator_cannot_make_themselves_or_others_superusers(
    as_role: Callable[[str], Client], people: dict[str, User]
) -> None:
    client = as_role("Administrator")
    viewer, root = people["Viewer"], people["root"]

    page = client.get(f"/admin/auth/user/{viewer.pk}/change/").content.decode()
    client.post(
        f"/admin/auth/user/{viewer.pk}/change/", {"username": "viewer", "is_superuser": "on", "is_active": "on"}
    )
    password = client.post(f"/admin/auth/user/{root.pk}/password/", {"password1": "x" * 12, "password2": "x" * 12})

    viewer.refresh_from_db()
    assert 'name="is_superuser"' not in page
    assert not viewer.is_superuser
    assert password.status_code == 403
