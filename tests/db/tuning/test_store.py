"""Changing tunables: validated, audited, versioned, and in force everywhere soon after."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.utils import timezone

from scheduler import conf
from scheduler.conf import Values
from scheduler.errors import Refused
from scheduler.models import AuditEntry
from vwed.models import SettingChange
from vwed.tuning import changes, store

pytestmark = pytest.mark.django_db

REASON = "more trucks since Monday"


def put(name: str, text: str, reason: str = REASON) -> store.Change:
    return store.put(name, text, reason=reason, author="li", origin="command")


def test_without_a_change_the_defaults_hold() -> None:
    assert store.get("max_parallel_blocks") == 10
    assert store.version() == 0
    assert store.as_values(store.overrides()) == Values()


def test_a_change_is_in_force_with_its_audit_entry() -> None:
    change = put("max_parallel_blocks", "20")

    assert (change.before, change.after, change.changed) == (10, 20, True)
    assert store.get("max_parallel_blocks") == 20
    assert store.version() == change.version
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.object_id) == ("li", "change_setting", "max_parallel_blocks")
    assert (entry.before, entry.after, entry.reason) == ({"value": 10}, {"value": 20}, REASON)


def test_the_newest_change_wins_and_older_ones_stay_as_history() -> None:
    put("housekeeping_interval", "1.5")
    put("housekeeping_interval", "0.5")

    assert store.get("housekeeping_interval") == 0.5
    assert SettingChange.objects.count() == 2


def test_the_value_in_force_again_changes_nothing() -> None:
    put("max_retries", "500")
    again = put("max_retries", "500")

    assert not again.changed
    assert SettingChange.objects.count() == AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "text", "reason", "code"),
    [
        ("max_parallel_blocks", "101", REASON, "out_of_bounds"),
        ("max_parallel_blocks", "x", REASON, "wrong_type"),
        ("max_paralel_blocks", "5", REASON, "unknown_parameter"),
        ("max_parallel_blocks", "5", "  a ", "reason_missing"),
        ("max_parallel_blocks", "5", "x" * 201, "reason_missing"),
    ],
)
def test_a_refused_change_leaves_nothing(name: str, text: str, reason: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        put(name, text, reason)

    assert caught.value.code == code
    assert not SettingChange.objects.exists()
    assert [entry.refused for entry in AuditEntry.objects.all()] == [True], "who tried is known"


def test_the_history_is_bounded_and_what_is_in_force_stays() -> None:
    put("slice_ms", "100")
    for number in range(1, 12):
        put("max_retries", str(number))
    newest = store.version()

    changes.prune(keep=5)

    assert [row.difference["max_retries"]["after"] for row in changes.history()] == ["11", "10", "9", "8", "7"]
    assert store.overrides() == {"max_retries": 11, "slice": 100}
    assert store.version() == newest


def test_a_stored_value_that_is_not_allowed_any_more_is_ignored_aloud(caplog: pytest.LogCaptureFixture) -> None:
    SettingChange.objects.create(
        name="max_parallel_blocks", value="9999", author="li", reason=REASON, created_at=timezone.now()
    )

    assert store.overrides() == {}
    assert "max_parallel_blocks" in caplog.text


def test_the_scheduler_receives_the_stored_values() -> None:
    conf.use(store.StoreSource())
    assert conf.values().max_parallel_blocks == 10

    conf.use(store.StoreSource())
    put("max_parallel_blocks", "33")

    assert conf.values().max_parallel_blocks == 33


def test_between_two_looks_reading_values_asks_the_database_nothing(django_assert_num_queries) -> None:
    source = store.StoreSource(look_every_s=3600)
    source()
    put("slice_ms", "100")

    with django_assert_num_queries(0):
        assert source().slice_ms == 2000
    source.expect(store.version())
    with django_assert_num_queries(2):
        assert source().slice_ms == 100


def test_a_look_without_news_is_one_query(django_assert_num_queries) -> None:
    source = store.StoreSource(look_every_s=0)
    put("slice_ms", "100")
    source()

    with django_assert_num_queries(1):
        source()


def test_while_the_database_is_gone_the_last_values_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    source = store.StoreSource(look_every_s=0)
    put("slice_ms", "100")
    assert source().slice_ms == 100

    def gone() -> int:
        raise OperationalError("server has gone away")

    monkeypatch.setattr(store, "version", gone)

    assert source().slice_ms == 100
