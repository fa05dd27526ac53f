"""The shared cache on real rows: from blocks, by hand, and at its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from scheduler import cache, clock, conf, process
from scheduler.cache_room import CacheRoom
from scheduler.errors import Refused
from scheduler.models import AuditEntry, CachedValue, TaskRecord
from scheduler.states import Status
from tests.db.scheduler.making import assign, block, claim_and_execute, definition, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bounds() -> Iterator[Any]:
    """Sets tunables for one test."""

    def use(**values: Any) -> None:
        conf.use(lambda: conf.Values(**values))

    yield use
    conf.use(None)


def store(key: str, value: str, by: str = "tests") -> None:
    with transaction.atomic():
        cache.write(key, value, by=by)


def stored() -> dict[str, str]:
    return dict(CachedValue.objects.values_list("key", "value"))


def variables(run: TaskRecord) -> str:
    return str(TaskRecord.objects.values_list("variables", flat=True).get(pk=run.pk))


def test_blocks_store_read_and_clear_and_a_later_run_reads_what_is_left() -> None:
    first = record(
        definition(
            block("CacheDataBp", key="kept", value="=[1, true]"),
            block("CacheDataBp", key="gone", value="x"),
            block("ClearCacheDataBp", name="c1", key="gone"),
            block("ClearCacheDataBp", name="c2", key="gone"),
            assign("cleared", "=[blocks.c1.codeInfo, blocks.c2.codeInfo]"),
        )
    )
    second = record(
        definition(
            block("GetCacheDataBp", name="g1", key="kept"),
            block("GetCacheDataBp", name="g2", key="gone"),
            assign("found", "=[blocks.g1.value, blocks.g2.value]"),
            label="reader",
        )
    )

    assert claim_and_execute(first) == claim_and_execute(second) == Status.FINISHED
    assert variables(first) == '{"cleared": [true, false]}'
    assert variables(second) == '{"found": ["[1,true]", null]}'
    assert CachedValue.objects.get().changed_by == first.record_id


def test_a_block_that_is_refused_fails_with_the_remedy_and_can_be_caught(bounds: Any) -> None:
    bounds(cache_entries=1, cache_text=5)
    store("a", "1")
    too_many = block("CacheDataBp", name="full", key="b", value="2")
    too_long = block("CacheDataBp", name="long", key="a", value="longer")
    tried = block("TryCatchBp", too_long, branch="try", swallowError="true")

    assert claim_and_execute(record(definition(tried))) == Status.FINISHED
    run = record(definition(too_many, label="full"))
    assert claim_and_execute(run) == Status.INTERRUPTED

    run.refresh_from_db()
    assert (run.failed_block, run.error_code) == ("full", "cache_full")
    assert "1 values, which is the limit" in run.ended_reason
    assert "cache_entries" in run.ended_reason
    assert stored() == {"a": "1"}


def test_keys_are_compared_letter_by_letter() -> None:
    for key in ("k", "K", "ké", "ke"):
        store(key, key)
    assert stored() == {key: key for key in ("k", "K", "ké", "ke")}
    assert cache.read("KE") is None


def test_a_value_is_whatever_text_it_was() -> None:
    texts = ["", "a\x00b", "line\r\nline\n", "中文 🚚", "x" * 65_536]
    for number, text in enumerate(texts):
        store(f"k{number}", text)
    assert [cache.read(f"k{number}") for number in range(len(texts))] == texts


def test_writing_a_known_key_costs_two_queries_and_reading_one() -> None:
    store("k", "1")
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        cache.write("k", "2", by="tests")
        assert cache.read("k") == "2"
    assert len([query for query in queries if not query["sql"].startswith(("SAVEPOINT", "BEGIN"))]) == 3


def test_a_transaction_that_is_taken_back_stores_nothing() -> None:
    store("k", "old")
    with transaction.atomic():
        cache.write("k", "new", by="tests")
        cache.write("other", "new", by="tests")
        cache.clear("k")
        transaction.set_rollback(True)
    assert stored() == {"k": "old"}


def test_a_full_cache_still_takes_other_values_for_its_keys_and_room_that_was_made_is_seen(
    bounds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds(cache_entries=3)
    for key in "abc":
        store(key, "1")
    store("a", "2")
    for key in ("d", "e"):
        with pytest.raises(Refused) as refused:
            store(key, "1")
        assert refused.value.code == "cache_full"
        assert "cache_entries" in refused.value.remedy
    monkeypatch.setattr(CacheRoom, "FULL_AGAIN_S", 0.0)
    assert cache.clear("a")
    store("d", "1")
    assert set(stored()) == {"b", "c", "d"}


def test_new_keys_are_not_counted_one_by_one() -> None:
    store("first", "1")
    with CaptureQueriesContext(connection) as queries:
        for number in range(20):
            store(f"k{number}", "1")
    assert not [query for query in queries if "COUNT" in query["sql"].upper()]


def test_what_another_process_adds_is_seen_in_time(bounds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds(cache_entries=10)
    room = process.current().cache_room
    store("first", "1")
    CachedValue.objects.bulk_create(CachedValue(key=f"k{n}", changed_at=clock.now()) for n in range(9))
    assert room.take(), "it was counted a moment ago"
    monkeypatch.setattr(CacheRoom, "FULL_AGAIN_S", 0.0)
    assert not room.take(), "so little was left that it is counted again soon"


@pytest.mark.parametrize("key", ["", " a", "a ", "a\nb", "k" * 191])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Refused) as refused:
        store(key, "1")
    assert refused.value.code == "cache_key"
    assert not stored()


# --- By hand ---


def by_hand(**more: Any) -> dict[str, Any]:
    return {"actor": "kim", "origin": "page", "reason": "because", **more}


def test_a_person_adds_changes_and_removes_with_an_audit_entry_each() -> None:
    row = cache.add("k", "1", **by_hand())
    cache.change(row.pk, "2", seen=cache.fingerprint("1"), **by_hand())
    assert CachedValue.objects.values_list("value", "changed_by").get() == ("2", "kim")
    cache.remove(row.pk, seen=cache.fingerprint("2"), **by_hand())

    assert not stored()
    entries = AuditEntry.objects.order_by("pk").values_list("action", "object_id", "before", "after", "reason")
    assert list(entries) == [
        ("add_cached_value", "k", {}, {"value": "1"}, "because"),
        ("change_cached_value", "k", {"value": "1"}, {"value": "2"}, "because"),
        ("remove_cached_value", "k", {"value": "2"}, {}, "because"),
    ]


def test_the_audit_log_keeps_the_beginning_of_a_long_value() -> None:
    cache.add("k", "x" * 5000, **by_hand())
    assert AuditEntry.objects.get().after == {"value": "x" * 200 + "… (5,000)"}


def test_a_value_that_a_run_changed_meanwhile_is_neither_changed_nor_removed() -> None:
    row = cache.add("k", "1", **by_hand())
    store("k", "2", by="run-1")
    AuditEntry.objects.all().delete()

    for command in (
        lambda: cache.change(row.pk, "3", seen=cache.fingerprint("1"), **by_hand()),
        lambda: cache.remove(row.pk, seen=cache.fingerprint("1"), **by_hand()),
    ):
        with pytest.raises(Refused, match="run-1 has changed") as refused:
            command()
        assert refused.value.code == "cache_changed"

    assert stored() == {"k": "2"}
    assert not AuditEntry.objects.exists()


def test_a_value_that_is_gone_and_a_key_that_is_taken_are_said() -> None:
    row = cache.add("k", "1", **by_hand())
    with pytest.raises(Refused) as taken:
        cache.add("k", "2", **by_hand())
    cache.clear("k")
    with pytest.raises(Refused) as gone:
        cache.change(row.pk, "2", seen=cache.fingerprint("1"), **by_hand())
    assert (taken.value.code, gone.value.code) == ("cache_key_taken", "cache_gone")


def test_the_same_value_again_changes_nothing() -> None:
    row = cache.add("k", "1", **by_hand())
    cache.change(row.pk, "1", seen=cache.fingerprint("1"), **by_hand())
    assert AuditEntry.objects.count() == 1
    assert CachedValue.objects.get().changed_at == row.changed_at
