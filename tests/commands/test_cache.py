"""``manage.py cache``."""

from __future__ import annotations

import pytest
from django.db import transaction

from scheduler import cache
from scheduler.models import AuditEntry
from tests.commands.invoke import run
from vwed.management.commands import cache as command

pytestmark = pytest.mark.django_db

WHY = ("--reason", "because")


def store(key: str, value: str) -> None:
    with transaction.atomic():
        cache.write(key, value, by="run-1")


def test_set_get_and_clear_with_an_audit_entry_for_each_change() -> None:
    added = run("cache", "set", "k", "1", *WHY, "--json")
    changed = run("cache", "set", "k", "2", *WHY, "--json")

    assert (added.code, added.json()) == (0, {"key": "k", "before": None, "after": "1"})
    assert changed.json() == {"key": "k", "before": "1", "after": "2"}
    assert run("cache", "get", "k").out == "2\n"
    assert run("cache", "get", "k", "--json").json()["value"] == "2"
    assert run("cache", "clear", "k", *WHY).code == 0
    assert cache.read("k") is None
    entries = AuditEntry.objects.order_by("pk").values_list("action", "object_id", "origin", "reason")
    assert list(entries) == [
        (action, "k", "command", "because")
        for action in ("add_cached_value", "change_cached_value", "remove_cached_value")
    ]


def test_list_pages_by_key_and_shows_the_beginning_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST", 3)
    for number in range(5):
        store(f"line-{number}", "x" * 1000)
    store("other", "short")

    first = run("cache", "list", "--prefix", "line-", "--json").json()
    rest = run("cache", "list", "--prefix", "line-", "--after", first["values"][-1]["key"], "--json").json()

    assert [row["key"] for row in first["values"] + rest["values"]] == [f"line-{number}" for number in range(5)]
    assert (first["more"], rest["more"]) == (True, False)
    assert first["values"][0]["size"] == 1000
    assert len(first["values"][0]["beginning"]) == 60
    assert "--after 'line-2'" in run("cache", "list").out
    assert "'short'" in run("cache", "list", "--prefix", "o").out


def test_an_empty_cache_is_said_so() -> None:
    assert run("cache", "list").out == "Nothing is stored.\n"
    assert run("cache", "list", "--json").json() == {"values": [], "more": False}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("get", "nothing"), "cache_unknown"),
        (("clear", "nothing", *WHY), "cache_unknown"),
        (("set", " k", "1", *WHY), "cache_key"),
        (("set", "k", "x" * 65_537, *WHY), "cache_value_too_long"),
    ],
)
def test_a_refusal_has_exit_code_1_and_changes_nothing(arguments: tuple[str, ...], code: str) -> None:
    plain, as_json = run("cache", *arguments), run("cache", *arguments, "--json")

    assert plain.code == as_json.code == 1
    assert as_json.json()["error"]["code"] == code
    assert plain.out == ""
    assert not AuditEntry.objects.exists()


def test_an_empty_reason_is_wrong_usage() -> None:
    store("k", "1")
    for arguments in (("set", "k", "2"), ("clear", "k")):
        assert run("cache", *arguments, "--reason", " ").code == 2
    assert cache.read("k") == "1"
