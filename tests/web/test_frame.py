"""The frame of the console: headers, errors, languages, health, roles."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError, connection
from django.test import Client

from scheduler import clock
from scheduler.models import AuditEntry, CachedValue
from tests.web.conftest import ROLES
from vwed.roles import ROLES as GIVEN


def test_console_pages_carry_a_policy_without_inline_script(as_role: Callable[[str], Client], client: Client) -> None:
    console = as_role("root").get("/admin/")["Content-Security-Policy"]
    elsewhere = client.get("/healthz")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in console
    assert "connect-src 'self' ws://testserver" in console
    assert "'unsafe-inline'" not in console.split("style-src")[0]
    assert "unsafe" not in elsewhere


@pytest.mark.parametrize("url", ["/admin/", "/admin/scheduler/taskrecord/", "/admin/services/"])
def test_pages_have_no_inline_script(url: str, as_role: Callable[[str], Client]) -> None:
    text = as_role("root").get(url).content.decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)

    assert scripts
    assert [body for attributes, body in scripts if body.strip() and "application/json" not in attributes] == []


def test_errors_stay_in_the_frame_and_say_what_to_do(as_role: Callable[[str], Client], client: Client) -> None:
    signed_in = as_role("Viewer")

    missing, refused = signed_in.get("/admin/no/such/page/"), signed_in.get("/admin/auth/user/")

    assert missing.status_code == 404
    assert b"nav-sidebar" in missing.content
    assert b"Ctrl+K" in missing.content
    assert refused.status_code == 403
    assert b"nav-sidebar" in refused.content
    assert b"Ask an administrator" in refused.content
    outside = client.get("/no-such-page")
    assert outside.status_code == 404
    assert b"nav-sidebar" not in outside.content


@pytest.mark.parametrize(
    ("message", "says"),
    [("Lost connection to server", "The database does not answer"), ("no such table: x", "manage.py migrate")],
)
def test_a_database_that_is_gone_gives_503_without_a_query(
    message: str, says: str, as_role: Callable[[str], Client]
) -> None:
    client = as_role("root")
    client.raise_request_exception = False

    def refuse(*_: object) -> None:
        raise OperationalError(message)

    with connection.execute_wrapper(refuse):
        answer = client.get("/admin/scheduler/taskrecord/")

    assert answer.status_code == 503
    assert says in answer.content.decode()


def test_a_fault_of_ours_gives_500_and_no_details(as_role: Callable[[str], Client]) -> None:
    client = as_role("root")
    client.raise_request_exception = False
    with mock.patch("vwed.console.pages.selectors.queue_ages", side_effect=RuntimeError("secret detail")):
        answer = client.get("/admin/services/")

    assert answer.status_code == 500
    assert b"Something went wrong here" in answer.content
    assert b"secret detail" not in answer.content


def test_a_form_that_is_too_large_says_so_and_changes_nothing(as_role: Callable[[str], Client]) -> None:
    text = "x" * 3_000_000
    answer = as_role("Engineer").post("/admin/scheduler/cachedvalue/add/", {"key": "k", "value": text, "reason": "why"})

    assert answer.status_code == 400
    assert "larger than a form may be" in answer.content.decode()
    assert not CachedValue.objects.exists()


def test_the_language_can_be_chosen_before_signing_in(client: Client, db: None) -> None:
    answer = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/admin/login/"}, follow=True)

    assert 'lang="zh-hans"' in answer.content.decode()
    assert "English" in answer.content.decode()


def _sign_in(client: Client, name: str, password: str) -> str:
    answer = client.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"})
    return "in" if answer.status_code == 302 else answer.content.decode()


def test_wrong_passwords_bring_a_pause_for_that_name_and_leave_entries(people: dict[str, User]) -> None:
    known, unknown = Client(), Client()

    texts = [_sign_in(known, "viewer", f"wrong-{number}") for number in range(5)]
    stranger = _sign_in(unknown, "no-such-name", "wrong")
    paused = _sign_in(known, "viewer", "role-password-1")
    other = _sign_in(known, "operator", "role-password-1")

    assert all("Please enter the correct username and password" in text for text in [*texts, stranger])
    assert "Too many attempts. Try again in 1" in paused
    assert other == "in"
    assert AuditEntry.objects.filter(action="sign_in", refused=True, actor="viewer").count() == 5


def test_the_pause_ends(people: dict[str, User]) -> None:
    client = Client()
    for number in range(5):
        _sign_in(client, "viewer", f"wrong-{number}")
    AuditEntry.objects.update(at=clock.now() - timedelta(minutes=16))

    assert _sign_in(client, "viewer", "role-password-1") == "in"


def test_signing_in_does_not_lead_to_another_host(people: dict[str, User]) -> None:
    answer = Client().post(
        "/admin/login/", {"username": "viewer", "password": "role-password-1", "next": "https://evil.example/"}
    )

    assert answer["Location"].startswith("/")


@pytest.mark.django_db
def test_roles_hold_their_permissions_each_more_than_the_one_before() -> None:
    held = {
        name: {
            f"{app}.{code}"
            for app, code in Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        }
        for name in ROLES
    }

    assert all(held[name] == set(GIVEN[name]) for name in ROLES)
    assert held["Viewer"] < held["Operator"] < held["Engineer"] < held["Administrator"]
